"""Library calls in every number system that has them.

================  ==========================================================  ==============================
name              results                                                     parameters
================  ==========================================================  ==============================
``cholesky``      lower factor L of A = L L^H
``inv``           the inverse
``det``           the determinant
``cofactor``      the matrix of cofactors, det A A^-T
``slogdet``       its sign, and the logarithm of its size
``solve``         x with A x = b; b a vector or a matrix
``triangular``    the same, for the lower (or upper) triangle of A            lower
``eigh``          eigenvalues ascending, eigenvectors in columns
``svd``           u, s, vh                                                    full_matrices (false)
``argsort``       the permutation that sorts each row (stable, NaN last)
``searchsorted``  how many of the sorted entries come before each value       side
``recurrence``    s_i = a_i s_(i-1) + b_i along each row
``fft``           Fourier sums of (real, imaginary), not divided by n         inverse
``rfft``          the same of real numbers, up to half of them
``irfft``         real numbers from that half                                 odd
================  ==========================================================  ==============================

Leading axes are batch axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.evaluate import fourier
from gradc.evaluate.exact import MPMathNumbers, SymPyNumbers, context_of, objects
from gradc.evaluate.numbers import Array, ComplexStep, NumberSystem, Rounding
from gradc.ir.tensor import Extern

Results = tuple[Array, ...]
Parameters = dict[str, Any]


def extern_value(node: Extern, operands: list[Array], numbers: NumberSystem) -> list[Array]:
    """The results of a library call."""
    table = _TABLES[type(numbers)]
    if node.name not in table:
        known = ", ".join(sorted(name for name, t in _NAMES.items() if node.name in t)) or "no number system"
        raise ArgumentError(f"{node.name} can't be evaluated with {numbers.name}; it is known to: {known}")
    results = table[node.name](dict(node.parameters), *operands)
    if isinstance(numbers, MPMathNumbers | SymPyNumbers | ComplexStep):
        return list(results)[: len(node.results)]
    return [np.asarray(r, want.dtype) for r, want in zip(results, node.results, strict=False)]


def _solve(_: Parameters, matrix: Array, right: Array) -> Results:
    vectors = right.ndim == matrix.ndim - 1
    solution = np.linalg.solve(matrix, right[..., None] if vectors else right)
    return (solution[..., 0] if vectors else solution,)


def _triangle(parameters: Parameters, matrix: Array) -> Array:
    """The matrix with zeros on the other side of the diagonal."""
    rows, columns = np.indices(matrix.shape[-2:])
    return np.where(rows >= columns if parameters["lower"] else rows <= columns, matrix, np.zeros_like(matrix))


def _triangular(parameters: Parameters, matrix: Array, right: Array) -> Results:
    return _solve(parameters, _triangle(parameters, matrix), right)


def _complex_slogdet(_: Parameters, matrix: Array) -> Results:
    """The sign of the real part: off the real axis the logarithm goes on analytically."""
    sign, logarithm = np.linalg.slogdet(matrix)
    forward = np.where(sign.real < 0, -1.0, 1.0)
    with np.errstate(all="ignore"):
        return forward + 0j, logarithm + np.log(sign * forward)


def _cofactor(_: Parameters, matrix: Array) -> Results:
    """``det A A^-T``; where a matrix is singular by the cofactors of its singular value decomposition."""
    try:
        return (np.linalg.det(matrix)[..., None, None] * np.swapaxes(np.linalg.inv(matrix), -1, -2),)
    except np.linalg.LinAlgError:
        fine = np.isfinite(matrix).all((-1, -2), keepdims=True)
    u, s, vh = np.linalg.svd(np.where(fine, matrix, 0))
    others = np.prod(np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]), axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    result = (sign[..., None, None] * np.conj(u) * others[..., None, :]) @ np.conj(vh)
    return (np.where(fine, result, np.nan),)


def _svd(parameters: Parameters, matrix: Array) -> Results:
    return tuple(np.linalg.svd(matrix, full_matrices=bool(parameters.get("full_matrices", False))))


def _argsort(_: Parameters, array: Array) -> Results:
    return (np.argsort(array, axis=-1, kind="stable"),)


def _searchsorted(parameters: Parameters, edges: Array, values: Array) -> Results:
    result = np.empty(values.shape, np.int64)
    for place in np.ndindex(edges.shape[:-1]):
        result[place] = np.searchsorted(edges[place], values[place], side=parameters["side"])
    return (result,)


def _recurrence(_: Parameters, weights: Array, added: Array) -> Results:
    result = added.copy()
    for k in range(1, added.shape[-1]):
        result[..., k] = weights[..., k] * result[..., k - 1] + added[..., k]
    return (result,)


_NUMPY: dict[str, Callable[..., Results]] = {
    "cholesky": lambda _, matrix: (np.linalg.cholesky(matrix),),
    "inv": lambda _, matrix: (np.linalg.inv(matrix),),
    "det": lambda _, matrix: (np.linalg.det(matrix),),
    "cofactor": _cofactor,
    "slogdet": lambda _, matrix: tuple(np.linalg.slogdet(matrix)),
    "solve": _solve,
    "triangular": _triangular,
    "eigh": lambda _, matrix: tuple(np.linalg.eigh(matrix)),
    "svd": _svd,
    "argsort": _argsort,
    "searchsorted": _searchsorted,
    "recurrence": _recurrence,
    **fourier.NUMPY,
}


# ---------------------------------------------------------------- complex step: the analytic form of each


def _complex_cholesky(_: Parameters, matrix: Array) -> Results:
    """The factor of a complex *symmetric* matrix, by its recurrence: L L^T, not L L^H."""
    lower = np.zeros_like(matrix)
    for j in range(matrix.shape[-1]):
        known = lower[..., j:, :j] @ lower[..., j, :j, None]
        column = matrix[..., j:, j] - known[..., 0]
        lower[..., j:, j] = column / np.sqrt(column[..., :1])
    return (lower,)


def _complex_argsort(parameters: Parameters, array: Array) -> Results:
    return _argsort(parameters, array.real)


def _complex_searchsorted(parameters: Parameters, edges: Array, values: Array) -> Results:
    return _searchsorted(parameters, edges.real, values.real)


_COMPLEX: dict[str, Callable[..., Results]] = {
    "cholesky": _complex_cholesky,
    "inv": _NUMPY["inv"],
    "det": _NUMPY["det"],
    "cofactor": _cofactor,
    "slogdet": _complex_slogdet,
    "solve": _solve,
    "triangular": _triangular,
    "argsort": _complex_argsort,
    "searchsorted": _complex_searchsorted,
    "recurrence": _recurrence,
    **fourier.COMPLEX_STEP,
}


# ---------------------------------------------------------------- object arrays


def _batched(function: Callable[..., tuple[Array, ...]], *cores: int) -> Callable[..., Results]:
    """``function`` on the last axes of each operand (``cores`` says how many), over the leading axes."""

    def run(_: Parameters, *operands: Array) -> Results:
        ranks = [core or operands[0].ndim - 1 for core in cores]
        if len(operands) == 2 and operands[1].ndim == operands[0].ndim - 1:
            ranks[1] = 1
        elif len(operands) == 2:
            ranks[1] = 2
        batch = operands[0].shape[: operands[0].ndim - ranks[0]]
        pieces = [_with_result(function, [operand[p] for operand in operands]) for p in np.ndindex(batch)]
        if not pieces:
            raise ArgumentError("an empty batch of matrices can only be evaluated with NumPy's numbers")
        return tuple(_gathered([p[k] for p in pieces], batch) for k in range(len(pieces[0])))

    return run


def _with_result(function: Callable[..., tuple[Array, ...]], operands: Sequence[Array]) -> tuple[Array, ...]:
    """The results; where there are none (a singular matrix, an entry that is infinite or no number) NumPy's error."""
    if any(entry - entry != 0 for operand in operands for entry in operand.flat):
        raise np.linalg.LinAlgError("an entry of the array is not finite")
    try:
        return function(*operands)
    except (ZeroDivisionError, ValueError, TypeError) as problem:  # a TypeError: mpmath found no pivot
        raise np.linalg.LinAlgError(str(problem)) from problem


