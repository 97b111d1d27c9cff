"""Memory for one call at a time: the frame of pointers and the workspace, pooled so that threads never share."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

ALIGNMENT = 64
#: Of workspaces of more bytes, one is kept.
LARGE = 1 << 20


def aligned_bytes(count: int) -> np.ndarray:
    """``count`` bytes that start at a multiple of 64."""
    raw = np.empty(count + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + count]


def kept_workspaces(count: int) -> int:
    """How many workspaces of so many bytes are kept for later calls: large ones are not hoarded."""
    return 16 if count < LARGE else 1


class Workspaces:
    """Workspaces that are free; taking and giving back are atomic list operations, in Python and in machine code."""

    def __init__(self) -> None:
        self.free: list[np.ndarray] = []

    def take(self, count: int) -> np.ndarray:
        """At least ``count`` bytes."""
        try:
            block = self.free.pop()
        except IndexError:
            return aligned_bytes(count)
        return block if block.size >= count else aligned_bytes(count)

    def give_back(self, block: np.ndarray) -> None:
        """Return a workspace after the call."""
        if len(self.free) < kept_workspaces(block.size):
            self.free.append(block)


class Frame:
    """What the machine code is given: pointers to inputs, outputs, constants and workspace, then sizes, then a status."""

    __slots__ = ("address", "slots")

    def __init__(self, slot_count: int) -> None:
        self.slots = (ctypes.c_int64 * slot_count)()
        self.address = ctypes.addressof(self.slots)


class FramePool:
    """Frames that are free; taking and giving back are atomic list operations."""

    def __init__(self, slot_count: int, fixed: Sequence[tuple[int, int]]) -> None:
        self._slot_count = slot_count
        self._fixed = fixed
        self._free: list[Frame] = []

    def take(self) -> Frame:
        """A frame for one call, its fixed slots filled."""
        try:
            return self._free.pop()
        except IndexError:
            frame = Frame(self._slot_count)
            for slot, value in self._fixed:
                frame.slots[slot] = value
            return frame

    def give_back(self, frame: Frame) -> None:
        """Return a frame after the call."""
        if len(self._free) < 16:
            self._free.append(frame)
