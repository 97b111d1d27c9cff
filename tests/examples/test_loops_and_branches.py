"""Loops, branches and rules of one's own: an orbit and its tangent, memory in segments, `while` and `if`, a rule, a root."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

import gradc


def lorenz(state):
    x, y, z = state
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])


def step(state, h=0.01):
    first = lorenz(state)
    second = lorenz(state + h / 2 * first)
    third = lorenz(state + h / 2 * second)
    fourth = lorenz(state + h * third)
    return state + h / 6 * (first + 2 * second + 2 * third + fourth)


START = np.array([1.0, 2.0, 3.0])


def test_the_tangent_of_an_orbit():
    def orbit(start):
        return gradc.scan(lambda s, _: (step(s), s), start, length=60)[1]

    path, tangent = gradc.jvp(orbit, (START,), (np.array([1.0, 0.0, 0.0]),))
    state = START + np.array([1e-30j, 0, 0])
    for point, along in zip(path, tangent, strict=True):
        np.testing.assert_allclose(point, state.real, rtol=1e-11)
        np.testing.assert_allclose(along, state.imag / 1e-30, rtol=1e-10, atol=1e-12)
        state = step(state)


def test_segments_give_the_same_gradient_in_less_memory():
    def height(start, kept):
        return gradc.fori_loop(0, 400, lambda i, s: step(s, 1e-3), start, checkpoint=kept)[2]

    every, few = (gradc.grad(height, static_argnums=1) for _ in range(2))
    np.testing.assert_allclose(few(START, True), every(START, False), rtol=1e-10)
    assert few.cost().workspace_bytes < every.cost().workspace_bytes / 4


def cube_root(a):
    x = a if a > 1 else 1.0
    while abs(x**3 - a) > 1e-12 * a:
        x = x - (x**3 - a) / (3 * x**2)
    return x


@pytest.mark.parametrize("a", [0.2, 1.0, 27.0])
def test_a_while_loop_of_plain_python(a):
    np.testing.assert_allclose(gradc.jit(cube_root)(a), np.cbrt(a), rtol=1e-12)
    if a != 1:  # there the loop makes no step, and x is a constant
        np.testing.assert_allclose(gradc.grad(cube_root)(a), np.cbrt(a) / (3 * a), rtol=1e-6)


def test_a_rule_that_is_finite_everywhere():
    @gradc.custom_derivative
    def log1pexp(x):
        return np.where(x < 30, np.log1p(np.exp(np.minimum(x, 30.0))), x)

    @log1pexp.defjvp
    def rule(primals, tangents):
        (x,), (dx,) = primals, tangents
        return log1pexp(x), dx / (1 + np.exp(-x))

    for x in (-3.0, 0.0, 1000.0):
        sigmoid = 1 / (1 + np.exp(-x))
        np.testing.assert_allclose(gradc.jit(log1pexp)(x), np.logaddexp(0, x), rtol=1e-13)
        np.testing.assert_allclose(gradc.grad(log1pexp)(x), sigmoid, rtol=1e-14)
        np.testing.assert_allclose(gradc.grad(gradc.grad(log1pexp))(x), sigmoid * (1 - sigmoid), atol=1e-15)


def test_keplers_equation():
    anomaly = gradc.root(lambda angle, mean, e: angle - e * np.sin(angle) - mean, 1.0)
    angle = brentq(lambda angle: angle - 0.4 * np.sin(angle) - 1.3, 0, 3, xtol=1e-15)
    np.testing.assert_allclose(anomaly(1.3, 0.4), angle, rtol=1e-13)
    np.testing.assert_allclose(gradc.grad(anomaly)(1.3, 0.4), 1 / (1 - 0.4 * np.cos(angle)), rtol=1e-12)
