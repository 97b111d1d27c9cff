"""Whether arrays are equal or close, entry by entry or as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.errors import ShapeError
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.elements.elementwise import apply_ufunc, astype, broadcast_shapes
from gradc.trace.reducing.reductions import all_
from gradc.trace.registry import implements


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> TracedArray:
    """``|a - b| <= atol + rtol |b|``, entry by entry; infinities are close to themselves only."""
    left, right = lift(a), lift(b)
    if right.dtype.kind in "biu":
        right = TracedArray(astype(right, float).tensor, weak=right.weak)
    gap = apply_ufunc(np.absolute, [left - right])
    near = apply_ufunc(np.less_equal, [gap, apply_ufunc(np.absolute, [right]) * rtol + atol])
    near = apply_ufunc(np.logical_and, [near, apply_ufunc(np.isfinite, [right])])
    return apply_ufunc(np.logical_or, [near, _equal(left, right, equal_nan)])


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> TracedArray:
    """Whether all entries are close."""
    return all_(isclose(a, b, rtol, atol, equal_nan))


def _equal(left: TracedArray, right: TracedArray, equal_nan: bool) -> TracedArray:
    """Where entries are equal; a NaN equals another only if that is wanted."""
    equal = apply_ufunc(np.equal, [left, right])
    if not equal_nan:
        return equal
    both = apply_ufunc(np.logical_and, [apply_ufunc(np.isnan, [left]), apply_ufunc(np.isnan, [right])])
    return apply_ufunc(np.logical_or, [equal, both])


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Whether shapes and entries are equal."""
    left, right = lift(a1), lift(a2)
    return left.extents == right.extents and all_(_equal(left, right, equal_nan))


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    """Whether entries are equal after broadcasting."""
    left, right = lift(a1), lift(a2)
    try:
        broadcast_shapes(left.extents, right.extents)
    except ShapeError:
        return False
    return all_(_equal(left, right, False))
