"""`from_sympy`: values and derivatives of every kind of expression, against SymPy's own numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

import gradc
from gradc.errors import ArgumentError, ParseError, ShapeError

x, y, z = sp.symbols("x y z")
i, j = sp.symbols("i j", integer=True)
n, m = sp.symbols("n m", integer=True, positive=True)

POINTS = [(0.3, 0.7, 1.9), (1.4, 0.2, 0.6), (2.5, 1.1, 3.2)]

EXPRESSIONS = [
    x + y - z,
    x - 2 * y,
    -x * y / z,
    (1 - x) ** 2 + 100 * (y - x**2) ** 2,
    sp.Rational(2, 3) * x**3 - sp.Rational(1, 7) / y,
    sp.sqrt(x) + 1 / sp.sqrt(y) + x ** sp.Rational(3, 2) + z ** sp.Rational(-5, 2) + x ** sp.Rational(1, 3),
    x**y + 2**x + sp.exp(-(x**2)) + sp.E**y + x**100,
    sp.sin(x) * sp.cos(y) * sp.tan(z / 4) + sp.cot(x) + sp.sec(y) + sp.csc(z / 4),
    sp.asin(x / 4) + sp.acos(y / 4) + sp.atan(z) + sp.atan2(y, x) + sp.acot(x) + sp.acsc(x + 2) + sp.asec(x + 2),
    sp.sinh(x) + sp.cosh(y) + sp.tanh(z) + sp.coth(x) + sp.sech(y) + sp.csch(z),
    sp.asinh(x) + sp.acosh(y + 2) + sp.atanh(z / 5) + sp.acoth(x + 2),
    sp.log(x) + sp.log(y, 10) + sp.log(1 + z),
    sp.erf(x) + sp.erfc(y),
    sp.gamma(x) + sp.gamma(-y / 3) + sp.loggamma(z) + sp.factorial(x),
    sp.digamma(x) + sp.polygamma(1, y) + sp.polygamma(3, z),
    sp.beta(x, y),
    sp.erfi(x) + sp.erfinv(y / 4) + sp.Ei(x) + sp.Si(y) + sp.Ci(z) + sp.Shi(x) + sp.Chi(y),
    sp.fresnels(x) + sp.fresnelc(y) + sp.elliptic_k(x / 4) + sp.elliptic_f(y / 2, z / 5),
    sp.besselj(2, x) + sp.bessely(1, y) + sp.besseli(0, z) + sp.besselk(3, x) + sp.airyai(x) + sp.airybiprime(y),
    sp.Abs(x - y) + sp.sign(y - z) + sp.floor(3 * x) + sp.ceiling(2 * y) + sp.Mod(z, 1) + sp.frac(x),
    sp.Max(x, y, z) - sp.Min(x, y, z),
    sp.Heaviside(x - 1) + sp.Heaviside(y),
    sp.sinc(x),
    sp.Piecewise((x**2, x < 1), (sp.log(x), x < 2), (y, True)),
    sp.Piecewise((x, sp.And(x > 1, y < 1)), (y, sp.Or(z > 3, x < 0.5)), (z, sp.Not(x < 2)), (-x, True)),
    sp.pi * x + sp.EulerGamma + sp.GoldenRatio * y,
    sp.Sum(x**i / (i + 1), (i, 0, 5)),
    sp.Product(x + i, (i, 1, 4)),
    sp.Sum(sp.sin(i * x) * y**j, (j, 0, i_max := 3), (i, 1, i_max)),
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda e: str(e)[:40])
def test_values_are_sympys(expression):
    f = gradc.from_sympy(expression, [x, y, z])
    for point in POINTS:
        wanted = float(sp.N(expression.subs(dict(zip((x, y, z), point, strict=True))).doit(), 20))
        assert f(*point) == pytest.approx(wanted, rel=2e-13)


SMOOTH = [e for e in EXPRESSIONS if not e.has(sp.floor, sp.sign, sp.Max, sp.Heaviside, sp.Mod)]


@pytest.mark.parametrize("expression", SMOOTH, ids=lambda e: str(e)[:40])
def test_derivatives_are_sympys(expression):
    gradient = gradc.grad(gradc.from_sympy(expression, [x, y, z]), argnums=(0, 1, 2))
    point = dict(zip((x, y, z), POINTS[0], strict=True))
    for symbol, ours in zip((x, y, z), gradient(*POINTS[0]), strict=True):
        wanted = float(sp.N(sp.diff(expression.doit(), symbol).subs(point).doit(), 20))
        assert ours == pytest.approx(wanted, rel=1e-11, abs=1e-12)


def test_arrays_broadcast_as_with_lambdify():
    expression = sp.sin(x) * y + sp.Piecewise((x, x < 0), (y, True))
    f, g = gradc.from_sympy(expression, [x, y]), sp.lambdify([x, y], expression, "numpy")
    a, b = np.linspace(-2, 2, 7)[:, None], np.linspace(0, 1, 5)
    np.testing.assert_allclose(f(a, b), g(a, b), rtol=1e-14)


def test_a_matrix_is_an_array_with_two_axes():
    matrix = sp.Matrix([[x * y, sp.sin(x)], [1, y**2], [0, x - y]])
    f = gradc.from_sympy(matrix, [x, y])
    np.testing.assert_allclose(f(0.3, 0.7), np.array(matrix.subs({x: 0.3, y: 0.7})).astype(float), rtol=1e-15)
    many = f(np.linspace(0, 1, 4), 0.7)
    assert many.shape == (3, 2, 4)
    np.testing.assert_allclose(many[..., 0], f(0.0, 0.7), rtol=1e-15)


@pytest.mark.parametrize(
    "matrix",
    [sp.ImmutableMatrix([[x, 1]]), sp.SparseMatrix([[x, 0], [0, y]]), sp.Array([[x, y], [1, 2]]), sp.Matrix([x, y])],
    ids=["immutable", "sparse", "array", "column"],
)
def test_every_kind_of_matrix(matrix):
    ours = gradc.from_sympy(matrix, [x, y])(2.0, 3.0)
    wanted = np.array(sp.Array(matrix).subs({x: 2, y: 3}).tolist(), float)
    np.testing.assert_array_equal(ours, wanted.reshape(ours.shape))


def test_containers_keep_their_structure():
    assert gradc.from_sympy([x, (y, x * y)], [x, y])(2.0, 3.0) == [2.0, (3.0, 6.0)]
    assert gradc.from_sympy({"a": x, "b": x + y}, [x, y])(2.0, 3.0) == {"a": 2.0, "b": 5.0}


def test_arguments_in_containers():
    assert gradc.from_sympy(x * y + z, [(x, y), z])((2.0, 3.0), 4.0) == 10.0
    assert gradc.from_sympy(x * y + z, [[x, y], z])(np.array([2.0, 3.0]), 4.0) == 10.0
    assert gradc.from_sympy(x * y, [sp.Matrix([x, y])])(np.array([2.0, 3.0])) == 6.0
    assert gradc.from_sympy(x - y, [sp.Matrix([[x, y]])])(np.array([[2.0, 3.0]])) == -1.0
    assert gradc.from_sympy(x**2, x)(3.0) == 9.0
    assert gradc.from_sympy(y - x)(3.0, 5.0) == 2.0  # by name: x, then y


def test_functions_and_entries_are_arguments_too():
    u, v = sp.Function("u"), sp.IndexedBase("v")
    np.testing.assert_array_equal(gradc.from_sympy(2 * u(x) + v[0], [u(x), v[0]])(np.arange(2.0), 1.0), [1.0, 3.0])


def test_relations_are_truth_values():
    f = gradc.from_sympy(sp.And(x < y, sp.Ne(x, 0)), [x, y])
    assert f(1.0, 2.0) is True
    assert f(3.0, 2.0) is False
    np.testing.assert_array_equal(f(np.array([0.0, 1.0]), 2.0), [False, True])


def test_sums_over_entries():
    v, w, a = sp.IndexedBase("v"), sp.IndexedBase("w"), sp.IndexedBase("A")
    dot = gradc.from_sympy(sp.Sum(v[i] * w[i], (i, 0, n - 1)), [v, w])
    b, c = np.arange(4.0), np.array([1.0, -2.0, 3.0, 0.5])
    assert dot(b, c) == b @ c
    np.testing.assert_array_equal(gradc.grad(dot)(b, c), c)
    form = gradc.from_sympy(sp.Sum(v[i] * a[i, j] * w[j], (i, 0, n - 1), (j, 0, m - 1)), [v, a, w])
    matrix = np.arange(12.0).reshape(3, 4)
    assert form(b[:3], matrix, c) == pytest.approx(b[:3] @ matrix @ c)
    differences = gradc.from_sympy(sp.Sum((v[i + 1] - v[i]) ** 2, (i, 0, n - 2)), [v])
    assert differences(c) == np.sum(np.diff(c) ** 2)


def test_a_limit_that_is_an_argument():
    v = sp.IndexedBase("v")
    f = gradc.from_sympy(sp.Sum(v[i], (i, 0, n - 1)), [v, n])
    assert f(np.arange(6.0), 4) == 6.0
    assert f(np.arange(6.0), 2) == 1.0
    g = gradc.from_sympy(
        sp.Sum(sp.IndexedBase("u", shape=(n,))[i] / n, (i, 0, n - 1)), [sp.IndexedBase("u", shape=(n,)), n]
    )
    assert g(np.arange(4.0), 4) == 1.5


def test_matrix_symbols():
    a, b = sp.MatrixSymbol("a", 2, 3), sp.MatrixSymbol("b", 3, 2)
    f = gradc.from_sympy(a * b, [a, b])
    left, right = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2) - 2
    np.testing.assert_array_equal(f(left, right), left @ right)
    np.testing.assert_array_equal(gradc.from_sympy(a.T + b, [a, b])(left, right), left.T + right)


def test_matrices_of_any_size():
    a, b = sp.MatrixSymbol("a", m, n), sp.MatrixSymbol("b", n, m)
    f = gradc.from_sympy(a * b + (a * b).T, [a, b])
    left, right = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2) - 2
    np.testing.assert_array_equal(f(left, right), left @ right + (left @ right).T)
    square, column = sp.MatrixSymbol("s", n, n), sp.MatrixSymbol("c", n, 1)
    s, c = np.array([[2.0, 1.0], [0.5, 3.0]]), np.array([1.0, -2.0])
    solution = gradc.from_sympy(x * square.inv() * column + column * sp.Trace(square) / n, [x, square, column])
    wanted = 3 * np.linalg.solve(s, c) + c * np.trace(s) / 2
    np.testing.assert_allclose(solution(3.0, s, c)[:, 0], wanted, rtol=1e-14)
    entry = gradc.from_sympy((square * square)[0, 1] + sp.det(square) + (square**3 + sp.Identity(n))[1, 1], [square])
    assert entry(s) == pytest.approx((s @ s)[0, 1] + np.linalg.det(s) + (s @ s @ s)[1, 1] + 1)
    stacked = gradc.from_sympy(x * square, [x, square])(np.array([1.0, 2.0]), s)
    np.testing.assert_array_equal(stacked, s[:, :, None] * [1.0, 2.0])


def test_matrices_that_are_written_out():
    a, c, s = sp.MatrixSymbol("a", n, n), sp.MatrixSymbol("c", n, 1), np.array([[2.0, 1.0], [0.5, 3.0]])
    np.testing.assert_allclose(gradc.from_sympy(a.applyfunc(sp.sin))(s), np.sin(s), rtol=1e-15)
    blocks = gradc.from_sympy(sp.BlockMatrix([[a, c], [c.T, sp.Identity(1)]]))
    column = np.array([[4.0], [5.0]])
    np.testing.assert_array_equal(blocks(s, column), np.block([[s, column], [column.T, np.ones((1, 1))]]))
    np.testing.assert_array_equal(gradc.from_sympy(sp.KroneckerProduct(a, a))(s), np.kron(s, s))


def test_what_sympy_carries_out():
    waiting = sp.Derivative(x**3, x) + sp.Integral(sp.cos(y), (y, 0, x)) + sp.Subs(sp.Derivative(y**2, y), y, z)
    assert gradc.from_sympy(waiting)(2.0, 5.0) == pytest.approx(12 + math.sin(2) + 10)


def test_large_matrices_are_not_written_out():
    a = sp.MatrixSymbol("a", 300, 400)
    left = np.arange(120_000.0).reshape(300, 400) / 1e5
    np.testing.assert_allclose(gradc.from_sympy(a * a.T, [a])(left), left @ left.T, rtol=1e-12)


def test_a_branch_that_is_not_taken_leaves_the_derivative_finite():
    f = gradc.from_sympy(sp.Piecewise((sp.sqrt(x), x > 0), (0, True)), [x])
    assert gradc.grad(f)(-1.0) == 0.0
    assert gradc.grad(f)(0.0) == 0.0


def test_shared_nodes_are_converted_once():
    """Written out as a tree the expression has 2^200 leaves."""
    shared = x
    for _ in range(200):
        shared = sp.Add(
            sp.Mul(sp.Rational(1, 3), sp.sin(shared, evaluate=False), evaluate=False), shared, evaluate=False
        )
    f = gradc.from_sympy(shared)
    value, slope = 1e-3, 1.0
    for _ in range(200):
        slope *= 1 + math.cos(value) / 3
        value += math.sin(value) / 3
    assert f(1e-3) == pytest.approx(value)
    assert gradc.grad(f)(1e-3) == pytest.approx(slope)


def test_long_and_deep_expressions():
    deep, value = x, 0.5
    for k in range(3000):
        deep = sp.cos(deep, evaluate=False) if k % 2 else sp.Add(deep, y, evaluate=False)
        value = math.cos(value) if k % 2 else value + 0.1
    assert gradc.from_sympy(deep)(0.5, 0.1) == pytest.approx(value)


def test_nested_branches():
    nested = x
    for k in range(100):
        nested = sp.Piecewise((nested + 1, x > k), (nested / 2, True), evaluate=False)
    value = 50.5
    for k in range(100):
        value = value + 1 if k < 50.5 else value / 2
    assert gradc.from_sympy(nested)(50.5) == pytest.approx(value)


def test_free_symbols_are_the_arguments():
    v = sp.IndexedBase("v", shape=(n,))
    total = sp.Sum(y * v[i] + sp.Sum(x * j, (j, 0, i_last := 2)), (i, 0, n - 1)) + i_last
    assert gradc.from_sympy(total)(np.array([1.0, 2.0]), 3.0, 4.0) == 2 + 2 * 3 * 3.0 + 4.0 * 3.0  # v, x, y


@pytest.mark.parametrize("wide", [np.float32, np.float64])
def test_dtypes_are_kept(wide):
    assert gradc.from_sympy(x**2 + sp.pi, [x])(np.ones(3, wide)).dtype == wide


def test_integers_count_as_floats():
    assert gradc.from_sympy(x**-1 + y, [x, y])(2, 3) == 3.5
    np.testing.assert_array_equal(gradc.from_sympy(1 / x, [x])(np.array([2, 4])), [0.5, 0.25])


def test_errors_say_what_is_wrong():
    with pytest.raises(ParseError, match="y is none of the arguments"):
        gradc.from_sympy(x + y, [x])(1.0)
    with pytest.raises(ParseError, match="mathieuc has no counterpart"):
        gradc.from_sympy(sp.mathieuc(1, 1, x), [x])(1.0)
    with pytest.raises(ParseError, match="LambertW has no counterpart"):
        gradc.from_sympy(sp.LambertW(x), [x])(1.0)
    with pytest.raises(ParseError, match="no real number"):
        gradc.from_sympy(x + sp.I, [x])(1.0)
    with pytest.raises(ArgumentError, match="takes symbols"):
        gradc.from_sympy(x, [x + 1])
    with pytest.raises(ArgumentError, match="no order"):
        gradc.from_sympy(x, {x, y})
    with pytest.raises(ArgumentError, match="stands for 2 values"):
        gradc.from_sympy(x + y, [(x, y)])((1.0, 2.0, 3.0))
    a, b = sp.MatrixSymbol("a", 2, n), sp.MatrixSymbol("b", n, 2)
    with pytest.raises(ShapeError, match="a is a matrix of 2 x n; got"):
        gradc.from_sympy(a * b, [a, b])(np.ones((3, 2)), np.ones((2, 2)))
    with pytest.raises(ShapeError, match="n is 3 in a"):
        gradc.from_sympy(a * b, [a, b])(np.ones((2, 3)), np.ones((4, 2)))


@pytest.mark.parametrize(("expression", "error"), [(None, gradc.ArgumentError), ("x +* y", gradc.ParseError)])
def test_what_is_no_expression(expression, error):
    with pytest.raises(error):
        gradc.from_sympy(expression)
