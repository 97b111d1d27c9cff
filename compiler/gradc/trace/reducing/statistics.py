"""Statistics made of reductions: means, variances, covariances."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.ir.algebra import convert, difference, product_of
from gradc.ir.scalar import FLOAT64, DType, Number, Scalar, apply, number
from gradc.ir.tensor import compute, extent_scalar
from gradc.trace.arrays.storage import axes, entry
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.context import located, shape_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype
from gradc.trace.movement.joining import concatenate
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.shaping import broadcast_to, reshape, transpose
from gradc.trace.products.contraction import matmul
from gradc.trace.reducing.reductions import (
    UNSET,
    Axis,
    counted_where,
    kept_axes,
    mask_of,
    reduced,
    reduction_axes,
    sum_,
)
from gradc.trace.registry import implements


def counted(x: TracedArray, axis: Any) -> Scalar:
    """How many entries a reduction over ``axis`` takes, as an integer scalar."""
    return product_of(number(1), *[extent_scalar(x.extents[k]) for k in reduction_axes(axis, x.ndim)])


def per_count(total: TracedArray, count: Scalar | TracedArray) -> TracedArray:
    """A total divided by how many entries are in it."""
    if isinstance(count, TracedArray):
        return apply_ufunc(np.divide, [total, astype(count, total.dtype)])
    body = apply("div", entry(total.tensor, axes(total.ndim)), convert(count, total.dtype))
    return wrap(compute(total.extents, body))


def averaged_dtype(x: TracedArray, dtype: Any) -> DType:
    """The dtype of a mean."""
    if dtype is not None:
        chosen: DType = np.dtype(dtype)
        return chosen
    return FLOAT64 if x.dtype.kind in "biu" else x.dtype


# ---------------------------------------------------------------- means


@implements(np.mean, method="mean")
def mean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = UNSET
) -> TracedArray:
    """The arithmetic mean."""
    x = lift(a)
    x = astype(x, averaged_dtype(x, dtype))
    only, keep = mask_of(where, x), kept_axes(keepdims)
    total = reduced(x, "sum", axis, keepdims=keep, only=only)
    return deliver(out, per_count(total, counted(x, axis) if only is None else counted_where(only, x, axis, keep)))


@implements(np.average)
def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """The weighted mean. (Weights that add up to 0, which are a ZeroDivisionError in NumPy, give inf or NaN.)"""
    x, keep = lift(a), kept_axes(keepdims)
    if weights is None:
        result = mean(x, axis, keepdims=keep)
        scale = astype(wrap(compute((), counted(x, axis))), result.dtype)
    else:
        w = _fitting_weights(lift(weights), x, axis)
        dtype = np.result_type(x.dtype, w.dtype, *([FLOAT64] if x.dtype.kind in "biu" else []))
        total = sum_(apply_ufunc(np.multiply, [astype(x, dtype), astype(w, dtype)]), axis, keepdims=keep)
        scale = sum_(w, axis, dtype, keepdims=keep)
        result = apply_ufunc(np.divide, [total, scale])
    return (result, broadcast_to(scale, result.shape)) if returned else result


def _fitting_weights(w: TracedArray, x: TracedArray, axis: Axis) -> TracedArray:
    """Weights of the array's rank: those of its shape, or of the shape of the axes that are averaged over."""
    if w.extents == x.extents:
        return w
    if axis is None:
        raise TypeError(located("Axis must be specified when shapes of a and weights differ."))
    listed = axis if isinstance(axis, tuple) else (axis,)
    places = [reduction_axes(k, x.ndim)[0] for k in listed]
    if w.extents != tuple(x.extents[k] for k in places):
        raise shape_error(
            f"Shape of weights must be consistent with shape of a along specified axis: {w.extents} is not "
            f"{tuple(x.extents[k] for k in places)}; give weights of that shape"
        )
    in_order = transpose(w, tuple(int(k) for k in np.argsort(places)))
    return reshape(in_order, tuple(e if k in places else 1 for k, e in enumerate(x.shape)))


# ---------------------------------------------------------------- variances


@implements(np.var, method="var")
def var(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = UNSET,
    mean: Any = UNSET,
    correction: Any = UNSET,
) -> TracedArray:
    """The variance."""
    x = lift(a)
    x = astype(x, np.result_type(averaged_dtype(x, None), x.dtype) if dtype is None else np.dtype(dtype))
    only, keep, less = mask_of(where, x), kept_axes(keepdims), degrees(ddof, correction)
    count = counted(x, axis) if only is None else counted_where(only, x, axis, True)
    center = per_count(reduced(x, "sum", axis, keepdims=True, only=only), count) if mean is UNSET else lift(mean)
    total = reduced(squared_size(apply_ufunc(np.subtract, [x, center])), "sum", axis, keepdims=keep, only=only)
    if only is not None:
        count = counted_where(only, x, axis, keep)
    return deliver(out, per_count(total, _degrees_left(count, less) if less else count))


