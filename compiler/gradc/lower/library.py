"""Library calls in the loop tree: a graph is cut at them, so that every pass sees comprehensions over inputs only.

The result of a call becomes a `LibraryResult`, which is an input to the passes; its operands are kept as outputs. Once the
passes are done the calls are put back, as statements of their own between those of their operands and of their readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gradc.ir.intern import digest_of
from gradc.ir.rewrite import replace_tensors, with_operands
from gradc.ir.scalar import TRUE, Scalar, number
from gradc.ir.tensor import (
    Compute,
    Constant,
    Extent,
    Extern,
    Graph,
    Input,
    MultiNode,
    Projection,
    ResultType,
    Shape,
    Tensor,
    compute,
    extern,
    projection,
)
from gradc.ir.walk import graph_order
from gradc.lower.tree import Statement


class LibraryResult(Input):
    """What a library call gives, as the graph between the calls sees it."""

    __slots__ = ()
    #: as statements ask of what they compute
    reducer = None
    reduce_extents: Shape = ()

    @property
    def extents(self) -> Shape:
        """The iteration space: its own axes."""
        return self.shape


@dataclass(frozen=True)
class LibraryCall:
    """One call: the routine, the result, and where its operands are among the outputs (or what they are)."""

    routine: Extern
    result: LibraryResult
    operands: tuple[int | Tensor, ...]
    literals: tuple[Tensor, ...] = ()

    @property
    def made(self) -> tuple[LibraryResult, ...]:
        """What it gives."""
        return (self.result,)

    def statement(self, result: LibraryResult, operands: tuple[Tensor, ...]) -> CallStatement:
        """The call as a statement."""
        return CallStatement(
            result,  # type: ignore[arg-type]
            "library",
            (),
            (number(0),) * result.rank,
            number(0),
            TRUE,
            0,
            routine=self.routine.name,
            parameters=dict(self.routine.parameters),
            operands=operands,
        )


class CallBetween(Protocol):
    """What is between the parts of a cut graph: a library call, or a node with sub-graphs."""

    @property
    def operands(self) -> tuple[int | Tensor, ...]:
        """Where its operands are among the outputs (or what they are)."""

    @property
    def literals(self) -> Sequence[Tensor]:
        """Literal arrays that it reads besides."""

    @property
    def made(self) -> tuple[LibraryResult, ...]:
        """What it gives, in memory."""

    def statement(self, result: LibraryResult, operands: tuple[Tensor, ...]) -> Statement:
        """The statement that gives one of its results."""


@dataclass(eq=False)
class CallStatement(Statement):
    """A library call as a statement."""

    routine: str = ""
    parameters: dict[str, str | int | bool] = field(default_factory=dict)
    operands: tuple[Tensor, ...] = ()

    @property
    def reads(self) -> dict[Tensor, list[tuple[Scalar, ...]]]:
        """All of its operands."""
        return {tensor: [(number(0),) * tensor.rank] for tensor in self.operands}


@dataclass(frozen=True)
class CutGraph:
    """A graph of comprehensions over inputs and results of calls; its first outputs are those of the whole."""

    graph: Graph
    inputs: tuple[Input, ...]
    output_count: int
    calls: tuple[CallBetween, ...]

    def with_graph(self, graph: Graph) -> CutGraph:
        """The same calls around a graph that a pass has changed."""
        return CutGraph(graph, self.inputs, self.output_count, self.calls)

    @property
    def whole(self) -> Graph:
        """What is called: the inputs and outputs of all of it."""
        return Graph(self.inputs, self.graph.outputs[: self.output_count])

    def operands(self, call: CallBetween) -> tuple[Tensor, ...]:
        """The operands of a call."""
        return tuple(self.graph.outputs[at] if isinstance(at, int) else at for at in call.operands)

    def ordered(self) -> list[Tensor]:
        """Every tensor, operands first, also where a call is between."""
        order: dict[Tensor, None] = {}
        for call in self.calls:
            reached = graph_order((*self.operands(call), *call.literals))
            order.update(dict.fromkeys(t for t in reached if isinstance(t, Tensor)))
            order.update(dict.fromkeys(call.made))
        reached = graph_order(self.graph.outputs)
        order.update(dict.fromkeys(t for t in reached if isinstance(t, Tensor)))
        return list(order)

    def statement(self, result: LibraryResult) -> Statement:
        """What gives a result, as a statement."""
        (call,) = (call for call in self.calls if result in call.made)
        return call.statement(result, self.operands(call))


#: What stands for a node with sub-graphs, given its operands' places and its number.
Structured = Callable[[MultiNode, tuple[int | Tensor, ...], int], CallBetween]


def cut(graph: Graph, structured: Structured) -> CutGraph:
    """The graph with its calls and its nodes with sub-graphs taken out."""
    outputs = list(graph.outputs)
    results: dict[Tensor, Tensor] = {}
    calls: list[CallBetween] = []
    for node in graph_order(graph.outputs):
        if isinstance(node, MultiNode) and not isinstance(node, Extern):
            own = replace_tensors(node.operands, results)
            call = structured(with_operands(node, own), tuple(_place(t, outputs) for t in own), len(calls))
            results |= {projection(node, k): call.made[k] for k in range(len(node.results))}
            calls.append(call)
        if not isinstance(node, Projection) or not isinstance(node.source, Extern):
            continue
        operands = replace_tensors(node.source.operands, results)
        routine = with_operands(node.source, operands)
        assert isinstance(routine, Extern)
        result = results[node] = _result(routine, len(calls))
        calls.append(LibraryCall(routine, result, tuple(_place(t, outputs) for t in operands)))
    if not calls:
        return CutGraph(graph, graph.inputs, len(outputs), ())
    inputs = (*graph.inputs, *(made for call in calls for made in call.made))
    between = Graph(inputs, replace_tensors(outputs, results))
    return CutGraph(between, graph.inputs, len(graph.outputs), tuple(calls))


def _place(operand: Tensor, outputs: list[Tensor]) -> int | Tensor:
    """Where a call finds an operand: what is computed for it is an output of the graph between the calls."""
    if isinstance(operand, Input | Constant):
        return operand
    assert isinstance(operand, Compute)
    if operand not in outputs:
        outputs.append(operand)
    return outputs.index(operand)


def _result(routine: Extern, position: int) -> LibraryResult:
    (given,) = routine.results
    node = object.__new__(LibraryResult)
    node.name = f"{routine.name} {position}"
    node.shape, node.dtype = given.shape, given.dtype
    node.digest = digest_of(b"library result", routine.digest)
    return node


@dataclass(frozen=True)
class RoutineKind:
    """What is known of a routine besides its code."""

    #: what it is, for reading
    title: str
    #: the operations of a call, given what each of the statement's extents is taken to be
    operations: Callable[[CallStatement, Callable[[Extent], int]], float]
    #: whether it runs on BLAS, which would spread over threads by itself
    uses_blas: bool = False


def routine_result(name: str, operands: Sequence[Tensor], result: ResultType, **parameters: str | int | bool) -> Tensor:
    """What a routine gives for its operands; nothing is called for a result without entries."""
    if 0 in result.shape:
        return compute(result.shape, number(0, result.dtype))
    return projection(extern(name, operands, [result], tuple(parameters.items())), 0)
