"""One derivative told: the parts, their derivatives, the chain rule, substitution, the simplified result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gradc.differentiate import gradient, jacobian_forward
from gradc.ir.scalar import Scalar, number
from gradc.ir.tensor import Graph, Input, Tensor, compute
from gradc.present import notation as n
from gradc.present.notation import Name, Notation
from gradc.present.steps import rules
from gradc.present.steps.derivation import Line, Side, Step
from gradc.present.steps.forward import Forward
from gradc.present.steps.parts import Part, Program, shown
from gradc.present.steps.points import Check, Points
from gradc.present.steps.reverse import Reverse
from gradc.present.steps.scribe import Scribe, entry_of, is_zero, operator

Mode = Literal["reverse", "forward"]
Detail = Literal["brief", "normal", "full"]

#: Programs with more varying nodes or more named parts are summarised.
LARGEST_TOLD = 300
MOST_PARTS = 24
#: A derivative whose substituted form is longer is only shown simplified.
_LONGEST_SUBSTITUTED = 110
#: A sum of more terms is differentiated at once.
_MOST_TERMS = 8


@dataclass(frozen=True)
class Goal:
    """A derivative by one input: its graph, and both sides of its formula as they are printed."""

    wrt: Input
    result: Tensor
    left: Side
    printed: Side


@dataclass(frozen=True)
class Task:
    """What is derived: one output of a function's graph, by some inputs; ``words`` say what the output is."""

    graph: Graph
    output: Tensor
    goals: tuple[Goal, ...]
    names: Mapping[Tensor, Name]
    function: Name
    words: str = ""

    @property
    def wrt(self) -> tuple[Input, ...]:
        """The inputs that the output is differentiated by."""
        return tuple(goal.wrt for goal in self.goals)


def program_of(task: Task) -> Program:
    """The function as the derivation sees it, not yet taken apart."""
    return Program(task.graph, task.output, task.wrt, task.names, task.function)


def tell_reverse(task: Task, program: Program, detail: Detail) -> list[Step]:
    """The steps of a first derivative, from the output back."""
    program.take_apart()
    points = program.points()
    scribe = Scribe(program.symbols, [*task.graph.inputs])
    telling = Reverse(program, scribe, points, detail)
    steps = [named_parts(task, program, scribe, points)]
    local, chain = telling.local_lines(), telling.chain_lines()
    values = [telling.in_parts(wrt) for wrt in task.wrt]
    if not program.inner:
        return [*steps, *_direct(task, program, scribe, points, local, values, detail)]
    if detail != "brief":
        steps.append(Step("Differentiate each part", tuple(local)))
    if chain:
        several = any(len(program.consumers(v)) > 1 for v in [*task.wrt, *[p.stand_in for p in program.inner]])
        title = "Multiply along the paths, and add them up" if several else "Multiply along the path"
        bars = [f"{bar.plain} stands for {side.plain}." for bar, side in telling.bars]
        steps.append(Step(title, tuple(chain), " ".join(bars)))
    return [*steps, *ending(task, program, scribe, points, values, detail, steps)]


def _direct(
    task: Task,
    program: Program,
    scribe: Scribe,
    points: Points,
    local: list[Line],
    values: list[Tensor],
    detail: Detail,
) -> list[Step]:
    """A function without intermediates: its terms one by one, then the derivative."""
    terms = _terms(task, program, scribe, points)
    steps = [Step("Differentiate term by term", tuple(terms))] if terms else []
    final = simplified(task, program, scribe, points, values, "The derivative")
    if not terms and any(a.sides[1].plain != g.printed.plain for a, g in zip(local, task.goals, strict=False)):
        steps = [Step("Differentiate", tuple(local))]
    if not steps:
        lines = [replace(b, rule=a.rule, rule_latex="") for a, b in zip(local, final.lines, strict=False)]
        final = replace(final, lines=tuple(lines) or final.lines)
    steps.append(final)
    return [*steps, *([general_rules(steps)] if detail == "full" else [])]


def _terms(task: Task, program: Program, scribe: Scribe, points: Points) -> list[Line]:
    """The derivative of each term of a sum."""
    part, lines = program.output, []
    terms = rules.terms_of(part.displayed)
    if part.tensor.rank or not 2 <= len(terms) <= _MOST_TERMS:
        return []
    for goal in task.goals:
        for term in _in_print_order(terms, part, scribe):
            alone = compute((), term)
            partial = shown(derivative(alone, goal.wrt))
            if is_zero(partial):
                continue
            letters = scribe.letters(goal.wrt.rank)
            below = scribe.named(program.symbols[goal.wrt], letters)
            left = operator(scribe.factor(scribe.entry(alone, ())).side, below)
            check = points.derivative(alone, goal.wrt, partial)
            value = scribe.side(scribe.entry(partial, letters))
            lines.append(Line((left, value), rules.rules_of(alone, goal.wrt, [goal.wrt]), check))
    return lines


def _in_print_order(terms: Sequence[Scalar], part: Part, scribe: Scribe) -> list[Scalar]:
    whole = scribe.entry(part.displayed, ())
    printed = list(whole.terms) if isinstance(whole, n.Sum) else []
    written = {term: scribe.entry(compute((), term), ()) for term in terms}
    return sorted(terms, key=lambda t: printed.index(written[t]) if written[t] in printed else len(printed))


