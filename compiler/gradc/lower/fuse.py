"""Fusion: statements over the same outer axes share loops, recursively.

Statements are placed one by one, operands first. At one level of the tree there are *stages*: the loops of a stage run
before its single statements, which run before the next stage. A statement may join a loop that holds one of its
operands when it reads, in each iteration, only what that same iteration computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gradc.ir.scalar import Apply, Index, Number, Scalar
from gradc.ir.tensor import Extent, Tensor
from gradc.ir.walk import has_loads
from gradc.lower.tree import Item, Nest, Statement

#: A loop body of more operations than this takes no further statements.
LARGEST_BODY = 1500
#: A loop of fixed extent whose unrolled body is at most this many operations becomes straight-line code.
UNROLL_LIMIT = 512
#: ... unless its extent is more than this: then vectors serve it better.
UNROLLED_EXTENT = 10
#: More instructions than this are written out only for loops that do so many operations: it takes time to compile them.
SHORT_CODE, WORTH_CODE = 160, 5e5
#: What a symbolic extent counts as where the question is whether a loop is worth its code.
ANY_EXTENT = 1e6


@dataclass(eq=False)
class _Group:
    """A loop under construction."""

    extent: Extent
    stage: int
    order: int
    descending: bool
    members: list[Statement] = field(default_factory=list)
    operations: set[Scalar] = field(default_factory=set)


@dataclass
class _Place:
    """Where a statement is at one level: in a loop, or on its own at the end of a stage."""

    stage: int
    group: _Group | None


class Fusion:
    """Builds the tree of a list of statements that comes operands first, and that runs so many times."""

    def __init__(self, ordered: Sequence[Statement], times: float = 1.0) -> None:
        self._ordered = list(ordered)
        self._times = times
        self._statements_of: dict[Tensor, list[Statement]] = {}
        for statement in ordered:
            self._statements_of.setdefault(statement.tensor, []).append(statement)

    def tree(self) -> list[Item]:
        """The items of the kernel, in order, with the loops that are unrolled marked."""
        items = self._level(0, self._ordered)
        for item in items:
            if isinstance(item, Nest):
                self._mark_unrolled(item, self._times * work_of(item))
        return items

    # ------------------------------------------------------------ levels

    def _level(self, depth: int, members: Sequence[Statement]) -> list[Item]:
        places: dict[Tensor, _Place] = {}
        groups: dict[Extent, list[_Group]] = {}
        keyed: list[tuple[tuple[int, int, int], _Group | Statement]] = []
        for order, statement in enumerate(members):
            if statement.depth == depth:
                stage = max([places[t].stage for t in statement.reads if t in places], default=-1)
                _note(places, statement.tensor, _Place(stage, None))
                keyed.append(((stage, 1, order), statement))
                continue
            group = self._join(depth, statement, places, groups)
            if group is None:
                group = _Group(
                    statement.extents[depth],
                    self._new_stage(statement, places),
                    order,
                    statement.descending and statement.first_reduce == depth,
                )
                if not statement.is_in_blocks:  # nothing else is done block by block
                    groups.setdefault(group.extent, []).append(group)
                keyed.append(((group.stage, 0, order), group))
            group.members.append(statement)
            group.operations |= statement.operations
            _note(places, statement.tensor, _Place(group.stage, group))
        self._sink(depth, [entry for _, entry in keyed])
        keyed.sort(key=lambda entry: entry[0])
        return [self._item(depth, entry) for _, entry in keyed if isinstance(entry, Statement) or entry.members]

    def _sink(self, depth: int, entries: Sequence[_Group | Statement]) -> None:
        """Move what only one later loop over the same axis reads, entry by entry, into that loop.

        It needs no more room than one iteration's there.
        """
        readers: dict[Tensor, list[tuple[_Group | Statement, Statement]]] = {}
        makers: dict[Tensor, _Group | Statement] = {}
        groups = [entry for entry in entries if isinstance(entry, _Group)]
        for entry in entries:
            for statement in entry.members if isinstance(entry, _Group) else (entry,):
                makers[statement.tensor] = entry
                for tensor in statement.reads:
                    readers.setdefault(tensor, []).append((entry, statement))
        for group in groups:
            for statement in list(group.members):
                using = readers.get(statement.tensor, [])
                homes = {home for home, _ in using}
                if statement.kind != "map" or len(homes) != 1 or any(makers.get(t) is group for t in statement.reads):
                    continue
                (home,) = homes
                if not isinstance(home, _Group) or home.extent != group.extent or home.stage <= group.stage:
                    continue
                if len(self._statements_of[statement.tensor]) == 1 and all(
                    self._aligned(depth, statement.tensor, reader.reads[statement.tensor]) for _, reader in using
                ):
                    group.members.remove(statement)
                    home.members.insert(0, statement)

    def _item(self, depth: int, entry: _Group | Statement) -> Item:
        if isinstance(entry, Statement):
            return entry
        return Nest(depth, entry.extent, self._level(depth + 1, entry.members), entry.descending)

    def _new_stage(self, statement: Statement, places: dict[Tensor, _Place]) -> int:
        """The first stage of a loop of its own: after all operands."""
        return max([places[t].stage + 1 for t in statement.reads if t in places], default=0)

    def _earliest(self, depth: int, statement: Statement, places: dict[Tensor, _Place]) -> tuple[int, set[_Group]]:
        """The first stage the statement may be in, and the loops of that stage that hold operands."""
        earliest, holders = 0, set[_Group]()
        for tensor, indices in statement.reads.items():
            place = places.get(tensor)
            if place is None:
                continue
            joinable = place.group is not None and self._aligned(depth, tensor, indices)
            stage = place.stage if joinable else place.stage + 1
            if stage > earliest:
                earliest, holders = stage, set()
            if joinable and stage == earliest and place.group is not None:
                holders.add(place.group)
        return earliest, holders

    def _join(
        self, depth: int, statement: Statement, places: dict[Tensor, _Place], groups: dict[Extent, list[_Group]]
    ) -> _Group | None:
        if statement.is_in_blocks:
            return None
        earliest, holders = self._earliest(depth, statement, places)
        descending = statement.descending and statement.first_reduce == depth
        best = None
        for group in groups.get(statement.extents[depth], ()):
            if group.stage < earliest or group.descending != descending or descending:
                continue
            if len(group.operations) > LARGEST_BODY:
                continue
            if group.stage == earliest and holders and holders != {group}:
                continue
            if group in holders:
                return group
            if best is None or group.stage < best.stage:
                best = group
        return best

    def _aligned(self, depth: int, tensor: Tensor, reads: Sequence[tuple[Scalar, ...]]) -> bool:
        """Whether each read of ``tensor`` stays within one iteration of the loop at ``depth``, which completes an entry."""
        return all(self._completes(producer, depth, reads) for producer in self._statements_of[tensor])

    @staticmethod
    def _completes(producer: Statement, depth: int, reads: Sequence[tuple[Scalar, ...]]) -> bool:
        if producer.first_reduce <= depth and producer.kind != "scan":
            return False
        if producer.is_in_strips or producer.is_in_blocks:
            return False
        if producer.descending and producer.first_reduce == depth:
            return False
        axis = axis_of_loop(producer, depth)
        return axis is not None and all(isinstance(i[axis], Index) and i[axis].position == depth for i in reads)  # type: ignore[attr-defined]

    # ------------------------------------------------------------ unrolling

    def _mark_unrolled(self, nest: Nest, work: float) -> None:
        """Mark small fixed loops, innermost first, in an outermost loop that does so many operations."""
        nests = [item for item in nest.items if isinstance(item, Nest)]
        for inner in nests:
            self._mark_unrolled(inner, work)
        if any(isinstance(item, Statement) and (item.is_in_strips or item.is_in_blocks) for item in nest.items):
            return
        if isinstance(nest.extent, int) and nest.extent <= UNROLLED_EXTENT and all(n.unrolled for n in nests):
            length = instructions_of(nest.items)
            is_short = length * nest.extent <= SHORT_CODE or work >= WORTH_CODE
            nest.unrolled = is_short and weight_of(nest.items) * nest.extent <= UNROLL_LIMIT


def _note(places: dict[Tensor, _Place], tensor: Tensor, place: _Place) -> None:
    """A tensor of several statements is complete with the last of them; spread over loops, after all of these."""
    known = places.get(tensor)
    if known is None:
        places[tensor] = place
    elif known.group is not place.group or place.group is None:
        places[tensor] = _Place(max(known.stage, place.stage), None)


def axis_of_loop(statement: Statement, depth: int) -> int | None:
    """The axis of the result that the loop at ``depth`` runs over."""
    for axis, position in enumerate(statement.target):
        if isinstance(position, Index) and position.position == depth:
            return axis
    return None


# ---------------------------------------------------------------- registers, rows and buffers


@dataclass
class Lifetimes:
    """Which results need a buffer, and which of its axes."""

    stored: set[Tensor]
    kept_axes: dict[Tensor, tuple[int, ...]]


def paths(functions: Sequence[Sequence[Item]]) -> dict[Statement, tuple[object, ...]]:
    """Per statement: its function, then the loops around it, unrolled ones too."""
    found: dict[Statement, tuple[object, ...]] = {}

    def walk(items: Sequence[Item], path: tuple[object, ...]) -> None:
        for item in items:
            if isinstance(item, Statement):
                found[item] = path
            else:
                walk(item.items, (*path, item))

    for number, items in enumerate(functions):
        walk(items, (number,))
    return found


def storage_needs(functions: Sequence[Sequence[Item]], outputs: Sequence[Tensor]) -> Lifetimes:
    """What must be in memory.

    A result whose every reader is in the scope of its register needs no buffer; one read only within an outer loop
    needs a buffer of the inner axes.
    """
    where = paths(functions)
    readers: dict[Tensor, list[Statement]] = {}
    for statement in where:
        for tensor in statement.reads:
            readers.setdefault(tensor, []).append(statement)
    kept_outputs = set(outputs)
    result = Lifetimes(set(), {})
    around = {statement: _Around.of(path) for statement, path in where.items()}
    for statement, path in where.items():
        tensor = statement.tensor
        if tensor in kept_outputs:
            result.stored.add(tensor)
            continue
        consumers = readers.get(tensor, [])
        if statement.kind not in ("accumulate", "product", "library") and all(
            _in_register(statement, path, around[c], c.reads[tensor]) for c in consumers
        ):
            continue
        result.stored.add(tensor)
        common = _common_loops(path[1 : 1 + _complete_depth(statement)], [where[c] for c in consumers], path[0])
        dropped = {axis_of_loop(statement, d) for d in range(common)}
        result.kept_axes[tensor] = tuple(a for a in range(tensor.rank) if a not in dropped)
    return result


def _complete_depth(statement: Statement) -> int:
    """The loops that each complete entries of the result."""
    return statement.depth if statement.kind in ("map", "scan") else statement.first_reduce


@dataclass(frozen=True)
class _Around:
    """What is around a statement: the function and the loops that stay loops, and which of its axes are written out."""

    real: tuple[object, ...]
    unrolled: frozenset[int]

    @staticmethod
    def of(path: tuple[object, ...]) -> _Around:
        unrolled = [nest for nest in path if isinstance(nest, Nest) and nest.unrolled]
        return _Around(tuple(n for n in path if n not in unrolled), frozenset(n.depth for n in unrolled))


def _in_register(
    producer: Statement, path: tuple[object, ...], reader: _Around, reads: Sequence[tuple[Scalar, ...]]
) -> bool:
    """Whether the reader, at each of its reads, has the register of the entry in scope."""
    real = _Around.of(path[: 1 + _complete_depth(producer)]).real
    if reader.real[: len(real)] != real:
        return False
    for indices in reads:
        for axis, position in enumerate(indices):
            own = producer.target[axis]
            if not isinstance(own, Index | Number):
                return False
            nest = path[1 + own.position] if isinstance(own, Index) else None
            if nest is None or (isinstance(nest, Nest) and nest.unrolled):
                if has_loads(position) or not position.free <= reader.unrolled:
                    return False
            elif position is not own:
                return False
    return True


def _common_loops(home: tuple[object, ...], readers: Sequence[tuple[object, ...]], function: object) -> int:
    """How many outer loops the producer and all readers share; unrolled loops end the count."""
    count = 0
    for position, nest in enumerate(home):
        shared = all(len(r) > position + 1 and r[position + 1] is nest and r[0] == function for r in readers)
        if not shared or not readers or (isinstance(nest, Nest) and nest.unrolled):
            break
        count += 1
    return count


def weight_of(items: Sequence[Item]) -> float:
    """About how many operations the code of items is; what several statements share is computed once."""
    return _length_of(items, lambda node: 1)


def work_of(nest: Nest) -> float:
    """About how many instructions a loop carries out."""
    own = instructions_of([item for item in nest.items if isinstance(item, Statement)])
    within = own + sum(work_of(item) for item in nest.items if isinstance(item, Nest))
    return within * (nest.extent if isinstance(nest.extent, int) else ANY_EXTENT)


def instructions_of(items: Sequence[Item]) -> float:
    """About how many instructions the code of items is: functions are written in place."""
    return _length_of(items, lambda node: max(node.op.cost, 1.0) if isinstance(node, Apply) else 0.0)


def _length_of(items: Sequence[Item], length_of: Callable[[Scalar], float]) -> float:
    own = [item for item in items if isinstance(item, Statement)]
    shared = frozenset[Scalar]().union(*[statement.operations for statement in own])
    length = len(own) + sum(map(length_of, shared))
    for item in items:
        if isinstance(item, Nest):
            inner = _length_of(item.items, length_of)
            length += inner * item.extent if item.unrolled and isinstance(item.extent, int) else inner
    return length
