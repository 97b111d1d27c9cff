"""Reductions: sums, products, extrema, logical reductions, cumulative ones, and the statistics made of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import convert, difference, less_equal, product_of
from gradc.ir.scalar import FLOAT64, INT64, TRUE, DType, Scalar, apply, index, number
from gradc.ir.tensor import Extent, compute, extent_scalar
from gradc.trace.context import trace_error
from gradc.trace.elementwise import apply_ufunc, astype, broadcast_entry, elementwise, truth
from gradc.trace.registry import implements
from gradc.trace.shaping import normal_axes, normal_axis, reshape
from gradc.trace.storage import axes, entry
from gradc.trace.tracer import TracedArray, lift, wrap

Axis = int | Sequence[int] | None
_UNSET: Any = np._NoValue


def reduced(
    x: TracedArray,
    reducer: str,
    axis: Any = None,
    *,
    keepdims: bool = False,
    dtype: DType | None = None,
    only: TracedArray | None = None,
) -> TracedArray:
    """``x`` reduced over ``axis``; entries where ``only`` is false don't count."""
    summed = normal_axes(axis, x.ndim)
    if len(set(summed)) != len(summed):
        raise ValueError("duplicate value in 'axis'")
    kept = [k for k in range(x.ndim) if k not in summed]
    shape = [x.extents[k] for k in kept] if not keepdims else [1 if k in summed else e for k, e in enumerate(x.extents)]
    place = {k: index(position) for position, k in enumerate(kept)} if not keepdims else {k: index(k) for k in kept}
    place |= {k: index(len(shape) + position) for position, k in enumerate(summed)}
    indices = [place[k] for k in range(x.ndim)]
    body = entry(x.tensor, indices)
    body = body if dtype is None else convert(body, dtype)
    if reducer in ("max", "min"):
        _refuse_empty([x.extents[k] for k in summed], reducer)
    if not summed:
        return wrap(x.tensor if body.dtype == x.dtype else compute(x.extents, body))
    domain = TRUE if only is None else broadcast_entry(only, x.extents, indices)
    return wrap(compute(shape, body, reduce_extents=[x.extents[k] for k in summed], reducer=reducer, domain=domain))


def _refuse_empty(extents: Sequence[Extent], reducer: str) -> None:
    if any(e == 0 for e in extents):
        full = {"max": "maximum", "min": "minimum"}.get(reducer, reducer)
        raise ValueError(f"zero-size array to reduction operation {full} which has no identity")


def _accumulator(dtype: DType) -> DType:
    """The dtype that NumPy sums small integers in."""
    if dtype.kind in "bi":
        return np.result_type(dtype, np.int64)
    return np.result_type(dtype, np.uint64) if dtype.kind == "u" else dtype


def _with_initial(result: TracedArray, initial: Any, ufunc: np.ufunc) -> TracedArray:
    return result if initial is _UNSET or initial is None else apply_ufunc(ufunc, [result, initial])


def _plain(out: Any) -> None:
    if out is not None and out is not _UNSET:
        raise trace_error("out= inside a traced function is not supported; assign the result, x[...] = np.sum(...)")


def _mask(where: Any) -> TracedArray | None:
    return None if where is _UNSET or where is True else truth(lift(where))


def _sum_like(reducer: str, ufunc: np.ufunc) -> Callable[..., TracedArray]:
    def implementation(
        a: Any,
        axis: Axis = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = _UNSET,
        where: Any = _UNSET,
    ) -> TracedArray:
        _plain(out)
        x = lift(a)
        target = np.dtype(dtype) if dtype is not None else _accumulator(x.dtype)
        keep = keepdims is True
        return _with_initial(reduced(x, reducer, axis, keepdims=keep, dtype=target, only=_mask(where)), initial, ufunc)

    return implementation


sum_ = implements(np.sum, method="sum")(_sum_like("sum", np.add))
prod = implements(np.prod, method="prod")(_sum_like("prod", np.multiply))


def _extremum(reducer: str, ufunc: np.ufunc) -> Callable[..., TracedArray]:
    def implementation(
        a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False, initial: Any = _UNSET, where: Any = _UNSET
    ) -> TracedArray:
        _plain(out)
        x = lift(a)
        if x.dtype.kind == "b":
            return reduced(x, "any" if reducer == "max" else "all", axis, keepdims=keepdims is True)
        return _with_initial(reduced(x, reducer, axis, keepdims=keepdims is True, only=_mask(where)), initial, ufunc)

    return implementation


maximum = implements(np.max, np.amax, method="max")(_extremum("max", np.maximum))
minimum = implements(np.min, np.amin, method="min")(_extremum("min", np.minimum))


