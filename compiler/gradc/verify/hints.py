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

from gradc.ir.tensor import Graph, Input
from gradc.verify.factor_hints import Factors, Pair
from gradc.verify.hint import Hint
from gradc.verify.hint_sample import Column, Inner, Related, Sample, same
from gradc.verify.repairs import find_repair
from gradc.verify.sample import Point, graph_size, values_at
from gradc.verify.term_hints import Terms

#: Larger graphs are only compared as a whole.
_LARGEST_EXAMINED = 1500


def find_hint(
    derived: Graph,
    hand: Graph,
    fixed: Mapping[Input, Any],
    *,
    position: int = 0,
    related: Sequence[Related] = (),
    forgotten: Iterable[Related] = (),
    inner: Sequence[Inner] = (),
) -> Hint | None:
    """The hint for output ``position``, or nothing.

    ``related`` are functions that may be meant by mistake (the derivative in another argument), ``forgotten`` derivatives
    in which a dependence was overlooked, ``inner`` the inner derivatives, so that a missing one is called so.
    """
    import mpmath

    sample = Sample(derived, hand, position, fixed)
    if not sample.points or not sample.hand.size:
        return None
    with mpmath.workdps(50):
        return next(_hints(sample, derived, hand, fixed, related, forgotten, inner), None)


def _hints(
    sample: Sample,
    derived: Graph,
    hand: Graph,
    fixed: Mapping[Input, Any],
    related: Sequence[Related],
    forgotten: Iterable[Related],
    inner: Sequence[Inner],
) -> Iterator[Hint]:
    whole = Pair(sample.derived, sample.hand, sample.tolerance)
    if abs((whole.ratio or 0) + 1) <= sample.tolerance:
        yield Hint("sign", "the sign is wrong: multiply by -1")
    yield from _as_a_whole(sample)
    shape = hand.outputs[sample.position].shape
    yield from _mistaken_for(sample, related, derived.inputs, shape)
    large = graph_size(derived, hand) > _LARGEST_EXAMINED
    factors = Factors(sample, derived, hand, inner, large)
    constant = factors.constant(whole)
    if constant is not None:
        yield constant
    if large:
        return
    yield from factors.single(whole)
    yield from _with_swapped_arguments(sample, derived, hand, fixed)
    yield from _along_the_other_axis(sample, derived)
    yield from _symmetry(sample, derived, hand, fixed)
    terms = Terms(sample, derived, hand)
    yield from terms.missing()
    yield from terms.wrong()
    yield from _mistaken_for(sample, forgotten, derived.inputs, shape)
    yield from terms.two_missing()
    yield from terms.scaled(factors)
    repair = find_repair(derived, hand, sample.position, fixed, inner)
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
    if np.ndim(sample.derived_arrays[0]) == 1:
        flipped = np.concatenate([a[::-1] for a in sample.derived_arrays])
        if same(flipped, sample.hand, sample.tolerance) and len(sample.derived_arrays[0]) > 1:
            yield Hint("order of entries", "the entries are in the opposite order")


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
                yield Hint("dropped term", f"a term is missing: {candidate.words} (product rule)")
            else:
                yield Hint(candidate.kind, f"this is {candidate.words}")


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
