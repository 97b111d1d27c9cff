"""SymPy expressions as functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy

import gradc
from gradc.errors import ParseError
from gradc.evaluate import evaluate
from gradc.trace.specs import matrix, vector
from gradc.trace.tracing import trace
from gradc.verify.parse_formula import function_from_sympy

w, x, y = sympy.symbols("w x y", positive=True)


def values(expression, parameters, *args):
    """What the function of the expression gives at these arguments."""
    traced = trace(function_from_sympy(expression, parameters), args)
    return evaluate(traced.graph, [np.asarray(arg) for arg in args])


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
    exact = expression.subs({symbol: at[symbol.name] for symbol in (w, x, y)})
    assert values(expression, ["w", "x", "y"], *at.values())[0] == pytest.approx(float(exact), rel=1e-14)


def test_entries_and_matrices():
    x0, x1 = sympy.symbols("x0 x_1")
    at = np.array([2.0, 3.0])
    np.testing.assert_array_equal(values(sympy.Matrix([x1, x0 * x1]), ["x"], at)[0], [3.0, 6.0])
    np.testing.assert_array_equal(values(sympy.Matrix([[1, x0], [0, x1]]), ["x"], at)[0], [[1.0, 2.0], [0.0, 3.0]])
    assert values((x0, x1), ["x"], at) == [2.0, 3.0]


def test_matrix_symbols():
    A = sympy.MatrixSymbol("A", 2, 2)
    B = sympy.MatrixSymbol("B", 2, 2)
    left, right = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [2.0, 5.0]])
    np.testing.assert_array_equal(values(2 * A.T * B + B, ["A", "B"], left, right)[0], 2 * left.T @ right + right)
    assert values(A[1, 0] + sympy.pi, ["A"], left)[0] == 3 + math.pi


def test_matrices_of_any_size_verify():
    n = sympy.Symbol("n", integer=True, positive=True)
    A, b = sympy.MatrixSymbol("A", n, n), sympy.MatrixSymbol("b", n, 1)
    specs = (matrix("n", "n"), vector("n"))
    assert gradc.verify(lambda A, b: b @ A @ b, (A + A.T) * b, *specs, argnums=1).status == "proved"
    assert gradc.verify(lambda A, b: b @ A @ b, b * b.T, *specs).status == "proved"
    assert (
        gradc.verify(lambda A, b: np.trace(A) * (b @ b), 2 * sympy.Trace(A) * b, *specs, argnums=1).status == "proved"
    )
    assert gradc.verify(lambda A, b: np.log(np.linalg.det(A)), A.inv().T, *specs).status == "proved"
    assert not gradc.verify(lambda A, b: b @ A @ b, 2 * A * b, *specs, argnums=1)


def test_sums_over_an_axis_of_any_size_verify():
    i, n = sympy.symbols("i n", integer=True)
    v, w, c = sympy.IndexedBase("v"), sympy.IndexedBase("w"), sympy.Symbol("c")
    mean = sympy.Sum(w[i] * v[i], (i, 0, n - 1)) / n

    def f(v, w, c):
        return c**2 * np.mean(v * w) / 2

    specs = (vector("n"), vector("n"), gradc.scalar())
    assert gradc.verify(f, c * mean, *specs, argnums=2).status == "proved"
    assert not gradc.verify(f, c * mean / n, *specs, argnums=2)


def test_unknown_symbols_and_functions():
    with pytest.raises(ParseError, match="symbol z is none of the parameters"):
        function_from_sympy(sympy.Symbol("z") + x, ["x"])
    with pytest.raises(ParseError, match="no counterpart"):
        values(sympy.mathieuc(1, 1, x), ["x"], 1.0)
