"""``ufunc.reduce``, ``accumulate``, ``reduceat``, ``outer`` and ``at``, for every ufunc that has them in NumPy.

What is a reducer of the IR is one `Compute`. Other ufuncs are applied entry by entry along an axis that is short and of known
length; NumPy's own call on a tiny array tells the dtype, and what NumPy refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import equal
from gradc.ir.scalar import BOOL, INT64, DType, index, load
from gradc.ir.tensor import compute, constant
from gradc.trace import cumulative, reductions, ufuncs
from gradc.trace.context import dtype_error, index_error, located, trace_error
from gradc.trace.elementwise import apply_ufunc, as_dtype, astype, loop_dtypes, truth, where
from gradc.trace.indexing import accumulate_at
from gradc.trace.joining import stack
from gradc.trace.outputs import deliver
from gradc.trace.reductions import UNSET, cast, kept_axes, mask_of, reduced, reduction_axes
from gradc.trace.shaping import broadcast_to, expand_dims, moveaxis, normal_axis, ravel, reshape
from gradc.trace.specs import supported
from gradc.trace.storage import entry
from gradc.trace.taking import take
from gradc.trace.tracer import TracedArray, known_value, lift, wrap

#: How many entries a ufunc that is no reducer of the IR is applied to one after the other.
_LONGEST = 64
#: ufunc -> the reducer of the IR that it is.
_REDUCERS = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}
_ON_BOOLS = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "logical_xor"}
#: ufunc -> what the operands of one entry are combined by, before they are applied at once.
_AT_ONCE = {"add": "sum", "subtract": "sum", "multiply": "prod", "divide": "prod", "maximum": "max", "minimum": "min"}
#: A chain of these is the first entry and a reduction of the others.
_INVERSES = {"subtract": np.add, "divide": np.multiply}


def _bound(
    ufunc: np.ufunc, method: str, names: Sequence[str], inputs: Sequence[Any], keywords: dict[str, Any]
) -> dict[str, Any]:
    """The arguments by name."""
    full = f"{ufunc.__name__}.{method}"
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature is not None:
        raise trace_error(
            f"np.{full} is not there: {method} is for ufuncs of two arguments and one result; call np.{ufunc.__name__}"
        )
    ufuncs.refuse_unknown(full, keywords, names)
    if not 1 <= len(inputs) <= len(names):
        raise trace_error(
            f"np.{full}() takes from 1 to {len(names)} positional arguments but {len(inputs)} were given; pass those"
        )
    return dict(zip(names, inputs, strict=False)) | keywords


def _probed(ufunc: np.ufunc, method: str, x: TracedArray, *args: Any, out: Any = None, **options: Any) -> np.ndarray:
    """What NumPy's method gives for an array of ones of the same rank and dtype: its dtype, or its error."""
    tiny = np.ones((1,) * x.ndim, x.dtype)
    call = getattr(ufunc, method)
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(call(tiny, *args, **options))
            if isinstance(out, TracedArray):
                result = np.asarray(call(tiny, *args, **options, out=np.empty(result.shape, out.dtype)))
    except np.exceptions.AxisError as error:
        raise np.exceptions.AxisError(located(str(error))) from None
    except TypeError as error:
        raise dtype_error(f"np.{ufunc.__name__}.{method} of {x.dtype}: {error}; use x.astype(...) or dtype=") from None
    except ValueError as error:
        raise trace_error(f"{error}; give other arguments") from None
    if not supported(result.dtype):
        raise dtype_error(
            f"np.{ufunc.__name__}.{method} of {x.dtype} gives {result.dtype}, which is not supported; use x.astype(float)"
        )
    return result


def _alone(out: Any) -> Any:
    return out[0] if isinstance(out, tuple) and len(out) == 1 else out


def _dtype_option(given: dict[str, Any]) -> dict[str, Any]:
    return {} if given.get("dtype") is None else {"dtype": as_dtype(given["dtype"])}


# ---------------------------------------------------------------- reduce


