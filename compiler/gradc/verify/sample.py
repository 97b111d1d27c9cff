"""Points to compare at: small round numbers first, then random ones; random sizes for named extents.

Every point is exact (fractions), so that it means the same at any precision. Families of points cover the usual domains:
everywhere, positive, the unit interval, above one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from gradc.evaluate import NUMPY, evaluate
from gradc.evaluate.body import extent_value
from gradc.evaluate.effort import work
from gradc.evaluate.exact import MPMathNumbers
from gradc.ir.scalar import DType, Scalar, Size
from gradc.ir.tensor import Compute, Graph, Input, Tensor
from gradc.ir.walk import graph_order, post_order
from gradc.verify.givens import Givens, declared

Array = np.ndarray[Any, Any]

#: Working precision, the relative difference that counts as equal there, and the precision of a second look.
DIGITS = 30
WORKING_DIGITS = 50
_SECOND_LOOK_DIGITS = 150
_TOLERANCE = 10.0**-DIGITS
#: Operations above which a point is evaluated in double precision instead.
_LARGEST_EXACT_WORK = 40_000
#: Digits in which large arrays are compared, of the largest entry: sums in double precision lose a few.
DOUBLE_DIGITS = 7


@dataclass(frozen=True)
class Point:
    """Values of the inputs, exact, and sizes of the named extents."""

    values: dict[Input, Array]
    sizes: dict[str, int]


def points(inputs: Sequence[Input], fixed: Mapping[Input, Any], seed: int = 0) -> Iterator[Point]:
    """Points without end. ``fixed`` inputs (captures, data) keep their values."""
    generator = np.random.default_rng(seed)
    names = sizes_in(inputs)
    known = fixed_sizes(fixed)
    known_inputs = declared(fixed)
    for number in range(1_000_000):
        sizes = {name: known.get(name, _size(number + 2 * k, generator)) for k, name in enumerate(names)}
        values: dict[Input, Array] = {}
        for position, node in enumerate(inputs):
            if node in fixed:
                values[node] = np.asarray(fixed[node])
            else:
                shape = tuple(extent_value(extent, sizes) for extent in node.shape)
                filled = _filled(shape, node.dtype, number, position, generator)
                values[node] = as_declared(filled, node, known_inputs)
        yield Point(values, sizes)


def as_declared(value: Array, node: Input, givens: Givens) -> Array:
    """The value made symmetric or positive, where its input is declared so."""
    if node in givens.symmetric:
        lower = np.tril(np.ones(value.shape[-2:], bool))
        value = np.where(lower, value, np.swapaxes(value, -1, -2))
    if node in givens.positive and value.dtype == object:
        value = np.asarray(np.frompyfunc(lambda x: abs(x) or Fraction(1), 1, 1)(value), object)
    return value


class Ranges:
    """Between which values the inputs lay at some points."""

    def __init__(self, inputs: Sequence[Input], fixed: Mapping[Input, Any]) -> None:
        self._bounds: dict[Input, tuple[Any, Any]] = {}
        self._inputs = [node for node in inputs if node not in fixed and node.dtype.kind == "f"]

    def add(self, point: Point) -> None:
        """Take in one more point."""
        for node in self._inputs:
            value = point.values[node]
            if np.size(value):
                low, high = np.min(value), np.max(value)
                before = self._bounds.get(node, (low, high))
                self._bounds[node] = min(low, before[0]), max(high, before[1])

    def words(self) -> tuple[str, ...]:
        """``-2 <= x <= 3`` for each input."""
        return tuple(
            f"{float(low):.3g} <= {node.name} <= {float(high):.3g}" for node, (low, high) in self._bounds.items()
        )


def sizes_in(tensors: Sequence[Tensor]) -> list[str]:
    """Names of the extents in the shapes, in order of appearance."""
    extents = [extent for tensor in tensors for extent in tensor.shape if isinstance(extent, Scalar)]
    return list(dict.fromkeys(node.name for node in post_order(extents) if isinstance(node, Size)))


def fixed_sizes(fixed: Mapping[Input, Any]) -> dict[str, int]:
    """The named extents that the shapes of the data settle."""
    known: dict[str, int] = {}
    for node, value in fixed.items():
        for extent, have in zip(node.shape, np.shape(value), strict=True):
            if isinstance(extent, Size):
                known[extent.name] = have
    return known


def _size(number: int, generator: np.random.Generator) -> int:
    return 2 + number % 3 if number < 6 else int(generator.integers(1, 6))


_ROUND = (2, 3, 1, 5, 4, 7, 6)
_GRID = 1_000_000
#: Ranges of random numbers, and whether they come with either sign.
_FAMILIES = ((0, 3, True), (0, 3, False), (0, 1, True), (0, 1, False), (0, 3, True), (1, 4, False))
_SIGNED = sum(signed for _, _, signed in _FAMILIES)


def _filled(shape: tuple[int, ...], dtype: DType, number: int, position: int, generator: np.random.Generator) -> Array:
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        return generator.integers(0, 3, shape).astype(dtype)
    count = int(np.prod(shape))
    flat = [_number(number, position + k, generator) for k in range(count)]
    result = np.empty(count, dtype=object)
    result[:] = flat
    return result.reshape(shape)


def _number(number: int, place: int, generator: np.random.Generator) -> Fraction:
    """Round numbers, then random ones of the families in turn."""
    again, position = divmod(place, len(_ROUND))
    # entries that are equal would sit on a kink of maxima and comparisons
    distinct = Fraction(1, 2) - Fraction(again - 1, 64) if again else Fraction(0)
    if number == 0:
        return _ROUND[position] + distinct
    if number == 1:
        return -(_ROUND[(3 * position + 1) % len(_ROUND)] + distinct)
    if number == 2:
        return Fraction(_ROUND[position], 8) + distinct / 64
    low, high, signed = _FAMILIES[number % len(_FAMILIES)]
    value = Fraction(int(generator.integers(low * _GRID + 1, high * _GRID)), _GRID)
    turn = number // len(_FAMILIES) * _SIGNED + sum(family[2] for family in _FAMILIES[: number % len(_FAMILIES)])
    # every combination of signs of three neighbours comes up early: chance alone leaves some out for long
    return value if not signed or (turn + 1) >> place % 3 & 1 else -value


def nearby(point: Point, seed: int = 0) -> Point:
    """A point a little beside this one: no kink lies on both."""
    generator = np.random.default_rng(seed)
    values = {}
    for node, value in point.values.items():
        if value.dtype == object:
            steps = [Fraction(int(step), 10**9) for step in generator.integers(1, 10**6, value.size)]
            moved = np.empty(value.size, dtype=object)
            moved[:] = [entry + step for entry, step in zip(value.ravel(), steps, strict=True)]
            values[node] = moved.reshape(value.shape)
        else:
            values[node] = value
    return Point(values, point.sizes)


# ---------------------------------------------------------------- values at a point


def graph_size(*graphs: Graph) -> int:
    """How many scalar expressions there are."""
    nodes = [node for graph in graphs for node in graph_order(graph.outputs)]
    return sum(len(post_order([node.body])) for node in nodes if isinstance(node, Compute))


@dataclass(frozen=True)
class Values:
    """The outputs of a graph at a point, and to how many digits they can be compared."""

    outputs: list[Array]
    digits: int


def values_at(graph: Graph, point: Point, digits: int = WORKING_DIGITS) -> Values:
    """The outputs at the point: by mpmath, or in double precision where that would take too long.

    Where a library call has no result (the inverse of a singular matrix) nothing is defined: NaN.
    """
    try:
        return _values_at(graph, point, digits)
    except np.linalg.LinAlgError:
        shapes = [tuple(extent_value(extent, point.sizes) for extent in output.shape) for output in graph.outputs]
        return Values([np.full(shape, np.nan) for shape in shapes], DIGITS)


def _values_at(graph: Graph, point: Point, digits: int) -> Values:
    inputs = [point.values[node] for node in graph.inputs]
    if work(graph, point.sizes) > _LARGEST_EXACT_WORK:
        plain = [value.astype(float) if value.dtype == object else value for value in inputs]
        with np.errstate(all="ignore"):
            return Values(evaluate(graph, plain, NUMPY, point.sizes), DOUBLE_DIGITS)
    with working_precision(digits) as numbers, np.errstate(all="ignore"):
        return Values(evaluate(graph, inputs, numbers, point.sizes), DIGITS)


class _OfThread(threading.local):
    """A precision for each thread: mpmath's own is one for the whole process."""

    def __init__(self) -> None:
        import mpmath

        self.numbers = MPMathNumbers(mpmath.MPContext())


