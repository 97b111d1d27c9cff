"""Sine, cosine, tangent: ``|x| = k pi/2 + r`` with ``|r| <= pi/4``, in parts; polynomials for both on that interval.

Where some lane is so large that the parts of pi/2 don't suffice, a function out of the way reduces it by as many digits as
it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradc.lower.mathematics.far_angles import far_angle
from gradc.lower.mathematics.formula import DOUBLE, Formula, Real, Whole, polynomial, quotient
from gradc.lower.text import llvm_type


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


def _cosine_less_one(f: Formula, a: Angle) -> Real:
    """What makes the cosine of 1."""
    half = a.square.times_plus(polynomial(a.square, f.coefficients("cos")), -0.5)
    return a.square.times_plus(half, -(a.rest * a.lost))


def _sign(f: Formula, turns: Whole) -> Whole:
    """The sign bit set in the third and fourth quarter."""
    width = f.format.dtype.itemsize * 8
    return (turns << (width - 2)) & (1 << (width - 1))


def _sine_and_cosine_of(f: Formula, x: Real, a: Angle) -> tuple[Real, Real]:
    sine = a.rest + _sine_series(f, a)
    cosine = _cosine_less_one(f, a) + 1.0
    odd = a.turns.is_odd()
    minus = x.bits() & (1 << (f.format.dtype.itemsize * 8 - 1))
    sin = f.where(odd, cosine, sine).bits() ^ _sign(f, a.turns) ^ minus
    cos = f.where(odd, sine, cosine).bits() ^ _sign(f, a.turns + 1)
    return sin.as_real(), cos.as_real()


def _tangent_of(f: Formula, x: Real, a: Angle) -> tuple[Real]:
    """A quotient of sine and cosine in two parts each."""
    sine_series = _sine_series(f, a)
    sine = a.rest + sine_series
    cosine_series = _cosine_less_one(f, a)
    cosine = cosine_series + 1.0
    sine_low, cosine_low = (a.rest - sine) + sine_series, (1.0 - cosine) + cosine_series
    odd = a.turns.is_odd()
    top, top_low = f.where(odd, cosine, sine), f.where(odd, cosine_low, sine_low)
    bottom, bottom_low = f.where(odd, sine, cosine), f.where(odd, sine_low, cosine_low)
    result = quotient(top, top_low, bottom, bottom_low)
    width = f.format.dtype.itemsize * 8
    minus = (x.bits() & (1 << (width - 1))) ^ (a.turns << (width - 1))
    return ((result.bits() ^ minus).as_real(),)


def sine_and_cosine(f: Formula, x: Real) -> tuple[Real, ...]:
    """``sin x`` and ``cos x``."""
    return _with_far_lanes(f, x, "sine_and_cosine", _sine_and_cosine_of)


def tangent(f: Formula, x: Real) -> tuple[Real, ...]:
    """``tan x``."""
    return _with_far_lanes(f, x, "tangent", _tangent_of)


_OfAngle = Callable[[Formula, Real, Angle], tuple[Real, ...]]


def _with_far_lanes(f: Formula, x: Real, name: str, function: _OfAngle) -> tuple[Real, ...]:
    """The results of a function of an angle; by an exact reduction in lanes beyond the limit."""
    near = function(f, x, angle(f, abs(x)))
    is_far = abs(x) >= _limit(f)
    if f.lanes == 1:
        return tuple(f.rarely(is_far, near, lambda: _far(f, x, function)))
    helper = f"gradc_far_{name}_{f.suffix}"
    f.helper(helper, _per_lane(helper, f, function, len(near)))
    operands = ", ".join(f"{f.real} {value.text}" for value in (x, *near))
    element, lanes = llvm_type(f.format.dtype), f.lanes

    def call() -> list[Real]:
        joined = f.emit(f"call <{lanes * len(near)} x {element}> @{helper}({operands}) cold {_KEEPS_REGISTERS}")
        return [f.part(joined, place, len(near)) for place in range(len(near))]

    return tuple(f.rarely(is_far, near, call))


def _far(f: Formula, x: Real, function: _OfAngle) -> list[Real]:
    """The results in one lane, in double precision."""
    wide = f.doubled()
    y = Real(wide, x.text if wide is f else wide.emit(f"fpext float {x.text} to double"))
    results = function(wide, y, Angle(*far_angle(wide, y)))
    results = tuple(wide.where(abs(y) < float("inf"), result, float("nan")) for result in results)
    if wide is f:
        return list(results)
    return [Real(f, f.emit(f"fptrunc double {result.text} to float")) for result in results]


#: of a function out of the way: nothing on the hot path is spilled for a call that hardly ever happens
_KEEPS_REGISTERS = '"no_caller_saved_registers"'


def _per_lane(helper: str, f: Formula, function: _OfAngle, count: int) -> str:
    """A function of the operands and the results so far, of which it replaces those of the lanes beyond the limit."""
    one = Formula(f.format, 1)
    results = _far(one, Real(one, "%operand"), function)
    code = one.template(results)
    for declaration in code.declarations:
        f.declare(*declaration)
    element, kind, lanes = one.real, f.real, f.lanes
    joined = f"<{lanes * count} x {element}>"
    limit = one.number(_limit(f)).text
    near = "".join(f", {kind} %near{place}" for place in range(count))
    saves = "\n".join(
        f"  %at{place} = getelementptr {element}, ptr %results, i64 {place * lanes}\n"
        f"  store {kind} %near{place}, ptr %at{place}"
        for place in range(count)
    )
    replaces = "\n".join(
        f"  %to{place} = getelementptr {element}, ptr %at{place}, i64 %i\n"
        f"  store {element} {result.text}, ptr %to{place}"
        for place, result in enumerate(results)
    )
    head = f"{joined} @{helper}({kind} %x{near}) {_KEEPS_REGISTERS} noinline cold nounwind"
    body = f"""{{
entry:
  %operands = alloca {kind}
  %results = alloca {joined}
  store {kind} %x, ptr %operands
{saves}
  br label %lane
lane:
  %i = phi i64 [ 0, %entry ], [ %following, %next ]
  %from = getelementptr {element}, ptr %operands, i64 %i
  %operand = load {element}, ptr %from
  %above = fcmp oge {element} %operand, {limit}
  %minus = fneg {element} %operand
  %below = fcmp oge {element} %minus, {limit}
  %far = or i1 %above, %below
  br i1 %far, label %reduce, label %next
reduce:
{code.lines}
{replaces}
  br label %next
next:
  %following = add i64 %i, 1
  %more = icmp ult i64 %following, {lanes}
  br i1 %more, label %lane, label %done
done:
  %result = load {joined}, ptr %results
  ret {joined} %result
}}"""
    return one.function(head, helper, body.replace("#", ""))
