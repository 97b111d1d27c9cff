"""Joining, splitting, repeating, padding and rolling: piecewise comprehensions over guarded terms."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradc.ir.algebra import (
    conjunction,
    convert,
    difference,
    disjunction,
    equal,
    floor_divide,
    guarded,
    less,
    less_equal,
    modulo,
    negation,
    product_of,
    sum_of,
)
from gradc.ir.bounds import decide, tidy_indices
from gradc.ir.scalar import Scalar, index, is_number, number
from gradc.ir.tensor import Extent, Shape, compute, extent, extent_scalar
from gradc.trace.context import shape_error, trace_error
from gradc.trace.registry import implements
from gradc.trace.shaping import atleast_1d, atleast_2d, atleast_3d, normal_axis, ravel, reshape
from gradc.trace.storage import entry
from gradc.trace.tracer import TracedArray, concrete, lift, wrap


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> TracedArray:
    """Entries moved along an axis, those that leave entering at the other end."""
    x = lift(a)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    pairs = np.broadcast(np.asarray(shift), np.asarray(axis))
    shifts: dict[int, int] = {}
    for amount, place in pairs:
        k = normal_axis(place, x.ndim)
        shifts[k] = shifts.get(k, 0) + operator.index(amount)
    for place, amount in shifts.items():
        x = _rolled(x, amount, place)
    return x


def _rolled(x: TracedArray, amount: int, place: int) -> TracedArray:
    length = x.extents[place]
    if length == 0:
        return x
    if isinstance(length, int):
        amount %= length
        if amount == 0:
            return wrap(x.tensor)
        head = tuple(slice(-amount, None) if k == place else slice(None) for k in range(x.ndim))
        tail = tuple(slice(None, -amount) if k == place else slice(None) for k in range(x.ndim))
        return concatenate([x[head], x[tail]], place)
    moved = modulo(difference(index(place), number(amount)), length)
    return wrap(compute(x.extents, entry(x.tensor, [moved if k == place else index(k) for k in range(x.ndim)])))


# ---------------------------------------------------------------- joining and splitting


def _sequence(arrays: Any) -> list[TracedArray]:
    listed = list(arrays)
    if not listed:
        raise ValueError("need at least one array to concatenate")
    return [lift(a) for a in listed]


@implements(np.concatenate, np.concat)
def concatenate(
    arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> TracedArray:
    """Arrays one after another along an axis: one guarded term each."""
    parts = _sequence(arrays)
    if axis is None:
        parts, axis = [ravel(p) for p in parts], 0
    if any(p.ndim == 0 for p in parts):
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    place = normal_axis(axis, parts[0].ndim)
    _same_shape_but(parts, place)
    common = np.dtype(dtype) if dtype is not None else _joined_dtype(parts)
    here = index(place)
    start: Scalar = number(0)
    terms: list[tuple[Scalar, Scalar]] = []
    for part in parts:
        stop = sum_of(start, extent_scalar(part.extents[place]))
        local = [difference(here, start) if k == place else index(k) for k in range(part.ndim)]
        inside = conjunction(less_equal(start, here), less(here, stop))
        terms.append((inside, convert(entry(part.tensor, local), common)))
        start = stop
    shape = tuple(extent(start) if k == place else e for k, e in enumerate(parts[0].extents))
    return wrap(compute(shape, piecewise(terms, shape, common)))


def _joined_dtype(parts: Sequence[TracedArray]) -> np.dtype[Any]:
    """NumPy makes arrays of what it joins first, and then a Python float is a float64 like any other."""
    return np.result_type(*[part.dtype for part in parts])


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
def stack(arrays: Any, axis: int = 0, out: Any = None, **options: Any) -> TracedArray:
    """Arrays of one shape along a new axis."""
    parts = _sequence(arrays)
    if any(p.extents != parts[0].extents for p in parts):
        raise shape_error("all input arrays must have the same shape: " + ", ".join(str(p.extents) for p in parts))
    place = normal_axis(axis, parts[0].ndim + 1)
    common = _joined_dtype(parts)
    shape = (*parts[0].extents[:place], len(parts), *parts[0].extents[place:])
    inner = [index(k if k < place else k + 1) for k in range(parts[0].ndim)]
    terms = [(equal(index(place), k), convert(entry(p.tensor, inner), common)) for k, p in enumerate(parts)]
    return wrap(compute(shape, piecewise(terms, shape, common)))


def stacked(value: Sequence[Any]) -> TracedArray:
    """``np.array`` of a nested list that holds traced numbers or arrays."""
    rows = [stacked(item) if isinstance(item, list | tuple) else lift(item) for item in value]
    if not rows:
        return lift(np.zeros(0))
    if any(row.extents != rows[0].extents for row in rows):
        raise shape_error(
            "a list of arrays of different shapes is not an array: " + ", ".join(str(r.extents) for r in rows)
        )
    result = stack(rows)
    return TracedArray(result.tensor)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    """Arrays as rows."""
    return concatenate([atleast_2d(a) for a in tup], 0, dtype=dtype)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    """Arrays side by side."""
    parts = [atleast_1d(a) for a in tup]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1, dtype=dtype)


@implements(np.dstack)
def dstack(tup: Any) -> TracedArray:
    """Arrays along a third axis."""
    return concatenate([atleast_3d(a) for a in tup], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> TracedArray:
    """Vectors as columns."""
    return concatenate([reshape(p, (-1, 1)) if p.ndim < 2 else p for p in _sequence(tup)], 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> TracedArray:
    """One array after another."""
    if axis is None:
        return concatenate([ravel(lift(arr)), ravel(lift(values))], 0)
    return concatenate([arr, values], axis)


@implements(np.split, np.array_split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[TracedArray]:
    """Pieces along an axis."""
    x = lift(ary)
    place = normal_axis(axis, x.ndim)
    length = operator.index(x.shape[place])
    if isinstance(indices_or_sections, int | np.integer):
        sections = int(indices_or_sections)
        sizes = [length // sections + (k < length % sections) for k in range(sections)]
        cuts = np.cumsum(sizes)[:-1].tolist()
    else:
        cuts = [operator.index(c) for c in indices_or_sections]
    bounds = [0, *cuts, length]
    whole = (slice(None),) * place
    return [x[(*whole, slice(a, b))] for a, b in pairwise(bounds)]


implements(np.vsplit)(lambda ary, sections: split(ary, sections, 0))
implements(np.hsplit)(lambda ary, sections: split(ary, sections, 1 if lift(ary).ndim > 1 else 0))


# ---------------------------------------------------------------- repeating and padding


@implements(np.repeat, method="repeat")
def repeat(a: Any, repeats: Any, axis: int | None = None) -> TracedArray:
    """Each entry several times."""
    x = lift(a)
    if axis is None:
        x, axis = ravel(x), 0
    place = normal_axis(axis, x.ndim)
    counts = concrete(lift(repeats), "the number of repeats")
    if counts.ndim == 0:
        times = int(counts)
        shape = tuple(
            extent(product_of(extent_scalar(e), number(times))) if k == place else e for k, e in enumerate(x.extents)
        )
        where = [floor_divide(index(k), number(times)) if k == place and times else index(k) for k in range(x.ndim)]
        return wrap(compute(shape, entry(x.tensor, where)))
    rows = np.repeat(np.arange(operator.index(x.shape[place])), counts)
    result: TracedArray = x[(*(slice(None),) * place, rows)]
    return result


@implements(np.tile)
def tile(A: Any, reps: Any) -> TracedArray:
    """The whole array several times."""
    x = lift(A)
    counts = tuple(operator.index(r) for r in (reps if isinstance(reps, tuple | list) else (reps,)))
    rank = max(x.ndim, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    x = reshape(x, (1,) * (rank - x.ndim) + x.shape)
    shape = tuple(extent(product_of(extent_scalar(e), number(c))) for e, c in zip(x.extents, counts, strict=True))
    where = [modulo(index(k), extent_scalar(e)) if e != 0 else index(k) for k, e in enumerate(x.extents)]
    if any(e == 0 for e in shape):
        return wrap(compute(shape, number(0, x.dtype)))
    return wrap(compute(shape, tidy_indices(entry(x.tensor, where), shape)))


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: str = "constant", **options: Any) -> TracedArray:
    """Entries added around the array."""
    x = lift(array)
    widths = np.broadcast_to(np.asarray(concrete(lift(pad_width), "the padding's width")), (x.ndim, 2)).tolist()
    if mode == "constant":
        return _pad_constant(x, widths, options.get("constant_values", 0))
    if mode in _PADDINGS:
        for place, (before, after) in enumerate(widths):
            length = operator.index(x.shape[place])
            positions = np.pad(np.arange(length), (before, after), mode=mode)  # type: ignore[call-overload]
            x = x[(*(slice(None),) * place, positions)]
        return x
    raise trace_error(
        f"np.pad(mode={mode!r}) can't be traced; use 'constant', 'edge', 'wrap', 'reflect' or 'symmetric'"
    )


_PADDINGS = ("edge", "wrap", "reflect", "symmetric")


def _pad_constant(x: TracedArray, widths: Sequence[Sequence[int]], value: Any) -> TracedArray:
    fill = lift(value)
    if fill.ndim:
        raise trace_error("np.pad with several constant_values can't be traced; use np.concatenate")
    shape = tuple(extent(sum_of(extent_scalar(e), b, a)) for e, (b, a) in zip(x.extents, widths, strict=True))
    local = [difference(index(k), b) for k, (b, _) in enumerate(widths)]
    inside = conjunction(
        *[p for q, e in zip(local, x.extents, strict=True) for p in (less_equal(0, q), less(q, extent_scalar(e)))]
    )
    terms = [(inside, entry(x.tensor, local))]
    outside = convert(entry(fill.tensor, ()), x.dtype)
    if not is_number(outside, 0):
        terms.append((negation(decide(inside, shape)), outside))
    return wrap(compute(shape, piecewise(terms, shape, x.dtype)))


@implements(np.block)
def block(arrays: Any) -> TracedArray:
    """A matrix of blocks, given as nested lists."""
    rows = arrays if isinstance(arrays, list) and arrays and isinstance(arrays[0], list) else [arrays]
    joined = [concatenate([atleast_2d(item) for item in row], 1) for row in rows]
    result = concatenate(joined, 0)
    flat = not isinstance(arrays, list) or not isinstance(arrays[0], list)
    return reshape(result, (-1,)) if flat and all(lift(item).ndim < 2 for item in rows[0]) else result


def _kept_positions(length: int, removed: Any) -> np.ndarray:
    return np.delete(np.arange(length), removed)


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> TracedArray:
    """Without the entries at some positions."""
    x = lift(arr)
    if axis is None:
        x, axis = ravel(x), 0
    place = normal_axis(axis, x.ndim)
    removed = obj if isinstance(obj, slice) else concrete(lift(obj), "the positions that np.delete removes")
    result: TracedArray = x[(*(slice(None),) * place, _kept_positions(operator.index(x.shape[place]), removed))]
    return result


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> TracedArray:
    """With values before one position."""
    x, new = lift(arr), lift(values)
    if axis is None:
        x, axis = ravel(x), 0
    place = normal_axis(axis, x.ndim)
    position = operator.index(obj)
    front = (slice(None),) * place
    between = (*x.extents[:place], new.extents[-1] if new.ndim else 1, *x.extents[place + 1 :])
    spread = wrap(compute(between, convert(entry(new.tensor, _last_axes(new, place, x.ndim)), x.dtype)))
    return concatenate([x[(*front, slice(None, position))], spread, x[(*front, slice(position, None))]], place)


def _last_axes(new: TracedArray, place: int, rank: int) -> list[Scalar]:
    if new.ndim > 1 or (new.ndim and rank > 1):
        raise trace_error("np.insert of several rows can't be traced; use np.concatenate")
    return [index(place)] if new.ndim else []


@implements(np.fill_diagonal)
def fill_diagonal(a: TracedArray, val: Any, wrap: bool = False) -> None:
    """Set the entries of a matrix's diagonal."""
    positions = np.arange(min(operator.index(e) for e in a.shape))
    a[(positions,) * a.ndim] = val


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **options: Any) -> TracedArray:
    """Windows along axes, as new last axes."""
    array = lift(x)
    sizes = window_shape if isinstance(window_shape, tuple | list) else (window_shape,)
    if axis is None:
        places = list(range(array.ndim))
    else:
        places = [normal_axis(k, array.ndim) for k in (axis if isinstance(axis, tuple | list) else (axis,))]
    if len(places) != len(sizes):
        raise ValueError("Must provide window_shape for all dimensions of `x`")
    shape: list[Extent] = list(array.extents)
    where: list[Scalar] = [index(k) for k in range(array.ndim)]
    for position, (place, size) in enumerate(zip(places, sizes, strict=True)):
        shape[place] = extent(sum_of(extent_scalar(shape[place]), 1 - operator.index(size)))
        where[place] = sum_of(where[place], index(array.ndim + position))
    return wrap(compute((*shape, *[operator.index(s) for s in sizes]), entry(array.tensor, where)))
