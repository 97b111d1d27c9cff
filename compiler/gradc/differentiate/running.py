"""Derivatives of running products and extrema in one pass: each is a linear recurrence.

The node is brought to a normal form first: W has the entries in the order in which they are taken in, along its last axis,
and Z is the running product (or extremum) of W, the present entry included.

- ``Z_i = W_i Z_(i-1)``: dZ is the recurrence of W and ``dW_i Z_(i-1)``. There is no division, so zeros are no special case.
- max, min: the derivative goes to those entries up to i that are equal to Z_i, in equal shares. How many there are goes on
  counting while Z stays what it is, and so does what they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradc.ir.algebra import (
    conjunction,
    difference,
    guarded,
    is_index_predicate,
    less_equal,
    linear_terms,
    negation,
    power_of,
    product_of,
    reindexed,
    sum_of,
)
from gradc.ir.scalar import TRUE, Index, Scalar, apply, index, is_apply, load, number
from gradc.ir.tensor import Compute, Tensor, compute, extent_scalar
from gradc.ir.walk import free_indices
from gradc.ops.recurrence import before, linear, zero_or_one

#: Along a fixed axis of at most this many entries all pairs are written out: nothing is called, and formulas stay products.
_FEW = 16


@dataclass(frozen=True)
class Running:
    """A running product or extremum in normal form."""

    node: Compute
    #: the axis of the node that it runs along
    axis: int
    #: whether it starts at the end
    descending: bool
    #: the entries, in the order in which they are taken in
    entries: Compute
    #: the running reduction of ``entries``
    values: Compute

    def places(self, offset: int = 0) -> list[Scalar]:
        """Where the entry of ``values`` is that belongs to the node's indices (which start behind ``offset`` axes)."""
        at: list[Scalar] = [index(offset + k) for k in range(self.node.rank)]
        along = at.pop(self.axis)
        if self.descending:
            along = difference(difference(extent_scalar(self.node.shape[self.axis]), 1), along)
        return [*at, along]

    def sources(self, offset: int = 0) -> list[Scalar]:
        """Where the node's entry is that belongs to the indices of ``values``."""
        at: list[Scalar] = [index(offset + k) for k in range(self.node.rank)]
        along = at.pop()
        if self.descending:
            along = difference(difference(extent_scalar(self.node.shape[self.axis]), 1), along)
        at.insert(self.axis, along)
        return at

    def is_chosen(self, at: Sequence[Scalar]) -> Scalar:
        """Whether an entry is the extremum up to it."""
        return apply("equal", load(self.entries, at), load(self.values, at))

    def goes_on(self, at: Sequence[Scalar]) -> Scalar:
        """Whether the extremum is still the one before."""
        *leading, along = at
        earlier = load(self.values, [*leading, difference(along, 1)])
        return conjunction(less_equal(1, along), apply("equal", load(self.values, at), earlier))

    def shares(self) -> tuple[Tensor, Tensor]:
        """For extrema: 1 where it goes on, else 0; and what each of the entries that are equal to it gets."""
        every = [index(k) for k in range(self.values.rank)]
        stays = compute(self.values.shape, zero_or_one(self.goes_on(every), self.values))
        chosen = compute(self.values.shape, zero_or_one(self.is_chosen(every), self.values))
        count = load(linear(stays, chosen, range(self.values.rank - 1)), every)
        there = apply("less", number(0, self.node.dtype), count)  # NaN is equal to nothing
        return stays, compute(self.values.shape, guarded(there, power_of(count, -1)))


def running(node: Compute) -> Running | None:
    """The normal form of a node of floats that is a running product, maximum or minimum over many entries."""
    if node.reducer not in ("prod", "max", "min") or len(node.reduce_extents) != 1 or node.dtype.kind not in "fc":
        return None
    length = node.reduce_extents[0]
    if isinstance(length, int) and length <= _FEW:
        return None
    parts = node.domain.children if is_apply(node.domain, "and") else (node.domain,)
    found = [(part, step) for part in parts if (step := _step(part, node)) is not None]
    if len(found) != 1:
        return None
    ((edge, (axis, shift, descending)),) = found
    rest = conjunction(*[part for part in parts if part is not edge])
    if axis in free_indices(node.body, rest) or (node.reducer != "prod" and (shift or rest is not TRUE)):
        return None
    entries = _entries(node, axis, shift, descending, rest)
    along = index(entries.rank)
    values = compute(
        entries.shape,
        load(entries, [*[index(k) for k in range(entries.rank - 1)], along]),
        reduce_extents=[length],
        reducer=node.reducer,
        domain=less_equal(along, index(entries.rank - 1)),
    )
    return Running(node, axis, descending, entries, values)


