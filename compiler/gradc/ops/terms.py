"""Scalars with Python's operators, so that rows of the table read like formulas: ``2 / pi * fn.exp(-(x**2))``.

The operations are the mathematical ones of `gradc.ir.algebra`. Python numbers take the dtype of the term beside them, and
integers that meet floats become floats of their dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from gradc.ir.algebra import convert, guarded, power_of, product_of, sum_of
from gradc.ir.scalar import INT64, PI, DType, NumberValue, Scalar, apply, number


class Term:
    """A scalar in a formula.

    >>> from gradc.ir.scalar import load
    >>> from gradc.ir.tensor import input_tensor
    >>> x = Term(load(input_tensor("x", (), "f8"), ()))
    >>> (1 + x * x / 2).scalar
    1. + 1/2 * x[] ^ 2.
    """

    __slots__ = ("scalar",)

    def __init__(self, scalar: Scalar) -> None:
        self.scalar = scalar

    @property
    def dtype(self) -> DType:
        """The dtype."""
        return self.scalar.dtype

    def _pair(self, other: Any) -> tuple[Scalar, Scalar, DType]:
        """Both operands in the dtype that they have together."""
        value = other.scalar if isinstance(other, Term) else self.number(other)
        dtype = self.dtype if self.dtype.kind == "f" or value.dtype.kind != "f" else value.dtype
        return convert(self.scalar, dtype), convert(value, dtype), dtype

    def number(self, value: Any) -> Scalar:
        """A literal of this dtype; of an integer's neighbour, what the literal is."""
        whole = self.dtype.kind in "iu" and not isinstance(value, int)
        return number(value, None if whole else self.dtype)

    def __add__(self, other: Any) -> Term:
        left, right, dtype = self._pair(other)
        return Term(sum_of(left, right, dtype=dtype))

    def __mul__(self, other: Any) -> Term:
        left, right, dtype = self._pair(other)
        return Term(product_of(left, right, dtype=dtype))

    def __truediv__(self, other: Any) -> Term:
        left, right, dtype = self._pair(other)
        return Term(product_of(left, power_of(right, -1), dtype=dtype))

    def __rtruediv__(self, other: Any) -> Term:
        return Term(power_of(self.scalar, -1)).__mul__(other)

    def __pow__(self, exponent: Any) -> Term:
        if isinstance(exponent, Term):
            base, power, _ = self._pair(exponent)
            return Term(apply("pow", base, power))
        return Term(power_of(self.scalar, self.number(exponent)))

    def __neg__(self) -> Term:
        return Term(product_of(-1, self.scalar, dtype=self.dtype))

    def __sub__(self, other: Any) -> Term:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Term:
        return self.__neg__().__add__(other)

    __radd__, __rmul__ = __add__, __mul__


class Functions:
    """The ops as functions of terms: ``fn.jv(v - 1, x)``. Numbers among the arguments take the dtype of the last term."""

    def __getattr__(self, name: str) -> Callable[..., Term]:
        def called(*args: Any) -> Term:
            like = [arg for arg in args if isinstance(arg, Term)][-1]
            return Term(apply(name, *[arg.scalar if isinstance(arg, Term) else like.number(arg) for arg in args]))

        return called


fn = Functions()


def pi(like: Term) -> Term:
    """Pi that stays pi."""
    return literal(PI, like)


def literal(value: NumberValue, like: Term) -> Term:
    """A number of the dtype of another term."""
    return Term(like.number(value))


def half(like: Term) -> Term:
    """One half."""
    return literal(Fraction(1, 2), like)


def where(condition: Term, chosen: Any, other: Any) -> Term:
    """One of two terms, of which one may be a number."""
    like = chosen if isinstance(chosen, Term) else other
    parts = [part.scalar if isinstance(part, Term) else like.number(part) for part in (chosen, other)]
    return Term(apply("where", condition.scalar, *parts))


def equal(term: Term, value: float) -> Term:
    """Whether a term has this value."""
    return Term(apply("equal", term.scalar, term.number(value)))


def unless_zero(term: Term, body: Term) -> Term:
    """The body, strongly zero where the term is 0."""
    return Term(guarded(apply("not_equal", term.scalar, term.number(0)), body.scalar))


def whole(value: int) -> Term:
    """An integer, whatever it stands beside."""
    return Term(number(value, INT64))
