"""Sums made shorter: common factors, common denominators, products multiplied out where their terms meet others."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from gradc.ir import algebra
from gradc.ir.algebra import split_coefficient
from gradc.ir.scalar import Load, Number, Scalar, is_apply, number
from gradc.ir.tensor import Input
from gradc.simplify.display_polynomials import expanded_if_shorter
from gradc.simplify.display_terms import common_exponent, integer_powers, is_atom, is_count, without

if TYPE_CHECKING:
    from gradc.simplify.display_algebra import DisplayAlgebra

_LARGEST_DISTRIBUTED = 100
_MOST_DENOMINATORS = 3


def shortened(a: DisplayAlgebra, total: Scalar, factoring: bool) -> Scalar:
    """The sum in the shortest of its forms; nothing is taken outside it unless ``factoring``."""
    total = _powers_outside(a, total)
    for form in (_distributed, *((_over_denominator, _factored) if factoring else ())):
        if not is_apply(total, "sum"):
            return total
        total = form(a, total)
    return total


def _expanded(_: DisplayAlgebra, total: Scalar) -> Scalar:
    return expanded_if_shorter(total)


def _powers_outside(a: DisplayAlgebra, total: Scalar) -> Scalar:
    """``a exp(x) + b exp(x) + c`` as ``(a + b) exp(x) + c``, and the same for ``x**n``."""
    sharing: dict[Scalar, list[Scalar]] = {}
    for term in total.children:
        for factor in term.children if is_apply(term, "prod") else (term,):
            if is_apply(factor, "exp") or _has_symbolic_exponent(factor):
                sharing.setdefault(factor, []).append(term)
    for exponential, terms in sharing.items():
        everywhere = len(terms) == len(total.children)
        if len(terms) > 1 and (not everywhere or _has_symbolic_exponent(exponential)):
            rests = [without(t, exponential) or number(1, total.dtype) for t in terms]
            joined = a.product([exponential, a.sum(rests, total.dtype)])
            others = [t for t in total.children if t not in terms]
            return algebra.sum_of(*others, joined, flatten=False, dtype=total.dtype)
    return total


def _has_symbolic_exponent(factor: Scalar) -> bool:
    return is_apply(factor, "power") and not isinstance(factor.children[1], Number)


def _distributed(a: DisplayAlgebra, total: Scalar) -> Scalar:
    """``a (b + c) + a c`` as ``a b + 2 a c``: products multiplied out where their terms meet others."""
    if a.size(total) > _LARGEST_DISTRIBUTED:
        return total
    terms: list[Scalar] = []
    for term in total.children:
        factors = term.children if is_apply(term, "prod") else ()
        sums = [f for f in factors if is_apply(f, "sum") and len(f.children) <= 4]
        if len(sums) == 1:
            others = [f for f in factors if f is not sums[0]]
            terms += [a.product([*others, t]) for t in sums[0].children]
        else:
            terms.append(term)
    if len(terms) == len(total.children):
        return total
    collected = algebra.sum_of(*terms, flatten=False, dtype=total.dtype)
    if is_apply(collected, "sum"):
        parts = a.with_identities(list(collected.children), total.dtype)
        collected = algebra.sum_of(*parts, flatten=False, dtype=total.dtype)
    count = len(collected.children) if is_apply(collected, "sum") else 1
    return collected if count <= len(total.children) and a.size(collected) < a.size(total) else total


def _over_denominator(a: DisplayAlgebra, total: Scalar) -> Scalar:
    """``1/b**(1/2) + x/b**(3/2)`` as ``(b + x) / b**(3/2)`` where that is shorter."""
    if a.size(total) > _LARGEST_DISTRIBUTED:
        return total
    lowest: dict[Scalar, int | Fraction] = {}
    for term in total.children:
        for factor in term.children if is_apply(term, "prod") else (term,):
            if not is_apply(factor, "power") or not isinstance(factor.children[1], Number):
                continue
            base, exponent = factor.children[0], factor.children[1].value
            if (
                isinstance(exponent, int | Fraction)
                and exponent < 0
                and not (is_number_or_reduction(base) or is_count(base))
            ):
                lowest[base] = min(lowest.get(base, 0), exponent)
    for base, exponent in list(lowest.items())[:_MOST_DENOMINATORS]:
        lift = a.power(base, number(-exponent, total.dtype))
        numerator = a.sum([a.product([t, lift]) for t in total.children], total.dtype, factoring=False)
        if is_apply(numerator, "sum"):
            numerator = _factored(a, numerator)
        result = a.product([a.power(base, number(exponent, total.dtype)), numerator])
        if a.size(result) < a.size(total):
            return result
    return total


def is_number_or_reduction(scalar: Scalar) -> bool:
    """Whether it is a literal, or a sum over an axis, which reads better as a denominator of each term."""
    return isinstance(scalar, Number) or (isinstance(scalar, Load) and not isinstance(scalar.tensor, Input))


def _factored(a: DisplayAlgebra, total: Scalar) -> Scalar:
    """A factor common to all terms taken outside, where that prints shorter and it is more than a symbol."""
    common: dict[Scalar, int] | None = None
    for term in total.children:
        powers = integer_powers(split_coefficient(term)[1])
        if common is None:
            common = powers
        else:
            common = {b: common_exponent(e, powers[b]) for b, e in common.items() if b in powers and e * powers[b] > 0}
        if not common:
            return total
    assert common
    common = {b: e for b, e in common.items() if e > 0 or not is_number_or_reduction(b)}
    if all(is_atom(base) and e > 0 for base, e in common.items()):
        return total
    factor = [a.power(b, number(e, total.dtype)) for b, e in common.items()]
    inverse = [a.power(b, number(-e, total.dtype)) for b, e in common.items()]
    rest = a.sum([a.product([t, *inverse]) for t in total.children], total.dtype, factoring=False)
    result = a.product([*factor, rest])
    return result if a.size(result) < a.size(total) else total
