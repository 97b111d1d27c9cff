"""The reverse sweep of a loop over a known range: a loop over the same range, from the last step to the first.

It carries the cotangents of the states, adds up those of captured tensors, and is given those of sequences step by step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from gradc.differentiate.activity import moving_states, needed_states
from gradc.differentiate.loops import Parts, Pullback, fresh_input, moved_axis, zeros
from gradc.differentiate.products_of_steps import entries_of, factors_left_behind, over_steps
from gradc.differentiate.residuals import heavy, narrowed, residuals
from gradc.differentiate.totals import added_up
from gradc.ir.rewrite import replace_tensors
from gradc.ir.tensor import Graph, Input, Loop, Shape, Tensor, loop, projection
from gradc.ir.walk import graph_order


class Adjoint:
    """The reverse sweep of a loop."""

    def __init__(self, node: Loop, cotangents: Mapping[int, Tensor], directions: Shape, wanted: Sequence[bool]) -> None:
        self._node, self._cotangents, self._directions = node, cotangents, directions
        inputs = node.body.inputs[1:]
        moving = moving_states(node, wanted)
        needed = needed_states(node, moving, [k in cotangents for k in range(len(node.results))])
        self._states = [k for k, n in enumerate(needed) if n]
        self._stacks = [k for k in range(node.state_count, len(node.results)) if k in cotangents]
        rest = range(node.state_count, len(inputs))
        self._rest = [k for k in rest if wanted[k] and inputs[k].dtype.kind in "fc"]
        self._taken = {t.name for t in node.body.inputs}

    def contributions(self, pull: Pullback) -> Iterator[tuple[Tensor, Tensor]]:
        """Each operand that is wanted, with its cotangent."""
        node, directions = self._node, self._directions
        inputs, outputs = node.body.inputs[1:], node.body.outputs
        named = [*inputs[: node.state_count], *outputs[node.state_count :]]  # a state's cotangent is called after it
        bars = {k: self._bar(named[k], directions + outputs[k].shape) for k in (*self._states, *self._stacks)}
        wrt = [inputs[k] for k in (*self._states, *self._rest)]
        asked = [outputs[k] for k in bars]
        adjoints = pull(asked, list(bars.values()), wrt, directions)
        sequences = inputs[node.state_count : node.state_count + node.sequence_count]
        carried = {*inputs[: node.state_count], *heavy(adjoints, sequences)}
        kept = residuals(adjoints, set(bars.values()), carried)
        adjoints, kept = narrowed(adjoints, kept)
        slices = {t: self._bar(t, t.shape) for t in kept}
        adjoints = replace_tensors(adjoints, slices)
        yield from self._swept(bars, adjoints, slices)

    def _bar(self, like: Tensor, shape: Shape) -> Input:
        return fresh_input(like, "bar", shape, self._taken)

    def _swept(
        self, bars: Mapping[int, Input], adjoints: Sequence[Tensor], slices: Mapping[Tensor, Input]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        node, directions, states = self._node, self._directions, len(self._states)
        inputs = node.body.inputs[1:]
        second = node.state_count + node.sequence_count
        sequences = [k for k in self._rest if k < second]
        found = dict(zip((*self._states, *self._rest), adjoints, strict=True))
        given = self._for_every_step(bars, slices)
        products = self._products(found, given, entries_of(list(slices)))
        captured = [k for k in self._rest if k >= second and k not in products]
        totals = {k: self._bar(inputs[k], directions + inputs[k].shape) for k in captured}
        factors = list(dict.fromkeys(t for left in products.values() for t in left))
        rest = (*adjoints[:states], *[found[k] for k in sequences], *factors)
        grown, rest = added_up({totals[k]: found[k] for k in captured}, rest)
        results = (*rest[:states], *grown, *rest[states:])
        read = set(graph_order(results))
        stepwise = [t for t in given if t in read and isinstance(t, Input)]
        c_read = [k for k in range(second, len(inputs)) if inputs[k] in read]
        body = Graph(
            (
                node.body.inputs[0],
                *[bars[k] for k in self._states],
                *totals.values(),
                *stepwise,
                *[inputs[k] for k in c_read],
            ),
            results,
        )
        reverse = loop(
            body,
            trip=node.trip,
            init=[*[self._last(k) for k in self._states], *[self._zero(k) for k in captured]],
            sequences=[given[t] for t in stepwise],
            captured=[node.operands[k] for k in c_read],
            reverse=not node.reverse,
        )
        for place, k in enumerate((*self._states, *captured)):
            yield node.operands[k], projection(reverse, place)
        for place, k in enumerate(sequences, states + len(captured)):
            yield node.operands[k], moved_axis(projection(reverse, place), 0, len(directions))
        left_behind = {t: projection(reverse, place - len(factors)) for place, t in enumerate(factors, len(results))}
        assert node.trip is not None
        for k in products:
            yield node.operands[k], over_steps(found[k], {**given, **left_behind}, node.trip)

    def _for_every_step(self, bars: Mapping[int, Input], slices: Mapping[Tensor, Input]) -> dict[Tensor, Tensor]:
        """What the sweep is given at each step, as inputs of its body, and where it has that from."""
        node = self._node
        first, second = node.state_count, node.state_count + node.sequence_count
        given: dict[Tensor, Tensor] = dict(zip(slices.values(), self._forward_stacks(list(slices)), strict=True))
        given |= {t: node.operands[first + at] for at, t in enumerate(node.body.inputs[first + 1 : second + 1])}
        return given | {bars[k]: moved_axis(self._cotangents[k], len(self._directions), 0) for k in self._stacks}

    def _products(
        self, found: Mapping[int, Tensor], given: Collection[Tensor], allowance: int
    ) -> dict[int, list[Tensor]]:
        """The captured tensors whose cotangents are added up after the loop, each with the factors to leave behind."""
        second = self._node.state_count + self._node.sequence_count
        products: dict[int, list[Tensor]] = {}
        for k in self._rest:
            left = factors_left_behind(found[k], given, allowance) if k >= second else None
            if left is not None:
                products[k] = left
        return products

    def _last(self, k: int) -> Tensor:
        """The cotangent of a final state."""
        return self._cotangents.get(k) or self._zero(k)

    def _zero(self, k: int) -> Tensor:
        operand = self._node.operands[k]
        return zeros(self._directions + operand.shape, operand)

    def _forward_stacks(self, kept: Sequence[Tensor]) -> list[Tensor]:
        """What the forward run leaves of each residual, by step."""
        node = self._node
        if not kept:
            return []
        stacked = self._stacked(kept)
        operands = Parts.of(node, node.operands)
        forward = loop(
            Graph(node.body.inputs, (*node.body.outputs[: node.state_count], *stacked)),
            trip=node.trip,
            init=operands.states,
            sequences=operands.sequences,
            captured=operands.captured,
            reverse=node.reverse,
        )
        return [projection(forward, node.state_count + stacked.index(t)) for t in kept]

    def _stacked(self, kept: Sequence[Tensor]) -> list[Tensor]:
        """What the forward run stacks: what the loop does anyway, and the residuals."""
        own = list(self._node.body.outputs[self._node.state_count :])
        return own + [t for t in kept if t not in own]
