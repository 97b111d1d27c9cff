"""Straight-line code with lanes joined, written out again.

Lines keep their order, but for those that a vector needs: they come before the first of its lanes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gradc.lower import mathematics
from gradc.lower.module import Module
from gradc.lower.packing import Pack, Packing
from gradc.lower.straight import Line, Place, RoutineCall, segments, understood


def packed(
    lines: Sequence[str],
    calls: Mapping[str, RoutineCall],
    places: Mapping[str, Place],
    builder: Names,
    vector_bits: int,
) -> list[str]:
    """The lines of a scope with lanes joined."""
    result: list[str] = []
    for first, last in segments(lines):
        chosen = lines[first:last]
        if sum(text[2:].partition(" ")[0] in calls for text in chosen) > 1:
            packing = Packing(understood(chosen, calls, places), vector_bits)
            if packing.search():
                chosen = _Writer(packing, builder).written()
        result += chosen
        result += lines[last : last + 1]
    return result


class Names(Protocol):
    """Gives names, and takes what is called into the module."""

    module: Module

    def fresh(self, prefix: str = "v") -> str:
        """A new register, without its sigil."""


@dataclass
class _Vector:
    """A vector of floats, and which registers its lanes are."""

    text: str
    kind: str
    lanes: tuple[str, ...]

    @property
    def type(self) -> str:
        return f"<{len(self.lanes)} x {self.kind}>"


@dataclass
class _Writer:
    packing: Packing
    builder: Names
    _result: list[str] = field(default_factory=list)
    _last: list[str] = field(default_factory=list)
    _done: set[int] = field(default_factory=set)
    #: where registers are that no line has set yet
    _homes: dict[str, tuple[_Vector, int]] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _vectors: dict[tuple[str, ...], _Vector] = field(default_factory=dict)
    #: the results of calls that have several, by the registers that hold them in one lane
    _wholes: dict[str, tuple[list[_Vector], int]] = field(default_factory=dict)

    def written(self) -> list[str]:
        """The code."""
        pack_of, done = self.packing.pack_of, self._done
        for line in self.packing.lines:
            if line.number in pack_of or not line.before <= done:
                self._reach(line)
            elif line.number not in done:
                done.add(line.number)
                self._alone(line)
        for name in self._homes:
            self._take(name)
        return self._result + self._last

    # ------------------------------------------------------------ order

    def _reach(self, goal: Line) -> None:
        """Write a line, after all that it needs."""
        stack = [goal]
        while stack:
            line = stack[-1]
            if line.number in self._done:
                stack.pop()
                continue
            pack = self.packing.pack_of.get(line.number)
            members = (line,) if pack is None else pack.lines
            missing = {number for member in members for number in member.before} - self._done
            if missing:
                stack += [self.packing.lines[number] for number in sorted(missing, reverse=True)]
                continue
            stack.pop()
            self._done |= {member.number for member in members}
            if pack is not None:
                self._joined(pack)
            else:
                self._alone(line)

    def _alone(self, line: Line) -> None:
        if line.is_part and line.operands[0] in self._wholes:
            results, lane = self._wholes[line.operands[0]]
            self._homes[line.name] = results[int(line.head.split()[1])], lane
            return
        for name in line.names:
            if name in self._homes:
                self._take(name)
        self._result.append(line.text)

    def _take(self, name: str) -> None:
        """Have a register set that is a lane of a vector."""
        if name not in self._taken:
            self._taken.add(name)
            vector, lane = self._homes[name]
            self._result.append(f"  {name} = extractelement {vector.type} {vector.text}, i32 {lane}")

    def _emit(self, text: str) -> str:
        name = f"%{self.builder.fresh('p')}"
        self._result.append(f"  {name} = {text}")
        return name

    # ------------------------------------------------------------ joined lines

    def _joined(self, pack: Pack) -> None:
        first = pack.lines[0]
        if first.call is not None:
            self._call(pack, first.call)
            return
        operation, kind = first.head.rsplit(" ", 1)
        vector = _Vector("", kind, pack.names)
        address = first.text.rpartition("ptr ")[2]
        if first.is_store:
            value = self._vector(pack.columns[0], kind)
            self._result.append(f"  store {value.type} {value.text}, ptr {address}")
        elif operation == "load":
            vector.text = self._emit(f"load {vector.type}, ptr {address}")
        else:
            operands = [self._vector(column, kind) for column in pack.columns]
            vector.text = self._emit(self._operation(operation, vector.type, operands))
        if not first.is_store:
            self._settle(vector)

    def _operation(self, name: str, kind: str, operands: Sequence[_Vector]) -> str:
        if not name.startswith("llvm."):
            return f"{name} {kind} {', '.join(operand.text for operand in operands)}"
        count, element = kind[1:-1].split(" x ")
        full = f"{name}.v{count}f{'64' if element == 'double' else '32'}"
        self.builder.module.declare(full, kind, [kind] * len(operands))
        return f"call {kind} @{full}({', '.join(f'{kind} {operand.text}' for operand in operands)})"

    def _settle(self, vector: _Vector) -> None:
        self._vectors[vector.lanes] = vector
        for lane, name in enumerate(vector.lanes):
            self._homes.setdefault(name, (vector, lane))

    def _call(self, pack: Pack, call: RoutineCall) -> None:
        """An elementary function of a vector."""
        kind, lanes, module = pack.lines[0].kind, len(pack.lines), self.builder.module
        operands = [self._vector(column, kind) for column in pack.columns]
        routine = mathematics.routine(call.function, len(operands), call.itemsize, lanes, self.packing.vector_bits)
        module.helper(routine.name, routine.text)
        for declaration in routine.declarations:
            module.declare(*declaration)
        listed = ", ".join(f"{operand.type} {operand.text}" for operand in operands)
        result = self._emit(f"call {routine.kind} @{routine.name}({listed})")
        if routine.position is None:
            self._settle(_Vector(result, kind, pack.names))
            return
        results = [_Vector("", kind, tuple(f"{name} {k}" for name in pack.names)) for k in range(2)]
        for position, vector in enumerate(results):
            mask = ", ".join(f"i32 {position * lanes + lane}" for lane in range(lanes))
            vector.text = self._emit(
                f"shufflevector {routine.kind} {result}, {routine.kind} poison, <{lanes} x i32> <{mask}>"
            )
        for lane, name in enumerate(pack.names):
            if name not in self._wholes:
                self._wholes[name] = results, lane
                self._last.append(  # for those who take a part of it later
                    f"  {name} = shufflevector {routine.kind} {result}, {routine.kind} poison, "
                    f"<2 x i32> <i32 {lane}, i32 {lanes + lane}>"
                )

    # ------------------------------------------------------------ operands

    def _vector(self, operands: tuple[str, ...], kind: str) -> _Vector:
        """A vector of these operands."""
        known = self._vectors.get(operands)
        if known is None:
            known = self._vectors[operands] = _Vector(self._gathered(operands, kind), kind, operands)
        return known

    def _gathered(self, operands: tuple[str, ...], kind: str) -> str:
        if len(set(operands)) == 1 and not operands[0].startswith("%"):
            return f"splat ({kind} {operands[0]})"
        whole = f"<{len(operands)} x {kind}>"
        literals = [operand if not operand.startswith("%") else "poison" for operand in operands]
        result = "poison"
        if any(text != "poison" for text in literals):
            result = f"<{', '.join(f'{kind} {text}' for text in literals)}>"
        sources: dict[int, tuple[_Vector, dict[int, int]]] = {}
        alone: dict[str, list[int]] = {}
        for place, operand in enumerate(operands):
            if operand in self._homes:
                vector, lane = self._homes[operand]
                sources.setdefault(id(vector), (vector, {}))[1][place] = lane
            elif operand.startswith("%"):
                alone.setdefault(operand, []).append(place)
        parts = [self._moved(vector, lanes, len(operands)) for vector, lanes in sources.values()]
        parts += [
            (self._spread(operand, places, whole), set(places)) for operand, places in alone.items() if len(places) > 1
        ]
        for text, places in parts:
            result = self._blended(result, text, places, whole)
        for operand, places_of_one in alone.items():
            if len(places_of_one) == 1:
                result = self._emit(f"insertelement {whole} {result}, {kind} {operand}, i32 {places_of_one[0]}")
        return result

    def _moved(self, vector: _Vector, lanes: Mapping[int, int], count: int) -> tuple[str, set[int]]:
        """The lanes of a vector at the places where they are wanted."""
        if count == len(vector.lanes) and all(place == lane for place, lane in lanes.items()):
            return vector.text, set(lanes)
        mask = [f"i32 {lanes[place]}" if place in lanes else "i32 poison" for place in range(count)]
        text = f"shufflevector {vector.type} {vector.text}, {vector.type} poison, <{count} x i32> <{', '.join(mask)}>"
        return self._emit(text), set(lanes)

    def _spread(self, operand: str, places: Sequence[int], whole: str) -> str:
        """A number at several places."""
        count, kind = whole[1:-1].split(" x ")
        first = self._emit(f"insertelement {whole} poison, {kind} {operand}, i32 0")
        return self._emit(f"shufflevector {whole} {first}, {whole} poison, <{count} x i32> zeroinitializer")

    def _blended(self, result: str, text: str, places: set[int], whole: str) -> str:
        """A vector with some places taken from another."""
        if result == "poison":
            return text
        count = int(whole[1:].split(" x ")[0])
        mask = ", ".join(f"i32 {count + place if place in places else place}" for place in range(count))
        return self._emit(f"shufflevector {whole} {result}, {whole} {text}, <{count} x i32> <{mask}>")
