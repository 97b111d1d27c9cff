"""Products and linear recurrences of complex numbers along an axis, by nodes without a reducer.

A product goes in halves: of neighbours, of their products, ... What runs along an axis goes in steps, as does a product
along an axis of open extent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradc.differentiate.reducers import split_products
from gradc.ir.algebra import difference, guarded, less, linear_terms, negation, product_of, reindexed, sum_of
from gradc.ir.scalar import INT64, TRUE, Scalar, apply, index, is_apply, load, number
from gradc.ir.tensor import Compute, Graph, Tensor, compute, extent_scalar, input_tensor, loop, projection


def product_reduced(node: Compute) -> Tensor:
    """A product over reduce axes by nodes without a reducer."""
    nested = split_products(node)
    if nested is not node:
        inner = product_reduced(nested.body.tensor)  # type: ignore[attr-defined]
        every = [index(k) for k in range(inner.rank)]
        return product_reduced(
            compute(node.shape, load(inner, every), reduce_extents=nested.reduce_extents, reducer="prod")
        )
    (count,) = node.reduce_extents
    if count == 0:
        return compute(node.shape, number(1, node.dtype))
    running = _running(node)
    if running is not None:
        return running
    factor = node.body
    if node.domain is not TRUE:
        factor = sum_of(guarded(node.domain, node.body), guarded(negation(node.domain), number(1, node.dtype)))
    factors = compute((*node.shape, count), factor)
    return _halved(factors) if isinstance(count, int) else _products(factors).last


def _halved(factors: Tensor) -> Tensor:
    """The product along the last axis: of neighbours, of their products, ..."""
    rank, outer = factors.rank - 1, [index(k) for k in range(factors.rank - 1)]
    count = factors.shape[-1]
    assert isinstance(count, int)
    while count > 1:
        first = product_of(2, index(rank))
        left, right = load(factors, [*outer, first]), load(factors, [*outer, sum_of(first, 1)])
        present = less(sum_of(first, 1), count) if count % 2 else TRUE
        count = (count + 1) // 2
        factors = compute((*factors.shape[:-1], count), _times(left, right, present))
    return compute(factors.shape[:-1], load(factors, [*outer, number(0)]))


def recurrence(weights: Tensor, added: Tensor) -> Tensor:
    """``s_i = weights_i s_(i-1) + added_i`` along the last axis; what weights begin with is not read."""

    def following(step: Scalar, state: Scalar, weight: Scalar, term: Scalar) -> Scalar:
        grown = guarded(less(0, step), product_of(weight, state, flatten=False))
        return sum_of(grown, term, flatten=False)

    return _in_steps(following, 0, [weights, added]).every


def _products(factors: Tensor) -> _Steps:
    """The products along the last axis, one factor after the other."""
    return _in_steps(lambda step, state, factor: product_of(state, factor, flatten=False), 1, [factors])


@dataclass(frozen=True)
class _Steps:
    """The last state of a loop along the last axis, and its state after each step, along that axis."""

    last: Tensor
    every: Tensor


def _in_steps(following: Callable[..., Scalar], start: int, sequences: Sequence[Tensor]) -> _Steps:
    """A state per row, which ``following`` takes on from the step's number, the state and an entry of each sequence."""
    *batch, count = sequences[0].shape
    dtype, every = sequences[0].dtype, [index(k) for k in range(len(batch))]
    step, state = input_tensor("step", (), INT64), input_tensor("state", batch, dtype)
    entries = [input_tensor(f"entry {k}", batch, dtype) for k in range(len(sequences))]
    body = compute(batch, following(load(step), *[load(t, every) for t in (state, *entries)]))
    along, rows = index(0), [index(k + 1) for k in range(len(batch))]
    looped = loop(
        Graph((step, state, *entries), (body, body)),
        trip=count,
        init=[compute(batch, number(start, dtype))],
        sequences=[compute((count, *batch), load(t, [*rows, along])) for t in sequences],
    )
    states = load(projection(looped, 1), [index(len(batch)), *every])
    return _Steps(projection(looped, 0), compute((*batch, count), states))


def _times(left: Scalar, right: Scalar, present: Scalar) -> Scalar:
    """``left * right``, or ``left`` where there is no right one."""
    if present is TRUE:
        return apply("mul", left, right)
    absent = guarded(negation(present), number(1, left.dtype))
    return apply("mul", left, sum_of(guarded(present, right), absent))


def _running(node: Compute) -> Tensor | None:
    """The products of all prefixes (or suffixes), where the domain says that a result is one of them."""
    rank, (extent,) = node.rank, node.reduce_extents
    if not is_apply(node.domain, "less_equal"):
        return None
    terms, shift = linear_terms(node.domain.children[0])
    along = [k for k in range(rank) if index(k) in terms]
    if len(along) != 1 or set(terms) != {index(along[0]), index(rank)} or along[0] in node.body.free:
        return None
    (axis,) = along
    sign = terms[index(rank)]
    if sign * terms[index(axis)] != -1 or shift < 0 or node.shape[axis] != extent:
        return None
    # prefixes: k <= i - shift; suffixes: k >= i + shift, which are prefixes from the end
    count = extent_scalar(extent)
    outer = [k for k in range(rank) if k != axis]
    last = index(rank - 1)
    moves: list[Scalar] = [index(rank)] * (rank + 1)
    for place, k in enumerate(outer):
        moves[k] = index(place)
    moves[rank] = last if sign == 1 else difference(difference(count, 1), last)
    factors = compute((*[node.shape[k] for k in outer], extent), reindexed(node.body, moves))
    products = _products(factors).every
    at = difference(index(axis), shift) if sign == 1 else difference(difference(count, 1 + shift), index(axis))
    inside = less(-1, at)
    found = load(products, [*[index(k) for k in outer], at])
    if inside is TRUE:
        return compute(node.shape, found)
    return compute(node.shape, sum_of(guarded(inside, found), guarded(negation(inside), number(1, node.dtype))))
