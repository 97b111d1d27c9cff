"""LAPACK through the pointers that SciPy exports: called from machine code, on one thread."""

from __future__ import annotations

from collections.abc import Iterable

from gradc_runtime.blas import pointer

#: Symbols of LAPACK routines in generated code begin with this.
PREFIX = "gradc_lapack_"


def symbols(names: Iterable[str]) -> dict[str, int]:
    """The addresses of the symbols that name LAPACK routines; SciPy is loaded only if there are any.

    >>> sorted(symbols(["gradc_lapack_dgetrf", "gradc_blas_dgemm", "memcpy"]))
    ['gradc_lapack_dgetrf']
    """
    wanted = [name for name in names if name.startswith(PREFIX)]
    return {name: pointer("cython_lapack", name.removeprefix(PREFIX)) for name in wanted}
