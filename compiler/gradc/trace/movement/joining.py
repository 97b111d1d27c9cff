"""Joining and splitting: piecewise comprehensions over guarded terms, and views of their parts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradc.ir.algebra import conjunction, difference, disjunction, equal, guarded, less, less_equal, sum_of
from gradc.ir.bounds import decide
from gradc.ir.scalar import Scalar, index, number
from gradc.ir.tensor import Shape, compute, extent, extent_scalar
from gradc.trace.arrays.rows import whole_at_end
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, concrete, lift, wrap
from gradc.trace.context import dtype_error, shape_error, trace_error
from gradc.trace.elements.elementwise import astype
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.shaping import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    moveaxis,
    normal_axis,
    ravel,
    reshape,
    transpose,
)
from gradc.trace.registry import implements


def _sequence(arrays: Any, what: str = "concatenate") -> list[TracedArray]:
    if not isinstance(arrays, TracedArray | np.ndarray | list | tuple):
        raise trace_error(f"arrays to {what} must be passed as a sequence: write a list or a tuple")
    listed = list(arrays)
    if not listed:
        raise shape_error(f"need at least one array to {what}")
    return [lift(a) for a in listed]


def _in_one_dtype(parts: Sequence[TracedArray], dtype: Any, casting: str) -> list[TracedArray]:
    """The parts in the dtype of the result: NumPy makes arrays of what it joins, where a Python float counts as float64."""
    common = np.result_type(*[part.dtype for part in parts]) if dtype is None else np.dtype(dtype)
    for part in parts:
        if not np.can_cast(part.dtype, common, casting):  # type: ignore[arg-type]
            raise dtype_error(
                f"Cannot cast array data from {part.dtype} to {common} according to the rule {casting!r}; "
                "give dtype= or casting= that allow it"
            )
    return [part if part.dtype == common else astype(part, common) for part in parts]


# ---------------------------------------------------------------- joining


@implements(np.concatenate, np.concat)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> TracedArray:
    """Arrays one after another along an axis: one guarded term each."""
    if out is not None and dtype is not None:
        raise trace_error("np.concatenate takes `out` or `dtype`, not both: give out= the dtype")
    parts = _sequence(arrays)
    if axis is None:
        parts, axis = [ravel(p) for p in parts], 0
    if any(p.ndim == 0 for p in parts):
        raise shape_error("zero-dimensional arrays cannot be concatenated")
    place = normal_axis(axis, parts[0].ndim)
    _same_shape_but(parts, place)
    parts = _in_one_dtype(parts, dtype, casting)
    here = index(place)
    start: Scalar = number(0)
    terms: list[tuple[Scalar, Scalar]] = []
    for part in parts:
        stop = sum_of(start, extent_scalar(part.extents[place]))
        local = [difference(here, start) if k == place else index(k) for k in range(part.ndim)]
        terms.append((conjunction(less_equal(start, here), less(here, stop)), entry(part.tensor, local)))
        start = stop
    shape = tuple(extent(start) if k == place else e for k, e in enumerate(parts[0].extents))
    return deliver(out, wrap(compute(shape, piecewise(terms, shape, parts[0].dtype))))


def piecewise(terms: Sequence[tuple[Scalar, Scalar]], shape: Shape, dtype: np.dtype[Any]) -> Scalar:
    """The sum of guarded terms whose predicates exclude one another."""
    if any(e == 0 for e in shape):
        return number(0, dtype)
    pieces = [guarded(decide(inside, shape), value) for inside, value in terms]
    return disjunction(*pieces) if dtype.kind == "b" else sum_of(*pieces, flatten=False, dtype=dtype)


def _same_shape_but(parts: Sequence[TracedArray], place: int) -> None:
    first = parts[0]
    for number_of, part in enumerate(parts):
        if part.ndim != first.ndim:
            raise shape_error(
                f"all the input array dimensions must match: array 0 has {first.ndim} axes, array {number_of} has {part.ndim}"
            )
        if any(a != b for k, (a, b) in enumerate(zip(first.extents, part.extents, strict=True)) if k != place):
            raise shape_error(
                f"arrays of shapes {first.extents} and {part.extents} can't be joined along axis {place}: "
                "the other extents must be equal"
            )


@implements(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    """Arrays of one shape along a new axis."""
    parts = _sequence(arrays, "stack")
    if any(p.extents != parts[0].extents for p in parts):
        raise shape_error("all input arrays must have the same shape: " + ", ".join(str(p.extents) for p in parts))
    place = normal_axis(axis, parts[0].ndim + 1)
    parts = _in_one_dtype(parts, dtype, casting)
    shape = (*parts[0].extents[:place], len(parts), *parts[0].extents[place:])
    inner = [index(k if k < place else k + 1) for k in range(parts[0].ndim)]
    terms = [(equal(index(place), k), entry(p.tensor, inner)) for k, p in enumerate(parts)]
    return deliver(out, wrap(compute(shape, piecewise(terms, shape, parts[0].dtype))))


def stacked(value: Sequence[Any]) -> TracedArray:
    """``np.array`` of a nested list that holds traced numbers or arrays."""
    before, whole = whole_at_end(value)
    if whole is not None:
        parts = [stacked(before), whole] if before else [whole]
        return TracedArray(concatenate(parts).tensor)
    rows = [stacked(item) if isinstance(item, list | tuple) else lift(item) for item in value]
    if not rows:
        return lift(np.zeros(0))
    if any(row.extents != rows[0].extents for row in rows):
        raise shape_error(
            f"a list of arrays of different shapes is not an array: {', '.join(str(r.extents) for r in rows)}; "
            "use np.concatenate, or give them one shape"
        )
    result = stack(rows)
    return TracedArray(result.tensor)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    """Arrays as rows."""
    return concatenate([atleast_2d(a) for a in _sequence(tup)], 0, dtype=dtype, casting=casting)


if hasattr(np, "row_stack"):
    implements(np.row_stack)(vstack)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    """Arrays side by side."""
    parts = [atleast_1d(a) for a in _sequence(tup)]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Any) -> TracedArray:
    """Arrays along a third axis."""
    return concatenate([atleast_3d(a) for a in _sequence(tup)], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> TracedArray:
    """Vectors as columns."""
    return concatenate([transpose(atleast_2d(p)) if p.ndim < 2 else p for p in _sequence(tup)], 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> TracedArray:
    """One array after another."""
    if axis is None:
        return concatenate([ravel(lift(arr)), ravel(lift(values))], 0)
    return concatenate([arr, values], axis)


@implements(np.block)
def block(arrays: Any) -> TracedArray:
    """An array of blocks, given as nested lists: the innermost lists go along the last axis."""
    depth = _depth(arrays)
    rank = max(depth, max((x.ndim for x in _blocks(arrays)), default=0))
    return TracedArray(_joined_blocks(arrays, depth, rank).tensor)


def _depth(arrays: Any) -> int:
    """How deep the lists of blocks are nested: everywhere alike."""
    if isinstance(arrays, tuple):
        raise trace_error("np.block takes lists of blocks, not tuples: write [a, b]")
    if not isinstance(arrays, list):
        return 0
    if not arrays:
        raise shape_error("a list of blocks cannot be empty")
    depths = {_depth(item) for item in arrays}
    if len(depths) > 1:
        raise shape_error(f"List depths are mismatched: blocks at depths {sorted(depths)} of one list")
    return 1 + depths.pop()


def _blocks(arrays: Any) -> list[TracedArray]:
    return [x for item in arrays for x in _blocks(item)] if isinstance(arrays, list) else [lift(arrays)]


def _joined_blocks(arrays: Any, depth: int, rank: int) -> TracedArray:
    if depth:
        return concatenate([_joined_blocks(item, depth - 1, rank) for item in arrays], -depth)
    x = lift(arrays)
    return reshape(x, (1,) * (rank - x.ndim) + x.shape)


# ---------------------------------------------------------------- splitting


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[TracedArray]:
    """Pieces along an axis, as equal as can be."""
    x = lift(ary)
    place = normal_axis(axis, x.ndim)
    length = operator.index(x.shape[place])
    cuts = _known_cuts(indices_or_sections)
    if isinstance(cuts, int):
        if cuts <= 0:
            raise shape_error("number sections must be larger than 0.")
        sizes = [length // cuts + (k < length % cuts) for k in range(cuts)]
        cuts = np.cumsum(sizes)[:-1].tolist()
    front = (slice(None),) * place
    return [x[(*front, slice(a, b))] for a, b in pairwise([0, *cuts, length])]


def _known_cuts(given: Any) -> Any:
    """The number of pieces, or the list of places to cut at."""
    known = concrete(lift(given), "where np.split cuts", "pass Python ints")
    if known.dtype.kind not in "iu" and known.size:
        raise dtype_error(f"np.split cuts at integers, not at {known.dtype}; use x.astype(int)")
    return known.tolist()


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[TracedArray]:
    """Equal pieces along an axis, or pieces between the places given."""
    x = lift(ary)
    cuts = _known_cuts(indices_or_sections)
    if isinstance(cuts, int) and cuts > 0:
        length = operator.index(x.shape[normal_axis(axis, x.ndim)])
        if length % cuts:
            raise shape_error(f"array split does not result in an equal division: {length} entries into {cuts} pieces")
    return array_split(x, cuts, axis)


def _split_along(name: str, fewest: int, axis: Callable[[int], int]) -> Callable[[Any, Any], list[TracedArray]]:
    """``np.hsplit`` and its kin: for arrays of ``fewest`` axes or more, along an axis that their number tells."""

    def implementation(ary: Any, indices_or_sections: Any) -> list[TracedArray]:
        x = lift(ary)
        if x.ndim < fewest:
            raise shape_error(f"{name} only works on arrays of {fewest} or more dimensions")
        return split(x, indices_or_sections, axis(x.ndim))

    return implementation


implements(np.vsplit)(_split_along("vsplit", 2, lambda rank: 0))
implements(np.hsplit)(_split_along("hsplit", 1, lambda rank: min(rank - 1, 1)))
implements(np.dsplit)(_split_along("dsplit", 3, lambda rank: 2))


def unstack(x: Any, /, *, axis: int = 0) -> tuple[TracedArray, ...]:
    """The arrays along an axis, as views."""
    array = lift(x)
    if not array.ndim:
        raise shape_error("Input array must be at least 1-d.")
    return tuple(moveaxis(array, axis, 0))


if hasattr(np, "unstack"):
    implements(np.unstack)(unstack)