@contextmanager
def working_precision(digits: int) -> Iterator[MPMathNumbers]:
    """Exact numbers with so many digits, in this thread alone."""
    numbers = _of_thread().numbers
    before, numbers.context.dps = numbers.context.dps, digits
    try:
        yield numbers
    finally:
        numbers.context.dps = before


@lru_cache(maxsize=1)
def _of_thread() -> _OfThread:
    return _OfThread()


@dataclass(frozen=True)
class Difference:
    """Two values compared entry by entry: where the derived one is defined, and where the two differ there."""

    defined: Array
    differs: Array


def differences(derived: Graph, hand: Graph, point: Point) -> tuple[list[Difference], Values, Values]:
    """Every output of the two graphs compared at the point.

    Entries that seem to differ are looked at again with many more digits: where the two are equal, the gap that
    cancellation left shrinks with the precision; a true difference, however small, stays what it is.
    """
    ours, theirs = values_at(derived, point), values_at(hand, point)
    if min(ours.digits, theirs.digits) < DIGITS:
        return [_compared_roughly(a, b) for a, b in zip(ours.outputs, theirs.outputs, strict=True)], ours, theirs
    found = [_compared(a, b) for a, b in zip(ours.outputs, theirs.outputs, strict=True)]
    if any(difference.differs.any() for difference in found):
        exact = values_at(derived, point, _SECOND_LOOK_DIGITS), values_at(hand, point, _SECOND_LOOK_DIGITS)
        first = zip(ours.outputs, theirs.outputs, strict=True)
        second = zip(exact[0].outputs, exact[1].outputs, strict=True)
        found = [_compared(*now, before) for now, before in zip(second, first, strict=True)]
    return found, ours, theirs


