"""Creation: arrays of numbers that the function makes itself. They are traced arrays, so that they can be filled."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.ir.algebra import convert, equal, guarded, product_of, sum_of
from gradc.ir.scalar import INT64, index, number
from gradc.ir.tensor import compute
from gradc.trace.context import trace_error
from gradc.trace.elementwise import apply_ufunc, astype, broadcast_indices
from gradc.trace.joining import stack
from gradc.trace.registry import implements
from gradc.trace.shaping import shape_of
from gradc.trace.storage import axes, entry
from gradc.trace.tracer import TracedArray, concrete, constant_array, extent_of, known_value, lift, literal_value, wrap


def filled(shape: Any, value: Any, dtype: Any = None) -> TracedArray:
    """An array of one value."""
    extents = shape_of(shape)
    x = lift(value)
    target = np.dtype(dtype) if dtype is not None else x.dtype
    body = entry(x.tensor, broadcast_indices(x.extents, extents, axes(len(extents))))
    array = TracedArray(compute(extents, body))
    return TracedArray(astype(array, target).tensor) if target != x.dtype else array


@implements(np.zeros)
def zeros(shape: Any, dtype: Any = None, order: str = "C", **_: Any) -> TracedArray:
    """Zeros."""
    return TracedArray(compute(shape_of(shape), number(0, np.float64 if dtype is None else dtype)))


@implements(np.ones)
def ones(shape: Any, dtype: Any = None, order: str = "C", **_: Any) -> TracedArray:
    """Ones."""
    return TracedArray(compute(shape_of(shape), number(1, np.float64 if dtype is None else dtype)))


@implements(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **_: Any) -> TracedArray:
    """One value everywhere."""
    return filled(shape, fill_value, dtype)


@implements(np.zeros_like, np.empty_like)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> TracedArray:
    """Zeros in the shape of another array."""
    x = lift(a)
    return zeros(x.shape if shape is None else shape, x.dtype if dtype is None else dtype)


@implements(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> TracedArray:
    """Ones in the shape of another array."""
    x = lift(a)
    return ones(x.shape if shape is None else shape, x.dtype if dtype is None else dtype)


@implements(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> TracedArray:
    """One value in the shape of another array."""
    x = lift(a)
    return filled(x.shape if shape is None else shape, fill_value, x.dtype if dtype is None else dtype)


implements(np.empty)(zeros)


@implements(np.array)
def array(
    object: Any, dtype: Any = None, *, copy: Any = True, order: str = "K", subok: bool = False, ndmin: int = 0, **_: Any
) -> TracedArray:
    """A new array with this content."""
    source = lift(object)
    result = TracedArray(source.tensor)
    if dtype is not None:
        result = TracedArray(astype(result, dtype).tensor)
    if result.ndim < ndmin:
        result = result.reshape((1,) * (ndmin - result.ndim) + result.shape)
    return result


@implements(np.asarray, np.asanyarray, np.ascontiguousarray)
def asarray(a: Any, dtype: Any = None, order: Any = None, **_: Any) -> TracedArray:
    """The array itself where it is one."""
    if isinstance(a, TracedArray) and not a.immutable and (dtype is None or np.dtype(dtype) == a.dtype):
        return a
    return array(a, dtype)


@implements(np.copy, method="copy")
def copy(a: Any, order: str = "K", subok: bool = False) -> TracedArray:
    """A new array with the same content."""
    return TracedArray(lift(a).tensor)


@implements(np.arange)
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, **_: Any) -> TracedArray:
    """Numbers in steps."""
    if stop is None:
        start, stop = 0, start
    lifted = [lift(v) for v in (start, stop, step)]
    if all(x.dtype.kind in "iu" for x in lifted):
        return _whole_numbers(start, stop, step, dtype)
    values = [
        concrete(x, "a bound of np.arange", "give the number of points, np.linspace(a, b, n)").item() for x in lifted
    ]
    return constant_array(np.arange(*values, dtype=dtype))


def _whole_numbers(start: Any, stop: Any, step: Any, dtype: Any) -> TracedArray:
    stride = operator.index(step)
    if isinstance(stop, TracedArray) and not isinstance(extent_of(stop), int) and stride == 1:
        first = extent_of(start)
        length = extent_of(lift(stop) - lift(start))
        body = sum_of(first, index(0))
    else:
        numbers = range(operator.index(start), operator.index(stop), stride)
        length, body = len(numbers), sum_of(numbers.start, product_of(number(stride), index(0)))
    return TracedArray(compute((length,), convert(body, INT64 if dtype is None else np.dtype(dtype))))


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    **_: Any,
) -> Any:
    """Numbers at equal distances."""
    count = operator.index(num)
    low, high = lift(start), lift(stop)
    fixed = [known_value(x) if _constant(x) else None for x in (low, high)]
    if fixed[0] is not None and fixed[1] is not None:
        made = np.linspace(*fixed, count, endpoint=endpoint, retstep=retstep, dtype=dtype, axis=axis)  # type: ignore[call-overload]
        return (constant_array(made[0]), made[1]) if retstep else constant_array(made)
    if axis != 0:
        raise trace_error("np.linspace(axis=...) of traced bounds can't be traced; use np.moveaxis")
    steps = count - 1 if endpoint else count
    low, high = apply_ufunc(np.multiply, [low, 1.0]), apply_ufunc(np.multiply, [high, 1.0])
    step = (high - low) / max(steps, 1)
    positions = np.arange(count).reshape((count,) + (1,) * max(low.ndim, high.ndim))
    result = constant_array(positions) * step + low
    if endpoint and count > 1:
        result[-1] = high
    result = astype(result, dtype) if dtype is not None else result
    return (result, step) if retstep else result


def _constant(x: TracedArray) -> bool:
    return literal_value(x) is not None


@implements(np.identity)
def identity(n: Any, dtype: Any = None, **_: Any) -> TracedArray:
    """The identity matrix."""
    return eye(n, dtype=dtype)


@implements(np.eye)
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None, order: str = "C", **_: Any) -> TracedArray:
    """Ones on a diagonal."""
    rows = extent_of(N)
    columns = rows if M is None else extent_of(M)
    one = number(1, np.float64 if dtype is None else dtype)
    if one.dtype.kind == "b":
        return TracedArray(compute((rows, columns), equal(index(1), sum_of(index(0), operator.index(k)))))
    return TracedArray(compute((rows, columns), guarded(equal(index(1), sum_of(index(0), operator.index(k))), one)))


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[TracedArray, ...]:
    """Coordinate arrays."""
    vectors = [lift(x).reshape((-1,)) for x in xi]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        order[0], order[1] = 1, 0
    shape = [1] * len(vectors)
    for vector, place in zip(vectors, order, strict=True):
        shape[place] = vector.shape[0]
    grids = []
    for vector, place in zip(vectors, order, strict=True):
        lone = vector.reshape(tuple(vector.shape[0] if k == place else 1 for k in range(len(vectors))))
        grids.append(lone if sparse else wrap(np.broadcast_to(lone, tuple(shape)).tensor))  # type: ignore[attr-defined]
    return tuple(grids)


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> TracedArray:
    """Powers of the entries, as columns."""
    base = lift(x)
    count = base.shape[0] if N is None else operator.index(N)
    powers = range(count) if increasing else range(count - 1, -1, -1)
    dtype = np.promote_types(base.dtype, np.int64)  # as NumPy: float32 becomes float64
    columns = [astype(base, dtype) ** p if p else ones_like(base, dtype) for p in powers]
    return stack(columns, axis=1)
