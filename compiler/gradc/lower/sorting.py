"""Sorting and searching as calls of routines, see `gradc.lower.sort_routines` for their code.

=======================  =============================================================================================
``argsort_rows(x)``      the permutations of all rows, one after the other, and behind them `SCRATCH_ROWS` rows of room
``searchsorted(e, v)``   as the library call
=======================  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2, prod

from gradc.ir.algebra import product_of, sum_of
from gradc.ir.scalar import INT64, Scalar, index, load, number
from gradc.ir.tensor import Extent, Extern, ResultType, Shape, Tensor, compute, extent, extent_scalar
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.library import CallStatement, RoutineKind, routine_result
from gradc.lower.sort_routines import SCRATCH_ROWS, argsort_routine, searchsorted_routine
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc_runtime.engine import engine


def _argsort(node: Extern, _: int) -> Tensor:
    (keys,) = node.operands
    *batch, length = keys.shape
    if 0 in keys.shape:
        return compute(keys.shape, number(0, INT64))
    rows = product_of(number(1), *[extent_scalar(e) for e in batch])
    shape = (extent(sum_of(rows, SCRATCH_ROWS)), length)
    orders = routine_result("argsort_rows", [keys], ResultType(shape, INT64))
    row: Scalar = number(0)
    for axis, e in enumerate(batch):
        row = sum_of(product_of(row, extent_scalar(e)), index(axis))
    return compute(keys.shape, load(orders, [row, index(len(batch))]))


def _searchsorted(node: Extern, _: int) -> Tensor:
    edges, values = node.operands
    if 0 in edges.shape:
        return compute(values.shape, number(0, INT64))
    side = str(dict(node.parameters)["side"])
    return routine_result("searchsorted", node.operands, ResultType(values.shape, INT64), side=side)


EXPANSIONS: dict[str, Callable[[Extern, int], Tensor]] = {"argsort": _argsort, "searchsorted": _searchsorted}


# ---------------------------------------------------------------- code


def _for_rows(e: ExpressionEmitter, batch: Shape, call: Callable[[Callable[[Tensor, Value], str]], None]) -> None:
    """``call`` for each row of the batch; what it is given finds the address of that row, whose length it is told."""
    builder = e.builder
    rows = ONE
    for length in batch:
        rows = builder.multiply_integers(rows, e.extent(length))

    def one(position: Value, _: list[Value]) -> list[Value]:
        def start(tensor: Tensor, length: Value) -> str:
            offset = builder.multiply_integers(position, length)
            return e.entry_pointer(e.storage(tensor).pointer, offset, tensor.dtype, builder.depth)

        call(start)
        return []

    if rows is ONE:
        one(ZERO, [])
    else:
        builder.loop(ZERO, rows, [], one)


def _write_argsort(e: ExpressionEmitter, statement: CallStatement) -> None:
    (keys,) = statement.operands
    result, builder = statement.tensor, e.builder
    name = argsort_routine(builder.module, keys.dtype, engine().host)
    length, rows = (e.extent(extent) for extent in (keys.shape[-1], result.shape[0]))
    used = builder.multiply_integers(builder.add_integers(rows, literal(-SCRATCH_ROWS, INT64)), length)
    scratch = e.entry_pointer(e.storage(result).pointer, used, INT64, builder.depth)

    def call(start: Callable[[Tensor, Value], str]) -> None:
        arguments = f"ptr {start(keys, length)}, i64 {length.text}, ptr {start(result, length)}, ptr {scratch}"
        builder.line(f"call void @{name}({arguments})")

    _for_rows(e, keys.shape[:-1], call)


def _write_searchsorted(e: ExpressionEmitter, statement: CallStatement) -> None:
    edges, values = statement.operands
    result, builder = statement.tensor, e.builder
    name = searchsorted_routine(builder.module, edges.dtype, str(statement.parameters["side"]), engine().host)
    length, count = (e.extent(tensor.shape[-1]) for tensor in (edges, values))

    def call(start: Callable[[Tensor, Value], str]) -> None:
        among = f"ptr {start(edges, length)}, i64 {length.text}"
        sought = f"ptr {start(values, count)}, i64 {count.text}"
        builder.line(f"call void @{name}({among}, {sought}, ptr {start(result, count)})")

    _for_rows(e, edges.shape[:-1], call)


WRITERS: dict[str, Callable[[ExpressionEmitter, CallStatement], None]] = {
    "argsort_rows": _write_argsort,
    "searchsorted": _write_searchsorted,
}


def _argsort_operations(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
    """One step for each byte of each key."""
    (keys,) = statement.operands
    return float(keys.dtype.itemsize * prod(map(assumed, keys.shape)))


def _searchsorted_operations(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
    """A comparison for each halving of the range."""
    edges, values = statement.operands
    return prod(map(assumed, values.shape)) * log2(assumed(edges.shape[-1]) + 1)


KINDS: dict[str, RoutineKind] = {
    "argsort_rows": RoutineKind("sorting permutation", _argsort_operations),
    "searchsorted": RoutineKind("search by halving", _searchsorted_operations),
}
