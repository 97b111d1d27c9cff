"""One derivative told: the parts, their derivatives, the chain rule, substitution, the simplified result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gradc.differentiate import gradient, jacobian_forward
from gradc.ir.scalar import number
from gradc.ir.tensor import Graph, Input, Tensor, compute
from gradc.present import notation as n
from gradc.present.notation import Name, Notation
from gradc.present.page import printed_length
from gradc.present.steps import rules
from gradc.present.steps.derivation import Line, Side, Step
from gradc.present.steps.forward import Forward
from gradc.present.steps.parts import Part, Program, shown
from gradc.present.steps.points import Check, Points
from gradc.present.steps.reverse import Reverse
from gradc.present.steps.scribe import Scribe

Mode = Literal["reverse", "forward"]
Detail = Literal["brief", "normal", "full"]

#: Programs with more varying nodes or more named parts are summarised.
LARGEST_TOLD = 300
MOST_PARTS = 24
#: A derivative whose substituted form is longer is only shown simplified.
_LONGEST_SUBSTITUTED = 160


@dataclass(frozen=True)
class Task:
    """What is derived: one output of a function's graph, by one input; and the result, as its formula prints it."""

    graph: Graph
    output: Tensor
    wrt: Input
    names: Mapping[Tensor, Name]
    function: Name
    left: Side
    result: Tensor
    printed: Side


def program_of(task: Task) -> Program:
    """The function as the derivation sees it, not yet taken apart."""
    return Program(task.graph, task.output, [task.wrt], task.names, task.function)


def tell_reverse(task: Task, program: Program, detail: Detail) -> list[Step]:
    """The steps of a first derivative, from the output back."""
    program.take_apart()
    points = program.points()
    scribe = Scribe(program.symbols, [*task.graph.inputs])
    telling = Reverse(program, scribe, points, detail)
    steps = [named_parts(program, scribe, points)]
    local = telling.local_lines()
    if detail != "brief" or not program.inner:
        single = not program.inner
        steps.append(Step("Differentiate" if single else "Differentiate each part", tuple(local)))
    chain = telling.chain_lines()
    if chain:
        several = any(len(program.consumers(v)) > 1 for v in [task.wrt, *[p.stand_in for p in program.inner]])
        title = "Multiply along the paths, and add them up" if several else "Multiply along the path"
        bars = [f"{bar.plain} stands for {side.plain}." for bar, side in telling.bars]
        steps.append(Step(title, tuple(chain), " ".join(bars)))
    value = telling.in_parts(task.wrt)
    if detail != "brief":
        steps += substituted(task, program, scribe, points, value)
    steps.append(simplified(task, program, scribe, points, value))
    return [*steps, *([general_rules(steps)] if detail == "full" else [])]


def tell_forward(task: Task, program: Program, detail: Detail) -> list[Step]:
    """The steps of a first derivative, from the input on: a small change of it is followed to the output."""
    program.take_apart()
    points = program.points()
    scribe = Scribe(program.symbols, [*task.graph.inputs])
    telling = Forward(program, scribe, points)
    steps = [named_parts(program, scribe, points)]
    output, wrt = telling.derivative_line()
    local, chain = telling.local_lines(), telling.chain_lines()
    if detail != "brief" or not chain:
        words = f"What {wrt.plain} changes, part by part."
        steps.append(Step("Take differentials", tuple(local), words))
    if chain:
        steps.append(Step("Put them into each other", tuple(chain)))
    value = telling.in_parts()
    if detail != "brief":
        steps += substituted(task, program, scribe, points, value)
    final = simplified(task, program, scribe, points, value)
    words = f"What multiplies {wrt.plain} in {output.plain} is the derivative."
    steps.append(replace(final, title="Read off the derivative", words=words))
    return [*steps, *([general_rules(steps)] if detail == "full" else [])]


