"""vmap: one more axis, in front, on every `Compute` that depends on a batched input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradc.errors import TraceError
from gradc.ir.algebra import Substitution
from gradc.ir.scalar import index, load
from gradc.ir.source import carry_lines
from gradc.ir.tensor import Compute, Extent, Tensor, compute
from gradc.ir.walk import graph_order, loads_of, operands_of


def batch(outputs: Sequence[Tensor], batched: Mapping[Tensor, Tensor], extent: Extent) -> tuple[Tensor, ...]:
    """The outputs with a leading batch axis of ``extent``.

    ``batched`` maps inputs of the graph to tensors with one more, leading axis. An output that depends on none of them is
    repeated.
    """
    images: dict[Tensor, Tensor] = dict(batched)
    for node in graph_order(outputs):
        if node in images or not any(operand in images for operand in operands_of(node)):
            continue
        if not isinstance(node, Compute):
            raise TraceError(f"a {type(node).__name__} can't be batched yet")
        image = _batched_compute(node, images, extent)
        carry_lines(node, image)
        images[node] = image
    return tuple(images.get(t) or _repeated(t, extent) for t in outputs)


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


def _repeated(tensor: Tensor, extent: Extent) -> Tensor:
    return compute((extent, *tensor.shape), load(tensor, [index(k + 1) for k in range(tensor.rank)]))
