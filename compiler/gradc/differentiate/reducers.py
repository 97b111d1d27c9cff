"""Derivatives of the reducers other than sum.

max, min: the derivative goes to the extremal entries, shared equally on ties. Mask and count come from the value that the
node itself gives: recomputed with another rounding, a row may have no maximiser.

prod: the derivative with respect to one factor is the product of the others, as an exclusive prefix times an exclusive
suffix. There is no division, so zeros are no special case.
"""

from __future__ import annotations

from gradc.ir.algebra import convert, guarded, less, negation, power_of, product_of, reindexed, sum_of
from gradc.ir.scalar import TRUE, Scalar, apply, index, load, number
from gradc.ir.tensor import Compute, compute


def is_selection(node: Compute) -> bool:
    """Whether the node selects among its entries."""
    return node.reducer in ("max", "min")


def selection_weight(node: Compute) -> Scalar:
    """``[body = T] / count``, over the node's iteration space."""
    rank = node.rank
    extremum = load(node, [index(k) for k in range(rank)])
    chosen = apply("equal", node.body, extremum)
    count = compute(
        node.shape,
        guarded(chosen, number(1, node.dtype)),
        reduce_extents=node.reduce_extents,
        reducer="sum",
        domain=node.domain,
    )
    extrema = load(count, [index(k) for k in range(rank)])
    # where no entry is in the domain there is nothing to share out, and a share that is finite
    share = power_of(extrema if node.domain is TRUE else apply("maximum", extrema, number(1, node.dtype)), -1)
    return guarded(chosen, share)


def split_products(node: Compute) -> Compute:
    """A product over several axes as a product over the first of the product over the others."""
    if len(node.reduce_extents) <= 1:
        return node
    inner_shape = (*node.shape, node.reduce_extents[0])
    inner = compute(
        inner_shape,
        node.body,
        reduce_extents=node.reduce_extents[1:],
        reducer="prod",
        domain=node.domain,
    )
    body = load(inner, [index(k) for k in range(inner.rank)])
    return compute(node.shape, body, reduce_extents=node.reduce_extents[:1], reducer="prod")


def exclusive_product(node: Compute) -> Scalar:
    """The product of all factors but the one at the reduce index, over the node's iteration space (one reduce axis)."""
    rank = node.rank
    factor = node.body
    if node.domain is not TRUE:
        factor = sum_of(guarded(node.domain, node.body), guarded(negation(node.domain), number(1, node.dtype)))
    position, running = index(rank), index(rank + 1)
    moved = reindexed(factor, [*[index(k) for k in range(rank)], running])
    parts = []
    for domain in (less(running, position), less(position, running)):
        part = compute(
            (*node.shape, node.reduce_extents[0]),
            moved,
            reduce_extents=node.reduce_extents,
            reducer="prod",
            domain=domain,
        )
        parts.append(load(part, [index(k) for k in range(rank + 1)]))
    return convert(product_of(*parts), node.dtype)
