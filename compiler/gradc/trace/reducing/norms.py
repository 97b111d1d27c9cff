"""Norms of vectors and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.ir.scalar import FLOAT64, INT64
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import located
from gradc.trace.elements.elementwise import apply_ufunc, astype, elementwise, truth
from gradc.trace.movement.shaping import moveaxis, normal_axis, reshape
from gradc.trace.products.linear_algebra import inv, square
from gradc.trace.products.singular_values import singular_values
from gradc.trace.reducing.reductions import Axis, reduced
from gradc.trace.reducing.statistics import squared_size
from gradc.trace.registry import implements

_BY_SINGULAR_VALUES: tuple[Any, ...] = (2, -2, "nuc")


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> TracedArray:
    """Vector norms of any order, and the Frobenius, 1- and infinity-norm of matrices. At 0 the derivative is 0."""
    array = _floating(x)
    if axis is None and (ord is None or (ord in ("f", "fro") and array.ndim == 2) or (ord == 2 and array.ndim == 1)):
        return root_of_squares(array, tuple(range(array.ndim)), keepdims)
    chosen = _chosen_axes(axis, array.ndim)
    if len(chosen) == 1:
        return _vector_norm(array, ord, chosen[0], keepdims)
    if len(chosen) == 2:
        return _matrix_norm(array, ord, chosen, keepdims)
    raise ValueError(located("Improper number of dimensions to norm."))


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> TracedArray:
    """The norm of all entries, or of those along some axes, as one vector."""
    array = _floating(x)
    chosen = tuple(range(array.ndim)) if axis is None else _chosen_axes(axis, array.ndim)
    if len(set(chosen)) != len(chosen):
        raise ValueError(located("duplicate value in 'axis'"))
    moved = moveaxis(array, chosen, tuple(range(len(chosen))))
    flat = reshape(moved, (-1, *moved.shape[len(chosen) :]))
    result = _vector_norm(flat, ord, 0, False)
    if not keepdims:
        return result
    return reshape(result, tuple(1 if k in chosen else e for k, e in enumerate(array.shape)))


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> TracedArray:
    """The norm of a matrix, or of each in a stack."""
    return norm(x, ord, (-2, -1), keepdims)


def _floating(x: Any) -> TracedArray:
    array = lift(x)
    return array if array.dtype.kind in "fc" else astype(array, FLOAT64)


def _chosen_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes in the order given: rows come before columns."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, tuple):
        try:
            axis = (int(axis),)
        except Exception as error:
            raise TypeError(located("'axis' must be None, an integer or a tuple of integers")) from error
    return tuple(normal_axis(k, ndim) for k in axis)


def root_of_squares(x: TracedArray, axis: Any, keepdims: bool) -> TracedArray:
    """The Euclidean norm over some axes."""
    squares = reduced(squared_size(x), "sum", axis, keepdims=keepdims)
    return elementwise("root", [squares], [squares.dtype])


def _extremum(x: TracedArray, reducer: str, axis: Any, keepdims: bool) -> TracedArray:
    """The greatest of sizes, which is 0 where there are none."""
    if reducer == "max" and any(x.extents[k] == 0 for k in (axis if isinstance(axis, tuple) else (axis,))):
        return reduced(x, "sum", axis, keepdims=keepdims)
    return reduced(x, reducer, axis, keepdims=keepdims)


def _vector_norm(x: TracedArray, order: Any, axis: int, keepdims: bool) -> TracedArray:
    if order is None or order == 2:
        return root_of_squares(x, axis, keepdims)
    if isinstance(order, str):
        raise ValueError(located(f"Invalid norm order '{order}' for vectors"))
    size = apply_ufunc(np.absolute, [x])
    if order in (np.inf, -np.inf):
        return _extremum(size, "max" if order > 0 else "min", axis, keepdims)
    if order == 0:
        return astype(reduced(astype(truth(x), INT64), "sum", axis, keepdims=keepdims), size.dtype)
    if order == 1:
        return reduced(size, "sum", axis, keepdims=keepdims)
    power = reduced(apply_ufunc(np.power, [size, order]), "sum", axis, keepdims=keepdims)
    return apply_ufunc(np.power, [power, 1 / order])


def _matrix_norm(x: TracedArray, order: Any, chosen: tuple[int, ...], keepdims: bool) -> TracedArray:
    rows, columns = chosen
    if rows == columns:
        raise ValueError(located("Duplicate axes given."))
    if order in (None, "fro", "f"):
        return root_of_squares(x, chosen, keepdims)
    if order in _BY_SINGULAR_VALUES:
        values = singular_values(moveaxis(x, chosen, (-2, -1)), "norm")
        result = reduced(values, {2: "max", -2: "min", "nuc": "sum"}[order], -1)
        kept_shape = tuple(1 if k in chosen else e for k, e in enumerate(x.shape))
        return reshape(result, kept_shape) if keepdims else result
    if order not in (1, -1, np.inf, -np.inf):
        raise ValueError(located("Invalid norm order for matrices."))
    first, second = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = reduced(apply_ufunc(np.absolute, [x]), "sum", first, keepdims=True)
    kept = _extremum(sums, "max" if order > 0 else "min", second, True)
    return kept if keepdims else reshape(kept, tuple(e for k, e in enumerate(x.shape) if k not in chosen))


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> TracedArray:
    """The condition number."""
    if p in (None, 2, -2):
        values = singular_values(x, "cond")
        extremes = [values[..., 0], values[..., -1]]
        return apply_ufunc(np.divide, extremes[::-1] if p == -2 else extremes)
    matrix = square(x, "cond")
    return apply_ufunc(np.multiply, [norm(matrix, p, (-2, -1)), norm(inv(matrix), p, (-2, -1))])
