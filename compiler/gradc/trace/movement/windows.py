"""Sliding windows: views that hold entries several times."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.ir.algebra import sum_of
from gradc.ir.scalar import Scalar, index
from gradc.ir.tensor import Extent, extent, extent_scalar
from gradc.trace.arrays.storage import read_only
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import shape_error, trace_error
from gradc.trace.movement.shaping import normal_axis
from gradc.trace.registry import implements


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> TracedArray:
    """Windows along axes, as new last axes: a view that can only be read."""
    array = lift(x)
    if writeable:
        raise trace_error("a window view can't be written to while tracing; use writeable=False, and write to x itself")
    sizes = [operator.index(s) for s in (window_shape if isinstance(window_shape, tuple | list) else (window_shape,))]
    if any(size < 0 for size in sizes):
        raise shape_error("`window_shape` cannot contain negative values")
    places = list(range(array.ndim)) if axis is None else _places(axis, array.ndim)
    if len(places) != len(sizes):
        raise shape_error(f"window_shape and axis must have the same length: {len(sizes)} and {len(places)}")
    shape: list[Extent] = list(array.extents)
    where: list[Scalar] = [index(k) for k in range(array.ndim)]
    for position, (place, size) in enumerate(zip(places, sizes, strict=True)):
        shape[place] = extent(sum_of(extent_scalar(shape[place]), 1 - size))
        where[place] = sum_of(where[place], index(array.ndim + position))
    if any(isinstance(e, int) and e <= 0 for e in shape):
        raise shape_error(f"window shape cannot be larger than input array shape: {tuple(sizes)} of {array.extents}")
    return array.part(read_only((*shape, *sizes), where))


def _places(axis: Any, ndim: int) -> list[int]:
    """Axes in the user's order; windows may take one more than once."""
    return [normal_axis(k, ndim) for k in (axis if isinstance(axis, tuple | list) else (axis,))]


@implements(np.lib.stride_tricks.as_strided)
def as_strided(x: Any, *args: Any, **kwargs: Any) -> TracedArray:
    """Not traceable: strides are no property of traced arrays."""
    raise trace_error(
        "as_strided reads memory by strides, which traced arrays don't have; use np.lib.stride_tricks.sliding_window_view"
    )
