"""Values that are stored anyway are loaded, not computed again.

Inlining writes ``sigmoid(z)`` into every elementwise consumer, so that the algebra can see it; where the same value is also
stored (a matrix product needs it, or it is an output), the copies are loads of that node after all. Bodies are hash-consed,
so a copy is the very same scalar.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.algebra import Substitution
from gradc.ir.scalar import Apply, Scalar, index, load
from gradc.ir.source import carry_lines
from gradc.ir.tensor import Compute, Shape, Tensor, compute
from gradc.ir.walk import graph_order, loads_of, operands_of, post_order

#: A body that costs less is as cheap to compute as to load.
_WORTH_LOADING = 16.0
_LARGEST_LOOK = 2048


def reuse_stored(outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The outputs, with costly parts of bodies replaced by loads of nodes that hold them."""
    nodes = [node for node in graph_order(outputs) if isinstance(node, Compute)]
    stored = {node.body: node for node in nodes if _is_costly(node)}
    if not stored:
        return tuple(outputs)
    found = {node: _copies(node, stored) for node in nodes}
    if not any(found.values()):
        return tuple(outputs)
    images: dict[Tensor, Tensor] = {}
    for node in _dependency_order(outputs, found):
        images[node] = _rebuilt(node, found[node], images)
    return tuple(images.get(t, t) for t in outputs)


def _is_costly(node: Compute) -> bool:
    body = node.body
    return (
        node.reducer is None
        and node.rank > 0
        and isinstance(body, Apply)
        and sum(s.op.cost for s in post_order([body], prune=_too_deep) if isinstance(s, Apply) and s.dtype.kind in "fc")
        >= _WORTH_LOADING
    )


def _too_deep(scalar: Scalar) -> bool:
    return isinstance(scalar, Apply) and scalar.dtype.kind in "iu"


def _copies(node: Compute, stored: dict[Scalar, Compute]) -> list[Compute]:
    """The stored nodes whose bodies occur in this node's body, at the same point of the leading axes."""
    inner = post_order([node.body])
    if len(inner) > _LARGEST_LOOK:
        return []
    holders = [stored[s] for s in inner if s in stored]
    extents: Shape = node.extents
    return [holder for holder in holders if holder is not node and extents[: holder.rank] == holder.shape]


def _dependency_order(outputs: Sequence[Tensor], found: dict[Compute, list[Compute]]) -> list[Compute]:
    """The nodes, each after its operands and after the stored nodes that it is going to read."""
    order: list[Compute] = []
    seen: set[object] = set()
    stack: list[tuple[object, bool]] = [(t, False) for t in reversed(list(outputs))]
    while stack:
        node, entered = stack.pop()
        if entered:
            if isinstance(node, Compute):
                order.append(node)
            continue
        if node in seen:
            continue
        seen.add(node)
        stack.append((node, True))
        stack.extend((operand, False) for operand in reversed(operands_of(node)))  # type: ignore[arg-type]
        if isinstance(node, Compute):
            stack.extend((holder, False) for holder in found[node])
    return order


def _rebuilt(node: Compute, holders: Sequence[Compute], images: dict[Tensor, Tensor]) -> Compute:
    replace = Substitution({h.body: load(images[h], [index(k) for k in range(h.rank)]) for h in holders})
    for item in loads_of(node.body, node.domain):
        image = images.get(item.tensor, item.tensor)
        if image is not item.tensor:
            replace.put(item, load(image, [replace(i) for i in item.indices]))
    image = compute(
        node.shape,
        replace(node.body),
        reduce_extents=node.reduce_extents,
        reducer=node.reducer,
        domain=replace(node.domain),
    )
    carry_lines(node, image)
    return image
