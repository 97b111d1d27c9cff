"""The reverse sweep of a loop that ends by a condition, as a loop from its last step to the first.

The forward run counts its steps; the sweep runs while steps are left and reads the tape from its end
(`gradc.differentiate.tapes`). For a reader both have the same steps, and the sweep takes them backwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradc.ir.algebra import Substitution, linear_terms, rebuild
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import Scalar, is_apply, is_number, load
from gradc.ir.tensor import Compute, Extent, Graph, Input, Loop, Tensor, compute, input_tensor, loop
from gradc.ir.walk import graph_order, post_order


@dataclass(frozen=True)
class Counted:
    """The sweep as a reversed loop over the steps of the forward run; ``step`` is their number."""

    node: Loop
    step: Input


def is_counter(start: Tensor, following: Tensor, before: Tensor) -> bool:
    """Whether a state begins with 0 and counts the steps."""
    if not (isinstance(start, Compute) and isinstance(following, Compute) and is_number(start.body, 0)):
        return False
    if following.reducer is not None or following.dtype.kind != "i" or following.rank:
        return False
    return linear_terms(following.body) == ({load(before): 1}, 1)


def counted_steps(
    node: Loop, operands: Sequence[Tensor], counters: Mapping[Tensor, tuple[Input, Extent]]
) -> Counted | None:
    """The loop over the steps that one of ``counters`` counted; None where it is none."""
    first = node.state_count
    if node.condition is None or node.trip is not None or node.sequence_count:
        return None
    counts = [k for k in range(first, len(operands)) if operands[k] in counters]
    if len(counts) != 1:
        return None
    own, left = (node.condition.inputs[k] for k in (0, counts[0] + 1))
    (going,) = node.condition.outputs
    if (
        not isinstance(going, Compute)
        or not is_apply(going.body, "less_equal")
        or not is_number(going.body.children[1], 0)
    ):
        return None
    if linear_terms(going.body.children[0]) != ({load(own): 1, load(left): -1}, 1):
        return None
    step, trip = counters[operands[counts[0]]]
    body = _at_steps(node.body, node.body.inputs[counts[0] + 1], step.name)
    return Counted(loop(body, trip=trip, init=operands[:first], captured=operands[first:], reverse=True), step)


def _at_steps(body: Graph, left: Input, name: str) -> Graph:
    """The body with the place on the tape, ``max(left - step - 1, 0)``, as the number of the step."""
    step = body.inputs[0]
    backwards = ({load(left): 1, load(step): -1}, -1)
    number = input_tensor(name, step.shape, step.dtype)
    images: dict[Tensor, Tensor] = {}
    for node in graph_order(body.outputs):
        if isinstance(node, Compute):
            (read,) = replace_tensors([node], images)
            assert isinstance(read, Compute)
            places = {
                s: load(number)
                for s in post_order([read.body, read.domain])
                if is_apply(s, "maximum") and is_number(s.children[1], 0) and linear_terms(s.children[0]) == backwards
            }
            if places:
                images[node] = _substituted(read, dict(places))
    return Graph((number, *body.inputs[1:]), replace_tensors(body.outputs, images))


def _substituted(node: Compute, mapping: dict[Scalar, Scalar]) -> Compute:
    put = Substitution(mapping, rebuild)
    return compute(
        node.shape, put(node.body), reduce_extents=node.reduce_extents, reducer=node.reducer, domain=put(node.domain)
    )
