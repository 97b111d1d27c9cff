"""`draw`: a graph as a picture, with values and adjoints at a point on request."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradc.differentiate import gradient
from gradc.errors import ArgumentError, ShapeError
from gradc.evaluate import evaluate
from gradc.ir.build import as_tensor
from gradc.ir.intern import Node
from gradc.ir.scalar import number
from gradc.ir.source import SourceLine
from gradc.ir.tensor import Graph, Input, Tensor
from gradc.ir.walk import graph_order
from gradc.present.drawing.operations import Operation, operations_of
from gradc.present.drawing.svg import ADJOINT, VALUE, Box, svg
from gradc.present.unicode_names import unicode_name

#: Larger graphs are no help as a picture.
LARGEST_DRAWN = 400
_MOST_ENTRIES = 4


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph. In Jupyter it shows itself; ``svg`` is its text, and `save` writes it to a file."""

    svg: str
    nodes: int

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture as an SVG file."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Drawing of {self.nodes} nodes; .save('graph.svg') writes it>"


def draw(
    graph: Graph,
    names: Sequence[str],
    outputs: Sequence[str],
    *,
    at: Mapping[str, Any] | None = None,
    adjoints: bool = False,
    lines: Mapping[Node, SourceLine] | None = None,
) -> Drawing:
    """The picture of a graph whose inputs are called ``names`` and its outputs ``outputs``.

    ``at`` maps the names to values: then the value of every node stands above it. With ``adjoints`` the derivative of the
    first output (of the sum of its entries, if it is an array) in every node stands below. ``lines`` gives the user's line of
    a node, shown while the pointer rests on it.
    """
    if len(graph_order(graph.outputs)) > LARGEST_DRAWN:
        count = len(graph_order(graph.outputs))
        raise ArgumentError(
            f"a graph of {count} nodes is too large for a picture (at most {LARGEST_DRAWN}); draw a smaller function, "
            "or read formula.latex(), which shortens big formulas"
        )
    graph, operations = operations_of(graph)
    shown = _Shown(graph, names, outputs, lines or {})
    if at is not None:
        shown.evaluate(operations, at, adjoints)
    number_of = {operation.tensor: k for k, operation in enumerate(operations)}
    edges = [(number_of[t], k) for k, item in enumerate(operations) for t in item.operands]
    caption = [("value", VALUE)] if at is not None else []
    caption += [(f"derivative of {outputs[0]}", ADJOINT)] if at is not None and adjoints else []
    return Drawing(svg([shown.box(item) for item in operations], edges, caption), len(operations))


class _Shown:
    """What is written in and beside the nodes."""

    def __init__(
        self, graph: Graph, names: Sequence[str], outputs: Sequence[str], lines: Mapping[Node, SourceLine]
    ) -> None:
        self._graph = graph
        self._lines = lines
        self._names: dict[Tensor, str] = dict(zip(graph.inputs, names, strict=True))
        self._outputs: dict[Tensor, list[str]] = {}
        for tensor, name in zip(graph.outputs, outputs, strict=True):
            self._outputs.setdefault(tensor, []).append(name)
        self._values: dict[Tensor, Any] = {}
        self._adjoints: dict[Tensor, Any] = {}

    def evaluate(self, operations: Sequence[Operation], at: Mapping[str, Any], adjoints: bool) -> None:
        """Values, and adjoints where they are wanted, at the point."""
        tensors = [item.tensor for item in operations]
        arrays = [self._given(node, at) for node in self._graph.inputs]
        wanted = list(tensors)
        active: list[Tensor] = []
        if adjoints:
            output = self._graph.outputs[0]
            active = [t for t in tensors if t.dtype.kind == "f"]
            one = as_tensor(output.shape, number(1, output.dtype))
            wanted += gradient([output], [one], active)
        try:
            with np.errstate(all="ignore"):
                found = evaluate(Graph(self._graph.inputs, tuple(wanted)), arrays)
        except ValueError as error:
            raise ShapeError(f"the point does not fit the function: {error}") from None
        self._values = dict(zip(tensors, found, strict=False))
        self._adjoints = dict(zip(active, found[len(tensors) :], strict=True))

    def _given(self, node: Input, at: Mapping[str, Any]) -> Any:
        name = self._names[node]
        if name not in at:
            raise ArgumentError(f"at has no value for {name}; it needs {', '.join(self._names.values())}")
        value = np.asarray(at[name], node.dtype)
        if value.ndim != node.rank:
            raise ShapeError(f"{name} has {node.rank} axes, but at gives it the shape {value.shape}")
        return value

    def box(self, operation: Operation) -> Box:
        """The node as it is drawn."""
        tensor = operation.tensor
        name = self._names.get(tensor)
        made = " = ".join(unicode_name(n) if n.isidentifier() else n for n in self._outputs.get(tensor, ()))
        label = (
            unicode_name(name) if name is not None and name.isidentifier() else name or operation.label or "constant"
        )
        kind = "input" if name is not None else "output" if made else "operation"
        value, adjoint = (_short(found[tensor]) if tensor in found else "" for found in (self._values, self._adjoints))
        return Box(f"{made} = {label}" if made else label, kind, value, adjoint, self._tip(operation))

    def _tip(self, operation: Operation) -> str:
        tensor = operation.tensor
        made = self._lines.get(operation.node)
        lines = [made.text.strip()] if made is not None and made.text else []
        shape = f"shape ({', '.join(str(getattr(e, 'name', e)) for e in tensor.shape)})" if tensor.rank else ""
        facts = [f"value {self._values[tensor]}"] if tensor in self._values else []
        facts += [f"derivative {self._adjoints[tensor]}"] if tensor in self._adjoints else []
        return "\n".join([*lines, *([shape] if shape else []), *facts])


def _short(value: Any) -> str:
    """A number, a few numbers, or the shape of an array."""
    array = np.asarray(value)
    if array.size > _MOST_ENTRIES or array.ndim > 1:
        return "×".join(map(str, array.shape))
    if array.ndim:
        return f"[{', '.join(_number(item) for item in array)}]"
    return _number(array.item())


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    return f"{value:.4g}".replace("-", "−")