def _logical(reducer: str) -> Callable[..., TracedArray]:
    def implementation(
        a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False, *, where: Any = _UNSET
    ) -> TracedArray:
        _plain(out)
        return reduced(truth(lift(a)), reducer, axis, keepdims=keepdims is True, only=_mask(where))

    return implementation


any_ = implements(np.any, method="any")(_logical("any"))
all_ = implements(np.all, method="all")(_logical("all"))


def _position(reducer: str) -> Callable[..., TracedArray]:
    def implementation(a: Any, axis: int | None = None, out: Any = None, *, keepdims: Any = False) -> TracedArray:
        _plain(out)
        x = lift(a)
        searched = x.extents if axis is None else (x.extents[normal_axis(axis, x.ndim)],)
        if any(extent == 0 for extent in searched):
            raise ValueError(f"attempt to get {reducer} of an empty sequence")
        if axis is None:
            flat = reduced(reshape(x, (-1,)), reducer, 0)
            return reshape(flat, (1,) * x.ndim) if keepdims is True else flat
        return reduced(x, reducer, axis, keepdims=keepdims is True)

    return implementation


argmax = implements(np.argmax, method="argmax")(_position("argmax"))
argmin = implements(np.argmin, method="argmin")(_position("argmin"))


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Axis = None, *, keepdims: bool = False) -> TracedArray:
    """How many entries are not zero."""
    return reduced(astype(truth(lift(a)), INT64), "sum", axis, keepdims=keepdims)


# ---------------------------------------------------------------- statistics


def counted(x: TracedArray, axis: Any) -> Scalar:
    """How many entries a reduction over ``axis`` takes, as an integer scalar."""
    return product_of(number(1), *[extent_scalar(x.extents[k]) for k in normal_axes(axis, x.ndim)])


def _per_count(total: TracedArray, count: Scalar) -> TracedArray:
    body = apply("div", entry(total.tensor, axes(total.ndim)), convert(count, total.dtype))
    return wrap(compute(total.extents, body))


def _averaged_dtype(x: TracedArray, dtype: Any) -> DType:
    if dtype is not None:
        chosen: DType = np.dtype(dtype)
        return chosen
    return FLOAT64 if x.dtype.kind in "biu" else x.dtype


@implements(np.mean, method="mean")
def mean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = _UNSET
) -> TracedArray:
    """The arithmetic mean."""
    _plain(out)
    x = lift(a)
    target = _averaged_dtype(x, dtype)
    only = _mask(where)
    total = reduced(x, "sum", axis, keepdims=keepdims is True, dtype=target, only=only)
    if only is None:
        return _per_count(total, counted(x, axis))
    ones = apply_ufunc(np.multiply, [only, np.ones((), np.int64)])
    spread = wrap(compute(x.extents, broadcast_entry(ones, x.extents, axes(x.ndim))))
    return apply_ufunc(np.divide, [total, reduced(spread, "sum", axis, keepdims=keepdims is True)])


@implements(np.average)
def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """The weighted mean."""
    x = lift(a)
    if weights is None:
        return mean(x, axis, keepdims=keepdims)
    w = lift(weights)
    if w.extents != x.extents:
        if axis is None or w.ndim != 1:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        w = reshape(w, tuple(-1 if k == normal_axis(axis, x.ndim) else 1 for k in range(x.ndim)))
    total = sum_(apply_ufunc(np.multiply, [x, w]), axis, keepdims=keepdims)
    scale = sum_(apply_ufunc(np.multiply, [w, np.ones((), x.dtype)]), axis if w.extents == x.extents else None)
    result = apply_ufunc(np.divide, [total, scale])
    return (result, scale) if returned else result


@implements(np.var, method="var")
def var(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: Any = False, **_: Any
) -> TracedArray:
    """The variance."""
    _plain(out)
    x = lift(a)
    center = mean(x, axis, dtype, keepdims=True)
    centered = apply_ufunc(np.subtract, [x, center])
    squares = apply_ufunc(np.multiply, [centered, centered])
    total = sum_(squares, axis, keepdims=keepdims is True)
    return _per_count(total, difference(counted(x, axis), operator.index(ddof)))


@implements(np.std, method="std")
def std(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: Any = False, **_: Any
) -> TracedArray:
    """The standard deviation."""
    return apply_ufunc(np.sqrt, [var(a, axis, dtype, out, ddof, keepdims)])


@implements(np.ptp)
def ptp(a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False) -> TracedArray:
    """Maximum minus minimum."""
    return apply_ufunc(np.subtract, [maximum(a, axis, out, keepdims), minimum(a, axis, out, keepdims)])


def _without_nan(a: Any) -> tuple[TracedArray, TracedArray]:
    x = lift(a)
    return x, apply_ufunc(np.logical_not, [apply_ufunc(np.isnan, [x])])


