"""The machine: its name, what it can do at most, and so the least time that a piece of work may take."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks import native
from benchmarks.measure import Row


def name() -> str:
    """The processor and the interpreter, in a line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    cores = 1
    if cpuinfo.exists():
        fields = [line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line]
        models = [value.strip() for key, value in fields if key.strip() == "model name"]
        model, cores = (models[0], len(models)) if models else (model, cores)
    return f"{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}"


@dataclass(frozen=True)
class Peaks:
    """Operations and bytes a second on one core; bytes by the size of the cache or memory that they are in."""

    flops: float
    bytes: dict[int, float]

    def floor(self, row: Row) -> float:
        """The seconds below which the row's work cannot go: 0 where the work is not known."""
        reached = [size for size in self.bytes if row.bytes <= size] or [max(self.bytes)]
        return max(row.flops / self.flops, row.bytes / self.bytes[min(reached)])


#: Levels of memory, and their bytes where the machine doesn't tell.
LEVELS = {"L1": 1 << 15, "L2": 1 << 18, "L3": 1 << 23, "memory": 1 << 29}


def _size(level: str) -> int:
    """The bytes of a cache, or of more than all caches."""
    for cache_folder in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        told = [(cache_folder / name).read_text().strip() for name in ("level", "type", "size")]
        if f"L{told[0]}" == level and told[1] != "Instruction" and told[2].endswith("K"):
            return int(told[2][:-1]) << 10
    return LEVELS[level]


@cache
def peaks() -> Peaks | None:
    """Measured now; None without a C compiler."""
    if native.compiler() is None:
        return None
    peak = native.extension("peaks")
    bandwidths = {}
    for size in map(_size, LEVELS):
        x, out = np.ones(size // 32), np.ones(size // 32)  # half of the cache is filled
        turns = max(1, (1 << 26) // size)
        bandwidths[size] = _best(lambda x=x, out=out, turns=turns: peak.scale(x, out, turns))  # type: ignore[misc]
    return Peaks(_best(lambda: peak.multiply_add(1 << 20)), bandwidths)


def _best(work: Callable[[], float], rounds: int = 7) -> float:
    rates = []
    for _ in range(rounds):
        start = time.perf_counter()
        done = work()
        rates.append(done / (time.perf_counter() - start))
    return max(rates)


def described(peaks: Peaks) -> str:
    """The peaks in a line."""
    rates = ", ".join(
        f"{level} {rate / 1e9:.0f} GB/s" for level, rate in zip(LEVELS, peaks.bytes.values(), strict=True)
    )
    return f"One core: {peaks.flops / 1e9:.0f} Gflop/s of multiply-adds; read and written together: {rates}"