def _entries(node: Compute, axis: int, shift: int, descending: bool, rest: Scalar) -> Compute:
    length = extent_scalar(node.shape[axis])
    shape = (*(e for k, e in enumerate(node.shape) if k != axis), node.shape[axis])
    along = index(node.rank - 1)
    taken = difference(along, shift)
    place = difference(difference(length, 1), taken) if descending else taken
    outer = [k for k in range(node.rank) if k != axis]
    moves: list[Scalar] = [number(0)] * (node.rank + 1)
    for position, k in enumerate(outer):
        moves[k] = index(position)
    moves[axis], moves[node.rank] = place, place
    counts = conjunction(less_equal(shift, along), reindexed(rest, moves))
    body = reindexed(node.body, moves)
    if shift or rest is not TRUE:
        body = sum_of(guarded(counts, body), guarded(negation(counts), number(1, node.dtype)), dtype=node.dtype)
    return compute(shape, body)


def _step(predicate: Scalar, node: Compute) -> tuple[int, int, bool] | None:
    """``k - i + shift <= 0`` or ``i - k + shift <= 0`` as i's axis, the shift (0 or 1), and whether k runs down to i."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "less_equal"):
        return None
    terms, shift = linear_terms(predicate.children[0])
    if len(terms) != 2 or shift not in (0, 1) or not all(isinstance(atom, Index) for atom in terms):
        return None
    coefficients = {atom.position: c for atom, c in terms.items() if isinstance(atom, Index)}
    k = node.rank
    axis = next((a for a in coefficients if a != k), None)
    if axis is None or k not in coefficients or axis > k or node.shape[axis] != node.reduce_extents[0]:
        return None
    if coefficients[k] + coefficients[axis] != 0 or abs(coefficients[k]) != 1:
        return None
    return axis, int(shift), coefficients[k] < 0


# ---------------------------------------------------------------- both modes


def tangent(of: Running, entry_tangents: Tensor, directions: int) -> Tensor:
    """The node's tangent, with the directions behind its axes, from that of the entries."""
    node, rank = of.node, of.node.rank
    # the axes of the recurrence: the batch, the directions, the axis that is run along
    along = index(rank - 1 + directions)
    leading = [index(k) for k in range(rank - 1)]
    moving = load(entry_tangents, [*leading, along, *[index(rank - 1 + k) for k in range(directions)]])
    at = [*leading, along]
    shape = (*of.values.shape[:-1], *entry_tangents.shape[rank:], of.values.shape[-1])
    place = of.places()
    back = [*place[:-1], *[index(rank + k) for k in range(directions)], place[-1]]
    if node.reducer == "prod":
        added = product_of(moving, before(of.values, at, number(1, node.dtype)), flatten=False, dtype=node.dtype)
        body: Scalar = load(linear(of.entries, compute(shape, added), range(rank - 1)), back)
    else:
        stays, share = of.shares()
        given = linear(stays, compute(shape, guarded(of.is_chosen(at), moving)), range(rank - 1))
        body = product_of(load(given, back), load(share, place), flatten=False, dtype=node.dtype)
    return compute((*node.shape, *entry_tangents.shape[rank:]), body)


def cotangent(of: Running, node_cotangent: Tensor, directions: int) -> Tensor:
    """What the entries get, with the directions in front, from what the node gets."""
    node, rank = of.node, of.node.rank
    shape = (*node_cotangent.shape[:directions], *of.values.shape)
    every = [index(k) for k in range(directions + rank)]
    at = every[directions:]
    bar = load(node_cotangent, [*every[:directions], *of.sources(directions)])
    batch = range(directions, directions + rank - 1)
    if node.reducer == "prod":
        returned = linear(of.entries, compute(shape, bar), batch, descending=True)
        earlier = before(of.values, at, number(1, node.dtype))
        return compute(shape, product_of(load(returned, every), earlier, flatten=False, dtype=node.dtype))
    stays, share = of.shares()
    shared = compute(shape, product_of(bar, load(share, at), flatten=False, dtype=node.dtype))
    returned = linear(stays, shared, batch, descending=True)
    return compute(shape, guarded(of.is_chosen(at), load(returned, every)))
