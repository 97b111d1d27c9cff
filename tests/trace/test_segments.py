"""Loops in segments: the values of plain loops, bit for bit, their derivatives, and the memory of a root."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, ShapeError, TraceError

SETTINGS = [True, 1, 3, 7, 100]


def filtered(a: Any, xs: Any, kept: bool | int, reverse: bool = False) -> Any:
    def step(carry, x):
        state, total = carry
        state = np.sin(a * state + x)
        return (state, total + np.sum(state**2)), {"sum": np.sum(state), "state": state}

    return gradc.scan(step, (np.full(3, 0.3), 0.0), xs, reverse=reverse, checkpoint=kept)


def leaves(result: Any) -> list[np.ndarray]:
    (state, total), ys = result
    return [np.asarray(part) for part in (state, total, ys["sum"], ys["state"])]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 2, 7, 10, 16])
def test_values_are_those_of_a_plain_scan(steps, reverse, setting, rng):
    xs = rng.standard_normal((steps, 3))
    found = leaves(gradc.jit(lambda a, xs: filtered(a, xs, setting, reverse))(0.7, xs))
    plain = leaves(gradc.jit(lambda a, xs: filtered(a, xs, False, reverse))(0.7, xs))
    for actual, expected in zip(found, plain, strict=True):
        assert actual.shape == expected.shape
        assert actual.tobytes() == expected.tobytes()


def loss(a: Any, xs: Any, kept: bool | int, reverse: bool) -> Any:
    state, total, sums, states = leaves_traced(filtered(a, xs, kept, reverse))
    return np.sum(state**3) + total + np.sum(np.cos(sums)) + np.sum(states[::2] ** 2)


def leaves_traced(result: Any) -> tuple[Any, Any, Any, Any]:
    (state, total), ys = result
    return state, total, ys["sum"], ys["state"]


@pytest.mark.parametrize(("setting", "reverse"), [(True, False), (True, True), (3, False), (4, True)])
def test_both_modes_and_second_order(setting, reverse, rng):
    xs, v = rng.standard_normal((2, 11, 3))
    plain, kept = (lambda a, xs, s=s: loss(a, xs, s, reverse) for s in (False, setting))
    for form in (
        lambda f: gradc.grad(f, argnums=(0, 1))(0.7, xs),
        lambda f: gradc.jvp(f, (0.7, xs), (0.2, v)),
        lambda f: gradc.jvp(gradc.grad(f, argnums=1), (0.7, xs), (0.2, v)),
        lambda f: (gradc.grad(lambda xs: np.sum(gradc.grad(f, argnums=1)(0.7, xs) * v))(xs), 0.0),
    ):
        for actual, expected in zip(form(kept), form(plain), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("bounds", [(0, 0), (2, 1), (3, 4), (-2, 9), (1, 17)])
def test_values_and_gradient_of_a_counted_loop(bounds, setting):
    def power(x, kept):
        return gradc.fori_loop(*bounds, lambda i, y: np.sin(y) + 0.1 * i * x, x, checkpoint=kept)

    x = np.array([0.4, -1.2])
    kept, plain = (gradc.jit(lambda x, s=s: power(x, s)) for s in (setting, False))
    assert kept(x).tobytes() == plain(x).tobytes()
    np.testing.assert_array_equal(power(x, setting), power(x, False))
    slopes = [gradc.grad(lambda x, s=s: np.sum(power(x, s) ** 2))(x) for s in (setting, False)]
    np.testing.assert_allclose(*slopes, rtol=1e-12)


def oscillator(x: Any, steps: int, kept: bool | int) -> Any:
    """A nonlinear map of eight states, each step of which needs its state in the adjoint."""
    return np.sum(gradc.fori_loop(0, steps, lambda i, y: np.sin(1.3 * y + np.cos(y[::-1])), x, checkpoint=kept) ** 2)


def test_memory_is_that_of_a_root(monkeypatch):
    """A state of eight numbers: n of them without segments, few times 2 sqrt(n) with."""
    monkeypatch.setenv("GRADC_CHECK", "0")  # the evaluator would take a while
    x = np.linspace(0.1, 1.0, 8)

    def memory(steps, kept):
        gradient = gradc.grad(lambda x: oscillator(x, steps, kept))
        gradient(x)
        return gradient.cost().workspace_bytes / (8 * len(x))

    assert memory(10_000, False) >= 10_000
    assert memory(10_000, True) <= 4 * 2 * 100 + 100
    assert memory(1_000_003, True) <= 4 * 2 * 1001 + 100
    assert memory(10_000, 20) <= 4 * (500 + 20) + 100


def test_what_is_not_a_setting_is_said():
    for setting in (0, -1, 2.5, "yes"):
        with pytest.raises(ArgumentError, match="number of steps of a segment"):
            gradc.fori_loop(0, 3, lambda i, x: x, 1.0, checkpoint=setting)
        with pytest.raises(ArgumentError, match="number of steps of a segment"):
            gradc.scan(lambda c, x: (c, x), 1.0, np.ones(3), checkpoint=setting)


def test_a_number_of_steps_that_is_not_known_is_said():
    with pytest.raises(TraceError, match="known while tracing"):
        gradc.jit(lambda x, n: gradc.fori_loop(0, n[0], lambda i, y: y * x, 1.0, checkpoint=True))(0.5, np.array([3]))
    with_a_number = gradc.jit(lambda x, n: gradc.fori_loop(0, n, lambda i, y: y * x, 1.0, checkpoint=True))
    assert [with_a_number(0.5, n) for n in (3, 5, 0)] == [0.125, 0.03125, 1.0]


def test_sequences_of_different_lengths_are_said():
    with pytest.raises(ShapeError, match="steps over"):
        gradc.jit(lambda x, y: gradc.scan(lambda c, p: (c + p[0], p[1]), 0.0, (x, y), checkpoint=True))(
            np.ones(9), np.ones(12)
        )


def test_any_length_of_a_sequence():
    total = gradc.jit(lambda x: gradc.scan(lambda c, v: (c + np.sin(v), c), 0.0, x, checkpoint=True)[0])
    for n in (4, 9, 5, 12, 1, 30):
        x = np.linspace(0, 1, n)
        np.testing.assert_allclose(total(x), np.sum(np.sin(x)), rtol=1e-13)


def test_a_loop_of_no_steps_over_a_loop_of_many():
    def rows(x):
        def row(carry, values):
            return gradc.scan(lambda c, v: (np.sin(c + v), (c, np.sum(c))), carry, values)

        return gradc.scan(row, np.full(3, 0.3), x.reshape(0, 100, 3))[1]

    assert [part.shape for part in gradc.jit(rows)(np.zeros((0, 3)))] == [(0, 100, 3), (0, 100)]
