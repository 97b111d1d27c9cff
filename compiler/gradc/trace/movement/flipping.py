"""Flips and quarter turns: views read backwards."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import shape_error
from gradc.trace.movement.shaping import listed_axes, normal_axes, swapaxes
from gradc.trace.registry import implements


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> TracedArray:
    """The order of entries reversed."""
    x = lift(m)
    flipped = normal_axes(axis, x.ndim)
    result: TracedArray = x[tuple(slice(None, None, -1) if k in flipped else slice(None) for k in range(x.ndim))]
    return result


@implements(np.flipud)
def flipud(m: Any) -> TracedArray:
    """The order along the first axis reversed."""
    if lift(m).ndim < 1:
        raise shape_error("Input must be >= 1-d.")
    return flip(m, 0)


@implements(np.fliplr)
def fliplr(m: Any) -> TracedArray:
    """The order along the second axis reversed."""
    if lift(m).ndim < 2:
        raise shape_error("Input must be >= 2-d.")
    return flip(m, 1)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> TracedArray:
    """Rotated by quarter turns."""
    x = lift(m)
    if len(axes) != 2:
        raise shape_error("len(axes) must be 2.")
    first, second = listed_axes(tuple(axes), x.ndim)
    turns = operator.index(k) % 4
    if turns == 2:
        return flip(x, (first, second))
    if turns == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second) if turns else flip(x, ())
