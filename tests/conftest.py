"""What every test may rely on: a cache of compiled kernels of its own and a seeded generator."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
# every graph is checked between passes, and every kernel against the reference evaluator
os.environ.setdefault("GRADC_CHECK", "1")


@pytest.fixture(scope="session", autouse=True)
def private_cache() -> Iterator[None]:
    """Kernels cached by earlier runs must neither hide a fault nor be changed by the tests."""
    before = os.environ.get("GRADC_CACHE_DIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADC_CACHE_DIR"] = folder
        yield
        if before is None:
            del os.environ["GRADC_CACHE_DIR"]
        else:
            os.environ["GRADC_CACHE_DIR"] = before


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def plain_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that do not certify themselves: they get plans, and long loops are not interpreted beside them."""
    monkeypatch.delenv("GRADC_CHECK", raising=False)
