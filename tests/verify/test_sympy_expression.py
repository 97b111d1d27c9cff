"""SymPy expressions as functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy

from gradc.errors import ParseError
from gradc.verify.parse_formula import function_from_sympy

w, x, y = sympy.symbols("w x y", positive=True)


@pytest.mark.parametrize(
    "expression",
    [
        2 * x * (w * x - y),
        sympy.sin(x) ** 2 / w - sympy.Rational(2, 3) * y,
        sympy.exp(-x) + sympy.E**w + sympy.log(y),
        sympy.sqrt(x) + 1 / sympy.sqrt(w) + x**w,
        sympy.pi * sympy.atan2(x, y) + sympy.asin(x / 10),
        sympy.Piecewise((x, x > y), (w, x < -1), (w + 1, True)),
        sympy.Max(x, y, w) + sympy.Abs(x - y),
    ],
)
def test_value(expression):
    at = {"w": 1.5, "x": 0.75, "y": 2.25}
    function = function_from_sympy(expression, ["w", "x", "y"])
    exact = expression.subs({symbol: at[symbol.name] for symbol in (w, x, y)})
    assert float(function(*at.values())) == pytest.approx(float(exact), rel=1e-14)


def test_entries_and_matrices():
    x0, x1 = sympy.symbols("x0 x_1")
    function = function_from_sympy(sympy.Matrix([x1, x0 * x1]), ["x"])
    np.testing.assert_array_equal(function(np.array([2.0, 3.0])), [3.0, 6.0])
    jacobian = function_from_sympy(sympy.Matrix([[1, x0], [0, x1]]), ["x"])
    np.testing.assert_array_equal(jacobian(np.array([2.0, 3.0])), [[1.0, 2.0], [0.0, 3.0]])
    assert function_from_sympy((x0, x1), ["x"])(np.array([2.0, 3.0])) == (2.0, 3.0)


def test_matrix_symbols():
    A = sympy.MatrixSymbol("A", 2, 2)
    B = sympy.MatrixSymbol("B", 2, 2)
    left, right = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [2.0, 5.0]])
    np.testing.assert_array_equal(
        function_from_sympy(2 * A.T * B + B, ["A", "B"])(left, right), 2 * left.T @ right + right
    )
    assert function_from_sympy(A[1, 0] + sympy.pi, ["A"])(left) == 3 + math.pi


def test_unknown_symbols_and_functions():
    with pytest.raises(ParseError, match="symbol z is none of the parameters"):
        function_from_sympy(sympy.Symbol("z") + x, ["x"])
    with pytest.raises(ParseError, match="no counterpart"):
        function_from_sympy(sympy.airyai(x), ["x"])(1.0)
