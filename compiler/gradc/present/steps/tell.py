"""One derivative told: the parts, their derivatives, the chain rule, substitution, the simplified result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gradc.differentiate import gradient, jacobian_forward
from gradc.ir.scalar import Scalar, number
from gradc.ir.source import SourceLine
from gradc.ir.tensor import Graph, Input, Tensor, compute
from gradc.present import notation as n
from gradc.present.notation import Name, Notation
from gradc.present.steps import rules
from gradc.present.steps.derivation import Line, Side, Step
from gradc.present.steps.forward import Forward
from gradc.present.steps.parts import Part, Program, shown
from gradc.present.steps.points import Check, Points
from gradc.present.steps.reverse import Reverse
from gradc.present.steps.scribe import Scribe, entry_of, is_straight, is_zero, operator

Mode = Literal["reverse", "forward"]
Detail = Literal["brief", "normal", "full"]

#: The title of the step that says what the rules are.
GENERAL = "The rules in general"
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
    """What is derived: one output of a function's graph, by some inputs; ``words`` say what the output is.

    ``lines`` are those of the user's code that made the graph.
    """

    graph: Graph
    output: Tensor
    goals: tuple[Goal, ...]
    names: Mapping[Tensor, Name]
    function: Name
    words: str = ""
    lines: frozenset[SourceLine] = frozenset()

    @property
    def wrt(self) -> tuple[Input, ...]:
        """The inputs that the output is differentiated by."""
        return tuple(goal.wrt for goal in self.goals)


def program_of(task: Task) -> Program:
    """The function as the derivation sees it, not yet taken apart."""
    return Program(task.graph, task.output, task.wrt, task.names, task.function, task.lines)


def tell_reverse(task: Task, program: Program, detail: Detail) -> list[Step]:
    """The steps of a first derivative, from the output back."""
    page = _Telling(task, program, detail)
    telling = Reverse(program, page.scribe, page.points, detail == "full", is_straight(task.goals[0].left))
    page.truths = telling.truths
    steps = [named_parts(task, program, page.scribe, page.points)]
    local, chain = telling.local_lines(), telling.chain_lines()
    values = [telling.in_parts(wrt) for wrt in task.wrt]
    if not program.inner:
        return [*steps, *page.direct(local, values)]
    if detail != "brief":
        held = next((line.sides[0] for line in local if "|" in line.sides[0].plain), None)
        words = f"In {held.plain} what stands behind the bar is held fixed." if held else ""
        latex = f"In ${held.latex}$ what stands behind the bar is held fixed." if held else ""
        steps.append(Step("Differentiate each part", tuple(local), words, latex))
    if chain:
        several = any(len(program.consumers(v)) > 1 for v in [*task.wrt, *[p.stand_in for p in program.inner]])
        title = "Multiply along the paths, and add them up" if several else "Multiply along the path"
        words = " ".join(f"{bar.plain} stands for {side.plain}." for bar, side in telling.bars)
        latex = " ".join(f"${bar.latex}$ stands for ${side.latex}$." for bar, side in telling.bars)
        steps.append(Step(title, tuple(chain), words, latex))
    return [*steps, *page.ending(values, steps)]


def tell_forward(task: Task, program: Program, detail: Detail) -> list[Step]:
    """The steps of a first derivative, from the input on: a small change of it is followed to the output."""
    page = _Telling(task, program, detail)
    telling = Forward(program, page.scribe, page.points)
    page.truths = program.derivatives(page.points, task.wrt)
    steps = [named_parts(task, program, page.scribe, page.points)]
    output, wrt = telling.derivative_line()
    local, chain = telling.local_lines(), telling.chain_lines()
    if detail != "brief" or not chain:
        words, latex = (f"A small change {w} changes each part in turn." for w in (wrt.plain, f"${wrt.latex}$"))
        steps.append(
            Step("Take differentials", tuple(local), words, latex)
            if program.inner
            else Step("Take the differential", tuple(local))
        )
    if chain:
        steps.append(Step("Put them into each other", tuple(chain)))
    steps += page.ending([telling.in_parts()], steps)
    place = next(k for k, step in enumerate(steps) if step.title in _LAST)
    words = f"What multiplies {wrt.plain} in {output.plain} is the derivative."
    latex = f"What multiplies ${wrt.latex}$ in ${output.latex}$ is the derivative."
    steps[place] = replace(steps[place], title="Read off the derivative", words=words, words_latex=latex)
    return steps


def derivative(output: Tensor, wrt: Input) -> Tensor:
    """The derivative by the whole function."""
    if output.rank:
        return jacobian_forward(output, wrt)
    return gradient([output], [compute((), number(1, output.dtype))], [wrt])[0]


_BOTH, _ONLY, _DIRECT = "Substitute back and simplify", "Simplify", "The derivative"
_LAST = (_BOTH, _ONLY, _DIRECT)


class _Telling:
    """What both tellings share: how they begin and end. ``truths`` are the derivatives to compare with."""

    def __init__(self, task: Task, program: Program, detail: Detail) -> None:
        program.take_apart()
        self.task, self.program, self.detail = task, program, detail
        self.points = program.points()
        self.scribe = Scribe(program.symbols, task.graph.inputs)
        self.truths: Mapping[Input, Tensor] = {}

    def ending(self, values: Sequence[Tensor], before: Sequence[Step]) -> list[Step]:
        """Back to the inputs: the definitions put in, the result simplified, and at full detail the rules used."""
        lines = self._substituted(values) if self.detail != "brief" else []
        steps = [Step("Substitute back", tuple(lines))] if lines else []
        title = _DIRECT if not self.program.inner else _ONLY if lines else _BOTH
        steps.append(self._simplified(values, title))
        return [*steps, *self._general([*before, *steps])]

    def _general(self, steps: Sequence[Step]) -> list[Step]:
        """What the rules that were used say in general."""
        used = [rule for step in steps for rule in step.rule.split(", ")]
        named = [rule for rule in rules.STATEMENTS if rule in used]
        lines = [Line((rules.STATEMENTS[rule],), rule, None) for rule in named]
        return [Step(GENERAL, tuple(lines))] if self.detail == "full" and lines else []

    def _substituted(self, values: Sequence[Tensor]) -> list[Line]:
        """The derivatives with the parts' definitions put back, nothing simplified; those that say something."""
        lines = []
        for goal, value in zip(self.task.goals, values, strict=True):
            meaning = self.program.substituted(value)
            written, letters = self.scribe.shorter(meaning)
            side = self.scribe.side(written)
            before = self.scribe.side(self.scribe.shorter(value)[0])
            if len(side.plain) > _LONGEST_SUBSTITUTED or side.plain in (before.plain, goal.printed.plain):
                continue
            check = self.points.equal([meaning, self.truths[goal.wrt]])
            lines.append(Line((entry_of(goal.left, letters), side), "", check))
        return lines

    def _simplified(self, values: Sequence[Tensor], title: str) -> Step:
        """The formulas themselves, compared with difference quotients of the function and with its own sweep."""
        before: set[str] = set()
        for part in self.program.parts:
            before |= _functions(self.scribe.entry(part.displayed, self.scribe.letters(part.tensor.rank)))
        lines = []
        for goal, value in zip(self.task.goals, values, strict=True):
            ends = self.points.derivative(self.program.output.tensor, goal.wrt, goal.result)
            check = Check(min(ends.points, self.points.equal([goal.result, self.truths[goal.wrt]]).points))
            after = _functions(self.scribe.shorter(shown(goal.result))[0])
            used = rules.identities(before | _functions(self.scribe.shorter(value)[0]), after)
            words = ", ".join(side.plain for side in used)
            latex = r", \ ".join(side.latex for side in used)
            rule, rule_latex = (f"by {words}", rf"\text{{by }} {latex}") if used else ("", "")
            lines.append(Line((goal.left, goal.printed), rule, check, rule_latex))
        return Step(title, tuple(lines))

    # ------------------------------------------------------------ functions without intermediates

    def direct(self, local: Sequence[Line], values: Sequence[Tensor]) -> list[Step]:
        """The terms one by one, then the derivative; nothing is said twice."""
        terms = self._terms()
        steps = [Step("Differentiate term by term", tuple(terms))] if terms else []
        final = self._simplified(values, _DIRECT)
        pairs = list(zip(local, self.task.goals, strict=False))
        if not terms and any(line.sides[1].plain != goal.printed.plain for line, goal in pairs):
            steps = [Step("Differentiate", tuple(local))]
        if not steps and len(local) == len(final.lines):
            lines = [replace(b, rule=a.rule, rule_latex="") for a, b in zip(local, final.lines, strict=True)]
            final = replace(final, lines=tuple(lines))
        steps.append(final)
        return [*steps, *self._general(steps)]

    def _terms(self) -> list[Line]:
        """The derivative of each term of a sum."""
        part, scribe = self.program.output, self.scribe
        terms = rules.terms_of(part.displayed)
        if part.tensor.rank or not 2 <= len(terms) <= _MOST_TERMS:
            return []
        lines = []
        for goal in self.task.goals:
            letters = scribe.letters(goal.wrt.rank)
            below = scribe.named(self.program.symbols[goal.wrt], letters)
            for term in self._in_print_order(terms):
                alone = compute((), term)
                partial = shown(derivative(alone, goal.wrt))
                if is_zero(partial):
                    continue
                left = operator(scribe.factor(scribe.entry(alone, ())).side, below, is_straight(goal.left))
                check = self.points.derivative(alone, goal.wrt, partial)
                value = scribe.side(scribe.entry(partial, letters))
                lines.append(Line((left, value), rules.rules_of(alone, goal.wrt, [goal.wrt]), check))
        return lines

    def _in_print_order(self, terms: Sequence[Scalar]) -> list[Scalar]:
        whole = self.scribe.entry(self.program.output.displayed, ())
        printed = list(whole.terms) if isinstance(whole, n.Sum) else []
        written = {term: self.scribe.entry(compute((), term), ()) for term in terms}
        return sorted(terms, key=lambda t: printed.index(written[t]) if written[t] in printed else len(printed))


def named_parts(task: Task, program: Program, scribe: Scribe, points: Points) -> Step:
    """The definitions."""
    lines = tuple(_definition(part, scribe, points) for part in program.parts)
    return Step("Name the parts" if program.inner else "The function", lines, task.words)


def _definition(part: Part, scribe: Scribe, points: Points) -> Line:
    value, letters = scribe.shorter(part.displayed)
    check = points.equal([part.displayed, part.stand_in])
    sides = [scribe.named(part.name, letters), scribe.side(value)]
    if not part.tensor.rank:  # a sum that was written whole: its entries are what is differentiated
        entry = scribe.side(scribe.entry(part.displayed, ()))
        sides += [entry] if entry.plain != sides[1].plain else []
    return Line(tuple(sides), "", check)


def _functions(notation: Notation) -> set[str]:
    found, pending = set(), [notation]
    while pending:
        item = pending.pop()
        if isinstance(item, n.Function):
            found.add(item.name)
        pending.extend(item.parts)
    return found


__all__ = ["Detail", "Goal", "Mode", "Task", "program_of", "tell_reverse"]
