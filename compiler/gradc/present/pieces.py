"""Big formulas in pieces of bounded size: the part of a graph near its outputs, and named intermediates.

`near` cuts a graph to what lies closest to its outputs, so that printing takes the same time whatever the function;
`split` names what is used twice or too long for its line. Neither graph is for evaluation: what is cut off is an input.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from gradc.ir.algebra import Substitution, split_coefficient
from gradc.ir.rewrite import as_it_is
from gradc.ir.scalar import Apply, Guard, Index, Load, Number, Scalar, apply, index, load, number
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute, input_tensor
from gradc.ir.walk import free_indices, graph_order, loads_of, post_order

#: A graph of more scalar nodes is cut to those nearest to the outputs.
LARGEST_PRINTED = 2500
#: A formula of at most this many symbols is printed in one piece.
LARGEST_LINE = 60
_MORE_PER_OUTPUT = 15
#: With named intermediates, no line has many more symbols than this, and what is used twice is named from this size on.
LARGEST_PIECE = 40
SMALLEST_SHARED = 7
#: A sum or product shows this many operands when it is too long.
_SHOWN_OPERANDS = 6
_UNCOUNTED = 10**9
#: The first word of the names of inputs that stand for what is cut off.
_FURTHER = "further"


# ---------------------------------------------------------------- the part near the outputs


@dataclass
class _Cut:
    budget: int
    bodies: dict[Compute, set[Scalar]] = field(default_factory=dict)
    replaced: dict[Tensor, Tensor] = field(default_factory=dict)
    count: int = 0

    def placeholder(self, shape: Sequence[object], dtype: object) -> Input:
        self.count += 1
        return input_tensor(f"{_FURTHER} {self.count}", shape, dtype)  # type: ignore[arg-type]


def _is_placeholder(tensor: Tensor) -> bool:
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
    further = [t for t in graph_order(outputs) if isinstance(t, Input) and _is_placeholder(t)]
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


# ---------------------------------------------------------------- named intermediates


@dataclass(frozen=True)
class Pieces:
    """A graph whose long or shared parts are tensors with names, in the order in which a reader meets them."""

    outputs: tuple[Tensor, ...]
    named: tuple[Tensor, ...]
    ellipses: Mapping[Tensor, str]


def split(graph: Graph, further: Sequence[Input] = ()) -> Pieces:
    """The display form in pieces; one piece where it is short."""
    short = _Splitter(graph, naming=False)
    room = LARGEST_LINE + _MORE_PER_OUTPUT * (len(graph.outputs) - 1)
    if not further and sum(short.size_of(t) for t in graph.outputs) <= room:
        return Pieces(graph.outputs, (), {})
    splitter = _Splitter(graph, naming=True)
    outputs = tuple(splitter.images[t] for t in graph.outputs)
    return Pieces(outputs, _in_reading_order(outputs, splitter.named | set(further)), splitter.ellipses)


def _in_reading_order(outputs: Sequence[Tensor], named: set[Tensor]) -> tuple[Tensor, ...]:
    found: dict[Tensor, None] = {}
    queue = deque(outputs)
    seen: set[Tensor] = set(outputs)
    while queue:
        tensor = queue.popleft()
        if tensor in named:
            found[tensor] = None
        if isinstance(tensor, Compute):
            below = [item.tensor for item in loads_of(tensor.body, tensor.domain) if item.tensor not in seen]
            seen.update(below)
            queue.extend(below)
    return tuple(found)


class _Splitter:
    def __init__(self, graph: Graph, naming: bool) -> None:
        self._naming = naming
        self.named: set[Tensor] = set()
        self.ellipses: dict[Tensor, str] = {}
        self.images: dict[Tensor, Tensor] = {}
        self._sizes: dict[Scalar, int] = {}
        self._tensor_sizes: dict[Tensor, int] = {}
        order = [t for t in graph_order(graph.outputs) if isinstance(t, Tensor)]
        self._uses, self._tensor_uses = _use_counts(order)
        for tensor in order:
            self._image(tensor)
        self.named -= {self.images[t] for t in graph.outputs if t not in self._tensor_uses}

    def size_of(self, tensor: Tensor) -> int:
        """The symbols of a tensor written out."""
        return self._tensor_sizes[self.images[tensor]]

    def _image(self, tensor: Tensor) -> None:
        if not isinstance(tensor, Compute):
            self.images[tensor] = tensor
            self._tensor_sizes[tensor] = 1
            return
        body, domain = (self._split(root, tensor) for root in (tensor.body, tensor.domain))
        image = compute(tensor.shape, body, reduce_extents=tensor.reduce_extents, reducer=tensor.reducer, domain=domain)
        size = self._size(body) + self._size(domain) + 1
        self.images[tensor] = image
        shared = self._tensor_uses.get(tensor, 0) > 1 and size >= SMALLEST_SHARED
        if self._naming and (shared or size > LARGEST_PIECE):
            self.named.add(image)
        self._tensor_sizes[image] = size

    def _split(self, root: Scalar, node: Compute) -> Scalar:
        memo: dict[Scalar, Scalar] = {}
        for scalar in post_order([root]):
            memo[scalar] = self._piece(scalar, [memo[c] for c in scalar.children], root, node)
        return memo[root]

    def _piece(self, scalar: Scalar, children: Sequence[Scalar], root: Scalar, node: Compute) -> Scalar:
        if isinstance(scalar, Load):
            return load(self.images[scalar.tensor], children)
        if not children:
            return scalar
        rebuilt = as_it_is(scalar, children)
        if not self._naming or scalar.dtype.kind not in "fc":
            return rebuilt
        if self._size(rebuilt) > LARGEST_PIECE:
            rebuilt = self._elided(rebuilt)
        if scalar is root:
            return rebuilt
        coefficient, rest = split_coefficient(rebuilt)
        if coefficient == -1 and rest is not None:
            return apply("prod", number(-1, rebuilt.dtype), self._named_if_big(rest, scalar, node))
        return self._named_if_big(rebuilt, scalar, node)

    def _named_if_big(self, rebuilt: Scalar, scalar: Scalar, node: Compute) -> Scalar:
        """A name for what is long, or used again; ``scalar`` is the expression as it was."""
        size = self._size(rebuilt)
        if size > LARGEST_PIECE or (self._uses.get(scalar, 0) > 1 and size >= SMALLEST_SHARED):
            return self._extracted(rebuilt, node)
        return rebuilt

    def _extracted(self, scalar: Scalar, node: Compute) -> Scalar:
        axes = sorted(free_indices(scalar))
        renaming: dict[Scalar, Scalar] = {index(a): index(k) for k, a in enumerate(axes)}
        tensor = compute([node.extents[a] for a in axes], Substitution(renaming, as_it_is)(scalar))
        self.named.add(tensor)
        self._tensor_sizes[tensor] = self._size(scalar)
        return load(tensor, [index(a) for a in axes])

    def _elided(self, scalar: Scalar) -> Scalar:
        """A long sum or product with its first operands, and an ellipsis that counts the others."""
        if not isinstance(scalar, Apply) or scalar.op.name not in ("sum", "prod"):
            return scalar
        if len(scalar.args) <= _SHOWN_OPERANDS + 1:
            return scalar
        left_out = len(scalar.args) - _SHOWN_OPERANDS
        kind = "terms" if scalar.op.name == "sum" else "factors"
        name = f"{left_out} more {kind}"
        dots = input_tensor(name, (), scalar.dtype)
        self.ellipses[dots] = name
        shown = sorted(scalar.args, key=self._place)[:_SHOWN_OPERANDS]
        return apply(scalar.op, *shown, load(dots))

    def _place(self, operand: Scalar) -> tuple[bool, bool, int, float]:
        """What is known in full comes first, then what few others use, then small numbers: sin(x), sin(2 x), ..."""
        head = operand.predicate if isinstance(operand, Guard) else operand
        coefficient, _ = split_coefficient(head)
        values = [s.value for s in post_order([head]) if isinstance(s, Number)]
        literals = [abs(float(v)) for v in values if isinstance(v, int | float | Fraction)]
        if isinstance(coefficient, int | float | Fraction) and coefficient != 1:
            literals = [abs(float(coefficient))]
        incomplete = any(isinstance(s, Load) and _is_placeholder(s.tensor) for s in post_order([operand]))
        return not isinstance(operand, Number), incomplete, self._uses.get(operand, 1), max(literals, default=0.0)

    def _size(self, scalar: Scalar) -> int:
        sizes = self._sizes
        if scalar not in sizes:
            for node in post_order([scalar], prune=sizes.__contains__):
                if node not in sizes:
                    sizes[node] = self._own_size(node)
        return sizes[scalar]

    def _own_size(self, node: Scalar) -> int:
        if isinstance(node, Load):
            inside = isinstance(node.tensor, Compute) and node.tensor not in self.named
            return 1 + self._tensor_sizes[node.tensor] if inside else 1
        if isinstance(node, Number):
            return 0 if node.dtype.kind == "b" else 1
        own = 0 if isinstance(node, Apply) and node.op.name in ("sum", "prod", "power") else 1
        return min(_UNCOUNTED, own + sum(self._sizes[c] for c in node.children))


def _use_counts(tensors: Iterable[Tensor]) -> tuple[dict[Scalar, int], dict[Tensor, int]]:
    """How many parents every scalar has, and how many different bodies and places load every tensor."""
    uses: dict[Scalar, int] = {}
    tensor_uses: dict[Tensor, int] = {}
    for tensor in tensors:
        if not isinstance(tensor, Compute):
            continue
        for node in post_order([tensor.body, tensor.domain]):
            for child in node.children:
                uses[child] = uses.get(child, 0) + 1
            if isinstance(node, Load):
                tensor_uses[node.tensor] = tensor_uses.get(node.tensor, 0) + 1
    return uses, tensor_uses
