"""The functions of the table as polynomials: one row for each that has an identity of its own."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from gradc.verify.polynomial import ONE, PI_ATOM, Polynomial, atom_polynomial, number_polynomial

if TYPE_CHECKING:
    from gradc.verify.elementary import Elementary


def _comparison(strict: bool, swapped: bool) -> Callable[..., Polynomial]:
    def bracket(form: Elementary, left: Polynomial, right: Polynomial) -> Polynomial:
        gap = form.subtract(right, left) if swapped else form.subtract(left, right)
        above = form.positive(gap)
        return above if strict else form.add(above, form.zero(gap))

    return bracket


def _where(form: Elementary, p: Polynomial, chosen: Polynomial, other: Polynomial) -> Polynomial:
    return form.add(form.multiply(p, chosen), form.multiply(form.subtract(ONE, p), other))


def _sigmoid(form: Elementary, x: Polynomial) -> Polynomial:
    return form.power(form.add(ONE, form.exponential(form.scale(x, -1))), Fraction(-1))


def _hyperbolic(sign: int) -> Callable[[Elementary, Polynomial], Polynomial]:
    def half_sum(form: Elementary, x: Polynomial) -> Polynomial:
        backward = form.exponential(form.scale(x, -1))
        return form.scale(form.add(form.exponential(x), form.scale(backward, sign)), Fraction(1, 2))

    return half_sum


def _tanh(form: Elementary, x: Polynomial) -> Polynomial:
    return form.quotient(_hyperbolic(-1)(form, x), _hyperbolic(1)(form, x))


def _log_in_base(base: int) -> Callable[[Elementary, Polynomial], Polynomial]:
    return lambda form, x: form.quotient(form.logarithm(x), form.logarithm(number_polynomial(base)))


def _arcsinh(form: Elementary, x: Polynomial) -> Polynomial:
    root = form.power(form.add(form.multiply(x, x), ONE), _HALF)
    argument = form.add(x, root)
    form.above_zero.add(form.oriented(argument).digest)
    return form.logarithm(argument)


def _arccosh(form: Elementary, x: Polynomial) -> Polynomial:
    root = form.power(form.subtract(form.multiply(x, x), ONE), _HALF)
    return form.logarithm(form.add(x, root))


def _arctanh(form: Elementary, x: Polynomial) -> Polynomial:
    gap = form.subtract(form.logarithm(form.add(ONE, x)), form.logarithm(form.subtract(ONE, x)))
    return form.scale(gap, _HALF)


def _arccos(form: Elementary, x: Polynomial) -> Polynomial:
    quarter = form.scale(atom_polynomial(PI_ATOM), _HALF)
    return form.subtract(quarter, form.function("arcsin", [x]))


def _arctan(form: Elementary, x: Polynomial) -> Polynomial:
    """Of a positive number or of its reciprocal, ``arctan(x) + arctan(1/x) = pi/2`` chooses."""
    if form.is_known_positive(x):
        reciprocal = form.power(x, Fraction(-1))
        if reciprocal.digest < x.digest:
            form.rules["arctan x + arctan 1/x = pi/2 for x > 0"] = None
            quarter = form.scale(atom_polynomial(PI_ATOM), _HALF)
            return form.subtract(quarter, form.odd_function("arctan", reciprocal))
    return form.odd_function("arctan", x)


_HALF = Fraction(1, 2)
#: Functions without a rule of their own but ``f(-x) = -f(x)``.
ODD_FUNCTIONS = frozenset(("arcsin", "erf"))
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
    "expi": lambda form, a: form.exponential(a, "expi"),
    "arccos": _arccos,
    "arctan": _arctan,
    "arcsinh": _arcsinh,
    "arccosh": _arccosh,
    "arctanh": _arctanh,
    "erfc": lambda form, a: form.subtract(ONE, form.function("erf", [a])),
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

#: What a certificate calls the rules that are identities worth naming.
RULE_NAMES: dict[str, str] = {
    "sigmoid": "sigma(x) = 1/(1 + e^(-x))",
    "softplus": "softplus(x) = log(1 + e^x)",
    "logaddexp": "logaddexp(a, b) = log(e^a + e^b)",
    "tan": "tan x = sin x / cos x",
    "sinh": "sinh x = (e^x - e^(-x))/2",
    "cosh": "cosh x = (e^x + e^(-x))/2",
    "tanh": "tanh x = (e^x - e^(-x))/(e^x + e^(-x))",
    "log2": "log2 x = log x / log 2",
    "log10": "log10 x = log x / log 10",
    "abs": "|x| = x where x > 0, -x where x < 0",
    "maximum": "max(a, b) = (a + b + |a - b|)/2",
    "minimum": "min(a, b) = (a + b - |a - b|)/2",
    "arccos": "arccos x = pi/2 - arcsin x",
    "arcsinh": "arcsinh x = log(x + sqrt(x^2 + 1))",
    "arccosh": "arccosh x = log(x + sqrt(x^2 - 1))",
    "arctanh": "arctanh x = (log(1 + x) - log(1 - x))/2",
    "where": "where(p, a, b) = [p] a + [not p] b",
}
