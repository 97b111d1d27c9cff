"""Functions applied along axes or entry by entry: traced once for all entries where values are not needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradc
from gradc.errors import TraceError
from gradc.ir.walk import graph_order
from gradc.trace import trace

X = np.random.default_rng(3).normal(size=(300, 4))


def test_the_function_is_traced_once() -> None:
    function = lambda x: np.apply_along_axis(lambda v: v / np.sum(v**2), 1, x)  # noqa: E731
    np.testing.assert_allclose(gradc.jit(function)(X), function(X))
    sizes = [len(graph_order(trace(function, [X[:rows]]).outputs)) for rows in (3, 300)]
    assert sizes[0] == sizes[1]


def test_work_grows_with_the_entries() -> None:
    slope = gradc.grad(lambda x: np.sum(np.vectorize(lambda a, b: np.sin(a) * b)(x, x[::-1])))
    assert slope.cost(np.ones(800)).flops <= 9 * slope.cost(np.ones(100)).flops


def test_known_entries_are_branched_on() -> None:
    sign = np.vectorize(lambda t, k: t if k % 2 else -t)
    function = lambda x: sign(x, np.arange(4))  # noqa: E731
    np.testing.assert_array_equal(gradc.jit(function)(X[0]), function(X[0]))


def test_one_kernel_serves_any_size() -> None:
    function = gradc.jit(lambda x: np.vectorize(lambda t: t**2 + 1.0)(x))
    for size in (7, 3, 12, 5):
        np.testing.assert_allclose(function(X[:size, 0]), X[:size, 0] ** 2 + 1.0)


def test_writes_to_what_is_outside_are_refused() -> None:
    def collected(x: Any) -> Any:
        total = np.zeros(1)

        def add(t: Any) -> Any:
            total[0] += t
            return t

        np.vectorize(add)(x)
        return total

    with pytest.raises(TraceError, match="calls once for all entries"):
        gradc.jit(collected)(X[0])
