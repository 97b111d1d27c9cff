"""Very large scalar bodies, taken apart: LLVM's time grows faster than a function's length."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.scalar import Apply, Scalar, apply, load
from gradc.ir.tensor import Compute, Graph, Tensor, compute
from gradc.ir.walk import operands_of, post_order, use_counts
from gradc.lower.rewrite import with_tensors

#: Bodies of more nodes are taken apart,
LARGEST_BODY = 2000
#: ... into pieces of about this many.
PIECE = 32


def take_apart(graph: Graph, tensors: Sequence[Tensor]) -> Graph:
    """The graph with each very large body of rank 0 as many small comprehensions, one per shared subexpression."""
    large = {t for t in tensors if isinstance(t, Compute) and not t.extents and _is_large(t)}
    if not large:
        return graph
    replaced: dict[Tensor, Tensor] = {}
    for tensor in tensors:
        if not isinstance(tensor, Compute):
            replaced[tensor] = tensor
            continue
        new = with_tensors(tensor, replaced)
        replaced[tensor] = _pieces(new) if tensor in large else new
    return Graph(graph.inputs, tuple(replaced[t] for t in graph.outputs))


def _is_large(tensor: Compute) -> bool:
    return len(operands_of(tensor)) > LARGEST_BODY or len(post_order([tensor.body])) > LARGEST_BODY


def _pieces(tensor: Compute) -> Compute:
    """Guards stay whole: what is below them may not be evaluated on its own."""
    body = tensor.body

    def whole(node: Scalar) -> bool:
        return not isinstance(node, Apply)

    uses = use_counts([body])
    size: dict[Scalar, int] = {}
    memo: dict[Scalar, Scalar] = {}
    for node in post_order([body], prune=whole):
        if not isinstance(node, Apply):
            memo[node], size[node] = node, 1
            continue
        children = [memo[child] for child in node.args]
        same = all(a is b for a, b in zip(children, node.args, strict=True))
        new: Scalar = (
            node if same else apply(node.op, *children, dtype=node.dtype if node.op.name == "convert" else None)
        )
        weight = 1 + sum(size[child] for child in node.args)
        if node is not body and (uses[node] > 1 or weight > PIECE):
            new, weight = load(compute((), new)), 1
        memo[node], size[node] = new, weight
    return compute((), memo[body])
