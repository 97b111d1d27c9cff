"""Writing plans: the steps by which machine code serves calls of one form."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from gradc_runtime.blas import one_thread
from gradc_runtime.buffers import aligned_bytes, kept_workspaces
from gradc_runtime.entry import Plan, PlanOffset
from gradc_runtime.entry_code import Chunk, call_code
from gradc_runtime.entry_kernel_steps import array_step
from gradc_runtime.entry_text import WORD, Field
from gradc_runtime.layout import ALIGNED, C_CONTIGUOUS, WRITEABLE
from gradc_runtime.loaded import LoadedKernel

#: Workspaces up to so many bytes are on the stack.
STACK_WORKSPACE = 8192

#: The most bytes of stack that a call may take.
STACK_LIMIT = 1 << 16

#: Steps that append a reference to release; those that append a part of the result begin with "build_".
_HOLDING = frozenset({"hold", "attribute", "attribute_of", "new_array", "take_workspace"})


#: Steps that go into one chunk with the step before them, and those that end a chunk: they have a list of operands.
_JOINING = frozenset(
    """
    same of_type sized equal hold keep method_function tuple_entries list_entries dict_entries number number_copy
    wide_number_copy integer integer_as_float same_bytes array_of_rank_0 array_of_rank_1 array_of_rank_2
    array_of_rank_3 array succeeded finish
    """.split()
)
_ENDING = frozenset({"array", "dict_entries"})


class NoPlan(Exception):
    """What can't be served by machine code."""


