"""Text to functions: both notations, their meaning on numbers and arrays, and the errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradc.errors import ParseError
from gradc.verify.parse_formula import function_from_text, parse_formula
from gradc.verify.syntax import names_in

MATRIX = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])
VECTOR = np.array([0.5, -1.0])
TARGET = np.array([1.0, 2.0, 3.0])


def value(text, **arguments):
    return function_from_text(text, list(arguments))(*arguments.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4*x", 8.0),
        ("8 x^3 + 3 x^2 + 6x + 5", 93.0),
        ("12*(3*x + 2)/6", 16.0),
        ("12(3x + 2)/6", 16.0),
        ("-x**2", -4.0),
        ("2**-x", 0.25),
        ("2^3^x", 512.0),
        ("-x^2 + (-x)^2", 0.0),
        ("np.sin(x)**2 + math.cos(x)**2", 1.0),
        ("sin(pi*x)/e", math.sin(2 * math.pi) / math.e),
        ("1.5e-3*x", 0.003),
        ("x**2 if x > 3 else -x", -2.0),
        ("where((x > 0) & (x < 1), 5, 7)", 7),
        ("1 < x < 3", True),
        ("not x > 3", True),
        ("max(x, 3) + min(x, 3, 1)", 4.0),
        ("dL/dx = 3*x", 6.0),
        ("2·x − 1", 3.0),
        ("x²", 4.0),
        ("7 // x % 2 - 5", -4.0),
    ],
)
def test_python_notation(text, expected):
    assert value(text, x=2.0) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"8 x^{3} + 3 x^{2} + 6 x + 5", 93.0),
        (r"\frac{\sin^2 x}{x}", math.sin(2) ** 2 / 2),
        (r"\frac12 x", 1.0),
        (r"\tfrac{1}{2}x", 1.0),
        (r"e^{-x^2} e^x", math.exp(-2)),
        (r"x e^{2x}", 2 * math.exp(4)),
        (r"\sqrt{x} + \sqrt[3]{4 x}", math.sqrt(2) + 2),
        (r"2 \left(x + 1\right) x", 12.0),
        (r"\sin 2\pi x \cos x", 0.0),
        (r"\sin (x) x", 2 * math.sin(2)),
        (r"\sin^{-1} \frac{x}{2}", math.pi / 2),
        (r"\ln x + \log_{10} x + \log_2 x", math.log(2) + math.log10(2) + 1),
        (r"\left|-x\right| - |x|", 0.0),
        (r"|x|\,|x|", 4.0),
        (r"\begin{cases} x^2 & \text{if } x > 3 \\ -x & \text{otherwise} \end{cases}", -2.0),
        (r"\begin{cases} x^2, & x \le 2 \\ -x & x > 2 \end{cases}", 4.0),
        (r"\frac{\partial L}{\partial x} = 3\,x", 6.0),
        (r"$$ x \cdot x \times x $$", 8.0),
        (r"\max(x, 3) + \min\left(x, 3\right)", 5.0),
        (r"\sigma(x) (1 - \sigma(x))", 1 / (1 + math.exp(-2)) / (1 + math.exp(2))),
        (r"\operatorname{softplus}(x)", math.log(1 + math.exp(2))),
        (r"x^{-1}", 0.5),
        (r"x^{1/2}", math.sqrt(2)),
    ],
)
def test_latex_notation(text, expected):
    assert value(text, x=2.0) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_latex_names():
    assert value(r"w_1 x + \theta_0 + \hat{y}", w1=2.0, x=3.0, theta=np.array([5.0]), y_hat=7.0) == 18.0
    assert value(r"\lambda \mathbf{w}_{1}", lam=2.0, w=np.array([5.0, 6.0])) == 12.0
    assert value(r"x_{1,0}", x=MATRIX) == 3.0
    assert value(r"loss x", loss=2.0, x=3.0) == 6.0
    assert value(r"{wx}", w=2.0, x=3.0) == 6.0
    assert value(r"\mathrm{rate} x", rate=2.0, x=3.0) == 6.0
    assert value(r"\sigma x", sigma=2.0, x=3.0) == 6.0


@pytest.mark.parametrize(
    "text",
    [
        "2*X.T @ (X @ w - y)",
        "2*X^T (X w - y)",
        "2*dot(transpose(X), X.dot(w) - y)",
        r"2 X^\top (X w - y)",
        r"2 X^{T} \left( X \cdot w - y \right)",
        r"2 ( (X w - y)^\top X )^\top",
    ],
)
def test_products_of_arrays(text):
    expected = 2 * MATRIX.T @ (MATRIX @ VECTOR - TARGET)
    np.testing.assert_allclose(value(text, X=MATRIX, w=VECTOR, y=TARGET), expected)


def test_rows_and_columns():
    np.testing.assert_array_equal(value(r"x y^\top", x=VECTOR, y=TARGET), np.outer(VECTOR, TARGET))
    assert value(r"x^\top x", x=VECTOR) == VECTOR @ VECTOR
    assert value(r"x' A x", x=VECTOR, A=np.diag([2.0, 3.0])) == 3.5
    assert value(r"\|x\|_2^2 + \lVert x \rVert_1", x=VECTOR) == pytest.approx(1.25 + 1.5)
    np.testing.assert_array_equal(value(r"x^{\odot 2} \odot x", x=VECTOR), VECTOR**3)
    np.testing.assert_array_equal(value(r"A^{2}", A=np.array([[1.0, 1.0], [0.0, 1.0]])), [[1, 2], [0, 1]])
    assert value(r"\operatorname{tr}(A A)", A=np.diag([2.0, 3.0])) == 13.0
    with pytest.raises(ParseError, match="two column vectors"):
        value(r"\frac{1}{2} x y", x=VECTOR, y=VECTOR)


def test_arrays_in_python_notation():
    assert value("x[0]*x[1] + x1", x=VECTOR) == -1.5
    np.testing.assert_array_equal(value("X[1:, 0]", X=MATRIX), [3.0, 5.0])
    np.testing.assert_array_equal(value("X[..., ::-1]", X=MATRIX), MATRIX[..., ::-1])
    np.testing.assert_array_equal(value("sum(X, axis=0) + X.mean(axis=0)", X=MATRIX), MATRIX.sum(0) + MATRIX.mean(0))
    np.testing.assert_array_equal(value("[x[1], 2*x[0]]", x=VECTOR), [-1.0, 1.0])
    np.testing.assert_array_equal(value("np.array([[1, x[0]], [0, 1]])", x=VECTOR), [[1, 0.5], [0, 1]])
    assert value("x[0], x[1]", x=VECTOR) == (0.5, -1.0)
    np.testing.assert_array_equal(value(r"\begin{pmatrix} x_1 \\ x_0 \end{pmatrix}", x=VECTOR), [-1.0, 0.5])


def test_parameters_hide_constants_and_functions():
    assert value("e*pi", e=2.0, pi=3.0) == 6.0
    assert value("sin(x)", sin=2.0, x=3.0) == 6.0
    assert value("gamma*T", gamma=2.0, T=3.0) == 6.0
    assert value("x^T", x=2.0, T=3.0) == 8.0


def test_names_of_a_formula():
    assert names_in(parse_formula("2*(w*x - y)**2 + sin(pi*x)")) == ["w", "x", "y"]
    assert function_from_text("a + b").__signature__.parameters.keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "message", "caret"),
    [
        ("", "ends too early", 0),
        ("2*", "ends too early", 2),
        ("x +* 2", r"'\*' is not expected", 3),
        ("(x + 2", r"expected or '\)'", 6),
        ("x + 2)", r"'\)' is not expected", 5),
        ("2*z", "unknown name 'z': the parameters are w, x", 2),
        ("2*wx", r"did you mean w\*x", 2),
        ("foo(x)", "unknown function 'foo'", 0),
        ("sine(x)", "did you mean sin", 0),
        ("1/2x", "under the fraction or beside it", 3),
        ("x $ 2", "has no meaning", 2),
        ("lambda x: x", "not part of a formula", 0),
        ("x.__class__", "not an attribute", 2),
        ("np.load(x)", "unknown function 'load'", 3),
        ("sin", "is a function: write sin", 0),
        (r"\foo x", "no meaning", 0),
        (r"\frac{x}", "ends too early", 8),
        (r"\frac{x}{2", "'}' expected", 10),
        (r"\sum x", "needs the index", 0),
        (r"\int x", "no meaning", 0),
        (r"\sin", "sin of what", 0),
        (r"\left( x", r"'\)' expected", 8),
    ],
)
def test_errors_point_at_the_place(text, message, caret):
    with pytest.raises(ParseError, match=message) as caught:
        function_from_text(text, ["w", "x"])
    if text:
        *_, shown, marker = str(caught.value).split("\n")
        assert shown.strip() == text
        assert marker.index("^") - 4 == caret


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('true')", "().__class__", "open(x)", "[y for y in x]", "eval(x)", "exec", "`x`"],
)
def test_nothing_is_evaluated(text):
    with pytest.raises(ParseError):
        function_from_text(text, ["x"])


def test_long_and_deep_formulas():
    assert value("+".join(["x"] * 20_000), x=1.0) == 20_000
    with pytest.raises(ParseError, match="nested"):
        value("(" * 5000 + "x" + ")" * 5000, x=1.0)
    with pytest.raises(ParseError, match="nested"):
        value("-" * 5000 + "x", x=1.0)
    with pytest.raises(ParseError, match="characters"):
        value("x" * 1_000_000, x=1.0)


def test_a_computation_that_fails_is_shown_in_place():
    with pytest.raises(ParseError, match="can't be computed") as caught:
        value("x @ y", x=VECTOR, y=TARGET)
    assert str(caught.value).endswith("    x @ y\n      ^")
