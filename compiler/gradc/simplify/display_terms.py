"""Looking into terms and factors: coefficients, powers, signs."""

from __future__ import annotations

import math
from fractions import Fraction

from gradc.ir import algebra
from gradc.ir.algebra import split_coefficient
from gradc.ir.scalar import Apply, Guard, Load, Number, NumberValue, Scalar, Size, apply, is_apply, is_number, number
from gradc.simplify.display_numbers import tidied


def term_count(scalar: Scalar) -> int:
    """How many terms a sum has; 0 is none."""
    return 0 if is_number(scalar, 0) else len(scalar.children) if is_apply(scalar, "sum") else 1


def never_negative(scalar: Scalar) -> bool:
    """Whether a real expression is a sum, product or power of things that are visibly at least 0."""
    if scalar.dtype.kind != "f":
        return False
    if isinstance(scalar, Number):
        return isinstance(scalar.value, int | float | Fraction) and scalar.value >= 0
    if is_apply(scalar, "power"):
        exponent = scalar.children[1]
        return isinstance(exponent, Number) and isinstance(exponent.value, int) and exponent.value % 2 == 0
    return isinstance(scalar, Apply) and scalar.op.name in ("exp", "abs", "cosh", "sigmoid", "softplus")


def is_count(scalar: Scalar) -> bool:
    """Whether it is a named extent as a number."""
    return is_apply(scalar, "convert") and isinstance(scalar.children[0], Size)


def is_atom(scalar: Scalar) -> bool:
    """Whether it is printed as a symbol."""
    return isinstance(scalar, Load) or (isinstance(scalar, Apply) and scalar.op.name == "convert")


def scaled(coefficient: NumberValue | Fraction, term: Scalar) -> Scalar:
    """``coefficient * term``, nothing else done to it."""
    return tidy_term(algebra.product_of(number(coefficient, term.dtype), term))


def tidy_term(term: Scalar) -> Scalar:
    """The term with a float coefficient rounded to what was meant: 0.1 * 3 is 0.3."""
    coefficient, rest = split_coefficient(term)
    if isinstance(term, Number) and isinstance(term.value, float):
        return number(tidied(term.value), term.dtype)
    if rest is None or not isinstance(coefficient, float):
        return term
    return algebra.with_coefficient(number(tidied(coefficient), term.dtype).value, rest)


def without(product: Scalar, factor: Scalar) -> Scalar | None:
    """The product without one of its factors; None where nothing is left."""
    if product is factor:
        return None
    rest = [f for f in product.children if f is not factor]
    return rest[0] if len(rest) == 1 else apply("prod", *rest)


def lowered(product: Scalar, counts: dict[Scalar, int]) -> list[Scalar]:
    """The factors of a product, with the powers of some bases lowered."""
    factors = []
    for factor in product.children:
        base, exponent = integer_power(factor)
        if base in counts and exponent:
            factor = algebra.power_of(base, number(exponent - counts[base], product.dtype))
        factors.append(factor)
    return factors


def integer_power(factor: Scalar) -> tuple[Scalar, int]:
    """``(base, n)`` of an integer power; n is 0 for other powers."""
    if not is_apply(factor, "power"):
        return factor, 1
    exponent = factor.children[1]
    if isinstance(exponent, Number) and isinstance(exponent.value, int):
        return factor.children[0], exponent.value
    return factor, 0


def integer_powers(product: Scalar | None) -> dict[Scalar, int]:
    """The bases of a product with integer exponents."""
    if product is None:
        return {}
    powers: dict[Scalar, int] = {}
    for factor in product.children if is_apply(product, "prod") else (product,):
        base, exponent = integer_power(factor)
        if exponent and not isinstance(base, Guard) and not (isinstance(base, Number)):
            powers[base] = exponent
    return powers


def has_negative_argument(scalar: Scalar) -> bool:
    """Whether it is a function of something with a minus sign."""
    if not isinstance(scalar, Apply) or len(scalar.args) != 1:
        return False
    coefficient = split_coefficient(scalar.args[0])[0]
    return isinstance(coefficient, int | float | Fraction) and coefficient < 0


def common_exponent(first: int, second: int) -> int:
    """What two powers of one base share: the lower power, or the whole denominator."""
    return min(first, second)


def content(total: Scalar) -> Fraction | int:
    """The greatest rational that divides every coefficient of a sum, leaving integers; 1 where there are floats."""
    coefficients = [t.value if isinstance(t, Number) else split_coefficient(t)[0] for t in total.children]
    exact = [Fraction(c) for c in coefficients if isinstance(c, int | Fraction)]
    if len(exact) < len(coefficients):
        return 1
    numerator = math.gcd(*[c.numerator for c in exact])
    return Fraction(numerator, math.lcm(*[c.denominator for c in exact]))


def flips_well(total: Scalar) -> bool:
    """Whether the negated sum has fewer minus signs, or as many and starts better."""
    negative = 0
    for term in total.children:
        coefficient = term.value if isinstance(term, Number) else split_coefficient(term)[0]
        if not isinstance(coefficient, int | float | Fraction):
            return False
        negative += coefficient < 0
    return 2 * negative >= len(total.children)


def exact_root(base: Number, value: int | Fraction) -> Scalar | None:
    """``4 ** (1/2)`` as 2 where that is exact."""
    if not isinstance(base.value, int | Fraction) or base.value <= 0 or not isinstance(value, Fraction):
        return None
    parts = []
    for part in (Fraction(base.value).numerator, Fraction(base.value).denominator):
        root = round(part ** (1 / value.denominator)) if part < 2**52 else 0
        if root**value.denominator != part:
            return None
        parts.append(root)
    return number(Fraction(parts[0], parts[1]) ** value.numerator, base.dtype)


def exact_decimal_power(base: Number, value: int | Fraction) -> Scalar | None:
    """``0.18 ** -1`` as 50/9: a short decimal is the fraction it was written as."""
    if not isinstance(base.value, float) or not isinstance(value, int) or abs(value) > 4:
        return None
    exact = Fraction(repr(base.value)) if base.value == base.value and abs(base.value) < 1e6 else Fraction(0)
    if not exact or exact.denominator > 1000:
        return None
    power = exact**value
    return number(power, base.dtype) if power.denominator <= 10_000 else None
