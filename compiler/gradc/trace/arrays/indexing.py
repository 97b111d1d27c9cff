"""Indexing: ``x[key]`` and ``x[key] = v`` for ints, slices, None, Ellipsis, integer arrays and masks.

Basic indexing gives views; keys with arrays gather and scatter. `keys` reads the key, `masked` serves masks that are computed
from the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import ShapeError
from gradc.ir.algebra import (
    conjunction,
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
from gradc.ir.scalar import INT64, TRUE, DType, Scalar, apply, index, load, number
from gradc.ir.tensor import Compute, Extent, Shape, Tensor, compute, extent, extent_scalar
from gradc.ir.walk import loads_of
from gradc.trace.arrays.keys import Component, Fixed, NewAxis, Run, Table, components
from gradc.trace.arrays.masked import masked_part, selected
from gradc.trace.arrays.storage import Region, axes, box_of, entry, literal_of
from gradc.trace.arrays.tracer import TracedArray, lift, number_value, wrap
from gradc.trace.context import dtype_error, index_error, located, shape_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, broadcast_indices, broadcast_shapes

# ---------------------------------------------------------------- basic indexing: views


def _region(x: TracedArray, parts: Sequence[Component]) -> Region:
    shape: list[Extent] = []
    forward: list[Scalar] = []
    inside: list[Scalar] = []
    backward: list[Scalar] = []
    axis = 0
    for part in parts:
        if isinstance(part, NewAxis):
            backward.append(number(0))
            shape.append(1)
            continue
        here, length = index(axis), x.extents[axis]
        axis += 1
        if isinstance(part, Fixed):
            forward.append(part.position)
            inside.append(equal(here, part.position))
            continue
        assert isinstance(part, Run)
        forward.append(sum_of(part.start, product_of(number(part.step), index(len(shape)))))
        predicate, position = _inverse(part, here, length)
        inside.append(predicate)
        backward.append(position)
        shape.append(part.length)
    predicate = decide(conjunction(*inside), x.extents) if x.extents else TRUE
    return Region(tuple(shape), tuple(forward), predicate, tuple(backward), box_of(tuple(shape), forward))


def _inverse(run: Run, here: Scalar, length: Extent) -> tuple[Scalar, Scalar]:
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
    tables = [part for part in parts if isinstance(part, Table)]
    try:
        table_shape = broadcast_shapes(*[table.shape for table in tables])
    except ShapeError:
        shapes = " ".join(str(table.shape) for table in tables)
        raise index_error(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {shapes}"
        ) from None
    advanced = [k for k, part in enumerate(parts) if isinstance(part, Table | Fixed)]
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    shape: list[Extent] = [] if together else list(table_shape)
    table_axis = 0
    placed = not together
    result_axes: list[int | None] = []
    for part in parts:
        if isinstance(part, Table | Fixed):
            if not placed:
                table_axis, placed = len(shape), True
                shape.extend(table_shape)
            result_axes.append(None)
        else:
            result_axes.append(len(shape))
            shape.append(1 if isinstance(part, NewAxis) else part.length)
    table_indices = [index(table_axis + k) for k in range(len(table_shape))]
    positions: list[Scalar] = []
    for part, axis in zip(parts, result_axes, strict=True):
        if isinstance(part, Fixed):
            positions.append(part.position)
        elif isinstance(part, Table):
            positions.append(_inlined(part, table_shape, table_indices))
        elif isinstance(part, Run):
            assert axis is not None
            positions.append(sum_of(part.start, product_of(number(part.step), index(axis))))
    return _Gather(tuple(shape), tuple(positions), table_shape, table_axis, tuple(parts), tuple(result_axes))


def _inlined(table: Table, shape: Shape, indices: Sequence[Scalar]) -> Scalar:
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
    masked = masked_part(x, key)
    if masked is not None:
        return masked.read()
    gathered = selected().gathered(x, key)
    if gathered is not None:
        return gathered
    if isinstance(key, bool | np.bool_):
        return x[None].copy() if key else zeros_of((0, *x.extents), x.dtype)
    parts = components(x, key)
    if not any(isinstance(part, Table) for part in parts):
        view = x.part(_region(x, parts))
        return wrap(view.tensor, weak=False) if _takes_entry(view, key) or x.immutable else view
    gather = _gather(parts)
    return wrap(compute(gather.shape, entry(x.tensor, gather.positions)))


def _takes_entry(view: TracedArray, key: Any) -> bool:
    """Whether the key names a single entry: NumPy gives a number, and an ellipsis makes that an array without axes."""
    has_ellipsis = key is Ellipsis or (isinstance(key, tuple) and any(item is Ellipsis for item in key))
    return not view.extents and not has_ellipsis


def put(x: TracedArray, key: Any, value: Any) -> None:
    """``x[key] = value``."""
    if x.immutable:
        raise trace_error("a NumPy scalar can't be assigned to; make it an array with np.array(x)")
    masked = masked_part(x, key)
    if masked is not None:
        masked.write(value)
        return
    if selected().gathered(x, key) is not None:
        raise trace_error("writing at some of a mask's indices can't be traced; use x[mask] = value, or np.where")
    if isinstance(key, bool | np.bool_):
        if key:
            assign(x[None], value)
        return
    parts = components(x, key)
    if not any(isinstance(part, Table) for part in parts):
        view = x.part(_region(x, parts))
        if _takes_entry(view, key) and lift(value).ndim:
            raise shape_error("setting an array element with a sequence: a number is needed; use a slice for an array")
        assign(view, value)
        return
    _scatter(x, _gather(parts), lift(value))


def zeros_of(shape: Shape, dtype: DType) -> TracedArray:
    """Zeros."""
    return wrap(compute(shape, number(0, dtype)))


def assign(x: TracedArray, value: Any) -> None:
    """``x[...] = value``."""
    lifted = lift(value)
    if isinstance(value, list | tuple) and lifted.ndim > x.ndim:
        raise shape_error(
            f"setting an array element with a sequence: the lists are nested {lifted.ndim} deep, the array has "
            f"{x.ndim} axes; use np.array(...) and its shape"
        )
    new = fitting(lifted, x)
    indices = assigned_indices(new, x.extents)
    if 0 not in x.extents:  # an empty selection writes nothing
        x.write(TRUE, entry(new, indices))


def fitting(value: TracedArray, target: TracedArray) -> Tensor:
    """The value in the dtype of the array that it is assigned to."""
    if value.dtype.kind == "c" and target.dtype.kind != "c":
        raise dtype_error(
            f"can't assign {value.dtype} to an array of {target.dtype}; create the array with dtype=complex"
        )
    if value.weak and value.dtype.kind == "i" and target.dtype.kind in "iu":
        literal, limits = literal_of(value.tensor), np.iinfo(target.dtype)
        if literal is not None and not limits.min <= int(number_value(literal)) <= limits.max:
            raise OverflowError(
                located(f"Python integer {number_value(literal)} out of bounds for {target.dtype}; use a wider dtype")
            )
    return value.tensor if value.dtype == target.dtype else astype(value, target.dtype).tensor


def assigned_indices(value: Tensor, shape: Shape) -> tuple[Scalar, ...]:
    """Which entry of the value goes to each entry of an array of this shape."""
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


def _scatter(x: TracedArray, gather: _Gather, value: TracedArray) -> None:
    """``x[table] = value``: for each entry, the last of the table's rows that names it wins."""
    new = fitting(value, x)
    indices = assigned_indices(new, gather.shape)
    if 0 in gather.shape:  # an empty selection writes nothing
        return
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
        if isinstance(part, NewAxis):
            assert result_axis is not None
            rest[result_axis] = number(0)
            continue
        here, length = index(axis), x.extents[axis]
        if isinstance(part, Run):
            assert result_axis is not None
            predicate, rest[result_axis] = _inverse(part, here, length)
            inside.append(predicate)
        elif isinstance(part, Fixed):
            inside.append(equal(here, part.position))
        else:
            table_axes.append(axis)
        axis += 1
    tables = [part for part in gather.parts if isinstance(part, Table)]
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


def accumulate_at(x: TracedArray, key: Any, value: Any, reducer: str = "sum", ufunc: np.ufunc = np.add) -> None:
    """``np.add.at(x, key, value)``: every row of the index adds, also where two name the same entry.

    Another ``reducer`` combines the rows of an entry, and ``ufunc`` the entry with the result.
    """
    parts = components(x, key)
    if not any(isinstance(part, Table) for part in parts):
        x[key] = apply_ufunc(ufunc, [x[key], value])
        return
    gather = _gather(parts)
    new = fitting(lift(value), x)
    rows = len(gather.shape)
    shift = [index(x.ndim + k) for k in range(rows)]
    body = reindexed(entry(new, assigned_indices(new, gather.shape)), shift)
    positions = [reindexed(p, shift) for p in gather.positions]
    domain = conjunction(*[equal(index(k), p) for k, p in enumerate(positions)])
    combined = compute(x.extents, body, reduce_extents=gather.shape, reducer=reducer, domain=domain)
    assign(x, apply_ufunc(ufunc, [x, wrap(combined)]))
