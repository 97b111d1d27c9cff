"""Derivatives of running products and extrema, which go by recurrences: against differences, along any axis and both ways."""

from __future__ import annotations

import numpy as np
import pytest

import gradc

_RNG = np.random.default_rng(2)
X = _RNG.uniform(0.5, 1.4, 40)
Z = X * (np.arange(40) % 9 != 4)
ROWS = _RNG.uniform(0.5, 1.4, (3, 20))
COLUMNS = _RNG.uniform(0.5, 1.4, (20, 2))

CASES = [
    (np.cumprod, X),
    (np.cumprod, Z),
    (lambda x: np.cumprod(x, axis=1), ROWS),
    (lambda x: np.cumprod(x * x, axis=0), COLUMNS),
    (lambda x: np.cumprod(x[::-1])[::-1], X),
    (np.prod, X),
    (np.prod, Z),
    (lambda x: np.prod(x, axis=1), ROWS),
    (lambda x: np.prod(x, where=x > 0.7), X),
    (lambda x: np.maximum.accumulate(x), X),
    (lambda x: np.minimum.accumulate(x * x, axis=0), COLUMNS),
    (lambda x: np.maximum.accumulate(x[::-1])[::-1], X),
]


@pytest.mark.parametrize(("function", "x"), CASES)
def test_both_modes_and_the_second_order(function, x) -> None:
    weights, direction = _RNG.normal(size=np.shape(function(x))), _RNG.normal(size=x.shape)

    def loss(x):
        return np.sum(weights * np.sin(function(x)))

    def central(f):
        return (f(x + 1e-5 * direction) - f(x - 1e-5 * direction)) / 2e-5

    gradient = gradc.grad(loss)
    np.testing.assert_allclose(np.sum(gradient(x) * direction), central(loss), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(gradc.jvp(loss, (x,), (direction,))[1], central(loss), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(gradc.hvp(loss)(x, direction), central(gradient), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(gradc.jacfwd(function)(x), gradc.jacrev(function)(x), rtol=1e-12, atol=1e-14)
    hessian = gradc.hessian(loss)(x).reshape(x.size, x.size)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(hessian @ direction.ravel(), central(gradient).ravel(), rtol=1e-6, atol=1e-7)


def test_ties_share_equally_as_those_of_a_maximum_do() -> None:
    x = np.tile([1.0, 3.0, 3.0, 2.0, 5.0], 5)
    jacobian = gradc.jacobian(lambda x: np.maximum.accumulate(x))(x)
    for k in range(25):
        np.testing.assert_allclose(jacobian[k], gradc.grad(lambda x, k=k: np.max(x[: k + 1]))(x), rtol=1e-14)


def test_nothing_comes_back_from_nan() -> None:
    x = np.where(np.arange(20) == 3, np.nan, 1.0)
    gradient = gradc.grad(lambda x: np.sum(np.maximum.accumulate(x)))(x)
    np.testing.assert_allclose(
        gradient, np.where(np.arange(20) < 3, [1 + 1 / 2 + 1 / 3, 1 / 2 + 1 / 3, 1 / 3, *[0] * 17], 0)
    )


def test_batches() -> None:
    gradient = gradc.grad(lambda x: np.sum(np.sin(np.cumprod(x))))
    np.testing.assert_allclose(gradc.vmap(gradient)(ROWS), np.stack([gradient(row) for row in ROWS]), rtol=1e-13)


def test_any_size_and_single_precision() -> None:
    gradient = gradc.grad(lambda x: np.sum(np.cumprod(x)))
    for n in (20, 21, 37, 1, 0):
        x = X[:n]
        expected = [np.sum(np.cumprod(x)[k:]) / x[k] for k in range(n)]
        np.testing.assert_allclose(gradient(x), expected, rtol=1e-12)
    single = gradient(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, gradient(X), rtol=1e-5)


def test_the_formula_is_written_with_products() -> None:
    formula = gradc.grad(lambda x: np.sum(np.cumprod(x))).formula(gradc.vector("n"))
    assert "recurrence" not in formula.latex() + formula.c()
    namespace: dict = {}
    exec(formula.numpy(), namespace)
    (function,) = [value for name, value in namespace.items() if name.startswith("f_")]
    np.testing.assert_allclose(function(X), gradc.grad(lambda x: np.sum(np.cumprod(x)))(X), rtol=1e-12)
