"""Views that depend on the order in memory: certain ones are what NumPy gives, uncertain ones are read or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradc.api import jit
from gradc.errors import TraceError

A = np.arange(12.0).reshape(3, 4) / 7 - 0.6


def written(view: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that writes through a view and gives both arrays."""

    def function(a: Any) -> Any:
        b = a.copy()
        v = view(b)
        v[0] = 5.0
        return b, v

    return function


@pytest.mark.parametrize(
    "view",
    [
        lambda b: b.reshape(-1),
        lambda b: b.ravel(),
        lambda b: b.T.reshape(-1),
        lambda b: b.T.ravel(),
        lambda b: b[:, 1:].reshape(-1),
        lambda b: b[1:].reshape(-1),
        lambda b: (b + 1).reshape(-1),
        lambda b: (b[:, ::-1] * 2).reshape(-1),
        lambda b: (b.T + 1)[None],
        lambda b: (b.T + 1).copy().reshape(-1),
        lambda b: np.ascontiguousarray(b),
        lambda b: np.ascontiguousarray(b.T),
        lambda b: np.asfortranarray(b),
        lambda b: b.T.copy().ravel(),
        lambda b: np.zeros_like(b).ravel(),
        lambda b: np.einsum("ij->ji", b),
        lambda b: np.einsum("ii->i", b[:, :3]),
        lambda b: np.einsum("ij,->ij", b, 1.0),
    ],
)
def test_certain_views_and_copies(view: Callable[[Any], Any]) -> None:
    for actual, expected in zip(jit(written(view))(A), written(view)(A), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-14)


UNCERTAIN = [
    lambda b: (b.T + 1).reshape(-1),
    lambda b: np.copy(b.T).ravel(),
    lambda b: np.array(b.T).reshape(2, 6),
    lambda b: np.zeros_like(b.T).ravel(),
    lambda b: b.copy(order="F").ravel(),
    lambda b: np.empty((3, 4), order="F").reshape(-1),
    lambda b: np.asfortranarray(b).reshape(-1),
]


@pytest.mark.parametrize("view", UNCERTAIN)
def test_uncertain_views_are_not_written_to(view: Callable[[Any], Any]) -> None:
    with pytest.raises(TraceError, match="copy"):
        jit(written(view))(A)
    with pytest.raises(TraceError, match="copy"):
        jit(written(lambda b: view(b)[1:]))(A)


def test_uncertain_views_are_read_as_long_as_it_is_all_one() -> None:
    np.testing.assert_allclose(jit(lambda a: (a.T + 1).reshape(-1)[1:] * 2)(A), (A.T + 1).reshape(-1)[1:] * 2)

    def read_late(a: Any) -> Any:
        b = a.T + 1
        flat = b.ravel()
        b[0] = 0.0
        return flat

    with pytest.raises(TraceError, match="copy"):
        jit(read_late)(A)
