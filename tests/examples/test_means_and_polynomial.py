"""Means of polynomials, where a careless derivation loses the 1/n, and a quartic with its formula."""

from __future__ import annotations

import numpy as np

import gradc


def polynomial(x):
    return 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1


def scaled_square(x):
    return np.mean(2 * (3 * x + 2) ** 2)


def test_means_over_ones():
    np.testing.assert_array_equal(
        gradc.grad(lambda x: np.mean(3 * (x + 2) ** 2))(np.ones((2, 2))), np.full((2, 2), 4.5)
    )
    np.testing.assert_allclose(gradc.grad(lambda x: np.mean(x + 2))(np.ones(5)), np.full(5, 0.2), rtol=1e-16)
    np.testing.assert_array_equal(
        gradc.grad(lambda x: np.mean(2 * (x + 5) ** 2))(np.ones((2, 2))), np.full((2, 2), 6.0)
    )


def test_quartic():
    value, gradient = gradc.value_and_grad(polynomial)(2.0)
    assert (value, gradient) == (63.0, 93.0)
    assert type(value) is type(gradient) is float


def test_quartic_at_an_integer():
    assert gradc.grad(polynomial)(2) == 93.0


def test_formula_of_the_quartic():
    formula = gradc.grad(polynomial).formula()
    assert formula.latex() == "8 x^{3} + 3 x^{2} + 6 x + 5"
    assert str(formula.sympy()) == "8*x**3 + 3*x**2 + 6*x + 5"
    assert gradc.grad(gradc.grad(polynomial)).formula().latex() == "24 x^{2} + 6 x + 6"


def test_scaled_square():
    x = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    value, gradient = gradc.value_and_grad(scaled_square)(x)
    assert value == 140.0
    np.testing.assert_array_equal(gradient, [[10.0, 16.0, 22.0], [22.0, 16.0, 10.0]])


def test_formula_of_the_scaled_square_is_reduced():
    formula = gradc.grad(scaled_square).formula(gradc.matrix(2, 3))
    assert formula.latex(notation="matrix") == "2 (3 x + 2)"
    assert gradc.verify(scaled_square, "12*(3*x + 2)/6", gradc.matrix(2, 3)).status == "proved"


def test_forgetting_the_mean_is_refuted():
    verdict = gradc.verify(scaled_square, "12*(3*x + 2)", gradc.matrix(2, 3))
    assert verdict.status == "refuted"
    assert "6" in verdict.hint
