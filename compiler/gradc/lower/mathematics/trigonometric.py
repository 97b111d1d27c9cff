"""Sine, cosine, tangent: ``|x| = k pi/2 + r`` with ``|r| <= pi/4``, in parts; polynomials for both on that interval.

Where some lane is so large that the parts of pi/2 don't suffice, a function out of the way reduces it by as many digits as
it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradc.lower.mathematics.far_angles import far_angle
from gradc.lower.mathematics.formula import DOUBLE, Formula, Real, Whole, polynomial, quotient


def _limit(f: Formula) -> float:
    """Below, the parts of pi/2 give a rest that is exact enough."""
    return 2.0**22 if f.format is DOUBLE else 2.0**16


@dataclass(frozen=True, slots=True)
class Angle:
    """An angle as a number of right angles (in the low bits of ``turns``) and a rest, with what its rounding lost."""

    turns: Whole
    rest: Real
    lost: Real

    @property
    def square(self) -> Real:
        """The rest squared."""
        return self.rest * self.rest


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
    return Angle(shifted.bits(), rest, count.times_plus(-third, lost))


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


def _sine_and_cosine_of(f: Formula, x: Real, a: Angle) -> tuple[Real, Real]:
    sine = a.rest + _sine_series(f, a)
    high, low = _cosine_parts(f, a)
    cosine = high + low
    odd = a.turns.is_odd()
    minus = x.bits() & (1 << (f.format.dtype.itemsize * 8 - 1))
    sin = f.where(odd, cosine, sine).bits() ^ _sign(f, a.turns) ^ minus
    cos = f.where(odd, sine, cosine).bits() ^ _sign(f, a.turns + 1)
    return sin.as_real(), cos.as_real()


def _tangent_of(f: Formula, x: Real, a: Angle) -> tuple[Real]:
    """A quotient of sine and cosine in two parts each."""
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


def sine_and_cosine(f: Formula, x: Real) -> tuple[Real, Real]:
    """``sin x`` and ``cos x``, up to the limit."""
    return _sine_and_cosine_of(f, x, angle(f, abs(x)))


def tangent(f: Formula, x: Real) -> tuple[Real]:
    """``tan x``, up to the limit."""
    return _tangent_of(f, x, angle(f, abs(x)))


def beyond_the_limit(name: str) -> Callable[[Formula, Real, Real], tuple[Real]]:
    """The result so far, but that of an exact reduction in lanes beyond the limit."""

    def far(f: Formula, x: Real) -> Real:
        wide = f.doubled()
        y = Real(wide, x.text if wide is f else wide.emit(f"fpext float {x.text} to double"))
        reduced = Angle(*far_angle(wide, y))
        results = _tangent_of(wide, y, reduced) if name == "tan" else _sine_and_cosine_of(wide, y, reduced)
        result = wide.where(abs(y) < float("inf"), results[name == "cos"], float("nan"))
        return result if wide is f else Real(f, f.emit(f"fptrunc double {result.text} to float"))

    def finish(f: Formula, x: Real, near: Real) -> tuple[Real]:
        limit = _limit(f)
        is_far = abs(x) >= limit
        if f.lanes == 1:
            return (f.rarely(is_far, near, lambda: far(f, x)),)
        helper = f"gradc_far_{name}_{f.suffix}"
        f.helper(helper, _per_lane(helper, f, far))
        call = f"call {f.real} @{helper}({f.real} {x.text}, {f.real} {near.text}) cold {_KEEPS_REGISTERS}"
        return (f.rarely(is_far, near, lambda: Real(f, f.emit(call))),)

    return finish


#: of a function out of the way: nothing on the hot path is spilled for a call that hardly ever happens
_KEEPS_REGISTERS = '"no_caller_saved_registers"'


def _per_lane(helper: str, f: Formula, far: Callable[[Formula, Real], Real]) -> str:
    """A function of the operands and the results so far that replaces those of the lanes beyond the limit."""
    one = Formula(f.format, 1)
    operand = Real(one, "%operand")
    result = far(one, operand)
    code = one.template([result])
    for declaration in code.declarations:
        f.declare(*declaration)
    element, kind = one.real, f.real
    head = f"{kind} @{helper}({kind} %x, {kind} %near) {_KEEPS_REGISTERS} noinline cold nounwind"
    body = f"""{{
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
  %above = fcmp oge {element} %operand, {one.number(_limit(f)).text}
  %minus = fneg {element} %operand
  %below = fcmp oge {element} %minus, {one.number(_limit(f)).text}
  %far = or i1 %above, %below
  br i1 %far, label %reduce, label %next
reduce:
{code.lines}
  %to = getelementptr {element}, ptr %results, i64 %i
  store {element} {result.text}, ptr %to
  br label %next
next:
  %following = add i64 %i, 1
  %more = icmp ult i64 %following, {f.lanes}
  br i1 %more, label %lane, label %done
done:
  %result = load {kind}, ptr %results
  ret {kind} %result
}}"""
    return one.function(head, helper, body.replace("#", ""))
