"""Entries that lanes read or write at a distance: whole rows in memory, turned into one vector per column.

A lane per row of a row-major matrix reads its columns ``stride`` entries apart. Taken one column at a time, every lane is an
instruction of its own. The columns of one row are neighbours, though: rows are read as vectors and transposed in
registers (or, of few columns, read through and picked apart), and written the other way round. Which columns the code
needs is known when its block ends, so a column read is a register that is defined later, in front of the first use of
its rows; and a column written waits for the others. Rows that an index names are read in the same way, each from where
it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gradc.ir.scalar import DType
from gradc.lower.squares import transposed
from gradc.lower.text import FunctionBuilder, Scope, Value, llvm_type, memory_type

#: Up to this stride, columns are picked out of consecutive vectors; beyond it rows are transposed.
PICKED = 4
#: Fewer columns of a row than this go lane by lane.
FEWEST = 3


@dataclass
class Columns:
    """The columns of one row per lane that a block of code reads or writes."""

    scope: Scope
    pointer: str
    root: str
    stride: int
    dtype: DType
    lanes: int
    #: where the row of each lane begins, of rows that are not a stride apart
    begins: tuple[str, ...] = ()
    #: per column: its register, and the line of the block that waits for its code
    registers: dict[int, tuple[str, int]] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The vector of one column, or of part of a row."""
        return llvm_type(self.dtype, self.lanes)

    def windows(self) -> list[list[int]]:
        """Neighbouring columns, as many as there are lanes at most."""
        found: list[list[int]] = []
        for column in sorted(self.registers):
            if found and column == found[-1][-1] + 1 and len(found[-1]) < self.lanes:
                found[-1].append(column)
            else:
                found.append([column])
        return found


#: Writes the code of what was collected, at the end of its block.
Finish = Callable[[FunctionBuilder, Columns], None]


class ColumnAccess:
    """Collects the columns that blocks of a function read and write, and writes their code when a block ends."""

    def __init__(self, builder: FunctionBuilder) -> None:
        self._builder = builder
        self._open: dict[tuple[object, ...], Columns] = {}

    # ------------------------------------------------------------ collecting

    def read(self, pointer: str, offset: Value, dtype: DType, lanes: int, depth: int) -> str:
        """The register of the entries at ``offset``, of which the lanes are a literal stride apart."""
        columns, column = self._columns("read", pointer, offset, dtype, lanes, depth, read_columns)
        if column not in columns.registers:
            columns.registers[column] = "%" + self._builder.fresh(), self._reserved_line(columns.scope)
        return columns.registers[column][0]

    def read_named(self, pointer: str, offset: Value, dtype: DType, lanes: int, depth: int) -> str:
        """The register of the entries at the offsets, one per lane: a column of rows that begin anywhere."""
        builder, (root, column) = self._builder, self._builder.split_offset(offset)
        scope = builder.scopes[depth]
        key = ("read", pointer, root.text, dtype, lanes, scope.label)
        columns = self._open.get(key)
        if columns is None:
            begins = [
                builder.instruction(f"extractelement {root.type} {root.text}, i32 {k}", depth) for k in range(lanes)
            ]
            columns = Columns(scope, pointer, "0", 0, dtype, lanes, tuple(begins))
            self._keep(key, columns, depth, read_columns)
        if column not in columns.registers:
            columns.registers[column] = "%" + builder.fresh(), self._reserved_line(scope)
        return columns.registers[column][0]

    def write(self, pointer: str, offset: Value, value: Value, depth: int) -> None:
        """Store the lanes of ``value`` a literal stride apart."""
        columns, column = self._columns("write", pointer, offset, value.dtype, value.lanes, depth, write_columns)
        columns.registers[column] = value.text, self._reserved_line(columns.scope)

    def settle(self, kind: str, pointer: str) -> None:
        """Columns of this buffer that were read (or written) so far are not joined by later ones."""
        for key in [key for key in self._open if key[:2] == (kind, pointer)]:
            del self._open[key]

    def _columns(
        self,
        kind: str,
        pointer: str,
        offset: Value,
        dtype: DType,
        lanes: int,
        depth: int,
        finish: Finish,
    ) -> tuple[Columns, int]:
        assert offset.step is not None
        assert isinstance(offset.step.literal, int)
        stride, scope = offset.step.literal, self._builder.scopes[depth]
        root, shift = self._builder.split_offset(offset)
        row, column = divmod(shift, stride)
        key = (kind, pointer, root.text, stride, row, dtype, lanes, scope.label)
        columns = self._open.get(key)
        if columns is None or (kind == "write" and column in columns.registers):
            start = self._builder.add_shift(root, row * stride)
            columns = Columns(scope, pointer, start.text, stride, dtype, lanes)
            self._keep(key, columns, depth, finish)
        return columns, column

    def _keep(self, key: tuple[object, ...], columns: Columns, depth: int, finish: Finish) -> None:
        self._builder.remember(self._open, key, columns, depth)
        columns.scope.closing.append(lambda: finish(self._builder, columns))

    @staticmethod
    def _reserved_line(scope: Scope) -> int:
        scope.lines.append("")
        return len(scope.lines) - 1


