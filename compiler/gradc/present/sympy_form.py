"""Graphs as SymPy expressions: entrywise where the extents are fixed, with Indexed and Sum where they have names."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.algebra import is_index_predicate, linear_terms
from gradc.ir.scalar import TRUE, Apply, Guard, Index, Load, Number, Scalar, Size, is_apply
from gradc.ir.tensor import Compute, Constant, Graph, Input, Loop, Tensor, extent_scalar
from gradc.ir.text import sub_graphs
from gradc.ir.walk import graph_order, post_order, tensors_of
from gradc.trace.sympy_graphs.nodes import is_small

if TYPE_CHECKING:
    import sympy

#: Arrays of more entries are not written out.
_LARGEST_ENTRYWISE = 4096
#: Loops of more steps are not written out.
_LONGEST_LOOP = 64
#: More brackets in one expression are left as they are: folding them multiplies the cases.
_MOST_MERGED = 4
#: Expressions of more nodes are left as they are: SymPy folds them as trees.
_LARGEST_MERGED = 1000


def sympy_outputs(graph: Graph, names: Sequence[str]) -> list[Any]:
    """Every output as SymPy: an expression for a number, a Matrix for one or two axes, an Array beyond.

    A scalar input is the Symbol of its name, an entry of an array ``Indexed``: ``x[0]``. An output over named extents
    is its entry at the Symbols i, j, ... A short loop is written out. Raises `ArgumentError` where functions are nested more
    deeply than SymPy goes, and for loops that have no expression of bounded length.
    """
    _require_short_loops(graph)
    try:
        return _outputs(graph, names)
    except RecursionError:
        raise ArgumentError(
            "this formula nests functions more deeply than SymPy can build expressions (its constructors are recursive); "
            "formula.numpy() and formula.c() have no such bound"
        ) from None


def _require_short_loops(graph: Graph, outer: int = 1) -> None:
    """Refuse loops whose steps can't be written out one after the other."""
    instead = "its recurrence is in str(formula) and formula.latex()"
    for node in graph_order(graph.outputs):
        steps = outer
        if isinstance(node, Loop):
            if node.condition is not None:
                raise ArgumentError(f"a loop that ends by a condition has no SymPy expression; {instead}")
            if not isinstance(node.trip, int):
                raise ArgumentError(
                    f"a loop over a named extent has no SymPy expression; {instead}: or give fixed sizes"
                )
            steps = outer * node.trip
            if steps > _LONGEST_LOOP:
                raise ArgumentError(f"a loop of {steps} steps is too long for a SymPy expression; {instead}")
        for inner in sub_graphs(node):
            _require_short_loops(inner, steps)


def _outputs(graph: Graph, names: Sequence[str]) -> list[Any]:
    fixed = all(isinstance(e, int) for t in (*tensors_of(graph), *graph.inputs) for e in _extents(t))
    if fixed and all(int(np.prod(t.shape)) <= _LARGEST_ENTRYWISE for t in graph.inputs):  # type: ignore[arg-type]
        return _entrywise(graph, names)
    return [_Symbolic(graph, names).output(t) for t in graph.outputs]


def _extents(tensor: Tensor) -> Sequence[Any]:
    return tensor.extents if isinstance(tensor, Compute) else tensor.shape


def _entrywise(graph: Graph, names: Sequence[str]) -> list[Any]:
    from gradc.evaluate import SYMPY, evaluate

    values = [_symbols(t, name) for t, name in zip(graph.inputs, names, strict=True)]
    return [_packed(array) for array in evaluate(graph, values, numbers=SYMPY)]


def _symbols(tensor: Input, name: str) -> Any:
    import sympy

    if not tensor.shape:
        return sympy.Symbol(name)
    base = sympy.IndexedBase(name)
    shape = tuple(int(e) for e in tensor.shape)  # type: ignore[arg-type]
    entries = np.empty(shape, dtype=object)
    for position in np.ndindex(*shape):
        entries[position] = base[position]
    return entries


def _packed(array: np.ndarray[Any, Any]) -> Any:
    import sympy

    if array.ndim == 0:
        return _merged(sympy.sympify(array[()]))
    if array.ndim <= 2:
        return sympy.Matrix(array.shape[0], array.shape[1] if array.ndim == 2 else 1, list(array.ravel()))
    return sympy.Array(list(array.ravel()), array.shape)


def _conjuncts(predicate: Scalar) -> Sequence[Scalar]:
    if predicate is TRUE:
        return ()
    return predicate.children if is_apply(predicate, "and") else (predicate,)


def _delta(equation: Any) -> Any:
    """The Kronecker delta of an equation of indices."""
    import sympy

    difference = sympy.expand(equation.lhs - equation.rhs)
    positive = sympy.Add(*[t for t in sympy.Add.make_args(difference) if not t.could_extract_minus_sign()])
    return sympy.KroneckerDelta(positive, sympy.expand(positive - difference))


