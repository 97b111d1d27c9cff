"""Positions of entries in flattened arrays, from their indices and back."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from gradc.ir.algebra import floor_divide, modulo
from gradc.ir.tensor import compute
from gradc.trace.arrays.storage import axes, entry
from gradc.trace.arrays.tracer import TracedArray, concrete, known_value, lift, wrap
from gradc.trace.context import dtype_error, shape_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, broadcast_shapes
from gradc.trace.movement.taking import within
from gradc.trace.registry import implements


def _known_shape(shape: Any, what: str) -> tuple[int, ...]:
    known = concrete(lift(shape), what, "pass Python ints")
    return tuple(operator.index(n) for n in np.atleast_1d(known).tolist())


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[TracedArray, ...]:
    """The indices of entries counted in row-major order."""
    given, extents = lift(indices), _known_shape(shape, "the shape of np.unravel_index")
    if given.dtype.kind not in "iu":
        raise dtype_error("only int indices permitted; use x.astype(int)")
    if order not in ("C", "F"):
        raise shape_error(f"only 'C' or 'F' order is permitted, not {order!r}")
    known = known_value(given)
    if known is not None and ((known < 0) | (known >= math.prod(extents))).any():
        raise shape_error(f"index {known} is out of bounds for array with size {math.prod(extents)}")
    flat = entry(within(given, math.prod(extents)).tensor, axes(given.ndim))
    found = []
    for length in reversed(extents) if order == "C" else extents:
        found.append(wrap(compute(given.extents, modulo(flat, length))))
        flat = floor_divide(flat, length)
    return tuple(reversed(found) if order == "C" else found)


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> TracedArray:
    """The place in row-major order of entries given by their indices."""
    extents = _known_shape(dims, "the shape of np.ravel_multi_index")
    listed = [lift(k) for k in multi_index]
    if len(listed) != len(extents):
        raise shape_error(f"parameter multi_index must be a sequence of length {len(extents)}")
    if order not in ("C", "F"):
        raise shape_error(f"only 'C' or 'F' order is permitted, not {order!r}")
    broadcast_shapes(*[x.extents for x in listed])
    modes = mode if isinstance(mode, tuple | list) else (mode,) * len(extents)
    inside = [_within_by_mode(x, n, m) for x, n, m in zip(listed, extents, modes, strict=True)]
    pairs = list(zip(inside, extents, strict=True))
    place: Any = pairs[0 if order == "C" else -1][0]
    for position, length in pairs[1:] if order == "C" else reversed(pairs[:-1]):
        place = place * length + position
    return lift(place)


def _within_by_mode(chosen: TracedArray, length: int, mode: str) -> TracedArray:
    if chosen.dtype.kind not in "iu":
        raise dtype_error("only int indices permitted; use x.astype(int)")
    known = known_value(chosen)
    if mode == "wrap":
        return apply_ufunc(np.remainder, [chosen, length])
    if mode == "clip":
        return apply_ufunc(np.minimum, [apply_ufunc(np.maximum, [chosen, 0]), length - 1])
    if mode != "raise":
        raise trace_error(f"np.ravel_multi_index(mode={mode!r}): use 'raise', 'wrap' or 'clip'")
    if known is not None and ((known < 0) | (known >= length)).any():
        raise shape_error("invalid entry in coordinates array")
    return within(chosen, length)
