"""Logarithms: ``x = 2^k m`` with m about 1, and ``log m`` by a polynomial in ``s = (m - 1) / (m + 1)``."""

from __future__ import annotations

from gradc.lower.mathematics.formula import Formula, Real, Whole, polynomial

_ROOT_OF_HALF = 0.7071067811865476


def _exponent_bits(f: Formula, x: Real) -> tuple[Whole, Whole]:
    """The bits of x moved so that its exponent k, of the mantissa in [sqrt(1/2), sqrt(2)), stands alone; k + bias + 1."""
    offset = ((f.format.bias + 1) << f.format.mantissa) - f.format.bits(_ROOT_OF_HALF)
    moved = x.bits() + offset
    return moved, moved >> f.format.mantissa


def _small_integer(f: Formula, bits: Whole, offset: float) -> Real:
    """A small non-negative integer, plus an offset, as a float."""
    return (bits | f.format.bits(f.format.rounder)).as_real() - (f.format.rounder - offset)


def _mantissa(f: Formula, moved: Whole) -> Real:
    mask = (1 << f.format.mantissa) - 1
    return ((moved & mask) + f.format.bits(_ROOT_OF_HALF)).as_real()


def _log_near_one(f: Formula, fraction: Real, count: Real, lost: Real | None) -> Real:
    """``count log 2 + log(1 + fraction + lost)``."""
    ln2_high, ln2_low = f.coefficients("ln2")
    s = fraction / (fraction + 2.0)
    z = s * s
    series = z * polynomial(z, f.coefficients("log"))
    half_square = (fraction * 0.5) * fraction
    low = count * ln2_low if lost is None else count.times_plus(ln2_low, lost)
    correction = s.times_plus(half_square + series, low)
    return count.times_plus(ln2_high, fraction - (half_square - correction))


def logarithm(f: Formula, x: Real) -> tuple[Real]:
    """``log x``."""
    lift = f.format.mantissa + 2
    subnormal = x < f.format.smallest_normal
    moved, exponent = _exponent_bits(f, f.where(subnormal, x * 2.0**lift, x))
    count = _small_integer(f, exponent, -float(f.format.bias + 1))
    count = count - f.where(subnormal, float(lift), 0.0)
    result = _log_near_one(f, _mantissa(f, moved) - 1.0, count, None)
    return (_at_the_ends(f, x, result),)


def _at_the_ends(f: Formula, argument: Real, result: Real) -> Real:
    """NaN below 0, -inf at 0, inf at inf, for the logarithm of ``argument``."""
    infinity = float("inf")
    result = f.where(argument.equals(infinity), infinity, result)
    result = f.where(argument.equals(0.0), -infinity, result)
    return f.where(argument >= 0.0, result, float("nan"))


def logarithm_of_one_plus(f: Formula, x: Real) -> tuple[Real]:
    """``log(1 + x)``: of the rounded sum, with what the sum lost put back."""
    total = x + 1.0
    lost = f.where(x >= 1.0, 1.0 - (total - x), x - (total - 1.0))
    moved, exponent = _exponent_bits(f, total)
    count = _small_integer(f, exponent, -float(f.format.bias + 1))
    # 2^(1 - k); the 0 that it may become meets only sums so large that nothing lost matters
    inverse = ((f.integer(2 * f.format.bias + 2) - exponent) << f.format.mantissa).as_real()
    raised = lost * inverse
    whole = _mantissa(f, moved) - 1.0
    fraction = raised.times_plus(0.5, whole)
    result = _log_near_one(f, fraction, count, raised.times_plus(0.5, whole - fraction))
    result = _at_the_ends(f, total, result)
    return (f.where(x.equals(0.0), x, result),)
