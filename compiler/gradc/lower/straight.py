"""Straight-line code read back: what each line computes of what, and what must come before it.

Only lines that one lane has are understood, those that `gradc.lower.packing` may join; of the others it is known what they
need and whether they touch memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

#: Where an entry is: its buffer, the register that is added to that, and the entries after these.
Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class RoutineCall:
    """A call of an elementary function for one lane."""

    function: str
    operands: tuple[str, ...]
    itemsize: int


@dataclass(eq=False, slots=True)
class Line:
    """One line of code (of recorded code: several)."""

    number: int
    text: str
    #: the register that it sets, if there is one
    name: str = ""
    #: what it does, the same for lines that can be lanes of one; empty where it can't be a lane
    head: str = ""
    #: the type of a lane
    kind: str = ""
    operands: tuple[str, ...] = ()
    #: where it reads or writes
    place: Place | None = None
    call: RoutineCall | None = None
    #: the registers and literals that it needs
    names: Sequence[str] = ()
    #: the lines before it whose work it needs
    before: set[int] = field(default_factory=set)
    #: the calls on the longest way here, then the lines since the last: lines of equal rank don't need each other
    rank: tuple[int, float] = (0, 0.0)

    @property
    def is_store(self) -> bool:
        """Whether it writes an entry."""
        return self.head.startswith("store")

    @property
    def is_part(self) -> bool:
        """Whether it takes one of several results of a call."""
        return self.head.startswith("part")


_ARITHMETIC = frozenset({"fadd", "fsub", "fmul", "fdiv", "fneg"})
_INTRINSICS = ("llvm.fma", "llvm.sqrt", "llvm.fabs", "llvm.copysign")
_KINDS = ("double", "float")
_STORE = re.compile(r"  store (double|float) ([^,\s]+), ptr (%\w+), align \d+")
_PART = re.compile(r"<\d+ x (double|float)> (%\w+), i32 (\d+)")
_NAME = re.compile(r"%[\w.]+")
_SETS = re.compile(r"^  (%[\w.]+) = ", re.MULTILINE)
_LABEL = re.compile(r"^[\w.]+:", re.MULTILINE)
#: Calls that do nothing but compute, unless they are given addresses; of other calls nothing is known.
_COMPUTES = re.compile(r"call [^@]*@(?:llvm\.|gradc_(?!python))")


def is_jump(text: str) -> bool:
    """Whether the text leaves its block, or begins one."""
    if "\n" in text:
        return _LABEL.search(text) is not None
    return text.endswith(":") or text.startswith(("  br ", "  ret "))


def segments(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The stretches without a jump, as positions of their first line and of the one after the last."""
    first = 0
    for position, text in enumerate(lines):
        if is_jump(text):
            yield first, position
            first = position + 1
    yield first, len(lines)


def understood(texts: Iterable[str], calls: Mapping[str, RoutineCall], places: Mapping[str, Place]) -> list[Line]:
    """The lines, with what they need of those before them."""
    lines: list[Line] = []
    setters: dict[str, int] = {}
    memory = _Memory()
    for number, text in enumerate(texts):
        line = _read(number, text, calls, places)
        lines.append(line)
        line.before = {setters[name] for name in line.names if name in setters}
        memory.order(line)
        _rank(line, lines)
        if line.name:
            setters[line.name] = number
        elif " = " in text:
            setters.update(dict.fromkeys(_SETS.findall(text), number))
    return lines


def _read(number: int, text: str, calls: Mapping[str, RoutineCall], places: Mapping[str, Place]) -> Line:
    name, assigns, rest = text[2:].partition(" = ")
    if "\n" in text or not assigns:
        return _read_store(number, text, places)
    if name in calls:
        call = calls[name]
        kind = _KINDS[call.itemsize == 4]
        return Line(number, text, name, f"{call.function} {kind}", kind, call.operands, call=call, names=call.operands)
    operation, kind, operands = _operation(rest)
    if kind not in _KINDS:
        return Line(number, text, name, names=_NAME.findall(rest))
    if operation == "load":
        where = operands[0]
        return Line(number, text, name, f"load {kind}", kind, (), places.get(where, (where, "0", 0)), names=operands)
    if operation == "part":
        whole, position = operands
        if whole not in calls:
            return Line(number, text, name, names=(whole,))
        return Line(number, text, name, f"part {position} {kind}", kind, (whole,), names=(whole,))
    return Line(number, text, name, f"{operation} {kind}", kind, operands, names=operands)


