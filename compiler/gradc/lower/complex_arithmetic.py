"""Complex numbers as pairs of real scalars: what the operations on them are.

A part that is literally 0 says that the number is real, or imaginary, whatever its dtype: nothing is computed with it where
two such numbers meet, or where the order of operations is free. What the user wrote about other numbers is carried out as
NumPy does, zeros included, for their signs tell the sides of a branch cut apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from gradc.ir.algebra import convert, negated, power_of, product_of, sum_of
from gradc.ir.scalar import DType, NamedConstant, Scalar, apply, is_number, number

#: A power up to this is a product; NumPy's limit.
LARGEST_EXPONENT = 100


@dataclass(frozen=True)
class Parts:
    """The real and the imaginary part."""

    re: Scalar
    im: Scalar

    @property
    def dtype(self) -> DType:
        """The dtype of the parts."""
        return self.re.dtype

    @property
    def is_real(self) -> bool:
        """Whether the imaginary part is literally 0."""
        return is_number(self.im, 0)

    @property
    def is_imaginary(self) -> bool:
        """Whether the real part is literally 0."""
        return is_number(self.re, 0)


def literal(value: complex | float | Fraction | NamedConstant, dtype: DType) -> Parts:
    """A literal with parts of ``dtype``."""
    if isinstance(value, complex):
        return Parts(number(value.real, dtype), number(value.imag, dtype))
    return Parts(number(value, dtype), number(0, dtype))


def as_parts(value: Parts | Scalar, dtype: DType) -> Parts:
    """A number with parts of ``dtype``."""
    if isinstance(value, Parts):
        return Parts(convert(value.re, dtype), convert(value.im, dtype))
    return Parts(convert(value, dtype), number(0, dtype))


# ---------------------------------------------------------------- as the user wrote it


def add(a: Parts, b: Parts) -> Parts:
    """``a + b``."""
    if (a.is_real and b.is_imaginary) or (a.is_imaginary and b.is_real):
        return Parts(b.re if a.is_imaginary else a.re, b.im if a.is_real else a.im)
    return Parts(_added(a.re, b.re), _added(a.im, b.im))


def _added(a: Scalar, b: Scalar) -> Scalar:
    """A sum; of two literal zeros it stays one."""
    return a if is_number(a, 0) and is_number(b, 0) else apply("add", a, b)


def subtract(a: Parts, b: Parts) -> Parts:
    """``a - b``."""
    if a.is_real and b.is_imaginary:
        return Parts(a.re, apply("neg", b.im))
    return Parts(_subtracted(a.re, b.re), _subtracted(a.im, b.im))


def _subtracted(a: Scalar, b: Scalar) -> Scalar:
    return a if is_number(a, 0) and is_number(b, 0) else apply("sub", a, b)


def negate(a: Parts) -> Parts:
    """``-a``."""
    return Parts(*[part if is_number(part, 0) else apply("neg", part) for part in (a.re, a.im)])


def multiply(a: Parts, b: Parts) -> Parts:
    """``a * b``."""
    half = [x.is_real or x.is_imaginary for x in (a, b)]
    if all(half):
        return product([a, b])
    return Parts(
        apply("sub", apply("mul", a.re, b.re), apply("mul", a.im, b.im)),
        apply("add", apply("mul", a.re, b.im), apply("mul", a.im, b.re)),
    )


def divide(a: Parts, b: Parts) -> Parts:
    """``a / b`` by Smith's method: the divisor's larger part is divided by, so that no square overflows."""
    if b.is_real:
        return Parts(*[part if is_number(part, 0) else apply("div", part, b.re) for part in (a.re, a.im)])
    zero, one = number(0, a.dtype), number(1, a.dtype)
    swapped = apply("less", apply("abs", b.re), apply("abs", b.im))
    larger, smaller = choose(swapped, b.im, b.re), choose(swapped, b.re, b.im)
    vanishes = apply("equal", larger, zero)
    ratio = choose(vanishes, zero, apply("div", smaller, larger))
    length = apply("add", choose(vanishes, apply("abs", larger), larger), apply("mul", smaller, ratio))
    scale = apply("div", one, length)
    first, second = choose(swapped, a.im, a.re), choose(swapped, a.re, a.im)
    re = apply("add", first, apply("mul", second, ratio))
    im = apply("sub", second, apply("mul", first, ratio))
    return Parts(apply("mul", re, scale), apply("mul", choose(swapped, apply("neg", im), im), scale))


def choose(predicate: Scalar, chosen: Scalar, other: Scalar) -> Scalar:
    """One of two real scalars."""
    return chosen if chosen is other else apply("where", predicate, chosen, other)


# ---------------------------------------------------------------- mathematical: free to be reordered


def total(terms: Sequence[Parts]) -> Parts:
    """The sum of the terms."""
    dtype = terms[0].dtype
    return Parts(
        sum_of(*[t.re for t in terms], flatten=False, dtype=dtype),
        sum_of(*[t.im for t in terms], flatten=False, dtype=dtype),
    )


def product(factors: Sequence[Parts]) -> Parts:
    """The product of the factors, the real ones first."""
    dtype = factors[0].dtype
    result = Parts(product_of(*[f.re for f in factors if f.is_real], dtype=dtype), number(0, dtype))
    if not any(f.is_real for f in factors):
        result = literal(1, dtype)
    for factor in factors:
        if not factor.is_real:
            result = _multiplied(result, factor)
    return result


def _multiplied(a: Parts, b: Parts) -> Parts:
    def times(x: Scalar, y: Scalar) -> Scalar:
        return product_of(x, y, flatten=a.is_real, dtype=a.dtype)

    return Parts(
        sum_of(times(a.re, b.re), negated(times(a.im, b.im)), dtype=a.dtype),
        sum_of(times(a.re, b.im), times(a.im, b.re), dtype=a.dtype),
    )


def conjugate(a: Parts) -> Parts:
    """The complex conjugate."""
    return Parts(a.re, a.im if a.is_real else apply("neg", a.im))


def integer_power(base: Parts, exponent: int) -> Parts:
    """``base ** exponent`` by repeated squaring."""
    if base.is_real:
        return Parts(power_of(base.re, number(exponent, base.dtype)), base.im)
    result: Parts | None = None
    square, left = base, abs(exponent)
    while left:
        if left & 1:
            result = square if result is None else multiply(result, square)
        left >>= 1
        square = multiply(square, square) if left else square
    whole = result or literal(1, base.dtype)
    return whole if exponent >= 0 else divide(literal(1, base.dtype), whole)


# ---------------------------------------------------------------- tests


def equal(a: Parts, b: Parts) -> Scalar:
    """Whether both parts are equal."""
    return apply("and", apply("equal", a.re, b.re), apply("equal", a.im, b.im))


def not_equal(a: Parts, b: Parts) -> Scalar:
    """Whether a part differs."""
    return apply("or", apply("not_equal", a.re, b.re), apply("not_equal", a.im, b.im))


def ordered(relation: str, a: Parts, b: Parts) -> Scalar:
    """NumPy's order: by the real parts, then by the imaginary ones."""
    strict = "less" if relation.startswith("less") else "greater"
    return apply("or", apply(strict, a.re, b.re), apply("and", apply("equal", a.re, b.re), apply(relation, a.im, b.im)))


def of_either(test: str, a: Parts) -> Scalar:
    """Whether either part passes the test."""
    return apply("or", apply(test, a.re), apply(test, a.im))


def of_both(test: str, a: Parts) -> Scalar:
    """Whether both parts pass the test."""
    return apply("and", apply(test, a.re), apply(test, a.im))
