"""Literals as a person writes them: 6.283185307179586 is 2 pi, 0.30000000000000004 is 0.3."""

from __future__ import annotations

import math
from fractions import Fraction

from gradc.ir.scalar import PI, NamedConstant, NumberValue

#: (value, factors as powers): what a float may be a small rational multiple of.
_FAMILIES: tuple[tuple[float, tuple[tuple[NamedConstant | int, Fraction | int], ...]], ...] = (
    (math.pi, ((PI, 1),)),
    (1 / math.pi, ((PI, -1),)),
    (math.sqrt(math.pi), ((PI, Fraction(1, 2)),)),
    (1 / math.sqrt(math.pi), ((PI, Fraction(-1, 2)),)),
    (math.sqrt(2 * math.pi), ((2, Fraction(1, 2)), (PI, Fraction(1, 2)))),
    (1 / math.sqrt(2 * math.pi), ((2, Fraction(-1, 2)), (PI, Fraction(-1, 2)))),
    (math.sqrt(2), ((2, Fraction(1, 2)),)),
    (math.sqrt(3), ((3, Fraction(1, 2)),)),
)
_LARGEST_MULTIPLE = 10_000
_LARGEST_DIVISOR = 12
_SMALLEST, _LARGEST = 1e-6, 1e6
#: A literal of this many digits or fewer was typed as it stands.
_TYPED_DIGITS = 12


def recognised(value: float) -> tuple[Fraction | float, tuple[tuple[NumberValue, NumberValue], ...]]:
    """``value`` as a rational times powers of pi and small roots, or itself and no factors."""
    if (
        not math.isfinite(value)
        or not _SMALLEST < abs(value) < _LARGEST
        or len(f"{abs(value):.17g}".replace(".", "").strip("0")) <= _TYPED_DIGITS
    ):
        return value, ()
    short = Fraction(value).limit_denominator(_LARGEST_DIVISOR)
    if abs(float(short) - value) <= 2 * max(math.ulp(value), math.ulp(1.0)) and short.denominator not in (
        1,
        2,
        4,
        5,
        8,
        10,
    ):
        return short, ()
    for unit, factors in _FAMILIES:
        ratio = value / unit
        multiple = Fraction(ratio).limit_denominator(_LARGEST_DIVISOR)
        if multiple == 0 or abs(multiple) > _LARGEST_MULTIPLE:
            continue
        if abs(float(multiple) * unit - value) <= 2 * math.ulp(value):
            return multiple, factors
    return value, ()


def tidied(value: float) -> float:
    """The decimal that was meant where rounding has blurred it."""
    if not math.isfinite(value):
        return value
    rounded = float(f"{value:.15g}")
    return rounded if len(repr(rounded)) <= _TYPED_DIGITS else value
