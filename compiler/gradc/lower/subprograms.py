"""Loops, branches and kept calls in the loop tree: each is one statement, whose sub-graphs are schedules of their own.

All results of such a node, and the scratch memory of its sub-graphs, are `LibraryResult`s. The first belongs to the
statement that does the work; the others have a statement that only stands for them, after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gradc.ir.algebra import floor_divide, substitute, sum_of
from gradc.ir.intern import digest_of
from gradc.ir.scalar import TRUE, DType, Scalar, apply, number
from gradc.ir.tensor import Call, Constant, Extent, Graph, Input, Loop, MultiNode, Shape, Tensor, extent, extent_scalar
from gradc.ir.text import sub_graphs
from gradc.lower.contraction import Fused
from gradc.lower.fused import fused_additions
from gradc.lower.library import CutGraph, LibraryResult, cut
from gradc.lower.plan import Layout, aligned, byte_count, plan, plus
from gradc.lower.schedule import Schedule, scheduled
from gradc.lower.tree import Item, Statement
from gradc.lower.updates import Rewritten, rewritten

#: Results of at most this many bytes are kept on the stack, where LLVM makes registers of them.
ON_STACK = 2048
#: The policy of calls whose examples are independent of each other, see `gradc.lower.blocks`.
IN_BLOCKS = "in blocks"
_BYTE = np.dtype(np.uint8)


@dataclass(frozen=True)
class SubProgram:
    """A sub-graph as what runs: its items, and where its intermediate results are."""

    graph: Graph
    schedule: Schedule
    layout: Layout
    #: the intermediate results that are on the stack
    on_stack: tuple[Tensor, ...]
    #: the outputs that are made in the memory of the inputs that they are the next values of
    in_place: frozenset[int] = frozenset()

    @property
    def items(self) -> list[Item]:
        """What runs, in order."""
        return self.schedule.functions[0]

    @property
    def constants(self) -> list[Constant]:
        """The literal arrays that it reads, those of its own sub-programs included."""
        return [t for t in self.schedule.tensors if isinstance(t, Constant)]

    @cached_property
    def fused(self) -> Mapping[Scalar, Fused]:
        """The additions that take products with them, where the machine can."""
        return fused_additions(self.schedule.ordered)

    @staticmethod
    def of(graph: Graph, times: float = 1.0, next_states: Mapping[int, Input] | None = None) -> SubProgram:
        """The schedule of a sub-graph that runs so many times; some of its outputs may be next values of inputs."""
        from gradc.lower.in_place import worked_in_place

        schedule = scheduled(cut_whole(graph), lambda items: [items], times=times)
        in_place = worked_in_place(schedule, next_states) if next_states else frozenset()
        whole, needs = schedule.parts.whole, schedule.needs
        changed = {t for statement in schedule.ordered for t in written_over(statement)}
        kept = [t for t in schedule.tensors if t in needs.stored and t not in whole.outputs and t not in changed]
        sizes = {t: byte_count(t, needs.kept_axes.get(t)) for t in kept}
        small = tuple(t for t in kept if isinstance(size := sizes[t], int) and size <= ON_STACK)
        chosen = {t: size for t, size in sizes.items() if t not in small}
        return SubProgram(whole, schedule, plan(schedule.functions, chosen, needs.kept_axes), small, in_place)


@dataclass(frozen=True)
class Blocks:
    """How something is done for independent examples, block by block; the last block ends with the last example."""

    #: examples, and how many are in a block
    extent: Extent
    length: int
    program: SubProgram
    #: all of it at once, for fewer examples than a block has, where their number is known when it runs
    whole: SubProgram | None
    #: the axis of each operand and result that the program has last; None of what all examples have in common
    operand_axes: tuple[int | None, ...]
    result_axes: tuple[int | None, ...]

    @property
    def count(self) -> Extent:
        """How many blocks there are."""
        raised = sum_of(extent_scalar(self.extent), self.length - 1)
        return extent(floor_divide(raised, number(self.length)))

    @property
    def programs(self) -> tuple[SubProgram, ...]:
        """That of a block, and the other one."""
        return (self.program,) if self.whole is None else (self.program, self.whole)

    @property
    def scratch_bytes(self) -> Extent:
        """The bytes that they keep: the other one for few examples."""
        total = aligned(self.program.layout.total)
        if self.whole is None:
            return total
        few = apply("minimum", extent_scalar(self.extent), number(self.length))
        most = substitute(extent_scalar(aligned(self.whole.layout.total)), {extent_scalar(self.extent): few})
        return plus(total, extent(most))


@dataclass(eq=False)
class StructuredStatement(Statement):
    """A loop, a branch or a kept call as a statement."""

    node: MultiNode | None = None
    programs: tuple[SubProgram, ...] = ()
    operands: tuple[Tensor, ...] = ()
    #: all results, the first of which is the statement's tensor
    results: tuple[Tensor, ...] = ()
    #: memory for what the sub-graphs keep, if there is any
    scratch: Tensor | None = None
    #: how the body of a loop makes the next states
    steps: Rewritten | None = None
    #: memory for outputs of that body that are not small, by position
    beside: Mapping[int, Tensor] = field(default_factory=dict)
    #: of a call that runs in blocks: how; the loop over the blocks is around the statement
    blocks: Blocks | None = None
    #: of a loop: the states that are where the operand is that they begin with
    over: frozenset[int] = frozenset()

    @property
    def is_in_blocks(self) -> bool:
        """Whether the loop around it is over blocks of examples."""
        return self.blocks is not None

    @property
    def reads(self) -> dict[Tensor, list[tuple[Scalar, ...]]]:
        """All of its operands, and the literal arrays of its sub-graphs."""
        constants = [t for program in self.programs for t in program.constants]
        return {t: [(number(0),) * t.rank] for t in (*self.operands, *constants)}

    @property
    def also_writes(self) -> tuple[Tensor, ...]:
        """What it writes besides its own tensor."""
        return (*self.results[1:], *self.beside.values(), *((self.scratch,) if self.scratch is not None else ()))


def written_over(statement: Statement) -> dict[Tensor, Tensor]:
    """The results of a loop that are made in the memory of an operand, each with that operand."""
    if not isinstance(statement, StructuredStatement):
        return {}
    return {statement.results[k]: statement.operands[k] for k in sorted(statement.over)}


@dataclass(eq=False)
class Follower(Statement):
    """Stands for a further result of the statement that gives ``leader``."""

    leader: Tensor | None = None

    @property
    def reads(self) -> dict[Tensor, list[tuple[Scalar, ...]]]:
        """The first result: it is there when the others are."""
        assert self.leader is not None
        return {self.leader: [(number(0),) * self.leader.rank]}


@dataclass(frozen=True)
class StructuredCall:
    """A node with sub-graphs between the parts of a cut graph."""

    node: MultiNode
    programs: tuple[SubProgram, ...]
    results: tuple[LibraryResult, ...]
    scratch: LibraryResult | None
    steps: Rewritten | None
    beside: Mapping[int, LibraryResult]
    operands: tuple[int | Tensor, ...]
    blocks: Blocks | None = None

    @cached_property
    def made(self) -> tuple[LibraryResult, ...]:
        """All that it gives, memory of its own last."""
        return (*self.results, *self.beside.values(), *((self.scratch,) if self.scratch is not None else ()))

    @property
    def literals(self) -> list[Tensor]:
        """The literal arrays that its sub-graphs read."""
        return [t for program in self.programs for t in program.constants]

    def statement(self, result: LibraryResult, operands: tuple[Tensor, ...]) -> Statement:
        """The statement that gives a result."""
        place = (number(0),) * result.rank
        if result is not self.results[0]:
            return Follower(result, "library", (), place, number(0), TRUE, 0, leader=self.results[0])  # type: ignore[arg-type]
        around = () if self.blocks is None else (self.blocks.count,)
        return StructuredStatement(
            result,  # type: ignore[arg-type]
            "library",
            around,
            place,
            number(0),
            TRUE,
            len(around),
            blocks=self.blocks,
            node=self.node,
            programs=self.programs,
            operands=operands,
            results=self.results,
            scratch=self.scratch,
            steps=self.steps,
            beside=self.beside,
        )


def with_inner(ordered: Iterable[Statement]) -> Iterator[Statement]:
    """The statements, and those of the sub-graphs among them."""
    for statement in ordered:
        yield statement
        if isinstance(statement, StructuredStatement):
            for program in statement.programs:
                yield from with_inner(program.schedule.ordered)


def cut_whole(graph: Graph) -> CutGraph:
    """The graph cut at its calls and at its nodes with sub-graphs."""
    from gradc.lower.calls import as_routines

    return cut(as_routines(graph), structured_call)


def structured_call(node: MultiNode, operands: tuple[int | Tensor, ...], number_of: int) -> StructuredCall:
    """The plan of a loop, a branch or a kept call."""
    from gradc.lower.blocks import blocks_of

    blocks = blocks_of(node.graph) if isinstance(node, Call) and node.policy == IN_BLOCKS else None
    times = 1.0
    if isinstance(node, Loop):
        times = float(node.trip) if isinstance(node.trip, int) else MANY
    body = None
    if isinstance(node, Loop):
        body, program = _stepping(node, times)
        programs: tuple[SubProgram, ...] = (program, *(SubProgram.of(graph, times) for graph in sub_graphs(node)[1:]))
    else:
        programs = blocks.programs if blocks is not None else tuple(SubProgram.of(g, times) for g in sub_graphs(node))
    results = tuple(
        _made(f"{type(node).__name__.lower()} {number_of}.{k}", r.shape, r.dtype, node.digest, k)
        for k, r in enumerate(node.results)
    )
    total = scratch_bytes(programs) if blocks is None else blocks.scratch_bytes
    scratch = None if total == 0 else _made(f"scratch {number_of}", (total,), _BYTE, node.digest, len(results))
    aside = {} if body is None else _kept_aside(body, programs[0].graph)
    beside = {k: _made(f"next {number_of}.{k}", t.shape, t.dtype, node.digest, -1 - k) for k, t in aside.items()}
    return StructuredCall(node, programs, results, scratch, body, beside, operands, blocks)


def _stepping(node: Loop, times: float) -> tuple[Rewritten, SubProgram]:
    """How a step of a loop changes its states, and what it runs for that."""
    from gradc.lower.in_place import with_updates_as_loops

    body = rewritten(with_updates_as_loops(node.body, node.state_count), node.state_count)
    next_states = {at: body.graph.inputs[k + 1] for k, at in body.whole.items() if k not in body.in_place}
    program = SubProgram.of(body.graph, times, next_states)
    also = {k for k, at in body.whole.items() if at in program.in_place}
    return replace(body, in_place=body.in_place | also), program


def _kept_aside(body: Rewritten, graph: Graph) -> dict[int, Tensor]:
    """The outputs of a loop's body that need room beside the state, and more than the stack has."""
    elsewhere = {*body.stacked, *(body.whole[k] for k in body.in_place)}
    return {k: t for k, t in enumerate(graph.outputs) if k not in elsewhere and not is_small(t)}


def is_small(tensor: Tensor) -> bool:
    """Whether a tensor is kept on the stack."""
    size = byte_count(tensor)
    return isinstance(size, int) and size <= ON_STACK


#: What the trips of a loop that ends by a condition, or after a symbolic number of steps, count as.
MANY = 1000.0


def scratch_bytes(programs: Sequence[SubProgram]) -> Extent:
    """The bytes that the programs keep, each at a place of its own."""
    total: Extent = 0
    for program in programs:
        total = plus(total, aligned(program.layout.total))
    return total


def _made(name: str, shape: Shape, dtype: DType, digest: bytes, position: int) -> LibraryResult:
    node = object.__new__(LibraryResult)
    node.name, node.shape, node.dtype = name, shape, dtype
    node.digest = digest_of(b"structured result", digest, b"%d" % position)
    return node
