"""What bodies of comprehensions say: guards, factors, running indices, targets of scatters."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradc.ir.algebra import (
    from_linear,
    is_index_predicate,
    less,
    less_equal,
    linear_terms,
    negated,
    sum_of,
)
from gradc.ir.scalar import Guard, Index, Number, Scalar, index, is_apply
from gradc.ir.tensor import Extent, extent_scalar
from gradc.ir.walk import loads_of
from gradc.present.numpy_source_spaces import Space, conjuncts


def nested(row: object) -> str:
    """A nested list of holes."""
    return row if isinstance(row, str) else f"[{', '.join(nested(item) for item in row)}]"  # type: ignore[attr-defined]


def single_point(box: Space) -> tuple[int, ...] | None:
    """The only point of a box, where it has but one."""
    point = []
    for interval in box.intervals:
        if not (isinstance(interval.low, Number) and isinstance(interval.high, Number)):
            return None
        if interval.high.value != interval.low.value + 1:  # type: ignore[operator]
            return None
        point.append(int(interval.low.value))  # type: ignore[arg-type]
    return tuple(point)


def index_guard(term: Scalar) -> tuple[tuple[Scalar, ...], Scalar] | None:
    """The index predicates of a guarded term and what they guard."""
    if not isinstance(term, Guard):
        return None
    predicates = conjuncts(term.predicate)
    if not all(is_index_predicate(p) and p.free and not loads_of(p) for p in predicates):
        return None
    return predicates, term.body


def shifted_range(axis: Scalar, shift: int, extent: Extent) -> list[Scalar]:
    """Predicates that keep an axis, moved by ``shift``, inside the extent."""
    if shift > 0:
        return [less(sum_of(axis, shift), extent_scalar(extent))]
    return [less_equal(-shift, axis)] if shift < 0 else []


def are_disjoint(boxes: Sequence[Space]) -> bool:
    """Whether no two boxes share an entry: on some axis one ends where, or before, the other begins."""

    def apart(one: Space, other: Space) -> bool:
        for a, b in zip(one.intervals, other.intervals, strict=True):
            for left, right in ((a, b), (b, a)):
                gap = sum_of(right.low, negated(left.high))
                if isinstance(gap, Number) and gap.value >= 0:  # type: ignore[operator]
                    return True
        return False

    return all(apart(a, b) for k, a in enumerate(boxes) for b in boxes[:k])


def prefix_order(predicate: Scalar, k: int) -> tuple[int, bool, bool] | None:
    """``(i, backwards, strict)`` where the predicate says k <= i, k < i (or, backwards, i <= k, i < k)."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "less_equal"):
        return None
    terms, constant = linear_terms(predicate.children[0])
    if len(terms) != 2 or index(k) not in terms or constant not in (0, 1):
        return None
    other = next(a for a in terms if a is not index(k))
    if not isinstance(other, Index) or terms[other] != -terms[index(k)] or abs(terms[other]) != 1:
        return None
    return other.position, terms[index(k)] < 0, constant == 1


def scatter_target(predicate: Scalar, rank: int) -> tuple[int, Scalar] | None:
    """``(i, e)`` where the predicate says that output axis i is e, which reads an array."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "equal"):
        return None
    terms, constant = linear_terms(predicate.children[0])
    axes = [a for a in terms if isinstance(a, Index) and a.position < rank and abs(terms[a]) == 1]
    if len(axes) != 1 or not loads_of(predicate):
        return None
    axis = axes[0]
    sign = -terms[axis]
    rest = from_linear({a: sign * c for a, c in terms.items() if a is not axis}, sign * constant)
    return axis.position, rest


def factors_of(body: Scalar) -> tuple[list[Scalar], Fraction | None]:
    """The factors of a product, however nested, and its exact coefficient."""
    pending, factors, coefficient = [body], [], Fraction(1)
    while pending:
        factor = pending.pop()
        if is_apply(factor, "prod") or is_apply(factor, "mul"):
            pending.extend(reversed(factor.children))
        elif isinstance(factor, Number) and isinstance(factor.value, int | Fraction):
            coefficient *= factor.value
        else:
            factors.append(factor)
    return factors, coefficient if coefficient != 1 else None


def axes_text(places: Sequence[int]) -> str:
    """Axes as NumPy takes them: one number or a tuple."""
    return str(places[0]) if len(places) == 1 else f"({', '.join(map(str, places))})"
