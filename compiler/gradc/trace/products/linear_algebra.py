"""Linear algebra by library calls: inverses, determinants, linear systems, Cholesky's factor."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.ir.scalar import FLOAT64, Scalar
from gradc.ir.tensor import Extern, projection
from gradc.ops.extern import library_call
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.context import dtype_error, located, note_line, shape_error, trace_error
from gradc.trace.elements.elementwise import array_dtype, astype, broadcast_shapes
from gradc.trace.movement.creation import eye
from gradc.trace.movement.shaping import broadcast_to, matrix_transpose, normal_axis, ravel, reshape, transpose
from gradc.trace.products.contraction import matmul
from gradc.trace.registry import implements

_SLOGDET_RESULT: Any = type(np.linalg.slogdet(np.eye(1)))
_EIGHT_BYTES = 8


def linear_algebra_error(message: str) -> np.linalg.LinAlgError:
    """A LinAlgError, as NumPy raises it, that names the user's line."""
    return np.linalg.LinAlgError(located(message))


def square(a: Any, name: str) -> TracedArray:
    """A square matrix, or a stack of them, of floats."""
    x = lift(a)
    if x.ndim < 2:
        raise linear_algebra_error(
            f"np.linalg.{name}: {x.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    if x.extents[-1] != x.extents[-2]:
        raise linear_algebra_error(
            f"np.linalg.{name}: Last 2 dimensions of the array must be square, not {x.extents[-2]} by {x.extents[-1]}"
        )
    return floating([x], name)[0]


def floating(arrays: Sequence[TracedArray], name: str) -> list[TracedArray]:
    """The arrays in the float dtype that LAPACK computes in."""
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


def library_results(name: str, *operands: TracedArray, **parameters: str | int | bool) -> list[TracedArray]:
    """The results of a library call."""
    node: Extern = library_call(name, [x.tensor for x in operands], **parameters)
    note_line(node)
    return [wrap(projection(node, position)) for position in range(len(node.results))]


@implements(np.linalg.inv)
def inv(a: Any) -> TracedArray:
    """The inverse of a matrix."""
    return library_results("inv", square(a, "inv"))[0]


@implements(np.linalg.det)
def det(a: Any) -> TracedArray:
    """The determinant."""
    return library_results("det", square(a, "det"))[0]


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """The sign of the determinant, and the logarithm of its size."""
    return _SLOGDET_RESULT(*library_results("slogdet", square(a, "slogdet")))


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> TracedArray:
    """The x with ``a @ x = b``; b with one axis is a vector, else a matrix or a stack of them."""
    matrix = square(a, "solve")
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
    matrix, right = floating([matrix, right], "solve")
    batch = broadcast_shapes(matrix.extents[:-2], right.extents[:-own])
    return library_results("solve", _stacked(matrix, batch, 2), _stacked(right, batch, own))[0]


def _stacked(x: TracedArray, batch: tuple[int | Scalar, ...], own: int) -> TracedArray:
    return x if x.extents[:-own] == batch else broadcast_to(x, (*batch, *x.shape[x.ndim - own :]))


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> TracedArray:
    """The lower factor L of ``a = L @ L.T`` (or the upper one); only that triangle of a is read."""
    matrix = square(a, "cholesky")
    lower = library_results("cholesky", matrix_transpose(matrix) if upper else matrix)[0]
    return matrix_transpose(lower) if upper else lower


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> TracedArray:
    """A matrix product with itself, by repeated squaring; of the inverse where n is negative."""
    base, exponent = lift(a), operator.index(n)
    if base.ndim < 2 or base.extents[-1] != base.extents[-2]:
        base = square(base, "matrix_power")
    if exponent < 0:
        base, exponent = inv(base), -exponent
    result: TracedArray | None = None
    while exponent:
        if exponent % 2:
            result = base if result is None else matmul(result, base)
        exponent //= 2
        base = matmul(base, base) if exponent else base
    return _identity_like(base) if result is None else result


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> TracedArray:
    """The x with ``tensordot(a, x, x.ndim) == b``."""
    matrix, right = lift(a), lift(b)
    if axes is not None:
        moved = [normal_axis(k, matrix.ndim) for k in axes]
        matrix = transpose(matrix, tuple([k for k in range(matrix.ndim) if k not in moved] + moved))
    unknown = matrix.shape[right.ndim :]
    if math.prod(unknown) != math.prod(matrix.shape[: right.ndim]):
        raise linear_algebra_error(
            "np.linalg.tensorsolve: the array must be square: of its axes, those of b and those of the result "
            f"must have equally many entries, not {matrix.extents[: right.ndim]} and {matrix.extents[right.ndim :]}"
        )
    return reshape(solve(reshape(matrix, (-1, math.prod(unknown))), ravel(right)), unknown)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> TracedArray:
    """The inverse of ``x -> tensordot(a, x, ind)``."""
    x, first = lift(a), operator.index(ind)
    if first <= 0:
        raise ValueError(located("Invalid ind argument."))
    columns = math.prod(x.shape[first:])
    return reshape(inv(reshape(x, (columns, -1))), x.shape[first:] + x.shape[:first])


def _refused(name: str, instead: str) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise trace_error(f"np.linalg.{name} can't be traced; {instead}")

    implements(getattr(np.linalg, name))(refuse)


_BY_PRODUCTS = "where a has full column rank,"
for _name, _instead in {
    "lstsq": f"{_BY_PRODUCTS} use np.linalg.solve(a.T @ a, a.T @ b)",
    "pinv": f"{_BY_PRODUCTS} use np.linalg.solve(a.T @ a, a.T)",
    "qr": f"{_BY_PRODUCTS} use r = np.linalg.cholesky(a.T @ a).T and q = np.linalg.solve(r.T, a.T).T",
    "eig": "use np.linalg.eigh(a) of a symmetric matrix; compute those of others outside the function",
    "eigvals": "use np.linalg.eigvalsh(a) of a symmetric matrix; np.trace(a) is their sum, np.linalg.det(a) their product",
}.items():
    _refused(_name, _instead)


def _identity_like(x: TracedArray) -> TracedArray:
    return broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape)
