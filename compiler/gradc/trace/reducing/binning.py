"""Bins and intervals: histograms, counts, and interpolation between knots. All of it is searching, reading and adding up."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.ir.scalar import INT64
from gradc.ir.tensor import compute
from gradc.trace.arrays.indexing import accumulate_at
from gradc.trace.arrays.storage import axes, entry
from gradc.trace.arrays.tracer import TracedArray, concrete, constant_array, known_value, lift, wrap
from gradc.trace.context import located, shape_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, where
from gradc.trace.movement.creation import zeros
from gradc.trace.movement.joining import concatenate
from gradc.trace.movement.shaping import ravel
from gradc.trace.reducing.reductions import sum_
from gradc.trace.reducing.sorting import argsort, searchsorted
from gradc.trace.registry import implements


@implements(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> TracedArray:
    """How often each number occurs, or the sum of its weights. The numbers must be known while tracing."""
    numbers = concrete(lift(x), "the length of np.bincount", "use np.add.at(np.zeros(n), x, weights)")
    if numbers.ndim != 1:
        raise ValueError(located("object too deep for desired array" if numbers.ndim else "object of too small depth"))
    if numbers.dtype.kind not in "biu" and numbers.size:
        raise TypeError(
            located(f"Cannot cast array data from {numbers.dtype!r} to {INT64!r} according to the rule 'safe'")
        )
    if (numbers < 0).any():
        raise ValueError(located("'list' argument must have no negative elements"))
    if operator.index(minlength) < 0:
        raise ValueError(located("'minlength' must not be negative"))
    length = max(operator.index(minlength), int(numbers.max(initial=-1)) + 1)
    values = lift(np.int64(1)) if weights is None else astype(lift(weights), float)
    if weights is not None and values.shape != numbers.shape:
        raise shape_error(f"The weights and list don't have the same length: {values.shape} and {numbers.shape}")
    counts = zeros(length, values.dtype)
    accumulate_at(counts, lift(x).astype(np.int64), values)
    return counts


# ---------------------------------------------------------------- histograms


def _edges(a: TracedArray, bins: Any, range_: Any) -> TracedArray:
    """The edges of the bins: given, or equally spaced over a range that is known."""
    known_bins = bins
    if isinstance(bins, TracedArray) and not bins.ndim:
        known_bins = operator.index(bins)
    if isinstance(known_bins, str):
        raise trace_error(f"np.histogram(bins={bins!r}) of a traced array can't be traced; give the edges")
    if np.ndim(known_bins) == 0:
        if range_ is None:
            known = known_value(a)
            if known is None:
                raise trace_error(
                    "np.histogram needs the range of a traced array; give range=(low, high), or the edges"
                )
            return constant_array(np.histogram_bin_edges(known, known_bins))
        low, high = (concrete(lift(end), "the range of np.histogram", "give the edges of the bins") for end in range_)
        return constant_array(np.histogram_bin_edges(np.zeros(1, a.dtype), known_bins, (low.item(), high.item())))
    edges = lift(bins)
    if edges.ndim != 1:
        raise ValueError(located("`bins` must be 1d, when an array"))
    known = known_value(edges)
    if known is not None and (known[:-1] > known[1:]).any():
        raise ValueError(located("`bins` must increase monotonically, when an array"))
    return edges


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> TracedArray:
    """The edges of a histogram's bins."""
    return _edges(ravel(lift(a)), bins, range)


