"""Reductions: sums, products, extrema, logical ones, and positions of extrema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import convert
from gradc.ir.scalar import INT64, TRUE, DType, index
from gradc.ir.tensor import Extent, compute
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.context import dtype_error, located, shape_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, broadcast_entry, broadcast_shapes, truth
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.shaping import broadcast_to, normal_axes, normal_axis, reshape
from gradc.trace.registry import implements

Axis = int | Sequence[int] | None
#: A keyword that wasn't given.
UNSET: Any = np._NoValue


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
    summed = reduction_axes(axis, x.ndim)
    kept = [k for k in range(x.ndim) if k not in summed]
    shape = [x.extents[k] for k in kept] if not keepdims else [1 if k in summed else e for k, e in enumerate(x.extents)]
    place = {k: index(position) for position, k in enumerate(kept)} if not keepdims else {k: index(k) for k in kept}
    place |= {k: index(len(shape) + position) for position, k in enumerate(summed)}
    indices = [place[k] for k in range(x.ndim)]
    body = entry(x.tensor, indices)
    body = body if dtype is None else convert(body, dtype)
    if reducer in ("max", "min"):
        _refuse_empty([x.extents[k] for k in summed], reducer)
    if not summed and only is None:
        return wrap(x.tensor if body.dtype == x.dtype else compute(x.extents, body))
    if not summed:  # nothing is reduced, but entries are left out: an axis of one entry
        return reduced(reshape(x, (*x.shape, 1)), reducer, -1, dtype=dtype, only=reshape(only, (*only.shape, 1)))  # type: ignore[union-attr]
    domain = TRUE if only is None else broadcast_entry(only, x.extents, indices)
    return wrap(compute(shape, body, reduce_extents=[x.extents[k] for k in summed], reducer=reducer, domain=domain))


def reduction_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that ``axis=`` names, in order; of a number, axis 0 is allowed, too."""
    if isinstance(axis, list):
        raise TypeError(located("'list' object cannot be interpreted as an integer"))
    if not ndim and axis in (0, -1):
        return ()
    try:
        summed = normal_axes(axis, ndim)
    except TypeError as error:
        raise TypeError(located(str(error))) from None
    if len(set(summed)) != len(summed):
        raise ValueError(located("duplicate value in 'axis'"))
    return summed


def _refuse_empty(extents: Sequence[Extent], reducer: str) -> None:
    if any(e == 0 for e in extents):
        full = {"max": "maximum", "min": "minimum"}.get(reducer, reducer)
        raise ValueError(located(f"zero-size array to reduction operation {full} which has no identity"))


def accumulator(dtype: DType) -> DType:
    """The dtype that NumPy sums small integers in."""
    if dtype.kind in "bi":
        return np.result_type(dtype, np.int64)
    return np.result_type(dtype, np.uint64) if dtype.kind == "u" else dtype


def cast(x: TracedArray, dtype: Any) -> TracedArray:
    """``x`` in the dtype that was asked for, if one was."""
    return x if dtype is None or x.dtype == np.dtype(dtype) else astype(x, dtype)


def is_given(value: Any) -> bool:
    """Whether a keyword such as ``initial`` was given."""
    return value is not UNSET and value is not None


def mask_of(where: Any, x: TracedArray) -> TracedArray | None:
    """The entries that ``where=`` names; None for all."""
    if where is UNSET or where is True or where is None:
        return None
    only = truth(lift(where))
    if broadcast_shapes(only.extents, x.extents) != x.extents:
        raise shape_error(f"where= of shape {only.extents} doesn't broadcast to the array's shape, {x.extents}")
    return only


def kept_axes(keepdims: Any) -> bool:
    """Whether ``keepdims=`` says that reduced axes stay, of extent 1."""
    return keepdims is not UNSET and bool(keepdims)


# ---------------------------------------------------------------- sums, products, extrema

_LOGICAL = {"sum": "any", "prod": "all", "max": "any", "min": "all"}


