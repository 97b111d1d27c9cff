"""Loops in both modes: a loop's derivative is a loop.

Forward mode carries the tangents in the state, beside what they are tangents of. Reverse mode runs the adjoint of the body
from the last step to the first: it carries the cotangents of the states, adds up those of captured tensors, and reads what
it needs of the forward run (the *residuals*) from stacks that the forward loop leaves behind.

Both give a loop that does all that the original does, and more; `simplify` takes the original's results from it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from gradc.differentiate.activity import moved_by, moving_states, needed_states
from gradc.differentiate.products_of_steps import entries_of, factors_left_behind, over_steps
from gradc.ir.algebra import difference, less, sum_of
from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import INT64, Apply, Load, Scalar, apply, index, load, number
from gradc.ir.tape import tape_extent
from gradc.ir.tensor import Compute, Graph, Input, Loop, Shape, Tensor, compute, input_tensor, loop, projection
from gradc.ir.walk import depending, graph_order, loads_of, operands_of, post_order

#: The tangents of outputs, given tensors that move, their tangents and the directions.
Pushforward = Callable[[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor], Shape], tuple[Tensor, ...]]
#: The cotangents of tensors, given outputs, their cotangents, the tensors and the directions.
Pullback = Callable[[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor], Shape], tuple[Tensor, ...]]

#: A value of at most this cost per entry is computed again rather than stored at every step.
_LIGHT = 6.0
#: A reduction over at least so many entries is stored even where it could be computed again.
_HEAVY = 16


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


# ---------------------------------------------------------------- reverse mode


def pulled_through_loop(
    node: Loop, cotangents: Mapping[int, Tensor], directions: Shape, wanted: Sequence[bool], pull: Pullback
) -> Iterator[tuple[Tensor, Tensor]]:
    """The operands that are wanted and depended on, each with its cotangent."""
    sweep = _Adjoint if node.condition is None else _AdjointOfWhile
    yield from sweep(node, cotangents, directions, wanted).contributions(pull)


class _Adjoint:
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
        bars = {k: self._bar(outputs[k], directions + outputs[k].shape) for k in (*self._states, *self._stacks)}
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
        added = [_added(totals[k], found[k]) for k in captured]
        factors = list(dict.fromkeys(t for left in products.values() for t in left))
        results = (*adjoints[:states], *added, *[found[k] for k in sequences], *factors)
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


class _AdjointOfWhile(_Adjoint):
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
        results = [*adjoints[: len(self._states)], *[_added(totals[k], found[k]) for k in self._rest]]
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


def _added(total: Tensor, contribution: Tensor) -> Tensor:
    every = [index(k) for k in range(total.rank)]
    return compute(total.shape, sum_of(load(total, every), load(contribution, every), dtype=total.dtype))


def moved_axis(tensor: Tensor, source: int, target: int) -> Tensor:
    """The tensor with one axis at another place."""
    if source == target:
        return tensor
    order = [k for k in range(tensor.rank) if k != source]
    order.insert(target, source)
    places = {axis: index(place) for place, axis in enumerate(order)}
    return compute([tensor.shape[axis] for axis in order], load(tensor, [places[k] for k in range(tensor.rank)]))


def residuals(adjoints: Sequence[Tensor], bars: set[Tensor], states: Collection[Tensor]) -> list[Tensor]:
    """What an adjoint reads of the forward run: tensors that depend on states (or what counts as such) and on no cotangent.

    The sweep can have everything else: the step number, sequences, captured tensors. What is light to compute from others
    is computed again.
    """
    carried, swept = depending(adjoints, states), depending(adjoints, bars)
    found: dict[Tensor, None] = {}
    seen: set[Node] = set()
    pending: list[Node] = list(reversed(adjoints))
    while pending:
        node = pending.pop()
        if node in seen or node not in carried:
            continue
        seen.add(node)
        if isinstance(node, Tensor) and node not in swept and not _is_light(node):
            found[node] = None
            continue
        pending.extend(reversed(operands_of(node)))
    return list(found)


def heavy(adjoints: Sequence[Tensor], sequences: Collection[Tensor]) -> list[Tensor]:
    """Reductions of what comes in at each step that cost much more than reading their result."""
    moving = depending(adjoints, sequences)
    return [n for n in graph_order(adjoints) if n in moving and isinstance(n, Compute) and _work(n) >= _HEAVY]


def _work(node: Compute) -> float:
    return prod(float(e) if isinstance(e, int) else _ANY for e in node.reduce_extents)


def _is_light(tensor: Tensor) -> bool:
    """Whether computing an entry again costs about as much as storing and reading it, and reads no more."""
    if not isinstance(tensor, Compute) or tensor.reducer is not None or len(operands_of(tensor)) > 1:
        return False
    return sum(node.op.cost for node in post_order([tensor.body]) if isinstance(node, Apply)) <= _LIGHT


def narrowed(adjoints: Sequence[Tensor], kept: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], list[Tensor]]:
    """The adjoints with residuals of which they read few entries replaced by those entries; and all residuals.

    An index that is the same all over a read (``y[t - 1]``, ``w[k, :]``) picks a part; a residual of which every read picks
    one is kept in parts.
    """
    reads: dict[Tensor, dict[_Picked, None]] = {t: {} for t in kept}
    for node in graph_order(adjoints):
        if isinstance(node, Compute) and node not in reads:
            for item in loads_of(node.body, node.domain):
                if item.tensor in reads:
                    reads[item.tensor][_picked(item.indices)] = None
    parts: dict[Tensor, dict[_Picked, Tensor]] = {}
    for tensor, picks in reads.items():
        if picks and all(picks) and len(picks) <= _MOST_PARTS and tensor not in adjoints:
            own = {picked: _part(tensor, picked) for picked in picks}
            if sum(map(_entries, own.values())) < _entries(tensor):
                parts[tensor] = own

    def entry(item: Load, indices: Sequence[Scalar]) -> Scalar | None:
        if item.tensor not in parts:
            return None
        left = [new for old, new in zip(item.indices, indices, strict=True) if old.free]
        return load(parts[item.tensor][_picked(item.indices)], left)

    whole = [t for t in kept if t not in parts]
    return replace_tensors(adjoints, {}, entry), [*whole, *[part for own in parts.values() for part in own.values()]]


#: (axis, index) for the axes that an index free of axes picks an entry of
_Picked = tuple[tuple[int, Scalar], ...]
#: A residual that is read at more places is kept whole.
_MOST_PARTS = 8


def _picked(indices: Sequence[Scalar]) -> _Picked:
    return tuple((axis, place) for axis, place in enumerate(indices) if not place.free)


def _entries(tensor: Tensor) -> float:
    return prod(float(e) if isinstance(e, int) else _ANY for e in tensor.shape)


#: What a symbolic extent counts as.
_ANY = 1e6


def _part(tensor: Tensor, picked: _Picked) -> Tensor:
    fixed = dict(picked)
    free = [axis for axis in range(tensor.rank) if axis not in fixed]
    places = {axis: index(k) for k, axis in enumerate(free)}
    return compute([tensor.shape[a] for a in free], load(tensor, [{**places, **fixed}[a] for a in range(tensor.rank)]))
