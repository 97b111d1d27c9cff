"""Sums of exponentials without overflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.trace.elementwise import apply_ufunc
from gradc.trace.reductions import maximum, sum_
from gradc.trace.tracer import TracedArray, lift


def log_sum_exp(a: Any, axis: Any = None, keepdims: bool = False) -> TracedArray:
    """``log(sum(exp(a)))``, from the largest entry."""
    x = lift(a)
    top = maximum(x, axis=axis, keepdims=True)
    shifted = apply_ufunc(np.exp, [x - top])
    total = apply_ufunc(np.log, [sum_(shifted, axis, keepdims=True)]) + top
    return total if keepdims else sum_(total, axis)
