"""Sparse Jacobians and Hessians: the dense ones, entry by entry, and no more stored than the pattern has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def stencil(x: Any) -> Any:
    return np.sin(x[2:] + x[1:-1] * x[:-2])


@pytest.mark.parametrize(
    ("f", "stored"),
    [
        (np.sin, 12),
        (stencil, 30),
        (lambda x: x[::2] ** 2, 6),
        (lambda x: np.concatenate([x[:3] ** 2, x[::-1] * 2]), 15),
        (lambda x: x.reshape(3, 4).T ** 2, 12),
        (lambda x: x[np.array([0, 0, 5])] ** 3, 3),
        (lambda x: np.cumsum(x), 78),
        (lambda x: x * np.sum(x), 144),
        (lambda x: np.ones(3), 0),
    ],
)
def test_jacobian(f: Callable[..., Any], stored: int, rng: np.random.Generator) -> None:
    x = rng.normal(size=12)
    dense = gradc.jacobian(f)(x)
    sparse = gradc.jacobian(f, sparse=True)(x)
    assert sparse.shape == (dense.size // 12, 12)
    assert sparse.nnz == stored
    np.testing.assert_allclose(sparse.toarray(), dense.reshape(sparse.shape), rtol=1e-14)


def test_hessian_of_rosenbrock_is_tridiagonal_at_any_size() -> None:
    n = 5_000
    x = np.linspace(0.5, 1.5, n)
    sparse = gradc.hessian(rosenbrock, sparse=True)(x)
    assert sparse.nnz == 3 * n - 2
    direction = np.cos(np.arange(n))
    np.testing.assert_allclose(sparse @ direction, gradc.hvp(rosenbrock)(x, direction), rtol=1e-11)


def test_inside_a_trace_it_is_an_error() -> None:
    with pytest.raises(gradc.ArgumentError, match="sparse"):
        gradc.jit(lambda x: gradc.jacobian(np.sin, sparse=True)(x))(np.ones(2))


def test_several_arguments_are_an_error() -> None:
    with pytest.raises(gradc.ArgumentError, match="single"):
        gradc.jacobian(lambda x, y: x * y, argnums=(0, 1), sparse=True)
