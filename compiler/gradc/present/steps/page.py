"""`derivation_of`: from a formula and its origin to the page that derives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gradc.errors import ArgumentError, GradcError, InternalError
from gradc.ir.scalar import index, load
from gradc.ir.tensor import Graph, Input, Tensor, compute
from gradc.ir.walk import graph_order
from gradc.present.notation import Name
from gradc.present.origin import Origin
from gradc.present.steps.derivation import Derivation, Line, Side, Step
from gradc.present.steps.naming import active_nodes
from gradc.present.steps.operators import tell_operator
from gradc.present.steps.points import WrongStepError
from gradc.present.steps.scribe import Scribe, is_straight, quotient
from gradc.present.steps.summary import agrees, summary, tell_value
from gradc.present.steps.tell import (
    GENERAL,
    LARGEST_TOLD,
    MOST_PARTS,
    Detail,
    Goal,
    Mode,
    Task,
    derivative,
    program_of,
    tell_forward,
    tell_reverse,
)
from gradc.present.symbols import symbol
from gradc.simplify.display import display


@dataclass(frozen=True)
class Result:
    """One output of a formula: its graph, its two sides as they are printed, and the symbols of the inputs."""

    graph: Graph
    left: Side
    printed: Side
    symbols: Mapping[Tensor, Name]
    origin: Origin


def derivation_of(results: Sequence[Result], mode: Mode, detail: Detail, strict: bool = False) -> Derivation:
    """The derivation of every derivative among the results.

    A telling that a check contradicts is never shown: the ends are, checked, without the steps between; with ``strict``
    it is an `InternalError`.
    """
    for result in results:
        _require_told(result)
    told = [r for r in results if r.origin.labels[0][0] not in ("", "value")] or list(results)
    title = _title(told, mode)
    if mode == "reverse" and all(_is_first(r) for r in told):  # one sweep gives all
        together = _Page(told, mode, detail, strict).together()
        if together is not None:
            return Derivation(title, tuple(together))
    pages = [_Page([result], mode, detail, strict).steps() for result in told]
    if len(told) == 1:
        return Derivation(title, tuple(pages[0]))
    known: set[tuple[Line, ...]] = set()  # what was told before is not told again
    steps = []
    for result, page in zip(told, pages, strict=True):
        shown = [step for step in page if step is page[-1] or step.lines not in known]
        known.update(step.lines for step in page)
        steps += [replace(step, title=f"{result.left.plain}: {_lower(step.title)}") for step in shown]
    return Derivation(title, tuple(rules_last(steps)))


def rules_last(steps: Sequence[Step]) -> list[Step]:
    """The general rules of several tellings as one step at the end."""
    general = [step for step in steps if GENERAL.lower() in step.title.lower()]
    told = [step for step in steps if step not in general]
    lines = tuple(dict.fromkeys(line for step in general for line in step.lines))
    return [*told, Step(GENERAL, lines)] if general else told


def _require_told(result: Result) -> None:
    """Derivatives along given directions are not told."""
    known = {t for function in result.origin.functions for t in function.inputs}
    read = [t for t in graph_order(result.graph.outputs) if isinstance(t, Input) and t not in known]
    if result.origin.labels[0][0] == "derivative" and result.origin.functions and read:
        raise ArgumentError(
            f"steps() tells derivatives by a function's arguments; this one is along {read[0].name!r}, which is none: "
            f"ask for the steps of grad, jacobian or hessian instead"
        )


def _is_first(result: Result) -> bool:
    kind, wrt = result.origin.labels[0]
    return kind == "derivative" and len(wrt) == 1


def _title(results: Sequence[Result], mode: Mode) -> Side:
    lefts = list(dict.fromkeys(result.left for result in results))
    plain = ", ".join(side.plain for side in lefts)
    latex = ", ".join(f"${side.latex}$" for side in lefts)
    how = f" ({mode} mode)" if results[0].origin.labels[0][0] == "derivative" else ""
    return Side(f"{plain} step by step{how}", f"{latex} step by step{how}")


class _Page:
    """Tells some results of one function; all but `together` tell the first."""

    def __init__(self, results: Sequence[Result], mode: Mode, detail: Detail, strict: bool) -> None:
        self._results, self._mode, self._detail, self._strict = results, mode, detail, strict
        self._result = results[0]
        self._kind, self._wrt = self._result.origin.labels[0]
        self._name = self._result.origin.name
        self._functions = self._result.origin.functions or (self._result.graph,)

    def together(self) -> list[Step] | None:
        """First derivatives of one output by several inputs; None where they are not of one output."""
        goals = tuple(self._goal(r, self._wanted(r.origin.labels[0][1][0])) for r in self._results)
        candidates = list(self._outputs(goals[0]))
        for output, words in candidates:
            task = self._task(output, goals, words)
            if len(candidates) == 1 or agrees(task):
                return self._told(task)
        return None

    def steps(self) -> list[Step]:
        """The steps of the first result."""
        if self._kind in ("", "value"):
            goals = (self._goal(self._result, self._inputs()[0]),) if self._inputs() else ()
            if not goals:
                return [Step("The value", (Line((self._result.left, self._result.printed), "", None),))]
            return tell_value(self._task(self._functions[0].outputs[0], goals))
        if self._kind != "derivative":
            return self._operator()
        if len(self._wrt) > 1:
            return self._higher()
        found = self.together()
        if found is None:
            raise InternalError(f"the derivation of {self._result.left.plain} does not agree with numbers")
        return found

    def _inputs(self) -> list[Input]:
        return list(dict.fromkeys(t for graph in self._functions for t in graph.inputs))

    def _wanted(self, path: str) -> Input:
        return next(t for t in (*self._inputs(), *self._result.graph.inputs) if t.name == path)

    def _goal(self, result: Result, wrt: Input) -> Goal:
        return Goal(wrt, result.graph.outputs[0], result.left, result.printed)

    def _task(self, output: Tensor, goals: tuple[Goal, ...], words: str = "") -> Task:
        inputs = tuple(dict.fromkeys([*self._inputs(), *self._result.graph.inputs]))
        symbols = self._symbols()
        name = symbol(self._name, output.rank)
        if words:
            name = next(Name(c, c) for c in ("S", "T", "Q") if c not in [s.plain for s in symbols.values()])
            words = f"{name.plain} {words}"
        lines = frozenset(self._result.origin.lines.values())
        return Task(Graph(inputs, (output,)), output, goals, symbols, name, words, lines)

    def _symbols(self) -> dict[Tensor, Name]:
        others = [t for t in self._inputs() if t not in self._result.symbols]
        # an input of an inner trace is called after the outer one: x'1
        own: dict[Tensor, Name] = {t: symbol(t.name.split("'")[0].strip("_") or "x", t.rank) for t in others}
        own.update(self._result.symbols)
        return own

    # ------------------------------------------------------------ kinds of results

    def _outputs(self, goal: Goal) -> Iterator[tuple[Tensor, str]]:
        """The outputs that this may be the derivative of, with words about them; an elementwise one is that of the sum."""
        for output in [output for graph in self._functions for output in graph.outputs]:
            if output.dtype.kind != "f":
                continue
            if (*output.shape, *goal.wrt.shape) == goal.result.shape:
                yield output, ""
            elif output.rank and goal.result.shape == goal.wrt.shape:
                total = compute(
                    (), load(output, [index(k) for k in range(output.rank)]), reduce_extents=output.shape, reducer="sum"
                )
                yield (
                    total,
                    f"is the sum of the entries of {self._name}; each depends on one entry of the argument alone.",
                )

    def _higher(self) -> list[Step]:
        """First one derivative, then the next of it."""
        output = next(t for t in self._functions[0].outputs if t.rank == 0)
        first, second = (self._wanted(path) for path in self._wrt)
        gradient = display(Graph(self._functions[0].inputs, (derivative(output, first),))).outputs[0]
        above, below = symbol(self._name), self._symbols()[first]
        left = quotient(
            Side(above.plain, above.latex), [Side(below.plain, below.latex)], straight=is_straight(self._result.left)
        )
        task = self._task(output, (Goal(first, gradient, left, self._printed(gradient)),))
        before = [replace(s, title=f"First derivative: {_lower(s.title)}") for s in self._told(task)]
        name = self._derivative_name(first, second)
        again = replace(self._task(gradient, (self._goal(self._result, second),)), function=name)
        if not agrees(again):
            raise InternalError(f"the derivation of {self._result.left.plain} does not agree with numbers")
        after = [replace(s, title=f"Second derivative: {_lower(s.title)}") for s in self._told(again)]
        words, latex = f"{name.plain} is {left.plain}.", f"${name.latex}$ is ${left.latex}$."
        after[0] = replace(after[0], words=words, words_latex=latex)
        return rules_last([*before, *after])

    def _derivative_name(self, first: Input, second: Input) -> Name:
        base = symbol(self._name)
        if (
            first is second
            and len([t for t in self._functions[0].inputs if t.dtype.kind == "f"]) == 1
            and not first.rank
        ):
            return Name(f"{base.latex}'", f"{base.plain}'", 0)
        taken = {name.plain for name in self._symbols().values()} | {base.plain}
        letter = next(c for c in ("g", "h", "k", "q", "G") if c not in taken)
        return Name(letter, letter, first.rank)

    def _printed(self, tensor: Tensor) -> Side:
        scribe = Scribe(self._symbols(), self._inputs())
        return scribe.side(scribe.shorter(tensor)[0])

    def _operator(self) -> list[Step]:
        point = next(t for t in self._inputs() if t.rank == 1)
        task = self._task(self._functions[0].outputs[0], (self._goal(self._result, point),))
        return tell_operator(self._kind, task, [t for graph in self._functions for t in graph.outputs])

    # ------------------------------------------------------------ telling, or the ends

    def _told(self, task: Task) -> list[Step]:
        tell: Callable[..., list[Step]] = tell_forward if self._mode == "forward" else tell_reverse
        if len(active_nodes(task.output, task.wrt)) > LARGEST_TOLD:
            return self._summary(task)
        program = program_of(task)
        if len(program.named) > MOST_PARTS:
            return self._summary(task)
        try:
            return tell(task, program, self._detail)
        except (WrongStepError, GradcError, RecursionError) as error:
            if self._strict:
                raise InternalError(f"a step of the derivation does not hold: {error}") from error
            return self._summary(task)

    def _summary(self, task: Task) -> list[Step]:
        try:
            return summary(task)
        except WrongStepError as error:
            raise InternalError(f"the derivation of {self._result.left.plain} does not agree with numbers") from error


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]