def _gathered(pieces: list[Array], batch: tuple[int, ...]) -> Array:
    cells = np.empty((len(pieces), *np.shape(pieces[0])), object)
    for cell, piece in enumerate(pieces):
        cells[cell] = piece
    return cells.reshape(batch + cells.shape[1:])


def _from_matrix(matrix: Any) -> Array:
    result = np.empty((matrix.rows, matrix.cols), object)
    for i, j in np.ndindex(result.shape):
        result[i, j] = matrix[i, j]
    return result


def _mp_matrix(array: Array, mp: Any) -> Any:
    return mp.matrix((array if array.ndim == 2 else array[:, None]).tolist())


def _mp_eigh(matrix: Array) -> Results:
    mp = context_of(matrix)
    values, vectors = mp.eigh(_mp_matrix(matrix, mp))
    return _from_matrix(values).reshape(-1), _from_matrix(vectors)


def _mp_svd(matrix: Array) -> Results:
    mp = context_of(matrix)
    u, s, vh = mp.svd(_mp_matrix(matrix, mp))
    return _from_matrix(u), _from_matrix(s).reshape(-1), _from_matrix(vh)


def _mp_solve(matrix: Array, right: Array) -> Results:
    mp = context_of(matrix)
    columns = right if right.ndim == 2 else right[:, None]
    solved = [_from_matrix(mp.lu_solve(_mp_matrix(matrix, mp), _mp_matrix(c, mp)))[:, 0] for c in columns.T]
    solution = np.stack(solved, axis=1)
    return (solution if right.ndim == 2 else solution[:, 0],)


def _mp_cholesky(matrix: Array) -> Results:
    mp = context_of(matrix)
    return (_from_matrix(mp.cholesky(_mp_matrix(matrix, mp))),)


def _mp_inv(matrix: Array) -> Results:
    return _mp_solve(matrix, _unit(matrix))


def _mp_det(matrix: Array) -> Results:
    mp = context_of(matrix)
    try:
        return (mp.det(_mp_matrix(matrix, mp)) if len(matrix) else mp.mpf(1),)
    except TypeError:  # no pivot in a column: mpmath's elimination stops there
        return (mp.mpf(0),)


