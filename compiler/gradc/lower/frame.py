"""Where each tensor of a program lives, and how a function of its module reads that from the frame it is called with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gradc.ir.scalar import INT64
from gradc.ir.tensor import Constant, Extent, Input, Tensor
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.memory import Storage
from gradc.lower.subprograms import Follower
from gradc.lower.text import FunctionBuilder, Value, literal
from gradc.lower.tree import Item, statements
from gradc_runtime.engine import Host
from gradc_runtime.loaded import Signature


@dataclass
class Placement:
    """Where each tensor lives: inputs, outputs and constants by position, the rest at offsets of the workspace."""

    inputs: tuple[Input, ...]
    outputs: tuple[Tensor, ...]
    constants: tuple[Constant, ...]
    #: offsets in bytes
    workspace: dict[Tensor, Extent]
    workspace_bytes: Extent
    #: what is computed into which output: the first output that is this tensor
    output_of: dict[Tensor, int]
    #: the axes of which the buffer has entries, where it lacks some
    kept_axes: dict[Tensor, tuple[int, ...]] = field(default_factory=dict)
    #: bytes of one copy, and how many there are, of what each thread has a copy of
    copy_bytes: dict[Tensor, Extent] = field(default_factory=dict)
    copies: dict[Tensor, Extent] = field(default_factory=dict)
    #: where in the workspace the chunks of shared loops leave their records
    records: Extent = 0


class Frame:
    """The frame of a kernel, as its functions read it."""

    def __init__(self, placement: Placement, signature: Signature, host: Host) -> None:
        self.placement = placement
        self.signature = signature
        self._host = host

    def emitter(
        self, builder: FunctionBuilder, tensors: Iterable[Tensor], *, slot: Value | None = None
    ) -> ExpressionEmitter:
        """An emitter that knows the sizes and where these tensors are, for the thread in ``slot`` of a shared loop."""
        host, status = self._host, self.signature.status_slot
        emitter = ExpressionEmitter(builder, {}, status, host.vector_bits, host.has_fma)
        for position, size in enumerate(self.signature.size_names):
            emitter.sizes[size] = self._value(builder, self.signature.size_slot + position)
        for tensor in tensors:
            self._place(emitter, tensor, slot)
        return emitter

    def workspace(self, emitter: ExpressionEmitter, offset: Extent) -> Value:
        """The address of a place in the workspace."""
        base = emitter.sizes.get("")
        if base is None:
            base = emitter.sizes[""] = self._value(emitter.builder, self.signature.workspace_slot, "ptr")
        if offset not in emitter.places:  # one register per place: results that share it can be told
            emitter.places[offset] = moved(emitter.builder, base, emitter.extent(offset))
        return emitter.places[offset]

    def _value(self, builder: FunctionBuilder, slot: int, kind: str = "i64") -> Value:
        address = builder.instruction(f"getelementptr i64, ptr %frame, i64 {slot}", 0)
        return Value(builder.instruction(f"load {kind}, ptr {address}, align 8", 0), INT64)

    def _place(self, emitter: ExpressionEmitter, tensor: Tensor, slot: Value | None) -> None:
        placement, builder = self.placement, emitter.builder
        if tensor in placement.workspace:
            pointer = self.workspace(emitter, placement.workspace[tensor])
        elif tensor in placement.output_of:
            pointer = self._value(builder, len(placement.inputs) + placement.output_of[tensor], "ptr")
        elif isinstance(tensor, Input):
            pointer = self._value(builder, placement.inputs.index(tensor), "ptr")
        elif isinstance(tensor, Constant):
            pointer = self._value(builder, self.signature.constant_slot + placement.constants.index(tensor), "ptr")
        else:
            return
        if tensor in placement.copy_bytes:
            assert slot is not None, "only threads of a shared loop have copies"
            step = emitter.extent(placement.copy_bytes[tensor])
            pointer = moved(builder, pointer, builder.multiply_integers(slot, step))
        kept = placement.kept_axes.get(tensor, tuple(range(tensor.rank)))
        emitter.store_at(tensor, Storage(pointer, strides(emitter, tensor, kept)))


def strides(emitter: ExpressionEmitter, tensor: Tensor, kept: Sequence[int]) -> tuple[Value | None, ...]:
    """The strides, in entries, of a buffer of some of a tensor's axes."""
    found: list[Value | None] = [None] * tensor.rank
    step = literal(1, INT64)
    for axis in reversed(kept):
        found[axis] = step
        if axis != kept[0]:
            step = emitter.builder.multiply_integers(step, emitter.extent(tensor.shape[axis]))
    return tuple(found)


def moved(builder: FunctionBuilder, pointer: Value, count: Value) -> Value:
    """An address so many bytes further on."""
    if count.literal == 0:
        return pointer
    depth = max(pointer.depth, count.depth)
    text = f"getelementptr i8, ptr {pointer.text}, i64 {count.text}"
    return Value(builder.instruction(text, depth), INT64, depth)


def mentioned(items: Sequence[Item]) -> Iterator[Tensor]:
    """The tensors that the items read or write."""
    seen: dict[Tensor, None] = {}
    for statement in statements(list(items)):
        if isinstance(statement, Follower):
            continue
        seen.update(dict.fromkeys((statement.tensor, *statement.also_writes)))
        seen.update(dict.fromkeys(statement.reads))
    return iter(seen)
