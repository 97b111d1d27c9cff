"""Derivations that are not told line by line: big functions, and values; checked at their ends."""

from __future__ import annotations

import contextlib

from gradc.errors import GradcError
from gradc.ir.tensor import Compute
from gradc.ir.walk import graph_order
from gradc.present.steps.derivation import Line, Step
from gradc.present.steps.parts import Program, shown
from gradc.present.steps.points import Points, WrongStepError
from gradc.present.steps.scribe import Scribe
from gradc.present.steps.tell import Task, named_parts, program_of

#: A summary shows so many parts at either end.
_SHOWN = 2


def agrees(task: Task) -> bool:
    """Whether the results are the derivatives of the task's output, by numbers at the ends."""
    points = Points(task.graph)
    try:
        for goal in task.goals:
            points.derivative(task.output, goal.wrt, goal.result)
    except WrongStepError:
        return False
    return True


def summary(task: Task) -> list[Step]:
    """What the function is made of, how many parts are left out, and the result, checked against the function."""
    points = Points(task.graph)
    nodes = sum(isinstance(node, Compute) for node in graph_order([task.output]))
    lines = []
    for goal in task.goals:
        check = points.derivative(task.output, goal.wrt, goal.result)
        lines.append(Line((goal.left, goal.printed), "chain rule", check))
    steps = []
    with contextlib.suppress(GradcError, WrongStepError):
        steps.append(_ends(task, program_of(task)))
    words = (
        f"The function has {nodes} operations: their derivatives are multiplied along every path and the paths added up, "
        f"each intermediate once. The result is compared with difference quotients of the function itself."
    )
    return [*steps, Step("The derivative", tuple(lines), words)]


def _ends(task: Task, program: Program) -> Step:
    """The first and the last parts."""
    names = [program.names[t].plain for t in program.named]
    program.take_apart(only=_SHOWN)
    points = program.points()
    scribe = Scribe(program.symbols, program.graph.inputs)
    step = named_parts(task, program, scribe, points)
    left_out = len(names) + 1 - len(step.lines)
    words = f"{left_out} intermediates are left out." if left_out > 1 else ""
    return Step("The parts at either end" if left_out > 1 else step.title, step.lines, words)


def tell_value(task: Task) -> list[Step]:
    """A function that is not differentiated: as it was written, and simplified."""
    (goal,) = task.goals
    points = Points(task.graph)
    same = task.output.shape == goal.result.shape
    scribe = Scribe(task.names, task.graph.inputs)
    form = shown(task.output)
    value, letters = scribe.shorter(form)
    first = Line((scribe.named(task.function, letters), scribe.side(value)), "", points.equal([form, task.output]))
    check = points.equal([task.output, goal.result]) if same else None
    return [Step("The function", (first,)), Step("Simplify", (Line((goal.left, goal.printed), "", check),))]
