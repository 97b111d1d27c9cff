"""The loop tree as machine code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradc.ir.scalar import BOOL, FALSE, INT64, TRUE, Load, Scalar
from gradc.ir.walk import post_order
from gradc.lower.expression import ExpressionEmitter, Storage
from gradc.lower.reducers import (
    State,
    across_lanes,
    combine,
    compensated_add,
    compensated_result,
    initial_state,
    neutral_number,
)
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc.lower.tree import Item, Nest, Statement, statements

#: A loop of fixed extent whose unrolled body is at most this many operations becomes straight-line code.
UNROLL_LIMIT = 512
#: Plain additions in a row before the partial sum goes to a compensated total.
SUM_BLOCK = 512


class TreeEmitter:
    """Writes items of the tree into the function that ``e`` writes."""

    def __init__(self, emitter: ExpressionEmitter) -> None:
        self.e = emitter
        self._states: dict[Statement, State] = {}
        self._weights: dict[Item, int] = {}

    # ------------------------------------------------------------ items

    def items(self, items: Sequence[Item]) -> None:
        """Write the items in order."""
        for item in items:
            if isinstance(item, Statement):
                self._leaf(item)
            else:
                self._nest(item)

    def _begin(self, nest: Nest) -> list[Statement]:
        """The statements that begin to reduce at this loop; accumulated buffers are zeroed."""
        beginning = [s for s in statements(nest.items) if s.first_reduce == nest.depth]
        for statement in beginning:
            if statement.kind == "accumulate":
                self._zero(statement)
        return [s for s in beginning if s.kind == "reduce"]

    def _nest(self, nest: Nest) -> None:
        beginning = self._begin(nest)
        if self._unrolls(nest):
            self._unrolled(nest, beginning)
        else:
            self._looped(nest, beginning)
        for statement in beginning:
            self._finish(statement, self._states.pop(statement))

    # ------------------------------------------------------------ unrolled loops

    def weight(self, item: Item) -> int:
        """About how many operations an item is, its small fixed loops unrolled."""
        known = self._weights.get(item)
        if known is None:
            if isinstance(item, Statement):
                known = 1 + sum(not isinstance(n, Load) for n in post_order([item.body, item.domain]) if n.children)
            else:
                inner = sum(self.weight(i) for i in item.items)
                known = inner * item.extent if isinstance(item.extent, int) else inner
            self._weights[item] = known
        return known

    def _unrolls(self, nest: Nest) -> bool:
        if not isinstance(nest.extent, int) or self.weight(nest) > UNROLL_LIMIT:
            return False
        return all(isinstance(i, Statement) or self._unrolls(i) for i in nest.items)

    def _unrolled(self, nest: Nest, beginning: Sequence[Statement]) -> None:
        e = self.e
        positions = range(nest.extent) if isinstance(nest.extent, int) else range(0)
        outer = {s: self._states[s] for s in statements(nest.items) if s.kind == "reduce" and s.first_reduce < nest.depth}
        for statement in (*beginning, *outer):
            self._states[statement] = []
        scans = [s for s in statements(nest.items) if s.kind == "scan" and s.first_reduce == nest.depth]
        for statement in scans:
            self._states[statement] = self._initial(statement)
        for position in reversed(positions) if nest.descending else positions:
            with e.axis(nest.depth, literal(position, INT64), nest.extent), e.forgetting(nest.depth):
                self.items(nest.items)
        for statement in scans:
            del self._states[statement]
        for statement, state in outer.items():
            seen, self._states[statement] = self._states[statement], state
            if seen:
                self._absorb(statement, seen)

    # ------------------------------------------------------------ real loops

    def _looped(self, nest: Nest, beginning: Sequence[Statement]) -> None:
        lower, upper = ZERO, self.e.extent(nest.extent)
        inside = list(statements(nest.items))
        carried = [s for s in inside if s.kind == "reduce" and s.first_reduce <= nest.depth]
        scans = [s for s in inside if s.kind == "scan" and s.first_reduce == nest.depth]
        outer = {s: self._states.get(s) for s in carried}
        totals = {s: self._initial(s) for s in carried}
        if any(self._compensates(s) for s in carried) and not _is_short(nest):
            totals = self._blocked(nest, lower, upper, carried, scans, totals)
        else:
            totals = self._run(nest, lower, upper, carried, scans, totals)
        for statement in carried:
            if statement in beginning:
                self._states[statement] = totals[statement]
            else:
                self._states[statement] = outer[statement] or []
                self._absorb(statement, totals[statement])

    def _blocked(
        self,
        nest: Nest,
        lower: Value,
        upper: Value,
        carried: list[Statement],
        scans: list[Statement],
        totals: dict[Statement, State],
    ) -> dict[Statement, State]:
        """Blocks of iterations whose plain partial sums go to compensated totals."""
        if scans or nest.descending or not self._is_innermost(nest):
            return self._run(nest, lower, upper, carried, scans, totals, compensated=True)
        e, builder = self.e, self.e.builder
        totals = {s: self._widened(s, state) for s, state in totals.items()}
        flat = [v for s in carried for v in totals[s]]

        def block(start: Value, phis: list[Value]) -> list[Value]:
            state = _unflatten(carried, totals, phis)
            first = builder.multiply_integers(start, literal(SUM_BLOCK, INT64))
            last = builder.minimum_integers(builder.add_integers(first, literal(SUM_BLOCK, INT64)), upper)
            partial = self._run(nest, first, last, carried, [], {s: self._initial(s) for s in carried}, nonempty=True)
            merged = {s: self._merged(s, state[s], partial[s]) for s in carried}
            return [v for s in carried for v in merged[s]]

        blocks = e.floor_divide(builder.add_integers(upper, literal(SUM_BLOCK - 1, INT64)), literal(SUM_BLOCK, INT64))
        results = builder.loop(ZERO, blocks, flat, block)
        return _unflatten(carried, totals, results)

    def _run(
        self,
        nest: Nest,
        lower: Value,
        upper: Value,
        carried: list[Statement],
        scans: list[Statement],
        totals: dict[Statement, State],
        *,
        compensated: bool = False,
        nonempty: bool = False,
    ) -> dict[Statement, State]:
        e, builder = self.e, self.e.builder
        if compensated:
            totals = {s: self._widened(s, state) for s, state in totals.items()}
        starts = {**totals, **{s: self._initial(s) for s in scans}}
        together = [*carried, *scans]

        def body(position: Value, phis: list[Value]) -> list[Value]:
            self._states.update(_unflatten(together, starts, phis))
            with e.axis(nest.depth, position, nest.extent):
                self.items(nest.items)
            return [v for s in together for v in self._states.pop(s)]

        flat = [v for s in together for v in starts[s]]
        results = builder.loop(
            lower, upper, flat, body, nonempty=nonempty or _is_nonempty(nest), descending=nest.descending
        )
        return _unflatten(carried, totals, results)

    @staticmethod
    def _is_innermost(nest: Nest) -> bool:
        return all(isinstance(item, Statement) for item in nest.items)

    # ------------------------------------------------------------ reductions

    @staticmethod
    def _compensates(statement: Statement) -> bool:
        return statement.tensor.reducer == "sum" and statement.tensor.dtype.kind == "f"

    @staticmethod
    def _initial(statement: Statement) -> State:
        reducer = statement.tensor.reducer
        assert reducer is not None
        return initial_state(reducer, statement.body.dtype)

    def _widened(self, statement: Statement, state: State) -> State:
        if self._compensates(statement) and len(state) == 1:
            return [*state, literal(0, statement.tensor.dtype)]
        return state

    def _absorb(self, statement: Statement, seen: State) -> None:
        """Take ``seen`` into the running state of the innermost loop."""
        self._states[statement] = self._merged(statement, self._states[statement], seen)

    def _merged(self, statement: Statement, state: State, seen: State) -> State:
        reducer = statement.tensor.reducer
        assert reducer is not None
        if not self._compensates(statement):
            return combine(self.e, reducer, state, seen) if state else seen
        if len(seen) == 2:
            seen = [compensated_result(self.e, seen)]
        if not state:
            return seen
        if len(state) == 2:
            return compensated_add(self.e, state, seen[0])
        return combine(self.e, reducer, state, seen)

    def _finish(self, statement: Statement, state: State) -> None:
        if not state:
            state = self._initial(statement)
        if statement.tensor.reducer in ("argmax", "argmin"):
            result = state[1]
        elif len(state) == 2:
            result = compensated_result(self.e, state)
        else:
            result = across_lanes(self.e, statement.tensor.reducer or "", state[0])
        self._assign(statement, result)

    # ------------------------------------------------------------ leaves

    def _leaf(self, statement: Statement) -> None:
        if statement.kind == "map":
            self._assign(statement, self.e.value(statement.body))
        elif statement.kind == "reduce":
            self._absorb(statement, self._seen(statement))
        elif statement.kind == "scan":
            self._scan(statement)
        else:
            self._accumulate(statement)

    def _seen(self, statement: Statement) -> State:
        """What one iteration contributes: the body inside the domain, the neutral element outside."""
        e = self.e
        body, domain = statement.body, e.without_facts(statement.domain)
        reducer = statement.tensor.reducer
        assert reducer is not None
        neutral = literal(neutral_number(reducer, body.dtype), body.dtype)
        if domain is TRUE:
            value = e.value(body)
        elif domain is FALSE:
            value = neutral
        else:
            inside = e.convert(e.value(domain), BOOL)
            if e.is_safe(body):
                value = e.select(inside, e.value(body), neutral)
            else:
                (value,) = e.guarded_value(inside, body, neutral)
        if reducer in ("argmax", "argmin"):
            return [value, e.indices[statement.depth - 1]]
        return [value]

    def _scan(self, statement: Statement) -> None:
        state = self._states[statement]
        after = combine(self.e, statement.tensor.reducer or "", state, self._seen(statement))
        self._states[statement] = after
        self._assign(statement, after[0] if statement.inclusive else state[0])

    def _assign(self, statement: Statement, value: Value) -> None:
        e = self.e
        target = [e.value(i) for i in statement.target]
        e.keep_element(statement.tensor, target, value)
        if statement.stored:
            pointer, offset = e.address(statement.tensor, target)
            e.write(pointer, offset, value)

    def _accumulate(self, statement: Statement) -> None:
        """``out[target] += value``; where the target may not exist, only if it does."""
        e, builder = self.e, self.e.builder
        target = [e.convert(e.value(i), INT64) for i in statement.target]
        inside = e.without_facts(statement.domain)
        holds = literal(True, BOOL) if inside is TRUE else e.convert(e.value(inside), BOOL)
        if statement.guarded:
            for position, extent in zip(target, statement.tensor.shape, strict=True):
                limit = e.extent(extent)
                depth = max(position.depth, limit.depth)
                text = f"icmp ult i64 {position.text}, {limit.text}"
                holds = e.both(holds, Value(builder.instruction(text, depth), BOOL, depth))

        def add() -> list[Value]:
            value = e.value(statement.body)
            pointer, offset = e.address(statement.tensor, target)
            old = e.read(pointer, offset, value.dtype, builder.depth)
            e.write(pointer, offset, e.add(old, value))
            return []

        if holds.literal is True:
            add()
        elif holds.literal is None:
            builder.branch(holds, add, [])

    def _zero(self, statement: Statement) -> None:
        """Clear the part of the buffer that the loops from here inwards add into."""
        e, builder = self.e, self.e.builder
        storage = e.storage(statement.tensor)
        kept = [axis for axis, stride in enumerate(storage.strides) if stride is not None]
        fixed = self._fixed_axes(statement)
        assert kept[: len(fixed)] == fixed, "the axes outside an accumulation lead its buffer"
        offset = ZERO
        for axis in fixed:
            stride = storage.strides[axis]
            assert stride is not None
            offset = builder.add_integers(offset, builder.multiply_integers(e.value(statement.target[axis]), stride))
        count = literal(statement.tensor.dtype.itemsize, INT64)
        for axis in kept[len(fixed) :]:
            count = builder.multiply_integers(count, e.extent(statement.tensor.shape[axis]))
        where = e.entry_pointer(storage.pointer, offset, statement.tensor.dtype, builder.depth)
        builder.module.declare("llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1 immarg"])
        builder.line(f"call void @llvm.memset.p0.i64(ptr {where}, i8 0, i64 {count.text}, i1 false)")

    def _fixed_axes(self, statement: Statement) -> list[int]:
        outer = set(range(statement.first_reduce))
        return [
            axis for axis, position in enumerate(statement.target) if _loops_of(position) <= outer and _loops_of(position)
        ]


def _loops_of(scalar: Scalar) -> set[int]:
    from gradc.ir.walk import free_indices

    return set(free_indices(scalar))


def _unflatten(order: Sequence[Statement], like: dict[Statement, State], values: Sequence[Value]) -> dict[Statement, State]:
    result: dict[Statement, State] = {}
    position = 0
    for statement in order:
        count = len(like[statement]) if statement in like else 0
        result[statement] = list(values[position : position + count])
        position += count
    return result


def _is_short(nest: Nest) -> bool:
    return isinstance(nest.extent, int) and nest.extent <= SUM_BLOCK // 4


def _is_nonempty(nest: Nest) -> bool:
    return isinstance(nest.extent, int) and nest.extent > 0


__all__ = ["ONE", "Storage", "TreeEmitter", "replace"]
