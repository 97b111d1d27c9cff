"""Buffers: where tensors are, and reading and writing their entries, one or one per lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradc.ir.scalar import BOOL, INT64, DType
from gradc.ir.tensor import Tensor
from gradc.lower.machine import Machine
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

    def __init__(self, builder: FunctionBuilder) -> None:
        super().__init__(builder)
        self._storage: dict[Tensor, Storage] = {}
        #: buffer -> the scopes that were open when it was last written
        self._writers: dict[str, tuple[Scope, ...]] = {}

    def store_at(self, tensor: Tensor, storage: Storage) -> None:
        """Loads of ``tensor`` read this buffer."""
        self._storage[tensor] = storage

    def storage(self, tensor: Tensor) -> Storage:
        """The buffer of ``tensor``."""
        return self._storage[tensor]

    def is_stored(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` has a buffer."""
        return tensor in self._storage

    def address(self, tensor: Tensor, indices: Sequence[Value]) -> tuple[Value, Value]:
        """The buffer and the offset, in entries, of one entry (of lane 0's, when the offset has a step)."""
        storage = self._storage[tensor]
        offset = literal(0, INT64)
        for position, stride in zip(indices, storage.strides, strict=True):
            if stride is not None:
                offset = self.add(offset, self.multiply(self.convert(position, INT64), stride))
        return storage.pointer, offset

    def read(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> Value:
        """Load one entry, or one per lane where the offset varies over lanes."""
        lanes = self.lanes if varies(offset) else 1
        if lanes > 1 and (offset.step is None or offset.step.literal != 1):
            return self._read_scattered(pointer, offset, dtype, depth)
        where = self.entry_pointer(pointer, replace(offset, step=None), dtype, depth)
        kind = memory_type(dtype, lanes)
        name = self.builder.instruction(f"load {kind}, ptr {where}, align {dtype.itemsize}", depth)
        if dtype == BOOL:
            zero = "0" if lanes == 1 else "zeroinitializer"
            name = self.builder.instruction(f"icmp ne {kind} {name}, {zero}", depth)
        return Value(name, dtype, depth, lanes)

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
        base = replace(offset, step=None)
        return base if offset.step is None else self.add(base, self.multiply(offset.step, literal(lane, INT64)))

    def entry_pointer(self, pointer: Value, offset: Value, dtype: DType, depth: int) -> str:
        """The address of the entry at an offset."""
        if offset.literal == 0:
            return pointer.text
        kind = memory_type(dtype)
        return self.builder.instruction(f"getelementptr {kind}, ptr {pointer.text}, i64 {offset.text}", depth)

    def note_write(self, pointer: Value) -> None:
        """The code at hand writes to this buffer: later reads of it stay behind."""
        self._writers[pointer.text] = tuple(self.builder.scopes)

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

    def write(self, pointer: Value, offset: Value, value: Value) -> None:
        """Store to an entry, or to one per lane, in the innermost scope."""
        self.note_write(pointer)
        depth = self.builder.depth
        lanes = self.lanes if varies(offset) else 1
        if lanes == 1 and varies(value):
            raise VectorisationRefused
        if lanes > 1:
            value = self.vector(value)
        if lanes > 1 and (offset.step is None or offset.step.literal != 1):
            for lane in range(lanes):
                self._write_one(pointer, self.lane_offset(offset, lane), self.extract(value, lane), depth)
            return
        self._write_one(pointer, replace(offset, step=None), value, depth)

    def _write_one(self, pointer: Value, offset: Value, value: Value, depth: int) -> None:
        where = self.entry_pointer(pointer, offset, value.dtype, depth)
        text = value.text
        if value.dtype == BOOL:
            text = self.builder.instruction(f"zext {value.type} {text} to {memory_type(BOOL, value.lanes)}", depth)
        kind = memory_type(value.dtype, value.lanes)
        self.builder.line(f"store {kind} {text}, ptr {where}, align {value.dtype.itemsize}")
