"""Replacing tensors in a graph: iterative, memoised, and nodes that don't change stay the nodes they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradc.ir.algebra import rebuild
from gradc.ir.intern import Node
from gradc.ir.scalar import Apply, Guard, Load, Scalar, apply, guard, load
from gradc.ir.tensor import (
    Call,
    Compute,
    Cond,
    Extern,
    Loop,
    MultiNode,
    Projection,
    Tensor,
    call,
    compute,
    cond,
    extern,
    loop,
    projection,
)
from gradc.ir.walk import graph_order, operands_of, post_order

#: What a read becomes, given its indices as they are rewritten; None where it stays a read of that tensor.
Entry = Callable[[Load, Sequence[Scalar]], Scalar | None]


def replace_tensors(
    outputs: Sequence[Tensor], mapping: Mapping[Tensor, Tensor], entry: Entry | None = None
) -> tuple[Tensor, ...]:
    """``outputs`` with every tensor of ``mapping`` replaced, shapes and dtypes being the same, and reads as ``entry`` says."""
    if not mapping and entry is None:
        return tuple(outputs)
    for old, new in mapping.items():
        if old.shape != new.shape or old.dtype != new.dtype:
            raise ValueError(f"{old.dtype}{old.shape} can't be replaced by {new.dtype}{new.shape}")
    memo: dict[Node, Node] = dict(mapping.items())
    for node in graph_order(outputs):
        if node in memo:
            continue
        unchanged = entry is None and all(memo[operand] is operand for operand in operands_of(node))
        memo[node] = node if unchanged else _rebuilt(node, memo, entry)
    return tuple(memo[output] for output in outputs)  # type: ignore[misc]


def _rebuilt(node: Node, memo: Mapping[Node, Node], entry: Entry | None) -> Node:
    if not operands_of(node):
        return node
    if isinstance(node, Compute):
        scalars = _replaced_scalars(node, memo, entry)
        if scalars[node.body] is node.body and scalars[node.domain] is node.domain:
            return node
        return compute(
            node.shape,
            scalars[node.body],
            reduce_extents=node.reduce_extents,
            reducer=node.reducer,
            domain=scalars[node.domain],
        )
    if isinstance(node, Projection):
        source = memo[node.source]
        assert isinstance(source, MultiNode)
        return projection(source, node.position)
    assert isinstance(node, MultiNode)
    return with_operands(node, [memo[operand] for operand in node.operands])  # type: ignore[misc]


def with_operands(node: MultiNode, operands: Sequence[Tensor]) -> MultiNode:
    """The same node over other operands."""
    if all(a is b for a, b in zip(operands, node.operands, strict=True)):
        return node
    if isinstance(node, Loop):
        states, sequences = node.state_count, node.state_count + node.sequence_count
        return loop(
            node.body,
            trip=node.trip,
            init=operands[:states],
            sequences=operands[states:sequences],
            captured=operands[sequences:],
            condition=node.condition,
            reverse=node.reverse,
        )
    if isinstance(node, Cond):
        return cond(operands[0], node.true_graph, node.false_graph, operands[1:])
    if isinstance(node, Extern):
        return extern(node.name, operands, node.results, node.parameters)
    assert isinstance(node, Call)
    return call(node.graph, operands, node.policy, node.tag)


def as_it_is(node: Scalar, children: Sequence[Scalar]) -> Scalar:
    """``node`` with other children, nothing simplified."""
    if isinstance(node, Load):
        return load(node.tensor, children)
    if isinstance(node, Guard):
        return guard(children[0], children[1])
    assert isinstance(node, Apply)
    return apply(node.op, *children, dtype=node.dtype if node.op.name == "convert" else None)


def reprojected(node: Projection, images: Mapping[Tensor, Tensor]) -> Projection:
    """The same result of the same node over the images of its operands (those that have one)."""
    return projection(with_operands(node.source, [images.get(t, t) for t in node.source.operands]), node.position)


def _replaced_scalars(node: Compute, memo: Mapping[Node, Node], entry: Entry | None) -> dict[Scalar, Scalar]:
    scalars: dict[Scalar, Scalar] = {}
    for scalar in post_order([node.body, node.domain]):
        children = [scalars[child] for child in scalar.children]
        if isinstance(scalar, Load):
            tensor = memo[scalar.tensor]
            assert isinstance(tensor, Tensor)
            read = entry(scalar, children) if entry is not None else None
            scalars[scalar] = read or load(tensor, children)
        elif all(new is old for new, old in zip(children, scalar.children, strict=True)):
            scalars[scalar] = scalar
        else:
            scalars[scalar] = rebuild(scalar, children)
    return scalars
