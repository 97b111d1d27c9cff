"""Running reductions along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.ir.algebra import less_equal
from gradc.ir.scalar import INT64, index
from gradc.ir.tensor import compute
from gradc.ops.extern import called
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.context import located
from gradc.trace.elements.elementwise import apply_ufunc, truth, where
from gradc.trace.movement.creation import full, zeros
from gradc.trace.movement.joining import concatenate
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.shaping import moveaxis, normal_axis, reshape
from gradc.trace.reducing.reductions import accumulator, cast, ordered
from gradc.trace.registry import implements, implements_named


def running(reducer: str, x: TracedArray, axis: int) -> TracedArray:
    """``x`` reduced over all entries up to each along an axis."""
    place = normal_axis(axis, x.ndim)
    along = index(x.ndim)
    body = entry(x.tensor, [along if k == place else index(k) for k in range(x.ndim)])
    domain = less_equal(along, index(place))
    return wrap(compute(x.extents, body, reduce_extents=[x.extents[place]], reducer=reducer, domain=domain))


def _cumulative(reducer: str) -> Callable[..., TracedArray]:
    def implementation(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> TracedArray:
        x = lift(a)
        if axis is None or not x.ndim:
            x, axis = reshape(x, (-1,)), axis or 0
        summand = cast(x, dtype if dtype is not None else accumulator(x.dtype))
        return deliver(out, accumulated(reducer, summand, axis))

    return implementation


cumsum = implements(np.cumsum, method="cumsum")(_cumulative("sum"))
cumprod = implements(np.cumprod, method="cumprod")(_cumulative("prod"))


def accumulated(reducer: str, x: TracedArray, axis: int) -> TracedArray:
    """A running sum, prod, max or min, of bools as well, in the dtype of ``x``."""
    if reducer in ("max", "min"):
        x = ordered(x, f"np.{reducer}imum.accumulate")
    if x.dtype.kind == "b":
        reducer = {"sum": "max", "prod": "min"}.get(reducer, reducer)
        return truth(running(reducer, cast(x, INT64), axis))
    return running(reducer, x, axis)


def log_add_exp(x: TracedArray, axis: int) -> TracedArray:
    """The logarithms of running sums of exponentials: s, scaled by the greatest so far, goes on by ``s' = w s + e``."""
    moved = moveaxis(x, axis, -1)
    top = running("max", moved, -1)
    finite = apply_ufunc(np.isfinite, [top])
    level = where(finite, top, zeros(top.shape, x.dtype))
    earlier = concatenate([level[..., :1], where(finite[..., :-1], level[..., :-1], level[..., 1:])], -1)
    weight, term = (
        apply_ufunc(np.exp, [apply_ufunc(np.subtract, [a, level])]) for a in (earlier, where(finite, moved, top))
    )
    total = wrap(called("recurrence", weight.tensor, term.tensor))
    result = apply_ufunc(np.add, [apply_ufunc(np.log, [total]), level])
    return wrap(moveaxis(result, -1, axis).tensor)


def accumulate(reducer: str, a: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> TracedArray:
    """A running reduction, as ``np.maximum.accumulate`` gives it: sums and products of small integers are int64."""
    x = lift(a)
    if not x.ndim:
        raise TypeError(located("cannot accumulate on a scalar"))
    if dtype is None and reducer in ("sum", "prod"):
        dtype = accumulator(x.dtype)
    return deliver(out, accumulated(reducer, cast(x, dtype), axis))


def _with_start(running_reduction: Callable[..., TracedArray], start: int) -> Callable[..., TracedArray]:
    def implementation(
        x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> TracedArray:
        array = lift(x)
        if not array.ndim:
            raise ValueError(located("at least one dimension is required: a number has nothing to accumulate along"))
        if axis is None and array.ndim > 1:
            raise ValueError(located("For arrays which have more than one dimension ``axis`` argument is required."))
        place = 0 if axis is None else normal_axis(axis, array.ndim)
        result = running_reduction(array, place, dtype)
        if include_initial:
            shape = tuple(1 if k == place else e for k, e in enumerate(result.shape))
            result = concatenate([full(shape, start, result.dtype), result], place)
        return deliver(out, result)

    return implementation


cumulative_sum = implements_named("numpy.cumulative_sum")(_with_start(cumsum, 0))
cumulative_prod = implements_named("numpy.cumulative_prod")(_with_start(cumprod, 1))
