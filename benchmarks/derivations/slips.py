"""Wrong derivations put before the checker: is each refuted, and is the hint the right one?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from derivations.slip_numbers import arguments, is_corrected, other_kinds
from derivations.slip_rows import Derivation, Slip

import gradc


@dataclass(frozen=True)
class Outcome:
    """What the checker said of one wrong derivation."""

    name: str
    is_held_out: bool
    kinds: tuple[str, ...]
    wrong: str
    status: str
    hint: str
    kind: str
    seconds: float
    is_right: bool
    error: str = ""


def examine(rows: Sequence[Derivation]) -> list[Outcome]:
    """The outcomes of all slips of the rows."""
    return [_outcome(row, slip) for row in rows for slip in row.slips]


def _outcome(row: Derivation, slip: Slip) -> Outcome:
    names = arguments(row)
    about = (row.name, row.is_held_out, slip.kinds, slip.wrong)
    start = time.perf_counter()
    try:
        specs = [gradc.array(row.shapes.get(name, ())) for name in names]
        verdict = gradc.verify(row.function, slip.wrong, *specs, argnums=names.index(row.wrt))
    except gradc.GradcError as problem:
        return Outcome(*about, "error", "", "", time.perf_counter() - start, False, str(problem).split("\n")[0])
    seconds = time.perf_counter() - start
    kinds = {*slip.kinds, *other_kinds(row, slip.wrong)}
    fits = verdict.hint_kind in kinds and is_corrected(row, slip.wrong, verdict.hint) is not False
    right = verdict.status == "refuted" and fits
    return Outcome(*about, verdict.status, verdict.hint, verdict.hint_kind, seconds, right)
