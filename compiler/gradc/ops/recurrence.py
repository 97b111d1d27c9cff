"""Linear recurrences of the first order along the last axis, which running products and extrema have as derivatives.

=====================  ===============================  =======================================================
call                   result                           derivative
=====================  ===============================  =======================================================
``recurrence(a, b)``   s_0 = b_0,                       ds is the recurrence of a and db_i + da_i s_(i-1); back
                       s_i = a_i s_(i-1) + b_i          from the end, r_i = sbar_i + a_(i+1) r_(i+1) is what b
                                                        gets, and r_i s_(i-1) what a_i gets
=====================  ===============================  =======================================================

Leading axes are batch axes; a_0 counts for nothing. (Blelloch, *Prefix Sums and Their Applications*, 1990, 1.4.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradc.ir.algebra import conjunction, difference, guarded, less, less_equal, product_of, sum_of
from gradc.ir.build import as_tensor
from gradc.ir.scalar import Scalar, index, load, number
from gradc.ir.tensor import ResultType, Tensor, compute, extent_scalar
from gradc.ops.extern import Library, Setting, called, enter

Moves = Sequence[Tensor | None]


def _like_second(operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    return (ResultType(operands[1].shape, operands[1].dtype),)


def before(tensor: Tensor, indices: Sequence[Scalar], first: Scalar | None = None) -> Scalar:
    """The entry before the one at ``indices`` along the last axis; ``first`` (or 0) where there is none."""
    *leading, along = indices
    inside = less_equal(1, along)
    value = guarded(inside, load(tensor, [*leading, difference(along, 1)]))
    return value if first is None else sum_of(value, guarded(less(along, 1), first), dtype=tensor.dtype)


def linear(weights: Tensor, added: Tensor, batch: Sequence[int], *, descending: bool = False) -> Tensor:
    """``s_i = weights_i s_(i-1) + added_i`` along the last axis, or ``s_i = added_i + weights_(i+1) s_(i+1)``.

    The leading axes of ``weights`` are those that ``batch`` numbers among the leading axes of ``added``.
    """
    rank = added.rank
    leading, along = [index(k) for k in range(rank - 1)], index(rank - 1)
    chosen = [index(k) for k in batch]
    if not descending:
        return called("recurrence", as_tensor(added.shape, load(weights, [*chosen, along])), added)
    length = extent_scalar(added.shape[-1])
    mirrored = difference(difference(length, 1), along)
    turned = guarded(less_equal(1, along), load(weights, [*chosen, difference(length, along)]))
    result = called("recurrence", compute(added.shape, turned), compute(added.shape, load(added, [*leading, mirrored])))
    return compute(added.shape, load(result, [*leading, mirrored]))


def _tangent(at: Setting, tangents: Moves) -> Moves:
    weights, added = at.node.operands
    own, directions = added.rank, len(at.directions)
    # the axes of the call: the batch, the directions, the axis that is run along
    along = index(own - 1 + directions)
    place = [*[index(k) for k in range(own - 1)], along, *[index(own - 1 + k) for k in range(directions)]]
    terms: list[Scalar] = []
    if tangents[1] is not None:
        terms.append(load(tangents[1], place))
    if tangents[0] is not None:
        earlier = before(at.result(0, "i").tensor, [*place[: own - 1], along])
        terms.append(product_of(load(tangents[0], place), earlier, flatten=False, dtype=at.dtype))
    shape = (*at.batch, *at.directions, added.shape[-1])
    result = linear(weights, compute(shape, sum_of(*terms, dtype=at.dtype)), range(own - 1))
    every = [index(k) for k in range(own + directions)]
    back = [*every[: own - 1], *every[own:], every[own - 1]]
    return [compute((*added.shape, *at.directions), load(result, back))]


def _cotangent(at: Setting, cotangents: Moves) -> Moves:
    weights, added = at.node.operands
    assert cotangents[0] is not None
    directions = len(at.directions)
    batch = range(directions, directions + added.rank - 1)
    returned = linear(weights, cotangents[0], batch, descending=True)
    every = [index(k) for k in range(returned.rank)]
    earlier = before(at.result(0, "i").tensor, every[directions:])
    to_weights = product_of(load(returned, every), earlier, flatten=False, dtype=at.dtype)
    return [compute(returned.shape, to_weights), returned]


def _meaning(weights: Tensor, added: Tensor) -> Tensor:
    """``sum over k <= i of b_k times the product of the a_l with k < l <= i``."""
    *batch, length = added.shape
    rank = added.rank
    leading = [index(k) for k in range(rank - 1)]
    i, k, between = index(rank - 1), index(rank), index(rank + 1)
    products = compute(
        (*added.shape, length),
        load(weights, [*leading, between]),
        reduce_extents=[length],
        reducer="prod",
        domain=conjunction(less(k, between), less_equal(between, i)),
    )
    body = product_of(load(added, [*leading, k]), load(products, [*leading, i, k]), dtype=added.dtype)
    return compute((*batch, length), body, reduce_extents=[length], reducer="sum", domain=less_equal(k, i))


def zero_or_one(predicate: Scalar, like: Tensor) -> Scalar:
    """1 where the predicate holds, else 0."""
    return guarded(predicate, number(1, like.dtype))


enter(Library("recurrence", 1, _like_second, _tangent, _cotangent, meaning=_meaning))
