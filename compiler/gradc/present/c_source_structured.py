"""Loops, branches and kept calls in C: their own statements around those of their bodies.

A state is a variable or an array that each step overwrites when all of its values are known; what the steps leave behind
goes into arrays with a row for each step, which grow where a condition ends the loop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gradc.ir.intern import Node
from gradc.ir.tensor import Call, Cond, Graph, Input, Loop, MultiNode, Tensor, projection
from gradc.ir.walk import graph_order, operands_of
from gradc.present.c_source_scalars import type_of
from gradc.present.unfolding import stem_of

if TYPE_CHECKING:
    from gradc.present.c_source import Writer


def write_structured(writer: Writer, node: MultiNode) -> None:
    """The statements of a loop, branch or call; its results have names from then on."""
    operands = [writer.names.get(t, "") for t in node.operands]  # a branch may leave some unread
    if isinstance(node, Loop):
        results = _Loop(writer, node).written(operands)
    elif isinstance(node, Cond):
        _branch(writer, node, operands)
        return
    else:
        assert isinstance(node, Call)
        results = writer.body(node.graph, dict(zip(node.graph.inputs, operands, strict=True)))
    for position, name in enumerate(results):
        writer.names[projection(node, position)] = name


def needed(graph: Graph) -> list[Node]:
    """The nodes that the outputs need, operands first: of a branch, what goes into the results that are read."""
    order = graph_order(graph.outputs)
    found: set[Node] = set(graph.outputs)
    for node in reversed(order):
        if node not in found:
            continue
        if not isinstance(node, Cond):
            found.update(operands_of(node))
            continue
        read = [k for k in range(len(node.results)) if projection(node, k) in found]
        found.add(node.operands[0])
        for side in (node.true_graph, node.false_graph):
            below = set(needed(Graph(side.inputs, tuple(side.outputs[k] for k in read))))
            found.update(t for given, t in zip(side.inputs, node.operands[1:], strict=True) if given in below)
    return [node for node in order if node in found]


def _branch(writer: Writer, node: Cond, operands: Sequence[str]) -> None:
    """Both sides give values to the results that somebody reads."""
    read = [k for k in range(len(node.results)) if projection(node, k) in writer.read]
    names = [writer.storage(node.true_graph.outputs[k], "chosen") for k in read]
    for head, side in ((f"if ({operands[0]}) {{", node.true_graph), ("} else {", node.false_graph)):
        graph = Graph(side.inputs, tuple(side.outputs[k] for k in read))
        writer.lines.append(head)
        with writer.indented():
            found = writer.body(graph, dict(zip(graph.inputs, operands[1:], strict=True)))
            for tensor, name, value in zip(graph.outputs, names, found, strict=True):
                writer.assign(tensor, name, value)
    writer.lines.append("}")
    for position, name in zip(read, names, strict=True):
        writer.names[projection(node, position)] = name


class _Loop:
    def __init__(self, writer: Writer, node: Loop) -> None:
        self._writer, self._node = writer, node
        states = node.state_count
        self._states = node.body.inputs[1 : states + 1]
        self._stacked = node.body.outputs[states:]
        self._letter = writer.free(_name(node.body.inputs[0].name, "t"))

    def written(self, operands: Sequence[str]) -> list[str]:
        """The statements, and the names of the results."""
        writer, node = self._writer, self._node
        names: dict[Tensor, str] = {node.body.inputs[0]: self._letter}
        for state, start in zip(self._states, operands, strict=False):
            names[state] = writer.started(state, _name(state.name, "state"), start)
        stacks = [self._stack(t) for t in self._stacked]
        captured = node.state_count + node.sequence_count
        names |= zip(node.body.inputs[captured + 1 :], operands[captured:], strict=True)
        head, test = self._head(names)
        writer.lines.append(head)
        with writer.indented():
            writer.lines += test
            for tensor, whole in zip(
                node.body.inputs[node.state_count + 1 :], operands[node.state_count : captured], strict=False
            ):
                names[tensor] = self._row(tensor, whole)
            self._step(names, stacks)
        writer.lines.append("}")
        return [*[names[t] for t in self._states], *stacks]

    def _head(self, names: Mapping[Tensor, str]) -> tuple[str, list[str]]:
        """The head of the loop, and the statements that leave it where it has no condition in its head."""
        if self._node.condition is not None:
            return self._while(names)
        t, trip = self._letter, self._writer.index(self._node.trip or 0)
        count = trip if trip.isdigit() else f"(int64_t)({trip})"
        if self._node.reverse:
            return f"for (int64_t {t} = {count}; {t}-- > 0;) {{", []
        return f"for (int64_t {t} = 0; {t} < {count}; {t}++) {{", []

    def _while(self, names: Mapping[Tensor, str]) -> tuple[str, list[str]]:
        writer, node = self._writer, self._node
        assert node.condition is not None
        if self._counts:
            writer.lines.append(f"int64_t {self._letter} = 0;")
        outer, writer.lines = writer.lines, []
        with writer.indented():
            known = [names[t] for t in node.body.inputs]
            given: dict[Tensor, str] = dict(zip(node.condition.inputs, known, strict=True))
            (test,) = writer.body(node.condition, given)
            own = list(writer.lines)
        inside, writer.lines = writer.lines, outer
        only = re.fullmatch(rf"bool {test} = (.*);", own[0]) if len(own) == 1 else None
        if only is not None or not own:
            return f"while ({only[1] if only else test}) {{", []
        return "for (;;) {", [*[line.removeprefix("    ") for line in inside], f"if (!{test}) break;"]

    @property
    def _counts(self) -> bool:
        """Whether a loop that ends by a condition reads the number of its step."""
        node = self._node
        assert node.condition is not None
        read = {*graph_order(node.body.outputs), *graph_order(node.condition.outputs)}
        return bool(self._stacked) or not read.isdisjoint((node.body.inputs[0], node.condition.inputs[0]))

    def _stack(self, tensor: Tensor) -> str:
        """An array with a row for each step."""
        writer = self._writer
        held = f"{_name(tensor.name, 'state')}_steps" if isinstance(tensor, Input) else "steps"
        if self._node.condition is None:
            return writer.storage(tensor, held, (self._node.trip or 0, *tensor.shape))
        name = writer.free(held)
        writer.lines.append(f"{type_of(tensor)} *{name} = NULL;")
        writer.allocated.append(name)
        return name

    def _row(self, tensor: Input, whole: str) -> str:
        """What a step reads of a sequence."""
        if not tensor.rank:
            return f"{whole}[{self._letter}]"
        name = self._writer.free(_name(tensor.name, "row"))
        place = f"{whole} + {self._letter} * {self._writer.count(tensor.shape)}"
        self._writer.lines.append(f"const {type_of(tensor)} *{name} = {place};")
        return name

    def _step(self, names: Mapping[Tensor, str], stacks: Sequence[str]) -> None:
        writer, node = self._writer, self._node
        found = writer.body(node.body, names)
        for tensor, name, value in zip(self._stacked, stacks, found[node.state_count :], strict=True):
            self._keep(tensor, name, value)
        moved: list[tuple[Tensor, str, str]] = []
        for state, value in zip(self._states, found, strict=False):
            if value in [names[s] for s in self._states] and value != names[state]:  # two states change places
                held = writer.storage(state, "held")
                writer.assign(state, held, value)
                value = held
            if value != names[state]:
                moved.append((state, names[state], value))
        for entry in moved:
            writer.assign(*entry)
        if node.condition is not None and self._counts:
            writer.lines.append(f"{self._letter}++;")

    def _keep(self, tensor: Tensor, name: str, value: str) -> None:
        """Row t of what is left behind; where nobody knows how many there are, room for twice as many when it is full."""
        writer, t = self._writer, self._letter
        count = writer.count(tensor.shape)
        if self._node.condition is not None:
            size = f"({t} ? 2 * {t} : 1) * {count} * sizeof({type_of(tensor)})".replace("* 1 *", "*")
            writer.lines.append(f"if (({t} & ({t} - 1)) == 0) {name} = realloc({name}, {size});")
        if tensor.rank:
            writer.assign(tensor, f"{name} + {t} * {count}", value)
        else:
            writer.lines.append(f"{name}[{t}] = {value};")


def _name(name: str, otherwise: str) -> str:
    stem = stem_of(name)
    if otherwise == "t":
        return "t" if stem.startswith(("step", "_")) or not stem.isidentifier() else stem
    return stem if stem.isidentifier() and not stem.startswith(("steady", "operands", "captured", "_")) else otherwise
