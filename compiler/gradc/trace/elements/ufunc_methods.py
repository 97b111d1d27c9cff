"""``ufunc.reduce``, ``accumulate`` and ``outer``, for every ufunc that has them in NumPy.

What is a reducer of the IR is one `Compute`. Other ufuncs are applied entry by entry along an axis that is short and of known
length; NumPy's own call on a tiny array tells the dtype, and what NumPy refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import INT64
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import trace_error
from gradc.trace.elements import ufuncs
from gradc.trace.elements.elementwise import apply_ufunc, astype, truth, where
from gradc.trace.elements.ufunc_probing import LONGEST, REDUCERS, alone, bound, dtype_option, name_on, probed
from gradc.trace.elements.ufunc_scatter import at, reduceat
from gradc.trace.movement.joining import concatenate, stack
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.shaping import broadcast_to, expand_dims, moveaxis, normal_axis, reshape
from gradc.trace.reducing import cumulative, reductions
from gradc.trace.reducing.reductions import UNSET, cast, kept_axes, mask_of, reduced, reduction_axes

#: Entries of these may be combined in any order.
_ASSOCIATIVE = frozenset({"hypot", "gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor"})
#: A chain of these is the first entry and a reduction of the others.
_INVERSES = {"subtract": np.add, "divide": np.multiply}


# ---------------------------------------------------------------- reduce


def reduce(ufunc: np.ufunc, inputs: Sequence[Any], keywords: dict[str, Any]) -> TracedArray:
    """``ufunc.reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=<none>, where=True)``."""
    names = ("array", "axis", "dtype", "out", "keepdims", "initial", "where")
    given = bound(ufunc, "reduce", names, inputs, keywords)
    x, axis, out = lift(given["array"]), given.get("axis", 0), alone(given.get("out"))
    keep, initial = kept_axes(given.get("keepdims", False)), given.get("initial", UNSET)
    only = mask_of(given.get("where", True), x)
    options = dtype_option(given) | {"axis": axis, "keepdims": keep}
    options |= {} if initial is UNSET else {"initial": None if initial is None else 1}
    options |= {} if only is None else {"where": np.ones((1,) * x.ndim, bool)}
    dtype = probed(ufunc, "reduce", x, out=out, **options).dtype
    start = None if initial is UNSET or initial is None else cast(lift(initial), dtype)
    result = _reduction(ufunc, cast(x, dtype), axis, keep, start, only)
    return deliver(out, result if out is None else cast(result, out.dtype))


def _reduction(
    ufunc: np.ufunc, x: TracedArray, axis: Any, keep: bool, start: TracedArray | None, only: TracedArray | None
) -> TracedArray:
    name = name_on(ufunc, x.dtype)
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
        result = _folded(ufunc, flat, start, mask)
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
    if not isinstance(length, int) or length > LONGEST:
        raise trace_error(
            f"np.{ufunc.__name__}.{method} along an axis of {length} can't be traced, of at most {LONGEST} it can; "
            "write it with sums, products or a loop"
        )
    return [x[(*(slice(None),) * place, k)] for k in range(length)]


def _chain(
    ufunc: np.ufunc,
    parts: Sequence[TracedArray],
    start: TracedArray | None = None,
    mask: TracedArray | None = None,
) -> list[TracedArray]:
    """The partial results, one per entry; before the first entry is ``start``."""
    results: list[TracedArray] = []
    for k, part in enumerate(parts):
        before = results[-1] if results else start
        combined = part if before is None else cast(apply_ufunc(ufunc, [before, part]), part.dtype)
        if mask is not None and before is not None:
            combined = where(mask[..., k], combined, before)
        results.append(combined)
    return results


def _folded(ufunc: np.ufunc, x: TracedArray, start: TracedArray | None, mask: TracedArray | None) -> TracedArray:
    """What is along the last axis, combined after ``start``, or after what the ufunc calls its identity."""
    identity = None if ufunc.identity is None else astype(lift(np.asarray(ufunc.identity)), x.dtype)
    start = identity if start is None else start
    length = x.extents[-1]
    if ufunc.__name__ in _ASSOCIATIVE and isinstance(length, int) and length and (mask is None or identity is not None):
        entries = x if mask is None else where(mask, x, identity)
        whole = _in_pairs(ufunc, entries)
        return whole if start is None else cast(apply_ufunc(ufunc, [start, whole]), x.dtype)
    parts = _entries(ufunc, "reduce", x, -1)
    if parts:
        return _chain(ufunc, parts, start, mask)[-1]
    if start is None:
        raise trace_error(_empty(ufunc))
    return broadcast_to(start, x.shape[:-1])


def _in_pairs(ufunc: np.ufunc, x: TracedArray) -> TracedArray:
    """What is along the last axis, one half combined with the other until one is left."""
    while x.extents[-1] != 1:
        length = x.shape[-1]
        half = length // 2
        combined = cast(apply_ufunc(ufunc, [x[..., :half], x[..., half : 2 * half]]), x.dtype)
        x = concatenate([combined, x[..., 2 * half :]], -1) if length % 2 else combined
    return lift(x[..., 0])


# ---------------------------------------------------------------- accumulate


def accumulate(ufunc: np.ufunc, inputs: Sequence[Any], keywords: dict[str, Any]) -> TracedArray:
    """``ufunc.accumulate(array, axis=0, dtype=None, out=None)``."""
    given = bound(ufunc, "accumulate", ("array", "axis", "dtype", "out"), inputs, keywords)
    x, axis, out = lift(given["array"]), given.get("axis", 0), alone(given.get("out"))
    dtype = probed(ufunc, "accumulate", x, out=out, **dtype_option(given), axis=axis).dtype
    result = _accumulation(ufunc, cast(x, dtype), normal_axis(axis, x.ndim))
    return deliver(out, result if out is None else cast(result, out.dtype))


def _accumulation(ufunc: np.ufunc, x: TracedArray, axis: int) -> TracedArray:
    name = name_on(ufunc, x.dtype)
    reducer = {"all": "min", "any": "max"}.get(REDUCERS.get(name, ""), REDUCERS.get(name))
    if reducer is not None:
        return cumulative.accumulated(reducer, x, axis)
    if name == "logical_xor":
        counts = cumulative.accumulated("sum", astype(x, INT64), axis)
        return apply_ufunc(np.equal, [apply_ufunc(np.remainder, [counts, 2]), 1])
    if name in _INVERSES and x.dtype.kind in "fc":
        return cumulative.accumulated(REDUCERS[_INVERSES[name].__name__], _rest_inverted(name, x, axis), axis)
    if x.extents[axis] == 0:
        return x
    if name == "logaddexp" and x.dtype.kind == "f":
        return cumulative.log_add_exp(x, axis)
    return stack(_chain(ufunc, _entries(ufunc, "accumulate", x, axis)), axis)


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
