"""Statements as machine code: what one iteration contributes, and where it goes."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.scalar import BOOL, FALSE, INT64, TRUE, Index, Scalar
from gradc.ir.walk import free_indices
from gradc.lower.calls import write_call
from gradc.lower.carried import is_float_sum
from gradc.lower.expression import ExpressionEmitter, is_position
from gradc.lower.library import CallStatement
from gradc.lower.memory import VectorisationRefused, varies
from gradc.lower.products import write_product
from gradc.lower.reducers import (
    State,
    combine,
    compensated_add,
    compensated_result,
    initial_state,
    neutral_number,
)
from gradc.lower.subprograms import Follower, StructuredStatement
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc.lower.tree import Statement


class LeafEmitter:
    """Writes single statements into the function that ``e`` writes, inside the loops that are open there."""

    def __init__(self, emitter: ExpressionEmitter) -> None:
        self.e = emitter
        #: the reductions that are under way
        self._states: dict[Statement, State] = {}
        #: whether the vectors at hand are aligned for the result that is streamed
        self._streams = False

    # ------------------------------------------------------------ reductions

    @staticmethod
    def _initial(statement: Statement) -> State:
        reducer = statement.tensor.reducer
        assert reducer is not None
        return initial_state(reducer, statement.body.dtype)

    def _initial_states(self, chosen: Sequence[Statement]) -> dict[Statement, State]:
        return {statement: self._initial(statement) for statement in chosen}

    def _absorb(self, statement: Statement, seen: State) -> None:
        """Take ``seen`` into the running state of the innermost loop."""
        self._states[statement] = self._merged(statement, self._states[statement], seen)

    def _merged(self, statement: Statement, state: State, seen: State) -> State:
        reducer = statement.tensor.reducer
        assert reducer is not None
        if not is_float_sum(statement):
            return combine(self.e, reducer, state, seen) if state else seen
        if len(seen) == 2:
            seen = [compensated_result(self.e, seen)]
        if not state:
            return seen
        if len(state) == 2:
            return compensated_add(self.e, state, seen[0])
        return combine(self.e, reducer, state, seen)

    def finish(self, statement: Statement, state: State) -> None:
        """Assign the result of a reduction that has come to its end."""
        if not state:
            state = self._initial(statement)
        if statement.tensor.reducer in ("argmax", "argmin"):
            result = state[1]
        elif len(state) == 2:
            result = compensated_result(self.e, state)
        else:
            result = state[0]
        self._assign(statement, result)

    # ------------------------------------------------------------ leaves

    def _leaf(self, statement: Statement) -> None:
        if statement.kind == "map":
            self._assign(statement, self.e.value(statement.body))
        elif statement.kind == "reduce":
            self._reduce(statement)
        elif statement.kind == "scan":
            self._scan(statement)
        elif statement.kind == "product":
            write_product(self.e, statement)
        elif isinstance(statement, CallStatement):
            write_call(self.e, statement)
        elif isinstance(statement, StructuredStatement):
            self._structured(statement)
        elif isinstance(statement, Follower):
            pass  # its leader has written it
        else:
            self._accumulate(statement)

    def _structured(self, statement: StructuredStatement) -> None:
        """A loop, a branch or a kept call, with all that is in it."""
        raise NotImplementedError

    def _reduce(self, statement: Statement) -> None:
        state = self._states[statement]
        if len(state) == 1 and statement.domain is TRUE and is_float_sum(statement):
            added = self.e.added_product(statement.body, state[0])
            if added is not None:
                self._states[statement] = [added]
                return
        self._absorb(statement, self._seen(statement))

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
            e.write(pointer, offset, value, streamed=statement.streamed and self._streams)

    def _accumulate(self, statement: Statement) -> None:
        """``out[target] += value``; where the target may not exist, only if it does."""
        e = self.e
        inside = e.without_facts(statement.domain)
        if inside is TRUE or all(e.is_safe(i) for i in statement.target):
            self._accumulate_where(statement, inside)
            return
        # the place itself is read from an array, perhaps out of range where the domain does not hold
        holds = e.convert(e.value(inside), BOOL)
        if holds.lanes > 1 or holds.step is not None:
            raise VectorisationRefused
        if holds.literal is None:
            e.builder.branch(holds, lambda: self._accumulate_where(statement, TRUE), [])
        elif holds.literal:
            self._accumulate_where(statement, TRUE)

    def _accumulate_where(self, statement: Statement, inside: Scalar) -> list[Value]:
        e, builder = self.e, self.e.builder
        holds = literal(True, BOOL) if inside is TRUE else e.convert(e.value(inside), BOOL)
        if holds.literal is not None and not holds.literal:
            return []
        target = [e.convert(e.value(i), INT64) for i in statement.target]
        reducer = statement.tensor.reducer or ""
        if statement.guarded:
            for place, position, extent in zip(statement.target, target, statement.tensor.shape, strict=True):
                if isinstance(place, Index) or is_position(place, extent):
                    continue
                if varies(position):  # the lanes outside would be read
                    raise VectorisationRefused
                limit = e.extent(extent)
                depth = max(position.depth, limit.depth)
                text = f"icmp ult i64 {position.text}, {limit.text}"
                holds = e.both(holds, Value(builder.instruction(text, depth), BOOL, depth))

        masked = holds.lanes > 1 or holds.step is not None
        if masked and not e.is_safe(statement.body):
            raise VectorisationRefused

        def add() -> list[Value]:
            value = e.value(statement.body)
            if masked:
                value = e.select(holds, value, literal(neutral_number(reducer, value.dtype), value.dtype))
            pointer, offset = e.address(statement.tensor, target)
            old = e.read(pointer, offset, value.dtype, builder.depth)
            e.write(pointer, offset, combine(e, reducer, [old], [value])[0])
            return []

        if holds.literal is True or masked:
            add()
        elif holds.literal is None:
            builder.branch(holds, add, [])
        return []

    def clear(self, statement: Statement) -> None:
        """Clear the part of the buffer that the loops from here inwards combine into."""
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
        count = ONE
        for axis in kept[len(fixed) :]:
            count = builder.multiply_integers(count, e.extent(statement.tensor.shape[axis]))
        neutral = literal(
            neutral_number(statement.tensor.reducer or "", statement.tensor.dtype), statement.tensor.dtype
        )
        if neutral.literal:

            def fill(position: Value, _: list[Value]) -> list[Value]:
                e.write(storage.pointer, builder.add_integers(offset, position), neutral)
                return []

            builder.loop(ZERO, count, [], fill)
            return
        count = builder.multiply_integers(count, literal(statement.tensor.dtype.itemsize, INT64))
        where = e.entry_pointer(storage.pointer, offset, statement.tensor.dtype, builder.depth)
        builder.module.declare("llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1 immarg"])
        builder.line(f"call void @llvm.memset.p0.i64(ptr {where}, i8 0, i64 {count.text}, i1 false)")

    def _fixed_axes(self, statement: Statement) -> list[int]:
        outer = set(range(statement.first_reduce))
        strides = self.e.storage(statement.tensor).strides
        return [
            axis
            for axis, position in enumerate(statement.target)
            if strides[axis] is not None and free_indices(position) and free_indices(position) <= outer
        ]
