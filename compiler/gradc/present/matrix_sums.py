"""Sums of matrix products in their shortest form: equal terms merged, common factors outside.

``A x + A' x`` is ``(A + A') x``, ``A' X' A' + A' X' A'`` is ``2 A' X' A'``. Factors do not commute: only what stands at the
left end of several terms, or at the right end, is taken out. Scales are taken out, or carried in, where that shortens
the print.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from gradc.present import matrix_algebra as m
from gradc.present import notation as n
from gradc.present.index_form import times, to_power
from gradc.present.notation import Notation
from gradc.present.order import ordered_sum

#: Longer sums are printed as they are.
_MOST_TERMS = 40

#: Exponents of the numbers in a scale.
Scale = tuple[tuple[Notation, Fraction], ...]


@dataclass(frozen=True)
class _Term:
    """A coefficient and a scale times a product of matrices."""

    coefficient: Any
    scale: Scale
    factors: tuple[Notation, ...]

    def written(self) -> Notation:
        """The term as a piece."""
        return m.times_number(_number(self.coefficient, self.scale), m.multiplied(self.factors))


def summed(terms: Sequence[Notation]) -> Notation:
    """The sum of arrays of one shape, in its shortest form; numbers among them are added to every entry."""
    if len(terms) > _MOST_TERMS:
        return ordered_sum(terms)
    numbers = [t for t in terms if not m.is_array(t)]
    arrays = [t for t in terms if m.is_array(t)]
    if len(arrays) < 2:
        return ordered_sum(terms)
    together = _shortest(arrays)
    if not numbers:
        return together
    return ordered_sum([*(together.terms if isinstance(together, n.Sum) else (together,)), *numbers])


def scaled(number: Notation, array: Notation) -> Notation:
    """A multiple of an array; a denominator that cancels in a sum is carried into it."""
    term = _whole(m.times_number(number, array))
    before = _whole(array)
    outer = dict(_scale_of([number])[1])
    for position, factor in enumerate(before.factors):
        if not isinstance(factor, n.Sum) or not all(map(m.is_array, factor.terms)):
            continue
        taken = _cancelling(outer, factor)
        if not taken:
            continue
        inner = _shortest([m.times_number(_number(1, taken), t) for t in factor.terms])
        factors = (*before.factors[:position], inner, *before.factors[position + 1 :])
        left = _number(1, _merged_scale([*outer.items(), *((b, -e) for b, e in taken)]))
        coefficient = _scale_of([number])[0]
        product = m.times_number(_number(before.coefficient, before.scale), _distributed(m.multiplied(factors)))
        pulled = _joined_scales(_whole(m.times_number(times(n.Literal(coefficient), left), product)))
        expanded = _expanded(pulled)
        return pulled if weight(pulled) <= weight(expanded) + 1 else expanded
    return _distributed(_joined_scales(term))


def _joined_scales(term: _Term) -> Notation:
    """``1/n (2 x - 2 y)`` as ``2/n (x - y)``."""
    written = term.written()
    total = term.factors[0] if len(term.factors) == 1 else None
    if not isinstance(total, n.Sum) or not all(map(m.is_array, total.terms)):
        return written
    outer, inside = _common_scale([_whole(t) for t in total.terms])
    scale = _merged_scale([*term.scale, *outer.scale])
    number = _number(term.coefficient * outer.coefficient, scale)
    return min(m.times_number(number, _written(inside)), written, key=weight)


def _cancelling(outer: dict[Notation, Fraction], total: n.Sum) -> Scale:
    """What of an outer scale cancels in terms of the sum."""
    taken: dict[Notation, Fraction] = {}
    for term in total.terms:
        for base, exponent in _whole(term).scale:
            if exponent > 0 and outer.get(base, 0) < 0:
                taken[base] = min(taken.get(base, Fraction(0)), max(-exponent, outer[base]))
    return tuple(taken.items())


def _expanded(array: Notation) -> Notation:
    term = _whole(array)
    if len(term.factors) != 1 or not isinstance(term.factors[0], n.Sum):
        return array
    scale = _number(term.coefficient, term.scale)
    return ordered_sum([m.times_number(scale, t) for t in term.factors[0].terms])


def _distributed(array: Notation) -> Notation:
    """``diag(p) (A - 1 u' A)`` as ``(diag(p) - p u') A``, and others where that is shorter."""
    term = _whole(array)
    if len(term.factors) > 1:
        term = replace(term, factors=_congruent(term.factors))
        array = term.written()
    for position, (left, right) in enumerate(zip(term.factors, term.factors[1:], strict=False)):
        if not isinstance(left, n.Function) or left.name != "diag" or not isinstance(right, n.Sum):
            continue
        if not all(map(m.is_array, right.terms)):
            continue
        inner = _shortest([m.multiplied([left, t]) for t in right.terms])
        factors = [*term.factors[:position], inner, *term.factors[position + 2 :]]
        other = m.times_number(_number(term.coefficient, term.scale), m.multiplied(factors))
        onto_ones = any(_whole(t).factors[:1] == (m.ONES,) for t in right.terms)
        if onto_ones or weight(other) < weight(array):
            return other
    return array


def _congruent(factors: tuple[Notation, ...]) -> tuple[Notation, ...]:
    """``A' (A - u u' A)`` as ``A' (I - u u') A``."""
    for position, factor in enumerate(factors):
        for end, beside in ((-1, position - 1), (0, position + 1)):
            if isinstance(factor, n.Sum) and 0 <= beside < len(factors):
                outside = m.transposed(factors[beside])
                rest = _remainder(factor, outside, end)
                if rest is not None:
                    inside = (rest, outside) if end else (outside, rest)
                    return (*factors[:position], *inside, *factors[position + 1 :])
    return factors


def _remainder(total: n.Sum, common: Notation, end: int) -> Notation | None:
    """A sum without a factor that all of its terms have at one end; a term that is this factor leaves the identity."""
    if not all(map(m.is_array, total.terms)):
        return None
    terms = [_whole(t) for t in total.terms]
    if not all(t.factors[end] == common for t in terms):
        return None
    return _written([replace(t, factors=(t.factors[:-1] if end else t.factors[1:]) or (n.Identity(),)) for t in terms])


def _shortest(arrays: Sequence[Notation]) -> Notation:
    plain = _written(_factored(_merged(_aligned(_terms(arrays)))))
    if not any(isinstance(part, n.Transposed) and isinstance(part.base, n.Sum) for a in arrays for part in n.walk(a)):
        return _scale_outside(plain)
    turned = _written(_factored(_merged(_aligned(_terms(arrays, turning=True)))))
    return _scale_outside(min(plain, turned, key=weight))


def _written(terms: Sequence[_Term]) -> Notation:
    return ordered_sum([t.written() for t in terms]) if terms else n.ZERO


def signed(array: Notation) -> Notation:
    """``-A (y - x)`` as ``A (x - y)``, where a single difference can take the sign."""
    term = _whole(array)
    places = [k for k, f in enumerate(term.factors) if _is_difference(_untransposed(f))]
    if len(places) != 1 or not isinstance(term.coefficient, int | Fraction) or term.coefficient > 0:
        return array
    total = _untransposed(term.factors[places[0]])
    assert isinstance(total, n.Sum)
    turned = m.negative(total)
    factors = list(term.factors)
    factors[places[0]] = n.Transposed(turned) if isinstance(factors[places[0]], n.Transposed) else turned
    return replace(term, coefficient=-term.coefficient, factors=tuple(factors)).written()


def _is_difference(factor: Notation) -> bool:
    """Whether a sum of arrays has terms of both signs."""
    if not isinstance(factor, n.Sum) or not all(map(m.is_array, factor.terms)):
        return False
    return len({n.split_sign(t)[0] for t in factor.terms}) == 2


def _untransposed(factor: Notation) -> Notation:
    return factor.base if isinstance(factor, n.Transposed) else factor


# ---------------------------------------------------------------- scales


def _number(coefficient: Any, scale: Scale) -> Notation:
    return times(n.Literal(coefficient), *(to_power(base, n.Literal(_exact(e))) for base, e in scale))


def _exact(value: Fraction) -> int | Fraction:
    return int(value) if value.denominator == 1 else value


def _scale_of(over: Iterable[Notation], under: Iterable[Notation] = ()) -> tuple[Any, Scale]:
    """A quotient of numbers as a coefficient and exponents."""
    coefficient: Any = 1
    found: list[tuple[Notation, Fraction]] = []
    for sign, parts in ((1, over), (-1, under)):
        for part in parts:
            if isinstance(part, n.Literal) and isinstance(part.value, int | float | Fraction) and sign > 0:
                coefficient = coefficient * part.value
            elif isinstance(part, n.Product):
                inner, scale = _scale_of(part.numerator, part.denominator)
                coefficient = coefficient * part.coefficient * inner if sign > 0 else _quotient(coefficient, inner)
                if sign < 0:
                    coefficient = _quotient(coefficient, part.coefficient)
                found += [(base, sign * e) for base, e in scale]
            elif isinstance(part, n.Power) and isinstance(part.exponent, n.Literal) and _rational(part.exponent.value):
                found.append((_squared(part.base)[0], sign * _squared(part.base)[1] * Fraction(part.exponent.value)))  # type: ignore[arg-type]
            elif isinstance(part, n.Root):
                found.append((part.base, Fraction(sign, part.degree)))
            else:
                base, exponent = _squared(part)
                found.append((base, sign * exponent))
    return coefficient, _merged_scale(found)


def _squared(base: Notation) -> tuple[Notation, Fraction]:
    """A squared norm is the square of a norm."""
    if isinstance(base, n.Function) and base.name == "squared_norm":
        return n.Function("norm", base.arguments), Fraction(2)
    return base, Fraction(1)


def _rational(value: Any) -> bool:
    return isinstance(value, int | Fraction)


def _merged_scale(parts: Iterable[tuple[Notation, Fraction]]) -> Scale:
    exponents: dict[Notation, Fraction] = {}
    for base, exponent in parts:
        exponents[base] = exponents.get(base, Fraction(0)) + exponent
    return tuple((base, e) for base, e in exponents.items() if e)


# ---------------------------------------------------------------- terms


def _terms(arrays: Iterable[Notation], turning: bool = False) -> list[_Term]:
    """The terms, nested sums flat; ``turning`` carries transposes to the terms of a transposed sum."""
    found: list[_Term] = []
    for array in arrays:
        term = _whole(array)
        core = term.factors[0] if len(term.factors) == 1 else None
        if turning and isinstance(core, n.Transposed) and isinstance(core.base, n.Sum):
            core = n.Sum(tuple(m.transposed(t) for t in core.base.terms))
        if isinstance(core, n.Sum) and all(map(m.is_array, core.terms)) and (turning or not term.scale):
            for inner in _terms(core.terms, turning):
                scale = _merged_scale([*term.scale, *inner.scale])
                found.append(replace(inner, coefficient=term.coefficient * inner.coefficient, scale=scale))
        else:
            found.append(term)
    return found


def _whole(array: Notation) -> _Term:
    """One term, a sum inside it left alone."""
    coefficient, over, under, core = m.split_scale(array)
    inner, scale = _scale_of(over, under)
    factors = core.factors if isinstance(core, n.MatrixProduct) else (core,) if core is not None else ()
    return _Term(coefficient * inner, scale, factors)


def _aligned(terms: Iterable[_Term]) -> list[_Term]:
    """Differences in one direction through all terms."""
    known: set[Notation] = set()
    result: list[_Term] = []
    for term in terms:
        sign, factors = m.aligned(term.factors, known) if len(term.factors) > 1 else (1, list(term.factors))
        known |= {f.base if isinstance(f, n.Transposed) else f for f in factors}
        result.append(replace(term, coefficient=sign * term.coefficient, factors=tuple(factors)))
    return result


def _merged(terms: Iterable[_Term]) -> list[_Term]:
    """Equal terms added."""
    sums: dict[_Term, Any] = {}
    for term in terms:
        key = replace(term, coefficient=1)
        sums[key] = sums.get(key, 0) + term.coefficient
    return [replace(term, coefficient=c) for term, c in sums.items() if c != 0]


# ---------------------------------------------------------------- common factors


def _factored(terms: list[_Term]) -> list[_Term]:
    """Factors that several terms have at their left end, or at their right end, outside of a sum."""
    best: list[_Term] = []
    right = False
    for end in (True, False):
        groups: dict[Notation, list[_Term]] = {}
        for term in terms:
            if len(term.factors) > 1:
                groups.setdefault(term.factors[-1 if end else 0], []).append(term)
        for group in groups.values():
            if len(group) > max(len(best), 1):
                best, right = group, end
    if not best:
        return terms
    common = best[0].factors[-1 if right else 0]
    inside = [replace(t, factors=t.factors[:-1] if right else t.factors[1:]) for t in best]
    outer, inside = _common_scale(inside)
    rest = _shortest([t.written() for t in inside])
    pulled = m.multiplied([rest, common] if right else [common, rest])
    left = [t for t in terms if t not in best]
    return _factored(_merged([*left, _whole(m.times_number(_number(outer.coefficient, outer.scale), pulled))]))


def _common_scale(terms: Sequence[_Term]) -> tuple[_Term, list[_Term]]:
    """The scale that all terms share, and the terms without it."""
    scales = [dict(t.scale) for t in terms]
    shared: dict[Notation, Fraction] = {}
    for base in scales[0]:
        exponents = [s.get(base, Fraction(0)) for s in scales]
        if all(e > 0 for e in exponents) or all(e < 0 for e in exponents):
            shared[base] = min(exponents, key=abs)
    coefficient = _shared_coefficient([t.coefficient for t in terms])
    inside = [
        replace(
            t,
            coefficient=_quotient(t.coefficient, coefficient),
            scale=_merged_scale([*t.scale, *((b, -e) for b, e in shared.items())]),
        )
        for t in terms
    ]
    return _Term(coefficient, tuple(shared.items()), ()), inside


def _shared_coefficient(values: Sequence[Any]) -> Any:
    """The common factor of rational coefficients, negative where all are; 1 where there is none."""
    if not all(isinstance(v, int | Fraction) for v in values):
        return values[0] if all(v == values[0] for v in values) else 1
    common = abs(Fraction(values[0]))
    for value in values[1:]:
        common = _greatest(common, abs(Fraction(value)))
    return _exact(-common if all(v < 0 for v in values) else common)


def _greatest(first: Fraction, second: Fraction) -> Fraction:
    """Euclid's algorithm."""
    while second:
        first, second = second, first % second
    return first


