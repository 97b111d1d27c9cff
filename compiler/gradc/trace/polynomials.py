"""Polynomials: coefficients from the highest power down, as ``np.poly*`` have them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.trace.context import trace_error
from gradc.trace.creation import zeros
from gradc.trace.elementwise import apply_ufunc
from gradc.trace.registry import implements, implements_named
from gradc.trace.tracer import TracedArray, lift


def coefficients_of(p: Any) -> TracedArray:
    """Coefficients as a vector; a `poly1d` is its coefficients."""
    given = lift(p.coeffs if isinstance(p, np.poly1d) else p)
    return given if given.ndim else given.reshape((1,))


@implements(np.polyval)
def polyval(p: Any, x: Any) -> TracedArray:
    """A polynomial's value, by Horner's rule."""
    coefficients, point = lift(p), lift(x)
    if not coefficients.ndim:
        raise TypeError("iteration over a 0-d array")
    dtype = np.result_type(point.dtype, coefficients.dtype)
    result: Any = None
    for coefficient in coefficients:
        result = coefficient if result is None else result * point + coefficient
    if result is None:
        return zeros(point.shape, dtype)
    # NumPy starts from zeros of the point's shape
    return apply_ufunc(np.add, [result, zeros(point.shape, point.dtype)]) if result.extents != point.extents else result


@implements_named("numpy.polynomial.polynomial.polyval")
def polynomial_value(x: Any, c: Any, tensor: bool = True) -> TracedArray:
    """A polynomial, lowest power first, by Horner's rule."""
    coefficients = lift(c)
    if coefficients.ndim != 1:
        raise trace_error("polyval with several columns of coefficients can't be traced; call it for each column")
    return polyval(coefficients[::-1], x)
