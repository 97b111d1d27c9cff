"""Right derivations in other algebraic forms put before the checker: none may be refuted, most should be proved."""

from __future__ import annotations

import time
from collections import Counter

from derivations.true_forms import TRUE_FORMS

import gradc


def print_true_forms(lists_misses: bool = True) -> int:
    """Print how many are proved, agree and are refuted; the number that is refuted."""
    rows = TRUE_FORMS
    start = time.perf_counter()
    outcomes = [(row.name, *_outcome(row)) for row in rows]
    seconds = time.perf_counter() - start
    counts = Counter(status for _, status, _ in outcomes)
    print(f"\n## {len(rows)} right derivations and identities in other forms\n")
    for status in ("proved", "agrees", "refuted", "error"):
        print(f"{status}: {counts[status]} ({100 * counts[status] / len(rows):.1f} %)")
    print(f"\n{seconds:.1f} s\n")
    for name, status, text in outcomes if lists_misses else ():
        if status != "proved":
            print(f"- {name}: {status}: {text}")
    return counts["refuted"]


def _outcome(row: object) -> tuple[str, str]:
    try:
        verdict = row.check()  # type: ignore[attr-defined]
    except gradc.GradcError as problem:
        return "error", str(problem).split("\n")[0]
    return verdict.status, verdict.hint or verdict.reason
