"""Arithmetic of polynomials in normal form (see `gradc.verify.atoms`): what is equal becomes one polynomial."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from fractions import Fraction

from gradc.verify.atoms import (
    IDEMPOTENT,
    IMAGINARY,
    ONE,
    PI_ATOM,
    SPECIAL,
    ZERO,
    Atom,
    Exponents,
    Monomial,
    Polynomial,
    TooLarge,
    Unsupported,
    atom_polynomial,
    leading,
    number_polynomial,
)
from gradc.verify.factors import common_monomial, factored, quotient, square_root
from gradc.verify.signs import always_positive, is_nonnegative_atom, never_negative


class Arithmetic:
    """Sums, products and powers of polynomials, within a budget of steps and seconds."""

    def __init__(self, steps: int = 400_000, seconds: float = 5.0) -> None:
        self._steps = steps
        #: What was divided by: an identity that cancels one of these presupposes that it is not 0.
        self.divisors: set[Polynomial] = set()
        #: Polynomials (up to positive factors) that are known to be above 0, by digest.
        self.above_zero: set[bytes] = set()
        #: Those among them that may be factors of other polynomials.
        self.factors: list[Polynomial] = []
        #: The names of the rules that were used, in order.
        self.rules: dict[str, None] = {}
        self._deadline = time.monotonic() + seconds

    def spend(self, steps: int = 1) -> None:
        """Count work; raises `TooLarge` when the budget is used up."""
        self._steps -= steps
        if self._steps < 0 or (self._steps % 64 < steps and time.monotonic() > self._deadline):
            raise TooLarge

    def _by_cases(self, name: str, args: Sequence[Polynomial]) -> Polynomial | None:
        """A function of polynomials with brackets in them, case by case; None where there are none."""
        raise NotImplementedError

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
        if any(atom.kind in SPECIAL for atom in exponents):
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
            if atom.kind in IDEMPOTENT and exponent > 0 and exponent != 1:
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
            if atom.kind == "base" and exponent >= 1:
                rest[atom] = exponent % 1
                return self.multiply(self.combine(rest), self.power(atom.parts[0], exponent - exponent % 1))
        if self._contradicts(exponents):
            return ZERO
        implied = _implied(exponents)
        if implied:
            return self.combine({atom: e for atom, e in exponents.items() if atom not in implied})
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
                raised = {**rest, base: exponent + 1}
                parts = [self.combine(raised)]
                for other, coefficient in polynomial.terms.items():
                    if other != monomial:
                        moved = dict(rest)
                        for atom, e in other:
                            moved[atom] = moved.get(atom, Fraction(0)) + e
                        parts.append(self.scale(self.combine(moved), -coefficient))
                return self.scale(self.add(*parts), 1 / value)
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
        if len(polynomial.terms) > 1:
            split = self._by_cases("power", [polynomial, number_polynomial(exponent)])
            if split is not None:
                return split
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
            if any(atom.kind in IDEMPOTENT for atom, _ in monomial):
                return self._opaque_base(polynomial, exponent)
            scaled = self.combine({atom: e * exponent for atom, e in monomial})
            return self.scale(scaled, value ** int(exponent))
        positive = {atom: e * exponent for atom, e in monomial if is_nonnegative_atom(atom)}
        others = [(atom, e) for atom, e in monomial if not is_nonnegative_atom(atom)]
        numeric = self.rational_power(abs(value), exponent)
        if value > 0 and (not others or (len(others) == 1 and others[0][1] == 1)):
            single = {atom: exponent for atom, _ in others}
            return self.multiply(numeric, self.combine({**positive, **single}))
        squares = [(atom, e) for atom, e in others if e % 2 == 0 and (e * exponent).denominator == 1]
        if squares and value > 0:
            self.rules["sqrt(x^2) = |x|"] = None
            roots = [self._root_of_square(atom, e * exponent) for atom, e in squares]
            rest = Polynomial({tuple(item for item in others if item not in squares): Fraction(1)})
            return self.multiply(numeric, self.combine(positive), *roots, self.power(rest, exponent))
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
        for prime, count in factored(value).items():
            exponents[Atom("prime", prime)] = count * exponent
        return self.combine(exponents)

    def _power_of_base(self, polynomial: Polynomial, exponent: Fraction) -> Polynomial:
        """Take the common monomial and the leading coefficient out, so that equal bases are one atom."""
        whole = exponent.denominator == 1
        common = common_monomial(polynomial, positive=not whole)
        value = polynomial.terms[leading(polynomial)]
        if not whole:
            value = abs(value)
        inverse = self.combine({atom: -e for atom, e in common.items()})
        primitive = self.scale(self._product(polynomial, inverse), 1 / value)
        numeric = number_polynomial(value ** int(exponent)) if whole else self.rational_power(value, exponent)
        outside = self.combine({atom: e * exponent for atom, e in common.items()})
        if len(primitive.terms) == 1:
            return self.multiply(numeric, outside, self.power(primitive, exponent))
        split = None if whole else self.factored_out(primitive)
        if split is not None:
            factors = [self.power(factor, exponent) for factor in split]
            return self.multiply(numeric, outside, *factors)
        root = square_root(primitive) if whole or exponent.denominator % 2 == 0 else None
        if root is not None and whole:
            return self.multiply(numeric, outside, self.power(root, 2 * exponent))
        if root is not None:
            self.rules["sqrt(x^2) = |x|"] = None
            return self.multiply(numeric, outside, self.power(self.absolute(root), 2 * exponent))
        return self.multiply(numeric, outside, self._opaque_base(primitive, exponent))

    def _opaque_base(self, polynomial: Polynomial, exponent: Fraction) -> Polynomial:
        positive = self.is_known_positive(polynomial)
        atom = Atom("base", polynomial, free=polynomial.free, depth=polynomial.depth, positive=positive)
        return self.combine({atom: exponent})

    def assume(self, positive: Iterable[Polynomial]) -> None:
        """Take the polynomials to be above 0."""
        for polynomial in positive:
            self.above_zero.add(polynomial.digest)
            if len(polynomial.terms) > 1:
                self.factors.append(polynomial)

    def factored_out(self, polynomial: Polynomial) -> tuple[Polynomial, Polynomial] | None:
        """A factor that is known to be above 0, and what is left."""
        for factor in self.factors:
            if 1 < len(factor.terms) <= len(polynomial.terms) + 1 and factor != polynomial:
                rest = quotient(polynomial, factor)
                if rest is not None and rest.constant() is None:
                    return factor, rest
        return None

    def is_known_positive(self, polynomial: Polynomial) -> bool:
        """Whether it is above 0: plainly, or since the function is not defined elsewhere."""
        if not polynomial or always_positive(polynomial):
            return bool(polynomial)
        oriented = self.oriented(polynomial)
        if oriented.digest in self.above_zero:
            return True
        gaps = (self.subtract(oriented, factor).constant() for factor in self.factors)
        return any(gap is not None and gap > 0 for gap in gaps)

    def oriented(self, polynomial: Polynomial) -> Polynomial:
        """The polynomial up to positive factors."""
        if not polynomial:
            return polynomial
        primitive, sign = self._primitive(polynomial)
        return primitive if sign > 0 else self.scale(primitive, -1)

    # ------------------------------------------------------------ brackets

    def positive(self, polynomial: Polynomial) -> Polynomial:
        """The bracket ``[polynomial > 0]``."""
        value = polynomial.constant()
        if value is not None:
            return ONE if value > 0 else ZERO
        if never_negative(polynomial):
            return self.subtract(ONE, self.zero(polynomial))
        split = self._by_cases("greater", [polynomial, ZERO])
        if split is not None:
            return split
        if self.above_zero:
            for side, bracket in ((1, ONE), (-1, ZERO)):
                if self.oriented(self.scale(polynomial, side)).digest in self.above_zero:
                    return bracket
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
        split = self._by_cases("equal", [polynomial, ZERO])
        if split is not None:
            return split
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
        common = common_monomial(polynomial, positive=True)
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


def _implied(exponents: Exponents) -> set[Atom]:
    """Brackets ``[p > 0]`` beside ``[p - c > 0]`` with a positive c: they hold where the other does."""
    brackets = [atom for atom in exponents if atom.kind == "gt"]
    implied = set()
    for atom in brackets:
        for other in brackets:
            rest, beside = dict(atom.parts[0].terms), dict(other.parts[0].terms)
            if rest.pop((), Fraction(0)) > beside.pop((), Fraction(0)) and rest == beside:
                implied.add(atom)
    return implied


def _is_pi(atom: Atom) -> bool:
    polynomial: Polynomial = atom.parts[0]
    return list(polynomial.terms) == [((PI_ATOM, Fraction(1)),)]


__all__ = [
    "IMAGINARY",
    "ONE",
    "PI_ATOM",
    "ZERO",
    "Arithmetic",
    "Atom",
    "Exponents",
    "Monomial",
    "Polynomial",
    "TooLarge",
    "Unsupported",
    "atom_polynomial",
    "common_monomial",
    "factored",
    "leading",
    "number_polynomial",
]
