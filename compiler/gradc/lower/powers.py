"""Mathematical products and sums taken apart: powers as multiplications, one division, subtractions."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from gradc.ir.scalar import Apply, Number, Scalar, apply, is_apply, is_number

#: Powers up to this exponent become multiplications.
LARGEST_UNROLLED_POWER = 32
_ONE = Fraction(1)


def small_power(node: Scalar) -> Fraction | None:
    """The exponent of a power that becomes multiplications and a square root."""
    if not isinstance(node, Apply) or node.op.name not in ("power", "pow"):
        return None
    exponent = node.args[1]
    if not isinstance(exponent, Number) or not isinstance(exponent.value, int | Fraction):
        return None
    value = _small(exponent.value)
    if value is None:
        return None
    if node.dtype.kind != "f" and (value < 0 or value.denominator != 1):
        return None
    return value


@lru_cache(maxsize=256)
def _small(exponent: int | Fraction) -> Fraction | None:
    value = Fraction(exponent)
    return None if value == 0 or value.denominator > 2 or abs(value) > LARGEST_UNROLLED_POWER else value


def factors(node: Apply) -> list[tuple[Scalar, Fraction]]:
    """A product as bases and exponents."""
    factors: list[tuple[Scalar, Fraction]] = []
    for arg in node.args:
        exponent = small_power(arg)
        if exponent is None or arg.dtype != node.dtype:
            factors.append((arg, _ONE))
        else:
            factors.append((arg.children[0], exponent))
    return factors


def powers_of(node: Scalar) -> list[tuple[Scalar, Fraction]]:
    """A product, or a power, as bases and exponents."""
    assert isinstance(node, Apply)
    exponent = small_power(node)
    return factors(node) if exponent is None else [(node.args[0], exponent)]


def signed_terms(node: Apply) -> list[tuple[Scalar, int]]:
    """A sum as terms and signs: ``-1 x`` is subtracted, not multiplied."""
    if node.dtype.kind != "f":
        return [(term, 1) for term in node.args]
    return [signed(term) for term in node.args]


def signed(term: Scalar) -> tuple[Scalar, int]:
    """``-1 x y`` as ``x y`` and -1."""
    if is_apply(term, "prod") and is_number(term.children[0], -1):
        rest = term.children[1:]
        return (rest[0] if len(rest) == 1 else apply("prod", *rest)), -1
    return term, 1
