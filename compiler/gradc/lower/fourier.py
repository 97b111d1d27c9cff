"""Fourier transforms by NumPy's own loop (pocketfft), called from the kernel.

The loop is that of a generalized ufunc ``(n),()->(m)``: it takes complex numbers, which is how pairs of real ones lie in
memory, and a factor that it multiplies by. It goes over all rows of a batch in one call.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2, prod

from gradc.ir.scalar import BOOL, INT64
from gradc.ir.tensor import Extent, Extern, Tensor
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.library import CallStatement, RoutineKind, routine_result
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc_runtime.ufuncs import symbol_names

#: Where NumPy has the loops, and what their types are, by the bytes of a real number.
_MODULE = "numpy.fft._pocketfft_umath"
_TYPES = {8: "Dd->D", 4: "Ff->F"}


def _fft(node: Extern, position: int) -> Tensor:
    return routine_result(node.name, node.operands, node.results[position], **dict(node.parameters))


EXPANSIONS: dict[str, Callable[[Extern, int], Tensor]] = {"fft": _fft}


def _write_fft(e: ExpressionEmitter, statement: CallStatement) -> None:
    (pairs,) = statement.operands
    builder, size = e.builder, pairs.dtype.itemsize
    *batch, length = (e.extent(extent) for extent in pairs.shape[:-1])
    rows = ONE
    for count in batch:
        rows = builder.multiply_integers(rows, count)
    step = literal(2 * size, INT64)
    row = builder.multiply_integers(length, step)
    name = "ifft" if statement.parameters["inverse"] else "fft"
    loop, data = symbol_names(f"{_MODULE}.{name}", _TYPES[size])
    builder.module.declare(loop, "void", ["ptr"] * 4)
    builder.module.declare(data, "void", [])
    factor = builder.instruction("alloca double", 0)
    builder.line(f"store {'double' if size == 8 else 'float'} 1.0, ptr {factor}")
    operand, result = (e.storage(tensor).pointer.text for tensor in (pairs, statement.tensor))
    arrays = _filled(e, "ptr", [operand, factor, result])
    counts = _filled(e, "i64", [rows.text, length.text, length.text])
    steps = _filled(e, "i64", [row.text, ZERO.text, row.text, step.text, step.text])

    def call() -> list[Value]:
        builder.line(f"call void @{loop}(ptr {arrays}, ptr {counts}, ptr {steps}, ptr @{data})")
        return []

    if isinstance(length.literal, int):
        call()
    else:  # a transform of no samples is none
        some = builder.instruction(f"icmp sgt i64 {length.text}, 0", builder.depth)
        builder.branch(Value(some, BOOL, builder.depth), call, [])


def _filled(e: ExpressionEmitter, kind: str, values: list[str]) -> str:
    """The address of an array on the stack with this content."""
    builder = e.builder
    start = builder.instruction(f"alloca [{len(values)} x {kind}], align 8", 0)
    for position, value in enumerate(values):
        where = builder.instruction(f"getelementptr {kind}, ptr {start}, i64 {position}", builder.depth)
        builder.line(f"store {kind} {value}, ptr {where}, align 8")
    return start


WRITERS: dict[str, Callable[[ExpressionEmitter, CallStatement], None]] = {"fft": _write_fft}


def _operations(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
    """``5 n log n`` for each row, as is usual to count."""
    *batch, length, _ = map(assumed, statement.tensor.shape)
    return 5.0 * length * log2(max(length, 2)) * prod(batch)


KINDS: dict[str, RoutineKind] = {"fft": RoutineKind("Fourier transform", _operations)}
