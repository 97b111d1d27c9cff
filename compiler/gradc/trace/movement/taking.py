"""Taking and choosing entries by positions, masks and conditions, and putting entries there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import apply, number
from gradc.ir.tensor import Extent, compute, extent_scalar
from gradc.trace.arrays.indexing import assign
from gradc.trace.arrays.storage import axes, entry
from gradc.trace.arrays.tracer import TracedArray, concrete, lift, literal_value, wrap
from gradc.trace.context import dtype_error, index_error, shape_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, result_dtype, truth, where
from gradc.trace.movement.flat import cycled, flat_view, put_flat
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.ranges import arange
from gradc.trace.movement.shaping import broadcast_to, normal_axis, ravel, reshape
from gradc.trace.reducing.cumulative import cumsum
from gradc.trace.registry import implements


def _positions(given: Any, what: str) -> TracedArray:
    """Integer positions; NumPy takes bools for 0 and 1 here, and an empty list of floats for no positions."""
    chosen = lift(given)
    if chosen.dtype.kind == "b" or (chosen.dtype.kind == "f" and any(e == 0 for e in chosen.extents)):
        return astype(chosen, np.int64)
    if chosen.dtype.kind not in "iu":
        raise dtype_error(f"{what} needs integers, not {chosen.dtype}; use x.astype(int)")
    return chosen


def _by_mode(chosen: TracedArray, length: Any, mode: str) -> TracedArray:
    """Positions outside the axis, by NumPy's ``mode``."""
    if mode == "clip":
        return apply_ufunc(np.minimum, [apply_ufunc(np.maximum, [chosen, 0]), length - 1])
    if mode == "wrap":
        return apply_ufunc(np.remainder, [chosen, length])
    if mode != "raise":
        raise shape_error(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    return chosen


def within(chosen: TracedArray, length: Extent) -> TracedArray:
    """The positions; one that is negative or beyond the end is an IndexError when the compiled function runs."""
    position = entry(astype(chosen, np.int64).tensor, axes(chosen.ndim))
    size = extent_scalar(length)
    position = apply("where", apply("less", position, number(0)), size, position)
    return wrap(compute(chosen.extents, apply("position", position, size, number(0))))


@implements(np.take, method="take")
def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> TracedArray:
    """Entries at the given positions."""
    x = lift(a)
    if axis is None:
        x, axis = ravel(x), 0
    place = normal_axis(axis, x.ndim)
    chosen = _by_mode(_positions(indices, "np.take"), x.shape[place], mode)
    return deliver(out, x[(*(slice(None),) * place, chosen)])


def _along_axis(x: TracedArray, indices: Any, place: int) -> tuple[TracedArray, ...]:
    """The index arrays that name an entry for each place of ``indices``."""
    chosen = lift(indices)
    if chosen.dtype.kind not in "iu":
        raise index_error(f"`indices` must be an integer array, not {chosen.dtype}")
    if chosen.ndim != x.ndim:
        raise shape_error(f"`indices` and `arr` must have the same number of dimensions: {chosen.ndim} and {x.ndim}")
    lone = [tuple(-1 if j == k else 1 for j in range(x.ndim)) for k in range(x.ndim)]
    return tuple(chosen if k == place else reshape(arange(x.shape[k]), lone[k]) for k in range(x.ndim))


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> TracedArray:
    """Entries at positions along one axis, given for every place."""
    x = lift(arr)
    if axis is None:
        x, axis = ravel(x), 0
    result: TracedArray = x[_along_axis(x, indices, normal_axis(axis, x.ndim))]
    return result


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> None:
    """Set entries at positions along one axis, given for every place."""
    x = _target(arr, "np.put_along_axis")
    if axis is None:
        x, axis = flat_view(x), 0
    x[_along_axis(x, indices, normal_axis(axis, x.ndim))] = values


def _target(a: Any, name: str) -> TracedArray:
    if not isinstance(a, TracedArray) or a.immutable:
        raise trace_error(f"{name} into a plain {type(a).__name__} can't be traced; write to an array, np.array(x)")
    return a


@implements(np.put, method="put")
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Set the entries at positions of the flattened array; values are repeated as often as needed."""
    x = flat_view(_target(a, "np.put"))
    places = _by_mode(_positions(ind, "np.put"), x.shape[0], mode)
    if not any(e == 0 for e in (*places.extents, *lift(v).extents)):
        put_flat(x, ravel(places), v)


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Set the entries where a mask is true to the first values, repeated as often as needed."""
    x, chosen, values = _target(arr, "np.place"), truth(lift(mask)), ravel(lift(vals))
    if chosen.size != x.size:
        raise shape_error(f"place: mask and data must be the same size: {chosen.extents} and {x.extents}")
    if values.extents[0] == 0:
        raise shape_error("Cannot insert from an empty array!")
    count = cumsum(ravel(astype(chosen, np.int64)))
    turn = apply_ufunc(np.remainder, [count - 1, values.shape[0]])
    taken = values[0] if values.extents == (1,) else reshape(values[turn], x.shape)
    assign(x, where(reshape(chosen, x.shape), astype(taken, x.dtype), x))


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Set the entries where a mask is true to those of ``values`` at the same places, which repeat."""
    x, chosen, new = _target(a, "np.putmask"), truth(lift(mask)), lift(values)
    if chosen.size != x.size:
        raise shape_error(f"putmask: mask and data must be the same size: {chosen.extents} and {x.extents}")
    if any(e == 0 for e in (*new.extents, *x.extents)):
        return
    spread = new if new.extents == x.extents else reshape(cycled(new, flat_view(x).extents[0]), x.shape)
    assign(x, where(reshape(chosen, x.shape), astype(spread, x.dtype), x))


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Set entries from another array, where a mask is true."""
    target, source = _target(dst, "np.copyto"), lift(src)
    if not (source.weak or np.can_cast(source.dtype, target.dtype, casting)):  # type: ignore[arg-type]
        raise dtype_error(
            f"Cannot cast array data from {source.dtype} to {target.dtype} according to the rule {casting!r}; "
            "use src.astype(dst.dtype)"
        )
    assign(target, source if where is True else _chosen(lift(where), astype(source, target.dtype), target))


def _chosen(mask: TracedArray, new: TracedArray, old: TracedArray) -> TracedArray:
    if mask.dtype.kind != "b":
        raise dtype_error(
            f"Cannot cast array data from {mask.dtype} to bool according to the rule 'safe'; use mask != 0"
        )
    return where(broadcast_to(mask, old.shape), broadcast_to(new, old.shape), old)


# ---------------------------------------------------------------- choosing


@implements(np.choose, method="choose")
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> TracedArray:
    """For each entry of a, the entry of the choice that it counts."""
    chosen, listed = _positions(a, "np.choose"), [lift(c) for c in choices]
    if not listed:
        raise shape_error("invalid number of choices: give one at least")
    dtype = result_dtype(listed)
    if mode == "raise":
        _refuse_known_outside(chosen, len(listed))
        chosen = within(chosen, len(listed))
    chosen = _by_mode(chosen, len(listed), mode)
    result = astype(listed[-1], dtype)
    for k in reversed(
        range(len(listed))
    ):  # the last is compared too: an entry outside is an error only where it is read
        result = where(apply_ufunc(np.equal, [chosen, k]), astype(listed[k], dtype), result)
    return deliver(out, result)


def _refuse_known_outside(chosen: TracedArray, count: int) -> None:
    known = literal_value(chosen)
    if known is not None and ((known < 0) | (known >= count)).any():
        raise shape_error(f"invalid entry in choice array: {known} of {count} choices")


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> TracedArray:
    """The choice of the first condition that holds."""
    if len(condlist) != len(choicelist):
        raise shape_error("list of cases must be same length as list of conditions")
    if not len(condlist):
        raise shape_error("select with an empty condition list is not possible")
    conditions = [lift(condition) for condition in condlist]
    for position, condition in enumerate(conditions):
        if condition.dtype.kind != "b":
            raise dtype_error(
                f"invalid entry {position} in condlist: should be boolean ndarray, not {condition.dtype}; use x != 0"
            )
    result = lift(default)
    for condition, choice in zip(reversed(conditions), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The entries where a condition holds: of a known one, an array."""
    return ravel(lift(arr))[truth(ravel(lift(condition)))]


@implements(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> TracedArray:
    """The slices along an axis where a known condition holds."""
    x = lift(a)
    if axis is None:
        x, axis = ravel(x), 0
    chosen = truth(lift(condition))
    if chosen.ndim != 1:
        raise shape_error("condition must be a 1-d array")
    mask = concrete(chosen, "the shape of np.compress", "use np.where(condition, x, 0)")
    return take(x, np.flatnonzero(mask), axis, out)


implements(method="compress")(lambda x, condition, axis=None, out=None: compress(condition, x, axis, out))
