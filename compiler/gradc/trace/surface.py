"""The NumPy surface: how a call of a NumPy function, ufunc, method or operator on traced arrays finds its meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.trace import contraction, creation, reductions, selection, shaping
from gradc.trace.context import trace_error
from gradc.trace.elementwise import apply_ufunc, astype
from gradc.trace.indexing import accumulate_at, assign
from gradc.trace.registry import ATTRIBUTES, FUNCTIONS, METHODS
from gradc.trace.shaping import stacked
from gradc.trace.tracer import TracedArray, known_value, lift

#: What there is instead of functions that can't be traced.
_INSTEAD: dict[str, str] = {
    "sort": "sort outside the function and pass the order in",
    "argsort": "sort outside the function and pass the order in",
    "unique": "compute it outside the function and pass it in",
    "nonzero": "its size depends on values; use np.where(condition, a, b)",
    "argwhere": "its size depends on values; use np.where(condition, a, b)",
    "flatnonzero": "its size depends on values; use np.where(condition, a, b)",
    "median": "sort outside the function and pass the order in",
    "vectorize": "write the function with NumPy operations, or use gradc.vmap",
    "apply_along_axis": "use gradc.vmap",
    "save": "return the value and save it outside",
}


def _untraceable(name: str) -> Exception:
    instead = _INSTEAD.get(name, "compute it outside the function and pass the result in")
    return trace_error(f"np.{name} can't be traced; {instead}")


def full_name(function: Any) -> str:
    """A NumPy function's name, as users write it after ``np.``."""
    module = getattr(function, "__module__", None) or "numpy"
    name = getattr(function, "__name__", repr(function))
    return name if module == "numpy" else f"{module.removeprefix('numpy.')}.{name}"


# ---------------------------------------------------------------- dispatch


