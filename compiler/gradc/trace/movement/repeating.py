"""Repeating, rolling, inserting and deleting: entries picked from known positions along an axis."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.ir.algebra import difference, floor_divide, modulo, product_of
from gradc.ir.bounds import tidy_indices
from gradc.ir.scalar import index, number
from gradc.ir.tensor import compute, extent, extent_scalar
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, concrete, extent_value, known_value, lift, wrap
from gradc.trace.context import dtype_error, index_error, shape_error
from gradc.trace.elements.elementwise import apply_ufunc, astype
from gradc.trace.movement.flat import cycled
from gradc.trace.movement.joining import concatenate
from gradc.trace.movement.shaping import broadcast_to, moveaxis, normal_axis, ravel, reshape, shape_of, total
from gradc.trace.registry import implements

#: Positions that fall into more runs than this are read from a table.
_MOST_RUNS = 8


def picked(x: TracedArray, place: int, positions: np.ndarray) -> TracedArray:
    """``np.take(x, positions, place)`` for known positions that aren't negative: few runs are joined, many are a table."""
    front = (slice(None),) * place
    runs = _runs(positions)
    if runs is None:
        table: TracedArray = x[(*front, positions)]
        return table
    parts = []
    for first, step, count in runs:
        if step == 0:
            lone = x[(*front, slice(first, first + 1))]
            parts.append(broadcast_to(lone, (*x.shape[:place], count, *x.shape[place + 1 :])))
        else:
            stop = first + step * count
            parts.append(x[(*front, slice(first, stop if stop >= 0 else None, step))])
    return concatenate(parts, place) if len(parts) != 1 else wrap(parts[0].tensor)


def _runs(positions: np.ndarray) -> list[tuple[int, int, int]] | None:
    """The positions as arithmetic progressions (first, step, count); None where there are many of them."""
    if len(positions) == 0:
        return [(0, 1, 0)]
    steps = np.diff(positions)
    changes = np.flatnonzero(np.diff(steps)) + 1
    runs: list[tuple[int, int, int]] = []
    start = 0
    while start < len(positions):
        if len(runs) == _MOST_RUNS:
            return None
        later = changes[np.searchsorted(changes, start, side="right") :]
        stop = int(later[0]) + 1 if len(later) else len(positions)
        step = int(steps[start]) if stop - start > 1 else 1
        if stop - start == 2 and stop < len(
            positions
        ):  # two entries are a run by chance: the second may begin a longer one
            stop, step = start + 1, 1
        runs.append((int(positions[start]), step, stop - start))
        start = stop
    return runs


def _flattened(x: TracedArray, axis: int | None) -> tuple[TracedArray, int]:
    """The array and the axis counted from the front; for None the flattened array."""
    return (ravel(x), 0) if axis is None else (x, normal_axis(axis, x.ndim))


# ---------------------------------------------------------------- repeating


@implements(np.repeat, method="repeat")
def repeat(a: Any, repeats: Any, axis: int | None = None) -> TracedArray:
    """Each entry several times."""
    x, place = _flattened(lift(a), axis)
    counts = concrete(lift(repeats), "the number of repeats", "pass it as a Python int")
    if counts.dtype.kind not in "biu":
        raise dtype_error(f"np.repeat needs integer repeats, not {counts.dtype}; use n.astype(int)")
    if (counts < 0).any():
        raise shape_error("repeats may not contain negative values.")
    if counts.size == 1:
        return _repeated_alike(x, place, int(counts.reshape(())))
    length = operator.index(x.shape[place])
    if counts.shape != (length,):
        raise shape_error(f"operands could not be broadcast together with shape ({length},) {counts.shape}")
    return picked(x, place, np.repeat(np.arange(length), counts))


def _repeated_alike(x: TracedArray, place: int, times: int) -> TracedArray:
    lengths = [extent_scalar(e) for e in x.extents]
    lengths[place] = product_of(lengths[place], number(times))
    where = [floor_divide(index(k), number(times)) if k == place and times else index(k) for k in range(x.ndim)]
    shape = tuple(extent(e) for e in lengths)
    return wrap(compute(shape, entry(x.tensor, where) if times else number(0, x.dtype)))


