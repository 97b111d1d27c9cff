"""What ``import`` adds to NumPy's own import, each in a new interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection

from benchmarks.measure import Effort, Row
from benchmarks.systems import PEERS

CODE = """
import time, numpy
start = time.perf_counter()
import {name}
print(time.perf_counter() - start)
"""


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """One row; systems in turns."""
    names = [name for name in ("gradc", *PEERS) if name in systems]
    # As installed: with compiled bytecode.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    samples: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(min(effort.rounds, 7) + 1):
        for name in names:
            done = subprocess.run(
                [sys.executable, "-c", CODE.format(name=name)],
                capture_output=True,
                text=True,
                check=True,
                env=environment,
            )
            samples[name].append(float(done.stdout))
    # The first round fills the file cache.
    return [Row("import, on top of NumPy's", {name: effort.summary(times[1:]) for name, times in samples.items()})]
