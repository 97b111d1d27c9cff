"""Shapes: reshape, ravel, transposes. All of it is index algebra, and views are views where NumPy's are."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradc.ir.algebra import (
    difference,
    floor_divide,
    modulo,
    product_of,
    reindexed,
    sum_of,
)
from gradc.ir.bounds import tidy_indices
from gradc.ir.scalar import TRUE, Scalar, index, is_number, number
from gradc.ir.tensor import Extent, Shape, extent, extent_scalar
from gradc.trace.arrays.layout import UncertainView
from gradc.trace.arrays.storage import Region, axes, box_of, read_only
from gradc.trace.arrays.tracer import TracedArray, concrete, extent_of, extent_value, lift, wrap
from gradc.trace.context import axis_error, shape_error, trace_error
from gradc.trace.elements.elementwise import broadcast_indices
from gradc.trace.elements.elementwise import broadcast_shapes as common_shape
from gradc.trace.registry import attribute, implements


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes, counted from the front and in order; all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(listed_axes(axis, ndim)))


def listed_axes(axis: Any, ndim: int, what: str = "'axis'") -> list[int]:
    """The axes in the user's order, counted from the front; none of them twice."""
    listed = [normal_axis(a, ndim) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    if len(set(listed)) != len(listed):
        raise shape_error(f"duplicate value in {what}: {axis}")
    return listed


def normal_axis(axis: Any, ndim: int) -> int:
    """One axis, counted from the front."""
    position = operator.index(axis)
    if not -ndim <= position < ndim:
        raise axis_error(position, ndim)
    return position % ndim


def shape_of(shape: Any) -> Shape:
    """The shape that the user gave: an int or a sequence of them."""
    if isinstance(shape, TracedArray) and shape.ndim == 1:
        shape = concrete(shape, "a shape").tolist()
    listed = shape if isinstance(shape, tuple | list | np.ndarray) else (shape,)
    extents = tuple(extent_of(e) for e in listed)
    if any(isinstance(e, int) and e < 0 for e in extents):
        raise shape_error("negative dimensions are not allowed")
    return extents


def total(shape: Sequence[Extent]) -> Scalar:
    """The number of entries."""
    return product_of(number(1), *[extent_scalar(e) for e in shape])


def flat_position(indices: Sequence[Scalar], shape: Sequence[Extent]) -> Scalar:
    """The place of an entry in row-major order."""
    place: Scalar = number(0)
    for position, length in zip(indices, shape, strict=True):
        place = sum_of(product_of(place, extent_scalar(length)), position)
    return place


def unflattened(place: Scalar, shape: Sequence[Extent]) -> list[Scalar]:
    """The indices of the entry at a place in row-major order."""
    indices: list[Scalar] = []
    stride: Scalar = number(1)
    for k, length in reversed(list(enumerate(shape))):
        along = floor_divide(place, stride)
        indices.append(along if k == 0 else modulo(along, extent_scalar(length)))
        stride = product_of(stride, extent_scalar(length))
    return indices[::-1]


# ---------------------------------------------------------------- reshape


def _inferred(shape: Sequence[Any], x: TracedArray) -> Shape:
    extents = [-1 if not isinstance(e, TracedArray) and operator.index(e) < 0 else extent_of(e) for e in shape]
    unknown = [k for k, e in enumerate(extents) if e == -1]
    described = f"cannot reshape array of shape {x.extents} into shape {tuple(extents)}"
    if len(unknown) > 1:
        raise shape_error("can only specify one unknown dimension")
    if unknown:
        known = total([e for e in extents if e != -1])
        if is_number(known, 0) or not is_number(modulo(total(x.extents), known), 0):
            raise shape_error(described)
        extents[unknown[0]] = extent(floor_divide(total(x.extents), known))
    if total(extents) is not total(x.extents):
        raise shape_error(described)
    return tuple(extents)


def _groups(old: Shape, new: Shape) -> list[tuple[range, range]]:
    """Runs of old and new axes that hold the same entries, as short as can be."""
    groups: list[tuple[range, range]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        start_old, start_new = i, j
        i, j = i + 1, j + 1
        left, right = total(old[start_old:i]), total(new[start_new:j])
        while left is not right and (i < len(old) or j < len(new)):
            if j >= len(new) or (i < len(old) and not _larger(left, right)):
                i += 1
                left = total(old[start_old:i])
            else:
                j += 1
                right = total(new[start_new:j])
        groups.append((range(start_old, i), range(start_new, j)))
    if i < len(old) or j < len(new):
        groups.append((range(i, len(old)), range(j, len(new))))
    return groups


def _larger(left: Scalar, right: Scalar) -> bool:
    gap = difference(left, right)
    return (is_number(gap) and gap.value > 0) or (not is_number(gap) and is_number(right))  # type: ignore[attr-defined]


def reshaped_indices(old: Shape, new: Shape) -> tuple[Scalar, ...]:
    """Where each entry of the new shape is found in the old one."""
    if any(e == 0 for e in new):
        return (number(0),) * len(old)
    places: list[Scalar] = [number(0)] * len(old)
    for from_axes, to_axes in _groups(old, new):
        to_shape, from_shape = [new[k] for k in to_axes], [old[k] for k in from_axes]
        place = flat_position([index(k) for k in to_axes], to_shape)
        for k, position in zip(from_axes, unflattened(place, from_shape), strict=True):
            places[k] = number(0) if old[k] == 1 else tidy_indices(position, new)
    return tuple(places)


@implements(np.reshape)
def reshape(a: Any, shape: Any, order: str | None = "C", *, copy: bool | None = None) -> TracedArray:
    """Another shape of the same entries: a view where NumPy gives one, else a copy."""
    x = lift(a)
    if _order(order, x) == "F":
        swapped = tuple(reversed(shape)) if isinstance(shape, tuple | list) else (shape,)
        return transpose(reshape(transpose(x), swapped, copy=copy))
    if isinstance(shape, TracedArray) and shape.ndim:
        shape = concrete(shape, "a shape").tolist()
    new = _inferred(shape if isinstance(shape, tuple | list) else (shape,), x)
    if not x.is_row_major and not copy and new != x.extents and _joins_axes(x, new):
        region = Region(new, reshaped_indices(x.extents, new), TRUE, reshaped_indices(new, x.extents), None)
        return UncertainView.of(x, region)
    if copy or not _is_view(x, new):
        if copy is False:
            raise shape_error("Unable to avoid creating a copy while reshaping; use copy=None")
        return TracedArray(forced_view(x, new).tensor)
    return x if new == x.extents and x.weak is False else forced_view(x, new)


def _order(order: str | None, x: TracedArray) -> str:
    """C or F. What depends on memory layout is only known where the layouts agree."""
    if order in ("C", "F"):
        return order
    if order not in ("A", "K", None):
        raise shape_error(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    if sum(e != 1 for e in x.extents) > 1:
        raise trace_error(
            f"order={order!r} depends on the memory layout, which traced code does not see; use 'C' or 'F'"
        )
    return "C"


def _strides(x: TracedArray) -> list[Scalar] | None:
    """How far apart neighbours along each axis lie in the storage; None for all of a storage."""
    region = x.region()
    if region is None:
        return None
    storage = x.storage_shape
    zeros = [number(0)] * x.ndim

    def place(at: Sequence[Scalar]) -> Scalar:
        return flat_position([reindexed(position, at) for position in region.forward], storage)

    start = place(zeros)
    units = [[number(int(k == axis)) for k in range(x.ndim)] for axis in range(x.ndim)]
    return [difference(place(unit), start) for unit in units]


def _is_view(x: TracedArray, new: Shape) -> bool:
    """NumPy's rule: the old axes that one group of new axes is made of lie evenly in memory."""
    strides = _strides(x)
    if strides is None or not _nonempty(x):
        return True
    for old_axes, new_axes in _groups(x.extents, new):
        longer = [k for k in old_axes if x.extents[k] != 1]
        if len([k for k in new_axes if new[k] != 1]) == 1 and len(longer) == 1:
            continue
        for left, right in pairwise(longer):
            if product_of(strides[right], extent_scalar(x.extents[right])) is not strides[left]:
                return False
    return True


def _joins_axes(x: TracedArray, new: Shape) -> bool:
    """Whether a new axis is made of several old ones."""
    groups = [[k for k in old_axes if x.extents[k] != 1] for old_axes, _ in _groups(x.extents, new)]
    return _nonempty(x) and any(len(longer) > 1 for longer in groups)


def forced_view(x: TracedArray, new: Shape) -> TracedArray:
    """The entries in another shape as a view, also where strides can't tell it: a write to either is seen by both."""
    region = Region(new, reshaped_indices(x.extents, new), TRUE, reshaped_indices(new, x.extents), None)
    return _viewed(x, region)


def _viewed(x: TracedArray, region: Region) -> TracedArray:
    """A view; of an immutable number a fresh array."""
    view = x.part(
        Region(region.shape, region.forward, region.inside, region.backward, box_of(region.shape, region.forward))
    )
    return view if not x.immutable else wrap(view.tensor)


@implements(method="reshape")
def _reshape_method(x: TracedArray, *shape: Any, order: str = "C", copy: bool | None = None) -> TracedArray:
    return reshape(x, shape[0] if len(shape) == 1 else shape, order, copy=copy)


@implements(method="resize")
def _resize_method(x: TracedArray, *shape: Any, refcheck: bool = True) -> None:
    raise trace_error("x.resize changes the array itself, which can't be traced; use x = np.resize(x, shape)")


@implements(np.ravel, method="ravel")
def ravel(a: Any, order: str = "C") -> TracedArray:
    """All entries along one axis: a view where NumPy gives one."""
    x = lift(a)
    return reshape(x, (-1,), order) if _nonempty(x) else reshape(x, (0,))


@implements(method="flatten")
def _flatten_method(x: TracedArray, order: str = "C") -> TracedArray:
    return TracedArray(ravel(x, order).tensor)


def _nonempty(x: TracedArray) -> bool:
    return not any(e == 0 for e in x.extents)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> TracedArray:
    """New axes of extent 1."""
    x = lift(a)
    rank = x.ndim + (len(axis) if isinstance(axis, tuple | list) else 1)
    places = set(listed_axes(axis, rank))
    extents = iter(x.shape)
    return reshape(x, tuple(1 if k in places else next(extents) for k in range(rank)))


@implements(np.squeeze, method="squeeze")
def squeeze(a: Any, axis: Any = None) -> TracedArray:
    """Without axes of extent 1."""
    x = lift(a)
    dropped = [k for k, e in enumerate(x.extents) if e == 1] if axis is None else list(normal_axes(axis, x.ndim))
    if any(x.extents[k] != 1 for k in dropped):
        raise shape_error(
            f"cannot select an axis to squeeze out which has size not equal to one: axis {axis} of shape {x.extents}"
        )
    return reshape(x, tuple(e for k, e in enumerate(x.shape) if k not in dropped))


def _at_least(rank: int, shape: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Callable[..., Any]:
    """``np.atleast_nd``: ``shape`` gives the new shape of what has fewer axes."""

    def implementation(*arrays: Any) -> Any:
        lifted = [lift(a) for a in arrays]
        results = tuple(x if x.ndim >= rank else reshape(x, shape(x.shape)) for x in lifted)
        return results[0] if len(results) == 1 else results

    return implementation


atleast_1d = implements(np.atleast_1d)(_at_least(1, lambda shape: (1,)))
atleast_2d = implements(np.atleast_2d)(_at_least(2, lambda shape: (1,) * (2 - len(shape)) + shape))
atleast_3d = implements(np.atleast_3d)(
    _at_least(3, lambda shape: (*shape, 1) if len(shape) == 2 else (1, *(shape or (1,)), 1))
)


# ---------------------------------------------------------------- permutations


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> TracedArray:
    """A view with permuted axes."""
    x = lift(a)
    if axes is None:
        order = list(reversed(range(x.ndim)))
    elif len(axes) != x.ndim:
        raise shape_error(f"axes don't match array: {axes} for {x.ndim} axes")
    else:
        order = listed_axes(list(axes), x.ndim, "transpose")
    if order == list(range(x.ndim)):
        return x
    forward: list[Scalar] = [number(0)] * x.ndim
    for position, k in enumerate(order):
        forward[k] = index(position)
    return _viewed(x, Region(tuple(x.extents[k] for k in order), tuple(forward), TRUE, tuple(index(k) for k in order)))


@implements(method="transpose")
def _transpose_method(x: TracedArray, *order: Any) -> TracedArray:
    if not order or order == (None,):
        return transpose(x)
    return transpose(x, order[0] if len(order) == 1 and not hasattr(order[0], "__index__") else order)


attribute("T")(transpose)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any) -> TracedArray:
    """The last two axes swapped."""
    array = lift(x)
    if array.ndim < 2:
        raise shape_error(f"matrix transpose with ndim < 2 is undefined: shape {array.extents}")
    return swapaxes(array, -1, -2)


attribute("mT")(matrix_transpose)


@implements(np.swapaxes, method="swapaxes")
def swapaxes(a: Any, axis1: int, axis2: int) -> TracedArray:
    """Two axes swapped."""
    x = lift(a)
    order = list(range(x.ndim))
    first, second = normal_axis(axis1, x.ndim), normal_axis(axis2, x.ndim)
    order[first], order[second] = second, first
    return transpose(x, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> TracedArray:
    """Axes moved to other places."""
    x = lift(a)
    sources = listed_axes(source, x.ndim, "`source`")
    places = listed_axes(destination, x.ndim, "`destination`")
    if len(sources) != len(places):
        raise shape_error("`source` and `destination` arguments must have the same number of elements")
    order = [k for k in range(x.ndim) if k not in sources]
    for place, k in sorted(zip(places, sources, strict=True)):
        order.insert(place, k)
    return transpose(x, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> TracedArray:
    """One axis moved before another."""
    x = lift(a)
    place, before = normal_axis(axis, x.ndim), operator.index(start)
    if not -x.ndim <= before <= x.ndim:
        raise axis_error(before, x.ndim, "'start' arg")
    before = before if before >= 0 else before + x.ndim
    return moveaxis(x, place, before - 1 if place < before else before)


# ---------------------------------------------------------------- broadcasting


def _broadcast(x: TracedArray, shape: Shape) -> TracedArray:
    return x.part(read_only(shape, broadcast_indices(x.extents, shape, axes(len(shape)))))


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> TracedArray:
    """The array repeated along axes of extent 1: a view that can only be read."""
    x, target = lift(array), shape_of(shape)
    if len(x.extents) > len(target) or common_shape(x.extents, target) != target:
        raise shape_error(f"an array of shape {x.extents} can't be broadcast to shape {target}")
    return _broadcast(x, target)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[TracedArray, ...]:
    """All arrays in their common shape."""
    lifted = [lift(a) for a in args]
    shape = common_shape(*[x.extents for x in lifted])
    return tuple(x if x.extents == shape and not x.immutable else _broadcast(x, shape) for x in lifted)


@implements(np.broadcast_shapes)
def broadcast_shapes(*args: Any) -> tuple[Any, ...]:
    """The shape that arrays of these shapes are broadcast to."""
    shape = common_shape(*[shape_of(shape) for shape in args])
    return tuple(e if isinstance(e, int) else extent_value(e) for e in shape)


class Broadcast:
    """``np.broadcast``: the common shape of arrays."""

    def __init__(self, *args: Any) -> None:
        self.shape = broadcast_shapes(*[lift(a).shape for a in args])
        self.numiter = len(args)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    nd = ndim

    @property
    def size(self) -> Any:
        """The number of entries."""
        return math.prod(self.shape)

    def __iter__(self) -> Any:
        raise trace_error("np.broadcast can't be iterated over while tracing; use np.broadcast_arrays")
