"""Differences of neighbours, slopes on grids, integrals by trapezoids."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import dtype_error, located
from gradc.trace.elements.elementwise import apply_ufunc, astype
from gradc.trace.movement.joining import concatenate
from gradc.trace.movement.shaping import broadcast_to, normal_axis, ravel, reshape
from gradc.trace.reducing.reductions import UNSET, sum_
from gradc.trace.registry import implements


def part(x: TracedArray, axis: int, start: int | None, stop: int | None) -> TracedArray:
    """``x[..., start:stop, ...]`` along an axis."""
    result: TracedArray = x[(*(slice(None),) * axis, slice(start, stop))]
    return result


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = UNSET, append: Any = UNSET) -> TracedArray:
    """Differences of neighbours, ``n`` times over."""
    times = operator.index(n)
    x = lift(a)
    if times == 0:
        return x
    if times < 0:
        raise ValueError(located(f"order must be non-negative but got {times!r}"))
    if not x.ndim:
        raise ValueError(located("diff requires input that is at least one dimensional"))
    place = normal_axis(axis, x.ndim)
    ends = [_as_end(end, x, place) for end in (prepend, append)]
    pieces = [piece for piece in (ends[0], x, ends[1]) if piece is not None]
    x = pieces[0] if len(pieces) == 1 else concatenate(pieces, place)
    subtract = np.not_equal if x.dtype.kind == "b" else np.subtract
    for _ in range(times):
        x = apply_ufunc(subtract, [part(x, place, 1, None), part(x, place, None, -1)])
    return x


def _as_end(end: Any, x: TracedArray, place: int) -> TracedArray | None:
    """What is put before or behind: a number counts once along the axis."""
    if end is UNSET:
        return None
    piece = lift(end)
    if piece.ndim:
        return piece
    return broadcast_to(piece, tuple(1 if k == place else e for k, e in enumerate(x.shape)))


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> TracedArray:
    """Differences of neighbours of the flattened array, with what is put before and behind them."""
    x = ravel(lift(ary))
    middle = apply_ufunc(np.subtract, [part(x, 0, 1, None), part(x, 0, None, -1)])
    ends = [_as_flat(end, name, x) for name, end in (("to_begin", to_begin), ("to_end", to_end))]
    pieces = [piece for piece in (ends[0], middle, ends[1]) if piece is not None]
    return pieces[0] if len(pieces) == 1 else concatenate(pieces)


def _as_flat(end: Any, name: str, x: TracedArray) -> TracedArray | None:
    if end is None:
        return None
    piece = lift(end)
    if not np.can_cast(piece.dtype, x.dtype, "same_kind") and not piece.weak:
        raise dtype_error(f"np.ediff1d: {name} of {piece.dtype} does not go with an array of {x.dtype}; "
                          "make it of that dtype")  # fmt: skip
    return astype(ravel(piece), x.dtype)


# ---------------------------------------------------------------- integrals


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> TracedArray:
    """The integral by trapezoids."""
    values = lift(y)
    place = normal_axis(axis, values.ndim)
    steps: Any = dx
    if x is not None:
        points = lift(x)
        steps = diff(points, axis=axis if points.ndim != 1 else 0)
        if points.ndim == 1:
            steps = reshape(steps, tuple(-1 if k == place else 1 for k in range(values.ndim)))
    sums = apply_ufunc(np.add, [part(values, place, 1, None), part(values, place, None, -1)])
    areas = apply_ufunc(np.divide, [apply_ufunc(np.multiply, [steps, sums]), 2.0])
    return sum_(areas, axis=place if areas.ndim == values.ndim else axis)


# ---------------------------------------------------------------- slopes


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside, one-sided ones at the ends."""
    values = lift(f)
    places = _gradient_axes(axis, values.ndim)
    if edge_order not in (1, 2):
        raise ValueError(located("'edge_order' greater than 2 not supported"))
    if values.dtype.kind not in "fc":
        values = astype(values, float)
    results = []
    for place, spacing in zip(places, _spacings(varargs, values, places), strict=True):
        length = values.shape[place]
        if isinstance(length, int) and length < edge_order + 1:
            raise ValueError(
                located(
                    "Shape of array too small to calculate a numerical gradient, "
                    "at least (edge_order + 1) elements are required."
                )
            )
        results.append(astype(_slope(values, place, spacing, edge_order), values.dtype))
    return results[0] if len(results) == 1 else tuple(results)


def _gradient_axes(axis: Any, ndim: int) -> list[int]:
    if axis is None:
        return list(range(ndim))
    places = [normal_axis(k, ndim) for k in (axis if isinstance(axis, tuple) else (axis,))]
    if len(set(places)) != len(places):
        raise ValueError(located("repeated axis"))
    return places


def _spacings(given: Sequence[Any], values: TracedArray, places: Sequence[int]) -> list[TracedArray]:
    """The step along each axis: a number, or the differences of its coordinates."""
    if not given:
        return [lift(1.0)] * len(places)
    if len(given) == 1 and not lift(given[0]).ndim:
        return [lift(given[0])] * len(places)
    if len(given) != len(places):
        raise TypeError(located("invalid number of arguments"))
    found = []
    for place, spacing in zip(places, map(lift, given), strict=True):
        if spacing.ndim > 1:
            raise ValueError(located("distances must be either scalars or 1d"))
        if spacing.ndim and spacing.extents[0] != values.extents[place]:
            raise ValueError(located("when 1d, distances must match the length of the corresponding dimension"))
        if spacing.ndim and spacing.dtype.kind not in "fc":
            spacing = astype(spacing, float)
        found.append(diff(spacing) if spacing.ndim else spacing)
    return found


def _slope(values: TracedArray, place: int, step: TracedArray, edge_order: int) -> TracedArray:
    before, here, behind = (part(values, place, a, b) for a, b in ((None, -2), (1, -1), (2, None)))
    if not step.ndim:
        inner = (behind - before) / (2.0 * step)
    else:
        shape = tuple(-1 if k == place else 1 for k in range(values.ndim))
        left, right = reshape(step[:-1], shape), reshape(step[1:], shape)
        inner = (
            -right / (left * (left + right)) * before
            + (right - left) / (left * right) * here
            + left / (right * (left + right)) * behind
        )
    first = _end_slope(values, place, step, (0, 1, 2), edge_order)
    last = _end_slope(values, place, step, (-1, -2, -3), edge_order)
    return concatenate([first, inner, last], place)


def _end_slope(
    values: TracedArray, place: int, step: TracedArray, at: tuple[int, int, int], edge_order: int
) -> TracedArray:
    """The one-sided slope at an end, from the two or three entries next to it."""
    sign = 1.0 if at[0] == 0 else -1.0
    rows = [part(values, place, k, k + 1 if k != -1 else None) for k in at[: edge_order + 1]]
    near, far = (step, step) if not step.ndim else (step[at[0]], step[at[1]]) if edge_order == 2 else (step[at[0]],) * 2
    if edge_order == 1:
        slope = (rows[1] - rows[0]) * sign / near
    else:
        slope = (
            -(2.0 * near + far) / (near * (near + far)) * rows[0]
            + (near + far) / (near * far) * rows[1]
            - near / (far * (near + far)) * rows[2]
        ) * sign
    return slope  # type: ignore[no-any-return]
