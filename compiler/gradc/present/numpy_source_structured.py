"""Loops and branches as Python's own: ``for t in range(n):``, ``while``, ``if``, around the statements of their bodies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradc.ir.tensor import Cond, Graph, Input, Loop, Tensor
from gradc.ir.walk import graph_order
from gradc.present.numpy_source_text import Statements, Terms, assignment
from gradc.present.unfolding import stem_of

if TYPE_CHECKING:
    from gradc.present.numpy_source_arrays import Arrays

#: Makes the writer of the arrays of a sub-graph.
Inner = Callable[[Terms], "Arrays"]
_DTYPES = {"f": "", "i": ", int", "b": ", bool"}


class LoopText:
    """Writes one loop; the parts are the trip count (where there is one), then the operands."""

    def __init__(self, node: Loop, inner: Inner) -> None:
        self._node, self._inner = node, inner

    def __call__(self, statements: Statements, parts: Sequence[str]) -> list[str]:
        """The statements, and the names of the results."""
        node = self._node
        counted = node.condition is None
        trip, operands = (parts[0], parts[1:]) if counted else ("", parts)
        inputs = node.body.inputs
        states = inputs[1 : node.state_count + 1]
        names = {t: statements.free(_plain(t.name)) for t in states}
        names[inputs[0]] = statements.free(_letter(inputs[0].name))
        for state, start in zip(states, operands, strict=False):
            statements.lines += assignment(names[state], _of_dtype(start, state))
        others = zip(inputs[node.state_count + 1 :], operands[node.state_count :], strict=True)
        for position, (tensor, text) in enumerate(others):
            whole = _named(statements, tensor, text)
            names[tensor] = f"{whole}[{names[inputs[0]]}]" if position < node.sequence_count else whole
        stacks = self._stacks(statements, trip)
        lines = statements.indented(lambda body: self._body(body, names, stacks))
        if not counted:
            statements.lines += self._while(statements, names, lines)
        else:
            steps = f"reversed(range({trip}))" if node.reverse else f"range({trip})"
            statements.lines += [f"for {names[inputs[0]]} in {steps}:", *lines]
        statements.lines += [f"{name} = np.array({name})" for name in stacks if not counted]
        statements.release(names[inputs[0]])
        return [*[names[t] for t in states], *stacks]

    def _stacks(self, statements: Statements, trip: str) -> list[str]:
        """Arrays for what the steps leave behind; lists where nobody knows how many there will be."""
        stacks: list[str] = []
        for tensor in self._node.body.outputs[self._node.state_count :]:
            held = f"{_plain(tensor.name)}_steps" if isinstance(tensor, Input) else "steps"
            name = statements.free(held)
            stacks.append(name)
            if self._node.condition is not None:
                statements.lines.append(f"{name} = []")
                continue
            shape = self._inner(Terms()).shape_text([*tensor.shape], statements)
            extents = f"({trip}, {shape})" if tensor.rank else trip
            statements.lines.append(f"{name} = np.empty({extents}{_DTYPES.get(tensor.dtype.kind, '')})")
        return stacks

    def _body(self, body: Statements, names: Mapping[Input, str], stacks: Sequence[str]) -> None:
        node = self._node
        results = self._written(body, node.body, names)
        following, left = results[: node.state_count], results[node.state_count :]
        letter = names[node.body.inputs[0]]
        for name, text in zip(stacks, left, strict=True):
            body.lines.append(f"{name}[{letter}] = {text}" if node.condition is None else f"{name}.append({text})")
        changed = [(names[t], x) for t, x in zip(node.body.inputs[1:], following, strict=False) if names[t] != x]
        _assign_together(body, changed)
        if node.condition is not None and self._counts:
            body.lines.append(f"{letter} += 1")
        if not body.lines:
            body.lines.append("pass")

    @property
    def _counts(self) -> bool:
        """Whether a while loop reads the number of its step."""
        node = self._node
        asked = graph_order(node.condition.outputs) if node.condition is not None else []
        own = node.condition.inputs[0] if node.condition is not None else node.body.inputs[0]
        stacks = len(node.body.outputs) > node.state_count and node.condition is None
        return node.body.inputs[0] in graph_order(node.body.outputs) or own in asked or stacks

    def _while(self, statements: Statements, names: dict[Input, str], lines: Sequence[str]) -> list[str]:
        node = self._node
        assert node.condition is not None
        own = dict(zip(node.condition.inputs, [names[t] for t in node.body.inputs], strict=True))
        test: list[str] = []
        asked = statements.indented(lambda body: test.extend(self._written(body, node.condition, own)))
        start = [f"{names[node.body.inputs[0]]} = 0"] if self._counts else []
        if asked:
            return [*start, "while True:", *asked, f"    if not {_operand(test[0])}:", "        break", *lines]
        return [*start, f"while {test[0]}:", *lines]

    def _written(self, body: Statements, graph: Graph | None, names: Mapping[Input, str]) -> list[str]:
        assert graph is not None
        return written(self._inner, body, graph, [names[t] for t in graph.inputs])


class BranchText:
    """Writes one branch; the parts are its operands."""

    def __init__(self, node: Cond, inner: Inner) -> None:
        self._node, self._inner = node, inner

    def __call__(self, statements: Statements, parts: Sequence[str]) -> list[str]:
        """The statements, and the names of the results."""
        node = self._node
        test, *operands = parts
        given = [_named(statements, t, x) for t, x in zip(node.true_graph.inputs, operands, strict=True)]
        names = [statements.free("chosen") for _ in node.results]
        for head, graph in ((f"if {test}:", node.true_graph), ("else:", node.false_graph)):
            statements.lines.append(head)
            statements.lines += statements.indented(lambda body, graph=graph: self._side(body, graph, given, names))  # type: ignore[misc]
        return names

    def _side(self, body: Statements, graph: Graph, given: Sequence[str], names: Sequence[str]) -> None:
        for name, text in zip(names, written(self._inner, body, graph, given), strict=True):
            body.lines += assignment(name, text)


def written(inner: Inner, body: Statements, graph: Graph, given: Sequence[str]) -> list[str]:
    """The outputs of a sub-graph of inputs with these names, after the lines that they need."""
    terms = Terms()
    outputs = inner(terms).add(graph, [terms.atom(name) for name in given])
    return body.compute(outputs)


def _assign_together(body: Statements, pairs: Sequence[tuple[str, str]]) -> None:
    """All at once: each may read the others as they were."""
    if not pairs:
        return
    line = f"{', '.join(name for name, _ in pairs)} = {', '.join(text for _, text in pairs)}"
    if len(pairs) == 1:
        body.lines += assignment(*pairs[0])
    elif len(line) <= 80:
        body.lines.append(line)
    else:
        fresh = [body.free(f"next_{name}") for name, _ in pairs]
        for name, (_, text) in zip(fresh, pairs, strict=True):
            body.lines += assignment(name, text)
        for name, (old, _) in zip(fresh, pairs, strict=True):
            body.lines.append(f"{old} = {name}")
            body.release(name)


def _named(statements: Statements, tensor: Tensor, text: str) -> str:
    """A name for what a body reads: its own where it is one."""
    if text.isidentifier() or text.lstrip("-").replace(".", "", 1).isdigit():
        return text
    name = statements.free(_plain(getattr(tensor, "name", "part")))
    statements.lines += assignment(name, text)
    return name


def _plain(name: str) -> str:
    stem = stem_of(name)
    if re.match(r"(steady|operands|captured|residual|args)(_\d+)*", stem):
        return "fixed"
    return stem if stem.isidentifier() else "state"


def _letter(name: str) -> str:
    stem = _plain(name)
    return "t" if stem in ("step", "_") or stem.startswith("step") else stem


def _of_dtype(text: str, tensor: Tensor) -> str:
    """The start of a state: a float where that is what it will be."""
    return f"{text}.0" if text.lstrip("-").isdigit() and np.dtype(tensor.dtype).kind == "f" else text


def _operand(text: str) -> str:
    return text if text.isidentifier() else f"({text})"
