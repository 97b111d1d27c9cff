"""The loop tree as machine code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradc.ir.scalar import BOOL, FALSE, INT64, TRUE, Index, Scalar
from gradc.ir.walk import free_indices
from gradc.lower.algebraic import plan_of
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.memory import VectorisationRefused
from gradc.lower.monomials import Monomials
from gradc.lower.products import write_product
from gradc.lower.ranges import domain_bounds, guard_edges, pieces, room_of
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
from gradc.lower.tree import Item, Nest, Statement, statements, straight_line
from gradc.lower.vectors import SHORT, Ranged, block_length, is_strided, may_go_back, vector_plan


class TreeEmitter:
    """Writes items of the tree into the function that ``e`` writes."""

    def __init__(self, emitter: ExpressionEmitter) -> None:
        self.e = emitter
        self._states: dict[Statement, State] = {}
        self._plans: dict[Nest, Monomials] = {}
        #: whether the vectors at hand are aligned for the result that is streamed
        self._streams = False
        #: whether the code at hand runs for few iterations, at the end of an outer loop
        self._cold = False

    # ------------------------------------------------------------ items

    def write(self, items: Sequence[Item]) -> None:
        """Write the items of a function, in order."""
        with self.e.sharing(self._shared_factors(items, 0)):
            self.items(items)

    def _body(self, nest: Nest) -> None:
        """What happens in one iteration of a loop."""
        if nest not in self._plans:
            self._plans[nest] = self._shared_factors(nest.items, nest.depth)
        with self.e.sharing(self._plans[nest]):
            self.items(nest.items)

    def _shared_factors(self, items: Sequence[Item], depth: int) -> Monomials:
        nodes = [node for statement in straight_line(items) for node in statement.nodes]
        return plan_of(nodes, lambda scalar: not self.e.depends_from(scalar, depth))

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
                self.clear(statement)
        return [s for s in beginning if s.kind == "reduce"]

    def _nest(self, nest: Nest) -> None:
        beginning = self._begin(nest)
        if nest.unrolled:
            self._unrolled(nest, beginning)
        else:
            self._looped(nest, beginning)
        for statement in beginning:
            self.finish(statement, self._states.pop(statement))

    # ------------------------------------------------------------ unrolled loops

    def _unrolled(self, nest: Nest, beginning: Sequence[Statement]) -> None:
        e = self.e
        positions = range(nest.extent) if isinstance(nest.extent, int) else range(0)
        outer = {
            s: self._states[s] for s in statements(nest.items) if s.kind == "reduce" and s.first_reduce < nest.depth
        }
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
        carried = carried_by(nest)
        outer = {s: self._states.get(s, []) for s in carried}
        totals = self.share(nest, ZERO, self.e.extent(nest.extent))
        for statement in carried:
            if statement in beginning:
                self._states[statement] = totals[statement]
            else:
                self._states[statement] = outer[statement]
                self._absorb(statement, totals[statement])

    def share(self, nest: Nest, lower: Value, upper: Value) -> dict[Statement, State]:
        """The loop's iterations within ``range(lower, upper)``; the states that its reductions have reached after them."""
        carried = carried_by(nest)
        scans = [s for s in statements(nest.items) if s.kind == "scan" and s.first_reduce == nest.depth]
        totals = first_totals(nest)
        compensates = compensates_sums(nest)
        for ranged in self._ranges(nest, carried, scans, lower, upper):
            if any(map(is_streamed, nest.items)) and ranged.main:
                start = self._first_aligned(ranged)
                totals = self._plain_run(replace(ranged, upper=start, nonempty=False), totals)
                ranged = replace(ranged, lower=start, nonempty=False, aligned=True)
            totals = self._summed(ranged, totals) if compensates else self._run(ranged, totals)
        if any(s.streamed for s in statements(nest.items)) and not self.e.indices:
            self.e.builder.line("fence seq_cst")  # what went past the cache is there before anyone is told
        return totals

    def _first_aligned(self, ranged: Ranged) -> Value:
        """The first iteration of the range whose entry of the streamed result begins a vector's worth of memory."""
        e, builder = self.e, self.e.builder
        (statement,) = filter(is_streamed, ranged.nest.items)
        assert isinstance(statement, Statement)
        outer = [e.convert(e.value(i), INT64) for i in statement.target[:-1]]
        pointer, offset = e.address(statement.tensor, [*outer, ranged.lower])
        where = e.entry_pointer(pointer, offset, statement.tensor.dtype, builder.depth)
        itemsize = statement.tensor.dtype.itemsize
        address = builder.instruction(f"ptrtoint ptr {where} to i64", builder.depth)
        missing = builder.instruction(f"sub i64 0, {address}", builder.depth)
        size = e.vector_bits // 8
        count = builder.instruction(f"and i64 {missing}, {size - 1}", builder.depth)
        entries = builder.instruction(f"lshr i64 {count}, {itemsize.bit_length() - 1}", builder.depth)
        start = builder.add_integers(ranged.lower, Value(entries, INT64, builder.depth))
        return builder.minimum_integers(start, ranged.upper)

    def _ranges(
        self, nest: Nest, carried: list[Statement], scans: list[Statement], lower: Value, upper: Value
    ) -> list[Ranged]:
        """The range, within the bounds that its domains allow, cut at the edges of guards."""
        e, builder = self.e, self.e.builder
        bounds = domain_bounds(nest)
        for edge in bounds:
            at = e.value(edge.at)
            if edge.holds_below:
                upper = builder.minimum_integers(upper, at)
            else:
                lower = builder.maximum_integers(lower, at)
        if bounds:
            upper = builder.maximum_integers(lower, upper)  # edges may cross: nothing is left between them
        known = tuple((edge.predicate, True) for edge in bounds)
        whole = Ranged(nest, carried, scans, lower, upper, self._is_innermost(nest), facts=known, main=not self._cold)
        if scans or nest.descending or self._cold:
            return [whole]
        edges = [edge for edge in guard_edges(nest, e.is_safe) if edge.predicate not in dict(known)]
        shortest = 2 * vector_plan(whole, e.vector_bits)[0] if whole.innermost else 2
        result = []
        for piece in pieces(edges, nest.extent, shortest):
            start, stop = lower, upper
            if piece.lower is not None:
                start = builder.minimum_integers(builder.maximum_integers(lower, e.value(piece.lower)), upper)
            if piece.upper is not None:
                stop = builder.maximum_integers(builder.minimum_integers(upper, e.value(piece.upper)), start)
            room = 0 if bounds or nest.shared else room_of(piece, nest.extent)  # others work on what is before
            facts = (*known, *piece.facts)
            result.append(replace(whole, lower=start, upper=stop, facts=facts, main=piece.main, room=room))
        return result

    def _summed(self, ranged: Ranged, totals: dict[Statement, State]) -> dict[Statement, State]:
        """Float sums over a long axis: plain partial sums of blocks go to compensated totals."""
        carried = ranged.carried
        if ranged.scans or ranged.nest.descending or not ranged.innermost:
            return self._plain_run(ranged, totals)
        builder = self.e.builder
        length = block_length(*vector_plan(ranged, self.e.vector_bits))
        size = literal(length, INT64)

        def block(start: Value, phis: list[Value]) -> list[Value]:
            state = _unflatten(carried, totals, phis)
            first = builder.add_integers(ranged.lower, builder.multiply_integers(start, size))
            last = builder.minimum_integers(builder.add_integers(first, size), ranged.upper)
            part = replace(ranged, lower=first, upper=last, nonempty=True)
            partial = self._run(part, self._initial_states(carried))
            merged = {s: self._merged(s, state[s], partial[s]) for s in carried}
            return [v for s in carried for v in merged[s]]

        span = builder.subtract_integers(ranged.upper, ranged.lower)
        count = builder.add_integers(span, literal(length - 1, INT64))
        blocks = self.e.floor_divide(count, size)
        results = builder.loop(ZERO, blocks, [v for s in carried for v in totals[s]], block)
        return _unflatten(carried, totals, results)

    def _run(self, ranged: Ranged, totals: dict[Statement, State]) -> dict[Statement, State]:
        """The iterations of the range: as vectors where that can be, the rest one by one."""
        lanes, copies = vector_plan(ranged, self.e.vector_bits)
        if lanes > 1:
            checkpoint, states = self.e.builder.checkpoint(), dict(self._states)
            try:
                return self._vector_run(ranged, totals, lanes, copies)
            except VectorisationRefused:
                self.e.builder.roll_back(checkpoint)
                self._states = states
        return self._plain_run(ranged, totals)

    def _vector_run(
        self, ranged: Ranged, totals: dict[Statement, State], lanes: int, copies: int
    ) -> dict[Statement, State]:
        """``lanes`` iterations at a time, ``copies`` times per turn with accumulators of their own; a last vector in part."""
        e, builder, carried = self.e, self.e.builder, ranged.carried
        with e.vectorised(lanes):
            states = {s: [e.vector(v) for v in self._initial(s)] for s in carried}
        span = builder.subtract_integers(ranged.upper, ranged.lower)
        whole = isinstance(span.literal, int) and span.literal % lanes == 0
        again = may_go_back(ranged, lanes, self.e.buffer_of)
        if not again and is_strided(ranged.nest):
            copies = max(copies, 1)  # masks go lane by lane there: not in the loop, only after it
        edge = ranged.lower
        if copies or whole:
            stride = lanes * max(copies, 1)
            edge = builder.add_integers(ranged.lower, builder.rounded_down(span, stride))
            states = self._full_vectors(replace(ranged, upper=edge), states, lanes, max(copies, 1))
        rest = replace(ranged, lower=edge, nonempty=ranged.nonempty and not copies)
        if whole:
            states = self._full_vectors(rest, states, lanes, 1)
        elif again:
            states = self._vectors_going_back(rest, states, lanes)
        else:
            states = self._part_vectors(rest, states, lanes)
        return {s: self._merged(s, totals[s], self._across_lanes(s, states[s])) for s in carried}

    def _full_vectors(
        self, ranged: Ranged, starts: dict[Statement, State], lanes: int, copies: int
    ) -> dict[Statement, State]:
        """Whole turns of ``copies`` vectors."""
        e, builder, carried = self.e, self.e.builder, ranged.carried
        with e.vectorised(lanes):
            fresh = {s: [e.vector(v) for v in self._initial(s)] for s in carried}

        def body(position: Value, phis: list[Value]) -> list[Value]:
            finals: list[list[Value]] = []
            for copy in range(copies):
                shifted = builder.add_integers(position, literal(copy * lanes, INT64))
                self._streams = ranged.aligned
                with e.vectorised(lanes):
                    finals.append(self._vector_body(ranged, shifted, starts, phis[copy::copies]))
                self._streams = False
            return [finals[copy][k] for k in range(len(phis) // copies) for copy in range(copies)]

        flat = [v for s in carried for v, w in zip(starts[s], fresh[s], strict=True) for v in [v] + [w] * (copies - 1)]
        results = builder.loop(ranged.lower, ranged.upper, flat, body, step=lanes * copies)
        return {s: self._gathered(s, results[k * copies : (k + 1) * copies]) for k, s in enumerate(carried)}

    def _part_vectors(self, ranged: Ranged, starts: dict[Statement, State], lanes: int) -> dict[Statement, State]:
        """One vector at a time, of which only the lanes in range count."""
        e, builder, carried = self.e, self.e.builder, ranged.carried

        def body(position: Value, phis: list[Value]) -> list[Value]:
            with e.vectorised(lanes), e.only(e.lanes_below(position, ranged.upper)):
                return self._counted(e.active, self._vector_body(ranged, position, starts, phis), phis)

        flat = [v for s in carried for v in starts[s]]
        results = builder.loop(ranged.lower, ranged.upper, flat, body, step=lanes, nonempty=ranged.nonempty)
        return _unflatten(carried, starts, results)

    def _vectors_going_back(self, ranged: Ranged, starts: dict[Statement, State], lanes: int) -> dict[Statement, State]:
        """One vector at a time; the last one ends where the range ends, and does again what was done before."""
        e, builder, carried = self.e, self.e.builder, ranged.carried
        last = builder.subtract_integers(ranged.upper, literal(lanes, INT64))

        def body(position: Value, phis: list[Value]) -> list[Value]:
            start = builder.minimum_integers(position, last)
            with e.vectorised(lanes):
                fresh = e.lanes_from(builder.subtract_integers(position, start)) if carried else None
                return self._counted(fresh, self._vector_body(ranged, start, starts, phis), phis)

        flat = [v for s in carried for v in starts[s]]
        results = builder.loop(ranged.lower, ranged.upper, flat, body, step=lanes, nonempty=ranged.nonempty)
        return _unflatten(carried, starts, results)

    def _counted(self, lanes: Value | None, finals: list[Value], before: list[Value]) -> list[Value]:
        """The carried values, changed in these lanes only."""
        if lanes is None:
            return finals
        return [self.e.select(lanes, final, old) for final, old in zip(finals, before, strict=True)]

    def _vector_body(
        self, ranged: Ranged, position: Value, like: dict[Statement, State], phis: list[Value]
    ) -> list[Value]:
        """One vector of iterations, the first at ``position``; the carried values after it."""
        e, nest = self.e, ranged.nest
        self._states.update(_unflatten(ranged.carried, like, phis))
        with (
            e.axis(nest.depth, replace(position, step=ONE, literal=None), nest.extent),
            e.assuming(ranged.facts),
            e.forgetting(nest.depth),
        ):
            self._body(nest)
        return [e.vector(v) for s in ranged.carried for v in self._states.pop(s)]

    def _gathered(self, statement: Statement, parts: list[Value]) -> State:
        """The accumulators of the copies as one."""
        reducer = statement.tensor.reducer or ""
        while len(parts) > 1:
            parts = [combine(self.e, reducer, [a], [b])[0] for a, b in zip(parts[::2], parts[1::2], strict=True)]
        return parts

    def _across_lanes(self, statement: Statement, state: State) -> State:
        return [across_lanes(self.e, statement.tensor.reducer or "", value) for value in state]

    def _plain_run(self, ranged: Ranged, totals: dict[Statement, State]) -> dict[Statement, State]:
        """The iterations one by one."""
        e, builder, nest = self.e, self.e.builder, ranged.nest
        starts = {**totals, **self._initial_states(ranged.scans)}
        together = [*ranged.carried, *ranged.scans]

        def body(position: Value, phis: list[Value]) -> list[Value]:
            self._states.update(_unflatten(together, starts, phis))
            outer, self._cold = self._cold, self._cold or not ranged.main
            with e.axis(nest.depth, position, nest.extent), e.assuming(ranged.facts):
                self._body(nest)
            self._cold = outer
            return [v for s in together for v in self._states.pop(s)]

        results = builder.loop(
            ranged.lower,
            ranged.upper,
            [v for s in together for v in starts[s]],
            body,
            nonempty=ranged.nonempty,
            descending=nest.descending,
        )
        return _unflatten(ranged.carried, totals, results)

    @staticmethod
    def _is_innermost(nest: Nest) -> bool:
        return all(isinstance(item, Statement) or item.unrolled for item in nest.items)

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
        else:
            self._accumulate(statement)

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
                if isinstance(place, Index):
                    continue
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


def is_float_sum(statement: Statement) -> bool:
    """Whether rounding makes the order of the additions matter."""
    return statement.tensor.reducer == "sum" and statement.tensor.dtype.kind == "f"


def is_streamed(item: Item) -> bool:
    """Whether this is a statement whose result is written past the cache."""
    return isinstance(item, Statement) and item.streamed


def carried_by(nest: Nest) -> list[Statement]:
    """The reductions that go on from one iteration of the loop to the next."""
    return [s for s in statements(nest.items) if s.kind == "reduce" and s.first_reduce <= nest.depth]


def first_totals(nest: Nest) -> dict[Statement, State]:
    """The states of the reductions before the loop's first iteration; sums that keep what rounding loses have two parts."""
    totals: dict[Statement, State] = {}
    compensates = compensates_sums(nest)
    for statement in carried_by(nest):
        totals[statement] = initial_state(statement.tensor.reducer or "", statement.body.dtype)
        if compensates and is_float_sum(statement):
            totals[statement].append(literal(0, statement.tensor.dtype))
    return totals


def compensates_sums(nest: Nest) -> bool:
    """Whether the float sums that the loop carries keep what rounding loses."""
    return not (isinstance(nest.extent, int) and nest.extent <= SHORT) and any(map(is_float_sum, carried_by(nest)))


def _unflatten(
    order: Sequence[Statement], like: dict[Statement, State], values: Sequence[Value]
) -> dict[Statement, State]:
    result: dict[Statement, State] = {}
    position = 0
    for statement in order:
        count = len(like[statement])
        result[statement] = list(values[position : position + count])
        position += count
    return result
