"""Value and gradient of ``sum(sin(x) exp(-x^2) + log1p(x^2))`` over arrays of growing length."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import numpy as np

from benchmarks.expressions import heyoka_derivatives
from benchmarks.measure import Builder, Call, Effort, Row, Target, measured
from benchmarks.native import calling
from benchmarks.problem import Problem
from benchmarks.systems import load

#: Also lengths that are no multiple of anything.
SIZES = (10**2, 10**3, 10**3 + 7, 10**4, 10**4 - 3, 10**5, 10**6, 10**7)
#: Per element: x is read, the gradient written; the operations of the C version, divisions counted as eight.
BYTES, FLOPS = 16, 100


def waves(x):
    """The function in NumPy."""
    return np.sum(np.sin(x) * np.exp(-(x**2)) + np.log1p(x**2))


def waves_of_transpose(x):
    """The same function of a matrix read column by column."""
    return waves(x.T)


def by_hand(x: np.ndarray) -> tuple[Any, np.ndarray]:
    """Value and gradient as a person writes them in NumPy."""
    sine, square = np.sin(x), x * x
    bell = np.exp(-square)
    return np.sum(sine * bell + np.log1p(square)), bell * (np.cos(x) - 2 * x * sine) + 2 * x / (1 + square)


def with_heyoka(x: np.ndarray) -> Call:
    """The summand and its derivative compiled, the sum in NumPy."""
    derived = heyoka_derivatives(lambda x: waves(x), x[:, None], with_value=True)
    columns, out = derived.arguments[0], derived.keywords["outputs"]

    def step() -> Any:
        derived.function(columns, outputs=out)
        return out[0].sum(), out[1]

    return Call(step)


def with_drjit(x: np.ndarray) -> Call:
    """Backward from the sum, recorded once."""
    drjit = load("drjit")
    number = drjit.llvm.ad.Float64

    @drjit.freeze
    def derive(x):
        x = number(x)
        drjit.enable_grad(x)
        value = drjit.sum(drjit.sin(x) * drjit.exp(-drjit.square(x)) + drjit.log(1 + drjit.square(x)))
        drjit.backward(value)
        return drjit.detach(value), drjit.grad(x)

    points = number(x)

    def step() -> Any:
        results = derive(points)
        drjit.eval(results)
        drjit.sync_thread()
        return results

    return Call(step)


def with_symengine(x: np.ndarray) -> Call:
    """``Lambdify`` (LLVM) of the summand and its derivative, broadcast over the entries."""
    symengine = load("symengine")
    s = symengine.Symbol("x")
    summand = symengine.sin(s) * symengine.exp(-(s**2)) + symengine.log(1 + s**2)
    function = symengine.Lambdify([s], [summand, summand.diff(s)], backend="llvm")

    def step() -> Any:
        both = function(x)
        return both[:, 0].sum(), both[:, 1]

    return Call(step)


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """One row per length with new results, three with the caller's buffers, and one over a transpose."""
    rows = []
    for length in SIZES:
        if length > effort.largest:
            break
        x = np.random.default_rng(length).standard_normal(length)
        problem = Problem(waves, (x,), "value_and_grad")
        builders = problem.peers() | {
            "C": calling("waves", "value_and_gradient", x),
            "NumPy": partial(Call, by_hand, x),
            "heyoka": partial(with_heyoka, x),
            "drjit": partial(with_drjit, x),
            "symengine": partial(with_symengine, x),
            "casadi": problem.with_casadi,
        }
        row = Row(
            f"waves: value and gradient, n = {length:,}",
            targets=(Target(1.5 if length < 1000 else 1.1, "C"),),
            items=length,
            bytes=BYTES * length,
            flops=FLOPS * length,
            headline=length in (10**2, 10**4, 10**7),
        )
        rows.append(measured(row, builders, systems, by_hand(x), effort))
    rows += [_into(length, systems, effort) for length in (10**2, 10**4, 10**7) if length <= effort.largest]
    return [*rows, _permuted(systems, effort)]


def _permuted(systems: Collection[str], effort: Effort) -> Row:
    """The same over the transpose of a matrix."""
    x = np.random.default_rng(0).standard_normal((97, 103))
    builders: dict[str, Builder] = {
        "gradc": Problem(waves_of_transpose, (x,), "value_and_grad").with_gradc,
        "C": calling("waves", "value_and_gradient", x),
    }
    row = Row("waves: value and gradient, a transposed 97x103 matrix", targets=(Target(1.1, "C"),), items=x.size)
    return measured(row, builders, systems, by_hand(x), effort)


def _into(length: int, systems: Collection[str], effort: Effort) -> Row:
    """The same into the caller's buffers."""
    x = np.random.default_rng(length).standard_normal(length)
    gradient = np.empty_like(x)
    into = calling("waves", "value_and_gradient_into", x, gradient)
    builders: dict[str, Builder] = {
        "gradc": Problem(waves, (x,), "value_and_grad").with_gradc_out,
        "C": lambda: into().shown(lambda value: (value, gradient)),
        "heyoka": partial(with_heyoka, x),
    }
    row = Row(
        f"waves: value and gradient into out=, n = {length:,}",
        targets=(Target(1.5 if length < 1000 else 1.1, "C"), Target(1.0, "heyoka")),
        items=length,
        bytes=BYTES * length,
        flops=FLOPS * length,
    )
    return measured(row, builders, systems, by_hand(x), effort)
