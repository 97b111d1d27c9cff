"""The graph of one block of examples: the same graph with the axis of the examples last, and short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradc.ir.algebra import rebuild
from gradc.ir.scalar import Index, Load, Scalar, index, load
from gradc.ir.tensor import (
    Call,
    Compute,
    Cond,
    Extent,
    Graph,
    Input,
    Loop,
    MultiNode,
    Projection,
    Tensor,
    call,
    compute,
    cond,
    input_tensor,
    loop,
    projection,
)
from gradc.ir.walk import post_order
from gradc.lower.interchange import Examples, Scope, inputs_of_condition


def with_axis_last(axes: Sequence[object], axis: int) -> list[int]:
    """The numbers of axes with one of them last.

    >>> with_axis_last(["a", "b", "c"], 1)
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
    for node in (*scope.inputs, *scope.order):
        if isinstance(node, Input) and node in scope.axes:
            images[node] = input_tensor(node.name, _shape(node, scope, length), node.dtype)
        elif isinstance(node, Compute):
            image = _compute(node, scope, images, length)
            if image is not node:
                images[node] = image
        elif isinstance(node, Loop | Cond | Call):
            made = _node(node, scope.inner[node], images, length)
            images |= {projection(node, k): projection(made, k) for k in range(len(node.results))}
    return images


def _inputs(inputs: Sequence[Input], images: Mapping[Tensor, Tensor]) -> tuple[Input, ...]:
    found = [images.get(t, t) for t in inputs]
    return tuple(t for t in found if isinstance(t, Input))


def _shape(tensor: Tensor, scope: Scope, length: int) -> list[Extent]:
    if tensor not in scope.axes:
        return list(tensor.shape)
    *others, _ = with_axis_last(tensor.shape, scope.axes[tensor])
    return [*(tensor.shape[k] for k in others), length]


def _compute(node: Compute, scope: Scope, images: Mapping[Tensor, Tensor], length: int) -> Compute:
    place: dict[int, int] = {}
    if node in scope.axes:
        place = {axis: k for k, axis in enumerate(with_axis_last(node.shape, scope.axes[node]))}
    memo: dict[Scalar, Scalar] = {}
    for scalar in post_order([node.body, node.domain]):
        children = [memo[child] for child in scalar.children]
        if isinstance(scalar, Index):
            memo[scalar] = index(place.get(scalar.position, scalar.position))
        elif isinstance(scalar, Load):
            tensor = scalar.tensor
            order = with_axis_last(tensor.shape, scope.axes[tensor]) if tensor in scope.axes else range(tensor.rank)
            memo[scalar] = load(images.get(tensor, tensor), [children[k] for k in order])
        else:
            same = all(new is old for new, old in zip(children, scalar.children, strict=True))
            memo[scalar] = scalar if same else rebuild(scalar, children)
    shape = _shape(node, scope, length)
    body, domain = memo[node.body], memo[node.domain]
    return compute(shape, body, reduce_extents=node.reduce_extents, reducer=node.reducer, domain=domain)


def _node(node: MultiNode, scopes: Sequence[Scope], outer: Mapping[Tensor, Tensor], length: int) -> MultiNode:
    operands = [outer.get(t, t) for t in node.operands]
    graphs = []
    for scope in scopes:
        images = _images(scope, length)
        outputs = tuple(_in_order(images.get(t, t)) for t in scope.outputs)
        graphs.append(Graph(_inputs(scope.inputs, images), outputs))
    if isinstance(node, Cond):
        return cond(operands[0], graphs[0], graphs[1], operands[1:])
    if isinstance(node, Call):
        return call(graphs[0], operands, node.policy, node.tag)
    assert isinstance(node, Loop)
    first, second = node.state_count, node.state_count + node.sequence_count
    return loop(
        graphs[0],
        trip=node.trip,
        init=[_copied(t) if isinstance(t, Input) else t for t in operands[:first]],
        sequences=operands[first:second],
        captured=operands[second:],
        condition=_condition(node, scopes[0], images, length),
        reverse=node.reverse,
    )


def _condition(node: Loop, scope: Scope, images: Mapping[Tensor, Tensor], length: int) -> Graph | None:
    """Whether any example of the block goes on."""
    inputs = _inputs(inputs_of_condition(node), images)
    if scope.flag is not None:
        flag = images.get(scope.flag, scope.flag)
        return Graph(inputs, (compute((), load(flag, [index(0)]), reduce_extents=[length], reducer="any"),))
    return None if scope.asked is None else Graph(inputs, (images.get(scope.asked, scope.asked),))


def _in_order(tensor: Tensor) -> Tensor:
    """A loop's final state as something that can be written entry by entry."""
    is_stacked = isinstance(tensor, Projection) and isinstance(tensor.source, Loop)
    if is_stacked and tensor.position >= tensor.source.state_count:  # type: ignore[attr-defined]
        return tensor
    return _copied(tensor) if isinstance(tensor, Projection) else tensor


def _copied(tensor: Tensor) -> Tensor:
    return compute(tensor.shape, load(tensor, [index(k) for k in range(tensor.rank)]))
