"""What the methods of ufuncs have in common: their arguments, the ufuncs that are reducers, and NumPy's own word on dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import BOOL, DType
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import dtype_error, located, trace_error
from gradc.trace.elements.elementwise import as_dtype
from gradc.trace.elements.ufuncs import refuse_unknown
from gradc.trace.specs import supported

#: How many entries a ufunc that is no reducer of the IR is applied to one after the other.
LONGEST = 64
#: ufunc -> the reducer of the IR that it is.
REDUCERS = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}
_ON_BOOLS = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "logical_xor"}


def name_on(ufunc: np.ufunc, dtype: DType) -> str:
    """The ufunc's name; of bools, bitwise ones are logical ones."""
    return _ON_BOOLS.get(ufunc.__name__, ufunc.__name__) if dtype == BOOL else ufunc.__name__


def bound(
    ufunc: np.ufunc, method: str, names: Sequence[str], inputs: Sequence[Any], keywords: dict[str, Any]
) -> dict[str, Any]:
    """The arguments by name."""
    full = f"{ufunc.__name__}.{method}"
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature is not None:
        raise trace_error(
            f"np.{full} is not there: {method} is for ufuncs of two arguments and one result; call np.{ufunc.__name__}"
        )
    refuse_unknown(full, keywords, names)
    if not 1 <= len(inputs) <= len(names):
        raise trace_error(
            f"np.{full}() takes from 1 to {len(names)} positional arguments but {len(inputs)} were given; pass those"
        )
    return dict(zip(names, inputs, strict=False)) | keywords


def probed(ufunc: np.ufunc, method: str, x: TracedArray, *args: Any, out: Any = None, **options: Any) -> np.ndarray:
    """What NumPy's method gives for an array of ones of the same rank and dtype: its dtype, or its error."""
    tiny = np.ones((1,) * x.ndim, x.dtype)
    call = getattr(ufunc, method)
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(call(tiny, *args, **options))
            if isinstance(out, TracedArray):
                result = np.asarray(call(tiny, *args, **options, out=np.empty(result.shape, out.dtype)))
    except np.exceptions.AxisError as error:
        raise np.exceptions.AxisError(located(str(error))) from None
    except TypeError as error:
        # NumPy's reason comes last: it depends on the calls that NumPy has resolved before
        raise dtype_error(
            f"np.{ufunc.__name__}.{method} of {x.dtype} is an error in NumPy; use x.astype(...) or dtype=\n  NumPy: {error}"
        ) from None
    except ValueError as error:
        raise trace_error(f"{error}; give other arguments") from None
    if not supported(result.dtype):
        raise dtype_error(
            f"np.{ufunc.__name__}.{method} of {x.dtype} gives {result.dtype}, which is not supported; use x.astype(float)"
        )
    return result


def alone(out: Any) -> Any:
    """``out=``, which may be a tuple of one."""
    return out[0] if isinstance(out, tuple) and len(out) == 1 else out


def dtype_option(given: dict[str, Any]) -> dict[str, Any]:
    """``dtype=`` where it was given."""
    return {} if given.get("dtype") is None else {"dtype": as_dtype(given["dtype"])}
