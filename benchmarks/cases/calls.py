"""What one call costs: gradients with hardly any work in them."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Collection
from typing import Any

import numpy as np

from benchmarks.measure import Builder, Call, Effort, Row, Target, interleaved, measured, prepared
from benchmarks.native import calling, extension
from benchmarks.problem import Problem, casadi_call
from benchmarks.systems import load

POINT = 2.0


def quartic(x):
    """In whatever arithmetic x has."""
    return 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1


def cubic(x):
    """A sum over a short array."""
    return np.sum(x**3 + 2 * x)


def match(x, y):
    """Of two short arrays, the first differentiated."""
    return np.sum((x * y - 1) ** 2)


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """A float, a short array, two of them; new results and the caller's."""
    x, y, out = np.linspace(-1, 1, 8), np.linspace(1, 2, 3), np.empty(8)
    z = y[::-1].copy()
    short = out[:3]
    by_array, by_arrays = Problem(cubic, (x,)), Problem(match, (y, z))
    both = Problem(cubic, (x,), "value_and_grad")
    gradient, in_first = 3 * x**2 + 2, 2 * (y * z - 1) * z

    def row(title: str, builders: dict[str, Builder], expected: Any, *targets: Target, headline: bool = False) -> Row:
        described = Row(f"call: {title}", targets=targets, headline=headline)
        return measured(described, builders, systems, expected, effort)

    def everybody(problem: Problem, in_c: str) -> dict[str, Builder]:
        own = {"casadi": problem.with_casadi, "C": calling("small", in_c, *problem.arguments)}
        return problem.peers() | own

    return [
        _float(systems, effort),
        row("gradient of 8 elements", everybody(by_array, "cubic"), gradient, Target(150e-9), headline=True),
        row(
            "gradient of 8 elements into out=",
            {"gradc": by_array.with_gradc_out, "C": calling("small", "cubic_into", x, out)},
            gradient,
            Target(60e-9),
            headline=True,
        ),
        row("value and gradient of 8 elements", both.peers(), (cubic(x), gradient)),
        row("gradient of two 3-vectors", everybody(by_arrays, "match"), in_first, Target(150e-9)),
        row(
            "gradient of two 3-vectors into out=",
            {"gradc": by_arrays.with_gradc_out, "C": calling("small", "match_into", y, z, short)},
            in_first,
            Target(60e-9),
        ),
    ]


def _float(systems: Collection[str], effort: Effort) -> Row:
    """The gradient at a Python float, beside the sine of one."""
    own: dict[str, Builder] = {
        "sympy": _sympy,
        "symengine": _symengine,
        "casadi": _casadi,
        "C": calling("small", "quartic", POINT),
    }
    row = Row("call: gradient of a quartic at a float", targets=(Target(2.0, "math.sin"),), headline=True)
    candidates = prepared(row, Problem(quartic, (POINT,)).peers() | own, systems, 93.0, 1e-12)
    candidates["math.sin"] = Call(math.sin, POINT)
    if "C" in candidates:
        through = ctypes.CDLL(extension("small").__file__).quartic_gradient
        through.restype, through.argtypes = ctypes.c_double, [ctypes.c_double]
        candidates["C by ctypes"] = Call(through, POINT)
    return interleaved(row, candidates, effort)


def _sympy() -> Call:
    """``lambdify`` into Python's own arithmetic."""
    sympy = load("sympy")
    x = sympy.Symbol("x")
    return Call(sympy.lambdify([x], quartic(x).diff(x), "math"), POINT)


def _symengine() -> Call:
    """``Lambdify`` (LLVM) of the symbolic derivative."""
    symengine = load("symengine")
    x = symengine.Symbol("x")
    return Call(symengine.Lambdify([x], [quartic(x).diff(x)], backend="llvm"), [POINT])


def _casadi() -> Call:
    """Compiled through C, reading and writing its own buffers."""
    casadi = load("casadi")
    x = casadi.SX.sym("x")
    return casadi_call([x], [casadi.gradient(quartic(x), x)], (np.array([POINT]),))
