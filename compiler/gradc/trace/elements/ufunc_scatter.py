"""``ufunc.at`` and ``ufunc.reduceat``: entries that are combined where they are scattered to, or slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import equal
from gradc.ir.scalar import BOOL, DType, index, load
from gradc.ir.tensor import compute, constant
from gradc.trace.arrays.indexing import accumulate_at
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, known_value, lift, literal_value, wrap
from gradc.trace.context import dtype_error, index_error, trace_error
from gradc.trace.elements import ufuncs
from gradc.trace.elements.elementwise import apply_ufunc, elementwise, loop_dtypes, where
from gradc.trace.elements.ufunc_probing import LONGEST, REDUCERS, alone, bound, dtype_option, name_on, probed
from gradc.trace.movement.creation import ones_like, zeros_like
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.shaping import broadcast_to, normal_axis, ravel
from gradc.trace.movement.taking import take
from gradc.trace.reducing.reductions import cast

ValueOf = Callable[[TracedArray], np.ndarray | None]
_UNKNOWN = object()
#: ufunc -> what the operands of one entry are combined by, before they are applied at once.
_AT_ONCE = {"add": "sum", "subtract": "sum", "multiply": "prod", "divide": "prod", "maximum": "max", "minimum": "min"}


# ---------------------------------------------------------------- at


def at(ufunc: np.ufunc, inputs: Sequence[Any], keywords: dict[str, Any]) -> None:
    """``ufunc.at(a, indices, b)``: an index that is there twice counts twice."""
    name = ufunc.__name__
    ufuncs.refuse_unknown(f"{name}.at", keywords, ())
    if ufunc.nout != 1 or ufunc.signature is not None or len(inputs) != 1 + ufunc.nin:
        raise trace_error(f"np.{name}.at() takes an array, indices and {ufunc.nin - 1} operands; pass those")
    target, key, *values = inputs
    if not isinstance(target, TracedArray) or target.immutable:
        raise trace_error(
            f"np.{name}.at() needs an array that the traced function made itself, or an argument; pass one"
        )
    operands = [lift(v) for v in values]
    dtype = loop_dtypes(ufunc, [target, *operands])[-1]
    if dtype.kind == "c" and target.dtype.kind != "c":
        raise dtype_error(f"np.{name}.at of {dtype} into {target.dtype} drops imaginary parts; use an array of {dtype}")
    places = _places(target, key, literal_value)
    kept = dtype == target.dtype if target.dtype.kind in "iu" else target.dtype.kind in "fc"
    if name in ("multiply", "divide") and kept and places is not None:
        _product_at(ufunc, target, places, operands[0])
        return
    if name in ("multiply", "divide") and target.dtype.kind == "f":
        target[...] = apply_ufunc(ufunc, [target, _product_by_place(target, key, operands[0])])
        return
    if name in _AT_ONCE and kept:
        accumulate_at(target, key, operands[0], _AT_ONCE[name], ufunc)
        return
    places = _places(target, key, known_value)
    if places is None:
        raise trace_error(
            f"np.{name}.at with indices that are not known before the function runs can't be traced; "
            "use np.add.at, np.multiply.at or np.maximum.at"
        )
    _by_rounds(ufunc, target, places, operands)


def _product_at(ufunc: np.ufunc, target: TracedArray, places: np.ndarray, value: TracedArray) -> None:
    """The factors of an entry are multiplied with each other, in pairs, before they come to the entry."""
    flat = places.ravel()
    order = np.argsort(flat, kind="stable")
    factors = ravel(broadcast_to(cast(value, target.dtype), places.shape))[constant_index(order)]
    products, named = _products(lift(factors), 0, flat[order])
    where_ = _positions(target, named)
    target[where_] = apply_ufunc(ufunc, [target[where_], products])


def _product_by_place(target: TracedArray, key: Any, value: TracedArray) -> TracedArray:
    """The product of the factors of each entry, at places that are not known.

    The derivative is that of the exponential of the sum of logarithms, which is a scatter like the product itself; the value is
    the product. A factor that is zero is left out of both: if it is the only one of its entry, it multiplies the others.
    """
    factors = cast(value, target.dtype)
    is_zero = apply_ufunc(np.equal, [factors, 0])
    others = where(is_zero, target.dtype.type(1), factors)

    def scattered(start: int, entries: TracedArray, reducer: str, ufunc: np.ufunc) -> TracedArray:
        result = zeros_like(target) if not start else ones_like(target)
        accumulate_at(result, key, entries, reducer, ufunc)
        return result

    product = _constant(scattered(1, others, "prod", np.multiply))
    logarithm = scattered(0, apply_ufunc(np.log, [apply_ufunc(np.absolute, [others])]), "sum", np.add)
    moved = apply_ufunc(np.exp, [apply_ufunc(np.subtract, [logarithm, _constant(logarithm)])])
    product = apply_ufunc(
        np.multiply, [product, where(apply_ufunc(np.isfinite, [logarithm]), moved, target.dtype.type(1))]
    )
    zeros = scattered(0, cast(is_zero, target.dtype), "sum", np.add)
    alone = scattered(0, where(is_zero, factors, target.dtype.type(0)), "sum", np.add)
    with_one = where(
        apply_ufunc(np.equal, [zeros, 1]), apply_ufunc(np.multiply, [product, alone]), target.dtype.type(0)
    )
    return where(apply_ufunc(np.equal, [zeros, 0]), product, with_one)


def _constant(x: TracedArray) -> TracedArray:
    """The value, through which no derivative passes."""
    return elementwise("stop_gradient", [x], [x.dtype])


def _positions(target: TracedArray, places: np.ndarray) -> tuple[TracedArray, ...]:
    """Index arrays of entries of the raveled target."""
    return tuple(constant_index(p) for p in np.unravel_index(places, tuple(int(e) for e in target.shape)))


def _products(x: TracedArray, axis: int, segments: np.ndarray) -> tuple[TracedArray, np.ndarray]:
    """The product of each run of equal segments along an axis, and which segments these are.

    Neighbours are multiplied in pairs until one is left: the derivative takes as many steps, where that of one product over a
    scatter would look at all pairs.
    """
    front = (slice(None),) * axis
    while True:
        rank = _ranks(segments)
        if not rank.any():
            return x, segments
        left = np.flatnonzero(rank % 2 == 0)
        right = np.minimum(left + 1, len(segments) - 1)
        paired = (segments[right] == segments[left]) & (right > left)
        along = constant_index(paired).reshape(tuple(-1 if k == axis else 1 for k in range(x.ndim)))
        other = where(along, x[(*front, constant_index(right))], np.ones((), x.dtype))
        x, segments = apply_ufunc(np.multiply, [x[(*front, constant_index(left))], other]), segments[left]


def _ranks(ordered: np.ndarray) -> np.ndarray:
    """The position of each entry in its run of equal ones."""
    starts = np.ones(ordered.size, bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    return np.arange(ordered.size) - np.maximum.accumulate(np.where(starts, np.arange(ordered.size), 0))


def _by_rounds(ufunc: np.ufunc, target: TracedArray, places: np.ndarray, operands: Sequence[TracedArray]) -> None:
    """In the first round every entry's first operand, in the second its second."""
    spread = [ravel(broadcast_to(v, places.shape)) for v in operands]
    for chosen in _rounds(f"np.{ufunc.__name__}.at", places.ravel()):
        where_ = _positions(target, places.ravel()[chosen])
        combined = apply_ufunc(ufunc, [target[where_], *[v[constant_index(chosen)] for v in spread]])
        target[where_] = cast(combined, target.dtype)


