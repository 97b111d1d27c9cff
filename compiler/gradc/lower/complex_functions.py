"""Elementary functions of complex numbers as expressions of real ones, with NumPy's branch cuts.

Square root, logarithm and the inverse functions follow Kahan (*Branch Cuts for Complex Elementary Functions*, 1987): no
intermediate overflows, no digits cancel, and the signs of zeros tell the sides of a cut apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gradc.ir.scalar import DType, Scalar, apply, number
from gradc.lower.complex_arithmetic import Parts, choose, divide, literal, multiply, negate

Function = Callable[[Parts], Parts]


def _add(a: Scalar, b: Scalar) -> Scalar:
    return apply("add", a, b)


def _sub(a: Scalar, b: Scalar) -> Scalar:
    return apply("sub", a, b)


def _mul(a: Scalar, b: Scalar) -> Scalar:
    return apply("mul", a, b)


def _div(a: Scalar, b: Scalar) -> Scalar:
    return apply("div", a, b)


def _times(factor: float, x: Scalar) -> Scalar:
    return apply("mul", number(factor, x.dtype), x)


def _limits(dtype: DType) -> np.finfo:
    return np.finfo(dtype)


# ---------------------------------------------------------------- size and angle


def absolute(z: Parts) -> Scalar:
    """``|z|``."""
    if z.is_real or z.is_imaginary:
        return apply("abs", z.re if z.is_real else z.im)
    return apply("hypot", z.re, z.im)


def sign(z: Parts) -> Parts:
    """``z / |z|``, 0 at 0."""
    if z.is_real:
        return Parts(apply("sign", z.re), z.im)
    radius = absolute(z)
    zero, one = number(0, z.dtype), number(1, z.dtype)
    divisor = choose(apply("equal", radius, zero), one, radius)
    return Parts(_div(z.re, divisor), _div(z.im, divisor))


def angle(z: Parts) -> Scalar:
    """The argument, in [-pi, pi]."""
    return apply("arctan2", z.im, z.re)


# ---------------------------------------------------------------- exponentials


def exponential(z: Parts) -> Parts:
    """``exp z``; where the exponential of the real part alone overflows, it is scaled."""
    if z.is_real:
        return Parts(apply("exp", z.re), z.im)
    turn = _on_circle(z.im)
    if z.is_imaginary:
        return turn
    largest = math.floor(math.log(float(_limits(z.dtype).max)))
    step = 64 * math.log(2.0)
    beyond = apply("greater", z.re, number(largest, z.dtype))
    size = apply("exp", choose(beyond, _sub(z.re, number(step, z.dtype)), z.re))
    scale = choose(beyond, number(2.0**64, z.dtype), number(1, z.dtype))
    return Parts(_mul(_mul(size, turn.re), scale), _on_axis(z.im, _mul(_mul(size, turn.im), scale)))


def _on_circle(y: Scalar) -> Parts:
    return Parts(apply("cos", y), apply("sin", y))


def _on_axis(y: Scalar, value: Scalar) -> Scalar:
    """``value``, which is as y is where y is 0."""
    return choose(apply("equal", y, number(0, y.dtype)), y, value)


def exponential_of_two(z: Parts) -> Parts:
    """``2 ** z``."""
    return exponential(Parts(_times(math.log(2.0), z.re), _times(math.log(2.0), z.im)))


def exponential_less_one(z: Parts) -> Parts:
    """``exp z - 1``."""
    half = apply("sin", _times(0.5, z.im))
    re = _sub(_mul(apply("expm1", z.re), apply("cos", z.im)), _times(2.0, _mul(half, half)))
    return Parts(re, _on_axis(z.im, _mul(apply("exp", z.re), apply("sin", z.im))))


# ---------------------------------------------------------------- logarithms


def _log_of_radius(z: Parts, less_one: Scalar | None = None) -> Scalar:
    """``log |z|``; near 1 by ``|z|^2 - 1``, elsewhere by the larger part and the ratio of both.

    ``less_one`` is the real part minus 1, if it is known better than from z.
    """
    zero, one = number(0, z.dtype), number(1, z.dtype)
    re, im = apply("abs", z.re), apply("abs", z.im)
    larger, smaller = apply("maximum", re, im), apply("minimum", re, im)
    if less_one is None:
        excess = _add(_mul(_sub(larger, one), _add(larger, one)), _mul(smaller, smaller))
        square = _add(_mul(larger, larger), _mul(smaller, smaller))
    else:
        excess = _add(_mul(less_one, _add(less_one, number(2, z.dtype))), _mul(im, im))
        square = _add(one, excess)
    near = apply("and", apply("greater", square, number(0.5, z.dtype)), apply("less", square, number(3, z.dtype)))
    plain = apply(
        "or", apply("equal", larger, zero), apply("greater", larger, number(float(_limits(z.dtype).max), z.dtype))
    )
    ratio = choose(plain, zero, _div(smaller, choose(plain, one, larger)))
    rest = _times(0.5, apply("log1p", choose(near, excess, _mul(ratio, ratio))))
    return _add(choose(near, zero, apply("log", choose(near, one, larger))), rest)


def logarithm(z: Parts) -> Parts:
    """``log z``; its cut is the negative real axis."""
    return Parts(_log_of_radius(z), angle(z))


def logarithm_of_one_plus(z: Parts) -> Parts:
    """``log(1 + z)``."""
    moved = Parts(_add(z.re, number(1, z.dtype)), z.im)
    return Parts(_log_of_radius(moved, z.re), angle(moved))


def logarithm_to(base: float) -> Function:
    """The logarithm to a base."""

    def of(z: Parts) -> Parts:
        natural = logarithm(z)
        scale = 1.0 / math.log(base)
        return Parts(_times(scale, natural.re), _times(scale, natural.im))

    return of


def square_root(z: Parts) -> Parts:
    """The root with a real part that is not negative; its cut is the negative real axis."""
    zero = number(0, z.dtype)
    huge = apply("greater", apply("maximum", apply("abs", z.re), apply("abs", z.im)), _tenth_of_largest(z.dtype))
    quarter, two, one = number(0.25, z.dtype), number(2, z.dtype), number(1, z.dtype)
    scale = choose(huge, quarter, one)
    re, im = _mul(z.re, scale), _mul(z.im, scale)
    radius = apply("hypot", re, im)
    root = apply("sqrt", _times(0.5, _add(apply("abs", re), radius)))
    other = _div(im, choose(apply("equal", root, zero), one, _times(2.0, root)))
    # an infinite imaginary part has infinite roots, whatever the real part is
    unbounded = apply("isinf", im)
    other = choose(unbounded, apply("copysign", root, im), other)
    right = apply("greater_equal", re, zero)
    back = choose(huge, two, one)
    return Parts(
        _mul(choose(apply("or", right, unbounded), root, apply("abs", other)), back),
        _mul(choose(right, other, apply("copysign", root, im)), back),
    )


def _tenth_of_largest(dtype: DType) -> Scalar:
    return number(float(_limits(dtype).max) / 10, dtype)


def reciprocal_square_root(z: Parts) -> Parts:
    """``1 / sqrt z``."""
    return divide(literal(1, z.dtype), square_root(z))


# ---------------------------------------------------------------- trigonometric and hyperbolic


def sine(z: Parts) -> Parts:
    """``sin(x + iy) = sin x cosh y + i cos x sinh y``."""
    if z.is_real:
        return Parts(apply("sin", z.re), z.im)
    return Parts(
        _on_axis(z.re, _mul(apply("sin", z.re), apply("cosh", z.im))),
        _mul(apply("cos", z.re), apply("sinh", z.im)),
    )


def cosine(z: Parts) -> Parts:
    """``cos(x + iy) = cos x cosh y - i sin x sinh y``."""
    if z.is_real:
        return Parts(apply("cos", z.re), z.im)
    re = _mul(apply("cos", z.re), apply("cosh", z.im))
    return Parts(re, apply("neg", _mul(apply("sin", z.re), apply("sinh", z.im))))


def hyperbolic_sine(z: Parts) -> Parts:
    """``sinh z = -i sin(i z)``."""
    return _less_turned(sine(_turned(z)))


def hyperbolic_cosine(z: Parts) -> Parts:
    """``cosh(x + iy) = cosh x cos y + i sinh x sin y``."""
    re = _mul(apply("cosh", z.re), apply("cos", z.im))
    return Parts(re, _mul(apply("sinh", z.re), apply("sin", z.im)))


def _turned(z: Parts) -> Parts:
    """``i z``."""
    return Parts(apply("neg", z.im), z.re)


def _less_turned(z: Parts) -> Parts:
    """``-i z``."""
    return Parts(z.im, apply("neg", z.re))


def hyperbolic_tangent(z: Parts) -> Parts:
    """``tanh z`` by the tangent of the imaginary part; far out, where it is 1 but for an exponential."""
    one = number(1, z.dtype)
    far = apply("greater", apply("abs", z.re), number(22 if z.dtype.itemsize == 8 else 11, z.dtype))
    inner = choose(far, number(0, z.dtype), z.re)
    tangent, grown = apply("tan", z.im), apply("sinh", inner)
    beta = _add(one, _mul(tangent, tangent))
    square = _mul(grown, grown)
    rho = apply("sqrt", _add(one, square))
    below = _add(one, _mul(beta, square))
    re = _div(_mul(_mul(beta, rho), grown), below)
    im = _div(tangent, below)
    decay = apply("exp", _times(-2.0, apply("abs", z.re)))
    circle = _on_circle(z.im)
    out = _times(4.0, _mul(_mul(circle.re, circle.im), decay))
    return Parts(choose(far, apply("copysign", one, z.re), re), choose(far, out, im))


def tangent(z: Parts) -> Parts:
    """``tan z = -i tanh(i z)``."""
    return _less_turned(hyperbolic_tangent(_turned(z)))


# ---------------------------------------------------------------- their inverses


def _roots(z: Parts) -> tuple[Parts, Parts]:
    """``sqrt(1 - z)`` and ``sqrt(1 + z)``."""
    one = number(1, z.dtype)
    return (
        square_root(Parts(_sub(one, z.re), apply("neg", z.im))),
        square_root(Parts(_add(one, z.re), z.im)),
    )


def _real_of_product(a: Parts, b: Parts) -> Scalar:
    return _sub(_mul(a.re, b.re), _mul(a.im, b.im))


def _imaginary_of_conjugate_product(a: Parts, b: Parts) -> Scalar:
    """The imaginary part of ``conj(a) b``."""
    return _sub(_mul(a.re, b.im), _mul(a.im, b.re))


def arc_sine(z: Parts) -> Parts:
    """The inverse sine; its cuts are the real axis beyond -1 and 1."""
    lower, upper = _roots(z)
    return Parts(
        apply("arctan2", z.re, _real_of_product(lower, upper)),
        apply("arcsinh", _imaginary_of_conjugate_product(lower, upper)),
    )


def arc_cosine(z: Parts) -> Parts:
    """The inverse cosine; its cuts are the real axis beyond -1 and 1."""
    lower, upper = _roots(z)
    return Parts(
        _times(2.0, apply("arctan2", lower.re, upper.re)),
        apply("arcsinh", _imaginary_of_conjugate_product(upper, lower)),
    )


def arc_hyperbolic_cosine(z: Parts) -> Parts:
    """The inverse hyperbolic cosine; its cut is the real axis below 1."""
    one = number(1, z.dtype)
    lower = square_root(Parts(_sub(z.re, one), z.im))
    upper = square_root(Parts(_add(z.re, one), z.im))
    re = _add(_mul(lower.re, upper.re), _mul(lower.im, upper.im))
    return Parts(apply("arcsinh", re), _times(2.0, apply("arctan2", lower.im, upper.re)))


def arc_hyperbolic_sine(z: Parts) -> Parts:
    """``-i asin(i z)``."""
    return _less_turned(arc_sine(_turned(z)))


def arc_hyperbolic_tangent(z: Parts) -> Parts:
    """The inverse hyperbolic tangent; its cuts are the real axis beyond -1 and 1."""
    one = number(1, z.dtype)
    # beyond this the squares overflow, and the result is pi/2 from the axis but for 1 / z
    far = apply("greater", absolute(z), number(math.sqrt(float(_limits(z.dtype).max)) / 4, z.dtype))
    x, y = choose(far, number(0, z.dtype), apply("abs", z.re)), choose(far, one, z.im)
    below, above = _sub(one, x), _add(one, x)
    square = _mul(y, y)
    re = _times(0.25, apply("log1p", _div(_times(4.0, x), _add(_mul(below, below), square))))
    re = apply("copysign", re, z.re)
    im = _times(0.5, apply("arctan2", _times(2.0, y), _sub(_mul(below, above), square)))
    quarter = apply("copysign", number(math.pi / 2, z.dtype), z.im)
    inverse = divide(literal(1, z.dtype), z)
    return Parts(choose(far, inverse.re, re), choose(far, quarter, im))


def arc_tangent(z: Parts) -> Parts:
    """``-i atanh(i z)``."""
    return _less_turned(arc_hyperbolic_tangent(_turned(z)))


# ---------------------------------------------------------------- powers


def general_power(base: Parts, exponent: Parts) -> Parts:
    """``exp(exponent log base)``; of 0: 0 where the exponent's real part is positive, 1 for an exponent of 0, else NaN."""
    dtype = base.dtype
    zero, one = number(0, dtype), number(1, dtype)
    empty = apply("and", apply("equal", base.re, zero), apply("equal", base.im, zero))
    safe = Parts(choose(empty, one, base.re), base.im)
    value = exponential(multiply(exponent, logarithm(safe)))
    none = apply("and", apply("equal", exponent.re, zero), apply("equal", exponent.im, zero))
    missing = number(math.nan, dtype)
    grows = apply("greater", exponent.re, zero)
    of_zero = choose(grows, zero, missing)
    re = choose(none, one, choose(empty, of_zero, value.re))
    return Parts(re, choose(none, zero, choose(empty, of_zero, value.im)))


#: op -> its expression
FUNCTIONS: dict[str, Function] = {
    "exp": exponential,
    "exp2": exponential_of_two,
    "expm1": exponential_less_one,
    "log": logarithm,
    "log2": logarithm_to(2.0),
    "log10": logarithm_to(10.0),
    "log1p": logarithm_of_one_plus,
    "sqrt": square_root,
    "sin": sine,
    "cos": cosine,
    "tan": tangent,
    "sinh": hyperbolic_sine,
    "cosh": hyperbolic_cosine,
    "tanh": hyperbolic_tangent,
    "arcsin": arc_sine,
    "arccos": arc_cosine,
    "arctan": arc_tangent,
    "arcsinh": arc_hyperbolic_sine,
    "arccosh": arc_hyperbolic_cosine,
    "arctanh": arc_hyperbolic_tangent,
    "sign": sign,
    "neg": negate,
}
