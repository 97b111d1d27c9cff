"""Derivatives of functions of numbers, as a calculus book prints them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.evaluate import evaluate
from gradc.verify.parse_formula import function_from_text

Case = tuple[Callable[..., float], str, str]

# the function, its derivative in the first argument in LaTeX and as text
DERIVATIVES: list[Case] = [
    (lambda x: 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1, "8 x^{3} + 3 x^{2} + 6 x + 5", "8*x**3 + 3*x**2 + 6*x + 5"),
    (lambda x: x * x * x, "3 x^{2}", "3*x**2"),
    (lambda x: 1 - 3 * x, "-3", "-3"),
    (lambda x: 5 - x**2, "-2 x", "-2*x"),
    (lambda x: x - x**3, "1 - 3 x^{2}", "1 - 3*x**2"),
    (lambda x: (x - 3) ** 2, "2 (x - 3)", "2*(x - 3)"),
    (lambda x: (3 * x + 2) ** 2, "6 (3 x + 2)", "6*(3*x + 2)"),
    (lambda x: 1 / x, r"-\frac{1}{x^{2}}", "-1/x**2"),
    (lambda x: 0.1 * x**3, "0.3 x^{2}", "0.3*x**2"),
    (lambda x: x**2.69, "2.69 x^{1.69}", "2.69*x**1.69"),
    (lambda x: x**2 / 2, "x", "x"),
    (lambda x: np.sqrt(x), r"\frac{1}{2 \sqrt{x}}", "1/(2*sqrt(x))"),
    (lambda x: np.sqrt(1 + x**2), r"\frac{x}{\sqrt{x^{2} + 1}}", "x/sqrt(x**2 + 1)"),
    (lambda x: np.exp(-(x**2)), "-2 x e^{-x^{2}}", "-2*x*exp(-x**2)"),
    (lambda x: x * np.exp(x), "(x + 1) e^{x}", "(x + 1)*exp(x)"),
    (lambda x: np.exp(x) / x, r"\frac{(x - 1) e^{x}}{x^{2}}", "(x - 1)*exp(x)/x**2"),
    (lambda x: np.log(x), r"\frac{1}{x}", "1/x"),
    (lambda x: np.log1p(x), r"\frac{1}{x + 1}", "1/(x + 1)"),
    (lambda x: np.log(np.exp(x)), "1", "1"),
    (lambda x: np.sin(x), r"\cos x", "cos(x)"),
    (lambda x: np.cos(3 * x), r"-3 \sin(3 x)", "-3*sin(3*x)"),
    (lambda x: np.sin(x) ** 2, r"2 \sin x \cos x", "2*sin(x)*cos(x)"),
    (lambda x: np.sin(2 * np.pi * x), r"2 \pi \cos(2 \pi x)", "2*pi*cos(2*pi*x)"),
    (lambda x: np.tan(x), r"1 + \tan^{2} x", "1 + tan(x)**2"),
    (lambda x: np.tanh(x), r"1 - \tanh^{2} x", "1 - tanh(x)**2"),
    (lambda x: np.arctan(x), r"\frac{1}{x^{2} + 1}", "1/(x**2 + 1)"),
    (lambda x: np.arcsin(x), r"\frac{1}{\sqrt{1 - x^{2}}}", "1/sqrt(1 - x**2)"),
    (lambda x: 1 / (1 + np.exp(-x)), r"\sigma(x) (1 - \sigma(x))", "sigmoid(x)*(1 - sigmoid(x))"),
    (lambda x: np.abs(x), r"\operatorname{sign}(x)", "sign(x)"),
    (lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, "0", "0"),
    (lambda x: np.sin(x) / (1 + np.cos(x)), r"\frac{1}{1 + \cos x}", "1/(1 + cos(x))"),
    (lambda x: x / (x**2 + 1), r"\frac{1 - x^{2}}{(x^{2} + 1)^{2}}", "(1 - x**2)/(x**2 + 1)**2"),
    (lambda x: -x / np.sqrt(1 - x**2), r"-\frac{1}{(1 - x^{2})^{3/2}}", "-1/(1 - x**2)**(3/2)"),
    (lambda x: np.cos(x) / np.sin(x), r"-\frac{1}{\sin^{2} x}", "-1/sin(x)**2"),
    (lambda x: x * np.arctan(x) - np.log(1 + x**2) / 2, r"\arctan x", "arctan(x)"),
    (lambda x: np.log(np.cos(x)), r"-\tan x", "-tan(x)"),
    (lambda x: np.log(x + np.sqrt(x**2 + 1)), r"\frac{1}{\sqrt{x^{2} + 1}}", "1/sqrt(x**2 + 1)"),
    (lambda x: np.log(1 + np.exp(x)), r"\sigma(x)", "sigmoid(x)"),
    (lambda x: x**x, r"x^{x} (1 + \log x)", "x**x*(1 + log(x))"),
    (
        lambda x: np.exp(-((x - 1) ** 2) / (2 * 0.3**2)),
        r"\frac{100}{9} (1 - x) e^{-50 (x - 1)^{2}/9}",
        "100/9*(1 - x)*exp(-50/9*(x - 1)**2)",
    ),
    (
        lambda x, a: x / np.sqrt(x**2 + a**2),
        r"\frac{a^{2}}{(a^{2} + x^{2})^{3/2}}",
        "a**2/(a**2 + x**2)**(3/2)",
    ),
    (lambda x, a, b, c: (a * x + b) / (c * x + 1), r"\frac{a - b c}{(c x + 1)^{2}}", "(a - b*c)/(c*x + 1)**2"),
    (lambda w, x, y: (w * x - y) ** 2, "2 x (w x - y)", "2*x*(w*x - y)"),
    (lambda x, y: (1 - x) ** 2 + 2 * (y - x**2) ** 2, "8 x (x^{2} - y) + 2 (x - 1)", "8*x*(x**2 - y) + 2*(x - 1)"),
    (lambda x, y: x * y + y**2, "y", "y"),
    (lambda x, y: np.sqrt(x**2 + y**2), r"\frac{x}{\sqrt{x^{2} + y^{2}}}", "x/sqrt(x**2 + y**2)"),
    (lambda x, y: np.arctan2(y, x), r"-\frac{y}{x^{2} + y^{2}}", "-y/(x**2 + y**2)"),
    (lambda x, n: x**n, "n x^{n - 1}", "n*x**(n - 1)"),
    (lambda n, x: x**n, r"x^{n} \log x", "x**n*log(x)"),
    (lambda theta: np.sin(theta), r"\cos \theta", "cos(theta)"),
    (lambda x_hat, w1: w1 * x_hat**2, r"2 w_1 \hat{x}", "2*w1*x_hat"),
]


def identify(case: Case) -> str:
    return case[2]


@pytest.mark.parametrize("case", DERIVATIVES, ids=identify)
def test_derivative_in_latex_and_text(case: Case) -> None:
    function, latex, plain = case
    formula = gradc.grad(function).formula()
    assert formula.latex() == latex
    assert str(formula) == plain


@pytest.mark.parametrize("case", DERIVATIVES, ids=identify)
def test_the_print_has_the_numbers_of_the_derivative(case: Case, rng: np.random.Generator) -> None:
    """The LaTeX is read back, SymPy's expression evaluated, the display form run: all agree with the kernel."""
    function = case[0]
    derivative = gradc.grad(function)
    formula = derivative.formula()
    names = list(derivative.__signature__.parameters) if hasattr(derivative, "__signature__") else None
    count = function.__code__.co_argcount
    names = names or list(function.__code__.co_varnames[:count])
    point = list(rng.uniform(0.2, 0.9, count))
    expected = derivative(*point)
    assert evaluate(formula.graph_ir, point)[0] == pytest.approx(expected, rel=1e-12)
    assert float(formula.sympy().subs(dict(zip(names, point, strict=True)))) == pytest.approx(expected, rel=1e-9)
    text = str(formula)
    if "sigmoid" not in text:
        assert function_from_text(text, names)(*point) == pytest.approx(expected, rel=1e-9)
        if "hat" not in text:
            assert function_from_text(formula.latex(), names)(*point) == pytest.approx(expected, rel=1e-9)


