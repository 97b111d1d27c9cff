"""Hand derivations, right and wrong: the verdict, how it is known, the counterexample and the hint."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from gradc.control import scan
from gradc.errors import ArgumentError, DTypeError, ParseError, ShapeError
from gradc.trace.specs import matrix, vector
from gradc.verify.check import verify

POINT = {"w": 3.0, "x": 2.0, "y": 2.0}


def loss(w, x, y):
    return (w * x - y) ** 2


def squares(w, X, y):
    return np.sum((X @ w - y) ** 2)


SQUARES = (vector("n"), matrix("m", "n"), vector("m"))


@pytest.mark.parametrize(
    "hand",
    [
        "2*x*(w*x - y)",
        "2 x (w x - y)",
        r"2 x \left( w x - y \right)",
        r"\frac{\partial L}{\partial w} = 2 w x^2 - 2 x y",
        lambda w, x, y: 2 * x**2 * w - 2 * x * y,
        lambda weight, a, b: (weight * a - b) * a + a * (weight * a - b),
        "(w^2*x^3 - x*y^2)/(w*x + y)*2",
        sympy.diff(sympy.sympify("(w*x - y)**2"), sympy.Symbol("w")),
    ],
)
def test_one_derivative_in_many_forms(hand):
    assert verify(loss, hand).status == "proved"


@pytest.mark.parametrize(
    ("f", "hand"),
    [
        ("x^x", "x^x*(log(x) + 1)"),
        ("sin(x)*cos(x)", "cos(2*x)"),
        ("sin(x)^2", "sin(2*x)"),
        ("tan(x)", "1 + tan(x)^2"),
        ("tan(x)", "1/cos(x)^2"),
        ("cos(x + pi/3)", "-sin(x)/2 - sqrt(3)/2*cos(x)"),
        ("tanh(x)", "1/cosh(x)^2"),
        ("tanh(x)", "1 - tanh(x)^2"),
        ("1/(1 + exp(-x))", "exp(x)/(1 + exp(x))^2"),
        ("sigmoid(x)", "sigmoid(x)*(1 - sigmoid(x))"),
        ("log(1 + exp(x))", "1/(1 + exp(-x))"),
        ("log10(x)", "1/(x*log(10))"),
        ("2^x", "log(2)*2^x"),
        ("sqrt(x^2 + 1)", "x/sqrt(1 + x^2)"),
        ("x/(1 + x)", "1/(1 + x) - x/(1 + x)^2"),
        ("exp(-x^2/2)/sqrt(2*pi)", r"-\frac{x}{\sqrt{2 \pi}} e^{-\frac{x^2}{2}}"),
        ("0.1*x^3", "0.3*x^2"),
        ("x^3/9", "1/3*x^2"),
        ("arctan(x)", "1/(x**2 + 1)"),
        ("abs(x)*x", "2*abs(x)"),
        ("max(x, 0)^2", "where(x > 0, 2*x, 0)"),
        ("log(x^2)", "2/x"),
        ("(x + 1)^7", "7*(1 + x)^6"),
        ("x^2.69", "2.69*x^1.69"),
    ],
)
def test_identities_are_proved(f, hand):
    assert verify(f, hand).status == "proved"


@pytest.mark.parametrize(
    ("f", "hand", "specs"),
    [
        (lambda x: 2 * np.dot(x, x), "4*x", [vector("n")]),
        (squares, "2*X.T @ (X @ w - y)", SQUARES),
        (squares, r"2 X^\top X w - 2 X^\top y", SQUARES),
        (squares, lambda w, X, y: 2 * np.einsum("ij,ik,k->j", X, X, w) - 2 * (y @ X), SQUARES),
        (lambda x, A: x @ A @ x, "A x + A^T x", [vector("n"), matrix("n", "n")]),
        (lambda A, B: np.trace(A @ B), "B.T", [matrix("m", "n"), matrix("n", "m")]),
        (lambda A, B: np.sum((A @ B) ** 2), "2*A @ B @ B.T", [matrix("m", "n"), matrix("n", "k")]),
        (lambda x: np.log(np.sum(np.exp(x))), "softmax(x)", [vector("n")]),
        (lambda x: np.log(np.sum(np.exp(x))), "exp(x)/sum(exp(x))", [vector("n")]),
        (lambda x: np.mean((x - np.mean(x)) ** 2), "2*(x - mean(x))/len(x)", [vector(5)]),
        (lambda x: np.sqrt(np.sum(x**2)), "x/norm(x)", [vector("n")]),
        (lambda x: np.mean(2 * (3 * x + 2) ** 2), "12*(3*x + 2)/6", [matrix(2, 3)]),
        (lambda x: np.sum(np.maximum(x, 0)), "where(x > 0, 1, 0)", [vector("n")]),
        (lambda x: np.array([x[0] * x[1], x[0]]), "[[x[1], x[0]], [1, 0]]", [vector(2)]),
        (lambda x: x[1:] - x[:-1], lambda x: np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0]]), [vector(3)]),
    ],
)
def test_arrays_are_proved(f, hand, specs):
    verdict = verify(f, hand, *specs)
    assert verdict.status == "proved", str(verdict)


@pytest.mark.parametrize(
    ("f", "hand", "hint"),
    [
        ("(w*x - y)^2", "2*(w*x - y)", "the factor x is missing (the inner derivative: chain rule)"),
        ("(w*x - y)^2", "-2*x*(w*x - y)", "the sign is wrong"),
        ("(w*x - y)^2", "x*(w*x - y)", "the factor 2 is missing"),
        ("(w*x - y)^2", "4*x*(w*x - y)", "the factor 1/2 is missing"),
        ("(w*x - y)^2", "2*x^2*(w*x - y)", "the factor x is too much"),
        ("(w*x - y)^2", "2*w*x^2", "the term -2*x*y is missing"),
        ("(w*x - y)^2", "2*w*x^2 + 2*x*y", "the sign of the term 2*x*y is wrong"),
        ("(w*x - y)^2", "2*w*(w*x - y)", "this is the derivative in x, not in w"),
        ("(w*x - y)^2", "(w*x - y)^2", "itself"),
        ("sin(x^2)", "cos(x^2)", "the factor 2*x is missing (the inner derivative: chain rule)"),
        ("log10(x)", "1/x", "log(10) is too much (the natural logarithm"),
        ("sin(pi*x/180)", "cos(pi*x/180)", "pi/180 is missing (radians against degrees)"),
        ("x^2 + 3*x", "2*x", "the constant 3 is missing"),
    ],
)
def test_hints_for_numbers(f, hand, hint):
    verdict = verify(f, hand)
    assert verdict.status == "refuted"
    assert hint in verdict.hint
    assert hint in str(verdict)


@pytest.mark.parametrize(
    ("f", "hand", "specs", "hint"),
    [
        (squares, "X.T @ (X @ w - y)", SQUARES, "the factor 2 is missing"),
        (lambda x: np.mean(x**2), "2*x", [vector(5)], "divides by the number of entries of x, 5"),
        (lambda x: np.mean(x**2), "2*x", [vector("n")], "the factor 1/n is missing"),
        (lambda A, B: np.trace(A @ B), "B", [matrix("n", "n")] * 2, "transposed"),
        (lambda A, B: np.trace(A @ B), "B", [matrix("m", "n"), matrix("n", "m")], "transposed"),
        (lambda x, A: x @ A @ x, "2*A @ x", [vector("n"), matrix("n", "n")], "only where A is symmetric"),
        (
            lambda x: np.log(x[0] * x[1]) * np.sin(x[1]),
            lambda x: np.array([np.sin(x[1]) / x[0], np.sin(x[1]) / x[1]]),
            [vector(2)],
            "in entry [1], the term cos(x[1])*log(x[0]*x[1]) is missing",
        ),
    ],
)
def test_hints_for_arrays(f, hand, specs, hint):
    verdict = verify(f, hand, *specs)
    assert verdict.status == "refuted"
    assert hint in verdict.hint


def test_counterexample():
    verdict = verify(loss, "2*(w*x - y)")
    example = verdict.counterexample
    assert list(example.point) == ["w", "x", "y"]
    w, x, y = example.point.values()
    assert example.derived == pytest.approx(2 * x * (w * x - y))
    assert example.hand == pytest.approx(2 * (w * x - y))
    assert all(value == int(value) for value in (w, x, y))


def test_entries_that_differ():
    verdict = verify(lambda x: np.sum(x**3), lambda x: np.array([3 * x[0] ** 2, 3 * x[1], 3 * x[2] ** 2]), vector(3))
    assert verdict.counterexample.entries == ((1,),)
    assert "1 of 3 entries" in str(verdict)


def test_a_number_at_a_point():
    assert verify(loss, 16, at=POINT).status == "agrees"
    assert verify(loss, 16.0, 3.0, 2.0, 2.0)
    assert verify(loss, "16", at=POINT).status == "refuted"  # the text is a formula: constant 16
    refuted = verify(loss, 8, at=(3.0, 2.0, 2.0))
    assert refuted.status == "refuted"
    assert "factor 2 is missing" in refuted.hint
    assert "the factor x of the derivative" in refuted.hint
    assert "16" in str(refuted)
    assert "8" in str(refuted)
    assert "sign" in verify(loss, -16, at=POINT).hint
    with pytest.raises(ArgumentError, match="derivative at a point"):
        verify(loss, 16)


def test_arrays_at_a_point():
    x = np.array([0.5, 0.75])

    def g(x):
        return np.log(x[0] * x[1]) * np.sin(x[1])

    assert verify(g, [1.3633, 0.1912], x)
    assert verify(g, np.array([1.3633, 0.1912]), at=x).digits == 4
    verdict = verify(g, np.array([1.3633, 0.1922]), x)
    assert verdict.status == "refuted"
    assert verdict.counterexample.entries == ((1,),)
    assert not verify(g, np.array([1.3633, 0.1912, 0.0]), x)
    assert verify(lambda x: np.mean(3 * (x + 2) ** 2), 4.5, np.ones((2, 2)))


def test_gradients_in_several_arguments():
    right = verify(loss, "2*x*(w*x - y), 2*w*(w*x - y)", argnums=(0, 1))
    assert right.status == "proved"
    wrong = verify(loss, lambda w, x, y: (2 * x * (w * x - y), 2 * (w * x - y)), argnums=(0, -2))
    assert wrong.status == "refuted"
    assert wrong.hint.startswith("in x, the factor w is missing")
    assert wrong.counterexample.output == "x"
    with pytest.raises(ShapeError, match="2 parts"):
        verify(loss, "2*x*(w*x - y)", argnums=(0, 1))


def test_containers():
    def f(p, x):
        return np.mean((p["a"] * x + p["b"]) ** 2)

    def by_hand(p, x):
        residual = p["a"] * x + p["b"]
        return {"a": np.mean(2 * x * residual), "b": 2 * np.mean(residual)}

    assert verify(f, by_hand, {"a": 1.0, "b": 2.0}, vector("n")).status == "proved"


def test_elementwise_functions():
    verdict = verify(np.sin, np.cos, vector("n"))
    assert verdict.status == "proved"
    assert "elementwise" in str(verdict)
    assert verify(lambda x: x * np.sum(x), lambda x: np.sum(x), vector(3)).status == "refuted"


def test_captures_are_data():
    scale = 3.0
    data = np.arange(4.0)
    other = {"scale": 4.0}

    def f(w):
        return scale * np.sum((w * data) ** 2)

    assert verify(f, lambda w: 2 * scale * w * np.sum(data**2)).status == "proved"
    with_data = verify(f, "84*w")
    assert with_data.status == "proved"
    assert set(with_data.conditions) == {"scale is 3", "data is [0, 1, 2, 3]"}
    assert not verify(f, "85*w")

    def with_other_scale():
        scale = other["scale"]
        return lambda w: 2 * scale * w * np.sum(data**2)

    assert not verify(f, with_other_scale())


def test_numbers_alone_prove_nothing():
    """Equal at every sampled point, and not the same function: never called proved."""
    verdict = verify("x", lambda x: np.where(x > 50, 2.0, 1.0))
    assert verdict.status == "agrees"
    assert verdict.points >= 10
    assert "proof was not found" in str(verdict)


def test_conditions_are_told():
    assert verify("x^2", "2*x^2/x").conditions == ("x != 0",)
    assert verify("max(x, 0)", "where(x > 0, 1, 0)").conditions == ("x != 0",)
    assert verify("x^2", "2*x").conditions == ()


def test_outside_the_domain():
    assert verify("log(x)", "1/x")
    assert verify("log(x)", "exp(-log(x))")  # undefined for x < 0, as log(x) is
    verdict = verify("log(x^2)", "2*exp(-log(x))")
    assert verdict.status == "refuted"
    assert "undefined" in str(verdict)
    assert "right where it is defined" in verdict.hint
    assert "right where" not in verify("log(x^2)", "3*exp(-log(x))").hint


def test_errors():
    with pytest.raises(ParseError, match="unknown name 'z'"):
        verify(loss, "2*z")
    with pytest.raises(ArgumentError, match="must take the 3 arguments"):
        verify(loss, lambda w: w)
    with pytest.raises(ArgumentError, match="argnums=3"):
        verify(loss, "w", argnums=3)
    with pytest.raises(ArgumentError, match="at= gives q"):
        verify(loss, "w", at={"q": 1.0})
    with pytest.raises(ArgumentError, match="a hand derivation is"):
        verify(loss, object())
    with pytest.raises(DTypeError, match="int64"):
        verify(np.sum, "a", np.arange(3))
    with pytest.raises(ArgumentError, match="returns 2 results"):
        verify(lambda x: (x, x), "1")


def test_verdict_texts():
    verdict = verify(loss, "2*(w*x - y)")
    assert not verdict
    text = str(verdict)
    assert text.startswith("refuted: the derivative of loss in w is not 2*(w*x - y)")
    assert "it is 2*x*(w*x - y)" in text
    html = verdict._repr_html_()
    assert "refuted" in html
    assert "hint" in html
    proved = verify(loss, "2*x*(w*x - y)")
    assert "proved" in proved._repr_html_()
    assert bool(proved)


def test_conventions_at_a_kink_refute_nothing():
    """Round points are tried first, and kinks lie at round points."""
    assert verify("max(x - 2, 0)", "where(x > 2, 1, 0)").status == "proved"
    assert verify(lambda x: np.max(x), lambda x: (x == np.max(x)) * 1.0, vector("n"))
    assert not verify("max(x - 2, 0)", "where(x > 2.5, 1, 0)")


def test_matrix_calculus_is_proved():
    square, vectors = matrix("n", "n"), vector("n")
    cases = [
        (lambda X, a, b: a @ X @ X.T @ b, r"(a b^\top + b a^\top) X", [matrix("n", "m"), vectors, vectors]),
        (lambda X, A, B: np.trace(A @ X @ B @ X), "A.T@X.T@B.T + B.T@X.T@A.T", [square] * 3),
        (lambda X: np.trace(X @ X @ X), "3*(X @ X).T", [square]),
        (
            lambda U, V, R: np.sum((R - U @ V.T) ** 2),
            "-2*(R - U @ V.T) @ V",
            [matrix("m", "r"), matrix("n", "r"), SQUARES[1]],
        ),
        (
            lambda w, X, y: np.sum(np.log(1 + np.exp(-y * (X @ w)))),
            r"-X^\top (y \odot \sigma(-y \odot (X w)))",
            SQUARES,
        ),
        (lambda x, A, b: np.sqrt(np.sum((A @ x - b) ** 2)), r"\frac{A^\top (A x - b)}{\|A x - b\|}", SQUARES),
        (lambda z, y: np.sum(y) * np.log(np.sum(np.exp(z))) - y @ z, "softmax(z)*sum(y) - y", [vectors, vectors]),
        (lambda x, A: A @ x, "A", [vectors, matrix("m", "n")]),
        (lambda w, X: np.sum(np.maximum(X @ w, 0)), "X.T @ where(X @ w > 0, 1.0, 0.0)", [vectors, matrix("m", "n")]),
    ]
    for f, hand, specs in cases:
        verdict = verify(f, hand, *specs)
        assert verdict.status == "proved", f"{hand}: {verdict}"


def test_a_network_is_proved_for_every_size():
    def loss(params, X, Y):
        hidden = np.maximum(X @ params["W"] + params["b"], 0)
        return np.mean((hidden @ params["V"] - Y) ** 2)

    def by_hand(params, X, Y):
        before = X @ params["W"] + params["b"]
        hidden = np.maximum(before, 0)
        error = 2 * (hidden @ params["V"] - Y) / Y.size
        delta = (error @ params["V"].T) * (before > 0)
        return {"W": X.T @ delta, "b": delta.sum(axis=0), "V": hidden.T @ error}

    params = {"W": matrix("d", "h"), "b": vector("h"), "V": matrix("h", "k")}
    assert verify(loss, by_hand, params, matrix("n", "d"), matrix("n", "k")).status == "proved"


def test_functions_with_loops_are_compared_by_numbers():
    def energy(a, x):
        def step(y, v):
            y = a * y + v
            return y, y

        return np.sum(scan(step, 0.0, x)[1] ** 2)

    def by_hand(a, x):
        y = d = s = 0.0
        for k in range(len(x)):
            y, d = a * y + x[k], a * d + y
            s = s + 2 * y * d
        return s

    assert verify(energy, by_hand, 0.5, np.ones(3)).status in ("agrees", "proved")
    verdict = verify(energy, lambda a, x: 2 * by_hand(a, x), 0.5, np.ones(3))
    assert verdict.status == "refuted"
    assert "factor 1/2" in str(verdict)
