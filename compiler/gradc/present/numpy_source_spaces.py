"""Iteration spaces of comprehensions: the interval of every axis, and what index predicates say about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from gradc.ir.algebra import from_linear, is_index_predicate, linear_terms, negated, sum_of
from gradc.ir.scalar import TRUE, Apply, Index, Number, Scalar, is_apply
from gradc.ir.tensor import Extent, extent_scalar


@dataclass(frozen=True)
class Interval:
    """``low <= i < high``."""

    low: Scalar
    high: Scalar

    def is_whole(self, extent: Extent) -> bool:
        """Whether it runs over all of an axis of this extent."""
        return isinstance(self.low, Number) and self.low.value == 0 and self.high is extent_scalar(extent)


@dataclass(frozen=True)
class Space:
    """The interval of every axis, and the order in which arrays have the axes."""

    intervals: tuple[Interval, ...]
    order: tuple[int, ...]
    #: values are wanted only where a mask holds: indices may be out of range elsewhere
    masked: bool = field(default=False)

    def arranged(self, order: Sequence[int]) -> Space:
        """The same space with the axes in another order."""
        return replace(self, order=tuple(order))

    def narrowed(self, intervals: dict[int, Interval]) -> Space:
        """The space with some intervals replaced."""
        return replace(self, intervals=tuple(intervals.get(k, old) for k, old in enumerate(self.intervals)))


def whole_space(extents: Iterable[Extent]) -> Space:
    """All of a space."""
    zero = extent_scalar(0)
    intervals = tuple(Interval(zero, extent_scalar(e)) for e in extents)
    return Space(intervals, tuple(range(len(intervals))))


def conjuncts(predicate: Scalar) -> tuple[Scalar, ...]:
    """The parts of an ``and``."""
    if predicate is TRUE:
        return ()
    return predicate.children if is_apply(predicate, "and") else (predicate,)


def affine(expression: Scalar) -> tuple[int, int, Scalar] | None:
    """``(axis, a, c)`` where the expression is ``a * axis + c`` with c free of indices; None where it is not."""
    terms, literal = linear_terms(expression)
    axes = [atom for atom in terms if atom.free]
    if len(axes) != 1 or not isinstance(axes[0], Index):
        return None
    coefficient = terms.pop(axes[0])
    return axes[0].position, coefficient, from_linear(terms, literal)


def within(space: Space, predicates: Sequence[Scalar]) -> Space | None:
    """The box that the predicates leave; None where it is not a box."""
    intervals = dict(enumerate(space.intervals))
    for predicate in predicates:
        if not is_index_predicate(predicate):
            return None
        assert isinstance(predicate, Apply)
        found = affine(predicate.args[0])
        if found is None or abs(found[1]) != 1:
            return None
        axis, sign, rest = found
        bounds: list[Interval] = []
        old = intervals[axis]
        if predicate.op.name == "equal":
            at = negated(rest) if sign > 0 else rest
            bounds = [Interval(at, sum_of(at, 1))]
        elif predicate.op.name == "less_equal" and sign > 0:
            bounds = [Interval(old.low, sum_of(negated(rest), 1))]
        elif predicate.op.name == "less_equal":
            bounds = [Interval(rest, old.high)]
        for bound in bounds:
            low, high = _extreme(old.low, bound.low, 1), _extreme(old.high, bound.high, -1)
            if low is None or high is None:
                return None
            intervals[axis] = Interval(low, high)
        if not bounds:
            return None
    return space.narrowed(intervals)


def _extreme(left: Scalar, right: Scalar, sign: int) -> Scalar | None:
    """The larger (sign 1) or the smaller (-1) of two bounds, where that is known."""
    if left is right:
        return left
    gap = sum_of(right, negated(left))
    if is_at_least(gap, 0):
        return right if sign > 0 else left
    if is_at_least(negated(gap), 0):
        return left if sign > 0 else right
    return None


def is_at_least(scalar: Scalar, bound: int) -> bool:
    """Whether an expression of extents is at least this, extents being at least 1."""
    terms, constant = linear_terms(scalar)
    return all(c > 0 for c in terms.values()) and sum(terms.values()) + constant >= bound


def diagonal(predicate: Scalar) -> tuple[int, int, Scalar] | None:
    """``(i, j, c)`` where the predicate says j = i + c, with c free of indices."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "equal"):
        return None
    terms, literal = linear_terms(predicate.children[0])
    axes = sorted((atom for atom in terms if atom.free), key=lambda atom: sorted(atom.free))
    if len(axes) != 2 or not all(isinstance(a, Index) and abs(terms[a]) == 1 for a in axes):
        return None
    first, second = axes
    if terms[first] == terms[second]:
        return None
    sign = terms[second]
    rest = from_linear({a: -sign * c for a, c in terms.items() if not a.free}, -sign * literal)
    return min(first.free), min(second.free), rest
