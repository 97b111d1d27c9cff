"""Shapes: reshape, transposes, joining, repeating, padding, rolling. All of it is index algebra."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import (
    difference,
    floor_divide,
    modulo,
    product_of,
    sum_of,
)
from gradc.ir.bounds import tidy_indices
from gradc.ir.scalar import TRUE, Scalar, index, is_number, number
from gradc.ir.tensor import Extent, Shape, compute, extent, extent_scalar
from gradc.trace.context import shape_error, trace_error
from gradc.trace.elementwise import broadcast_indices, broadcast_shapes
from gradc.trace.registry import attribute, implements
from gradc.trace.storage import Region, axes, box_of, entry
from gradc.trace.tracer import TracedArray, concrete, extent_of, lift, wrap


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes, counted from the front and in order; all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    listed = [operator.index(a) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    return tuple(sorted(normal_axis(a, ndim) for a in listed))


def normal_axis(axis: Any, ndim: int) -> int:
    """One axis, counted from the front."""
    position = operator.index(axis)
    if not -ndim <= position < ndim:
        raise np.exceptions.AxisError(position, ndim)
    return position % ndim


def shape_of(shape: Any) -> Shape:
    """The shape that the user gave: an int or a sequence of them."""
    if isinstance(shape, TracedArray) and shape.ndim == 1:
        shape = concrete(shape, "a shape").tolist()
    listed = shape if isinstance(shape, tuple | list | np.ndarray) else (shape,)
    extents = tuple(extent_of(e) for e in listed)
    if any(isinstance(e, int) and e < 0 for e in extents):
        raise ValueError("negative dimensions are not allowed")
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
    extents = [-1 if not isinstance(e, TracedArray) and operator.index(e) == -1 else extent_of(e) for e in shape]
    unknown = [k for k, e in enumerate(extents) if e == -1]
    described = f"cannot reshape array of shape {x.extents} into shape {tuple(extents)}"
    if len(unknown) > 1:
        raise ValueError("can only specify one unknown dimension")
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
def reshape(a: Any, shape: Any, order: str = "C", *, copy: Any = None) -> TracedArray:
    """A view with another shape."""
    x = lift(a)
    if order == "F":
        return transpose(reshape(transpose(x), tuple(reversed(shape if isinstance(shape, tuple | list) else (shape,)))))
    if order not in ("C", "A"):
        raise trace_error(f"reshape(order={order!r}) can't be traced; use order='C' or 'F'")
    new = _inferred(shape if isinstance(shape, tuple | list) else (shape,), x)
    if new == x.extents and x.weak is False:
        return x
    region = Region(new, reshaped_indices(x.extents, new), TRUE, reshaped_indices(new, x.extents), None)
    return _viewed(x, region)


def _viewed(x: TracedArray, region: Region) -> TracedArray:
    """A view; of an immutable number a fresh array."""
    view = x.part(
        Region(region.shape, region.forward, region.inside, region.backward, box_of(region.shape, region.forward))
    )
    return view if not x.immutable else wrap(view.tensor)


def _reshape_method(x: TracedArray, *shape: Any, order: str = "C", copy: Any = None) -> TracedArray:
    return reshape(x, shape[0] if len(shape) == 1 else shape, order)


@implements(np.ravel, method="ravel")
def ravel(a: Any, order: str = "C") -> TracedArray:
    """All entries along one axis."""
    return reshape(lift(a), (-1,), order) if _nonempty(lift(a)) else reshape(lift(a), (0,))


def _nonempty(x: TracedArray) -> bool:
    return not any(e == 0 for e in x.extents)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> TracedArray:
    """New axes of extent 1."""
    x = lift(a)
    listed = axis if isinstance(axis, tuple | list) else (axis,)
    rank = x.ndim + len(listed)
    places = {normal_axis(k, rank) for k in listed}
    extents = iter(x.shape)
    return reshape(x, tuple(1 if k in places else next(extents) for k in range(rank)))


@implements(np.squeeze, method="squeeze")
def squeeze(a: Any, axis: Any = None) -> TracedArray:
    """Without axes of extent 1."""
    x = lift(a)
    dropped = [k for k, e in enumerate(x.extents) if e == 1] if axis is None else list(normal_axes(axis, x.ndim))
    if any(x.extents[k] != 1 for k in dropped):
        raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return reshape(x, tuple(e for k, e in enumerate(x.shape) if k not in dropped))


@implements(np.atleast_1d)
def atleast_1d(*arrays: Any) -> Any:
    """At least one axis."""
    results = [x if x.ndim else reshape(x, (1,)) for x in map(lift, arrays)]
    return results[0] if len(results) == 1 else tuple(results)


@implements(np.atleast_2d)
def atleast_2d(*arrays: Any) -> Any:
    """At least two axes."""
    results = [x if x.ndim >= 2 else reshape(x, (1,) * (2 - x.ndim) + x.shape) for x in map(lift, arrays)]
    return results[0] if len(results) == 1 else tuple(results)


@implements(np.atleast_3d)
def atleast_3d(*arrays: Any) -> Any:
    """At least three axes."""
    results = [_with_three_axes(lift(a)) for a in arrays]
    return results[0] if len(results) == 1 else tuple(results)


def _with_three_axes(x: TracedArray) -> TracedArray:
    shapes = ((1, 1, 1), (1, *x.shape, 1), (*x.shape, 1))
    return reshape(x, shapes[x.ndim]) if x.ndim < 3 else x


# ---------------------------------------------------------------- permutations


@implements(np.transpose)
def transpose(a: Any, axes: Any = None) -> TracedArray:
    """A view with permuted axes."""
    x = lift(a)
    order = tuple(reversed(range(x.ndim))) if axes is None else tuple(normal_axis(k, x.ndim) for k in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError("axes don't match array")
    if order == tuple(range(x.ndim)):
        return x
    forward: list[Scalar] = [number(0)] * x.ndim
    for position, k in enumerate(order):
        forward[k] = index(position)
    return _viewed(x, Region(tuple(x.extents[k] for k in order), tuple(forward), TRUE, tuple(index(k) for k in order)))


def _transpose_method(x: TracedArray, *order: Any) -> TracedArray:
    if not order or order == (None,):
        return transpose(x)
    return transpose(x, order[0] if len(order) == 1 and not isinstance(order[0], int) else order)


attribute("T")(transpose)
implements(method="transpose")(_transpose_method)
implements(method="reshape")(_reshape_method)
attribute("flat")(ravel)
implements(method="flatten")(lambda x, order="C": wrap(ravel(x, order).tensor))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any) -> TracedArray:
    """The last two axes swapped."""
    return swapaxes(x, -1, -2)


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
    sources = [normal_axis(k, x.ndim) for k in (source if isinstance(source, tuple | list) else (source,))]
    places = [
        normal_axis(k, x.ndim) for k in (destination if isinstance(destination, tuple | list) else (destination,))
    ]
    if len(sources) != len(places):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [k for k in range(x.ndim) if k not in sources]
    for place, k in sorted(zip(places, sources, strict=True)):
        order.insert(place, k)
    return transpose(x, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> TracedArray:
    """One axis moved before another."""
    x = lift(a)
    place = normal_axis(axis, x.ndim)
    start = start if start >= 0 else start + x.ndim
    return moveaxis(x, place, start - 1 if place < start else start)


# ---------------------------------------------------------------- broadcasting, flipping, rolling


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> TracedArray:
    """The array repeated along axes of extent 1."""
    x = lift(array)
    target = shape_of(shape)
    if broadcast_shapes(x.extents, target) != target:
        raise shape_error(f"an array of shape {x.extents} can't be broadcast to shape {target}")
    return wrap(compute(target, entry(x.tensor, broadcast_indices(x.extents, target, axes(len(target))))))


@implements(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any, subok: bool = False) -> tuple[TracedArray, ...]:
    """All arrays in their common shape."""
    lifted = [lift(a) for a in arrays]
    shape = broadcast_shapes(*[x.extents for x in lifted])
    shown = tuple(e for e in shape)
    return tuple(_broadcast(x, shown) for x in lifted)


def _broadcast(x: TracedArray, shape: Shape) -> TracedArray:
    return wrap(compute(shape, entry(x.tensor, broadcast_indices(x.extents, shape, axes(len(shape))))))


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> TracedArray:
    """The order of entries reversed."""
    x = lift(m)
    flipped = normal_axes(axis, x.ndim)
    result: TracedArray = x[tuple(slice(None, None, -1) if k in flipped else slice(None) for k in range(x.ndim))]
    return result


implements(np.flipud)(lambda m: flip(m, 0))
implements(np.fliplr)(lambda m: flip(m, 1))


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> TracedArray:
    """Rotated by quarter turns."""
    x = lift(m)
    turns = k % 4
    if turns == 0:
        return x
    if turns == 2:
        return flip(flip(x, axes[0]), axes[1])
    return flip(swapaxes(x, *axes), axes[0]) if turns == 1 else swapaxes(flip(x, axes[0]), *axes)