def _merged(expression: Any) -> Any:
    """Brackets that exclude each other as one Piecewise, where that is shorter."""
    import sympy

    if not is_small(expression, _LARGEST_MERGED) or expression.has(sympy.Sum, sympy.Product):
        return expression
    if not 1 < expression.count(sympy.Piecewise) <= _MOST_MERGED:
        return expression
    folded = sympy.piecewise_fold(expression)
    return folded if sympy.count_ops(folded) <= sympy.count_ops(expression) else expression


class _Symbolic:
    """Expressions over named extents."""

    def __init__(self, graph: Graph, names: Sequence[str]) -> None:
        self._names = dict(zip(graph.inputs, names, strict=True))
        letters = itertools.chain("ijklmpqrst", map("i{}".format, itertools.count()))
        self._letters = (c for c in letters if c not in names)

    def output(self, tensor: Tensor) -> Any:
        indices = [self._letter() for _ in tensor.shape]
        return self._entry(tensor, indices)

    def _letter(self) -> sympy.Symbol:
        import sympy

        return sympy.Symbol(next(self._letters), integer=True)

    def _entry(self, tensor: Tensor, indices: Sequence[Any]) -> Any:
        import sympy

        if isinstance(tensor, Input):
            name = self._names[tensor]
            return sympy.IndexedBase(name)[tuple(indices)] if indices else sympy.Symbol(name)
        if isinstance(tensor, Constant) and tensor.value.size == 1:
            return sympy.sympify(tensor.value.reshape(-1)[0].item())
        if not isinstance(tensor, Compute):
            raise ArgumentError(f"a {type(tensor).__name__} has no SymPy form; give fixed extents")
        return self._compute(tensor, indices)

    def _compute(self, node: Compute, indices: Sequence[Any]) -> Any:
        import sympy

        reduced = [self._letter() for _ in node.reduce_extents]
        environment = [*indices, *reduced]
        if node.reducer is None:
            return self._scalar(node.body, environment)
        big = {"sum": sympy.Sum, "prod": sympy.Product}.get(node.reducer)
        if big is None:
            raise ArgumentError(f"SymPy has no {node.reducer} over a named extent; give fixed extents")
        predicates, content = list(_conjuncts(node.domain)), node.body
        if node.reducer == "sum" and isinstance(content, Guard):
            predicates += _conjuncts(content.predicate)
            content = content.body
        limits = [
            [letter, sympy.S.Zero, self._scalar(extent_scalar(e), ()) - 1]
            for letter, e in zip(reduced, node.reduce_extents, strict=True)
        ]
        rest = [p for p in predicates if not self._limit(p, node, environment, limits)]
        body = self._scalar(content, environment)
        if rest:
            condition = sympy.And(*[self._scalar(p, environment) for p in rest])
            body = sympy.Piecewise((body, condition), (0 if node.reducer == "sum" else 1, True))
        return big(body, *[tuple(limit) for limit in limits])

    def _limit(self, predicate: Scalar, node: Compute, environment: Sequence[Any], limits: list[list[Any]]) -> bool:
        """Whether the predicate bounds a reduced index by an output index, ``k <= i``: then it is a limit of the sum."""
        if not is_index_predicate(predicate) or not is_apply(predicate, "less_equal"):
            return False
        terms, constant = linear_terms(predicate.children[0])
        axes = {a.position: a for a in terms if isinstance(a, Index)}
        inner, outer = [k for k in axes if k >= node.rank], [k for k in axes if k < node.rank]
        if len(terms) != 2 or len(inner) != 1 or len(outer) != 1 or constant < 0:
            return False
        sign = terms[axes[inner[0]]]
        if abs(sign) != 1 or terms[axes[outer[0]]] != -sign or node.extents[inner[0]] != node.extents[outer[0]]:
            return False
        limit, bound = limits[inner[0] - node.rank], environment[outer[0]]
        if sign > 0:
            limit[2] = bound - constant
        else:
            limit[1] = bound + constant
        return True

    def _scalar(self, root: Scalar, environment: Sequence[Any]) -> Any:
        memo: dict[Scalar, Any] = {}
        for node in post_order([root]):
            memo[node] = self._node(node, [memo[c] for c in node.children], environment)
        return memo[root]

    def _node(self, node: Scalar, children: Sequence[Any], environment: Sequence[Any]) -> Any:
        import sympy

        from gradc.evaluate import SYMPY

        if isinstance(node, Number):
            return sympy.S.true if node.value is True else SYMPY.lift(node.value, np.dtype(float))
        if isinstance(node, Index):
            return environment[node.position]
        if isinstance(node, Size):
            return sympy.Symbol(node.name, integer=True, positive=True)
        if isinstance(node, Load):
            return self._entry(node.tensor, children)
        if isinstance(node, Guard):
            if is_index_predicate(node.predicate) and isinstance(children[0], sympy.Eq):
                return children[1] * _delta(children[0])
            return sympy.Piecewise((children[1], children[0]), (0, True))
        assert isinstance(node, Apply)
        if node.op.name == "where":
            return sympy.Piecewise((children[1], children[0]), (children[2], True))
        if node.op.name == "convert":
            return children[0]
        return SYMPY.function(node.op)(*children)