def _degrees_left(count: Scalar | TracedArray, less: Any) -> Scalar | TracedArray:
    """The degrees of freedom; where their number is known NumPy takes 0 for a negative one."""
    if isinstance(count, TracedArray):
        return apply_ufunc(np.maximum, [apply_ufunc(np.subtract, [count, less]), 0])
    if isinstance(count, Number):
        return number(max(count.value - less, 0))
    return difference(count, less) if isinstance(less, int) else apply("sub", convert(count, FLOAT64), number(less))


def degrees(ddof: Any, correction: Any) -> Any:
    """What is taken off the number of entries."""
    if correction is UNSET:
        return ddof
    if ddof != 0:
        raise ValueError(located("ddof and correction can't be provided simultaneously."))
    return correction


def squared_size(x: TracedArray) -> TracedArray:
    """``|x|**2``, real."""
    if x.dtype.kind != "c":
        return apply_ufunc(np.multiply, [x, x])
    squares = [apply_ufunc(np.multiply, [part, part]) for part in (x.real, x.imag)]
    return apply_ufunc(np.add, squares)


@implements(np.std, method="std")
def std(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = UNSET,
    mean: Any = UNSET,
    correction: Any = UNSET,
) -> TracedArray:
    """The standard deviation. Where it is 0 its derivative is that of a square root: not finite."""
    squares = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    return deliver(out, apply_ufunc(np.sqrt, [squares]))


# ---------------------------------------------------------------- covariances


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> TracedArray:
    """The covariance matrix of variables in rows."""
    if ddof is not None and ddof != int(ddof):
        raise ValueError(located("ddof must be integer"))
    less = (0 if bias else 1) if ddof is None else int(ddof)
    x = _variables(m, y, rowvar, dtype)
    if x.extents[0] == 0:
        return lift(np.zeros((0, 0)))
    weights, fact = _frequencies(x, fweights, aweights, less)
    center = average(x, axis=1, weights=weights, keepdims=True)
    centered = apply_ufunc(np.subtract, [x, center])
    weighed = centered if weights is None else apply_ufunc(np.multiply, [centered, weights])
    other = transpose(weighed)
    product = matmul(centered, apply_ufunc(np.conjugate, [other]) if x.dtype.kind == "c" else other)
    result = apply_ufunc(np.divide, [product, fact])
    return reshape(result, tuple(e for e in result.shape if not (isinstance(e, int) and e == 1)))


def _variables(m: Any, y: Any, rowvar: bool, dtype: Any) -> TracedArray:
    given = [lift(m)] if y is None else [lift(m), lift(y)]
    for name, x in zip("my", given, strict=False):
        if x.ndim > 2:
            raise ValueError(located(f"{name} has more than 2 dimensions"))
    chosen = np.dtype(dtype) if dtype is not None else np.result_type(FLOAT64, *[x.dtype for x in given])
    rows = [_in_rows(astype(x, chosen), rowvar, first=k == 0) for k, x in enumerate(given)]
    return rows[0] if len(rows) == 1 else concatenate(rows, 0)


def _in_rows(x: TracedArray, rowvar: bool, first: bool) -> TracedArray:
    matrix = x if x.ndim == 2 else reshape(x, (1, -1))
    in_columns = x.ndim == 2 if first else matrix.extents[0] != 1
    return transpose(matrix) if not rowvar and in_columns else matrix


def _frequencies(x: TracedArray, fweights: Any, aweights: Any, less: int) -> tuple[TracedArray | None, Any]:
    """The weights of the observations, and what the sum of products is divided by."""
    given: list[TracedArray] = []
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        w = lift(weights)
        if name == "fweights" and w.dtype.kind not in "iub":
            raise trace_error("np.cov(fweights=...) counts repetitions; pass an array of integers")
        if w.ndim > 1:
            raise RuntimeError(located(f"cannot handle multidimensional {name}"))
        if w.extents != x.extents[1:]:
            raise RuntimeError(located(f"incompatible numbers of samples and {name}"))
        given.append(astype(w, float))
    if not given:
        return None, x.shape[1] - less if not isinstance(x.shape[1], int) else max(x.shape[1] - less, 0)
    w = given[0] if len(given) == 1 else apply_ufunc(np.multiply, given)
    total = sum_(w)
    if less == 0:
        return w, total
    share: Any = 1.0
    if aweights is not None:
        share = apply_ufunc(np.divide, [sum_(apply_ufunc(np.multiply, [w, given[-1]])), total])
    return w, apply_ufunc(np.subtract, [total, apply_ufunc(np.multiply, [share, float(less)])])


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> TracedArray:
    """The matrix of correlations."""
    covariance = cov(x, y, rowvar, dtype=dtype)
    if covariance.ndim == 0:
        return apply_ufunc(np.divide, [covariance, covariance])
    variances = covariance.diagonal()
    deviation = apply_ufunc(np.sqrt, [variances.real if variances.dtype.kind == "c" else variances])
    result = covariance / deviation[:, None] / deviation[None, :]
    if result.dtype.kind == "c":
        return lift(result)
    return apply_ufunc(np.minimum, [apply_ufunc(np.maximum, [result, -1.0]), 1.0])