def _quotient(value: Any, by: Any) -> Any:
    if by == 1:
        return value
    return _exact(Fraction(value) / by) if isinstance(value, int | Fraction) else value / by


def _scale_outside(node: Notation) -> Notation:
    """``2/n (x - y)`` for ``2/n x - 2/n y`` where that is shorter."""
    if not isinstance(node, n.Sum) or not all(map(m.is_array, node.terms)):
        return node
    outer, inside = _common_scale([_whole(term) for term in node.terms])
    if outer.coefficient == 1 and not outer.scale:
        return node
    pulled = m.times_number(_number(outer.coefficient, outer.scale), ordered_sum([t.written() for t in inside]))
    spare = 2 if outer.scale else 0  # a common symbol is taken out also where that is no shorter
    return pulled if weight(pulled) < weight(node) + spare else node


# ---------------------------------------------------------------- length


def weight(node: Notation) -> int:
    """About how many symbols a print has, parentheses among them."""
    inside = sum(weight(part) + 2 * isinstance(part, n.Sum) for part in node.parts)
    if isinstance(node, n.Sum | n.Hadamard):
        return inside + sum(1 for _ in node.parts) - 1
    if isinstance(node, n.Product):
        fraction = bool(node.denominator) or isinstance(node.coefficient, Fraction)
        return inside + (node.coefficient not in (1, -1)) + 2 * fraction
    if isinstance(node, n.MatrixProduct):
        return inside
    return inside + (2 if isinstance(node, n.Function | n.Bracket) else 1)
