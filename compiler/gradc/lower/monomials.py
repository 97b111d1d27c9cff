"""Products with factors in common: which pairs of factors to multiply once, and which reciprocals to take once.

The greedy search of algebraic code generators (Breuer, *Generation of optimal code for expressions via factorization*,
1969): the pair of factors that most products share becomes a factor itself, until no pair is shared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations

from gradc.ir.scalar import Apply, DType, Scalar
from gradc.lower.powers import factors, small_power

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


@dataclass(frozen=True)
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

    def of(self, node: Scalar) -> Monomial:
        """How a product, or a power, is computed."""
        known = self.plan.get(node)
        return _apart(node, frozenset()) if known is None else known


def shared_monomials(nodes: Iterable[Scalar], is_invariant: Callable[[Scalar], bool]) -> Monomials:
    """The plan for the float products among the nodes; invariant factors are multiplied with each other first."""
    products = [node for node in dict.fromkeys(nodes) if _is_product(node)]
    if not 1 < len(products) <= MOST_PRODUCTS:
        return Monomials()
    below = Counter(base for node in products for base, exponent in _powers_of(node) if exponent < 0)
    reciprocals = frozenset(base for base, count in below.items() if count > 1)
    apart = {node: _apart(node, reciprocals) for node in products}
    chosen = {node: m for node, m in apart.items() if 1 < len(m.above) <= MOST_FACTORS}
    merged = _merged([list(m.above) for m in chosen.values()], is_invariant)
    for (node, monomial), above in zip(chosen.items(), merged, strict=True):
        apart[node] = Monomial(tuple(above), monomial.below)
    return Monomials(dict(apart))


def _is_product(node: Scalar) -> bool:
    if not isinstance(node, Apply) or node.dtype.kind != "f":
        return False
    return node.op.name == "prod" or (node.op.name == "power" and small_power(node) is not None)


def _powers_of(node: Scalar) -> list[tuple[Scalar, Fraction]]:
    assert isinstance(node, Apply)
    exponent = small_power(node)
    return factors(node) if exponent is None else [(node.args[0], exponent)]


def _apart(node: Scalar, reciprocals: frozenset[Scalar]) -> Monomial:
    above: list[Token] = []
    below: list[Token] = []
    for base, exponent in _powers_of(node):
        if exponent < 0 and base not in reciprocals:
            below.append(Factor(base, -exponent, node.dtype))
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
    homes: dict[Pair, set[int]] = {}
    order: dict[Token, int] = {}
    invariant: dict[Token, bool] = {}

    def note(number: int) -> None:
        for token in products[number]:
            order.setdefault(token, len(order))
        for pair in _pairs(products[number], order):
            homes.setdefault(pair, set()).add(number)

    def stays(token: Token) -> bool:
        if token not in invariant:
            inside = stays(token.left) and stays(token.right) if isinstance(token, Pair) else is_invariant(token.base)
            invariant[token] = inside
        return invariant[token]

    for number in range(len(products)):
        note(number)
    while homes:
        best = max(homes, key=lambda pair: (len(homes[pair]), stays(pair), -order[pair.left], -order[pair.right]))
        users = homes.pop(best)
        if len(users) < 2:
            break
        for number in users:
            for pair in _pairs(products[number], order):
                if pair in homes:
                    homes[pair].discard(number)
            products[number].remove(best.left)
            products[number].remove(best.right)
            products[number].append(best)
            note(number)
        homes = {pair: numbers for pair, numbers in homes.items() if len(numbers) > 1}
    return products


def _pairs(tokens: Sequence[Token], order: dict[Token, int]) -> set[Pair]:
    ordered = sorted(tokens, key=order.__getitem__)
    return {Pair(a, b) for a, b in combinations(ordered, 2)}
