"""Gamma functions by recurrence and asymptotic series: made of elementary operations, so every derivative is known."""

from __future__ import annotations

import math
from fractions import Fraction

from gradc.ir.scalar import PI, Scalar, apply, number

#: Bernoulli numbers B2, B4, ... of the asymptotic series.
_BERNOULLI = tuple(
    map(
        Fraction, ("1/6", "-1/30", "1/42", "-1/30", "5/66", "-691/2730", "7/6", "-3617/510", "43867/798", "-174611/330")
    )
)
#: Arguments are moved up by this much before the series is used.
_SHIFT = 10


def _plus(x: Scalar, amount: int) -> Scalar:
    return apply("add", x, number(amount, x.dtype)) if amount else x


def _series(coefficients: list[Fraction], z: Scalar) -> Scalar:
    """``c0 + c1 z + c2 z^2 + ...`` by Horner's rule."""
    result: Scalar = number(float(coefficients[-1]), z.dtype)
    for coefficient in reversed(coefficients[:-1]):
        result = apply("add", number(float(coefficient), z.dtype), apply("mul", result, z))
    return result


def log_gamma(x: Scalar) -> Scalar:
    """The logarithm of the absolute value of the gamma function."""
    one = number(1, x.dtype)
    below = apply("less", x, number(0.5, x.dtype))
    y = apply("where", below, apply("sub", one, x), x)
    direct = _log_gamma_above(y)
    sine = apply("abs", apply("sin", apply("mul", number(PI, x.dtype), x)))
    safe = apply("where", below, sine, one)
    reflected = apply("sub", apply("sub", apply("log", number(PI, x.dtype)), apply("log", safe)), direct)
    return apply("where", below, reflected, direct)


def _log_gamma_above(y: Scalar) -> Scalar:
    """The logarithm of gamma for arguments of at least 1/2."""
    z = _plus(y, _SHIFT)
    inverse = apply("div", number(1, y.dtype), z)
    square = apply("mul", inverse, inverse)
    tail = apply("mul", inverse, _series([b / ((2 * k) * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1)], square))
    half_log = number(0.5 * math.log(2 * math.pi), y.dtype)
    main = apply("sub", apply("mul", apply("sub", z, number(Fraction(1, 2), y.dtype)), apply("log", z)), z)
    stirling = apply("add", apply("add", main, half_log), tail)
    product: Scalar = y
    for k in range(1, _SHIFT):
        product = apply("mul", product, _plus(y, k))
    return apply("sub", stirling, apply("log", product))


def gamma(x: Scalar) -> Scalar:
    """The gamma function; NaN at its poles."""
    one = number(1, x.dtype)
    below = apply("less", x, number(0.5, x.dtype))
    y = apply("where", below, apply("sub", one, x), x)
    direct = apply("exp", _log_gamma_above(y))
    sine = apply("where", below, apply("sin", apply("mul", number(PI, x.dtype), x)), one)
    reflected = apply("div", number(PI, x.dtype), apply("mul", sine, direct))
    return apply("where", below, reflected, direct)


def polygamma(order: int, x: Scalar) -> Scalar:
    """The derivative number ``order`` of digamma, for positive arguments; NaN for others."""
    z = _plus(x, _SHIFT)
    inverse = apply("div", number(1, x.dtype), z)
    square = apply("mul", inverse, inverse)
    if order == 0:
        tail = apply("mul", square, _series([b / (2 * k) for k, b in enumerate(_BERNOULLI, 1)], square))
        main = apply("sub", apply("log", z), apply("mul", number(Fraction(1, 2), x.dtype), inverse))
        result: Scalar = apply("sub", main, tail)
        for k in range(_SHIFT):
            result = apply("sub", result, apply("div", number(1, x.dtype), _plus(x, k)))
    else:
        result = _higher(order, x, inverse, square)
    return apply("where", apply("greater", x, number(0, x.dtype)), result, number(float("nan"), x.dtype))


def _higher(order: int, x: Scalar, inverse: Scalar, square: Scalar) -> Scalar:
    sign = -1 if order % 2 == 0 else 1
    leading = [Fraction(math.factorial(order - 1)), Fraction(math.factorial(order), 2)]
    coefficients = [
        b * Fraction(math.factorial(2 * k + order - 1), math.factorial(2 * k)) for k, b in enumerate(_BERNOULLI, 1)
    ]
    power = apply("power", inverse, number(order, x.dtype)) if order > 1 else inverse
    start = apply("add", number(float(leading[0]), x.dtype), apply("mul", number(float(leading[1]), x.dtype), inverse))
    total = apply("mul", power, apply("add", start, apply("mul", square, _series(coefficients, square))))
    factor = number(float(math.factorial(order)), x.dtype)
    for k in range(_SHIFT):
        below = apply("power", _plus(x, k), number(order + 1, x.dtype))
        total = apply("add", total, apply("div", factor, below))
    return total if sign > 0 else apply("neg", total)
