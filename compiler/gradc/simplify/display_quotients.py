"""A fraction as a coefficient times powers, and how such a product is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from gradc.ir import algebra
from gradc.ir.scalar import FLOAT64, NamedConstant, Number, Scalar, apply, is_apply, number
from gradc.simplify.display_factors import exponential_power, joined_symbolic, literal_first
from gradc.simplify.display_monomials import Coefficient, Exponent, Monomial, TooLargeError, exact, normal


@dataclass(frozen=True)
class Policy:
    """What is multiplied out in a sum: kernels up to this power; whether tangents are sines over cosines,
    and exponentials beside a sigmoid quotients of it.
    """

    largest_expanded: int
    tangents_apart: bool = False
    logistic: bool = False


@dataclass(frozen=True)
class Term:
    """``coefficient * product of base**exponent``."""

    coefficient: Coefficient = 1
    powers: dict[Scalar, Exponent] = field(default_factory=dict)

    def __mul__(self, other: Term) -> Term:
        powers = dict(self.powers)
        for base, exponent in other.powers.items():
            total = exact(powers.get(base, 0) + exponent)
            if total:
                powers[base] = total
            else:
                del powers[base]
        return Term(normal(self.coefficient * other.coefficient), powers)

    @property
    def monomial(self) -> Monomial:
        """The powers alone."""
        return frozenset(self.powers.items())


def to_power(inner: Term, value: int) -> Term:
    """The fraction to an integer power."""
    if abs(value) > 4096:
        raise TooLargeError
    coefficient = inner.coefficient
    scale = coefficient**value if isinstance(coefficient, float) else Fraction(coefficient) ** value
    return Term(normal(scale), {b: exact(e * value) for b, e in inner.powers.items()})


def power_of_literal(base: Number, value: Exponent) -> Term:
    """``2**(-3/2)`` as a quarter of ``2**(1/2)``: one spelling, so that like terms meet."""
    if not isinstance(base.value, int | NamedConstant) or base.value in (0, 1):
        return Term(1, {algebra.power_of(base, number(value, base.dtype)): 1})
    if isinstance(base.value, NamedConstant) or base.value <= 0:
        return Term(1, {base: value})
    whole = value.numerator // value.denominator
    return Term(exact(Fraction(base.value) ** whole), {base: exact(value - whole)} if value != whole else {})


def written_product(coefficient: Coefficient, powers: dict[Scalar, Exponent]) -> Scalar:
    """A coefficient and powers as a product, roots of literals where they are shortest."""
    powers = joined_symbolic(powers)
    factors: list[Scalar] = []
    roots: dict[Exponent, list[Scalar]] = {}
    for base, exponent in powers.items():
        if is_apply(base, "exp"):
            factors.append(exponential_power(base, exponent))
            continue
        if isinstance(base, Number) and isinstance(exponent, Fraction):
            if isinstance(base.value, int) and base.value > 1 and isinstance(coefficient, int | Fraction):
                if Fraction(coefficient).denominator % base.value == 0:
                    coefficient, exponent = exact(Fraction(coefficient) * base.value), exponent - 1
            roots.setdefault(exponent, []).append(base)
            continue
        factors.append(algebra.power_of(base, number(exponent, base.dtype)))
    for exponent, literals in roots.items():
        radicand = literals[0] if len(literals) == 1 else apply("prod", *sorted(literals, key=literal_first))
        factors.append(apply("power", radicand, number(exponent, literals[0].dtype)))
    dtype = factors[0].dtype if factors else FLOAT64
    return algebra.product_of(number(coefficient, dtype), *factors, flatten=False, dtype=dtype)
