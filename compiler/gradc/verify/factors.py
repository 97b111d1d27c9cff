"""Factors of polynomials: the common monomial, exact quotients, square roots, primes."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from gradc.verify.atoms import IDEMPOTENT, SPECIAL, Atom, Exponents, Polynomial
from gradc.verify.signs import is_positive_atom

#: Quotients and perfect squares are looked for among sums of at most so many terms.
_MOST_TERMS = 15
#: A monomial as exponents of a list of atoms, which orders monomials lexicographically.
_Place = tuple[Fraction, ...]


def common_monomial(polynomial: Polynomial, positive: bool = False) -> Exponents:
    """The lowest exponent of every atom (of those that are positive, if so asked) over all terms."""
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
    allowed = {a: e for a, e in lowest.items() if e and a.kind not in IDEMPOTENT and a.kind not in ("i", "prime")}
    return {a: e for a, e in allowed.items() if is_positive_atom(a)} if positive else allowed


def factored(value: Fraction) -> dict[int, int]:
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


def _atoms_of(*polynomials: Polynomial) -> list[Atom] | None:
    """The atoms, in the order of monomials; None where powers of one don't simply add."""
    atoms = sorted({a for p in polynomials for m in p.terms for a, _ in m}, key=lambda atom: atom.digest)
    unfit = any(a.kind in SPECIAL for a in atoms)
    negative = any(e < 0 for p in polynomials for m in p.terms for _, e in m)
    return None if unfit or negative or max(len(p.terms) for p in polynomials) > _MOST_TERMS else atoms


def _places(polynomial: Polynomial, atoms: list[Atom]) -> dict[_Place, Fraction]:
    return {tuple(dict(m).get(a, Fraction(0)) for a in atoms): v for m, v in polynomial.terms.items()}


def _polynomial(places: dict[_Place, Fraction], atoms: list[Atom]) -> Polynomial:
    return Polynomial({tuple((a, e) for a, e in zip(atoms, p, strict=True) if e): v for p, v in places.items() if v})


def _minus(left: _Place, right: _Place) -> _Place:
    return tuple(i - j for i, j in zip(left, right, strict=True))


def _subtract_product(
    target: dict[_Place, Fraction], places: dict[_Place, Fraction], place: _Place, value: Fraction
) -> None:
    for other, factor in places.items():
        at = tuple(i + j for i, j in zip(other, place, strict=True))
        left = target.get(at, Fraction(0)) - factor * value
        if left:
            target[at] = left
        else:
            target.pop(at, None)


def quotient(polynomial: Polynomial, divisor: Polynomial) -> Polynomial | None:
    """``polynomial / divisor`` where it leaves no rest."""
    atoms = _atoms_of(polynomial, divisor)
    if atoms is None:
        return None
    rest, below = _places(polynomial, atoms), _places(divisor, atoms)
    top = max(below)
    result: dict[_Place, Fraction] = {}
    while rest:
        highest = max(rest)
        place = _minus(highest, top)
        if (place and min(place) < 0) or len(result) > _MOST_TERMS:
            return None
        result[place] = rest[highest] / below[top]
        _subtract_product(rest, below, place, result[place])
    return _polynomial(result, atoms)


def square_root(polynomial: Polynomial) -> Polynomial | None:
    """The polynomial whose square it is, or None."""
    atoms = _atoms_of(polynomial) if len(polynomial.terms) >= 3 else None
    if atoms is None:
        return None
    rest = _places(polynomial, atoms)
    top = max(rest)
    first = _rational_root(rest[top])
    if first is None or any(e.denominator == 1 and e % 2 for e in top):
        return None
    head: _Place = tuple(e / 2 for e in top)
    root: dict[_Place, Fraction] = {head: first}
    _subtract_product(rest, root, head, first)
    while rest:
        highest = max(rest)
        place = _minus(highest, head)
        if place in root or min(place) < 0 or len(root) > _MOST_TERMS:
            return None
        value = rest[highest] / (2 * first)
        _subtract_product(rest, root, place, 2 * value)
        root[place] = value
        _subtract_product(rest, {place: value}, place, value)
    return _polynomial(root, atoms)


def _rational_root(value: Fraction) -> Fraction | None:
    if value < 0:
        return None
    upper, lower = isqrt(value.numerator), isqrt(value.denominator)
    return Fraction(upper, lower) if Fraction(upper * upper, lower * lower) == value else None