def reduce(ufunc: np.ufunc, inputs: Sequence[Any], keywords: dict[str, Any]) -> TracedArray:
    """``ufunc.reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=<none>, where=True)``."""
    names = ("array", "axis", "dtype", "out", "keepdims", "initial", "where")
    given = _bound(ufunc, "reduce", names, inputs, keywords)
    x, axis, out = lift(given["array"]), given.get("axis", 0), _alone(given.get("out"))
    keep, initial = kept_axes(given.get("keepdims", False)), given.get("initial", UNSET)
    only = mask_of(given.get("where", True), x)
    options = _dtype_option(given) | {"axis": axis, "keepdims": keep}
    options |= {} if initial is UNSET else {"initial": None if initial is None else 1}
    options |= {} if only is None else {"where": np.ones((1,) * x.ndim, bool)}
    dtype = _probed(ufunc, "reduce", x, out=out, **options).dtype
    start = None if initial is UNSET or initial is None else cast(lift(initial), dtype)
    result = _reduction(ufunc, cast(x, dtype), axis, keep, start, only)
    return deliver(out, result if out is None else cast(result, out.dtype))


def _reduction(
    ufunc: np.ufunc, x: TracedArray, axis: Any, keep: bool, start: TracedArray | None, only: TracedArray | None
) -> TracedArray:
    name = _ON_BOOLS.get(ufunc.__name__, ufunc.__name__) if x.dtype == BOOL else ufunc.__name__
    options: dict[str, Any] = {"keepdims": keep} | ({} if only is None else {"where": only})
    if name in ("add", "multiply", "maximum", "minimum"):
        return _numeric(name, x, axis, options | ({} if start is None else {"initial": start}))
    if name in ("logical_and", "logical_or", "logical_xor"):
        result = _LOGICAL[name](truth(x), axis, options)
        return result if start is None else apply_ufunc(getattr(np, name), [start, result])
    if name in ("fmax", "fmin") and x.dtype.kind == "f":
        result = _of_numbers(ufunc, x, axis, keep, only)
        return result if start is None else apply_ufunc(ufunc, [start, result])
    if name in ("logaddexp", "logaddexp2"):
        result = _log_sum(ufunc, x, axis, keep, only)
        return result if start is None else apply_ufunc(ufunc, [start, result])
    flat, mask = _one_axis(x, only, reduction_axes(axis, x.ndim))
    if name in _INVERSES and x.dtype.kind in "fc":
        result = _less_the_rest(ufunc, flat, start, mask)
    else:
        result = _chain(ufunc, "reduce", _entries(ufunc, "reduce", flat, -1), start, mask)[-1]
    return _with_axes(result, x, axis) if keep else result


def _numeric(name: str, x: TracedArray, axis: Any, options: dict[str, Any]) -> TracedArray:
    if name == "add":
        return reductions.sum_(x, axis, x.dtype, **options)
    if name == "multiply":
        return reductions.prod(x, axis, x.dtype, **options)
    return (reductions.maximum if name == "maximum" else reductions.minimum)(x, axis, **options)


def _parity(x: TracedArray, axis: Any, options: dict[str, Any]) -> TracedArray:
    """Whether an odd number of entries is true."""
    count = reductions.sum_(astype(x, INT64), axis, **options)
    return apply_ufunc(np.equal, [apply_ufunc(np.remainder, [count, 2]), 1])


_LOGICAL: dict[str, Callable[..., TracedArray]] = {
    "logical_and": lambda x, axis, options: reductions.all_(x, axis, **options),
    "logical_or": lambda x, axis, options: reductions.any_(x, axis, **options),
    "logical_xor": _parity,
}


def _of_numbers(ufunc: np.ufunc, x: TracedArray, axis: Any, keep: bool, only: TracedArray | None) -> TracedArray:
    """The extremum of what isn't NaN; NaN where nothing else is."""
    numbers = apply_ufunc(np.logical_not, [apply_ufunc(np.isnan, [x])])
    counted = numbers if only is None else apply_ufunc(np.logical_and, [numbers, only])
    extremum = reduced(x, "max" if ufunc is np.fmax else "min", axis, keepdims=keep, only=counted)
    return where(reductions.any_(counted, axis, keepdims=keep), extremum, x.dtype.type(np.nan))