def tell_forward(task: Task, program: Program, detail: Detail) -> list[Step]:
    """The steps of a first derivative, from the input on: a small change of it is followed to the output."""
    program.take_apart()
    points = program.points()
    scribe = Scribe(program.symbols, [*task.graph.inputs])
    telling = Forward(program, scribe, points)
    steps = [named_parts(task, program, scribe, points)]
    output, wrt = telling.derivative_line()
    local, chain = telling.local_lines(), telling.chain_lines()
    if detail != "brief" or not chain:
        words = f"A small change {wrt.plain} changes each part in turn." if program.inner else ""
        steps.append(Step("Take differentials", tuple(local), words))
    if chain:
        steps.append(Step("Put them into each other", tuple(chain)))
    steps += ending(task, program, scribe, points, [telling.in_parts()], detail, steps)
    place = next(k for k, step in enumerate(steps) if step.title in _LAST)
    words = f"What multiplies {wrt.plain} in {output.plain} is the derivative."
    steps[place] = replace(steps[place], title="Read off the derivative", words=words)
    return steps


def derivative(output: Tensor, wrt: Input) -> Tensor:
    """The derivative by the whole function."""
    if output.rank:
        return jacobian_forward(output, wrt)
    return gradient([output], [compute((), number(1, output.dtype))], [wrt])[0]


# ------------------------------------------------------------ steps that both tellings share


def named_parts(task: Task, program: Program, scribe: Scribe, points: Points) -> Step:
    """The definitions."""
    lines = tuple(_definition(part, scribe, points) for part in program.parts)
    return Step("Name the parts" if program.inner else "The function", lines, task.words)


def _definition(part: Part, scribe: Scribe, points: Points) -> Line:
    value, letters = scribe.shorter(part.displayed)
    check = points.equal([part.displayed, part.tensor])
    sides = [scribe.named(part.name, letters), scribe.side(value)]
    if not part.tensor.rank:  # a sum that was written whole: its entries are what is differentiated
        entry = scribe.side(scribe.entry(part.displayed, ()))
        sides += [entry] if entry.plain != sides[1].plain else []
    return Line(tuple(sides), "", check)


_BOTH, _ONLY = "Substitute back and simplify", "Simplify"
_LAST = (_BOTH, _ONLY, "The derivative")


def ending(
    task: Task,
    program: Program,
    scribe: Scribe,
    points: Points,
    values: Sequence[Tensor],
    detail: Detail,
    before: Sequence[Step],
) -> list[Step]:
    """Back to the inputs: the parts' definitions put in, the result simplified, and at full detail the rules used."""
    lines = substituted(task, program, scribe, points, values) if detail != "brief" else []
    steps = [Step("Substitute back", tuple(lines))] if lines else []
    title = "The derivative" if not program.inner else _ONLY if lines else _BOTH
    steps.append(simplified(task, program, scribe, points, values, title))
    return [*steps, *([general_rules([*before, *steps])] if detail == "full" else [])]


def substituted(task: Task, program: Program, scribe: Scribe, points: Points, values: Sequence[Tensor]) -> list[Line]:
    """The derivatives with the parts' definitions put back, nothing simplified; those that say something."""
    lines = []
    for goal, value in zip(task.goals, values, strict=True):
        meaning = program.substituted(value)
        written, letters = scribe.shorter(meaning)
        side = scribe.side(written)
        before = scribe.side(scribe.shorter(value)[0])
        if len(side.plain) > _LONGEST_SUBSTITUTED or side.plain in (before.plain, goal.printed.plain):
            continue
        check = points.equal([meaning, derivative(program.output.tensor, goal.wrt)])
        lines.append(Line((entry_of(goal.left, letters), side), "", check))
    return lines


def simplified(
    task: Task, program: Program, scribe: Scribe, points: Points, values: Sequence[Tensor], title: str
) -> Step:
    """The formulas themselves, compared with difference quotients of the function and with its own sweep."""
    before: set[str] = set()
    for part in program.parts:
        before |= _functions(scribe.entry(part.displayed, scribe.letters(part.tensor.rank)))
    lines = []
    for goal, value in zip(task.goals, values, strict=True):
        ends = points.derivative(program.output.tensor, goal.wrt, goal.result)
        check = Check(min(ends.points, points.equal([goal.result, derivative(program.output.tensor, goal.wrt)]).points))
        after = _functions(scribe.shorter(shown(goal.result))[0])
        used = rules.identities(before | _functions(scribe.shorter(value)[0]), after)
        words = ", ".join(side.plain for side in used)
        latex = r", \ ".join(side.latex for side in used)
        rule, rule_latex = (f"by {words}", rf"\text{{by }} {latex}") if used else ("", "")
        lines.append(Line((goal.left, goal.printed), rule, check, rule_latex))
    return Step(title, tuple(lines))


def _functions(notation: Notation) -> set[str]:
    found, pending = set(), [notation]
    while pending:
        item = pending.pop()
        if isinstance(item, n.Function):
            found.add(item.name)
        pending.extend(item.parts)
    return found


def general_rules(steps: Sequence[Step]) -> Step:
    """What the rules that were used say in general."""
    used = [rule for step in steps for rule in step.rule.split(", ")]
    named = [rule for rule in rules.STATEMENTS if rule in used]
    lines = [Line((rules.STATEMENTS[rule],), rule, None) for rule in named]
    return Step("The rules in general", tuple(lines))


__all__ = ["Detail", "Goal", "Mode", "Task", "program_of", "tell_reverse"]
