"""In which order the axes of a comprehension become loops.

Vectors run along the innermost loop that is not unrolled. It should walk along memory, and it should be long: small fixed
axes go inside it, where they are written out, wherever they stand in the array.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from gradc.ir.scalar import Apply, Index, Number, Scalar
from gradc.ir.tensor import Compute, Extent
from gradc.ir.walk import free_indices, loads_of, post_order
from gradc.lower.fuse import UNROLL_LIMIT, UNROLLED_EXTENT
from gradc.lower.strided import PICKED

#: Reductions over at most this many entries are written out.
SMALL_REDUCTION = 16
#: Reducers that don't care in which order they see their axes.
_UNORDERED = ("sum", "max", "min", "any", "all")


def map_order(tensor: Compute) -> list[int]:
    """The axes of a map, outermost first."""
    return _small_innermost(tensor, _walking_last(tensor, range(tensor.rank), stores=True))


def reduction_order(tensor: Compute) -> tuple[list[int], str]:
    """The axes of a reduction, outermost first, and its kind: ``reduce`` has the output axes outside.

    A sum whose entries lie along its last output axis has that innermost, and adds to memory instead.
    """
    summed: Sequence[int] = range(tensor.rank, len(tensor.extents))
    if tensor.reducer in _UNORDERED:
        summed = _small_innermost(tensor, _walking_last(tensor, summed, stores=False))
    outer = list(range(tensor.rank))
    if all(isinstance(e, int) for e in tensor.reduce_extents):
        if prod(e for e in tensor.reduce_extents if isinstance(e, int)) <= SMALL_REDUCTION:
            return [*_small_innermost(tensor, outer), *summed], "reduce"
    if tensor.reducer == "sum" and tensor.rank:
        inner, last = summed[-1], tensor.rank - 1
        better = _strides(tensor, inner) and _steps(tensor, last) and not _strides(tensor, last)
        if better and not _is_small(tensor.shape[last]):
            return [*outer[:last], *summed, last], "accumulate"
    return [*outer, *summed], "reduce"


def _small_innermost(tensor: Compute, axes: Sequence[int]) -> list[int]:
    """The axes with the small ones last, unless there is too much to write out."""
    small = [axis for axis in axes if _is_small(tensor.extents[axis])]
    if not small:
        return list(axes)
    times = prod(e for axis in small if isinstance(e := tensor.extents[axis], int))
    operations = sum(isinstance(node, Apply) for node in post_order([tensor.body]))
    if operations * times > UNROLL_LIMIT:
        return list(axes)
    return [*(axis for axis in axes if axis not in small), *small]


def _is_small(extent: Extent) -> bool:
    return isinstance(extent, int) and extent <= UNROLLED_EXTENT


def _walking_last(tensor: Compute, axes: Sequence[int], *, stores: bool) -> list[int]:
    """The axes with the one that walks along most arrays last; the order in which they come, where that is no better."""
    ordered = list(axes)
    if len(ordered) < 2:
        return ordered
    last = ordered[-1]
    long = [axis for axis in ordered if not _is_small(tensor.extents[axis])]
    votes = {axis: _walks(tensor, axis) + (stores and axis == tensor.rank - 1) for axis in long}
    best = max(votes, key=lambda axis: (votes[axis], axis == last), default=last)
    return ordered if votes.get(best, 0) <= votes.get(last, 0) else [*(a for a in ordered if a != best), best]


def _walks(tensor: Compute, axis: int) -> int:
    """How many loads a loop over the axis walks along, less those that it strides through."""
    return sum(1 if steps else -1 for steps in _steps(tensor, axis))


def _strides(tensor: Compute, axis: int) -> bool:
    """Whether a loop over the axis strides through any load."""
    return not all(_steps(tensor, axis))


def _steps(tensor: Compute, axis: int) -> list[bool]:
    """For each place where the axis is in an index: whether a loop over it steps from neighbour to neighbour there."""
    return [
        isinstance(at, Index) and place == walking_place(item.indices, item.tensor.shape)
        for item in loads_of(tensor.body, tensor.domain)
        for place, at in enumerate(item.indices)
        if axis in free_indices(at)
    ]


def walking_place(indices: Sequence[Scalar], shape: Sequence[Extent]) -> int:
    """Which index walks along memory: the last, or the one before small axes of which one entry is read."""
    place, between = len(indices) - 1, 1
    while place > 0 and isinstance(indices[place], Number):
        extent = shape[place]
        between = between * extent if isinstance(extent, int) else PICKED + 1
        place -= 1
    return place if between <= PICKED else len(indices) - 1