def constant_index(positions: np.ndarray) -> TracedArray:
    """Index positions, or a mask, that are known."""
    return TracedArray(constant(np.ascontiguousarray(positions, bool if positions.dtype == bool else np.int64)))


def _places(target: TracedArray, key: Any, value_of: ValueOf) -> np.ndarray | None:
    """Which entries of the raveled target the indices name; None if that is not known."""
    if not all(isinstance(e, int) for e in target.extents):
        return None
    parts = [_known(part, value_of) for part in (key if isinstance(key, tuple) else (key,))]
    if any(part is _UNKNOWN for part in parts):
        return None
    numbers = np.arange(int(np.prod(target.shape))).reshape(target.shape)
    try:
        return np.asarray(numbers[tuple(parts)])
    except IndexError as error:
        raise index_error(str(error)) from None


def _known(part: Any, value_of: ValueOf) -> Any:
    if not isinstance(part, TracedArray | list | np.ndarray):
        return part
    value = value_of(lift(part))
    return _UNKNOWN if value is None else value


def _rounds(what: str, places: np.ndarray) -> list[np.ndarray]:
    """Positions in ``places`` by how often the same place was there before."""
    order = np.argsort(places, kind="stable")
    rank = np.empty(places.size, np.int64)
    rank[order] = _ranks(places[order])
    most = int(rank.max(initial=-1)) + 1
    if most > LONGEST:
        raise trace_error(
            f"{what}: an entry is there {most} times, of at most {LONGEST} it can be traced; use np.add.at"
        )
    return [np.flatnonzero(rank == k) for k in range(most)]


