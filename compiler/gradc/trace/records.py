"""What a trace leaves behind: the graph, and where each of its inputs comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradc.ir.intern import Node
from gradc.ir.source import SourceLine
from gradc.ir.tensor import Graph, Input, Tensor
from gradc.trace.surroundings.access import Path, Root
from gradc.trace.surroundings.conditions import Condition


@dataclass(frozen=True)
class Argument:
    """One array or number among the arguments. ``path`` is the user's name for it: ``x``, ``params['w1']``.

    ``argnum`` counts the positional arguments; an argument that only has a name is known by that name.
    """

    path: str
    argnum: int | str
    input: Input
    weak: bool = False


@dataclass(frozen=True)
class Capture:
    """An array or number that the function reached by itself; ``read(function)`` gives its present value."""

    route: Path
    input: Input
    weak: bool = False

    @property
    def path(self) -> str:
        """The user's words for it."""
        return self.route.text

    def read(self, function: Root) -> Any:
        """The present value."""
        return self.route.read(function)


@dataclass(frozen=True)
class Traced:
    """A traced function.

    ``graph.inputs`` are the argument leaves in order, then the captures. ``argument_trees`` holds, for each argument, the
    structure (an optree treedef) of its leaves, so that a derivative takes the shape of its argument. ``weak_outputs``
    tells which outputs are Python numbers. ``lines`` gives the line of the user's code that made a node of the graph.
    """

    graph: Graph
    arguments: tuple[Argument, ...]
    captures: tuple[Capture, ...]
    argument_trees: dict[int | str, Any]
    out_tree: Any
    weak_outputs: tuple[bool, ...] = ()
    conditions: tuple[Condition, ...] = ()
    pins: tuple[tuple[Input, Any], ...] = ()
    #: the arguments that the function writes to, and what they hold afterwards
    written: tuple[tuple[Input, Tensor], ...] = ()
    function: Root = field(default=None, compare=False)
    lines: Mapping[Node, SourceLine] = field(default_factory=dict, compare=False)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The graph's outputs."""
        return self.graph.outputs

    def leaves_of(self, argnum: int | str) -> tuple[Argument, ...]:
        """The leaves of one argument."""
        return tuple(a for a in self.arguments if a.argnum == argnum)

    def still_valid(self, function: Root = None) -> bool:
        """Whether everything the trace relied on still holds for ``function`` (by default the traced one)."""
        root = self.function if function is None else function
        return all(condition.holds(root) for condition in self.conditions)
