"""Nodes with sub-graphs: loops that do what another loop does anyway are taken from it, what nobody reads is left out, what
does not change from step to step is computed before the loop, and sub-graphs are simplified like graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors, with_operands
from gradc.ir.tensor import (
    Call,
    Compute,
    Cond,
    Graph,
    Input,
    Loop,
    MultiNode,
    Projection,
    Tensor,
    call,
    cond,
    input_tensor,
    loop,
    projection,
)
from gradc.ir.walk import graph_order, operands_of
from gradc.ops.custom import PREFIX
from gradc.simplify.stepwise import Stepwise, stepwise

SimplifyGraph = Callable[[Graph], Graph]


def structured(outputs: Sequence[Tensor], simplify_graph: SimplifyGraph) -> tuple[Tensor, ...]:
    """The outputs with every loop, branch and call in its simplest form."""
    nodes = [node for node in graph_order(outputs) if isinstance(node, Loop | Cond | Call)]
    if not nodes:
        return tuple(outputs)
    merged = _merged(outputs, nodes)
    used: dict[MultiNode, set[int]] = {}
    order = graph_order(merged)
    for node in order:
        if isinstance(node, Projection):
            used.setdefault(node.source, set()).add(node.position)
    images: dict[Tensor, Tensor] = {}
    for node in order:
        if isinstance(node, Projection) and isinstance(node.source, Loop | Cond | Call):
            continue
        if isinstance(node, Loop | Cond | Call):
            operands = replace_tensors(node.operands, images)
            trimmed = _trimmed(node, operands, sorted(used.get(node, ())), simplify_graph)
            images.update({projection(node, position): result for position, result in trimmed.items()})
    return replace_tensors(merged, images)


# ---------------------------------------------------------------- merging


def _merged(outputs: Sequence[Tensor], nodes: Sequence[MultiNode]) -> tuple[Tensor, ...]:
    """Results of a node that another one computes as well come from that other one."""
    for small in nodes:
        for large in nodes:
            if large is small or type(large) is not type(small) or len(large.results) < len(small.results):
                continue
            places = _contains(large, small)
            if places is not None and small not in set(graph_order(large.operands)):
                mapping: dict[Tensor, Tensor] = {
                    projection(small, k): projection(large, place) for k, place in enumerate(places)
                }
                replaced = replace_tensors(outputs, mapping)
                left = [n for n in graph_order(replaced) if isinstance(n, Loop | Cond | Call)]
                return _merged(replaced, left)
    return tuple(outputs)


def _contains(large: MultiNode, small: MultiNode) -> list[int] | None:
    """Where ``large`` computes each result of ``small``; None where it doesn't."""
    if isinstance(large, Loop) and isinstance(small, Loop):
        return _loop_contains(large, small)
    if isinstance(large, Call) and isinstance(small, Call):
        same = (large.policy, large.tag) == (small.policy, small.tag)
        return _graphs_contain([(large.graph, small.graph)], large.operands, small.operands) if same else None
    if isinstance(large, Cond) and isinstance(small, Cond) and large.operands[0] is small.operands[0]:
        pairs = [(large.true_graph, small.true_graph), (large.false_graph, small.false_graph)]
        return _graphs_contain(pairs, large.operands[1:], small.operands[1:])
    return None


def _graphs_contain(
    pairs: Sequence[tuple[Graph, Graph]], large: Sequence[Tensor], small: Sequence[Tensor]
) -> list[int] | None:
    for bigger, smaller in pairs:
        given = dict(zip(bigger.inputs, large, strict=True))
        if any(given.get(t) is not operand for t, operand in zip(smaller.inputs, small, strict=True)):
            return None
    count = len(pairs[0][1].outputs)
    rows = [list(zip(*[graph.outputs for graph in graphs], strict=True)) for graphs in zip(*pairs, strict=True)]
    if any(row not in rows[0] for row in rows[1]):
        return None
    return [rows[0].index(rows[1][k]) for k in range(count)]


