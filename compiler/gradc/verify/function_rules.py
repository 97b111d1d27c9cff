"""The functions of the table as polynomials: one row for each that has an identity of its own."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from gradc.verify.polynomial import ONE, Polynomial, number_polynomial

if TYPE_CHECKING:
    from gradc.verify.normal_form import NormalForm


def _comparison(strict: bool, swapped: bool) -> Callable[..., Polynomial]:
    def bracket(form: NormalForm, left: Polynomial, right: Polynomial) -> Polynomial:
        gap = form.subtract(right, left) if swapped else form.subtract(left, right)
        above = form.positive(gap)
        return above if strict else form.add(above, form.zero(gap))

    return bracket


def _where(form: NormalForm, p: Polynomial, chosen: Polynomial, other: Polynomial) -> Polynomial:
    return form.add(form.multiply(p, chosen), form.multiply(form.subtract(ONE, p), other))


def _sigmoid(form: NormalForm, x: Polynomial) -> Polynomial:
    return form.power(form.add(ONE, form.exponential(form.scale(x, -1))), Fraction(-1))


def _hyperbolic(sign: int) -> Callable[[NormalForm, Polynomial], Polynomial]:
    def half_sum(form: NormalForm, x: Polynomial) -> Polynomial:
        backward = form.exponential(form.scale(x, -1))
        return form.scale(form.add(form.exponential(x), form.scale(backward, sign)), Fraction(1, 2))

    return half_sum


def _tanh(form: NormalForm, x: Polynomial) -> Polynomial:
    return form.quotient(_hyperbolic(-1)(form, x), _hyperbolic(1)(form, x))


def _log_in_base(base: int) -> Callable[[NormalForm, Polynomial], Polynomial]:
    return lambda form, x: form.quotient(form.logarithm(x), form.logarithm(number_polynomial(base)))


_HALF = Fraction(1, 2)
FUNCTION_RULES: dict[str, Callable[..., Polynomial]] = {
    "sub": lambda form, a, b: form.subtract(a, b),
    "neg": lambda form, a: form.scale(a, -1),
    "div": lambda form, a, b: form.quotient(a, b),
    "pow": lambda form, a, b: form.general_power(a, b),
    "power": lambda form, a, b: form.general_power(a, b),
    "convert": lambda form, a: a,
    "sqrt": lambda form, a: form.power(a, _HALF),
    "root": lambda form, a: form.power(a, _HALF),
    "stop_gradient": lambda form, a: a,
    "abs": lambda form, a: form.absolute(a),
    "sign": lambda form, a: form.sign(a),
    "maximum": lambda form, a, b: form.larger(a, b),
    "minimum": lambda form, a, b: form.scale(form.larger(form.scale(a, -1), form.scale(b, -1)), -1),
    "exp": lambda form, a: form.exponential(a),
    "expm1": lambda form, a: form.subtract(form.exponential(a), ONE),
    "exp2": lambda form, a: form.exponential(form.multiply(a, form.logarithm(number_polynomial(2)))),
    "log": lambda form, a: form.logarithm(a),
    "log1p": lambda form, a: form.logarithm(form.add(ONE, a)),
    "log2": _log_in_base(2),
    "log10": _log_in_base(10),
    "sigmoid": _sigmoid,
    "softplus": lambda form, a: form.logarithm(form.add(ONE, form.exponential(a))),
    "logaddexp": lambda form, a, b: form.logarithm(form.add(form.exponential(a), form.exponential(b))),
    "sin": lambda form, a: form.sine(a),
    "cos": lambda form, a: form.cosine(a),
    "tan": lambda form, a: form.quotient(form.sine(a), form.cosine(a)),
    "sinh": _hyperbolic(-1),
    "cosh": _hyperbolic(1),
    "tanh": _tanh,
    "hypot": lambda form, a, b: form.power(form.add(form.multiply(a, a), form.multiply(b, b)), _HALF),
    "greater": _comparison(True, False),
    "greater_equal": _comparison(False, False),
    "less": _comparison(True, True),
    "less_equal": _comparison(False, True),
    "equal": lambda form, a, b: form.zero(form.subtract(a, b)),
    "not_equal": lambda form, a, b: form.subtract(ONE, form.zero(form.subtract(a, b))),
    "not": lambda form, a: form.subtract(ONE, a),
    "or": lambda form, *args: form.subtract(ONE, form.multiply(*[form.subtract(ONE, a) for a in args])),
    "where": _where,
}
