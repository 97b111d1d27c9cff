"""Where a formula comes from: the function as it was traced, and what was done to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradc.errors import ArgumentError
from gradc.ir.intern import Node
from gradc.ir.source import SourceLine
from gradc.ir.tensor import Graph

#: What an output is: its kind (``"value"``, ``"derivative"``, ``"divergence"``, ...; ``""`` where nothing is known),
#: and the paths of the inputs that it is differentiated by.
Label = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Origin:
    """The function behind a formula.

    ``functions`` are its traced graphs, as the user wrote them (most transforms trace once); ``labels`` tell what each
    output of the formula is; ``name`` is the function's own, ``f`` where it has none; ``data`` holds, by name, what the
    function took from its surroundings when the formula was made. ``action`` names what was done to the function
    (``"grad"``), ``tree`` is the structure of the result (None: one array or number). ``lines`` gives the user's line behind a
    node of ``functions``.
    """

    functions: tuple[Graph, ...]
    labels: tuple[Label, ...]
    name: str = "f"
    data: Mapping[str, Any] = field(default_factory=dict)
    action: str = ""
    tree: Any = None
    lines: Mapping[Node, SourceLine] = field(default_factory=dict)

    def of(self, position: int) -> Origin:
        """That of one output."""
        return replace(self, labels=self.labels[position : position + 1], tree=None)


def point(at: Any, names: Sequence[str], data: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name, from a dict, a tuple in the order of the arguments, or the value of the only argument."""
    arguments = [name for name in names if name not in data]
    if isinstance(at, Mapping):
        unknown = [str(name) for name in at if name not in names]
        if unknown:
            raise ArgumentError(f"at names {', '.join(unknown)}, but the arguments are {', '.join(arguments)}")
        return {**data, **at}
    values = at if isinstance(at, tuple) else (at,)
    if len(values) != len(arguments):
        raise ArgumentError(f"at gives {len(values)} values for the arguments {', '.join(arguments)}")
    return {**data, **dict(zip(arguments, values, strict=True))}