def call_function(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A NumPy function on arguments of which at least one is traced."""
    implementation = FUNCTIONS.get(function)
    if implementation is None:
        raise _untraceable(full_name(function))
    out = kwargs.get("out")
    if out is None:
        return implementation(*args, **kwargs)
    return _into(out, implementation(*args, **{k: v for k, v in kwargs.items() if k != "out"}))


def _into(out: Any, result: TracedArray) -> TracedArray:
    target = out[0] if isinstance(out, tuple) else out
    if not isinstance(target, TracedArray):
        raise trace_error("out= must be an array that the traced function made itself, or one of its arguments")
    assign(target, result)
    return target


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """``ufunc.method(*inputs, **kwargs)`` on inputs of which at least one is traced."""
    out = kwargs.pop("out", None)
    implementation = _UFUNC_METHODS.get(method)
    if implementation is None:
        raise _untraceable(f"{ufunc.__name__}.{method}")
    result = implementation(ufunc, inputs, kwargs)
    return result if out is None else _into(out, result)


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
    return reductions.accumulate(reducer, inputs[0], kwargs.get("axis", inputs[1] if len(inputs) > 1 else 0))


def _outer(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    left, right = lift(inputs[0]), lift(inputs[1])
    return apply_ufunc(ufunc, [left.reshape(left.shape + (1,) * right.ndim), right])


def _at(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> None:
    if ufunc.__name__ not in ("add", "subtract"):
        raise _untraceable(f"{ufunc.__name__}.at")
    target, key, value = inputs
    accumulate_at(lift(target), key, value if ufunc.__name__ == "add" else -lift(value))


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
        raise trace_error(f"x.{name} can't be traced; {_INSTEAD.get(name, 'compute it outside the function and pass the result in')}")
    raise AttributeError(f"'{'float' if x.weak else 'numpy.ndarray'}' object has no attribute '{name}'")


# ---------------------------------------------------------------- operators

_BINARY: dict[str, np.ufunc] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
_COMPARISONS: dict[str, np.ufunc] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}


def _operand(value: Any) -> bool:
    """Whether an operator knows what to do with the other operand."""
    return isinstance(value, TracedArray | bool | int | float | complex | np.generic | np.ndarray | list | tuple) or hasattr(
        value, "__array__"
    )


def _weak_power(base: Any, exponent: Any) -> tuple[Any, Any]:
    """Python's ``int ** -1`` is a float."""
    left, right = lift(base), lift(exponent)
    if left.weak and right.weak and left.dtype.kind == right.dtype.kind == "i":
        known = exponent if isinstance(exponent, int) else None
        if known is not None and known < 0:
            return TracedArray(astype(left, float).tensor, weak=True), right
    return left, right


def binary(ufunc: np.ufunc, left: Any, right: Any) -> TracedArray:
    """An operator: Python numbers stay Python numbers."""
    if ufunc is np.power:
        left, right = _weak_power(left, right)
        right = pinned_exponent(right)
    return apply_ufunc(ufunc, [left, right], weak=True)


def pinned_exponent(exponent: Any) -> Any:
    """A captured Python int as an exponent is the int it is: ``x**n`` then differentiates as a power."""
    if isinstance(exponent, TracedArray) and exponent.weak and exponent.dtype.kind == "i":
        known = known_value(exponent)
        return exponent if known is None else int(known)
    return exponent


def _forward(ufunc: np.ufunc) -> Callable[[TracedArray, Any], Any]:
    return lambda self, other: binary(ufunc, self, other) if _operand(other) else NotImplemented


def _reflected(ufunc: np.ufunc) -> Callable[[TracedArray, Any], Any]:
    return lambda self, other: binary(ufunc, other, self) if _operand(other) else NotImplemented


def _in_place(ufunc: np.ufunc) -> Callable[[TracedArray, Any], Any]:
    def operate(self: TracedArray, other: Any) -> Any:
        result = binary(ufunc, self, other)
        return result if self.immutable else updated(self, result, ufunc.__name__)

    return operate


def updated(x: TracedArray, result: TracedArray, name: str) -> TracedArray:
    """``x`` after an in-place operation, with NumPy's casting rule."""
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise np._core._exceptions._UFuncOutputCastingError(getattr(np, name), "same_kind", result.dtype, x.dtype, 0)  # type: ignore[attr-defined]
    if result.extents != x.extents:
        raise ValueError(
            f"non-broadcastable output operand with shape {x.extents} doesn't match the broadcast shape {result.extents}"
        )
    assign(x, result)
    return x


def _comparison(ufunc: np.ufunc, if_unknown: bool | None) -> Callable[[TracedArray, Any], Any]:
    def compare(self: TracedArray, other: Any) -> Any:
        if other is None or not _operand(other):
            return NotImplemented if if_unknown is None else if_unknown
        return apply_ufunc(ufunc, [self, other])

    return compare


def _matmul_in_place(self: TracedArray, other: Any) -> TracedArray:
    return updated(self, contraction.matmul(self, other), "matmul")


def _attach_operators() -> None:
    for name, ufunc in _BINARY.items():
        setattr(TracedArray, f"__{name}__", _forward(ufunc))
        setattr(TracedArray, f"__r{name}__", _reflected(ufunc))
        setattr(TracedArray, f"__i{name}__", _in_place(ufunc))
    for name, ufunc in _COMPARISONS.items():
        setattr(TracedArray, f"__{name}__", _comparison(ufunc, {"eq": False, "ne": True}.get(name)))
    more: dict[str, Callable[..., Any]] = {
        "__neg__": lambda self: apply_ufunc(np.negative, [self], weak=True),
        "__pos__": lambda self: self,
        "__abs__": lambda self: apply_ufunc(np.absolute, [self], weak=True),
        "__invert__": lambda self: apply_ufunc(np.invert, [self]),
        "__matmul__": lambda self, other: contraction.matmul(self, other),
        "__rmatmul__": lambda self, other: contraction.matmul(other, self),
        "__imatmul__": _matmul_in_place,
        "__divmod__": lambda self, other: (self // other, self % other),
        "__rdivmod__": lambda self, other: (other // self, other % self),
        "__round__": lambda self, digits=None: selection.round_(self, digits or 0),
        "__floor__": lambda self: apply_ufunc(np.floor, [self]),
        "__ceil__": lambda self: apply_ufunc(np.ceil, [self]),
        "__trunc__": lambda self: apply_ufunc(np.trunc, [self]),
    }
    for name, implementation in more.items():
        setattr(TracedArray, name, implementation)


_attach_operators()
__all__ = ["call_function", "call_ufunc", "creation", "method", "shaping", "stacked"]
