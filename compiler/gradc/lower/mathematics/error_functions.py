"""The error function and its complement."""

from __future__ import annotations

from gradc.lower.mathematics.exponentials import reduced, scaled, two_to
from gradc.lower.mathematics.formula import DOUBLE, Formula, Real, polynomial

#: up to here erf is a polynomial of its own; beyond, ``erfc x = exp(-x^2) p(t) / (x + A)`` with ``t = (x - A) / (x + A)``
SWITCH = 1.0
#: the same for erfc, which loses digits in ``1 - erf x`` sooner
COMPLEMENT_SWITCH = 0.8125
#: A
CENTRE = 2.5


def error_function(f: Formula, x: Real) -> tuple[Real]:
    """``erf x``: beyond the switch 1 less the complement."""
    magnitude = abs(x).at_most(6.0 if f.format is DOUBLE else 4.0)
    square = magnitude * magnitude
    near = magnitude.times_plus(polynomial(square, f.coefficients("erf")), magnitude)
    inverse = 1.0 / (magnitude + CENTRE)
    series = polynomial((magnitude - CENTRE) * inverse, f.coefficients("erf_tail")) * inverse
    part = reduced(f, -square)
    r = part.remainder
    decay = (r * r).times_plus(polynomial(r, f.coefficients("expm1")), r) + 1.0
    far = (-(decay * two_to(f, part.power, 0))).times_plus(series, 1.0)
    return (f.where(magnitude > SWITCH, far, near).with_sign_of(x),)


def complementary_error_function(f: Formula, x: Real) -> tuple[Real]:
    """``erfc x``: near 0 1 less the polynomial of erf, beyond in two parts; of negative x 2 less that of ``-x``."""
    magnitude = abs(x).at_most(27.3 if f.format is DOUBLE else 10.2)
    square = magnitude * magnitude
    square_low = magnitude.times_plus(magnitude, -square)
    start = 1.0 - x
    near = start + (-x).times_plus(polynomial(square, f.coefficients("erf")), (1.0 - start) - x)
    # p(t) / (|x| + A) = g + g_low
    bottom = magnitude + CENTRE
    bottom_low = f.where(magnitude > CENTRE, CENTRE - (bottom - magnitude), magnitude - (bottom - CENTRE))
    inverse = 1.0 / bottom
    first, *others = f.coefficients("erfc_tail")
    t = (magnitude - CENTRE) * inverse
    t_low = ((-t).times_plus(bottom, magnitude - CENTRE) - t * bottom_low) * inverse
    slope = polynomial(t, [power * c for power, c in enumerate(others[:6], start=1)])
    missing = polynomial(t, f.coefficients("erfc_tail_low"))
    series = polynomial(t, others)
    higher = t * series
    top = higher + first
    top_low = ((first - top) + higher) + t_low.times_plus(slope, t.times_plus(series, -higher) + missing)
    g = top * inverse
    g_low = ((-g).times_plus(bottom, top) + (-g).times_plus(bottom_low, top_low)) * inverse
    # exp(-x^2) = 2^k (high + low)
    part = reduced(f, -square)
    r = part.remainder
    high = r + 1.0
    tail = (r * r).times_plus(polynomial(r, f.coefficients("expm1")), part.lost(f.coefficients("ln2")[1]))
    low = ((1.0 - high) + r) + (-square_low).times_plus(high + tail, tail)
    product = high * g
    product_low = high.times_plus(g, -product) + high.times_plus(g_low, low * g)
    far = scaled(f, product + product_low, part.power, part.count)
    far = f.where(x < 0.0, 2.0 - far, far)
    return (f.where(magnitude > COMPLEMENT_SWITCH, far, near),)
