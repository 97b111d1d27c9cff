"""Exponentials: ``x = k log 2 + r`` with ``|r| <= log(2) / 2``, a polynomial for ``e^r``, and a power of two."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.lower.mathematics.formula import DOUBLE, Formula, Real, Whole, polynomial


@dataclass(frozen=True, slots=True)
class Reduced:
    """``e^x = 2^k (1 + r + tail)``; the low bits of ``power`` hold k. ``rough`` is r before its last rounding."""

    power: Whole
    count: Real
    remainder: Real
    rough: Real

    def lost(self, ln2_low: float) -> Real:
        """What the remainder lost to rounding."""
        return self.count.times_plus(-ln2_low, self.rough - self.remainder)


def reduced(f: Formula, x: Real) -> Reduced:
    """The reduction of an argument in the range of the exponential."""
    ln2_high, ln2_low = f.coefficients("ln2")
    shifted = x.times_plus(f.coefficients("one_over_ln2")[0], f.format.rounder)
    count = shifted - f.format.rounder
    rough = count.times_plus(-ln2_high, x)
    return Reduced(shifted.bits(), count, count.times_plus(-ln2_low, rough), rough)


def two_to(f: Formula, power: Whole, offset: int) -> Real:
    """``2^(k + offset)``, a normal number, for k in the low bits."""
    return ((power + (f.format.bias + offset)) << f.format.mantissa).as_real()


def scaled(f: Formula, y: Real, power: Whole, count: Real) -> Real:
    """``2^k y``, rounded once, also where it is subnormal or overflows; ``count`` is k, ``power`` has it in the low bits."""
    if f.is_full_width:
        return f.scale(y, count)
    extra = 2 * f.format.mantissa + 4
    small = count < 4.0 - f.format.bias
    offset = f.whole_where(small, f.format.bias + extra, f.format.bias - 1)
    factor = ((power + offset) << f.format.mantissa).as_real()
    return y * factor * f.where(small, 2.0**-extra, 2.0)


def range_of(f: Formula) -> tuple[float, float]:
    """Where `exp` is neither 0 nor infinite, with a little to spare."""
    return (-746.0, 710.0) if f.format is DOUBLE else (-104.5, 89.0)


def exponential_of_two(f: Formula, x: Real) -> tuple[Real]:
    """``2^x``."""
    clamped = x.at_most(f.format.bias + 1.5).at_least(-f.format.bias - f.format.mantissa - 1.0)
    shifted = clamped + f.format.rounder
    count = shifted - f.format.rounder
    rest = clamped - count
    return (scaled(f, rest.times_plus(polynomial(rest, f.coefficients("exp2")), 1.0), shifted.bits(), count),)


def exponentials(f: Formula, x: Real) -> tuple[Real, Real]:
    """``exp x`` and ``expm1 x``."""
    smallest, largest = range_of(f)
    clamped = x.at_most(largest).at_least(smallest)
    part = reduced(f, clamped)
    r = part.remainder
    exp = polynomial(r, f.coefficients("exp")).times_plus(r * r, r) + 1.0
    exp = scaled(f, exp, part.power, part.count)
    # e^x - 1 = 2 (h + h r + h tail - 1/2) with h = 2^(k - 1), which is finite where the result is
    half = two_to(f, part.power, -1)
    tail = (r * r).times_plus(polynomial(r, f.coefficients("expm1")), part.lost(f.coefficients("ln2")[1]))
    near = half.times_plus(tail, half.times_plus(r, half - 0.5))
    far = x < (-40.0 if f.format is DOUBLE else -18.0)
    expm1 = f.where(far, -1.0, near + near)
    return exp, f.where(abs(x) < 2.0 ** (-f.format.mantissa - 2), x, expm1)
