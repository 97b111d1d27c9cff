"""Medians, quantiles and percentiles: entries of sorted rows, and lines between them.

The positions are those of NumPy's methods (Hyndman and Fan, *Sample Quantiles in Statistical Packages*, 1996). They are
computed while tracing where the probabilities and the number of entries are known, and in the graph otherwise: so ``q`` may be
traced, and each row may have its own number of entries that are numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.ir.scalar import FLOAT64, INT64, DType, index
from gradc.ir.tensor import Shape, compute
from gradc.trace.arrays.storage import axes, entry
from gradc.trace.arrays.tracer import TracedArray, constant_array, known_value, lift, literal_value, wrap
from gradc.trace.context import dtype_error, located, shape_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, where
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.shaping import broadcast_to, moveaxis, normal_axes, reshape, transpose
from gradc.trace.reducing.cumulative import cumsum
from gradc.trace.reducing.reductions import reduced
from gradc.trace.reducing.sorting import argsort, places_among, rows_sorted, through
from gradc.trace.registry import implements

_UNSET: Any = np._NoValue


@dataclass(frozen=True)
class _Rows:
    """What a statistic is taken of: rows along the last axis, and the shapes that results have."""

    values: TracedArray
    kept: Shape
    with_ones: Shape

    def finished(self, result: TracedArray, leading: int, keepdims: Any) -> TracedArray:
        """The statistics, of which the first axes are those of the probabilities."""
        if keepdims is not True:
            return result
        return wrap(reshape(result, (*result.shape[:leading], *_user_shape(self.with_ones))).tensor)


def _user_shape(shape: Shape) -> tuple[Any, ...]:
    from gradc.trace.arrays.tracer import extent_value

    return tuple(e if isinstance(e, int) else extent_value(e) for e in shape)


def _rows(x: TracedArray, axis: Any) -> _Rows:
    listed = normal_axes(axis, x.ndim)
    if len(set(listed)) != len(listed):
        raise ValueError(located("repeated axis"))
    kept = [k for k in range(x.ndim) if k not in listed]
    with_ones = tuple(1 if k in listed else e for k, e in enumerate(x.extents))
    moved = transpose(x, [*kept, *listed])
    length = math.prod(x.shape[k] for k in listed)
    values = wrap(reshape(moved, (*[x.shape[k] for k in kept], length)).tensor)
    return _Rows(values, tuple(x.extents[k] for k in kept), with_ones)


def _real(a: Any) -> TracedArray:
    x = lift(a)
    if x.dtype.kind == "c":
        raise TypeError(located("a must be an array of real numbers"))
    return x


def _array(value: Any) -> TracedArray:
    """What was computed while tracing, as a literal array."""
    return value if isinstance(value, TracedArray) else constant_array(np.asarray(value))


def _picked(ordered: TracedArray, positions: Any, of_rows: bool) -> TracedArray:
    """Entries of the rows: those at the same positions in each, or (``of_rows``) at positions that each row has for itself.

    The axes of the probabilities lead the result.
    """
    batch = ordered.extents[:-1]
    where_to = _array(positions)
    leading = where_to.extents[: where_to.ndim - len(batch)] if of_rows else where_to.extents
    rank = len(leading)
    shape = (*leading, *batch)
    rows = [index(rank + k) for k in range(len(batch))]
    at = entry(where_to.tensor, axes(where_to.ndim))
    return wrap(compute(shape, entry(ordered.tensor, [*rows, at])))


# ---------------------------------------------------------------- median


@implements(np.median)
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> TracedArray:
    """The middle entry, or the mean of the two in the middle; NaN where there is one.

    >>> import gradc
    >>> gradc.grad(lambda x: np.median(x))(np.array([3.0, 1.0, 2.0, 7.0]))
    array([0.5, 0. , 0.5, 0. ])
    """
    rows = _rows(lift(a), axis)
    ordered = rows_sorted(_averaged(rows.values))
    if ordered.extents[-1] == 0:
        empty = broadcast_to(lift(ordered.dtype.type(np.nan)), _user_shape(rows.kept))
        return deliver(out, rows.finished(empty, 0, keepdims))
    length = ordered.shape[-1]
    middle = _middle(ordered[..., (length - 1) // 2], ordered[..., length // 2], length)
    return deliver(out, rows.finished(_nan_where_there_is_one(middle, ordered), 0, keepdims))


def _averaged(x: TracedArray) -> TracedArray:
    """Integers are averaged as floats."""
    return astype(x, FLOAT64) if x.dtype.kind in "biu" else x


def _middle(low: TracedArray, high: TracedArray, length: Any) -> TracedArray:
    """The mean of the two entries in the middle, which are one where the length is odd."""
    if isinstance(length, int) and length % 2:
        return lift(low)
    mean = (low + high) / 2
    return lift(mean) if isinstance(length, int) else where(length % 2 == 1, low, mean)


def _nan_where_there_is_one(result: TracedArray, ordered: TracedArray) -> TracedArray:
    """The result, but NaN of each row that ends in one."""
    if ordered.dtype.kind in "biu":
        return result
    last = lift(ordered[..., -1])
    return where(np.isnan(last), last, result)


@implements(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = _UNSET
) -> TracedArray:
    """The median of the entries that are numbers."""
    x = lift(a)
    if x.dtype.kind in "biu":
        return median(x, axis, out, overwrite_input, keepdims)
    rows = _rows(x, axis)
    if rows.values.extents[-1] == 0:
        return median(x, axis, out, overwrite_input, keepdims)
    ordered = rows_sorted(rows.values)
    count = _numbers(rows.values)
    last = apply_ufunc(np.maximum, [count - 1, 0])  # a row of NaN alone gives NaN, its first entry
    low, high = (
        _picked(ordered, position, True) for position in (last // 2, apply_ufunc(np.minimum, [count // 2, last]))
    )
    return deliver(out, rows.finished(_middle(low, high, count), 0, keepdims))


def _numbers(rows: TracedArray) -> TracedArray:
    """How many entries of each row are numbers."""
    there = apply_ufunc(np.logical_not, [apply_ufunc(np.isnan, [rows])])
    return reduced(astype(there, INT64), "sum", -1)


# ---------------------------------------------------------------- positions

#: The position in a sorted row of n entries, counted from 0, as a real number.
_POSITIONS: dict[str, Callable[[Any, Any], Any]] = {
    "inverted_cdf": lambda n, q: _step(n * q - 1, lambda fraction, _: fraction == 0),
    "averaged_inverted_cdf": lambda n, q: n * q - 1,
    "closest_observation": lambda n, q: _step(
        n * q - 1 - 0.5, lambda fraction, position: (fraction == 0) & (np.floor(position) % 2 == 1)
    ),
    "interpolated_inverted_cdf": lambda n, q: n * q + (0 + q * (1 - 0 - 1)) - 1,
    "hazen": lambda n, q: n * q + (0.5 + q * (1 - 0.5 - 0.5)) - 1,
    "weibull": lambda n, q: n * q + (0 + q * (1 - 0 - 0)) - 1,
    "linear": lambda n, q: (n - 1) * q,
    "median_unbiased": lambda n, q: n * q + (1 / 3.0 + q * (1 - 1 / 3.0 - 1 / 3.0)) - 1,
    "normal_unbiased": lambda n, q: n * q + (3 / 8.0 + q * (1 - 3 / 8.0 - 3 / 8.0)) - 1,
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "midpoint": lambda n, q: 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q)),
    "nearest": lambda n, q: np.rint((n - 1) * q),
}
#: How far towards the next entry, of the methods where that is not what is behind the point; (fraction, position) -> weight.
_WEIGHTS: dict[str, Callable[[Any, Any], Any]] = {
    "averaged_inverted_cdf": lambda fraction, _: np.where(fraction == 0, 0.5, 1.0),
    "midpoint": lambda _, position: np.where(position % 1 == 0, 0.0, 0.5),
}
#: The methods that give an entry, and so its dtype.
_ENTRIES = frozenset({"inverted_cdf", "closest_observation", "lower", "higher", "nearest"})


def _step(position: Any, stays: Callable[[Any, Any], Any]) -> Any:
    before = np.floor(position)
    return np.maximum(np.where(stays(position - before, position), before, before + 1), 0)


# ---------------------------------------------------------------- quantiles


@dataclass(frozen=True)
class _Probabilities:
    """The probabilities: an array that is known while tracing, or a traced one; and whether they are a Python number."""

    values: Any
    weak: bool
    #: where they are between 0 and 1, if that is not known
    valid: TracedArray | None

    @property
    def rank(self) -> int:
        return int(self.values.ndim)


def _probabilities(q: Any, per: int, message: str) -> _Probabilities:
    weak = type(q) in (int, float)
    given = q if isinstance(q, TracedArray) or np.asanyarray(q).dtype.kind != "O" else lift(q)
    if isinstance(given, TracedArray):
        weak = given.weak
        known = literal_value(given)
        given = given if known is None else known
    values = np.true_divide(given, per) if per != 1 else given
    values = values if isinstance(values, TracedArray) else np.asanyarray(values)
    if values.ndim > 2:
        raise ValueError(located("q must be a scalar or 1d"))
    if isinstance(values, np.ndarray):
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError(located(message))
        return _Probabilities(values, weak, None)
    valid = apply_ufunc(np.logical_and, [values >= 0, values <= 1])
    return _Probabilities(where(valid, values, 0), weak, valid)


def _weights_of(weights: Any, x: TracedArray, axis: Any, method: str) -> TracedArray | None:
    if weights is None:
        return None
    if method != "inverted_cdf":
        raise ValueError(located(f"Only method 'inverted_cdf' supports weights. Got: {method}."))
    w = lift(weights)
    known = known_value(w)
    if known is not None and (known < 0).any():
        raise ValueError(located("Weights must be non-negative."))
    if w.extents == x.extents:
        return w
    if axis is None:
        raise TypeError(located("Axis must be specified when shapes of a and weights differ."))
    listed = normal_axes(axis, x.ndim)
    if w.extents != tuple(x.extents[k] for k in listed):
        raise shape_error("Shape of weights must be consistent with shape of a along specified axis.")
    spread = reshape(w, tuple(e if k in listed else 1 for k, e in enumerate(x.shape)))
    return broadcast_to(spread, x.shape)


def _quantile(
    a: Any, q: Any, axis: Any, out: Any, method: str, keepdims: Any, weights: Any, *, per: int, numbers_only: bool
) -> TracedArray:
    """Quantiles of a row's entries, or of those that are numbers; ``q`` counts so many parts."""
    x = _real(a)
    message = "Quantiles must be in the range [0, 1]" if per == 1 else "Percentiles must be in the range [0, 100]"
    probabilities = _probabilities(q, per, message)
    if method not in _POSITIONS:
        raise ValueError(located(f"{method!r} is not a valid method. Use one of: {', '.join(_POSITIONS)}"))
    w = _weights_of(weights, x, axis, method)
    rows = _rows(x, axis)
    if rows.values.extents[-1] == 0:
        raise shape_error("quantiles of no entries are not defined")
    if w is not None:
        result = _weighted(rows.values, _rows(w, axis).values, probabilities, numbers_only=numbers_only)
    elif numbers_only and x.dtype.kind == "f":
        result = _of_rows(rows.values, _numbers(rows.values), probabilities, method)
    else:
        result = _of_rows(rows.values, None, probabilities, method)
    if probabilities.valid is not None:
        spread = probabilities.valid.reshape(probabilities.valid.shape + (1,) * len(rows.kept))
        result = where(spread, result, np.nan)
    return deliver(out, rows.finished(result, probabilities.rank, keepdims))


