"""Results that are too large for the cache: written past it, in whole lines.

An ordinary store reads the line that it changes. A non-temporal one does not, if the whole line is written at once, and
vectors are only lines where they are aligned, which arrays are not. So a block of consecutive entries is collected in
a buffer on the stack; its whole lines go to memory past the cache, and its two ends as usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradc.ir.tensor import Tensor
from gradc.lower.plan import byte_count
from gradc.lower.strided import Columns, Writer, write_columns
from gradc.lower.text import FunctionBuilder, llvm_type
from gradc.lower.tree import Statement

#: Results of at least so many bytes are streamed: they would push everything else out of the cache.
STREAMED_BYTES = 16 << 20
#: Blocks of fewer vectors have more ends than lines.
FEWEST_VECTORS = 4


def mark_streamed(ordered: Sequence[Statement], outputs: Sequence[Tensor]) -> None:
    """Mark the statements that make large results which nothing reads again."""
    read = {tensor for statement in ordered for tensor in statement.reads}
    for statement in ordered:
        tensor = statement.tensor
        if statement.kind == "map" and tensor in outputs and tensor not in read:
            size = byte_count(tensor)
            statement.streamed = isinstance(size, int) and size >= STREAMED_BYTES


def write_streamed_columns(builder: FunctionBuilder, columns: Columns) -> None:
    """All columns of the rows, through the buffer; some of them, as usual."""
    if len(columns.registers) < columns.stride or columns.stride < FEWEST_VECTORS:
        write_columns(builder, columns)
        return
    count = columns.lanes * columns.stride
    buffer = _buffer(builder, columns, count)
    write_columns(builder, replace(columns, pointer=buffer, root="0"))
    _flush(builder, columns, buffer, 0, count)


def write_streamed_run(builder: FunctionBuilder, run: Columns) -> None:
    """Neighbouring vectors, through the buffer; lone ones, as usual."""
    shifts = sorted(run.registers)
    first, count = shifts[0], len(shifts) * run.lanes
    together = shifts == list(range(first, first + count, run.lanes))
    if not together or len(shifts) < FEWEST_VECTORS:
        _store_run(builder, run, run)
        return
    buffer = _buffer(builder, run, count)
    _store_run(builder, run, replace(run, pointer=buffer, root=str(-first)))
    _flush(builder, run, buffer, first, count)


def _store_run(builder: FunctionBuilder, run: Columns, target: Columns) -> None:
    for shift, (register, line) in run.registers.items():
        write = Writer(builder, target, line)
        write.store(run.type, register, shift)
        write.done()


def _buffer(builder: FunctionBuilder, columns: Columns, count: int) -> str:
    """Room for a block, and for a vector that begins anywhere in its last one."""
    kind = llvm_type(columns.dtype)
    return builder.instruction(f"alloca [{count + columns.lanes} x {kind}], align 64", 0)


def _flush(builder: FunctionBuilder, columns: Columns, buffer: str, first: int, count: int) -> None:
    """From the buffer to memory: up to the first whole line, the lines, and the rest of the last."""
    lanes, kind, itemsize = columns.lanes, columns.type, columns.dtype.itemsize
    entry = llvm_type(columns.dtype)
    write = Writer(builder, columns, max(line for _, line in columns.registers.values()))
    target = write.entry(first)
    address = write(f"ptrtoint ptr {target} to i64")
    missing = write(f"sub i64 0, {address}")
    head_bytes = write(f"and i64 {missing}, {lanes * itemsize - 1}")
    head = write(f"lshr i64 {head_bytes}, {itemsize.bit_length() - 1}")
    rest = write(f"sub i64 {lanes}, {head}")
    _store_some(write, columns, buffer, target, head)
    lines = write(f"getelementptr {entry}, ptr {target}, i64 {head}")
    source = write(f"getelementptr {entry}, ptr {buffer}, i64 {head}")
    for start in range(0, count - lanes, lanes):
        here = write(f"getelementptr {entry}, ptr {source}, i64 {start}")
        there = write(f"getelementptr {entry}, ptr {lines}, i64 {start}")
        value = write(f"load {kind}, ptr {here}, align {itemsize}")
        write.line(f"store {kind} {value}, ptr {there}, align {lanes * itemsize}, !nontemporal !0")
    here = write(f"getelementptr {entry}, ptr {source}, i64 {count - lanes}")
    there = write(f"getelementptr {entry}, ptr {lines}, i64 {count - lanes}")
    _store_some(write, columns, here, there, rest)
    write.done()


def _store_some(write: Writer, columns: Columns, source: str, target: str, count: str) -> None:
    """The first ``count`` lanes of a vector, as usual."""
    lanes, kind = columns.lanes, columns.type
    first = write(f"insertelement <{lanes} x i64> poison, i64 {count}, i32 0")
    counts = write(f"shufflevector <{lanes} x i64> {first}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer")
    numbers = ", ".join(f"i64 {lane}" for lane in range(lanes))
    mask = write(f"icmp ult <{lanes} x i64> <{numbers}>, {counts}")
    value = write(f"load {kind}, ptr {source}, align {columns.dtype.itemsize}")
    name = f"llvm.masked.store.v{lanes}f{columns.dtype.itemsize * 8}.p0"
    write.module.declare(name, "void", [kind, "ptr", f"<{lanes} x i1>"])
    operands = f"{kind} {value}, ptr align {columns.dtype.itemsize} {target}, <{lanes} x i1> {mask}"
    write.line(f"call void @{name}({operands})")
