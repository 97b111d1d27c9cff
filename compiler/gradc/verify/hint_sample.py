"""The values that hints are found by: two functions, and candidates for what differs, at the same points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from gradc.ir.scalar import Scalar, is_apply
from gradc.ir.tensor import Graph, Input, Tensor
from gradc.verify.hint import Kind
from gradc.verify.sample import Point, is_finite, points, values_at

_POINTS = 4
_TRIED = 40
_LARGEST_NAMED = 1000
_LARGEST_RATIO = 1e6
_TOLERANCE = 1e-25
_DOUBLE_TOLERANCE = 1e-8

Column = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Candidate:
    """An expression that may be missing, with its values at all points and entries, in one column."""

    words: str
    column: Column
    is_size: bool = False
    is_inner: bool = False
    #: Whether a power of it stands in both formulas: then an exponent is wrong.
    is_power: bool = False


@dataclass(frozen=True)
class Related:
    """Another function that the hand-written one may be by mistake: ``words`` says which."""

    words: str
    graph: Graph
    kind: Kind = "wrong argument"


@dataclass(frozen=True)
class Inner:
    """A factor that the chain rule brings in, over the entries that it is written for."""

    words: str
    tensor: Tensor


class Sample:
    """Values of the two functions, and of candidates, in the same order of points and entries."""

    def __init__(self, derived: Graph, hand: Graph, position: int, fixed: Mapping[Input, Any]) -> None:
        self.position = position
        self.right = derived.outputs[position]
        self.points: list[Point] = []
        self.tolerance = _TOLERANCE
        self.derived_arrays: list[Column] = []
        self.hand_arrays: list[Column] = []
        only_point = all(node in fixed for node in derived.inputs)
        for point in islice(points(derived.inputs, fixed, seed=7), 1 if only_point else _TRIED):
            self._take(derived, hand, point)
            if len(self.points) == _POINTS:
                break

    def _take(self, derived: Graph, hand: Graph, point: Point) -> None:
        try:
            ours, theirs = values_at(derived, point), values_at(hand, point)
        except IndexError:
            return
        a, b = ours.outputs[self.position], theirs.outputs[self.position]
        if is_finite(a).all() and is_finite(b).all():
            if min(ours.digits, theirs.digits) < 20:
                self.tolerance = _DOUBLE_TOLERANCE
            self.points.append(point)
            self.derived_arrays.append(np.asarray(a))
            self.hand_arrays.append(np.asarray(b))

    @cached_property
    def derived(self) -> Column:
        """The derived values in one column."""
        return np.concatenate([np.reshape(a, -1) for a in self.derived_arrays])

    @cached_property
    def hand(self) -> Column:
        """The hand-written values in one column."""
        return np.concatenate([np.reshape(a, -1) for a in self.hand_arrays])

    def column(self, tensor: Tensor, inputs: Sequence[Input]) -> Column | None:
        """The values of a tensor of the same shape, or None where it is not defined everywhere."""
        graph = Graph(tuple(inputs), (tensor,))
        parts = []
        for point, like in zip(self.points, self.derived_arrays, strict=True):
            value = np.asarray(values_at(graph, point).outputs[0])
            if not is_finite(value).all():
                return None
            parts.append(np.broadcast_to(value, np.shape(like)).reshape(-1))
        return np.concatenate(parts)


def rational(value: Any, largest: int = _LARGEST_NAMED) -> Fraction | None:
    """The small fraction that the value is, or None."""
    if not abs(value) < _LARGEST_RATIO:
        return None
    close = Fraction(float(value)).limit_denominator(largest)
    if close == 0 or abs(close.numerator) > largest:
        return None
    gap = abs(value * close.denominator - close.numerator)
    return close if gap <= 1e-12 * abs(close.numerator) and (isinstance(value, float) or gap < 1e-20) else None


def fraction_words(value: Fraction) -> str:
    """A fraction as text."""
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def operands(body: Scalar | None, name: str) -> Sequence[Scalar]:
    """The operands of a sum or a product; an expression of another kind is its own only one."""
    if body is None:
        return ()
    return body.children if is_apply(body, name) else (body,)


def same(left: Column, right: Column, tolerance: float) -> bool:
    """Whether two columns are equal to the tolerance, entry by entry: one huge entry excuses none of the others."""
    least = min(max((abs(v) for v in left), default=0), 1)
    return all(abs(a - b) <= tolerance * max(least, abs(a), abs(b)) for a, b in zip(left, right, strict=True))
