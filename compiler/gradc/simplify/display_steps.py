"""Comparisons and the steps made of them: ``[x - 1 > 0]`` is ``[x > 1]``, and ``max(x, 0) [x > 0]`` is ``max(x, 0)``."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradc.ir import algebra
from gradc.ir.algebra import split_coefficient
from gradc.ir.scalar import Apply, Guard, Number, Scalar, apply, is_apply, is_number, number

_TURNED = {
    "less": "greater",
    "less_equal": "greater_equal",
    "greater": "less",
    "greater_equal": "less_equal",
    "equal": "equal",
    "not_equal": "not_equal",
}


def comparison(name: str, left: Scalar, right: Scalar) -> Scalar:
    """The comparison of two real expressions, minus signs and literals on the side where they are positive."""
    if name not in _TURNED or left.dtype.kind != "f" or right.dtype.kind != "f":
        return apply(name, left, right)
    dtype = left.dtype
    if not (_is_signed_sum(left) or _is_signed_sum(right) or isinstance(left, Number)):
        return apply(name, left, right)
    sides: tuple[list[Scalar], list[Scalar]] = ([], [])
    literal: int | float | Fraction = 0
    terms = [*_terms(left), *(algebra.negated(t) for t in _terms(right))]
    difference = algebra.sum_of(*terms, flatten=False, dtype=dtype)
    for term in _terms(difference):
        coefficient, rest = split_coefficient(term)
        if isinstance(coefficient, complex) or coefficient != coefficient:
            return apply(name, left, right)
        if rest is None:
            literal += coefficient  # type: ignore[operator]
        else:
            positive = term if coefficient > 0 else algebra.negated(term)  # type: ignore[operator]
            sides[coefficient < 0].append(positive)  # type: ignore[operator]
    first, second = sides
    if not first and not second:  # x < x + 1
        return apply(name, left, right)
    if not first:
        first, second, literal, name = second, first, -literal, _TURNED[name]
    constant = [number(-literal, dtype)] if literal else []
    return apply(
        name,
        algebra.sum_of(*first, flatten=False, dtype=dtype),
        algebra.sum_of(*second, *constant, flatten=False, dtype=dtype),
    )


def _terms(side: Scalar) -> Sequence[Scalar]:
    return side.children if is_apply(side, "sum") else (side,)


def _is_signed_sum(side: Scalar) -> bool:
    """Whether a side is a short sum with a literal or a minus sign."""
    if not is_apply(side, "sum") or len(side.children) > 6:
        return False
    return any(isinstance(t, Number) or _is_negative(t) for t in side.children)


def _is_negative(term: Scalar) -> bool:
    coefficient = split_coefficient(term)[0]
    return isinstance(coefficient, int | float | Fraction) and coefficient < 0


def step(argument: Scalar) -> Scalar:
    """``[u > 0] + [u = 0] / 2``, the derivative of ``max(u, 0)``."""
    zero = number(0, argument.dtype)
    above = algebra.guarded(comparison("greater", argument, zero), number(1, argument.dtype))
    at_zero = algebra.guarded(comparison("equal", argument, zero), number(Fraction(1, 2), argument.dtype))
    return algebra.sum_of(above, at_zero, flatten=False, dtype=argument.dtype)


def without_needless_steps(factors: Sequence[Scalar]) -> list[Scalar]:
    """The factors of a product without the step of u where ``max(u, 0)`` is a factor: both are 0 below."""
    steps = set()
    for factor in factors:
        base, exponent = (factor.children[0], factor.children[1]) if is_apply(factor, "power") else (factor, None)
        growing = exponent is None or (isinstance(exponent, Number) and _is_positive(exponent.value))
        if is_apply(base, "maximum") and growing:
            for u, other in (base.children, base.children[::-1]):
                if is_number(other, 0):
                    steps.add(step(u))
    if not steps:
        return list(factors)
    return [f for f in factors if (f.children[0] if is_apply(f, "power") else f) not in steps]


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float | Fraction) and value > 0


def power_of_step(base: Scalar, count: int) -> Scalar | None:
    """``([u > 0] + [u = 0] / 2)**2`` as ``[u > 0] + [u = 0] / 4``: of two conditions that exclude each other."""
    if count < 2 or len(base.children) != 2 or not all(isinstance(t, Guard) for t in base.children):
        return None
    parts = [t for t in base.children if isinstance(t, Guard)]
    names = {p.predicate.op.name for p in parts if isinstance(p.predicate, Apply)}
    if parts[0].predicate.children != parts[1].predicate.children or names not in (
        {"greater", "equal"},
        {"less", "equal"},
        {"less", "greater"},
    ):
        return None
    exponent = number(count, base.dtype)
    powers = [algebra.guarded(p.predicate, algebra.power_of(p.body, exponent)) for p in parts]
    return algebra.sum_of(*powers, flatten=False, dtype=base.dtype)


__all__ = ["comparison", "power_of_step", "step", "without_needless_steps"]
