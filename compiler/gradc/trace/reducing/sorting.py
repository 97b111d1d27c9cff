"""Sorting: one library call gives the stable permutation, everything else is reading through it.

So sorted values have the derivatives of any other reading by positions; among equal entries they belong to the entry that
the stable permutation names. `partition` and `argpartition` sort completely, which is one of the orders they may give.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import INT64, load, number
from gradc.ir.tensor import compute, projection
from gradc.ops.extern import library_call
from gradc.trace.arrays.indexing import assign
from gradc.trace.arrays.storage import axes, entry
from gradc.trace.arrays.tracer import TracedArray, concrete, known_value, lift, wrap
from gradc.trace.context import located, note_line, shape_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, result_dtype, where
from gradc.trace.movement.shaping import normal_axis, ravel, reshape, transpose
from gradc.trace.registry import implements

_KINDS = (None, "quicksort", "mergesort", "heapsort", "stable")


def _permutation(x: TracedArray) -> TracedArray:
    """The stable permutation of each row, NaN last; complex numbers in order of their real, then imaginary parts."""
    if x.dtype.kind == "c":
        return _lexicographic(_complex_keys(x))
    node = library_call("argsort", [x.tensor])
    note_line(node)
    return wrap(projection(node, 0))


def _complex_keys(x: TracedArray) -> list[TracedArray]:
    """Imaginary parts, real parts, and which of them is NaN: NumPy puts numbers with a NaN part behind all others."""
    real, imaginary = lift(np.real(x)), lift(np.imag(x))
    group = [astype(apply_ufunc(np.isnan, [part]), INT64) for part in (real, imaginary)]
    return [imaginary, real, apply_ufunc(np.add, [apply_ufunc(np.multiply, [group[0], 2]), group[1]])]


def _lexicographic(keys: Sequence[TracedArray]) -> TracedArray:
    """The order by the last key, among equals by the one before it, and so on."""
    order = _permutation(keys[0])
    for key in keys[1:]:
        order = through(order, _permutation(through(key, order)))
    return order


def through(x: TracedArray, order: TracedArray) -> TracedArray:
    """``x[..., order[..., i]]``: the rows of ``x`` read through positions that are known to be in range."""
    *front, last = axes(order.ndim)
    return wrap(compute(order.extents, entry(x.tensor, [*front, load(order.tensor, [*front, last])])))


def rows_sorted(x: TracedArray) -> TracedArray:
    """The values along the last axis in order."""
    return through(x, _permutation(x))


def _last(x: TracedArray, place: int) -> TracedArray:
    """An array whose last axis is the one at ``place``."""
    return transpose(x, [*[k for k in range(x.ndim) if k != place], place])


def _back(x: TracedArray, place: int) -> TracedArray:
    """The last axis in its place again."""
    order = list(range(x.ndim - 1))
    order.insert(place, x.ndim - 1)
    return wrap(transpose(x, order).tensor)


def _along(a: Any, axis: int | None, function: Callable[[TracedArray], TracedArray]) -> TracedArray:
    """``function``, which works along the last axis, along any."""
    x = lift(a)
    if axis is None:
        return function(ravel(x))
    place = normal_axis(axis, x.ndim)
    return _back(function(_last(x, place)), place)


def _check_options(kind: Any, order: Any, stable: Any) -> None:
    if order is not None:
        raise ValueError(located("Cannot specify order when the array has no fields."))
    if kind is not None and stable is not None:
        raise ValueError(
            located("`kind` and keyword parameters can't be provided at the same time. Use only one of them.")
        )
    if kind not in _KINDS:
        raise ValueError(located(f"sort kind must be one of 'quick', 'heap', or 'stable' (got {kind!r})"))


@implements(np.sort)
def sort(a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> TracedArray:
    """The entries in order along an axis.

    >>> import gradc
    >>> gradc.grad(lambda x: np.sum(np.sort(x) * np.arange(3.0)))(np.array([2.0, 0.5, 1.0]))
    array([2., 0., 1.])
    """
    _check_options(kind, order, stable)
    return _along(a, axis, rows_sorted)


@implements(np.argsort, method="argsort")
def argsort(a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> TracedArray:
    """The positions that put the entries in order; equal entries keep theirs."""
    _check_options(kind, order, stable)
    return _along(a, axis, _permutation)


@implements(method="sort")
def sort_in_place(x: TracedArray, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
    """``x.sort()``."""
    assign(x, sort(x, operator.index(axis), kind, order, stable=stable))


def _check_partition(x: TracedArray, kth: Any, axis: int | None, kind: Any, order: Any) -> None:
    if kind != "introselect":
        raise ValueError(located(f"select kind must be 'introselect' (got {kind!r})"))
    _check_options(None, order, None)
    positions = concrete(lift(kth), "the position of np.partition", "use np.sort, which needs no position")
    if positions.dtype.kind not in "iu":
        raise TypeError(located("Partition index must be integer"))
    if positions.ndim > 1:
        raise ValueError(located("kth array must have dimension <= 1"))
    length = operator.index(x.size if axis is None else x.shape[normal_axis(axis, x.ndim)])
    for position in positions.reshape(-1).tolist():
        if not -length <= position < length:
            raise ValueError(located(f"kth(={position}) out of bounds ({length})"))


@implements(np.partition)
def partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> TracedArray:
    """Entry ``kth`` in its place, smaller ones before it: all are sorted."""
    _check_partition(lift(a), kth, axis, kind, order)
    return sort(a, axis)


@implements(np.argpartition, method="argpartition")
def argpartition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> TracedArray:
    """The positions of the entries in such an order."""
    _check_partition(lift(a), kth, axis, kind, order)
    return argsort(a, axis)


@implements(method="partition")
def partition_in_place(x: TracedArray, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None) -> None:
    """``x.partition(kth)``."""
    assign(x, partition(x, kth, operator.index(axis), kind, order))


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> TracedArray:
    """The positions in the order of the last key; the others decide between equals, later ones first."""
    listed = [lift(key) for key in keys]
    if not listed:
        raise TypeError(located("need sequence of keys with len > 0 in lexsort"))
    if any(key.extents != listed[0].extents for key in listed):
        raise shape_error("all keys need to be the same shape")
    if not listed[0].ndim:
        return lift(np.int64(0))
    place = normal_axis(axis, listed[0].ndim)
    return _back(_lexicographic([_last(key, place) for key in listed]), place)


@implements(np.sort_complex)
def sort_complex(a: Any) -> TracedArray:
    """The entries in order, as complex numbers."""
    ordered = sort(a)
    if ordered.dtype.kind == "c":
        return ordered
    return astype(ordered, np.complex64 if ordered.dtype.char in "bhBH" else np.complex128)


# ---------------------------------------------------------------- searching sorted arrays


def places_among(edges: TracedArray, values: TracedArray, side: str) -> TracedArray:
    """For each value, how many entries of the sorted edges come before it; both have leading batch axes in common."""
    common = result_dtype([TracedArray(edges.tensor), TracedArray(values.tensor)])
    if common.kind == "c":
        raise trace_error("complex numbers can't be searched for inside a traced function; search for real parts")
    operands = [astype(x, common) if x.dtype != common else x for x in (edges, values)]
    node = library_call("searchsorted", [x.tensor for x in operands], side=side)
    note_line(node)
    return wrap(projection(node, 0))


@implements(np.searchsorted, method="searchsorted")
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> TracedArray:
    """Where values belong in a sorted array: how many of its entries are smaller (or not larger, side="right")."""
    if side not in ("left", "right"):
        raise ValueError(located(f"search side must be 'left' or 'right' (got {side!r})"))
    edges, values = lift(a), lift(v)
    if edges.ndim != 1:
        raise ValueError(located("object too deep for desired array" if edges.ndim else "object of too small depth"))
    if sorter is not None:
        order = lift(sorter)
        if order.dtype.kind not in "iu":
            raise TypeError(located("sorter must only contain integers"))
        if order.extents != edges.extents:
            raise ValueError(located("sorter.size must be equal to keys.size"))
        edges = edges[order]
    places = places_among(edges, values if values.ndim == 1 else ravel(values), side)
    return places if values.ndim == 1 else wrap(reshape(places, values.shape).tensor)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> TracedArray:
    """The bin of each value; the bins' edges grow or fall."""
    values, edges = lift(x), lift(bins)
    if values.dtype.kind == "c":
        raise TypeError(located("x may not be complex"))
    side = "left" if right else "right"
    growing = searchsorted(edges, values, side)
    known = known_value(edges)
    if known is not None:
        steps = np.diff(known)
        if not ((steps >= 0).all() or (steps <= 0).all()):
            raise ValueError(located("bins must be monotonically increasing or decreasing"))
        if (steps >= 0).all():
            return growing
    falling = edges.shape[0] - searchsorted(edges[::-1], values, side)
    if known is not None or edges.extents[0] in (0, 1):
        return lift(falling if known is not None else growing)
    return where(edges[0] <= edges[-1], growing, falling)


@implements(np.isin, *filter(None, [getattr(np, "in1d", None)]))
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: str | None = None
) -> TracedArray:
    """Which entries are among others: those that are found in the sorted others."""
    x, others = lift(element), ravel(lift(test_elements))
    if kind not in (None, "sort", "table"):
        raise ValueError(located(f"Invalid kind: '{kind}'. Please use None, 'sort' or 'table'."))
    if kind == "table" and not (x.dtype.kind in "biu" and others.dtype.kind in "biu"):
        message = "The 'table' method is only supported for boolean or integer arrays."
        raise ValueError(located(f"{message} Please select 'sort' or None for kind."))
    if others.extents == (0,):
        return wrap(compute(x.extents, number(bool(invert))))
    ordered = rows_sorted(others)
    last = lift(ordered.shape[0] - 1)
    place = apply_ufunc(np.minimum, [searchsorted(ordered, x, "left"), last])
    found = wrap(compute(x.extents, entry(ordered.tensor, [entry(place.tensor, axes(x.ndim))])))
    return apply_ufunc(np.not_equal if invert else np.equal, [found, x])
