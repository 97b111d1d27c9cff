"""``out=``: results that are written into an array that is there."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.trace.arrays.indexing import assign
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import dtype_error, shape_error, trace_error


def deliver(out: Any, result: TracedArray, casting: str = "same_kind") -> TracedArray:
    """``result``, or ``out`` holding it: NumPy's ``out=``, whose shape must be the result's.

    ``out`` may be a tuple of one array, as ufuncs have it.
    """
    target = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if target is None:
        return result
    if not isinstance(target, TracedArray) or target.immutable:
        raise trace_error("out= must be an array that the traced function made itself, or one of its arguments")
    if target.extents != result.extents:
        raise shape_error(f"output array has the wrong shape: {target.extents} instead of {result.extents}")
    if not np.can_cast(result.dtype, target.dtype, casting):  # type: ignore[arg-type]
        raise dtype_error(
            f"cannot cast {result.dtype} to {target.dtype} with casting rule {casting!r}; give out= that dtype"
        )
    assign(target, result)
    return target
