"""Every identity in the form of the books, and true in numbers."""

from __future__ import annotations

import numpy as np
import pytest

from derivations.identities import IDENTITIES, SIZES, Identity


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda row: f"{row.group}: {row.name}")
def test_numbers(identity: Identity, rng: np.random.Generator) -> None:
    derived = identity.derived()
    for sizes in SIZES:
        point = identity.point(rng, sizes)
        np.testing.assert_allclose(derived(*point), identity.hand(*point), rtol=1e-9, atol=1e-11)
