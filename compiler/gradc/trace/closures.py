"""Functions that become sub-graphs: run once on fresh inputs, with what they reach from outside as further inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import DType
from gradc.ir.tensor import Compute, Graph, Input, Shape, Tensor, input_tensor
from gradc.ir.walk import depending, operands_of
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.containers import flatten, leaf_paths, unflatten
from gradc.trace.context import current_trace, trace_error


@dataclass(frozen=True)
class Leaf:
    """What is handed to a sub-graph in the place of a value; ``name`` is what the sub-graph's function calls it."""

    path: str
    shape: Shape
    dtype: DType
    weak: bool
    name: str = ""

    @staticmethod
    def like(value: TracedArray, path: str, name: str = "") -> Leaf:
        """A leaf of the shape and dtype of a value."""
        return Leaf(path, value.extents, value.dtype, value.weak, name)

    def fresh(self) -> Input:
        """An input of its own for it."""
        return current_trace().argument(self.name or self.path, self.shape, self.dtype)


def handle(item: Input, weak: bool, immutable: bool) -> TracedArray:
    """What the user's function computes with."""
    return TracedArray(item, weak=weak, immutable=immutable or not item.shape)


@dataclass(frozen=True)
class Body:
    """What a function made of its inputs: leaves and structure, over those inputs and whatever else it reached."""

    inputs: tuple[Input, ...]
    leaves: tuple[TracedArray, ...]
    tree: Any

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The leaves as nodes."""
        return tuple(leaf.tensor for leaf in self.leaves)


def lifted_leaves(value: Any, name: str) -> tuple[list[TracedArray], Any, list[str]]:
    """The arrays and numbers in a container, its structure, and the user's name of each."""
    leaves, tree = flatten(value)
    return [_lifted(leaf, name) for leaf in leaves], tree, leaf_paths(tree, name)


def _lifted(leaf: Any, name: str) -> TracedArray:
    if not isinstance(leaf, TracedArray) and (isinstance(leaf, str) or callable(leaf)):
        raise trace_error(
            f"{name} holds a {type(leaf).__name__}, {leaf!r:.60}; pass arrays and numbers, close over the rest"
        )
    return lift(leaf)


def run(function: Callable[..., Any], arguments: Sequence[Any], inputs: Sequence[Input]) -> Body:
    """The function's results on these arguments, which are made of handles on the inputs."""
    result = function(*arguments)
    leaves, tree = flatten(result)
    return Body(tuple(inputs), tuple(_lifted(leaf, "the result") for leaf in leaves), tree)


def known_before() -> frozenset[Node]:
    """The nodes that the trace has made so far: a sub-graph that reaches one captures it."""
    return frozenset(current_trace().lines)


def closed(
    groups: Sequence[tuple[Sequence[Tensor], Sequence[Input]]], outside: frozenset[Node], *, done: bool = True
) -> tuple[list[Graph], list[Tensor]]:
    """Sub-graphs (outputs, own inputs) with what they capture as further inputs, the same for all; and the captured tensors.

    Captured are: inputs of the outer function, and nodes of ``outside`` that don't depend on inputs of their own. When the
    functions are ``done`` nothing else may read these inputs.
    """
    captured: dict[Tensor, Input] = {}
    own = {t for _, inputs in groups for t in inputs}
    for outputs, _ in groups:
        for node in _reached(outputs, own, outside):
            if node not in captured:
                name = current_trace().unique_name(node.name if isinstance(node, Input) else "captured")
                captured[node] = input_tensor(name, node.shape, node.dtype)
    if done:
        current_trace().local |= own
    graphs = [Graph((*inputs, *captured.values()), replace_tensors(outputs, captured)) for outputs, inputs in groups]
    return graphs, list(captured)


def _reached(outputs: Sequence[Tensor], own: set[Input], outside: frozenset[Node]) -> Iterable[Tensor]:
    """The outermost tensors from outside that the outputs are made of."""
    inner = depending(outputs, own)
    found: dict[Tensor, None] = {}
    seen: set[Node] = set()
    pending: list[Node] = list(reversed(outputs))
    while pending:
        node = pending.pop()
        if node in seen or node in own:
            continue
        seen.add(node)
        if node not in inner and isinstance(node, Tensor) and (isinstance(node, Input) or _is_made(node, outside)):
            found[node] = None
        else:
            pending.extend(reversed(operands_of(node)))
    return found


def _is_made(node: Tensor, outside: frozenset[Node]) -> bool:
    is_literal = isinstance(node, Compute) and not operands_of(node)
    return node in outside and not is_literal


def rebuilt(tree: Any, tensors: Sequence[Tensor], weak: Sequence[bool]) -> Any:
    """A container of results."""
    made = [TracedArray(t, weak=w, immutable=not t.shape) for t, w in zip(tensors, weak, strict=True)]
    return unflatten(tree, made)
