"""The derivations with slips: right by hand and wrong as they should be, refuted and called by their kind."""

from __future__ import annotations

import pytest

from derivations.slip_numbers import arguments, faults, is_corrected, other_kinds
from derivations.slip_rows import KINDS, Derivation, Slip
from derivations.slips import DERIVATIONS
from gradc import array, verify
from gradc.verify.verdict import Verdict

SLIPS = [(row, slip) for row in DERIVATIONS for slip in row.slips]
SAMPLE = [(row, slip) for row, slip in SLIPS if not row.is_held_out][::11]


def said_of(row: Derivation, slip: Slip) -> Verdict:
    names = arguments(row)
    specs = [array(row.shapes.get(name, ())) for name in names]
    return verify(row.function, slip.wrong, *specs, argnums=names.index(row.wrt))


# ---------------------------------------------------------------- the data


def test_there_are_enough_slips_on_both_sides():
    assert len(SLIPS) >= 300
    assert len({row.name for row in DERIVATIONS}) == len(DERIVATIONS) >= 80
    assert 0.4 < sum(row.is_held_out for row in DERIVATIONS) / len(DERIVATIONS) < 0.6
    assert {kind for _, slip in SLIPS for kind in slip.kinds} <= set(KINDS)


@pytest.mark.parametrize("row", DERIVATIONS, ids=lambda row: row.name)
def test_the_hand_derivation_is_right_and_the_slips_are_wrong(row):
    assert faults(row) == []


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize(("row", "slip"), SAMPLE, ids=[f"{row.name}: {slip.wrong}" for row, slip in SAMPLE])
def test_a_slip_is_refuted_and_called_by_its_kind(row, slip):
    verdict = said_of(row, slip)
    assert verdict.status == "refuted"
    assert verdict.hint_kind in {*slip.kinds, *other_kinds(row, slip.wrong)}
    assert is_corrected(row, slip.wrong, verdict.hint) is not False
