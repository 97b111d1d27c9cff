"""The text of one module of LLVM assembly: functions, the functions beside them, recorded code, declarations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Template:
    """Recorded code, ready to be pasted: see `gradc.lower.mathematics.formula`."""

    lines: str
    #: blocks out of the way of the hot path
    cold: str
    #: the label of the last block, when there are several
    label: str | None
    results: tuple[str, ...]
    #: declarations: name, result, arguments
    declarations: tuple[tuple[str, str, tuple[str, ...]], ...]
    #: internal functions: name and text
    helpers: tuple[tuple[str, str], ...]


_NAME = re.compile(r"%[\w.#]+")


@lru_cache(maxsize=1024)
def needed_lines(template: Template, taken: frozenset[int]) -> str:
    """The template's lines without those that only other results than the taken ones need."""
    needed = {template.results[position] for position in taken} | set(_NAME.findall(template.cold))
    kept: list[str] = []
    for line in reversed(template.lines.split("\n")):
        name, assigns, rest = line.partition(" = ")
        if not assigns or name.strip() in needed:
            kept.append(line)
            needed.update(_NAME.findall(rest if assigns else line))
    return "\n".join(reversed(kept))


_INTERNAL = re.compile(r"^define internal (.*)")
_GLOBAL = re.compile(r"@([\w.$]+)")
#: What stores past the cache refer to.
STREAMED = "!0 = !{i32 1}"
#: What generated functions have in common.
ATTRIBUTES = 'attributes #0 = { nounwind "prefer-vector-width"="512" }'


class Module:
    """The text of one module: functions, and the declarations they need."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self._declarations: dict[str, str] = {}
        self._helpers: dict[str, str] = {}

    def declare(self, name: str, result: str, arguments: Sequence[str]) -> None:
        """Declare an external function once."""
        self._declarations.setdefault(name, f"declare {result} @{name}({', '.join(arguments)})")

    def helper(self, name: str, text: str) -> None:
        """Add an internal function once. It calls no other helper; kernels share it, see `gradc_runtime.routines`."""
        self._helpers.setdefault(name, text)

    def adopt(self, other: Module) -> None:
        """Add the helpers of another module, and what they need."""
        for name, text in other._helpers.items():
            self.helper(name, text)
        self._declarations |= other._declarations

    def has_helper(self, name: str) -> bool:
        """Whether the internal function is there."""
        return name in self._helpers

    @property
    def declarations(self) -> list[str]:
        """The names declared."""
        return sorted(self._declarations)

    @property
    def _called(self) -> dict[str, str]:
        """The helpers that the functions call: lanes that are joined call them no more."""
        body = "\n".join(self.functions)
        return {name: text for name, text in self._helpers.items() if f"@{name}(" in body}

    def __str__(self) -> str:
        return self._text([*reversed(self._called.values()), *self.functions])

    def _text(self, functions: Sequence[str], declared: Sequence[str] = ()) -> str:
        """A module of some of the functions, with the declarations that they need."""
        body = "\n\n".join(functions)
        mentioned = set(_GLOBAL.findall(body))
        declarations = [self._declarations[name] for name in self.declarations if name in mentioned]
        metadata = [STREAMED] if "!nontemporal" in body else []
        return "\n\n".join([body, ATTRIBUTES, "\n".join([*declarations, *declared]), *metadata]) + "\n"

    def without_helpers(self) -> str:
        """The module with its helpers declared only."""
        heads = [_INTERNAL.sub(r"declare \1", text.partition("{")[0]) for text in self._called.values()]
        return self._text(self.functions, heads)

    def routines(self) -> dict[str, str]:
        """Each helper as a module of its own."""
        return {name: self._text([_INTERNAL.sub(r"define \1", text)]) for name, text in self._called.items()}
