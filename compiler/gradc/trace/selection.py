"""Selection and rounding: where, clip, take, piecewise choices, and functions composed of elementwise ones."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import apply, number
from gradc.ir.tensor import compute
from gradc.trace.context import trace_error
from gradc.trace.elementwise import apply_ufunc, astype, where
from gradc.trace.reductions import all_
from gradc.trace.registry import attribute, implements
from gradc.trace.shaping import normal_axis, ravel
from gradc.trace.storage import axes, entry, whole
from gradc.trace.tracer import TracedArray, lift, wrap


@implements(np.where)
def where_(condition: Any, x: Any = None, y: Any = None) -> TracedArray:
    """Entries of one array or the other."""
    if x is None:
        raise trace_error("np.where(condition) gives as many indices as are true; use np.where(condition, a, b)")
    return where(condition, x, y)


@implements(np.clip, method="clip")
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **options: Any) -> TracedArray:
    """Entries kept between two bounds."""
    low, high = options.get("min", a_min), options.get("max", a_max)
    x = lift(a)
    if low is not None:
        x = apply_ufunc(np.maximum, [x, low])
    return x if high is None else apply_ufunc(np.minimum, [x, high])


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> TracedArray:
    """The choice of the first condition that holds."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    result = lift(default)
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


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


@implements(np.take, method="take")
def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> TracedArray:
    """Entries at the given positions."""
    x = lift(a)
    if axis is None:
        x, axis = ravel(x), 0
    place = normal_axis(axis, x.ndim)
    chosen = lift(indices)
    if mode == "clip":
        chosen = clip(chosen, 0, x.shape[place] - 1)
    elif mode == "wrap":
        chosen = chosen % x.shape[place]
    result: TracedArray = x[(*(slice(None),) * place, chosen)]
    return result


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> TracedArray:
    """Entries at positions along one axis, given for every place."""
    x, chosen = lift(arr), lift(indices)
    if axis is None:
        x, axis = ravel(x), 0
    place = normal_axis(axis, x.ndim)
    keys: list[Any] = []
    for k in range(x.ndim):
        lone = tuple(chosen.shape[k] if j == k else 1 for j in range(x.ndim))
        keys.append(chosen if k == place else np.arange(operator.index(chosen.shape[k])).reshape(lone))
    result: TracedArray = x[tuple(keys)]
    return result


@implements(np.choose, method="choose")
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> TracedArray:
    """For each entry of a, the entry of the choice that it counts."""
    chosen = lift(a)
    listed = [lift(c) for c in choices]
    result = listed[-1]
    for k in reversed(range(len(listed) - 1)):
        result = where(apply_ufunc(np.equal, [chosen, k]), listed[k], result)
    return result


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


def _part(name: str) -> Callable[[Any], TracedArray]:
    def implementation(val: Any) -> TracedArray:
        x = lift(val)
        if x.dtype.kind != "c":
            return x if name == "real" else wrap(compute(x.extents, number(0, x.dtype)))
        return wrap(compute(x.extents, apply(name, entry(x.tensor, axes(x.ndim)))))

    return implementation


for _name, _function in (("real", np.real), ("imag", np.imag)):
    attribute(_name)(implements(_function)(_part(_name)))
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


implements(method="astype")(lambda x, dtype, order="K", casting="unsafe", subok=True, copy=True: astype(x, dtype))


@implements(method="fill")
def fill(x: TracedArray, value: Any) -> None:
    """Set every entry."""
    x[...] = value


@implements(np.copyto)
def copyto(dst: TracedArray, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Set entries from another array."""
    dst[...] = src if where is True else where_(where, src, dst)


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """Not traceable."""
    raise trace_error("np.put_along_axis can't be traced; assign with integer arrays, x[rows, columns] = values")


@implements(method="view")
def view(x: TracedArray, dtype: Any = None, type: Any = None) -> TracedArray:
    """Another handle on the same storage."""
    if dtype is not None and np.dtype(dtype) != x.dtype:
        raise trace_error("x.view(dtype) reads the bits in another way, which can't be traced; use x.astype(dtype)")
    return x.part(whole(x.extents)) if not x.immutable else x


@implements(np.require)
def require(a: Any, dtype: Any = None, requirements: Any = None) -> TracedArray:
    """The array: memory layout is not seen by traced code."""
    x = lift(a)
    return x if dtype is None else astype(x, dtype)


implements(np.iterable)(lambda y: lift(y).ndim > 0)
