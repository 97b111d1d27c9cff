"""Nodes with several results in both modes: each kind by its own rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from gradc.differentiate import custom, library, loops, subgraphs, tapes
from gradc.differentiate.batch import batch
from gradc.differentiate.loops import Pullback, Pushforward
from gradc.ir.source import carry_lines
from gradc.ir.tensor import Call, Extern, Loop, MultiNode, Shape, Tensor
from gradc.ops.custom import PREFIX


def is_custom(node: MultiNode) -> TypeGuard[Call]:
    """Whether a node is a call with a derivative rule of the user's own."""
    return isinstance(node, Call) and node.policy.startswith(PREFIX)


def pushed_forward(
    node: MultiNode, tangents: Sequence[Tensor | None], directions: Shape, push: Pushforward
) -> dict[int, Tensor]:
    """The tangents of the results that have one, by their position; ``push`` goes through sub-graphs."""
    if isinstance(node, Extern):
        found = library.pushed_forward(node, tangents, directions)
    elif isinstance(node, Loop):
        found = loops.pushed_through_loop(node, tangents, directions, push)
    elif is_custom(node):
        found = custom.pushed_through_rule(node, tangents, directions, batch)
    else:
        found = subgraphs.pushed_through_subgraphs(node, tangents, directions, push)
    for tangent in found.values():
        carry_lines(node, tangent)
    return found


def pulled_back(
    node: MultiNode, cotangents: Mapping[int, Tensor], directions: Shape, wanted: Sequence[bool], pull: Pullback
) -> Iterator[tuple[Tensor, Tensor]]:
    """The operands that are wanted and depended on, each with what its cotangent gets."""
    if isinstance(node, Extern):
        return library.pulled_back(node, cotangents, directions, wanted)
    if isinstance(node, Loop):
        return tapes.pulled_through_loop(node, cotangents, directions, wanted, pull)
    if is_custom(node):
        return custom.pulled_through_rule(node, cotangents, directions, wanted, batch, pull)
    return subgraphs.pulled_through_subgraphs(node, cotangents, directions, wanted, pull)
