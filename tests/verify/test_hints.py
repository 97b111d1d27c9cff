"""Hints: of the right kind for the usual slips, naming the correction, and never for what is right."""

from __future__ import annotations

import numpy as np
import pytest

from gradc import equal, matrix, vector, verify


@pytest.mark.parametrize(
    ("f", "hand", "kind", "hint"),
    [
        ("sin(x)*exp(-x**2)", "cos(x)*exp(-x**2)", "dropped term", "the term -2*exp(-x**2)*sin(x)*x is missing"),
        ("k/r**3", "-3*k/r**3", "exponent", "the factor r is too much (the exponent of r is wrong)"),
        ("exp(-t/(R*C))*t", "exp(-t/(R*C))", "dropped term", "the term -exp(-t/(C*R))*t/(C*R) is missing"),
        ("sin(pi*x/180)", "pi/180*cos(x)", "degrees", "the angle of cos is in degrees: multiply it by pi/180"),
        ("log10(3*x)", "1/x", "log base", "the natural logarithm against the one to base 10"),
        ("sin(3*x)", "3*cos(x)", "inner derivative", "the chain rule keeps what is inside: cos of 3*x is meant"),
        ("2*pi*sqrt(l/g)", "2*pi/sqrt(l*g)", "factor", "the factor"),
    ],
)
def test_words_for_numbers(f, hand, kind, hint):
    names = {"k/r**3": 1, "exp(-t/(R*C))*t": 2, "2*pi*sqrt(l/g)": 1}
    verdict = verify(f, hand, argnums=names.get(f, 0))
    assert verdict.status == "refuted"
    assert verdict.hint_kind == kind
    assert hint in verdict.hint


def squares(w, X, y):
    return np.sum((X @ w - y) ** 2)


SQUARE, N, M = matrix("n", "n"), vector("n"), vector("m")


@pytest.mark.parametrize(
    ("f", "hand", "specs", "kind", "hint"),
    [
        (lambda x, A: x @ A @ x, lambda x, A: 2 * A @ x, (N, SQUARE), "symmetric only", "only where A is symmetric"),
        (
            lambda A, x: x @ A @ x,
            lambda A, x: 2 * np.outer(x, x) - np.diag(x * x),
            (SQUARE, N),
            "symmetric twice",
            "twice",
        ),
        (
            lambda X, A, B: np.trace(A @ X @ B),
            "A @ B",
            (SQUARE, SQUARE, SQUARE),
            "transposed",
            "A and B should be transposed",
        ),
        (lambda X, A, B: np.trace(A @ X @ B), "B.T @ A.T", (SQUARE,) * 3, "swapped", "A and B are swapped"),
        (lambda x, y: np.sum(x * y**2), "x**2", (N, N), "swapped", "x and y are swapped"),
        (lambda x: np.mean(x**2), "2*x", (N,), "mean", "1/n"),
        (squares, "2*X.T @ X @ w", (N, matrix("m", "n"), M), "dropped term", "the term -2*(X.T @ y) is missing"),
        (lambda x: np.exp(x) / np.sum(np.exp(x)), "diag(exp(x)/sum(exp(x)))", (N,), "dropped term", "is missing"),
    ],
)
def test_words_for_arrays(f, hand, specs, kind, hint):
    verdict = verify(f, hand, *specs)
    assert verdict.status == "refuted"
    assert verdict.hint_kind == kind
    assert hint in verdict.hint


def test_a_sum_over_the_wrong_axis():
    verdict = verify(
        "sum(exp(sum(X, axis=0)))", "outer(exp(sum(X, axis=1)), ones_like(sum(X, axis=0)))", matrix("m", "n")
    )
    assert verdict.hint_kind == "index"
    assert "rows and columns of X are mixed up" in verdict.hint


def test_a_single_wrong_entry_is_named():
    f = lambda x: np.log(x[0] * x[1]) * np.sin(x[1])  # noqa: E731
    verdict = verify(f, "array([sin(x[1])/x[0], sin(x[1])/x[1]])", vector(2))
    assert verdict.hint == "in entry [1], the term cos(x[1])*log(x[0]*x[1]) is missing"
    assert verdict.hint_kind == "dropped term"


def test_two_slips_are_both_named():
    verdict = verify("x**3 + a*x**2 + sin(x)", "3*x**2 - 2*a*x + 2*cos(x)", argnums=1)
    assert verdict.status == "refuted"
    assert "the term 2*cos(x) needs the factor 1/2" in verdict.hint
    assert "in the term -2*a*x, the sign is wrong" in verdict.hint


def test_the_shape_is_said_where_it_is_wrong():
    verdict = verify(lambda x, A: A @ x, "A.T", N, matrix("m", "n"))
    assert verdict.hint_kind == "transposed"


def test_what_is_right_has_no_hint():
    assert verify("x**2", "2*x").hint_kind == ""
    assert equal("sin(2*x)", "2*sin(x)*cos(x)").hint_kind == ""


def test_singular_matrices_among_the_candidates_do_no_harm():
    verdict = verify(lambda A: np.trace(np.linalg.inv(A)), "-inv(A).T", matrix(3, 3))
    assert verdict.status == "refuted"
