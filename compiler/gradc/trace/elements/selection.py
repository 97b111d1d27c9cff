"""Selection: where, and what is known from the shape or the dtype alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.trace.arrays.selected import nonzero
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.elements.elementwise import apply_ufunc, astype, where
from gradc.trace.registry import implements


@implements(np.where)
def where_(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Entries of one array or the other; of the condition alone, the indices where it holds."""
    if x is None:
        return nonzero(condition)
    return where(condition, x, y)


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
