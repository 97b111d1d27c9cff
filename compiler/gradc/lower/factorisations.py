"""Linear algebra as factorisations: everything that needs the LU factors of one matrix shares them.

What a graph says by `inv`, `det`, `slogdet`, `solve` becomes calls of four routines that LAPACK has, and comprehensions
around them. Arrays are row-major and LAPACK is column-major, so it takes the transpose of what it works on:

==================  ====================================================================================================
``lu(A^T)``         the factors of A (exchanging the rows that NumPy exchanges), packed, in n rows; the pivots, as
                    LAPACK's integers, in row n; in row n + 1 the sign of each exchange, 1 or -1
``lu_solve``        X^T from the packed factors and B^T, where A X = B (``flipped``: A^T X = B)
``factor``          A with its lower triangle overwritten by that of L, A = L L^T
``triangle_solve``  X^T from L and B^T, where L X = B (``flipped``: L^T X = B), of the triangle that ``lower`` names
==================  ====================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradc.ir.algebra import conjunction, equal, guarded, less_equal, sum_of
from gradc.ir.scalar import Load, Scalar, apply, index, load, number
from gradc.ir.tensor import (
    Compute,
    Extern,
    ResultType,
    Tensor,
    compute,
    extent,
    extent_scalar,
)
from gradc.lower.library import routine_result
from gradc.ops.linear_algebra import transposed

#: The rows of packed factors beside those of the matrix.
PIVOT_ROWS = 2


def _untransposed(matrix: Tensor) -> tuple[Tensor, bool]:
    """The matrix that is stored, and whether the one at hand is its transpose."""
    if isinstance(matrix, Compute) and matrix.reducer is None and isinstance(matrix.body, Load):
        source = matrix.body.tensor
        if source.rank == matrix.rank and transposed(source) is matrix:
            return source, True
    return matrix, False


def _routine(name: str, operands: Sequence[Tensor], shape: Sequence[Any], **parameters: bool) -> Tensor:
    return routine_result(name, operands, ResultType(tuple(shape), operands[-1].dtype), **parameters)


def _factors(matrix: Tensor) -> Tensor:
    *batch, rows, columns = matrix.shape
    return _routine("lu", [transposed(matrix)], (*batch, extent(sum_of(extent_scalar(rows), PIVOT_ROWS)), columns))


def _leading(tensor: Tensor, own: int) -> list[Scalar]:
    return [index(k) for k in range(tensor.rank - own)]


def _inv(node: Extern, _: int) -> Tensor:
    matrix, is_transposed = _untransposed(node.operands[0])
    i, j = index(matrix.rank - 2), index(matrix.rank - 1)
    identity = compute(matrix.shape, guarded(equal(i, j), number(1, matrix.dtype)))
    return transposed(_routine("lu_solve", [_factors(matrix), identity], matrix.shape, flipped=is_transposed))


def _solve(node: Extern, _: int) -> Tensor:
    matrix, is_transposed = _untransposed(node.operands[0])
    factors = _factors(matrix)
    return _on_columns(
        node.operands[1],
        matrix.rank,
        lambda rows: _routine("lu_solve", [factors, rows], rows.shape, flipped=is_transposed),
    )


def _triangular(node: Extern, _: int) -> Tensor:
    matrix, is_transposed = _untransposed(node.operands[0])
    lower = bool(dict(node.parameters)["lower"]) != is_transposed
    return _on_columns(
        node.operands[1],
        matrix.rank,
        lambda rows: _routine("triangle_solve", [matrix, rows], rows.shape, flipped=is_transposed, lower=lower),
    )


def _on_columns(right: Tensor, rank: int, solve: Callable[[Tensor], Tensor]) -> Tensor:
    """What ``solve`` gives for the transpose of the right hand side, transposed; a vector is one row."""
    if right.rank == rank:
        return transposed(solve(transposed(right)))
    *batch, length = right.shape
    row = compute((*batch, 1, length), load(right, [*_leading(right, 1), index(right.rank)]))
    return compute(right.shape, load(solve(row), [*_leading(right, 1), number(0), index(right.rank - 1)]))


def _diagonal(node: Extern) -> tuple[Tensor, list[Scalar], Scalar, Scalar]:
    """The packed factors, the batch's indices, an entry of U's diagonal, and the sign of its exchange."""
    matrix, _ = _untransposed(node.operands[0])
    factors = _factors(matrix)
    leading = _leading(matrix, 2)
    k = index(len(leading))
    below = sum_of(extent_scalar(matrix.shape[-1]), 1)
    return factors, leading, load(factors, [*leading, k, k]), load(factors, [*leading, below, k])


def _sign_and_logarithm(node: Extern) -> tuple[Tensor, Tensor]:
    factors, leading, entry, exchange = _diagonal(node)
    shape, reduce = factors.shape[: len(leading)], (factors.shape[-1],)
    zero, one, minus = (number(value, factors.dtype) for value in (0, 1, -1))
    sign = apply("where", apply("less", entry, zero), minus, apply("where", apply("equal", entry, zero), zero, one))
    signs = compute(shape, apply("mul", sign, exchange), reduce_extents=reduce, reducer="prod")
    logarithms = compute(shape, apply("log", apply("abs", entry)), reduce_extents=reduce, reducer="sum")
    return signs, logarithms


def _cofactor(node: Extern, _: int) -> Tensor:
    """From the factors, so a singular matrix is refused: `gradc.compiled` evaluates the graph then."""
    (matrix,) = node.operands
    every = [index(k) for k in range(matrix.rank)]
    inverse = load(_inv(node, 0), [*every[:-2], every[-1], every[-2]])
    return compute(matrix.shape, apply("mul", load(_det(node, 0), every[:-2]), inverse))


def _slogdet(node: Extern, position: int) -> Tensor:
    return _sign_and_logarithm(node)[position]


def _det(node: Extern, _: int) -> Tensor:
    """The product of the diagonal; where that leaves the range of floats on its way, by logarithms."""
    factors, leading, entry, exchange = _diagonal(node)
    shape, reduce = factors.shape[: len(leading)], (factors.shape[-1],)
    product = compute(shape, apply("mul", entry, exchange), reduce_extents=reduce, reducer="prod")
    sign, logarithm = (load(tensor, leading) for tensor in _sign_and_logarithm(node))
    plain = load(product, leading)
    fine = conjunction(apply("isfinite", plain), apply("not_equal", plain, number(0, factors.dtype)))
    return compute(shape, apply("where", fine, plain, apply("mul", sign, apply("exp", logarithm))))


def _cholesky(node: Extern, _: int) -> Tensor:
    (matrix,) = node.operands
    packed = _routine("factor", [matrix], matrix.shape)
    i, j = index(matrix.rank - 2), index(matrix.rank - 1)
    every = [index(k) for k in range(matrix.rank)]
    return compute(matrix.shape, guarded(less_equal(j, i), load(packed, every)))


#: The library calls that become calls of LAPACK's routines.
EXPANSIONS: dict[str, Callable[[Extern, int], Tensor]] = {
    "inv": _inv,
    "det": _det,
    "cofactor": _cofactor,
    "slogdet": _slogdet,
    "solve": _solve,
    "triangular": _triangular,
    "cholesky": _cholesky,
}
