"""``np.poly1d`` of traced coefficients in the functions of polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.errors import TraceError

V = np.array([1.0, -2.0, 3.0])


@pytest.mark.parametrize(
    "function",
    [
        lambda v: np.polyder(np.poly1d(v))(2.0),
        lambda v: np.polyder(np.poly1d(v), 2).coeffs,
        lambda v: np.polyint(np.poly1d(v), m=2)(2.0),
        lambda v: np.polymul(np.poly1d(v), v)(0.5),
        lambda v: np.polyadd(v[1:], np.poly1d(v))(0.5),
        lambda v: np.polysub(v, np.poly1d([1.0, 2.0]))(0.5),
        lambda v: np.polyval(np.poly1d(v), 0.5),
        lambda v: np.polyval(np.poly1d(v), np.poly1d(v)).coeffs,
        lambda v: np.polymul(v, v),
    ],
)
def test_functions_of_polynomials(function: Callable[..., Any]) -> None:
    np.testing.assert_allclose(gradc.jit(function)(V), function(V), rtol=1e-14)


def test_others_are_refused() -> None:
    with pytest.raises(TraceError, match="eigenvalues"):
        gradc.jit(lambda v: np.roots(np.poly1d(v)))(V)
