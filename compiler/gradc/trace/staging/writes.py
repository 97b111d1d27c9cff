"""Writes to an array inside a branch, done after it: where the branch is not taken, the entries keep their values.

So a write to one entry costs one entry, not a choice between two whole arrays. What the write needs from inside the branch,
values and places, are results of the branch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gradc.ir.intern import Node
from gradc.ir.rewrite import as_it_is
from gradc.ir.scalar import Load, Scalar, apply, load
from gradc.ir.tensor import Input, Tensor
from gradc.ir.walk import loads_of, post_order
from gradc.trace.arrays.storage import Content, Piece, Storage, axes, entry
from gradc.trace.arrays.tracer import TracedArray

#: Of arrays of at most so many entries, the content of both sides is as good: a choice between them is one node.
_SMALL = 64


@dataclass(frozen=True)
class Writes:
    """What one side of a branch wrote to an array: in pieces, where that is all that happened to it."""

    content: Tensor
    pieces: tuple[Piece, ...] | None

    @staticmethod
    def to(storage: Storage, before: Content) -> Writes:
        """The writes since some content."""
        after = storage.content()
        pieces = tuple(after[1].values())
        only_added = after[0] is before[0] and not before[1]
        small = all(piece.box is not None for piece in pieces) and _entries(storage) <= _SMALL
        return Writes(storage.current(), pieces if only_added and not small else None)

    def needs(self, outside: frozenset[Node]) -> dict[Tensor, None]:
        """The tensors from inside the branch that the pieces read."""
        scalars = [scalar for piece in self.pieces or () for scalar in (piece.inside, piece.value)]
        tensors = [found.tensor for found in loads_of(*scalars)] if scalars else []
        return dict.fromkeys(t for t in tensors if t not in outside and not isinstance(t, Input))


def _entries(storage: Storage) -> float:
    return math.prod(extent if isinstance(extent, int) else math.inf for extent in storage.shape)


def write_where(flag: TracedArray, storage: Storage, pieces: Iterable[Piece], merged: Mapping[Tensor, Tensor]) -> None:
    """Do the writes of a side that is taken where ``flag`` holds; ``merged`` are the branch's results."""
    chosen = entry(flag.tensor, ())
    before = entry(storage.current(), axes(len(storage.shape)))
    for piece in pieces:
        inside, value = _replaced([piece.inside, piece.value], merged)
        storage.write(inside, apply("where", chosen, value, before), piece.box)


def _replaced(scalars: Sequence[Scalar], merged: Mapping[Tensor, Tensor]) -> list[Scalar]:
    """The scalars over other tensors."""
    made: dict[Scalar, Scalar] = {}
    for node in post_order(scalars):
        children = [made[child] for child in node.children]
        if isinstance(node, Load) and node.tensor in merged:
            made[node] = load(merged[node.tensor], children)
        elif all(a is b for a, b in zip(children, node.children, strict=True)):
            made[node] = node
        else:
            made[node] = as_it_is(node, children)
    return [made[scalar] for scalar in scalars]