def _mp_cofactor(matrix: Array) -> Results:
    (value,) = _mp_det(matrix)
    if value:
        return (value * _mp_inv(matrix)[0].T,)
    result = np.empty(matrix.shape, object)
    for i, j in np.ndindex(result.shape):
        minor = np.delete(np.delete(matrix, i, 0), j, 1)
        result[i, j] = (-1) ** (i + j) * _mp_det(minor)[0]
    return (result,)


def _mp_slogdet(matrix: Array) -> Results:
    mp = context_of(matrix)
    (value,) = _mp_det(matrix)
    return mp.sign(value), mp.log(abs(value)) if value else mp.ninf


def _unit(matrix: Array) -> Array:
    return np.eye(len(matrix), dtype=int).astype(object)


def _exact_argsort(_: Parameters, array: Array) -> Results:
    order = np.empty(array.shape, np.int64)
    for place in np.ndindex(array.shape[:-1]):
        row = list(array[place])
        order[place] = sorted(range(len(row)), key=[cmp_to_key(_compared)(entry) for entry in row].__getitem__)
    return (order,)


def _compared(a: Any, b: Any) -> int:
    """-1, 0 or 1: NaN is the largest."""
    if a != a or b != b:
        return int(a != a) - int(b != b)
    return int(a > b) - int(a < b)


def _exact_searchsorted(parameters: Parameters, edges: Array, values: Array) -> Results:
    least = 0 if parameters["side"] == "left" else -1
    result = np.empty(values.shape, np.int64)
    for place in np.ndindex(edges.shape[:-1]):
        for k, value in enumerate(values[place]):
            result[(*place, k)] = sum(_compared(value, edge) > least for edge in edges[place])
    return (result,)


def _sympy_solve(matrix: Array, right: Array) -> Results:
    import sympy

    columns = right if right.ndim == 2 else right[:, None]
    solution = _from_matrix(sympy.Matrix(matrix.tolist()).LUsolve(sympy.Matrix(columns.tolist())))
    return (solution if right.ndim == 2 else solution[:, 0],)


def _sympy_inv(matrix: Array) -> Results:
    return _sympy_solve(matrix, _unit(matrix))


def _sympy_det(matrix: Array) -> Results:
    import sympy

    return (sympy.Matrix(len(matrix), len(matrix), matrix.reshape(-1).tolist()).det(),)


def _sympy_cofactor(matrix: Array) -> Results:
    import sympy

    return (_from_matrix(sympy.Matrix(len(matrix), len(matrix), matrix.reshape(-1).tolist()).cofactor_matrix()),)


def _sympy_slogdet(matrix: Array) -> Results:
    import sympy

    (value,) = _sympy_det(matrix)
    return sympy.sign(value), sympy.log(sympy.Abs(value))


def _on_triangle(solve: Callable[..., Results]) -> Callable[..., Results]:
    return lambda parameters, matrix, right: solve(parameters, _triangle(parameters, matrix), right)


def _sympy_cholesky(matrix: Array) -> Results:
    import sympy

    return (_from_matrix(sympy.Matrix(matrix.tolist()).cholesky(hermitian=False)),)


_MPMATH: dict[str, Callable[..., Results]] = {
    "cholesky": _batched(_mp_cholesky, 2),
    "inv": _batched(_mp_inv, 2),
    "det": _batched(_mp_det, 2),
    "cofactor": _batched(_mp_cofactor, 2),
    "slogdet": _batched(_mp_slogdet, 2),
    "solve": _batched(_mp_solve, 2, 0),
    "triangular": _on_triangle(_batched(_mp_solve, 2, 0)),
    "eigh": _batched(_mp_eigh, 2),
    "svd": _batched(_mp_svd, 2),
    "argsort": _exact_argsort,
    "searchsorted": _exact_searchsorted,
    "recurrence": _recurrence,
    **fourier.MPMATH,
}
_SYMPY: dict[str, Callable[..., Results]] = {
    "cholesky": _batched(_sympy_cholesky, 2),
    "inv": _batched(_sympy_inv, 2),
    "det": _batched(_sympy_det, 2),
    "cofactor": _batched(_sympy_cofactor, 2),
    "slogdet": _batched(_sympy_slogdet, 2),
    "solve": _batched(_sympy_solve, 2, 0),
    "triangular": _on_triangle(_batched(_sympy_solve, 2, 0)),
    "recurrence": _recurrence,
    **fourier.SYMPY,
}
_TABLES: dict[type[NumberSystem], dict[str, Callable[..., Results]]] = {
    NumberSystem: _NUMPY,
    Rounding: _NUMPY,
    ComplexStep: _COMPLEX,
    MPMathNumbers: _MPMATH,
    SymPyNumbers: _SYMPY,
}
_NAMES: dict[str, dict[str, Callable[..., Results]]] = {
    "numpy": _NUMPY,
    "complex": _COMPLEX,
    "mpmath": _MPMATH,
    "sympy": _SYMPY,
}

__all__ = ["extern_value", "objects"]
