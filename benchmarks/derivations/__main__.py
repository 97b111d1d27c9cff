"""``python -m benchmarks.derivations [--half development|held-out] [--slips] [--true] [--mutations] [--misses N]``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from derivations.slip_numbers import faults
from derivations.slip_rows import KINDS
from derivations.slips import DERIVATIONS

from benchmarks.derivations.mutations import outcomes_of_mutations
from benchmarks.derivations.slips import Outcome, examine

_HALVES = {"development": False, "held-out": True}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures of wrong and of right derivations, with the misses."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.derivations", description=__doc__)
    parser.add_argument("--half", choices=list(_HALVES), help="only the slips of these functions")
    parser.add_argument("--slips", action="store_true", help="only the wrong derivations")
    parser.add_argument("--true", action="store_true", help="only the right derivations")
    parser.add_argument("--mutations", action="store_true", help="slips made on the identities too (a few minutes)")
    parser.add_argument("--misses", choices=["development", "all", "none"], default="all", help="which misses to list")
    options = parser.parse_args(argv)
    wrong = [fault for row in DERIVATIONS for fault in faults(row)]
    print(*wrong, sep="\n")
    accepted = 0
    if options.slips or not options.true:
        outcomes = examine(
            [row for row in DERIVATIONS if options.half is None or row.is_held_out == _HALVES[options.half]]
        )
        accepted = sum(o.status in ("proved", "agrees") for o in outcomes)
        _print_slips("wrong derivations", outcomes, options.misses)
        if options.mutations:
            mutated = outcomes_of_mutations()
            accepted += sum(o.status in ("proved", "agrees") for o in mutated)
            _print_slips("identities with a slip made mechanically", mutated, options.misses)
    refuted = 0
    if options.true or not options.slips:
        from benchmarks.derivations.true_forms import print_true_forms

        refuted = print_true_forms(options.misses != "none")
    return 1 if wrong or accepted or refuted else 0


def _print_slips(title: str, outcomes: Sequence[Outcome], misses: str) -> None:
    functions = len({o.name for o in outcomes})
    print(f"## {len(outcomes)} {title}, of {functions} functions\n")
    print("| slip | development | held out |\n|---|--:|--:|")
    for kind in KINDS:
        cells = [_share([o for o in outcomes if o.kinds[0] == kind and o.is_held_out == h]) for h in (False, True)]
        print(f"| {kind} | {cells[0]} | {cells[1]} |")
    halves = [[o for o in outcomes if o.is_held_out == held] for held in (False, True)]
    print(f"| **right hint** | **{_share(halves[0])}** | **{_share(halves[1])}** |")
    refuted = [f"{sum(o.status == 'refuted' for o in half)}/{len(half)}" for half in halves]
    print(f"| refuted | {refuted[0]} | {refuted[1]} |")
    accepted = [sum(o.status in ("proved", "agrees") for o in half) for half in halves]
    print(f"| accepted | {accepted[0]} | {accepted[1]} |")
    seconds = sorted(o.seconds for o in outcomes)
    print(f"\n{sum(seconds):.1f} s; median {seconds[len(seconds) // 2]:.3f} s, slowest {seconds[-1]:.2f} s\n")
    listed = [o for o in outcomes if not o.is_right and (misses == "all" or not o.is_held_out)]
    for miss in listed if misses != "none" else ():
        said = miss.error or miss.hint or "(no hint)"
        print(f"- {miss.name}: `{miss.wrong}`; {' or '.join(miss.kinds)}; {miss.status}, {miss.kind}: {said}")


def _share(outcomes: Sequence[Outcome]) -> str:
    right = sum(outcome.is_right for outcome in outcomes)
    return f"{right}/{len(outcomes)} ({100 * right / len(outcomes):.0f} %)" if outcomes else ""


if __name__ == "__main__":
    raise SystemExit(main())