@implements(np.tile)
def tile(A: Any, reps: Any) -> TracedArray:
    """The whole array several times."""
    x = lift(A)
    known = concrete(lift(reps), "the number of repeats", "pass Python ints")
    counts = tuple(operator.index(r) for r in np.atleast_1d(known).tolist())
    if any(c < 0 for c in counts):
        raise shape_error("negative dimensions are not allowed")
    rank = max(x.ndim, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    x = reshape(x, (1,) * (rank - x.ndim) + x.shape)
    shape = tuple(extent(product_of(extent_scalar(e), number(c))) for e, c in zip(x.extents, counts, strict=True))
    if any(e == 0 for e in shape):
        return TracedArray(compute(shape, number(0, x.dtype)))
    where = [index(k) if c == 1 else modulo(index(k), extent_scalar(x.extents[k])) for k, c in enumerate(counts)]
    return TracedArray(wrap(compute(shape, tidy_indices(entry(x.tensor, where), shape))).tensor)


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> TracedArray:
    """Another shape of any size: the entries are repeated, or the last ones left out."""
    x, shape = lift(a), shape_of(new_shape)
    if any(e == 0 for e in x.extents) or any(e == 0 for e in shape):
        return TracedArray(compute(shape, number(0, x.dtype)))
    entries = cycled(x, extent(total(shape)))
    return TracedArray(reshape(entries, tuple(e if isinstance(e, int) else extent_value(e) for e in shape)).tensor)


# ---------------------------------------------------------------- rolling


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> TracedArray:
    """Entries moved along an axis, those that leave entering at the other end."""
    x = lift(a)
    if axis is None:
        return reshape(_rolled(ravel(x), _total_shift(shift), 0), x.shape)
    for amount, place in _shifts(shift, axis, x.ndim):
        x = _rolled(x, amount, place)
    return TracedArray(x.tensor)


def _total_shift(shift: Any) -> Any:
    """The shift of the flattened array: several add up."""
    moved = lift(shift)
    known = known_value(moved)
    if known is None:
        return moved if not moved.ndim else moved.sum()
    return sum(operator.index(s) for s in np.atleast_1d(known).tolist())


def _shifts(shift: Any, axis: Any, ndim: int) -> list[tuple[Any, int]]:
    """What is rolled along which axes; shifts of one axis add up by being done one after the other."""
    places = list(axis) if isinstance(axis, tuple | list) else [axis]
    several = isinstance(shift, tuple | list) or (isinstance(shift, np.ndarray | TracedArray) and shift.ndim)
    amounts = list(shift) if several else [shift]
    if len(amounts) != len(places) and 1 not in (len(amounts), len(places)):
        raise shape_error("'shift' and 'axis' should be scalars or 1D sequences of one length")
    count = max(len(amounts), len(places))
    amounts = amounts * count if len(amounts) == 1 else amounts
    places = places * count if len(places) == 1 else places
    return [(amount, normal_axis(place, ndim)) for amount, place in zip(amounts, places, strict=True)]


def _rolled(x: TracedArray, shift: Any, place: int) -> TracedArray:
    length = x.extents[place]
    if length == 0:
        return x
    given = lift(shift)
    if given.dtype.kind not in "biu":
        raise dtype_error(f"np.roll needs integer shifts, not {given.dtype}; use n.astype(int)")
    known = known_value(given)
    if known is None:
        return _rolled_by_traced(x, given, place)
    amount = int(known)
    if isinstance(length, int):
        return picked(x, place, np.roll(np.arange(length), amount))
    moved = modulo(difference(index(place), number(amount)), length)
    return wrap(compute(x.extents, entry(x.tensor, [moved if k == place else index(k) for k in range(x.ndim)])))


def _rolled_by_traced(x: TracedArray, shift: TracedArray, place: int) -> TracedArray:
    here = TracedArray(compute((x.extents[place],), index(0)))
    positions = apply_ufunc(np.remainder, [here - astype(shift, np.int64), x.shape[place]])
    result: TracedArray = x[(*(slice(None),) * place, positions)]
    return result


# ---------------------------------------------------------------- inserting and deleting


def _known_positions(obj: Any, length: int, what: str) -> Any:
    if isinstance(obj, slice):
        return np.arange(length)[obj]
    return concrete(lift(obj), f"the positions that {what}", "pass Python ints")


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> TracedArray:
    """Without the entries at some known positions."""
    x, place = _flattened(lift(arr), axis)
    length = operator.index(x.shape[place])
    removed = _known_positions(obj, length, "np.delete removes")
    try:
        kept = np.delete(np.arange(length), removed if removed.ndim else removed.item())
    except IndexError as error:
        raise index_error(str(error)) from None
    except ValueError as error:
        raise shape_error(str(error)) from None
    return picked(x, place, kept)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> TracedArray:
    """With values before some known positions."""
    x, place = _flattened(lift(arr), axis)
    length = operator.index(x.shape[place])
    before = _known_positions(obj, length, "np.insert inserts at")
    if before.dtype.kind == "b":
        before = np.flatnonzero(before)
    new = astype(lift(values), x.dtype)
    new = reshape(new, (1,) * (x.ndim - new.ndim) + new.shape)
    if before.ndim == 0:
        new = moveaxis(new, 0, place)  # as NumPy has it: the first axis of the values is along the axis
    count = operator.index(new.shape[place]) if before.size == 1 else before.size
    try:
        order = _inserted(length, before, count)
    except IndexError as error:
        raise index_error(str(error)) from None
    spread = broadcast_to(new, (*x.shape[:place], count, *x.shape[place + 1 :]))
    return picked(concatenate([x, spread], place), place, order)


def _inserted(length: int, before: np.ndarray, count: int) -> np.ndarray:
    """Where each entry of the result is found: the array's own come first, then the new ones."""
    positions = np.atleast_1d(before)
    if positions.size == 1:
        positions = np.full(count, positions[0])
    if positions.size and (positions.min() < -length or positions.max() > length):
        raise IndexError(f"index {positions.min()} is out of bounds for axis with size {length}")
    return np.insert(np.arange(length), positions.astype(np.int64), np.arange(length, length + count))
