"""Next states of a loop that change few entries: written into the state itself, so that a step costs what it changes.

A next state of the form ``[i != e] s[i] + [i = e] v + [i = d] w`` is taken apart: entries to clear (those at e), and values to
add there (v at e, w at d). The body of the loop computes the places and the values; once all is computed, the entries are
cleared and the values added. A state that is read only entry by entry, for its own next value, is overwritten in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from gradc.ir.algebra import Reindexing, convert, from_linear, guarded, linear_terms, negated, negation, sum_of
from gradc.ir.scalar import TRUE, Guard, Index, Load, Number, Scalar, index, is_apply, load, number
from gradc.ir.tensor import Compute, Extent, Graph, Input, MultiNode, Tensor, compute
from gradc.ir.walk import free_indices, graph_order, loads_of
from gradc.lower.tree import Item, Nest, Statement
from gradc.simplify.patterns import conjuncts

#: axis -> where: an expression without axes
Place = Mapping[int, Scalar]


@dataclass(frozen=True)
class Change:
    """Entries along the free axes at one place: cleared, or added to."""

    place: Place
    #: None where the entries are cleared
    value: Compute | None


@dataclass(frozen=True)
class Update:
    """How a state changes: first what is cleared, then what is added."""

    state: Tensor
    changes: tuple[Change, ...]


def update_of(output: Tensor, state: Tensor) -> Update | None:
    """The next state as an update of the state, if it is one."""
    if not isinstance(output, Compute) or output.reducer is not None or not output.rank:
        return None
    cleared: list[Change] = []
    added: dict[tuple[tuple[int, Scalar], ...], list[Scalar]] = {}
    bases = 0
    for facts, leaf in _terms(output.body, ()):
        if _is_itself(leaf, state):
            bases += 1
            places = [_place_of(negation(fact)) for fact in facts]
            if bases > 1 or any(place is None for place in places):
                return None
            cleared += [Change(place, None) for place in places if place is not None]
        else:
            addition = _addition(output, facts, leaf)
            if addition is None:
                return None
            place, value = addition
            added.setdefault(tuple(sorted(place.items())), []).append(value)
    together = [_values(output, dict(place), terms) for place, terms in added.items()]
    found = Update(state, (*cleared, *together))
    return found if bases and _part(found) <= 1 else None


def _part(update: Update) -> float:
    """The part of its state that an update touches, entries that it touches twice counting twice."""
    shape, total = update.state.shape, 0.0
    for change in update.changes:
        extents = [shape[axis] for axis in change.place]
        total += 1 / prod(float(e) if isinstance(e, int) and e else _MANY for e in extents)
    return total


#: What a symbolic extent counts as.
_MANY = 1e6


def _terms(scalar: Scalar, facts: tuple[Scalar, ...]) -> Iterator[tuple[tuple[Scalar, ...], Scalar]]:
    """The terms of a sum of guarded terms, each with what guards it."""
    if is_apply(scalar, "sum"):
        for term in scalar.children:
            yield from _terms(term, facts)
    elif isinstance(scalar, Guard):
        yield from _terms(scalar.body, (*facts, *conjuncts(scalar.predicate)))
    else:
        yield facts, scalar


def _is_itself(leaf: Scalar, state: Tensor) -> bool:
    return isinstance(leaf, Load) and leaf.tensor is state and leaf.indices == tuple(map(index, range(state.rank)))


def _place_of(predicate: Scalar) -> Place | None:
    """The entries that a conjunction of brackets names, each fixing one axis."""
    place: dict[int, Scalar] = {}
    for part in conjuncts(predicate):
        found = _fixed(part)
        if found is None or found[0] in place:
            return None
        place[found[0]] = found[1]
    return place


def _fixed(bracket: Scalar) -> tuple[int, Scalar] | None:
    """``axis = expression``, the expression being free of axes."""
    if not is_apply(bracket, "equal"):
        return None
    left, right = bracket.children
    if left.dtype.kind != "i" or right.dtype.kind != "i":
        return None
    terms, literal = linear_terms(left)
    others, constant = linear_terms(right)
    for atom, coefficient in others.items():
        terms[atom] = terms.get(atom, 0) - coefficient
    axes = [atom for atom in terms if isinstance(atom, Index)]
    if len(axes) != 1 or abs(terms[axes[0]]) != 1:
        return None
    (axis,) = axes
    assert isinstance(axis, Index)
    sign = terms.pop(axis)
    rest = from_linear(terms, literal - constant)
    if free_indices(rest):
        return None
    return axis.position, rest if sign < 0 else negated(rest)


def _addition(output: Compute, facts: Sequence[Scalar], leaf: Scalar) -> tuple[Place, Scalar] | None:
    """Where a term is added, and its value over the axes that its brackets leave free."""
    place: dict[int, Scalar] = {}
    rest: list[Scalar] = []
    for fact in facts:
        found = _fixed(fact)
        if found is not None and found[0] not in place:
            place[found[0]] = found[1]
        else:
            rest.append(fact)
    if not place:
        return None
    move = Reindexing({**place, **{axis: index(k) for k, axis in enumerate(_free_axes(output, place))}})
    value = move(leaf)
    for fact in reversed(rest):
        value = guarded(move(fact), value)
    return place, convert(value, output.dtype)


def _values(output: Compute, place: Place, terms: Sequence[Scalar]) -> Change:
    """All that is added at one place."""
    shape = [output.shape[axis] for axis in _free_axes(output, place)]
    return Change(place, compute(shape, sum_of(*terms, dtype=output.dtype) if len(terms) > 1 else terms[0]))


def _free_axes(output: Compute, place: Place) -> list[int]:
    return [axis for axis in range(output.rank) if axis not in place]


# ---------------------------------------------------------------- in a loop's body


@dataclass(frozen=True)
class PlacedChange:
    """A change whose place and value are outputs of the body, by position; places that are literals stand here."""

    places: Mapping[int, int | Number]
    value: int | None
    shape: tuple[Extent, ...]


@dataclass(frozen=True)
class Rewritten:
    """A body that computes places and values instead of whole states."""

    graph: Graph
    #: state number -> the output that is its next value
    whole: Mapping[int, int]
    #: state number -> what changes in it
    changes: Mapping[int, tuple[PlacedChange, ...]]
    #: states whose next value may be written over them
    in_place: frozenset[int]
    #: the output that is each stacked result
    stacked: tuple[int, ...]


def rewritten(body: Graph, state_count: int) -> Rewritten:
    """The body of a loop with its updates taken apart."""
    states = body.inputs[1 : state_count + 1]
    outputs: list[Tensor] = []
    whole: dict[int, int] = {}
    changes: dict[int, tuple[PlacedChange, ...]] = {}

    def at(tensor: Tensor) -> int:
        outputs.append(tensor)
        return len(outputs) - 1

    def placed(change: Change, state: Input) -> PlacedChange:
        places = {
            axis: where if isinstance(where, Number) else at(compute((), where)) for axis, where in change.place.items()
        }
        free = tuple(extent for axis, extent in enumerate(state.shape) if axis not in change.place)
        return PlacedChange(places, None if change.value is None else at(change.value), free)

    for k, (state, output) in enumerate(zip(states, body.outputs[:state_count], strict=True)):
        update = Update(state, ()) if output is state else update_of(output, state)
        if update is None:
            whole[k] = at(output)
        else:
            changes[k] = tuple(placed(change, state) for change in update.changes)
    stacked = tuple(at(output) for output in body.outputs[state_count:])
    in_place = frozenset(k for k in whole if _is_read_in_place(states[k], body.outputs[k], outputs))
    return Rewritten(Graph(body.inputs, tuple(outputs)), whole, changes, in_place, stacked)


def _is_read_in_place(state: Input, output: Tensor, outputs: Sequence[Tensor]) -> bool:
    """Whether only the next value of a state reads it, each entry for itself."""
    if not isinstance(output, Compute) or output.reducer is not None or output.shape != state.shape:
        return False
    own = tuple(map(index, range(state.rank)))
    nodes = graph_order(outputs)
    before = set(graph_order([output]))
    if any(isinstance(node, MultiNode) and state in node.operands and node not in before for node in nodes):
        return False  # it reads all of the state, and may come after the next one is written
    for node in nodes:
        if node is state and state in outputs:
            return False
        if isinstance(node, Compute):
            for item in loads_of(node.body, node.domain):
                if item.tensor is state and (node is not output or item.indices != own):
                    return False
    return outputs.count(output) == 1 and output not in _read(outputs)


def _read(outputs: Sequence[Tensor]) -> set[Tensor]:
    """What the nodes below the outputs read."""
    return {
        item.tensor
        for node in graph_order(outputs)
        if isinstance(node, Compute)
        for item in loads_of(node.body, node.domain)
    }


def items_of(change: PlacedChange, state: Tensor, outputs: Sequence[Tensor]) -> tuple[Tensor, Item]:
    """The loops that clear or add, over the places and values that were computed; and what stands for the state in them."""
    free = iter(range(len(change.shape)))
    target = tuple(
        _where(change.places[axis], outputs) if axis in change.places else index(next(free))
        for axis in range(state.rank)
    )
    zero = number(0, state.dtype)
    if change.value is None:
        stand_in = compute(state.shape, zero)
        item: Item = Statement(stand_in, "map", change.shape, target, zero, TRUE, len(change.shape))
    else:
        stand_in = compute(state.shape, zero, reduce_extents=[1], reducer="sum")
        value = load(outputs[change.value], [index(k) for k in range(len(change.shape))])
        item = Statement(stand_in, "accumulate", change.shape, target, value, TRUE, len(change.shape))
    for depth in reversed(range(len(change.shape))):
        item = Nest(depth, change.shape[depth], [item])
    return stand_in, item


def _where(place: int | Number, outputs: Sequence[Tensor]) -> Scalar:
    return place if isinstance(place, Number) else load(outputs[place])
