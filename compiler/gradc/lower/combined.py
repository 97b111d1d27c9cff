"""Sums of sums that are one sum of a tensor that is known.

A parameter that enters by several ways, as a bias does, has a gradient of several sums over the same axes,
``sum_j u[j, i] - c sum_j v[j, i]``. Where ``u[i, j] - c v[i, j]`` is computed anyway, that is a sum of its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from gradc.ir.algebra import product_of, reindexed, sum_of
from gradc.ir.scalar import TRUE, Apply, Index, Load, Number, Scalar, index, is_apply, load
from gradc.ir.tensor import Compute, Extent, Graph, Tensor, compute
from gradc.ir.walk import operands_of
from gradc.lower.rewrite import with_tensors

#: Sums over more axes than this are left alone: each order of the axes is looked for.
MOST_AXES = 3


def combine_sums(graph: Graph, tensors: Sequence[Tensor]) -> Graph:
    """The graph with such sums taken at once."""
    if not any(isinstance(t, Compute) and t.reducer == "sum" for t in tensors):
        return graph
    known = {t.body: t for t in tensors if isinstance(t, Compute) and t.reducer is None and _is_sum(t.body)}
    uses: dict[Tensor, int] = dict.fromkeys(graph.outputs, 1)
    for tensor in tensors:
        for operand in operands_of(tensor):
            if isinstance(operand, Tensor):
                uses[operand] = uses.get(operand, 0) + 1
    found = {t: new for t in tensors if isinstance(t, Compute) and (new := _combined(t, known, uses)) is not None}
    if not found:
        return graph
    replaced: dict[Tensor, Tensor] = {}
    for tensor in tensors:
        new = found.get(tensor, tensor)  # type: ignore[call-overload]
        replaced[tensor] = with_tensors(new, replaced) if isinstance(new, Compute) else new
    return Graph(graph.inputs, tuple(replaced[t] for t in graph.outputs))


def _is_sum(body: Scalar) -> bool:
    return isinstance(body, Apply) and is_apply(body, "sum") and body.dtype.kind == "f"


def _combined(tensor: Compute, known: dict[Scalar, Compute], uses: dict[Tensor, int]) -> Compute | None:
    """The tensor as a sum over a known one."""
    if tensor.reducer is not None or not _is_sum(tensor.body):
        return None
    terms = [_scaled_sum(term, tensor) for term in tensor.body.children]
    sums = [found[1] for found in terms if found is not None]
    if len(sums) < len(terms) or any(uses[s] > 1 for s in sums) or len({s.reduce_extents for s in sums}) != 1:
        return None
    summed = [product_of(scale, s.body, dtype=tensor.dtype) for scale, s in filter(None, terms)]
    body, extents = sum_of(*summed, flatten=False, dtype=tensor.dtype), sums[0].extents
    item = _known_load(body, extents, known)
    if item is None or any(item.tensor is s for s in sums):
        return None
    return compute(tensor.shape, item, reduce_extents=sums[0].reduce_extents, reducer="sum")


def _scaled_sum(term: Scalar, tensor: Compute) -> tuple[Scalar | int, Compute] | None:
    """``c * s[i, j]`` as (c, s), if s is a sum over all of its domain."""
    scale: Scalar | int = 1
    if is_apply(term, "prod") and len(term.children) == 2 and isinstance(term.children[0], Number):
        scale, term = term.children
    if not isinstance(term, Load) or not isinstance(term.tensor, Compute) or term.tensor.shape != tensor.shape:
        return None
    own = all(isinstance(i, Index) and i.position == k for k, i in enumerate(term.indices))
    summed = term.tensor
    if not own or summed.reducer != "sum" or summed.domain is not TRUE or summed.dtype != tensor.dtype:
        return None
    return scale, summed


def _known_load(body: Scalar, extents: Sequence[Extent], known: dict[Scalar, Compute]) -> Load | None:
    """The entry of a known tensor that the body is, whatever the order of its axes."""
    if len(extents) > MOST_AXES:
        return None
    for order in permutations(range(len(extents))):
        # the axis k of the body is the axis order[k] of the known tensor
        source = known.get(reindexed(body, [index(k) for k in order]))
        places = [order.index(axis) for axis in range(len(order))]
        if source is not None and source.shape == tuple(extents[k] for k in places):
            return load(source, [index(k) for k in places])
    return None
