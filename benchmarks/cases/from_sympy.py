"""SymPy expressions as functions: preparation with the first call, and calls, against ``lambdify(cse=True)``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import Builder, Call, Effort, Row, Target, measured
from benchmarks.systems import load

#: A new literal makes a new expression: nothing has compiled it before.
LITERALS = itertools.count(100)
COUNT = 10**4


def rosenbrock(literal: int) -> tuple[Any, list[Any]]:
    """Ten operations."""
    sympy = load("sympy")
    x, y = sympy.symbols("x y")
    return (1 - x) ** 2 + literal * (y - x**2) ** 2, [x, y]


def orbit(literal: int) -> tuple[Any, list[Any]]:
    """About 200 operations, among them the same distances and phases many times."""
    sympy = load("sympy")
    x, y, t = sympy.symbols("x y t")
    total = sympy.Integer(0)
    for k in range(1, 9):
        distance = sympy.sqrt((x - sympy.cos(k * t)) ** 2 + (y - sympy.sin(k * t)) ** 2 + literal)
        total += sympy.exp(-distance) / distance + sympy.sin(distance) * distance**2
    return total, [x, y, t]


def arm(joints: int, literal: int) -> tuple[Any, list[Any]]:
    """The Jacobian of the position of a robot arm's hand: 5 joints give more than 5,000 operations."""
    sympy = load("sympy")
    angles, lengths = sympy.symbols(f"q:{joints}"), sympy.symbols(f"l:{joints}")
    twists = sympy.symbols(f"a:{joints}")
    pose = sympy.eye(4)
    for k in range(joints):
        c, s, ca, sa = sympy.cos(angles[k]), sympy.sin(angles[k]), sympy.cos(twists[k]), sympy.sin(twists[k])
        length = lengths[k]
        rows = [
            [c, -s * ca, s * sa, length * c],
            [s, c * ca, -c * sa, length * s],
            [0, sa, ca, k + literal],
            [0, 0, 0, 1],
        ]
        pose = pose * sympy.Matrix(rows)
    return pose[:3, 3].jacobian(angles), [*angles, *lengths, *twists]


EXPRESSIONS: dict[str, Callable[[int], tuple[Any, list[Any]]]] = {
    "Rosenbrock, 10 operations": rosenbrock,
    "orbit, 200 operations": orbit,
    "robot arm's Jacobian, 5,800 operations": partial(arm, 5),
}


def made(system: str, expression: Any, symbols: list[Any]) -> Callable[..., Any]:
    """The expression as a function, by a system."""
    if system == "gradc":
        return load("gradc").from_sympy(expression, symbols)  # type: ignore[no-any-return]
    if system == "symengine":
        return load("symengine").Lambdify(symbols, expression, backend="llvm")  # type: ignore[no-any-return]
    return load("sympy").lambdify(symbols, expression, "numpy", cse=True)  # type: ignore[no-any-return]


def first_call(system: str, build: Callable[[int], tuple[Any, list[Any]]], point: tuple[float, ...]) -> Builder:
    """Make a function of an expression never seen before and call it once; building the expression is not timed."""
    ready: list[tuple[Any, list[Any]]] = []

    def prepare() -> None:
        ready.append(build(next(LITERALS)))

    def first() -> Any:
        expression, symbols = ready.pop() if ready else build(next(LITERALS))
        return made(system, expression, symbols)(*point)

    def builder() -> Call:
        call = Call(first).shown(lambda result: float(np.isfinite(result).all()))
        call.before = prepare
        return call

    return builder


def run(systems: Collection[str], effort: Effort) -> list[Row]:
    """Preparation, calls with numbers, and calls with arrays, for each expression."""
    rows = []
    generator = np.random.default_rng(0)
    for title, build in EXPRESSIONS.items():
        expression, symbols = build(7)
        point = tuple(generator.uniform(0.2, 1.2, len(symbols)).tolist())
        expected = made("sympy", expression, symbols)(*point)
        firsts: dict[str, Builder] = {name: first_call(name, build, point) for name in ("gradc", "sympy")}
        row = Row(f"SymPy: {title}, prepared and called once", targets=(Target(1.0, "sympy"),))
        rows.append(measured(row, firsts, systems, 1.0, effort.one_call()))
        calls: dict[str, Builder] = {
            name: partial(_called, name, expression, symbols, point) for name in ("gradc", "sympy")
        }
        row = Row(f"SymPy: {title}, called with numbers", targets=(Target(1.0, "sympy"),), headline=True)
        rows.append(measured(row, calls, systems, expected, effort))
        count = min(COUNT, effort.largest)
        arrays = tuple(generator.uniform(0.2, 1.2, count) for _ in symbols)
        entries = list(expression) if getattr(expression, "is_Matrix", False) else expression
        wanted = made("sympy", entries, symbols)(*arrays)
        calls = {name: partial(_called, name, entries, symbols, arrays) for name in ("gradc", "sympy")}
        row = Row(f"SymPy: {title}, called with {count:,} points", targets=(Target(1.0, "sympy"),), items=count)
        rows.append(measured(row, calls, systems, wanted, effort))
    return rows


def _called(system: str, expression: Any, symbols: list[Any], point: tuple[Any, ...]) -> Call:
    return Call(made(system, expression, symbols), *point)
