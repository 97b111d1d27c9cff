"""Numerical recipes: polynomials, interpolation, integrals, gradients on grids, binning, covariance. Compositions all."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.trace.context import shape_error, trace_error
from gradc.trace.creation import zeros
from gradc.trace.elementwise import apply_ufunc, astype, where
from gradc.trace.indexing import accumulate_at
from gradc.trace.reductions import any_, maximum, reduced, sum_
from gradc.trace.registry import implements
from gradc.trace.shaping import ravel, reshape
from gradc.trace.tracer import TracedArray, concrete, lift


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
