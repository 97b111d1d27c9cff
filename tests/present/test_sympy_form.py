"""`formula.sympy()`: what a SymPy user expects, and the way back by `from_sympy`."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import sympy as sp
from scipy.special import expit

import gradc
from gradc.errors import ArgumentError

x, y = sp.symbols("x y")
i, j, k = sp.symbols("i j k", integer=True)
n, m = sp.symbols("n m", integer=True, positive=True)
v, w, A = sp.IndexedBase("v"), sp.IndexedBase("w"), sp.IndexedBase("A")


def test_brackets_that_exclude_each_other_are_one_piecewise():
    formula = gradc.grad(lambda x: np.where(x > 0, np.log(x), x**2)).formula()
    assert formula.sympy() == sp.Piecewise((2 * x, x <= 0), (1 / x, True))


def test_extrema_keep_their_names():
    assert gradc.jit(lambda x, y: np.maximum(x, y) + np.abs(x)).formula().sympy() == sp.Max(x, y) + sp.Abs(x)


def test_sums_over_named_extents():
    dot = gradc.jit(lambda v: np.sum(v**2)).formula(gradc.vector("n")).sympy()
    assert dot == sp.Sum(v[i] ** 2, (i, 0, n - 1))
    product = gradc.jit(lambda A, v: A @ v).formula(gradc.matrix("m", "n"), gradc.vector("n")).sympy()
    assert product == sp.Sum(A[i, j] * v[j], (j, 0, n - 1))


def test_running_sums_have_limits():
    running = gradc.jit(lambda v: np.cumsum(v)).formula(gradc.vector("n")).sympy()
    assert running == sp.Sum(v[j], (j, 0, i))
    products = gradc.grad(lambda v: np.prod(v)).formula(gradc.vector("n")).sympy()
    assert products == sp.Product(v[j], (j, i + 1, n - 1)) * sp.Product(v[k], (k, 0, i - 1))


def test_diagonals_are_kronecker_deltas():
    diagonal = gradc.jacobian(lambda v: np.sin(v)).formula(gradc.vector("n")).sympy()
    assert diagonal == sp.cos(v[i]) * sp.KroneckerDelta(i, j)


def test_what_sympy_cannot_say_is_refused():
    with pytest.raises(ArgumentError, match="give fixed extents"):
        gradc.jit(lambda v: np.max(v)).formula(gradc.vector("n")).sympy()


NUMBERS = [
    lambda x, y: np.sin(x) * y**2 - x / y,
    lambda x, y: np.where(x > y, x * y, np.exp(-y)),
    lambda x, y: np.maximum(x, y) ** 2 + np.arctan2(y, x),
    lambda x, y: expit(x) * np.log1p(y) + np.hypot(x, y),
    lambda x, y: np.floor(3 * x) * y + np.tanh(x * y) ** 3,
]


@pytest.mark.parametrize("function", NUMBERS)
def test_there_and_back(function):
    gradient = gradc.grad(function, argnums=(0, 1))
    back = gradc.from_sympy(list(gradient.formula().sympy()), [x, y])
    for point in [(0.4, 0.9), (1.3, 0.2)]:
        np.testing.assert_allclose(back(*point), gradient(*point), rtol=1e-12)


def test_sums_there_and_back():
    def form(v, A):
        return np.sum(np.exp(A @ v)) + v @ v

    back = gradc.from_sympy(gradc.jit(form).formula(gradc.vector("n"), gradc.matrix("m", "n")).sympy(), [v, A])
    values, matrix = np.array([0.1, -0.4, 0.2]), np.arange(6.0).reshape(2, 3) / 7
    assert back(values, matrix) == pytest.approx(form(values, matrix))
    np.testing.assert_allclose(gradc.grad(back)(values, matrix), gradc.grad(form)(values, matrix), rtol=1e-12)


def test_shared_parts_stay_shared():
    """Written out as a tree the expression has 2^60 leaves."""

    def f(x):
        for _ in range(60):
            x = np.sin(x) / 3 + x
        return x

    expression = gradc.jit(f).formula(gradc.scalar()).sympy()
    again = gradc.from_sympy(expression)
    assert again(0.01) == pytest.approx(f(0.01))


def test_what_sympy_cannot_build_is_said():
    def f(x):
        return functools.reduce(lambda x, _: np.sin(x) * 1.1 + 0.1, range(1500), x)

    with pytest.raises(ArgumentError, match="more deeply than SymPy"):
        gradc.jit(f).formula(gradc.scalar()).sympy()
