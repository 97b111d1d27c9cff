"""The derivations of random programs: every line of every step holds at random points, in both modes."""

from __future__ import annotations

import numpy as np
import pytest
from grammar import random_program

import gradc
from gradc.present import steps


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("seed", range(20))
def test_every_step_holds(seed: int, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = steps.derivation_of
    monkeypatch.setattr(steps, "derivation_of", lambda r, m, d: told(r, m, d, strict=True))
    program = random_program(seed)
    function = program.function()
    scalar = np.ndim(function(*program.point)) == 0
    formula = (gradc.grad if scalar else gradc.jacobian)(function).formula(*program.point)
    derivation = formula.steps(mode=mode)
    assert derivation.checked
    assert not any("their derivatives are multiplied" in step.words for step in derivation)
    assert str(derivation)
    assert derivation.latex()
