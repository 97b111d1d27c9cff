"""Evaluating graphs: node by node, operands first, every value dropped after its last use."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradc.errors import ArgumentError, ShapeError
from gradc.evaluate.body import compute_value, extent_value
from gradc.evaluate.externs import extern_value
from gradc.evaluate.numbers import NUMPY, Array, NumberSystem
from gradc.ir.algebra import linear_terms
from gradc.ir.intern import Node
from gradc.ir.scalar import INT64, Scalar, Size
from gradc.ir.tape import tape_names
from gradc.ir.tensor import (
    Call,
    Compute,
    Cond,
    Constant,
    Extern,
    Graph,
    Input,
    Loop,
    MultiNode,
    Projection,
    Tensor,
)
from gradc.ir.walk import graph_order, operands_of, post_order
from gradc_runtime.tapes import FIRST

Sizes = Mapping[str, int]


def evaluate(
    graph: Graph, values: Sequence[Any], numbers: NumberSystem = NUMPY, sizes: Sizes | None = None
) -> list[Array]:
    """The outputs of ``graph`` at these values of its inputs.

    Named extents are read off the shapes of the values, unless ``sizes`` gives them.

    >>> import gradc.ops
    >>> from gradc.ir.parse import parse_graph
    >>> square = parse_graph("graph(x: float64[n]) { t0: float64[] = sum i<n: x[i] ^ 2.  return t0 }")
    >>> evaluate(square, [[3.0, 4.0]])
    [array(25.)]
    """
    if len(values) != len(graph.inputs):
        raise ArgumentError(f"the graph takes {len(graph.inputs)} values, not {len(values)}")
    with np.errstate(all="ignore"):
        arrays = [numbers.array(value, node.dtype) for node, value in zip(graph.inputs, values, strict=True)]
        known = _sizes_of(graph.inputs, arrays, dict(sizes or {}))
        known |= {name: FIRST for name in tape_names(graph) if name not in known}
        while True:
            try:
                return _run(graph, arrays, numbers, known)
            except _TapeTooShort as short:
                known[short.name] *= 2


class _TapeTooShort(Exception):
    """A loop takes more steps than its tape has rows."""

    def __init__(self, name: str) -> None:
        self.name = name


def _sizes_of(inputs: Sequence[Input], arrays: Sequence[Array], known: dict[str, int]) -> dict[str, int]:
    """Named sizes from shapes: plain ones first, then those that stand alone in an expression like ``n + 1``."""
    pairs: list[tuple[Scalar, int]] = []
    for node, array in zip(inputs, arrays, strict=True):
        if array.ndim != node.rank:
            raise ShapeError(f"{node.name} has {node.rank} axes, the value has shape {array.shape}")
        pairs.extend((e, have) for e, have in zip(node.shape, array.shape, strict=True) if isinstance(e, Scalar))
    for extent, have in pairs:
        if isinstance(extent, Size):
            known.setdefault(extent.name, have)
    for extent, have in pairs:
        _solve(extent, have, known)
    for node, array in zip(inputs, arrays, strict=True):
        wanted = tuple(extent_value(e, known) for e in node.shape)
        if wanted != array.shape:
            raise ShapeError(f"{node.name} has shape {list(node.shape)} = {wanted}, the value {array.shape}")
    return known


def _solve(extent: Scalar, have: int, known: dict[str, int]) -> None:
    missing = {s.name for s in post_order([extent]) if isinstance(s, Size) and s.name not in known}
    if not missing:
        return
    terms, literal = linear_terms(extent)
    (name, *others) = missing
    unknown = [(atom, c) for atom, c in terms.items() if isinstance(atom, Size) and atom.name == name]
    if others or len(unknown) != 1:
        raise ShapeError(f"the sizes in {extent!r} can't be told from the shapes; give sizes=")
    rest = sum(c * extent_value(atom, known) for atom, c in terms.items() if atom is not unknown[0][0])
    known[name] = (have - literal - rest) // unknown[0][1]


def _run(graph: Graph, arrays: Sequence[Array], numbers: NumberSystem, sizes: Sizes) -> list[Array]:
    order = graph_order(graph.outputs)
    remaining: dict[Node, int] = {}
    for node in order:
        for operand in operands_of(node):
            remaining[operand] = remaining.get(operand, 0) + 1
    for output in graph.outputs:
        remaining[output] = remaining.get(output, 0) + 1
    tensors: dict[Any, Array] = dict(zip(graph.inputs, arrays, strict=True))
    several: dict[Node, list[Array]] = {}
    for node in order:
        if isinstance(node, MultiNode):
            several[node] = _MULTI[type(node)](node, [tensors[t] for t in node.operands], numbers, sizes)
        elif isinstance(node, Tensor):
            tensors[node] = _tensor(node, tensors, several, numbers, sizes)
        for operand in operands_of(node):
            remaining[operand] -= 1
            if not remaining[operand]:
                tensors.pop(operand, None)
                several.pop(operand, None)
    return [tensors[output] for output in graph.outputs]


def _tensor(
    node: Tensor, tensors: Mapping[Any, Array], several: Mapping[Node, list[Array]], numbers: NumberSystem, sizes: Sizes
) -> Array:
    if isinstance(node, Compute):
        return compute_value(node, tensors, sizes, numbers)
    if isinstance(node, Constant):
        return numbers.array(node.value, node.dtype)
    if isinstance(node, Projection):
        return several[node.source][node.position]
    if node not in tensors:
        assert isinstance(node, Input)
        raise ArgumentError(f"the graph reads {node.name!r}, which is not among its inputs")
    return tensors[node]


# ---------------------------------------------------------------- nodes with sub-graphs


def _loop(node: MultiNode, operands: list[Array], numbers: NumberSystem, sizes: Sizes) -> list[Array]:
    assert isinstance(node, Loop)
    first, second = node.state_count, node.state_count + node.sequence_count
    states, sequences, captured = operands[:first], operands[first:second], operands[second:]
    stacks: list[list[Array]] = [[] for _ in node.results[first:]]
    trip = 0 if node.trip is None else extent_value(node.trip, sizes)
    steps = range(trip) if node.condition is None else itertools.count()
    for step in reversed(steps) if node.reverse and isinstance(steps, range) else steps:
        count = np.asarray(step, INT64)
        if node.condition is not None:
            (going,) = _run(node.condition, [count, *states, *captured], numbers, sizes)
            if not bool(going):
                break
            if isinstance(node.trip, Size) and step >= trip:
                raise _TapeTooShort(node.trip.name)
        slices = [sequence[step] for sequence in sequences]
        slices = [piece if isinstance(piece, np.ndarray) else _cell(piece) for piece in slices]
        outputs = _run(node.body, [count, *states, *slices, *captured], numbers, sizes)
        states = outputs[:first]
        for stack, output in zip(stacks, outputs[first:], strict=True):
            stack.append(output)
    if node.reverse:
        stacks = [stack[::-1] for stack in stacks]
    stacked = [_stacked(s, r, trip, numbers, sizes) for s, r in zip(stacks, node.results[first:], strict=True)]
    return [*states, *stacked]


def _cell(value: Any) -> Array:
    cell = np.empty((), value.dtype if isinstance(value, np.generic) else object)
    cell[()] = value
    return cell


def _stacked(pieces: list[Array], result: Any, rows: int, numbers: NumberSystem, sizes: Sizes) -> Array:
    """The pieces, and behind them rows of zeros that nobody reads where a tape has more."""
    if len(pieces) == rows and pieces:
        return np.stack(pieces)
    shape = tuple(extent_value(e, sizes) for e in result.shape[1:])
    stack = numbers.empty((rows, *shape), pieces[0].dtype if pieces else result.dtype)
    stack[len(pieces) :] = 0
    for k, piece in enumerate(pieces):
        stack[k] = piece if piece.ndim else piece[()]  # an array of objects would hold the cell itself
    return stack


def _cond(node: MultiNode, operands: list[Array], numbers: NumberSystem, sizes: Sizes) -> list[Array]:
    assert isinstance(node, Cond)
    predicate, rest = operands[0], operands[1:]
    if predicate.dtype == object:  # a symbolic predicate: both branches
        branches = (_run(node.true_graph, rest, numbers, sizes), _run(node.false_graph, rest, numbers, sizes))
        return [numbers.select(predicate, chosen, other) for chosen, other in zip(*branches, strict=True)]
    return _run(node.true_graph if bool(predicate) else node.false_graph, rest, numbers, sizes)


def _call(node: MultiNode, operands: list[Array], numbers: NumberSystem, sizes: Sizes) -> list[Array]:
    assert isinstance(node, Call)
    return _run(node.graph, operands, numbers, sizes)


def _extern(node: MultiNode, operands: list[Array], numbers: NumberSystem, sizes: Sizes) -> list[Array]:
    assert isinstance(node, Extern)
    return extern_value(node, operands, numbers)


_MULTI: dict[type, Callable[[MultiNode, list[Array], NumberSystem, Sizes], list[Array]]] = {
    Loop: _loop,
    Cond: _cond,
    Call: _call,
    Extern: _extern,
}