def _loop_contains(large: Loop, small: Loop) -> list[int] | None:
    if (large.reverse, large.body.inputs[0]) != (small.reverse, small.body.inputs[0]):
        return None
    if large.trip != small.trip and (small.trip is not None or small.condition is None):
        return None
    bigger, smaller = _roles(large), _roles(small)
    if any(bigger.get(t) != role for t, role in smaller.items()):
        return None
    if (large.condition is None) != (small.condition is None):
        return None
    if large.condition is not None and small.condition is not None:
        if large.condition.outputs != small.condition.outputs:
            return None
    places: list[int] = []
    states = {t: k for k, t in enumerate(large.body.inputs[1 : large.state_count + 1])}
    for k in range(small.state_count):
        place = states[small.body.inputs[k + 1]]
        if large.body.outputs[place] is not small.body.outputs[k]:
            return None
        places.append(place)
    stacked = large.body.outputs[large.state_count :]
    for output in small.body.outputs[small.state_count :]:
        if output not in stacked:
            return None
        places.append(large.state_count + stacked.index(output))
    return places


def _roles(node: Loop) -> dict[Input, tuple[str, Tensor]]:
    """What each input of a loop's body is given, and as what."""
    first, second = node.state_count, node.state_count + node.sequence_count
    kinds = ["state"] * first + ["sequence"] * (second - first) + ["captured"] * (len(node.operands) - second)
    return dict(zip(node.body.inputs[1:], zip(kinds, node.operands, strict=True), strict=True))


# ---------------------------------------------------------------- trimming


def _trimmed(
    node: MultiNode, operands: Sequence[Tensor], used: Sequence[int], simplify_graph: SimplifyGraph
) -> dict[int, Tensor]:
    """The results that are used, by position, from a node that does nothing else."""
    node = with_operands(node, operands)
    if isinstance(node, Loop):
        return _Trimmed.of(node, used).results(simplify_graph)
    if isinstance(node, Call) and node.policy.startswith(PREFIX):  # its rule speaks of all arguments and results
        graph = simplify_graph(node.graph)
        whole = call(Graph(node.graph.inputs, graph.outputs), node.operands, node.policy, node.tag)
        return {position: projection(whole, position) for position in used}
    graphs = [node.true_graph, node.false_graph] if isinstance(node, Cond) else [node.graph]  # type: ignore[attr-defined]
    graphs = [simplify_graph(Graph(g.inputs, tuple(g.outputs[k] for k in used))) for g in graphs]
    arguments = node.operands[len(node.operands) - len(graphs[0].inputs) :]
    read = [k for k in range(len(arguments)) if any(g.inputs[k] in set(graph_order(g.outputs)) for g in graphs)]
    graphs = [Graph(tuple(g.inputs[k] for k in read), g.outputs) for g in graphs]
    kept = [arguments[k] for k in read]
    if isinstance(node, Cond):
        made: MultiNode = cond(node.operands[0], graphs[0], graphs[1], kept)
    else:
        assert isinstance(node, Call)
        made = call(graphs[0], kept, node.policy, node.tag)
    return {position: projection(made, at) for at, position in enumerate(used)}