class PlanWriter:
    """Collects the steps of one plan, the objects they refer to, and the memory that a call needs."""

    def __init__(self, kernel: LoadedKernel) -> None:
        self._kernel = kernel
        self._steps: list[tuple[str, tuple[int, ...]]] = []
        self._kept: dict[int, Any] = {id(kernel): kernel}
        self._bytes = Field.FRAME + WORD * kernel.signature.slot_count
        self._held = self._built = 0

    # ------------------------------------------------------------ parts

    def step(self, name: str, *operands: int) -> None:
        """One more step."""
        self._steps.append((name, operands))
        self._held += name in _HOLDING
        self._built += name.startswith("build_")

    def refer(self, value: Any) -> int:
        """The address of an object, which the plan keeps alive."""
        self._kept[id(value)] = value
        return id(value)

    def room(self, count: int, alignment: int = WORD) -> int:
        """The offset of so many bytes of a call's memory."""
        offset = -(-self._bytes // alignment) * alignment
        self._bytes = offset + count
        return offset

    def bytes_at(self, content: bytes) -> int:
        """The address of these bytes."""
        return ctypes.addressof(self._keep(ctypes.create_string_buffer(content, max(len(content), 1))))

    def words_at(self, content: Sequence[int]) -> int:
        """The address of these 64-bit words."""
        return ctypes.addressof(self._keep((ctypes.c_int64 * max(len(content), 1))(*content)))

    def _keep(self, block: Any) -> Any:
        self._kept[id(block)] = block
        return block

    def slot(self, position: int) -> int:
        """The offset of a slot of the kernel's frame."""
        return Field.FRAME + WORD * position

    def input_slot(self, position: int) -> int:
        """The offset of the slot of an input."""
        return self.slot(position)

    def output_slot(self, position: int) -> int:
        """The offset of the slot of a result."""
        return self.slot(len(self._kernel.signature.inputs) + position)

    # ------------------------------------------------------------ checks

    def expect_array(self, slot: int, dtype: np.dtype[Any], shape: Sequence[int], *, writeable: bool = False) -> None:
        """The object is an array that the kernel can use as it is."""
        flags = C_CONTIGUOUS | ALIGNED | (WRITEABLE if writeable else 0)
        rank, name = len(shape), array_step(len(shape))
        extents = [rank, *shape] if name == "array" else shape
        self.step(name, slot, self.refer(np.ndarray), flags, ord(dtype.byteorder), dtype.num, *extents)

    def expect_apart(self, slot: int, count: int, other_slot: int, other_count: int) -> None:
        """The arrays in two slots, of so many bytes, don't overlap."""
        if count and other_count:
            self.step("apart", slot, count, other_slot, other_count)

    # ------------------------------------------------------------ the kernel

    def run(self) -> None:
        """Run the kernel on the frame, whose slots of inputs and outputs are filled."""
        kernel, signature = self._kernel, self._kernel.signature
        for position, constant in enumerate(kernel.constants):
            self.step("set_slot", self.slot(signature.constant_slot + position), constant.ctypes.data)
        give_back = self._workspace()
        if signature.limits_blas_threads:
            self.step("hook", self.refer(one_thread.__enter__))
        self.step("run_without_lock" if signature.releases_gil else "run", kernel.entry_cell)
        if signature.limits_blas_threads:
            self.step("hook", self.refer(one_thread.__exit__))
        if give_back:
            self.step("give_back", *give_back)
        if kernel.may_raise:
            self.step("nothing_raised")
        self.step("succeeded")

    def _workspace(self) -> tuple[int, ...]:
        """Fill the slot of the workspace; what `give_back` needs, if it comes from the pool."""
        count = self._kernel.signature.workspace
        assert isinstance(count, int)
        slot = self.slot(self._kernel.signature.workspace_slot)
        if count <= STACK_WORKSPACE:
            if count:
                self.step("set_address", slot, self.room(count, 64))
            return ()
        free, place = self._kernel.workspaces.free, self.room(WORD)
        self.step("take_workspace", slot, place, self.refer(free), self.refer(partial(aligned_bytes, count)))
        return place, self.refer(free), kept_workspaces(count)

    # ------------------------------------------------------------ results

    def new_result(self, position: int) -> int:
        """A new array for a result; the offset where it is kept."""
        spec = self._kernel.signature.outputs[position]
        shape, place = [int(e) for e in spec.shape if isinstance(e, int)], self.room(WORD)
        self.step(
            "new_array",
            self.output_slot(position),
            place,
            self.refer(np.ndarray),
            self.refer(spec.dtype),
            len(shape),
            self.words_at(shape),
        )
        return place

    def new_number(self, position: int) -> int:
        """Room for a result without axes; its offset."""
        place = self.room(16, 16)
        self.step("set_address", self.output_slot(position), place)
        return place

    def finish(self, tag: Any) -> Plan:
        """The plan. The result is what the one `build_` step gave that is not part of another."""
        self.step("finish")
        held = self.room(WORD * self._held)
        built = self.room(WORD * self._built)
        if self._bytes > STACK_LIMIT:
            raise NoPlan
        header = {
            PlanOffset.BYTES: self.room(0, 64),
            PlanOffset.HELD: held,
            PlanOffset.BUILT: built,
        }
        words = [header.get(offset, 0) for offset in range(0, PlanOffset.STEPS, WORD)]
        chunks = self._chunks()
        addresses = call_code.addresses(names for names, _ in chunks)
        for names, operands in chunks:
            words += [addresses[names], *operands]
        return Plan(call_code.entry, words, list(self._kept.values()), tag)

    def _chunks(self) -> list[tuple[Chunk, list[int]]]:
        """The steps in chunks: a step that works on the object found, or ends something, goes with the one before."""
        chunks: list[tuple[list[str], list[int]]] = []
        for name, operands in self._steps:
            if name not in _JOINING or not chunks or chunks[-1][0][-1] in _ENDING:
                chunks.append(([], []))
            chunks[-1][0].append(name)
            chunks[-1][1].extend(operands)
        return [(tuple(names), operands) for names, operands in chunks]


def byte_count(dtype: np.dtype[Any], shape: Sequence[int]) -> int:
    """The bytes of a contiguous array."""
    return dtype.itemsize * prod(shape)
