"""The reverse sweep of a loop that ends by a condition: one that takes as many steps as the forward run has counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradc.differentiate.loops import Parts, Pullback, moved_axis
from gradc.differentiate.sweeps import Adjoint
from gradc.differentiate.totals import added_up
from gradc.ir.algebra import difference, less, sum_of
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import INT64, Scalar, apply, index, load, number
from gradc.ir.tape import tape_extent
from gradc.ir.tensor import Graph, Input, Loop, Shape, Tensor, compute, loop, projection
from gradc.ir.walk import graph_order


def pulled_through_loop(
    node: Loop, cotangents: Mapping[int, Tensor], directions: Shape, wanted: Sequence[bool], pull: Pullback
) -> Iterator[tuple[Tensor, Tensor]]:
    """The operands that are wanted and depended on, each with its cotangent."""
    sweep = Adjoint if node.condition is None else AdjointOfWhile
    yield from sweep(node, cotangents, directions, wanted).contributions(pull)


class AdjointOfWhile(Adjoint):
    """The reverse sweep of a loop that ends by a condition.

    The forward run counts its steps, and stacks what the sweep needs on a tape: as many rows as the runtime gives it, which
    grow until they are enough (`gradc.ir.tape`). The sweep runs while steps are left, and reads the tape by position.
    """

    def _swept(
        self, bars: Mapping[int, Input], adjoints: Sequence[Tensor], slices: Mapping[Tensor, Input]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        node, directions, second = self._node, self._directions, self._node.state_count
        inputs = node.body.inputs[1:]
        count, tapes = self._taped(list(slices))
        taped: dict[Tensor, Tensor] = dict(zip(slices.values(), tapes, strict=True))
        taped |= {bars[k]: moved_axis(self._cotangents[k], len(directions), 0) for k in self._stacks}
        left, step = self._bar(count, ()), self._bar(node.body.inputs[0], ())
        # an example that has ended before others (under vmap) has no step left, and its result isn't used
        place = apply("maximum", difference(difference(load(left), load(step)), number(1, INT64)), number(0, INT64))
        tape_of = {piece: self._bar(piece, tape.shape) for piece, tape in taped.items()}
        rows: dict[Tensor, Tensor] = {piece: row(tape, place) for piece, tape in tape_of.items()}
        found = dict(zip((*self._states, *self._rest), adjoints, strict=True))
        totals = {k: self._bar(inputs[k], directions + inputs[k].shape) for k in self._rest}
        added: dict[Tensor, Tensor] = {totals[k]: found[k] for k in self._rest}
        grown, states = added_up(added, adjoints[: len(self._states)])
        results = [*states, *grown]
        results = list(replace_tensors(results, {**rows, node.body.inputs[0]: compute((), place)}))
        read = set(graph_order(results))
        c_read = [k for k in range(second, len(inputs)) if inputs[k] in read]
        pieces = [piece for piece in taped if tape_of[piece] in read]
        captured = (left, *[tape_of[piece] for piece in pieces], *[inputs[k] for k in c_read])
        carried = (*[bars[k] for k in self._states], *totals.values())
        going = compute((), less(load(step), load(left)))
        reverse = loop(
            Graph((step, *carried, *captured), tuple(results)),
            trip=None,
            init=[*[self._last(k) for k in self._states], *[self._zero(k) for k in self._rest]],
            captured=[count, *[taped[piece] for piece in pieces], *[node.operands[k] for k in c_read]],
            condition=Graph((step, *carried, *captured), (going,)),
        )
        for at, k in enumerate((*self._states, *self._rest)):
            yield node.operands[k], projection(reverse, at)

    def _taped(self, kept: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """How many steps the forward run takes, and what it leaves of each residual, by step."""
        node = self._node
        assert node.condition is not None
        stacked = self._stacked(kept)
        operands = Parts.of(node, node.operands)
        counter = self._bar(node.body.inputs[0], ())
        states, others = node.body.inputs[: node.state_count + 1], node.body.inputs[node.state_count + 1 :]
        tested = node.condition.inputs
        following = compute((), sum_of(load(counter), number(1, INT64)))
        forward = loop(
            Graph((*states, counter, *others), (*node.body.outputs[: node.state_count], following, *stacked)),
            trip=tape_extent(node) if stacked else None,
            init=[*operands.states, compute((), number(0, INT64))],
            captured=operands.captured,
            condition=Graph(
                (*tested[: node.state_count + 1], counter, *tested[node.state_count + 1 :]), node.condition.outputs
            ),
        )
        steps, first = node.state_count, node.state_count + 1
        return projection(forward, steps), [projection(forward, first + stacked.index(t)) for t in kept]


def row(tensor: Tensor, place: Scalar) -> Tensor:
    """The entries of a tensor at one place of its first axis."""
    shape = tensor.shape[1:]
    return compute(shape, load(tensor, [place, *[index(k) for k in range(len(shape))]]))
