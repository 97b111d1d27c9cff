"""Buffers: where tensors are, and reading and writing their entries, one or one per lane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gradc.ir.scalar import BOOL, INT64, DType
from gradc.ir.tensor import Extent, Tensor
from gradc.lower.machine import Machine
from gradc.lower.masked import read_lanes, write_lanes
from gradc.lower.strided import ColumnAccess
from gradc.lower.text import FunctionBuilder, Scope, Value, literal, memory_type


class VectorisationRefused(Exception):
    """Vector code can't express this; the loop is written with one lane."""


@dataclass
class Storage:
    """Where the entries of a tensor are: a buffer, and a stride per axis (None for an axis that holds one entry at a time)."""

    pointer: Value
    strides: tuple[Value | None, ...]


def varies(value: Value) -> bool:
    """Whether the lanes differ."""
    return value.lanes > 1 or value.step is not None


class MemoryEmitter(Machine):
    """Reads and writes entries of the tensors that have a buffer."""

    def __init__(self, builder: FunctionBuilder, has_fma: bool = False) -> None:
        super().__init__(builder, has_fma)
        self._storage: dict[Tensor, Storage] = {}
        #: addresses in the workspace, by offset
        self.places: dict[Extent, Value] = {}
        #: buffer -> the scopes that were open when it was last written
        self._writers: dict[str, tuple[Scope, ...]] = {}
        #: the lanes that are in range, where some are not: only they read and write
        self.active: Value | None = None
        self._columns = ColumnAccess(builder)

    def store_at(self, tensor: Tensor, storage: Storage) -> None:
        """Loads of ``tensor`` read this buffer."""
        self._storage[tensor] = storage

    def storage(self, tensor: Tensor) -> Storage:
        """The buffer of ``tensor``."""
        return self._storage[tensor]

    def buffer_of(self, tensor: Tensor) -> str:
        """What tells buffers apart: tensors that share one have it in common."""
        storage = self._storage.get(tensor)
        return f"{id(tensor)}" if storage is None else storage.pointer.text

    def address(self, tensor: Tensor, indices: Sequence[Value]) -> tuple[Value, Value]:
        """The buffer and the offset, in entries, of one entry (of lane 0's, when the offset has a step)."""
        storage = self._storage[tensor]
        offset, shift = literal(0, INT64), 0
        for position, stride in zip(indices, storage.strides, strict=True):
            if stride is None:
                continue
            part = self.multiply(self.convert(position, INT64), stride)
            if isinstance(part.literal, int):
                shift += part.literal
            else:
                offset = part if offset.literal == 0 else self.add(offset, part)
        if not shift:
            return storage.pointer, offset
        total = self.add(offset, literal(shift, INT64))
        return storage.pointer, self.builder.noted_shift(total, offset, shift) if offset.lanes > 1 else total

    @contextmanager
    def only(self, active: Value) -> Iterator[None]:
        """Within, lanes outside ``active`` neither read (they hold 0) nor write."""
        outer, self.active = self.active, active
        try:
            yield
        finally:
            self.active = outer

    def lanes_below(self, position: Value, upper: Value) -> Value:
        """The lanes whose index, ``position`` in lane 0, is below ``upper``."""
        left = self.builder.subtract_integers(upper, position)
        if isinstance(left.literal, int):
            lanes = ", ".join(f"i1 {'true' if lane < left.literal else 'false'}" for lane in range(self.lanes))
            return Value(f"<{lanes}>", BOOL, position.depth, self.lanes)
        return self.compare("greater", left, self._multiples(literal(1, INT64)))

    def lanes_from(self, first: Value) -> Value:
        """The lanes from number ``first`` on."""
        return self.compare("greater_equal", self._multiples(literal(1, INT64)), first)

    def read(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> Value:
        """Load one entry, or one per lane where the offset varies over lanes."""
        self._columns.settle("write", pointer.text)
        lanes = self.lanes if varies(offset) else 1
        if lanes > 1 and self.active is not None:
            return self._loaded(self._read_active(pointer, offset, dtype, max(depth, self.active.depth)))
        if lanes > 1 and not _is_consecutive(offset):
            return self._read_apart(pointer, offset, dtype, depth)
        where = self.entry_pointer(pointer, offset.lane_zero, dtype, depth)
        kind = memory_type(dtype, lanes)
        name = self.builder.instruction(f"load {kind}, ptr {where}, align {dtype.itemsize}", depth)
        return self._loaded(Value(name, dtype, depth, lanes))

    def _loaded(self, value: Value) -> Value:
        """What was loaded, in the form of registers."""
        if value.dtype != BOOL:
            return value
        zero = "0" if value.lanes == 1 else "zeroinitializer"
        text = f"icmp ne {memory_type(BOOL, value.lanes)} {value.text}, {zero}"
        return replace(value, text=self.builder.instruction(text, value.depth))

    def _read_active(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> Value:
        """The lanes that are in range, 0 in the others."""
        apart = not _is_consecutive(offset)
        where = (self._lane_pointers if apart else self._first_entry)(pointer, offset, dtype, depth)
        name = read_lanes(self.builder, where, dtype, self.lanes, self._mask_operand(), depth, apart=apart)
        return Value(name, dtype, depth, self.lanes)

    def _mask_operand(self) -> str:
        assert self.active is not None
        return f"{self.active.type} {self.active.text}"

    def _first_entry(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> str:
        """The address of the entry of lane 0."""
        return self.entry_pointer(pointer, offset.lane_zero, dtype, depth)

    def _lane_pointers(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> str:
        """A vector of the addresses of the lanes' entries."""
        offsets = self.vector(offset)
        kind = memory_type(dtype)
        return self.builder.instruction(
            f"getelementptr {kind}, ptr {pointer.text}, {offsets.type} {offsets.text}", max(depth, offsets.depth)
        )

    def _read_apart(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> Value:
        if offset.step is not None and offset.step.literal == -1:
            return self._read_backwards(pointer, offset, dtype, depth)
        if offset.lanes > 1 and dtype != BOOL and dtype.itemsize >= 4:
            return Value(
                self._columns.read_named(pointer.text, offset, dtype, self.lanes, depth), dtype, depth, self.lanes
            )
        if not _is_strided(offset, dtype):
            return self._read_scattered(pointer, offset, dtype, depth)
        return Value(self._columns.read(pointer.text, offset, dtype, self.lanes, depth), dtype, depth, self.lanes)

    def _read_backwards(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> Value:
        """Neighbours in memory, the last lane's first."""
        first = self.builder.add_shift(offset.lane_zero, 1 - self.lanes)
        ahead = self.read(pointer, replace(first, step=literal(1, INT64)), dtype, depth)
        mask = ", ".join(f"i32 {lane}" for lane in reversed(range(self.lanes)))
        text = f"shufflevector {ahead.type} {ahead.text}, {ahead.type} poison, <{self.lanes} x i32> <{mask}>"
        return replace(ahead, text=self.builder.instruction(text, depth))

    def _read_scattered(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> Value:
        result = Value("poison", dtype, depth, self.lanes)
        for lane in range(self.lanes):
            one = self.read(pointer, self.lane_offset(offset, lane), dtype, depth)
            text = f"insertelement {result.type} {result.text}, {one.type} {one.text}, i32 {lane}"
            result = Value(self.builder.instruction(text, depth), dtype, depth, self.lanes)
        return result

    def lane_offset(self, offset: Value, lane: int) -> Value:
        """The offset of one lane."""
        if offset.lanes > 1:
            return self.extract(offset, lane)
        base = offset.lane_zero
        return base if offset.step is None else self.add(base, self.multiply(offset.step, literal(lane, INT64)))

    def entry_pointer(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> str:
        """The address of the entry at an offset."""
        if offset.literal == 0:
            return pointer.text
        kind = memory_type(dtype)
        name = self.builder.instruction(f"getelementptr {kind}, ptr {pointer.text}, i64 {offset.text}", depth)
        base, shift = self.builder.split_offset(offset)
        self.builder.places[name] = pointer.text, base.text, shift
        return name

    def note_write(self, pointer: Value) -> None:
        """The code at hand writes to this buffer: later reads of it stay behind."""
        self._columns.settle("read", pointer.text)
        self._writers[pointer.text] = tuple(self.builder.scopes)

    def know_writes_of(self, outer: MemoryEmitter) -> None:
        """What was written where this emitter's code stands."""
        self._writers.update(outer._writers)

    def written_depth(self, pointer: Value) -> int:
        """The outermost scope in which a read comes after the last write: the innermost that both are in.

        Where every index is a literal (loops of one trip, unrolled ones, a row's own buffer) the offset alone would let
        the read go in front of the loop that writes.
        """
        shared = 0
        for ours, theirs in zip(self.builder.scopes, self._writers.get(pointer.text, ()), strict=False):
            if ours is not theirs:
                break
            shared = ours.depth
        return shared

    def write(self, pointer: Value, offset: Value, value: Value, *, streamed: bool = False) -> None:
        """Store to an entry, or to one per lane, in the innermost scope; an aligned vector perhaps past the cache."""
        self.note_write(pointer)
        depth = self.builder.depth
        lanes = self.lanes if varies(offset) else 1
        if lanes == 1 and varies(value):
            raise VectorisationRefused
        if lanes > 1:
            value = self.vector(value)
        if lanes > 1 and self.active is not None:
            self._write_active(pointer, offset, value, depth)
            return
        if lanes > 1 and _is_strided(offset, value.dtype):
            self._columns.write(pointer.text, offset, value, depth)
            return
        self._columns.settle("write", pointer.text)
        if lanes > 1 and not _is_consecutive(offset):
            for lane in range(lanes):
                self._write_one(pointer, self.lane_offset(offset, lane), self.extract(value, lane), depth)
            return
        self._write_one(pointer, offset.lane_zero, value, depth, streamed=streamed and lanes > 1)

    def _write_active(self, pointer: Value, offset: Value, value: Value, depth: int) -> None:
        """The lanes that are in range."""
        apart = not _is_consecutive(offset)
        where = (self._lane_pointers if apart else self._first_entry)(pointer, offset, value.dtype, depth)
        write_lanes(self.builder, where, value, self._as_stored(value, depth), self._mask_operand(), apart=apart)

    def _as_stored(self, value: Value, depth: int) -> str:
        """The register in the form of memory."""
        if value.dtype != BOOL:
            return value.text
        return self.builder.instruction(f"zext {value.type} {value.text} to {memory_type(BOOL, value.lanes)}", depth)

    def _write_one(self, pointer: Value, offset: Value, value: Value, depth: int, *, streamed: bool = False) -> None:
        where = self.entry_pointer(pointer, offset, value.dtype, depth)
        text = self._as_stored(value, depth)
        kind = memory_type(value.dtype, value.lanes)
        how = f"align {value.dtype.itemsize}"
        if streamed and value.dtype != BOOL:
            how = f"align {value.dtype.itemsize * value.lanes}, !nontemporal !0"
        self.builder.line(f"store {kind} {text}, ptr {where}, {how}")


def _is_consecutive(offset: Value) -> bool:
    """Whether the lanes are neighbours in memory."""
    return offset.step is not None and offset.step.literal == 1


def _is_strided(offset: Value, dtype: DType) -> bool:
    """Whether the lanes are a known distance apart, in rows that hold more than one of them."""
    step = None if offset.step is None else offset.step.literal
    return isinstance(step, int) and step > 1 and dtype != BOOL and dtype.itemsize >= 4
