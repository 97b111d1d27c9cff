"""Functions composed of elementwise operations: bounds, rounding, replacing, pieces, parts of complex numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import FLOAT64, apply
from gradc.ir.tensor import compute
from gradc.trace.arrays.indexing import assign
from gradc.trace.arrays.storage import axes, entry
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.context import dtype_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, elementwise, where
from gradc.trace.elements.ufuncs import refuse_unknown
from gradc.trace.movement.creation import zeros_like
from gradc.trace.movement.outputs import deliver
from gradc.trace.registry import implements

_UNSET: Any = np._NoValue


# ---------------------------------------------------------------- bounds and rounding


@implements(np.clip, method="clip")
def clip(a: Any, a_min: Any = _UNSET, a_max: Any = _UNSET, out: Any = None, **options: Any) -> TracedArray:
    """Entries kept between two bounds."""
    refuse_unknown("clip", options, ("min", "max", "dtype"))
    low, high = (_bound(*given) for given in ((a_min, "min", options), (a_max, "max", options)))
    x = lift(a)
    if options.get("dtype") is not None:
        x = astype(x, options["dtype"])
    if x.dtype.kind in "iu":  # a Python int that no entry can be beyond is no bound
        limits = np.iinfo(x.dtype)
        low = None if type(low) is int and low <= limits.min else low
        high = None if type(high) is int and high >= limits.max else high
    result = x if low is None else apply_ufunc(np.maximum, [x, low])
    result = result if high is None else apply_ufunc(np.minimum, [result, high])
    return deliver(out, apply_ufunc(np.positive, [x]) if result is x and x.dtype.kind != "b" else result)


def _bound(positional: Any, name: str, options: dict[str, Any]) -> Any:
    """A bound that was given in either of two ways."""
    named = options.get(name, _UNSET)
    if positional is not _UNSET and named is not _UNSET:
        raise trace_error(f"np.clip got a_{name} and {name}; give one of them")
    value = named if positional is _UNSET else positional
    return None if value is _UNSET else value


@implements(np.round, np.around, method="round")
def round_(a: Any, decimals: Any = 0, out: Any = None) -> TracedArray:
    """To the nearest number with so many decimals."""
    x = lift(a)
    places = operator.index(decimals)
    if x.dtype.kind == "c":
        return deliver(out, _of_parts(x, lambda part: _rounded(part, places)))
    if x.dtype.kind == "b":
        raise dtype_error("np.round of bools gives float16 in NumPy, which is not supported; use x.astype(float)")
    if x.dtype.kind in "iu":
        return deliver(out, x if places >= 0 else astype(_rounded(astype(x, FLOAT64), places), x.dtype))
    return deliver(out, _rounded(x, places))


def _rounded(x: TracedArray, places: int) -> TracedArray:
    if places == 0:
        return apply_ufunc(np.rint, [x])
    scale = 10.0 ** abs(places)
    if places > 0:
        return apply_ufunc(np.divide, [apply_ufunc(np.rint, [x * scale]), scale])
    return apply_ufunc(np.multiply, [apply_ufunc(np.rint, [x / scale]), scale])


@implements(np.fix)
def fix(x: Any, out: Any = None) -> TracedArray:
    """Towards zero."""
    return deliver(out, apply_ufunc(np.trunc, [x]))


# ---------------------------------------------------------------- complex parts


def _of_parts(x: TracedArray, function: Callable[[TracedArray], TracedArray]) -> TracedArray:
    """A function of the real and of the imaginary part."""
    real, imag = function(lift(x.real)), function(lift(x.imag))
    body = apply("complex", *[entry(part.tensor, axes(x.ndim)) for part in (real, imag)])
    return wrap(compute(x.extents, body))


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> TracedArray:
    """The angle of complex numbers; of real ones 0 or pi."""
    x = lift(z)
    parts = [x.imag, x.real] if x.dtype.kind == "c" else [0, x]
    turned = apply_ufunc(np.arctan2, parts)
    return lift(turned * (180 / np.pi)) if deg else turned


@implements(np.isreal)
def isreal(x: Any) -> TracedArray:
    """Where the imaginary part is zero."""
    return apply_ufunc(np.equal, [_imaginary(lift(x)), 0])


@implements(np.iscomplex)
def iscomplex(x: Any) -> TracedArray:
    """Where the imaginary part is not zero."""
    return apply_ufunc(np.not_equal, [_imaginary(lift(x)), 0])


def _imaginary(x: TracedArray) -> TracedArray:
    return lift(x.imag) if x.dtype.kind == "c" else zeros_like(x)


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> TracedArray:
    """Real numbers as they are: whether complex ones become real depends on their values."""
    x = lift(a)
    if x.dtype.kind == "c":
        raise trace_error("np.real_if_close gives another dtype for other values, which can't be traced; use x.real")
    return x


# ---------------------------------------------------------------- numbers that are none


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> TracedArray:
    """NaN and infinities replaced by numbers."""
    array = lift(x)
    if array.dtype.kind in "biu":
        return array
    result = _of_parts(array, lambda p: _finite(p, nan, posinf, neginf)) if array.dtype.kind == "c" else None
    result = _finite(array, nan, posinf, neginf) if result is None else result
    if not copy and not array.immutable:
        assign(array, result)
        return array
    return result


def _finite(x: TracedArray, nan: Any, posinf: Any, neginf: Any) -> TracedArray:
    limits = np.finfo(x.dtype)
    above = limits.max.item() if posinf is None else posinf
    below = limits.min.item() if neginf is None else neginf
    result = where(apply_ufunc(np.isnan, [x]), nan, x)
    result = where(apply_ufunc(np.equal, [x, np.inf]), above, result)
    result = where(apply_ufunc(np.equal, [x, -np.inf]), below, result)
    return result if result.dtype == x.dtype else astype(result, x.dtype)


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> TracedArray:
    """Where x is plus infinity."""
    return deliver(out, apply_ufunc(np.equal, [_ordered(x, "isposinf"), np.inf]))


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> TracedArray:
    """Where x is minus infinity."""
    return deliver(out, apply_ufunc(np.equal, [_ordered(x, "isneginf"), -np.inf]))


def _ordered(x: Any, name: str) -> TracedArray:
    array = lift(x)
    if array.dtype.kind == "c":
        raise dtype_error(f"np.{name}: this operation is not supported for {array.dtype} values; use x.real or x.imag")
    return array


# ---------------------------------------------------------------- pieces


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> TracedArray:
    """A function given piece by piece; each sees the entries where its condition holds."""
    array = lift(x)
    is_one = not isinstance(condlist, list | tuple) and lift(condlist).ndim == array.ndim
    conditions = [lift(c) for c in ([condlist] if is_one else condlist)]
    if len(funclist) == len(conditions) + 1:
        some = conditions[0]
        for condition in conditions[1:]:
            some = apply_ufunc(np.logical_or, [some, condition])
        conditions.append(apply_ufunc(np.logical_not, [some]))
    if len(funclist) != len(conditions):
        count = len(conditions)
        raise trace_error(
            f"with {count} condition(s), either {count} or {count + 1} functions are expected; give as many"
        )
    result: Any = zeros_like(array)
    for condition, function in zip(conditions, funclist, strict=True):
        if not array.ndim:
            value = function(array, *args, **kw) if callable(function) else function
            result = astype(where(condition, value, result), array.dtype)
        else:
            result[condition] = function(array[condition], *args, **kw) if callable(function) else function
    return lift(result)


# ---------------------------------------------------------------- special functions


@implements(np.sinc)
def sinc(x: Any) -> TracedArray:
    """``sin(pi x) / (pi x)``, 1 at 0."""
    array: Any = lift(x)
    turned = array * np.pi
    # near 0 the series, which is exact to the last digit there and has the derivatives that a quotient loses
    near = apply_ufunc(np.less, [apply_ufunc(np.absolute, [array]), 1e-4])
    safe = where(near, 1.0, turned)
    square = turned * turned
    return where(near, 1.0 - square / 6.0 + square * square / 120.0, apply_ufunc(np.sin, [safe]) / safe)


@implements(np.i0)
def i0(x: Any) -> TracedArray:
    """The modified Bessel function of the first kind, of order 0."""
    array = _ordered(x, "i0")
    array = array if array.dtype.kind == "f" else astype(array, FLOAT64)
    return elementwise("i0", [array], [array.dtype])
