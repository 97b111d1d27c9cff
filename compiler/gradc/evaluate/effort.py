"""What an evaluation costs: whether it can be afforded in exact or extended numbers is decided by this."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from gradc.evaluate.body import extent_value
from gradc.ir.tensor import Compute, Graph
from gradc.ir.walk import graph_order, post_order


def work(graph: Graph, sizes: Mapping[str, int]) -> int:
    """About how many scalar operations one evaluation takes."""
    total = 0
    for node in graph_order(graph.outputs):
        if isinstance(node, Compute):
            total += prod(extent_value(extent, sizes) for extent in node.extents) * len(post_order([node.body]))
    return total
