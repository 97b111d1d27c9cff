"""The benchmark runner: fair, right before it is fast, and honest about what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def in_project(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_quick_run_prints_a_table_of_ratios():
    out = in_project(
        "-c",
        "import sys; sys.path[:0] = ['compiler', 'runtime']\n"
        "from benchmarks.__main__ import main\n"
        "main(['--quick', '--only', 'gradc,C', '--case', 'rosenbrock,regression'])",
    )
    rows = [line for line in out.splitlines() if line.startswith("| ")]
    assert rows[0].startswith("| | gradc |")
    assert sum(line.startswith("| Rosenbrock") for line in rows) >= 5
    assert any(line.startswith("| linear regression") for line in rows)
    assert "wrong result" not in out
    assert "Error" not in out


def test_a_wrong_candidate_is_not_timed():
    code = (
        "from benchmarks.measure import Effort, interleaved, prepared\n"
        "builders = {'right': lambda: lambda: 93.0, 'wrong': lambda: lambda: 92.0, 'broken': lambda: 1 / 0}\n"
        "row, candidates = prepared('case', builders, 93.0, 1e-12)\n"
        "row = interleaved(row, candidates, Effort().quick())\n"
        "print(sorted(row.seconds), row.notes['wrong'], '|', row.notes['broken'])\n"
    )
    assert in_project("-c", code).strip() == "['right'] wrong result | ZeroDivisionError: division by zero"


def test_ratios_read_well():
    code = (
        "from benchmarks.report import duration, ratio\n"
        "print(duration(93e-9), duration(0.0123), ratio(0.4567), ratio(1234.0))"
    )
    assert in_project("-c", code).split() == ["93", "ns", "12.3", "ms", "0.46x", "1,200x"]
