"""Formulas of complex functions: what is printed, and that every form of it has the function's values."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError
from gradc.evaluate import evaluate

#: Beside the cuts of logarithms and powers, and farther around than an exponential goes once.
Z = np.array([1.5 + 4j, -2.2 - 5.5j, -0.7 + 0.2j])
W = np.array([0.3 - 1j, -1.4 + 0.8j, 2.0 + 0.1j])


@pytest.mark.parametrize(
    ("f", "latex", "plain"),
    [
        (lambda z: np.conj(z) * z, r"z \odot \overline{z}", "z*conj(z)"),
        (lambda z: np.abs(z), "|z|", "abs(z)"),
        (lambda z: np.real(z * z), r"\operatorname{Re}(z^{\odot 2})", "real(z**2)"),
        (lambda z: np.imag(z) + 0.5, r"\frac{1}{2} + \operatorname{Im}(z)", "1/2 + imag(z)"),
    ],
)
def test_values(f: Callable[[Any], Any], latex: str, plain: str) -> None:
    formula = gradc.jit(f).formula(Z)
    assert formula.latex() == latex
    assert str(formula) == plain


@pytest.mark.parametrize(
    ("f", "latex"),
    [
        (lambda z: np.sum(np.abs(z) ** 2), r"2 \overline{z}"),
        (lambda z: np.sum(np.abs(z)), r"\overline{\operatorname{sign}(z)}"),
        (lambda z: np.sum(np.real(z * z)), "2 z"),
        (lambda z: np.abs(np.vdot(z, z)), None),
        (lambda z: np.sum(np.imag(np.exp(z))), None),
    ],
)
def test_gradients(f: Callable[[Any], Any], latex: str | None) -> None:
    gradient = gradc.grad(f)
    formula = gradient.formula(Z)
    if latex is not None:
        assert formula.latex() == latex
    np.testing.assert_allclose(evaluate(formula.graph_ir, [Z])[0], gradient(Z), rtol=1e-12)


FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "root of a square": lambda z, w: np.sqrt(z**2) + (z * w) ** 0.5 + (z**3) ** 0.5,
    "powers of powers": lambda z, w: (z**1.5) ** 0.5 + (z**0.5) ** 3 + (1 / z) ** 0.5,
    "logarithm of an exponential": lambda z, w: np.log(np.exp(z)) + np.log(z * w) - np.log(z / w),
    "powers of an exponential": lambda z, w: np.exp(z) ** 0.5 + np.exp(z) ** 2 + np.exp(z) ** w,
    "sigmoid": lambda z, w: np.exp(z) / (1 + np.exp(z)) + np.log(1 + np.exp(w)) + 1 / (1 + np.exp(-z)),
    "log of a sum of exponentials": lambda z, w: np.log(np.sum(np.exp(z))) * w,
    "sign": lambda z, w: np.abs(z) * np.sign(z) + np.sign(w) * w + z / np.abs(z),
    "circle": lambda z, w: np.sin(z) ** 2 + np.cos(z) ** 2 + np.cosh(w) ** 2 - np.sinh(w) ** 2,
    "inverses": lambda z, w: np.arcsin(np.sin(z)) + np.cos(np.arcsin(w)),
    "moduli": lambda z, w: np.abs(z) ** 2 + np.abs(z * w) ** 3 + np.sqrt(np.abs(z) ** 2) + np.real(z) ** 2,
    "literals": lambda z, w: z * (1 + 2j) + z * (3 - 2j) - 4 * z - 1j * w,
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_has_the_values(name: str) -> None:
    """Identities of real numbers are not applied to complex ones."""
    f = FORMS[name]
    for function in (gradc.jit(f), gradc.grad(lambda z, w: np.sum(np.real(f(z, w) * (1 + 2j))))):
        expected, formula = function(Z, W), function.formula(Z, W)
        np.testing.assert_allclose(evaluate(formula.graph_ir, [Z, W])[0], expected, rtol=1e-10)
        scope: dict[str, Any] = {}
        exec(formula.numpy(), scope)
        (source,) = (value for key, value in scope.items() if key.startswith("f"))
        np.testing.assert_allclose(source(Z, W), expected, rtol=1e-10)
    assert gradc.jit(f).formula(Z, W).latex()


def test_what_is_told_of_real_numbers_only() -> None:
    formula = gradc.grad(lambda z: np.abs(z) ** 2).formula(1 + 2j)
    for tell in (formula.steps, formula.kinks, formula.c):
        with pytest.raises(ArgumentError, match="real and imaginary parts"):
            tell()
