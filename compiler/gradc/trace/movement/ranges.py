"""Numbers in even steps: arange, linspace and their powers, and the grids made of them."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from gradc.ir.algebra import convert, product_of, sum_of
from gradc.ir.scalar import INT64, index, number
from gradc.ir.tensor import compute
from gradc.trace.arrays.tracer import TracedArray, concrete, constant_array, extent_of, known_value, lift, literal_value
from gradc.trace.context import located, shape_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, result_dtype
from gradc.trace.movement.creation import array, number_dtype
from gradc.trace.movement.shaping import broadcast_to, expand_dims, moveaxis, reshape, shape_of
from gradc.trace.registry import implements


@implements(np.arange)
def arange(
    start: Any = None, stop: Any = None, step: Any = 1, dtype: Any = None, *, device: Any = None, like: Any = None
) -> TracedArray:
    """Numbers in steps. How many there are must be known while tracing."""
    if start is None and stop is None:
        raise trace_error("np.arange() requires stop to be specified: write np.arange(n)")
    if start is None or stop is None:
        start, stop = 0, stop if start is None else start
    step = 1 if step is None else step
    lifted = [lift(v) for v in (start, stop, step)]
    if all(x.dtype.kind in "iu" for x in lifted):
        return _whole_numbers(start, stop, step, dtype)
    values = [
        concrete(x, "a bound of np.arange", "give the number of points, np.linspace(a, b, n)").item() for x in lifted
    ]
    return constant_array(np.arange(*values, dtype=dtype))


def _whole_numbers(start: Any, stop: Any, step: Any, dtype: Any) -> TracedArray:
    stride = operator.index(step)
    if stride == 0:
        raise ZeroDivisionError(located("np.arange: the step must not be zero"))
    if isinstance(stop, TracedArray) and not isinstance(extent_of(stop), int) and stride == 1:
        first = extent_of(start)
        length = extent_of(lift(stop) - lift(start))
        body = sum_of(first, index(0))
    else:
        numbers = range(operator.index(start), operator.index(stop), stride)
        length, body = len(numbers), sum_of(numbers.start, product_of(number(stride), index(0)))
    return TracedArray(compute((length,), convert(body, INT64 if dtype is None else number_dtype(dtype))))


# ---------------------------------------------------------------- linspace


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """Numbers at equal distances, between numbers or between arrays."""
    count = _count(num)
    low, high = lift(start), lift(stop)
    fixed = [known_value(x) if literal_value(x) is not None else None for x in (low, high)]
    if fixed[0] is not None and fixed[1] is not None:
        made = np.linspace(*fixed, count, endpoint=endpoint, retstep=retstep, dtype=dtype, axis=axis)  # type: ignore[call-overload]
        return (constant_array(made[0]), made[1]) if retstep else constant_array(made)
    exact = np.result_type(result_dtype([low, high]), 0.0)
    result, step = _even_steps(astype(low, exact), astype(high, exact), count, endpoint)
    result = result if axis == 0 else moveaxis(result, 0, axis)
    result = result if dtype is None else _rounded_down(result, dtype)
    return (result, step) if retstep else result


def _count(num: Any) -> int:
    count = operator.index(num)
    if count < 0:
        raise shape_error(f"Number of samples, {count}, must be non-negative.")
    return count


def _even_steps(low: TracedArray, high: TracedArray, count: int, endpoint: bool) -> tuple[TracedArray, Any]:
    """The numbers along a first axis, and the step between them."""
    steps = count - 1 if endpoint else count
    positions = reshape(arange(count, dtype=low.dtype), (count,) + (1,) * max(low.ndim, high.ndim))
    delta = high - low
    step = delta / steps if steps > 0 else math.nan
    result = array(positions * (step if steps > 0 else delta) + low)
    if endpoint and count > 1:
        result[-1] = high
    return result, step


def _rounded_down(x: TracedArray, dtype: Any) -> TracedArray:
    target = number_dtype(dtype)
    return astype(apply_ufunc(np.floor, [x]) if target.kind in "iu" and x.dtype.kind == "f" else x, target)


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> TracedArray:
    """Powers of a base at equal distances of their exponents."""
    low, high, bases = lift(start), lift(stop), lift(base)
    if bases.ndim:
        rank = max(x.ndim for x in (low, high, bases))
        low, high, bases = (reshape(x, (1,) * (rank - x.ndim) + x.shape) for x in (low, high, bases))
        bases = expand_dims(bases, axis)
    exponents = linspace(low, high, num, endpoint=endpoint, axis=axis)
    powers = apply_ufunc(np.power, [bases if lift(base).ndim else base, exponents])
    return powers if dtype is None else astype(powers, number_dtype(dtype))


@implements(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> TracedArray:
    """Numbers at equal ratios: powers between the logarithms of the ends, with the sign of the first."""
    count = _count(num)
    exact = np.result_type(lift(start).dtype, lift(stop).dtype, 0.0)
    low, high = astype(lift(start), exact), astype(lift(stop), exact)
    for end in (low, high):
        known = literal_value(end)
        if known is not None and (known == 0).any():
            raise shape_error("Geometric sequence cannot include zero")
    sign = apply_ufunc(np.sign, [low])
    first, last = low / sign, high / sign
    ends = [apply_ufunc(np.log10, [x]) for x in (first, last)]
    result = array(logspace(ends[0], ends[1], count, endpoint=endpoint))
    if count > 0:
        result[0] = first
    if count > 1 and endpoint:
        result[-1] = last
    result = result * sign
    result = result if axis == 0 else moveaxis(result, 0, axis)
    return result if dtype is None else astype(result, number_dtype(dtype))


# ---------------------------------------------------------------- grids


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[TracedArray, ...]:
    """Coordinate arrays, one for each vector."""
    if indexing not in ("xy", "ij"):
        raise shape_error("Valid values for `indexing` are 'xy' and 'ij'.")
    vectors = [reshape(lift(x), (-1,)) for x in xi]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        order[0], order[1] = 1, 0
    lone = [
        reshape(vector, tuple(vector.shape[0] if k == place else 1 for k in range(len(vectors))))
        for vector, place in zip(vectors, order, strict=True)
    ]
    shape = [0] * len(vectors)
    for vector, place in zip(vectors, order, strict=True):
        shape[place] = vector.shape[0]
    grids = lone if sparse else [broadcast_to(x, tuple(shape)) for x in lone]
    return tuple(TracedArray(grid.tensor) if copy else grid for grid in grids)


@implements(np.indices)
def indices(dimensions: Any, dtype: Any = int, sparse: bool = False) -> Any:
    """The indices of a grid: one array for each axis."""
    shape = shape_of(dimensions if isinstance(dimensions, tuple | list | TracedArray) else tuple(dimensions))
    target = number_dtype(dtype)
    if sparse:
        return tuple(
            TracedArray(compute(tuple(e if j == k else 1 for j in range(len(shape))), convert(index(k), target)))
            for k, e in enumerate(shape)
        )
    from gradc.trace.movement.joining import stack

    grids = [TracedArray(compute(shape, convert(index(k), target))) for k in range(len(shape))]
    if not grids:
        return constant_array(np.indices((), target))
    return array(stack(grids))


@implements(np.ix_)
def ix_(*args: Any) -> tuple[TracedArray, ...]:
    """An open grid of indices; a known mask counts as the positions of its true entries."""
    opened = []
    for place, given in enumerate(args):
        vector = lift(given)
        if vector.ndim != 1:
            raise shape_error("Cross index must be 1 dimensional")
        if vector.dtype.kind == "b":
            vector = lift(np.flatnonzero(concrete(vector, "the shape of np.ix_", "pass integer positions")))
        if vector.extents[0] == 0 and vector.dtype.kind == "f":
            vector = astype(vector, np.int64)
        opened.append(reshape(vector, tuple(-1 if k == place else 1 for k in range(len(args)))))
    return tuple(opened)
