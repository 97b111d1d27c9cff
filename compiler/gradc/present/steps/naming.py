"""Which intermediates of a function a person names, and how they are called.

A sub-expression gets a name when it is the argument of a nonlinear function, a factor beside another one that varies, or
used twice; and when the user gave it one. Sums, constant multiples and monomials of the inputs don't.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from itertools import count

from gradc.ir.algebra import reindexed
from gradc.ir.build import as_tensor
from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import (
    COMPARISONS,
    GUARDS,
    TRUE,
    Apply,
    Load,
    Number,
    Scalar,
    apply,
    index,
    is_apply,
    is_number,
    load,
)
from gradc.ir.source import SourceLine, carry_lines, lines_of
from gradc.ir.tensor import Compute, Input, Tensor, compute
from gradc.ir.walk import graph_order, loads_of, operands_of, post_order
from gradc.present.notation import Name
from gradc.present.own_names import own_names
from gradc.present.symbols import symbol

#: Operations through which a derivative goes unchanged but for constants.
_LINEAR = frozenset({"add", "sub", "neg", "sum", "convert", "where", "stop_gradient", "real"})
_PRODUCTS = frozenset({"mul", "div", "prod"})
_POWERS = frozenset({"pow", "power", "square", "reciprocal"})
_LETTERS = ("u", "v", "z", "q", "h", "s", "r", "g", "t", "p")


#: Graphs with more nodes are left as they are.
_LARGEST_TAKEN_APART = 300


def atoms(tensor: Tensor) -> Tensor:
    """The graph with every operation in a node of its own, as tracing leaves it.

    Derivatives come with long bodies; they are told like any other function.
    """
    if len(graph_order([tensor])) > _LARGEST_TAKEN_APART:
        return tensor
    mapping: dict[Tensor, Tensor] = {}
    for node in graph_order([tensor]):
        if isinstance(node, Compute):
            (current,) = replace_tensors([node], mapping)
            assert isinstance(current, Compute)
            single = _taken_apart(current)
            if single is not node:
                carry_lines(node, single)
                mapping[node] = single
    return mapping.get(tensor, tensor)


def _taken_apart(node: Compute) -> Compute:
    if node.domain is not TRUE or node.body.holds & (GUARDS | COMPARISONS) or _is_atomic(node.body):
        return node
    pieces: dict[Scalar, Scalar] = {}
    for scalar in post_order([node.body]):
        if not isinstance(scalar, Apply):
            pieces[scalar] = scalar
            continue
        children = [pieces[c] for c in scalar.children]
        whole = apply(scalar.op, *children, dtype=scalar.dtype if scalar.op.name == "convert" else None)
        if scalar.dtype.kind != "f" or (scalar is node.body and node.reducer is None):
            pieces[scalar] = whole
            continue
        axes = sorted(whole.free)
        places: list[Scalar] = [index(0)] * len(node.extents)
        for position, axis in enumerate(axes):
            places[axis] = index(position)
        piece = compute([node.extents[a] for a in axes], reindexed(whole, places))
        pieces[scalar] = load(piece, [index(a) for a in axes])
    return compute(node.shape, pieces[node.body], reduce_extents=node.reduce_extents, reducer=node.reducer)


def _is_atomic(body: Scalar) -> bool:
    return not isinstance(body, Apply) or all(not isinstance(c, Apply) or c.dtype.kind != "f" for c in body.children)


def active_nodes(output: Tensor, wrt: Sequence[Input]) -> set[Node]:
    """The nodes that vary with ``wrt``."""
    active: set[Node] = set(wrt)
    for node in graph_order([output]):
        if node not in active and any(operand in active for operand in operands_of(node)):
            if not isinstance(node, Tensor) or node.dtype.kind in "fc":
                active.add(node)
    return active


class Choice:
    """What is named in the graph below ``output``, operands first.

    Of the lines of code that made a node, in any function, only those among ``lines`` give it a name.
    """

    def __init__(self, output: Tensor, wrt: Sequence[Input], function: str, lines: Set[SourceLine]) -> None:
        self._active = active_nodes(output, wrt)
        self._order = [t for t in graph_order([output]) if isinstance(t, Tensor) and t in self._active]
        self._simple: set[Tensor] = set(wrt)
        self._views: set[Tensor] = set(wrt)
        #: what a node merely repeats
        self._copied: dict[Tensor, Tensor] = {}
        self.own_names = own_names(self._order, lambda t: [line for line in lines_of(t) if line in lines], function)
        wanted: set[Tensor] = set()
        uses: dict[Tensor, int] = {}
        for tensor in self._order:
            self._classify(tensor)
            for operand in self._operands(tensor):
                uses[operand] = uses.get(operand, 0) + 1
            wanted |= self._wanted_by(tensor)
        wanted |= {t for t, times in uses.items() if times > 1 and t not in self._simple}
        wanted |= set(self.own_names) - self._views
        wanted |= {t for t in self._order if not isinstance(t, Compute | Input)}
        wanted = {self._copied.get(t, t) for t in wanted}
        self.named = [t for t in self._order if t in wanted and t is not output and t not in self._views]

    @property
    def size(self) -> int:
        """How many nodes vary."""
        return len(self._order)

    def _operands(self, tensor: Tensor) -> Iterator[Tensor]:
        return (t for t in operands_of(tensor) if isinstance(t, Tensor) and t in self._active)

    def _varies(self, scalar: Scalar) -> bool:
        return any(item.tensor in self._active for item in loads_of(scalar))

    def _classify(self, tensor: Tensor) -> None:
        if not isinstance(tensor, Compute) or tensor.reducer is not None:
            return
        body = tensor.body
        while isinstance(body, Apply) and body.op.name == "convert":
            body = body.children[0]
        others = [c for c in body.children if not is_number(c, 1)] if is_apply(body, "mul") else [body]
        copied = as_tensor(tensor.shape, others[0]) if len(others) == 1 else tensor
        if copied is not tensor and isinstance(others[0], Load) and copied is others[0].tensor:
            self._copied[tensor] = self._copied.get(copied, copied)
        if isinstance(body, Load):
            if body.tensor in self._views:
                self._views.add(tensor)
            if body.tensor in self._simple:
                self._simple.add(tensor)
        elif isinstance(body, Apply) and all(self._is_simple(c) for c in body.children):
            name = body.op.name
            constant = sum(self._varies(c) for c in body.children) <= 1
            whole = name in _POWERS and all(isinstance(c, Number) for c in body.children[1:])
            divides = name == "div" and self._varies(body.children[1])
            others = [c for c in body.children if not is_number(c, 1)]
            if name in ("neg", "mul") and all(isinstance(c, Load) and c.tensor in self._views for c in others):
                self._views |= {tensor} if len(others) == 1 else set()
            if whole or name == "neg" or (name in _PRODUCTS and not divides) or (name == "div" and constant):
                self._simple.add(tensor)

    def _is_simple(self, scalar: Scalar) -> bool:
        return not self._varies(scalar) or (isinstance(scalar, Load) and scalar.tensor in self._simple)

    def _wanted_by(self, tensor: Tensor) -> set[Tensor]:
        """The operands that a node's operation asks to be named."""
        if not isinstance(tensor, Compute):
            return set(self._operands(tensor)) - self._views
        wanted: set[Tensor] = set()
        if tensor.reducer in ("max", "min", "prod"):
            wanted |= set(self._operands(tensor)) - self._views
        for scalar in post_order([tensor.body]):
            if not isinstance(scalar, Apply) or scalar.dtype.kind not in "fc" or scalar.op.name in _LINEAR:
                continue
            varying = [c for c in scalar.children if self._varies(c)]
            loads = [item.tensor for c in varying for item in loads_of(c) if item.tensor in self._active]
            if scalar.op.name in _PRODUCTS:
                alone = len(varying) < 2 and not (scalar.op.name == "div" and self._varies(scalar.children[1]))
                wanted |= set() if alone else set(loads) - self._simple
            else:
                wanted |= set(loads) - (self._simple if scalar.op.name in _POWERS else self._views)
        return wanted


