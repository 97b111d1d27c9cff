"""Singular values and eigenvalues by LAPACK's divide and conquer (``gesdd``, ``syevd``).

==============  =====================================================================================================
``svd(A^T)``    rows of k = min(m, n) numbers: the singular values; U^T, entry after entry, in m rows; V in n rows;
                and behind them what LAPACK works in
``eigh(A)``     rows of n numbers: V^T in n rows, the eigenvalues, and what LAPACK works in; A is symmetric
==============  =====================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from gradc.ir.algebra import floor_divide, modulo, product_of, sum_of
from gradc.ir.scalar import INT64, index, load, number
from gradc.ir.tensor import Extent, Extern, ResultType, Tensor, compute, extent, extent_scalar
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.lapack import NO_CONVERGENCE, NO_EIGENVALUES, MatricesAtPlace, on_matrices
from gradc.lower.library import CallStatement, RoutineKind, routine_result
from gradc.lower.text import ONE, literal
from gradc.ops.linear_algebra import transposed


def _room(m: int, n: int, k: int) -> int:
    """The rows of k numbers that the copy of the matrix, the work space and the 8 k integers take."""
    return max(m, n) + (4 * k + 7 + max(m, n)) + 8


def _svd(node: Extern, position: int) -> Tensor:
    (matrix,) = node.operands
    *batch, rows, columns = matrix.shape
    assert isinstance(rows, int)
    assert isinstance(columns, int)
    wanted, k = node.results[position], min(rows, columns)
    if 0 in wanted.shape or not k:
        return compute(wanted.shape, number(0, matrix.dtype))
    height = 1 + rows + columns + _room(rows, columns, k)
    packed = routine_result(
        "svd", [transposed(matrix)], ResultType((*batch, height, k), matrix.dtype), rows=rows, columns=columns
    )
    leading = [index(axis) for axis in range(len(batch))]
    first, second = index(len(batch)), index(len(batch) + 1)
    if position == 1:
        return compute(wanted.shape, load(packed, [*leading, number(0), first]))
    if position == 2:
        return compute(wanted.shape, load(packed, [*leading, sum_of(second, 1 + rows), first]))
    flat = sum_of(product_of(second, number(rows)), first)
    place = [sum_of(floor_divide(flat, number(k)), 1), modulo(flat, number(k))]
    return compute(wanted.shape, load(packed, [*leading, *place]))


#: Beside the vectors and the values: 1 + 6 n + 2 n^2 numbers, and 3 + 5 n integers, need so many rows and twice as many.
_EIGH_ROWS = 17


def _eigh(node: Extern, position: int) -> Tensor:
    (matrix,) = node.operands
    *batch, order, _ = matrix.shape
    if 0 in matrix.shape:
        return compute(node.results[position].shape, number(0, matrix.dtype))
    size = extent_scalar(order)
    height = extent(sum_of(product_of(3, size), 1 + _EIGH_ROWS))
    packed = routine_result("eigh", [matrix], ResultType((*batch, height, order), matrix.dtype))
    leading = [index(axis) for axis in range(len(batch))]
    first = index(len(batch))
    if position == 0:
        return compute(node.results[0].shape, load(packed, [*leading, size, first]))
    return compute(matrix.shape, load(packed, [*leading, index(len(batch) + 1), first]))


EXPANSIONS: dict[str, Callable[[Extern, int], Tensor]] = {"svd": _svd, "eigh": _eigh}


def _write_svd(at: MatricesAtPlace) -> None:
    """The matrix is copied behind the results, for LAPACK overwrites it."""
    m, n = (int(at.statement.parameters[name]) for name in ("rows", "columns"))
    k = min(m, n)
    starts = [0, k, k + m * k, k + m * k + n * k]
    work = starts[-1] + k * max(m, n)
    size = k * (4 * k + 7 + max(m, n))
    places = [at.entry(at.result, literal(start, INT64)) for start in [*starts, work, work + size]]
    values, left, right, copy, workspace, integers = places
    at.copied_to(copy, at.operands[0], literal(m * n, INT64))
    rows, columns, count = (literal(extent, INT64) for extent in (m, n, k))
    outcome = at.called(
        "gesdd",
        "S",
        rows,
        columns,
        copy,
        rows,
        values,
        left,
        rows,
        right,
        count,
        workspace,
        literal(size, INT64),
        integers,
    )
    at.refuse(f"icmp ne i64 {outcome.text}, 0", NO_CONVERGENCE)


def _write_eigh(at: MatricesAtPlace) -> None:
    """The vectors take the place of a copy of the matrix."""
    builder, n = at.e.builder, at.columns
    at.copied(at.operands[0], at.area)
    values = at.entry(at.result, at.area)
    work = builder.add_integers(at.area, n)
    twice = builder.multiply_integers(literal(2, INT64), at.area)
    size = builder.add_integers(twice, builder.add_integers(builder.multiply_integers(literal(6, INT64), n), ONE))
    workspace = at.entry(at.result, work)
    integers = at.entry(at.result, builder.add_integers(work, size))
    count = builder.add_integers(builder.multiply_integers(literal(5, INT64), n), literal(3, INT64))
    outcome = at.called("syevd", "V", "L", n, at.result, at.leading, values, workspace, size, integers, count)
    at.refuse(f"icmp ne i64 {outcome.text}, 0", NO_EIGENVALUES)


WRITERS: dict[str, Callable[[ExpressionEmitter, CallStatement], None]] = {
    "svd": on_matrices(_write_svd),
    "eigh": on_matrices(_write_eigh),
}


def _svd_operations(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
    m, n = (int(statement.parameters[name]) for name in ("rows", "columns"))
    batch = prod(map(assumed, statement.tensor.shape[:-2]))
    return batch * (14.0 * m * n * min(m, n) + 8.0 * min(m, n) ** 3)


def _eigh_operations(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
    *batch, _, order = statement.tensor.shape
    return float(9 * assumed(order) ** 3 * prod(map(assumed, batch)))


KINDS: dict[str, RoutineKind] = {
    "svd": RoutineKind("singular value decomposition by LAPACK", _svd_operations),
    "eigh": RoutineKind("eigenvalues and eigenvectors by LAPACK", _eigh_operations),
}
