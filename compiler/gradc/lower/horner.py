"""Polynomials in powers of one variable that a user wrote, from the highest coefficient on (Horner's scheme).

``p + q x + r x**2 + s x**3`` is ``((s x + r) x + q) x + p``. A term of degree k goes through about k roundings, as it does
where powers and the sums after them round: the bound of the error is the same (Higham, *Accuracy and Stability of Numerical
Algorithms*, section 5.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from gradc.ir.scalar import Apply, DType, Scalar, is_apply, number
from gradc.lower.contraction import Fused, Step
from gradc.lower.powers import small_power

#: Polynomials have at least, and at most, so many terms.
FEWEST_TERMS, MOST_TERMS = 3, 32


@dataclass(frozen=True)
class _Term:
    """``sign coefficient base ** exponent``; the exponent of what is no power of the base is 0."""

    sign: int
    coefficient: Scalar
    exponent: int


def polynomial(node: Apply, uses: Mapping[Scalar, int]) -> Fused | None:
    """A float ``add`` or ``sub`` as a polynomial, if it is one that takes fewer multiplications by Horner's scheme."""
    bases = {base for leaf in _leaves(node, uses) for base in _bases(leaf, node.dtype)}
    if len(bases) != 1:
        return None
    (base,) = bases
    terms = sorted(_terms(node, 1, base, uses), key=lambda term: -term.exponent)
    degrees = [term.exponent for term in terms]
    gaps = [high - low for high, low in pairwise(degrees)]
    if len(terms) < FEWEST_TERMS or degrees[-1] or 0 in gaps or _multiplications(gaps) >= _multiplications(degrees):
        return None
    steps = [Step(base, term.coefficient, term.sign, gap) for term, gap in zip(terms[1:], gaps, strict=True)]
    return Fused(terms[0].coefficient, terms[0].sign, tuple(steps))


def _leaves(node: Apply, uses: Mapping[Scalar, int]) -> list[Scalar]:
    """The terms of a sum; none if there are too many."""
    leaves: list[Scalar] = []
    open_: list[Scalar] = [*node.args]
    while open_:
        term = open_.pop()
        if _is_sum(term, node.dtype) and uses[term] == 1:
            open_ += term.children
        else:
            leaves.append(term)
        if len(leaves) + len(open_) > MOST_TERMS:
            return []
    return leaves


def _is_sum(term: Scalar, dtype: DType) -> bool:
    return term.dtype == dtype and (is_apply(term, "add") or is_apply(term, "sub"))


def _bases(leaf: Scalar, dtype: DType) -> Iterator[Scalar]:
    """What a term has a power of."""
    for factor in leaf.children if is_apply(leaf, "mul") else (leaf,):
        if is_apply(factor, "pow") and factor.dtype == dtype and _exponent(factor, factor.children[0]) is not None:
            yield factor.children[0]


def _exponent(factor: Scalar, base: Scalar) -> int | None:
    """The exponent of a power of the base."""
    if factor is base:
        return 1
    exponent = small_power(factor) if is_apply(factor, "pow") and factor.children[0] is base else None
    return int(exponent) if exponent is not None and exponent > 0 and exponent.denominator == 1 else None


def _terms(root: Scalar, sign: int, base: Scalar, uses: Mapping[Scalar, int]) -> list[_Term]:
    """The terms of a sum; what has nothing to do with the base stays together."""
    left, right = root.children
    turn = sign if is_apply(root, "add") else -sign
    found: list[_Term] = []
    for part, its_sign in ((left, sign), (right, turn)):
        if _is_sum(part, root.dtype) and uses[part] == 1:
            found += _terms(part, its_sign, base, uses)
        else:
            found.append(_term(part, its_sign, base, uses))
    if all(term.exponent == 0 for term in found):
        return [_Term(sign, root, 0)]
    return found


def _term(leaf: Scalar, sign: int, base: Scalar, uses: Mapping[Scalar, int]) -> _Term:
    if uses[leaf] == 1 or leaf is base:
        one = number(1, leaf.dtype)
        alone = _exponent(leaf, base)
        if alone is not None:
            return _Term(sign, one, alone)
        if is_apply(leaf, "mul"):
            left, right = leaf.children
            for factor, coefficient in ((right, left), (left, right)):
                exponent = _exponent(factor, base)
                if exponent is not None and leaf.dtype == factor.dtype:
                    return _Term(sign, coefficient, exponent)
    return _Term(sign, leaf, 0)


def _multiplications(exponents: Iterable[int]) -> int:
    """How many multiplications give these powers, by squaring."""
    made: set[int] = set()
    for exponent in exponents:
        power, square, rest = 0, 1, exponent
        while rest:
            if rest & 1:
                power += square
                made.add(power)
            rest >>= 1
            square *= 2
            if rest:
                made.add(square)
    return len(made - {1})
