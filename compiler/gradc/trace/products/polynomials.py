"""Polynomials: coefficients from the highest power down, as ``np.poly*`` have them.

NumPy drops leading coefficients that are zero. What a traced coefficient's value is isn't known, so traced ones are kept.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray, known_value, lift
from gradc.trace.context import located, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, result_dtype
from gradc.trace.movement.creation import zeros
from gradc.trace.movement.joining import concatenate, stack
from gradc.trace.movement.shaping import broadcast_to, ravel, reshape
from gradc.trace.products.sliding import convolve
from gradc.trace.registry import implements, implements_named


def coefficients_of(p: Any) -> TracedArray:
    """Coefficients as a vector."""
    given = lift(getattr(p, "coeffs", p))
    if given.ndim > 1:
        raise ValueError(located("Polynomial must be 1d only."))
    return given if given.ndim else reshape(given, (1,))


def trimmed(p: Any) -> TracedArray:
    """Coefficients without leading zeros, where they are known."""
    x = coefficients_of(p)
    value = None if _is_traced(p) else known_value(x)
    return x if value is None else lift(np.poly1d(value).coeffs)


def _is_traced(p: Any) -> bool:
    return isinstance(p, TracedArray) or (isinstance(p, list | tuple) and any(map(_is_traced, p)))


# ---------------------------------------------------------------- values


@implements(np.polyval)
def polyval(p: Any, x: Any) -> TracedArray:
    """A polynomial's value, by Horner's rule."""
    coefficients, point = lift(p), lift(x)
    if not coefficients.ndim:
        raise TypeError(located("iteration over a 0-d array"))
    dtype = np.result_type(*[a.dtype for a in (coefficients, point)])
    result: Any = None
    for coefficient in coefficients:
        result = coefficient if result is None else result * point + coefficient
    if result is None:
        return zeros(point.shape, point.dtype)
    if result.extents != point.extents:  # a constant
        result = broadcast_to(result, point.shape)
    return astype(result, dtype if point.ndim else result_dtype([coefficients, TracedArray(point.tensor)]))


@implements_named("numpy.polynomial.polynomial.polyval")
def polynomial_value(x: Any, c: Any, tensor: bool = True) -> TracedArray:
    """A polynomial, lowest power first, by Horner's rule."""
    coefficients = lift(c)
    if coefficients.ndim != 1:
        raise trace_error("polyval with several columns of coefficients can't be traced; call it for each column")
    return polyval(coefficients[::-1], x)


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> TracedArray:
    """Powers of the entries, as columns."""
    base = lift(x)
    if base.ndim != 1:
        raise ValueError(located("x must be a one-dimensional array or sequence."))
    count = operator.index(base.shape[0] if N is None else N)
    base = astype(base, np.promote_types(base.dtype, int))  # as NumPy: float32 becomes float64
    if count == 0:
        return zeros((*base.shape, 0), base.dtype)
    powers = range(count) if increasing else range(count - 1, -1, -1)
    return stack([apply_ufunc(np.power, [base, np.array(p, _exponent_dtype(base))[()]]) for p in powers], axis=1)


def _exponent_dtype(base: TracedArray) -> np.dtype[Any]:
    return base.dtype if base.dtype.kind in "fc" else np.dtype(int)


# ---------------------------------------------------------------- arithmetic of polynomials


def _added(ufunc: np.ufunc, a: Any, b: Any) -> TracedArray:
    left, right = coefficients_of(a), coefficients_of(b)
    short = operator.index(left.shape[0]) - operator.index(right.shape[0])
    left, right = _padded(left, -short), _padded(right, short)
    return apply_ufunc(ufunc, [left, right])


def _padded(p: TracedArray, missing: int) -> TracedArray:
    return concatenate([zeros(missing, p.dtype), p]) if missing > 0 else p


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> TracedArray:
    """The sum of two polynomials."""
    return _added(np.add, a1, a2)


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> TracedArray:
    """The difference of two polynomials."""
    return _added(np.subtract, a1, a2)


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> TracedArray:
    """The product of two polynomials."""
    return convolve(trimmed(a1), trimmed(a2))


@implements(np.polyder)
def polyder(p: Any, m: Any = 1) -> TracedArray:
    """The coefficients of a polynomial's derivative."""
    times = operator.index(m)
    if times < 0:
        raise ValueError(located("Order of derivative must be positive (see polyint)"))
    x = coefficients_of(p)
    for _ in range(times):
        count = operator.index(x.shape[0])
        x = apply_ufunc(np.multiply, [x[:-1], np.arange(count - 1, 0, -1)])
    return x


@implements(np.polyint)
def polyint(p: Any, m: Any = 1, k: Any = None) -> TracedArray:
    """The coefficients of a polynomial's integral; ``k`` are the constants of integration."""
    times = operator.index(m)
    if times < 0:
        raise ValueError(located("Order of integral must be positive (see polyder)"))
    given = zeros(times) if k is None else ravel(lift(k))
    if given.extents == (1,) and times > 1:
        given = broadcast_to(given, (times,))
    if operator.index(given.shape[0]) < times:
        raise ValueError(located("k must be a scalar or a rank-1 array of length 1 or >m."))
    x = coefficients_of(p)
    for step in range(times):
        powers = np.arange(operator.index(x.shape[0]), 0, -1)
        x = concatenate([apply_ufunc(np.true_divide, [x, powers]), given[step : step + 1]])
    return x


@implements(np.poly)
def poly(seq_of_zeros: Any) -> TracedArray:
    """The coefficients of the polynomial with these roots."""
    roots = lift(seq_of_zeros)
    if roots.ndim == 2 and roots.extents[0] == roots.extents[1] != 0:
        raise trace_error(
            "np.poly of a matrix needs its eigenvalues, which can't be traced; use np.linalg.det(t * np.eye(n) - a) "
            "for the characteristic polynomial's value at t"
        )
    if roots.ndim > 1:
        raise ValueError(located("input must be 1d or non-empty square 2d array."))
    roots = roots if roots.ndim else reshape(roots, (1,))
    dtype = roots.dtype if roots.dtype.kind in "fc" else np.dtype(float)
    result = astype(lift(np.ones(1)), dtype)
    for root in roots:
        result = convolve(result, stack([np.ones((), dtype)[()], apply_ufunc(np.negative, [astype(root, dtype)])]))
    return result


def _refused(name: str, instead: str) -> None:
    def refuse(*args: Any, **kwargs: Any) -> TracedArray:
        raise trace_error(f"np.{name} can't be traced; {instead}")

    implements(getattr(np, name))(refuse)


_refused("roots", "the roots are eigenvalues: compute them outside the function, or refine one with Newton's steps")
_refused("polydiv", "how long its remainder is depends on values: compute it outside the function")
_refused(
    "polyfit",
    "write the least squares yourself: A = np.vander(x, deg + 1) and np.linalg.solve(A.T @ A, A.T @ y)",
)
