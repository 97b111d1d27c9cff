"""Linear recurrences in machine code: one step after the other along each row."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from gradc.ir.tensor import Extent, Extern, Tensor
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.library import CallStatement, RoutineKind, routine_result
from gradc.lower.text import ONE, ZERO, Value, llvm_type


def _recurrence(node: Extern, _: int) -> Tensor:
    return routine_result("recurrence", node.operands, node.results[0])


EXPANSIONS: dict[str, Callable[[Extern, int], Tensor]] = {"recurrence": _recurrence}


def _write(e: ExpressionEmitter, statement: CallStatement) -> None:
    """The weight of a row's first entry is never read: it may be anything."""
    builder, dtype, kind = e.builder, statement.tensor.dtype, llvm_type(statement.tensor.dtype)
    weights, added, result = (e.storage(t).pointer for t in (*statement.operands, statement.tensor))
    length = e.extent(statement.tensor.shape[-1])
    rows = ONE
    for extent in statement.tensor.shape[:-1]:
        rows = builder.multiply_integers(rows, e.extent(extent))

    def entry(base: Value, place: Value) -> str:
        return e.entry_pointer(base, place, dtype, builder.depth)

    def read(base: Value, place: Value) -> str:
        return builder.instruction(f"load {kind}, ptr {entry(base, place)}, align {dtype.itemsize}", builder.depth)

    def row(position: Value, _: list[Value]) -> list[Value]:
        start = builder.multiply_integers(position, length)

        def step(along: Value, states: list[Value]) -> list[Value]:
            place = builder.add_integers(start, along)
            grown = builder.instruction(f"fmul {kind} {read(weights, place)}, {states[0].text}", builder.depth)
            text = builder.instruction(f"fadd {kind} {grown}, {read(added, place)}", builder.depth)
            builder.line(f"store {kind} {text}, ptr {entry(result, place)}, align {dtype.itemsize}")
            return [Value(text, dtype, builder.depth)]

        def begin(_: Value, __: list[Value]) -> list[Value]:
            first = read(added, start)
            builder.line(f"store {kind} {first}, ptr {entry(result, start)}, align {dtype.itemsize}")
            builder.loop(ONE, length, [Value(first, dtype, builder.depth)], step)
            return []

        builder.loop(ZERO, builder.minimum_integers(length, ONE), [], begin)
        return []

    builder.loop(ZERO, rows, [], row)


WRITERS: dict[str, Callable[[ExpressionEmitter, CallStatement], None]] = {"recurrence": _write}


def _operations(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
    return 2.0 * prod(map(assumed, statement.tensor.shape))


KINDS: dict[str, RoutineKind] = {"recurrence": RoutineKind("linear recurrence", _operations)}
