"""Phases without jumps."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import shape_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, result_dtype, where
from gradc.trace.movement.shaping import normal_axis
from gradc.trace.reducing.cumulative import cumsum
from gradc.trace.reducing.differences import diff
from gradc.trace.registry import implements


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> TracedArray:
    """Phases with the jumps of more than half a period taken out, by whole periods."""
    given = lift(p)
    if not given.ndim:
        raise shape_error("np.unwrap needs an array with an axis at least")
    place = normal_axis(axis, given.ndim)
    steps = diff(given, axis=place)
    dtype = result_dtype([steps, lift(period)])
    high: Any = period / 2
    may_tie = True
    if dtype.kind in "iu":
        high, rest = divmod(operator.index(period), 2)
        may_tie = rest == 0
    turned = apply_ufunc(np.remainder, [steps + high, period]) - high
    if may_tie:  # half a period up stays up
        upward = apply_ufunc(np.logical_and, [turned == -high, steps > 0])
        turned = where(upward, high, turned)
    small = apply_ufunc(np.less, [apply_ufunc(np.absolute, [steps]), period / 2 if discont is None else discont])
    corrections = where(small, 0, turned - steps)
    up = TracedArray(astype(given, dtype).tensor)
    later = (*(slice(None),) * place, slice(1, None))
    up[later] = given[later] + cumsum(corrections, place)
    return up
