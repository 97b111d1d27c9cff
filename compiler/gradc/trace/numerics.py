"""Numerical recipes: polynomials, interpolation, integrals, gradients on grids, binning, covariance. Compositions all."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.trace.context import shape_error, trace_error
from gradc.trace.contraction import matmul
from gradc.trace.creation import zeros
from gradc.trace.elementwise import apply_ufunc, astype, where
from gradc.trace.indexing import accumulate_at
from gradc.trace.joining import concatenate, diff
from gradc.trace.reductions import any_, maximum, mean, reduced, sum_
from gradc.trace.registry import implements, implements_named
from gradc.trace.shaping import normal_axis, ravel, reshape, transpose
from gradc.trace.tracer import TracedArray, concrete, lift


@implements(np.polyval)
def polyval(p: Any, x: Any) -> TracedArray:
    """A polynomial, highest power first, by Horner's rule."""
    coefficients, point = lift(p), lift(x)
    result: Any = where(np.True_, 0, point) if point.ndim else lift(0.0)
    for coefficient in coefficients:
        result = result * point + coefficient
    return lift(result)


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> TracedArray:
    """The integral by trapezoids."""
    values = lift(y)
    place = normal_axis(axis, values.ndim)
    front = (slice(None),) * place
    if x is None:
        steps: Any = dx
    else:
        points = lift(x)
        steps = points[1:] - points[:-1] if points.ndim == 1 else diff(points, axis=axis)
        if points.ndim == 1:
            steps = reshape(steps, tuple(-1 if k == place else 1 for k in range(values.ndim)))
    means = (values[(*front, slice(1, None))] + values[(*front, slice(None, -1))]) / 2.0
    return sum_(means * steps, axis=place)


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> TracedArray:
    """Linear interpolation, as a sum over the intervals' hats."""
    if period is not None:
        raise trace_error("np.interp(period=...) can't be traced; wrap x with % first")
    at, knots, values = lift(x), lift(xp), lift(fp)
    slopes = (values[1:] - values[:-1]) / (knots[1:] - knots[:-1])
    spread = at.reshape((*at.shape, 1))
    inside = apply_ufunc(np.logical_and, [spread >= knots[:-1], spread < knots[1:]])
    result = sum_(where(inside, values[:-1] + slopes * (spread - knots[:-1]), 0.0), axis=-1)
    result = where(at < knots[0], values[0] if left is None else left, result)
    result = where(at == knots[-1], values[-1], result)
    return where(at > knots[-1], values[-1] if right is None else right, result)


@implements_named("numpy.polynomial.polynomial.polyval")
def polynomial_value(x: Any, c: Any, tensor: bool = True) -> TracedArray:
    """A polynomial, lowest power first, by Horner's rule."""
    return polyval(lift(c)[::-1], x)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside, one-sided ones at the ends, on an even grid."""
    values = lift(f)
    if edge_order != 1 or len(varargs) > 1 or any(lift(v).ndim for v in varargs):
        raise trace_error("np.gradient can be traced with one even spacing and edge_order=1 only")
    spacing = varargs[0] if varargs else 1.0
    axes = range(values.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    results = [_slope(values, normal_axis(k, values.ndim), spacing) for k in axes]
    return results[0] if len(results) == 1 else tuple(results)


def _slope(values: TracedArray, place: int, spacing: Any) -> TracedArray:
    def part(start: int | None, stop: int | None) -> Any:
        return values[(*(slice(None),) * place, slice(start, stop))]

    middle = (part(2, None) - part(None, -2)) / (2 * spacing)
    return concatenate([(part(1, 2) - part(0, 1)) / spacing, middle, (part(-1, None) - part(-2, -1)) / spacing], place)


@implements(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, **options: Any
) -> TracedArray:
    """The covariance matrix of variables in rows."""
    if y is not None or any(value is not None for value in options.values()):
        raise trace_error("np.cov with y, weights or dtype can't be traced; stack the variables in one array")
    variables = lift(m)
    variables = reshape(variables, (1, -1)) if variables.ndim == 1 else variables
    variables = variables if rowvar else transpose(variables)
    centered = variables - mean(variables, axis=1, keepdims=True)
    count = variables.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    product = matmul(centered, transpose(centered)) / count
    return product[0, 0] if variables.shape[0] == 1 else product  # type: ignore[no-any-return]


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, **options: Any) -> TracedArray:
    """The matrix of correlations."""
    covariance = cov(x, y, rowvar)
    if covariance.ndim == 0:
        return lift(covariance / covariance)
    deviation = apply_ufunc(np.sqrt, [covariance.diagonal()])
    return lift(covariance / deviation[:, None] / deviation[None, :])


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> TracedArray:
    """Where values belong in a sorted array: how many of its entries are smaller."""
    if sorter is not None:
        raise trace_error("np.searchsorted(sorter=...) can't be traced; sort the array first")
    edges, values = lift(a), lift(v)
    compare = np.less if side == "left" else np.less_equal
    below = apply_ufunc(compare, [edges, reshape(values, (*values.shape, 1))])
    return reduced(astype(below, np.int64), "sum", -1)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> TracedArray:
    """The bin of each value, for increasing bins."""
    return searchsorted(bins, x, "left" if right else "right")


@implements(np.isin)
def isin(element: Any, test_elements: Any, **options: Any) -> TracedArray:
    """Which entries are among others."""
    x = lift(element)
    return any_(apply_ufunc(np.equal, [reshape(x, (*x.shape, 1)), ravel(lift(test_elements))]), -1)


@implements(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> TracedArray:
    """How often each number occurs, or the sum of its weights. The numbers must be known while tracing."""
    numbers = concrete(lift(x), "the length of np.bincount", "use np.add.at(np.zeros(n), x, weights)")
    length = max(operator.index(minlength), int(numbers.max(initial=-1)) + 1)
    values = lift(np.int64(1)) if weights is None else astype(lift(weights), float)
    if weights is not None and values.shape != numbers.shape:
        raise shape_error(f"the weights have shape {values.shape}, the numbers {numbers.shape}")
    counts = zeros(length, values.dtype)
    accumulate_at(counts, lift(x), values)
    return counts


def log_sum_exp(a: Any, axis: Any = None, keepdims: bool = False) -> TracedArray:
    """``log(sum(exp(a)))``, from the largest entry."""
    x = lift(a)
    top = maximum(x, axis=axis, keepdims=True)
    shifted = apply_ufunc(np.exp, [x - top])
    total = apply_ufunc(np.log, [sum_(shifted, axis, keepdims=True)]) + top
    return total if keepdims else sum_(total, axis)
