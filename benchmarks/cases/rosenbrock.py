"""The Rosenbrock function of 1000 variables: its gradient and its Hessian times a vector."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import numpy as np

from benchmarks.expressions import heyoka_gradient
from benchmarks.measure import Builder, Call, Effort, Row, Target, measured
from benchmarks.native import calling
from benchmarks.problem import Problem


def rosenbrock(x):
    """The chained form."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def gradient(x: np.ndarray) -> np.ndarray:
    """By hand."""
    result = np.zeros_like(x)
    here, after = x[:-1], x[1:]
    residual = after - here**2
    result[:-1] = -400 * here * residual - 2 * (1 - here)
    result[1:] += 200 * residual
    return result


def hessian_product(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """By hand."""
    result = np.zeros_like(x)
    here, after = x[:-1], x[1:]
    result[:-1] = (1200 * here**2 - 400 * after + 2) * v[:-1] - 400 * here * v[1:]
    result[1:] += 200 * v[1:] - 400 * here * v[:-1]
    return result


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """Both derivatives, into new arrays and into the caller's; the gradient at an odd length too."""
    rng = np.random.default_rng(1)
    x, v = rng.standard_normal(1000), rng.standard_normal(1000)
    odd, out = x[:993].copy(), np.empty(1000)

    def row(title: str, problem: Problem, own: dict[str, Builder], flops: int, into: bool = False) -> Row:
        length = len(problem.arguments[0])
        builders: dict[str, Builder] = {"gradc": problem.with_gradc_out}
        if not into:
            builders = problem.peers() | {"casadi": problem.with_casadi}
        described = Row(
            f"Rosenbrock, n = {length:,}: {title}",
            targets=(Target(1.1, "C"),),
            items=length,
            bytes=8 * length * (1 + len(problem.arguments)),
            flops=flops * length,
            headline=not into and length == len(x),
        )
        expected = (gradient if problem.transform == "grad" else hessian_product)(*problem.arguments)
        return measured(described, builders | own, systems, expected, effort)

    by_gradient = Problem(rosenbrock, (x,))
    by_product = Problem(rosenbrock, (x, v), "hvp")
    return [
        row(
            "gradient",
            by_gradient,
            {
                "C": calling("rosenbrock", "gradient", x),
                "NumPy": partial(Call, gradient, x),
                "heyoka": partial(heyoka_gradient, rosenbrock, x),
            },
            10,
        ),
        row("gradient", Problem(rosenbrock, (odd,)), {"C": calling("rosenbrock", "gradient", odd)}, 10),
        row("gradient into out=", by_gradient, {"C": calling("rosenbrock", "gradient_into", x, out)}, 10, True),
        row(
            "Hessian-vector product",
            by_product,
            {
                "C": calling("rosenbrock", "hessian_product", x, v),
                "NumPy": partial(Call, hessian_product, x, v),
                "heyoka": partial(heyoka_gradient, rosenbrock, x, v),
            },
            13,
        ),
        row(
            "Hessian-vector product into out=",
            by_product,
            {"C": calling("rosenbrock", "hessian_product_into", x, v, out)},
            13,
            True,
        ),
    ]
