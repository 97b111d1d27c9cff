"""Loops over independent examples run in blocks: which parts of a program do, and how a block is lowered.

The loops, what is computed between them, and maps that only they read or that only read them, become one call that is kept
whole. It has the shapes of the whole, so it means what it did; it is lowered as a loop over blocks, which threads may share,
around the program of one block.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.tensor import (
    Compute,
    Graph,
    Loop,
    Projection,
    Tensor,
    call,
    input_tensor,
    projection,
)
from gradc.ir.walk import depending, graph_order, operands_of
from gradc.lower.block_graph import block_graph
from gradc.lower.fuse import weight_of
from gradc.lower.interchange import Examples
from gradc.lower.spread import with_totals_spread
from gradc.lower.subprograms import IN_BLOCKS, MANY, Blocks, StructuredStatement, SubProgram
from gradc.lower.tree import Item, Nest
from gradc.lower.vectors import is_vector_code

#: A loop over a block is written out as vectors up to this many operations, times the examples.
_LARGEST_CODE = 16_000


def in_blocks(graph: Graph) -> Graph:
    """The graph with all that runs in blocks as calls that are kept whole."""
    if not any(isinstance(node, Loop) for node in graph_order(graph.outputs)):
        return graph
    spread = with_totals_spread(graph)
    found, rest = _grouped(spread)
    if spread is not graph and rest:  # a total for each example is worth it in blocks only
        found, _ = _grouped(graph)
    return found


def _grouped(graph: Graph) -> tuple[Graph, list[Loop]]:
    """The graph with calls for what runs in blocks, and the loops that don't."""
    order = graph_order(graph.outputs)
    loops = [node for node in order if isinstance(node, Loop)]
    whole = _Whole(graph, order)
    groups: list[set[Node]] = []
    for node in loops:
        whole.take_in(node, groups)
    mapping: dict[Tensor, Tensor] = {}
    rest = list(loops)
    for group in whole.on_vectors(groups):
        part, operands, results = whole.part(group)
        made = call(part, replace_tensors(operands, mapping), IN_BLOCKS)
        mapping |= {t: projection(made, k) for k, t in enumerate(results)}
        rest = [node for node in rest if node not in group]
    return Graph(graph.inputs, replace_tensors(graph.outputs, mapping)) if mapping else graph, rest


class _Whole:
    """A graph, of which parts run in blocks."""

    def __init__(self, graph: Graph, order: Sequence[Node]) -> None:
        self._graph, self._order = graph, order
        self._readers: dict[Node, list[Node]] = {}
        for reader in order:
            for operand in dict.fromkeys(operands_of(reader)):
                self._readers.setdefault(operand, []).append(reader)

    def take_in(self, node: Loop, groups: list[set[Node]]) -> None:
        """Let a loop join one of the groups on which it depends, or be a group of its own, if it can."""
        for number, group in enumerate(groups):
            between = depending([node], group) - group  # type: ignore[list-item]
            if between:
                joined = {*group, *between, *_projections(self._order, between | group)}
                if self._runs(joined):
                    groups[number] = self._with_maps(joined)
                    return
        alone: set[Node] = {node, *_projections(self._order, {node})}
        if self._runs(alone):
            groups.append(self._with_maps(alone))

    def _runs(self, group: Collection[Node]) -> bool:
        if any(not isinstance(n, Loop | Compute | Projection) for n in group):
            return False
        return Examples.along(self.part(group)[0]) is not None

    def on_vectors(self, groups: Iterable[set[Node]]) -> Iterator[set[Node]]:
        """The groups whose steps are vector code; of others the loops for which that holds, each on its own."""
        for group in groups:
            if blocks_of(self.part(group)[0]) is not None:
                yield group
                continue
            loops = [node for node in group if isinstance(node, Loop)]
            for node in loops if len(loops) > 1 else ():
                alone: set[Node] = {node, *_projections(self._order, {node})}
                if blocks_of(self.part(alone)[0]) is not None:
                    yield alone

    def _with_maps(self, group: set[Node]) -> set[Node]:
        """The group with maps that only it reads, or that read only it."""
        for _ in range(2):
            more = {*self._maps_before(group), *self._maps_after(group)}
            if not more or not self._runs(group | more):
                return group
            group = group | more
        return group

    def _maps_before(self, group: set[Node]) -> Iterator[Node]:
        outputs = set(self._graph.outputs)
        for operand in dict.fromkeys(o for n in group for o in operands_of(n)):
            if operand not in group and _is_map(operand) and operand not in outputs:
                if all(reader in group for reader in self._readers[operand]):
                    yield operand

    def _maps_after(self, group: set[Node]) -> Iterator[Node]:
        for node in group:
            for reader in self._readers.get(node, ()):
                if reader not in group and _is_map(reader) and operands_of(reader) == (node,):
                    yield reader

    def part(self, group: Collection[Node]) -> tuple[Graph, list[Tensor], list[Tensor]]:
        """A group as a graph, with the operands that it is given and the results that others read."""
        tensors = [t for t in self._order if isinstance(t, Tensor)]
        operands = [t for t in tensors if t not in group and any(r in group for r in self._readers.get(t, ()))]
        outputs = set(self._graph.outputs)
        results = [
            t for t in tensors if t in group and (t in outputs or any(r not in group for r in self._readers.get(t, ())))
        ]
        inputs = [input_tensor(f"given {k}", t.shape, t.dtype) for k, t in enumerate(operands)]
        part = Graph(tuple(inputs), replace_tensors(results, dict(zip(operands, inputs, strict=True))))
        return part, operands, results


