"""Loops in the body of a loop that change its state: they work in the memory of that state.

A sweep over a matrix, row by row, has a loop over the rows, in whose body is a loop over a row: that one begins with the whole
matrix and gives the whole matrix. Copied into memory of its own and back, the matrix would cost each row as much as all rows.
Here the inner loop is told that its state may be where that of the outer one is, and comes after whatever else reads it there.
What the body writes before and after the inner loop is a loop of one step, so that it is done in place as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import INT64
from gradc.ir.tensor import Compute, Constant, Graph, Input, Loop, Projection, Tensor, input_tensor, loop, projection
from gradc.ir.walk import operands_of
from gradc.lower.schedule import Schedule
from gradc.lower.subprograms import StructuredStatement
from gradc.lower.tree import Item, statements
from gradc.lower.updates import update_of

#: A tensor and the one that it is a changed form of.
_Link = tuple[Tensor, Tensor]


def with_updates_as_loops(body: Graph, state_count: int) -> Graph:
    """The body of a loop, in which what is written into a state before and after loops over it are loops of one step."""
    outputs = body.outputs
    for k in range(state_count):
        links = _links(outputs[k], body.inputs[k + 1])
        updates = [(made, base) for made, base in links if isinstance(made, Compute)]
        if len(updates) < len(links):
            for made, base in updates:
                outputs = replace_tensors(outputs, {made: _as_loop(made, base)})
    return body if outputs is body.outputs else Graph(body.inputs, outputs)


def _links(output: Tensor, state: Input) -> list[_Link]:
    """The forms of a state from its next value back to itself; empty if there is no such way."""
    found: list[_Link] = []
    made = output
    while made is not state:
        base = _base_of(made)
        if base is None:
            return []
        found.append((made, base))
        made = base
    return found


def _base_of(made: Tensor) -> Tensor | None:
    """What a loop begins with, or what a few changes are written into."""
    if isinstance(made, Projection) and isinstance(made.source, Loop) and made.position < made.source.state_count:
        return made.source.operands[made.position]
    if isinstance(made, Compute):
        for operand in operands_of(made):
            if isinstance(operand, Input | Projection) and (operand.shape, operand.dtype) == (made.shape, made.dtype):
                if update_of(made, operand) is not None:
                    return operand
    return None


def _as_loop(update: Tensor, base: Tensor) -> Tensor:
    """An update of a tensor as a loop of one step."""
    state = input_tensor("state", base.shape, base.dtype)
    read = [t for t in operands_of(update) if isinstance(t, Tensor) and t is not base and not isinstance(t, Constant)]
    given = [input_tensor(f"given_{k}", t.shape, t.dtype) for k, t in enumerate(read)]
    changed = replace_tensors([update], {base: state, **dict(zip(read, given, strict=True))})
    step = Graph((input_tensor("step", (), INT64), state, *given), changed)
    return projection(loop(step, trip=1, init=[base], captured=read), 0)


# ---------------------------------------------------------------- in the schedule


def worked_in_place(schedule: Schedule, next_states: Mapping[int, Input]) -> frozenset[int]:
    """The states, of those whose next values are these outputs, that the loops of a schedule change in place.

    The statements are told, and put in an order in which that is harmless.
    """
    (items,) = schedule.functions
    outputs = schedule.parts.whole.outputs
    after: dict[int, set[int]] = {}
    found: list[int] = []
    for position, state in next_states.items():
        steps = _steps(items, outputs[position], state)
        versions = [items[at].operands[k] for at, k in steps]  # type: ignore[union-attr]
        if not steps or outputs.count(outputs[position]) > 1 or any(v in outputs for v in versions):
            continue
        wanted = {at: set(after.get(at, ())) for at in (*after, *[at for at, _ in steps])}
        for (at, _), version in zip(steps, versions, strict=True):
            wanted[at] |= {other for other, item in enumerate(items) if other != at and version in _reads(item)}
        if _order(items, wanted) is None:
            continue
        after = wanted
        found.append(position)
        for at, k in steps:
            statement = items[at]
            assert isinstance(statement, StructuredStatement)
            statement.over |= {k}
    order = _order(items, after)
    assert order is not None
    schedule.functions[0] = [items[at] for at in order]
    schedule.ordered[:] = statements(schedule.functions[0])
    return frozenset(found)


def _steps(items: Sequence[Item], output: Tensor, state: Input) -> list[tuple[int, int]]:
    """The loops from a state to its next value, as (place among the items, state there); empty if others make it."""
    makers = {
        result: (at, k)
        for at, item in enumerate(items)
        if isinstance(item, StructuredStatement) and isinstance(item.node, Loop)
        for k, result in enumerate(item.results[: item.node.state_count])
    }
    found: list[tuple[int, int]] = []
    made = output
    while made is not state:
        if made not in makers:
            return []
        at, k = makers[made]
        item = items[at]
        assert isinstance(item, StructuredStatement)
        if item.operands.count(item.operands[k]) > 1:
            return []
        found.append((at, k))
        made = item.operands[k]
    return found


def _order(items: Sequence[Item], after: Mapping[int, set[int]]) -> list[int] | None:
    """The items in an order in which each comes after what it reads and after those that are told; None if there is none."""
    made: dict[Tensor, list[int]] = {}
    for at, item in enumerate(items):
        for tensor in _writes(item):
            made.setdefault(tensor, []).append(at)
    before = [
        {m for t in (*_reads(item), *_writes(item)) for m in made.get(t, ()) if m < at} | after.get(at, set())
        for at, item in enumerate(items)
    ]
    order: list[int] = []
    done: set[int] = set()
    while len(order) < len(items):
        ready = next((at for at in range(len(items)) if at not in done and before[at] <= done), None)
        if ready is None:
            return None
        order.append(ready)
        done.add(ready)
    return order


def _reads(item: Item) -> set[Tensor]:
    return {tensor for statement in statements([item]) for tensor in statement.reads}


def _writes(item: Item) -> Iterator[Tensor]:
    for statement in statements([item]):
        yield statement.tensor
        yield from statement.also_writes
