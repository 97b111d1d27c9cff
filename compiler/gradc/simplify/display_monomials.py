"""Polynomials in several symbols, functions and kernels: ``{monomial: coefficient}`` with rational exponents."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

from gradc.ir.scalar import Scalar, is_apply
from gradc.simplify.display_numbers import tidied

Exponent = int | Fraction
Coefficient = int | Fraction | float
Monomial = frozenset[tuple[Scalar, Exponent]]
Polynomial = dict[Monomial, Coefficient]

UNIT: Monomial = frozenset()
#: Longer polynomials are not made: the form that needs them would not be read.
LARGEST_POLYNOMIAL = 120


class TooLargeError(Exception):
    """A form has too many terms to be worth writing."""


def exact(value: Exponent) -> Exponent:
    """An integer where it is one."""
    return int(value) if value == int(value) else value


def normal(value: Coefficient) -> Coefficient:
    """An integer where it is one; a float as it was meant."""
    return tidied(value) if isinstance(value, float) else exact(value)


def multiplied(left: Monomial, right: Monomial) -> Monomial:
    """The product of two monomials."""
    if not left or not right:
        return left or right
    powers = dict(left)
    for base, exponent in right:
        powers[base] = exact(powers.get(base, 0) + exponent)
    return frozenset((b, e) for b, e in powers.items() if e)


def inverted(monomial: Monomial) -> Monomial:
    """The reciprocal of a monomial."""
    return frozenset((b, -e) for b, e in monomial)


def plus(left: Polynomial, right: Polynomial) -> Polynomial:
    """The sum."""
    total = dict(left)
    for monomial, coefficient in right.items():
        total[monomial] = normal(total.get(monomial, 0) + coefficient)
    return {m: c for m, c in total.items() if c}


def times(left: Polynomial, right: Polynomial) -> Polynomial:
    """The product."""
    if len(left) * len(right) > 4 * LARGEST_POLYNOMIAL:
        raise TooLargeError
    product: Polynomial = {}
    for m, c in left.items():
        for k, d in right.items():
            key = multiplied(m, k)
            product[key] = product.get(key, 0) + c * d
    result = {m: normal(c) for m, c in product.items() if c}
    if len(result) > LARGEST_POLYNOMIAL:
        raise TooLargeError
    return result


def raised(base: Polynomial, count: int) -> Polynomial:
    """A power with a count as its exponent."""
    result: Polynomial = {UNIT: 1}
    for _ in range(count):
        result = times(result, base)
    return result


def bases_of(polynomial: Iterable[Monomial]) -> dict[Scalar, None]:
    """The symbols, functions and kernels that occur."""
    return {b: None for m in polynomial for b, _ in sorted(m, key=lambda item: item[0].digest)}


def common_powers(monomials: Iterable[Mapping[Scalar, Exponent]]) -> dict[Scalar, Exponent]:
    """What can be taken outside: the least exponent of every base; of an exponential only what all terms share."""
    listed = list(monomials)
    common: dict[Scalar, Exponent] = {}
    for base in {b: None for m in listed for b in m}:
        exponents = [m.get(base, 0) for m in listed]
        least = min(exponents)
        if is_apply(base, "exp") or is_apply(base, "power"):
            least = least if least > 0 else min(0, max(exponents))
        if least:
            common[base] = least
    return common


def content(coefficients: Iterable[Coefficient]) -> Coefficient:
    """The greatest positive number that divides all coefficients; for floats only one that they share."""
    listed = list(coefficients)
    if any(isinstance(c, float) for c in listed):
        first: Coefficient = max(listed[0], -listed[0])
        return first if all(c in (first, -first) for c in listed) else 1
    fractions = [Fraction(c) for c in listed]
    return exact(Fraction(math.gcd(*[f.numerator for f in fractions]), math.lcm(*[f.denominator for f in fractions])))


def divided(polynomial: Polynomial, divisor: Polynomial) -> Polynomial | None:
    """The exact quotient, or None."""
    bases = list(bases_of([*divisor, *polynomial]))
    order = {b: k for k, b in enumerate(bases)}

    def key(monomial: Monomial) -> tuple[Exponent, ...]:
        powers: list[Exponent] = [0] * len(bases)
        for base, exponent in monomial:
            powers[order[base]] = exponent
        return tuple(powers)

    if any(e < 0 for m in (*divisor, *polynomial) for _, e in m) or len(divisor) > len(polynomial) * 4:
        return None
    lead = max(divisor, key=key)
    scale = divisor[lead]
    if isinstance(scale, float):
        return None
    rest, quotient = dict(polynomial), Polynomial()
    while rest:
        if len(quotient) > LARGEST_POLYNOMIAL:
            return None
        top = max(rest, key=key)
        ratio = multiplied(top, inverted(lead))
        if any(e < 0 for _, e in ratio) or isinstance(rest[top], float):
            return None
        factor = exact(Fraction(rest[top]) / scale)
        quotient[ratio] = factor
        rest = plus(rest, {multiplied(m, ratio): -factor * c for m, c in divisor.items()})
    return quotient


def replaced_squares(polynomial: Polynomial, base: Scalar, by: Polynomial) -> Polynomial:
    """The polynomial with ``base**2`` replaced by a polynomial."""
    result: Polynomial = {}
    for monomial, coefficient in polynomial.items():
        powers = dict(monomial)
        exponent = powers.get(base, 0)
        if exponent < 2 or not isinstance(exponent, int):
            result = plus(result, {monomial: coefficient})
            continue
        powers[base] = exponent % 2
        rest = frozenset((b, e) for b, e in powers.items() if e)
        result = plus(result, times({rest: coefficient}, raised(by, exponent // 2)))
    return result
