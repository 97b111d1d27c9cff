"""The peak of memory during one large call, beside inputs, outputs and the workspace that ``F.cost`` reports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection

from benchmarks.measure import Effort, Row

#: At most this many times inputs, outputs and workspace.
LIMIT = 1.2
KERNELS = ("waves", "projection", "mixture")


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """A row without times: what was found is its remark. Each kernel in a process of its own."""
    if "gradc" not in systems or not sys.platform.startswith("linux"):
        return []
    rows = []
    for kernel in KERNELS:
        command = [sys.executable, "-c", CODE, kernel, str(10 * effort.largest if effort.is_quick else effort.largest)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
        said = done.stdout.strip() if done.returncode == 0 else f"failed: {done.stderr.strip().splitlines()[-1]}"
        rows.append(Row(f"memory: {kernel}", notes={"gradc": said}))
    return rows


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


#: The kernel is compiled, then the peak of the resident memory is reset, then it is called once.
CODE = f"""
import re, sys
from pathlib import Path
from benchmarks.cases import mixture, projection, waves
from benchmarks.measure import leaves
from benchmarks.problem import Problem
import numpy as np

def resident(field):
    return int(re.search(field + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

kernel, length = sys.argv[1], int(sys.argv[2])
problem = {{
    "waves": lambda: Problem(waves.waves, (np.ones(length),), "value_and_grad"),
    "projection": lambda: Problem(projection.residual, projection.observations(length // 50), "jacobian", batched=True),
    "mixture": lambda: Problem(mixture.objective, mixture.data(64, 50, 1 + length // 10_000), "value_and_grad"),
}}[kernel]()
derived = problem.derived()
workspace = derived.cost(*problem.arguments).workspace_bytes
derived.asm(*problem.arguments)
inputs = sum(np.asarray(a).nbytes for a in leaves(problem.arguments))
before = resident("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
results = derived(*problem.arguments)
peak = inputs + resident("VmHWM") - before
outputs = sum(np.asarray(r).nbytes for r in leaves(results))
parts = {{"inputs": inputs, "outputs": outputs, "workspace": workspace}}
listed = ", ".join(f"{{name}} {{count / 1e6:.1f}} MB" for name, count in parts.items())
ratio = peak / sum(parts.values())
verdict = "met" if ratio <= {LIMIT} else "not met"
print(f"peak {{peak / 1e6:.1f}} MB; {{listed}}: {{ratio:.2f}}x, at most {LIMIT}x: {{verdict}}")
"""
