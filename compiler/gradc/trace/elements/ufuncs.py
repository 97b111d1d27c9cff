"""Calls of ufuncs as users write them: any ufunc of the table with its keywords; generalised ones (matmul, vecdot)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.ir.scalar import DType
from gradc.trace.arrays.indexing import assign
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import dtype_error, shape_error, trace_error
from gradc.trace.elements.elementwise import (
    apply_ufunc,
    as_dtype,
    astype,
    broadcast_shapes,
    loop_dtypes,
    ufunc_results,
    where,
)
from gradc.trace.movement.shaping import moveaxis, normal_axis
from gradc.trace.products import contraction
from gradc.trace.reducing import reductions

_KEYWORDS = ("out", "where", "casting", "order", "dtype", "subok", "signature", "sig")
_GENERALISED_KEYWORDS = (*[k for k in _KEYWORDS if k != "where"], "axes", "axis", "keepdims")
_CASTINGS = ("no", "equiv", "safe", "same_kind", "unsafe")

Targets = tuple[Any, ...]


@dataclass(frozen=True)
class Options:
    """The keywords of a call. What only memory layout and subclasses would show (``order``, ``subok``) is left out."""

    out: Targets
    where: TracedArray | None
    casting: str
    signature: tuple[DType | None, ...] | None

    @property
    def has_out(self) -> bool:
        """Whether some result goes into an array that is there."""
        return any(target is not None for target in self.out)


# ---------------------------------------------------------------- reading the keywords


def refuse_unknown(name: str, keywords: dict[str, Any], allowed: Sequence[str]) -> None:
    """An error for a keyword that a function doesn't have."""
    for keyword in keywords:
        if keyword not in allowed:
            raise trace_error(
                f"np.{name}() got an unexpected keyword argument {keyword!r}; it takes {', '.join(allowed)}: use one of them"
            )


def _signature(ufunc: np.ufunc, keywords: dict[str, Any]) -> tuple[DType | None, ...] | None:
    name = ufunc.__name__
    dtype = None if keywords.get("dtype") is None else as_dtype(keywords["dtype"])
    given = keywords.get("signature", keywords.get("sig"))
    if given is None:
        return None if dtype is None else (*[None] * ufunc.nin, *[dtype] * ufunc.nout)
    if dtype is not None:
        raise trace_error(f"np.{name}() takes one of dtype= and signature=; use dtype=")
    parts = list(given.replace("->", "")) if isinstance(given, str) else list(given)
    if len(parts) != ufunc.nargs:
        raise trace_error(f"np.{name}(signature=...) needs {ufunc.nargs} dtypes, one per operand; use dtype=")
    return tuple(None if part is None else as_dtype(part) for part in parts)


def _targets(ufunc: np.ufunc, positional: Sequence[Any], out: Any) -> Targets:
    if positional and out is not None:
        raise trace_error(f"np.{ufunc.__name__}() got out twice, by position and by name; give it once")
    given = tuple(positional) if positional else out
    if not isinstance(given, tuple):
        given = (given,)
    if len(given) not in (1, ufunc.nout) or (len(given) != ufunc.nout and given != (None,)):
        raise trace_error(
            f"np.{ufunc.__name__}(out=...) needs a tuple of {ufunc.nout} arrays, one per result; pass them all"
        )
    return given * ufunc.nout if len(given) != ufunc.nout else given


def _mask(name: str, given: Any) -> TracedArray | None:
    if given is True or given is np.True_:
        return None
    mask = lift(given)
    if mask.dtype.kind != "b":
        raise dtype_error(f"np.{name}(where=...) needs bools, not {mask.dtype}; use where=mask != 0")
    return mask


def options_of(ufunc: np.ufunc, positional: Sequence[Any], keywords: dict[str, Any]) -> Options:
    """The keywords of a call, checked."""
    name = ufunc.__name__
    refuse_unknown(name, keywords, _KEYWORDS if ufunc.signature is None else _GENERALISED_KEYWORDS)
    casting = keywords.get("casting", "same_kind")
    if casting not in _CASTINGS:
        raise trace_error(f"casting must be one of {', '.join(_CASTINGS)}, not {casting!r}; use 'same_kind'")
    return Options(
        _targets(ufunc, positional, keywords.get("out")),
        _mask(name, keywords.get("where", True)),
        casting,
        _signature(ufunc, keywords),
    )


