"""The LaTeX of the identities, as a book prints it, is read back and proved."""

from __future__ import annotations

import re

import pytest

import gradc
from derivations.identities import IDENTITIES, Identity

#: Kronecker products and brackets over axes that no array tells are not read.
NOT_READ = re.compile(r"\\otimes|\\operatorname\{vec\}|\[i = ")


def _is_of_vectors(row: Identity) -> bool:
    """Whether the matrix of a derivative is that of the arguments as they are, not of matrices stacked to vectors."""
    return row.transform in ("value", "grad") or len(row.specs[0].shape) < 2


READ = [row for row in IDENTITIES if not NOT_READ.search(row.latex) and _is_of_vectors(row)]
SAMPLE = READ[::5]


def test_most_are_read() -> None:
    assert len(READ) >= 0.9 * len(IDENTITIES)


@pytest.mark.parametrize("row", SAMPLE, ids=[row.name for row in SAMPLE])
def test_read_back(row: Identity) -> None:
    if row.transform == "value":
        verdict = gradc.equal(row.f, row.latex, *row.specs)
    else:
        verdict = gradc.verify(row.f, row.latex, *row.specs, order=2 if row.transform == "hessian" else 1)
    assert verdict, str(verdict)