def _compared_roughly(derived: Array, hand: Array) -> Difference:
    """Large arrays in double precision, to some digits of the largest entry."""
    ours, theirs = as_floats(derived), as_floats(hand)
    finite = is_finite(ours)
    both = finite & is_finite(theirs)
    scale = max(np.max(np.abs(ours[both]), initial=0.0), np.max(np.abs(theirs[both]), initial=0.0))
    with np.errstate(invalid="ignore"):
        far = ~(np.abs(ours - theirs) <= 10.0**-DOUBLE_DIGITS * scale)
    return Difference(finite, finite & far)


def _compared(derived: Array, hand: Array, before: tuple[Array, Array] | None = None) -> Difference:
    shape = np.shape(derived)
    ours, theirs = np.reshape(derived, -1), np.reshape(hand, -1)
    finite = is_finite(ours)
    both = finite & is_finite(theirs)
    differs = finite & ~both
    first = None if before is None else [np.reshape(values, -1) for values in before]
    with working_precision(_SECOND_LOOK_DIGITS):
        for place in np.flatnonzero(both):
            gap = abs(ours[place] - theirs[place])
            close = gap <= _TOLERANCE * max(abs(ours[place]), abs(theirs[place]))
            if not close and first is not None:
                close = gap <= _TOLERANCE * abs(first[0][place] - first[1][place])
            differs[place] = not close
    return Difference(finite.reshape(shape), differs.reshape(shape))


def is_finite(values: Array) -> Array:
    """Where the entries are numbers: neither NaN nor infinite."""
    values = np.asarray(values)
    if values.dtype != object:
        return np.asarray(np.isfinite(values))
    return np.asarray(np.frompyfunc(_finite, 1, 1)(values), dtype=bool)


def _finite(value: Any) -> bool:
    import mpmath

    return bool(mpmath.isfinite(value))


def as_floats(values: Array) -> Array:
    """Exact or extended numbers as floats, for showing."""
    values = np.asarray(values)
    if values.dtype != object:
        return values
    return np.array([_plain(value) for value in values.ravel()]).reshape(values.shape)


def _plain(value: Any) -> Any:
    return complex(value) if getattr(value, "imag", 0) != 0 else float(getattr(value, "real", value))
