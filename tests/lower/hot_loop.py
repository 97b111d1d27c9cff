"""The hot loop of a kernel, found in its assembly (AT&T syntax, x86-64)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_LABEL = re.compile(r"^([.\w$]+):")
_JUMP = re.compile(r"^(j\w+)\s+([.\w$]+)$")
_PACKED = re.compile(r"^v?(?:add|sub|mul|div|sqrt|max|min|fn?m(?:add|sub)\d*)p[sd]$")
_REGISTER = re.compile(r"%([xyz]mm)\d+")
_STACK_STORE = re.compile(r"^v?mov\w*\s+%\w+,.*\(%rsp[,)]")


@dataclass(frozen=True)
class Loop:
    """The instructions of an innermost loop in the order of the text: its way round without calls, if there is one.

    What is called past a branch is for rare arguments (the sine of something huge) and not what runs.
    """

    instructions: tuple[str, ...]

    @property
    def packed(self) -> list[str]:
        """Floating-point arithmetic on vectors."""
        return [line for line in self.instructions if _PACKED.match(line.split()[0])]

    @property
    def registers(self) -> set[str]:
        """The kinds of vector registers that this arithmetic uses: ``{"zmm"}``."""
        return {kind for line in self.packed for kind in _REGISTER.findall(line)}

    @property
    def calls(self) -> list[str]:
        """Instructions that call something."""
        return [line for line in self.instructions if line.startswith("call")]

    @property
    def spills(self) -> list[str]:
        """Registers that are stored on the stack."""
        return [line for line in self.instructions if _STACK_STORE.match(line)]


def hot_loop(assembly: str) -> Loop:
    """The innermost loop with the most vector arithmetic."""
    loops = [loop for function in _functions(assembly) for loop in _innermost(function)]
    assert loops, "the kernel has no loop"
    return max(loops, key=lambda loop: len(loop.packed))


@dataclass
class _Block:
    label: str
    instructions: list[str]
    next: list[int]


def _functions(assembly: str) -> Iterator[list[_Block]]:
    """The basic blocks of each function, in the order of the text."""
    blocks: list[_Block] = []
    for raw in assembly.splitlines():
        line = raw.split("#")[0].strip()
        label = _LABEL.match(line)
        if label:
            if not label[1].startswith(".L") and blocks:
                yield _linked(blocks)
                blocks = []
            blocks.append(_Block(label[1], [], []))
        elif line and not line.startswith(".") and blocks:
            blocks[-1].instructions.append(re.sub(r"\s+", " ", line))
            if _JUMP.match(line) or line.startswith("ret"):
                blocks.append(_Block("", [], []))
    if blocks:
        yield _linked(blocks)


def _linked(blocks: list[_Block]) -> list[_Block]:
    places = {block.label: place for place, block in enumerate(blocks) if block.label}
    for place, block in enumerate(blocks):
        last = block.instructions[-1] if block.instructions else ""
        jump = _JUMP.match(last)
        if jump and jump[2] in places:
            block.next.append(places[jump[2]])
        if not last.startswith(("jmp", "ret")) and place + 1 < len(blocks):
            block.next.append(place + 1)
    return blocks


def _innermost(blocks: Sequence[_Block]) -> Iterator[Loop]:
    dominators = _dominators(blocks)
    latches: dict[int, set[int]] = {}
    for place, block in enumerate(blocks):
        for header in block.next:
            if header in dominators.get(place, ()):
                latches.setdefault(header, set()).add(place)
    everywhere = set(range(len(blocks)))
    quiet = {place for place in everywhere if not any(line.startswith("call") for line in blocks[place].instructions)}
    for header, ends in latches.items():
        body = _round(blocks, header, ends, everywhere)
        if any(other != header and other in body for other in latches):
            continue
        chosen = _round(blocks, header, ends, quiet) or body
        yield Loop(tuple(line for place in sorted(chosen) for line in blocks[place].instructions))


def _goes_back(block: _Block, place: int, body: set[int]) -> bool:
    """Whether the block ends with a test for another turn; a rare block jumps back without one."""
    conditional = bool(block.instructions) and not block.instructions[-1].startswith("jmp")
    return conditional and any(target <= place and target in body for target in block.next)


def _dominators(blocks: Sequence[_Block]) -> Mapping[int, set[int]]:
    """For each block that can be reached, those on every way to it."""
    found: dict[int, set[int]] = {0: {0}}
    changed = True
    while changed:
        changed = False
        for place, block in enumerate(blocks):
            if place not in found:
                continue
            for after in block.next:
                new = (found[after] & found[place] if after in found else found[place]) | {after}
                if after not in found or new != found[after]:
                    found[after] = new
                    changed = True
    return found


def _round(blocks: Sequence[_Block], header: int, latches: Iterable[int], allowed: set[int]) -> set[int]:
    """The blocks on ways from the header to a latch through allowed blocks; none if there is no such way."""
    before: dict[int, list[int]] = {}
    for place in allowed:
        for after in blocks[place].next:
            before.setdefault(after, []).append(place)
    pending = [latch for latch in latches if latch in allowed]
    found = {header, *pending}
    while pending:
        place = pending.pop()
        if place != header:
            new = set(before.get(place, ())) - found
            found |= new
            pending += new
    return found if header in allowed and _reaches(blocks, header, found & set(latches), found & allowed) else set()


def _reaches(blocks: Sequence[_Block], start: int, ends: set[int], allowed: set[int]) -> bool:
    found, pending = {start}, [start]
    while pending:
        place = pending.pop()
        if place in ends:
            return True
        new = (set(blocks[place].next) & allowed) - found
        found |= new
        pending += new
    return False
