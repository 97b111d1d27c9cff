"""Products that every step of a loop adds to the cotangent of a captured tensor, added up after the loop.

A weight matrix that a loop applies at each step, ``h = W x``, has the cotangent ``sum over t of d[t] x[t]^T``. Added up step by
step it is read and written whole at every step. Here the loop leaves the factors behind, and one product of matrices over the
steps does the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import prod

from gradc.ir.algebra import substitute
from gradc.ir.scalar import TRUE, Index, Load, Number, Scalar, index, is_apply, load
from gradc.ir.tensor import Compute, Extent, Tensor, compute

#: A cotangent of fewer entries stays near the processor while it is added up.
_FEWEST = 1024
#: How many times smaller than the cotangent the factors must be together.
_RATIO = 4


def factors_left_behind(contribution: Tensor, stepwise: Collection[Tensor], allowance: int) -> list[Tensor] | None:
    """What the steps would leave behind for a contribution, if it is a product to be added up after the loop.

    Parameters
    ----------
    contribution
        What a step adds to the cotangent.
    stepwise
        What there is for every step anyway: it needs not be left behind.
    allowance
        How many entries a step may leave behind.

    """
    loads = _factors(contribution)
    if loads is None:
        return None
    entries, left = _entries(contribution.shape), list(dict.fromkeys(t for t in loads if t not in stepwise))
    sizes = [_entries(t.shape) for t in dict.fromkeys(loads)]
    if entries is None or None in sizes or entries < _FEWEST or sum(filter(None, sizes)) * _RATIO > entries:
        return None
    return left if sum(_entries(t.shape) or 0 for t in left) <= allowance else None


def _factors(contribution: Tensor) -> list[Tensor] | None:
    """The tensors whose product a contribution is: each entry of theirs is read at axes alone."""
    if not isinstance(contribution, Compute) or contribution.reducer not in (None, "sum"):
        return None
    if contribution.domain is not TRUE or not is_apply(contribution.body, "prod"):
        return None
    found: list[Tensor] = []
    for factor in contribution.body.children:
        if isinstance(factor, Number):
            continue
        if not isinstance(factor, Load) or factor.dtype != contribution.dtype:
            return None
        if not all(isinstance(place, Index) for place in factor.indices):
            return None
        found.append(factor.tensor)
    return found


def _entries(shape: Iterable[Extent]) -> int | None:
    extents = list(shape)
    return prod(e for e in extents if isinstance(e, int)) if all(isinstance(e, int) for e in extents) else None


def entries_of(tensors: Sequence[Tensor]) -> int:
    """How many entries tensors have together, those of symbolic size left out."""
    return sum(_entries(t.shape) or 0 for t in tensors)


def over_steps(contribution: Tensor, stacks: Mapping[Tensor, Tensor], trip: Extent) -> Tensor:
    """The sum of all steps' contributions, given what stands for each factor at all steps."""
    assert isinstance(contribution, Compute)
    step = index(len(contribution.extents))
    stacked: dict[Scalar, Scalar] = {
        factor: load(stacks[factor.tensor], [step, *factor.indices])
        for factor in contribution.body.children
        if isinstance(factor, Load)
    }
    return compute(
        contribution.shape,
        substitute(contribution.body, stacked),
        reduce_extents=(*contribution.reduce_extents, trip),
        reducer="sum",
    )
