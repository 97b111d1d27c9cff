"""The loop tree as machine code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from gradc.ir.scalar import INT64
from gradc.lower.algebraic import plan_of
from gradc.lower.carried import carried_by, compensates_sums, first_totals, unflatten
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.leaves import LeafEmitter
from gradc.lower.memory import VectorisationRefused
from gradc.lower.monomials import Monomials
from gradc.lower.ranges import WHOLE, domain_bounds, guard_edges, pieces, room_of
from gradc.lower.reducers import State, across_lanes, combine
from gradc.lower.structured import write_structured
from gradc.lower.subprograms import StructuredStatement
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc.lower.tree import Item, Nest, Statement, statements, straight_line
from gradc.lower.vectors import Ranged, block_length, is_strided, may_go_back, transposed_loop, vector_plan


class TreeEmitter(LeafEmitter):
    """Writes items of the tree into the function that ``e`` writes."""

    def __init__(self, emitter: ExpressionEmitter) -> None:
        super().__init__(emitter)
        self._plans: dict[Nest, Monomials] = {}
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
        if not any(True for _ in statements(nest.items)):  # what was in it has no entries
            return
        beginning = self._begin(nest)
        if nest.unrolled:
            self._unrolled(nest, beginning)
        else:
            self._looped(nest, beginning)
        for statement in beginning:
            self.finish(statement, self._states.pop(statement))

    def _structured(self, statement: StructuredStatement) -> None:
        write_structured(self.e, statement, lambda e, items: TreeEmitter(e).write(items))

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
            if any(s.streamed for s in straight_line(nest.items)) and ranged.main:
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
        (statement,) = (s for s in straight_line(ranged.nest.items) if s.streamed)
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
        lanes, copies = vector_plan(ranged, self.e.vector_bits)
        if lanes > 1 and not copies and may_go_back(ranged, lanes, self.e.buffer_of):
            done = self._unless_refused(lambda: self._summed_going_back(ranged, totals, lanes))
            if done is not None:
                ranged.nest.lanes = lanes
                return done
        length = block_length(lanes, copies)
        size = literal(length, INT64)

        def block(start: Value, phis: list[Value]) -> list[Value]:
            state = unflatten(carried, totals, phis)
            first = builder.add_integers(ranged.lower, builder.multiply_integers(start, size))
            last = builder.minimum_integers(builder.add_integers(first, size), ranged.upper)
            part = replace(ranged, lower=first, upper=last, nonempty=True)
            partial = self._run(part, self._initial_states(carried))
            merged = {s: self._merged(s, state[s], partial[s]) for s in carried}
            return [v for s in carried for v in merged[s]]

        span = builder.subtract_integers(ranged.upper, ranged.lower)
        count = builder.add_integers(span, literal(length - 1, INT64))
        return self._blocks(self.e.floor_divide(count, size), carried, totals, block)

    def _blocks(
        self,
        count: Value,
        carried: Sequence[Statement],
        totals: dict[Statement, State],
        block: Callable[[Value, list[Value]], list[Value]],
    ) -> dict[Statement, State]:
        """The totals after so many blocks; one alone is no loop."""
        flat = [v for s in carried for v in totals[s]]
        results = block(ZERO, flat) if count.literal == 1 else self.e.builder.loop(ZERO, count, flat, block)
        return unflatten(carried, totals, results)

    def _summed_going_back(self, ranged: Ranged, totals: dict[Statement, State], lanes: int) -> dict[Statement, State]:
        """Blocks of whole vectors; the last lanes are a block of their own, one vector that ends where the range ends.

        So which lanes count is settled once in a block, not in each turn.
        """
        e, builder, carried = self.e, self.e.builder, ranged.carried
        size = literal(block_length(lanes, 0), INT64)
        span = builder.subtract_integers(ranged.upper, ranged.lower)
        edge = builder.add_integers(ranged.lower, builder.rounded_down(span, lanes))
        vector_before_end = builder.subtract_integers(ranged.upper, literal(lanes, INT64))
        is_whole = isinstance(span.literal, int) and span.literal % lanes == 0

        def block(number: Value, phis: list[Value]) -> list[Value]:
            state = unflatten(carried, totals, phis)
            begin = builder.add_integers(ranged.lower, builder.multiply_integers(number, size))
            first, last = begin, builder.minimum_integers(builder.add_integers(begin, size), edge)
            fresh = None
            if not is_whole:
                first = builder.minimum_integers(begin, vector_before_end)
                last = builder.maximum_integers(last, builder.add_integers(first, literal(lanes, INT64)))
                done = builder.subtract_integers(builder.minimum_integers(begin, edge), first)
                with e.vectorised(lanes):
                    fresh = e.lanes_from(done)
            with e.vectorised(lanes):
                starts = {s: [e.vector(v) for v in self._initial(s)] for s in carried}

            def body(position: Value, before: list[Value]) -> list[Value]:
                with e.vectorised(lanes):
                    return self._counted(fresh, self._vector_body(ranged, position, starts, before), before)

            flat = [v for s in carried for v in starts[s]]
            partial = unflatten(carried, starts, builder.loop(first, last, flat, body, step=lanes, nonempty=True))
            merged = {s: self._merged(s, state[s], self._across_lanes(s, partial[s])) for s in carried}
            return [v for s in carried for v in merged[s]]

        count = builder.add_integers(
            builder.subtract_integers(edge, ranged.lower), literal(block_length(lanes, 0) - 1, INT64)
        )
        blocks = e.floor_divide(count, size)
        if not is_whole:
            some = builder.minimum_integers(builder.subtract_integers(ranged.upper, edge), ONE)
            blocks = builder.add_integers(blocks, some)
        return self._blocks(blocks, carried, totals, block)

    def _run(self, ranged: Ranged, totals: dict[Statement, State]) -> dict[Statement, State]:
        """The iterations of the range: as vectors where that can be, the rest one by one."""
        lanes, copies = vector_plan(ranged, self.e.vector_bits)
        if lanes > 1:
            done = self._unless_refused(lambda: self._vector_run(ranged, totals, lanes, copies))
            if done is not None:
                ranged.nest.lanes = lanes
                return done
        return self._plain_run(ranged, totals)

    def _unless_refused(self, write: Callable[[], dict[Statement, State]]) -> dict[Statement, State] | None:
        """What is written as vectors; nothing, where it turns out that it can't be."""
        checkpoint, states = self.e.builder.checkpoint(), dict(self._states)
        try:
            return write()
        except VectorisationRefused:
            self.e.builder.roll_back(checkpoint)
            self._states = states
            return None

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
        if ranged.nest.whole and ranged.lower.literal == 0 and ranged.upper.literal == lanes * copies:
            results = body(ranged.lower, flat)
        else:
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
        return unflatten(carried, starts, results)

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
        return unflatten(carried, starts, results)

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
        self._states.update(unflatten(ranged.carried, like, phis))
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

    def _squares(self, ranged: Ranged, inner: Ranged, lanes: int) -> None:
        """As many iterations of two loops at a time as there are lanes: what is walked along across them is transposed.

        The last ones end where the range ends, and do again what was done before.
        """
        e, builder, nest = self.e, self.e.builder, ranged.nest
        last_row = builder.subtract_integers(ranged.upper, literal(lanes, INT64))
        last_column = builder.subtract_integers(inner.upper, literal(lanes, INT64))

        def columns(column: Value, row: Value) -> list[Value]:
            first = builder.minimum_integers(column, last_column)
            for number in range(lanes):
                here = builder.add_integers(row, literal(number, INT64))
                with e.vectorised(lanes), e.axis(nest.depth, here, nest.extent), e.forgetting(nest.depth):
                    self._vector_body(inner, first, {}, [])
            return []

        def rows(position: Value, _: list[Value]) -> list[Value]:
            row = builder.minimum_integers(position, last_row)
            builder.loop(inner.lower, inner.upper, [], lambda at, _: columns(at, row), step=lanes)
            return []

        builder.loop(ranged.lower, ranged.upper, [], rows, step=lanes, nonempty=ranged.nonempty)
        inner.nest.lanes = lanes

    def _plain_run(self, ranged: Ranged, totals: dict[Statement, State]) -> dict[Statement, State]:
        """The iterations one by one."""
        e, builder, nest = self.e, self.e.builder, ranged.nest
        inner = transposed_loop(ranged)
        if inner is not None:
            across = Ranged(
                inner, [], [], ZERO, e.extent(inner.extent), innermost=True, room=room_of(WHOLE, inner.extent)
            )
            lanes = vector_plan(across, e.vector_bits)[0]
            whole = replace(ranged, nest=inner, room=min(ranged.room, across.room))
            if lanes > 1 and not guard_edges(nest, e.is_safe) and may_go_back(whole, lanes, e.buffer_of):
                self._squares(ranged, across, lanes)
                return totals
        starts = {**totals, **self._initial_states(ranged.scans)}
        together = [*ranged.carried, *ranged.scans]

        def body(position: Value, phis: list[Value]) -> list[Value]:
            self._states.update(unflatten(together, starts, phis))
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
        return unflatten(ranged.carried, totals, results)

    @staticmethod
    def _is_innermost(nest: Nest) -> bool:
        return all(isinstance(item, Statement) or item.unrolled for item in nest.items)
