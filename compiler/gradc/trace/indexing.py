"""Indexing: ``x[key]`` and ``x[key] = v`` for ints, slices, None, Ellipsis, integer arrays and masks.

Basic indexing gives views. Integer arrays whose content is known become affine indices where they are an arithmetic
progression, and a literal table elsewhere; unknown ones are read when the function runs (gather), wrapped if negative.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.ir.algebra import (
    conjunction,
    convert,
    difference,
    equal,
    floor_divide,
    less,
    less_equal,
    modulo,
    product_of,
    reindexed,
    sum_of,
)
from gradc.ir.bounds import decide
from gradc.ir.scalar import INT64, TRUE, Scalar, apply, index, load, number
from gradc.ir.tensor import Compute, Extent, Shape, Tensor, compute, constant, extent, extent_scalar
from gradc.ir.walk import loads_of
from gradc.trace.context import index_error, shape_error, trace_error
from gradc.trace.elementwise import astype, broadcast_indices, broadcast_shapes, where
from gradc.trace.storage import Region, axes, box_of, entry
from gradc.trace.tracer import TracedArray, concrete, known_value, lift, literal_value, size_expression, wrap


@dataclass(frozen=True)
class _Fixed:
    """One position along an axis."""

    position: Scalar


@dataclass(frozen=True)
class _Run:
    """``start + step * i`` for i below ``length``."""

    start: Scalar
    step: int
    length: Extent


@dataclass(frozen=True)
class _NewAxis:
    """An axis of extent 1 that the array does not have."""


@dataclass(frozen=True)
class _Table:
    """Positions along an axis, one per entry of an integer tensor (wrapped, so not negative)."""

    positions: Tensor
    shape: Shape

    def at(self, result: Shape, indices: Sequence[Scalar]) -> Scalar:
        """The position for these indices of the broadcast index arrays."""
        return convert(entry(self.positions, broadcast_indices(self.shape, result, indices)), INT64)


Component = _Fixed | _Run | _NewAxis | _Table


# ---------------------------------------------------------------- reading a key


def _components(x: TracedArray, key: Any) -> list[Component]:
    items = list(key) if isinstance(key, tuple) else [key]
    items = [part for item in items for part in _without_mask(x, item)]
    used = sum(item is not None and item is not Ellipsis for item in items)
    if used > x.ndim:
        raise index_error(f"too many indices for array: array is {x.ndim}-dimensional, but {used} were indexed")
    ellipses = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise index_error("an index can only have a single ellipsis ('...')")
    gap = [slice(None)] * (x.ndim - used)
    position = ellipses[0] if ellipses else len(items)
    items[position : position + 1] = gap
    parts: list[Component] = []
    axis = 0
    for item in items:
        if item is None:
            parts.append(_NewAxis())
            continue
        parts.append(_component(item, x.extents[axis], axis))
        axis += 1
    return parts


def _without_mask(x: TracedArray, item: Any) -> Sequence[Any]:
    """A mask as the index arrays of its true entries; everything else as it is."""
    if isinstance(item, bool | np.bool_):
        raise trace_error("a single bool can't index a traced array; use np.where")
    if isinstance(item, list | np.ndarray | TracedArray):
        array = lift(item)
        if array.dtype.kind == "b":
            mask = concrete(array, "the shape of x[mask]", "use np.where(mask, x, 0)")
            return [lift_known(positions) for positions in np.nonzero(mask)]
        if array.size == 0 and array.dtype.kind == "f":
            return [lift_known(np.zeros(array.extents, np.int64))]  # type: ignore[arg-type]
        return [array]
    return [item]


def lift_known(value: np.ndarray) -> TracedArray:
    """An array that the trace itself made."""
    return TracedArray(constant(value))


def _component(item: Any, length: Extent, axis: int) -> Component:
    if isinstance(item, slice):
        return _slice(item, length)
    if isinstance(item, TracedArray):
        if item.dtype.kind not in "iu":
            raise index_error(
                "only integers, slices (`:`), ellipsis (`...`), None and integer or boolean arrays are valid indices"
            )
        return _table(item, length, axis)
    try:
        position = operator.index(item)
    except TypeError:
        message = "only integers, slices (`:`), ellipsis (`...`), None and integer or boolean arrays are valid indices"
        raise index_error(f"{message}, not {type(item).__name__}") from None
    return _Fixed(_wrapped_literal(position, length, axis))


def _wrapped_literal(position: int, length: Extent, axis: int) -> Scalar:
    if isinstance(length, int):
        if not -length <= position < length:
            raise index_error(f"index {position} is out of bounds for axis {axis} with size {length}")
        return number(position % length)
    return number(position) if position >= 0 else sum_of(length, position)


def _slice(item: slice, length: Extent) -> _Run:
    step = 1 if item.step is None else operator.index(item.step)
    if isinstance(length, int):
        begin, end = (None if b is None else operator.index(b) for b in (item.start, item.stop))
        start, stop, step = slice(begin, end, step).indices(length)
        return _Run(number(start), step, len(range(start, stop, step)))
    return _named_slice(item, length, step)


def _named_slice(item: slice, length: Extent, step: int) -> _Run:
    """A slice of an axis whose extent has a name: bounds are taken to lie within it."""
    size = extent_scalar(length)

    def bound(value: Any, default: Scalar) -> Scalar:
        if value is None:
            return default
        if isinstance(value, TracedArray):
            expression = size_expression(value.tensor)
            if expression is not None:
                return expression
        fixed = operator.index(value)
        return number(fixed) if fixed >= 0 else sum_of(size, fixed)

    if step > 0:
        start, stop = bound(item.start, number(0)), bound(item.stop, size)
        span = difference(stop, start)
    else:
        start = bound(item.start, sum_of(size, -1))
        stop = bound(item.stop, number(-1)) if item.stop is not None else number(-1)
        span = difference(start, stop)
    count = floor_divide(sum_of(span, abs(step) - 1), abs(step))
    return _Run(start, step, extent(count))


def _table(item: TracedArray, length: Extent, axis: int) -> Component:
    size = size_expression(item.tensor)
    if size is not None:
        return _Fixed(size) if not isinstance(length, int) else _component(operator.index(item), length, axis)
    known = literal_value(item)
    if known is not None and isinstance(length, int):
        return _known_table(known, length, axis)
    wrapped = _wrapped(item, length, axis)
    return _Fixed(load(wrapped, ())) if not item.extents else _Table(wrapped, item.extents)


def _known_table(known: np.ndarray, length: int, axis: int) -> Component:
    outside = (known < -length) | (known >= length)
    if outside.any():
        raise index_error(f"index {known[outside].flat[0]} is out of bounds for axis {axis} with size {length}")
    positions = np.where(known < 0, known + length, known).astype(np.int64)
    if positions.ndim == 0:
        return _Fixed(number(int(positions)))
    if positions.ndim == 1 and len(positions) > 1:
        steps = np.diff(positions)
        if (steps == steps[0]).all():
            body = sum_of(int(positions[0]), product_of(number(int(steps[0])), index(0)))
            return _Table(compute(positions.shape, body), positions.shape)
    return _Table(constant(positions), positions.shape)


def _wrapped(item: TracedArray, length: Extent, axis: int) -> Tensor:
    """The positions as a tensor of their own: negative ones count from the end, those outside are an IndexError."""
    position = convert(entry(item.tensor, axes(item.ndim)), INT64)
    if item.dtype.kind == "u":  # nothing negative counts from the end, and what int64 can't hold is outside
        position = apply("where", apply("less", position, number(0)), extent_scalar(length), position)
    return compute(item.extents, apply("position", position, extent_scalar(length), number(axis)))


# ---------------------------------------------------------------- basic indexing: views


def _region(x: TracedArray, parts: Sequence[Component]) -> Region:
    shape: list[Extent] = []
    forward: list[Scalar] = []
    inside: list[Scalar] = []
    backward: list[Scalar] = []
    axis = 0
    for part in parts:
        if isinstance(part, _NewAxis):
            backward.append(number(0))
            shape.append(1)
            continue
        here, length = index(axis), x.extents[axis]
        axis += 1
        if isinstance(part, _Fixed):
            forward.append(part.position)
            inside.append(equal(here, part.position))
            continue
        assert isinstance(part, _Run)
        forward.append(sum_of(part.start, product_of(number(part.step), index(len(shape)))))
        predicate, position = _inverse(part, here, length)
        inside.append(predicate)
        backward.append(position)
        shape.append(part.length)
    predicate = decide(conjunction(*inside), x.extents) if x.extents else TRUE
    return Region(tuple(shape), tuple(forward), predicate, tuple(backward), box_of(tuple(shape), forward))


def _inverse(run: _Run, here: Scalar, length: Extent) -> tuple[Scalar, Scalar]:
    """Whether the entry at ``here`` belongs to the run, and where in it."""
    if run.step == 1 and run.start is number(0) and run.length == length:
        return TRUE, here
    distance = difference(here, run.start) if run.step > 0 else difference(run.start, here)
    stride = abs(run.step)
    position = floor_divide(distance, stride)
    hits = equal(modulo(distance, stride), 0) if stride > 1 else TRUE
    return conjunction(hits, less_equal(0, distance), less(position, extent_scalar(run.length))), position


# ---------------------------------------------------------------- advanced indexing


@dataclass(frozen=True)
class _Gather:
    """An advanced index: the result's shape, and which entry each of its indices reads."""

    shape: Shape
    positions: tuple[Scalar, ...]
    table_shape: Shape
    table_axis: int
    parts: tuple[Component, ...]
    result_axes: tuple[int | None, ...]


