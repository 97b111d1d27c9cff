"""Assignment to traced arrays and their views means what it means in NumPy, to the caller's arrays, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradc.api import grad, jit
from gradc.ir.tensor import Compute
from gradc.ir.walk import graph_order
from gradc.trace import trace

V = np.array([1.0, -2.0, 3.0, 0.5, 4.0])
A = np.arange(12.0).reshape(3, 4) / 7 - 0.6
I = np.array([3, 0, 3, -1])  # noqa: E741


def fill(v: Any) -> Any:
    out = np.zeros(len(v))
    for k in range(len(v)):
        out[k] = np.sin(v[k]) + (out[k - 1] if k else 0.0)
    return out


def fill_rows(a: Any) -> Any:
    out = np.empty_like(a)
    for k, row in enumerate(a):
        out[k] = row * k
    return out


def overlapping_writes(v: Any) -> Any:
    out = v.copy()
    out[1:4] = 0.0
    out[2:] += v[2:] * 2
    out[::2] *= 3
    out[3] = v[0]
    return out


def views(a: Any) -> Any:
    b = a.copy()
    row, column, flipped = b[1], b[:, 2], b[::-1, ::2]
    row[:] = 7.0
    column += 1.0
    flipped[0, 1] = -5.0
    b.T[3] = 2.0
    b.reshape(-1)[4] = 9.0
    return b, row, column, flipped


def view_sees_later_write(v: Any) -> Any:
    b = v.copy()
    tail = b[2:]
    before = tail.sum()
    b[3] = 100.0
    return tail.sum() - before, tail


def number_is_a_copy(v: Any) -> Any:
    b = v.copy()
    first = b[0]
    b[0] = 50.0
    return first, b[0]


def swap(v: Any) -> Any:
    b = v.copy()
    b[0], b[1] = b[1], b[0]
    b[1:] = b[:-1]
    return b


def same_name(x: Any) -> Any:
    y = x
    y += 1.0
    z = x.sum()
    w = z
    z += 10.0
    return x, y, z, w


def stencil(a: Any) -> Any:
    new = a.copy()
    for _ in range(2):
        new[1:-1, 1:-1] = (new[:-2, 1:-1] + new[2:, 1:-1] + new[1:-1, :-2] + new[1:-1, 2:]) / 4
    return new


def scatter(v: Any) -> Any:
    b = v.copy()
    b[np.array([0, 2])] = [10.0, 20.0]
    b[[4, 4]] = np.array([1.0, 2.0])
    b[np.array([True, False, False, True, False])] = -1.0
    return b


def traced_scatter(v: Any, i: Any) -> Any:
    b = v.copy()
    b[i] = v[:4] * 2
    c = np.zeros((5, 2))
    c[i, 1] = v[1:]
    c[i[:2], :] += 1.0
    d = np.zeros(5)
    np.add.at(d, i, v[:4])
    e = v.copy()
    e[i[0]] = 3.0
    return b, c, d, e


def traced_mask(v: Any) -> Any:
    b = v.copy()
    b[b < 0] = 0.0
    b[b > 2] *= 10.0
    return b


def scattered_in_a_view(a: Any, i: Any) -> Any:
    b = a.copy()
    tail = b[1:]
    tail[i[:1] % 2] *= -0.5
    tail += 1.0
    return np.sum(b * b), b.sum(axis=1)


def swapped_columns_of_nothing(a: Any) -> Any:
    b = a.copy()
    b[[0, 1]] = b[[1, 0]]
    b[np.array([True, False, True]), 1:-3:2] += 1.0
    return b


def integers_truncate(v: Any) -> Any:
    counts = np.zeros(3, dtype=int)
    counts[0] = 2.7
    counts[1:] += 4
    return counts * v[:3]


def bools(v: Any) -> Any:
    flags = np.zeros(5, dtype=bool)
    flags[1:3] = True
    flags[4] = v[0] > 0
    return flags


def out_argument(v: Any) -> Any:
    b = np.empty(5)
    np.sin(v, out=b)
    np.add(b, 1.0, out=b)
    return b


def argument(v: Any) -> Any:
    v[0] = 10.0
    v *= 2.0
    return v.sum()


CASES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (fill, (V,)),
    (fill_rows, (A,)),
    (overlapping_writes, (V,)),
    (views, (A,)),
    (view_sees_later_write, (V,)),
    (number_is_a_copy, (V,)),
    (swap, (V,)),
    (same_name, (V,)),
    (stencil, (A,)),
    (scatter, (V,)),
    (traced_scatter, (V, I)),
    (traced_mask, (V,)),
    (scattered_in_a_view, (A, I)),
    (swapped_columns_of_nothing, (A,)),
    (integers_truncate, (V,)),
    (bools, (V,)),
    (out_argument, (V,)),
    (argument, (V,)),
]


@pytest.mark.parametrize(("function", "arguments"), CASES, ids=lambda c: getattr(c, "__name__", ""))
def test_as_numpy(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    given, changed = [a.copy() for a in arguments], [a.copy() for a in arguments]
    expected = function(*changed)
    actual = jit(function)(*given)
    if not isinstance(expected, tuple):
        expected, actual = (expected,), (actual,)
    for a, e in zip(actual, expected, strict=True):
        assert np.asarray(a).dtype == np.asarray(e).dtype
        np.testing.assert_allclose(a, e, rtol=1e-14)
    for a, b in zip(given, changed, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_gradient_through_writes() -> None:
    np.testing.assert_allclose(grad(lambda v: fill(v).sum())(V), np.cos(V) * np.arange(5, 0, -1), rtol=1e-14)
    assert grad(lambda v: argument(v))(V).tolist() == [0.0, 2.0, 2.0, 2.0, 2.0]


def test_filling_entry_by_entry_makes_one_node() -> None:
    def fill_many(v: Any) -> Any:
        out = np.zeros(300)
        for k in iter(range(300)):  # an iterator is gone through one by one
            out[k] = v * k
        return out

    graph = trace(fill_many, [2.0]).graph
    wide = [node for node in graph_order(graph.outputs) if isinstance(node, Compute) and node.shape == (300,)]
    assert wide == list(graph.outputs)


def test_a_recurrence_is_a_chain_not_a_tower_of_arrays() -> None:
    def recurrence(v: Any) -> Any:
        out = np.zeros(200)
        out[0] = v
        for k in range(1, 200):
            out[k] = 0.5 * out[k - 1] + 1.0
        return out

    graph = trace(recurrence, [2.0]).graph
    assert sum(isinstance(node, Compute) and node.shape == (200,) for node in graph_order(graph.outputs)) == 1
    np.testing.assert_allclose(jit(recurrence)(2.0), recurrence(2.0), rtol=1e-15)


def test_numbers_cannot_be_assigned_to() -> None:
    def assigns(v: Any) -> Any:
        s = v.sum()
        s[...] = 1.0
        return s

    with pytest.raises(TypeError, match=r"np\.array"):
        jit(assigns)(V)


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (lambda v: v.__setitem__(7, 1.0), IndexError, "out of bounds"),
        (lambda v: v.__setitem__(slice(0, 2), np.ones(3)), ValueError, "could not broadcast"),
        (lambda v: v.__iadd__(np.ones((2, 5))), ValueError, "doesn't match the broadcast shape"),
        (lambda v: v.__setitem__(0, 1j), TypeError, "complex"),
        (lambda v: np.arange(5).__iadd__(v), TypeError, "same_kind"),
        (lambda v: v.__setitem__(v > 0, np.ones(2)), TypeError, "np.where"),
    ],
)
def test_refused_writes(write: Callable[[Any], Any], error: type[Exception], words: str) -> None:
    def f(v: Any) -> Any:
        write(v)
        return v

    with pytest.raises(error, match=words):
        jit(f)(V)
