"""Arrays of the caller's that a function writes to: compiled functions leave them as NumPy would, derivatives alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradc.api import grad, jit, value_and_grad, vmap
from gradc.errors import ArgumentError, TraceError

SHARED = np.zeros(3)


def doubles(x: Any) -> Any:
    x *= 2.0
    return x.sum()


def test_an_argument_is_changed_at_every_call() -> None:
    f, x = jit(doubles), np.array([1.0, 2.0])
    assert [f(x) for _ in range(4)] == [6.0, 12.0, 24.0, 48.0]
    assert x.tolist() == [16.0, 32.0]
    assert f.traces == 1


def test_views_and_other_layouts_are_changed_in_their_place() -> None:
    a, b = np.arange(12.0).reshape(3, 4), np.arange(12.0).reshape(3, 4)
    jit(doubles)(a[:, 1])
    jit(doubles)(a.T)
    doubles(b[:, 1])
    doubles(b.T)
    np.testing.assert_array_equal(a, b)


def test_containers_give_their_arrays() -> None:
    parameters = {"w": np.ones(2), "b": (np.zeros(1), 3.0)}

    def step(p: Any, *, rate: Any) -> None:
        p["w"] -= rate * p["b"][1]
        p["b"][0][...] = 7.0

    assert jit(step)(parameters, rate=0.5) is None
    assert parameters["w"].tolist() == [-0.5, -0.5]
    assert parameters["b"][0].tolist() == [7.0]


def test_a_captured_array_is_changed() -> None:
    SHARED[:] = 0.0
    local = np.ones(2)

    def count(x: Any) -> Any:
        SHARED[1:] += x
        local[0] = x
        return SHARED.sum()

    f = jit(count)
    assert [f(1.0), f(2.0)] == [2.0, 6.0]
    assert SHARED.tolist() == [0.0, 3.0, 3.0]
    assert local.tolist() == [2.0, 1.0]


def test_results_may_go_into_buffers() -> None:
    x, out = np.ones(2), np.empty(2)

    def shifted(x: Any) -> Any:
        x += 1.0
        return x * 10

    assert jit(shifted)(x, out=out) is out
    assert (out.tolist(), x.tolist()) == ([20.0, 20.0], [2.0, 2.0])


def test_derivatives_leave_the_callers_arrays_alone() -> None:
    x = np.array([1.0, 2.0])
    assert grad(doubles)(x).tolist() == [2.0, 2.0]
    assert value_and_grad(doubles)(x)[0] == 6.0
    assert vmap(doubles)(np.ones((2, 3))).tolist() == [6.0, 6.0]
    assert x.tolist() == [1.0, 2.0]


def test_a_compiled_function_within_another() -> None:
    inner = jit(doubles)

    def outer(x: Any) -> Any:
        return inner(x[1:]), x.sum(), grad(doubles)(x)[0], x.sum()

    x = np.ones(3)
    assert jit(outer)(x) == (4.0, 5.0, 2.0, 5.0)
    assert x.tolist() == [1.0, 2.0, 2.0]


def writes_first(x: Any, y: Any) -> Any:
    x[0] = 5.0
    return y.sum()


def test_arrays_that_share_memory_are_refused_where_one_is_written() -> None:
    a = np.ones(4)
    for arguments in ((a, a), (a[:2], a[1:])):
        for f in (jit(writes_first), grad(writes_first, argnums=1)):
            with pytest.raises(ArgumentError, match="pass a copy"):
                f(*arguments)
    assert a.tolist() == [1.0] * 4
    assert jit(writes_first)(a[::2], a[1::2]) == 2.0  # they lie in one another's gaps
    assert a.tolist() == [5.0, 1.0, 1.0, 1.0]
    with pytest.raises(TraceError, match="share memory"):
        jit(lambda v: jit(writes_first)(v, v[1:]))(a)


def test_what_cannot_be_written_to() -> None:
    x = np.ones(2)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        jit(doubles)(x)
    assert grad(lambda x: doubles(x.copy()))(x).tolist() == [2.0, 2.0]

    def reshapes(x: Any) -> Any:
        x.shape = (2, 1)
        return x.sum()

    with pytest.raises(TraceError, match="reshape"):
        jit(reshapes)(np.ones(2))
