"""A network 3-4-1 that learns in one kernel: straight-line code with many calls of an elementary function."""

from __future__ import annotations

from typing import Any

import numpy as np

import gradc

#: Steps that are worth code without loops inside.
STEPS = 1000


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def trained(x: Any, y: Any, first: Any, second: Any) -> Any:
    """The weights after so many steps of descent."""

    def loss(first: Any, second: Any) -> Any:
        return np.sum((sigmoid(sigmoid(x @ first) @ second) - y) ** 2) / 2

    def step(_: Any, weights: Any) -> Any:
        slopes = gradc.grad(loss, (0, 1))(*weights)
        return tuple(w - 0.5 * d for w, d in zip(weights, slopes, strict=True))

    return gradc.fori_loop(0, STEPS, step, (first, second))


def by_hand(x: Any, y: Any, first: Any, second: Any) -> Any:
    """The same in NumPy."""
    for _ in range(STEPS):
        inner = sigmoid(x @ first)
        outer = sigmoid(inner @ second)
        slope = (outer - y) * outer * (1 - outer)
        changes = x.T @ (slope @ second.T * inner * (1 - inner)), inner.T @ slope
        first, second = first - 0.5 * changes[0], second - 0.5 * changes[1]
    return first, second


def network(dtype: str) -> tuple[np.ndarray, ...]:
    """Rows, labels and the weights to begin with."""
    rng = np.random.default_rng(2)
    return tuple(rng.normal(size=shape).astype(dtype) for shape in ((4, 3), (4, 1), (3, 4), (4, 1)))
