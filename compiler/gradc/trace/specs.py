"""Specs: arguments without values. They give a shape and a dtype; an extent is an int or a name that stands for any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradc.errors import ShapeError
from gradc.ir.scalar import FLOAT64, DType, Size, size
from gradc.ir.tensor import Extent, Shape

SpecExtent = int | str | Size

#: What can't be computed with, and what to use instead.
_SUPPORTED = frozenset("?bhilqpBHILQPfdFD")


@dataclass(frozen=True)
class Spec:
    """A shape and a dtype. ``weak`` marks a Python number, whose dtype gives way to that of an array."""

    shape: Shape
    dtype: DType
    weak: bool = False

    def __str__(self) -> str:
        return f"{self.dtype.name}[{', '.join(_extent_text(e) for e in self.shape)}]"


def _extent_text(extent: Extent) -> str:
    return extent.name if isinstance(extent, Size) else str(extent)


def _extent(value: SpecExtent | Extent) -> Extent:
    if isinstance(value, str):
        if not value.isidentifier():
            raise ShapeError(f"an extent is an int or a name such as 'n', not {value!r}")
        return size(value)
    if isinstance(value, int | np.integer):
        if value < 0:
            raise ShapeError(f"an extent can't be negative: {value}")
        return int(value)
    return value


def supported(dtype: DType) -> bool:
    """Whether graphs can hold this dtype."""
    return dtype.char in _SUPPORTED


def lies_by_rows(array: np.ndarray) -> bool:
    """Whether ``reshape`` gives a view of an array whatever the shape."""
    return array.ndim < 2 or bool(array.flags.c_contiguous)


def scalar(dtype: DType | type | str | None = None) -> Spec:
    """A single number: a Python ``float``, or a NumPy scalar where a dtype is given.

    >>> print(scalar())
    float64[]
    """
    return Spec((), FLOAT64 if dtype is None else np.dtype(dtype), weak=dtype is None)


def array(shape: Sequence[SpecExtent], dtype: DType | type | str = FLOAT64) -> Spec:
    """An array of this shape; extents that share a name are equal.

    >>> print(array(("n", 3), "float32"))
    float32[n, 3]
    """
    return Spec(tuple(_extent(e) for e in shape), np.dtype(dtype))


def vector(extent: SpecExtent, dtype: DType | type | str = FLOAT64) -> Spec:
    """An array with one axis.

    >>> print(vector("n"))
    float64[n]
    """
    return array((extent,), dtype)


def matrix(rows: SpecExtent, columns: SpecExtent, dtype: DType | type | str = FLOAT64) -> Spec:
    """An array with two axes.

    >>> print(matrix("m", "n"))
    float64[m, n]
    """
    return array((rows, columns), dtype)