@implements(np.nansum)
def nansum(a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> TracedArray:
    """The sum of the entries that are numbers."""
    x, numbers = _without_nan(a)
    return sum_(x, axis, dtype, out, keepdims, where=numbers)


@implements(np.nanmean)
def nanmean(a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> TracedArray:
    """The mean of the entries that are numbers."""
    x, numbers = _without_nan(a)
    return mean(x, axis, dtype, out, keepdims, where=numbers)


@implements(np.nanmax)
def nanmax(a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False) -> TracedArray:
    """The maximum of the entries that are numbers."""
    x, numbers = _without_nan(a)
    return maximum(x, axis, out, keepdims, where=numbers)


@implements(np.nanmin)
def nanmin(a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False) -> TracedArray:
    """The minimum of the entries that are numbers."""
    x, numbers = _without_nan(a)
    return minimum(x, axis, out, keepdims, where=numbers)


# ---------------------------------------------------------------- cumulative


def _cumulative(reducer: str) -> Callable[..., TracedArray]:
    def implementation(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> TracedArray:
        _plain(out)
        x = lift(a)
        if axis is None:
            x, axis = reshape(x, (-1,)), 0
        place = normal_axis(axis, x.ndim)
        running = index(x.ndim)
        indices = [running if k == place else index(k) for k in range(x.ndim)]
        target = np.dtype(dtype) if dtype is not None else _accumulator(x.dtype)
        body = convert(entry(x.tensor, indices), target)
        domain = less_equal(running, index(place))
        return wrap(compute(x.extents, body, reduce_extents=[x.extents[place]], reducer=reducer, domain=domain))

    return implementation


cumsum = implements(np.cumsum, method="cumsum")(_cumulative("sum"))
cumprod = implements(np.cumprod, method="cumprod")(_cumulative("prod"))


def accumulate(reducer: str, a: Any, axis: int = 0) -> TracedArray:
    """A running reduction, as ``np.maximum.accumulate`` gives it."""
    return _cumulative(reducer)(a, axis)


# ---------------------------------------------------------------- norms


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> TracedArray:
    """Vector norms of any order, and the Frobenius, 1- and infinity-norm of matrices."""
    array = lift(x)
    array = astype(array, float) if array.dtype.kind in "biu" else array
    if axis is None and ord is None:
        return _root_of_squares(array, tuple(range(array.ndim)), keepdims)
    chosen = normal_axes(axis, array.ndim)
    if len(chosen) == 1:
        return _vector_norm(array, ord, chosen[0], keepdims)
    if len(chosen) == 2:
        return _matrix_norm(array, ord, chosen, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def _root_of_squares(x: TracedArray, axis: Any, keepdims: bool) -> TracedArray:
    size = apply_ufunc(np.absolute, [x]) if x.dtype.kind == "c" else x
    squares = reduced(apply_ufunc(np.multiply, [size, size]), "sum", axis, keepdims=keepdims)
    squares = squares if squares.dtype.kind == "f" else astype(squares, FLOAT64)
    return elementwise("root", [squares], [squares.dtype])


def _vector_norm(x: TracedArray, order: Any, axis: int, keepdims: bool) -> TracedArray:
    if order is None or order == 2:
        return _root_of_squares(x, axis, keepdims)
    size = apply_ufunc(np.absolute, [x])
    if order == np.inf:
        return reduced(size, "max", axis, keepdims=keepdims)
    if order == -np.inf:
        return reduced(size, "min", axis, keepdims=keepdims)
    if order == 0:
        return astype(reduced(astype(truth(x), INT64), "sum", axis, keepdims=keepdims), size.dtype)
    if order == 1:
        return reduced(size, "sum", axis, keepdims=keepdims)
    power = reduced(apply_ufunc(np.power, [size, order]), "sum", axis, keepdims=keepdims)
    return apply_ufunc(np.power, [power, 1 / order])


def _matrix_norm(x: TracedArray, order: Any, chosen: tuple[int, ...], keepdims: bool) -> TracedArray:
    if order in (None, "fro", "f"):
        return _root_of_squares(x, chosen, keepdims)
    size = apply_ufunc(np.absolute, [x])
    rows, columns = chosen
    if order in (1, -1, np.inf, -np.inf):
        first, second = (rows, columns) if abs(order) == 1 else (columns, rows)
        sums = reduced(size, "sum", first, keepdims=True)
        return _dropped(reduced(sums, "max" if order > 0 else "min", second, keepdims=True), chosen, keepdims)
    raise trace_error(f"np.linalg.norm(ord={order!r}) of a matrix needs singular values, which can't be traced yet")


def _dropped(x: TracedArray, chosen: tuple[int, ...], keepdims: bool) -> TracedArray:
    return x if keepdims else reshape(x, tuple(e for k, e in enumerate(x.shape) if k not in chosen))
