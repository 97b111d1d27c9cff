"""Library calls as calls of routines: which call becomes which, what a routine is, and how its call is written.

Each of the modules below has the routines of one library: expansions of a graph's calls into calls of them, with
comprehensions around; what is known of each; and its code.
"""

from __future__ import annotations

from collections.abc import Callable

from gradc.ir.rewrite import with_operands
from gradc.ir.tensor import Compute, Extent, Extern, Graph, Projection, Tensor, projection
from gradc.ir.walk import graph_order
from gradc.lower import decompositions, factorisations, fourier, lapack, recurrences, sorting
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.library import CallStatement, RoutineKind
from gradc.lower.rewrite import with_tensors

_EXPANSIONS: dict[str, Callable[[Extern, int], Tensor]] = (
    factorisations.EXPANSIONS
    | sorting.EXPANSIONS
    | fourier.EXPANSIONS
    | recurrences.EXPANSIONS
    | decompositions.EXPANSIONS
)
_WRITERS: dict[str, Callable[[ExpressionEmitter, CallStatement], None]] = (
    lapack.WRITERS | sorting.WRITERS | fourier.WRITERS | recurrences.WRITERS | decompositions.WRITERS
)
_KINDS: dict[str, RoutineKind] = lapack.KINDS | sorting.KINDS | fourier.KINDS | recurrences.KINDS | decompositions.KINDS
#: The library calls that become machine code.
LOWERED = frozenset(_EXPANSIONS)


def as_routines(graph: Graph) -> Graph:
    """The graph with its library calls as calls of routines."""
    order = graph_order(graph.outputs)
    if not any(isinstance(node, Extern) for node in order):
        return graph
    images: dict[Tensor, Tensor] = {}
    for node in order:
        if isinstance(node, Projection):
            source = with_operands(node.source, [images[t] for t in node.source.operands])
            expand = _EXPANSIONS.get(source.name) if isinstance(source, Extern) else None
            if expand is None:
                images[node] = projection(source, node.position)
            else:
                assert isinstance(source, Extern)
                images[node] = expand(source, node.position)
        elif isinstance(node, Compute):
            images[node] = with_tensors(node, images)
        elif isinstance(node, Tensor):
            images[node] = node
    return Graph(graph.inputs, tuple(images[t] for t in graph.outputs))


def title_of(statement: CallStatement) -> str:
    """What is called, for reading."""
    return _KINDS[statement.routine].title


def operations_of(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
    """The operations of all its calls, given what each extent is taken to be."""
    return _KINDS[statement.routine].operations(statement, assumed)


def uses_blas(statement: CallStatement) -> bool:
    """Whether it calls a library that would spread over threads by itself."""
    return _KINDS[statement.routine].uses_blas


def write_call(e: ExpressionEmitter, statement: CallStatement) -> None:
    """The call, for everything in the batch."""
    e.note_write(e.storage(statement.tensor).pointer)
    _WRITERS[statement.routine](e, statement)
