"""What a kernel reads and writes while it runs: its LLVM assembly with a counter beside every access to memory.

The assembly is what the emitter wrote, before LLVM improves it: the steps of a loop, the copies between steps and what lies on
the stack all count. Entries of vectors count one by one; a copy of bytes counts as so many words read and written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from gradc_runtime.engine import Engine

_LOAD = re.compile(r"= load (?:<(?P<lanes>\d+) x )?[\w ]+>?, ptr ")
_STORE = re.compile(r"^\s*store (?:<(?P<lanes>\d+) x )?[\w ]+>? \S")
_MASKED = re.compile(r"call .*@llvm\.masked\.(?P<kind>load|store|gather|scatter)\.v(?P<lanes>\d+)")
_BYTES = re.compile(r"call void @llvm\.mem(?P<kind>cpy|move|set)\.\S+\(.*?, i64 (?P<size>[^,)]+), i1")
#: External functions that touch no array.
_HARMLESS = ("llvm.", "gradc_")
#: What a kernel's module defines, and those of entries and routines don't.
_KERNEL = "define i32 @gradc_pointers("
_CALL = re.compile(r"call .*?@([\w.$]+)\(")
_WORD = 8


@dataclass
class Accesses:
    """Entries read and written since `counting_accesses` began or `clear` was called."""

    cells: np.ndarray

    @property
    def reads(self) -> int:
        """Entries read."""
        return int(self.cells[0])

    @property
    def writes(self) -> int:
        """Entries written."""
        return int(self.cells[1])

    def clear(self) -> None:
        """Begin again."""
        self.cells[:] = 0


@contextmanager
def counting_accesses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Accesses]:
    """Kernels compiled inside count what they read and write; they must not run after it."""
    found = Accesses(np.zeros(2, np.int64))
    compiled = Engine.compile

    def counted(self: Engine, text: str, *args: object, **options: object) -> bytes:
        is_kernel = _KERNEL in text
        counting = with_counters(text, found.cells.ctypes.data) if is_kernel else text
        return compiled(self, counting, *args, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "compile", counted)
        yield found


def with_counters(text: str, address: int) -> str:
    """The module of assembly with counters of reads and writes at an address and behind it."""
    own = set(re.findall(r"^define .*?@([\w.$]+)\(", text, re.MULTILINE))
    lines: list[str] = []
    for number, line in enumerate(text.split("\n")):
        called = _CALL.search(line)
        if called and called[1] not in own and not called[1].startswith(_HARMLESS):
            raise ValueError(f"what {called[1]} reads and writes can't be counted")
        lines.append(line)
        for position, (cell, amount) in enumerate(_touched(line)):
            lines += _added(f"%counted.{number}.{position}", address + _WORD * cell, amount)
    return "\n".join(lines)


def _touched(line: str) -> Iterator[tuple[int, str]]:
    """(0 for reads, 1 for writes; how many, as an operand or as bytes to be divided)."""
    if found := _LOAD.search(line):
        yield 0, found["lanes"] or "1"
    elif found := _STORE.search(line):
        yield 1, found["lanes"] or "1"
    elif found := _MASKED.search(line):
        yield int(found["kind"] in ("store", "scatter")), found["lanes"]
    elif found := _BYTES.search(line):
        if found["kind"] != "set":
            yield 0, f"bytes {found['size']}"
        yield 1, f"bytes {found['size']}"


def _added(name: str, address: int, amount: str) -> Iterator[str]:
    """Code that adds to a counter."""
    if amount.startswith("bytes "):
        yield f"  {name}.words = lshr i64 {amount[6:]}, 3"
        amount = f"{name}.words"
    cell = f"ptr inttoptr (i64 {address} to ptr)"
    yield f"  {name}.before = load i64, {cell}"
    yield f"  {name}.after = add i64 {name}.before, {amount}"
    yield f"  store i64 {name}.after, {cell}"
