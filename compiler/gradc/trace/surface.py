"""The NumPy surface: how a call of a NumPy function, ufunc, method or operator on traced arrays finds its meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.trace import (
    binning,
    contraction,
    creation,
    cumulative,
    differences,
    einsum,
    fourier,
    joining,
    linear_algebra,
    missing,
    norms,
    numerics,
    order_statistics,
    polynomials,
    reductions,
    selection,
    sliding,
    sorting,
    statistics,
)
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import dtype_error, shape_error, trace_error
from gradc.trace.elementwise import apply_ufunc, astype
from gradc.trace.indexing import accumulate_at, assign
from gradc.trace.joining import stacked
from gradc.trace.outputs import deliver
from gradc.trace.registry import ATTRIBUTES, FUNCTIONS, METHODS, NAMED_FUNCTIONS
from gradc.trace.tracer import TracedArray, constant_array, known_value, lift

#: What there is instead of functions that can't be traced.
_INSTEAD: dict[str, str] = {
    **dict.fromkeys(
        "unique unique_values unique_all unique_counts unique_inverse union1d intersect1d setdiff1d setxor1d".split(),
        "its size depends on values; use np.sort(x) with a mask of the entries that differ from the one before, "
        "or compute it outside the function and pass it in",
    ),
    "trim_zeros": "its size depends on values; slice with bounds that are known, x[first:last]",
    "nonzero": "its size depends on values; use np.where(condition, a, b)",
    "argwhere": "its size depends on values; use np.where(condition, a, b)",
    "flatnonzero": "its size depends on values; use np.where(condition, a, b)",
    "vectorize": "write the function with NumPy operations, or use gradc.vmap",
    "apply_along_axis": "use gradc.vmap",
    "save": "return the value and save it outside",
    "linalg.eigh": "factorisations of traced matrices are not there yet",
    "linalg.svd": "factorisations of traced matrices are not there yet",
}


def _untraceable(name: str, owner: str = "np") -> Exception:
    instead = _INSTEAD.get(name, "compute it outside the function and pass the result in")
    return trace_error(f"{owner}.{name} can't be traced; {instead}")


def full_name(function: Any) -> str:
    """A NumPy function's name, as users write it after ``np.``."""
    module = getattr(function, "__module__", None) or "numpy"
    name = getattr(function, "__name__", repr(function))
    return name if module == "numpy" else f"{module.removeprefix('numpy.')}.{name}"


# ---------------------------------------------------------------- dispatch


