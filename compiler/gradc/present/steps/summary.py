"""Derivations that are not told line by line: big functions, and values; checked at their ends."""

from __future__ import annotations

from gradc.errors import GradcError
from gradc.ir.tensor import Compute, Tensor
from gradc.ir.walk import graph_order
from gradc.present.steps.derivation import Line, Step
from gradc.present.steps.parts import Program, shown
from gradc.present.steps.points import Check, Points, WrongStepError
from gradc.present.steps.scribe import Scribe
from gradc.present.steps.tell import Task, named_parts, program_of

#: A summary shows so many parts at either end.
_SHOWN = 2


def agrees(task: Task) -> bool:
    """Whether the result is the derivative of the task's output, by numbers at the ends."""
    points = Points(task.graph)
    try:
        points.derivative(task.output, task.wrt, task.result)
    except WrongStepError:
        return False
    return True


def summary(task: Task, program: Program | None = None, compared: bool = True) -> list[Step]:
    """What the function is made of, how many parts are left out, and the result, checked against the function."""
    points = Points(task.graph)
    nodes = sum(isinstance(node, Compute) for node in graph_order([task.output]))
    check = points.derivative(task.output, task.wrt, task.result) if compared else Check()
    steps = []
    try:
        program = program or program_of(task)
        steps.append(_ends(program))
    except GradcError:
        pass
    words = (
        f"The function has {nodes} operations: the chain rule multiplies their derivatives along every path and adds the "
        f"paths up, each intermediate once."
    )
    words += " The result is compared with difference quotients of the function itself." if compared else ""
    return [*steps, Step("The derivative", (Line((task.left, task.printed), "chain rule, all paths", check),), words)]


def _ends(program: Program) -> Step:
    """The first and the last parts."""
    names = [program.names[t].plain for t in program.named]
    program.take_apart(only=_SHOWN)
    points = program.points()
    scribe = Scribe(program.symbols, program.graph.inputs)
    step = named_parts(program, scribe, points)
    left_out = len(names) + 1 - len(step.lines)
    words = f"{left_out} intermediates are left out." if left_out > 1 else ""
    return Step("The parts at either end" if left_out > 1 else step.title, step.lines, words)


def tell_value(task: Task) -> list[Step]:
    """A function that is not differentiated: its parts, and its formula."""
    points = Points(task.graph)
    check = points.equal([task.output, task.result]) if _comparable(task.output, task.result) else None
    scribe = Scribe(task.names, task.graph.inputs)
    value, letters = scribe.shorter(shown(task.output))
    name = scribe.named(task.function, letters)
    first = Step(
        "The function", (Line((name, scribe.side(value)), "", points.equal([shown(task.output), task.output])),)
    )
    return [first, Step("Simplify", (Line((task.left, task.printed), "", check),))]


def _comparable(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape
