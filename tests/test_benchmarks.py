"""The benchmark runner: fair, right before it is fast, and honest about what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
    assert rows[0].startswith("|  | gradc | C |")
    assert sum(line.startswith("| Rosenbrock") for line in rows) >= 5
    assert any(line.startswith("| linear regression") for line in rows)
    assert "wrong result" not in out
    assert "Error" not in out


@pytest.mark.slow
def test_every_case_runs_and_agrees_with_what_is_written_by_hand():
    out = in_project(
        "-c",
        "import sys; sys.path[:0] = ['compiler', 'runtime']\n"
        "from benchmarks.__main__ import main\n"
        "main(['--quick', '--only', 'gradc,C,NumPy'])",
    )
    assert "wrong result" not in out
    assert "Error" not in out
    assert "failed" not in out
    for case in (
        "call",
        "first gradient",
        "waves",
        "rotation",
        "bundle",
        "Rosenbrock",
        "Hessian",
        "Gaussian",
        "network",
        "RK4",
        "recursive filter",
    ):
        assert f"| {case}" in out


def test_a_wrong_candidate_is_not_timed():
    code = (
        "from benchmarks.measure import Effort, Row, interleaved, prepared\n"
        "builders = {'right': lambda: lambda: 93.0, 'wrong': lambda: lambda: 92.0, 'broken': lambda: 1 / 0}\n"
        "row = Row('case')\n"
        "interleaved(row, prepared(row, builders, list(builders), 93.0, 1e-12), Effort().quick())\n"
        "print(sorted(row.seconds), row.notes['wrong'], '|', row.notes['broken'])\n"
    )
    assert in_project("-c", code).strip() == "['right'] wrong result | ZeroDivisionError: division by zero"


def test_ratios_read_well():
    code = (
        "from benchmarks.report import duration, ratio\n"
        "print(duration(93e-9), duration(0.0123), ratio(0.4567), ratio(1234.0))"
    )
    assert in_project("-c", code).split() == ["93", "ns", "12.3", "ms", "0.46x", "1,200x"]


def test_targets_are_judged_by_the_reference():
    code = (
        "from benchmarks.machine import Peaks\n"
        "from benchmarks.measure import Row, Target\n"
        "from benchmarks.report import targets\n"
        "row = Row('case', {'gradc': 2e-6, 'C': 1e-6}, targets=(Target(1.5, 'C'), Target(3e-6)), bytes=500, flops=100)\n"
        "print(targets([row], Peaks(1e9, {1000: 1e9})))"
    )
    assert in_project("-c", code).splitlines()[2:] == [
        "| case | 2 us | 500 ns | C: 1 us | 2x | 1.5x | no |",
        "| case | 2 us | 500 ns |  | 2 us | 3 us | yes |",
    ]


def test_a_record_replaces_what_stands_between_the_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- run -->\nold\n<!-- end of run -->\nafter\n")
    code = "import sys; from pathlib import Path; from benchmarks.record import between_marks\n"
    in_project("-c", code + f"between_marks(Path({str(page)!r}), 'run', 'new')")
    assert page.read_text() == "before\n<!-- run -->\nnew\n<!-- end of run -->\nafter\n"


def test_the_same_source_runs_on_another_numpy():
    code = (
        "from types import SimpleNamespace\n"
        "from benchmarks.cases.waves import waves\n"
        "from benchmarks.namespaces import rebound\n"
        "words = SimpleNamespace(sin=lambda x: 2, exp=lambda x: 3, log1p=lambda x: 4, sum=lambda x: x)\n"
        "print(rebound(waves, words)(1.0))"
    )
    assert in_project("-c", code).strip() == "10"


def test_only_a_full_run_is_recorded():
    code = "from benchmarks.__main__ import main; main(['--record', '--case', 'waves'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--record is for everything" in done.stderr