def test_second_derivative_of_the_quartic() -> None:
    second = gradc.grad(gradc.grad(lambda x: 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1))
    assert second.formula().latex() == "24 x^{2} + 6 x + 6"


def test_left_hand_sides() -> None:
    def f(x: float, y: float) -> float:
        return x**2 * y

    formula = gradc.grad(f, argnums=(0, 1)).formula()
    assert formula[0].latex(lhs=True) == r"\frac{\partial f}{\partial x} = 2 x y"
    assert [part.latex() for part in formula] == ["2 x y", "x^{2}"]
    assert formula.latex(lhs=True) == (
        r"\begin{aligned} \frac{\partial f}{\partial x} &= 2 x y \\ \frac{\partial f}{\partial y} &= x^{2} \end{aligned}"
    )
    assert str(formula) == "df/dx = 2*x*y\ndf/dy = x**2"


def test_left_hand_sides_of_one_variable_and_of_higher_order() -> None:
    def f(x: float) -> float:
        return x**3

    def g(x: float, theta: float) -> float:
        return x**3 * theta**2

    assert gradc.grad(f).formula().latex(lhs=True) == r"\frac{d f}{d x} = 3 x^{2}"
    second = gradc.grad(gradc.grad(f)).formula()
    assert second.latex(lhs=True) == r"\frac{d^{2} f}{d x^{2}} = 6 x"
    mixed = gradc.grad(gradc.grad(g), argnums=1).formula()
    assert mixed.latex(lhs=True) == r"\frac{\partial^{2} g}{\partial x \, \partial \theta} = 6 \theta x^{2}"