# ---------------------------------------------------------------- reduceat


def reduceat(ufunc: np.ufunc, inputs: Sequence[Any], keywords: dict[str, Any]) -> TracedArray:
    """``ufunc.reduceat(array, indices, axis=0, dtype=None, out=None)``: reductions of slices."""
    given = bound(ufunc, "reduceat", ("array", "indices", "axis", "dtype", "out"), inputs, keywords)
    x, axis, out = lift(given["array"]), given.get("axis", 0), alone(given.get("out"))
    starts = known_value(lift(given["indices"]))
    if starts is None:
        raise trace_error(
            f"np.{ufunc.__name__}.reduceat needs indices that are known before the function runs; use np.add.at"
        )
    dtype = probed(ufunc, "reduceat", x, [0], out=out, **dtype_option(given), axis=axis).dtype
    place = normal_axis(axis, x.ndim)
    length = x.extents[place]
    if not isinstance(length, int):
        raise trace_error(f"np.{ufunc.__name__}.reduceat needs an axis of known length; use np.add.at")
    result = _segments(ufunc, cast(x, dtype), place, *_segmented(starts, length))
    return deliver(out, result if out is None else cast(result, out.dtype))


def _segmented(starts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Which positions are read, for which result each of them, and how many results there are."""
    if starts.dtype.kind not in "iu" or starts.ndim != 1:
        raise trace_error("the indices of reduceat are a list of ints; pass one")
    if ((starts < 0) | (starts >= length)).any():
        wrong = starts[(starts < 0) | (starts >= length)][0]
        raise index_error(f"index {wrong} out-of-bounds in reduceat [0, {length})")
    stops = np.r_[starts[1:], length]
    counts = np.maximum(stops - starts, 1)
    segments = np.repeat(np.arange(len(starts)), counts)
    offsets = np.arange(len(segments)) - np.repeat(np.cumsum(counts) - counts, counts)
    return starts[segments] + offsets, segments, len(starts)


def _segments(
    ufunc: np.ufunc, x: TracedArray, axis: int, positions: np.ndarray, segments: np.ndarray, count: int
) -> TracedArray:
    name = name_on(ufunc, x.dtype)
    gathered = take(x, constant_index(positions), axis)
    if name == "multiply" and x.dtype != BOOL:
        return _products(gathered, axis, segments)[0]
    reducer = _reducer_of(name, x.dtype)
    if reducer is not None:
        along = index(x.ndim)
        body = entry(gathered.tensor, [along if k == axis else index(k) for k in range(x.ndim)])
        domain = equal(index(axis), load(constant(segments.astype(np.int64)), (along,)))
        shape = [count if k == axis else e for k, e in enumerate(x.extents)]
        return wrap(compute(shape, body, reduce_extents=(len(segments),), reducer=reducer, domain=domain))
    first, *later = _rounds(f"np.{ufunc.__name__}.reduceat", segments)
    front = (slice(None),) * axis
    result = TracedArray(gathered[(*front, constant_index(first))].tensor)
    for chosen in later:
        here = (*front, constant_index(segments[chosen]))
        result[here] = apply_ufunc(ufunc, [result[here], gathered[(*front, constant_index(chosen))]])
    return result


def _reducer_of(name: str, dtype: DType) -> str | None:
    reducer = REDUCERS.get(name)
    if dtype == BOOL and reducer is not None:
        return {"sum": "any", "max": "any", "prod": "all", "min": "all"}.get(reducer, reducer)
    return reducer
