"""vmap through loops, branches and kept calls: the same node over sub-graphs with one more axis.

A branch on a batched predicate becomes a choice between both sides. A loop that ends by a batched condition goes on while any
example does; the others keep what they have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradc.differentiate.loops import moved_axis
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import apply, index, load
from gradc.ir.tensor import (
    Call,
    Cond,
    Extent,
    Graph,
    Input,
    Loop,
    MultiNode,
    Tensor,
    call,
    compute,
    cond,
    input_tensor,
    loop,
    projection,
)
from gradc.ir.walk import depending
from gradc.ops.custom import PREFIX, CustomRule, argument_count, entered, is_own, rule_of

#: `gradc.differentiate.batch.batch`
Batch = Callable[[Sequence[Tensor], Mapping[Tensor, Tensor], Extent], tuple[Tensor, ...]]


def repeated(tensor: Tensor, extent: Extent) -> Tensor:
    """The tensor once per example."""
    return compute((extent, *tensor.shape), load(tensor, [index(k + 1) for k in range(tensor.rank)]))


def batched_node(node: MultiNode, images: Sequence[Tensor | None], extent: Extent, batch: Batch) -> Sequence[Tensor]:
    """The results with a leading batch axis, given the operands that have one."""
    if isinstance(node, Loop):
        return _BatchedLoop(node, images, extent, batch).results()
    if isinstance(node, Cond):
        return _batched_branch(node, images, extent, batch)
    assert isinstance(node, Call)
    policy = node.policy
    if policy.startswith(PREFIX):
        count = argument_count(policy)
        images = [
            image or (repeated(operand, extent) if k < count else None)
            for k, (operand, image) in enumerate(zip(node.operands, images, strict=True))
        ]
        if not is_own(policy):
            policy = entered(_batched_rule(rule_of(policy), [image is not None for image in images], extent, batch))
    graph = _batched_graph(node.graph, [image is not None for image in images], extent, batch)
    made = call(graph, _given(node.operands, images), policy, node.tag)
    return [projection(made, k) for k in range(len(node.results))]


def _given(operands: Sequence[Tensor], images: Sequence[Tensor | None]) -> list[Tensor]:
    return [image or operand for operand, image in zip(operands, images, strict=True)]


def _with_axis(item: Input, extent: Extent) -> Input:
    return input_tensor(item.name, (extent, *item.shape), item.dtype)


def _batched_graph(graph: Graph, has_axis: Sequence[bool], extent: Extent, batch: Batch) -> Graph:
    """A sub-graph whose marked inputs, and all of whose outputs, have the axis."""
    inputs = [_with_axis(t, extent) if has else t for t, has in zip(graph.inputs, has_axis, strict=True)]
    wide: dict[Tensor, Tensor] = {t: w for t, w, has in zip(graph.inputs, inputs, has_axis, strict=True) if has}
    return Graph(tuple(inputs), batch(graph.outputs, wide, extent))


def _batched_rule(rule: CustomRule, has_axis: Sequence[bool], extent: Extent, batch: Batch) -> CustomRule:
    """The rule of a call whose operands have the axis where it is said; all arguments have."""

    def wide(graph: Graph | None, fixed: Sequence[bool]) -> Graph | None:
        if graph is None:
            return None
        return _batched_graph(graph, [*fixed, *[True] * (len(graph.inputs) - len(fixed))], extent, batch)

    return CustomRule(
        rule.name,
        rule.arguments,
        wide(rule.pushforward, has_axis),
        wide(rule.residuals, has_axis),
        wide(rule.pullback, has_axis[rule.arguments :]),
    )


def _batched_branch(node: Cond, images: Sequence[Tensor | None], extent: Extent, batch: Batch) -> Sequence[Tensor]:
    flags, *others = images
    if flags is None:
        has_axis = [image is not None for image in others]
        yes, no = (_batched_graph(g, has_axis, extent, batch) for g in (node.true_graph, node.false_graph))
        made = cond(node.operands[0], yes, no, _given(node.operands[1:], others))
        return [projection(made, k) for k in range(len(node.results))]
    sides = []
    for graph in (node.true_graph, node.false_graph):
        given = dict(zip(graph.inputs, node.operands[1:], strict=True))
        wide: dict[Tensor, Tensor] = {t: i for t, i in zip(graph.inputs, others, strict=True) if i is not None}
        plain: dict[Tensor, Tensor] = {t: operand for t, operand in given.items() if t not in wide}
        sides.append(batch(replace_tensors(graph.outputs, plain), wide, extent))
    return [chosen(flags, taken, other) for taken, other in zip(*sides, strict=True)]


def chosen(flags: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """``yes`` for the examples whose flag is set, ``no`` for the others."""
    every = [index(k) for k in range(yes.rank)]
    return compute(yes.shape, apply("where", load(flags, every[:1]), load(yes, every), load(no, every)))


@dataclass
class _BatchedLoop:
    node: Loop
    images: Sequence[Tensor | None]
    extent: Extent
    batch: Batch

    def results(self) -> Sequence[Tensor]:
        """The results, each with the axis."""
        node, extent = self.node, self.extent
        wide = self._wide_inputs()
        states = node.state_count
        inputs = [wide.get(t, t) for t in node.body.inputs]
        found = self.batch(node.body.outputs, wide, extent)
        carried = node.body.inputs[1 : states + 1]
        following = [found[k] if t in wide else node.body.outputs[k] for k, t in enumerate(carried)]
        condition, flags = self._condition(wide)
        if flags is not None:
            following = [chosen(flags, new, wide[t]) for new, t in zip(following, carried, strict=True)]
        made = loop(
            Graph(tuple(inputs), (*following, *found[states:])),
            trip=node.trip,
            init=[self._state(k, t in wide) for k, t in enumerate(carried)],
            sequences=[self._sequence(k) for k in range(states, states + node.sequence_count)],
            captured=[
                self.images[k] or node.operands[k] for k in range(states + node.sequence_count, len(node.operands))
            ],
            condition=condition,
            reverse=node.reverse,
        )
        finals = [projection(made, k) for k in range(states)]
        stacks = [moved_axis(projection(made, k), 1, 0) for k in range(states, len(node.results))]
        return [f if t in wide else repeated(f, extent) for f, t in zip(finals, carried, strict=True)] + stacks

    def _wide_inputs(self) -> dict[Tensor, Input]:
        """The body's inputs that have the axis: a state has it if its start has, or if a step brings it in."""
        node = self.node
        carried = node.body.inputs[1 : node.state_count + 1]
        found = {t for t, image in zip(node.body.inputs[1:], self.images, strict=True) if image is not None}
        while True:
            moved = depending(node.body.outputs, found)
            more = {t for k, t in enumerate(carried) if node.body.outputs[k] in moved} - found
            if self._ends_apart(found):
                more |= set(carried) - found
            if not more:
                return {t: _with_axis(t, self.extent) for t in node.body.inputs if t in found}
            found |= more

    def _ends_apart(self, wide: set[Input]) -> bool:
        """Whether examples end at steps of their own."""
        condition = self.node.condition
        if condition is None:
            return False
        roots = [own for own, t in zip(condition.inputs, self._tested(), strict=True) if t in wide]
        return bool(set(condition.outputs) & depending(condition.outputs, roots))

    def _tested(self) -> list[Input]:
        """The body's inputs that the condition's stand for."""
        node = self.node
        first, second = node.state_count + 1, node.state_count + node.sequence_count + 1
        return [*node.body.inputs[:first], *node.body.inputs[second:]]

    def _condition(self, wide: Mapping[Tensor, Input]) -> tuple[Graph | None, Tensor | None]:
        """The condition for all examples; and each one's own in terms of the body, where they differ."""
        node = self.node
        if node.condition is None:
            return None, None
        named = dict(zip(node.condition.inputs, self._tested(), strict=True))
        inputs = [_with_axis(t, self.extent) if named[t] in wide else t for t in node.condition.inputs]
        own: dict[Tensor, Tensor] = {
            t: w for t, w in zip(node.condition.inputs, inputs, strict=True) if named[t] in wide
        }
        if not set(node.condition.outputs) & depending(node.condition.outputs, list(own)):
            return Graph(tuple(inputs), node.condition.outputs), None
        (flags,) = self.batch(node.condition.outputs, own, self.extent)
        some = compute((), load(flags, [index(0)]), reduce_extents=[self.extent], reducer="any")
        in_body: dict[Tensor, Tensor] = {
            w: wide.get(named[t], named[t]) for t, w in zip(node.condition.inputs, inputs, strict=True)
        }
        (own_flags,) = replace_tensors([flags], in_body)
        return Graph(tuple(inputs), (some,)), own_flags

    def _state(self, k: int, has_axis: bool) -> Tensor:
        operand, image = self.node.operands[k], self.images[k]
        return (image or repeated(operand, self.extent)) if has_axis else operand

    def _sequence(self, k: int) -> Tensor:
        image = self.images[k]
        return self.node.operands[k] if image is None else moved_axis(image, 0, 1)