def _gather(parts: Sequence[Component]) -> _Gather:
    tables = [part for part in parts if isinstance(part, _Table)]
    table_shape = broadcast_shapes(*[table.shape for table in tables])
    advanced = [k for k, part in enumerate(parts) if isinstance(part, _Table | _Fixed)]
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    shape: list[Extent] = [] if together else list(table_shape)
    table_axis = 0
    placed = not together
    result_axes: list[int | None] = []
    for part in parts:
        if isinstance(part, _Table | _Fixed):
            if not placed:
                table_axis, placed = len(shape), True
                shape.extend(table_shape)
            result_axes.append(None)
        else:
            result_axes.append(len(shape))
            shape.append(1 if isinstance(part, _NewAxis) else part.length)
    table_indices = [index(table_axis + k) for k in range(len(table_shape))]
    positions: list[Scalar] = []
    for part, axis in zip(parts, result_axes, strict=True):
        if isinstance(part, _Fixed):
            positions.append(part.position)
        elif isinstance(part, _Table):
            positions.append(_inlined(part, table_shape, table_indices))
        elif isinstance(part, _Run):
            assert axis is not None
            positions.append(sum_of(part.start, product_of(number(part.step), index(axis))))
    return _Gather(tuple(shape), tuple(positions), table_shape, table_axis, tuple(parts), tuple(result_axes))


