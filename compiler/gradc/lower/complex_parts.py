"""Graphs of complex numbers as graphs of real ones: every complex tensor becomes its real and its imaginary part.

Arguments, literals and results keep their memory, seen as floats: an axis of 2 more, last. Everything between is two
comprehensions over the same axes, so every other pass of lowering sees real numbers only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradc.ir.algebra import equal as equal_indices
from gradc.ir.algebra import guarded, product_of, rebuild, sum_of
from gradc.ir.conjugates import has_complex_numbers, is_complex, real_dtype
from gradc.ir.intern import Node
from gradc.ir.rewrite import with_operands
from gradc.ir.scalar import Apply, DType, Guard, Load, Number, Scalar, index, is_apply, is_number, load, number
from gradc.ir.tensor import (
    Call,
    Compute,
    Cond,
    Constant,
    Extern,
    Graph,
    Input,
    Loop,
    MultiNode,
    Projection,
    Tensor,
    call,
    compute,
    cond,
    constant,
    input_tensor,
    loop,
    projection,
)
from gradc.ir.walk import graph_order, loads_of, operands_of, post_order
from gradc.lower.complex_arithmetic import Parts, literal
from gradc.lower.complex_operations import NotInParts, operation, squared_absolute
from gradc.lower.complex_products import product_reduced, recurrence


@dataclass(frozen=True)
class _Pair:
    """The tensors of the parts; None where a part is 0 everywhere."""

    re: Tensor | None
    im: Tensor | None
    #: both are one tensor with an axis of 2 more, last
    interleaved: bool = False

    def entry(self, indices: Sequence[Scalar], dtype: DType) -> Parts:
        """The parts of one entry."""
        found = [
            number(0, real_dtype(dtype))
            if tensor is None
            else load(tensor, [*indices, number(place)] if self.interleaved else indices)
            for place, tensor in enumerate((self.re, self.im))
        ]
        return Parts(*found)


def in_parts(graph: Graph) -> Graph:
    """The graph over real numbers: complex inputs and outputs have one axis of 2 more.

    Raises
    ------
    NotInParts
        Where something is done with complex numbers that has no expression in their parts.

    """
    return _Splitter().graph(graph) if has_complex_numbers(graph) else graph


class _Splitter:
    def __init__(self) -> None:
        self._pairs: dict[Tensor, _Pair] = {}
        self._images: dict[Node, Node] = {}
        #: the result of library calls that were written out
        self._expansions: dict[Node, _Pair] = {}

    def graph(self, graph: Graph) -> Graph:
        for node in graph_order((*graph.inputs, *graph.outputs)):
            self._visit(node)
        inputs = tuple(self._interleaved(t) for t in graph.inputs)
        outputs = tuple(self._interleaved(t) for t in graph.outputs)
        return Graph(inputs, outputs)  # type: ignore[arg-type]

    def _interleaved(self, tensor: Tensor) -> Tensor:
        """The tensor as its memory has it."""
        if tensor.dtype.kind != "c":
            return self._images[tensor]  # type: ignore[return-value]
        pair = self._pairs[tensor]
        if pair.interleaved:
            assert pair.re is not None
            return pair.re
        parts = pair.entry([index(k) for k in range(tensor.rank)], tensor.dtype)
        pieces = [guarded(equal_indices(index(tensor.rank), place), p) for place, p in enumerate((parts.re, parts.im))]
        return compute((*tensor.shape, 2), sum_of(*pieces, dtype=parts.dtype))

    # ------------------------------------------------------------ nodes

    def _visit(self, node: Node) -> None:
        if isinstance(node, Compute):
            self._visit_compute(node)
        elif isinstance(node, Projection) and node.source in self._expansions:
            self._pairs[node] = self._expansions[node.source]
        elif isinstance(node, Projection):
            source = self._images[node.source]
            assert isinstance(source, MultiNode)
            image = projection(source, node.position)
            if node.dtype.kind == "c":
                self._pairs[node] = _Pair(image, image, interleaved=True)
            else:
                self._images[node] = image
        elif isinstance(node, Extern) and node.name in _EXPANSIONS and node.results[0].dtype.kind == "c":
            self._expansions[node] = self._expanded(_EXPANSIONS[node.name](*node.operands))
        elif isinstance(node, MultiNode):
            self._images[node] = self._call(node)
        elif isinstance(node, Tensor) and node.dtype.kind == "c":
            self._pairs[node] = _as_floats(node)
        else:
            self._images[node] = node

    def _expanded(self, tensor: Tensor) -> _Pair:
        """The parts of what takes the place of a node."""
        for inner in graph_order([tensor]):
            if inner not in self._pairs and inner not in self._images:
                self._visit(inner)
        return self._pairs[tensor]

    def _call(self, node: MultiNode) -> MultiNode:
        """The node over the memory of its operands; what it holds is in parts, too."""
        operands = [self._interleaved(t) for t in node.operands]
        if isinstance(node, Loop):
            states, sequences = node.state_count, node.state_count + node.sequence_count
            return loop(
                in_parts(node.body),
                trip=node.trip,
                init=operands[:states],
                sequences=operands[states:sequences],
                captured=operands[sequences:],
                condition=None if node.condition is None else in_parts(node.condition),
                reverse=node.reverse,
            )
        if isinstance(node, Cond):
            return cond(operands[0], in_parts(node.true_graph), in_parts(node.false_graph), operands[1:])
        if isinstance(node, Call):
            return call(in_parts(node.graph), operands, node.policy, node.tag)
        assert isinstance(node, Extern)
        if "c" in {t.dtype.kind for t in node.operands} | {r.dtype.kind for r in node.results}:
            raise NotInParts(f"{node.name} of complex numbers")
        return with_operands(node, operands)

    def _visit_compute(self, node: Compute) -> None:
        if not is_complex(node) and all(self._images.get(t) is t for t in operands_of(node)):
            self._images[node] = node
            return
        if node.reducer == "prod" and node.dtype.kind == "c":
            self._pairs[node] = self._expanded(product_reduced(node))
            return
        scalars = _Scalars(self._pairs, self._images)
        body = scalars(_freed(node.body) if node.reducer == "sum" else node.body)
        domain = scalars(node.domain)
        assert isinstance(domain, Scalar)
        if isinstance(body, Scalar):
            self._images[node] = self._reduced(node, body, domain)
            return
        if node.reducer not in (None, "sum"):
            raise NotInParts(f"{node.reducer} of complex numbers")
        self._pairs[node] = _Pair(self._part(node, body.re, domain), self._part(node, body.im, domain))

    def _part(self, node: Compute, body: Scalar, domain: Scalar) -> Tensor | None:
        """One part of a complex comprehension, or None for 0. Products of matrices are sums apart."""
        if isinstance(body, Number) and body.value == 0:
            return None
        terms = _products(node, body)
        if len(terms) == 1:
            return self._reduced(node, body, domain)
        every = [index(k) for k in range(node.rank)]
        sums = [load(self._reduced(node, term, domain), every) for term in terms]
        return compute(node.shape, sum_of(*sums, dtype=body.dtype))

    @staticmethod
    def _reduced(node: Compute, body: Scalar, domain: Scalar) -> Compute:
        return compute(node.shape, body, reduce_extents=node.reduce_extents, reducer=node.reducer, domain=domain)


#: Library calls that are loops of complex numbers.
_EXPANSIONS: dict[str, Callable[..., Tensor]] = {"recurrence": recurrence}


def _as_floats(tensor: Tensor) -> _Pair:
    """The memory of an input or a literal array as floats."""
    dtype = real_dtype(tensor.dtype)
    if isinstance(tensor, Constant):
        seen: Tensor = constant(tensor.value.reshape(*tensor.value.shape, 1).view(dtype))
    else:
        assert isinstance(tensor, Input)
        seen = input_tensor(tensor.name, (*tensor.shape, 2), dtype)
    return _Pair(seen, seen, interleaved=True)


class _Scalars:
    """Scalar expressions in parts, memoised: complex ones as `Parts`, all others as they are over the new tensors."""

    def __init__(self, pairs: Mapping[Tensor, _Pair], images: Mapping[Node, Node]) -> None:
        self._pairs, self._images = pairs, images
        self._memo: dict[Scalar, Parts | Scalar] = {}

    def __call__(self, root: Scalar) -> Parts | Scalar:
        memo = self._memo
        for node in post_order([root], prune=memo.__contains__):
            if node not in memo:
                memo[node] = self._node(node, [memo[child] for child in node.children])
        return memo[root]

    def _node(self, node: Scalar, children: Sequence[Parts | Scalar]) -> Parts | Scalar:
        is_plain = node.dtype.kind != "c" and not any(isinstance(child, Parts) for child in children)
        if isinstance(node, Load):
            indices: Sequence[Scalar] = children  # type: ignore[assignment]
            if node.dtype.kind == "c":
                return self._pairs[node.tensor].entry(indices, node.dtype)
            return load(self._images[node.tensor], indices)  # type: ignore[arg-type]
        if is_plain:
            if _is_squared_radius(node):
                inner = self._memo[node.children[0].children[0]]
                assert isinstance(inner, Parts)
                return squared_absolute(inner)
            unchanged = all(new is old for new, old in zip(children, node.children, strict=True))
            return node if unchanged else rebuild(node, children)  # type: ignore[arg-type]
        if isinstance(node, Number):
            return literal(node.value, real_dtype(node.dtype))
        if isinstance(node, Guard):
            predicate, body = children
            assert isinstance(predicate, Scalar)
            assert isinstance(body, Parts)
            return Parts(guarded(predicate, body.re), guarded(predicate, body.im))
        assert isinstance(node, Apply)
        return operation(node, children)


def _is_squared_radius(node: Scalar) -> bool:
    """``|z| ** 2``, which needs no root."""
    if not (is_apply(node, "power") or is_apply(node, "pow")) or not is_number(node.children[1], 2):
        return False
    return is_apply(node.children[0], "abs") and node.children[0].children[0].dtype.kind == "c"


# ---------------------------------------------------------------- sums of products


def _freed(body: Scalar) -> Scalar:
    """The terms of a sum: a product that is only added may be carried out in any order."""
    if body.dtype.kind != "c":
        return body
    if isinstance(body, Guard):
        return guarded(body.predicate, _freed(body.body))
    factors: list[Scalar] = []
    pending = [body]
    while pending:
        factor = pending.pop()
        if is_apply(factor, "mul"):
            pending.extend(factor.children)
        else:
            factors.append(factor)
    return product_of(*factors, dtype=body.dtype) if len(factors) > 1 else body


def _products(node: Compute, body: Scalar) -> list[Scalar]:
    """The terms of the body of a product of matrices, to be summed apart; else the body alone."""
    predicate = body.predicate if isinstance(body, Guard) else None
    inner = body.body if isinstance(body, Guard) else body
    if node.reducer != "sum" or not is_apply(inner, "sum"):
        return [body]
    axes = range(len(node.extents))
    if any(all(k in item.free for k in axes) for item in loads_of(inner)):
        return [body]
    return [term if predicate is None else guarded(predicate, term) for term in inner.children]
