"""Tapes: what a loop that ends by a condition leaves behind for a derivative, a row for each step.

How many rows there are is not known before the loop has run. They have a named extent of their own, which is not read off the
shape of an argument: whoever runs the graph begins with `FIRST` rows, and where they do not suffice takes twice as many and
runs it again. Rows beyond the last step are never read.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.scalar import Scalar, Size, size
from gradc.ir.tensor import Extent, Graph, Loop
from gradc.ir.text import sub_graphs
from gradc.ir.walk import graph_order, post_order
from gradc_runtime.tapes import PREFIX


def tape_extent(node: Loop) -> Extent:
    """The rows that the steps of a loop leave behind."""
    return size(f"{PREFIX}{node.digest.hex()[:12]}") if node.trip is None else node.trip


def is_tape(extent: Extent) -> bool:
    """Whether an extent is that of a tape."""
    return isinstance(extent, Size) and extent.name.startswith(PREFIX)


def tape_names(graph: Graph) -> Sequence[str]:
    """The tapes of a graph and of the graphs in it."""
    found: dict[str, None] = {}
    for node in graph_order(graph.outputs):
        if isinstance(node, Loop) and isinstance(node.trip, Scalar):
            found |= {n.name: None for n in post_order([node.trip]) if is_tape(n) and isinstance(n, Size)}
        for inner in sub_graphs(node):
            found |= dict.fromkeys(tape_names(inner))
    return list(found)
