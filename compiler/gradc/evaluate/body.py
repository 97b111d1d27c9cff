"""One comprehension at a time: its body over the whole iteration space at once.

Every scalar becomes an array that broadcasts over the space: it has one axis per axis of the space, of length 1 where
the scalar doesn't depend on it. A guard's body is computed everywhere but *counts* only where its predicate holds:
reads out of range are replaced by some entry and remembered in a mask, which the guard clears; what is left of the mask
at the end was really evaluated, and is the caller's IndexError.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gradc.evaluate.numbers import NUMPY, Array, NumberSystem
from gradc.ir.scalar import TRUE, Apply, Guard, Index, Load, Number, Scalar, Size, is_apply
from gradc.ir.tensor import Compute, Extent, Tensor
from gradc.ir.walk import post_order, use_counts

#: Iteration spaces larger than this are computed in slabs.
_LARGEST_SLAB = 1 << 22


class Value(NamedTuple):
    """An array over the space, and where it rests on a read out of range (None: nowhere)."""

    array: Array
    invalid: Array | None


def extent_value(extent: Extent, sizes: Mapping[str, int]) -> int:
    """The extent as an int."""
    if isinstance(extent, int):
        return extent
    return int(_Space(NUMPY, [], sizes, {}).evaluate([extent])[0].array.item())


def compute_value(
    node: Compute, tensors: Mapping[Tensor, Array], sizes: Mapping[str, int], numbers: NumberSystem
) -> Array:
    """The value of a comprehension, given those of the tensors it loads."""
    shape = tuple(extent_value(e, sizes) for e in node.shape)
    reduced = tuple(extent_value(e, sizes) for e in node.reduce_extents)
    if 0 in shape:
        return numbers.empty(shape, node.dtype)
    if 0 in reduced:
        return _empty_reduction(node, shape, numbers)
    whole = [(0, extent) for extent in shape + reduced]
    slabs = math.ceil(math.prod(shape + reduced) / _LARGEST_SLAB)
    if slabs <= 1 or not shape:
        return _slab(node, whole, tensors, sizes, numbers)
    axis = int(np.argmax(shape))
    step = max(1, shape[axis] // slabs)
    result = numbers.empty(shape, node.dtype)
    for low in range(0, shape[axis], step):
        ranges = list(whole)
        ranges[axis] = (low, min(low + step, shape[axis]))
        result[(slice(None),) * axis + (slice(*ranges[axis]),)] = _slab(node, ranges, tensors, sizes, numbers)
    return result


def _neutral(reducer: str, dtype: np.dtype, numbers: NumberSystem) -> Array:
    if reducer == "max":
        return numbers.lowest(dtype)
    if reducer == "min":
        return numbers.highest(dtype)
    return numbers.literal(bool(reducer == "all") if dtype.kind == "b" else int(reducer == "prod"), dtype)


def _empty_reduction(node: Compute, shape: tuple[int, ...], numbers: NumberSystem) -> Array:
    assert node.reducer is not None
    if node.reducer in ("argmax", "argmin"):
        raise ValueError(f"attempt to get {node.reducer} of an empty sequence")
    result = numbers.empty(shape, node.dtype)
    result[...] = _neutral(node.reducer, node.dtype, numbers)
    return result


def _slab(
    node: Compute,
    ranges: Sequence[tuple[int, int]],
    tensors: Mapping[Tensor, Array],
    sizes: Mapping[str, int],
    numbers: NumberSystem,
) -> Array:
    space = _Space(numbers, ranges, sizes, tensors)
    full = tuple(high - low for low, high in ranges)
    own = full[: node.rank]
    roots = [node.body] if node.domain is TRUE else [node.body, node.domain]
    body, *rest = space.evaluate(roots)
    counts = rest[0].array if rest else np.asarray(True)
    space.refuse_invalid(node, [_guarded_mask(body, numbers.possible(counts)), *(r.invalid for r in rest)])
    if node.reducer is None:
        return np.array(np.broadcast_to(body.array.reshape(_aligned(body.array, full)), own))
    flat = (*own, math.prod(full[node.rank :]))
    entries = np.broadcast_to(body.array, full or (1,)).reshape(flat)
    if node.reducer in ("argmax", "argmin"):
        chosen = np.broadcast_to(counts, full).reshape(flat)
        return np.asarray(numbers.extremum(node.reducer == "argmax", entries, chosen))
    if rest:
        chosen = np.broadcast_to(counts, full or (1,)).reshape(flat)
        entries = numbers.select(chosen, entries, _neutral(node.reducer, node.dtype, numbers))
    return numbers.reduce(node.reducer, entries, node.dtype)


def _aligned(array: Array, full: tuple[int, ...]) -> tuple[int, ...]:
    return array.shape if full else ()


def _guarded_mask(body: Value, holds: Array) -> Array | None:
    return None if body.invalid is None else body.invalid & holds


class _Space:
    """An iteration space (or a slab of it): the range of every axis."""

    def __init__(
        self,
        numbers: NumberSystem,
        ranges: Sequence[tuple[int, int]],
        sizes: Mapping[str, int],
        tensors: Mapping[Tensor, Array],
    ) -> None:
        self._numbers = numbers
        self._ranges = ranges
        self._sizes = sizes
        self._tensors = tensors
        self._rank = max(1, len(ranges))  # arrays of rank 0 turn into NumPy scalars

    def evaluate(self, roots: Sequence[Scalar]) -> list[Value]:
        """The roots' values; intermediate ones are dropped after their last use."""
        values: dict[Scalar, Value] = {}
        remaining = use_counts(roots)
        for node in post_order(roots):
            values[node] = self._node(node, [values[child] for child in node.children])
            for child in node.children:
                remaining[child] -= 1
                if not remaining[child]:
                    values.pop(child, None)
        return [values[root] for root in roots]

    def refuse_invalid(self, node: Compute, masks: Sequence[Array | None]) -> None:
        """Raise if anything was really read out of range."""
        for mask in masks:
            if mask is not None and mask.any():
                raise IndexError(self._complaint(node))

    def _complaint(self, node: Compute) -> str:
        for item in post_order([node.body, node.domain]):
            if is_apply(item, "position"):
                given, length, along = (value.array for value in self.evaluate(item.children))
                wrong = given[(given < -length) | (given >= length)]
                if wrong.size:
                    return f"index {wrong.flat[0]} is out of bounds for axis {along.flat[0]} with size {length.flat[0]}"
            if isinstance(item, Load):
                for axis, expression in enumerate(item.indices):
                    array = self.evaluate([expression])[0].array
                    extent = self._tensors[item.tensor].shape[axis]
                    wrong = array[(array < 0) | (array >= extent)]
                    if wrong.size:
                        return f"index {wrong.flat[0]} is out of bounds for axis {axis} with size {extent}: {item!r}"
        return "an index is out of bounds"

    def _node(self, node: Scalar, args: list[Value]) -> Value:
        if isinstance(node, Number):
            return Value(self._numbers.literal(node.value, node.dtype).reshape((1,) * self._rank), None)
        if isinstance(node, Size):
            return Value(np.full((1,) * self._rank, self._sizes[node.name], np.int64), None)
        if isinstance(node, Index):
            return Value(self._spread(np.arange(*self._ranges[node.position]), node.position), None)
        if isinstance(node, Load):
            return self._load(node, args)
        if isinstance(node, Guard):
            return self._guard(node, *args)
        assert isinstance(node, Apply)
        arrays = [arg.array for arg in args]
        if node.op.name == "convert":
            return Value(self._numbers.convert(arrays[0], node.dtype), args[0].invalid)
        if node.op.name == "where":
            return Value(self._numbers.select(*arrays), _either(args))
        if node.op.name in ("and", "or"):
            return self._connective(node, args)
        if node.op.name == "position":
            return self._position(node, args)
        return Value(self._numbers.apply(node, arrays), _either(args))

    def _position(self, node: Apply, args: list[Value]) -> Value:
        """Where an index points; one that points outside counts as a read out of range."""
        found, length = self._numbers.apply(node, [arg.array for arg in args]), args[1].array
        wrong = np.asarray((found < 0) | (found >= length))
        if node.dtype.kind == "i" and wrong.dtype.kind == "b" and wrong.any():
            return Value(np.clip(found, 0, np.maximum(length - 1, 0)), _join([_either(args), wrong]))
        return Value(found, _either(args))

    def _connective(self, node: Apply, args: list[Value]) -> Value:
        """A part that settles the matter makes what the others read irrelevant."""
        numbers = self._numbers
        result = numbers.apply(node, [arg.array for arg in args])
        if all(arg.invalid is None for arg in args):
            return Value(result, None)
        settled: Array = np.asarray(False)
        for arg in args:
            decisive = ~numbers.possible(arg.array) if node.op.name == "and" else numbers.certain(arg.array)
            settled = settled | (decisive if arg.invalid is None else decisive & ~arg.invalid)
        invalid = _either(args)
        assert invalid is not None
        return Value(np.where(settled, node.op.name == "or", result), invalid & ~settled)

    def _spread(self, values: Array, axis: int) -> Array:
        shape = [1] * self._rank
        shape[axis] = len(values)
        return values.reshape(shape)

    def _guard(self, node: Guard, predicate: Value, body: Value) -> Value:
        zero = self._numbers.literal(False if node.dtype.kind == "b" else 0, node.dtype)
        chosen = self._numbers.select(predicate.array, body.array, zero)
        mask = _guarded_mask(body, self._numbers.possible(predicate.array))
        return Value(chosen, _join([predicate.invalid, mask]))

    def _load(self, node: Load, args: list[Value]) -> Value:
        tensor = self._tensors[node.tensor]
        direct = self._direct(node, tensor)
        if direct is not None:
            return Value(direct, None)
        indices: list[Array] = []
        masks = [arg.invalid for arg in args]
        for arg, extent in zip(args, tensor.shape, strict=True):
            position = arg.array
            wrong = (position < 0) | (position >= extent)
            if wrong.any():
                masks.append(wrong)
                position = np.clip(position, 0, max(extent - 1, 0))
            indices.append(position)
        invalid = _join(masks)
        if 0 in tensor.shape:
            shape = np.broadcast_shapes(*[i.shape for i in indices])
            nothing = self._numbers.literal(False if node.dtype.kind == "b" else 0, node.dtype)
            return Value(np.broadcast_to(nothing, shape), invalid)
        if not indices:
            return Value(tensor.reshape((1,) * self._rank), None)
        return Value(tensor[tuple(indices)], invalid)

    def _direct(self, node: Load, tensor: Array) -> Array | None:
        """The load as a view, when its indices are distinct axes: no gather, nothing to check."""
        positions = [i.position for i in node.indices if isinstance(i, Index)]
        if not positions or len(positions) != len(node.indices) or len(set(positions)) != len(positions):
            return None
        ranges = [self._ranges[p] for p in positions]
        if any(high > extent for (_, high), extent in zip(ranges, tensor.shape, strict=True)):
            return None
        view = tensor[tuple(slice(*r) for r in ranges)]
        view = view.transpose(sorted(range(len(positions)), key=positions.__getitem__))
        shape = [1] * self._rank
        for position in positions:
            shape[position] = self._ranges[position][1] - self._ranges[position][0]
        return view.reshape(shape)


def _either(args: Sequence[Value]) -> Array | None:
    return _join([arg.invalid for arg in args])


def _join(masks: Sequence[Array | None]) -> Array | None:
    result: Array | None = None
    for mask in masks:
        if mask is not None:
            result = mask if result is None else result | mask
    return result
