"""Functions whose source is run: a function, what is done to it, and arguments (specs are made of their shapes)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

import gradc

RNG = np.random.default_rng(0)


class Case(NamedTuple):
    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def _v(n: int) -> np.ndarray:
    return RNG.uniform(0.3, 1.7, n)


def _m(*shape: int) -> np.ndarray:
    return RNG.uniform(0.3, 1.7, shape)


X, A, B, x, y, w = _m(5, 3), _m(4, 4), _m(4, 4), _v(4), _v(5), _v(3)
SIGNED = np.array([-1.0, 0.5, 2.0, -0.3])
PICKED = np.array([0, 2, -1, 2])
PARAMETERS = {"w1": _m(3, 4), "b1": _v(4), "w2": _v(4), "b2": 0.3}
LAM = 0.25


def _least_squares(w, X, y):
    return np.sum((X @ w - y) ** 2) + LAM * w @ w


def _logistic(w, X, y):
    return np.mean(np.logaddexp(0, -y * (X @ w)))


def _network(p, X, y):
    hidden = np.tanh(X @ p["w1"] + p["b1"])
    return np.mean((hidden @ p["w2"] + p["b2"] - y) ** 2)


def _softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def _rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _cross_entropy(Z, k):
    return np.sum(np.log(np.sum(np.exp(Z), axis=1)) - Z[np.arange(Z.shape[0]), k])


SCALAR_FUNCTIONS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("least squares", _least_squares, (w, X, y)),
    ("logistic", _logistic, (w, X, np.sign(y - 1))),
    ("log-sum-exp", lambda x: np.log(np.sum(np.exp(x))), (x,)),
    ("quadratic form", lambda x, A: x @ A @ x, (x, A)),
    ("norm", lambda x: np.sqrt(np.sum(x**2)), (x,)),
    ("rosenbrock", _rosenbrock, (x,)),
    ("product", lambda x: np.prod(x), (x,)),
    ("cumsum", lambda x: np.sum(np.cumsum(x) ** 2), (x,)),
    ("neighbours", lambda x: np.sum(x[:-1] ** 2 * x[1:]), (x,)),
    ("where", lambda x: np.sum(np.where(x > 0, x**3, -x)), (SIGNED,)),
    ("relu", lambda x: np.sum(np.maximum(x, 0) ** 2), (SIGNED,)),
    ("max", lambda x: np.max(x) ** 2, (x,)),
    ("min", lambda x: np.min(x), (x,)),
    ("variance", lambda x: np.var(x), (x,)),
    ("trace of a product", lambda A: np.trace(A @ A), (A,)),
    ("frobenius", lambda A, B: np.sum((A @ B - A) ** 2), (A, B)),
    ("gather", lambda x: np.sum(x[PICKED] ** 2), (x,)),
    ("reversed", lambda x: np.sum(x[::-1] * x**2), (x,)),
    ("every second", lambda x: np.sum(x[::2] ** 3), (_v(6),)),
    ("outer", lambda x, w: np.sum(np.sin(x[:, None] * w)), (x, w)),
    ("gaussian", lambda x: np.exp(-np.sum(x**2) / 2), (x,)),
    ("sigmoids", lambda x: np.sum(expit(x) * np.tanh(x)), (SIGNED,)),
    ("abs", lambda x: np.sum(np.abs(x)), (SIGNED,)),
    ("powers", lambda x: np.sum(x**1.5 + x**-2 + 2**x), (x,)),
    ("logs", lambda x: np.sum(np.log1p(x) + np.log(x) * np.sqrt(x)), (x,)),
    ("angles", lambda x: np.sum(np.arctan2(x, x + 1) + np.arcsin(x / 4)), (x,)),
]
ARRAY_FUNCTIONS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("softmax", _softmax, (x,)),
    ("elementwise", lambda x: np.sin(x) * x, (x,)),
    ("matrix-vector", lambda x, A: A @ x + x, (x, A)),
    ("normalised", lambda x: x / np.sqrt(x @ x), (x,)),
    ("differences", lambda x: np.diff(x) ** 2, (x,)),
    ("cumulative", lambda x: np.cumsum(x**2), (x,)),
    ("polar", lambda p: np.array([p[0] * np.cos(p[1]), p[0] * np.sin(p[1])]), (_v(2),)),
    ("rows", lambda A: np.sum(A**2, axis=1), (A,)),
]
PLAIN_FUNCTIONS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("matrix product", lambda A, B: A @ B.T, (A, B)),
    ("scaled product", lambda X, w: X * w @ X.T, (X, w)),
    ("centred", lambda X: X - np.mean(X, axis=0), (X,)),
    ("argmax", lambda X: np.argmax(X, axis=1), (X,)),
    ("column sums", lambda X: X.sum(0), (X,)),
    ("distances", lambda X: np.sqrt(np.sum((X[:, None] - X) ** 2, axis=2)), (X,)),
    ("einsum", lambda A, B, X: np.einsum("ij,jk,kl->il", A, B, A), (A, B, X)),
    ("batched", lambda T, U: np.einsum("bij,bjk->bik", T, U), (_m(3, 2, 4), _m(3, 4, 2))),
    ("joined", lambda x: np.concatenate([x[::-1], np.diff(x)]), (x,)),
    ("reshaped", lambda x: x.reshape(2, 3) @ x.reshape(3, 2), (_v(6),)),
    ("flattened", lambda X: X.ravel() ** 2, (X,)),
    ("triangle", lambda A: np.tril(A) + np.eye(4), (A,)),
    ("diagonal", lambda A: np.diag(A) * 2, (A,)),
    ("rolled", lambda x: np.roll(x, 1) - x, (x,)),
    ("counts", lambda x: np.sum(x > 0), (SIGNED,)),
    ("any and all", lambda x: (np.any(x > 1), np.all(x > -2)), (SIGNED,)),
    ("picked rows", lambda X: X[np.array([1, 0, 1])], (X,)),
    ("running product", lambda x: np.cumprod(x), (x,)),
    ("constants", lambda x: np.ones_like(x) * 3, (x,)),
    ("clipped", lambda x: np.clip(x, 0, 1), (SIGNED,)),
]

CASES = (
    [Case(f"gradient of {n}", gradc.grad(f), a) for n, f, a in SCALAR_FUNCTIONS]
    + [Case(f"hessian of {n}", gradc.hessian(f), a) for n, f, a in SCALAR_FUNCTIONS]
    + [Case(f"jacobian of {n}", gradc.jacobian(f), a) for n, f, a in ARRAY_FUNCTIONS]
    + [Case(n, gradc.jit(f), a) for n, f, a in PLAIN_FUNCTIONS + ARRAY_FUNCTIONS]
    + [
        Case("several arguments", gradc.grad(_least_squares, argnums=(0, 1)), (w, X, y)),
        Case("value and gradient", gradc.value_and_grad(_logistic), (w, X, np.sign(y - 1))),
        Case("network", gradc.grad(_network), (PARAMETERS, X, y)),
        Case("cross entropy", gradc.grad(_cross_entropy), (_m(4, 3), np.array([0, 2, 1, 1]))),
        Case("numbers", gradc.grad(lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2, (0, 1)), (1.2, 0.7)),
    ]
)


def named(value: Any, names: dict[int, str]) -> Any:
    """A spec whose extents have names, equal ones the same."""
    if isinstance(value, dict):
        return {key: named(item, names) for key, item in value.items()}
    array = np.asarray(value)
    return gradc.array([names.setdefault(extent, f"n{extent}") for extent in array.shape], array.dtype)


def leaves(result: Any) -> list[np.ndarray]:
    """The arrays of a result, whatever its structure."""
    if isinstance(result, dict):
        return [leaf for key in sorted(result) for leaf in leaves(result[key])]
    if isinstance(result, tuple | list):
        return [leaf for item in result for leaf in leaves(item)]
    return [np.asarray(result)]