def _inlined(table: _Table, shape: Shape, indices: Sequence[Scalar]) -> Scalar:
    """The position; a progression is written out as an affine index."""
    tensor = table.positions
    local = broadcast_indices(table.shape, shape, indices)
    if isinstance(tensor, Compute) and size_affine(tensor.body):
        return reindexed(tensor.body, local)
    return load(tensor, local)


def size_affine(body: Scalar) -> bool:
    """Whether an integer body has no loads."""
    return body.dtype == INT64 and not loads_of(body)


def get(x: TracedArray, key: Any) -> Any:
    """``x[key]``."""
    mask = _unknown_mask(x, key)
    if mask is not None and mask.ndim == x.ndim:
        from gradc.trace.selected import Selection

        return Selection(x, mask)
    parts = _components(x, key)
    if not any(isinstance(part, _Table) for part in parts):
        view = x.part(_region(x, parts))
        takes_entry = not view.extents and not (
            isinstance(key, tuple) and Ellipsis in [k for k in key if k is Ellipsis]
        )
        return wrap(view.tensor, weak=False) if takes_entry or x.immutable else view
    gather = _gather(parts)
    return wrap(compute(gather.shape, entry(x.tensor, gather.positions)))


def put(x: TracedArray, key: Any, value: Any) -> None:
    """``x[key] = value``."""
    if x.immutable:
        raise trace_error("a NumPy scalar can't be assigned to; make it an array with np.array(x)")
    mask = _unknown_mask(x, key)
    if mask is not None:
        _put_where(x, mask, value)
        return
    parts = _components(x, key)
    if not any(isinstance(part, _Table) for part in parts):
        assign(x.part(_region(x, parts)), value)
        return
    _scatter(x, _gather(parts), lift(value))


def assign(x: TracedArray, value: Any) -> None:
    """``x[...] = value``."""
    lifted = lift(value)
    new = _fitting(lifted, x)
    indices = _assigned_indices(new, x.extents)
    if 0 not in x.extents:  # an empty selection writes nothing
        x.write(TRUE, entry(new, indices))


def _fitting(value: TracedArray, target: TracedArray) -> Tensor:
    """The value in the dtype of the array that it is assigned to."""
    if value.dtype.kind == "c" and target.dtype.kind != "c":
        raise TypeError(
            f"can't assign {value.dtype} to an array of {target.dtype}; create the array with dtype=complex"
        )
    return value.tensor if value.dtype == target.dtype else astype(value, target.dtype).tensor


