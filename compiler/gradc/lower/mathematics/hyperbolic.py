"""Hyperbolic functions."""

from __future__ import annotations

from gradc.lower.mathematics.exponentials import reduced, two_to
from gradc.lower.mathematics.formula import DOUBLE, Formula, Real, polynomial


def hyperbolic_tangent(f: Formula, x: Real) -> tuple[Real]:
    """``tanh x = (e^u - 1) / (e^u + 1)``, u = 2 |x|, numerator and denominator in two parts each."""
    magnitude = abs(x)
    u = (magnitude + magnitude).at_most(44.0 if f.format is DOUBLE else 20.0)
    part = reduced(f, u)
    r = part.remainder
    tail = (r * r).times_plus(polynomial(r, f.coefficients("exp")), part.lost(f.coefficients("ln2")[1]))
    power = two_to(f, part.power, 0)
    less_one = power - 1.0
    high = power.times_plus(r, less_one)
    low = power.times_plus(tail, power.times_plus(r, less_one - high))
    top = high + low
    top_low = (high - top) + low
    bottom = top + 2.0
    bottom_low = ((2.0 - bottom) + top) + top_low
    inverse = 1.0 / bottom
    rough = top * inverse
    lost = (-rough).times_plus(bottom, top) + (-rough).times_plus(bottom_low, top_low)
    return (lost.times_plus(inverse, rough).with_sign_of(x),)