def _operation(text: str) -> tuple[str, str, tuple[str, ...]]:
    """What an instruction does, the type of its result if it is a float in one lane, the operands."""
    operation, _, rest = text.partition(" ")
    if operation in _ARITHMETIC and rest.startswith(_KINDS):
        kind, _, listed = rest.partition(" ")
        return operation, kind, tuple(listed.split(", "))
    if operation == "load":
        kind, _, where = rest.partition(", ptr ")
        return operation, kind, (where.partition(",")[0],)
    if operation == "call":
        kind, _, called = rest.partition(" @")
        function, _, listed = called.partition("(")
        if kind in _KINDS and (base := function.rpartition(".")[0]) in _INTRINSICS:
            return base, kind, tuple(operand.partition(" ")[2] for operand in listed[:-1].split(", "))
    if operation == "extractelement" and (match := _PART.fullmatch(rest)):
        kind, whole, position = match.groups()
        return "part", kind, (whole, position)
    return "", "", ()


def _read_store(number: int, text: str, places: Mapping[str, Place]) -> Line:
    """A line that sets no register, or several lines."""
    if match := _STORE.fullmatch(text):
        kind, value, where = match.groups()
        place = places.get(where, (where, "0", 0))
        return Line(number, text, "", f"store {kind}", kind, (value,), place, names=(value, where))
    return Line(number, text, names=_NAME.findall(text))


class _Memory:
    """The order that reads and writes keep.

    A read comes after the writes to its buffer, a write after all reads and writes: buffers of results that are not needed
    at the same time may share memory. Different entries of a buffer don't wait for each other.
    """

    def __init__(self) -> None:
        self._reads: dict[str, list[Line]] = {}
        self._writes: dict[str, list[Line]] = {}
        self._barrier: int | None = None

    def order(self, line: Line) -> None:
        """Note what a line waits for."""
        if line.place is not None:
            self._wait(line, line.place[0])
        elif not line.head and _touches_memory(line.text):
            line.before.update(
                other.number for table in (self._reads, self._writes) for k in table for other in table[k]
            )
            if self._barrier is not None:
                line.before.add(self._barrier)
            self._barrier = line.number
            self._reads, self._writes = {}, {}

    def _wait(self, line: Line, buffer: str) -> None:
        if self._barrier is not None:
            line.before.add(self._barrier)
        own = self._writes.get(buffer, [])
        if line.is_store:
            for table in (self._reads, self._writes):
                for other, lines in table.items():
                    if other != buffer:
                        line.before.update(each.number for each in lines)
            own = [*own, *self._reads.get(buffer, [])]
        line.before.update(each.number for each in own if _may_meet(line, each))
        (self._writes if line.is_store else self._reads).setdefault(buffer, []).append(line)


def _may_meet(line: Line, other: Line) -> bool:
    """Whether lines that read or write a buffer may mean the same entry."""
    assert line.place is not None
    assert other.place is not None
    return line.place[1] != other.place[1] or line.place[2] == other.place[2] or line.kind != other.kind


def _touches_memory(text: str) -> bool:
    if "call " in text:
        return any("call " in part and ("ptr" in part or not _COMPUTES.search(part)) for part in text.split("\n"))
    return "load " in text or "store " in text or "fence " in text


def _rank(line: Line, lines: Sequence[Line]) -> None:
    level, depth = 0, 0.0
    for number in line.before:
        other = lines[number]
        at, after = (other.rank[0] + 1, 0.0) if other.call is not None else (other.rank[0], other.rank[1] + 1)
        if at > level:
            level, depth = at, after
        elif at == level:
            depth = max(depth, after)
    line.rank = (level, depth if line.call is None else float("inf"))
