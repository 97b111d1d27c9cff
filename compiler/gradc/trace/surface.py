"""The NumPy surface: how a call of a NumPy function, ufunc, method or operator on traced arrays finds its meaning."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.errors import ArgumentError, GradcError
from gradc.trace import environment
from gradc.trace.arrays import attributes
from gradc.trace.arrays.indexing import assign
from gradc.trace.arrays.selected import Selection, selection_among
from gradc.trace.arrays.tracer import TracedArray, constant_array, known_value, lift
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import dtype_error, located, shape_error, trace_error
from gradc.trace.elements import bits, closeness, composed, phases, selection, tapers
from gradc.trace.elements.elementwise import astype
from gradc.trace.elements.ufunc_methods import call_ufunc
from gradc.trace.elements.ufuncs import operate
from gradc.trace.movement import (
    applying,
    creation,
    diagonals,
    flat,
    flipping,
    joining,
    padding,
    positions,
    ranges,
    repeating,
    taking,
    windows,
)
from gradc.trace.movement.joining import stacked
from gradc.trace.movement.outputs import deliver
from gradc.trace.products import eigenvalues, einsum, fourier, linear_algebra, polynomials, sliding
from gradc.trace.reducing import binning, differences, missing, norms, order_statistics, sorting, statistics
from gradc.trace.registry import ATTRIBUTES, FUNCTIONS, METHODS, NAMED_FUNCTIONS, Implementation

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
    **environment.INSTEAD,
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
    chosen = selection_among(args)
    if chosen is not None:
        return chosen.__array_function__(function, (), args, kwargs)
    implementation = FUNCTIONS.get(function) or NAMED_FUNCTIONS.get(f"numpy.{full_name(function)}")
    if implementation is None:
        return _on_known_values(function, args, kwargs)
    name, out = f"np.{full_name(function)}", kwargs.get("out")
    if out is None:
        return _served(name, implementation, args, kwargs)
    return deliver(out, _served(name, implementation, args, {k: v for k, v in kwargs.items() if k != "out"}))


def _served(name: str, implementation: Implementation, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """``implementation(*args, **kwargs)``; arguments that it doesn't take are told by the name that the user called."""
    try:
        return implementation(*args, **kwargs)
    except TypeError as error:
        if not isinstance(error, GradcError):
            taken = inspect.signature(implementation)
            try:
                taken.bind(*args, **kwargs)
            except TypeError as refused:
                raise ArgumentError(located(f"{name}: {refused}; give it {', '.join(taken.parameters)}")) from None
        raise


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


# ---------------------------------------------------------------- methods and attributes


def method(x: TracedArray, name: str) -> Any:
    """``x.name``, for a name that `TracedArray` does not define itself."""
    property_of = ATTRIBUTES.get(name)
    if property_of is not None:
        return property_of(x)
    implementation = METHODS.get(name)
    if implementation is not None:
        return lambda *args, **kwargs: _served(f"x.{name}", implementation, (x, *args), kwargs)
    if hasattr(np.ndarray, name):
        value = known_value(x)
        if value is not None:
            return lambda *args, **kwargs: known_result(getattr(np.array(value), name)(*args, **kwargs))
        raise _untraceable(name, "x")
    if x.weak and hasattr(float, name):
        raise trace_error(f"{name} of a traced number needs its value; return it and call {name} outside the function")
    raise AttributeError(f"'{'float' if x.weak else 'numpy.ndarray'}' object has no attribute '{name}'")


# ---------------------------------------------------------------- operators

_COMPARED_TO_NOTHING = {"equal": False, "not_equal": True}
_OPERANDS = (TracedArray, bool, int, float, complex, np.generic, np.ndarray, list, tuple)


def _is_operand(value: Any) -> bool:
    """Whether an operator knows what to do with the other operand."""
    return isinstance(value, _OPERANDS) or (hasattr(value, "__array__") and not isinstance(value, Selection))


def binary(ufunc: np.ufunc, left: Any, right: Any) -> Any:
    """An operator of two operands, one of them traced."""
    if not (_is_operand(left) and _is_operand(right)):
        return NotImplemented
    if ufunc is np.power:
        left, right = _power_operands(left, right)
    return operate(ufunc, [left, right])


def unary(ufunc: np.ufunc, x: TracedArray) -> Any:
    """An operator of one operand."""
    return operate(ufunc, [x])


def compared(ufunc: np.ufunc, left: TracedArray, right: Any) -> Any:
    """A comparison; no entry equals None or text. That of Python numbers is a Python bool."""
    if isinstance(right, Selection):
        return NotImplemented
    if right is None or not _is_operand(right):
        answer = _COMPARED_TO_NOTHING.get(ufunc.__name__, NotImplemented)
        return answer if answer is NotImplemented or left.immutable else creation.filled(left.shape, answer)
    return operate(ufunc, [left, right])


def in_place(ufunc: np.ufunc, x: TracedArray, other: Any) -> Any:
    """``x += other``: a new number, or the same array with new content, by NumPy's casting rule."""
    result = binary(ufunc, x, other)
    if result is NotImplemented or x.immutable:
        return result
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise dtype_error(
            f"cannot cast ufunc '{ufunc.__name__}' output from {result.dtype!r} to {x.dtype!r} with casting rule "
            "'same_kind'; use an array of that dtype"
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
    if left.dtype.kind == "b" and left.ndim and type(exponent) is int and exponent == 2:
        left = astype(left, np.int8)  # NumPy's operator takes the square, which is of small integers
    return left, exponent


__all__ = [
    "applying",
    "attributes",
    "binary",
    "binning",
    "bits",
    "call_function",
    "call_ufunc",
    "closeness",
    "compared",
    "composed",
    "creation",
    "diagonals",
    "differences",
    "eigenvalues",
    "einsum",
    "environment",
    "flat",
    "flipping",
    "fourier",
    "in_place",
    "joining",
    "linear_algebra",
    "method",
    "missing",
    "norms",
    "order_statistics",
    "padding",
    "phases",
    "polynomials",
    "positions",
    "ranges",
    "repeating",
    "selection",
    "sliding",
    "sorting",
    "stacked",
    "statistics",
    "taking",
    "tapers",
    "unary",
    "windows",
]
