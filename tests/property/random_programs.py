"""Random NumPy programs as data: straight-line functions that can be printed, run, checked for kinks and shrunk."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

#: No intermediate value may be larger, and no kink nearer, at the point where a program is tested.
LARGEST = 25.0
NEAREST_KINK = 0.03

Values = dict[str, Any]

#: What programs find outside themselves: captured arrays, numbers and indices.
GLOBALS: Values = {
    "np": np,
    "PICK": np.array([1, 0, -1, 1]),
    "SCALE": 0.8,
    "OFFSETS": np.array([0.3, -0.7]),
    "helper": lambda value: np.tanh(value) * 0.5,
}


def gap(array: np.ndarray, axis: int | None = None) -> np.ndarray:
    """How far the largest and the smallest entries along an axis are ahead of the next ones."""
    ordered = np.sort(np.ravel(array)) if axis is None else np.sort(array, axis)
    if ordered.shape[axis or 0] < 2:
        return np.asarray(1.0)
    moved = np.moveaxis(ordered, axis or 0, 0)
    return np.minimum(moved[-1] - moved[-2], moved[1] - moved[0])


@dataclass(frozen=True)
class Statement:
    """Some lines that define one variable.

    In the template ``{o}`` is that variable and ``{a}``, ``{b}``, ... are the operands; ``margin`` is an expression that
    says how far the operands are from a kink.
    """

    target: str
    template: str
    operands: tuple[str, ...]
    margin: str = ""

    def _names(self) -> dict[str, str]:
        return {"o": self.target, **dict(zip("abcd", self.operands, strict=False))}

    @property
    def lines(self) -> list[str]:
        """The source lines."""
        return self.template.format(**self._names()).split("\n")

    def run(self, values: Values) -> bool:
        """Compute the variable into ``values``; whether that went well: finite, moderate, far from kinks."""
        space = {**GLOBALS, "gap": gap, **values}
        try:
            if self.margin and np.min(eval(self.margin.format(**self._names()), space)) < NEAREST_KINK:
                return False
            with np.errstate(all="ignore"):
                exec("\n".join(self.lines), space)
        except (ValueError, IndexError, TypeError, AttributeError):  # shapes that don't fit
            return False
        result = np.asarray(space[self.target])
        values[self.target] = space[self.target]
        if result.dtype.kind != "f" or result.size == 0 or result.size > 400:
            return False
        return bool(np.all(np.isfinite(result)) and np.max(np.abs(result)) <= LARGEST)


@dataclass(frozen=True)
class Program:
    """A function of named inputs, with the point at which it is tested."""

    inputs: tuple[tuple[str, Any], ...]
    statements: tuple[Statement, ...]
    result: str
    label: str = ""

    @property
    def source(self) -> str:
        """The program as the text of a NumPy function."""
        body = [line for statement in self.statements for line in statement.lines]
        names = ", ".join(name for name, _ in self.inputs)
        return "\n".join([f"def f({names}):", *(f"    {line}" for line in [*body, f"return {self.result}"])])

    @property
    def point(self) -> list[Any]:
        """The values of the inputs."""
        return [value for _, value in self.inputs]

    def function(self) -> Callable[..., Any]:
        """The function itself; tools that show source lines find them."""
        text = self.source
        file = f"<random program {self.label or hash(text)}>"
        linecache.cache[file] = (len(text), None, text.splitlines(True), file)
        space: dict[str, Any] = dict(GLOBALS)
        exec(compile(text, file, "exec"), space)
        function: Callable[..., Any] = space["f"]
        return function

    def safe(self) -> bool:
        """Whether every step is smooth and moderate at the point."""
        values: Values = dict(self.inputs)
        return all(statement.run(values) for statement in self.statements) and self.result in values

    def resized(self) -> Iterator[Program]:
        """The program at inputs of other extents: larger, and larger still."""
        extents = sorted({extent for _, value in self.inputs for extent in np.shape(value) if extent > 1})
        for longer in ({e: e + 1 for e in extents}, {e: e + 4 for e in extents}):
            rng = np.random.default_rng(len(extents))
            yield replace(self, inputs=tuple((name, _stretched(value, longer, rng)) for name, value in self.inputs))

    def describe(self) -> str:
        """Source and point: all that is needed to try again."""
        point = [f"{name} = {np.array2string(np.asarray(value), separator=', ')}" for name, value in self.inputs]
        return "\n".join([f"# {self.label}", self.source, *point])

    # ------------------------------------------------------------ shrinking

    def _used(self) -> Program:
        """Without statements and inputs that the result doesn't need."""
        needed = {self.result}
        kept: list[Statement] = []
        for statement in reversed(self.statements):
            if statement.target in needed:
                needed.update(statement.operands)
                kept.append(statement)
        inputs = tuple(pair for pair in self.inputs if pair[0] in needed) or self.inputs[:1]
        return replace(self, statements=tuple(reversed(kept)), inputs=inputs)

    def smaller(self) -> Iterator[Program]:
        """Programs that are a step simpler: an earlier result, or one statement less."""
        for statement in self.statements[:-1]:
            yield replace(self, result=statement.target)._used()
        shapes = self._shapes()
        for position, statement in enumerate(self.statements):
            for stand_in in self._stand_ins(statement, shapes):
                changed = (*self.statements[:position], stand_in, *self.statements[position + 1 :])
                yield replace(self, statements=changed)._used()

    def _shapes(self) -> Mapping[str, tuple[int, ...]]:
        values: Values = dict(self.inputs)
        for statement in self.statements:
            statement.run(values)
        return {name: np.shape(value) for name, value in values.items()}

    def _stand_ins(self, statement: Statement, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Statement]:
        shape = shapes[statement.target]
        if statement.template not in _PLAIN:
            if shape in [shapes[name] for name in statement.operands]:
                same = next(name for name in statement.operands if shapes[name] == shape)
                yield Statement(statement.target, "{o} = {a} * 1.0", (same,))
            yield Statement(statement.target, f"{{o}} = np.full({shape}, 0.7)", ())


def _stretched(value: Any, longer: Mapping[int, int], rng: np.random.Generator) -> Any:
    if not np.ndim(value):
        return value
    return np.round(rng.uniform(-1.6, 1.6, [longer.get(extent, extent) for extent in value.shape]), 3)


_PLAIN = ("{o} = {a} * 1.0",)


def shrink(program: Program, fails: Callable[[Program], bool], attempts: int = 150) -> Program:
    """A small program for which ``fails`` still holds."""
    progress = True
    while progress and attempts > 0:
        progress = False
        for candidate in program.smaller():
            attempts -= 1
            if attempts <= 0:
                break
            if len(candidate.source) < len(program.source) and candidate.safe() and fails(candidate):
                program, progress = candidate, True
                break
    return program