def derivative(output: Tensor, wrt: Input) -> Tensor:
    """The derivative by the whole function."""
    if output.rank:
        return jacobian_forward(output, wrt)
    return gradient([output], [compute((), number(1, output.dtype))], [wrt])[0]


# ------------------------------------------------------------ steps that both tellings share


def named_parts(program: Program, scribe: Scribe, points: Points) -> Step:
    """The definitions."""
    lines = tuple(_definition(part, scribe, points) for part in program.parts)
    return Step("Name the parts" if program.inner else "The function", lines)


def _definition(part: Part, scribe: Scribe, points: Points) -> Line:
    value, letters = scribe.shorter(part.displayed)
    check = points.equal([part.displayed, part.tensor])
    sides = [scribe.named(part.name, letters), scribe.side(value)]
    if not part.tensor.rank:  # a sum that was written whole: its entries are what is differentiated
        entry = scribe.side(scribe.entry(part.displayed, ()))
        sides += [entry] if entry.plain != sides[1].plain else []
    return Line(tuple(sides), "", check)


def substituted(task: Task, program: Program, scribe: Scribe, points: Points, value: Tensor) -> list[Step]:
    """The derivative with the parts' definitions put back, nothing simplified."""
    if not program.inner:
        return []
    meaning = program.substituted(value)
    written, letters = scribe.shorter(meaning)
    side = scribe.side(written)
    before = scribe.side(scribe.shorter(value)[0])
    if printed_length(written) > _LONGEST_SUBSTITUTED or side.plain in (before.plain, task.printed.plain):
        return []
    left = task.left if not letters else Side(*(_indexed(text, letters, k) for k, text in enumerate(_pair(task.left))))
    line = Line((left, side), "", points.equal([meaning, reference(program, task.wrt)]))
    return [Step("Substitute back", (line,))]


def _pair(side: Side) -> tuple[str, str]:
    return side.plain, side.latex


def _indexed(text: str, letters: tuple[Notation, ...], latex: int) -> str:
    names = [letter for letter in letters if isinstance(letter, Name)]
    if latex:
        return rf"\left({text}\right)_{{{''.join(name.latex for name in names)}}}"
    return f"({text})[{', '.join(name.plain for name in names)}]"


def simplified(task: Task, program: Program, scribe: Scribe, points: Points, value: Tensor) -> Step:
    """The formula itself, compared with a difference quotient of the function and with the sweep."""
    truth = reference(program, task.wrt)
    result = task.result
    ends = points.derivative(program.output.tensor, task.wrt, result)
    check = Check(min(ends.points, points.equal([result, truth]).points))
    before = [scribe.entry(part.displayed, scribe.letters(part.tensor.rank)) for part in program.parts]
    after = scribe.shorter(shown(result))[0]
    used = rules.identities(set().union(*map(_functions, [*before, scribe.shorter(value)[0]])), _functions(after))
    words = ", ".join(side.plain for side in used)
    latex = r", \ ".join(side.latex for side in used)
    line = Line((task.left, task.printed), words and f"by {words}", check, latex and rf"\text{{by }} {latex}")
    return Step("Simplify" if program.inner else "The derivative", (line,))


def _functions(notation: Notation) -> set[str]:
    found, pending = set(), [notation]
    while pending:
        item = pending.pop()
        if isinstance(item, n.Function):
            found.add(item.name)
        pending.extend(item.parts)
    return found


def reference(program: Program, variable: Input) -> Tensor:
    """The derivative by the whole function, apart from how its parts are named."""
    return derivative(program.output.tensor, variable)


def general_rules(steps: list[Step]) -> Step:
    """What the rules that were used say in general."""
    used = [rule for step in steps for rule in step.rule.split(", ")]
    named = [rule for rule in rules.STATEMENTS if rule in used]
    lines = [Line((rules.STATEMENTS[rule],), rule, None) for rule in named]
    return Step("The rules in general", tuple(lines))


__all__ = ["Detail", "Mode", "Task", "program_of", "tell_reverse"]
