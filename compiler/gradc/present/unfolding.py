"""Loops, branches and kept calls as ordinary comprehensions: the graph that formulas with recurrences are printed from.

A loop becomes a `Sweep`: inputs stand for the values of its states before and after a step and at the end, and the values
that the step makes of them are outputs of the graph. What a loop leaves behind for another one (the states that an adjoint
reads) is read at its step, as what it is. A branch is a choice between the results of both sides, a call its content. The
graph is for reading, not for computing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gradc.ir.algebra import Substitution
from gradc.ir.rewrite import as_it_is, replace_tensors
from gradc.ir.scalar import INT64, TRUE, Load, Scalar, apply, index, load, size
from gradc.ir.tape import is_tape
from gradc.ir.tensor import (
    Call,
    Compute,
    Cond,
    Extent,
    Extern,
    Graph,
    Input,
    Loop,
    MultiNode,
    Tensor,
    compute,
    input_tensor,
    projection,
)
from gradc.ir.walk import graph_order, operands_of, post_order
from gradc.present.counted_steps import counted_steps, is_counter
from gradc.present.step_ranges import StepRanges
from gradc.present.symbols import leaf_name
from gradc_runtime.tapes import PREFIX

#: A graph with more loops, branches and calls is printed with words in their place.
LARGEST_UNFOLDED = 60
#: Letters for the number of a step, best first.
_STEPS = ("t", "k", "s", "j", "l", "r", "i", "m")
_UNNAMED = frozenset({"step", "_", "init", "carry", "state"})


@dataclass(frozen=True)
class State:
    """What a loop carries, called ``stem``: before a step, after it and at the end; what it begins with and becomes."""

    stem: str
    before: Input
    after: Input
    final: Input
    start: Tensor
    following: Tensor


@dataclass(frozen=True)
class Stack:
    """What a loop leaves behind at every step: the whole array, and its entry at one step."""

    stem: str
    whole: Input
    value: Tensor


@dataclass(frozen=True)
class Sweep:
    """One loop: ``step`` is the number of its step, ``outer`` are those of the loops around it.

    ``condition`` is that of a while loop, over the states before a step.
    """

    step: Input
    outer: tuple[Input, ...]
    trip: Extent | None
    reverse: bool
    states: tuple[State, ...]
    stacks: tuple[Stack, ...]
    condition: Tensor | None

    @property
    def roots(self) -> tuple[Tensor, ...]:
        """What is written of it: what the states begin with, what they become, what is left behind, the condition."""
        written = [s.start for s in self.states] + [s.following for s in self.states] + [s.value for s in self.stacks]
        return (*written, *([] if self.condition is None else [self.condition]))

    def over(self, roots: Sequence[Tensor]) -> Sweep:
        """The same sweep with other roots."""
        count, stacks = len(self.states), len(self.stacks)
        states = tuple(
            replace(s, start=a, following=b)
            for s, a, b in zip(self.states, roots[:count], roots[count : 2 * count], strict=True)
        )
        values = zip(self.stacks, roots[2 * count : 2 * count + stacks], strict=True)
        condition = roots[-1] if self.condition is not None else None
        return replace(self, states=states, stacks=tuple(replace(s, value=v) for s, v in values), condition=condition)

    @property
    def placeholders(self) -> tuple[Input, ...]:
        """The inputs that stand for what it makes."""
        of_states = [t for s in self.states for t in (s.before, s.after, s.final)]
        return (self.step, *of_states, *[s.whole for s in self.stacks])


@dataclass(frozen=True)
class Unfolded:
    """A graph without loops, branches and calls: its outputs are those of the original, then the roots of the sweeps.

    Inner loops come before those around them, and each loop after those that it reads.
    """

    graph: Graph
    count: int
    sweeps: tuple[Sweep, ...] = ()

    def over(self, outputs: Sequence[Tensor]) -> tuple[Sweep, ...]:
        """The sweeps with the roots that the graph has in another form."""
        found, place = [], self.count
        for sweep in self.sweeps:
            found.append(sweep.over(outputs[place : place + len(sweep.roots)]))
            place += len(sweep.roots)
        return tuple(found)


def unfolded(graph: Graph) -> Unfolded:
    """The graph with its loops, branches and calls written out.

    >>> from gradc.ir.tensor import Graph, input_tensor
    >>> x = input_tensor("x", (), "float64")
    >>> unfolded(Graph((x,), (x,))).sweeps
    ()
    """
    structured = [n for n in graph_order(graph.outputs) if isinstance(n, Loop | Cond | Call)]
    if not structured or len(structured) > LARGEST_UNFOLDED:
        return Unfolded(graph, len(graph.outputs))
    making = _Unfolding({t.name for t in graph.inputs})
    outputs = making.outputs(graph, {}, ())
    steps = {s.step: s.trip for s in making.sweeps if s.trip is not None and not is_tape(s.trip)}
    counts = {s.step: {other.trip for other in making.sweeps if other.step is s.step} for s in making.sweeps}
    ranges = StepRanges({step: trip for step, trip in steps.items() if len(counts[step]) == 1})
    everything = ranges([*outputs, *[root for sweep in making.sweeps for root in sweep.roots]])
    everything = making.with_entries(making.with_entries(everything))
    outputs, roots = everything[: len(outputs)], everything[len(outputs) :]
    placeholders = dict.fromkeys(t for sweep in making.sweeps for t in sweep.placeholders)
    inputs = (*graph.inputs, *placeholders)
    return Unfolded(Graph(inputs, (*outputs, *roots)), len(outputs), tuple(making.sweeps))


def stem_of(name: str) -> str:
    """What an input of a sub-graph is called: ``state[0]['x']'1`` is x, ``w_bar`` the adjoint of w, ``w_d`` its tangent."""
    plain = re.sub(r"'\d+", "", re.sub(r"'(\d+)(?=_|$)", "", name))
    marks = ""
    while (found := re.fullmatch(r"(.+)_(bar|d)(?:bar|d)*", plain)) is not None:
        plain = found[1]
        marks = ("_bar" if found[2] == "bar" else "_dot") + marks
    return leaf_name(plain) + marks


