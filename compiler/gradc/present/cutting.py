"""The part of a graph near its outputs: what a page of a big formula is made from.

The result takes the same time to print whatever the function. It is not for evaluation: what is cut off is an input.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gradc.ir.algebra import Substitution
from gradc.ir.rewrite import as_it_is
from gradc.ir.scalar import Index, Load, Scalar, index, load
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute, input_tensor
from gradc.ir.walk import graph_order, post_order

#: A graph of more scalar nodes is cut to those nearest to the outputs.
LARGEST_PRINTED = 2500
#: The first word of the names of inputs that stand for what is cut off.
_FURTHER = "further"


@dataclass
class _Cut:
    budget: int
    bodies: dict[Compute, set[Scalar]] = field(default_factory=dict)
    replaced: dict[Tensor, Tensor] = field(default_factory=dict)
    count: int = 0

    def placeholder(self, shape: Sequence[object], dtype: object) -> Input:
        self.count += 1
        return input_tensor(f"{_FURTHER} {self.count}", shape, dtype)  # type: ignore[arg-type]


def is_placeholder(tensor: Tensor) -> bool:
    """Whether a tensor stands for what is cut off."""
    return isinstance(tensor, Input) and tensor.name.startswith(f"{_FURTHER} ")


def near(graph: Graph, budget: int = LARGEST_PRINTED) -> tuple[Graph, tuple[Input, ...]]:
    """The graph cut to ``budget`` scalar nodes around its outputs, and the inputs that stand for what is cut off."""
    cut = _Cut(budget)
    queue: deque[Tensor] = deque(graph.outputs)
    seen: set[Tensor] = set(graph.outputs)
    while queue and cut.budget > 0:
        tensor = queue.popleft()
        if not isinstance(tensor, Compute):
            continue
        visited = _visit([tensor.body, tensor.domain], cut.budget)
        cut.budget -= len(visited)
        cut.bodies[tensor] = visited
        for item in visited:
            if isinstance(item, Load) and item.tensor not in seen:
                seen.add(item.tensor)
                queue.append(item.tensor)
    if cut.budget > 0:
        return graph, ()
    for tensor in _operands_first(cut.bodies, graph.outputs):
        cut.replaced[tensor] = _rebuilt_near(tensor, cut)
    outputs = tuple(cut.replaced.get(t, t) for t in graph.outputs)
    further = [t for t in graph_order(outputs) if isinstance(t, Input) and is_placeholder(t)]
    return Graph(graph.inputs + tuple(further), outputs), tuple(further)


def _visit(roots: Sequence[Scalar], budget: int) -> set[Scalar]:
    """The scalars nearest to the roots, breadth first."""
    queue = deque(roots)
    visited: set[Scalar] = set()
    while queue and len(visited) < budget:
        node = queue.popleft()
        if node not in visited:
            visited.add(node)
            queue.extend(node.children)
    return visited


def _operands_first(bodies: Mapping[Compute, set[Scalar]], outputs: Iterable[Tensor]) -> list[Compute]:
    order: list[Compute] = []
    done: set[Tensor] = set()
    stack = [(t, False) for t in outputs]
    while stack:
        tensor, entered = stack.pop()
        if not isinstance(tensor, Compute) or tensor not in bodies or (tensor in done and not entered):
            continue
        if entered:
            order.append(tensor)
            continue
        done.add(tensor)
        stack.append((tensor, True))
        stack.extend((item.tensor, False) for item in bodies[tensor] if isinstance(item, Load))
    return order


def _rebuilt_near(node: Compute, cut: _Cut) -> Compute:
    visited = cut.bodies[node]
    complete = all(c in visited for s in visited for c in s.children)
    order = list(visited) if complete else []
    mapping: dict[Scalar, Scalar] = {}
    if not complete:
        axes = _free_axes([node.body, node.domain])
        for scalar in visited:
            for child in scalar.children:
                if child in visited or child in mapping or not child.children or child.dtype.kind not in "fc":
                    continue
                free = sorted(axes[child])
                further = cut.placeholder([node.extents[a] for a in free], child.dtype)
                mapping[child] = load(further, [index(a) for a in free])
        order = [item for s in visited for item in (s, *s.children)]
    for item in order:
        if isinstance(item, Load) and item not in mapping and isinstance(item.tensor, Compute):
            if item.tensor not in cut.replaced:
                cut.replaced[item.tensor] = cut.placeholder(item.tensor.shape, item.tensor.dtype)
            mapping[item] = load(cut.replaced[item.tensor], item.indices)
    replace = Substitution(mapping, as_it_is)
    return compute(
        node.shape,
        replace(node.body),
        reduce_extents=node.reduce_extents,
        reducer=node.reducer,
        domain=replace(node.domain),
    )


def _free_axes(roots: Sequence[Scalar]) -> dict[Scalar, frozenset[int]]:
    axes: dict[Scalar, frozenset[int]] = {}
    for node in post_order(roots):
        own = frozenset({node.position}) if isinstance(node, Index) else frozenset()
        for child in node.children:
            own = own if axes[child] <= own else own | axes[child]
        axes[node] = own
    return axes
