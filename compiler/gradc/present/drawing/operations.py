"""A graph taken apart into single operations: what a drawing has nodes for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradc.ir.algebra import Substitution
from gradc.ir.intern import Node
from gradc.ir.rewrite import as_it_is, with_operands
from gradc.ir.scalar import TRUE, Apply, Guard, Index, Load, Number, Scalar, index, load
from gradc.ir.tensor import Compute, Graph, MultiNode, Projection, Tensor, compute, projection
from gradc.ir.walk import graph_order, loads_of
from gradc.present.drawing.labels import called_label, movement_label, operation_label, reduction_label


@dataclass(frozen=True)
class Operation:
    """One node of a drawing: a tensor, what is done there, and to what (in the order of the operands)."""

    tensor: Tensor
    label: str
    operands: tuple[Tensor, ...]
    #: the node of the graph that it was taken from
    node: Node


def operations_of(graph: Graph) -> tuple[Graph, list[Operation]]:
    """The graph with every operation a tensor of its own, and those tensors in order of evaluation; inputs have no label."""
    taken = _TakenApart()
    for node in graph_order(graph.outputs):
        taken.add(node)
    outputs = tuple(taken.images[t] for t in graph.outputs)
    return Graph(graph.inputs, outputs), taken.operations


class _TakenApart:
    def __init__(self) -> None:
        self.images: dict[object, Tensor] = {}
        self.operations: list[Operation] = []
        self._sources: dict[object, MultiNode] = {}
        self._known: set[Tensor] = set()
        self._node: Node

    def add(self, node: Node) -> None:
        """Take one node of the graph apart."""
        self._node = node.source if isinstance(node, Projection) else node
        if isinstance(node, Compute):
            self.images[node] = self._taken_apart(node)
        elif isinstance(node, Projection):
            source = self._sources[node.source]
            self.images[node] = self._drawn(projection(source, node.position), called_label(source), source.operands)
        elif isinstance(node, MultiNode):
            self._sources[node] = with_operands(node, [self.images[t] for t in node.operands])
        elif isinstance(node, Tensor):
            self.images[node] = self._drawn(node, "", ())

    def _drawn(self, tensor: Tensor, label: str, operands: Sequence[Tensor]) -> Tensor:
        if tensor not in self._known:
            self._known.add(tensor)
            self.operations.append(Operation(tensor, label, tuple(operands), self._node))
        return tensor

    def _taken_apart(self, node: Compute) -> Tensor:
        body, domain = self._relinked(node.body), self._relinked(node.domain)
        if node.reducer is None:
            return self._value(body, node)
        if is_contraction(body) and node.reducer == "sum":
            return self._reduced(node, body, domain, "@" if node.rank < 3 else "Σ×")
        if isinstance(body, Load):
            return self._reduced(node, body, domain, reduction_label(node.reducer))
        inner = self._value(body, node)
        every = [index(k) for k in range(len(node.extents))]
        return self._reduced(node, load(inner, every), domain, reduction_label(node.reducer))

    def _reduced(self, node: Compute, body: Scalar, domain: Scalar, label: str) -> Tensor:
        tensor = compute(node.shape, body, reduce_extents=node.reduce_extents, reducer=node.reducer, domain=domain)
        operands = [item.tensor for item in loads_of(body)] + [item.tensor for item in loads_of(domain)]
        if domain is not TRUE:
            label = f"{label} where"
        return self._drawn(tensor, label, operands)

    def _value(self, scalar: Scalar, node: Compute) -> Tensor:
        """The scalar over all axes of ``node``, as a tensor; the operations inside come first."""
        if isinstance(scalar, Load):
            every = [index(k) for k in range(len(node.extents))]
            if list(scalar.indices) == every and scalar.tensor.rank == len(every):
                return scalar.tensor
            moved = compute(node.extents, scalar)
            return self._drawn(moved, movement_label(scalar, len(every)), [item.tensor for item in loads_of(scalar)])
        if not isinstance(scalar, Apply | Guard):
            return self._drawn(compute(node.extents, scalar), movement_label(scalar, 0), ())
        children = [self._operand(child, node) for child in scalar.children]
        tensor = compute(node.extents, as_it_is(scalar, children))
        operands = [c.tensor for c in children if isinstance(c, Load)]
        return self._drawn(tensor, operation_label(scalar, children), operands)

    def _operand(self, scalar: Scalar, node: Compute) -> Scalar:
        """An operand of an operation: a number or a load."""
        if isinstance(scalar, Number | Load | Index) or not loads_of(scalar):
            return scalar
        tensor = self._value(scalar, node)
        return load(tensor, [index(k) for k in range(len(node.extents))])

    def _relinked(self, root: Scalar) -> Scalar:
        mapping: dict[Scalar, Scalar] = {}
        for item in loads_of(root):
            indices = [Substitution(mapping, as_it_is)(i) for i in item.indices]
            mapping[item] = load(self.images[item.tensor], indices)
        return Substitution(mapping, as_it_is)(root)


def is_contraction(body: Scalar) -> bool:
    """Whether a summed body is a product of loads over different axes: a matrix product, an inner product."""
    if not isinstance(body, Apply) or body.op.name not in ("mul", "prod"):
        return False
    return all(isinstance(a, Load) for a in body.args) and len(body.args) > 1
