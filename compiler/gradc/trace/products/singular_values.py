"""Singular values, and the vectors that belong to them, whose sign is arbitrary."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import located, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, truth
from gradc.trace.movement.shaping import reshape
from gradc.trace.products.linear_algebra import floating, library_results, linear_algebra_error
from gradc.trace.reducing.reductions import any_, count_nonzero, reduced
from gradc.trace.registry import implements

_RESULT: Any = type(np.linalg.svd(np.eye(1)))


def _decomposed(a: Any, name: str) -> list[TracedArray]:
    x = lift(a)
    if x.ndim < 2:
        raise linear_algebra_error(
            f"np.linalg.{name}: {x.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    # how many singular values there are is part of the program
    fixed = reshape(x, (*x.shape[:-2], *map(operator.index, x.shape[-2:])))
    return library_results("svd", floating([fixed], name)[0])


def singular_values(a: Any, name: str = "svdvals") -> TracedArray:
    """The singular values along the last axis, descending."""
    return _decomposed(a, name)[1]


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """The decomposition, thin. Vectors of singular values that are equal have no derivative: NaN or infinite."""
    if not compute_uv:
        return singular_values(a, "svd")
    if hermitian:
        raise trace_error("np.linalg.svd(hermitian=True) can't be traced; use hermitian=False")
    u, s, vh = _decomposed(a, "svd")
    if full_matrices and u.extents[-2] != vh.extents[-1]:
        raise trace_error(
            "np.linalg.svd with full_matrices=True of a matrix that isn't square can't be traced: the vectors beyond the "
            "singular values are not determined; use full_matrices=False"
        )
    return _RESULT(u, s, vh)


implements(np.linalg.svdvals)(singular_values)


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> TracedArray:
    """How many singular values are not negligible."""
    x = lift(A)
    if x.ndim < 2:
        return count_nonzero(any_(truth(x)))
    if tol is not None and rtol is not None:
        raise ValueError(located("`tol` and `rtol` can't be both set."))
    s = singular_values(x, "matrix_rank")
    if tol is not None:
        limit: Any = lift(tol)[..., None]
    else:
        factor = (
            max(map(operator.index, x.shape[-2:])) * np.finfo(s.dtype).eps if rtol is None else lift(rtol)[..., None]
        )
        limit = apply_ufunc(np.multiply, [reduced(s, "max", -1, keepdims=True), factor])
    return count_nonzero(apply_ufunc(np.greater, [s, limit]), -1)
