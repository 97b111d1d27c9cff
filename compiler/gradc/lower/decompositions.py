"""The singular value decomposition by LAPACK's divide and conquer (``gesdd``).

The routine ``svd(A^T)`` gives rows of k = min(m, n) numbers: the singular values; U^T, entry after entry, in m rows; V in
n rows; and behind them what LAPACK works in.
"""

from __future__ import annotations

from collections.abc import Callable

from gradc.ir.algebra import floor_divide, modulo, product_of, sum_of
from gradc.ir.scalar import INT64, index, load, number
from gradc.ir.tensor import Extent, Extern, ResultType, Tensor, compute
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.lapack import NO_CONVERGENCE, MatricesAtPlace, on_matrices
from gradc.lower.library import CallStatement, RoutineKind, routine_result
from gradc.lower.text import literal
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


EXPANSIONS: dict[str, Callable[[Extern, int], Tensor]] = {"svd": _svd}


def _write(at: MatricesAtPlace) -> None:
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


WRITERS: dict[str, Callable[[ExpressionEmitter, CallStatement], None]] = {"svd": on_matrices(_write)}


def _operations(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
    m, n = (int(statement.parameters[name]) for name in ("rows", "columns"))
    batch = 1
    for extent in statement.tensor.shape[:-2]:
        batch *= assumed(extent)
    return batch * (14.0 * m * n * min(m, n) + 8.0 * min(m, n) ** 3)


KINDS: dict[str, RoutineKind] = {"svd": RoutineKind("singular value decomposition by LAPACK", _operations)}
