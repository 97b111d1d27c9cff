"""Identities, domains, certificates, declared symmetry, and the forms in which a derivation may be given."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import mpmath
import numpy as np
import pytest
import sympy

import gradc
from gradc import matrix, vector
from gradc.errors import ArgumentError, ParseError
from gradc.verify.atoms import Atom
from gradc.verify.factors import quotient, square_root
from gradc.verify.polynomial import Arithmetic, atom_polynomial, number_polynomial

N, SQUARE, DATA = vector("n"), matrix("n", "n"), matrix("m", "n")


def loss(w, x, y):
    return (w * x - y) ** 2


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("sin(3*x)", "3*sin(x) - 4*sin(x)^3"),
        ("tan(arcsin(x))", "x/sqrt(1 - x^2)"),
        ("log(x) + log(y)", "log(x*y)"),
        ("log(x^2)", "2*log(abs(x))"),
        ("arcsinh(x)", "log(x + sqrt(x^2 + 1))"),
        ("sqrt(x^2 + 2*x*y + y^2)", "abs(x + y)"),
        ("log(x^2 - 1) - log(x - 1)", "log(x + 1)"),
        ("max(-1, min(1, x))", "clip(x, -1, 1)"),
        ("1/(x*(x + 1))", "1/x - 1/(x + 1)"),
    ],
)
def test_identities_are_proved(left, right):
    verdict = gradc.equal(left, right)
    assert verdict.status == "proved", str(verdict)


@pytest.mark.parametrize(
    ("left", "right", "domain"),
    [
        ("sqrt(x^2)", "x", ("x > 0",)),
        ("log(x^2)", "2*log(x)", ("x > 0",)),
        ("arctan(x) + arctan(1/x)", "pi/2", ("x > 0",)),
        ("sqrt(x*y)", "sqrt(x)*sqrt(y)", ("x > 0",)),
    ],
)
def test_what_holds_on_a_part_of_the_domain_is_refuted_and_says_where(left, right, domain):
    verdict = gradc.equal(left, right)
    assert verdict.status == "refuted"
    assert verdict.domain == domain
    assert verdict.counterexample is not None


def test_on_the_domain_of_the_function_it_is_proved():
    verdict = gradc.equal("2*log(x)", "log(x^2)")
    assert verdict.status == "proved"
    assert verdict.domain == ("x > 0",)
    assert "for x > 0, where the function is defined" in str(verdict)
    assert gradc.equal("sqrt(x^2)", "x", positive="x").status == "proved"


def test_a_certificate_names_its_rules():
    verdict = gradc.verify("log(1 + exp(x))", "sigmoid(x)")
    assert "sigma(x) = 1/(1 + e^(-x))" in verdict.certificate.rules
    trigonometric = gradc.equal("sin(x)^2 + cos(x)^2", "1").certificate
    assert "sin^2 + cos^2 = 1" in str(trigonometric)
    assert gradc.verify("x^2", "2*x^2/x").certificate.conditions == ("x != 0",)


def test_a_false_identity_is_never_proved():
    for left, right in [
        ("log(x + y)", "log(x) + log(y)"),
        ("sqrt(x + y)", "sqrt(x) + sqrt(y)"),
        ("exp(x*y)", "exp(x)*exp(y)"),
    ]:
        assert gradc.equal(left, right).status == "refuted"


def test_the_counterexample_is_the_simplest():
    point = gradc.verify(loss, "2*(w*x - y)").counterexample.point
    assert set(point.values()) <= {0.0, 1.0, 2.0, -1.0}
    arrays = gradc.verify(lambda x: x @ x, "x", N).counterexample
    assert arrays.total == 1


def test_inverses_and_determinants():
    inverse = np.linalg.inv
    assert (
        gradc.equal(lambda A, B: inverse(A @ B), lambda A, B: inverse(B) @ inverse(A), SQUARE, SQUARE).status
        == "proved"
    )
    assert gradc.equal(lambda A, x: A @ (inverse(A) @ x), "x", SQUARE, N).status == "proved"
    assert gradc.verify(lambda A: np.linalg.slogdet(A)[1], r"A^{-\top}", SQUARE).status == "proved"
    assert (
        gradc.equal(lambda A, B: inverse(A @ B), lambda A, B: inverse(A) @ inverse(B), SQUARE, SQUARE).status
        == "refuted"
    )


def test_declared_symmetry():
    quadratic = lambda x, A: x @ A @ x  # noqa: E731
    assert not gradc.verify(quadratic, "2*A @ x", N, SQUARE)
    verdict = gradc.verify(quadratic, "2*A @ x", N, SQUARE, symmetric="A")
    assert verdict.status == "proved"
    assert "A^T = A for symmetric A" in verdict.certificate.rules
    assert not gradc.verify(quadratic, "3*A @ x", N, SQUARE, symmetric="A")
    assert gradc.verify(lambda A: np.linalg.slogdet(A)[1], "inv(A)", SQUARE, symmetric="A").status == "proved"
    with pytest.raises(ArgumentError, match="symmetric= names q"):
        gradc.verify(quadratic, "x", N, SQUARE, symmetric="q")
    with pytest.raises(ArgumentError, match="no square matrix"):
        gradc.verify(quadratic, "x", N, SQUARE, symmetric="x")


def test_a_derivation_in_every_form():
    right = "2*x*(w*x - y)"
    gradient = gradc.grad(loss)
    assert gradc.verify(loss, gradient).status == "proved"
    assert gradc.verify(loss, gradient.formula()).status == "proved"
    assert gradc.verify(loss, {"w": right}).status == "proved"
    both = {"x": lambda w, x, y: 2 * w * (w * x - y), "w": right}
    assert gradc.verify(loss, both).status == "proved"
    assert not gradc.verify(loss, {"w": right, "y": right})
    assert gradc.verify(loss, {"w": 16.0, "x": 24.0}, at=(3.0, 2.0, 2.0))
    x, y = sympy.symbols("x0 x1")
    hand = sympy.Matrix([2 * x, 1])
    assert gradc.verify(lambda x: x[0] ** 2 + x[1], hand, vector(2)).status == "proved"
    with pytest.raises(ArgumentError, match="the formula is about"):
        gradc.verify(lambda a: a**2, gradc.grad(lambda b: b**2).formula())
    del y


def test_second_derivatives():
    assert gradc.verify("x^4", "12*x^2", order=2).status == "proved"
    assert gradc.verify(gradc.grad(lambda x: x**4), "12*x^2").status == "proved"
    assert gradc.verify(lambda x, A: x @ A @ x, r"A + A^\top", N, SQUARE, order=2).status == "proved"
    assert "Hessian" in str(gradc.verify(lambda x: x @ x, "2 I", N, order=2))
    assert not gradc.verify("x^4", "4*x^3", order=2)


@pytest.mark.parametrize(
    ("f", "hand", "specs"),
    [
        (lambda x, A: x @ A @ x, r"\sum_{j} A_{ij} x_{j} + \sum_{j} A_{ji} x_{j}", (N, SQUARE)),
        (lambda x: np.log(np.sum(np.exp(x))), r"\frac{e^{x_{i}}}{\sum_{j} e^{x_{j}}}", (N,)),
        (lambda x: np.sin(x), r"[i = j] \cos(x_{i})", (N,)),
        (lambda x: np.mean(x**2), r"\frac{2}{n} x_{i}", (N,)),
        (lambda X: np.sum(X, axis=1) @ np.sum(X, axis=1), r"2 X \mathbf{1} \mathbf{1}^\top", (DATA,)),
        (lambda x: np.sum(x) ** 2, r"2 \mathbf{1} \mathbf{1}^\top x", (N,)),
        (lambda A: np.trace(A), "I", (SQUARE,)),
        (lambda x: np.var(x), r"\frac{2}{n} \left(x - \frac{1}{n} \mathbf{1} \mathbf{1}^\top x\right)", (N,)),
    ],
)
def test_index_notation_and_matrices_of_open_size(f, hand, specs):
    verdict = gradc.verify(f, hand, *specs)
    assert verdict.status == "proved", str(verdict)
    with pytest.raises(ParseError):
        gradc.verify(f, r"\sum_{q} 1", *specs)


def test_threads_keep_their_precision():
    before = mpmath.mp.dps
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda k: gradc.equal(f"(x + {k})^3", f"(x + {k})*(x + {k})^2"), range(12)))
    assert all(verdict.status == "proved" for verdict in verdicts)
    assert mpmath.mp.dps == before


def test_quotients_and_roots_of_polynomials():
    arithmetic = Arithmetic()
    x, y = (atom_polynomial(Atom("constant", name)) for name in "xy")
    total, gap = arithmetic.add(x, y), arithmetic.subtract(x, y)
    assert quotient(arithmetic.multiply(total, gap), gap) == total
    assert quotient(arithmetic.add(x, number_polynomial(1)), gap) is None
    square = square_root(arithmetic.multiply(total, total))
    assert square is not None
    assert square in (total, arithmetic.scale(total, -1))
    assert square_root(arithmetic.add(arithmetic.multiply(total, total), x)) is None


def test_a_number_is_a_constant_function():
    verdict = gradc.equal("cosh(x)^2 - sinh(x)^2", 1)
    assert verdict.status == "proved"
    assert str(gradc.equal("sin(x)", 0.5)).startswith("refuted: sin(x) is not 1/2")
    with pytest.raises(ArgumentError, match="a hand derivation is"):
        gradc.equal("x", object())


def test_the_parts_of_a_second_derivative_are_named():
    with pytest.raises(gradc.ShapeError, match="w and b"):
        gradc.verify(lambda w, b: w * b, "1, 1", argnums=(0, 1), order=2)
    assert gradc.verify(lambda w, b: w * b, "0, 1, 1, 0", argnums=(0, 1), order=2).status == "proved"
