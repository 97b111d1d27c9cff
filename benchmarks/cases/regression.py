"""A straight line fitted to 100 points: 500 epochs of gradient descent, the loop in Python (for C: in C)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import Builder, Call, Effort, Row, measured
from benchmarks.native import calling
from benchmarks.problem import Problem
from benchmarks.systems import load

EPOCHS, RATE = 500, 0.1
_rng = np.random.default_rng(1)
X = _rng.standard_normal(100)
Y = 1 + 2 * X + 0.1 * _rng.standard_normal(100)


def loss(b, x, y):
    """The mean squared error, in whatever arithmetic the arguments have."""
    return ((b[0] + b[1] * x - y) ** 2).mean()


def by_hand(b: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient in NumPy."""
    residual = b[0] + b[1] * x - y
    return np.array([2 * residual.mean(), 2 * (residual * x).mean()])


def descent(gradient: Callable[[np.ndarray, np.ndarray, np.ndarray], Any]) -> Call:
    """The loop around a gradient."""

    def descend() -> np.ndarray:
        b = np.zeros(2)
        for _ in range(EPOCHS):
            b = b - RATE * gradient(b, X, Y)
        return b

    return Call(descend)


def with_jax() -> Call:
    """The whole update step under jit."""
    jax = load("jax")
    update = jax.jit(lambda b, x, y: b - RATE * jax.grad(loss)(b, x, y))
    x, y = jax.numpy.asarray(X), jax.numpy.asarray(Y)

    def descend() -> Any:
        b = jax.numpy.zeros(2)
        for _ in range(EPOCHS):
            b = update(b, x, y)
        return b.block_until_ready()

    return Call(descend)


def with_torch() -> Call:
    """Eager tensors, the update without gradients."""
    torch = load("torch")
    x, y = torch.from_numpy(X), torch.from_numpy(Y)

    def descend() -> Any:
        b = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        for _ in range(EPOCHS):
            (gradient,) = torch.autograd.grad(loss(b, x, y), b)
            with torch.no_grad():
                b -= RATE * gradient
        return b.detach().numpy()

    return Call(descend)


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """One row."""
    builders: dict[str, Builder] = {
        "gradc": lambda: descent(Problem(loss, (np.zeros(2), X, Y)).derived()),
        "jax": with_jax,
        "torch": with_torch,
        "NumPy": partial(descent, by_hand),
        "C": calling("small", "regression", X, Y, EPOCHS, RATE),
    }
    expected, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), Y, rcond=None)
    return [measured(Row(f"linear regression, {EPOCHS} epochs"), builders, systems, expected, effort, 1e-6)]