@implements(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[TracedArray, TracedArray]:
    """How many entries are in each bin, or the sum of their weights; and the edges of the bins."""
    values = ravel(lift(a))
    edges = _edges(values, bins, range)
    amounts = lift(np.int64(1)) if weights is None else ravel(lift(weights))
    if weights is not None and lift(weights).extents != lift(a).extents:
        raise ValueError(located("weights should have the same shape as a."))
    if amounts.dtype.kind == "b":
        amounts = astype(amounts, INT64)
    counts = zeros(edges.shape[0] - 1, amounts.dtype)
    place, inside = _bins(edges, values)
    accumulate_at(counts, place, where(inside, amounts, amounts.dtype.type(0)))
    if not density:
        return counts, edges
    return lift(counts / _widths(edges) / sum_(counts)), edges


def _bins(edges: TracedArray, values: TracedArray) -> tuple[TracedArray, TracedArray]:
    """The bin of each value, the last one with its upper edge; and which values are in one."""
    inside = apply_ufunc(np.logical_and, [values >= edges[0], values <= edges[-1]])
    place = lift(searchsorted(edges, values, "right") - 1)
    return apply_ufunc(np.minimum, [apply_ufunc(np.maximum, [place, 0]), edges.shape[0] - 2]), inside


def _widths(edges: TracedArray) -> TracedArray:
    return astype(lift(edges[1:] - edges[:-1]), float)


@implements(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[TracedArray, list[TracedArray]]:
    """How many points are in each box, or the sum of their weights; and the edges along each axis."""
    if isinstance(sample, TracedArray | np.ndarray):
        points = lift(sample)
        points = points.reshape((-1, 1)) if points.ndim < 2 else points
    else:
        points = lift(np.stack([ravel(lift(part)) for part in sample], axis=1))
    rank = operator.index(points.shape[1])
    listed = list(bins) if isinstance(bins, list | tuple) or np.ndim(bins) else [bins] * rank
    if len(listed) != rank:
        raise ValueError(located("The dimension of bins must be equal to the dimension of the sample x."))
    spans = [None] * rank if range is None else list(range)
    if len(spans) != rank:
        raise ValueError(located("range argument must have one entry per dimension"))
    columns = [lift(points[:, k]) for k, _ in enumerate(listed)]
    edges = [_edges(*given) for given in zip(columns, listed, spans, strict=True)]
    amounts = lift(np.float64(1)) if weights is None else astype(ravel(lift(weights)), float)
    counts = zeros(tuple(e.shape[0] - 1 for e in edges), amounts.dtype)
    found = [_bins(e, column) for e, column in zip(edges, columns, strict=True)]
    inside = found[0][1]
    for _, further in found[1:]:
        inside = apply_ufunc(np.logical_and, [inside, further])
    accumulate_at(counts, tuple(place for place, _ in found), where(inside, amounts, 0.0))
    if density:
        total = sum_(counts)
        for axis, e in enumerate(edges):
            shape = tuple(-1 if k == axis else 1 for k, _ in enumerate(edges))
            counts = lift(counts / _widths(e).reshape(shape))
        counts = lift(counts / total)
    return counts, edges


@implements(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[TracedArray, TracedArray, TracedArray]:
    """`histogramdd` of points in the plane."""
    if lift(x).extents != lift(y).extents:
        raise ValueError(located("x and y must have the same length."))
    is_listed = isinstance(bins, list | tuple) or np.ndim(bins) > 0
    both = [bins, bins] if is_listed and len(bins) not in (1, 2) else bins
    counts, (across, up) = histogramdd([x, y], both, range, density, weights)
    return counts, across, up


# ---------------------------------------------------------------- interpolation


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> TracedArray:
    """The line between the knots around each point; beyond them, the first and the last value (``left``, ``right``).

    >>> import gradc
    >>> gradc.grad(lambda x: np.interp(x, [0.0, 1.0, 3.0], [1.0, 3.0, 4.0]))(2.0)
    0.5
    """
    values = lift(fp)
    values = astype(values, np.complex128 if values.dtype.kind == "c" else np.float64)
    at, knots = astype(lift(x), np.float64), astype(lift(xp), np.float64)
    if knots.ndim != 1 or values.ndim != 1:
        raise ValueError(located("Data points must be 1-D sequences"))
    if knots.extents != values.extents:
        raise ValueError(located("fp and xp are not of the same length."))
    if knots.extents == (0,):
        raise ValueError(located("array of sample points is empty"))
    if period is not None:
        at, knots, values = _wrapped_around(at, knots, values, period)
        left = right = None
    first, last = lift(values[0]), lift(values[-1])
    is_line = knots.extents != (1,)
    result = _on_lines(at, knots, values) if is_line else first
    result = where(at >= knots[-1], last, result)
    result = where(at < knots[0], first if left is None else left, result)
    result = where(at > knots[-1], last if right is None else right, result)
    return where(np.isnan(at), at, result) if is_line else result


def _wrapped_around(at: TracedArray, knots: TracedArray, values: TracedArray, period: Any) -> tuple[TracedArray, ...]:
    """The same on one period, with a knot of the neighbouring ones at each end."""
    length = apply_ufunc(np.absolute, [period])
    known = known_value(length)
    if known is not None and known == 0:
        raise ValueError(located("period must be a non-zero value"))
    at, knots = (apply_ufunc(np.remainder, [part, length]) for part in (at, knots))
    order = argsort(knots)
    knots, values = lift(knots[order]), lift(values[order])
    knots = concatenate([knots[-1:] - length, knots, knots[:1] + length])
    return at, knots, concatenate([values[-1:], values, values[:1]])


def _on_lines(at: TracedArray, knots: TracedArray, values: TracedArray) -> TracedArray:
    """By the line of the interval; where an infinite value makes that no number, as seen from its other end."""
    place = searchsorted(knots, at, "right") - 1
    place = apply_ufunc(np.minimum, [apply_ufunc(np.maximum, [place, 0]), knots.shape[0] - 2])

    def end(array: TracedArray, offset: int) -> TracedArray:
        positions = entry((lift(place + offset) if offset else place).tensor, axes(place.ndim))
        return wrap(compute(place.extents, entry(array.tensor, [positions])))

    low, high, start, stop = end(knots, 0), end(knots, 1), end(values, 0), end(values, 1)
    slope = (stop - start) / (high - low)
    ahead = slope * (at - low) + start
    back = slope * (at - high) + stop
    back = where(apply_ufunc(np.logical_and, [np.isnan(back), start == stop]), start, back)
    back = where(at == low, start, back)
    return where(np.isnan(ahead), back, ahead)
