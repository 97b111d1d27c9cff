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

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from gradc.ir.intern import Node, digest_of
from gradc.verify.signs import never_negative

Monomial = tuple[tuple["Atom", Fraction], ...]
Exponents = dict["Atom", Fraction]

_IDEMPOTENT = frozenset(("gt", "eq", "predicate"))
_POSITIVE = frozenset(("exp", "prime"))
#: Kinds whose powers need more than adding exponents.
_SPECIAL = _IDEMPOTENT | {"i", "prime", "base", "expi"}


class TooLarge(Exception):
    """The normal form has too many terms, or takes too long: no proof this way."""


class Unsupported(Exception):
    """Something that the normal form has no atom for."""


class Atom:
    """An indivisible factor, equal to another exactly if their digests are."""

    __slots__ = ("depth", "digest", "free", "kind", "parts")

    def __init__(self, kind: str, *parts: Any, free: frozenset[int] = frozenset(), depth: int = 0) -> None:
        self.kind, self.parts, self.free, self.depth = kind, parts, free, depth
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


class Arithmetic:
    """Sums, products and powers of polynomials, within a budget of steps and seconds."""

    def __init__(self, steps: int = 400_000, seconds: float = 5.0) -> None:
        self._steps = steps
        #: What was divided by: an identity that cancels one of these presupposes that it is not 0.
        self.divisors: set[Polynomial] = set()
        self._deadline = time.monotonic() + seconds

    def spend(self, steps: int = 1) -> None:
        """Count work; raises `TooLarge` when the budget is used up."""
        self._steps -= steps
        if self._steps < 0 or (self._steps % 64 < steps and time.monotonic() > self._deadline):
            raise TooLarge

    # ------------------------------------------------------------ sums and products

    def add(self, *polynomials: Polynomial) -> Polynomial:
        """The sum."""
        terms: dict[Monomial, Fraction] = {}
        for polynomial in polynomials:
            self.spend(len(polynomial.terms))
            for monomial, value in polynomial.terms.items():
                terms[monomial] = terms.get(monomial, Fraction(0)) + value
        return Polynomial({monomial: value for monomial, value in terms.items() if value})

    def scale(self, polynomial: Polynomial, factor: int | Fraction) -> Polynomial:
        """``factor * polynomial``."""
        return Polynomial({m: v * factor for m, v in polynomial.terms.items()}) if factor else ZERO

    def subtract(self, left: Polynomial, right: Polynomial) -> Polynomial:
        """``left - right``."""
        return self.add(left, self.scale(right, -1))

    def multiply(self, *factors: Polynomial) -> Polynomial:
        """The product, expanded."""
        result = ONE
        for factor in factors:
            result = self._product(result, factor)
        return result

    def _product(self, left: Polynomial, right: Polynomial) -> Polynomial:
        if left is ONE or right is ONE:
            return right if left is ONE else left
        parts: list[Polynomial] = []
        for first, a in left.terms.items():
            for second, b in right.terms.items():
                exponents = dict(first)
                for atom, exponent in second:
                    exponents[atom] = exponents.get(atom, Fraction(0)) + exponent
                parts.append(self.scale(self.combine(exponents), a * b))
        return self.add(*parts) if parts else ZERO

    def combine(self, exponents: Exponents) -> Polynomial:
        """The product of atoms to powers, in normal form."""
        self.spend(1 + len(exponents))
        if any(atom.kind in _SPECIAL for atom in exponents):
            special = self._special(exponents)
            if special is not None:
                return special
        kept = [(atom, exponent) for atom, exponent in exponents.items() if exponent]
        kept.sort(key=lambda item: item[0].digest)
        return Polynomial({tuple(kept): Fraction(1)})

    def _special(self, exponents: Exponents) -> Polynomial | None:
        """The rules of `i`, primes, brackets, rotations and bases; None where the exponents are normal already."""
        for atom, exponent in exponents.items():
            rest = {other: e for other, e in exponents.items() if other is not atom}
            if atom.kind in _IDEMPOTENT and exponent > 0 and exponent != 1:
                return self.combine({**rest, atom: Fraction(1)})
            if atom.kind == "i" and not 0 <= exponent < 2:
                whole = exponent // 2
                return self.scale(self.combine({**rest, atom: exponent - 2 * whole}), (-1) ** int(whole))
            if atom.kind == "prime" and not 0 <= exponent < 1:
                whole = exponent // 1
                factor = Fraction(atom.parts[0]) ** int(whole)
                return self.scale(self.combine({**rest, atom: exponent - whole}), factor)
            if atom.kind == "expi" and _is_pi(atom) and not 0 <= exponent < Fraction(1, 2):
                turns = exponent // Fraction(1, 2)
                rest[atom] = exponent - Fraction(turns, 2)
                return self.multiply(self.combine(rest), self.power_of_i(int(turns)))
            if atom.kind == "base" and exponent.denominator == 1 and exponent >= 0:
                return self.multiply(self.combine(rest), self.power(atom.parts[0], exponent))
        if self._contradicts(exponents):
            return ZERO
        return self._reduced_over_base(exponents)

    def _contradicts(self, exponents: Exponents) -> bool:
        """Whether the product is 0, as ``[p > 0] [p = 0]`` and ``p [p = 0]`` are."""
        equalities = [atom.parts[0] for atom in exponents if atom.kind == "eq"]
        for polynomial in equalities:
            positive = Atom("gt", polynomial, free=polynomial.free, depth=polynomial.depth)
            if positive in exponents:
                return True
            (monomial, *others) = polynomial.terms
            if not others and len(monomial) == 1 and exponents.get(monomial[0][0], 0) > 0:
                return True
        return False

    def power_of_i(self, exponent: int) -> Polynomial:
        """``i^exponent``."""
        sign = -1 if exponent % 4 >= 2 else 1
        return self.scale(atom_polynomial(IMAGINARY) if exponent % 2 else ONE, sign)

    def _reduced_over_base(self, exponents: Exponents) -> Polynomial | None:
        """``x / (x + y)`` is ``1 - y / (x + y)``: numerators are reduced modulo the bases below them."""
        for base, exponent in exponents.items():
            if base.kind != "base" or exponent >= 0 or exponent.denominator != 1:
                continue
            polynomial: Polynomial = base.parts[0]
            for monomial in self._pivots(polynomial, exponents):
                value = polynomial.terms[monomial]
                rest = dict(exponents)
                for atom, e in monomial:
                    rest[atom] = rest.get(atom, Fraction(0)) - e
                without = Polynomial({m: v for m, v in polynomial.terms.items() if m != monomial})
                raised = dict(rest)
                raised[base] = exponent + 1
                reduced = self.subtract(self.combine(raised), self._product(self.combine(rest), without))
                return self.scale(reduced, 1 / value)
        return None

    def _pivots(self, polynomial: Polynomial, exponents: Exponents) -> Iterable[Monomial]:
        """The monomial of the base to eliminate: its leading one where the numerator holds it, or its constant one."""
        top = leading(polynomial)
        if top and all(exponents.get(atom, Fraction(0)) >= e for atom, e in top):
            yield top
            return
        atoms = {atom for monomial in polynomial.terms for atom, _ in monomial}
        if len(atoms) == 1 and () in polynomial.terms and exponents.get(atoms.pop(), Fraction(0)) < 0:
            yield ()

    # ------------------------------------------------------------ powers

    def power(self, polynomial: Polynomial, exponent: Fraction) -> Polynomial:
        """``polynomial ** exponent`` for a rational exponent."""
        if exponent == 0:
            return ONE
        if exponent == 1:
            return polynomial
        if not polynomial:
            if exponent < 0:
                raise Unsupported("division by zero")
            return ZERO
        if exponent < 0 and polynomial.constant() is None:
            self.divisors.add(polynomial)
        if exponent.denominator == 1 and exponent > 0:
            return self._whole_power(polynomial, int(exponent))
        if len(polynomial.terms) == 1:
            return self._power_of_monomial(polynomial, exponent)
        return self._power_of_base(polynomial, exponent)

    def _whole_power(self, polynomial: Polynomial, exponent: int) -> Polynomial:
        if exponent > 64:
            raise TooLarge
        result, square = ONE, polynomial
        while exponent:
            if exponent & 1:
                result = self._product(result, square)
            exponent >>= 1
            if exponent:
                square = self._product(square, square)
        return result

    def _power_of_monomial(self, polynomial: Polynomial, exponent: Fraction) -> Polynomial:
        ((monomial, value),) = polynomial.terms.items()
        if exponent.denominator == 1:
            if any(atom.kind in _IDEMPOTENT for atom, _ in monomial):
                return self._opaque_base(polynomial, exponent)
            scaled = self.combine({atom: e * exponent for atom, e in monomial})
            return self.scale(scaled, value ** int(exponent))
        positive = {atom: e * exponent for atom, e in monomial if atom.kind in _POSITIVE}
        others = [(atom, e) for atom, e in monomial if atom.kind not in _POSITIVE]
        numeric = self.rational_power(abs(value), exponent)
        if value > 0 and (not others or (len(others) == 1 and others[0][1] == 1)):
            single = {atom: exponent for atom, _ in others}
            return self.multiply(numeric, self.combine({**positive, **single}))
        if value > 0 and all(e.denominator == 1 and e % 2 == 0 and (e * exponent).denominator == 1 for _, e in others):
            roots = [self._root_of_square(atom, e * exponent) for atom, e in others]
            return self.multiply(numeric, self.combine(positive), *roots)
        sign = Fraction(1 if value > 0 else -1)
        rest = Polynomial({tuple(others): sign})
        return self.multiply(numeric, self.combine(positive), self._opaque_base(rest, exponent))

    def _root_of_square(self, atom: Atom, exponent: Fraction) -> Polynomial:
        """``(x^2)^(1/2)`` is ``|x|``."""
        plain = self.combine({atom: exponent})
        return plain if exponent % 2 == 0 else self._product(plain, self.sign(atom_polynomial(atom)))

    def rational_power(self, value: Fraction, exponent: Fraction) -> Polynomial:
        """A positive rational to a rational power, as a product of primes."""
        exponents: Exponents = {}
        for prime, count in _factored(value).items():
            exponents[Atom("prime", prime)] = count * exponent
        return self.combine(exponents)

    def _power_of_base(self, polynomial: Polynomial, exponent: Fraction) -> Polynomial:
        """Take the common monomial and the leading coefficient out, so that equal bases are one atom."""
        whole = exponent.denominator == 1
        common = _common_monomial(polynomial, None if whole else _POSITIVE)
        value = polynomial.terms[leading(polynomial)]
        if not whole:
            value = abs(value)
        inverse = self.combine({atom: -e for atom, e in common.items()})
        primitive = self.scale(self._product(polynomial, inverse), 1 / value)
        numeric = number_polynomial(value ** int(exponent)) if whole else self.rational_power(value, exponent)
        outside = self.combine({atom: e * exponent for atom, e in common.items()})
        if len(primitive.terms) == 1:
            return self.multiply(numeric, outside, self.power(primitive, exponent))
        return self.multiply(numeric, outside, self._opaque_base(primitive, exponent))

    def _opaque_base(self, polynomial: Polynomial, exponent: Fraction) -> Polynomial:
        atom = Atom("base", polynomial, free=polynomial.free, depth=polynomial.depth)
        return self.combine({atom: exponent})

    # ------------------------------------------------------------ brackets

    def positive(self, polynomial: Polynomial) -> Polynomial:
        """The bracket ``[polynomial > 0]``."""
        value = polynomial.constant()
        if value is not None:
            return ONE if value > 0 else ZERO
        if never_negative(polynomial):
            return self.subtract(ONE, self.zero(polynomial))
        primitive, sign = self._primitive(polynomial)
        bracket = atom_polynomial(Atom("gt", primitive, free=primitive.free, depth=primitive.depth))
        if sign > 0:
            return bracket
        return self.subtract(self.subtract(ONE, bracket), self.zero(polynomial))

    def zero(self, polynomial: Polynomial) -> Polynomial:
        """The bracket ``[polynomial = 0]``."""
        value = polynomial.constant()
        if value is not None:
            return ONE if value == 0 else ZERO
        primitive, _ = self._primitive(polynomial)
        return atom_polynomial(Atom("eq", primitive, free=primitive.free, depth=primitive.depth))

    def sign(self, polynomial: Polynomial) -> Polynomial:
        """-1, 0 or 1."""
        return self.subtract(self.scale(self.positive(polynomial), 2), self.subtract(ONE, self.zero(polynomial)))

    def absolute(self, polynomial: Polynomial) -> Polynomial:
        """``|polynomial|``; at 0 it does not matter which branch counts."""
        double = self.scale(self.positive(polynomial), 2)
        flipped = self._product(polynomial, self.subtract(double, ONE))
        return Polynomial({m: v for m, v in flipped.terms.items() if not any(a.kind == "eq" for a, _ in m)})

    def _primitive(self, polynomial: Polynomial) -> tuple[Polynomial, int]:
        common = _common_monomial(polynomial, _POSITIVE)
        value = polynomial.terms[leading(polynomial)]
        inverse = self.combine({atom: -e for atom, e in common.items()})
        return self.scale(self._product(polynomial, inverse), 1 / value), (1 if value > 0 else -1)

    # ------------------------------------------------------------ is it zero?

    def is_zero(self, polynomial: Polynomial) -> bool:
        """Whether it is 0, denominators cleared."""
        for _ in range(12):
            bases: dict[Atom, Fraction] = {}
            for monomial in polynomial.terms:
                for atom, exponent in monomial:
                    if atom.kind == "base" and exponent < 0:
                        bases[atom] = min(bases.get(atom, Fraction(0)), exponent)
            if not bases or not polynomial:
                break
            base, exponent = min(bases.items(), key=lambda item: (len(item[0].parts[0].terms), item[0].digest))
            polynomial = self._cleared(polynomial, base, -exponent)
        return not polynomial

    def _cleared(self, polynomial: Polynomial, base: Atom, exponent: Fraction) -> Polynomial:
        """``polynomial * base**exponent``, term by term without dividing again."""
        parts = []
        for monomial, value in polynomial.terms.items():
            exponents = dict(monomial)
            left = exponents.pop(base, Fraction(0)) + exponent
            rest = Polynomial({tuple(item for item in monomial if item[0] != base): value})
            parts.append(self._product(rest, self.power(base.parts[0], left)))
        return self.add(*parts)


