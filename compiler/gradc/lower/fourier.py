"""Fourier transforms by NumPy's own loop (pocketfft), called from the kernel.

The loops are those of generalized ufuncs ``(n),()->(m)``: they take complex numbers, which is how pairs of real ones lie in
memory, and a factor that they multiply by. They go over all rows of a batch in one call.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2, prod

from gradc.ir.scalar import BOOL, INT64
from gradc.ir.tensor import Extent, Extern, Shape, Tensor
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.library import CallStatement, RoutineKind, routine_result
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc_runtime.ufuncs import symbol_names

#: Where NumPy has the loops, and the letters of types by the bytes of a real number.
_MODULE = "numpy.fft._pocketfft_umath"
_LETTERS = {8: ("d", "D"), 4: ("f", "F")}


def _as_it_is(node: Extern, position: int) -> Tensor:
    return routine_result(node.name, node.operands, node.results[position], **dict(node.parameters))


EXPANSIONS: dict[str, Callable[[Extern, int], Tensor]] = {"fft": _as_it_is, "rfft": _as_it_is, "irfft": _as_it_is}


def _write_fft(e: ExpressionEmitter, statement: CallStatement) -> None:
    name = "ifft" if statement.parameters["inverse"] else "fft"
    _write(e, statement, name, is_complex=(True, True))


def _write_rfft(e: ExpressionEmitter, statement: CallStatement) -> None:
    count = statement.operands[0].shape[-1]
    assert isinstance(count, int), "whether it is odd must be known"
    _write(e, statement, "rfft_n_odd" if count % 2 else "rfft_n_even", is_complex=(False, True))


def _write_irfft(e: ExpressionEmitter, statement: CallStatement) -> None:
    _write(e, statement, "irfft", is_complex=(True, False))


def _write(e: ExpressionEmitter, statement: CallStatement, name: str, is_complex: tuple[bool, bool]) -> None:
    """A call of a loop that takes rows of real or complex numbers, and gives such."""
    builder, tensors = e.builder, (*statement.operands, statement.tensor)
    size = statement.tensor.dtype.itemsize
    letters = [_LETTERS[size][kind] for kind in is_complex]
    loop, data = symbol_names(f"{_MODULE}.{name}", f"{letters[0]}{_LETTERS[size][0]}->{letters[1]}")
    builder.module.declare(loop, "void", ["ptr"] * 4)
    builder.module.declare(data, "void", [])
    shapes = [t.shape[:-1] if kind else t.shape for t, kind in zip(tensors, is_complex, strict=True)]
    rows = ONE
    for extent in shapes[0][:-1]:
        rows = builder.multiply_integers(rows, e.extent(extent))
    lengths = [e.extent(shape[-1]) for shape in shapes]
    steps = [literal(size * (1 + kind), INT64) for kind in is_complex]
    whole = [builder.multiply_integers(length, step) for length, step in zip(lengths, steps, strict=True)]
    factor = builder.on_stack("double")
    builder.line(f"store {'double' if size == 8 else 'float'} 1.0, ptr {factor}")
    operand, result = (e.storage(tensor).pointer.text for tensor in tensors)
    arrays = _filled(e, "ptr", [operand, factor, result])
    counts = _filled(e, "i64", [rows.text, *[length.text for length in lengths]])
    strides = _filled(e, "i64", [whole[0].text, ZERO.text, whole[1].text, *[step.text for step in steps]])

    def call() -> list[Value]:
        builder.line(f"call void @{loop}(ptr {arrays}, ptr {counts}, ptr {strides}, ptr @{data})")
        return []

    if isinstance(lengths[0].literal, int):
        call()
    else:  # a transform of no samples is none
        some = builder.instruction(f"icmp sgt i64 {lengths[0].text}, 0", builder.depth)
        builder.branch(Value(some, BOOL, builder.depth), call, [])


def _filled(e: ExpressionEmitter, kind: str, values: list[str]) -> str:
    """The address of an array on the stack with this content."""
    builder = e.builder
    start = builder.on_stack(f"[{len(values)} x {kind}], align 8")
    for position, value in enumerate(values):
        where = builder.instruction(f"getelementptr {kind}, ptr {start}, i64 {position}", builder.depth)
        builder.line(f"store {kind} {value}, ptr {where}, align 8")
    return start


WRITERS: dict[str, Callable[[ExpressionEmitter, CallStatement], None]] = {
    "fft": _write_fft,
    "rfft": _write_rfft,
    "irfft": _write_irfft,
}


def _kind(title: str, factor: float, samples: Callable[[CallStatement], Shape]) -> RoutineKind:
    """``factor n log n`` operations for each row of n samples, as is usual to count."""

    def operations(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
        *batch, length = map(assumed, samples(statement))
        return factor * length * log2(max(length, 2)) * prod(batch)

    return RoutineKind(title, operations)


KINDS: dict[str, RoutineKind] = {
    "fft": _kind("Fourier transform", 5.0, lambda statement: statement.tensor.shape[:-1]),
    "rfft": _kind("Fourier transform of real numbers", 2.5, lambda statement: statement.operands[0].shape),
    "irfft": _kind("Fourier transform to real numbers", 2.5, lambda statement: statement.tensor.shape),
}
