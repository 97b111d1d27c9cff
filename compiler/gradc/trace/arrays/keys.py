"""Reading a key: what each item of ``x[key]`` is, axis by axis.

Integer arrays whose content is known become affine indices where they are an arithmetic progression, and a literal table
elsewhere; unknown ones are read when the function runs (gather), wrapped if negative.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import TraceError
from gradc.ir.algebra import convert, difference, floor_divide, negated, product_of, rebuild, substitute, sum_of
from gradc.ir.scalar import INT64, Apply, Load, Number, Scalar, apply, index, load, number
from gradc.ir.tensor import Compute, Extent, Shape, Tensor, compute, constant, extent, extent_scalar
from gradc.ir.walk import loads_of, post_order
from gradc.trace.arrays.storage import axes, entry
from gradc.trace.arrays.tracer import TracedArray, concrete, known_value, lift, literal_value, size_expression
from gradc.trace.context import index_error, located, shape_error, trace_error
from gradc.trace.elements.elementwise import broadcast_indices


@dataclass(frozen=True)
class Fixed:
    """One position along an axis."""

    position: Scalar


@dataclass(frozen=True)
class Run:
    """``start + step * i`` for i below ``length``."""

    start: Scalar
    step: int
    length: Extent


@dataclass(frozen=True)
class NewAxis:
    """An axis of extent 1 that the array does not have."""


@dataclass(frozen=True)
class Table:
    """Positions along an axis, one per entry of an integer tensor (wrapped, so not negative)."""

    positions: Tensor
    shape: Shape

    def at(self, result: Shape, indices: Sequence[Scalar]) -> Scalar:
        """The position for these indices of the broadcast index arrays."""
        return convert(entry(self.positions, broadcast_indices(self.shape, result, indices)), INT64)


Component = Fixed | Run | NewAxis | Table


# ---------------------------------------------------------------- reading a key


def components(x: TracedArray, key: Any) -> list[Component]:
    """What each item of the key is, and every axis that it does not name in full."""
    items = expanded(key, x)
    parts: list[Component] = []
    axis = 0
    for item in items:
        if item is None:
            parts.append(NewAxis())
            continue
        for single in _without_mask(item, x.extents[axis : axis + consumed(item)]):
            parts.append(_component(single, x.extents[axis], axis))
            axis += 1
    return parts


def expanded(key: Any, x: TracedArray) -> list[Any]:
    """The items of the key, arrays as traced arrays, with slices for the axes that an ellipsis or the end leaves open."""
    items = [_lifted(item) for item in (key if isinstance(key, tuple) else (key,))]
    used = sum(consumed(item) for item in items)
    if used > x.ndim:
        raise index_error(f"too many indices for array: array is {x.ndim}-dimensional, but {used} were indexed")
    ellipses = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise index_error("an index can only have a single ellipsis ('...')")
    position = ellipses[0] if ellipses else len(items)
    items[position : position + 1] = [slice(None)] * (x.ndim - used)
    return items


def consumed(item: Any) -> int:
    """How many axes an item of a key takes up."""
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if isinstance(item, TracedArray) and item.dtype.kind == "b" else 1


def _lifted(item: Any) -> Any:
    if isinstance(item, bool | np.bool_):
        raise trace_error("a bool among other indices can't be traced; use x[None] for True, np.where for conditions")
    if not isinstance(item, list | tuple | np.ndarray | TracedArray):
        return item
    array = lift(item)
    if array.size == 0 and array.dtype.kind == "f" and isinstance(item, list | tuple):
        return lift_known(np.zeros(array.extents, np.int64))  # type: ignore[arg-type]
    return array


def _without_mask(item: Any, extents: Shape) -> Sequence[Any]:
    """A mask as the index arrays of its true entries; everything else as it is."""
    if not isinstance(item, TracedArray) or item.dtype.kind != "b":
        return [item]
    mask = concrete(item, "the shape of x[mask]", "use np.where(mask, x, 0)")
    check_mask(mask.shape, extents)
    return [lift_known(positions) for positions in np.nonzero(mask)]


def check_mask(mask: Shape, extents: Shape) -> None:
    """A mask has the shape of the axes that it selects from."""
    if mask != extents:
        raise index_error(f"boolean index of shape {mask} did not match the indexed axes, of shape {extents}")


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
        return _array(item, length, axis)
    try:
        position = operator.index(item)
    except TraceError:
        raise
    except TypeError:
        message = "only integers, slices (`:`), ellipsis (`...`), None and integer or boolean arrays are valid indices"
        raise index_error(f"{message}, not {type(item).__name__}") from None
    return Fixed(_wrapped_literal(position, length, axis))


def _wrapped_literal(position: int, length: Extent, axis: int) -> Scalar:
    if isinstance(length, int):
        if not -length <= position < length:
            raise index_error(f"index {position} is out of bounds for axis {axis} with size {length}")
        return number(position % length)
    return number(position) if position >= 0 else sum_of(length, position)


def _slice(item: slice, length: Extent) -> Run:
    step = 1 if item.step is None else operator.index(item.step)
    if not isinstance(length, int):
        return _named_slice(item, length, step)
    if any(isinstance(b, TracedArray) and known_value(b) is None for b in (item.start, item.stop)):
        return _window(item, length, step)
    begin, end = (None if b is None else _bound(b) for b in (item.start, item.stop))
    try:
        start, stop, step = slice(begin, end, step).indices(length)
    except ValueError as error:  # a step of zero
        raise shape_error(str(error)) from None
    return Run(number(start), step, len(range(start, stop, step)))


def _bound(value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(located(str(error) or "slice indices must be integers or None")) from None


def _window(item: slice, length: int, step: int) -> Run:
    """``x[i : i + 3]``, whose length is known though its place is not. Where it does not fit, running it is an IndexError."""
    start, stop = (None if b is None else _inlined(lift(b)) for b in (item.start, item.stop))
    span = None if start is None or stop is None else difference(stop, start)
    if step != 1 or not isinstance(span, Number):
        raise trace_error(
            "a slice whose bounds are computed from the arguments has as many entries as they say, which is not known "
            "while the function is traced; use np.where((np.arange(len(x)) >= i) & (np.arange(len(x)) < j), x, 0), "
            "x[i : i + 3], whose length is known, or pass the bounds as Python ints"
        )
    width = max(0, int(span.value))  # type: ignore[arg-type]
    assert start is not None
    places = number(length - width + 1)
    first = apply("where", apply("less", start, number(0)), places, start)  # nothing counts from the end
    return Run(load(compute((), apply("position", first, places, number(0))), ()), 1, width)


def _inlined(array: TracedArray) -> Scalar:
    """The integer that ``array`` is, over what it was computed from, so that ``i + 3`` and ``i`` can be compared."""
    if array.dtype.kind not in "iu" or array.ndim:
        raise TypeError(located("slice indices must be integers or None or have an __index__ method"))
    expression = convert(entry(array.tensor, ()), INT64)
    for _ in range(_INLINED):
        bodies: dict[Scalar, Scalar] = {
            node: node.tensor.body
            for node in loads_of(expression)
            if isinstance(node.tensor, Compute) and not node.tensor.shape and node.tensor.reducer is None
        }
        if not bodies:
            break
        expression = substitute(expression, bodies)
    canonical: dict[Scalar, Scalar] = {}
    for node in post_order([expression]):
        parts = [canonical[child] for child in node.children]
        exact = _INTEGER_OPERATIONS.get(node.op.name) if isinstance(node, Apply) else None
        canonical[node] = (
            node if not parts or isinstance(node, Load) else exact(*parts) if exact else rebuild(node, parts)
        )
    return canonical[expression]


#: Operations of integers that differences of bounds see through.
_INTEGER_OPERATIONS: dict[str, Callable[..., Scalar]] = {
    "add": sum_of,
    "sub": difference,
    "mul": product_of,
    "neg": negated,
}
#: How many operations lie between two bounds of a slice at most.
_INLINED = 20


def _named_slice(item: slice, length: Extent, step: int) -> Run:
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
    return Run(start, step, extent(count))


def _array(item: TracedArray, length: Extent, axis: int) -> Component:
    size = size_expression(item.tensor)
    if size is not None:
        return Fixed(size) if not isinstance(length, int) else _component(operator.index(item), length, axis)
    known = literal_value(item)
    if known is not None and isinstance(length, int):
        return _known_table(known, length, axis)
    wrapped = _wrapped(item, length, axis)
    return Fixed(load(wrapped, ())) if not item.extents else Table(wrapped, item.extents)


def _known_table(known: np.ndarray, length: int, axis: int) -> Component:
    outside = (known < -length) | (known >= length)
    if outside.any():
        raise index_error(f"index {known[outside].flat[0]} is out of bounds for axis {axis} with size {length}")
    positions = np.where(known < 0, known + length, known).astype(np.int64)
    if positions.ndim == 0:
        return Fixed(number(int(positions)))
    if positions.ndim == 1 and len(positions) > 1:
        steps = np.diff(positions)
        if (steps == steps[0]).all():
            body = sum_of(int(positions[0]), product_of(number(int(steps[0])), index(0)))
            return Table(compute(positions.shape, body), positions.shape)
    return Table(constant(positions), positions.shape)


def _wrapped(item: TracedArray, length: Extent, axis: int) -> Tensor:
    """The positions as a tensor of their own: negative ones count from the end, those outside are an IndexError."""
    position = convert(entry(item.tensor, axes(item.ndim)), INT64)
    if item.dtype.kind == "u":  # nothing negative counts from the end, and what int64 can't hold is outside
        position = apply("where", apply("less", position, number(0)), extent_scalar(length), position)
    return compute(item.extents, apply("position", position, extent_scalar(length), number(axis)))
