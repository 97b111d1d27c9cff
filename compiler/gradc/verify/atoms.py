"""Polynomials over atoms: the normal form in which two expressions are seen to be one.

A polynomial maps monomials to rational coefficients, a monomial maps atoms to rational exponents. Atoms are whatever has
no arithmetic left in it:

==============  ==================================================================================================
``load``        an entry of an input (the `Scalar`)
``scalar``      an index or a size as a number (the integer `Scalar`)
``constant``    pi, or another irrational number by name
``i``           the imaginary unit: sines and cosines are ``(e^{iu} -+ e^{-iu})/2``, so that every trigonometric identity
                is one of exponents
``prime``       a prime number to a fractional power, in [0, 1)
``exp``         ``e^m`` for a monomial m: ``exp(2a + b)`` is ``exp(a)^2 exp(b)``
``expi``        ``e^{i m}``
``base``        a polynomial that is not a monomial, to a negative or fractional power
``gt``, ``eq``  brackets ``[p > 0]`` and ``[p = 0]``; ``predicate`` a bracket over indices: all are their own squares
``function``    another function of polynomials; ``reduce`` a maximum, a product...
``sum``         a sum over bound indices of a product that does not fall apart
==============  ==================================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from gradc.ir.intern import Node, digest_of

Monomial = tuple[tuple["Atom", Fraction], ...]
Exponents = dict["Atom", Fraction]

IDEMPOTENT = frozenset(("gt", "eq", "predicate"))
#: Kinds whose powers need more than adding exponents.
SPECIAL = IDEMPOTENT | {"i", "prime", "base", "expi"}


class TooLarge(Exception):
    """The normal form has too many terms, or takes too long: no proof this way."""


class Unsupported(Exception):
    """Something that the normal form has no atom for."""


class Atom:
    """An indivisible factor, equal to another exactly if their digests are. ``positive`` if it is known to be above 0."""

    __slots__ = ("depth", "digest", "free", "kind", "parts", "positive")

    def __init__(
        self, kind: str, *parts: Any, free: frozenset[int] = frozenset(), depth: int = 0, positive: bool = False
    ) -> None:
        self.kind, self.parts, self.free, self.depth, self.positive = kind, parts, free, depth, positive
        self.digest = digest_of(kind.encode(), *[_bits(part) for part in parts])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"{self.kind}{self.parts}"


def _bits(part: Any) -> bytes:
    if isinstance(part, Node | Polynomial):
        return part.digest
    return repr(part).encode()


@dataclass(frozen=True, eq=False)
class Polynomial:
    """A sum of rational multiples of monomials; no coefficient is 0."""

    terms: Mapping[Monomial, Fraction]

    @cached_property
    def digest(self) -> bytes:
        """The content, as a hash."""
        lines = sorted(
            b"".join(atom.digest + repr(exponent).encode() for atom, exponent in monomial) + repr(value).encode()
            for monomial, value in self.terms.items()
        )
        return digest_of(b"polynomial", *lines)

    @cached_property
    def free(self) -> frozenset[int]:
        """The indices it depends on."""
        return frozenset().union(*[atom.free for monomial in self.terms for atom, _ in monomial])

    @cached_property
    def depth(self) -> int:
        """How deeply sums are nested in it."""
        return max((atom.depth for monomial in self.terms for atom, _ in monomial), default=0)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def constant(self) -> Fraction | None:
        """The number that it is, if it is one."""
        if not self.terms:
            return Fraction(0)
        if len(self.terms) == 1:
            return self.terms.get(())
        return None


ZERO = Polynomial({})
ONE = Polynomial({(): Fraction(1)})


def number_polynomial(value: int | Fraction) -> Polynomial:
    """A rational number."""
    return Polynomial({(): Fraction(value)}) if value else ZERO


def atom_polynomial(atom: Atom, exponent: Fraction = Fraction(1)) -> Polynomial:
    """One atom."""
    return Polynomial({((atom, exponent),): Fraction(1)})


def leading(polynomial: Polynomial) -> Monomial:
    """The monomial of highest degree, ties broken by content."""
    return max(polynomial.terms, key=_rank)


def _rank(monomial: Monomial) -> tuple[Fraction, tuple[tuple[bytes, Fraction], ...]]:
    degree = sum((exponent for _, exponent in monomial), Fraction(0))
    return degree, tuple((atom.digest, exponent) for atom, exponent in monomial)


IMAGINARY = Atom("i")
PI_ATOM = Atom("constant", "pi")
