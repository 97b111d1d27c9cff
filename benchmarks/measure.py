"""Timing several candidates fairly: checked first, then taken in turns over many rounds."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np


class Call:
    """A prepared candidate: ``function(*arguments, **keywords)`` does the work once and gives the result.

    The timed loop makes this very call, without a Python function around it: for calls of tens of nanoseconds.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
        self.function, self.arguments, self.keywords = function, arguments, keywords
        self._shown: Callable[[Any], Any] | None = None
        #: done before each sample, untimed
        self.before: Callable[[], Any] | None = None

    def shown(self, shape: Callable[[Any], Any]) -> Call:
        """Have the result brought into the reference's layout where it is checked; this is not timed."""
        self._shown = shape
        return self

    def checked(self) -> Any:
        """The result as it is checked."""
        result = self()
        return self._shown(result) if self._shown else result

    def __call__(self) -> Any:
        return self.function(*self.arguments, **self.keywords)

    def seconds(self, count: int) -> float:
        """How long ``count`` calls take."""
        if self.before:
            self.before()
        loop = _loop(len(self.arguments), tuple(self.keywords))
        repeat = range(count)
        start = time.perf_counter()
        loop(repeat, self.function, *self.arguments, *self.keywords.values())
        return time.perf_counter() - start


#: Seconds of a call that nothing is added to.
LONG_CALL = 0.1

#: What a builder gives: a `Call`, or a function without arguments.
Candidate = Call | Callable[[], Any]
Builder = Callable[[], Candidate]


@cache
def _loop(arguments: int, keywords: tuple[str, ...]) -> Callable[..., None]:
    names = [f"a{k}" for k in range(arguments)]
    passed = ", ".join([*names, *(f"{name}={name}" for name in keywords)])
    scope: dict[str, Any] = {}
    exec(f"def loop({', '.join(['repeat', 'f', *names, *keywords])}):\n  for _ in repeat: f({passed})", scope)
    return scope["loop"]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Target:
    """At most ``limit`` times the time of ``reference``; without a reference, at most ``limit`` seconds."""

    limit: float
    reference: str = ""


@dataclass
class Row:
    """One line of the report: seconds by system, and why a system has none."""

    title: str
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    #: what the time is divided by in the report: 10,000 elements
    items: int = 1
    #: the least that must be done: bytes from and to memory, floating-point operations
    bytes: float = 0.0
    flops: float = 0.0
    #: whether the README shows it
    headline: bool = False


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int = 40
    sample_seconds: float = 0.002
    #: a slow candidate takes part in fewer rounds: after this long it has been measured enough
    candidate_seconds: float = 0.6
    largest: int = 10**7
    #: What stands for the rounds: the median, or on a machine with other work the minimum.
    summary: Callable[[Sequence[float]], float] = statistics.median

    def quick(self) -> Effort:
        """A few rounds over small arrays."""
        return replace(self, rounds=2, sample_seconds=0.001, candidate_seconds=0.05, largest=10**3)

    def one_call(self) -> Effort:
        """Each sample is a single call."""
        return replace(self, sample_seconds=0.0)

    @property
    def is_quick(self) -> bool:
        """Whether only small problems are wanted."""
        return self.largest < 10**4


def prepared(
    row: Row, builders: Mapping[str, Builder], systems: Collection[str], expected: Any, tolerance: float
) -> dict[str, Call]:
    """Build each wanted system's candidate and keep those whose result is right; the others leave a note in the row."""
    candidates: dict[str, Call] = {}
    for system, build in builders.items():
        if system not in systems:
            continue
        try:
            built = build()
            candidate = built if isinstance(built, Call) else Call(built)
            agrees = _agrees(candidate.checked(), expected, tolerance)
        except Exception as error:  # a peer that can't do a case is a note, not the end of the run
            first, *_ = [*str(error).splitlines(), ""]
            row.notes[system] = f"{type(error).__name__}: {first:.120}"
            continue
        if not agrees:
            row.notes[system] = "wrong result"
            continue
        candidates[system] = candidate
    return candidates


def leaves(value: Any) -> Iterator[Any]:
    """The arrays and numbers in nested tuples and lists, in order."""
    if isinstance(value, tuple | list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def _agrees(result: Any, expected: Any, tolerance: float) -> bool:
    return all(
        np.allclose(np.asarray(got, dtype=float).ravel(), np.ravel(want), rtol=tolerance, atol=tolerance)
        for got, want in zip(leaves(result), leaves(expected), strict=True)
    )


def interleaved(row: Row, candidates: Mapping[str, Call], effort: Effort) -> Row:
    """Seconds per call, all candidates measured in turns so that a busy moment hits them alike."""
    plans = {system: _sample(candidate, effort) for system, candidate in candidates.items()}
    samples: dict[str, list[float]] = {system: [] for system in candidates}
    spent = dict.fromkeys(candidates, 0.0)
    gc.collect()
    gc.disable()
    try:
        for turn in range(effort.rounds):
            for system, candidate in candidates.items():
                if turn and spent[system] > effort.candidate_seconds:
                    continue
                plan = plans[system]
                if plan.warmed:
                    candidate.seconds(1)
                elapsed = candidate.seconds(plan.calls)
                spent[system] += elapsed
                samples[system].append(elapsed / plan.calls)
    finally:
        gc.enable()
    row.seconds |= {system: effort.summary(times) for system, times in samples.items()}
    return row


def measured(
    row: Row,
    builders: Mapping[str, Builder],
    systems: Collection[str],
    expected: Any,
    effort: Effort,
    tolerance: float = 1e-9,
) -> Row:
    """Check the candidates, then time them in turns."""
    return interleaved(row, prepared(row, builders, systems, expected, tolerance), effort)


class _Sample(NamedTuple):
    calls: int
    #: whether an untimed call goes before: caches and the allocator's pages are as the system before left them
    warmed: bool


def _sample(candidate: Call, effort: Effort) -> _Sample:
    if not effort.sample_seconds:
        return _Sample(1, False)
    # early calls may still prepare something
    if min(candidate.seconds(1) for _ in range(2)) > LONG_CALL:
        return _Sample(1, False)
    candidate.seconds(1)
    count = 1
    # the shorter of two: one may have been interrupted
    while (elapsed := min(candidate.seconds(count), candidate.seconds(count))) < effort.sample_seconds:
        count = max(2 * count, int(count * effort.sample_seconds / max(elapsed, 1e-7)))
    return _Sample(count, True)
