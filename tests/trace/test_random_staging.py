"""Random programs of branches, loops, early exits and writes: compiled they give what Python gives, or a clear error."""

from __future__ import annotations

import random
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.errors import GradcError

NAMES = ["a", "b", "c"]
POINTS = ((0.4, -0.7, 1.2), (-1.1, 0.3, 0.2), (2.3, 1.9, -0.6))


class Writer:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)
        self.loops = 0

    def name(self) -> str:
        return self.choose.choice(NAMES)

    def value(self) -> str:
        kind = self.choose.randrange(8)
        if kind < 3:
            return self.name()
        forms = [
            f"({self.name()} + {self.name()} * 0.5)", f"({self.name()} - {self.choose.randrange(3)}.5)",
            f"v[{self.choose.randrange(4)}]", f"np.sin({self.name()})", "v[n % 4]",
        ]  # fmt: skip
        return f"({self.name()} if {self.test()} else {self.name()})" if kind == 3 else self.choose.choice(forms)

    def test(self) -> str:
        kind = self.choose.randrange(6)
        if kind < 3:
            return f"{self.name()} < {self.choose.choice([*NAMES, '0.3', 'v[1]'])}"
        if kind == 3:
            return f"({self.test()} and {self.test()})"
        return f"({self.test()} or not {self.test()})" if kind == 4 else f"-1 < {self.name()} <= {self.name()} + 1"

    def block(self, depth: int, in_loop: bool) -> list[str]:
        lines = [line for _ in range(self.choose.randrange(1, 4)) for line in self.statement(depth, in_loop)]
        return [f"    {line}" for line in lines]

    def statement(self, depth: int, in_loop: bool) -> list[str]:
        kind = self.choose.randrange(19)
        if kind >= 12 and depth:
            return self.other(kind, depth, in_loop)
        if depth == 0 or kind < 4:
            return [self.simple()]
        if kind < 7:
            lines = [f"if {self.test()}:", *self.block(depth - 1, in_loop)]
            return [*lines, "else:", *self.block(depth - 1, in_loop)] if self.choose.random() < 0.5 else lines
        if kind == 7:
            self.loops += 1
            count = f"w{self.loops}"
            head = [f"{count} = 0", f"while {self.test()} and {count} < {self.choose.randrange(2, 5)}:"]
            return [*head, f"    {count} += 1", *self.block(depth - 1, True)]
        if kind == 8:
            self.loops += 1
            trips = self.choose.choice(["2", "3", "int(abs(a)) % 3", "n % 3", "20"])
            return [
                f"for i{self.loops} in range({trips}):",
                f"    b = b * 0.5 + i{self.loops}",
                *self.block(depth - 1, True),
            ]
        if kind == 9 and in_loop:
            return [f"if {self.test()}:", f"    {self.choose.choice(['break', 'continue'])}"]
        if kind == 10:
            return [
                f"if {self.test()}:",
                *self.block(depth - 1, in_loop),
                f"    return ({self.value()}, v, w, box.x, table['p'], row[1])",
            ]
        return [f"{self.name()} = {self.value()}"]

    def other(self, kind: int, depth: int, in_loop: bool) -> list[str]:
        """Statements that are no plain branches and loops; lists, dicts, objects; arrays of several names."""
        name, value = self.name(), self.value()
        if kind == 12:
            first, second = self.block(depth - 1, in_loop), self.block(depth - 1, in_loop)
            cases = [
                "    case 3:",
                *first,
                f"    case k if k > 4 and {self.test()}:",
                *second,
                "    case _:",
                f"        {name} = {value}",
            ]
            return ["match n:", *[f"    {line}" if line in (*first, *second) else line for line in cases]]
        if kind == 13:
            return ["try:", *self.block(depth - 1, in_loop), "finally:", f"    {name} = {name} * 0.5"]
        if kind == 14:
            return self.choose.choice([["w = v"], ["v = v * 0.5"], ["w = v.copy()"], ["v, w = w, v"], ["w = v[::-1]"]])
        if kind == 15:
            return [f"w[{self.choose.choice(['0', '2', 'n % 4'])}] += {value}"]
        if kind == 16:
            return self.choose.choice(
                [[f"box.x = {value}"], [f"box.x += {value}"], [f"table['p'] = {value}"], [f"row[1] -= {value}"]]
            )
        if kind == 17:
            return [f"{name} = {name} * 0.3 + sum(e * {self.name()} for e in w if e > {self.name()})"]
        self.loops += 1
        pair = self.choose.choice(
            ["enumerate(v)", "zip(range(4), w)", "enumerate(reversed(w))", "enumerate([1.5, 0.5])"]
        )
        return [
            f"for i{self.loops}, e in {pair}:",
            f"    a = a * 0.5 + e * i{self.loops}",
            *self.block(depth - 1, True),
        ]

    def simple(self) -> str:
        place = self.choose.choice([f"v[{self.choose.choice(['0', '1', 'n % 4'])}]", *NAMES, *NAMES, *NAMES])
        if self.choose.random() < 0.1:
            return self.choose.choice(["n += 1", "v *= 0.5"])
        return f"{place} {self.choose.choice(['=', '+=', '-='])} {self.value()}"

    def program(self) -> str:
        body = [*self.block(2, False), *self.block(2, False)]
        head = [
            "import numpy as np", "class Box:", "    def __init__(self, x):", "        self.x = x", "def f(a, b, c, v):",
            "    v = v.copy()", "    w = v * 2", "    box, table, row = Box(b), {'p': c, 'q': 1.0}, [a, 0.0]",
            "    n = int(a * 2) + 3",
        ]  # fmt: skip
        last = "    return (a + 2 * b - c, v, w, box.x, table['p'], row[0] - row[1])"
        return "\n".join([*head, *body, last]) + "\n"


def written(seed: int, folder: Path) -> Any:
    file = folder / f"program_{seed}.py"
    file.write_text(Writer(seed).program())
    module = types.ModuleType(file.stem)
    exec(compile(file.read_text(), str(file), "exec"), vars(module))
    return module.f


def attempt(compiled: Any, *arguments: Any) -> Any:
    """The results, or the error that says why there are none."""
    try:
        return compiled(*arguments)
    except GradcError as error:
        return error


@pytest.mark.parametrize("seed", range(30))
def test_random_programs(seed: int, tmp_path: Path) -> None:
    function = written(seed, tmp_path)
    compiled = gradc.jit(function)
    for point in POINTS:
        v = np.array([0.3, -0.8, 1.4, 0.1])
        with np.errstate(all="ignore"):
            expected = function(*point, v.copy())
        actual = attempt(compiled, *point, v.copy())
        if isinstance(actual, GradcError):
            assert f"program_{seed}.py:" in str(actual)
            return
        for one, other in zip(actual, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, err_msg=Writer(seed).program())
