"""Creation: arrays of numbers that the function makes itself. They are traced arrays, so that they can be filled."""

from __future__ import annotations

import enum
import operator
from typing import Any

import numpy as np

from gradc.ir.algebra import equal, guarded, sum_of
from gradc.ir.scalar import index, number
from gradc.ir.tensor import compute
from gradc.trace.arrays.layout import UncertainView, lies_by_rows
from gradc.trace.arrays.storage import axes, entry, whole
from gradc.trace.arrays.tracer import TracedArray, concrete, extent_of, lift
from gradc.trace.context import dtype_error, shape_error
from gradc.trace.elements.elementwise import astype, broadcast_indices, broadcast_shapes
from gradc.trace.movement.shaping import shape_of
from gradc.trace.registry import implements
from gradc.trace.specs import supported


def number_dtype(dtype: Any) -> np.dtype[Any]:
    """The dtype that the user gave, float64 for None; one that can't be computed with is an error."""
    target = np.dtype(np.float64 if dtype is None else dtype).newbyteorder("=")
    if not supported(target):
        raise dtype_error(f"dtype {target} is not supported; use float64, float32, complex, an integer dtype or bool")
    return target


def filled(shape: Any, value: Any, dtype: Any = None) -> TracedArray:
    """An array of one value, or of the entries that are broadcast to the shape."""
    extents = shape_of(shape)
    x = lift(value)
    if len(x.extents) > len(extents) or broadcast_shapes(x.extents, extents) != extents:
        raise shape_error(f"could not broadcast input array from shape {x.extents} into shape {extents}")
    target = number_dtype(dtype) if dtype is not None else x.dtype
    body = entry(x.tensor, broadcast_indices(x.extents, extents, axes(len(extents))))
    array = TracedArray(compute(extents, body))
    return TracedArray(astype(array, target).tensor) if target != x.dtype else array


@implements(np.zeros)
def zeros(shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None) -> TracedArray:
    """Zeros."""
    made = TracedArray(compute(shape_of(shape), number(0, number_dtype(dtype))))
    return _laid_out(made, made, order)


@implements(np.ones)
def ones(shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None) -> TracedArray:
    """Ones."""
    made = TracedArray(compute(shape_of(shape), number(1, number_dtype(dtype))))
    return _laid_out(made, made, order)


@implements(np.full)
def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> TracedArray:
    """One value everywhere."""
    made = filled(shape, fill_value, dtype)
    return _laid_out(made, made, order)


@implements(np.zeros_like, np.empty_like)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> TracedArray:
    """Zeros in the shape of another array."""
    x = lift(a)
    return _laid_out(zeros(x.shape if shape is None else shape, x.dtype if dtype is None else dtype), x, order)


def _laid_out(made: TracedArray, source: TracedArray, order: str | None) -> TracedArray:
    """A new array, marked where it may not lie by rows."""
    if order == "F" or (order != "C" and not lies_by_rows(source)):
        made.is_row_major = False
    return made


@implements(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> TracedArray:
    """Ones in the shape of another array."""
    x = lift(a)
    return _laid_out(ones(x.shape if shape is None else shape, x.dtype if dtype is None else dtype), x, order)


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> TracedArray:
    """One value in the shape of another array."""
    x = lift(a)
    made = filled(x.shape if shape is None else shape, fill_value, x.dtype if dtype is None else dtype)
    return _laid_out(made, x, order)


implements(np.empty)(zeros)


@implements(np.array)
def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: str | None = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> TracedArray:
    """An array with this content: a new one, or with ``copy`` None or False the array itself where it is one."""
    if isinstance(copy, enum.Enum):  # NumPy's own word for None
        copy = copy.value if isinstance(copy.value, bool) else None
    is_array = isinstance(object, TracedArray) and not object.immutable
    result: TracedArray
    if not copy and is_array and (dtype is None or np.dtype(dtype) == object.dtype):
        result = object
    elif copy is False:
        raise shape_error("Unable to avoid creating a copy while creating an array as requested; use copy=None")
    else:
        source = lift(object)
        result = TracedArray((source if dtype is None else astype(source, number_dtype(dtype))).tensor)
        result = _laid_out(result, source, order)
    if result.ndim < ndmin:
        result = result.reshape((1,) * (ndmin - result.ndim) + result.shape)
    return result


@implements(np.asarray, np.asanyarray)
def asarray(
    a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: bool | None = None, like: Any = None
) -> TracedArray:
    """The array itself where it is one."""
    return array(a, dtype, copy=copy)


@implements(np.ascontiguousarray)
def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> TracedArray:
    """The array itself where it lies in memory row by row, else a copy; with one axis at least."""
    x = array(a, dtype, copy=None, ndmin=1)
    region = x.region()
    if region is None and x.is_row_major:
        return x
    return TracedArray(x.tensor) if x.is_row_major and not lies_by_rows(x) else UncertainView.of(x, whole(x.extents))


@implements(np.asfortranarray)
def asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> TracedArray:
    """The array itself where it lies in memory column by column, else a copy; with one axis at least."""
    x = array(a, dtype, copy=None, ndmin=1)
    if x.ndim < 2:
        return ascontiguousarray(x)
    if x.region() is None and x.is_row_major and all(e != 1 for e in x.extents):
        return _laid_out(TracedArray(x.tensor), x, "F")
    return UncertainView.of(x, whole(x.extents))


@implements(np.asarray_chkfinite)
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> TracedArray:
    """Not traceable, but for known values: whether they are finite is not known while tracing."""
    x = array(a, dtype, copy=None)
    np.asarray_chkfinite(concrete(x, "np.asarray_chkfinite", "use np.asarray, and check the result outside"))
    return x


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> TracedArray:
    """A new array with the same content."""
    source = lift(a)
    return _laid_out(TracedArray(source.tensor), source, order)


@implements(method="copy")
def _copy_method(x: TracedArray, order: str = "C") -> TracedArray:
    return copy(x, order)


@implements(np.fromiter)
def fromiter(iter: Any, dtype: Any, count: int = -1, *, like: Any = None) -> TracedArray:
    """A vector of what an iterable gives."""
    items = list(iter) if count < 0 else [item for _, item in zip(range(count), iter, strict=False)]
    if len(items) < count:
        raise shape_error(f"iterator too short: Expected {count} but iterator had only {len(items)} items.")
    return array(items, dtype) if items else zeros(0, dtype)


@implements(np.identity)
def identity(n: Any, dtype: Any = None, *, like: Any = None) -> TracedArray:
    """The identity matrix."""
    return eye(n, dtype=dtype)


@implements(np.eye)
def eye(
    N: Any, M: Any = None, k: int = 0, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> TracedArray:
    """Ones on a diagonal."""
    rows = extent_of(N)
    columns = rows if M is None else extent_of(M)
    if any(isinstance(e, int) and e < 0 for e in (rows, columns)):
        raise shape_error("negative dimensions are not allowed")
    one = number(1, number_dtype(dtype))
    inside = equal(index(1), sum_of(index(0), operator.index(k)))
    return TracedArray(compute((rows, columns), inside if one.dtype.kind == "b" else guarded(inside, one)))