def _projections(order: Iterable[Node], group: Collection[Node]) -> Iterator[Projection]:
    """The results of the loops in a group."""
    return (node for node in order if isinstance(node, Projection) and node.source in group)


def _is_map(node: Node) -> bool:
    return isinstance(node, Compute) and node.reducer is None


# ---------------------------------------------------------------- one block


@lru_cache(maxsize=64)
def blocks_of(graph: Graph) -> Blocks | None:
    """How a graph runs in blocks, where it is one over examples and its steps are vector code."""
    examples = Examples.along(graph)
    if examples is None:
        return None
    axes, length = examples.top.axes, examples.length
    count = examples.extent / length if isinstance(examples.extent, int) else MANY
    program = SubProgram.of(block_graph(graph, examples, length), times=count)
    steps = [p for p in _inside(program) if p is not program]
    if any(not _runs_on_vectors(p.items, length) for p in steps):
        return None
    for inner in _inside(program):
        _write_whole(inner.items, length)
    return Blocks(
        examples.extent,
        length,
        program,
        None if isinstance(examples.extent, int) else SubProgram.of(graph),
        tuple(axes.get(t) for t in graph.inputs),
        tuple(axes.get(t) for t in graph.outputs),
    )


def _inside(program: SubProgram) -> Iterator[SubProgram]:
    """A program, and those of the loops in it."""
    yield program
    for statement in program.schedule.ordered:
        if isinstance(statement, StructuredStatement):
            for inner in statement.programs:
                yield from _inside(inner)


def _runs_on_vectors(items: Sequence[Item], length: int) -> bool:
    """Whether the innermost loops are those over a block, and nothing in them is in the way of vectors."""
    for item in items:
        if isinstance(item, Nest) and not item.unrolled:
            if _is_innermost(item):
                if item.extent != length or not is_vector_code(item):
                    return False
            elif not _runs_on_vectors(item.items, length):
                return False
    return True


def _is_innermost(nest: Nest) -> bool:
    return not any(isinstance(item, Nest) and not item.unrolled for item in nest.items)


def _write_whole(items: Sequence[Item], length: int) -> None:
    """Mark the loops over a block: they are vectors one after the other, without a jump."""
    for item in items:
        if isinstance(item, Nest):
            is_short = weight_of(item.items) * length <= _LARGEST_CODE
            item.whole = item.extent == length and not item.unrolled and _is_innermost(item) and is_short
            _write_whole(item.items, length)