class Writer:
    """Writes code into a line that is reserved for it."""

    def __init__(self, builder: FunctionBuilder, columns: Columns, line: int) -> None:
        self._builder, self._columns, self._line = builder, columns, line
        self._code: list[str] = []

    def __call__(self, text: str, name: str | None = None) -> str:
        name = name or "%" + self._builder.fresh()
        self._code.append(f"  {name} = {text}")
        return name

    def line(self, text: str) -> None:
        """A line without a result."""
        self._code.append(f"  {text}")

    def done(self) -> None:
        """Put the code in its place."""
        lines = self._columns.scope.lines
        lines[self._line] = "\n".join([*filter(None, [lines[self._line]]), *self._code])

    def entry(self, lane: int, column: int) -> str:
        """The address of an entry of the row of a lane."""
        columns, kind = self._columns, memory_type(self._columns.dtype)
        begin, shift = columns.root, lane * columns.stride + column
        if columns.begins:
            begin, shift = columns.begins[lane], column
        first = self(f"getelementptr {kind}, ptr {columns.pointer}, i64 {begin}")
        return self(f"getelementptr {kind}, ptr {first}, i64 {shift}") if shift else first

    def load(self, lane: int, column: int, kind: str) -> str:
        """Consecutive entries from a column of the row of a lane on."""
        return self(f"load {kind}, ptr {self.entry(lane, column)}, align {self._columns.dtype.itemsize}")

    def store(self, kind: str, register: str, lane: int, column: int) -> None:
        """Consecutive entries from a column of the row of a lane on."""
        where = self.entry(lane, column)
        self.line(f"store {kind} {register}, ptr {where}, align {self._columns.dtype.itemsize}")

    def shuffle(self, first: str, second: str, lanes: Sequence[int | None], name: str | None = None) -> str:
        """Lanes of two vectors, numbered through; None for any."""
        kind = self._columns.type
        mask = ", ".join("i32 poison" if lane is None else f"i32 {lane}" for lane in lanes)
        text = f"shufflevector {kind} {first}, {kind} {second}, <{len(lanes)} x i32> <{mask}>"
        return self(text, name)

    def transposed(self, rows: Sequence[str]) -> list[str]:
        """A square of as many rows as there are lanes: blocks of 1, 2, 4, ... trade places across the diagonal."""
        return transposed(rows, [1 << bit for bit in range((len(rows) - 1).bit_length())], self.shuffle)


def _by_window(
    write: Writer,
    columns: Columns,
    window: list[int],
    lane_by_lane: Callable[[Writer, Columns, int], None],
    in_rows: Callable[[Writer, Columns, list[int]], None],
) -> None:
    """The code of one window: few columns each on their own, more of them row by row."""
    if len(window) < FEWEST:
        for column in window:
            lane_by_lane(write, columns, column)
    else:
        in_rows(write, columns, window)
    write.done()


# ---------------------------------------------------------------- reading


def read_columns(builder: FunctionBuilder, columns: Columns) -> None:
    """Define the registers of the columns that were asked for."""
    wanted = sorted(columns.registers)
    if columns.stride <= PICKED and not columns.begins:
        write = Writer(builder, columns, min(line for _, line in columns.registers.values()))
        _pick(write, columns, wanted)
        write.done()
        return
    for window in _read_windows(columns, wanted):
        line = min(columns.registers[c][1] for c in window)
        _by_window(Writer(builder, columns, line), columns, window, _gather_lanes, _transpose_rows)


def _read_windows(columns: Columns, wanted: list[int]) -> list[list[int]]:
    """The wanted columns in groups that one part of a row holds."""
    found: list[list[int]] = []
    for column in wanted:
        if found and column < found[-1][0] + columns.lanes:
            found[-1].append(column)
        else:
            found.append([column])
    return found


