"""vmap: one more axis, in front, on every node that depends on a batched input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradc.differentiate.batch_subgraphs import batched_node, repeated
from gradc.ir.algebra import Substitution
from gradc.ir.intern import Node
from gradc.ir.scalar import index, load
from gradc.ir.source import carry_lines
from gradc.ir.tensor import (
    Compute,
    Extent,
    Extern,
    MultiNode,
    Projection,
    ResultType,
    Tensor,
    compute,
    extern,
    projection,
)
from gradc.ir.walk import graph_order, loads_of, operands_of
from gradc.ops.extern import LIBRARY


def batch(outputs: Sequence[Tensor], batched: Mapping[Tensor, Tensor], extent: Extent) -> tuple[Tensor, ...]:
    """The outputs with a leading batch axis of ``extent``.

    ``batched`` maps inputs of the graph to tensors with one more, leading axis. An output that depends on none of them is
    repeated.
    """
    images: dict[Tensor, Tensor] = dict(batched)
    several: dict[Node, Sequence[Tensor]] = {}
    for node in graph_order(outputs):
        if node in images or not any(operand in images or operand in several for operand in operands_of(node)):
            continue
        if isinstance(node, Extern):
            several[node] = _batched_call(node, images, extent)
        elif isinstance(node, Projection):
            images[node] = several[node.source][node.position]
            carry_lines(node, images[node])
        elif isinstance(node, Compute):
            images[node] = _batched_compute(node, images, extent)
            carry_lines(node, images[node])
        else:
            assert isinstance(node, MultiNode)
            several[node] = batched_node(node, [images.get(t) for t in node.operands], extent, batch)
    return tuple(images.get(t) or repeated(t, extent) for t in outputs)


def _batched_compute(node: Compute, images: Mapping[Tensor, Tensor], extent: Extent) -> Compute:
    shift = Substitution({index(k): index(k + 1) for k in range(len(node.extents))})
    for item in loads_of(node.body, node.domain):
        if item.tensor in images:
            shift.put(item, load(images[item.tensor], [index(0), *[shift(i) for i in item.indices]]))
    return compute(
        (extent, *node.shape),
        shift(node.body),
        reduce_extents=node.reduce_extents,
        reducer=node.reducer,
        domain=shift(node.domain),
    )


def _batched_call(node: Extern, images: Mapping[Tensor, Tensor], extent: Extent) -> Sequence[Tensor]:
    """The results of the same call, which goes over leading axes by itself; or of a cheaper one, if its row knows one."""
    row = LIBRARY.get(node.name)
    if row is not None and row.batched is not None:
        results = row.batched(node, [images.get(operand) for operand in node.operands], extent)
        if results is not None:
            return results
    operands = [images.get(operand) or repeated(operand, extent) for operand in node.operands]
    types = [ResultType((extent, *result.shape), result.dtype, result.below) for result in node.results]
    call = extern(node.name, operands, types, node.parameters)
    return [projection(call, position) for position in range(len(types))]