@dataclass
class _Unfolding:
    taken: set[str]
    sweeps: list[Sweep] = field(default_factory=list)
    #: whole stack -> the number of the step that made it, and the entry at that step
    _stacks: dict[Tensor, tuple[Input, Tensor]] = field(default_factory=dict)
    #: what counts the steps of a loop -> the number of its step
    _counters: dict[Tensor, tuple[Input, Extent]] = field(default_factory=dict)
    _count: int = 0

    def outputs(self, graph: Graph, given: Mapping[Tensor, Tensor], outer: tuple[Input, ...]) -> tuple[Tensor, ...]:
        """The outputs of a graph whose inputs are these, at these steps of the loops around it."""
        images = dict(given)
        for node in graph_order(graph.outputs):
            if isinstance(node, MultiNode) and not isinstance(node, Extern):
                operands = replace_tensors(node.operands, images)
                results = self._results(node, operands, outer)
                images |= {projection(node, k): result for k, result in enumerate(results)}
        return replace_tensors(graph.outputs, images)

    def _results(self, node: MultiNode, operands: Sequence[Tensor], outer: tuple[Input, ...]) -> Sequence[Tensor]:
        if isinstance(node, Loop):
            return self._swept(node, operands, outer)
        if isinstance(node, Call):
            return self.outputs(node.graph, dict(zip(node.graph.inputs, operands, strict=True)), outer)
        assert isinstance(node, Cond)
        sides = [
            self.outputs(graph, dict(zip(graph.inputs, operands[1:], strict=True)), outer)
            for graph in (node.true_graph, node.false_graph)
        ]
        return [_chosen(operands[0], *pair) for pair in zip(*sides, strict=True)]

    def _placeholder(self, like: Tensor, what: str, shape: Sequence[Extent] | None = None) -> Input:
        return input_tensor(f"sweep {self._count} {what}", like.shape if shape is None else shape, like.dtype)

    def _swept(self, node: Loop, operands: Sequence[Tensor], outer: tuple[Input, ...]) -> Sequence[Tensor]:
        self._count += 1
        counted = counted_steps(node, operands, self._counters)
        if counted is not None:
            return self._carried_out(counted.node, counted.node.operands, outer, counted.step)
        return self._carried_out(node, operands, outer, self._step(node.body.inputs, outer))

    def _carried_out(
        self, node: Loop, operands: Sequence[Tensor], outer: tuple[Input, ...], step: Input
    ) -> Sequence[Tensor]:
        inputs = node.body.inputs[1:]
        first, second = node.state_count, node.state_count + node.sequence_count
        places: list[list[Tensor]] = [
            [self._placeholder(t, f"{what} {k}") for k, t in enumerate(inputs[:first])]
            for what in ("before", "after", "final")
        ]
        shapes = [result.shape for result in node.results[first:]]
        wholes = [
            self._placeholder(t, f"whole {k}", shape)
            for k, (t, shape) in enumerate(zip(node.body.outputs[first:], shapes, strict=True))
        ]
        fixed = {k: operands[k] for k in range(first) if node.body.outputs[k] is inputs[k]}
        places[0] = [fixed.get(k, t) for k, t in enumerate(places[0])]
        trip = node.trip if node.condition is None else node.trip or size(f"{PREFIX}{self._count}")
        slices = [self.at_step(t, step) for t in operands[first:second]]
        given: dict[Tensor, Tensor] = {node.body.inputs[0]: step}
        given |= zip(inputs, [*places[0], *slices, *operands[second:]], strict=True)
        found = self.outputs(node.body, given, (*outer, step))
        condition = self._condition(node, [step, *places[0], *operands[second:]], (*outer, step))
        stems = [stem_of(t.name) for t in inputs[:first]]
        carried = zip(stems, *places, operands[:first], found[:first], strict=True)
        states = [State(*parts) for k, parts in enumerate(carried) if k not in fixed]
        stacks = map(Stack, ["y"] * len(wholes), wholes, found[first:])
        self.sweeps.append(Sweep(step, outer, trip, node.reverse, tuple(states), tuple(stacks), condition))
        if trip is not None and node.condition is not None:
            self._counters |= {s.final: (step, trip) for s in states if is_counter(s.start, s.following, s.before)}
        self._stacks |= {whole: (step, value) for whole, value in zip(wholes, found[first:], strict=True)}
        return [*[fixed.get(k, t) for k, t in enumerate(places[2])], *wholes]

    def _condition(self, node: Loop, given: Sequence[Tensor], steps: tuple[Input, ...]) -> Tensor | None:
        if node.condition is None:
            return None
        return self.outputs(node.condition, dict(zip(node.condition.inputs, given, strict=True)), steps)[0]

    def _step(self, inputs: Sequence[Input], outer: tuple[Input, ...]) -> Input:
        """The number of a step, by the user's letter where that is free."""
        wanted, *others = (stem_of(t.name) for t in inputs)
        wanted = re.sub(r"(_bar|_dot)+$", "", wanted)
        own = (wanted,) if wanted not in _UNNAMED and not wanted.startswith("_") else ()
        used = {step_letter(step) for step in outer} | self.taken | {name.partition("_")[0] for name in others}
        letter = next((c for c in (*own, *_STEPS) if c not in used), f"t_{len(outer)}")
        return input_tensor(f"{_STEP}{letter}", (), INT64)

    def with_entries(self, roots: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The tensors with what a loop left behind read as what it is, where it is read at the number of the step."""

        def entry(item: Load, indices: Sequence[Scalar]) -> Scalar | None:
            step, value = self._stacks.get(item.tensor, (None, None))
            at_step = step is not None and value is not None and indices[0] is load(step)
            return load(value, indices[1:]) if at_step and value is not None else None

        return replace_tensors(roots, {}, entry) if self._stacks else tuple(roots)

    def at_step(self, sequence: Tensor, step: Input) -> Tensor:
        """The entry of an array at a step; what a loop with the same steps left behind there is what it made there."""
        if sequence in self._stacks and self._stacks[sequence][0] is step:
            return self._stacks[sequence][1]
        entries: dict[Tensor, Tensor] = {w: value for w, (own, value) in self._stacks.items() if own is step}
        for node in graph_order([sequence]):
            if isinstance(node, Compute) and node.rank:
                entries[node] = _entry(node, step, entries)
        if sequence in entries:
            return entries[sequence]
        axes = [index(k) for k in range(sequence.rank - 1)]
        return compute(sequence.shape[1:], load(sequence, [load(step), *axes]))


_STEP = "step "


def step_letter(step: Input) -> str:
    """The letter of a number of a step."""
    return step.name.removeprefix(_STEP)


def is_step(tensor: Tensor) -> bool:
    """Whether a tensor is the number of a step."""
    return isinstance(tensor, Input) and tensor.name.startswith(_STEP)


def _entry(node: Compute, step: Input, entries: Mapping[Tensor, Tensor]) -> Compute:
    """``node[step]``: its first axis is gone, and so is that of what it reads at the same place."""
    count = len(node.extents)
    mapping: dict[Scalar, Scalar] = {index(k): index(k - 1) for k in range(1, count)} | {index(0): load(step)}
    for scalar in post_order([node.body, node.domain]):
        if isinstance(scalar, Load) and scalar.tensor in entries and scalar.indices[0] is index(0):
            if not any(0 in i.free for i in scalar.indices[1:]):
                rest = [Substitution(mapping, as_it_is)(i) for i in scalar.indices[1:]]
                mapping[scalar] = load(entries[scalar.tensor], rest)
    replaced = Substitution(mapping, as_it_is)
    domain = node.domain if node.domain is TRUE else replaced(node.domain)
    body = replaced(node.body)
    return compute(node.shape[1:], body, reduce_extents=node.reduce_extents, reducer=node.reducer, domain=domain)


def _chosen(predicate: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """``first if predicate else second``, entry by entry."""
    axes = [index(k) for k in range(first.rank)]
    condition, *sides = load(predicate, ()), load(first, axes), load(second, axes)
    if first.dtype.kind != "b":
        return compute(first.shape, apply("where", condition, *sides))
    held = apply("and", condition, sides[0])
    return compute(first.shape, apply("or", held, apply("and", apply("not", condition), sides[1])))


def steps_below(roots: Iterable[Tensor], sweeps: Sequence[Sweep]) -> dict[Tensor, tuple[Input, ...]]:
    """Which steps each tensor below the roots depends on, outer loops first."""
    own: dict[Tensor, tuple[Input, ...]] = {}
    for sweep in sweeps:
        inside = (*sweep.outer, sweep.step)
        own |= dict.fromkeys((t for s in sweep.states for t in (s.before, s.after)), inside)
        own |= dict.fromkeys([s.final for s in sweep.states] + [s.whole for s in sweep.stacks], sweep.outer)
    order = list(dict.fromkeys(step for sweep in reversed(sweeps) for step in (*sweep.outer, sweep.step)))
    found: dict[object, set[Input]] = {}
    nodes = graph_order(roots)
    for node in nodes:
        mine = set(own.get(node, ())) if isinstance(node, Input) else set()
        if isinstance(node, Input) and is_step(node):
            mine = {node}
        found[node] = mine.union(*[found[operand] for operand in operands_of(node)])
    return {t: tuple(s for s in order if s in found[t]) for t in nodes if isinstance(t, Tensor)}
