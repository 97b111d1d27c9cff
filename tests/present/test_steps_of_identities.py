"""Identities of matrix calculus, derived step by step: every line of every derivation holds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gradc.present import steps

sys.path.insert(0, str(Path(__file__).parents[1]))
from derivations.identities import IDENTITIES


@pytest.mark.parametrize("row", IDENTITIES[::6], ids=lambda row: row.name)
def test_every_step_holds(row, monkeypatch: pytest.MonkeyPatch) -> None:
    told = steps.derivation_of
    monkeypatch.setattr(steps, "derivation_of", lambda r, m, d: told(r, m, d, strict=True))
    derivation = row.derived().formula(*row.specs).steps()
    assert derivation.checked
    assert not any("their derivatives are multiplied" in step.words for step in derivation)