def test_a_statement_says_what_its_functions_are() -> None:
    formula = gradc.grad(lambda x: np.log(1 + np.exp(x))).formula()
    assert formula.latex() == r"\sigma(x)"
    assert formula.latex(lhs=True) == r"\frac{d f}{d x} = \sigma(x), \qquad \sigma(x) = \frac{1}{1 + e^{-x}}"


def test_jupyter_renders_the_formula() -> None:
    assert gradc.grad(lambda x: x**2).formula()._repr_latex_() == r"$\displaystyle \frac{d f}{d x} = 2 x$"


def test_unknown_notation_and_output() -> None:
    formula = gradc.grad(lambda x: x**2).formula()
    with pytest.raises(gradc.ArgumentError, match="'auto', 'matrix' or 'index'"):
        formula.latex(notation="tensor")
    with pytest.raises(gradc.ArgumentError, match="no output is called 'z'"):
        formula["z"]


def test_cases_and_brackets() -> None:
    formula = gradc.jit(lambda x: np.where(x > 0, x**2, -x)).formula()
    assert formula.latex() == r"\begin{cases} x^{2} & \text{if } x > 0 \\ -x & \text{otherwise} \end{cases}"
    assert str(formula) == "x**2 if x > 0 else -x"
    relu = gradc.grad(lambda x: np.maximum(x, 0.0)).formula()
    assert relu.latex() == r"[x > 0] + \frac{1}{2} [x = 0]"


# the function, its derivative in LaTeX where fractions are cleared, identities used, factors gathered
CLEARED: list[tuple[Callable[..., float], str]] = [
    (lambda x: np.arctan(1 / x), r"-\frac{1}{x^{2} + 1}"),
    (lambda x, a: np.arctan(x / a), r"\frac{a}{a^{2} + x^{2}}"),
    (lambda x: np.arctan((1 + x) / (1 - x)), r"\frac{1}{x^{2} + 1}"),
    (lambda x: np.arcsin(x / 2), r"\frac{1}{\sqrt{4 - x^{2}}}"),
    (lambda x: (x**2 - 1) / (x - 1), "1"),
    (lambda x: np.log(np.abs(x)), r"\frac{1}{x}"),
    (lambda x: x ** (2 / 3), r"\frac{2}{3 \sqrt[3]{x}}"),
    (lambda x: np.cbrt(x) ** 2, r"\frac{2}{3 \sqrt[3]{x}}"),
    (lambda x: np.exp(-(x**2) / 2), "-x e^{-x^{2}/2}"),
    (lambda x: 1 / x + 1 / x**2, r"-\frac{x + 2}{x^{3}}"),
    (lambda x: (1 + 1 / x) ** 2, r"-\frac{2 (x + 1)}{x^{3}}"),
    (lambda x: np.log((1 + x) / (1 - x)), r"\frac{2}{1 - x^{2}}"),
    (lambda x, a, b: (x - a) ** 2 * (x - b) ** 3, "(x - a) (x - b)^{2} (5 x - 3 a - 2 b)"),
    (lambda x, x0, g: 1 / (1 + ((x - x0) / g) ** 2), r"\frac{2 g^{2} (x_0 - x)}{(g^{2} + (x - x_0)^{2})^{2}}"),
    (lambda r, e, s: 4 * e * ((s / r) ** 12 - (s / r) ** 6), r"\frac{24 e s^{6} (r^{6} - 2 s^{6})}{r^{13}}"),
    (lambda x, a, b: x**a * (1 - x) ** b, "(a (1 - x) - b x) x^{a - 1} (1 - x)^{b - 1}"),
    (lambda x: np.maximum(x, 0.0) ** 2, r"2 \max(x, 0)"),
    (lambda x: np.maximum(0.0, 1 - x) ** 2, r"-2 \max(0, 1 - x)"),
    (lambda x: np.maximum(x - 1, 0.0), r"[x > 1] + \frac{1}{2} [x = 1]"),
]

SECOND: list[tuple[Callable[..., float], str]] = [
    (lambda x, a: np.arctan(x / a), r"-\frac{2 a x}{(a^{2} + x^{2})^{2}}"),
    (lambda x, a: x**2 / (x**2 + a**2), r"\frac{2 a^{2} (a^{2} - 3 x^{2})}{(a^{2} + x^{2})^{3}}"),
    (lambda x: np.sqrt((1 - x) / (1 + x)), r"\frac{1 - 2 x}{(1 - x) (x + 1)^{3} \sqrt{\frac{1 - x}{x + 1}}}"),
    (lambda x: np.arccosh(x), r"-\frac{x}{(x - 1)^{3/2} (x + 1)^{3/2}}"),
    (lambda x: (np.exp(x) - 1) / x, r"\frac{(x^{2} - 2 x + 2) e^{x} - 2}{x^{3}}"),
    (lambda x, n: x**n, "n (n - 1) x^{n - 2}"),
]


