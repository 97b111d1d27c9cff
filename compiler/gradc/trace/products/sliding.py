"""Convolutions and correlations of vectors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.ir.algebra import conjunction, convert, less_equal, sum_of
from gradc.ir.scalar import TRUE, apply, index
from gradc.ir.tensor import compute
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.context import located
from gradc.trace.elements.elementwise import apply_ufunc, array_dtype
from gradc.trace.movement.shaping import reshape
from gradc.trace.registry import implements

_MODES = {0: "valid", 1: "same", 2: "full"}


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> TracedArray:
    """The discrete convolution of two vectors: a sum over the shorter one."""
    left, right = _vectors(a, v)
    if operator.index(right.shape[0]) > operator.index(left.shape[0]):
        left, right = right, left
    return _slid(left, right[::-1], mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> TracedArray:
    """The cross-correlation of two vectors, the second one conjugated."""
    left, right = _vectors(a, v)
    right = apply_ufunc(np.conjugate, [right]) if right.dtype.kind == "c" else right
    if operator.index(right.shape[0]) > operator.index(left.shape[0]):
        reversed_result: TracedArray = _slid(right, left, mode)[::-1]
        return wrap(reversed_result.tensor)
    return _slid(left, right, mode)


def _vectors(a: Any, v: Any) -> list[TracedArray]:
    vectors = []
    for name, x in (("a", lift(a)), ("v", lift(v))):
        if x.ndim > 1:
            raise ValueError(
                located(f"object too deep for desired array: {name} must be a vector, not of shape {x.extents}")
            )
        vector = x if x.ndim else reshape(x, (1,))
        if vector.extents == (0,):
            raise ValueError(located(f"{name} cannot be empty"))
        vectors.append(vector)
    return vectors


def _slid(x: TracedArray, window: TracedArray, mode: Any) -> TracedArray:
    """``sum_k x[i + k] window[k]`` for all places i of the window, which is no longer than x, that the mode counts."""
    mode = _MODES.get(mode, mode)
    n, m = operator.index(x.shape[0]), operator.index(window.shape[0])
    placed = {"full": (n + m - 1, 1 - m), "same": (n, -(m // 2)), "valid": (n - m + 1, 0)}
    if mode not in placed:
        raise ValueError(located("Use one of 'valid', 'same', or 'full' for convolve/correlate mode"))
    length, start = placed[mode]
    common = array_dtype([x, window])
    k = index(1)
    there = sum_of(index(0), k, start)
    factors = [convert(entry(x.tensor, [there]), common), convert(entry(window.tensor, [k]), common)]
    body = conjunction(*factors) if common.kind == "b" else apply("mul", *factors)
    inside = conjunction(less_equal(0, there), less_equal(there, n - 1)) if mode != "valid" else TRUE
    reducer = "any" if common.kind == "b" else "sum"
    return wrap(compute((length,), body, reduce_extents=(m,), reducer=reducer, domain=inside))