def operands_of(ufunc: np.ufunc, inputs: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """The operands and the positional ``out`` of a call."""
    if not ufunc.nin <= len(inputs) <= ufunc.nargs:
        takes = f"from {ufunc.nin} to {ufunc.nargs} positional arguments"
        raise trace_error(
            f"np.{ufunc.__name__}() takes {takes} but {len(inputs)} were given; pass its {ufunc.nin} operands"
        )
    return inputs[: ufunc.nin], inputs[ufunc.nin :]


# ---------------------------------------------------------------- calls


def call(ufunc: np.ufunc, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """``ufunc(*inputs, **keywords)``."""
    operands, positional = operands_of(ufunc, inputs)
    options = options_of(ufunc, positional, keywords)
    if ufunc.signature is not None:
        return delivered(ufunc, (_generalised(ufunc, operands, options, keywords),), options)
    results = ufunc_results(ufunc, operands, signature=options.signature, casting=options.casting)
    return delivered(ufunc, results, options)


def operate(ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
    """What an operator gives: of Python numbers, a Python number."""
    if ufunc.signature is not None:
        return call(ufunc, operands, {})
    results = ufunc_results(ufunc, operands, weak=True)
    return results if ufunc.nout > 1 else results[0]


def delivered(ufunc: np.ufunc, results: Sequence[TracedArray], options: Options) -> Any:
    """The results, those that have an ``out`` in it."""
    if options.where is not None and not all(target is not None for target in options.out):
        raise trace_error(
            f"np.{ufunc.__name__}(where=...) leaves the other entries uninitialised; give it out=, or use "
            "np.where(condition, result, other)"
        )
    given = tuple(
        result if target is None else _into(ufunc, target, result, options)
        for target, result in zip(options.out, results, strict=True)
    )
    return given if ufunc.nout > 1 else given[0]


def _into(ufunc: np.ufunc, target: Any, result: TracedArray, options: Options) -> TracedArray:
    """``out=``: NumPy's casting rule, and a shape that the result can be broadcast to."""
    if not isinstance(target, TracedArray) or target.immutable:
        raise trace_error(
            "out= must be an array that the traced function made itself, or one of its arguments; pass one"
        )
    if not np.can_cast(result.dtype, target.dtype, options.casting):  # type: ignore[arg-type]
        raise dtype_error(
            f"cannot cast ufunc '{ufunc.__name__}' output from {result.dtype!r} to {target.dtype!r} with casting rule "
            f"'{options.casting}'; give out= that dtype, or casting='unsafe'"
        )
    mask = options.where
    shape = broadcast_shapes(result.extents, *([] if mask is None else [mask.extents]))
    if broadcast_shapes(shape, target.extents) != target.extents:
        raise shape_error(
            f"non-broadcastable output operand with shape {target.extents} doesn't match the broadcast shape {shape}; "
            "pass an out= of that shape"
        )
    converted = _without_imaginary(result) if result.dtype.kind == "c" and target.dtype.kind != "c" else result
    assign(target, converted if mask is None else where(mask, astype(converted, target.dtype), target))
    return target


def _without_imaginary(x: TracedArray) -> TracedArray:
    return lift(x.real)


# ---------------------------------------------------------------- generalised ufuncs


def _generalised(ufunc: np.ufunc, operands: Sequence[Any], options: Options, keywords: dict[str, Any]) -> TracedArray:
    arrays = [lift(x) for x in operands]
    if options.signature is not None:
        dtypes = loop_dtypes(ufunc, arrays, signature=options.signature, casting=options.casting)
        arrays = [astype(x, d) for x, d in zip(arrays, dtypes, strict=False)]
    places, keepdims = _core_axes(ufunc, keywords), keywords.get("keepdims", False)
    if places is not None:
        arrays = [_to_the_end(x, where_) for x, where_ in zip(arrays, places, strict=False)]
    if ufunc is not np.matmul:
        _check_core(ufunc, arrays)
    result = _GENERALISED[ufunc.__name__](*arrays)
    if keepdims:
        if ufunc is not np.vecdot:
            raise trace_error(
                f"np.{ufunc.__name__}() does not support keepdims: its result has core axes; use np.expand_dims"
            )
        kept = places[0][0] if places is not None else -1
        return lift(np.expand_dims(result, kept))
    if places is not None and len(places) > ufunc.nin and places[-1]:
        end = range(-len(places[-1]), 0)
        return moveaxis(result, list(end), list(places[-1]))
    return result


def _core_axes(ufunc: np.ufunc, keywords: dict[str, Any]) -> list[tuple[int, ...]] | None:
    """Which axes of each operand the ufunc works over, where the user says so."""
    axis, axes = keywords.get("axis"), keywords.get("axes")
    if axis is not None:
        if ufunc is not np.vecdot:
            raise trace_error(f"np.{ufunc.__name__}(axis=...): it works over several axes; use axes=")
        return [(axis,), (axis,)]
    if axes is None:
        return None
    counts = _core_counts(ufunc)
    if not isinstance(axes, list) or len(axes) not in (ufunc.nin, ufunc.nargs):
        raise trace_error(f"np.{ufunc.__name__}(axes=...) needs a list with an entry per operand; use axes=[...]")
    chosen = [tuple(a) if isinstance(a, tuple | list) else (a,) for a in axes]
    if any(len(c) != n for c, n in zip(chosen, counts, strict=False)):
        raise trace_error(
            f"np.{ufunc.__name__}(axes=...) needs as many axes per operand as {ufunc.signature} has; use those"
        )
    return chosen


def _core_counts(ufunc: np.ufunc) -> list[int]:
    signature = str(ufunc.signature).replace("->", ",").replace(" ", "")
    return [len([name for name in part.split(",") if name]) for part in signature.strip("()").split("),(")]


def _to_the_end(x: TracedArray, chosen: tuple[int, ...]) -> TracedArray:
    places = [normal_axis(a, x.ndim) for a in chosen]
    return moveaxis(x, places, list(range(-len(places), 0)))


def _check_core(ufunc: np.ufunc, arrays: Sequence[TracedArray]) -> None:
    """The axes that a ufunc works over must be there, and be equally long."""
    sizes: dict[str, Any] = {}
    parts = str(ufunc.signature).partition("->")[0].replace(" ", "").strip("()").split("),(")
    for position, (x, part) in enumerate(zip(arrays, parts, strict=True)):
        names = part.split(",")
        if x.ndim < len(names):
            raise shape_error(
                f"{ufunc.__name__}: Input operand {position} does not have enough dimensions (has {x.ndim}, gufunc core with "
                f"signature {ufunc.signature} requires {len(names)}); give it the axes, x[..., None]"
            )
        for name, extent in zip(names, x.extents[-len(names) :], strict=True):
            if sizes.setdefault(name, extent) != extent:
                raise shape_error(
                    f"{ufunc.__name__}: Input operand {position} has a mismatch in its core dimension {name}: size {extent} "
                    f"is different from {sizes[name]}; pass axes of one length"
                )


def _vecdot(a: TracedArray, b: TracedArray) -> TracedArray:
    dtype = loop_dtypes(np.vecdot, [a, b])[-1]
    total = reductions.sum_(apply_ufunc(np.multiply, [apply_ufunc(np.conjugate, [a]), b]), -1)
    return total if total.dtype == dtype else astype(total, dtype)


_GENERALISED: dict[str, Callable[..., TracedArray]] = {
    "matmul": contraction.matmul,
    "vecdot": _vecdot,
    "matvec": lambda a, b: contraction.matmul(a, b[..., None])[..., 0],
    "vecmat": lambda a, b: contraction.matmul(apply_ufunc(np.conjugate, [a])[..., None, :], b)[..., 0, :],
}
