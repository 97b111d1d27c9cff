"""Sine, cosine, tangent: ``|x| = k pi/2 + r`` with ``|r| <= pi/4``, in parts; polynomials for both on that interval.

Where some lane is so large that the parts of pi/2 don't suffice, a function out of the way asks the C library for those lanes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradc.lower.mathematics.formula import DOUBLE, Formula, Real, Whole, polynomial, quotient
from gradc.lower.text import literal, llvm_type


def _limit(f: Formula) -> float:
    """Arguments from here on are left to the C library: below, the parts of pi/2 give a rest that is exact enough."""
    return 2.0**22 if f.format is DOUBLE else 2.0**16


@dataclass(frozen=True, slots=True)
class Angle:
    """An angle as a number of right angles (in the low bits of ``turns``) and a rest, with what its rounding lost."""

    turns: Whole
    rest: Real
    lost: Real
    square: Real


def angle(f: Formula, x: Real) -> Angle:
    """The reduction of an angle."""
    first, second, third = f.coefficients("half_pi")
    shifted = x.times_plus(f.coefficients("two_over_pi")[0], f.format.rounder)
    count = shifted - f.format.rounder
    rough = count.times_plus(-first, x)
    if f.format is DOUBLE:  # count * second is a float
        rest = count.times_plus(-second, rough)
        lost = count.times_plus(-second, rough - rest)
    else:
        product = count * second
        rest = rough - product
        lost = ((rough - rest) - product) - count.times_plus(second, -product)
    return Angle(shifted.bits(), rest, count.times_plus(-third, lost), rest * rest)


def _sine_series(f: Formula, a: Angle) -> Real:
    """What makes the sine of the rest."""
    return (a.rest * a.square).times_plus(polynomial(a.square, f.coefficients("sin")), a.lost)


def _cosine_parts(f: Formula, a: Angle) -> tuple[Real, Real]:
    """The cosine, as a sum of two."""
    half = a.square * 0.5
    high = 1.0 - half
    low = (1.0 - high) - half
    series = polynomial(a.square, f.coefficients("cos"))
    return high, (a.square * a.square).times_plus(series, (-a.rest).times_plus(a.lost, low))


def _sign(f: Formula, turns: Whole) -> Whole:
    """The sign bit set in the third and fourth quarter."""
    width = f.format.dtype.itemsize * 8
    return (turns << (width - 2)) & (1 << (width - 1))


def sine_and_cosine(f: Formula, x: Real) -> tuple[Real, Real]:
    """``sin x`` and ``cos x``."""
    a = angle(f, abs(x))
    sine = a.rest + _sine_series(f, a)
    high, low = _cosine_parts(f, a)
    cosine = high + low
    odd = a.turns.is_odd()
    minus = x.bits() & (1 << (f.format.dtype.itemsize * 8 - 1))
    sin = f.where(odd, cosine, sine).bits() ^ _sign(f, a.turns) ^ minus
    cos = f.where(odd, sine, cosine).bits() ^ _sign(f, a.turns + 1)
    return sin.as_real(), cos.as_real()


def tangent(f: Formula, x: Real) -> tuple[Real]:
    """``tan x``: a quotient of sine and cosine in two parts each."""
    a = angle(f, abs(x))
    sine_series = _sine_series(f, a)
    sine = a.rest + sine_series
    one_less, cosine_series = _cosine_parts(f, a)
    cosine = one_less + cosine_series
    sine_low, cosine_low = (a.rest - sine) + sine_series, (one_less - cosine) + cosine_series
    odd = a.turns.is_odd()
    top, top_low = f.where(odd, cosine, sine), f.where(odd, cosine_low, sine_low)
    bottom, bottom_low = f.where(odd, sine, cosine), f.where(odd, sine_low, cosine_low)
    result = quotient(top, top_low, bottom, bottom_low)
    width = f.format.dtype.itemsize * 8
    minus = (x.bits() & (1 << (width - 1))) ^ (a.turns << (width - 1))
    return ((result.bits() ^ minus).as_real(),)


def far_from_zero(name: str) -> Callable[[Formula, Real, Real], tuple[Real]]:
    """The result so far, but what the C library's function says in lanes beyond the limit."""

    def finish(f: Formula, x: Real, near: Real) -> tuple[Real]:
        symbol = name if f.format is DOUBLE else name + "f"
        element = llvm_type(f.format.dtype)
        f.declare(symbol, element, [element])
        limit = _limit(f)
        far = abs(x) >= limit
        if f.lanes == 1:
            return (f.rarely(far, symbol, [x], near),)
        helper = f"gradc_far_{symbol}_{f.suffix}"
        number = literal(limit, f.format.dtype).text
        names = {"helper": helper, "kind": f.real, "element": element, "symbol": symbol, "keeps": f.KEEPS_REGISTERS}
        f.helper(helper, _PER_LANE.format(**names, lanes=f.lanes, limit=number))
        return (f.rarely(far, helper, [x, near], near, f.KEEPS_REGISTERS),)

    return finish


_PER_LANE = """define internal {kind} @{helper}({kind} %x, {kind} %near) {keeps} noinline cold nounwind {{
entry:
  %operands = alloca {kind}
  %results = alloca {kind}
  store {kind} %x, ptr %operands
  store {kind} %near, ptr %results
  br label %lane
lane:
  %i = phi i64 [ 0, %entry ], [ %following, %next ]
  %from = getelementptr {element}, ptr %operands, i64 %i
  %operand = load {element}, ptr %from
  %above = fcmp oge {element} %operand, {limit}
  %minus = fneg {element} %operand
  %below = fcmp oge {element} %minus, {limit}
  %far = or i1 %above, %below
  br i1 %far, label %ask, label %next
ask:
  %answer = call {element} @{symbol}({element} %operand)
  %to = getelementptr {element}, ptr %results, i64 %i
  store {element} %answer, ptr %to
  br label %next
next:
  %following = add i64 %i, 1
  %more = icmp ult i64 %following, {lanes}
  br i1 %more, label %lane, label %done
done:
  %result = load {kind}, ptr %results
  ret {kind} %result
}}"""
