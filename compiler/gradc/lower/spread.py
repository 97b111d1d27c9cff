"""Totals over all examples that a loop adds up step by step, as one total per example; these are added up after the loop.

The adjoint of a batch of loops adds to the cotangent of what all examples share, at each step, a sum over the examples: they
meet there. With a total for each example they don't. Only sums that differentiation made are taken in another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradc.ir.algebra import Reindexing, guarded, rebuild, sum_of
from gradc.ir.rewrite import replace_tensors, with_operands
from gradc.ir.scalar import Guard, Load, Scalar, index, is_apply, load, number
from gradc.ir.tensor import Compute, Extent, Graph, Input, Loop, Tensor, compute, input_tensor, loop, projection
from gradc.ir.walk import graph_order, loads_of, operands_of, post_order


def with_totals_spread(graph: Graph) -> Graph:
    """The graph with a total per example in each loop that has one for all; the same graph where there is none."""
    mapping: dict[Tensor, Tensor] = {}
    for node in graph_order(graph.outputs):
        if isinstance(node, Loop) and node.condition is None:
            own = with_operands(node, replace_tensors(node.operands, mapping))
            assert isinstance(own, Loop)
            totals = _totals(own)
            if totals:
                results = _results(own, totals)
                mapping |= {projection(node, k): result for k, result in enumerate(results)}
    return Graph(graph.inputs, replace_tensors(graph.outputs, mapping)) if mapping else graph


@dataclass(frozen=True)
class _Total:
    """A state that is a total: the examples, and its next value with one of its own for each."""

    state: Input
    extent: Extent
    wide: Input
    following: Compute


def _totals(node: Loop) -> dict[int, _Total]:
    order = graph_order(node.body.outputs)
    names = {t.name for t in node.body.inputs}
    found: dict[int, _Total] = {}
    for k, (state, output) in enumerate(zip(node.body.inputs[1:], node.body.outputs[: node.state_count], strict=False)):
        readers = [n for n in order if state in operands_of(n)]
        if readers == [output] and node.body.outputs.count(output) == 1:
            total = _total(state, output, names)
            if total is not None:
                found[k] = total
    extents = {e for t in node.body.inputs[1 : node.state_count + 1] for e in t.shape}
    return {k: total for k, total in found.items() if total.extent in extents}


def _total(state: Input, output: Tensor, names: set[str]) -> _Total | None:
    """``state + sums over examples``, each term being linear in one of the sums."""
    own = [index(k) for k in range(state.rank)]
    if not isinstance(output, Compute) or output.reducer is not None or not is_apply(output.body, "sum"):
        return None
    terms = [term for term in output.body.children if term is not load(state, own)]
    if len(terms) != len(output.body.children) - 1 or any(item.tensor is state for item in loads_of(*terms)):
        return None
    sums = {item.tensor for item in loads_of(*terms) if _is_sum(item.tensor)}
    extents = {t.reduce_extents[0] for t in sums if isinstance(t, Compute)}
    if len(extents) != 1:
        return None
    spread = [_spread(term, state.rank, sums) for term in terms]
    found = [term for term in spread if term is not None]
    if len(found) < len(terms):
        return None
    (extent,) = extents
    name = f"{state.name}_each"
    while name in names:
        name += "_"
    names.add(name)
    wide = input_tensor(name, (*state.shape, extent), state.dtype)
    body = sum_of(load(wide, [*own, index(state.rank)]), *found, dtype=state.dtype)
    return _Total(state, extent, wide, compute(wide.shape, body))


def _is_sum(tensor: Tensor) -> bool:
    return isinstance(tensor, Compute) and tensor.reducer == "sum" and len(tensor.reduce_extents) == 1


def _spread(term: Scalar, axis: int, sums: set[Tensor]) -> Scalar | None:
    """A term with what is summed in place of its sum, where it is linear in that."""
    images: dict[Scalar, Scalar] = {}
    order = post_order([term], prune=lambda scalar: isinstance(scalar, Load))
    for scalar in order:
        if isinstance(scalar, Load):
            if scalar.tensor in sums:
                images[scalar] = _summed(scalar, axis)
            continue
        inside = [child for child in scalar.children if child in images]
        if not inside:
            continue
        is_sum = is_apply(scalar, "sum") and len(inside) == len(scalar.children)
        is_product = (is_apply(scalar, "prod") or is_apply(scalar, "mul")) and len(inside) == 1
        is_guard = isinstance(scalar, Guard) and scalar.predicate not in images
        if not (is_sum or is_product or is_guard):
            return None
        images[scalar] = rebuild(scalar, [images.get(child, child) for child in scalar.children])
    return images.get(term)


def _summed(item: Load, axis: int) -> Scalar:
    """What is summed to make an entry."""
    tensor = item.tensor
    assert isinstance(tensor, Compute)
    places = {**dict(enumerate(item.indices)), tensor.rank: index(axis)}
    move = Reindexing(places)
    return guarded(move(tensor.domain), move(tensor.body))


def _results(node: Loop, totals: Mapping[int, _Total]) -> Sequence[Tensor]:
    """The results of the loop with these totals spread."""
    first, second = node.state_count, node.state_count + node.sequence_count
    inputs, outputs, operands = list(node.body.inputs), list(node.body.outputs), list(node.operands)
    for k, total in totals.items():
        inputs[k + 1], outputs[k] = total.wide, total.following
        operands[k] = compute(total.wide.shape, number(0, total.wide.dtype))
    made = loop(
        Graph(tuple(inputs), tuple(outputs)),
        trip=node.trip,
        init=operands[:first],
        sequences=operands[first:second],
        captured=operands[second:],
        reverse=node.reverse,
    )
    results: list[Tensor] = [projection(made, k) for k in range(len(node.results))]
    for k, total in totals.items():
        own = [index(axis) for axis in range(total.state.rank)]
        each = load(results[k], [*own, index(total.state.rank)])
        added = compute(total.state.shape, each, reduce_extents=[total.extent], reducer="sum")
        start = load(node.operands[k], own)
        results[k] = compute(total.state.shape, sum_of(start, load(added, own), dtype=total.state.dtype))
    return results
