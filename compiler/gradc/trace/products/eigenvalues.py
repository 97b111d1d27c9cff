"""Eigenvalues and eigenvectors of symmetric matrices, of which one triangle is read. An eigenvector's sign is arbitrary."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import located
from gradc.trace.elements.elementwise import apply_ufunc
from gradc.trace.movement.diagonals import tril, triu
from gradc.trace.movement.shaping import matrix_transpose
from gradc.trace.products.linear_algebra import library_results, square
from gradc.trace.registry import implements

_RESULT: Any = type(np.linalg.eigh(np.eye(1)))


def _decomposed(a: Any, triangle: Any, name: str) -> list[TracedArray]:
    chosen = str(triangle).upper()
    if chosen not in ("L", "U"):
        raise ValueError(located("UPLO argument must be 'L' or 'U'"))
    x = square(a, name)
    half, rest = (tril(x), tril(x, -1)) if chosen == "L" else (triu(x), triu(x, 1))
    return library_results("eigh", apply_ufunc(np.add, [half, matrix_transpose(rest)]))


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors. Vectors of eigenvalues that are equal have no derivative: NaN or infinite."""
    return _RESULT(*_decomposed(a, UPLO, "eigh"))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> TracedArray:
    """The eigenvalues, ascending."""
    return _decomposed(a, UPLO, "eigvalsh")[0]
