"""Logarithms: ``x = 2^k m`` with m about 1, and ``log m`` by a polynomial in ``s = (m - 1) / (m + 1)``."""

from __future__ import annotations

from collections.abc import Callable

from gradc.lower.mathematics.formula import Formula, Real, Whole, polynomial

#: mantissas are from here to twice this: an interval that AVX-512 has instructions for,
LOWEST = 0.75
#: ... or, where the logarithm should be small, from here
ROOT_OF_HALF = 0.7071067811865476


def _exponent_bits(f: Formula, x: Real, lowest: float) -> tuple[Whole, Whole]:
    """The bits of x moved so that its exponent k, of a mantissa from ``lowest`` on, stands alone; k + bias + 1."""
    offset = ((f.format.bias + 1) << f.format.mantissa) - f.format.bits(lowest)
    moved = x.bits() + offset
    return moved, moved >> f.format.mantissa


def _mantissa_of(f: Formula, moved: Whole, lowest: float) -> Real:
    """The mantissa of the moved bits."""
    mask = (1 << f.format.mantissa) - 1
    return ((moved & mask) + f.format.bits(lowest)).as_real()


def decomposed(f: Formula, x: Real, lowest: float = LOWEST) -> tuple[Real, Real]:
    """k and m of ``x = 2^k m``, for positive x, subnormal ones too."""
    if f.is_full_width and lowest == LOWEST:
        mantissa = f.mantissa_of(x)
        return f.exponent_of(x) - f.exponent_of(mantissa), mantissa
    lift = f.format.mantissa + 2
    subnormal = x < f.format.smallest_normal
    moved, exponent = _exponent_bits(f, f.where(subnormal, x * 2.0**lift, x), lowest)
    lowered = f.format.bias + 1.0 - f.where(subnormal, -float(lift), 0.0)
    count = (exponent | f.format.bits(f.format.rounder)).as_real() - (lowered + f.format.rounder)
    return count, _mantissa_of(f, moved, lowest)


def _natural(f: Formula, count: Real, fraction: Real, lost: Real | None) -> Real:
    """``count log 2 + log(1 + fraction + lost)``, the second logarithm as ``fraction - s (fraction - s^2 p(s^2))``."""
    high, low = f.coefficients("ln2")
    s = fraction / (fraction + 2.0)
    z = s * s
    less = (-z).times_plus(polynomial(z, f.coefficients("log")), fraction)
    small = count * -low if lost is None else (-count).times_plus(low, -lost)
    return count.times_plus(high, fraction - s.times_plus(less, small))


def logarithm(f: Formula, x: Real) -> tuple[Real]:
    """``log x``."""
    count, mantissa = decomposed(f, x)
    return (at_the_ends(f, x, _natural(f, count, mantissa - 1.0, None)),)


def logarithm_to_base(name: str) -> Callable[[Formula, Real], tuple[Real]]:
    """``log2`` or ``log10``; exact where the result is a whole number."""

    def definition(f: Formula, x: Real) -> tuple[Real]:
        count, mantissa = decomposed(f, x)
        fraction = mantissa - 1.0
        s = fraction / (fraction + 2.0)
        z = s * s
        half_square = (fraction * 0.5) * fraction
        high = fraction - half_square
        series = z.times_plus(polynomial(z, f.coefficients("log")), half_square)
        low = s.times_plus(series, (fraction - high) - half_square)
        scale, scale_low = f.coefficients("one_over_ln2" if name == "log2" else "one_over_ln10")
        product = high * scale
        product_low = high.times_plus(scale, -product) + high.times_plus(scale_low, low * scale)
        if name == "log2":
            whole = count
        else:
            log_high, log_low = f.coefficients("log10_of_2")
            whole = count * log_high
            product_low = count.times_plus(log_low, product_low)
        total = whole + product
        return (at_the_ends(f, x, total + (((whole - total) + product) + product_low)),)

    return definition


def logarithm_of_sum(f: Formula, total: Real, lost: Real, doublings: Real | None = None) -> Real:
    """``log(total + lost)``, ``lost`` less than a unit in the last place of ``total``; plus ``doublings`` times log 2."""
    moved, exponent = _exponent_bits(f, total, LOWEST)
    count = (exponent | f.format.bits(f.format.rounder)).as_real() - (f.format.rounder + (f.format.bias + 1.0))
    # 2^(1 - k); the 0 that it may become meets only sums so large that nothing lost matters
    raised = lost * ((f.integer(2 * f.format.bias + 2) - exponent) << f.format.mantissa).as_real()
    whole = _mantissa_of(f, moved, LOWEST) - 1.0
    fraction = raised.times_plus(0.5, whole)
    if doublings is not None:
        count = count + doublings
    return at_the_ends(f, total, _natural(f, count, fraction, raised.times_plus(0.5, whole - fraction)))


def logarithm_of_one_plus(f: Formula, x: Real) -> tuple[Real]:
    """``log(1 + x)``: of the rounded sum, with what the sum lost put back (of a sum so large that this isn't all, enough)."""
    total = x + 1.0
    return (logarithm_of_sum(f, total, x - (total - 1.0)).with_sign_of(x),)


#: what `at_the_ends` says, for `Formula.replace_special`
_RESPONSES = {"nan": "nan", "zero": "-inf", "inf": "inf", "-inf": "invalid", "negative": "invalid"}


def at_the_ends(f: Formula, argument: Real, result: Real) -> Real:
    """NaN below 0, -inf at 0, inf at inf, for the logarithm of ``argument``."""
    infinity = float("inf")
    if f.is_full_width:
        return f.replace_special(result, argument, _RESPONSES)
    bounded = f.where(argument < infinity, result, argument)
    return f.where(argument > 0.0, bounded, f.where(argument.equals(0.0), -infinity, float("nan")))
