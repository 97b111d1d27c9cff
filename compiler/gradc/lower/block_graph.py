"""The graph of one block of examples: the same graph with the axis of the examples last, and short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradc.ir.algebra import rebuild
from gradc.ir.scalar import Index, Load, Scalar, index, load
from gradc.ir.tensor import (
    Compute,
    Extent,
    Graph,
    Input,
    Loop,
    Projection,
    Tensor,
    compute,
    input_tensor,
    loop,
    projection,
)
from gradc.ir.walk import post_order
from gradc.lower.interchange import Examples, Scope, tested


def last(axes: Sequence[object], axis: int) -> list[int]:
    """The numbers of axes with one of them last.

    >>> last(["a", "b", "c"], 1)
    [0, 2, 1]
    """
    return [*(k for k in range(len(axes)) if k != axis), axis]


def block_graph(graph: Graph, examples: Examples, length: int) -> Graph:
    """The graph for a block of so many examples."""
    images = _images(examples.top, length)
    outputs = tuple(_in_order(images.get(t, t)) for t in graph.outputs)
    return Graph(_inputs(graph.inputs, images), outputs)


def _images(scope: Scope, length: int) -> dict[Tensor, Tensor]:
    """What stands for each tensor that is not the same for a block."""
    images: dict[Tensor, Tensor] = {}
    inputs = scope.node.body.inputs if scope.node is not None else ()
    for node in (*inputs, *scope.order):
        if isinstance(node, Input) and node in scope.axes:
            images[node] = input_tensor(node.name, _shape(node, scope, length), node.dtype)
        elif isinstance(node, Compute):
            image = _compute(node, scope, images, length)
            if image is not node:
                images[node] = image
        elif isinstance(node, Loop):
            made = _loop(node, scope.inner[node], images, length)
            images |= {projection(node, k): projection(made, k) for k in range(len(node.results))}
    return images


def _inputs(inputs: Sequence[Input], images: Mapping[Tensor, Tensor]) -> tuple[Input, ...]:
    found = [images.get(t, t) for t in inputs]
    return tuple(t for t in found if isinstance(t, Input))


def _shape(tensor: Tensor, scope: Scope, length: int) -> list[Extent]:
    if tensor not in scope.axes:
        return list(tensor.shape)
    *others, _ = last(tensor.shape, scope.axes[tensor])
    return [*(tensor.shape[k] for k in others), length]


def _compute(node: Compute, scope: Scope, images: Mapping[Tensor, Tensor], length: int) -> Compute:
    place: dict[int, int] = {}
    if node in scope.axes:
        place = {axis: k for k, axis in enumerate(last(node.shape, scope.axes[node]))}
    memo: dict[Scalar, Scalar] = {}
    for scalar in post_order([node.body, node.domain]):
        children = [memo[child] for child in scalar.children]
        if isinstance(scalar, Index):
            memo[scalar] = index(place.get(scalar.position, scalar.position))
        elif isinstance(scalar, Load):
            tensor = scalar.tensor
            order = last(tensor.shape, scope.axes[tensor]) if tensor in scope.axes else range(tensor.rank)
            memo[scalar] = load(images.get(tensor, tensor), [children[k] for k in order])
        else:
            same = all(new is old for new, old in zip(children, scalar.children, strict=True))
            memo[scalar] = scalar if same else rebuild(scalar, children)
    shape = _shape(node, scope, length)
    body, domain = memo[node.body], memo[node.domain]
    return compute(shape, body, reduce_extents=node.reduce_extents, reducer=node.reducer, domain=domain)


def _loop(node: Loop, scope: Scope, outer: Mapping[Tensor, Tensor], length: int) -> Loop:
    images = _images(scope, length)
    first, second = node.state_count, node.state_count + node.sequence_count
    operands = [outer.get(t, t) for t in node.operands]
    condition = None
    if scope.flag is not None or scope.asked is not None:
        asked = scope.asked if scope.asked is None else images.get(scope.asked, scope.asked)
        if scope.flag is not None:
            asked = compute(
                (), load(images.get(scope.flag, scope.flag), [index(0)]), reduce_extents=[length], reducer="any"
            )
        assert asked is not None
        condition = Graph(_inputs(tested(node), images), (asked,))
    return loop(
        Graph(_inputs(node.body.inputs, images), tuple(_in_order(images.get(t, t)) for t in node.body.outputs)),
        trip=node.trip,
        init=[_copied(t) if isinstance(t, Input) else t for t in operands[:first]],
        sequences=operands[first:second],
        captured=operands[second:],
        condition=condition,
        reverse=node.reverse,
    )


def _in_order(tensor: Tensor) -> Tensor:
    """A loop's final state as something that can be written entry by entry."""
    if isinstance(tensor, Projection) and isinstance(tensor.source, Loop):
        return _copied(tensor) if tensor.position < tensor.source.state_count else tensor
    return tensor


def _copied(tensor: Tensor) -> Tensor:
    return compute(tensor.shape, load(tensor, [index(k) for k in range(tensor.rank)]))
