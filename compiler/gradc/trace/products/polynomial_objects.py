"""``np.poly1d`` with traced coefficients. Leading ones are kept whatever their value; with known ones it is NumPy's own."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, contains_traced, lift
from gradc.trace.context import trace_error
from gradc.trace.elements.elementwise import apply_ufunc
from gradc.trace.products.polynomials import coefficients_of, poly, polyadd, polyder, polyint, polymul, polysub, polyval
from gradc.trace.registry import FUNCTIONS


class TracedPolynomial:
    """A polynomial by its coefficients, from the highest power down; or by its roots."""

    def __new__(cls, c_or_r: Any, r: bool = False, variable: str | None = None) -> Any:
        if isinstance(c_or_r, TracedPolynomial) or contains_traced(c_or_r):
            return super().__new__(cls)
        return np.poly1d(c_or_r, r, variable)

    def __init__(self, c_or_r: Any, r: bool = False, variable: str | None = None) -> None:
        self.coeffs: TracedArray = poly(c_or_r) if r else coefficients_of(c_or_r)
        self.variable = variable or "x"

    @property
    def order(self) -> int:
        """The highest power."""
        return operator.index(self.coeffs.shape[0]) - 1

    @property
    def roots(self) -> Any:
        """Refused: they are eigenvalues."""
        raise trace_error("the roots of a polynomial can't be traced; compute them outside the function")

    c = coef = coefficients = property(lambda self: self.coeffs)
    o = order
    r = roots

    def __call__(self, val: Any) -> Any:
        if isinstance(val, TracedPolynomial | np.poly1d):
            result: Any = TracedPolynomial(self.coeffs[:1])
            for k in range(1, self.order + 1):
                result = result * val + self.coeffs[k]
            return result
        return polyval(self.coeffs, val)

    def __len__(self) -> int:
        return self.order

    def __getitem__(self, power: int) -> Any:
        if not 0 <= power <= self.order:
            return self.coeffs.dtype.type(0)
        return self.coeffs[self.order - power]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.coeffs)

    def deriv(self, m: int = 1) -> TracedPolynomial:
        """The derivative."""
        return TracedPolynomial(polyder(self.coeffs, m))

    def integ(self, m: int = 1, k: Any = None) -> TracedPolynomial:
        """The integral."""
        return TracedPolynomial(polyint(self.coeffs, m, k))

    def __neg__(self) -> TracedPolynomial:
        return TracedPolynomial(apply_ufunc(np.negative, [self.coeffs]))

    def __pos__(self) -> TracedPolynomial:
        return self

    def __add__(self, other: Any) -> TracedPolynomial:
        return TracedPolynomial(polyadd(self.coeffs, coefficients_of(other)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> TracedPolynomial:
        return TracedPolynomial(polysub(self.coeffs, coefficients_of(other)))

    def __rsub__(self, other: Any) -> TracedPolynomial:
        return TracedPolynomial(polysub(coefficients_of(other), self.coeffs))

    def __mul__(self, other: Any) -> TracedPolynomial:
        if _is_number(other):
            return TracedPolynomial(apply_ufunc(np.multiply, [self.coeffs, other]))
        return TracedPolynomial(polymul(self.coeffs, coefficients_of(other)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> TracedPolynomial:
        if _is_number(other):
            return TracedPolynomial(apply_ufunc(np.divide, [self.coeffs, other]))
        raise trace_error(
            "the quotient of polynomials can't be traced: how long its remainder is depends on values; "
            "compute it outside the function, or divide their values p(x) / q(x)"
        )

    def __pow__(self, exponent: Any) -> TracedPolynomial:
        count = operator.index(exponent)
        if count < 0:
            raise ValueError("Power to non-negative integers only.")
        result = TracedPolynomial(apply_ufunc(np.add, [self.coeffs[:1] * 0, 1])) if count == 0 else self
        for _ in range(count - 1):
            result = result * self
        return result

    __array_ufunc__ = None

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """``np.polyder(p)`` and the like."""
        if function not in FUNCTIONS:
            raise trace_error(
                f"np.{function.__name__} of a traced polynomial can't be traced; use its coefficients, p.coeffs"
            )
        return FUNCTIONS[function](*args, **kwargs)


def _giving_polynomials(function: Callable[..., TracedArray]) -> Callable[..., Any]:
    """A function of coefficients that gives a polynomial where it is given one."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return TracedPolynomial(result) if any(map(_is_polynomial, (*args, *kwargs.values()))) else result

    return called


def _value(p: Any, x: Any) -> Any:
    """``np.polyval``, also of polynomials at polynomials."""
    if _is_polynomial(x):
        return TracedPolynomial(coefficients_of(p))(x)
    return polyval(coefficients_of(p) if _is_polynomial(p) else p, x)


for _function, _rule in (
    (np.polyadd, polyadd),
    (np.polysub, polysub),
    (np.polymul, polymul),
    (np.polyder, polyder),
    (np.polyint, polyint),
):
    FUNCTIONS[_function] = _giving_polynomials(_rule)
FUNCTIONS[np.polyval] = _value


def _is_polynomial(value: Any) -> bool:
    return isinstance(value, TracedPolynomial | np.poly1d)


def _is_number(value: Any) -> bool:
    return not _is_polynomial(value) and lift(value).ndim == 0
