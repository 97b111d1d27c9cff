"""What asks about dtypes and memory, and what there is instead of text, files and settings of a traced array."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.errors import TraceError
from gradc.ir.algebra import product_of, sum_of
from gradc.ir.scalar import Scalar, number
from gradc.ir.tensor import compute
from gradc.trace.arrays.storage import whole
from gradc.trace.arrays.tracer import TracedArray, known_value, lift
from gradc.trace.context import trace_error
from gradc.trace.elements.elementwise import result_dtype
from gradc.trace.registry import implements

_TEXT = "its values are not known before the function runs; return it and print it outside the function"
_FILE = "its values are not known before the function runs; return it and save it outside the function"
_DIGITS = "the digits are not known before the function runs; return the number and write it outside the function"
#: What there is instead of functions that need values.
INSTEAD: dict[str, str] = {
    **dict.fromkeys(("array2string", "array_repr", "array_str", "info"), _TEXT),
    **dict.fromkeys(("save", "savez", "savez_compressed", "savetxt"), _FILE),
    **dict.fromkeys(("format_float_positional", "format_float_scientific", "binary_repr", "base_repr"), _DIGITS),
    "min_scalar_type": "it depends on the value; use x.dtype",
}


def never_traced(function: Any) -> TraceError | None:
    """The error for what has no place in a traced function, whatever its arguments."""
    if function is np.test:
        return trace_error("np.test runs NumPy's own tests; call it outside the function")
    return None


# ---------------------------------------------------------------- dtypes


def _promoted_alone(value: Any) -> Any:
    """What NumPy's promotion sees of a value: a traced array by its dtype, a Python number as a weak one."""
    if not isinstance(value, TracedArray):
        return value
    return {"i": 0, "u": 0, "f": 0.0, "c": 0j}.get(value.dtype.kind, value.dtype) if value.weak else value.dtype


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype that NumPy's promotion gives."""
    if all(isinstance(a, TracedArray) for a in arrays_and_dtypes):
        return result_dtype(arrays_and_dtypes)
    return np.result_type(*[_promoted_alone(a) for a in arrays_and_dtypes])


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Whether a cast is allowed."""
    source, target = (a.dtype if isinstance(a, TracedArray) else a for a in (from_, to))
    return np.can_cast(source, target, casting)


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    """The floating type that all arrays can be converted to."""
    return np.common_type(*[np.empty(0, lift(a).dtype) for a in arrays])


@implements(np.min_scalar_type)
def min_scalar_type(a: Any) -> Any:
    """The dtype of an array; of a number, the smallest that holds its value, which must be known."""
    x = lift(a)
    if x.ndim:
        return x.dtype
    value = known_value(x)
    if value is None:
        raise trace_error(f"np.min_scalar_type can't be traced; {INSTEAD['min_scalar_type']}")
    return np.min_scalar_type(value)


# ---------------------------------------------------------------- memory


@implements(np.shares_memory)
def shares_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    """Whether some entry of one array is an entry of the other."""
    left, right = lift(a), lift(b)
    if not left.shares_storage(right):
        return False
    return bool(np.intersect1d(_places(left), _places(right)).size)


@implements(np.may_share_memory)
def may_share_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    """Whether the ranges of memory overlap that two arrays lie in."""
    left, right = lift(a), lift(b)
    if not left.shares_storage(right):
        return False
    first, second = _places(left), _places(right)
    return bool(first.size and second.size and first.min() <= second.max() and second.min() <= first.max())


@implements(np.from_dlpack)
def from_dlpack(x: Any, /, *, device: Any = None, copy: Any = None) -> TracedArray:
    """The array itself, or a copy: traced arrays are all of one library."""
    array = lift(x)
    return TracedArray(array.tensor) if copy else array


def _places(x: TracedArray) -> np.ndarray:
    """Which entries of the storage an array is."""
    region = x.region() or whole(x.extents)
    flat: Scalar = number(0)
    stride: Scalar = number(1)
    for position, extent in reversed(list(zip(region.forward, x.storage_shape, strict=True))):
        flat = sum_of(flat, product_of(stride, position))
        stride = product_of(stride, extent)
    places = known_value(TracedArray(compute(x.extents, flat)))
    if places is None:
        raise trace_error(
            "whether arrays of a size that has a name share memory is not known; give the sizes as numbers"
        )
    return places
