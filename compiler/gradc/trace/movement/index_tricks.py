"""``np.r_``, ``np.c_``, ``np.mgrid`` and ``np.ogrid``: arrays written as slices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, concrete, lift
from gradc.trace.context import shape_error, trace_error
from gradc.trace.elements.elementwise import astype, result_dtype
from gradc.trace.movement.creation import array
from gradc.trace.movement.joining import concatenate, stack
from gradc.trace.movement.ranges import arange, linspace
from gradc.trace.movement.shaping import broadcast_to, reshape, swapaxes, transpose


def _points(piece: slice) -> int | None:
    """How many points ``start:stop:5j`` asks for; None for an ordinary step."""
    return int(abs(piece.step)) if isinstance(piece.step, complex) else None


class AxisConcatenator:
    """``np.r_`` and ``np.c_``: slices, numbers and arrays one after another.

    A first item ``"axis,ndmin,trans1d"`` says along which axis, how many axes every part gets at least, and which of them
    the axes of a part with fewer are.
    """

    def __init__(self, name: str, axis: int, ndmin: int, trans1d: int) -> None:
        self._name, self._settings = name, (axis, ndmin, trans1d)

    def __repr__(self) -> str:
        return self._name

    def __getitem__(self, key: Any) -> TracedArray:
        items = list(key) if isinstance(key, tuple) else [key]
        axis, ndmin, trans1d = self._settings
        if items and isinstance(items[0], str):
            axis, ndmin, trans1d = self._directive(items.pop(0))
        if any(isinstance(item, str) for item in items):
            raise shape_error("special directives must be the first entry.")
        parts = [_from_slice(item) if isinstance(item, slice) else lift(item) for item in items]
        dtype = result_dtype(parts)
        shaped = [
            _with_axes(astype(part, dtype), ndmin, trans1d, isinstance(i, slice))
            for part, i in zip(parts, items, strict=True)
        ]
        return TracedArray(concatenate(shaped, axis).tensor)

    def _directive(self, text: str) -> tuple[int, int, int]:
        if text in ("r", "c"):
            raise trace_error(f"{self._name}[{text!r}, ...] makes a np.matrix; use np.concatenate or np.stack")
        numbers = [int(part) for part in text.split(",")]
        return tuple(numbers + list(self._settings)[len(numbers) :])  # type: ignore[return-value]


def _from_slice(piece: slice) -> TracedArray:
    start = 0 if piece.start is None else piece.start
    count = _points(piece)
    if count is not None:
        return lift(linspace(start, piece.stop, count))
    return arange(start, piece.stop, 1 if piece.step is None else piece.step)


def _with_axes(part: TracedArray, ndmin: int, trans1d: int, from_slice: bool) -> TracedArray:
    """The part with ``ndmin`` axes at least, its own beginning at ``trans1d``."""
    missing = ndmin - part.ndim
    if missing <= 0:
        return part
    own = part.ndim
    shaped = reshape(part, (1,) * missing + part.shape)
    if trans1d == -1 or own == 0:
        return shaped
    if from_slice:
        return swapaxes(shaped, -1, trans1d)
    first = trans1d + missing + 1 if trans1d < 0 else trans1d
    order = list(range(ndmin))
    return transpose(shaped, order[:first] + order[missing:] + order[first:missing])


class Grid:
    """``np.mgrid`` and ``np.ogrid``: the coordinates of a grid, full or open."""

    def __init__(self, name: str, is_open: bool) -> None:
        self._name, self._is_open = name, is_open

    def __repr__(self) -> str:
        return self._name

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return _coordinates(key, floats=_is_float(key))
        floats = any(_is_float(piece) for piece in key)
        vectors = [_coordinates(piece, floats) for piece in key]
        if self._is_open:
            return tuple(_along(vector, place, len(vectors)) for place, vector in enumerate(vectors))
        shape = tuple(vector.shape[0] for vector in vectors)
        grids = [broadcast_to(_along(vector, place, len(vectors)), shape) for place, vector in enumerate(vectors)]
        return array(stack(grids))


def _bounds(piece: slice) -> tuple[Any, Any, Any]:
    return 0 if piece.start is None else piece.start, piece.stop, 1 if piece.step is None else piece.step


def _is_float(piece: slice) -> bool:
    return any(lift(bound).dtype.kind not in "iu" for bound in _bounds(piece))


def _coordinates(piece: slice, floats: bool) -> TracedArray:
    start, stop, step = _bounds(piece)
    count = _points(piece)
    if count is not None:
        step = (stop - start) / (count - 1) if count > 1 else stop - start
    else:
        known = [_known(bound) for bound in (start, stop, step)]
        if not floats:
            return arange(start, stop, step)
        count = max(0, math.ceil((known[1] - known[0]) / known[2]))
    return array(arange(count, dtype=np.float64) * step + start)


def _known(bound: Any) -> Any:
    return concrete(lift(bound), "how many points a grid has", "give their number, start:stop:5j").item()


def _along(vector: TracedArray, place: int, rank: int) -> TracedArray:
    shape: Sequence[Any] = [vector.shape[0] if k == place else 1 for k in range(rank)]
    return reshape(vector, tuple(shape))


r_ = AxisConcatenator("np.r_", 0, 1, -1)
c_ = AxisConcatenator("np.c_", -1, 2, 0)
mgrid = Grid("np.mgrid", is_open=False)
ogrid = Grid("np.ogrid", is_open=True)
