"""Tapes of loops whose number of steps is not known before they run: rows that grow until they are enough.

A kernel with tapes has named sizes that begin with `PREFIX`. It ends with the status `TOO_SHORT` where a tape has no row left,
and says which: then the tape is made longer, and the kernel runs again from the beginning. The lengths are kept from call to
call. The steps of all runs together are at most twice those of the last one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

#: How the names of tapes' extents begin; no user's name does.
PREFIX = "tape'"
#: The status of a kernel with a tape that has no row left.
TOO_SHORT = 8
#: Rows to begin with.
FIRST = 64
#: Where Linux says how much memory a container may use, if that is limited.
_CONTAINER = Path("/sys/fs/cgroup/memory.max")


class Tapes:
    """The lengths of a kernel's tapes, which are the last of its named sizes."""

    def __init__(self, size_names: Sequence[str]) -> None:
        self.count = sum(name.startswith(PREFIX) for name in size_names)
        self.lengths = (FIRST,) * self.count

    def begin_anew(self) -> None:
        """Forget the lengths: they were those of a call that failed for want of memory."""
        self.lengths = (FIRST,) * self.count

    def lengthen(self, short: int, lengths: tuple[int, ...]) -> None:
        """Make the tape at this place longer than ``lengths`` has it. Another thread may have done so."""
        wanted = [2 * length if k == short else length for k, length in enumerate(lengths)]
        self.lengths = tuple(map(max, wanted, self.lengths))


def memory_bytes() -> float:
    """The machine's memory, or what of it this process may use; infinite where that isn't known."""
    try:
        there: float = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return float("inf")
    try:
        return min(there, float(_CONTAINER.read_text("ascii")))
    except (OSError, ValueError):
        return there


def check_room(wanted: int) -> None:
    """Refuse a workspace of more than half of the memory: a loop that doesn't end would go on to fill all of it."""
    there = memory_bytes()
    if wanted > there / 2:
        raise MemoryError(
            f"the derivative of a loop that ends by a condition needs {wanted / 2**30:.3g} GiB for what its steps leave "
            f"behind, of {there / 2**30:.3g} that there are; does the loop end? Forward mode (jvp) needs no such memory"
        )
