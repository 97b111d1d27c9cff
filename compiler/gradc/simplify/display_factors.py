"""Factors of the display form: signs, exponentials, symbolic powers, and the identities that make squares disappear."""

from __future__ import annotations

from fractions import Fraction

from gradc.ir import algebra
from gradc.ir.algebra import split_coefficient
from gradc.ir.scalar import NamedConstant, Number, Scalar, apply, is_apply, number
from gradc.simplify.display_monomials import (
    UNIT,
    Coefficient,
    Exponent,
    Polynomial,
    bases_of,
    exact,
    replaced_squares,
)


def negative(scalar: Scalar) -> Scalar:
    """``-scalar``, term by term."""
    if is_apply(scalar, "sum"):
        return algebra.sum_of(*[algebra.negated(t) for t in scalar.children], flatten=False, dtype=scalar.dtype)
    return algebra.negated(scalar)


def is_negative(scalar: Scalar) -> bool:
    """Whether a term has a minus sign."""
    coefficient = scalar.value if isinstance(scalar, Number) else split_coefficient(scalar)[0]
    return isinstance(coefficient, int | float | Fraction) and coefficient < 0


def without_sign(scalar: Scalar) -> Scalar:
    """The term without its minus sign."""
    return algebra.negated(scalar) if is_negative(scalar) else scalar


def literal_first(scalar: Scalar) -> tuple[bool, bytes]:
    """The order of literals under a root: 2 before pi."""
    return isinstance(scalar, Number) and isinstance(scalar.value, NamedConstant), scalar.digest


def exponential_power(base: Scalar, exponent: Exponent) -> Scalar:
    """``exp(u)`` to a power, as ``exp(c u)``."""
    argument = base.children[0]
    scale = number(exponent, base.dtype)
    if exponent == -1:
        return apply("exp", negative(argument))
    return base if exponent == 1 else apply("exp", algebra.product_of(scale, argument, flatten=True))


def joined_symbolic(powers: dict[Scalar, Exponent]) -> dict[Scalar, Exponent]:
    """``(b**n)**2 / b`` as ``b**(2 n - 1)``, also where b is a fraction."""
    joined = dict(powers)
    for atom in [b for b in powers if is_apply(b, "power") and not isinstance(b.children[1], Number)]:
        base, primitive = atom.children
        scale = joined.pop(atom)
        exponent = algebra.product_of(number(scale, base.dtype), primitive, flatten=True)
        if is_apply(primitive, "sum") and scale != 1:
            exponent = algebra.sum_of(
                *[algebra.product_of(number(scale, base.dtype), t) for t in primitive.children],
                flatten=False,
                dtype=base.dtype,
            )
        whole: Exponent = 0
        if base in joined and isinstance(joined[base], int):
            whole = joined.pop(base)
        elif is_apply(base, "prod"):
            parts = dict(numeric_power(f) for f in base.children if not isinstance(f, Number))
            first = next(iter(parts))
            ratio = Fraction(joined.get(first, 0)) / parts[first]
            if ratio and ratio.denominator == 1 and abs(ratio) <= 4:
                whole = int(ratio)
                for part, own in parts.items():
                    left = exact(joined.pop(part, 0) - whole * own)
                    if left:
                        joined[part] = left
        total = algebra.sum_of(exponent, number(whole, base.dtype), flatten=True, dtype=base.dtype)
        power = apply("power", base, total)
        joined[power] = 1
    return joined


def numeric_power(factor: Scalar) -> tuple[Scalar, Exponent]:
    """``(base, exponent)`` of a factor; the exponent is a number."""
    if is_apply(factor, "power") and isinstance(factor.children[1], Number):
        value = factor.children[1].value
        if isinstance(value, int | Fraction):
            return factor.children[0], value
    return factor, 1


def mostly_negative(polynomial: Polynomial) -> bool:
    """Whether the polynomial reads better negated: more minus signs than plus signs, or as many and one sign of two."""
    negative_count = sum(c < 0 for c in polynomial.values())
    if 2 * negative_count != len(polynomial):
        return 2 * negative_count > len(polynomial)
    first = min(polynomial, key=lambda m: sorted((b.digest, e) for b, e in m))
    return polynomial[first] < 0


def exact_root(coefficient: Coefficient, value: Exponent) -> Coefficient | None:
    """The power of a positive rational where that is rational, else None."""
    if isinstance(coefficient, float) or coefficient <= 0:
        return None
    parts = []
    for part in (Fraction(coefficient).numerator, Fraction(coefficient).denominator):
        root = round(part ** (1 / value.denominator)) if part < 2**52 else 0
        if root**value.denominator != part:
            return None
        parts.append(root)
    return exact(Fraction(parts[0], parts[1]) ** value.numerator)


#: f**2 in terms of g**2, for pairs of functions: (f, g, constant, sign) for f**2 = constant + sign g**2
_SQUARES = (("sin", "cos", 1, -1), ("cos", "sin", 1, -1), ("cosh", "sinh", 1, 1), ("sinh", "cosh", -1, 1))


def with_identities(polynomial: Polynomial) -> Polynomial:
    """With ``sin**2 + cos**2 = 1`` and its like applied where terms disappear."""
    best = polynomial
    for base in bases_of(polynomial):
        for name, partner, constant, sign in _SQUARES:
            if is_apply(base, name):
                other = apply(partner, base.children[0])
                square: Polynomial = {UNIT: constant, frozenset({(other, 2)}): sign}
                form = replaced_squares(best, base, square)
                if len(form) < len(best):
                    best = form
    return best