def call_function(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A NumPy function on arguments of which at least one is traced."""
    implementation = FUNCTIONS.get(function) or NAMED_FUNCTIONS.get(f"numpy.{full_name(function)}")
    if implementation is None:
        return _on_known_values(function, args, kwargs)
    out = kwargs.get("out")
    if out is None:
        return implementation(*args, **kwargs)
    return deliver(out, implementation(*args, **{k: v for k, v in kwargs.items() if k != "out"}))


def _on_known_values(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A function that can't be traced, on arguments whose values can be known: captures are then pinned."""
    leaves, tree = flatten((list(args), kwargs))
    values = [known_value(leaf) if isinstance(leaf, TracedArray) else leaf for leaf in leaves]
    if any(value is None for value in values):
        raise _untraceable(full_name(function))
    given, options = unflatten(tree, values)
    return known_result(function(*given, **options))


def known_result(result: Any) -> Any:
    """Arrays that NumPy made from known values, as literal arrays that can be written to."""
    if type(result) is np.ndarray and result.dtype.kind in "biufc":
        return TracedArray(constant_array(result).tensor)
    if isinstance(result, list | tuple):
        items = [known_result(item) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return result


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """``ufunc.method(*inputs, **kwargs)`` on inputs of which at least one is traced."""
    out = kwargs.pop("out", None)
    implementation = _UFUNC_METHODS.get(method)
    if implementation is None:
        raise _untraceable(f"{ufunc.__name__}.{method}")
    result = implementation(ufunc, inputs, kwargs)
    return result if out is None else deliver(out, result)


def _called(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    special = _SPECIAL_UFUNCS.get(ufunc.__name__)
    if special is not None:
        return special(*inputs)
    condition, dtype = kwargs.pop("where", True), kwargs.pop("dtype", None)
    kwargs.pop("casting", None), kwargs.pop("order", None), kwargs.pop("subok", None)
    if kwargs:
        raise trace_error(f"np.{ufunc.__name__}({next(iter(kwargs))}=...) can't be traced")
    if condition is not True:
        raise trace_error(f"np.{ufunc.__name__}(where=...) can't be traced; use np.where(condition, result, other)")
    return apply_ufunc(ufunc, inputs, dtype=dtype)


def _divmod(a: Any, b: Any) -> tuple[TracedArray, TracedArray]:
    return apply_ufunc(np.floor_divide, [a, b]), apply_ufunc(np.remainder, [a, b])


def _modf(x: Any) -> tuple[TracedArray, TracedArray]:
    whole = apply_ufunc(np.trunc, [x])
    return apply_ufunc(np.subtract, [x, whole]), whole


def _vecdot(a: Any, b: Any) -> TracedArray:
    return reductions.sum_(apply_ufunc(np.multiply, [apply_ufunc(np.conjugate, [a]), b]), -1)


_SPECIAL_UFUNCS: dict[str, Callable[..., Any]] = {
    "matmul": contraction.matmul,
    "divmod": _divmod,
    "modf": _modf,
    "vecdot": _vecdot,
    "matvec": lambda a, b: contraction.matmul(a, lift(b)[..., None])[..., 0],
    "vecmat": lambda a, b: contraction.matmul(lift(a)[..., None, :], b)[..., 0, :],
}

#: ufunc -> the reduction that its ``reduce`` is.
_REDUCTIONS: dict[str, Callable[..., TracedArray]] = {
    "add": reductions.sum_,
    "multiply": reductions.prod,
    "maximum": reductions.maximum,
    "minimum": reductions.minimum,
    "logical_and": reductions.all_,
    "logical_or": reductions.any_,
}
_REDUCER_NAMES = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}


def _reduce(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    if ufunc is np.logaddexp:
        return numerics.log_sum_exp(inputs[0], **{"axis": 0} | kwargs)
    reduction = _REDUCTIONS.get(ufunc.__name__)
    if reduction is None:
        raise _untraceable(f"{ufunc.__name__}.reduce")
    names = ("axis", "dtype", "out", "keepdims", "initial", "where")
    options = {"axis": 0} | dict(zip(names, inputs[1:], strict=False)) | kwargs
    return reduction(inputs[0], **{k: v for k, v in options.items() if not (k in ("dtype", "out") and v is None)})


def _accumulate(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    reducer = _REDUCER_NAMES.get(ufunc.__name__)
    if reducer is None:
        raise _untraceable(f"{ufunc.__name__}.accumulate")
    return cumulative.accumulate(reducer, inputs[0], kwargs.get("axis", inputs[1] if len(inputs) > 1 else 0))


def _outer(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    left, right = lift(inputs[0]), lift(inputs[1])
    return apply_ufunc(ufunc, [left.reshape(left.shape + (1,) * right.ndim), right])


def _at(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> None:
    if ufunc.__name__ not in ("add", "subtract"):
        raise _untraceable(f"{ufunc.__name__}.at")
    target, key, value = inputs
    accumulate_at(lift(target), key, lift(value) if ufunc.__name__ == "add" else -lift(value))


_UFUNC_METHODS: dict[str, Callable[[np.ufunc, Sequence[Any], dict[str, Any]], Any]] = {
    "__call__": _called,
    "reduce": _reduce,
    "accumulate": _accumulate,
    "outer": _outer,
    "at": _at,
}


# ---------------------------------------------------------------- methods and attributes


def method(x: TracedArray, name: str) -> Any:
    """``x.name``, for a name that `TracedArray` does not define itself."""
    property_of = ATTRIBUTES.get(name)
    if property_of is not None:
        return property_of(x)
    implementation = METHODS.get(name)
    if implementation is not None:
        return lambda *args, **kwargs: implementation(x, *args, **kwargs)
    if hasattr(np.ndarray, name):
        value = known_value(x)
        if value is not None:
            return lambda *args, **kwargs: known_result(getattr(np.array(value), name)(*args, **kwargs))
        raise _untraceable(name, "x")
    raise AttributeError(f"'{'float' if x.weak else 'numpy.ndarray'}' object has no attribute '{name}'")


# ---------------------------------------------------------------- operators

_COMPARED_TO_NOTHING = {"equal": False, "not_equal": True}
_OPERANDS = (TracedArray, bool, int, float, complex, np.generic, np.ndarray, list, tuple)


def _is_operand(value: Any) -> bool:
    """Whether an operator knows what to do with the other operand."""
    return isinstance(value, _OPERANDS) or hasattr(value, "__array__")


def binary(ufunc: np.ufunc, left: Any, right: Any) -> Any:
    """An operator of two operands, one of them traced."""
    if not (_is_operand(left) and _is_operand(right)):
        return NotImplemented
    special = _SPECIAL_UFUNCS.get(ufunc.__name__)
    if special is not None:
        return special(left, right)
    if ufunc is np.power:
        left, right = _power_operands(left, right)
    return apply_ufunc(ufunc, [left, right], weak=True)


def unary(ufunc: np.ufunc, x: TracedArray) -> TracedArray:
    """An operator of one operand."""
    return apply_ufunc(ufunc, [x], weak=True)


def compared(ufunc: np.ufunc, left: TracedArray, right: Any) -> Any:
    """A comparison; with None or text it is what Python says. That of Python numbers is a Python bool."""
    if right is None or not _is_operand(right):
        return _COMPARED_TO_NOTHING.get(ufunc.__name__, NotImplemented)
    return apply_ufunc(ufunc, [left, right], weak=True)


def in_place(ufunc: np.ufunc, x: TracedArray, other: Any) -> Any:
    """``x += other``: a new number, or the same array with new content, by NumPy's casting rule."""
    result = binary(ufunc, x, other)
    if result is NotImplemented or x.immutable:
        return result
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise dtype_error(
            f"cannot cast ufunc '{ufunc.__name__}' output from {result.dtype!r} to {x.dtype!r} with casting rule "
            "'same_kind'; create the array with that dtype"
        )
    if result.extents != x.extents:
        raise shape_error(
            f"non-broadcastable output operand with shape {x.extents} doesn't match the broadcast shape {result.extents}"
        )
    assign(x, result)
    return x


def _power_operands(base: Any, exponent: Any) -> tuple[Any, Any]:
    """Python's ``int ** -1`` is a float; a captured int as an exponent is the int it is, so that ``x**n`` is a power."""
    if isinstance(exponent, TracedArray) and exponent.weak and exponent.dtype.kind == "i":
        known = known_value(exponent)
        exponent = exponent if known is None else int(known)
    left = lift(base)
    if left.weak and left.dtype.kind == "i" and isinstance(exponent, int) and exponent < 0:
        left = TracedArray(astype(left, float).tensor, weak=True)
    return left, exponent


__all__ = [
    "binary",
    "binning",
    "call_function",
    "call_ufunc",
    "compared",
    "creation",
    "differences",
    "einsum",
    "fourier",
    "in_place",
    "joining",
    "linear_algebra",
    "method",
    "missing",
    "norms",
    "order_statistics",
    "polynomials",
    "selection",
    "sliding",
    "sorting",
    "stacked",
    "statistics",
    "unary",
]
