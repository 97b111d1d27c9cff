"""The smallest correction that makes a refuted derivation right.

Candidates (factors and terms of the derived formula, arguments, sizes, usual constants) are tested by numbers at several
points in extended precision and then named as symbols. Only a correction that makes the two equal at every point is
offered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradc.ir.tensor import Graph, Input
from gradc.verify.factor_hints import constant_hint, constant_ratio, factors, missing_factor, own_factors, two_factors
from gradc.verify.hint_sample import Related, Sample, same
from gradc.verify.repairs import find_repair
from gradc.verify.sample import Point, graph_size, values_at
from gradc.verify.term_hints import term_hints, term_multiples

#: Larger graphs are only compared as a whole.
_LARGEST_EXAMINED = 1500


def find_hint(
    derived: Graph,
    hand: Graph,
    fixed: Mapping[Input, Any],
    *,
    position: int = 0,
    related: Sequence[Related] = (),
    inner: Sequence[str] = (),
) -> str:
    """The hint for output ``position``, or nothing.

    ``related`` are functions that may be meant by mistake (the derivative in another argument), ``inner`` the words of inner
    derivatives, so that a missing one is called so.
    """
    import mpmath

    sample = Sample(derived, hand, position, fixed)
    if not sample.points:
        return ""
    with mpmath.workdps(50):
        return next((hint for hint in _hints(sample, derived, hand, fixed, related, inner) if hint), "")


def _hints(
    sample: Sample,
    derived: Graph,
    hand: Graph,
    fixed: Mapping[Input, Any],
    related: Sequence[Related],
    inner: Sequence[str],
) -> Iterator[str]:
    yield from _as_a_whole(sample)
    yield from _mistaken_for(sample, related, derived.inputs, hand.outputs[sample.position].shape)
    ratio = constant_ratio(sample, sample.hand)
    if graph_size(derived, hand) > _LARGEST_EXAMINED:
        yield "" if ratio is None else constant_hint(ratio, sample, derived)
        return
    candidates = factors(sample, derived, fixed)
    own = own_factors(hand.outputs[sample.position], hand.inputs)
    if ratio is not None:
        yield constant_hint(ratio, sample, derived)
    yield from missing_factor(sample, candidates, inner, own)
    yield from _only_if_symmetric(sample, derived, hand, fixed)
    yield from term_hints(sample, derived, hand)
    yield find_repair(derived, hand, sample.position, fixed)
    yield from term_multiples(sample, derived, hand)
    yield from two_factors(sample, candidates, inner)
    yield from _rounding(sample)


# ---------------------------------------------------------------- whole arrays


def _as_a_whole(sample: Sample) -> Iterator[str]:
    if all(
        np.ndim(a) >= 2 and a.shape == b.shape for a, b in zip(sample.derived_arrays, sample.hand_arrays, strict=True)
    ):
        turned = [np.swapaxes(a, -1, -2) for a in sample.derived_arrays]
        if all(t.shape == b.shape for t, b in zip(turned, sample.hand_arrays, strict=True)):
            column = np.concatenate([t.reshape(-1) for t in turned])
            if same(column, sample.hand, sample.tolerance):
                yield "it is transposed: swap the two axes (numerator against denominator layout)"
    if np.ndim(sample.derived_arrays[0]) == 1:
        flipped = np.concatenate([a[::-1] for a in sample.derived_arrays])
        if same(flipped, sample.hand, sample.tolerance) and len(sample.derived_arrays[0]) > 1:
            yield "the entries are in the opposite order"


def _mistaken_for(
    sample: Sample, related: Sequence[Related], inputs: Sequence[Input], shape: Sequence[Any]
) -> Iterator[str]:
    for candidate in related:
        tensor = candidate.graph.outputs[0]
        if tensor.shape != shape or candidate.graph.inputs != tuple(inputs):
            continue
        column = sample.column(tensor, inputs)
        if column is not None and same(column, sample.hand, sample.tolerance):
            yield f"this is {candidate.words}"


def _only_if_symmetric(sample: Sample, derived: Graph, hand: Graph, fixed: Mapping[Input, Any]) -> Iterator[str]:
    """Whether the two agree where a square argument is symmetric: ``2 A x`` for the gradient of ``x' A x``."""
    for node in derived.inputs:
        if node in fixed or node.rank != 2 or node.shape[0] != node.shape[1]:
            continue
        for point in sample.points:
            matrix = point.values[node]
            symmetric = Point({**point.values, node: (matrix + matrix.T) / 2}, point.sizes)
            ours, theirs = (values_at(g, symmetric).outputs[sample.position] for g in (derived, hand))
            if len(matrix) < 2 or not same(np.reshape(ours, -1), np.reshape(theirs, -1), sample.tolerance):
                break
        else:
            yield f"it is right only where {node.name} is symmetric"


def _rounding(sample: Sample) -> Iterator[str]:
    worst = 0.0
    for ours, theirs in zip(sample.derived, sample.hand, strict=True):
        if ours == 0:
            return
        worst = max(worst, float(abs((ours - theirs) / ours)))
    if 0 < worst < 1e-4:
        yield f"equal up to a relative {worst:.1g}: a rounded number, perhaps"


__all__ = ["Related", "find_hint"]
