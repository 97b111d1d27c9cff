"""Roots: values against closed forms and SciPy's, derivatives against the implicit function theorem by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize

import gradc
from gradc.errors import ArgumentError, ShapeError


def test_a_cubic_and_its_derivatives() -> None:
    solve = gradc.root(lambda x, a: x**3 + x - a, 1.0)
    x = solve(10.0)
    assert x == pytest.approx(2.0, rel=1e-14)
    assert gradc.grad(solve)(10.0) == pytest.approx(1 / 13, rel=1e-12)
    _, tangent = gradc.jvp(solve, (10.0,), (2.0,))
    assert tangent == pytest.approx(2 / 13, rel=1e-12)
    assert gradc.grad(gradc.grad(solve))(10.0) == pytest.approx(-6 * 2 / 13**3, rel=1e-11)


def circle(p: Any, r: Any, slope: Any) -> Any:
    return np.array([p[0] ** 2 + p[1] ** 2 - r**2, p[1] - slope * p[0]])


def test_a_system_of_two_equations() -> None:
    """Where a line meets a circle: x = r / sqrt(1 + s^2)."""
    solve = gradc.root(circle, np.array([1.0, 1.0]))
    r, s = 2.0, 0.75
    x = r / np.sqrt(1 + s**2)
    np.testing.assert_allclose(solve(r, s), [x, s * x], rtol=1e-13)
    dr, ds = gradc.jacobian(solve, argnums=(0, 1))(r, s)
    np.testing.assert_allclose(dr, [x / r, s * x / r], rtol=1e-12)
    dx = -r * s / (1 + s**2) ** 1.5
    np.testing.assert_allclose(ds, [dx, x + s * dx], rtol=1e-12)


def test_an_equilibrium_of_many_unknowns_against_scipy() -> None:
    generator = np.random.default_rng(4)
    weights, bias = generator.normal(size=(6, 6)) / 6, generator.normal(size=6)

    def rest(x: Any, w: Any, b: Any) -> Any:
        return x - np.tanh(w @ x + b)

    solve = gradc.root(rest, np.zeros(6))
    np.testing.assert_allclose(solve(weights, bias), optimize.fsolve(rest, np.zeros(6), (weights, bias)), rtol=1e-9)
    loss = gradc.grad(lambda w: np.sum(solve(w, bias) ** 2))(weights)
    step, direction = 1e-6, generator.normal(size=(6, 6))
    ahead, behind = (np.sum(solve(weights + s * direction, bias) ** 2) for s in (step, -step))
    np.testing.assert_allclose(np.sum(loss * direction), (ahead - behind) / (2 * step), rtol=1e-7)


def test_under_vmap_and_inside_functions() -> None:
    solve = gradc.root(lambda x, a: np.exp(x) - a, 0.0)
    a = np.array([0.5, 2.0, 30.0])
    np.testing.assert_allclose(gradc.vmap(solve)(a), np.log(a), rtol=1e-12)
    np.testing.assert_allclose(gradc.vmap(gradc.grad(solve))(a), 1 / a, rtol=1e-12)
    assert gradc.grad(lambda t: solve(t**2) * 3)(2.0) == pytest.approx(3.0, rel=1e-12)


def test_no_root_is_nan_and_wrong_starts_are_told() -> None:
    assert np.isnan(gradc.root(lambda x, a: x**2 + a, 0.3)(1.0))
    with pytest.raises(ArgumentError, match="begins at a number or a vector"):
        gradc.root(circle, np.ones((2, 2)))


@pytest.mark.parametrize(
    ("function", "start", "words"),
    [
        (lambda x, a: np.array([x[0] - a, x[1], x[0]]), np.ones(2), r"shape \(3,\) for x of shape \(2,\)"),
        (lambda x, a: x * np.ones(2) - a, 1.0, r"shape \(2,\) for x of shape \(\)"),
        (lambda x, a: np.sum(x) - a, np.ones(2), r"shape \(\) for x of shape \(2,\)"),
    ],
)
def test_as_many_equations_as_unknowns(function: Any, start: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        gradc.root(function, start)(2.0)
