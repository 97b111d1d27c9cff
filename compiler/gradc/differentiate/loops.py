"""Loops in forward mode, and what both modes share: a loop's derivative is a loop.

Forward mode carries the tangents in the state, beside what they are tangents of. Reverse mode (`sweeps`, `tapes`) runs the
adjoint of the body from the last step to the first, and reads what it needs of the forward run (`residuals`) from stacks that
the forward loop leaves behind.

Both give a loop that does all that the original does, and more; `simplify` takes the original's results from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradc.differentiate.activity import moved_by, moving_states
from gradc.ir.scalar import index, load, number
from gradc.ir.tensor import Graph, Input, Loop, Shape, Tensor, compute, input_tensor, loop, projection

#: The tangents of outputs, given tensors that move, their tangents and the directions.
Pushforward = Callable[[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor], Shape], tuple[Tensor, ...]]
#: The cotangents of tensors, given outputs, their cotangents, the tensors and the directions.
Pullback = Callable[[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor], Shape], tuple[Tensor, ...]]


def fresh_input(like: Tensor, mark: str, shape: Shape, taken: set[str]) -> Input:
    """An input for the tangent or cotangent of ``like``, with a name that no other has."""
    name = f"{getattr(like, 'name', 'y')}_{mark}"
    while name in taken:
        name += mark
    taken.add(name)
    return input_tensor(name, shape, like.dtype)


def zeros(shape: Shape, like: Tensor) -> Tensor:
    """Zeros of the dtype of ``like``."""
    return compute(shape, number(0, like.dtype))


def moved_axis(tensor: Tensor, source: int, target: int) -> Tensor:
    """The tensor with one axis at another place."""
    if source == target:
        return tensor
    order = [k for k in range(tensor.rank) if k != source]
    order.insert(target, source)
    places = {axis: index(place) for place, axis in enumerate(order)}
    return compute([tensor.shape[axis] for axis in order], load(tensor, [places[k] for k in range(tensor.rank)]))


@dataclass(frozen=True)
class Parts:
    """A loop's operands, or the inputs of its body, by their roles."""

    states: tuple[Tensor, ...]
    sequences: tuple[Tensor, ...]
    captured: tuple[Tensor, ...]

    @staticmethod
    def of(node: Loop, tensors: Sequence[Tensor]) -> Parts:
        """The tensors (without the step number) by the roles that they have in a loop."""
        first, second = node.state_count, node.state_count + node.sequence_count
        return Parts(tuple(tensors[:first]), tuple(tensors[first:second]), tuple(tensors[second:]))


def pushed_through_loop(
    node: Loop, tangents: Sequence[Tensor | None], directions: Shape, push: Pushforward
) -> dict[int, Tensor]:
    """The tangents of a loop's results, by their position, given those of its operands."""
    active = moving_states(node, [tangent is not None for tangent in tangents])
    inputs = node.body.inputs[1:]
    taken = {t.name for t in node.body.inputs}
    moving: dict[Tensor, Input] = {}
    given: dict[Tensor, Tensor] = {}
    for item, operand, tangent, moves in zip(inputs, node.operands, tangents, active, strict=True):
        if moves:
            moving[item] = fresh_input(item, "d", item.shape + directions, taken)
            given[item] = tangent or zeros(operand.shape + directions, operand)
    states = node.state_count
    moved = moved_by(node.body.outputs, moving)
    stacked = [k for k in range(states, len(node.results)) if node.body.outputs[k] in moved]
    carried = [k for k in range(states) if inputs[k] in moving]
    asked = [node.body.outputs[k] for k in (*carried, *stacked)]
    found = push(asked, list(moving), list(moving.values()), directions)
    outputs = node.body.outputs
    body = Graph(
        (node.body.inputs[0], *_beside(Parts.of(node, inputs), moving)),
        (*outputs[:states], *found[: len(carried)], *outputs[states:], *found[len(carried) :]),
    )
    joint = _joint(node, body, moving, given)
    places = {k: states + at for at, k in enumerate(carried)}
    places |= {k: len(node.results) + len(carried) + at for at, k in enumerate(stacked)}
    return {k: projection(joint, place) for k, place in places.items()}


def _beside(parts: Parts, moving: Mapping[Tensor, Tensor]) -> list[Input]:
    """Inputs of the joint body: in each role those of the original, then their tangents."""
    listed: list[Input] = []
    for role in (parts.states, parts.sequences, parts.captured):
        listed += [*role, *[moving[t] for t in role if t in moving]]  # type: ignore[list-item]
    return listed


def _joint(node: Loop, body: Graph, moving: Mapping[Tensor, Input], given: Mapping[Tensor, Tensor]) -> Loop:
    inputs, operands = Parts.of(node, node.body.inputs[1:]), Parts.of(node, node.operands)

    def with_tangents(role: Sequence[Tensor], own: Sequence[Tensor]) -> list[Tensor]:
        return [*own, *[given[t] for t in role if t in moving]]

    condition = node.condition
    if condition is not None:
        names = dict(zip(node.body.inputs, condition.inputs, strict=False))
        renamed = [names.get(t, t) for t in body.inputs]
        condition = Graph(tuple(renamed), condition.outputs)
    return loop(
        body,
        trip=node.trip,
        init=with_tangents(inputs.states, operands.states),
        sequences=with_tangents(inputs.sequences, operands.sequences),
        captured=with_tangents(inputs.captured, operands.captured),
        condition=condition,
        reverse=node.reverse,
    )