@pytest.mark.parametrize(("function", "latex"), CLEARED, ids=[latex for _, latex in CLEARED])
def test_fractions_are_cleared(function: Callable[..., float], latex: str, rng: np.random.Generator) -> None:
    formula = gradc.grad(function).formula()
    assert formula.latex() == latex
    _check_numbers(function, formula, gradc.grad(function), rng)


@pytest.mark.parametrize(("function", "latex"), SECOND, ids=[latex for _, latex in SECOND])
def test_second_derivatives(function: Callable[..., float], latex: str, rng: np.random.Generator) -> None:
    second = gradc.grad(gradc.grad(function))
    assert second.formula().latex() == latex
    _check_numbers(function, second.formula(), second, rng)


def _check_numbers(function: Callable[..., float], formula: Any, derivative: Any, rng: np.random.Generator) -> None:
    """The display form has the values of the kernel, which has those of the user's function differentiated."""
    for point in rng.uniform(0.2, 0.9, (3, function.__code__.co_argcount)).tolist():
        expected = derivative(*point)
        if np.isfinite(expected):
            assert evaluate(formula.graph_ir, point)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("function", "conditions"),
    [
        (lambda x: np.arctan(1 / x), ("x != 0",)),
        (lambda x: x / x * x**2, ("x != 0",)),
        (lambda x: (x**2 - 1) / (x - 1), ("x != 1",)),
        (lambda x: np.sqrt(x) ** 4, ("x >= 0",)),
        (lambda x: np.exp(np.log(x)), ("x > 0",)),
        (lambda x: np.sin(np.arcsin(x)), ("x**2 < 1",)),
        (lambda x, mu: np.log(x) * mu, ("x > 0",)),
        (lambda x: x * np.log(x), ()),
        (lambda x: np.log(np.abs(x)) + x, ()),
        (lambda x: x / np.abs(x), ("x != 0",)),
        (lambda x: abs(x) / x, ("x != 0",)),
        (lambda x: 1 / x, ()),
        (lambda x: np.log(x**2), ()),
        (lambda x: 1 / (1 + np.exp(-x)), ()),
        (lambda x, s: x**2 + np.log(s), ()),
        (lambda x: np.arctan((1 + x) / (1 - x)), ("x != 1",)),
        (lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0), ()),
    ],
)
def test_conditions_of_what_was_cancelled(function: Callable[..., float], conditions: tuple[str, ...]) -> None:
    assert gradc.grad(function).formula().conditions == conditions


def test_a_condition_of_entries_and_in_latex() -> None:
    formula = gradc.grad(lambda x: np.sum(np.arctan(1 / x))).formula(gradc.vector("n"))
    assert formula.conditions == ("x[i] != 0",)
    assert formula.conditions_latex == (r"x_{i} \ne 0",)


def test_a_choice_of_the_user_stays() -> None:
    """The condition of a power's derivative goes without saying; one that the function itself asks does not."""
    box_cox = gradc.grad(lambda x, n: np.where(n != 0, (x**n - 1) / np.where(n != 0, n, 1.0), np.log(x)))
    for point in ([0.7, 0.0], [0.7, 2.0], [1.9, -1.0]):
        assert evaluate(box_cox.formula().graph_ir, point)[0] == pytest.approx(box_cox(*point))


def test_a_division_by_zero_is_printed() -> None:
    jacobian = gradc.jacobian(lambda x, y: (x @ y) / np.linalg.norm(y - y))
    assert str(jacobian.formula(gradc.vector("n"), gradc.vector("n"))) == "y/sqrt(0)"


def test_a_parameter_sigma_is_no_sigmoid() -> None:
    formula = gradc.grad(lambda x, sigma: 1 / (1 + np.exp(-x / sigma))).formula()
    assert r"\operatorname{sigmoid}" in formula.latex()
    assert r"\sigma(" not in formula.latex()
    assert r"\sigma\left(" not in formula.latex()
    assert r"\operatorname{sigmoid}(x) = \frac{1}{1 + e^{-x}}" in formula.latex(lhs=True)
    assert "sigmoid(x/sigma)" in str(formula)


def test_a_comparison_whose_symbols_cancel_is_not_turned_round():
    assert str(gradc.jit(lambda a: np.where(a <= a + 1, a, 0)).formula(1.0)) == "a*[a <= a + 1]"
    assert str(gradc.jit(lambda a: np.where(a + 2 > a, a, 0)).formula(1.0)) == "a*[a + 2 > a]"
