"""Selection and rounding: where, clip, take, piecewise choices, and functions composed of elementwise ones."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.trace.elementwise import apply_ufunc, astype, where
from gradc.trace.reductions import all_
from gradc.trace.registry import implements
from gradc.trace.selected import nonzero
from gradc.trace.tracer import TracedArray, lift


@implements(np.where)
def where_(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Entries of one array or the other; of the condition alone, the indices where it holds."""
    if x is None:
        return nonzero(condition)
    return where(condition, x, y)


@implements(np.clip, method="clip")
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **options: Any) -> TracedArray:
    """Entries kept between two bounds."""
    low, high = options.get("min", a_min), options.get("max", a_max)
    x = lift(a)
    if low is not None:
        x = apply_ufunc(np.maximum, [x, low])
    return x if high is None else apply_ufunc(np.minimum, [x, high])


@implements(np.piecewise)
def piecewise(x: Any, condlist: Sequence[Any], funclist: Sequence[Any], *args: Any, **kw: Any) -> TracedArray:
    """A function given piece by piece."""
    array = lift(x)
    values = [f(array, *args, **kw) if callable(f) else f for f in funclist]
    default = values.pop() if len(values) > len(condlist) else 0
    result = where(np.True_, default, array)
    for condition, value in zip(condlist, values, strict=True):
        result = where(condition, value, result)
    return astype(result, array.dtype)


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> TracedArray:
    """NaN and infinities replaced by numbers."""
    array = lift(x)
    limits = np.finfo(array.dtype)
    result = where(apply_ufunc(np.isnan, [array]), nan, array)
    result = where(apply_ufunc(np.equal, [array, np.inf]), limits.max.item() if posinf is None else posinf, result)
    return where(apply_ufunc(np.equal, [array, -np.inf]), limits.min.item() if neginf is None else neginf, result)


def _close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> TracedArray:
    left, right = lift(a), lift(b)
    gap = apply_ufunc(np.absolute, [left - right])
    near = apply_ufunc(np.less_equal, [gap, apply_ufunc(np.absolute, [right]) * rtol + atol])
    near = apply_ufunc(np.logical_or, [near, apply_ufunc(np.equal, [left, right])])
    if equal_nan:
        both = apply_ufunc(np.logical_and, [apply_ufunc(np.isnan, [left]), apply_ufunc(np.isnan, [right])])
        near = apply_ufunc(np.logical_or, [near, both])
    return near


implements(np.isclose)(_close)


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> TracedArray:
    """Whether all entries are close."""
    return all_(_close(a, b, rtol, atol, equal_nan))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Whether shapes and entries are equal."""
    left, right = lift(a1), lift(a2)
    return left.extents == right.extents and all_(apply_ufunc(np.equal, [left, right]))


@implements(np.round, np.around, method="round")
def round_(a: Any, decimals: Any = 0, out: Any = None) -> TracedArray:
    """To the nearest number with so many decimals."""
    x = lift(a)
    places = operator.index(decimals)
    if x.dtype.kind in "biu" and places >= 0:
        return x
    if places == 0:
        return apply_ufunc(np.rint, [x])
    scale = 10.0 ** abs(places)
    if places > 0:
        return apply_ufunc(np.divide, [apply_ufunc(np.rint, [x * scale]), scale])
    return apply_ufunc(np.multiply, [apply_ufunc(np.rint, [x / scale]), scale])


implements(np.fix)(lambda x, out=None: apply_ufunc(np.trunc, [x]))


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


# ---------------------------------------------------------------- complex parts

implements(method="conj")(lambda x: apply_ufunc(np.conjugate, [x]))
implements(method="conjugate")(lambda x: apply_ufunc(np.conjugate, [x]))
implements(np.iscomplexobj)(lambda x: lift(x).dtype.kind == "c")
implements(np.isrealobj)(lambda x: lift(x).dtype.kind != "c")
implements(np.isscalar)(lambda element: lift(element).immutable)


# ---------------------------------------------------------------- what is known from the shape alone

implements(np.shape)(lambda a: lift(a).shape)
implements(np.ndim)(lambda a: lift(a).ndim)
implements(np.size)(lambda a, axis=None: lift(a).size if axis is None else lift(a).shape[axis])
implements(np.result_type)(
    lambda *arrays: np.result_type(*[a.dtype if isinstance(a, TracedArray) else a for a in arrays])
)
implements(np.can_cast)(lambda from_, to, casting="safe": np.can_cast(lift(from_).dtype, to, casting))


@implements(np.astype)
def astype_function(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> TracedArray:
    """The array in another dtype."""
    return astype(lift(x), dtype)


@implements(method="fill")
def fill(x: TracedArray, value: Any) -> None:
    """Set every entry."""
    x[...] = value


@implements(np.require)
def require(a: Any, dtype: Any = None, requirements: Any = None) -> TracedArray:
    """The array: memory layout is not seen by traced code."""
    x = lift(a)
    return x if dtype is None else astype(x, dtype)


implements(np.iterable)(lambda y: lift(y).ndim > 0)