def _pick(write: Writer, columns: Columns, wanted: list[int]) -> None:
    """All entries between as consecutive vectors (the last ends with the last entry), and the columns out of these."""
    lanes, stride, first = columns.lanes, columns.stride, wanted[0]
    count = (lanes - 1) * stride + wanted[-1] - first + 1
    starts = [*range(0, count - lanes, lanes), count - lanes]
    vectors = [write.load(0, first + start, columns.type) for start in starts]
    for column in wanted:
        places = [lane * stride + column - first for lane in range(lanes)]
        homes = [min(place // lanes, len(starts) - 1) for place in places]
        result, done = vectors[homes[0]], homes[0]
        mask: list[int] = [p - starts[homes[0]] if h == homes[0] else -1 for p, h in zip(places, homes, strict=True)]
        others = sorted(set(homes) - {done})
        for position, home in enumerate(others):
            mask = [
                lanes + place - starts[home] if h == home else (m if position == 0 else lane)
                for lane, (place, h, m) in enumerate(zip(places, homes, mask, strict=True))
            ]
            settled = {done, *others[: position + 1]}
            lanes_now = [m if h in settled else None for m, h in zip(mask, homes, strict=True)]
            last = position == len(others) - 1
            result = write.shuffle(result, vectors[home], lanes_now, columns.registers[column][0] if last else None)
        if not others:
            write.shuffle(result, result, [*mask], columns.registers[column][0])


def _gather_lanes(write: Writer, columns: Columns, column: int) -> None:
    """One column, lane by lane."""
    result, kind = "poison", llvm_type(columns.dtype)
    for lane in range(columns.lanes):
        one = write.load(lane, column, kind)
        name = columns.registers[column][0] if lane == columns.lanes - 1 else None
        result = write(f"insertelement {columns.type} {result}, {kind} {one}, i32 {lane}", name)


def _transpose_rows(write: Writer, columns: Columns, window: list[int]) -> None:
    """Part of each row as a vector, and the square of them transposed."""
    lanes, first = columns.lanes, window[0]
    width = window[-1] - first + 1
    rows = [_part_of_row(write, columns, lane, first, width) for lane in range(lanes)]
    turned = write.transposed(rows)
    for column in window:
        source = turned[column - first]
        write.shuffle(source, source, range(lanes), columns.registers[column][0])


def _part_of_row(write: Writer, columns: Columns, lane: int, first: int, width: int) -> str:
    """``width`` entries in the first lanes of a vector, read in powers of two: nothing beyond them is touched."""
    lanes, kind = columns.lanes, columns.dtype
    if width == lanes:
        return write.load(lane, first, columns.type)
    result, done = "poison", 0
    for size in _powers(width):
        part = write.load(lane, first + done, llvm_type(kind, size))
        if size == 1:
            text = f"insertelement {columns.type} {result}, {llvm_type(kind)} {part}, i32 {done}"
            result = write(text)
        else:
            grown = ", ".join(f"i32 {k}" if k < size else "i32 poison" for k in range(lanes))
            small = llvm_type(kind, size)
            wide = write(f"shufflevector {small} {part}, {small} poison, <{lanes} x i32> <{grown}>")
            mask = [k if k < done else lanes + k - done if k < done + size else None for k in range(lanes)]
            result = wide if done == 0 else write.shuffle(result, wide, mask)
        done += size
    return result


# ---------------------------------------------------------------- writing


def write_columns(builder: FunctionBuilder, columns: Columns) -> None:
    """Store the columns that were collected."""
    if len(columns.registers) == columns.stride <= PICKED:
        write = Writer(builder, columns, max(line for _, line in columns.registers.values()))
        _interleave(write, columns)
        write.done()
        return
    for window in columns.windows():
        line = max(columns.registers[c][1] for c in window)
        _by_window(Writer(builder, columns, line), columns, window, _scatter_lanes, _store_rows)


def _interleave(write: Writer, columns: Columns) -> None:
    """Every entry of the rows, as consecutive vectors."""
    lanes, stride = columns.lanes, columns.stride
    for part in range(stride):
        places = [divmod(part * lanes + k, stride) for k in range(lanes)]
        result = columns.registers[0][0]
        settled = [row if column == 0 else None for row, column in places]
        for other in range(1, stride):
            register = columns.registers[other][0]
            settled = [
                lanes + row if column == other else (kept if other == 1 else k) if kept is not None else None
                for k, ((row, column), kept) in enumerate(zip(places, settled, strict=True))
            ]
            result = write.shuffle(result, register, settled)
        write.store(columns.type, result, 0, part * lanes)


def _scatter_lanes(write: Writer, columns: Columns, column: int) -> None:
    kind = llvm_type(columns.dtype)
    for lane in range(columns.lanes):
        one = write(f"extractelement {columns.type} {columns.registers[column][0]}, i32 {lane}")
        write.store(kind, one, lane, column)


def _store_rows(write: Writer, columns: Columns, window: list[int]) -> None:
    lanes, width, first = columns.lanes, len(window), window[0]
    padded = [columns.registers[c][0] for c in window] + ["poison"] * (lanes - width)
    for lane, row in enumerate(write.transposed(padded)):
        done = 0
        for size in _powers(width):
            kind = llvm_type(columns.dtype, size)
            part = row
            if size == 1:
                part = write(f"extractelement {columns.type} {row}, i32 {done}")
            elif size < lanes:
                mask = ", ".join(f"i32 {done + k}" for k in range(size))
                part = write(f"shufflevector {columns.type} {row}, {columns.type} poison, <{size} x i32> <{mask}>")
            write.store(kind, part, lane, first + done)
            done += size


def _powers(width: int) -> list[int]:
    """A number as powers of two, the largest first."""
    return [1 << bit for bit in reversed(range(width.bit_length())) if width >> bit & 1]