def _log_sum(ufunc: np.ufunc, x: TracedArray, axis: Any, keep: bool, only: TracedArray | None) -> TracedArray:
    """``log(sum(exp(x)))`` from the largest entry, which is taken as it is where it is infinite."""
    exp, log = (np.exp, np.log) if ufunc is np.logaddexp else (np.exp2, np.log2)
    counted = x if only is None else where(only, x, x.dtype.type(-np.inf))
    top = reduced(counted, "max", axis, keepdims=True)
    finite = apply_ufunc(np.isfinite, [top])
    origin = where(finite, top, x.dtype.type(0))
    total = reduced(apply_ufunc(exp, [apply_ufunc(np.subtract, [counted, origin])]), "sum", axis, keepdims=keep)
    if not keep:
        origin, finite, top = (reshape(a, total.shape) for a in (origin, finite, top))
    return where(finite, apply_ufunc(np.add, [apply_ufunc(log, [total]), origin]), top)


def _less_the_rest(ufunc: np.ufunc, x: TracedArray, start: TracedArray | None, only: TracedArray | None) -> TracedArray:
    """``x0 - x1 - x2`` as ``x0 - (x1 + x2)``, and quotients likewise."""
    if start is None and x.extents[-1] == 0:
        raise trace_error(_empty(ufunc))
    first: Any = x[..., 0] if start is None else start
    options = {} if only is None else {"where": only}
    rest = _numeric(_INVERSES[ufunc.__name__].__name__, x if start is not None else x[..., 1:], -1, options)
    return apply_ufunc(ufunc, [first, rest])


def _empty(ufunc: np.ufunc) -> str:
    return f"zero-size array to reduction operation {ufunc.__name__} which has no identity; give it initial="


def _one_axis(
    x: TracedArray, only: TracedArray | None, axes: tuple[int, ...]
) -> tuple[TracedArray, TracedArray | None]:
    """The axes as one, the last."""
    mask = None if only is None else broadcast_to(only, x.shape)

    def merged(a: TracedArray) -> TracedArray:
        moved = moveaxis(a, list(axes), list(range(-len(axes), 0))) if axes else expand_dims(a, -1)
        return moved if len(axes) <= 1 else reshape(moved, (*moved.shape[: -len(axes)], -1))

    return merged(x), None if mask is None else merged(mask)


def _with_axes(result: TracedArray, x: TracedArray, axis: Any) -> TracedArray:
    chosen = reduction_axes(axis, x.ndim)
    return reshape(result, tuple(1 if k in chosen else e for k, e in enumerate(x.shape)))


# ---------------------------------------------------------------- chains


def _entries(ufunc: np.ufunc, method: str, x: TracedArray, axis: int) -> list[TracedArray]:
    """What is along an axis, one after the other."""
    place = normal_axis(axis, x.ndim)
    length = x.extents[place]
    if not isinstance(length, int) or length > _LONGEST:
        raise trace_error(
            f"np.{ufunc.__name__}.{method} along an axis of {length} can't be traced, of at most {_LONGEST} it can; "
            "write it with sums, products or a loop"
        )
    return [x[(*(slice(None),) * place, k)] for k in range(length)]


def _chain(
    ufunc: np.ufunc,
    method: str,
    parts: Sequence[TracedArray],
    start: TracedArray | None = None,
    mask: TracedArray | None = None,
) -> list[TracedArray]:
    """The partial results, one per entry; before the first entry is ``start``, or what the ufunc calls its identity."""
    if start is None and method == "reduce" and ufunc.identity is not None:
        start = cast(lift(ufunc.identity), parts[0].dtype)
    if start is None and not parts:
        raise trace_error(_empty(ufunc))
    if not parts:
        assert start is not None
        return [start]
    results: list[TracedArray] = []
    for k, part in enumerate(parts):
        before = results[-1] if results else start
        combined = part if before is None else cast(apply_ufunc(ufunc, [before, part]), part.dtype)
        if mask is not None and before is not None:
            combined = where(mask[..., k], combined, before)
        results.append(combined)
    return results


