"""Lets the tests of a room share helpers."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def plain_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that certify themselves get no plans."""
    monkeypatch.delenv("GRADC_CHECK", raising=False)
