"""Views that depend on the order in memory: certain ones are what NumPy gives, uncertain ones are read or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradc.api import grad, jit
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


def _through_a_reshape(x: Any) -> Any:
    y = x.reshape(-1)
    y[1] = 100.0
    return np.sum(x * np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("transform", [jit, grad], ids=["jit", "grad"])
def test_an_argument_that_lies_by_columns_is_not_taken_to_lie_by_rows(transform: Callable[..., Any]) -> None:
    """Under NumPy the reshape is a view of one and a copy of the other; a call with either comes first."""
    by_rows = np.arange(6.0).reshape(2, 3)
    by_columns = np.asfortranarray(by_rows)
    assert _through_a_reshape(by_rows.copy()) != _through_a_reshape(by_columns.copy(order="F"))
    function = transform(_through_a_reshape)
    for _ in range(3):
        function(by_rows.copy())
        with pytest.raises(TraceError, match=r"a view or a copy depends on .* x\.copy\(\)"):
            function(by_columns.copy(order="F"))


def test_reading_a_reshape_of_an_argument_works_in_any_order() -> None:
    rows = np.arange(12.0).reshape(3, 4)
    function = jit(lambda x: (x.reshape(-1)[::5], np.ravel(x * 2)))
    for x in (rows, np.asfortranarray(rows), rows[:, ::2], rows.T, rows[::-1]):
        for actual, expected in zip(function(x), (x.reshape(-1)[::5], np.ravel(x * 2)), strict=True):
            np.testing.assert_array_equal(actual, expected)