# ---------------------------------------------------------------- accumulate


def accumulate(ufunc: np.ufunc, inputs: Sequence[Any], keywords: dict[str, Any]) -> TracedArray:
    """``ufunc.accumulate(array, axis=0, dtype=None, out=None)``."""
    given = _bound(ufunc, "accumulate", ("array", "axis", "dtype", "out"), inputs, keywords)
    x, axis, out = lift(given["array"]), given.get("axis", 0), _alone(given.get("out"))
    dtype = _probed(ufunc, "accumulate", x, out=out, **_dtype_option(given), axis=axis).dtype
    result = _accumulation(ufunc, cast(x, dtype), normal_axis(axis, x.ndim))
    return deliver(out, result if out is None else cast(result, out.dtype))


def _accumulation(ufunc: np.ufunc, x: TracedArray, axis: int) -> TracedArray:
    name = _ON_BOOLS.get(ufunc.__name__, ufunc.__name__) if x.dtype == BOOL else ufunc.__name__
    reducer = {"all": "min", "any": "max"}.get(_REDUCERS.get(name, ""), _REDUCERS.get(name))
    if reducer is not None:
        return cumulative.accumulated(reducer, x, axis)
    if name == "logical_xor":
        counts = cumulative.accumulated("sum", astype(x, INT64), axis)
        return apply_ufunc(np.equal, [apply_ufunc(np.remainder, [counts, 2]), 1])
    if name in _INVERSES and x.dtype.kind in "fc":
        return cumulative.accumulated(_REDUCERS[_INVERSES[name].__name__], _rest_inverted(name, x, axis), axis)
    if x.extents[axis] == 0:
        return x
    return stack(_chain(ufunc, "accumulate", _entries(ufunc, "accumulate", x, axis)), axis)


def _rest_inverted(name: str, x: TracedArray, axis: int) -> TracedArray:
    """All entries after the first negated, or as reciprocals: their running sum (product) is what is asked for."""
    first = apply_ufunc(np.equal, [np.arange(int(x.shape[axis])), 0])
    spread = reshape(first, tuple(-1 if k == axis else 1 for k in range(x.ndim)))
    return where(spread, x, apply_ufunc(np.negative if name == "subtract" else np.reciprocal, [x]))


# ---------------------------------------------------------------- outer


