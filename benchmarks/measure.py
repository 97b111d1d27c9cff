"""Timing several candidates fairly: checked first, then taken in turns over many rounds."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

#: A prepared candidate: called without arguments, it does the work once and gives the result.
Candidate = Callable[[], Any]


@dataclass
class Row:
    """One line of the report: seconds by system, and why a system has none."""

    title: str
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int = 15
    sample_seconds: float = 0.01
    largest: int = 10**7
    #: What stands for the rounds: the median, or on a machine with other work the minimum.
    summary: Callable[[Sequence[float]], float] = statistics.median

    def quick(self) -> Effort:
        """A few rounds over small arrays."""
        return replace(self, rounds=3, sample_seconds=0.002, largest=10**4)

    def one_call(self) -> Effort:
        """Each sample is a single call."""
        return replace(self, sample_seconds=0.0)


def prepared(
    title: str, builders: Mapping[str, Callable[[], Candidate]], expected: Any, tolerance: float
) -> tuple[Row, dict[str, Candidate]]:
    """Build each system's candidate and keep those whose result is right; the others leave a note."""
    row, candidates = Row(title), {}
    for system, build in builders.items():
        try:
            candidate = build()
            result = candidate()
        except Exception as error:  # a peer that can't do a case is a note, not the end of the run
            row.notes[system] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            continue
        if not _agrees(result, expected, tolerance):
            row.notes[system] = "wrong result"
            continue
        candidates[system] = candidate
    return row, candidates


def _agrees(result: Any, expected: Any, tolerance: float) -> bool:
    pairs = zip(result, expected, strict=True) if isinstance(expected, tuple) else [(result, expected)]
    return all(
        np.allclose(np.asarray(got, dtype=float).ravel(), np.ravel(want), rtol=tolerance, atol=tolerance)
        for got, want in pairs
    )


def interleaved(row: Row, candidates: Mapping[str, Candidate], effort: Effort) -> Row:
    """Seconds per call, all candidates measured in turns so that a busy moment hits them alike."""
    counts = {system: _calls_per_sample(candidate, effort) for system, candidate in candidates.items()}
    samples: dict[str, list[float]] = {system: [] for system in candidates}
    gc.collect()
    gc.disable()
    try:
        for _ in range(effort.rounds):
            for system, candidate in candidates.items():
                samples[system].append(_time(candidate, counts[system]) / counts[system])
    finally:
        gc.enable()
    row.seconds = {system: effort.summary(times) for system, times in samples.items()}
    return row


def _calls_per_sample(candidate: Candidate, effort: Effort) -> int:
    count = 1
    while (elapsed := _time(candidate, count)) < effort.sample_seconds:
        count = max(2 * count, int(count * effort.sample_seconds / max(elapsed, 1e-7)))
    return count


def _time(candidate: Candidate, count: int) -> float:
    repeat = range(count)
    start = time.perf_counter()
    for _ in repeat:
        candidate()
    return time.perf_counter() - start
