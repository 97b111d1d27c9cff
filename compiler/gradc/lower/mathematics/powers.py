"""Roots and powers."""

from __future__ import annotations

from gradc.lower.mathematics.exponentials import range_of, reduced, scaled
from gradc.lower.mathematics.formula import DOUBLE, Formula, Real, Truth, polynomial
from gradc.lower.mathematics.logarithms import ROOT_OF_HALF, at_the_ends, decomposed


def cube_root(f: Formula, x: Real) -> tuple[Real]:
    """The cube root: ``|x| = 2^(3 k) m`` with m in [1/2, 4), Newton's iteration for ``m^(-1/3)``."""
    magnitude = abs(x)
    subnormal = magnitude < f.format.smallest_normal
    third_lift = 18 if f.format is DOUBLE else 8
    bits = f.where(subnormal, magnitude * 2.0 ** (3 * third_lift), magnitude).bits()
    exponent = (bits >> f.format.mantissa | f.format.bits(f.format.rounder)).as_real() - f.format.rounder
    shifted = (exponent - f.format.bias).times_plus(1.0 / 3.0, f.format.rounder)
    power = shifted.bits()
    m = (bits - ((power + power + power) << f.format.mantissa)).as_real()
    w = polynomial(m, f.coefficients("cbrt"))
    for _ in range(2 if f.format is DOUBLE else 1):
        short = (-(w * w * w)).times_plus(m, 1.0)
        w = (w * short).times_plus(short.times_plus(2.0 / 9.0, 1.0 / 3.0), w)
    square = w * w
    y = m * square
    rest = (-(y * y)).times_plus(y, m) - y.times_plus(y, -(y * y)) * y
    y = y + rest * square * (1.0 / 3.0)
    offset = f.whole_where(subnormal, f.format.bias - third_lift, f.format.bias)
    y = (y * ((power + offset) << f.format.mantissa).as_real()).with_sign_of(x)
    return (f.where((magnitude > 0.0) & (magnitude < float("inf")), y, x + x),)


def hypotenuse(f: Formula, x: Real, y: Real) -> tuple[Real]:
    """``sqrt(x^2 + y^2)`` without overflow on the way."""
    a, b = abs(x), abs(y)
    swapped = b > a
    longer, shorter = f.where(swapped, b, a), f.where(swapped, a, b)
    reach = (f.format.bias + 1) // 2 - f.format.mantissa // 2
    lowered = 2.0 ** (-(f.format.bias + 1) // 2 - f.format.mantissa)
    large, small = longer > 2.0**reach, longer < 2.0**-reach
    scale = f.where(large, lowered, f.where(small, 1.0 / lowered, 1.0))
    back = f.where(large, 1.0 / lowered, f.where(small, lowered, 1.0))
    longer, shorter = longer * scale, shorter * scale
    result = longer.times_plus(longer, shorter * shorter).square_root() * back
    infinity = float("inf")
    return (f.where(a.equals(infinity) | b.equals(infinity), infinity, result),)


def logarithm_of_base(f: Formula, base: Real) -> tuple[Real, Real]:
    """``log |base|`` in two parts; of 0 and infinity the second is NaN."""
    x = abs(base)
    count, mantissa = decomposed(f, x, ROOT_OF_HALF)
    fraction, bottom = mantissa - 1.0, mantissa + 1.0
    bottom_low = mantissa - (bottom - 1.0)
    inverse = 1.0 / bottom
    s = fraction * inverse
    s_low = (-s).times_plus(bottom_low, (-s).times_plus(bottom, fraction)) * inverse
    square = s * s
    square_low = (s + s).times_plus(s_low, s.times_plus(s, -square))
    cube = square * s
    cube_low = square_low.times_plus(s, square.times_plus(s_low, square.times_plus(s, -cube)))
    series = cube * square * polynomial(square, f.coefficients("log_cubed"))
    third, third_low = f.coefficients("two_thirds")
    u = cube * third
    u_low = cube.times_plus(third_low, cube_low.times_plus(third, cube.times_plus(third, -u))) + series
    twice = s + s
    t = twice + u
    t_low = ((twice - t) + u) + ((s_low + s_low) + u_low)
    high, rest_of_ln2 = f.coefficients("ln2")
    whole = count * high
    total = whole + t
    part = total - whole
    lost = (whole - (total - part)) + (t - part)
    rest = lost + count.times_plus(rest_of_ln2, t_low)
    result = total + rest
    return at_the_ends(f, x, result), (total - result) + rest


def _parity(f: Formula, y: Real) -> tuple[Truth, Truth]:
    """Whether y is a whole number, and whether it is an odd one."""
    half = y * 0.5
    whole = f.intrinsic("trunc", y).equals(y)
    return whole, whole & ~f.intrinsic("trunc", half).equals(half)


def power(f: Formula, x: Real, y: Real, log: Real, log_low: Real) -> tuple[Real]:
    """``x ** y`` as C99 has it: ``exp(y log |x|)`` in two parts, and the sign of an odd power."""
    exponent = y.at_most(2.0 ** (f.format.mantissa + 12)).at_least(-(2.0 ** (f.format.mantissa + 12)))
    product = exponent * log
    product_low = exponent.times_plus(log_low, exponent.times_plus(log, -product))
    smallest, largest = range_of(f)
    clamped = product.at_most(largest).at_least(smallest)
    product_low = f.where(clamped.equals(product), product_low, 0.0)
    part = reduced(f, clamped)
    r = part.remainder
    lost = part.lost(f.coefficients("ln2")[1]) + product_low
    square = r * r
    series = polynomial(r, f.coefficients("expm1"))
    value = 1.0 + (r + series.times_plus(square, lost * (series.times_plus(square, r) + 1.0)))
    result = scaled(f, value, part.power, part.count)
    return (_power_at_the_ends(f, x, y, result),)


def _power_at_the_ends(f: Formula, x: Real, y: Real, result: Real) -> Real:
    """The conventions for negative bases, and for 1 and 0 where the other operand is NaN or infinite."""
    infinity, nan = float("inf"), float("nan")
    whole, odd = _parity(f, y)
    result = f.where(f.is_negative(x) & odd, -result, result)
    result = f.where((x < 0.0) & ~(whole | x.equals(-infinity)), nan, result)
    return f.where(x.equals(1.0) | y.equals(0.0), 1.0, result)
