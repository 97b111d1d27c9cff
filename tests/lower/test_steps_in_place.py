"""Loops that write into arrays touch as many entries as Python does, times a fixed factor, however long the arrays are.

What kernels read and write is counted while they run (`accesses`), what Python does by arrays that count (`array_programs`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from accesses import Accesses, counting_accesses
from array_programs import PROGRAMS, Program

import gradc

#: How many times the accesses of the function in Python each derivative may make: reads and writes, of arrays and of the stack.
FACTORS = {"value": 7, "jvp": 14, "gradient": 25, "hvp": 36, "reverse over reverse": 45}
FIRST_ORDER, SECOND_ORDER = ("value", "jvp", "gradient"), ("hvp", "reverse over reverse")


@pytest.fixture
def accesses(monkeypatch):
    monkeypatch.setenv("GRADC_CHECK", "0")  # values are compared here; the evaluator would take minutes
    threads = gradc.get_num_threads()
    gradc.set_num_threads(1)
    with counting_accesses(monkeypatch) as found:
        yield found
    gradc.set_num_threads(threads)


def total(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: np.sum(function(x) ** 2)


def derived(mode: str, function: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """What is computed of a function, at a point and along a direction."""
    loss = total(function)
    return {
        "value": lambda x, v: function(x),
        "jvp": lambda x, v: gradc.jvp(function, (x,), (v,))[1],
        "gradient": lambda x, v: gradc.grad(loss)(x),
        "hvp": lambda x, v: gradc.jvp(gradc.grad(loss), (x,), (v,))[1],
        "reverse over reverse": lambda x, v: gradc.grad(lambda y: np.sum(gradc.grad(loss)(y) * v))(x),
    }[mode]


def expected(mode: str, function: Callable[[Any], Any], x: np.ndarray, v: np.ndarray) -> Any:
    """The same from plain Python: eighth-order differences of values; of second order, along the direction alone."""

    def difference(f: Callable[[float], Any], step: float) -> Any:
        weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
        return sum(w / step * (f(k * step) - f(-k * step)) for k, w in weights.items())

    loss = total(function)
    if mode == "value":
        return function(x)
    if mode == "jvp":
        return difference(lambda s: function(x + s * v), 1e-3)
    if mode == "gradient":
        return difference(lambda s: loss(x + s * v), 1e-3)
    return difference(lambda s: difference(lambda t: loss(x + (s + t) * v), 1e-2), 1e-2)


def counts(accesses: Accesses, program: Program, mode: str) -> list[float]:
    """What a kernel touches over what Python does, at each size; at the first one the result is compared."""
    found = []
    shapes = program.shapes[1:] if mode in SECOND_ORDER else program.shapes
    for shape in shapes:
        rng = np.random.default_rng(3)
        x, v = rng.uniform(0.5, 1.5, shape), rng.standard_normal(shape)
        kernel = gradc.jit(derived(mode, program.function))
        result = kernel(x, v)
        if shape == shapes[0]:
            wanted = expected(mode, program.function, x, v)
            along = result if np.shape(wanted) else np.sum(result * v)
            np.testing.assert_allclose(along, wanted, rtol=1e-6, atol=1e-7)
        accesses.clear()
        kernel(x, v)
        found.append((accesses.reads + accesses.writes) / program.accesses(x))
    return found


@pytest.mark.parametrize("mode", [*FIRST_ORDER, *[pytest.param(mode, marks=pytest.mark.slow) for mode in SECOND_ORDER]])
@pytest.mark.parametrize("name", PROGRAMS)
def test_accesses_are_those_of_the_steps(accesses, name, mode):
    """At 50 (but for second derivatives), 500 or more, and 5,000 entries."""
    found = counts(accesses, PROGRAMS[name], mode)
    assert max(found) <= FACTORS[mode]
    assert found[-1] <= 1.25 * found[-2]


def test_counters_count(accesses):
    """A sum over n entries reads n of them; a copy writes n."""
    for n in (64, 1024):
        x = np.ones(n)
        doubled = gradc.jit(lambda x: 2 * x)
        doubled(x)
        accesses.clear()
        doubled(x)
        assert n <= accesses.reads <= n + 8
        assert n <= accesses.writes <= n + 8


@pytest.mark.parametrize("n", [10, 1000])
def test_a_state_is_not_overwritten_while_another_loop_reads_it(n):
    """Entry by entry the next state needs nothing else of the state; a loop over both needs them at the same time."""

    def doubled(state):
        def step(state, _):
            following = 2.0 * state + 1
            both = gradc.fori_loop(0, 3, lambda i, total: total + state[i] * following[i], 0.0)
            return following, both

        return gradc.scan(step, state, None, length=4)

    x = np.arange(float(n))
    for actual, wanted in zip(gradc.jit(doubled)(x), doubled(x), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-14)


def test_a_row_changed_by_an_inner_loop_and_read_before_and_after():
    """The inner loop works in the memory of the matrix: what else reads the row comes before it or after it."""

    def rows(x):
        def row(i, carried):
            matrix, sums = carried
            before = np.cos(np.sum(matrix[i] ** 2))
            matrix = matrix.copy()
            matrix[i, 0] = np.sin(matrix[i - 1, 0] + 1)
            swept = gradc.fori_loop(
                1, x.shape[1], lambda j, m: put(m, (i, j), np.sin(m[i, j - 1] * m[i - 1, j])), matrix
            )
            swept = put(swept, (i, 0), before)
            return swept, put(sums, i, np.sum(swept[i]) - before)

        return gradc.fori_loop(1, x.shape[0], row, (x, np.zeros(x.shape[0])))

    def put(array, place, value):
        array = array.copy()
        array[place] = value
        return array

    x = np.random.default_rng(5).uniform(0.6, 1.1, (60, 9))
    for actual, wanted in zip(gradc.jit(rows)(x), rows(x), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-12)

    def loss(x):
        matrix, sums = rows(x)
        return np.sum(matrix**2) + np.sum(sums**3)

    v = np.random.default_rng(6).standard_normal(x.shape)
    slope = sum(
        w / 1e-4 * (loss(x + k * 1e-4 * v) - loss(x - k * 1e-4 * v))
        for k, w in {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}.items()
    )
    np.testing.assert_allclose(np.sum(gradc.grad(loss)(x) * v), slope, rtol=1e-7)


def test_a_residual_read_in_parts_and_by_another_residual():
    """Reverse over reverse of a sweep by rows that are written out: parts of the state, and what was computed of it."""

    def sweep(x):
        u = x.copy()
        for i in range(1, u.shape[0] - 1):
            for j in (1, 2, 3, 4):
                around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                u[i, j] = 0.25 * around * (1 + 0.1 * u[i, j])
        return np.sum(u**2)

    x, v = np.random.default_rng(7).uniform(0.5, 1.5, (2, 130, 6))
    forward = gradc.jvp(gradc.grad(sweep), (x,), (v,))[1]
    np.testing.assert_allclose(gradc.grad(lambda y: np.sum(gradc.grad(sweep)(y) * v))(x), forward, rtol=1e-10)
