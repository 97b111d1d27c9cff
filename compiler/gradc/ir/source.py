"""The user's source lines, in a side table: many lines may map to one node, and no key or text depends on them."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

from gradc.ir.intern import Node


@dataclass(frozen=True)
class SourceLine:
    """One line of the user's code."""

    file: str
    line: int
    text: str
    function: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.text.strip()}" if self.text else where


#: A node that many functions make keeps the lines of the latest.
_LINES_KEPT = 8
_lines: weakref.WeakKeyDictionary[Node, tuple[SourceLine, ...]] = weakref.WeakKeyDictionary()


def record_line(node: Node, line: SourceLine) -> None:
    """Note that ``line`` of the user's code made the node: the latest of its lines."""
    known = _lines.get(node, ())
    if not known or known[-1] != line:
        _lines[node] = (*[k for k in known if k != line], line)[-_LINES_KEPT:]


def carry_lines(old: Node, new: Node) -> None:
    """Let ``new``, made from ``old`` by a pass, keep the user's lines."""
    for line in lines_of(old):
        record_line(new, line)


def lines_of(tensor: Node) -> tuple[SourceLine, ...]:
    """The user's lines that made ``tensor``, the latest last."""
    return _lines.get(tensor, ())
