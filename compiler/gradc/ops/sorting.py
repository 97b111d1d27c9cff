"""Sorting and searching along the last axis, as permutations and positions.

=========================  =====================================================================================
call                       result
=========================  =====================================================================================
``argsort(x)``             the stable permutation that puts each row of x in order, NaN last
``searchsorted(e, v)``     for each entry of a row of v, how many entries of the sorted row of e come before it:
                           those that are less (``side`` "left"), or less or equal ("right"); NaN counts as largest
=========================  =====================================================================================

Leading axes are batch axes. Both give int64, so neither has a derivative: sorted values are ``x`` read through the
permutation, and differentiation is that of reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradc.ir.scalar import INT64
from gradc.ir.tensor import ResultType, Tensor
from gradc.ops.extern import Library, Setting, enter


def _positions(operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    return (ResultType(operands[-1].shape, INT64),)


def _permutation(operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    return (ResultType(operands[0].shape, INT64, below=operands[0].shape[-1]),)


def _constant(at: Setting, _: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
    """Integers don't move."""
    return [None] * len(at.node.results)


def _untouched(at: Setting, _: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
    """Nothing comes back from integers."""
    return [None] * len(at.node.operands)


enter(Library("argsort", 1, _permutation, _constant, _untouched))
enter(Library("searchsorted", 1, _positions, _constant, _untouched))
