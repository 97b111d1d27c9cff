"""From a graph to what runs, in order: cut at library calls and sub-graphs, improved pass by pass, fused into loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradc.ir.scalar import index, load
from gradc.ir.tensor import Compute, Graph, Tensor, compute
from gradc.ir.walk import graph_order
from gradc.lower.alike import ordered_alike
from gradc.lower.batches import laid_out, leading_axes, with_own_operands
from gradc.lower.combined import combine_sums
from gradc.lower.contractions import fold_scale, vector_products
from gradc.lower.demanded import triangular_products
from gradc.lower.fuse import Fusion, Lifetimes, storage_needs
from gradc.lower.inline import inline, reuse
from gradc.lower.large import take_apart
from gradc.lower.library import CutGraph, LibraryResult
from gradc.lower.ordering import split
from gradc.lower.statements import statements_of
from gradc.lower.strips import striped_products
from gradc.lower.tree import Item, Statement, statements
from gradc.lower.unroll import written_out

Observer = Callable[[str, Graph], object]


@dataclass
class Schedule:
    """What runs, in functions, and what of it is kept in memory."""

    parts: CutGraph
    tensors: list[Tensor]
    functions: list[list[Item]]
    ordered: list[Statement]
    needs: Lifetimes


def scheduled(
    parts: CutGraph,
    divided: Callable[[list[Item]], list[list[Item]]],
    observe: Observer = lambda name, graph: None,
    times: float = 1.0,
) -> Schedule:
    """The schedule of a graph that was cut; ``divided`` makes functions of its items, all of which run ``times`` times."""
    graph = parts.graph
    tensors = ordered_tensors(graph)
    for name, run in PASSES:
        changed = run(graph, tensors)
        if changed is not graph:
            graph, tensors = changed, ordered_tensors(changed)
        observe(name, graph)
    parts = parts.with_graph(graph)
    tensors = parts.ordered()
    leads = leading_axes(tensors)
    products = striped_products(tensors) | vector_products(tensors) | triangular_products(tensors, graph.outputs)
    ordered: list[Statement] = []
    for t in tensors:
        if isinstance(t, Compute):
            ordered += statements_of(t, leads.get(t, ()), products.get(t))
        elif isinstance(t, LibraryResult):
            ordered.append(parts.statement(t))
    functions = divided(ordered_alike(written_out(Fusion(ordered, times).tree())))
    ordered = [s for items in functions for s in statements(items)]
    needs = storage_needs(functions, graph.outputs)
    needs.kept_axes.update(laid_out(needs.kept_axes, leads, ordered))
    for statement in ordered:
        statement.stored = statement.tensor in needs.stored
    return Schedule(parts, tensors, functions, ordered, needs)


def with_own_outputs(graph: Graph, _: Sequence[Tensor] = ()) -> Graph:
    """Each output computed into a buffer of its own: inputs, constants and repeated outputs are copied."""
    seen: set[Tensor] = set()
    outputs: list[Tensor] = []
    for tensor in graph.outputs:
        while not isinstance(tensor, Compute | LibraryResult) or tensor in seen:
            tensor = compute(tensor.shape, load(tensor, [index(k) for k in range(tensor.rank)]))
        seen.add(tensor)
        outputs.append(tensor)
    return graph if graph.outputs == tuple(outputs) else Graph(graph.inputs, tuple(outputs))


def ordered_tensors(graph: Graph) -> list[Tensor]:
    """The tensors of a graph, operands first."""
    return [node for node in graph_order(graph.outputs) if isinstance(node, Tensor)]


#: The passes from graph to graph, in order.
PASSES: tuple[tuple[str, Callable[[Graph, Sequence[Tensor]], Graph]], ...] = (
    ("inline", inline),
    ("combine sums", combine_sums),
    ("reuse", reuse),
    ("split", split),
    ("own operands", with_own_operands),
    ("fold scale", fold_scale),
    ("take apart", take_apart),
    ("own outputs", with_own_outputs),
)
