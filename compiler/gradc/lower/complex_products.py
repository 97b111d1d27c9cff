"""Products of complex numbers along an axis, as products of pairs: in halves, which gives all prefixes as well."""

from __future__ import annotations

from gradc.differentiate.reducers import split_products
from gradc.ir.algebra import (
    difference,
    equal,
    floor_divide,
    guarded,
    less,
    linear_terms,
    modulo,
    negation,
    product_of,
    reindexed,
    sum_of,
)
from gradc.ir.scalar import TRUE, Scalar, apply, index, is_apply, load, number
from gradc.ir.tensor import Compute, Extent, Tensor, compute
from gradc.lower.complex_operations import NotInParts


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
    if not isinstance(count, int):
        raise NotInParts("a product of complex numbers along an axis of open extent")
    if count == 0:
        return compute(node.shape, number(1, node.dtype))
    running = _running(node)
    if running is not None:
        return running
    factor = node.body
    if node.domain is not TRUE:
        factor = sum_of(guarded(node.domain, node.body), guarded(negation(node.domain), number(1, node.dtype)))
    return _halved(compute((*node.shape, count), factor))


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


def _all_prefixes(factors: Tensor, axis: int) -> Tensor:
    """The products of all prefixes along an axis: from those of the products of neighbours, which are half as many."""
    count = factors.shape[axis]
    assert isinstance(count, int)
    if count == 1:
        return factors
    half, places = (count + 1) // 2, [index(k) for k in range(factors.rank)]

    def at(tensor: Tensor, position: Scalar) -> Scalar:
        return load(tensor, [position if k == axis else p for k, p in enumerate(places)])

    def shape(extent: int) -> tuple[Extent, ...]:
        return (*factors.shape[:axis], extent, *factors.shape[axis + 1 :])

    pair, place = places[axis], index(factors.rank)
    first = product_of(2, pair)
    second = sum_of(first, 1)
    pairs = compute(shape(half), _times(at(factors, first), at(factors, second), less(second, count)))
    whole = _all_prefixes(pairs, axis)
    before = guarded(less(0, pair), apply("mul", at(whole, difference(pair, 1)), at(factors, first)))
    begin = guarded(equal(pair, 0), at(factors, first))
    both = sum_of(
        guarded(equal(place, 0), before), guarded(equal(place, 0), begin), guarded(equal(place, 1), at(whole, pair))
    )
    split = compute((*shape(half), 2), both)
    position = places[axis]
    found = [floor_divide(position, 2) if k == axis else p for k, p in enumerate(places)]
    return compute(factors.shape, load(split, [*found, modulo(position, 2)]))


def _times(left: Scalar, right: Scalar, present: Scalar) -> Scalar:
    """``left * right``, or ``left`` where there is no right one."""
    if present is TRUE:
        return apply("mul", left, right)
    absent = guarded(negation(present), number(1, left.dtype))
    return apply("mul", left, sum_of(guarded(present, right), absent))


def _running(node: Compute) -> Tensor | None:
    """The products of all prefixes (or suffixes), where the domain says that a result is one of them."""
    rank, (count,) = node.rank, node.reduce_extents
    assert isinstance(count, int)
    if not is_apply(node.domain, "less_equal"):
        return None
    terms, shift = linear_terms(node.domain.children[0])
    along = [k for k in range(rank) if index(k) in terms]
    if len(along) != 1 or set(terms) != {index(along[0]), index(rank)} or along[0] in node.body.free:
        return None
    (axis,) = along
    sign = terms[index(rank)]
    if sign * terms[index(axis)] != -1 or shift < 0 or node.shape[axis] != count:
        return None
    # prefixes: k <= i - shift; suffixes: k >= i + shift, which are prefixes from the end
    places = [index(k) for k in range(rank)]
    moved = index(axis) if sign == 1 else difference(count - 1, index(axis))
    body = reindexed(node.body, [*places, moved])
    factors = _all_prefixes(compute(node.shape, body), axis)
    at = difference(index(axis), shift) if sign == 1 else difference(count - 1 - shift, index(axis))
    inside = less(-1, at)
    found = load(factors, [at if k == axis else p for k, p in enumerate(places)])
    if inside is TRUE:
        return compute(node.shape, found)
    return compute(node.shape, sum_of(guarded(inside, found), guarded(negation(inside), number(1, node.dtype))))
