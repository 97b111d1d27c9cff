"""Big formulas in pieces of bounded size: named intermediates, and ellipses that count what they stand for.

A page names what is used twice or too long for its line; of arrays, every result of a reduction that a function or
another reduction takes, wherever it is read: each layer of a network, and each layer's part of the gradient.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from fractions import Fraction

from gradc.ir.algebra import Substitution, split_coefficient
from gradc.ir.intern import Node
from gradc.ir.rewrite import as_it_is
from gradc.ir.scalar import Apply, Guard, Load, Number, Scalar, apply, index, is_apply, load, number
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute, input_tensor
from gradc.ir.walk import graph_order, loads_of, post_order
from gradc.present.arranging import Arrangement, axes_of, canonical
from gradc.present.cutting import is_placeholder

#: A page defines at most this many intermediates, and says how many more there are.
LARGEST_WHERE = 24
#: A formula of at most this many symbols is printed in one piece.
LARGEST_LINE = 60
_MORE_PER_OUTPUT = 15
#: With named intermediates, no line has many more symbols than this, and what is used twice is named from this size on.
LARGEST_PIECE = 40
SMALLEST_SHARED = 7
#: A reduction and what reads one are named from this size on: ``W x``, ``tanh(W x)``.
_SMALLEST_ARRAY = 3
#: A sum or product shows this many operands when it is too long.
_SHOWN_OPERANDS = 6
_UNCOUNTED = 10**9


@dataclass(frozen=True)
class Pieces:
    """A graph whose long or shared parts are tensors with names, in the order in which a reader meets them.

    ``originals`` are the named tensors as they were before their own parts had names.
    """

    outputs: tuple[Tensor, ...]
    named: tuple[Tensor, ...]
    ellipses: Mapping[Tensor, str]
    originals: Mapping[Tensor, Tensor] = field(default_factory=dict)


def split(graph: Graph, further: Sequence[Input] = (), preferred: Callable[[], Set[Node]] = frozenset) -> Pieces:
    """The display form in pieces; one piece where it is short.

    ``preferred`` gives what is named wherever it is used twice: the arrays and numbers that have a name already.
    """
    short = _Splitter(graph, naming=False)
    room = LARGEST_LINE + _MORE_PER_OUTPUT * (len(graph.outputs) - 1)
    if not further and sum(short.size_of(t) for t in graph.outputs) <= room:
        return Pieces(graph.outputs, (), {})
    splitter = _Splitter(graph, naming=True, preferred=preferred())
    outputs = tuple(splitter.images[t] for t in graph.outputs)
    named = _in_reading_order(outputs, splitter.named | set(further))
    return Pieces(outputs, named, splitter.ellipses, splitter.originals)


def _in_reading_order(outputs: Sequence[Tensor], named: set[Tensor]) -> tuple[Tensor, ...]:
    """In the order of evaluation where all of them fit on a page, else those nearest to the outputs first."""
    if len(named) <= LARGEST_WHERE:
        return tuple(t for t in graph_order(outputs) if t in named)
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
    def __init__(self, graph: Graph, naming: bool, preferred: Set[Node] = frozenset()) -> None:
        self._naming = naming
        self._preferred = {t.body for t in preferred if isinstance(t, Compute) and not t.reducer}
        self.named: set[Tensor] = set()
        self.ellipses: dict[Tensor, str] = {}
        self.images: dict[Tensor, Tensor] = {}
        self.originals: dict[Tensor, Tensor] = {}
        self._extractions: dict[Scalar, Tensor] = {}
        self._arrangement = Arrangement()
        self._bodies: dict[Compute, Scalar] = {}
        self._sizes: dict[Scalar, int] = {}
        self._tensor_sizes: dict[Tensor, int] = {}
        order = [t for t in graph_order(graph.outputs) if isinstance(t, Tensor)]
        for tensor in order:
            if isinstance(tensor, Compute):
                self._bodies[tensor] = self._arrangement(tensor.body, bool(tensor.reducer)) if naming else tensor.body
        self._uses, self._tensor_uses = _use_counts(self._bodies)
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
        body, domain = (self._split(root, tensor) for root in (self._bodies[tensor], tensor.domain))
        image = compute(tensor.shape, body, reduce_extents=tensor.reduce_extents, reducer=tensor.reducer, domain=domain)
        size = self._size(body) + self._size(domain) + 1
        self.images[tensor] = image
        smallest = _SMALLEST_ARRAY if tensor.reducer and tensor.rank else SMALLEST_SHARED
        shared = self._tensor_uses.get(tensor, 0) > 1 and size >= smallest
        if self._naming and (shared or size > LARGEST_PIECE):
            self.named.add(image)
            self.originals[image] = tensor
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
        rebuilt = as_it_is(scalar, self._ungrouped(scalar, children))
        if not self._naming or scalar.dtype.kind not in "fc":
            return rebuilt
        if self._size(rebuilt) > LARGEST_PIECE:
            rebuilt = self._elided(rebuilt)
        if scalar is root and not (node.reducer and self._uses.get(canonical(scalar), 0) > 1):
            return rebuilt
        coefficient, rest = split_coefficient(rebuilt)
        if coefficient == -1 and rest is not None:
            return apply("prod", number(-1, rebuilt.dtype), self._named_if_big(rest, scalar, node))
        return self._named_if_big(rebuilt, scalar, node)

    def _named_if_big(self, rebuilt: Scalar, scalar: Scalar, node: Compute) -> Scalar:
        """A name for what is long, or used again; ``scalar`` is the expression as it was."""
        if isinstance(rebuilt, Load):
            return rebuilt
        size = self._size(rebuilt)
        reads = bool(scalar.free) and self._reads_reduction(rebuilt)
        smallest = _SMALLEST_ARRAY if reads or scalar in self._arrangement.groups else SMALLEST_SHARED
        key = canonical(scalar)
        shared = self._uses.get(key, 0) > 1 and (size >= smallest or self._has_name(key))
        if size > LARGEST_PIECE or shared or (reads and scalar in self._arrangement.vectors):
            return self._extracted(rebuilt, scalar, node)
        return rebuilt

    def _has_name(self, key: Scalar) -> bool:
        """Whether the user gave a name to what is more than a function of a symbol."""
        return key in self._preferred and len(post_order([key])) >= _SMALLEST_ARRAY

    def _reads_reduction(self, scalar: Scalar) -> bool:
        """Whether a sum over other axes is written out in it."""
        tensors = (item.tensor for item in loads_of(scalar))
        return any(isinstance(t, Compute) and t.reducer is not None and t not in self.named for t in tensors)

    def _ungrouped(self, scalar: Scalar, children: Sequence[Scalar]) -> list[Scalar]:
        """The factors of groups that got no name beside the others again."""
        flat: list[Scalar] = []
        for before, child in zip(scalar.children, children, strict=True):
            open_group = is_apply(scalar, "prod") and before in self._arrangement.groups and is_apply(child, "prod")
            flat.extend(child.children if open_group else (child,))
        return flat

    def _extracted(self, rebuilt: Scalar, scalar: Scalar, node: Compute) -> Scalar:
        axes = axes_of(scalar)
        places = [index(a) for a in axes]
        key = canonical(scalar)
        if key not in self._extractions:
            renaming: dict[Scalar, Scalar] = {index(a): index(k) for k, a in enumerate(axes)}
            extents = [node.extents[a] for a in axes]
            tensor = compute(extents, Substitution(renaming, as_it_is)(rebuilt))
            self.named.add(tensor)
            self.originals[tensor] = compute(extents, key)
            self._tensor_sizes[tensor] = self._size(rebuilt)
            self._extractions[key] = tensor
        return load(self._extractions[key], places)

    def _elided(self, scalar: Scalar) -> Scalar:
        """A long sum or product with its first operands, and an ellipsis that counts the others."""
        if not isinstance(scalar, Apply) or scalar.op.name not in ("sum", "prod"):
            return scalar
        if len(scalar.args) <= _SHOWN_OPERANDS + 1:
            return scalar
        first = [a for a in scalar.args if isinstance(a, Number) and scalar.op.name == "prod"]
        others = sorted((a for a in scalar.args if a not in first), key=self._place)
        left_out = len(others) - _SHOWN_OPERANDS
        kind = "terms" if scalar.op.name == "sum" else "factors"
        name = f"{left_out} more {kind}"
        dots = input_tensor(name, (), scalar.dtype)
        self.ellipses[dots] = name
        shown = sorted(others[:_SHOWN_OPERANDS], key=lambda operand: self._place(operand)[-2:])
        return apply(scalar.op, *first, *shown, load(dots))

    def _place(self, operand: Scalar) -> tuple[bool, bool, int, float, float]:
        """What is known in full comes first, then what few others use, then small numbers: sin(x), sin(2 x), ..."""
        head = operand.predicate if isinstance(operand, Guard) else operand
        coefficient, _ = split_coefficient(head)
        scale = abs(float(coefficient)) if isinstance(coefficient, int | float | Fraction) else 0.0
        values = [s.value for s in post_order([head]) if isinstance(s, Number)]
        literals = [abs(float(v)) for v in values if isinstance(v, int | float | Fraction)] or [scale]
        incomplete = any(isinstance(s, Load) and is_placeholder(s.tensor) for s in post_order([operand]))
        uses = self._uses.get(canonical(operand), 1)
        return not isinstance(operand, Number), incomplete, uses, max(literals), scale

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


def _use_counts(bodies: Mapping[Compute, Scalar]) -> tuple[dict[Scalar, int], dict[Tensor, int]]:
    """In how many different expressions every expression stands, by its canonical form, and every tensor is read."""
    parents: dict[Scalar, set[Node]] = {}
    readers: dict[Tensor, set[Node]] = {}
    for tensor, body in bodies.items():
        nodes = post_order([body, tensor.domain])
        keys = {node: canonical(node) for node in nodes}
        pairs: list[tuple[Node, Scalar]] = [(keys[node], child) for node in nodes for child in node.children]
        for parent, child in [*pairs, (tensor, body), (tensor, tensor.domain)]:
            parents.setdefault(keys[child], set()).add(parent)
            if isinstance(child, Load):
                readers.setdefault(child.tensor, set()).add(parent)
    return {key: len(found) for key, found in parents.items()}, {t: len(found) for t, found in readers.items()}