def _assigned_indices(value: Tensor, shape: Shape) -> tuple[Scalar, ...]:
    surplus = len(value.shape) - len(shape)
    surplus_is_one = surplus > 0 and all(e == 1 for e in value.shape[:surplus])
    kept = value.shape[surplus:] if surplus_is_one else value.shape
    try:
        fits = broadcast_shapes(kept, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise shape_error(f"could not broadcast input array from shape {value.shape} into shape {shape}")
    zeros = (number(0),) * (len(value.shape) - len(kept))
    return zeros + broadcast_indices(kept, shape, axes(len(shape)))


def _unknown_mask(x: TracedArray, key: Any) -> TracedArray | None:
    """The mask of ``x[mask] = v`` where it is computed from the arguments."""
    if isinstance(key, tuple) and len(key) == 1:
        key = key[0]
    if not isinstance(key, TracedArray) or key.dtype.kind != "b":
        return None
    if key.extents != x.extents[: key.ndim]:
        raise index_error(f"boolean index of shape {key.extents} did not match indexed array of shape {x.extents}")
    return key if known_value(key) is None else None


def _put_where(x: TracedArray, mask: TracedArray, value: Any) -> None:
    from gradc.trace.selected import Selection

    if isinstance(value, Selection):
        if value.mask.tensor is not mask.tensor:
            raise trace_error("x[mask] = y[other]: the masks must be the same; use x = np.where(mask, y, x)")
        x.write(entry(mask.tensor, axes(x.ndim)), entry(_fitting(value.values, x), axes(x.ndim)))
        return
    lifted = lift(value)
    if lifted.ndim > x.ndim - mask.ndim:
        raise trace_error(
            "x[mask] = values needs the number of true entries, which is not known while the function is traced; "
            "assign a number, or write x = np.where(mask, values, x)"
        )
    spread = mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))
    assign(x, where(spread, lifted, x))


def _scatter(x: TracedArray, gather: _Gather, value: TracedArray) -> None:
    """``x[table] = value``: for each entry, the last of the table's rows that names it wins."""
    new = _fitting(value, x)
    indices = _assigned_indices(new, gather.shape)
    inside, winner, rest = _last_writer(x, gather)
    rank = len(gather.table_shape)
    table_positions = _unravelled(winner, gather.table_shape)
    result = [rest.get(k) for k in range(len(gather.shape))]
    for k in range(rank):
        result[gather.table_axis + k] = table_positions[k]
    assert all(r is not None for r in result)
    body = reindexed(entry(new, indices), [r for r in result if r is not None])
    x.write(inside, body)


def _last_writer(x: TracedArray, gather: _Gather) -> tuple[Scalar, Scalar, dict[int, Scalar]]:
    """Over x's indices: whether the entry is written; by which row of the (flattened) table; and its other indices."""
    count = extent(product_of(*[extent_scalar(e) for e in gather.table_shape])) if gather.table_shape else 1
    conditions: list[Scalar] = []
    inside: list[Scalar] = []
    rest: dict[int, Scalar] = {}
    table_axes: list[int] = []
    axis = 0
    for part, result_axis in zip(gather.parts, gather.result_axes, strict=True):
        if isinstance(part, _NewAxis):
            assert result_axis is not None
            rest[result_axis] = number(0)
            continue
        here, length = index(axis), x.extents[axis]
        if isinstance(part, _Run):
            assert result_axis is not None
            predicate, rest[result_axis] = _inverse(part, here, length)
            inside.append(predicate)
        elif isinstance(part, _Fixed):
            inside.append(equal(here, part.position))
        else:
            table_axes.append(axis)
        axis += 1
    tables = [part for part in gather.parts if isinstance(part, _Table)]
    lengths = [x.extents[a] for a in table_axes]
    row = index(len(lengths))
    places = _unravelled(row, gather.table_shape)
    for k, table in enumerate(tables):
        conditions.append(equal(index(k), _inlined(table, gather.table_shape, places)))
    writer = compute(lengths, row, reduce_extents=(count,), reducer="max", domain=conjunction(*conditions))
    winner = load(writer, [index(a) for a in table_axes])
    inside.append(apply("greater_equal", winner, number(0)))
    return conjunction(*inside), winner, rest


def _unravelled(flat: Scalar, shape: Shape) -> list[Scalar]:
    """The indices of the entry number ``flat`` of an array of this shape."""
    positions: list[Scalar] = []
    stride: Scalar = number(1)
    for k, length in reversed(list(enumerate(shape))):
        position = floor_divide(flat, stride)
        positions.append(position if k == 0 else modulo(position, extent_scalar(length)))
        stride = product_of(stride, extent_scalar(length))
    return positions[::-1]


def accumulate_at(x: TracedArray, key: Any, value: Any) -> None:
    """``np.add.at(x, key, value)``: every row of the index adds, also where two name the same entry."""
    parts = _components(x, key)
    if not any(isinstance(part, _Table) for part in parts):
        x[key] = x[key] + value
        return
    gather = _gather(parts)
    new = _fitting(lift(value), x)
    rows = len(gather.shape)
    shift = [index(x.ndim + k) for k in range(rows)]
    body = reindexed(entry(new, _assigned_indices(new, gather.shape)), shift)
    positions = [reindexed(p, shift) for p in gather.positions]
    domain = conjunction(*[equal(index(k), p) for k, p in enumerate(positions)])
    added = compute(x.extents, body, reduce_extents=gather.shape, reducer="sum", domain=domain)
    assign(x, x + wrap(added))
