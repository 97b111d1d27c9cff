"""Derivations of functions with loops and branches: the recurrence, the chain rule at each step, the sums over the steps.

The parts of such a derivation are the rows of the formulas of the function and of its derivative. The recurrences are
computed as they are written, and compared with the function and with its difference quotients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.tensor import Graph, Input, Loop, Tensor
from gradc.ir.text import sub_graphs
from gradc.ir.walk import graph_order
from gradc.present.latex import LatexWriter
from gradc.present.notation import Name, Stepped
from gradc.present.page import Page, plain_steps, steps_latex
from gradc.present.plain import PlainWriter
from gradc.present.recurrence_values import RecurrenceValues
from gradc.present.recurring import Recurrences
from gradc.present.steps.derivation import Derivation, Line, Side, Step
from gradc.present.steps.points import Check, Points, WrongStepError
from gradc.present.sweep_rows import Definition

#: Functions whose loops take more steps together are not run for a check.
_LONGEST_CHECKED = 400
#: What a loop that ends by a condition counts as.
_UNKNOWN = 50
_TOLERANCE = 1e-7
_ADJOINT = "By the chain rule it is that after the step, times how the step changes it, and what else reads the value."
_UNCHECKED = "The loop takes too many steps for a check by numbers."


@dataclass(frozen=True)
class Telling:
    """A function or its derivatives: the graph, its recurrences, the page, and the left-hand sides of its lines."""

    graph: Graph
    recurrences: Recurrences
    page: Page
    left: tuple[Side, ...]


def tell_loops(function: Telling, derived: Telling | None, wrt: Sequence[Input], mode: str) -> Derivation:
    """The derivation of ``derived``, the derivatives of the function by the inputs ``wrt``; of its value where it is None."""
    plain, latex = PlainWriter().text, LatexWriter(function.page.symbols).text
    sides = (derived or function).left
    title = ", ".join(dict.fromkeys(s.plain for s in sides)), ", ".join(dict.fromkeys(f"${s.latex}$" for s in sides))
    how = f" step by step ({mode} mode)" if derived is not None else " step by step"
    short = _length(function.graph) <= _LONGEST_CHECKED
    points = Points(Graph(function.graph.inputs, function.graph.outputs)) if short else None
    check = _of_value(function, points) if points is not None else None
    known = [_line(d, check, plain, latex) for d in function.page.definitions]
    words = "" if short else _UNCHECKED
    steps = [Step("The function", (*known, *_ends(function, check, plain, latex)), words)]
    if derived is None:
        return Derivation(Side(f"{title[0]}{how}", f"{title[1]}{how}"), tuple(steps))
    check = _of_derivative(function, derived, wrt, points) if points is not None else None
    written = {(row.name, row.value) for row in function.page.definitions}
    rows = [row for row in derived.page.definitions if (row.name, row.value) not in written]
    fresh = [_line(row, check, plain, latex) for row in rows]
    if fresh:
        steps.append(Step(_TITLES[mode], tuple(fresh), *_meaning(derived.page.definitions, mode, function.left[0])))
    steps.append(Step("The derivative", _ends(derived, check, plain, latex)))
    return Derivation(Side(f"{title[0]}{how}", f"{title[1]}{how}"), tuple(steps))


_TITLES = {"reverse": "The chain rule, from the last step back", "forward": "A small change, from step to step"}


def _line(row: Definition, check: Check | None, plain: Any, latex: Any) -> Line:
    steps = "" if row.steps is None else rf", \quad {steps_latex(row.steps, latex)}"
    value = Side(f"{plain(row.value)}{plain_steps(row.steps, plain)}", f"{latex(row.value)}{steps}")
    return Line((Side(plain(row.name), latex(row.name)), value), "", check)


def _ends(telling: Telling, check: Check | None, plain: Any, latex: Any) -> tuple[Line, ...]:
    lines = []
    for line, left in zip(telling.page.lines, telling.left, strict=True):
        side = Side(line.plain_lhs(left.plain), line.latex_lhs(left.latex))
        lines.append(Line((side, Side(plain(line.value), latex(line.value))), "", check))
    return tuple(lines)


def _meaning(rows: Sequence[Definition], mode: str, function: Side) -> tuple[str, str]:
    """What the adjoints or tangents stand for, in words."""
    mark, word = ("_bar", "bar") if mode == "reverse" else ("_dot", "dot")
    named = (part for row in rows for part in (row.name, *row.name.parts))
    stem = next((s for s in named if isinstance(s, Stepped) and s.plain.endswith(mark)), None)
    if stem is None:
        return "", ""
    step = "t" if not stem.steps else PlainWriter().text(next(iter(n for n in _letters(rows)), stem.stem))
    state = stem.plain.removesuffix(mark)
    inner = stem.latex.removeprefix(rf"\{word}{{").removesuffix("}")
    if mode == "forward":
        words = f"{stem.plain}[{step}] is the change of {state}[{step}] for a change of the argument."
        return words, rf"${stem.latex}^{{({step})}}$ is the change of ${inner}^{{({step})}}$ for one of the argument."
    words = f"{stem.plain}[{step}] stands for d{function.plain}/d{state}[{step}]. {_ADJOINT}"
    quotient = rf"\frac{{\partial {function.latex}}}{{\partial {inner}^{{({step})}}}}"
    return words, rf"${stem.latex}^{{({step})}}$ stands for ${quotient}$. {_ADJOINT}"


def _letters(rows: Sequence[Definition]) -> list[Name]:
    return [row.steps.letter for row in rows if row.steps is not None]


# ---------------------------------------------------------------- checks


def _length(graph: Graph) -> float:
    """About how many steps the loops take together."""
    total = 0.0
    for node in graph_order(graph.outputs):
        inner = sum((_length(g) for g in sub_graphs(node)), 0.0)
        if isinstance(node, Loop):
            unknown = node.condition is not None or not isinstance(node.trip, int)
            inner = (_UNKNOWN if unknown else float(node.trip or 0)) * (1 + inner)  # type: ignore[arg-type]
        total += inner
    return total


def _of_value(function: Telling, points: Points) -> Check:
    """Compare the recurrences with the function."""
    return _read_off(function, function, points)


def _of_derivative(function: Telling, derived: Telling, wrt: Sequence[Input], points: Points) -> Check:
    """Compare the derivatives with difference quotients of the function, and their recurrences with them."""
    (output,) = function.graph.outputs
    found = [points.derivative(output, t, d) for t, d in zip(wrt, derived.graph.outputs, strict=True)]
    return Check(min([*[check.points for check in found], _read_off(derived, function, points).points]))


def _read_off(telling: Telling, function: Telling, points: Points) -> Check:
    """Compare the recurrences, computed as they are written, with the graph that they were made from."""
    count = 0
    for environment in points.environments:
        given: dict[Tensor, Any] = {t: np.asarray(v, t.dtype) for t, v in environment.items()}
        values = RecurrenceValues(telling.recurrences, given, points.sizes)
        graph = Graph(tuple(t for t in telling.graph.inputs if t in given), telling.graph.outputs)
        for shown, exact in zip(telling.recurrences.outputs, points.values(graph.outputs, environment), strict=True):
            ours, other = np.asarray(values.value(shown), float), np.asarray(exact, float)
            if not np.allclose(ours, other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
                raise WrongStepError("the recurrence has another value than the loop")
        count += 1
    return Check(count)


def check_first_derivatives(kinds: Sequence[tuple[str, tuple[str, ...]]], functions: Sequence[Graph]) -> None:
    """Refuse what is not told of loops."""
    fine = all(kind in ("", "value") or (kind == "derivative" and len(wrt) == 1) for kind, wrt in kinds)
    floats = [t for g in functions for t in g.outputs if t.dtype.kind == "f"]
    if not fine or len(functions) != 1 or len(floats) != 1 or len(functions[0].outputs) != 1:
        raise ArgumentError(
            "steps() tells the first derivatives of a function with loops that has one result; formula() has the "
            "recurrences of the others"
        )
