"""Graphs in index notation: entries, sums over index letters, Iverson brackets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradc.ir.algebra import is_index_predicate, linear_terms, negation, sum_of
from gradc.ir.scalar import (
    TRUE,
    Apply,
    Guard,
    Index,
    Load,
    Number,
    Scalar,
    Size,
    is_apply,
    is_number,
    number,
)
from gradc.ir.tensor import Compute, Constant, Extern, Projection, Tensor
from gradc.ir.walk import post_order
from gradc.present import notation as n
from gradc.present.notation import Name, Notation
from gradc.present.order import ordered_product, ordered_sum, text_key
from gradc.present.symbols import symbol

Environment = tuple[Notation, ...]
#: Constants of at most this many entries are printed in full.
_LARGEST_CONSTANT = 9
#: Evenly spaced literals of at least this many entries are written by their step, where that is a fraction like 1/49.
_SHORTEST_PROGRESSION = 5
_LARGEST_DENOMINATOR = 10_000


class IndexForm:
    """Builds index notation; ``names`` gives the symbols of inputs and of named intermediates, ``whole`` an array that
    has no entries of its own (the result of a library call). With ``products``, a nameless matrix product is written as
    one, by its entries: ``(A' A)_{ij}``.
    """

    def __init__(
        self,
        names: Mapping[Tensor, Notation],
        letters: Sequence[str],
        whole: Callable[[Tensor], Notation | None] = lambda _: None,
        products: bool = False,
    ) -> None:
        self._whole = whole
        self._products = products
        self._names = names
        self._letters = letters
        self._written: dict[tuple[Tensor, Environment, Environment], Notation] = {}
        self._scope: Environment = ()

    def letters(self, count: int, used: Sequence[Notation] = ()) -> tuple[Name, ...]:
        """The first ``count`` index letters that occur neither in ``used`` nor in an enclosing sum."""
        taken = {item.latex for root in (*used, *self._scope) for item in _names_in(root)}
        free = [c for c in self._letters if c not in taken]
        return tuple(Name(c, c, integer=True) for c in free[:count])

    def output(self, tensor: Tensor, indices: Environment) -> Notation:
        """The entry of an output at the given indices, written out even where the tensor has a name."""
        self._scope = indices
        try:
            return self._compute(tensor, indices) if isinstance(tensor, Compute) else self.entry(tensor, indices)
        finally:
            self._scope = ()

    def entry(self, tensor: Tensor, indices: Environment) -> Notation:
        """``tensor[indices]``: the symbol, or the expression of a nameless intermediate."""
        name = self._names.get(tensor)
        if isinstance(name, n.Trajectory):
            state = name.at(indices[0])
            return n.Entry(state, indices[1:]) if indices[1:] else state
        if name is not None:
            return n.Entry(name, indices) if indices else name
        if isinstance(tensor, Compute):
            product = self._whole(tensor) if self._products and indices and tensor.reducer == "sum" else None
            if isinstance(product, n.MatrixProduct):
                return _entry_of(product, indices)
            key = (tensor, indices, self._scope)
            if key not in self._written:
                self._written[key] = self._compute(tensor, indices)
            return self._written[key]
        if isinstance(tensor, Constant):
            if tensor.value.size == 1:
                return n.Literal(number(tensor.value.reshape(-1)[0]).value)
            position = [i.value for i in indices if isinstance(i, n.Literal) and isinstance(i.value, int)]
            if len(position) == tensor.rank:
                return n.Literal(number(tensor.value.item(*position)).value)
            term = _progression(tensor)
            if term is not None:
                start, step = term
                return ordered_sum([times(n.Literal(step), *indices), *([n.Literal(start)] if start else [])])
            written = written_constant(tensor)
            return n.Entry(Name("C", "C", tensor.rank) if written is None else written, indices)
        named = self._whole(tensor) or self._call(tensor, indices) or Name(*_own_name(tensor), rank=tensor.rank)
        return _entry_of(named, indices) if indices else named

    def _call(self, tensor: Tensor, indices: Environment) -> Notation | None:
        """A result of a library call on arrays that have no form of their own, by their entries: ``argsort(x_j + j)``."""
        source = tensor.source if isinstance(tensor, Projection) else None
        if not isinstance(source, Extern) or len(source.results) > 1:
            return None
        outer = self._scope
        operands: list[Notation] = []
        for operand in source.operands:
            letters = self.letters(operand.rank, (*indices, *outer))
            if len(letters) < operand.rank:
                return None
            self._scope = (*outer, *indices, *letters)
            operands.append(self._names.get(operand) or self.entry(operand, letters))
        self._scope = outer
        return n.Function(source.name, tuple(operands))

    # ------------------------------------------------------------ comprehensions

    def _compute(self, node: Compute, indices: Environment) -> Notation:
        outer = self._scope
        try:
            return self._reduced(node, indices) if node.reducer else self.scalar(node.body, indices)
        finally:
            self._scope = outer

    def _reduced(self, node: Compute, indices: Environment) -> Notation:
        assert node.reducer is not None
        letters = self.letters(len(node.reduce_extents), indices)
        self._scope = (*self._scope, *indices, *letters)
        environment = (*indices, *letters)
        body = self.scalar(node.body, environment)
        condition = None
        last: tuple[Notation, ...] = ()
        stops: tuple[Notation, ...] = ()
        if node.domain is not TRUE:
            condition = _letter_first(self.condition(node.domain, environment), letters)
        elif node.reducer == "sum" and isinstance(node.body, Guard):
            condition = _letter_first(self.condition(node.body.predicate, environment), letters)
            body = self.scalar(node.body.body, environment)
        elif not _ranges_implied(node):
            last = tuple(self.scalar(sum_of(e, -1), ()) for e in node.reduce_extents)
            stops = tuple(self.scalar(sum_of(e), ()) for e in node.reduce_extents)
        return n.Reduction(node.reducer, letters, last, stops, condition, body)

    # ------------------------------------------------------------ scalars

    def scalar(self, root: Scalar, environment: Environment) -> Notation:
        """A body (or one of its parts) with its indices replaced."""
        memo: dict[Scalar, Notation] = {}
        order = post_order([root], prune=lambda s: isinstance(s, Guard) or s.dtype.kind == "b")
        for node in order:
            memo[node] = self._node(node, memo, environment)
        return memo[root]

    def _node(self, node: Scalar, memo: Mapping[Scalar, Notation], environment: Environment) -> Notation:
        if isinstance(node, Number):
            return n.Literal(node.value)
        if isinstance(node, Index):
            return environment[node.position]
        if isinstance(node, Size):
            return size_name(node)
        if isinstance(node, Load):
            return self.entry(node.tensor, tuple(memo[i] for i in node.indices))
        if isinstance(node, Guard):
            return times(*self._brackets(node.predicate, environment), self.scalar(node.body, environment))
        if node.dtype.kind == "b":
            return n.Bracket(self.condition(node, environment))
        assert isinstance(node, Apply)
        if node.op.name == "where":
            return self._where(node, environment)
        if node.op.name == "sum":
            return self._sum(node, memo, environment)
        return applied(node, [memo[c] for c in node.args])

    def _brackets(self, predicate: Scalar, environment: Environment) -> list[Notation]:
        """A condition as brackets: one for each of several equations ``[i = k] [j = l]``."""
        conditions = [predicate]
        if is_apply(predicate, "and") and all(
            is_apply(p, "equal") and is_index_predicate(p) for p in predicate.children
        ):
            conditions = list(predicate.children)
        written = [self.condition(p, environment) for p in conditions]
        return [n.Bracket(c) for c in sorted(written, key=text_key)] if len(written) > 1 else [n.Bracket(written[0])]

    def _sum(self, node: Apply, memo: Mapping[Scalar, Notation], environment: Environment) -> Notation:
        """A sum; two terms under opposite conditions are cases."""
        terms = node.args
        if len(terms) == 2 and all(isinstance(t, Guard) for t in terms):
            first, second = terms
            assert isinstance(first, Guard)
            assert isinstance(second, Guard)
            if negation(first.predicate) is second.predicate or negation(second.predicate) is first.predicate:
                if is_apply(first.predicate, "not") or is_apply(first.predicate, "not_equal"):
                    first, second = second, first
                values = (self.scalar(first.body, environment), self.scalar(second.body, environment))
                return n.Cases(values, (self.condition(first.predicate, environment),))
        return ordered_sum([memo[t] for t in terms])

    def _where(self, node: Apply, environment: Environment) -> Notation:
        values: list[Notation] = []
        conditions: list[Notation] = []
        chosen: Scalar = node
        while is_apply(chosen, "where") and len(conditions) < 6:
            predicate, value, chosen = chosen.children
            conditions.append(self.condition(predicate, environment))
            values.append(self.scalar(value, environment))
        return n.Cases((*values, self.scalar(chosen, environment)), tuple(conditions))

    # ------------------------------------------------------------ conditions

    def condition(self, predicate: Scalar, environment: Environment) -> Notation:
        """A condition: comparisons of indices in their usual form, ``i = j`` and ``i < n``."""
        if is_index_predicate(predicate):
            return self._index_relation(predicate, environment)
        if isinstance(predicate, Apply) and predicate.op.name in ("and", "or", "not"):
            parts = [self.condition(p, environment) for p in predicate.args]
            return n.Logic(predicate.op.name, tuple(parts))
        if is_apply(predicate, "where"):
            return self._either(predicate, environment)
        if isinstance(predicate, Apply) and len(predicate.args) == 2 and predicate.dtype.kind == "b":
            left, right = (self.scalar(a, environment) for a in predicate.args)
            return n.Relation(predicate.op.name, left, right)
        if isinstance(predicate, Apply):
            return n.Function(predicate.op.name, tuple(self.scalar(a, environment) for a in predicate.args))
        if isinstance(predicate, Load):
            indices = tuple(self.scalar(i, environment) for i in predicate.indices)
            return self.entry(predicate.tensor, indices)
        return n.Literal(int(is_number(predicate, True)))

    def _either(self, node: Scalar, environment: Environment) -> Notation:
        """``held if asked else other``: ``asked and held`` where the other is false, ``asked or other``."""
        asked, held, other = node.children
        first, second, third = (self.condition(p, environment) for p in (asked, held, other))
        if other is asked or is_number(other, False):
            return n.Logic("and", (first, second))
        if held is asked or is_number(held, True):
            return n.Logic("or", (first, third))
        return n.Logic("or", (n.Logic("and", (first, second)), n.Logic("and", (n.opposite(first), third))))

    def _index_relation(self, predicate: Scalar, environment: Environment) -> Notation:
        assert isinstance(predicate, Apply)
        terms, literal = linear_terms(predicate.args[0])
        sides: tuple[list[Notation], list[Notation]] = ([], [])
        for atom, coefficient in terms.items():
            written = n.scaled(abs(coefficient), self.scalar(atom, environment))
            sides[coefficient < 0].append(written)
        name = predicate.op.name
        left, right = sides
        if name != "less_equal" and not left:
            left, right, literal = right, left, -literal
        if name == "less_equal" and literal == 1 and left and right:
            name, literal = "less", 0
        if not left:  # literal <= e
            return n.Relation("greater_equal", _added(right, 0), n.Literal(literal))
        if name == "equal" and len(left) == len(right) == 1 and not literal:
            return n.Relation(name, *sorted((left[0], right[0]), key=_letter_order))
        if literal > 0 and right and name != "less_equal":
            return n.Relation(name, _added(left, literal), _added(right, 0))
        return n.Relation(name, _added(left, 0), _added(right, -literal))


def _entry_of(array: Notation, indices: Environment) -> Notation:
    """An entry; that of a transpose has its indices exchanged."""
    if len(indices) == 2 and isinstance(array, n.Transposed):
        return n.Entry(array.base, indices[::-1])
    if len(indices) == 2 and isinstance(array, n.Inverse) and isinstance(array.base, n.Transposed):
        return n.Entry(n.Inverse(array.base.base), indices[::-1])
    return n.Entry(array, indices)


_TURNED = {"less": "greater", "less_equal": "greater_equal", "greater": "less", "greater_equal": "less_equal"}


def _letter_first(condition: Notation, letters: Sequence[Name]) -> Notation:
    """``i <= j`` as ``j >= i`` under a sum over j."""
    if isinstance(condition, n.Relation) and condition.right in letters and condition.left not in letters:
        return n.Relation(_TURNED.get(condition.name, condition.name), condition.right, condition.left)
    return condition


def size_name(size: Size) -> Name:
    """The symbol of a named extent."""
    return replace(symbol(size.name), integer=True)


def _letter_order(node: Notation) -> tuple[int, str]:
    return (0, node.latex) if isinstance(node, Name) else (1, "")


def _added(terms: list[Notation], literal: int) -> Notation:
    if not terms:
        return n.Literal(literal)
    return ordered_sum([*terms, n.Literal(literal)] if literal else terms)


def _names_in(root: Notation) -> list[Name]:
    found, pending = [], [root]
    while pending:
        item = pending.pop()
        if isinstance(item, Name):
            found.append(item)
        pending.extend(item.parts)
    return found


def _progression(tensor: Constant) -> tuple[Fraction, Fraction] | None:
    """Start and step of a literal vector of evenly spaced numbers: ``np.linspace(0, 1, 50)[i]`` is ``i/49``."""
    if tensor.rank != 1 or tensor.value.size < _SHORTEST_PROGRESSION or tensor.value.dtype.kind != "f":
        return None
    steps = np.diff(tensor.value)
    if not np.all(np.isfinite(steps)) or not np.allclose(steps, steps[0], rtol=1e-9, atol=0):
        return None
    step = Fraction(float(tensor.value[-1] - tensor.value[0]) / (tensor.value.size - 1))
    exact = [Fraction(v).limit_denominator(_LARGEST_DENOMINATOR) for v in (float(tensor.value[0]), step)]
    rounded = float(exact[0]) + np.arange(tensor.value.size) * float(exact[1])
    return (exact[0], exact[1]) if np.allclose(rounded, tensor.value, rtol=1e-12, atol=1e-12) else None


def written_constant(tensor: Constant) -> n.Array | None:
    """A small literal array, written out."""
    if tensor.value.size > _LARGEST_CONSTANT or tensor.rank not in (1, 2):
        return None
    rows = tensor.value.reshape(len(tensor.value), -1)
    return n.Array(tuple(tuple(n.Literal(number(entry).value) for entry in row) for row in rows))


def _own_name(tensor: Tensor) -> tuple[str, str]:
    if isinstance(tensor, Projection):
        source = tensor.source
        name = str(getattr(source, "name", "") or getattr(source, "policy", "") or type(source).__name__.lower())
        escaped = name.replace("_", r"\_")
        suffix = f"_{tensor.position}" if len(source.results) > 1 else ""
        return rf"\operatorname{{{escaped}}}{suffix}", name + suffix
    return "C", "C"


def _ranges_implied(node: Compute) -> bool:
    """Whether every reduced index runs over a whole axis of something: then its range goes without saying."""
    rank = len(node.shape)
    implied: set[int] = set()
    for item in post_order([node.body]):
        if isinstance(item, Load):
            for axis, position in enumerate(item.indices):
                if isinstance(position, Index) and node.extents[position.position] == item.tensor.shape[axis]:
                    implied.add(position.position)
    return all(k in implied for k in range(rank, len(node.extents)))


# ---------------------------------------------------------------- arithmetic


def times(*factors: Notation) -> Notation:
    """The product of pieces, fractions and coefficients merged."""
    coefficient: Any = 1
    over: list[Notation] = []
    under: list[Notation] = []
    for factor in factors:
        if isinstance(factor, n.Product):
            coefficient = coefficient * factor.coefficient
            over += factor.numerator
            under += factor.denominator
        elif isinstance(factor, n.Literal) and isinstance(factor.value, int | float | Fraction):
            coefficient = coefficient * factor.value
        else:
            over.append(factor)
    return ordered_product(coefficient, over, under)


#: Squares that are functions of their own, with the function they are the square of.
_ROOTS = {"squared_norm": "norm", "frobenius": "frobenius_norm"}


def to_power(base: Notation, exponent: Notation) -> Notation:
    """A power; exponents 1/2 are roots, negative ones denominators."""
    value = exponent.value if isinstance(exponent, n.Literal) else None
    if isinstance(value, int | Fraction | float) and value < 0:
        return ordered_product(1, (), (to_power(base, n.Literal(-value)),))
    if value == 1 and not isinstance(value, complex):
        return base
    if isinstance(base, n.Function) and base.name in _ROOTS and isinstance(value, int | Fraction):
        return to_power(n.Function(_ROOTS[base.name], base.arguments), n.Literal(_exact(2 * value)))
    if isinstance(value, Fraction) and value.numerator == 1 and value.denominator <= 3:
        return n.Root(base, value.denominator)
    return n.Power(base, exponent)


def _exact(value: int | Fraction) -> int | Fraction:
    return int(value) if value == int(value) else value


def _product(factors: Sequence[Notation]) -> Notation:
    return times(*factors)


#: How mathematical operations are composed; every other op is a function of its arguments.
_ARITHMETIC: dict[str, Callable[[Sequence[Notation]], Notation]] = {
    "sum": ordered_sum,
    "prod": _product,
    "power": lambda a: to_power(a[0], a[1]),
    "convert": lambda a: a[0],
    "add": ordered_sum,
    "sub": lambda a: n.Sum((a[0], n.scaled(-1, a[1]))),
    "mul": _product,
    "div": lambda a: ordered_product(1, (a[0],), (a[1],)),
    "neg": lambda a: n.scaled(-1, a[0]),
    "pow": lambda a: to_power(a[0], a[1]),
    "sqrt": lambda a: n.Root(a[0], 2),
}


def applied(node: Apply, arguments: Sequence[Notation]) -> Notation:
    """The op of ``node`` on pieces of notation."""
    row = _ARITHMETIC.get(node.op.name)
    return row(arguments) if row else n.Function(node.op.name, tuple(arguments))
