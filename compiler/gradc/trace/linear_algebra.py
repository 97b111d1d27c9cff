"""Linear algebra by library calls: inverses, determinants, linear systems, Cholesky's factor."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import FLOAT64, Scalar
from gradc.ir.tensor import Extern, projection
from gradc.ops.extern import library_call
from gradc.trace.context import dtype_error, located, note_line, shape_error
from gradc.trace.contraction import matmul
from gradc.trace.creation import eye
from gradc.trace.elementwise import array_dtype, astype, broadcast_shapes
from gradc.trace.registry import implements
from gradc.trace.shaping import broadcast_to, matrix_transpose
from gradc.trace.tracer import TracedArray, lift, wrap

_SLOGDET_RESULT: Any = type(np.linalg.slogdet(np.eye(1)))
_EIGHT_BYTES = 8


def linear_algebra_error(message: str) -> np.linalg.LinAlgError:
    """A LinAlgError, as NumPy raises it, that names the user's line."""
    return np.linalg.LinAlgError(located(message))


def _square(a: Any, name: str) -> TracedArray:
    """A matrix, or a stack of them, of floats."""
    x = lift(a)
    if x.ndim < 2:
        raise linear_algebra_error(
            f"np.linalg.{name}: {x.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    if x.extents[-1] != x.extents[-2]:
        raise linear_algebra_error(
            f"np.linalg.{name}: Last 2 dimensions of the array must be square, not {x.extents[-2]} by {x.extents[-1]}"
        )
    return _floating([x], name)[0]


def _floating(arrays: Sequence[TracedArray], name: str) -> list[TracedArray]:
    common = array_dtype(arrays)
    if common.kind in "biu":
        common = FLOAT64
    if common.kind == "c":
        raise dtype_error(
            f"np.linalg.{name} of complex matrices can't be traced; write [[re, -im], [im, re]] for the matrix"
        )
    if common.kind != "f" or common.itemsize not in (4, _EIGHT_BYTES):
        raise dtype_error(f"array type {common} is unsupported in linalg; convert to float32 or float64 first")
    return [astype(x, common) for x in arrays]


def _called(name: str, *operands: TracedArray, **parameters: str | int | bool) -> list[TracedArray]:
    node: Extern = library_call(name, [x.tensor for x in operands], **parameters)
    note_line(node)
    return [wrap(projection(node, position)) for position in range(len(node.results))]


@implements(np.linalg.inv)
def inv(a: Any) -> TracedArray:
    """The inverse of a matrix."""
    return _called("inv", _square(a, "inv"))[0]


@implements(np.linalg.det)
def det(a: Any) -> TracedArray:
    """The determinant."""
    return _called("det", _square(a, "det"))[0]


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """The sign of the determinant, and the logarithm of its size."""
    return _SLOGDET_RESULT(*_called("slogdet", _square(a, "slogdet")))


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> TracedArray:
    """The x with ``a @ x = b``; b with one axis is a vector, else a matrix or a stack of them."""
    matrix = _square(a, "solve")
    right = lift(b)
    if not right.ndim:
        raise shape_error("np.linalg.solve: the right hand side is a number; it must be a vector or a matrix")
    own = min(right.ndim, 2)
    rows = right.extents[-own]
    if rows != matrix.extents[-1]:
        raise shape_error(
            f"np.linalg.solve: shapes {matrix.extents} and {right.extents} don't fit: "
            f"the matrix has {matrix.extents[-1]} rows, the right hand side {rows}"
        )
    matrix, right = _floating([matrix, right], "solve")
    batch = broadcast_shapes(matrix.extents[:-2], right.extents[:-own])
    return _called("solve", _stacked(matrix, batch, 2), _stacked(right, batch, own))[0]


def _stacked(x: TracedArray, batch: tuple[int | Scalar, ...], own: int) -> TracedArray:
    return x if x.extents[:-own] == batch else broadcast_to(x, (*batch, *x.shape[x.ndim - own :]))


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> TracedArray:
    """The lower factor L of ``a = L @ L.T`` (or the upper one); only that triangle of a is read."""
    matrix = _square(a, "cholesky")
    lower = _called("cholesky", matrix_transpose(matrix) if upper else matrix)[0]
    return matrix_transpose(lower) if upper else lower


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> TracedArray:
    """A matrix product with itself, by repeated squaring; of the inverse where n is negative."""
    base, exponent = lift(a), operator.index(n)
    if base.ndim < 2 or base.extents[-1] != base.extents[-2]:
        base = _square(base, "matrix_power")
    if exponent < 0:
        base, exponent = inv(base), -exponent
    result: TracedArray | None = None
    while exponent:
        if exponent % 2:
            result = base if result is None else matmul(result, base)
        exponent //= 2
        base = matmul(base, base) if exponent else base
    return _identity_like(base) if result is None else result


def _identity_like(x: TracedArray) -> TracedArray:
    return broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape)
