"""Branches and kept calls in both modes: the derivative of a node with sub-graphs is such a node over their derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradc.differentiate.activity import moving_outputs
from gradc.differentiate.loops import Pullback, Pushforward, fresh_input, zeros
from gradc.ir.tensor import Call, Cond, Graph, Input, MultiNode, Shape, Tensor, call, cond, projection
from gradc.ir.text import sub_graphs
from gradc.ir.walk import graph_order

_HELD = "stop_gradient"


def _arguments(node: MultiNode) -> tuple[Tensor, ...]:
    """The operands that the sub-graphs take."""
    return node.operands[1:] if isinstance(node, Cond) else node.operands


def _again(node: MultiNode, graphs: Sequence[Graph], arguments: Sequence[Tensor], mark: str) -> MultiNode:
    """The same kind of node over other sub-graphs."""
    if isinstance(node, Cond):
        return cond(node.operands[0], graphs[0], graphs[1], arguments)
    assert isinstance(node, Call)
    return call(graphs[0], arguments, node.policy, node.tag + mark)


def pushed_through_subgraphs(
    node: MultiNode, tangents: Sequence[Tensor | None], directions: Shape, push: Pushforward
) -> dict[int, Tensor]:
    """The tangents of the results, by their position, given those of all operands."""
    if isinstance(node, Call) and node.policy == _HELD:
        return {}
    given = tangents[len(tangents) - len(_arguments(node)) :]
    places = [k for k, tangent in enumerate(given) if tangent is not None]
    moving = [False] * len(node.results)
    for graph in sub_graphs(node):
        found = moving_outputs(graph, [graph.inputs[k] for k in places])
        moving = [a or b for a, b in zip(moving, found, strict=True)]
    asked = [k for k, moves in enumerate(moving) if moves]
    joint = []
    for graph in sub_graphs(node):
        taken = {t.name for t in graph.inputs}
        wrt = [graph.inputs[k] for k in places]
        along = [fresh_input(t, "d", t.shape + directions, taken) for t in wrt]
        moved = push([graph.outputs[k] for k in asked], wrt, along, directions)
        joint.append(Graph((*graph.inputs, *along), (*graph.outputs, *moved)))
    arguments = [*_arguments(node), *[t for t in given if t is not None]]
    whole = _again(node, joint, arguments, "")
    return {k: projection(whole, len(node.results) + at) for at, k in enumerate(asked)}


def pulled_through_subgraphs(
    node: MultiNode, cotangents: Mapping[int, Tensor], directions: Shape, wanted: Sequence[bool], pull: Pullback
) -> Iterator[tuple[Tensor, Tensor]]:
    """The operands that are wanted, each with its cotangent."""
    if isinstance(node, Call) and node.policy == _HELD:
        return
    arguments = _arguments(node)
    skipped = len(node.operands) - len(arguments)
    asked = [k for k, t in enumerate(arguments) if wanted[skipped + k] and t.dtype.kind in "fc"]
    adjoint = [_adjoint(graph, cotangents, directions, asked, pull) for graph in sub_graphs(node)]
    read = {k for graph in adjoint for k, t in enumerate(graph.inputs[: len(arguments)]) if _reads(graph, t)}
    graphs = [_without(graph, len(arguments), read) for graph in adjoint]
    given = [t for k, t in enumerate(arguments) if k in read]
    back = _again(node, graphs, [*given, *cotangents.values()], "'")
    for at, k in enumerate(asked):
        yield arguments[k], projection(back, at)


def _adjoint(
    graph: Graph, cotangents: Mapping[int, Tensor], directions: Shape, asked: Sequence[int], pull: Pullback
) -> Graph:
    """From a sub-graph's arguments and the cotangents of its results to those of the arguments that are asked for."""
    taken = {t.name for t in graph.inputs}
    outputs = [graph.outputs[k] for k in cotangents]
    bars = [fresh_input(t, "bar", directions + t.shape, taken) for t in outputs]
    wrt = [graph.inputs[k] for k in asked]
    found = pull(outputs, bars, wrt, directions) if outputs else [zeros(directions + t.shape, t) for t in wrt]
    return Graph((*graph.inputs, *bars), tuple(found))


def _reads(graph: Graph, item: Tensor) -> bool:
    return item in set(graph_order(graph.outputs))


def _without(graph: Graph, count: int, read: set[int]) -> Graph:
    """The graph without those of its first ``count`` inputs that nobody reads."""
    inputs: list[Input] = [t for k, t in enumerate(graph.inputs) if k >= count or k in read]
    return Graph(tuple(inputs), graph.outputs)
