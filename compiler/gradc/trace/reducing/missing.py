"""Reductions that leave NaN out: its entries count for nothing, and have the derivative 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.elements.elementwise import apply_ufunc, where
from gradc.trace.movement.outputs import deliver
from gradc.trace.reducing import statistics
from gradc.trace.reducing.cumulative import cumprod, cumsum
from gradc.trace.reducing.reductions import (
    UNSET,
    Axis,
    argmax,
    argmin,
    counted_where,
    is_given,
    kept_axes,
    mask_of,
    maximum,
    minimum,
    ordered,
    prod,
    sum_,
)
from gradc.trace.registry import implements


def numbers_in(x: TracedArray, only: Any = UNSET) -> TracedArray:
    """Which entries are numbers, among those that a mask names."""
    numbers = apply_ufunc(np.logical_not, [apply_ufunc(np.isnan, [x])])
    mask = mask_of(only, x)
    return numbers if mask is None else apply_ufunc(np.logical_and, [numbers, mask])


def _sum_like(reduction: Callable[..., TracedArray]) -> Callable[..., TracedArray]:
    def implementation(
        a: Any,
        axis: Axis = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = UNSET,
        where: Any = UNSET,
    ) -> TracedArray:
        x = lift(a)
        return reduction(x, axis, dtype, out, keepdims, initial, numbers_in(x, where))

    return implementation


nansum = implements(np.nansum)(_sum_like(sum_))
nanprod = implements(np.nanprod)(_sum_like(prod))


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = UNSET
) -> TracedArray:
    """The mean of the entries that are numbers."""
    x = lift(a)
    return statistics.mean(x, axis, dtype, out, keepdims, where=numbers_in(x, where))


def _spread(spread: Callable[..., TracedArray]) -> Callable[..., TracedArray]:
    def implementation(
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
        x = lift(a)
        numbers, less = numbers_in(x, where), statistics.degrees(ddof, correction)
        result = spread(x, axis, dtype, None, less, keepdims, where=numbers, mean=mean)
        count = counted_where(numbers, x, axis, kept_axes(keepdims))
        return deliver(out, _or_nan(apply_ufunc(np.greater, [count, less]), result))

    return implementation


def _or_nan(known: TracedArray, value: TracedArray) -> TracedArray:
    return where(known, value, np.array(np.nan, value.dtype)[()])


nanvar = implements(np.nanvar)(_spread(statistics.var))
nanstd = implements(np.nanstd)(_spread(statistics.std))


def _extremum(extremum: Callable[..., TracedArray], least: float) -> Callable[..., TracedArray]:
    def implementation(
        a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False, initial: Any = UNSET, where: Any = UNSET
    ) -> TracedArray:
        x = ordered(lift(a), "np.nanmax or np.nanmin")
        if x.dtype.kind != "f":
            return extremum(x, axis, out, keepdims, initial, where)
        extremum(x, axis, None, keepdims, initial, where)  # refuses what it refuses of an array without NaN
        numbers = numbers_in(x, where)
        start = initial if is_given(initial) else least
        result = extremum(x, axis, None, keepdims, start, numbers)
        if not is_given(initial):
            result = _or_nan(apply_ufunc(np.greater, [counted_where(numbers, x, axis, kept_axes(keepdims)), 0]), result)
        return deliver(out, result)

    return implementation


nanmax = implements(np.nanmax)(_extremum(maximum, -np.inf))
nanmin = implements(np.nanmin)(_extremum(minimum, np.inf))


def _position(position: Callable[..., TracedArray], replacement: float) -> Callable[..., TracedArray]:
    def implementation(a: Any, axis: int | None = None, out: Any = None, *, keepdims: Any = False) -> TracedArray:
        """(A slice of NaN alone, which is a ValueError in NumPy, gives 0.)"""
        x = lift(a)
        return position(x if x.dtype.kind != "f" else _filled(x, replacement), axis, out, keepdims=keepdims)

    return implementation


def _filled(x: TracedArray, value: float) -> TracedArray:
    return where(numbers_in(x), x, np.array(value, x.dtype)[()])


nanargmax = implements(np.nanargmax)(_position(argmax, -np.inf))
nanargmin = implements(np.nanargmin)(_position(argmin, np.inf))


def _running(running: Callable[..., TracedArray], neutral: float) -> Callable[..., TracedArray]:
    def implementation(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> TracedArray:
        x = lift(a)
        return running(x if x.dtype.kind not in "fc" else _filled(x, neutral), axis, dtype, out)

    return implementation


nancumsum = implements(np.nancumsum)(_running(cumsum, 0.0))
nancumprod = implements(np.nancumprod)(_running(cumprod, 1.0))