def outer(ufunc: np.ufunc, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """``ufunc.outer(a, b)``: all pairs."""
    if ufunc.nin != 2 or ufunc.signature is not None:
        raise trace_error(
            f"np.{ufunc.__name__}.outer is not there: outer is for ufuncs of two arguments; call np.{ufunc.__name__}"
        )
    if len(inputs) != 2:
        raise trace_error(
            f"np.{ufunc.__name__}.outer() takes exactly 2 arguments ({len(inputs)} given); pass two arrays"
        )
    left, right = (_strong(lift(x)) for x in inputs)
    spread = left if not right.ndim else reshape(left, (*left.shape, *(1,) * right.ndim))
    return ufuncs.call(ufunc, [spread, right], keywords)


def _strong(x: TracedArray) -> TracedArray:
    """A Python number as the array that NumPy makes of it."""
    return TracedArray(x.tensor) if x.weak else x


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
    if not np.can_cast(dtype, target.dtype, "same_kind"):
        raise dtype_error(
            f"cannot cast ufunc '{name}' output from {dtype!r} to {target.dtype!r} with casting rule 'same_kind'; "
            "make the array with that dtype"
        )
    if name in _AT_ONCE and target.dtype.kind != "b":
        accumulate_at(target, key, operands[0], _AT_ONCE[name], ufunc)
    else:
        _by_rounds(ufunc, target, key, operands)


def _by_rounds(ufunc: np.ufunc, target: TracedArray, key: Any, operands: Sequence[TracedArray]) -> None:
    """In the first round every entry's first operand, in the second its second: known indices, few of each."""
    places = _places(ufunc, target, key)
    shape = places.shape
    spread = [ravel(broadcast_to(v, shape)) for v in operands]
    for chosen in _rounds(f"np.{ufunc.__name__}.at", places.ravel()):
        here = np.unravel_index(places.ravel()[chosen], tuple(int(e) for e in target.shape))
        where_ = tuple(constant_index(p) for p in here)
        combined = apply_ufunc(ufunc, [target[where_], *[v[constant_index(chosen)] for v in spread]])
        target[where_] = cast(combined, target.dtype)


def constant_index(positions: np.ndarray) -> TracedArray:
    """Index positions that are known."""
    return TracedArray(constant(np.ascontiguousarray(positions, np.int64)))


def _places(ufunc: np.ufunc, target: TracedArray, key: Any) -> np.ndarray:
    """Which entries of the (raveled) target the indices name."""
    unknown = (
        f"np.{ufunc.__name__}.at with indices that are not known before the function runs can't be traced; "
        "use np.add.at, np.multiply.at or np.maximum.at"
    )
    if not all(isinstance(e, int) for e in target.extents):
        raise trace_error(unknown)
    numbers = np.arange(int(np.prod(target.shape))).reshape(target.shape)
    parts = [_known(part, unknown) for part in (key if isinstance(key, tuple) else (key,))]
    try:
        return np.asarray(numbers[tuple(parts)])
    except IndexError as error:
        raise index_error(str(error)) from None


def _known(part: Any, otherwise: str) -> Any:
    if not isinstance(part, TracedArray | list | np.ndarray):
        return part
    value = known_value(lift(part))
    if value is None:
        raise trace_error(otherwise)
    return value


def _rounds(what: str, places: np.ndarray) -> list[np.ndarray]:
    """Positions in ``places`` by how often the same place was there before."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]] if ordered.size else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(starts, np.arange(ordered.size), 0)) if ordered.size else ordered
    rank = np.empty(places.size, np.int64)
    rank[order] = np.arange(places.size) - first
    most = int(rank.max(initial=-1)) + 1
    if most > _LONGEST:
        raise trace_error(
            f"{what}: an entry is there {most} times, of at most {_LONGEST} it can be traced; use np.add.at"
        )
    return [np.flatnonzero(rank == k) for k in range(most)]


# ---------------------------------------------------------------- reduceat


def reduceat(ufunc: np.ufunc, inputs: Sequence[Any], keywords: dict[str, Any]) -> TracedArray:
    """``ufunc.reduceat(array, indices, axis=0, dtype=None, out=None)``: reductions of slices."""
    given = _bound(ufunc, "reduceat", ("array", "indices", "axis", "dtype", "out"), inputs, keywords)
    x, axis, out = lift(given["array"]), given.get("axis", 0), _alone(given.get("out"))
    unknown = f"np.{ufunc.__name__}.reduceat needs indices that are known before the function runs; use np.add.at"
    starts = np.asarray(_known(lift(given["indices"]), unknown))
    dtype = _probed(ufunc, "reduceat", x, [0], out=out, **_dtype_option(given), axis=axis).dtype
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
    name = _ON_BOOLS.get(ufunc.__name__, ufunc.__name__) if x.dtype == BOOL else ufunc.__name__
    gathered = take(x, constant_index(positions), axis)
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
    reducer = _REDUCERS.get(name)
    if dtype == BOOL and reducer is not None:
        return {"sum": "any", "max": "any", "prod": "all", "min": "all"}.get(reducer, reducer)
    return reducer


_METHODS: dict[str, Callable[[np.ufunc, Sequence[Any], dict[str, Any]], Any]] = {
    "__call__": ufuncs.call,
    "reduce": reduce,
    "accumulate": accumulate,
    "reduceat": reduceat,
    "outer": outer,
    "at": at,
}
#: The methods that a ufunc may be called through.
UFUNC_METHODS = frozenset(_METHODS) - {"__call__"}


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """``ufunc.method(*inputs, **keywords)`` on inputs of which at least one is traced."""
    return _METHODS[method](ufunc, inputs, keywords)
