"""``python -m benchmarks [--quick] [--minimum] [--only gradc,jax] [--case elementwise]``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

import numpy as np

from benchmarks import report
from benchmarks.cases import elementwise, first_gradient, import_time, polynomial, regression
from benchmarks.measure import Effort, Row
from benchmarks.systems import ORDER, available

CASES = {
    "polynomial": polynomial.run,
    "elementwise": elementwise.run,
    "regression": regression.run,
    "first_gradient": first_gradient.run,
    "import_time": import_time.run,
}


def main(argv: list[str] | None = None) -> int:
    """Run the cases and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rounds, small arrays: does everything run?")
    parser.add_argument("--only", default="", help=f"systems, comma-separated, of {', '.join(ORDER)}")
    parser.add_argument("--case", default="", help=f"cases, comma-separated, of {', '.join(CASES)}")
    parser.add_argument(
        "--minimum", action="store_true", help="the best round counts, not the median: for a busy machine"
    )
    options = parser.parse_args(argv)
    wanted = frozenset(name for name in options.only.split(",") if name)
    cases = [name for name in options.case.split(",") if name] or list(CASES)
    if unknown := sorted(wanted - set(ORDER)) + sorted(set(cases) - set(CASES)):
        parser.error(f"unknown: {', '.join(unknown)}")

    versions, missing = available(wanted)
    effort = Effort(summary=min) if options.minimum else Effort()
    if options.quick:
        effort = effort.quick()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADC_CACHE_DIR"] = folder  # what earlier runs compiled must not help this one
        for name in cases:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += CASES[name](versions, effort)
    kind = "minima" if options.minimum else "medians"
    print(f"{report.machine()}, NumPy {np.__version__}; {kind} of {effort.rounds} rounds.")
    print("; ".join(f"{name} {number}" for name, number in versions.items()) + ".\n")
    print(report.table(rows, list(versions)))
    for remark in report.remarks(rows, missing):
        print(f"\n- {remark}", end="")
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
