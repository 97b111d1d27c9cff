"""Graphs to normal form: every entry of a tensor as a polynomial (see `gradc.verify.polynomial`) of inputs' entries.

Elementwise nodes are written out; a sum is split into products that don't fall apart, each with its bound indices named
canonically, so that ``sum_k A[i,k] (sum_l B[k,l] x[l])`` is the same in whatever order the products were taken, with named
extents as well as fixed ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from itertools import count, permutations
from math import isfinite

from gradc.ir import algebra
from gradc.ir.bounds import decide
from gradc.ir.scalar import (
    FALSE,
    INT64,
    TRUE,
    Apply,
    Guard,
    Index,
    Load,
    NamedConstant,
    Number,
    Scalar,
    index,
    is_apply,
    load,
    number,
)
from gradc.ir.tensor import Compute, Constant, Extent, Tensor, extent_scalar
from gradc.ir.tensor import extent as normal_extent
from gradc.ir.walk import free_indices, graph_order, post_order
from gradc.verify.bound_indices import (
    Bounds,
    Replaced,
    Split,
    components,
    is_small,
    replacements,
    scalars_in,
)
from gradc.verify.elementary import Elementary
from gradc.verify.inverses import cancelled, inverse_entry, library_value
from gradc.verify.polynomial import (
    ONE,
    ZERO,
    Atom,
    Exponents,
    Monomial,
    Polynomial,
    TooLarge,
    Unsupported,
    atom_polynomial,
    number_polynomial,
)

#: Indices that are bound while a sum is taken apart, and those of sums in normal form (by depth and position).
_FRESH = 1_000_000
_BOUND = 10_000
_MOST_PERMUTED = 5
#: Powers of sums up to this one are multiplied out when they join a sum around them.
_MOST_OPENED = 4


class NormalForm(Elementary):
    """The normal forms of the tensors of some graphs.

    ``rotations`` takes sines and cosines apart into exponentials, which proves every trigonometric identity but doubles
    the terms with each of them; ``unroll`` writes sums over small fixed extents out.
    """

    def __init__(
        self,
        steps: int = 400_000,
        seconds: float = 5.0,
        rotations: bool = False,
        unroll: bool = False,
        symmetric: Collection[Tensor] = (),
        positive: Collection[Tensor] = (),
    ) -> None:
        super().__init__(steps, seconds, rotations)
        self._unroll = unroll
        self._symmetric, self._positive = frozenset(symmetric), frozenset(positive)
        self._tensors: dict[Tensor, Polynomial] = {}
        self._fresh = count(_FRESH)

    # ------------------------------------------------------------ tensors and scalars

    def entry(self, tensor: Tensor) -> Polynomial:
        """The entry of ``tensor`` at indices 0, 1, ... as a polynomial."""
        for node in graph_order([tensor]):
            if isinstance(node, Compute) and node not in self._tensors:
                self._tensors[node] = self._compute(node)
        return self._tensors[tensor] if isinstance(tensor, Compute) else self._atom_of(tensor)

    def _atom_of(self, tensor: Tensor) -> Polynomial:
        return self._loaded(load(tensor, [number(0) if e == 1 else index(k) for k, e in enumerate(tensor.shape)]))

    def _compute(self, node: Compute) -> Polynomial:
        fresh = [(next(self._fresh), extent) for extent in node.reduce_extents]
        bound = {position: extent for position, extent in fresh if extent != 1}
        positions = [*enumerate(node.shape), *fresh]
        indices = [number(0) if extent == 1 else index(k) for k, extent in positions]
        body = self.scalar(algebra.reindexed(node.body, indices))
        if node.reducer is None:
            return body
        domain = self.scalar(algebra.reindexed(node.domain, indices))
        if node.reducer == "sum":
            return self.summed(self.multiply(domain, body), bound) if bound else self.multiply(domain, body)
        if not bound and domain == ONE and node.reducer in ("prod", "max", "min"):
            return body
        if self._unroll and is_small(bound.values()):
            if node.reducer == "prod":  # outside its domain a factor is 1
                body, domain = self.add(ONE, self.multiply(domain, self.subtract(body, ONE))), ONE
            if domain == ONE and node.reducer in ("prod", "max", "min"):
                return self._written_out(node.reducer, body, bound)
        return self._reduction(node.reducer, body, domain, bound)

    def scalar(self, root: Scalar) -> Polynomial:
        """A scalar as a polynomial; bools count as 0 and 1."""
        memo: dict[Scalar, Polynomial] = {}
        for node in post_order([root], prune=lambda s: isinstance(s, Load) or s.dtype == INT64):
            memo[node] = self._scalar(node, memo)
        return memo[root]

    def _scalar(self, node: Scalar, memo: Mapping[Scalar, Polynomial]) -> Polynomial:
        if node.dtype.kind == "c":
            raise Unsupported("complex numbers")
        if isinstance(node, Number):
            return self._number(node)
        if node.dtype.kind in "iu":
            return self._integer(node)
        if isinstance(node, Load):
            return self._loaded(node)
        if isinstance(node, Guard):
            return self.multiply(memo[node.predicate], memo[node.body])
        assert isinstance(node, Apply)
        if algebra.is_index_predicate(node):
            return self._index_bracket(node)
        return self.function(node.op.name, [memo[argument] for argument in node.args])

    def _number(self, node: Number) -> Polynomial:
        value = node.value
        if isinstance(value, NamedConstant):
            if value.name == "e":
                return self.exponential(ONE)
            return atom_polynomial(Atom("constant", value.name))
        if isinstance(value, complex) or not isfinite(value):
            raise Unsupported(f"the number {value}")
        return number_polynomial(Fraction(value))

    def _integer(self, node: Scalar) -> Polynomial:
        """An integer expression: sizes and indices are atoms."""
        terms, literal = algebra.linear_terms(node)
        parts = [number_polynomial(literal)]
        for term, coefficient in terms.items():
            factors = [self._integer_factor(f) for f in (term.children if is_apply(term, "prod") else (term,))]
            parts.append(self.scale(self.multiply(*factors), coefficient))
        return self.add(*parts)

    def _integer_factor(self, factor: Scalar) -> Polynomial:
        if is_apply(factor, "power") and isinstance(factor.children[1], Number):
            return self.power(self._integer_factor(factor.children[0]), Fraction(factor.children[1].value))  # type: ignore[arg-type]
        if isinstance(factor, Apply) and factor.op.name not in ("floordiv", "mod"):
            return self.function(factor.op.name, [self.scalar(argument) for argument in factor.args])
        if isinstance(factor, Load) and isinstance(factor.tensor, Compute):
            return self._loaded(factor)
        return atom_polynomial(Atom("scalar", factor, free=free_indices(factor)))

    def _loaded(self, node: Load) -> Polynomial:
        tensor = node.tensor
        if isinstance(tensor, Compute):
            mapping = {k: position for k, position in enumerate(node.indices) if position is not index(k)}
            known = self.entry(tensor) if tensor not in self._tensors else self._tensors[tensor]
            return self.substitute(known, mapping) if mapping else known
        known_value = library_value(self, node)
        if known_value is not None:
            return known_value
        places = [int(i.value) for i in node.indices if isinstance(i, Number) and isinstance(i.value, int)]
        if isinstance(tensor, Constant) and len(places) == tensor.rank:
            return self._number(number(tensor.value[tuple(places)].item(), tensor.dtype))
        if tensor in self._symmetric:
            *first, row, column = node.indices
            if column.digest < row.digest:
                self.rules["A^T = A for symmetric A"] = None
                node = load(tensor, [*first, column, row])
        positive = tensor in self._positive
        atom = atom_polynomial(Atom("load", node, free=free_indices(node), positive=positive))
        if not positive and atom.digest in self.above_zero:
            return atom_polynomial(Atom("load", node, free=free_indices(node), positive=True))
        return atom

    def _index_bracket(self, predicate: Scalar) -> Polynomial:
        """``[e = 0]`` or ``[e <= 0]``, in terms of one of each and its negation."""
        if predicate is TRUE or predicate is FALSE:
            return ONE if predicate is TRUE else ZERO
        opposite = algebra.negation(predicate)
        if is_apply(predicate, "not_equal") or (
            is_apply(predicate, "less_equal") and opposite.digest < predicate.digest
        ):
            return self.subtract(ONE, self._predicate_atom(opposite))
        return self._predicate_atom(predicate)

    def _predicate_atom(self, predicate: Scalar) -> Polynomial:
        return atom_polynomial(Atom("predicate", predicate, free=free_indices(predicate)))

    # ------------------------------------------------------------ sums

    def summed(self, body: Polynomial, bound: Bounds) -> Polynomial:
        """The sum of the body over the bound indices."""
        if self._unroll and is_small(bound.values()):
            return self._unrolled(body, bound)
        for position, extent in bound.items():
            split = self._split_of(body, position, extent)
            if split is not None:
                others = {p: e for p, e in bound.items() if p != position}
                axes = {next(self._fresh): split.outer, next(self._fresh): split.inner}
                return self.summed(self.substitute(body, {position: split.over(position, *axes)}), {**others, **axes})
        parts = [self.scale(self._sum_of_product(m, bound), v) for m, v in body.terms.items()]
        return self.add(*parts) if parts else ZERO

    def _split_of(self, body: Polynomial, position: int, extent: Extent) -> Split | None:
        """``sum_{k<n m} f[k // m, k % m]`` is a sum over both digits of k; None where nothing is divided."""
        for node in scalars_in(body, position):
            if (is_apply(node, "floordiv") or is_apply(node, "mod")) and node.children[0] is index(position):
                divisor = node.children[1]
                count = algebra.floor_divide(extent_scalar(extent), divisor)
                if algebra.product_of(count, divisor) is extent_scalar(extent) and not free_indices(divisor):
                    return Split(normal_extent(count), normal_extent(divisor))
        return None

    def _unrolled(self, body: Polynomial, bound: Bounds) -> Polynomial:
        for position, extent in bound.items():
            assert isinstance(extent, int)
            body = self.add(*[self.substitute(body, {position: number(k)}) for k in range(extent)]) if extent else ZERO
        return body

    def _written_out(self, reducer: str, body: Polynomial, bound: Bounds) -> Polynomial:
        """A product, maximum or minimum over few places, place by place."""
        entries = [body]
        for position, extent in bound.items():
            assert isinstance(extent, int)
            entries = [self.substitute(e, {position: number(k)}) for e in entries for k in range(extent)]
        if reducer == "prod" or not entries:
            return self.multiply(*entries)
        sign = 1 if reducer == "max" else -1
        best = self.scale(entries[0], sign)
        for entry in entries[1:]:
            best = self.larger(best, self.scale(entry, sign))
        return self.scale(best, sign)

    def _sum_of_product(self, monomial: Monomial, bound: Bounds) -> Polynomial:
        without = cancelled(self, dict(monomial), frozenset(bound))
        if without is not None:
            rest, ends, position = without
            return self._joined(self.combine(rest), ends, {p: e for p, e in bound.items() if p != position})
        opened = self._opened(monomial, bound)
        if opened is not None:
            return opened
        settled = self._settled(monomial, bound)
        if settled is not None:
            return self.summed(settled, bound)
        factors = dict(monomial)
        solved = self._solve_bracket(factors, bound)
        if solved is not None:
            return solved
        groups = components(factors, bound)
        used = set().union(*[positions for positions, _ in groups]) if groups else set()
        outside = {atom: e for atom, e in factors.items() if not atom.free & bound.keys()}
        parts = [self.combine(outside)]
        parts += [self._integer(algebra.sum_of(extent_scalar(e))) for p, e in bound.items() if p not in used]
        for positions, members in groups:
            parts.append(atom_polynomial(self._sum_atom({p: bound[p] for p in positions}, members)))
        return self.multiply(*parts)

    def in_range(self, polynomial: Polynomial, bound: Bounds) -> Polynomial:
        """The polynomial where the indices keep to their extents: brackets that hold there, or nowhere, are settled."""
        parts = []
        for monomial, value in polynomial.terms.items():
            settled = self._settled(monomial, bound)
            parts.append(self.scale(Polynomial({monomial: Fraction(1)}) if settled is None else settled, value))
        return self.add(*parts) if parts else ZERO

    def _settled(self, monomial: Monomial, bound: Bounds) -> Polynomial | None:
        """The monomial without the brackets that the extents settle; None where they settle none."""
        for atom, _ in monomial:
            if atom.kind == "predicate" and atom.free and atom.free <= bound.keys():
                value = self.predicate(atom.parts[0], bound).constant()
                if value is not None:
                    rest = self.combine({other: e for other, e in monomial if other != atom})
                    return self.in_range(self.scale(rest, value), bound)
        return None

    def _joined(self, body: Polynomial, ends: tuple[Scalar, Scalar], bound: Bounds) -> Polynomial:
        """The sum of ``[a = b] body`` where both indices are in range."""
        for inner, value in (ends, ends[::-1]):
            if isinstance(inner, Index) and inner.position in bound:
                bound = {p: e for p, e in bound.items() if p != inner.position}
                body = self.substitute(body, {inner.position: value})
                break
        else:
            body = self.multiply(body, self._index_bracket(algebra.equal(*ends)))
        return self.summed(body, bound) if bound else body

    def _opened(self, monomial: Monomial, bound: Bounds) -> Polynomial | None:
        """A sum that depends on the bound indices joins in: its own indices are bound here too, under fresh names."""
        for atom, exponent in monomial:
            whole = exponent.denominator == 1 and 0 < exponent <= _MOST_OPENED
            if atom.kind == "sum" and whole and atom.free & bound.keys():
                inner_bound, body = self._renamed(atom)
                rest = dict(monomial)
                rest[atom] = exponent - 1
                return self.summed(self.multiply(self.combine(rest), body), {**bound, **inner_bound})
        return None

    def _renamed(self, atom: Atom) -> tuple[Bounds, Polynomial]:
        """The indices and the body of a sum, its indices under fresh names."""
        positions, extents, body = atom.parts
        fresh = {position: next(self._fresh) for position in positions}
        renamed = self.substitute(body, {old: index(new) for old, new in fresh.items()})
        return {fresh[p]: extent for p, extent in zip(positions, extents, strict=True)}, renamed

    def _solve_bracket(self, factors: Exponents, bound: Bounds) -> Polynomial | None:
        """A bracket ``[k = e]`` on a bound index k: e takes its place."""
        for atom in factors:
            if atom.kind != "predicate" or not is_apply(atom.parts[0], "equal"):
                continue
            terms, literal = algebra.linear_terms(atom.parts[0].children[0])
            for term, coefficient in terms.items():
                if isinstance(term, Index) and term.position in bound and abs(coefficient) == 1:
                    self.rules["sum over j of [i = j] f(j) = f(i)"] = None
                    others = {t: -c * coefficient for t, c in terms.items() if t is not term}
                    value = algebra.from_linear(others, -literal * coefficient)
                    return self._substituted_sum(factors, atom, bound, term.position, value)
        return None

    def _substituted_sum(
        self, factors: Exponents, bracket: Atom, bound: Bounds, position: int, value: Scalar
    ) -> Polynomial:
        extent = extent_scalar(bound[position])
        inside = algebra.conjunction(algebra.less_equal(0, value), algebra.less(value, extent))
        rest = self.combine({a: e for a, e in factors.items() if a != bracket})
        body = self.multiply(self.substitute(rest, {position: value}), self.predicate(inside, bound))
        return self.summed(body, {p: e for p, e in bound.items() if p != position})

    def predicate(self, predicate: Scalar, bound: Bounds) -> Polynomial:
        """A conjunction of index predicates, those that the extents settle left out."""
        parts = predicate.children if is_apply(predicate, "and") else (predicate,)
        positions = sorted(bound)
        names: dict[Scalar, Scalar] = {index(p): index(k) for k, p in enumerate(positions)}
        back: dict[Scalar, Scalar] = {index(k): index(p) for k, p in enumerate(positions)}
        settled = []
        for part in parts:
            if free_indices(part) <= bound.keys():
                decided = decide(algebra.substitute(part, names), [bound[p] for p in positions])
                part = algebra.substitute(decided, back)
            settled.append(self._index_bracket(part))
        return self.multiply(*settled)

    def _sum_atom(self, bound: Bounds, members: Exponents) -> Atom:
        """The sum over all of ``bound`` of a connected product, its indices named so that equal sums are one atom."""
        if len(bound) > _MOST_PERMUTED:
            raise TooLarge
        if len(members) > 1:
            self.rules["matrix products entry by entry: (A B)[i,j] = sum over k of A[i,k] B[k,j]"] = None
        depth = 1 + max(atom.depth for atom in members)
        positions = sorted(bound, key=lambda p: extent_scalar(bound[p]).digest)
        best: tuple[list[Extent], Polynomial] | None = None
        body = self.combine(members)
        for order in permutations(positions):
            extents = [bound[p] for p in order]
            if [extent_scalar(e).digest for e in extents] != [extent_scalar(bound[p]).digest for p in positions]:
                continue
            names = {p: index(_BOUND + 64 * depth + k) for k, p in enumerate(order)}
            renamed = self.substitute(body, dict(names))
            if best is None or renamed.digest < best[1].digest:
                best = extents, renamed
        assert best is not None
        named = tuple(_BOUND + 64 * depth + k for k in range(len(bound)))
        return Atom("sum", named, tuple(best[0]), best[1], free=best[1].free - set(named), depth=depth)

    def _reduction(self, reducer: str, body: Polynomial, domain: Polynomial, bound: Bounds) -> Polynomial:
        """A maximum, a product, ...: opaque, its indices named by their order."""
        depth = 1 + max(body.depth, domain.depth)
        named = tuple(_BOUND + 64 * depth + k for k in range(len(bound)))
        mapping: dict[int, Scalar] = {old: index(new) for old, new in zip(bound, named, strict=True)}
        body, domain = self.substitute(body, mapping), self.substitute(domain, mapping)
        free = (body.free | domain.free) - set(named)
        extents = tuple(bound.values())
        return atom_polynomial(Atom("reduce", reducer, named, extents, body, domain, free=free, depth=depth))

    # ------------------------------------------------------------ substitution

    def substitute(self, polynomial: Polynomial, mapping: Replaced) -> Polynomial:
        """The polynomial with indices replaced, in normal form again."""
        if not polynomial.free & mapping.keys():
            return polynomial
        parts = []
        for monomial, value in polynomial.terms.items():
            kept = {atom: e for atom, e in monomial if not atom.free & mapping.keys()}
            factors = [self.combine(kept)]
            for atom, exponent in monomial:
                if atom not in kept:
                    factors.append(self.power(self._substituted(atom, mapping), exponent))
            parts.append(self.scale(self.multiply(*factors), value))
        return self.add(*parts)

    def _substituted(self, atom: Atom, mapping: Replaced) -> Polynomial:
        kind, parts = atom.kind, atom.parts
        if kind in ("load", "scalar", "predicate"):
            replaced = algebra.substitute(parts[0], replacements(mapping))
            if kind == "load":
                assert isinstance(replaced, Load)
                return self._loaded(replaced)
            return self._integer(replaced) if kind == "scalar" else self._index_bracket(replaced)
        if kind in ("exp", "expi"):
            return self.exponential(self.substitute(parts[0], mapping), kind)
        if kind == "base":
            return self.substitute(parts[0], mapping)
        if kind == "inverse":
            row, column = (algebra.substitute(place, replacements(mapping)) for place in parts[1:])
            return inverse_entry(self, parts[0], row, column)
        if kind in ("gt", "eq"):
            inner = self.substitute(parts[0], mapping)
            return self.positive(inner) if kind == "gt" else self.zero(inner)
        if kind == "function":
            return self.function(parts[0], [self.substitute(part, mapping) for part in parts[1:]])
        if kind == "sum":
            bound, body = self._renamed(atom)
            return self.summed(self.substitute(body, mapping), bound)
        reducer, named, extents, body, domain = parts
        fresh = {next(self._fresh): extent for extent in extents}
        moved = {**mapping, **{old: index(new) for old, new in zip(named, fresh, strict=True)}}
        return self._reduction(reducer, self.substitute(body, moved), self.substitute(domain, moved), fresh)
