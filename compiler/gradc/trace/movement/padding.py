"""``np.pad``: each axis in turn gets entries before and after, made of the constants, edges or reflections of its mode."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import conjunction, difference, less, less_equal, negation, sum_of
from gradc.ir.bounds import decide
from gradc.ir.scalar import index, is_number
from gradc.ir.tensor import compute, extent, extent_scalar
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, concrete, lift, wrap
from gradc.trace.context import dtype_error, shape_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype
from gradc.trace.movement.joining import concatenate, piecewise
from gradc.trace.movement.ranges import linspace
from gradc.trace.movement.repeating import picked
from gradc.trace.movement.shaping import broadcast_to, normal_axis, reshape
from gradc.trace.reducing.reductions import maximum, minimum
from gradc.trace.reducing.statistics import mean
from gradc.trace.registry import FUNCTIONS, implements

#: Widths before and after along an axis.
Widths = tuple[int, int]
#: A mode along one axis: the array, the axis, the widths, the options of this axis.
Mode = Callable[[TracedArray, int, Widths, Any], TracedArray]


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> TracedArray:
    """Entries added around the array."""
    x = lift(array)
    if not isinstance(mode, str) or mode == "empty":
        given = repr(mode) if isinstance(mode, str) else "a function"
        raise trace_error(
            f"np.pad(mode={given}) can't be traced; use 'constant', 'edge', 'reflect', 'symmetric', 'wrap', 'linear_ramp', "
            "'maximum', 'mean', 'median' or 'minimum', or np.concatenate"
        )
    if mode not in _MODES:
        raise shape_error(f"mode '{mode}' is not supported")
    known = _OPTIONS.get(mode, ())
    if set(options) - set(known):
        raise shape_error(f"unsupported keyword arguments for mode '{mode}': {sorted(set(options) - set(known))}")
    widths = _widths(pad_width, x.ndim)
    if mode == "constant":
        value = lift(options.get("constant_values", 0))
        if value.ndim == 0 or value.extents == (1,):
            return _surrounded(x, widths, value)
        options = {"constant_values": _pairs(value, x.ndim)}
    elif mode == "linear_ramp":
        options = {"end_values": _pairs(lift(options.get("end_values", 0)), x.ndim)}
    elif options.get("stat_length") is not None:
        options = {"stat_length": _widths(options["stat_length"], x.ndim)}
    for place, width in enumerate(widths):
        if width != (0, 0):
            x = _MODES[mode](x, place, width, _of_axis(options, place))
    return TracedArray(x.tensor)


def _widths(pad_width: Any, ndim: int) -> list[Widths]:
    if isinstance(pad_width, dict):
        given: list[Any] = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            given[normal_axis(axis, ndim)] = width if isinstance(width, tuple | list) else (width, width)
        pad_width = given
    known = concrete(lift(pad_width), "the padding's width", "pass Python ints")
    if known.dtype.kind not in "iu":
        raise dtype_error(f"`pad_width` must be of integral type, not {known.dtype}; use n.astype(int)")
    if (known < 0).any():
        raise shape_error("`pad_width` can't contain negative values")
    try:
        return [(int(before), int(after)) for before, after in np.broadcast_to(known, (ndim, 2))]
    except ValueError:
        raise shape_error(f"pad_width of shape {known.shape} does not fit an array of {ndim} axes") from None


def _pairs(value: TracedArray, ndim: int) -> TracedArray:
    """One value before and one after for each axis."""
    return broadcast_to(value, (ndim, 2))


def _of_axis(options: dict[str, Any], place: int) -> Any:
    """What the mode is told about one axis."""
    for name in ("constant_values", "end_values"):
        if name in options:
            return options[name][place]
    if options.get("stat_length") is not None:
        return options["stat_length"][place]
    return options.get("reflect_type", "even")


def _part(x: TracedArray, place: int, piece: slice) -> TracedArray:
    result: TracedArray = x[(*(slice(None),) * place, piece)]
    return result


def _spread(x: TracedArray, place: int, count: int) -> TracedArray:
    """Entries that have extent 1 along the axis, ``count`` times."""
    return broadcast_to(x, (*x.shape[:place], count, *x.shape[place + 1 :]))


# ---------------------------------------------------------------- constants and edges


def _surrounded(x: TracedArray, widths: Sequence[Widths], value: TracedArray) -> TracedArray:
    """One number around the array, along all axes at once."""
    shape = tuple(extent(sum_of(extent_scalar(e), b, a)) for e, (b, a) in zip(x.extents, widths, strict=True))
    local = [difference(index(k), b) for k, (b, _) in enumerate(widths)]
    inside = conjunction(
        *[p for q, e in zip(local, x.extents, strict=True) for p in (less_equal(0, q), less(q, extent_scalar(e)))]
    )
    inside = decide(inside, shape)
    outside = entry(astype(reshape(value, ()), x.dtype).tensor, ())
    terms = [(inside, entry(x.tensor, local))]
    if not is_number(outside, 0):
        terms.append((negation(inside), outside))
    return TracedArray(wrap(compute(shape, piecewise(terms, shape, x.dtype))).tensor)


def _constant(x: TracedArray, place: int, width: Widths, values: TracedArray) -> TracedArray:
    ends = [_spread(_as_slice(astype(values[k], x.dtype), x, place), place, width[k]) for k in range(2)]
    return concatenate([ends[0], x, ends[1]], place)


def _as_slice(value: TracedArray, x: TracedArray, place: int) -> TracedArray:
    """A number as a slice of extent 1 along the axis."""
    return broadcast_to(value, (*x.shape[:place], 1, *x.shape[place + 1 :]))


def _edge(x: TracedArray, place: int, width: Widths, _: Any) -> TracedArray:
    before, after = _part(x, place, slice(0, 1)), _part(x, place, slice(-1, None))
    return concatenate([_spread(before, place, width[0]), x, _spread(after, place, width[1])], place)


def _linear_ramp(x: TracedArray, place: int, width: Widths, ends: TracedArray) -> TracedArray:
    """From the end values to the edges in even steps."""
    parts = [x]
    for side in range(2):
        edge = _part(x, place, slice(0, 1) if side == 0 else slice(-1, None))
        lone = (*(slice(None),) * place, 0)
        ramp = linspace(ends[side], edge[lone], width[side], endpoint=False, dtype=x.dtype, axis=place)
        parts.insert(0, ramp) if side == 0 else parts.append(_part(ramp, place, slice(None, None, -1)))
    return concatenate(parts, place)


# ---------------------------------------------------------------- reflections


def _wrap(x: TracedArray, place: int, width: Widths, _: Any) -> TracedArray:
    length = operator.index(x.shape[place])
    _refuse_empty(x, place, "wrap")
    return picked(x, place, np.arange(-width[0], length + width[1]) % length)


def _refuse_empty(x: TracedArray, place: int, mode: str) -> None:
    if any(e == 0 for e in x.extents):
        raise shape_error(
            f"can't extend empty axis {place} using modes other than 'constant' or 'empty': mode {mode!r}"
        )


def _reflected(with_edge: bool) -> Mode:
    """``reflect`` and ``symmetric``: what lies next to the edge, backwards; wide paddings reflect what was padded before."""

    def mode(x: TracedArray, place: int, width: Widths, reflect_type: str) -> TracedArray:
        if reflect_type not in ("even", "odd"):
            raise shape_error(f"reflect_type must be 'even' or 'odd', not {reflect_type!r}")
        _refuse_empty(x, place, "symmetric" if with_edge else "reflect")
        length = operator.index(x.shape[place])
        if length == 1 and not with_edge:
            return _edge(x, place, width, None)
        before, after = width
        if reflect_type == "even":
            return picked(x, place, _bounced(length, before, after, with_edge))
        while before or after:
            reach = _reach(operator.index(x.shape[place]), length, with_edge)
            left, right = min(before, reach), min(after, reach)
            x = _reflected_oddly(x, place, (left, right), with_edge)
            before, after = before - left, after - right
        return x

    return mode


def _bounced(length: int, before: int, after: int, with_edge: bool) -> np.ndarray:
    """The positions of a walk to and fro."""
    period = 2 * length if with_edge else 2 * (length - 1)
    walk = np.arange(-before, length + after) % period
    turned = period - 1 - walk if with_edge else period - walk
    return np.where(walk < length, walk, turned)


def _reach(present: int, length: int, with_edge: bool) -> int:
    """How many entries one reflection of what is there gives: whole periods of the array."""
    if with_edge:
        return present // length * length
    return (present - 1) // (length - 1) * (length - 1)


def _reflected_oddly(x: TracedArray, place: int, width: Widths, with_edge: bool) -> TracedArray:
    """Reflections about the points of the edges: twice the edge, less the entry."""
    skip = 0 if with_edge else 1
    first, last = _part(x, place, slice(0, 1)), _part(x, place, slice(-1, None))
    before = _part(_part(x, place, slice(skip, width[0] + skip)), place, slice(None, None, -1))
    length = operator.index(x.shape[place])
    after = _part(_part(x, place, slice(length - width[1] - skip, length - skip)), place, slice(None, None, -1))
    return concatenate([2 * first - before, x, 2 * last - after], place)


# ---------------------------------------------------------------- statistics of the entries next to an edge


def _statistic(reduce: Callable[..., Any], name: str) -> Mode:
    def mode(x: TracedArray, place: int, width: Widths, lengths: Any) -> TracedArray:
        _refuse_empty(x, place, name)
        length = operator.index(x.shape[place])
        given = [length, length] if isinstance(lengths, str) else [min(n, length) for n in lengths]
        if 0 in given and name in ("maximum", "minimum"):
            raise shape_error("stat_length of 0 yields no value for padding")
        pieces = (slice(0, given[0]), slice(length - given[1], None))
        sides = [reduce(_part(x, place, piece), axis=place, keepdims=True) for piece in pieces]
        rounded = [_rounded(side, x.dtype) for side in sides]
        return concatenate([_spread(rounded[0], place, width[0]), x, _spread(rounded[1], place, width[1])], place)

    return mode


def _rounded(value: TracedArray, dtype: np.dtype[Any]) -> TracedArray:
    if dtype.kind in "iu" and value.dtype.kind not in "iu":
        value = apply_ufunc(np.rint, [value])
    return astype(value, dtype)


def _median(x: TracedArray, **options: Any) -> Any:
    return FUNCTIONS[np.median](x, **options)


_MODES: dict[str, Mode] = {
    "constant": _constant,
    "edge": _edge,
    "linear_ramp": _linear_ramp,
    "wrap": _wrap,
    "reflect": _reflected(with_edge=False),
    "symmetric": _reflected(with_edge=True),
    "maximum": _statistic(maximum, "maximum"),
    "minimum": _statistic(minimum, "minimum"),
    "mean": _statistic(mean, "mean"),
    "median": _statistic(_median, "median"),
}
_OPTIONS: dict[str, tuple[str, ...]] = {
    "constant": ("constant_values",),
    "linear_ramp": ("end_values",),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
    **dict.fromkeys(("maximum", "minimum", "mean", "median"), ("stat_length",)),
}
