"""Traversals: iterative, with memo tables by node, linear in the number of unique nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from weakref import WeakKeyDictionary

from gradc.ir.intern import Node
from gradc.ir.scalar import LOADS, TRUE, Load, Scalar
from gradc.ir.tensor import Compute, Graph, MultiNode, Projection, Tensor


def post_order(roots: Iterable[Scalar], prune: Callable[[Scalar], bool] | None = None) -> list[Scalar]:
    """Unique scalars below (and including) the roots, children first. Pruned nodes are listed but not entered."""
    seen: set[Scalar] = set()
    order: list[Scalar] = []
    stack: list[Scalar | None] = [*roots]
    stack.reverse()
    while stack:
        node = stack.pop()
        if node is None:  # what lies below was entered before its children
            order.append(stack.pop())  # type: ignore[arg-type]
            continue
        if node in seen:
            continue
        seen.add(node)
        children = node.children
        if not children or (prune is not None and prune(node)):
            order.append(node)
            continue
        for child in children:
            if child.children and child not in seen:
                break
        else:  # nothing below but leaves, as in most loads, and what is there already
            for child in children:
                if child not in seen:
                    seen.add(child)
                    order.append(child)
            order.append(node)
            continue
        stack.append(node)
        stack.append(None)
        for child in reversed(children):
            if child not in seen:
                stack.append(child)
    return order


def loads_of(*scalars: Scalar) -> list[Load]:
    """The unique loads below the scalars (loads inside indices included), in evaluation order."""
    if len(scalars) == 1 or scalars[1:] == (TRUE,):
        return _loads_of_one(scalars[0])
    return list(dict.fromkeys([item for scalar in scalars for item in _loads_of_one(scalar)]))


def _loads_are_known(scalar: Scalar) -> bool:
    return scalar.loads_below is not None


def _loads_of_one(scalar: Scalar) -> list[Load]:
    below = scalar.loads_below
    if below is None:
        found: dict[Load, None] = {}
        for node in post_order(scalar.children, prune=_loads_are_known):
            if node.loads_below:
                found.update(dict.fromkeys(node.loads_below))
            if isinstance(node, Load):
                found[node] = None
        below = scalar.loads_below = tuple(found)
    return [*below, scalar] if isinstance(scalar, Load) else list(below)


def has_loads(*scalars: Scalar) -> bool:
    """Whether the scalars read any tensor."""
    return any(scalar.holds & LOADS for scalar in scalars)


def free_indices(*scalars: Scalar) -> frozenset[int]:
    """The axis positions that the scalars depend on."""
    return scalars[0].free if len(scalars) == 1 else frozenset().union(*[scalar.free for scalar in scalars])


def use_counts(roots: Sequence[Scalar]) -> dict[Scalar, int]:
    """How many parents (roots count as one) each scalar has."""
    counts: dict[Scalar, int] = {}
    for root in roots:
        counts[root] = counts.get(root, 0) + 1
    for node in post_order(roots):
        for child in node.children:
            counts[child] = counts.get(child, 0) + 1
    return counts


_operands: WeakKeyDictionary[Node, tuple[Node, ...]] = WeakKeyDictionary()


def operands_of(node: Node) -> tuple[Node, ...]:
    """The graph nodes that a graph node reads: tensors, or the multi-result node behind a projection."""
    if isinstance(node, Compute):
        if node.operands is None:
            node.operands = tuple(dict.fromkeys(item.tensor for item in loads_of(node.body, node.domain)))
        return node.operands
    if isinstance(node, Projection):
        return (node.source,)
    if isinstance(node, MultiNode):
        return node.operands
    return ()


def graph_order(outputs: Iterable[Tensor]) -> list[Node]:
    """Unique graph nodes (tensors and multi-result nodes) below the outputs, operands first.

    Sub-graphs of Loop, Cond and Call are not entered: their nodes belong to them.
    """
    seen: set[Node] = set()
    order: list[Node] = []
    stack: list[Node | None] = [*outputs]
    stack.reverse()
    while stack:
        node = stack.pop()
        if node is None:  # what lies below was entered before its operands
            order.append(stack.pop())  # type: ignore[arg-type]
            continue
        if node in seen:
            continue
        seen.add(node)
        operands = operands_of(node)
        if not operands:
            order.append(node)
            continue
        stack.append(node)
        stack.append(None)
        for operand in reversed(operands):
            if operand not in seen:
                stack.append(operand)
    return order


def depending(outputs: Iterable[Tensor], roots: Iterable[Node]) -> set[Node]:
    """The nodes below the outputs that depend on one of the roots, and the roots."""
    found = set(roots)
    for node in graph_order(outputs):
        if any(operand in found for operand in operands_of(node)):
            found.add(node)
    return found


def tensors_of(graph: Graph) -> Iterator[Tensor]:
    """The tensors of a graph, operands first."""
    return (node for node in graph_order(graph.outputs) if isinstance(node, Tensor))
