"""The report: a markdown table of ratios, all from one run."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measure import Row
from benchmarks.systems import ORDER


def duration(seconds: float) -> str:
    """Seconds in a unit that reads well."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def ratio(value: float) -> str:
    """How many times gradc's time, with two significant digits."""
    return f"{value:.2g}x" if value < 100 else f"{round(value, -1 if value < 1000 else -2):,.0f}x"


def table(rows: Sequence[Row], systems: Sequence[str]) -> str:
    """gradc's time, then every other system's as a multiple of it: above 1 gradc is faster."""
    columns = [system for system in ORDER if system in systems]
    lines = [
        "| | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    lines += [f"| {row.title} | " + " | ".join(_cell(row, system) for system in columns) + " |" for row in rows]
    return "\n".join(lines)


def _cell(row: Row, system: str) -> str:
    if system not in row.seconds:
        return "-"
    own = row.seconds.get("gradc")
    if system == "gradc" or own is None:
        return duration(row.seconds[system])
    return ratio(row.seconds[system] / own)


def remarks(rows: Sequence[Row], missing: Mapping[str, str]) -> list[str]:
    """Why cells are empty."""
    return [f"{system}: {why}" for system, why in missing.items()] + [
        f"{row.title}, {system}: {why}" for row in rows for system, why in row.notes.items()
    ]


def machine() -> str:
    """The processor and the interpreter, in a line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    cores = 1
    if cpuinfo.exists():
        fields = [line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line]
        models = [value.strip() for key, value in fields if key.strip() == "model name"]
        model, cores = (models[0], len(models)) if models else (model, cores)
    return f"{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}"
