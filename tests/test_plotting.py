"""`gradc.plot`: curves of a function and its derivatives."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, DTypeError, ShapeError

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def curves(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines if not line.get_label().startswith("_")}


def test_curves_are_the_function_and_its_derivatives():
    found = curves(gradc.plot(np.sin, (0.0, 2.0), order=2))
    first, second, third = found.values()
    x = first[:, 0]
    assert x[0] == 0.0
    assert x[-1] == 2.0
    np.testing.assert_allclose(first[:, 1], np.sin(x), rtol=1e-14)
    np.testing.assert_allclose(second[:, 1], np.cos(x), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(third[:, 1], -np.sin(x), rtol=1e-14)


def test_labels_can_be_drawn():
    def energy(theta):
        return 1 - np.cos(theta) + theta**2 / 2

    ax = gradc.plot(energy, np.linspace(-3, 3, 50), order=3)
    ax.figure.canvas.draw()
    assert ax.get_xlabel() == r"$\theta$"
    assert next(iter(curves(ax))).startswith(r"$\mathrm{energy}(\theta) = ")


def test_cases_are_labelled_by_name_and_poles_are_gaps():
    ax = gradc.plot(lambda x: np.where(x > 0, x**2, -x), np.array([-1.0, 0.5, 1.0]))
    ax.figure.canvas.draw()
    assert list(curves(ax)) == ["$f(x)$", "$f'(x)$"]
    pole = gradc.plot(lambda x: 1 / x, np.array([-1.0, 0.0, 1.0]), order=0)
    assert np.isnan(pole.lines[0].get_ydata()[1])


def test_axes_of_the_caller_and_a_function_of_gradc():
    figure = matplotlib.figure.Figure()
    ax = figure.subplots()
    assert gradc.plot(gradc.grad(lambda x: x**3), ax=ax) is ax
    first, second = curves(ax).values()
    np.testing.assert_allclose(second[:, 1], 6 * first[:, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("x", "error"),
    [
        ((2.0, 1.0), ArgumentError),
        (np.ones((2, 2)), ShapeError),
        ("wide", DTypeError),
        (np.array([]), ShapeError),
    ],
)
def test_places_that_are_none(x, error):
    with pytest.raises(error):
        gradc.plot(np.sin, x)


def test_functions_that_are_no_curves():
    with pytest.raises(ShapeError, match="from a number to a number"):
        gradc.plot(lambda x: np.array([x, x]), order=0)
    with pytest.raises(ArgumentError, match="takes x, y"):
        gradc.plot(lambda x, y: x * y)
    with pytest.raises(ArgumentError, match="order"):
        gradc.plot(np.sin, order=-1)


def test_without_matplotlib_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"gradc\[notebook\]"):
        gradc.plot(np.sin)
