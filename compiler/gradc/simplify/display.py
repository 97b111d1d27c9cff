"""The display form of a graph: what a person would write.

The user's floating-point operations become mathematical sums, products and powers, elementwise intermediates are
written out where they are used as long as the expression stays small, like terms and powers are collected, constant
factors leave reductions, and textbook identities apply (`gradc.simplify.display_rules`). Reductions stay nodes of their
own. The form has the values of the original up to rounding; it is for reading, not for computing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradc.ir import algebra
from gradc.ir.algebra import convert, guarded, reindexed
from gradc.ir.bounds import tidy_indices
from gradc.ir.intern import Node
from gradc.ir.rewrite import with_operands
from gradc.ir.scalar import (
    TRUE,
    Apply,
    Guard,
    Index,
    Load,
    Number,
    Scalar,
    index,
    is_apply,
    is_number,
    load,
    number,
)
from gradc.ir.tensor import (
    Call,
    Compute,
    Extent,
    Graph,
    Input,
    MultiNode,
    Projection,
    Tensor,
    compute,
    extent_scalar,
    projection,
)
from gradc.ir.walk import free_indices, graph_order, loads_of, post_order
from gradc.ops.extern import spelled_out
from gradc.simplify.display_algebra import DisplayAlgebra
from gradc.simplify.display_domain import LARGEST_CONDITION, Demand, demands, lost
from gradc.simplify.display_guards import compared_operands, is_connective, needless, same_symbols
from gradc.simplify.display_operations import rebuilder, under
from gradc.simplify.display_search import Search
from gradc.simplify.display_steps import comparison

#: An elementwise intermediate is written out where it is used while it has at most this many symbols.
_LARGEST_INLINED = 250
_LARGEST_SUMMED_APART = 4


def display(graph: Graph) -> Graph:
    """The display form.

    >>> import gradc.ops
    >>> from gradc.ir.build import comprehension
    >>> from gradc.ir.scalar import FLOAT64, apply, load
    >>> from gradc.ir.tensor import Graph, input_tensor
    >>> x = input_tensor("x", (), FLOAT64)
    >>> square = comprehension((), lambda: apply("mul", load(x), load(x)))
    >>> cube = comprehension((), lambda: apply("mul", load(square), load(x)))
    >>> display(Graph((x,), (cube,))).outputs[0].body is algebra.power_of(load(x), 3)
    True
    """
    return _Display(graph).run()


def written_out(graph: Graph) -> Mapping[Node, Node]:
    """The form of every node below the outputs as the display form holds it before it is searched for shorter ones."""
    making = _Display(graph)
    making.run()
    return making.forms


def display_with_conditions(
    graph: Graph, functions: Sequence[Graph] = (), wrt: Sequence[str] = ()
) -> tuple[Graph, tuple[tuple[Scalar, ...], ...], int]:
    """The display form, and for every output the conditions under which it is the original: ``x != 0`` for ``x/x``.

    ``functions`` are what was differentiated; what they ask of the inputs named ``wrt`` (of all where none is named)
    is asked of the derivative, too. Conditions on long expressions are only counted. A condition is a predicate over
    the output's own indices and those it sums over.
    """
    making = _Display(graph)
    form = making.run()
    assumed = making.assumed_by(functions, wrt)
    ink = making.search.fractions.ink
    all_lost = [making.conditions(*pair, assumed) for pair in zip(making.graph.outputs, form.outputs, strict=True)]
    short = tuple(tuple(c for c in listed if ink(c) <= 2 * LARGEST_CONDITION) for listed in all_lost)
    long = {c for listed in all_lost for c in listed if ink(c) > 2 * LARGEST_CONDITION}
    return form, short, len(long)


class _Display:
    def __init__(self, graph: Graph) -> None:
        self.graph = spelled_out(graph)
        self._algebra = DisplayAlgebra()
        self.search = Search()
        self.forms: dict[Node, Node] = {}
        self._rebuild = rebuilder(self._algebra)
        self._written: dict[Scalar, Scalar] = {}
        self._asked = compared_operands(self.graph)

    def run(self) -> Graph:
        for node in graph_order(self.graph.outputs):
            if node in self.forms:
                continue
            self.forms[node] = self._displayed(node)
        return Graph(self.graph.inputs, tuple(self._polished(self._tensor(t)) for t in self.graph.outputs))

    def _polished(self, tensor: Tensor) -> Tensor:
        """An output with its body in the shortest of its forms."""
        if not isinstance(tensor, Compute):
            return tensor
        body = self.search.body(tensor.body)
        return compute(
            tensor.shape, body, reduce_extents=tensor.reduce_extents, reducer=tensor.reducer, domain=tensor.domain
        )

    def conditions(self, original: Tensor, shown: Tensor, assumed: dict[Demand, None]) -> tuple[Scalar, ...]:
        """What the original demands of its operands and the form that is shown does not."""
        asked = {**assumed, **self._read(original, self.form_of)}
        if not asked:
            return ()
        return tuple(lost(asked, self._read(shown, lambda operand: operand), self.search.fractions))

    def assumed_by(self, functions: Sequence[Graph], wrt: Sequence[str]) -> dict[Demand, None]:
        """What functions of numbers demand of the inputs that they are differentiated by."""
        found: dict[Demand, None] = {}
        for graph in functions:
            making = _Display(graph)
            making.search = self.search
            making.run()
            for output in making.graph.outputs:
                if not output.rank:
                    found |= making._read(output, making.form_of)
        return {d: None for d in found if _reads(d.operand, wrt)}

    def form_of(self, operand: Scalar) -> Scalar:
        """The display form of an operand of the original."""
        return self._written.get(operand, operand)

    def _read(self, tensor: Tensor, form: Callable[[Scalar], Scalar]) -> dict[Demand, None]:
        return demands(tensor, form, self.search.fractions)

    def _tensor(self, tensor: Tensor) -> Tensor:
        form = self.forms[tensor]
        assert isinstance(form, Tensor)
        return form

    def _displayed(self, node: Node) -> Node:
        if isinstance(node, Compute):
            return self._displayed_compute(node)
        if isinstance(node, Projection):
            if isinstance(node.source, Call):
                return self._called(node.source, node.position)
            source = self.forms[node.source]
            assert isinstance(source, MultiNode)
            return projection(source, node.position)
        if isinstance(node, MultiNode):
            return with_operands(node, [self._tensor(t) for t in node.operands])
        return node

    def _called(self, node: Call, position: int) -> Tensor:
        """The result of a sub-graph that is kept whole for other reasons than reading, written out."""
        operands = [self._tensor(t) for t in node.operands]
        inner = _Display(node.graph)
        inner._algebra = self._algebra
        inner.forms = dict(zip(node.graph.inputs, operands, strict=True))
        return inner.run().outputs[position]

    def _displayed_compute(self, node: Compute) -> Compute:
        extents = node.extents
        body = self._rewritten(node.body)
        if self._algebra.has_index_arithmetic(body):
            body = tidy_indices(body, extents)
        domain = self._rewritten(node.domain)
        if node.reducer is None:
            return compute(node.shape, body)
        if node.reducer != "sum" or body.dtype.kind not in "fc":
            return compute(node.shape, body, reduce_extents=node.reduce_extents, reducer=node.reducer, domain=domain)
        return self._pulled_out(node.shape, node.reduce_extents, domain, body)

    # ------------------------------------------------------------ bodies

    def _rewritten(self, root: Scalar) -> Scalar:
        """A body in mathematical operations, with the elementwise tensors that it loads written out."""
        memo = self._written
        for node in post_order([root], prune=memo.__contains__):
            if node not in memo:
                memo[node] = self._rebuilt(node, [memo[child] for child in node.children])
        return memo[root]

    def _rebuilt(self, node: Scalar, children: Sequence[Scalar]) -> Scalar:
        if isinstance(node, Number):
            return self._algebra.literal(node) if node.dtype.kind == "f" else node
        if isinstance(node, Load):
            return self._loaded(self._tensor(node.tensor), children)
        if isinstance(node, Guard):
            if self._keeps_powers_finite(node.predicate, children[0], children[1]):
                return children[1]
            return self._guarded(children[0], children[1])
        if not isinstance(node, Apply):
            return node
        ordered = node.dtype.kind == "b" and len(children) == 2 and node.op.name != "not_equal"
        if ordered and children[0].dtype.kind == "f":
            return comparison(node.op.name, *children)
        form = self._rebuild(node, children)
        if is_apply(form, "sum"):
            self.search.fractions.meet(form)
        return form

    def _loaded(self, tensor: Tensor, indices: Sequence[Scalar]) -> Scalar:
        elementwise = isinstance(tensor, Compute) and tensor.reducer is None
        if isinstance(tensor, Compute) and elementwise and self._algebra.size(tensor.body) <= _LARGEST_INLINED:
            in_order = all(i is index(k) for k, i in enumerate(indices))
            return tensor.body if in_order else reindexed(tensor.body, indices)
        return load(tensor, indices)

    def _keeps_powers_finite(self, asked: Scalar, predicate: Scalar, body: Scalar) -> bool:
        """Whether the condition is that of the derivative of a power: ``e != 0`` for an exponent e of the body.

        It is the user's own where the opposite is asked anywhere: then it chooses between two formulas.
        """
        leaves = [asked]
        while any(is_connective(p) for p in leaves):
            leaves = [c for p in leaves for c in (p.children if is_connective(p) else (p,))]
        if not all(is_apply(p, "not_equal") and p.children[0].dtype.kind == "f" for p in leaves):
            return False
        if any(p.children[0] in self._asked or not is_number(p.children[1], 0) for p in leaves):
            return False
        powers = [
            p.children for p in post_order([body]) if is_apply(p, "power") and not isinstance(p.children[1], Number)
        ]
        watched = [self._written[p.children[0]] for p in leaves]
        return all(any(w is base or same_symbols(w, exponent) for base, exponent in powers) for w in watched)

    def _guarded(self, predicate: Scalar, body: Scalar) -> Scalar:
        """The guard, or the body alone where it only saves a power from its limit: ``n x**(n-1)`` at n = 0, ``x / |x|``."""
        body = under(predicate, body, self._algebra)
        of_norm = is_apply(predicate, "greater") and is_apply(predicate.children[0], "power")
        if of_norm and is_number(predicate.children[1], 0):
            base = predicate.children[0].children[0]  # a norm: the convention at 0 is no part of the textbook's formula
            if any(is_apply(f, "power") and f.children[0] is base for f in post_order([body])):
                return body
        terms = body.children if is_apply(body, "sum") else (body,)
        if all(needless(predicate, t) for t in terms):
            return body
        return guarded(predicate, body)

    # ------------------------------------------------------------ reductions

    def _pulled_out(self, shape: Sequence[Extent], reduced: Sequence[Extent], domain: Scalar, body: Scalar) -> Compute:
        """``sum_k c f[k]`` as ``c sum_k f[k]``, an unused axis as a factor n, only output axes that f uses."""
        extents = (*shape, *reduced)
        rank = len(shape)
        if domain is TRUE and is_apply(body, "sum"):
            separate = self._summed_apart(shape, reduced, body)
            if separate is not None:
                return separate
        outside, inside = self._split_factors(body, extents, rank)
        needed = free_indices(inside, domain)
        outside += [
            convert(extent_scalar(extents[k]), body.dtype) for k in range(rank, len(extents)) if k not in needed
        ]
        kept_reduced = [k for k in range(rank, len(extents)) if k in needed]
        if not kept_reduced:
            total = self._algebra.product([*outside, guarded(domain, inside)])
            return compute(shape, total)
        if not outside and len(needed) == len(extents):
            return compute(shape, inside, reduce_extents=reduced, reducer="sum", domain=domain)
        kept = [k for k in range(rank) if k in needed]
        renamed: list[Scalar] = [number(0)] * len(extents)
        for position, k in enumerate(kept + kept_reduced):
            renamed[k] = index(position)
        inner = compute(
            [extents[k] for k in kept],
            reindexed(inside, renamed),
            reduce_extents=[extents[k] for k in kept_reduced],
            reducer="sum",
            domain=reindexed(domain, renamed),
        )
        if not outside and len(kept) == rank:
            return inner
        return compute(shape, self._algebra.product([*outside, load(inner, [index(k) for k in kept])]))

    def _summed_apart(self, shape: Sequence[Extent], reduced: Sequence[Extent], body: Scalar) -> Compute | None:
        """``sum_k (f[k] - c)`` as ``sum_k f[k] - n c`` where that is shorter: where it cancels."""
        if len(body.children) > _LARGEST_SUMMED_APART:
            return None
        position = [index(k) for k in range(len(shape))]
        terms = [self._pulled_out(shape, reduced, TRUE, t) for t in body.children]
        parts = [reindexed(t.body, position) if t.reducer is None else load(t, position) for t in terms]
        total = self._algebra.sum(parts, body.dtype)
        if self._written_size(total) >= self._algebra.size(body) + 1:
            return None
        return compute(shape, total)

    def _written_size(self, scalar: Scalar) -> int:
        """The size with the sums that it loads written out."""
        size = self._algebra.size(scalar)
        for item in loads_of(scalar):
            if isinstance(item.tensor, Compute):
                size += self._algebra.size(item.tensor.body) + 1
        return size

    def _exponentials_split(self, core: Scalar, rank: int) -> list[Scalar]:
        """The factors, ``exp(x[k] - c)`` as ``exp(x[k])`` times ``exp(-c)``: a shift by c leaves the sum."""
        factors: list[Scalar] = []
        for factor in core.children if is_apply(core, "prod") else (core,):
            if is_apply(factor, "exp") and is_apply(factor.children[0], "sum"):
                terms = factor.children[0].children
                fixed = [t for t in terms if all(k < rank for k in free_indices(t))]
                moving = [t for t in terms if t not in fixed]
                for part in (moving, fixed):
                    if part:
                        total = algebra.sum_of(*part, flatten=False, dtype=factor.dtype)
                        factors.append(self._algebra.apply("exp", [total], factor.dtype))
            else:
                factors.append(factor)
        return factors

    def _split_factors(self, body: Scalar, extents: Sequence[Extent], rank: int) -> tuple[list[Scalar], Scalar]:
        """The factors that no reduced axis enters, and the rest. A guard stays inside, with what it protects."""
        predicate, core = (body.predicate, body.body) if isinstance(body, Guard) else (TRUE, body)
        outside: list[Scalar] = []
        inside: list[Scalar] = []
        for factor in self._exponentials_split(core, rank):
            invariant = all(k < rank for k in free_indices(factor)) and _evaluable(factor, extents)
            (outside if invariant else inside).append(factor)
        rest = algebra.product_of(*inside, flatten=False, dtype=body.dtype)
        return outside, guarded(predicate, rest)


def _reads(scalar: Scalar, names: Sequence[str]) -> bool:
    inputs = [item.tensor.name for item in loads_of(scalar) if isinstance(item.tensor, Input)]
    return not names or any(name in names for name in inputs)


def _evaluable(factor: Scalar, extents: Sequence[Extent]) -> bool:
    """Whether the factor can be evaluated at every index: its loads are in range without a guard."""
    for item in loads_of(factor):
        for k, position in enumerate(item.indices):
            if isinstance(position, Number):
                continue
            if not isinstance(position, Index) or extents[position.position] != item.tensor.shape[k]:
                return False
    return True
