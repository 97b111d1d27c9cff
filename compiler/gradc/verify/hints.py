"""The smallest correction that makes a refuted derivation right.

Every slip applied in reverse is a candidate: a transpose, another argument's derivative, a factor or a term that is missing, an
operation in place of another. Candidates are tested by numbers at several points in extended precision, simple ones first.
Only a correction that makes the two equal at every point is offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from gradc.ir.algebra import difference
from gradc.ir.scalar import index, load
from gradc.ir.tensor import Graph, Input, compute
from gradc.verify.factor_hints import Factors, Pair
from gradc.verify.givens import Givens, declared
from gradc.verify.hint import Hint
from gradc.verify.hint_sample import Column, Related, Sample, same
from gradc.verify.repairs import NO_PARTS, Parts, find_repair
from gradc.verify.sample import WORKING_DIGITS, Point, graph_size, values_at, working_precision
from gradc.verify.term_hints import Terms
from gradc.verify.wording import tensor_words

#: Larger graphs are only compared as a whole.
_LARGEST_EXAMINED = 1500
_MOST_TRANSPOSED = 3
_LONGEST_TERM = 80


def find_hint(
    derived: Graph,
    hand: Graph,
    fixed: Mapping[Input, Any],
    *,
    position: int = 0,
    related: Sequence[Related] = (),
    forgotten: Iterable[Related] = (),
    parts: Parts = NO_PARTS,
) -> Hint | None:
    """The hint for output ``position``, or nothing.

    ``related`` are functions that may be meant by mistake (the derivative in another argument), ``forgotten`` derivatives
    in which a dependence was overlooked, ``parts`` the inner derivatives, so that a missing one is called so.
    """
    sample = Sample(derived, hand, position, fixed)
    if not sample.points or not sample.hand.size:
        return None
    with working_precision(WORKING_DIGITS):
        found = next(_hints(sample, derived, hand, fixed, related, forgotten, parts), None)
        return found or _where_positive(derived, hand, declared(fixed), position, related, forgotten)


def _where_positive(
    derived: Graph,
    hand: Graph,
    givens: Givens,
    position: int,
    related: Sequence[Related],
    forgotten: Iterable[Related],
) -> Hint | None:
    """A hint that holds for positive arguments: roots were drawn apart or together."""
    free = [node for node in derived.inputs if node not in givens and node.dtype.kind == "f"]
    if not free or givens.positive.issuperset(free) or graph_size(derived, hand) > _LARGEST_EXAMINED:
        return None
    sample = Sample(derived, hand, position, givens.narrowed(free))
    if not sample.points:
        return None
    whole = Pair(sample.derived, sample.hand, sample.tolerance)
    terms = Terms(sample, derived, hand)
    factors = Factors(sample, derived, hand, (), largest=False)
    constant = factors.constant(whole)
    shape = hand.outputs[position].shape
    searches = (
        () if constant is None or constant.text.startswith("it is") else (constant,),
        _mistaken_for(sample, related, derived.inputs, shape),
        factors.single(whole),
        terms.missing(),
        terms.wrong(),
    )
    found = next((hint for search in searches for hint in search), None)
    return None if found is None else Hint(found.kind, f"{found.text} (where {_listed(free)} > 0)")


def _listed(nodes: Sequence[Input]) -> str:
    return ", ".join(node.name for node in nodes)


def _hints(
    sample: Sample,
    derived: Graph,
    hand: Graph,
    fixed: Mapping[Input, Any],
    related: Sequence[Related],
    forgotten: Iterable[Related],
    parts: Parts,
) -> Iterator[Hint]:
    whole = Pair(sample.derived, sample.hand, sample.tolerance)
    if abs((whole.ratio or 0) + 1) <= sample.tolerance:
        yield Hint("sign", "the sign is wrong: multiply by -1")
    yield from _as_a_whole(sample)
    shape = hand.outputs[sample.position].shape
    yield from _mistaken_for(sample, related, derived.inputs, shape)
    large = graph_size(derived, hand) > _LARGEST_EXAMINED
    factors = Factors(sample, derived, hand, parts.inner, large)
    constant = factors.constant(whole)
    if constant is not None:
        yield constant
    if large:
        return
    terms = Terms(sample, derived, hand)
    if all(value == sample.hand[0] for value in sample.hand):
        yield from terms.missing()
    yield from factors.single(whole)
    yield from _with_swapped_arguments(sample, derived, hand, fixed)
    yield from _along_the_other_axis(sample, derived)
    yield from _with_transposed_arguments(sample, hand, fixed)
    repair = find_repair(derived, hand, sample.position, fixed, parts)
    if repair is not None and repair.kind == "transposed":
        yield repair
    yield from _symmetry(sample, derived, hand, fixed)
    yield from terms.missing()
    yield from terms.wrong()
    yield from _mistaken_for(sample, forgotten, derived.inputs, shape)
    yield from terms.two_missing()
    yield from terms.scaled(factors)
    if repair is not None:
        yield repair
    yield from factors.double(whole)
    yield from terms.with_another_slip(factors)
    yield from _rounding(sample)


# ---------------------------------------------------------------- whole arrays


def _as_a_whole(sample: Sample) -> Iterator[Hint]:
    arrays = list(zip(sample.derived_arrays, sample.hand_arrays, strict=True))
    if all(np.ndim(a) >= 2 and a.shape == b.shape for a, b in arrays):
        turned = [np.swapaxes(a, -1, -2) for a, _ in arrays]
        if all(t.shape == b.shape for t, (_, b) in zip(turned, arrays, strict=True)):
            column = np.concatenate([t.reshape(-1) for t in turned])
            pair = Pair(column, sample.hand, sample.tolerance)
            if same(column, sample.hand, sample.tolerance):
                yield Hint("transposed", "it is transposed: swap the two axes (numerator against denominator layout)")
            elif abs((pair.ratio or 0) + 1) <= sample.tolerance:
                yield Hint("transposed", "it is transposed: swap the two axes, and the sign is wrong")
    if all(np.ndim(a) == 2 and a.shape[0] == a.shape[1] for a, _ in arrays):
        diagonal = np.concatenate([np.diag(np.diag(a)).reshape(-1) for a, _ in arrays])
        if same(diagonal, sample.hand, sample.tolerance) and any(value != 0 for value in diagonal):
            yield Hint("dropped term", "only the diagonal is there: the entries beside it are missing")
    if np.ndim(sample.derived_arrays[0]) == 1:
        flipped = np.concatenate([a[::-1] for a in sample.derived_arrays])
        if same(flipped, sample.hand, sample.tolerance) and len(sample.derived_arrays[0]) > 1:
            yield Hint("swapped", "the entries are in the opposite order")


def _mistaken_for(
    sample: Sample, related: Iterable[Related], inputs: Sequence[Input], shape: Sequence[Any]
) -> Iterator[Hint]:
    for candidate in related:
        tensor = candidate.graph.outputs[0]
        if tensor.shape != tuple(shape) or candidate.graph.inputs != tuple(inputs):
            continue
        column = sample.column(tensor, inputs)
        if column is None or not any(value != 0 for value in column):
            continue
        if same(column, sample.hand, sample.tolerance):
            if candidate.kind == "dropped term":
                yield _missing_part(sample, candidate)
            else:
                yield Hint(candidate.kind, f"this is {candidate.words}")


def _missing_part(sample: Sample, candidate: Related) -> Hint:
    """The term that a forgotten dependence makes missing, by name where it is short."""
    from gradc.simplify.display import display

    (whole,) = candidate.graph.outputs
    indices = [index(k) for k in range(whole.rank)]
    gap = compute(whole.shape, difference(load(sample.right, indices), load(whole, indices)))
    words = tensor_words(display(Graph(candidate.graph.inputs, (gap,))).outputs[0], _LONGEST_TERM)
    named = f"the term {words} is missing" if words else "a term is missing"
    return Hint("dropped term", f"{named} ({candidate.words})" if candidate.words else named)


def _with_swapped_arguments(sample: Sample, derived: Graph, hand: Graph, fixed: Mapping[Input, Any]) -> Iterator[Hint]:
    """The written formula with two arguments exchanged."""
    free = [node for node in hand.inputs if node not in fixed]
    for first, second in combinations(free, 2):
        if first.shape != second.shape or first.dtype != second.dtype:
            continue
        parts = []
        for point in sample.points:
            values = {**point.values, first: point.values[second], second: point.values[first]}
            parts.append(_values(hand, sample, Point(values, point.sizes)))
        if same(np.concatenate(parts), sample.derived, sample.tolerance):
            yield Hint("swapped", f"{first.name} and {second.name} are swapped")


def _with_transposed_arguments(sample: Sample, hand: Graph, fixed: Mapping[Input, Any]) -> Iterator[Hint]:
    """The written formula with square matrices transposed, wherever they stand."""
    square = [n for n in hand.inputs if n not in fixed and n.rank == 2 and n.shape[0] == n.shape[1]]
    for count in range(1, min(len(square), _MOST_TRANSPOSED) + 1):
        for chosen in combinations(square, count):
            parts = []
            for point in sample.points:
                turned = {node: point.values[node].T for node in chosen}
                parts.append(_values(hand, sample, Point({**point.values, **turned}, point.sizes)))
            if same(np.concatenate(parts), sample.derived, sample.tolerance):
                yield Hint("transposed", f"{' and '.join(node.name for node in chosen)} should be transposed")


def _along_the_other_axis(sample: Sample, derived: Graph) -> Iterator[Hint]:
    """The derivative of the same function of the transposed matrix: a sum over rows for one over columns."""
    matrices = [node for node in derived.inputs if node.rank]
    if len(matrices) != 1 or matrices[0].rank != 2 or derived.outputs[sample.position].shape != matrices[0].shape:
        return
    (matrix,) = matrices
    sizes = [str(getattr(extent, "name", extent)) for extent in matrix.shape]
    parts = []
    for point in sample.points:
        renamed = point.sizes
        if all(name in point.sizes for name in sizes):
            renamed = {**point.sizes, sizes[0]: point.sizes[sizes[1]], sizes[1]: point.sizes[sizes[0]]}
        elif sizes[0] != sizes[1]:
            return
        turned = Point({**point.values, matrix: point.values[matrix].T}, renamed)
        parts.append(np.asarray(values_at(derived, turned).outputs[sample.position]).T.reshape(-1))
    if same(np.concatenate(parts), sample.hand, sample.tolerance):
        yield Hint("index", f"rows and columns of {matrix.name} are mixed up: a sum or a mean is over the other axis")


# ---------------------------------------------------------------- symmetric matrices


def _symmetry(sample: Sample, derived: Graph, hand: Graph, fixed: Mapping[Input, Any]) -> Iterator[Hint]:
    arrays = sample.derived_arrays
    if all(np.ndim(a) == 2 and a.shape[0] == a.shape[1] for a in arrays) and any(len(a) > 1 for a in arrays):
        twice = np.concatenate([(a + a.T - np.diag(np.diag(a))).reshape(-1) for a in arrays])
        if same(twice, sample.hand, sample.tolerance):
            yield Hint(
                "symmetric twice",
                "entries off the diagonal are counted twice, as for a symmetric matrix whose two halves move together: "
                "here every entry is a variable of its own",
            )
    for node in derived.inputs:
        if node in fixed or node.rank != 2 or node.shape[0] != node.shape[1]:
            continue
        if all(_agrees_if_symmetric(sample, derived, hand, node, point) for point in sample.points):
            yield Hint("symmetric only", f"it is right only where {node.name} is symmetric")


def _agrees_if_symmetric(sample: Sample, derived: Graph, hand: Graph, node: Input, point: Point) -> bool:
    matrix = point.values[node]
    symmetric = Point({**point.values, node: (matrix + matrix.T) / 2}, point.sizes)
    ours, theirs = (_values(graph, sample, symmetric) for graph in (derived, hand))
    return len(matrix) > 1 and same(ours, theirs, sample.tolerance)


def _values(graph: Graph, sample: Sample, point: Point) -> Column:
    return np.reshape(values_at(graph, point).outputs[sample.position], -1)


def _rounding(sample: Sample) -> Iterator[Hint]:
    worst = 0.0
    for ours, theirs in zip(sample.derived, sample.hand, strict=True):
        if ours == 0:
            return
        worst = max(worst, float(abs((ours - theirs) / ours)))
    if 0 < worst < 1e-4:
        yield Hint("rounding", f"equal up to a relative {worst:.1g}: a rounded number, perhaps")


__all__ = ["Related", "find_hint"]
