"""One kernel on two threads beside the same on one; the results must be bit-identical for 1, 2 and 3 threads."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cases.projection import observations, residual
from benchmarks.cases.waves import waves
from benchmarks.measure import Effort, Row, Target, interleaved, leaves
from benchmarks.problem import Problem
from benchmarks.systems import load


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """The waves from 100,000 elements on, and the rotation and projection Jacobian."""
    gradc = load("gradc") if "gradc" in systems else None
    if gradc is None or not hasattr(gradc, "set_num_threads") or (os.cpu_count() or 1) < 2:
        return []
    problems = [
        (f"waves: value and gradient, n = {length:,}", Problem(waves, (_points(length),), "value_and_grad"))
        for length in (10**5, 10**6, 10**7)
        if length <= 100 * effort.largest
    ]
    data = observations(10**5 if not effort.is_quick else 10**4)
    title = f"rotation + projection Jacobian, {len(data[0]):,} points"
    problems.append((title, Problem(residual, data, "jacobian", batched=True)))
    return [_row(f"{title}, two threads", problem, gradc, effort) for title, problem in problems]


def _points(length: int) -> np.ndarray:
    return np.random.default_rng(length).standard_normal(length)


def _row(title: str, problem: Problem, gradc: Any, effort: Effort) -> Row:
    row = Row(title, targets=(Target(1 / 1.9, "one thread"),), items=len(problem.arguments[0]))
    calls = {}
    results = []
    for name, count in (("one thread", 1), ("gradc", 2), ("three threads", 3)):
        call = problem.with_gradc_out()
        call.before = partial(gradc.set_num_threads, count)
        call.before()
        results.append([np.array(result) for result in leaves(call())])
        calls[name] = call
    del calls["three threads"]
    if all(np.array_equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True)):
        interleaved(row, calls, effort)
    else:
        row.notes["gradc"] = "other bits on other numbers of threads"
    gradc.set_num_threads(1)
    return row
