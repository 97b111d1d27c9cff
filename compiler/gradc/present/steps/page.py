"""`derivation_of`: from a formula and its origin to the page that derives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from gradc.errors import GradcError, InternalError
from gradc.ir.build import comprehension
from gradc.ir.scalar import load
from gradc.ir.tensor import Graph, Input, Tensor
from gradc.present.notation import Name
from gradc.present.origin import Origin
from gradc.present.steps.derivation import Derivation, Side, Step
from gradc.present.steps.naming import active_nodes
from gradc.present.steps.operators import tell_operator
from gradc.present.steps.points import WrongStepError
from gradc.present.steps.scribe import quotient
from gradc.present.steps.summary import agrees, summary, tell_value
from gradc.present.steps.tell import (
    LARGEST_TOLD,
    MOST_PARTS,
    Detail,
    Mode,
    Task,
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
    symbols: dict[Input, Name]
    origin: Origin


def derivation_of(results: Sequence[Result], mode: Mode, detail: Detail, strict: bool = False) -> Derivation:
    """The derivation of every derivative among the results.

    A telling that a check contradicts is never shown: the ends are, checked, without the steps between; with ``strict``
    it is an `InternalError`.
    """
    told = [r for r in results if r.origin.labels[0][0] not in ("", "value")] or list(results)
    pages = [_Page(result, mode, detail, strict).steps() for result in told]
    if len(told) == 1:
        return Derivation(_title(told[0], mode), tuple(pages[0]))
    steps = [
        replace(step, title=f"{result.left.plain}: {step.title[:1].lower()}{step.title[1:]}")
        for result, page in zip(told, pages, strict=True)
        for step in page
    ]
    return Derivation(_title(told[0], mode, [r.left for r in told]), tuple(steps))


def _title(result: Result, mode: Mode, lefts: Sequence[Side] = ()) -> Side:
    sides = lefts or [result.left]
    plain = ", ".join(side.plain for side in sides)
    latex = ", ".join(f"${side.latex}$" for side in sides)
    kind = result.origin.labels[0][0]
    how = f", {mode} mode" if kind == "derivative" else ""
    return Side(f"{plain} step by step{how}", f"{latex} step by step{how}")


class _Page:
    def __init__(self, result: Result, mode: Mode, detail: Detail, strict: bool) -> None:
        self._result, self._mode, self._detail, self._strict = result, mode, detail, strict
        kind, self._wrt = result.origin.labels[0]
        self._kind = kind
        self._name = result.origin.name
        # a result's graph may share its inputs with no function: then it is told as it is
        self._functions = result.origin.functions or (result.graph,)

    def steps(self) -> list[Step]:
        """The steps of this result."""
        if self._kind in ("", "value"):
            return tell_value(
                self._task(self._functions[0].outputs[0], self._result.graph.outputs[0], self._inputs()[:1])
            )
        if self._kind != "derivative":
            return self._operator()
        if len(self._wrt) > 1:
            return self._higher()
        return self._first()

    def _inputs(self) -> list[Input]:
        return [t for graph in self._functions for t in graph.inputs]

    def _wanted(self, path: str) -> Input:
        return next(t for t in (*self._inputs(), *self._result.graph.inputs) if t.name == path)

    def _task(self, output: Tensor, result: Tensor, wrt: Sequence[Input]) -> Task:
        name = symbol(self._name, output.rank)
        return Task(
            Graph(tuple(dict.fromkeys(self._inputs())), (output,)),
            output,
            wrt[0],
            self._symbols(),
            name,
            self._result.left,
            result,
            self._result.printed,
        )

    def _symbols(self) -> dict[Tensor, Name]:
        others = [t for t in self._inputs() if t not in self._result.symbols]
        return {**{t: symbol(t.name.strip("_") or "x", t.rank) for t in others}, **self._result.symbols}

    # ------------------------------------------------------------ kinds of results

    def _first(self) -> list[Step]:
        wrt, result = self._wanted(self._wrt[0]), self._result.graph.outputs[0]
        for output in self._outputs(wrt, result):
            task = self._task(output, result, [wrt])
            if agrees(task):
                return self._told(task)
        raise InternalError(f"the derivation of {self._result.left.plain} does not agree with numbers")

    def _outputs(self, wrt: Input, result: Tensor) -> Iterator[Tensor]:
        """The outputs that this may be the derivative of; an elementwise derivative is that of the sum."""
        for graph in self._functions:
            for output in graph.outputs:
                if wrt not in active_nodes(output, [wrt]) or output.dtype.kind != "f":
                    continue
                if (*output.shape, *wrt.shape) == result.shape:
                    yield output
                if output.rank and result.shape == wrt.shape:
                    places = range(output.rank)
                    yield comprehension((), lambda *i, t=output: load(t, i), reduce=output.shape) if places else output

    def _higher(self) -> list[Step]:
        """First one derivative, then the next of it."""
        *_, result = self._result.graph.outputs
        output = next(t for t in self._functions[0].outputs if t.rank == 0)
        first, second = (self._wanted(path) for path in self._wrt)
        from gradc.present.steps.tell import derivative

        gradient = display(Graph(self._functions[0].inputs, (derivative(output, first),))).outputs[0]
        symbols = self._symbols()
        above, below = symbol(self._name), symbols[first]
        name = self._derivative_name(first, second)
        left = quotient(Side(above.plain, above.latex), [Side(below.plain, below.latex)])
        printed = self._printed(gradient)
        task = replace(self._task(output, gradient, [first]), left=left, printed=printed)
        before = [replace(s, title=f"First derivative: {_lower(s.title)}") for s in self._told(task)]
        again = replace(self._task(gradient, result, [second]), function=name)
        if not agrees(again):
            raise InternalError(f"the derivation of {self._result.left.plain} does not agree with numbers")
        after = [replace(s, title=f"Second derivative: {_lower(s.title)}") for s in self._told(again)]
        after[0] = replace(after[0], words=f"{name.plain} is {left.plain}.")
        return [*before, *after]

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
        from gradc.present.steps.scribe import Scribe

        scribe = Scribe(self._symbols(), self._inputs())
        return scribe.side(scribe.shorter(tensor)[0])

    def _operator(self) -> list[Step]:
        (point,) = [t for t in self._functions[0].inputs if t.rank == 1][:1]
        task = self._task(self._functions[0].outputs[0], self._result.graph.outputs[0], [point])
        if not isinstance(point.shape[0], int):
            return summary(task, compared=False)
        return tell_operator(self._kind, task, self._functions[0].outputs)

    # ------------------------------------------------------------ telling, or the ends

    def _told(self, task: Task) -> list[Step]:
        tell: Callable[..., list[Step]] = tell_forward if self._mode == "forward" else tell_reverse
        if len(active_nodes(task.output, [task.wrt])) > LARGEST_TOLD:
            return summary(task)
        try:
            program = program_of(task)
            if len(program.named) > MOST_PARTS:
                return summary(task, program)
            return tell(task, program, self._detail)
        except (WrongStepError, GradcError) as error:
            if self._strict:
                raise InternalError(f"a step of the derivation does not hold: {error}") from error
            return summary(task)


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]