def names_for(choice: Choice, taken: Sequence[Name], function: Name) -> dict[Tensor, Name]:
    """A symbol for everything that is named: the user's own, else a letter that is free."""
    taken = [*taken, function]
    used = {name.plain for name in taken}
    wanted = list(choice.own_names.values())
    used_latex = {name.latex for name in taken}
    numbered: dict[str, Iterator[int]] = {}
    initials = {name.plain[:1].lower() for name in taken} | {w[:1].lower() for w in wanted}
    letters = iter([c for c in _LETTERS if c not in initials and c.upper() not in used] or ["a"])
    spare = ""
    names: dict[Tensor, Name] = {}
    for tensor in choice.named:
        plain = choice.own_names.get(tensor, "")
        if not plain:
            plain = next(letters, "")
            spare = spare or "u"
            plain = plain.upper() if plain and tensor.rank == 2 else plain or spare
        stem, repeated = plain, wanted.count(plain) > 1 or plain in used
        while repeated or plain in used or symbol(plain).latex in used_latex:
            plain, repeated = f"{stem}{'_' if len(stem) > 1 else ''}{next(numbered.setdefault(stem, count(1)))}", False
        used.add(plain)
        name = symbol(plain, tensor.rank)
        used_latex.add(name.latex)
        names[tensor] = name
    return names


__all__ = ["Choice", "active_nodes", "atoms", "names_for"]