@dataclass
class _Trimmed:
    """A loop, the states that somebody depends on and the stacks that somebody reads."""

    node: Loop
    states: list[int]
    stacks: list[int]

    @staticmethod
    def of(node: Loop, used: Sequence[int]) -> _Trimmed:
        count = node.state_count
        stacks = [k for k in used if k >= count]
        states = {k for k in used if k < count}
        inputs = node.body.inputs[1 : count + 1]
        tested = list(node.condition.outputs) if node.condition is not None else []
        tests = {} if node.condition is None else dict(zip(inputs, node.condition.inputs[1:], strict=False))
        below_test = set(graph_order(tested))
        while True:
            below = set(graph_order([node.body.outputs[k] for k in (*sorted(states), *stacks)]))
            found = {k for k, t in enumerate(inputs) if t in below or (tests and tests[t] in below_test)}
            if found <= states:
                return _Trimmed(node, sorted(states), stacks)
            states |= found

    def results(self, simplify_graph: SimplifyGraph) -> dict[int, Tensor]:
        """The used results, by their position in the original."""
        node = self.node
        operands = dict(zip(node.body.inputs[1:], node.operands, strict=True))
        first, second = node.state_count, node.state_count + node.sequence_count
        inputs = node.body.inputs[1:]
        unchanged = self._unchanged()
        moving = [k for k in self.states if inputs[k] not in unchanged]
        places = [*moving, *self.stacks]
        asked = [node.body.outputs[k] for k in places]
        steady, hoisted = _hoisted(asked, {t: operands[t] for t in (*inputs[second:], *unchanged)}, node.body.inputs)
        apart = self._at_steps(steady, hoisted)
        found = {k: node.operands[k] for k in self.states if inputs[k] in unchanged}
        found |= {places[k]: tensor for k, tensor in apart.known.items()}
        left = [k for k in range(len(places)) if k not in apart.known]
        if not left:
            return found
        outputs = tuple(apart.outputs[k] for k in left)
        body = simplify_graph(Graph((*node.body.inputs, *hoisted, *apart.given), outputs))
        below = set(graph_order(body.outputs))
        given = [t for t in apart.given if t in below]
        tests = self._tests(inputs)
        sequences = [t for t in inputs[first:second] if t in below]
        captured = [t for t in (*inputs[second:], *unchanged) if t in below or t in tests]
        brought = [t for t in hoisted if t in below]
        states = [inputs[k] for k in moving]
        made = loop(
            Graph((node.body.inputs[0], *states, *sequences, *given, *captured, *brought), body.outputs),
            trip=node.trip if self.stacks or node.condition is None else None,
            init=[operands[t] for t in states],
            sequences=[*[operands[t] for t in sequences], *[apart.given[t] for t in given]],
            captured=[*[operands[t] for t in captured], *[hoisted[t] for t in brought]],
            condition=self._condition([*states, *captured], brought, simplify_graph),
            reverse=node.reverse,
        )
        return found | {places[k]: projection(made, at) for at, k in enumerate(left)}

    def _unchanged(self) -> list[Input]:
        """The states that every step leaves as they are."""
        node, inputs = self.node, self.node.body.inputs[1:]
        if node.condition is not None:
            return []
        return [inputs[k] for k in self.states if node.body.outputs[k] is inputs[k]]

    def _at_steps(self, outputs: tuple[Tensor, ...], hoisted: Mapping[Input, Tensor]) -> Stepwise:
        """The outputs, and what of them is computed for all steps at once."""
        node, inputs = self.node, self.node.body.inputs[1:]
        if node.condition is not None or node.trip is None:
            return Stepwise(outputs)
        operands: dict[Tensor, Tensor] = dict(zip(inputs, node.operands, strict=True))
        first, second = node.state_count, node.state_count + node.sequence_count
        sequences: dict[Tensor, Tensor] = {t: operands[t] for t in inputs[first:second]}
        captured: dict[Tensor, Tensor] = {t: operands[t] for t in (*inputs[second:], *self._unchanged())}
        captured.update(hoisted.items())
        stacked = range(len(outputs) - len(self.stacks), len(outputs))
        return stepwise(outputs, stacked, node.body.inputs[0], sequences, captured, node.trip)

    def _tests(self, inputs: Sequence[Input]) -> set[Input]:
        """The inputs of the body that the condition reads under its own names."""
        condition = self.node.condition
        if condition is None:
            return set()
        below = set(graph_order(condition.outputs))
        named = [*inputs[: self.node.state_count], *inputs[self.node.state_count + self.node.sequence_count :]]
        return {t for t, own in zip(named, condition.inputs[1:], strict=True) if own in below}

    def _condition(
        self, kept: Sequence[Input], brought: Sequence[Input], simplify_graph: SimplifyGraph
    ) -> Graph | None:
        node = self.node
        if node.condition is None:
            return None
        named = dict(zip(node.body.inputs[1:], node.condition.inputs[1:], strict=True))
        inputs = (node.condition.inputs[0], *[named[t] for t in kept], *brought)
        return simplify_graph(Graph(inputs, node.condition.outputs))


def _hoisted(
    outputs: Sequence[Tensor], captured: Mapping[Tensor, Tensor], taken: Sequence[Input]
) -> tuple[tuple[Tensor, ...], dict[Input, Tensor]]:
    """The outputs with what depends on captured tensors alone as further inputs, and what those inputs are."""
    steady: set[Node] = set()
    order = graph_order(outputs)
    for node in order:
        if isinstance(node, Input):
            if node in captured:
                steady.add(node)
        elif operands_of(node) and all(operand in steady for operand in operands_of(node)):
            steady.add(node)
    read = {operand for node in order if node not in steady for operand in operands_of(node)} | set(outputs)
    names = {t.name for t in taken}
    inputs: dict[Tensor, Tensor] = {}
    brought: dict[Input, Tensor] = {}
    for node in order:
        if node in steady and node in read and isinstance(node, Compute | Projection):
            name = f"steady_{len(brought)}"
            while name in names:
                name += "_"
            item = input_tensor(name, node.shape, node.dtype)
            inputs[node] = item
            (brought[item],) = replace_tensors([node], captured)
    return replace_tensors(outputs, inputs), brought
