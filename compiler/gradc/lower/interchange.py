"""Loops over independent examples: a batch axis that every step only carries along goes outside the steps.

A graph is *elementwise* along an axis where every tensor has that axis and is read at the reader's own position along it, or
doesn't have it at all, loops and all they do included. Then the examples never meet: everything can be done for a few of
them, a *block*, before the next block begins. The states of a block are small and stay in registers, vectors run across the
block, and what a loop leaves behind for its adjoint is still in the cache when that reads it. In the graph of a block the axis
comes last, wherever it was before.

A loop that ends by a condition can be one of these where the condition asks whether any example goes on, and the step keeps the
state of those that don't: a block ends when its examples have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from gradc.ir.algebra import Reindexing
from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import TRUE, Apply, Index, Load, Scalar, Size, index, is_apply, load
from gradc.ir.tensor import (
    Call,
    Compute,
    Cond,
    Constant,
    Extent,
    Graph,
    Input,
    Loop,
    MultiNode,
    Projection,
    Tensor,
    compute,
    projection,
)
from gradc.ir.text import sub_graphs
from gradc.ir.walk import graph_order, loads_of, operands_of, post_order

#: State entries per example of a loop, and operations of a step, up to which a loop is light.
_LIGHT_STATE, _LIGHT_STEP = 2, 16.0
#: A state of more entries per example than this is left in memory, where steps of many operations are left, too.
LARGEST_STATE, LARGEST_STEP = 64, 3000.0
#: Entries of what all examples have in common that each block may compute for itself.
_COMMON = 16
#: Bytes of one entry of all examples of a block; more of them hide the latency of light steps.
BLOCK, LIGHT_BLOCK = 128, 256
#: Blocks are not shorter: extents up to 10 are written out.
SHORTEST = 16


class Meets(Exception):
    """Examples depend on each other, or on their number."""


@dataclass(eq=False)
class Scope:
    """A graph, or a sub-graph of a node, and the axis in each of its tensors that has it."""

    inputs: tuple[Input, ...]
    outputs: tuple[Tensor, ...]
    #: the node whose sub-graph it is, and where that is
    node: MultiNode | None = None
    parent: Scope | None = None
    axes: dict[Tensor, int] = field(default_factory=dict)
    #: what is read as something that has no such axis
    common: set[Tensor] = field(default_factory=set)
    inner: dict[MultiNode, list[Scope]] = field(default_factory=dict)
    #: whether an example goes on, of a loop whose examples end at steps of their own; whether all do, of others
    flag: Tensor | None = None
    asked: Tensor | None = None

    def __post_init__(self) -> None:
        self.order = graph_order([t for t in (*self.outputs, self.flag, self.asked) if t is not None])
        self.readers: dict[Node, list[Node]] = {}
        for reader in self.order:
            for operand in dict.fromkeys(operands_of(reader)):
                self.readers.setdefault(operand, []).append(reader)

    def every(self) -> Iterator[Scope]:
        """Itself and those inside."""
        yield self
        for scopes in self.inner.values():
            for scope in scopes:
                yield from scope.every()

    @property
    def loop(self) -> Loop | None:
        """The loop whose body it is."""
        return self.node if isinstance(self.node, Loop) else None

    @property
    def given(self) -> tuple[Input, ...]:
        """The inputs that operands of the node are for."""
        return self.inputs if self.loop is None else self.inputs[1:]

    @property
    def states(self) -> int:
        """How many of its outputs are next states."""
        return 0 if self.loop is None else self.loop.state_count

    def is_sequence(self, k: int) -> bool:
        """Whether an input is a slice of its operand."""
        return self.loop is not None and self.states <= k < self.states + self.loop.sequence_count

    def is_stacked(self, k: int) -> bool:
        """Whether an output is a slice of the result."""
        return self.loop is not None and k >= self.states


def arguments(node: MultiNode) -> tuple[Tensor, ...]:
    """The operands that the sub-graphs of a node take."""
    return node.operands[1:] if isinstance(node, Cond) else node.operands


def scope_of(graph: Graph, extent: Extent, node: MultiNode | None = None, parent: Scope | None = None) -> Scope:
    """The scope of a graph, with those of the nodes in it; `Meets` where it calls a library."""
    found = Scope(graph.inputs, graph.outputs, node, parent)
    if isinstance(node, Loop) and node.condition is not None:
        found = _with_condition(found, node, node.condition, extent)
    for inner in found.order:
        if isinstance(inner, Loop | Cond | Call):
            graphs = (inner.body,) if isinstance(inner, Loop) else sub_graphs(inner)
            found.inner[inner] = [scope_of(graph, extent, inner, found) for graph in graphs]
            if isinstance(inner, Cond):
                found.common.add(inner.operands[0])
        elif not isinstance(inner, Compute | Input | Constant | Projection):
            raise Meets
    return found


def _with_condition(scope: Scope, node: Loop, condition: Graph, extent: Extent) -> Scope:
    """The scope with what the loop asks before each step, in terms of its body."""
    if len(node.results) > node.state_count:
        raise Meets
    (asked,) = replace_tensors(condition.outputs, dict(zip(condition.inputs, inputs_of_condition(node), strict=True)))
    if isinstance(asked, Compute) and asked.reducer == "any" and asked.reduce_extents == (extent,):
        if asked.rank or asked.domain is not TRUE:
            raise Meets
        return replace(scope, flag=compute((extent,), asked.body))
    return replace(scope, asked=asked, common={asked})


def inputs_of_condition(node: Loop) -> list[Input]:
    """The body's inputs that the condition's stand for."""
    first, second = node.state_count + 1, node.state_count + node.sequence_count + 1
    return [*node.body.inputs[:first], *node.body.inputs[second:]]


# ---------------------------------------------------------------- which axes


@dataclass
class Examples:
    """A graph that is elementwise along an axis of so many examples."""

    extent: Extent
    top: Scope

    @staticmethod
    def along(graph: Graph) -> Examples | None:
        """The graph as one over examples, if it is elementwise along an axis of a loop's state."""
        loops = [node for node in graph_order(graph.outputs) if isinstance(node, Loop)]
        tried: set[Extent] = set()
        for state in loops[0].body.inputs[1 : loops[0].state_count + 1] if loops else ():
            for axis, extent in enumerate(state.shape):
                is_long = extent >= SHORTEST if isinstance(extent, int) else isinstance(extent, Size)
                if not is_long or extent in tried:
                    continue
                tried.add(extent)
                try:
                    found = Examples(extent, scope_of(graph, extent))
                    found._follow(found.top.inner[loops[0]][0], state, axis)
                    found._examine()
                except Meets:
                    continue
                return found
        return None

    def _follow(self, scope: Scope, start: Tensor, axis: int) -> None:
        """Note the axis, and where it is in all that reads this or is read for it."""
        pending = [(scope, start, axis)]
        while pending:
            scope, tensor, axis = pending.pop()
            known = scope.axes.get(tensor)
            if known is None:
                if axis < 0 or isinstance(tensor, Constant) or tensor.shape[axis] != self.extent:
                    raise Meets
                scope.axes[tensor] = axis
                if tensor is scope.flag and axis != 0:
                    raise Meets
                pending += [
                    *_sources(scope, tensor, axis),
                    *_readers(scope, tensor, axis),
                    *_carried(scope, tensor, axis),
                ]
            elif known != axis:
                raise Meets

    def _examine(self) -> None:
        """Whether all that has the axis is read along it, and the rest is little enough to be done for each block."""
        for scope in self.top.every():
            if scope.flag is not None:
                self._follow(scope, scope.flag, 0)
        for scope in self.top.every():
            if any(t in scope.axes for t in scope.common) or (scope.flag is not None and not _keeps_what_ends(scope)):
                raise Meets
            if any(entries(t.shape) > _COMMON for t in scope.order if isinstance(t, Compute) and t not in scope.axes):
                raise Meets
            if scope.loop is not None and (
                self.state_entries(scope) > LARGEST_STATE or self.step_operations(scope) > LARGEST_STEP
            ):
                raise Meets
        shared = [t for t in self.top.outputs if t not in self.top.axes]
        if len(shared) == len(self.top.outputs) or any(entries(t.shape) > _COMMON for t in shared):
            raise Meets

    # ------------------------------------------------------------ how much there is

    def state_entries(self, scope: Scope) -> float:
        """Entries of a loop's states, for one example."""
        states = scope.given[: scope.states]
        return sum(entries(t.shape, scope.axes.get(t)) for t in states)

    def step_operations(self, scope: Scope) -> float:
        """Operations of a step, for one example."""
        total = 0.0
        for t in scope.order:
            if isinstance(t, Compute):
                own = sum(max(n.op.cost, 1.0) for n in post_order([t.body, t.domain]) if isinstance(n, Apply))
                total += own * entries(t.extents, scope.axes.get(t))
        return total

    @property
    def length(self) -> int:
        """How many examples are in a block."""
        loops = [scope for scope in self.top.every() if scope.loop is not None]
        is_light = all(self.state_entries(s) <= _LIGHT_STATE and self.step_operations(s) <= _LIGHT_STEP for s in loops)
        widths = [t.dtype.itemsize for scope in loops for t in scope.axes if t.dtype.kind != "b"]
        length = max((LIGHT_BLOCK if is_light else BLOCK) // max(widths, default=8), SHORTEST)
        while isinstance(self.extent, int) and SHORTEST < length > self.extent:
            length //= 2
        return length


#: A tensor that has the axis, and where.
_Found = tuple[Scope, Tensor, int]


def _sources(scope: Scope, tensor: Tensor, axis: int) -> Iterator[_Found]:
    """What is read along the axis to make a tensor."""
    if isinstance(tensor, Compute):
        for source, place in _read_along(scope, tensor, axis):
            yield scope, source, place
    elif isinstance(tensor, Projection):
        for inner in scope.inner[tensor.source]:
            yield inner, inner.outputs[tensor.position], axis - inner.is_stacked(tensor.position)
    elif scope.parent is not None:
        assert scope.node is not None
        for k, (item, operand) in enumerate(zip(scope.given, arguments(scope.node), strict=True)):
            if item is tensor:
                yield scope.parent, operand, axis + scope.is_sequence(k)
        if tensor not in scope.given:
            raise Meets


def _read_along(scope: Scope, reader: Compute, axis: int) -> Iterator[tuple[Tensor, int]]:
    """What is read along the axis, which is used for nothing else; the rest has none."""
    own = index(axis)
    if own in (reader.body, reader.domain):
        raise Meets
    for scalar in post_order([reader.body, reader.domain]):
        if not isinstance(scalar, Load):
            if own in scalar.children:
                raise Meets
            continue
        places = [k for k, at in enumerate(scalar.indices) if at is own]
        if len(places) > 1:
            raise Meets
        if places:
            yield scalar.tensor, places[0]
        else:
            scope.common.add(scalar.tensor)


def _readers(scope: Scope, tensor: Tensor, axis: int) -> Iterator[_Found]:
    """What reads a tensor that has the axis."""
    for reader in scope.readers.get(tensor, ()):
        if isinstance(reader, Compute):
            yield scope, reader, _axis_of_reader(reader, tensor, axis)
        else:
            for inner in scope.inner[reader]:  # type: ignore[index]
                for k, operand in enumerate(arguments(inner.node)):  # type: ignore[arg-type]
                    if operand is tensor:
                        yield inner, inner.given[k], axis - inner.is_sequence(k)


def _axis_of_reader(reader: Compute, tensor: Tensor, axis: int) -> int:
    """The axis along which a reader has what it reads, which has it at ``axis``."""
    places = {item.indices[axis] for item in loads_of(reader.body, reader.domain) if item.tensor is tensor}
    (place, *others) = places
    if others or not isinstance(place, Index) or place.position >= reader.rank:
        raise Meets
    return place.position


def _carried(scope: Scope, tensor: Tensor, axis: int) -> Iterator[_Found]:
    """What a loop makes of an output of its body; a state has the axis where its next value has it."""
    if scope.node is None or scope.parent is None:
        return
    for k, output in enumerate(scope.outputs):
        if output is tensor:
            yield scope.parent, projection(scope.node, k), axis + scope.is_stacked(k)
            if k < scope.states:
                yield scope, scope.given[k], axis
        if k < scope.states and scope.given[k] is tensor:
            yield scope, output, axis


def _keeps_what_ends(scope: Scope) -> bool:
    """Whether steps leave the examples that have ended as they are."""
    return all(
        following is state or (state in scope.axes and _is_kept(scope, state, following))
        for state, following in zip(scope.given[: scope.states], scope.outputs, strict=False)
    )


def _is_kept(scope: Scope, state: Input, following: Tensor) -> bool:
    """``where(flag, ..., state)``."""
    if not isinstance(following, Compute) or not is_apply(following.body, "where"):
        return False
    asked, _, old = following.body.children
    assert scope.flag is not None
    at = _opened(load(scope.flag, [index(scope.axes[following])]))
    return _opened(asked) is at and old is load(state, [index(k) for k in range(state.rank)])


def _opened(scalar: Scalar) -> Scalar:
    """What is read, where that is a map."""
    while isinstance(scalar, Load) and isinstance(scalar.tensor, Compute) and scalar.tensor.reducer is None:
        scalar = Reindexing(dict(enumerate(scalar.indices)))(scalar.tensor.body)
    return scalar


def entries(extents: Sequence[Extent], beside: int | None = None) -> float:
    """How many entries there are, of one example where there is an axis of them.

    >>> entries((3, 100), 1)
    3.0
    """
    others = [e for k, e in enumerate(extents) if k != beside]
    return prod((float(e) if isinstance(e, int) else float("inf") for e in others), start=1.0)
