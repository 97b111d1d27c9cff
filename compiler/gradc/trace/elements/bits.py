"""Bits of bytes: packing and unpacking."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import dtype_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, truth
from gradc.trace.movement.creation import zeros
from gradc.trace.movement.joining import concatenate
from gradc.trace.movement.shaping import moveaxis, normal_axis, ravel, reshape
from gradc.trace.reducing.reductions import sum_
from gradc.trace.registry import implements


def _ordered(bitorder: str) -> range:
    """By how much the bits of a byte are shifted, in order."""
    if bitorder not in ("big", "little"):
        raise trace_error(f"bitorder must be 'little' or 'big', not {bitorder!r}; use one of these")
    return range(7, -1, -1) if bitorder == "big" else range(8)


def _last(a: Any, axis: int | None) -> tuple[TracedArray, int]:
    """The array with the axis at the end, and where the axis was."""
    x = lift(a)
    if axis is None:
        return ravel(x), 0
    place = normal_axis(axis, x.ndim)
    return moveaxis(x, place, -1), place


@implements(np.packbits)
def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> TracedArray:
    """Truth values as the bits of bytes; the last byte is filled with zeros."""
    if lift(a).dtype.kind not in "biu":
        raise dtype_error("Expected an input array of integer or boolean data type; use x != 0")
    shifts = _ordered(bitorder)
    x, place = _last(a, axis)
    missing = -operator.index(x.shape[-1]) % 8
    flags = concatenate([truth(x), zeros((*x.shape[:-1], missing), bool)], -1) if missing else truth(x)
    octets = reshape(astype(flags, np.uint8), (*flags.shape[:-1], -1, 8))
    weighed = apply_ufunc(np.left_shift, [octets, np.array(shifts, np.uint8)])
    return moveaxis(sum_(weighed, -1, np.uint8), -1, place)


@implements(np.unpackbits)
def unpackbits(a: Any, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> TracedArray:
    """The bits of bytes, each as a 0 or 1."""
    if lift(a).dtype != np.uint8:
        raise dtype_error("Expected an input array of unsigned byte data type; use x.astype(np.uint8)")
    shifts = _ordered(bitorder)
    x, place = _last(a, axis)
    spread = reshape(x, (*x.shape, 1))
    bits = apply_ufunc(np.bitwise_and, [apply_ufunc(np.right_shift, [spread, np.array(shifts, np.uint8)]), np.uint8(1)])
    flat = reshape(bits, (*x.shape[:-1], -1))
    if count is not None:
        length, wanted = operator.index(flat.shape[-1]), operator.index(count)
        if wanted > length:
            flat = concatenate([flat, zeros((*flat.shape[:-1], wanted - length), np.uint8)], -1)
        elif wanted < -length:
            raise trace_error(f"-count larger than number of elements: {count}; give a smaller one")
        flat = flat[..., :wanted]
    return moveaxis(flat, -1, place)
