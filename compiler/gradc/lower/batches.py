"""Loops around the products of a batch: what a product reads and what reads it have the batch outermost as well.

They share its loop then, and between them is one matrix, not the whole batch. A cheap operand of several products is
computed for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from gradc.ir.scalar import Apply, Guard, Index, Load, apply
from gradc.ir.tensor import Compute, Graph, Tensor, compute
from gradc.ir.walk import free_indices, loads_of, operands_of, post_order
from gradc.lower.contractions import ASSUMED, as_matrix_product
from gradc.lower.rewrite import with_tensors
from gradc.lower.tree import Statement

#: Tensors of fewer entries stay in the cache in any order.
SMALLEST = 1 << 14
#: The summed cost of a body that is rather computed again than read from memory.
CHEAP = 3.0


def with_own_operands(graph: Graph, tensors: Sequence[Tensor]) -> Graph:
    """The graph in which each product of a batch has a copy of its own of a large operand that is cheap to compute.

    One matrix of it is in the cache where it is needed, the whole of it would go to memory and back.
    """
    seen: dict[Tensor, int] = {}
    replaced: dict[Tensor, Tensor] = {}
    for tensor in tensors:
        new = with_tensors(tensor, replaced) if isinstance(tensor, Compute) else tensor
        product = as_matrix_product(new) if isinstance(new, Compute) else None
        if product is not None and product.batch:
            copies: dict[Tensor, Tensor] = {}
            for factor in {product.left.tensor, product.right.tensor}:
                count = seen[factor] = seen.get(factor, -1) + 1
                if count and isinstance(factor, Compute) and _is_cheap(factor):
                    copies[factor] = _copy(factor, count)
            assert isinstance(new, Compute)
            new = with_tensors(new, {t: copies.get(t, t) for t in operands_of(new) if isinstance(t, Tensor)})
        replaced[tensor] = new
    outputs = tuple(replaced[t] for t in graph.outputs)
    return graph if outputs == graph.outputs else Graph(graph.inputs, outputs)


def _is_cheap(tensor: Compute) -> bool:
    """A large map of few operations, from tensors that are much smaller."""
    if tensor.reducer is not None or not _is_large(tensor):
        return False
    nodes = post_order([tensor.body])
    if any(isinstance(node, Guard) for node in nodes):
        return False
    sources = {node.tensor for node in nodes if isinstance(node, Load)}
    cost = sum(node.op.cost for node in nodes if isinstance(node, Apply))
    return cost <= CHEAP and 4 * sum(map(_entries, sources)) <= _entries(tensor)


def _entries(tensor: Tensor) -> int:
    return prod(e if isinstance(e, int) else ASSUMED for e in tensor.shape)


def _copy(tensor: Compute, number: int) -> Tensor:
    """The same values from another tensor: equal bodies would be one tensor."""
    body = tensor.body
    for _ in range(number):
        body = apply("stop_gradient", body)
    return compute(tensor.shape, body)


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


def laid_out(
    kept: dict[Tensor, tuple[int, ...]], leads: dict[Tensor, tuple[int, ...]], ordered: Sequence[Statement]
) -> dict[Tensor, tuple[int, ...]]:
    """The axes of buffers, outermost first: intermediate results have the batch outermost in memory too.

    One matrix of a batch is in one piece then, not a row here and a row there.
    """
    bound: set[Tensor] = set()
    for statement in ordered:
        if statement.kind not in ("map", "reduce", "product"):
            bound.add(statement.tensor)
        product = statement.product
        for tensor, reads in statement.reads.items():
            if not all(isinstance(place, Index) for indices in reads for place in indices):
                bound.add(tensor)
        if product is not None:
            for factor in (product.left, product.right):
                outside = {k for k, at in enumerate(factor.indices) if free_indices(at) <= set(product.batch)}
                if not outside.issuperset(leads.get(factor.tensor, ())):
                    bound.add(factor.tensor)
            if not set(product.batch).issuperset(leads.get(statement.tensor, ())):
                bound.add(statement.tensor)
    result = dict(kept)
    for tensor, first in leads.items():
        axes = kept.get(tensor, ())
        if tensor not in bound and set(first) <= set(axes):
            result[tensor] = tuple(outermost_first(axes, first))
    return result