def _of_rows(values: TracedArray, count: TracedArray | None, q: _Probabilities, method: str) -> TracedArray:
    """``count`` is how many entries of each row count, where that isn't all of them."""
    ordered = rows_sorted(values)
    batch = values.ndim - 1
    probabilities, n = q.values, values.shape[-1] if count is None else count
    if count is not None:
        probabilities = np.reshape(probabilities, probabilities.shape + (1,) * batch)
    if isinstance(n, TracedArray):
        probabilities = _array(probabilities)
    position = _POSITIONS[method](n, probabilities)
    last = n - 1 if isinstance(n, int) else np.maximum(n - 1, 0)
    whole = getattr(position, "dtype", None) is not None and position.dtype.kind in "iu"
    if method in _ENTRIES or (method == "linear" and whole and count is None):
        place = np.minimum(np.maximum(position, 0), last)
        result = _picked(ordered, place.astype(np.int64), count is not None)
    else:
        result = _between(ordered, position, last, q, method, count is not None)
    return result if count is not None else _nan_where_there_is_one(result, ordered)


def _between(
    ordered: TracedArray, position: Any, last: Any, q: _Probabilities, method: str, of_rows: bool
) -> TracedArray:
    """The point at a position between two entries."""
    before = np.floor(position)
    fraction = position - before
    weight = _WEIGHTS[method](fraction, position) if method in _WEIGHTS else fraction
    low, high = (np.minimum(np.maximum(place, 0), last).astype(np.int64) for place in (before, before + 1))
    a, b = _picked(ordered, low, of_rows), _picked(ordered, high, of_rows)
    if not of_rows:
        weight = np.reshape(weight, np.shape(weight) + (1,) * (ordered.ndim - 1))
    return _lerp(a, b, weight, _result_dtype(ordered.dtype, q))


