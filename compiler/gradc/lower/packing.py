"""Lanes out of straight-line code: calls of one elementary function that don't need each other, and what is around them.

Small loops are written out, one statement after the other, and their elementary functions would be called lane by lane. Here
calls of equal rank become lanes of vectors; then, backwards from their operands and from stores of neighbours, whatever all
lanes do alike (Larsen and Amarasinghe, *Exploiting superword level parallelism with multimedia instruction sets*, 2000).
Each lane computes what it would alone: results have the same bits whatever is joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gradc.lower.straight import Line

#: What it costs to bring a number that lies before the code at hand into a vector, in instructions: it may stay there.
BEFORE = 0.25
#: So far back from a vector goes what is joined for it.
DEEPEST = 100
#: Operations whose first two operands may change places.
_COMMUTATIVE = ("fadd", "fmul", "llvm.fma")


@dataclass(eq=False, slots=True)
class Pack:
    """Lines that become one; a line may be there twice, to fill up."""

    lines: tuple[Line, ...]
    #: per operand, what the lanes have
    columns: tuple[tuple[str, ...], ...]
    #: what the lanes set
    names: tuple[str, ...]


@dataclass
class Packing:
    """Which lines of a stretch of code become lanes of which vectors."""

    lines: Sequence[Line]
    vector_bits: int
    #: by the number of the line
    pack_of: dict[int, Pack] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._setters = {line.name: line for line in self.lines if line.name}
        self._journal: list[Pack] = []
        #: vectors that are not worth it
        self._apart: set[tuple[str, ...]] = set()

    def search(self) -> bool:
        """Find the vectors; whether there are any."""
        for alike in _grouped(line for line in self.lines if line.call is not None):
            self._join_calls(alike)
        if self.pack_of:
            for alike in _grouped(line for line in self.lines if line.is_store):
                for run in _runs(alike):
                    self._join_stores(run)
            self._join_readers()
        return bool(self.pack_of)

    # ------------------------------------------------------------ seeds

    def _lanes(self, line: Line) -> int:
        return self.vector_bits // (64 if line.kind == "double" else 32)

    def _join_calls(self, calls: Sequence[Line]) -> None:
        widest = self._lanes(calls[0])
        for first in range(0, len(calls), widest):
            chosen = list(calls[first : first + widest])
            if len(chosen) > 1:
                lanes = 1 << (len(chosen) - 1).bit_length()
                pack = self._form([*chosen, *[chosen[0]] * (lanes - len(chosen))])
                for column in pack.columns:
                    self._settle(column)

    def _join_stores(self, run: Sequence[Line]) -> None:
        """Neighbours, in vectors as wide as can be, or half as wide where that saves more of the first of them."""
        width = min(self._lanes(run[0]), 1 << (len(run).bit_length() - 1))
        if width > 2:
            mark = len(self._journal)
            half = sum(self._joined(run[first : first + width // 2]) for first in (0, width // 2))
            self._undo(mark)
            whole = self._joined(run[:width])
            self._undo(mark)
            width = width if whole >= half else width // 2
        for first in range(0, len(run) - width + 1, width):
            self._joined(run[first : first + width])

    def _joined(self, stores: Sequence[Line]) -> float:
        """Join stores where that saves instructions, and tell how many."""
        mark = len(self._journal)
        pack = self._form(stores)
        saved = len(stores) - 1 - self._settle(pack.columns[0])
        if saved <= 0:
            self._undo(mark)
        return max(saved, 0.0)

    def _join_readers(self) -> None:
        """What is done alike with each lane of a vector."""
        readers: dict[str, list[Line]] = {}
        for line in self.lines:
            if line.head and line.place is None and line.call is None and not line.is_part:
                for operand in line.operands:
                    readers.setdefault(operand, []).append(line)
        for pack in self._journal:  # which grows
            lanes = [readers.get(name, []) for name in pack.names]
            for line in lanes[0]:
                self._join_alike(line, lanes)

    def _join_alike(self, first: Line, lanes: Sequence[Sequence[Line]]) -> None:
        """A line that reads the first lane of a vector with those that do the same with the other lanes."""
        chosen = [next((line for line in lane if self._is_alike(line, first)), None) for lane in lanes]
        lines = [line for line in chosen if line is not None]
        if len({line.number for line in lines}) < len(chosen):
            return
        mark = len(self._journal)
        pack = self._form(lines)
        if len(lines) - 1 < sum(map(self._settle, dict.fromkeys(pack.columns))):
            self._undo(mark)

    def _is_alike(self, line: Line, first: Line) -> bool:
        return line.head == first.head and line.rank == first.rank and line.number not in self.pack_of

    # ------------------------------------------------------------ trees

    def _form(self, lines: Sequence[Line]) -> Pack:
        pack = Pack(tuple(lines), self._columns(lines), tuple(line.name for line in lines))
        for line in lines:
            self.pack_of[line.number] = pack
        self._journal.append(pack)
        return pack

    def _columns(self, lines: Sequence[Line]) -> tuple[tuple[str, ...], ...]:
        """The operands of the lanes, place by place; factors and terms change places where that makes them more alike."""
        first = lines[0]
        if not first.operands:
            return ()
        rows = [line.operands for line in lines]
        if first.head.startswith(_COMMUTATIVE):
            wanted = [self._nature(operand) for operand in rows[0][:2]]
            for number, row in enumerate(rows):
                found = [self._nature(operand) for operand in row[:2]]
                crossed = row[0] == rows[0][1] or row[1] == rows[0][0]
                if found[::-1] == wanted and (found != wanted or crossed) and number:
                    rows[number] = (row[1], row[0], *row[2:])
        return tuple(zip(*rows, strict=True))

    def _undo(self, mark: int) -> None:
        for pack in self._journal[mark:]:
            for line in pack.lines:
                self.pack_of.pop(line.number, None)
        del self._journal[mark:]

    def _nature(self, operand: str) -> object:
        """What operands have in common that may be made by one instruction."""
        line = self._setters.get(operand)
        if line is None:
            return operand.startswith("%")
        return line.head, line.place[:2] if line.place else line.rank

    def _settle(self, operands: tuple[str, ...], depth: int = 0) -> float:
        """The instructions that a vector of these operands takes, less those that it saves; what is worth it is joined."""
        price = self._gathering(operands)
        lines = None if not price or depth > DEEPEST or operands in self._apart else self._alike(operands)
        if lines is None:
            return price
        mark = len(self._journal)
        pack = self._form(lines)
        columns = dict.fromkeys(pack.columns)
        joined = 1.0 - len(set(operands)) + sum(self._settle(column, depth + 1) for column in columns)
        if joined <= price:
            return joined
        self._undo(mark)
        self._apart.add(operands)
        return price

    def _alike(self, operands: Sequence[str]) -> list[Line] | None:
        """The lines that set the operands, where they can become one."""
        first = self._setters.get(operands[0])
        if first is None or operands[0] == operands[1]:
            return None
        lines = [self._setters[operand] for operand in operands if operand in self._setters]
        if len(lines) < len(operands):
            return None
        if not first.head or first.call is not None or first.is_part:
            return None
        if not all(self._is_alike(line, first) for line in lines):
            return None
        return lines if first.place is None or _are_neighbours(lines) else None

    def _gathering(self, operands: Sequence[str]) -> float:
        """The instructions that bring the operands together."""
        sources: dict[Pack, None] = {}
        price = 0.0
        for operand in dict.fromkeys(operands):
            line = self._setters.get(operand)
            if line is None:
                price += BEFORE if operand.startswith("%") else 0.0
                continue
            pack = self._home(line)
            if pack is None:
                price += 1.0
            else:
                sources[pack] = None
        if len(sources) == 1 and not price:
            (pack,) = sources
            if tuple(operands) == pack.names:
                return 0.0
        return price + len(sources)

    def _home(self, line: Line) -> Pack | None:
        if line.is_part:
            line = self._setters.get(line.operands[0], line)
        return self.pack_of.get(line.number)


def _grouped(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines that do the same and don't need each other, the first first."""
    groups: dict[tuple[str, tuple[int, float]], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.head, line.rank), []).append(line)
    return list(groups.values())


def _runs(stores: Sequence[Line]) -> list[list[Line]]:
    """Stores to neighbouring entries, in order of these."""
    result: list[list[Line]] = []
    for line in sorted(stores, key=lambda line: line.place or ("", "", 0)):
        if result and _are_neighbours([result[-1][-1], line]):
            result[-1].append(line)
        else:
            result.append([line])
    return [run for run in result if len(run) > 1]


def _are_neighbours(lines: Sequence[Line]) -> bool:
    places = [line.place for line in lines]
    first = places[0]
    return first is not None and all(
        place == (first[0], first[1], first[2] + lane) for lane, place in enumerate(places)
    )
