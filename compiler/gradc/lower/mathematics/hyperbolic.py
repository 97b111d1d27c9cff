"""Hyperbolic functions by the exponential, and their inverses by the logarithm."""

from __future__ import annotations

from gradc.lower.mathematics.exponentials import Reduced, range_of, reduced, scaled, two_to
from gradc.lower.mathematics.formula import DOUBLE, Formula, Real, polynomial, quotient
from gradc.lower.mathematics.logarithms import logarithm_of_sum


def _tail(f: Formula, part: Reduced) -> Real:
    """``e^r - 1 - r``, with what r lost."""
    r = part.remainder
    return (r * r).times_plus(polynomial(r, f.coefficients("expm1")), part.lost(f.coefficients("ln2")[1]))


def _sum_with(base: Real, power: Real, r: Real, tail: Real) -> tuple[Real, Real]:
    """``base + power (r + tail)`` in two parts."""
    high = power.times_plus(r, base)
    low = power.times_plus(tail, power.times_plus(r, base - high))
    total = high + low
    return total, (high - total) + low


def hyperbolic_tangent(f: Formula, x: Real) -> tuple[Real]:
    """``tanh x = (e^u - 1) / (e^u + 1)``, u = 2 |x|, numerator and denominator in two parts each."""
    magnitude = abs(x)
    part = reduced(f, (magnitude + magnitude).at_most(44.0 if f.format is DOUBLE else 20.0))
    power = two_to(f, part.power, 0)
    top, top_low = _sum_with(power - 1.0, power, part.remainder, _tail(f, part))
    bottom = top + 2.0
    bottom_low = ((2.0 - bottom) + top) + top_low
    return (quotient(top, top_low, bottom, bottom_low).with_sign_of(x),)


def hyperbolic_sine_and_cosine(f: Formula, x: Real) -> tuple[Real, Real]:
    """``sinh x`` and ``cosh x``, by a quarter of ``e^|x|``, which is finite where they are; sinh near 0 by a polynomial."""
    magnitude = abs(x)
    part = reduced(f, magnitude.at_most(710.7 if f.format is DOUBLE else 89.6))
    quarter, r = two_to(f, part.power, -2), part.remainder
    rising, rising_low = _sum_with(quarter, quarter, r, _tail(f, part))
    falling = 0.0625 / rising
    sine, cosine = rising + (rising_low - falling), rising + (rising_low + falling)
    square = magnitude * magnitude
    near = (magnitude * square).times_plus(polynomial(square, f.coefficients("sinh")), magnitude)
    return f.where(magnitude < 1.0, near, sine + sine).with_sign_of(x), cosine + cosine


def logistic(f: Formula, x: Real) -> tuple[Real, Real]:
    """``1 / (1 + exp(-x))`` and ``log(1 + exp x)``, by ``exp(-|x|)``."""
    part = reduced(f, (-abs(x)).at_least(range_of(f)[0]))
    tail = _tail(f, part)
    high = part.remainder + 1.0
    mantissa = high + (((1.0 - high) + part.remainder) + tail)
    decay = scaled(f, mantissa, part.power, part.count)
    bottom = decay + 1.0
    bottom_low = (1.0 - bottom) + decay
    minus = x < 0.0
    sigmoid = quotient(f.where(minus, mantissa, 1.0), None, bottom, bottom_low)
    power, count = f.whole_where(minus, part.power, 0), f.where(minus, part.count, 0.0)
    softplus = x.at_least(0.0) + logarithm_of_sum(f, bottom, bottom_low)
    return scaled(f, sigmoid, power, count), softplus


def _root_beside(f: Formula, x: Real, sign: float) -> tuple[Real, Real]:
    """``sqrt(x^2 + sign)`` in two parts, where that is positive; the sign is 1 or -1."""
    high = x * x
    low = x.times_plus(x, -high)
    total = high + sign
    lost = high - (total - sign)
    root = total.square_root()
    rest = (-root).times_plus(root, total) + (lost + low)
    return root, f.where(root > 0.0, rest * (0.5 / root), 0.0)


def _logarithm_of_both(f: Formula, x: Real, root: Real, root_low: Real) -> Real:
    """``log(x + root)``; for x so large that its square would overflow, or the root is x: ``log x + log 2``."""
    large = x >= 2.0 ** (f.format.mantissa // 2 + 2)
    total = x + root
    part = total - x
    lost = ((x - (total - part)) + (root - part)) + root_low
    doublings = f.where(large, 1.0, 0.0)
    return logarithm_of_sum(f, f.where(large, x, total), f.where(large, 0.0, lost), doublings)


def inverse_hyperbolic_sine(f: Formula, x: Real) -> tuple[Real]:
    """``asinh x = log(|x| + sqrt(x^2 + 1))`` with the sign of x."""
    magnitude = abs(x)
    result = _logarithm_of_both(f, magnitude, *_root_beside(f, magnitude, 1.0))
    return (result.with_sign_of(x),)


def inverse_hyperbolic_cosine(f: Formula, x: Real) -> tuple[Real]:
    """``acosh x = log(x + sqrt(x^2 - 1))``."""
    result = _logarithm_of_both(f, x, *_root_beside(f, x, -1.0))
    return (f.where(x >= 1.0, result, float("nan")),)


def inverse_hyperbolic_tangent(f: Formula, x: Real) -> tuple[Real]:
    """``atanh x = log(1 + v) / 2`` with ``v = 2 |x| / (1 - |x|)`` in two parts, and the sign of x."""
    magnitude = abs(x)
    top, bottom = magnitude + magnitude, 1.0 - magnitude
    bottom_low = (1.0 - bottom) - magnitude
    inverse = 1.0 / bottom
    v = top * inverse
    v_low = ((-v).times_plus(bottom, top) - v * bottom_low) * inverse
    total = v + 1.0
    lost = (v - (total - 1.0)) + v_low
    result = logarithm_of_sum(f, total, f.where(magnitude < 1.0, lost, 0.0))
    return ((result * 0.5).with_sign_of(x),)
