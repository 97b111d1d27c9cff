"""What steps compute without the state of their loop is computed for all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc import fori_loop, scan, while_loop
from gradc.ir.tensor import Graph, Loop
from gradc.ir.text import graph_text
from gradc.ir.walk import graph_order

Array = np.ndarray
rng = np.random.default_rng(8)


def loops(f: Any, *arguments: Any) -> list[Loop]:
    """The loops of the simplified graph."""
    graph: Graph = f.record_for(*arguments).simplified
    return [node for node in graph_order(graph.outputs) if isinstance(node, Loop)]


def steps_read(f: Any, *arguments: Any) -> str:
    """The bodies of its loops, as text."""
    return "\n".join(graph_text(node.body) for node in loops(f, *arguments))


def plain_scan(step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Array) -> tuple[Any, Array]:
    found = []
    for x in xs:
        carry, y = step(carry, x)
        found.append(y)
    return carry, np.array(found)


def test_functions_of_what_comes_in() -> None:
    def step(y: Any, x: Any) -> Any:
        y = 0.9 * y + np.exp(x) * np.sin(x)
        return y, y

    xs = rng.standard_normal(200)
    f = gradc.jit(lambda xs: scan(step, 0.0, xs))
    for ours, theirs in zip(f(xs), plain_scan(step, 0.0, xs), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-13)
    assert "exp" not in steps_read(f, xs)
    assert "sin" not in steps_read(f, xs)


def test_products_with_what_comes_in() -> None:
    w, u = rng.standard_normal((20, 30)), rng.standard_normal((20, 20)) / 9

    def step(h: Any, x: Any) -> Any:
        h = np.tanh(w @ x + u @ h)
        return h, h

    xs = rng.standard_normal((12, 30))
    f = gradc.jit(lambda xs: scan(step, np.zeros(20), xs))
    for ours, theirs in zip(f(xs), plain_scan(step, np.zeros(20), xs), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    (loop,) = loops(f, xs)
    assert 30 not in [extent for t in loop.operands for extent in t.shape]


def test_a_scan_without_a_state_is_no_loop() -> None:
    xs = rng.standard_normal((50, 3))
    f = gradc.jit(lambda xs: scan(lambda c, x: (c, np.cumsum(np.exp(x))), 0.0, xs)[1])
    np.testing.assert_allclose(f(xs), np.cumsum(np.exp(xs), axis=1), rtol=1e-13, atol=1e-14)
    assert not loops(f, xs)


def test_the_number_of_the_step() -> None:
    f = gradc.jit(lambda x: fori_loop(0, 40, lambda i, c: 0.5 * c + np.sin(0.1 * i), x))
    expected = 2.0
    for i in range(40):
        expected = 0.5 * expected + np.sin(0.1 * i)
    np.testing.assert_allclose(f(2.0), expected, rtol=1e-13, atol=1e-14)
    assert "sin" not in steps_read(f, 2.0)


def test_backwards() -> None:
    xs = rng.standard_normal(30)
    f = gradc.jit(lambda xs: scan(lambda c, x: (0.5 * c + np.exp(x),) * 2, 0.0, xs, reverse=True))
    carry, found = 0.0, []
    for x in xs[::-1]:
        carry = 0.5 * carry + np.exp(x)
        found.append(carry)
    final, ys = f(xs)
    np.testing.assert_allclose(final, carry, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(ys, found[::-1], rtol=1e-13, atol=1e-14)
    assert "exp" not in steps_read(f, xs)


def test_the_gradient() -> None:
    def loss(a: Any, xs: Array) -> Any:
        return np.sum(scan(lambda c, x: (a * c + np.exp(x) * a,) * 2, 0.0, xs)[1] ** 2)

    xs = rng.standard_normal(20) / 3
    slope = gradc.jit(gradc.grad(loss, argnums=(0, 1)))
    assert "exp" not in steps_read(slope, 0.7, xs)
    gradc.check_grads(loss, (0.7, xs), order=2)


def test_wide_functions_stay_in_the_step() -> None:
    xs = rng.standard_normal((10, 100))
    f = gradc.jit(lambda xs: scan(lambda c, x: (0.5 * c + np.exp(x), 1.0), np.zeros(100), xs)[0])
    assert "exp" in steps_read(f, xs)


def test_nothing_large_is_kept_for_all_steps() -> None:
    xs = rng.standard_normal((2000, 2))
    grid = np.linspace(0, 1, 1000)

    def step(c: Any, x: Any) -> Any:
        return c, np.sum(np.cos(grid[:, None] * x[0] + grid) * x[1])

    f = gradc.jit(lambda xs: scan(step, 0.0, xs[:4])[1])
    expected = [np.sum(np.cos(grid[:, None] * x[0] + grid) * x[1]) for x in xs[:4]]
    np.testing.assert_allclose(f(xs), expected, rtol=1e-10, atol=1e-8)
    assert len(loops(f, xs)) == 1


def test_loops_with_a_condition_stay_as_they_are() -> None:
    f = gradc.jit(lambda x: while_loop(lambda c: c[1] < 9, lambda c: (c[0] + np.sin(0.1 * c[1]), c[1] + 1), (x, 0)))
    expected = 1.0 + sum(np.sin(0.1 * i) for i in range(9))
    np.testing.assert_allclose(f(1.0)[0], expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("n", [1, 3, 4, 100])
def test_any_number_of_steps(n: int) -> None:
    xs = rng.standard_normal(n)

    def step(c: Any, x: Any) -> Any:
        return 0.5 * c + np.exp(x), (c, np.log1p(x * x), x)

    f = gradc.jit(lambda xs: scan(step, 0.0, xs))
    carry, before = 0.0, []
    for x in xs:
        before.append(carry)
        carry = 0.5 * carry + np.exp(x)
    final, (ours, logs, same) = f(xs)
    np.testing.assert_allclose(final, carry, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(ours, before, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(logs, np.log1p(xs * xs), rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(same, xs)
