"""Diagonals and triangles: brackets between two axes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.ir.algebra import conjunction, difference, equal, guarded, less, less_equal, sum_of
from gradc.ir.scalar import Scalar, index, number
from gradc.ir.tensor import Extent, compute, extent, extent_scalar
from gradc.trace.arrays.storage import axes, entry, read_only
from gradc.trace.arrays.tracer import TracedArray, extent_of, lift, wrap
from gradc.trace.context import shape_error, trace_error
from gradc.trace.movement.flat import flat_view, put_cycled
from gradc.trace.movement.ranges import arange
from gradc.trace.movement.shaping import listed_axes, moveaxis, ravel
from gradc.trace.registry import implements


def _diagonal_length(rows: Extent, columns: Extent, offset: int) -> Extent:
    if isinstance(rows, int) and isinstance(columns, int):
        return max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    if rows == columns:
        return extent(difference(extent_scalar(rows), abs(offset)))
    raise shape_error(f"the diagonal of a {rows} by {columns} matrix has no length of its own; give the sizes as ints")


def last_diagonal(x: TracedArray, offset: int) -> tuple[Extent, list[Scalar]]:
    """The length of the diagonal of the last two axes, and where its entries are (the axis after the others along it)."""
    along = index(x.ndim - 2)
    where = [*axes(x.ndim - 2), sum_of(along, max(-offset, 0)), sum_of(along, max(offset, 0))]
    return _diagonal_length(x.extents[-2], x.extents[-1], offset), where


def diagonal_last(a: Any, axis1: int, axis2: int) -> TracedArray:
    """The array with the two axes of a diagonal moved to the end."""
    x = lift(a)
    if x.ndim < 2:
        raise shape_error("diag requires an array of at least two dimensions")
    return moveaxis(x, listed_axes((axis1, axis2), x.ndim, "'axis1' and 'axis2'"), (-2, -1))


@implements(np.diagonal, method="diagonal")
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> TracedArray:
    """Entries on a diagonal, along a new last axis: a view that can only be read."""
    x = diagonal_last(a, axis1, axis2)
    length, where = last_diagonal(x, operator.index(offset))
    return x.part(read_only((*x.extents[:-2], length), where))


@implements(np.diag)
def diag(v: Any, k: int = 0) -> TracedArray:
    """A matrix's diagonal, or the matrix with this diagonal."""
    x = lift(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise shape_error(f"Input must be 1- or 2-d, not of shape {x.extents}")
    shift = operator.index(k)
    side = extent(sum_of(extent_scalar(x.extents[0]), abs(shift)))
    value = entry(x.tensor, [difference(index(0), max(-shift, 0))])
    inside = equal(sum_of(index(0), shift), index(1))
    ranges = [less_equal(max(-shift, 0), index(0)), less_equal(max(shift, 0), index(1))] if shift else []
    return TracedArray(wrap(compute((side, side), guarded(conjunction(inside, *ranges), value))).tensor)


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> TracedArray:
    """The matrix with the flattened array on its diagonal."""
    return diag(ravel(lift(v)), k)


@implements(np.fill_diagonal)
def fill_diagonal(a: TracedArray, val: Any, wrap: bool = False) -> None:
    """Set the entries of a diagonal; a tall matrix's goes on after the last column's row where it wraps."""
    if not isinstance(a, TracedArray):
        raise trace_error(
            "np.fill_diagonal of a plain array with traced numbers can't be traced; start from np.array(a)"
        )
    if a.ndim < 2:
        raise shape_error("array must be at least 2-d")
    shape = [operator.index(e) for e in a.shape]
    if a.ndim == 2:
        step, end = shape[1] + 1, None if wrap else shape[1] * shape[1]
    else:
        if len(set(shape)) > 1:
            raise shape_error("All dimensions of input must be of equal length")
        step, end = 1 + sum(int(stride) for stride in np.cumprod(shape[:-1])), None
    put_cycled(flat_view(a)[:end:step], val)


def _triangle(m: Any, k: int, lower: bool) -> TracedArray:
    x = lift(m)
    row: Scalar
    column: Scalar
    source: list[Scalar]
    if x.ndim < 1:
        raise shape_error("a triangle needs an array with an axis at least")
    if x.ndim == 1:  # as NumPy has it: the vector as every row of a square matrix
        row, column, source, shape = index(0), index(1), [index(1)], (*x.extents, *x.extents)
    else:
        row, column, source, shape = index(x.ndim - 2), index(x.ndim - 1), list(axes(x.ndim)), x.extents
    column = sum_of(column, -operator.index(k))
    inside = less_equal(column, row) if lower else less_equal(row, column)
    return wrap(compute(shape, guarded(inside, entry(x.tensor, source))))


@implements(np.tril)
def tril(m: Any, k: int = 0) -> TracedArray:
    """Zero above a diagonal."""
    return _triangle(m, k, lower=True)


@implements(np.triu)
def triu(m: Any, k: int = 0) -> TracedArray:
    """Zero below a diagonal."""
    return _triangle(m, k, lower=False)


@implements(np.tri)
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = float, *, like: Any = None) -> TracedArray:
    """Ones on and below a diagonal."""
    rows = extent_of(N)
    columns = rows if M is None else extent_of(M)
    inside = less(sum_of(index(1), -operator.index(k) - 1), index(0))
    one = number(1, np.dtype(dtype))
    return TracedArray(compute((rows, columns), inside if one.dtype.kind == "b" else guarded(inside, one)))


# ---------------------------------------------------------------- positions of diagonals and triangles


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> tuple[TracedArray, ...]:
    """Where the diagonal's entries are: known from the shape."""
    x = lift(arr)
    if x.ndim < 2:
        raise shape_error("input array must be at least 2-d")
    if any(e != x.extents[0] for e in x.extents):
        raise shape_error("All dimensions of input must be of equal length")
    return (arange(x.shape[0]),) * x.ndim


def _triangle_indices(name: str, arr: Any, k: Any) -> tuple[TracedArray, ...]:
    x = lift(arr)
    if x.ndim != 2:
        raise shape_error("input array must be 2-d")
    made = getattr(np, name)(operator.index(x.shape[0]), operator.index(k), operator.index(x.shape[1]))
    return tuple(TracedArray(lift_plain(positions)) for positions in made)


def lift_plain(positions: np.ndarray) -> Any:
    """Positions that the trace itself computed, as a literal."""
    from gradc.ir.tensor import constant

    return constant(positions)


implements(np.tril_indices_from)(lambda arr, k=0: _triangle_indices("tril_indices", arr, k))
implements(np.triu_indices_from)(lambda arr, k=0: _triangle_indices("triu_indices", arr, k))
