"""Inverse trigonometric functions: polynomials on [0, 1/2], the rest brought there."""

from __future__ import annotations

from gradc.lower.mathematics.formula import DOUBLE, Formula, Real, Truth, polynomial


def _reduced(f: Formula, x: Real) -> tuple[Truth, Real, Real]:
    """Whether ``|x| > 1/2``; b, and ``asin b - b``: b is ``|x|``, or then ``sqrt((1 - |x|) / 2)``."""
    magnitude = abs(x)
    large = magnitude > 0.5
    square = f.where(large, (1.0 - magnitude) * 0.5, magnitude * magnitude)
    base = f.where(large, square.square_root(), magnitude)
    return large, base, base * square * polynomial(square, f.coefficients("asin"))


def arc_sine(f: Formula, x: Real) -> tuple[Real]:
    """``asin x``; beyond 1/2 ``pi/2 - 2 asin b``."""
    large, base, rest = _reduced(f, x)
    quarter, quarter_low = f.coefficients("quarter_pi")
    twice = base + base
    high = 2.0 * quarter - twice
    low = ((2.0 * quarter - high) - twice) + (2.0 * quarter_low - (rest + rest))
    return (f.where(large, high + low, base + rest).with_sign_of(x),)


def arc_cosine(f: Formula, x: Real) -> tuple[Real]:
    """``acos x = pi/2 - asin x``; beyond 1/2 ``2 asin b``, below -1/2 ``pi - 2 asin b``."""
    large, base, rest = _reduced(f, x)
    quarter, quarter_low = f.coefficients("quarter_pi")
    minus = x < 0.0
    # start - factor (base + rest)
    start = f.where(large, f.where(minus, 4.0 * quarter, 0.0), 2.0 * quarter)
    start_low = f.where(large, f.where(minus, 4.0 * quarter_low, 0.0), 2.0 * quarter_low)
    factor = f.where(large, f.where(minus, 2.0, -2.0), f.where(minus, -1.0, 1.0))
    product = factor * base
    high = start - product
    low = ((start - high) - product) + (-factor).times_plus(rest, start_low)
    return (high + low,)


def _angle(f: Formula, shorter: Real, longer: Real, swapped: Truth, backwards: Truth | None) -> Real:
    """The angle whose tangent is ``shorter / longer``, in [0, pi/4]; swapped: its complement; backwards: pi less it.

    Beyond a tangent of 1/2 it is pi/4 less an angle whose tangent is ``(longer - shorter) / (longer + shorter)``.
    """
    middle = shorter > longer * 0.5
    both = longer + shorter
    top = f.where(middle, shorter - longer, shorter)
    bottom = f.where(middle, both, longer)
    bottom_low = f.where(middle, (longer - both) + shorter, 0.0)
    inverse = 1.0 / bottom
    t = top * inverse
    t_low = ((-t).times_plus(bottom, top) - t * bottom_low) * inverse
    square = t * t
    rest = (t * square).times_plus(polynomial(square, f.coefficients("atan")), t_low)
    sign = f.where(swapped if backwards is None else swapped ^ backwards, -1.0, 1.0)
    # in eighths of a turn
    start = f.where(swapped, 2.0, 0.0 if backwards is None else f.where(backwards, 4.0, 0.0))
    start = start + f.where(middle, sign, 0.0)
    quarter, quarter_low = f.coefficients("quarter_pi")
    high = start * quarter
    high_low = start.times_plus(quarter_low, start.times_plus(quarter, -high))
    t, rest = t * sign, rest * sign
    total = high + t
    return total + (((high - total) + t) + (high_low + rest))


def arc_tangent(f: Formula, x: Real) -> tuple[Real]:
    """``atan x``."""
    magnitude = abs(x).at_most(2.0**60 if f.format is DOUBLE else 2.0**30)
    swapped = magnitude > 1.0
    shorter, longer = f.where(swapped, 1.0, magnitude), f.where(swapped, magnitude, 1.0)
    return (_angle(f, shorter, longer, swapped, None).with_sign_of(x),)


def arc_tangent_of_two(f: Formula, y: Real, x: Real) -> tuple[Real]:
    """``atan2(y, x)``: the angle of the point (x, y)."""
    across, along = abs(x), abs(y)
    swapped = along > across
    shorter, longer = f.where(swapped, across, along), f.where(swapped, along, across)
    infinity = float("inf")
    unbounded = longer.equals(infinity)
    shorter = f.where(unbounded, f.where(shorter.equals(infinity), 1.0, shorter * 0.0), shorter)
    longer = f.where(unbounded | longer.equals(0.0), 1.0, longer)
    (large, lowered), (small, raised) = (
        ((2.0**1000, 2.0**-60), (2.0**-800, 2.0**200))
        if f.format is DOUBLE
        else ((2.0**104, 2.0**-30), (2.0**-60, 2.0**80))
    )
    scale = f.where(longer > large, lowered, f.where(longer < small, raised, 1.0))
    backwards = f.is_negative(x)
    return (_angle(f, shorter * scale, longer * scale, swapped, backwards).with_sign_of(y),)
