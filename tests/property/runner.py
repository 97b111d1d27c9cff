"""One random program, every way: NumPy, evaluator and kernel; forward and reverse; first and second order.

Derivatives are compared with complex steps of the evaluator along random directions, and those with eighth-order
central differences of NumPy itself wherever the differences are reliable. Run alone, it tries many seeds::

    python tests/property/runner.py --count 2000 --start 0
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    root = Path(__file__).parents[2]
    sys.path[:0] = [str(root / "compiler"), str(root / "runtime")]
    os.environ.setdefault("GRADC_CHECK", "1")  # as under pytest: graphs are checked, kernels certified

from grammar import random_program
from random_programs import Program, shrink

import gradc
from gradc.evaluate import COMPLEX, evaluate
from gradc.ir.check import check
from gradc.ir.parse import parse_graph
from gradc.trace import trace

_STEP = 1e-30
_CENTRAL = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
_EXACT, _DIFFERENCES = 1e-9, 1e-6


@dataclass(frozen=True)
class Failure(Exception):
    """What went wrong with a program."""

    kind: str
    detail: str


def _agree(kind: str, found: Any, expected: Any, tolerance: float = _EXACT) -> None:
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if found.shape != expected.shape:
        raise Failure(kind, f"shape {found.shape} instead of {expected.shape}")
    scale = 1.0 + np.max(np.abs(expected), initial=0.0)
    wrong = ~(np.abs(found - expected) <= tolerance * scale)
    if wrong.any():
        raise Failure(kind, f"\n{found}\ninstead of\n{expected}")


def central_difference(function: Callable[[float], Any], step: float) -> np.ndarray:
    """The derivative at 0, to eighth order."""
    return sum(  # type: ignore[return-value]
        weight / step * (np.asarray(function(k * step)) - np.asarray(function(-k * step)))
        for k, weight in _CENTRAL.items()
    )


def reliable_difference(function: Callable[[float], Any]) -> np.ndarray | None:
    """The derivative at 0, or None where two steps disagree: a kink is near."""
    coarse, fine = central_difference(function, 4e-3), central_difference(function, 2e-3)
    scale = 1.0 + np.max(np.abs(fine), initial=0.0)
    return fine if np.all(np.abs(coarse - fine) <= 0.1 * _DIFFERENCES * scale) else None


class Trial:
    """The checks of one program, each of which raises a `Failure`."""

    def __init__(self, function: Callable[..., Any], point: list[Any]) -> None:
        self.function = function
        self.point = point
        self.rng = np.random.default_rng(1)
        self.expected = np.asarray(self.function(*self.point))
        self.weights = np.round(self.rng.normal(size=self.expected.shape), 2)
        self.directions = [self._direction(value) for value in self.point]
        self.argument = int(self.rng.integers(len(self.point)))
        self.graph = check(trace(self.function, tuple(self.point)).graph)
        self.captured = [np.asarray(c.read(self.function)) for c in trace(self.function, tuple(self.point)).captures]

    def _direction(self, value: Any) -> Any:
        drawn = np.round(self.rng.normal(size=np.shape(value)), 2)
        return drawn if np.ndim(value) else float(drawn)

    def loss(self, *args: Any) -> Any:
        """A scalar, so that there is a gradient."""
        weights, function = self.weights, self.function
        return np.sum(function(*args) * weights)

    def moved(self, step: float, directions: list[Any] | None = None) -> list[Any]:
        """The point, moved along the directions."""
        return [v + step * d for v, d in zip(self.point, directions or self.directions, strict=True)]

    def complex_step(self, point: list[Any], directions: list[Any]) -> np.ndarray:
        """The directional derivative of the traced program."""
        values = [np.asarray(v) + 1j * _STEP * np.asarray(d) for v, d in zip(point, directions, strict=True)]
        (result,) = evaluate(self.graph, [*values, *self.captured], COMPLEX)
        return result.imag / _STEP

    def values(self) -> None:
        """NumPy, evaluator and kernel."""
        (found,) = evaluate(self.graph, [*self.point, *self.captured])
        _agree("evaluator", found, self.expected)
        before = [np.copy(v) for v in self.point]
        _agree("kernel", gradc.jit(self.function)(*self.point), self.expected)
        _agree(
            "inputs untouched",
            np.hstack([np.ravel(v) for v in self.point]),
            np.hstack([np.ravel(v) for v in before]),
            0,
        )

    def text(self) -> None:
        """The traced and the differentiated graph read back from their text."""
        slope = trace(gradc.grad(self.total, argnums=self.argument), tuple(self.point)).graph
        for graph in (self.graph, slope):
            again = parse_graph(str(graph))
            if any(a is not b for a, b in zip(again.outputs, graph.outputs, strict=True)):
                raise Failure("text", f"\n{graph}\nis read as\n{again}")

    def single_precision(self) -> None:
        """float32 stays float32 exactly where NumPy keeps it."""
        narrow = [np.asarray(v, np.float32) if np.ndim(v) else v for v in self.point]
        expected = np.asarray(self.function(*narrow))
        found = np.asarray(gradc.jit(self.function)(*narrow))
        if found.dtype != expected.dtype:
            raise Failure("single precision", f"{found.dtype} instead of {expected.dtype}")
        _agree("single precision", found, expected, 1e-3)

    def batched(self) -> None:
        """A batch axis in front, against one call after the other."""
        batch = [self.moved(step) for step in (0.0, 0.01, -0.007)]
        stacked = [np.stack([np.asarray(entry[k]) for entry in batch]) for k in range(len(self.point))]
        expected = np.stack([np.asarray(self.function(*entry)) for entry in batch])
        _agree("vmap", gradc.vmap(self.function)(*stacked), expected)
        k = self.argument
        single = gradc.grad(self.loss, argnums=k)
        one_by_one = np.stack([np.asarray(single(*entry)) for entry in batch])
        _agree("vmap of grad", gradc.vmap(gradc.grad(self.loss, argnums=k))(*stacked), one_by_one)

    def resized(self, others: list[list[Any]]) -> None:
        """Other extents: the same function object, which may by now be compiled for any size."""
        value, total = gradc.jit(self.function), self.total
        slope = gradc.grad(total, argnums=self.argument)
        slope(*self.point)
        for point in others:
            _agree("other extents", value(*point), self.function(*point))
            k = self.argument
            direction = [np.cos(np.arange(np.size(v))).reshape(np.shape(v)) * (p == k) for p, v in enumerate(point)]
            traced = trace(self.function, tuple(point))
            captured = [np.asarray(c.read(self.function)) for c in traced.captures]
            moved = [np.asarray(v) + 1j * _STEP * d for v, d in zip(point, direction, strict=True)]
            (result,) = evaluate(traced.graph, [*moved, *captured], COMPLEX)
            _agree("gradient of other extents", np.sum(slope(*point) * direction[k]), np.sum(result.imag) / _STEP)

    def total(self, *args: Any) -> Any:
        """A scalar for results of any shape."""
        function = self.function
        return np.sum(function(*args))

    def first_order(self) -> None:
        """Complex step against differences, forward mode, reverse mode and both Jacobians."""
        self.derivative = self.complex_step(self.point, self.directions)
        differences = reliable_difference(lambda t: self.function(*self.moved(t)))
        if differences is not None:
            _agree("complex step", self.derivative, differences, _DIFFERENCES)
        _, tangent = gradc.jvp(self.function, tuple(self.point), tuple(self.directions))
        _agree("jvp", tangent, self.derivative)
        everything = tuple(range(len(self.point)))
        gradients = gradc.grad(self.loss, argnums=everything)(*self.point)
        along = sum(np.sum(g * np.asarray(d)) for g, d in zip(gradients, self.directions, strict=True))
        _agree("grad", along, np.sum(self.derivative * self.weights))
        self._jacobians(gradients[self.argument])

    def _jacobians(self, gradient: Any) -> None:
        k = self.argument
        forward = np.asarray(gradc.jacfwd(self.function, argnums=k)(*self.point))
        reverse = np.asarray(gradc.jacrev(self.function, argnums=k)(*self.point))
        _agree("jacfwd against jacrev", forward, reverse)
        _agree("jacrev against grad", np.tensordot(self.weights, reverse, self.weights.ndim), gradient)

    def second_order(self) -> None:
        """The Hessian of the loss against differences of complex steps."""
        k = self.argument
        first, second = self._along(k), self._along(k)

        def slope(step: float) -> np.ndarray:
            return np.sum(self.complex_step(self.moved(step, first), second) * self.weights)

        found = np.asarray(gradc.hessian(self.loss, argnums=k)(*self.point))
        _agree("hessian symmetric", found, self._transposed(found, k))
        rank = np.ndim(self.point[k])
        along = np.tensordot(np.tensordot(np.asarray(first[k]), found, rank), np.asarray(second[k]), rank)
        wanted = reliable_difference(slope)
        if wanted is not None:
            _agree("hessian", along, wanted, _DIFFERENCES)
        mixed = gradc.jacrev(gradc.grad(self.loss, argnums=k), argnums=k)(*self.point)
        _agree("reverse over reverse", mixed, found)

    def _along(self, argument: int) -> list[Any]:
        fresh = [self._direction(v) for v in self.point]
        return [d if k == argument else 0.0 * np.asarray(d) for k, d in enumerate(fresh)]

    def _transposed(self, hessian: np.ndarray, argument: int) -> np.ndarray:
        rank = np.ndim(self.point[argument])
        return hessian.transpose([*range(rank, 2 * rank), *range(rank)])


def failure_of(program: Program) -> Failure | None:
    """What goes wrong with the program, if anything does."""
    others = [other.point for other in program.resized() if other.safe()]
    return failure_in(program.function(), program.point, others)


def failure_in(function: Callable[..., Any], point: list[Any], others: list[list[Any]] | None = None) -> Failure | None:
    """What goes wrong with the function at the point, if anything does; ``others`` are points of other extents."""

    def checks(trial: Trial) -> None:
        trial.values()
        trial.text()
        trial.first_order()
        trial.second_order()
        trial.single_precision()
        trial.batched()
        trial.resized(others or [])

    return failure_by(checks, function, point)


def failure_by(checks: Callable[[Trial], None], function: Callable[..., Any], point: list[Any]) -> Failure | None:
    """What goes wrong with the function at the point in these checks, if anything does."""
    try:
        checks(Trial(function, point))
    except Failure as failure:
        return failure
    except Exception as error:  # whatever a compiler may raise is a finding
        trail = [frame for frame in traceback.extract_tb(error.__traceback__) if "gradc" in frame.filename]
        where = f"{Path(trail[-1].filename).name}:{trail[-1].lineno}" if trail else ""
        return Failure(f"{type(error).__name__} {where}", str(error)[:600])
    return None


def report(program: Program, failure: Failure) -> str:
    """The failure with a small program that shows it."""

    def fails(candidate: Program) -> bool:
        found = failure_of(candidate)
        return found is not None and found.kind.split()[0] == failure.kind.split()[0]

    small = shrink(program, fails)
    again = failure_of(small) or failure
    return f"{failure.kind}\n{small.describe()}\n{again.kind}: {again.detail}"


def main() -> int:
    """Try many seeds; the exit status says whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="*", help="exactly these instead")
    options = parser.parse_args()
    failures, start = 0, time.perf_counter()
    seeds = options.seeds or range(options.start, options.start + options.count)
    for done, seed in enumerate(seeds):
        if done and done % 50 == 0:
            sys.stderr.write(f"{done} of {len(seeds)}, {failures} failures, {time.perf_counter() - start:.0f} s\n")
        program = random_program(seed)
        failure = failure_of(program)
        if failure is not None:
            failures += 1
            print(f"{'-' * 40}\n{report(program, failure)}", flush=True)
    print(f"{len(seeds)} programs, {failures} failures, {time.perf_counter() - start:.0f} s")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