IMAGINARY = Atom("i")
PI_ATOM = Atom("constant", "pi")


def _is_pi(atom: Atom) -> bool:
    polynomial: Polynomial = atom.parts[0]
    return list(polynomial.terms) == [((PI_ATOM, Fraction(1)),)]


def _common_monomial(polynomial: Polynomial, kinds: frozenset[str] | None) -> Exponents:
    """The lowest exponent of every atom (of the kinds) over all terms."""
    lowest: Exponents = {}
    for position, monomial in enumerate(polynomial.terms):
        here = dict(monomial)
        if position == 0:
            lowest = dict(here)
            continue
        for atom in list(lowest):
            lowest[atom] = min(lowest[atom], here.get(atom, Fraction(0)))
        for atom, exponent in here.items():
            if atom not in lowest:
                lowest[atom] = min(Fraction(0), exponent)
    allowed = {a: e for a, e in lowest.items() if e and a.kind not in _IDEMPOTENT and a.kind not in ("i", "prime")}
    return allowed if kinds is None else {a: e for a, e in allowed.items() if a.kind in kinds}


def _factored(value: Fraction) -> dict[int, int]:
    """Prime factors with their counts; what is left of a big number counts as a prime."""
    counts: dict[int, int] = {}
    for number, sign in ((value.numerator, 1), (value.denominator, -1)):
        prime = 2
        while prime * prime <= number and prime < 10_000:
            while number % prime == 0:
                counts[prime] = counts.get(prime, 0) + sign
                number //= prime
            prime += 1
        if number > 1:
            counts[number] = counts.get(number, 0) + sign
    return counts
