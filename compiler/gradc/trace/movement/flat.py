"""``x.flat``: the entries in row-major order, read and written one by one, by slices or by positions."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradc.ir.algebra import modulo
from gradc.ir.scalar import Scalar, index, number
from gradc.ir.tensor import Extent, compute, extent, extent_scalar
from gradc.trace.arrays.indexing import assign
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, concrete, lift, wrap
from gradc.trace.context import shape_error, trace_error
from gradc.trace.movement.shaping import forced_view, ravel, total
from gradc.trace.registry import attribute


def flat_view(x: TracedArray) -> TracedArray:
    """All entries along one axis, whatever the strides: writes to it are seen in ``x``."""
    return forced_view(x, (extent(total(x.extents)),))


def cycled(value: Any, count: Extent) -> TracedArray:
    """The entries of ``value``, repeated from the start until there are ``count``."""
    new = ravel(lift(value))
    length = new.extents[0]
    if length == 0:
        raise shape_error("Cannot assign from an empty array: give one number at least")
    place: Scalar = index(0) if length == count else modulo(index(0), extent_scalar(length))
    return wrap(compute((count,), entry(new.tensor, [number(0) if length == 1 else place])))


def put_cycled(target: TracedArray, value: Any) -> None:
    """Set a vector's entries to those of ``value``, repeated as often as needed."""
    if target.extents[0] != 0:
        assign(target, cycled(value, target.extents[0]))


class FlatIterator(TracedArray):
    """What ``x.flat`` is: it reads like a vector (slices of it are copies), and writes go to ``x``."""

    __slots__ = ("_base", "_next")
    _base: TracedArray
    _next: int

    @classmethod
    def of(cls, x: TracedArray) -> FlatIterator:
        """The iterator of an array."""
        view = flat_view(x)
        made = cls(None, storage=view._storage, region=view.region())
        made._base, made._next = x, 0
        return made

    @property
    def base(self) -> TracedArray:
        """The array."""
        return self._base

    @property
    def index(self) -> int:
        """How many entries `next` has given."""
        return self._next

    @property
    def coords(self) -> tuple[int, ...]:
        """Where in the array the next entry is."""
        shape = [operator.index(e) for e in self._base.shape]
        return tuple(int(k) for k in np.unravel_index(self._next, shape))

    def __iter__(self) -> Iterator[TracedArray]:
        return self

    def __next__(self) -> TracedArray:
        if self._next >= len(self):
            raise StopIteration
        self._next += 1
        return lift(super().__getitem__(self._next - 1))

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        return TracedArray(part.tensor) if isinstance(part, TracedArray) and part.extents else part

    def __setitem__(self, key: Any, value: Any) -> None:
        put_flat(self, key, value)


def put_flat(flat: TracedArray, key: Any, value: Any) -> None:
    """``x.flat[key] = value``: positions, a slice or a known mask; values are repeated as often as needed."""
    if isinstance(key, slice) or key is Ellipsis:
        put_cycled(TracedArray.__getitem__(flat, key), value)
        return
    places = lift(key)
    if places.dtype.kind == "b":
        places = lift(np.flatnonzero(concrete(places, "the positions of a mask", "use np.where(mask, v, x)")))
    count = places.extents[0] if places.ndim == 1 else None
    if count is None and places.ndim:
        raise trace_error("x.flat[positions] = v takes one axis of positions; use np.ravel(positions)")
    if count != 0:
        TracedArray.__setitem__(flat, places, cycled(value, count) if count is not None else ravel(lift(value))[0])


attribute("flat")(FlatIterator.of)
