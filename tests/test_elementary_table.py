"""The program that prints times and errors of the elementary functions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gradc_runtime.engine import engine

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(not engine().host.has_fma, reason="the functions are the C library's without FMA")
def test_the_table_of_times_and_errors_is_printed() -> None:
    code = (
        "import sys; sys.path[:0] = ['compiler', 'runtime']\n"
        "from benchmarks.elementary import main\n"
        "main(['--points', '5', 'exp', 'atan2'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    head, _, *rows = done.stdout.splitlines()
    assert head.count("worst ULP") == 2
    assert [line.split(" | ")[0] for line in rows] == ["| exp", "| atan2"]
    for line in rows:
        cells = line.strip("| ").split(" | ")
        assert all(float(cells[column]) <= 1.5 for column in (4, 8))
