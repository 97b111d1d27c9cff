"""Every identity in the form of the books, and true in numbers: the derivative, and the formula as it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from derivations.identities import IDENTITIES, SIZES, Identity
from derivations.written_value import Written
from gradc.present import Formula

EACH = pytest.mark.parametrize("identity", IDENTITIES, ids=lambda row: f"{row.group}: {row.name}")


@EACH
def test_numbers(identity: Identity, rng: np.random.Generator) -> None:
    derived = identity.derived()
    for sizes in SIZES:
        point = identity.point(rng, sizes)
        np.testing.assert_allclose(derived(*point), identity.hand(*point), rtol=1e-9, atol=1e-11)


@EACH
def test_print(identity: Identity) -> None:
    assert identity.derived().formula(*identity.specs).latex(notation="matrix") == identity.latex


@pytest.mark.parametrize("identity", [r for r in IDENTITIES if r.entries], ids=lambda row: row.name)
def test_entries(identity: Identity) -> None:
    assert identity.derived().formula(*identity.specs).latex() == identity.entries


@EACH
def test_what_is_printed(identity: Identity, rng: np.random.Generator) -> None:
    formula = identity.derived().formula(*identity.specs)
    names = identity.f.__code__.co_varnames[: identity.f.__code__.co_argcount]
    for sizes in SIZES:
        point = identity.point(rng, sizes)
        expected = np.asarray(identity.hand(*point))
        symbols = dict(zip(names, point, strict=True)) | sizes
        shown = written(formula, symbols, expected.shape)
        np.testing.assert_allclose(shown, expected, rtol=1e-8, atol=1e-10)


def written(formula: Formula, symbols: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """The value of the printed formula, entry by entry where it has indices."""
    (line,) = formula._page("matrix").lines
    size = shape[0] if shape else 1
    if line.vectorised:  # columns stacked
        sizes = (shape[0] * shape[1], shape[2] * shape[3])
        value = np.broadcast_to(Written(symbols, sizes[0]).value(line.value), sizes)
        return value.reshape(shape, order="F")
    if not line.indices:
        value = np.asarray(Written(symbols, size).value(line.value))
        column = value[:, 0] if len(shape) == 1 and value.ndim == 2 else value
        return np.broadcast_to(column, shape)
    result = np.empty(shape)
    for position in np.ndindex(*shape):
        letters = {letter.plain: k for letter, k in zip(line.indices, position, strict=True)}
        result[position] = Written(symbols | letters, size).value(line.value)
    return result


def test_there_are_many() -> None:
    assert len({row.latex for row in IDENTITIES}) > 120
    assert len({(row.group, row.name) for row in IDENTITIES}) == len(IDENTITIES)
