"""What in a sub-graph depends on what: which of its inputs an output moves with."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gradc.ir.intern import Node
from gradc.ir.tensor import Graph, Loop, Tensor
from gradc.ir.walk import graph_order, operands_of


def moved_by(outputs: Sequence[Tensor], inputs: Collection[Tensor]) -> set[Node]:
    """The nodes below the outputs that depend on one of the inputs; tensors only where they are floating."""
    moved: set[Node] = {t for t in inputs if t.dtype.kind in "fc"}
    for node in graph_order(outputs):
        if node in moved or (isinstance(node, Tensor) and node.dtype.kind not in "fc"):
            continue
        if any(operand in moved for operand in operands_of(node)):
            moved.add(node)
    return moved


def moving_outputs(graph: Graph, inputs: Collection[Tensor]) -> list[bool]:
    """Which outputs of a graph move with these of its inputs."""
    moved = moved_by(graph.outputs, inputs)
    return [output in moved for output in graph.outputs]


def moving_states(node: Loop, moving: Sequence[bool]) -> list[bool]:
    """Which inputs of a loop's body (behind the step number) move, given the operands that do.

    A state moves if its start does or if a step makes it move: found by going round until nothing is added.
    """
    inputs = node.body.inputs[1:]
    active = [m and t.dtype.kind in "fc" for m, t in zip(moving, inputs, strict=True)]
    while True:
        outputs = moving_outputs(node.body, [t for t, m in zip(inputs, active, strict=True) if m])
        found = [a or b for a, b in zip(active[: node.state_count], outputs, strict=False)]
        if found == active[: node.state_count]:
            return active
        active[: node.state_count] = found


def needed_states(node: Loop, moving: Sequence[bool], wanted: Sequence[bool]) -> list[bool]:
    """Which of the moving states have a cotangent, given the results that do."""
    states = node.state_count
    inputs = node.body.inputs[1 : states + 1]
    needed = [m and w for m, w in zip(moving, wanted[:states], strict=False)]
    while True:
        asked = [output for k, output in enumerate(node.body.outputs) if (needed[k] if k < states else wanted[k])]
        below = set(graph_order(asked))
        found = [n or (m and t in below) for n, m, t in zip(needed, moving, inputs, strict=False)]
        if found == needed:
            return needed
        needed = found
