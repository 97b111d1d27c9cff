"""Five exercises, each with the right answer and the wrong one that people write most often."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc import matrix, vector


def loss(w, x, y):
    return (w * x - y) ** 2


def mean_of_squares(x):
    return np.mean(3 * (x + 2) ** 2)


def composition(x):
    return np.log(x[0] * x[1]) * np.sin(x[1])


def squares(w, X, y):
    return np.sum((X @ w - y) ** 2)


def valley(p):
    return (1 - p[0]) ** 2 + 2 * (p[1] - p[0] ** 2) ** 2


SIZES = vector("n"), matrix("m", "n"), vector("m")
RIGHT = {
    "chain rule": (loss, r"2 x (w x - y)", (), {}),
    "mean": (mean_of_squares, lambda x: 6 * (x + 2) / len(x), (vector("n"),), {}),
    "composition": (
        composition,
        lambda x: np.array([np.sin(x[1]) / x[0], np.sin(x[1]) / x[1] + np.log(x[0] * x[1]) * np.cos(x[1])]),
        (vector(2),),
        {},
    ),
    "least squares": (squares, r"2 X^\top (X w - y)", SIZES, {}),
    "least squares, Hessian": (squares, r"2 X^\top X", SIZES, {"order": 2}),
    "valley, Hessian": (
        valley,
        lambda p: np.array([[2 - 8 * p[1] + 24 * p[0] ** 2, -8 * p[0]], [-8 * p[0], 4.0]]),
        (vector(2),),
        {"order": 2},
    ),
}
WRONG = {
    "chain rule": (loss, "2*(w*x - y)", (), "the factor x is missing"),
    "mean": (mean_of_squares, lambda x: 6 * (x + 2), (vector("n"),), "the factor 1/n is missing"),
    "composition": (
        composition,
        lambda x: np.array([np.sin(x[1]) / x[0], np.log(x[0] * x[1]) * np.cos(x[1])]),
        (vector(2),),
        "the term sin(x[1])/x[1] is missing",
    ),
    "least squares": (squares, r"X^\top (X w - y)", SIZES, "the factor 2 is missing"),
    "valley": (
        valley,
        lambda p: np.array([2 * (1 - p[0]) - 8 * p[0] * (p[1] - p[0] ** 2), 4 * (p[1] - p[0] ** 2)]),
        (vector(2),),
        "the sign of the term",
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_are_proved(name):
    f, hand, specs, options = RIGHT[name]
    assert gradc.verify(f, hand, *specs, **options).status == "proved"


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_refuted_with_what_mends_them(name):
    f, hand, specs, hint = WRONG[name]
    verdict = gradc.verify(f, hand, *specs)
    assert verdict.status == "refuted"
    assert hint in verdict.hint


def test_an_identity_that_holds_for_positive_numbers_only():
    verdict = gradc.equal("log(x^2)", "2*log(x)")
    assert verdict.status == "refuted"
    assert "x > 0" in str(verdict)
