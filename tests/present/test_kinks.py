"""`formula.kinks()`: every place, with the derivatives that the function really has on its sides, and the one that is used."""

import numpy as np
import pytest

import gradc

VECTOR = gradc.vector("n")

#: function of one number, places, and per place the one-sided derivatives and the one that is used
SCALARS = {
    "abs": (lambda x: np.abs(x - 1), 1.0, (-1, 1, 0)),
    "relu": (lambda x: np.maximum(x, 0), 0.0, (0, 1, 0.5)),
    "capped": (lambda x: np.minimum(x, 2), 2.0, (1, 0, 0.5)),
    "capped from the other side": (lambda x: np.minimum(2, x), 2.0, (1, 0, 0.5)),
    "choice": (lambda x: np.where(x > 0, x**2 + 3 * x, -x), 0.0, (-1, 3, -1)),
    "choice that is closed": (lambda x: np.where(x >= 0, x**2 + 3 * x, -x), 0.0, (-1, 3, 3)),
    "choice from below": (lambda x: np.where(x < 2, 4 * x, x**2 + 4), 2.0, (4, 4, 4)),
    "bound on the left": (lambda x: np.where(x > 0, x, 5 * x), 0.0, (5, 1, 5)),
    "sign": (lambda x: np.sign(x), 0.0, (0, 0, 0)),
    "floor": (np.floor, 3.0, (0, 0, 0)),
    "remainder": (lambda x: x % 2.0, 4.0, (1, 1, 1)),
    "indicator": (lambda x: x * (x > 0), 0.0, None),
}


@pytest.mark.parametrize("name", SCALARS)
def test_one_sided_derivatives_are_those_of_the_function(name):
    function, place, slopes = SCALARS[name]
    derivative = gradc.grad(lambda x: function(x))
    (kink,) = derivative.formula().kinks()
    if slopes is None:
        assert (str(kink.left), str(kink.right), str(kink.used)) == ("0", "0", "0")
        return
    told = [float(eval(str(text))) for text in (kink.left, kink.right, kink.used)]
    assert told == list(slopes)
    step = 1e-7
    assert derivative(place - step) == pytest.approx(slopes[0], abs=1e-5)
    assert derivative(place + step) == pytest.approx(slopes[1], abs=1e-5)
    assert derivative(place) == pytest.approx(slopes[2])


@pytest.mark.parametrize(
    ("function", "where", "sides"),
    [
        (lambda x: np.sum(np.sqrt(x)), "x[i] = 0", ("-", "inf", "inf")),
        (lambda x: np.sum(x**0.5), "x[i] = 0", ("-", "inf", "inf")),
        (lambda x: np.sum(np.cbrt(x)), "x[i] = 0", ("inf", "inf", "inf")),
        (lambda x: np.sum(np.where(x < 0, np.log(-x), x)), "x[i] = 0", ("-inf", "1", "1")),
        (lambda x: np.linalg.norm(x - 1), "sum((x[i] - 1)**2 for i) = 0", ("-1", "1", "0")),
        (lambda x: np.max(x), "two x[i] equal max(x[i] for i)", ("0", "1", "1/k")),
        (lambda x: np.sum(np.abs(x[1:] - x[:-1])), "x[i + 1] = x[i]", ("-1", "1", "0")),
        (lambda x: np.sum(np.round(x)), "x[i] + 1/2 is an integer", ("0", "0", "0")),
        (lambda x: np.sum(np.floor(2 * x)), "2*x[i] is an integer", ("0", "0", "0")),
        (lambda x: np.sum(x**x), "x[i] = 0", ("-", "-", "0")),
    ],
)
def test_places_in_arrays(function, where, sides):
    (kink,) = gradc.grad(function).formula(VECTOR).kinks()
    assert str(kink.where) == where
    assert (str(kink.left), str(kink.right), str(kink.used)) == sides
    assert "test_kinks.py" in kink.line


def test_several_kinks_in_order():
    kinks = gradc.grad(lambda x: np.sum(np.clip(x, 0, 1) + np.arcsin(x))).formula(VECTOR).kinks()
    assert [str(kink.where) for kink in kinks] == ["x[i] = 0", "maximum(x[i], 0) = 1", "x[i] = -1", "x[i] = 1"]


def test_conditions_on_several_sides():
    kinks = gradc.grad(lambda x: np.where((x > 0) & (x < 1), 2 * x, 0)).formula().kinks()
    told = {str(kink.where): (str(kink.left), str(kink.right), str(kink.used)) for kink in kinks}
    assert told == {"x = 0": ("0", "2", "0"), "x = 1": ("2", "0", "0")}


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(np.sin(x) ** 2),
        lambda x: np.sum(np.sqrt(x**2 + 1)),
        lambda x: np.sum(np.abs(np.exp(x) + 1)),
        lambda x: np.sum(np.tril(np.outer(x, x))),
        lambda x: np.sum(x[::-1] * x),
    ],
)
def test_smooth_functions_have_none(function):
    kinks = gradc.grad(function).formula(VECTOR).kinks()
    assert not kinks
    assert str(kinks) == "differentiable wherever it is defined"


def test_only_what_the_derivative_is_taken_by_counts():
    kinks = gradc.grad(lambda x, y: np.abs(x) + np.abs(y), argnums=1).formula().kinks()
    assert [str(kink.operation) for kink in kinks] == ["abs(y)"]


def test_library_calls_are_named():
    (kink,) = gradc.grad(lambda X: np.abs(np.linalg.det(X))).formula(gradc.matrix("n", "n")).kinks()
    assert str(kink.where) == "det(X) = 0"


def test_long_operands_have_a_letter():
    def function(x):
        for _ in range(60):
            x = np.abs(x - 0.1 * x**2)
        return np.sum(x)

    kinks = gradc.grad(function).formula(VECTOR).kinks()
    assert len(kinks) < 6
    assert str(kinks[-1].operation) == "abs(u)"


def test_prints():
    kinks = gradc.grad(lambda x: np.abs(x - 1)).formula().kinks()
    assert str(kinks).splitlines()[1].startswith("x = 1  abs(x - 1)  -1    1      0")
    assert kinks[0].latex.startswith(r"|x - 1| \text{ where } x = 1")
    assert kinks.latex.startswith(r"\begin{array}{llccc}\text{where} & \text{of}")
    assert kinks.latex.endswith(r"\\ \hline x = 1 & |x - 1| & -1 & 1 & 0\end{array}")
    assert "<td>$x = 1$</td>" in kinks._repr_html_()
    assert str(kinks[0]) == (
        "abs(x - 1) where x = 1: -1 from the left, 1 from the right, 0 is used: the mean of the one-sided values"
    )


def test_entries_that_are_read_by_their_place_in_the_order():
    (kink,) = gradc.grad(lambda x: np.median(x)).formula(gradc.vector(5)).kinks()
    assert str(kink) == (
        "x[argsort(x)[4]] where two x[i] are equal: 0 or 1 from the left, 1 or 0 from the right, 0 or 1 is used: "
        "equal entries keep their order"
    )
    (kink,) = gradc.grad(lambda x: np.sum(np.sort(x, axis=1) ** 2)).formula(gradc.matrix(3, 4)).kinks()
    assert str(kink.where) == "two x[i, k] are equal"
    assert not gradc.grad(lambda x: np.sum(x * np.argsort(np.arange(5.0)))).formula(gradc.vector(5)).kinks()