def _result_dtype(values: DType, q: _Probabilities) -> DType:
    wide: DType = np.result_type(values, 0.0 if q.weak else np.result_type(q.values.dtype, 0.0))
    return wide if wide.kind == "f" else FLOAT64


def _lerp(a: TracedArray, b: TracedArray, weight: Any, dtype: DType) -> TracedArray:
    """The point between two entries, from the end that is nearer."""
    if a.dtype.kind == "b":
        raise dtype_error("quantiles of bools lie between False and True; convert with x.astype(float)")
    t = astype(_array(weight), dtype)
    way = b - a
    is_far = None if isinstance(weight, TracedArray) else np.asarray(weight) >= 0.5
    if is_far is not None and is_far.all():
        return astype(b - way * (1 - t), dtype)
    if is_far is not None and not is_far.any():
        return astype(a + way * t, dtype)
    return astype(where(t >= 0.5 if is_far is None else _array(is_far), b - way * (1 - t), a + way * t), dtype)


def _weighted(values: TracedArray, weights: TracedArray, q: _Probabilities, *, numbers_only: bool) -> TracedArray:
    """The entry where the sum of the weights, in the order of the entries, reaches the part ``q`` of all."""
    if numbers_only and values.dtype.kind == "f":
        weights = where(np.isnan(values), 0, weights)
    order = argsort(values)
    ordered = through(values, order)
    sums = cumsum(through(weights, order), axis=-1, dtype=np.float64)
    parts = sums / sums[..., -1:]
    parts = where(parts == 0, -1.0, parts)  # an entry without weight is never chosen
    batch = values.extents[:-1]
    flat = _array(np.reshape(q.values, (-1,)))
    shape = (*batch, flat.extents[0])
    sought = wrap(compute(shape, entry(flat.tensor, [index(len(batch))])))
    places = places_among(parts, sought, "left")
    last = lift(values.shape[-1] - 1)
    places = apply_ufunc(np.minimum, [moveaxis(places, -1, 0), last])
    picked = _picked(ordered, places, True)
    result = wrap(reshape(picked, (*np.shape(q.values), *picked.shape[1:])).tensor)
    return result if numbers_only else _nan_where_there_is_one(result, ordered)


def _quantile_like(per: int, *, numbers_only: bool) -> Callable[..., TracedArray]:
    def implementation(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
    ) -> TracedArray:
        return _quantile(a, q, axis, out, method, keepdims, weights, per=per, numbers_only=numbers_only)

    return implementation


quantile = implements(np.quantile)(_quantile_like(1, numbers_only=False))
percentile = implements(np.percentile)(_quantile_like(100, numbers_only=False))
nanquantile = implements(np.nanquantile)(_quantile_like(1, numbers_only=True))
nanpercentile = implements(np.nanpercentile)(_quantile_like(100, numbers_only=True))