def _combined(
    x: TracedArray, reducer: str, ufunc: np.ufunc, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> TracedArray:
    """``x`` reduced, and ``initial`` taken in as one more entry."""
    only, keep = mask_of(where, x), kept_axes(keepdims)
    if x.dtype.kind == "b":
        result = reduced(x, _LOGICAL[reducer], axis, keepdims=keep, only=only)
    elif reducer in ("max", "min") and any(x.extents[k] == 0 for k in reduction_axes(axis, x.ndim)):
        if not is_given(initial):
            _refuse_empty((0,), reducer)
        shape = reduced(x, "sum", axis, keepdims=keep).shape
        return deliver(out, broadcast_to(astype(lift(initial), x.dtype), shape))
    else:
        result = reduced(x, reducer, axis, keepdims=keep, only=only)
    if is_given(initial):
        result = apply_ufunc(ufunc, [result, astype(lift(initial), result.dtype)])
    return deliver(out, result)


def _sum_like(reducer: str, ufunc: np.ufunc) -> Callable[..., TracedArray]:
    def implementation(
        a: Any,
        axis: Axis = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = UNSET,
        where: Any = UNSET,
    ) -> TracedArray:
        x = lift(a)
        summand = cast(x, dtype if dtype is not None else accumulator(x.dtype))
        return _combined(summand, reducer, ufunc, axis, out, keepdims, initial, where)

    return implementation


sum_ = implements(np.sum, method="sum")(_sum_like("sum", np.add))
prod = implements(np.prod, method="prod")(_sum_like("prod", np.multiply))


def _extremum(reducer: str, ufunc: np.ufunc) -> Callable[..., TracedArray]:
    def implementation(
        a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False, initial: Any = UNSET, where: Any = UNSET
    ) -> TracedArray:
        x = ordered(lift(a), f"np.{reducer}")
        if mask_of(where, x) is not None and not is_given(initial):
            raise ValueError(
                located(
                    f"reduction operation '{ufunc.__name__}' does not have an identity, "
                    "so to use a where mask one has to specify 'initial'"
                )
            )
        return _combined(x, reducer, ufunc, axis, out, keepdims, initial, where)

    return implementation


def ordered(x: TracedArray, name: str) -> TracedArray:
    """``x``, of a dtype whose numbers have an order that has derivatives."""
    if x.dtype.kind == "c":
        raise dtype_error(f"{name} of complex numbers, which NumPy orders by real and then by imaginary part, "
                          "can't be traced; use np.abs(x) or x.real")  # fmt: skip
    return x


maximum = implements(np.max, np.amax, method="max")(_extremum("max", np.maximum))
minimum = implements(np.min, np.amin, method="min")(_extremum("min", np.minimum))


@implements(np.ptp)
def ptp(a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False) -> TracedArray:
    """Maximum minus minimum."""
    x = lift(a)
    greatest, least = maximum(x, axis, keepdims=keepdims), minimum(x, axis, keepdims=keepdims)
    return deliver(out, apply_ufunc(np.subtract, [greatest, least]))


# ---------------------------------------------------------------- logical


def _logical(reducer: str) -> Callable[..., TracedArray]:
    def implementation(
        a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False, *, where: Any = UNSET
    ) -> TracedArray:
        x = truth(lift(a))
        return deliver(out, reduced(x, reducer, axis, keepdims=kept_axes(keepdims), only=mask_of(where, x)))

    return implementation


any_ = implements(np.any, method="any")(_logical("any"))
all_ = implements(np.all, method="all")(_logical("all"))


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Axis = None, *, keepdims: bool = False) -> TracedArray:
    """How many entries are not zero."""
    return reduced(astype(truth(lift(a)), INT64), "sum", axis, keepdims=keepdims)


def counted_where(only: TracedArray, x: TracedArray, axis: Any, keepdims: bool) -> TracedArray:
    """How many entries of ``x`` a mask chooses."""
    return reduced(astype(broadcast_to(only, x.shape), INT64), "sum", axis, keepdims=keepdims)


# ---------------------------------------------------------------- positions


def _position(reducer: str) -> Callable[..., TracedArray]:
    def implementation(a: Any, axis: int | None = None, out: Any = None, *, keepdims: Any = False) -> TracedArray:
        x = ordered(lift(a), f"np.{reducer}")
        x = astype(x, INT64) if x.dtype.kind == "b" else x
        keep = kept_axes(keepdims)
        if axis is None or not x.ndim:
            reduction_axes(axis, x.ndim)
            _refuse_no_entries(x.extents, reducer)
            flat = reduced(reshape(x, (-1,)), reducer, 0)
            return deliver(out, reshape(flat, (1,) * x.ndim) if keep else flat)
        place = normal_axis(axis, x.ndim)
        _refuse_no_entries((x.extents[place],), reducer)
        return deliver(out, reduced(x, reducer, place, keepdims=keep))

    return implementation


def _refuse_no_entries(extents: Sequence[Extent], reducer: str) -> None:
    if any(extent == 0 for extent in extents):
        raise ValueError(located(f"attempt to get {reducer} of an empty sequence"))


argmax = implements(np.argmax, method="argmax")(_position("argmax"))
argmin = implements(np.argmin, method="argmin")(_position("argmin"))
