"""Random programs of loops, branches and custom rules in loops, branches and custom rules.

A program is a function of a number, a vector and a matrix, written as Python source over the public names of ``gradc``: run by
Python as it stands, or traced. Run alone, this module tries many seeds in all the ways of `runner`::

    python tests/property/loop_programs.py --count 300 --start 0
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    root = Path(__file__).parents[2]
    sys.path[:0] = [str(root / "compiler"), str(root / "runtime")]
    os.environ.setdefault("GRADC_CHECK", "1")

from runner import Failure, Trial, failure_by

import gradc

SIZE = 4
NUMBER, VECTOR, MATRIX, INTEGER = "number", "vector", "matrix", "integer"
#: What a program begins with: functions with rules of their own.
HEAD = """
@gradc.custom_derivative
def bump(x):
    return x * np.exp(-x * x)
@bump.defjvp
def bump_rule(primals, tangents):
    (x,), (dx,) = primals, tangents
    return bump(x), (1 - 2 * x * x) * np.exp(-x * x) * dx
@gradc.custom_derivative
def scaled(x, y):
    return np.sin(x * y)
@scaled.defjvp
def scaled_rule(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return scaled(x, y), np.cos(x * y) * (y * dx + x * dy)
def pullback(given, bar):
    x, y = given
    return bar * y * np.cos(x * y), bar * x * np.cos(x * y)
scaled.defvjp(lambda x, y: (np.sin(x * y), (x, y)), pullback)
"""


class LoopWriter:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)
        self.count = 0
        self.known: dict[str, list[str]] = {NUMBER: ["s"], VECTOR: ["v"], MATRIX: ["m"], INTEGER: []}

    def fresh(self, letter: str) -> str:
        """A name that nothing has."""
        self.count += 1
        return f"{letter}{self.count}"

    # ------------------------------------------------------------ expressions

    def value(self, kind: str, depth: int = 2) -> str:
        """An expression of a kind."""
        if depth == 0 or self.choose.random() < 0.2:
            return self.choose.choice(self.known[kind]) if self.known[kind] else str(self.choose.randrange(SIZE))
        write = {NUMBER: self.number, VECTOR: self.vector, MATRIX: self.matrix, INTEGER: self.integer}[kind]
        return write(depth - 1)

    def number(self, depth: int) -> str:
        a, b = self.value(NUMBER, depth), self.value(NUMBER, depth)
        v, m = self.value(VECTOR, 0), self.value(MATRIX, 0)
        return self.choose.choice([
            f"np.sin({a} + {b})", f"({a} * 0.7 - {b} * 0.4)", f"np.tanh({a} * {b})", f"0.5 * np.sum({v})",
            f"{v}[{self.place()}]", f"{m}[{self.place()}, {self.place()}]", f"np.tanh({v} @ {m} @ {v})",
            f"bump({a})", f"scaled({a}, {b})", f"np.where({a} > 0.1, {b}, 0.3 * {a})", f"np.sqrt(1.5 + np.sin({a}))",
        ])  # fmt: skip

    def vector(self, depth: int) -> str:
        a, b = self.value(VECTOR, depth), self.value(VECTOR, depth)
        s, m = self.value(NUMBER, depth), self.value(MATRIX, 0)
        return self.choose.choice([
            f"np.sin({a} + {b})", f"({a} * np.cos({s}))", f"np.tanh({m} @ {a})", f"({a} - 0.5 * {b})",
            f"{a}[::-1]", f"{m}[{self.place()}]", f"(np.cumsum({a}) * 0.3)", f"{a}[np.array([2, 0, 0, 3])]",
            f"bump({a})", f"scaled({a}, {b})", f"np.roll({a}, 1)", f"{m}[:, {self.place()}]",
        ])  # fmt: skip

    def matrix(self, depth: int) -> str:
        a, v = self.value(MATRIX, depth), self.value(VECTOR, depth)
        return self.choose.choice([
            f"np.tanh({a})", f"({a} * {self.value(NUMBER, 0)})", f"{a}.T", f"np.outer({v}, {v})", f"np.sin({a} @ {a})",
            f"({a} + {v})",
        ])  # fmt: skip

    def integer(self, depth: int) -> str:
        return f"({self.value(INTEGER, 0)} + {self.choose.randrange(3)}) % {SIZE}"

    def place(self) -> str:
        """A position of an axis."""
        return self.choose.choice([str(self.choose.randrange(SIZE)), "-1", f"({self.value(INTEGER, 1)}) % {SIZE}"])

    def test(self) -> str:
        return f"{self.value(NUMBER, 1)} {self.choose.choice(['<', '>'])} {self.choose.choice(['0.1', '-0.3', 's'])}"

    # ------------------------------------------------------------ statements

    def block(self, length: int, depth: int) -> list[str]:
        """Statements, whose names are known to those that follow."""
        return [line for _ in range(length) for line in self.statement(depth)]

    def statement(self, depth: int) -> list[str]:
        if depth == 0:
            return self.plain()
        write = self.choose.choice(
            [self.plain, *[lambda w=w: w(depth - 1) for w in (self.fori, self.scan, self.while_, self.cond, self.kept)]]  # type: ignore[misc]
        )
        return write()

    def plain(self) -> list[str]:
        kind = self.choose.choice([NUMBER, VECTOR, MATRIX])
        name = self.fresh(kind[0])
        lines = [f"{name} = {self.value(kind)}"]
        if kind != NUMBER and self.choose.random() < 0.4:
            target = self.place() if kind == VECTOR else f"{self.place()}, {self.place()}"
            inner = self.value(NUMBER)
            if kind == MATRIX and self.choose.random() < 0.5:
                target, inner = self.place(), self.value(VECTOR)
            operator = self.choose.choice(["=", "+=", "*="])
            lines = [
                f"{name} = ({self.value(kind)}) * 1.0",
                f"{name} = {name}.copy()",
                f"{name}[{target}] {operator} {inner}",
            ]
        self.known[kind].append(name)
        return lines

    def carried(self) -> list[str]:
        """The kinds of what a loop carries."""
        return [self.choose.choice([NUMBER, VECTOR, MATRIX]) for _ in range(self.choose.randrange(1, 4))]

    def function(
        self, arguments: list[tuple[str, str]], unpack: str, kinds: list[str], depth: int, more: str = ""
    ) -> list[str]:
        """The body of a function that gives values of some kinds, and more; what it names is forgotten after it."""
        before = {kind: list(names) for kind, names in self.known.items()}
        for name, kind in arguments:
            self.known[kind].append(name)
        lines = [unpack] if unpack else []
        lines += self.block(self.choose.randrange(1, 3), depth)
        own = [name for name, _ in arguments[: len(kinds)]] or [self.value(kind, 0) for kind in kinds]
        results = [f"np.sin({self.value(kind)} + 0.7 * {name})" for kind, name in zip(kinds, own, strict=True)]
        lines.append(f"return ({', '.join(results)},)" + (f", {more}" if more else ""))
        self.known = before
        return [f"    {line}" for line in lines]

    def states(self, kinds: list[str]) -> tuple[list[str], str, str]:
        names = [self.fresh(kind[0]) for kind in kinds]
        init = ", ".join(f"1.0 * {self.value(kind, 1)}" for kind in kinds)
        return names, f"{', '.join(names)}, = c", f"({init},)"

    def results(self, kinds: list[str], names: list[str]) -> None:
        for kind, name in zip(kinds, names, strict=True):
            self.known[kind].append(name)

    def fori(self, depth: int) -> list[str]:
        kinds, body = self.carried(), self.fresh("step")
        names, unpack, init = self.states(kinds)
        index, trips = self.fresh("i"), self.choose.choice([0, 1, 2, 3, 5])
        start = self.choose.choice([0, 1])
        lines = self.function([*zip(names, kinds, strict=True), (index, INTEGER)], unpack, kinds, depth)
        self.results(kinds, names)
        call = f"{', '.join(names)}, = gradc.fori_loop({start}, {start + trips}, {body}, {init})"
        return [f"def {body}({index}, c):", *lines, call]

    def scan(self, depth: int) -> list[str]:
        kinds, body, ys = self.carried(), self.fresh("step"), self.fresh("ys")
        names, unpack, init = self.states(kinds)
        sequence = self.choose.choice([VECTOR, MATRIX])
        item = self.fresh("x")
        y = self.choose.choice([NUMBER, VECTOR])
        lines = self.function(
            [*zip(names, kinds, strict=True), (item, NUMBER if sequence == VECTOR else VECTOR)],
            unpack, kinds, depth, f"1.0 * {self.value(y, 1)}" if self.choose.random() < 0.3 else f"1.0 * {names[0]}",
        )  # fmt: skip
        own = y if "ys" in ys and lines[-1].rpartition(", 1.0 * ")[2] != names[0] else kinds[0]
        call = f"gradc.scan({body}, {init}, {self.value(sequence, 1)}, reverse={self.choose.random() < 0.3})"
        self.results(kinds, names)
        made = [f"def {body}(c, {item}):", *lines, f"({', '.join(names)},), {ys} = {call}"]
        if self.choose.random() < 0.8:
            name = self.fresh("v" if own != MATRIX else "s")
            made.append(f"{name} = " + {NUMBER: ys, VECTOR: f"np.sum({ys}, axis=0)", MATRIX: f"np.mean({ys})"}[own])
            self.known[NUMBER if own == MATRIX else VECTOR].append(name)
        return made

    def while_(self, depth: int) -> list[str]:
        kinds, body, counter = self.carried(), self.fresh("step"), self.fresh("i")
        names, unpack, init = self.states(kinds)
        lines = self.function(
            [*zip(names, kinds, strict=True), (counter, INTEGER)], unpack.replace("= c", "= c[1]"), kinds, depth
        )
        lines = [f"    {counter} = c[0]", *lines[:-1], lines[-1].replace("return (", f"return {counter} + 1, (", 1)]
        most = self.choose.choice([0, 1, 3, 4])
        going = f"(c[0] < {most}) & (np.sum(c[1][0]) < {self.choose.choice([3.0, 0.9])})"
        self.results(kinds, names)
        call = f"_, ({', '.join(names)},) = gradc.while_loop(lambda c: {going}, {body}, (0, {init}))"
        return [f"def {body}(c):", *lines, call]

    def cond(self, depth: int) -> list[str]:
        kinds = self.carried()
        test, names = self.test(), [self.fresh(kind[0]) for kind in kinds]
        made, functions = [], []
        for _ in range(2):
            function = self.fresh("branch")
            functions.append(function)
            made += [f"def {function}():", *self.function([], "", kinds, depth)]
        self.results(kinds, names)
        return [*made, f"{', '.join(names)}, = gradc.cond({test}, {functions[0]}, {functions[1]})"]

    def kept(self, depth: int) -> list[str]:
        kinds, body = self.carried(), self.fresh("part")
        names, unpack, init = self.states(kinds)
        lines = self.function([*zip(names, kinds, strict=True)], unpack, kinds, depth)
        self.results(kinds, names)
        return [f"def {body}(c):", *lines, f"{', '.join(names)}, = gradc.checkpoint({body})({init})"]

    def program(self) -> str:
        """The source of a function ``f(s, v, m)``."""
        depth = self.choose.choice([1, 2, 2, 3])
        lines = [*self.block(self.choose.randrange(1, 3), depth), *self.statement(max(depth, 1))]
        numbers, vectors = self.known[NUMBER][-2:], self.known[VECTOR][-2:]
        result = self.choose.choice(
            [
                " + ".join(vectors),
                " * ".join(numbers),
                f"{vectors[-1]} * {numbers[-1]} + np.sum({self.known[MATRIX][-1]})",
            ]
        )
        return HEAD + "def f(s, v, m):\n" + "\n".join(f"    {line}" for line in [*lines, f"return {result}"]) + "\n"


def point(seed: int) -> list[Any]:
    """Where a program is run."""
    rng = np.random.default_rng(seed)
    values = [rng.uniform(-1, 1), rng.uniform(-1, 1, SIZE), rng.uniform(-1, 1, (SIZE, SIZE))]
    return [float(np.round(values[0], 2)), *[np.round(value, 2) for value in values[1:]]]


def function_of(source: str) -> Callable[..., Any]:
    """The function that a program defines."""
    names: dict[str, Any] = {"np": np, "gradc": gradc}
    exec(compile(source, "<program>", "exec"), names)
    return names["f"]  # type: ignore[no-any-return]


def failure_of_seed(seed: int) -> Failure | None:
    """What goes wrong with the program of a seed, if anything does."""
    function, where = function_of(LoopWriter(seed).program()), point(seed)

    def checks(trial: Trial) -> None:
        trial.values()
        trial.text()
        trial.first_order()
        trial.second_order()
        trial.batched()
        single_precision(function, where)

    return failure_by(checks, function, where)


def single_precision(function: Callable[..., Any], where: list[Any]) -> None:
    """Numbers and arrays of float32 stay float32."""
    narrow = [np.float32(where[0]), *[value.astype(np.float32) for value in where[1:]]]
    expected, found = np.asarray(function(*narrow)), np.asarray(gradc.jit(function)(*narrow))
    if found.dtype != expected.dtype or not np.allclose(found, expected, rtol=2e-3, atol=2e-3):
        raise Failure("single precision", f"{found!r} instead of {expected!r}")


def main() -> int:
    """Try many seeds; the exit status says whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    failures, start = 0, time.perf_counter()
    for seed in range(options.start, options.start + options.count):
        failure = failure_of_seed(seed)
        if failure is not None:
            failures += 1
            print(
                f"{'-' * 40}\nseed {seed}\n{LoopWriter(seed).program()[len(HEAD) :]}\n{failure.kind}: {failure.detail}",
                flush=True,
            )
    print(f"{options.count} programs, {failures} failures, {time.perf_counter() - start:.0f} s")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
