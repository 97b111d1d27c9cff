"""A Compute as a statement of the loop tree: which kind it is, and in which order its axes become loops."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import CompileError
from gradc.ir.algebra import Substitution, linear_terms
from gradc.ir.scalar import TRUE, Index, Scalar, index, is_apply, is_number
from gradc.ir.tensor import Compute
from gradc.ir.walk import free_indices
from gradc.lower.text import is_lowerable
from gradc.lower.tree import Statement

_SCANNED = ("sum", "prod", "max", "min")


def statement_of(tensor: Compute) -> Statement:
    """How ``tensor`` is computed."""
    for dtype in (tensor.dtype, tensor.body.dtype):
        if not is_lowerable(dtype):
            raise CompileError(f"arrays of {dtype} are not lowered to machine code yet; use float64 or float32")
    if tensor.reducer is None:
        return _in_order(tensor, "map", range(tensor.rank))
    running = _running(tensor)
    if running is not None:
        return running
    return _in_order(tensor, "reduce", range(len(tensor.extents)))


def _in_order(tensor: Compute, kind: str, order: Sequence[int]) -> Statement:
    """The statement whose loop at depth d runs over axis ``order[d]``."""
    depth_of = {axis: depth for depth, axis in enumerate(order)}
    renaming = {index(axis): index(depth) for axis, depth in depth_of.items() if axis != depth}
    rename = Substitution(dict(renaming)) if renaming else None
    reduces = [depth for axis, depth in depth_of.items() if axis >= tensor.rank]
    return Statement(
        tensor,
        kind,
        tuple(tensor.extents[axis] for axis in order),
        tuple(index(depth_of[axis]) for axis in range(tensor.rank)),
        rename(tensor.body) if rename else tensor.body,
        rename(tensor.domain) if rename else tensor.domain,
        min(reduces, default=len(order)),
    )


def _running(tensor: Compute) -> Statement | None:
    """A reduction over ``k <= i``, ``k < i``, ``k >= i`` or ``k > i`` of a body without i: one running value."""
    if tensor.reducer not in _SCANNED or len(tensor.reduce_extents) != 1 or not is_apply(tensor.domain, "less_equal"):
        return None
    expression, zero = tensor.domain.children
    terms, shift = linear_terms(expression)
    k = tensor.rank
    if not is_number(zero, 0) or len(terms) != 2 or not all(isinstance(atom, Index) for atom in terms):
        return None
    coefficients = {atom.position: c for atom, c in terms.items()}  # type: ignore[attr-defined]
    axis = next((a for a in coefficients if a != k), None)
    if axis is None or k not in coefficients or coefficients[k] + coefficients[axis] != 0 or abs(coefficients[k]) != 1:
        return None
    if shift not in (0, 1) or axis in free_indices(tensor.body) or tensor.shape[axis] != tensor.reduce_extents[0]:
        return None
    outer = [a for a in range(tensor.rank) if a != axis]
    depth_of = {a: d for d, a in enumerate([*outer, axis])}
    rename = Substitution({index(a): index(d) for a, d in depth_of.items()} | {index(k): index(tensor.rank - 1)})
    return Statement(
        tensor,
        "scan",
        tuple(tensor.shape[a] for a in [*outer, axis]),
        tuple(index(depth_of[a]) for a in range(tensor.rank)),
        rename(tensor.body),
        TRUE,
        tensor.rank - 1,
        inclusive=shift == 0,
        descending=coefficients[k] < 0,
    )


def over_loops(scalar: Scalar, order: Sequence[int]) -> Scalar:
    """``scalar`` with axis ``order[d]`` renamed to depth d."""
    return Substitution({index(axis): index(depth) for depth, axis in enumerate(order)})(scalar)
