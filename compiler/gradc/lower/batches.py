"""Loops around the products of a batch: what a product reads and what reads it have the batch outermost as well.

They share its loop then, and between them is one matrix, not the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from gradc.ir.scalar import Index, Load
from gradc.ir.tensor import Compute, Tensor
from gradc.ir.walk import loads_of
from gradc.lower.contractions import ASSUMED, as_matrix_product

#: Tensors of fewer entries stay in the cache in any order.
SMALLEST = 1 << 14


def leading_axes(tensors: Sequence[Tensor]) -> dict[Tensor, tuple[int, ...]]:
    """For tensors (operands first) that are read or made by products of a batch: the axes whose loops go outermost."""
    computed = [t for t in tensors if isinstance(t, Compute)]
    leads: dict[Tensor, tuple[int, ...]] = {}
    for tensor in computed:
        product = as_matrix_product(tensor)
        if product is not None and product.batch:
            leads[tensor] = product.batch
    if not leads:
        return {}
    for tensor in computed:  # results flow on to their readers
        if tensor not in leads and _is_large(tensor):
            _note(
                leads, tensor, [_followed(item, leads[item.tensor]) for item in _loads(tensor) if item.tensor in leads]
            )
    for tensor in reversed(computed):  # and from there to what these read
        if tensor in leads:
            for item in _loads(tensor):
                source = item.tensor
                if isinstance(source, Compute) and source not in leads and _is_large(source):
                    _note(leads, source, [_traced(item, leads[tensor])])
    return {t: axes for t, axes in leads.items() if axes}


def _loads(tensor: Compute) -> list[Load]:
    return loads_of(tensor.body, tensor.domain)


def _is_large(tensor: Compute) -> bool:
    """Of the whole iteration space: a small result may come from a large operand."""
    return prod(e if isinstance(e, int) else ASSUMED for e in tensor.extents) >= SMALLEST


def _note(leads: dict[Tensor, tuple[int, ...]], tensor: Compute, candidates: Sequence[tuple[int, ...]]) -> None:
    """The innermost axis stays where it is: vectors run along it."""
    last = len(tensor.extents) - 1
    for axes in candidates:
        if axes and all(axis < tensor.rank and axis != last for axis in axes):
            leads[tensor] = axes
            return


def _followed(item: Load, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The reader's axes that run along these axes of what it reads."""
    places = [item.indices[axis] for axis in axes]
    return tuple(place.position for place in places if isinstance(place, Index))


def _traced(item: Load, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of what is read that these axes of the reader run along."""
    found = {place.position: axis for axis, place in enumerate(item.indices) if isinstance(place, Index)}
    return tuple(found[axis] for axis in axes if axis in found)


def outermost_first(order: Sequence[int], leads: Sequence[int]) -> list[int]:
    """The order with these axes in front."""
    return [*leads, *(axis for axis in order if axis not in leads)]
