"""Where a formula comes from: the function as it was traced, and what was done to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gradc.ir.tensor import Graph

#: What an output is: its kind (``"value"``, ``"derivative"``, ``"divergence"``, ...; ``""`` where nothing is known),
#: and the paths of the inputs that it is differentiated by.
Label = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Origin:
    """The function behind a formula.

    ``functions`` are its traced graphs, as the user wrote them (most transforms trace once); ``labels`` tell what each
    output of the formula is; ``name`` is the function's own, ``f`` where it has none.
    """

    functions: tuple[Graph, ...]
    labels: tuple[Label, ...]
    name: str = "f"

    def of(self, position: int) -> Origin:
        """That of one output."""
        return replace(self, labels=self.labels[position : position + 1])
