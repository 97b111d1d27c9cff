"""``python -m benchmarks [--quick] [--minimum] [--record] [--only gradc,jax] [--case waves,calls]``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time

import numpy as np

from benchmarks import elementary, machine, report
from benchmarks.measure import Effort, Row
from benchmarks.record import record
from benchmarks.systems import ORDER, available

#: The modules of ``benchmarks.cases``, in the order of the report.
CASES = (
    "calls",
    "first_gradient",
    "from_sympy",
    "waves",
    "threads",
    "projection",
    "bundle",
    "rosenbrock",
    "hessians",
    "mixture",
    "network",
    "products",
    "regression",
    "loops",
    "memory",
    "import_time",
)


def main(argv: list[str] | None = None) -> int:
    """Run the cases and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rounds, small arrays: does everything run?")
    parser.add_argument("--only", default="", help=f"systems, comma-separated, of {', '.join(ORDER)}")
    parser.add_argument("--case", default="", help=f"cases, comma-separated, of {', '.join(CASES)}")
    parser.add_argument("--record", action="store_true", help="write RESULTS.md, the targets in NOTES.md, the README")
    parser.add_argument(
        "--minimum", action="store_true", help="the best round counts, not the median: for a busy machine"
    )
    options = parser.parse_args(argv)
    wanted = frozenset(name for name in options.only.split(",") if name)
    cases = [name for name in options.case.split(",") if name] or list(CASES)
    if unknown := sorted(wanted - set(ORDER)) + sorted(set(cases) - set(CASES)):
        parser.error(f"unknown: {', '.join(unknown)}")

    if options.record and (options.case or options.only or options.quick):
        parser.error("--record is for everything")
    versions, missing = available(wanted)
    effort = Effort(summary=min) if options.minimum else Effort()
    if options.quick:
        effort = effort.quick()
    peaks = None if options.quick else machine.peaks()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADC_CACHE_DIR"] = folder  # what earlier runs compiled must not help this one
        for name in cases:
            print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
            start = time.perf_counter()
            rows += importlib.import_module(f"benchmarks.cases.{name}").run(versions, effort)
            print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    kind = "minima" if options.minimum else "medians"
    heading = f"{machine.name()}, NumPy {np.__version__}; {kind} of up to {effort.rounds} rounds, one thread.\n"
    heading += "; ".join(f"{name} {number}" for name, number in versions.items()) + "."
    if peaks:
        heading += f"\n{machine.described(peaks)}."
    summary, table, targets = report.summary(rows), report.table(rows, list(versions)), report.targets(rows, peaks)
    remarks = "\n".join(f"- {remark}" for remark in report.remarks(rows, missing))
    print(heading, table, targets, remarks, sep="\n\n")
    if options.record:
        record(heading, summary, table, targets, remarks, "\n".join(elementary.table()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
