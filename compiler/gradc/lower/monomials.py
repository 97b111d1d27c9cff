"""Products with factors in common: which pairs of factors to multiply once, and which reciprocals to take once.

The greedy search of algebraic code generators (Breuer, *Generation of optimal code for expressions via factorization*,
1969): the pair of factors that most products share becomes a factor itself, until no pair is shared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush
from itertools import combinations

from gradc.ir.scalar import Apply, DType, Scalar, is_apply
from gradc.lower.powers import powers_of, small_power

#: Powers up to this are taken apart into factors.
LARGEST_POWER = 4
#: Products of more factors, and more products than this, are left as they are: the search would take longer than it saves.
MOST_FACTORS, MOST_PRODUCTS = 12, 1500


@dataclass(frozen=True)
class Factor:
    """``base ** exponent`` in registers of one dtype; an exponent of -1 is a reciprocal that is taken once."""

    base: Scalar
    exponent: Fraction
    dtype: DType

    def __hash__(self) -> int:  # a fraction's own is slow
        return hash((self.base, self.exponent.numerator))


@dataclass(frozen=True, eq=False)
class Pair:
    """Two factors that several products share, multiplied."""

    left: Token
    right: Token


Token = Factor | Pair


@dataclass(frozen=True)
class Monomial:
    """A product: what is multiplied, and what it is divided by."""

    above: tuple[Token, ...]
    below: tuple[Token, ...]


@dataclass
class Monomials:
    """How the products of a stretch of code are computed."""

    plan: dict[Scalar, Monomial] = field(default_factory=dict)
    #: the bases whose reciprocals several of the products share
    reciprocals: frozenset[Scalar] = frozenset()

    def of(self, node: Scalar) -> Monomial:
        """How a product, or a power, is computed."""
        known = self.plan.get(node)
        return _apart(node, self.reciprocals) if known is None else known


def shared_monomials(nodes: Iterable[Scalar], is_invariant: Callable[[Scalar], bool]) -> Monomials:
    """The plan for the float products among the nodes; invariant factors are multiplied with each other first."""
    unique = list(dict.fromkeys(nodes))
    factors = {child for node in unique if is_apply(node, "prod") for child in node.children}
    wanted = {child for node in unique if not is_apply(node, "prod") for child in node.children}
    products = [node for node in unique if _is_product(node) and (node not in factors or node in wanted)]
    if not 1 < len(products) <= MOST_PRODUCTS:
        return Monomials()
    below = Counter(base for node in products for base, exponent in powers_of(node) if exponent < 0)
    reciprocals = frozenset(base for base, count in below.items() if count > 1)
    apart = {node: _apart(node, reciprocals) for node in products}
    chosen = {node: m for node, m in apart.items() if 1 < len(m.above) <= MOST_FACTORS}
    merged = _merged([list(m.above) for m in chosen.values()], is_invariant)
    for (node, monomial), above in zip(chosen.items(), merged, strict=True):
        apart[node] = Monomial(tuple(above), monomial.below)
    return Monomials(dict(apart), reciprocals)


def _is_product(node: Scalar) -> bool:
    if not isinstance(node, Apply) or node.dtype.kind != "f":
        return False
    return node.op.name == "prod" or (node.op.name == "power" and small_power(node) is not None)


def _apart(node: Scalar, reciprocals: frozenset[Scalar]) -> Monomial:
    above: list[Token] = []
    below: list[Token] = []
    for base, exponent in powers_of(node):
        if exponent < 0 and base not in reciprocals:
            below.append(Factor(base, -exponent, node.dtype))
            continue
        if exponent.numerator == exponent.denominator:
            above.append(Factor(base, exponent, node.dtype))
            continue
        whole, half = divmod(abs(exponent), 1)
        sign = 1 if exponent > 0 else -1
        if half or whole > LARGEST_POWER:
            above.append(Factor(base, exponent, node.dtype))
        else:
            above += [Factor(base, Fraction(sign), node.dtype)] * int(whole)
    return Monomial(tuple(above), tuple(below))


def _merged(products: list[list[Token]], is_invariant: Callable[[Scalar], bool]) -> list[list[Token]]:
    """The products with their shared pairs merged."""
    search = _Search(is_invariant)
    numbered = [[search.number_of(token) for token in tokens] for tokens in products]
    search.run(numbered)
    return [[search.tokens[number] for number in tokens] for tokens in numbered]


class _Search:
    """The greedy search, over tokens by number: tokens are large, and compared often."""

    def __init__(self, is_invariant: Callable[[Scalar], bool]) -> None:
        self.tokens: list[Token] = []
        self._numbers: dict[Token, int] = {}
        self._invariant: list[bool] = []
        self._is_invariant = is_invariant
        #: per pair, the products that hold it; and the pairs by how good they are, some no longer up to date
        self._homes: dict[tuple[int, int], set[int]] = {}
        self._queue: list[tuple[int, bool, tuple[int, int]]] = []

    def number_of(self, token: Factor | Pair) -> int:
        """The number of a token, in the order of appearance."""
        known = self._numbers.get(token)
        if known is None:
            assert isinstance(token, Factor)
            known = self._add(token, self._is_invariant(token.base))
            self._numbers[token] = known
        return known

    def _add(self, token: Token, invariant: bool) -> int:
        self.tokens.append(token)
        self._invariant.append(invariant)
        return len(self.tokens) - 1

    def run(self, products: list[list[int]]) -> None:
        """Merge pairs in the products until none is shared."""
        for number, tokens in enumerate(products):
            self._note(number, tokens)
        while self._queue:
            count, _, pair = heappop(self._queue)
            users = self._homes.get(pair, set())
            if len(users) != -count:
                self._propose(pair)
            elif len(users) > 1:
                self._merge(pair, products)

    def _note(self, number: int, tokens: list[int]) -> None:
        for pair in _pairs(tokens):
            self._homes.setdefault(pair, set()).add(number)
            self._propose(pair)

    def _propose(self, pair: tuple[int, int]) -> None:
        count = len(self._homes.get(pair, ()))
        if count > 1:
            varies = not (self._invariant[pair[0]] and self._invariant[pair[1]])
            heappush(self._queue, (-count, varies, pair))

    def _merge(self, pair: tuple[int, int], products: list[list[int]]) -> None:
        left, right = pair
        merged = self._add(
            Pair(self.tokens[left], self.tokens[right]), self._invariant[left] and self._invariant[right]
        )
        for number in sorted(self._homes.pop(pair)):
            tokens = products[number]
            for other in _pairs(tokens):
                if other in self._homes:
                    self._homes[other].discard(number)
            tokens.remove(left)
            tokens.remove(right)
            tokens.append(merged)
            self._note(number, tokens)


def _pairs(tokens: Sequence[int]) -> set[tuple[int, int]]:
    return set(combinations(sorted(tokens), 2))
