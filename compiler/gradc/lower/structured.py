"""Loops, branches and kept calls as machine code.

A sub-graph is written where it stands, by an emitter of its own: tensors of different sub-graphs may be the same node. The
state of a loop is in the memory of its results, or on the stack where it is small: there LLVM turns it into registers. A step
computes the next state beside the present one and then moves it, unless it may overwrite it or changes few of its entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradc.ir.scalar import BOOL, INT64, Size, load
from gradc.ir.tensor import Call, Cond, Extent, Loop, Tensor
from gradc.lower.block_graph import with_axis_last
from gradc.lower.counting import step_operations
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.frame import moved, strides
from gradc.lower.memory import Storage
from gradc.lower.plan import byte_count
from gradc.lower.subprograms import Blocks, StructuredStatement, SubProgram, is_small, scratch_bytes, written_over
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc.lower.tree import Item, Statement
from gradc.lower.updates import items_of
from gradc_runtime.interrupts import FUNCTIONS, INTERRUPTED, PREFIX
from gradc_runtime.tapes import PREFIX as TAPE
from gradc_runtime.tapes import TOO_SHORT

#: Floating-point operations from which on a loop looks for signals, and about how many there are between two looks.
LONG, BETWEEN = 1e6, 2e5
#: What a step costs besides.
_STEP = 5.0


def is_long(statement: Statement) -> bool:
    """Whether a statement is a loop that somebody might want to interrupt."""
    if not isinstance(statement, StructuredStatement):
        return False
    times = statement.node.trip if isinstance(statement.node, Loop) else None
    if statement.blocks is not None:
        times = statement.blocks.count
    elif not isinstance(statement.node, Loop):
        return False
    if not isinstance(times, int):  # as that of a loop with a condition
        return True
    return times * (step_operations(statement) + _STEP) >= LONG


#: Where a tensor is: an address, where it lies in order, or with its strides.
Place = Value | Storage
WriteItems = Callable[[ExpressionEmitter, Sequence[Item]], None]


def write_structured(e: ExpressionEmitter, statement: StructuredStatement, write: WriteItems) -> None:
    """A loop, a branch or a kept call, with all that is in it."""
    for tensor in (statement.tensor, *statement.also_writes):
        e.note_write(e.storage(tensor).pointer)
    writer = _Writer(e, statement, write)
    if statement.blocks is not None:
        writer.blocks(statement.blocks)
    elif isinstance(statement.node, Loop):
        _LoopWriter(writer, statement.node).write()
    elif isinstance(statement.node, Cond):
        writer.branch()
    else:
        assert isinstance(statement.node, Call)
        writer.inline(0, statement.operands)


@dataclass
class _Writer:
    """Writes the sub-graphs of one statement."""

    e: ExpressionEmitter
    statement: StructuredStatement
    write_items: WriteItems

    # ------------------------------------------------------------ memory

    def pointer(self, tensor: Tensor) -> Value:
        """Where a tensor of the outer graph is."""
        return self.e.storage(tensor).pointer

    def bytes_of(self, tensor: Tensor) -> Value:
        """How many bytes a tensor has."""
        return self.e.extent(byte_count(tensor))

    def stack(self, tensor: Tensor) -> Value:
        """Room on the stack for a tensor of fixed, small size."""
        return self._room(byte_count(tensor))

    def _room(self, size: Extent) -> Value:
        return Value(self.e.builder.on_stack(f"[{size} x i8], align 64"), INT64, 0)

    def copy(self, target: Value, source: Value, size: Value) -> None:
        """Move so many bytes."""
        if size.literal != 0:
            self.e.builder.copy_bytes(target.text, source.text, size)

    # ------------------------------------------------------------ sub-graphs

    def run(
        self,
        number: int,
        inputs: Sequence[Place],
        outputs: Sequence[Place],
        written: Sequence[Place],
        last: Callable[[ExpressionEmitter], None] = lambda inner: None,
    ) -> None:
        """A sub-graph, given where its inputs are and where its outputs go; ``written`` changes from run to run."""
        e, program = self.e, self.statement.programs[number]
        inner = ExpressionEmitter(e.builder, dict(e.sizes), e.status_slot, e.vector_bits, e.has_fma)
        inner.is_in_loop = e.is_in_loop or isinstance(self.statement.node, Loop)
        if inner.is_in_loop and e.has_fma:
            inner.fused = program.fused
        inner.know_writes_of(e)
        places = zip((*program.graph.inputs, *program.graph.outputs), (*inputs, *outputs), strict=True)
        for tensor, place in places:
            whole = place if isinstance(place, Storage) else Storage(place, strides(inner, tensor, range(tensor.rank)))
            inner.store_at(tensor, whole)
        for constant in program.constants:
            inner.store_at(constant, e.storage(constant))
        for place in written:
            inner.note_write(place.pointer if isinstance(place, Storage) else place)
        self._place_intermediate(inner, number, program)
        for statement in program.schedule.ordered:
            for result, operand in written_over(statement).items():
                inner.store_at(result, inner.storage(operand))
        self.write_items(inner, program.items)
        last(inner)

    def _place_intermediate(self, inner: ExpressionEmitter, number: int, program: SubProgram) -> None:
        needs = program.schedule.needs
        kept = {t: needs.kept_axes.get(t, tuple(range(t.rank))) for t in (*program.on_stack, *program.layout.offsets)}
        for tensor, axes in kept.items():
            if tensor in program.layout.offsets:
                assert self.statement.scratch is not None
                before = self.e.extent(scratch_bytes(self.statement.programs[:number]))
                start = moved(self.e.builder, self.pointer(self.statement.scratch), before)
                place = moved(self.e.builder, start, self.e.extent(program.layout.offsets[tensor]))
            else:
                place = self._room(byte_count(tensor, axes))
            inner.store_at(tensor, Storage(place, strides(inner, tensor, axes)))
            inner.note_write(place)

    def inline(self, number: int, arguments: Sequence[Tensor]) -> None:
        """A sub-graph from operands to results."""
        inputs, outputs = map(self.e.storage, arguments), map(self.e.storage, self.statement.results)
        self.run(number, list(inputs), list(outputs), [])

    def entry(self, tensor: Tensor, position: Value, stride: Value) -> Value:
        """The address of the entry at a position along an axis."""
        builder = self.e.builder
        size = builder.multiply_integers(stride, literal(tensor.dtype.itemsize, INT64))
        return moved(builder, self.pointer(tensor), builder.multiply_integers(position, size))

    def blocks(self, blocks: Blocks) -> None:
        """The block whose number is the index of the loop around; all at once, where there are too few for a block."""
        e, builder = self.e, self.e.builder
        if is_long(self.statement):
            self._look_between_blocks()
        length = literal(blocks.length, INT64)
        if blocks.whole is None:
            self._block(blocks, length)
            return
        extent = e.extent(blocks.extent)
        enough = builder.instruction(f"icmp sge i64 {extent.text}, {length.text}", extent.depth)
        holds = Value(enough, BOOL, extent.depth)

        def block() -> list[Value]:
            self._block(blocks, length)
            return []

        def whole() -> list[Value]:
            self.inline(1, self.statement.operands)
            return []

        builder.branch(holds, block, [])
        builder.branch(e.complement(holds), whole, [])

    def _look_between_blocks(self) -> None:
        """Before the first of so many blocks that they are worth it: a power of two."""
        builder, (number, *_) = self.e.builder, self.e.indices
        together = 1 << int(BETWEEN / (step_operations(self.statement) + _STEP)).bit_length() >> 1
        if together <= 1:
            look_for_signals(self.e)
            return
        place = builder.instruction(f"and i64 {number.text}, {together - 1}", number.depth)
        is_first = builder.instruction(f"icmp eq i64 {place}, 0", number.depth)
        look_for_signals_where(self.e, Value(is_first, BOOL, number.depth))

    def _block(self, blocks: Blocks, length: Value) -> None:
        e, statement = self.e, self.statement
        last_one = e.builder.subtract_integers(e.extent(blocks.extent), length)
        first = e.builder.minimum_integers(e.builder.multiply_integers(e.indices[0], length), last_one)

        def part(tensor: Tensor, axis: int | None) -> Storage:
            storage = e.storage(tensor)
            if axis is None:
                return storage
            stride = storage.strides[axis]
            assert stride is not None
            order = with_axis_last(storage.strides, axis)
            return Storage(self.entry(tensor, first, stride), tuple(storage.strides[k] for k in order))

        inputs = [part(t, axis) for t, axis in zip(statement.operands, blocks.operand_axes, strict=True)]
        outputs = [part(t, axis) for t, axis in zip(statement.results, blocks.result_axes, strict=True)]
        self.run(0, inputs, outputs, outputs)

    def branch(self) -> None:
        """One of two sub-graphs."""
        e, (flag, *arguments) = self.e, self.statement.operands
        holds = e.convert(e.value(load(flag)), BOOL)
        for number, predicate in enumerate((holds, e.complement(holds))):
            if predicate.literal is not None:
                if predicate.literal:
                    self.inline(number, arguments)
                continue

            def taken(number: int = number) -> list[Value]:
                self.inline(number, arguments)
                return []

            e.builder.branch(predicate, taken, [])


class _LoopWriter:
    """Writes a loop."""

    def __init__(self, writer: _Writer, node: Loop) -> None:
        self.w, self.node, self.e = writer, node, writer.e
        statement = writer.statement
        assert statement.steps is not None
        self.body = statement.steps
        self.outputs = statement.programs[0].graph.outputs
        first, second = node.state_count, node.state_count + node.sequence_count
        self.init = statement.operands[:first]
        self.sequences = statement.operands[first:second]
        self.captured = statement.operands[second:]
        self.finals = statement.results[:first]
        self.stacks = statement.results[first:]
        #: where the state is
        self.over = statement.over
        self.now = [
            writer.stack(t) if is_small(t) and k not in self.over else writer.pointer(t)
            for k, t in enumerate(self.finals)
        ]
        #: where the body's outputs go, but for those that are stacked
        self.following = {k: self._room(k) for k in range(len(self.outputs)) if k not in self.body.stacked}

    def _room(self, output: int) -> Value:
        for k in self.body.in_place:
            if self.body.whole[k] == output:
                return self.now[k]
        aside = self.w.statement.beside.get(output)
        return self.w.stack(self.outputs[output]) if aside is None else self.w.pointer(aside)

    def write(self) -> None:
        """The steps, from the given state to the final one."""
        w = self.w
        elsewhere = [k for k in range(len(self.now)) if k not in self.over]
        for k in elsewhere:
            w.copy(self.now[k], w.pointer(self.init[k]), w.bytes_of(self.init[k]))
        self._steps()
        for place, final in [(self.now[k], self.finals[k]) for k in elsewhere]:
            if is_small(final):
                w.copy(w.pointer(final), place, w.bytes_of(final))

    def _steps(self) -> None:
        counter = Value(self.e.builder.on_stack("i64, align 8"), INT64, 0)
        if self.node.condition is not None:
            self._while(counter)
        else:
            assert self.node.trip is not None
            self._for(counter, self.e.extent(self.node.trip))

    def _for(self, counter: Value, trip: Value) -> None:
        """All steps; of a long loop in runs, so that what lies between them costs the steps nothing."""
        builder = self.e.builder

        def step(number: Value, _: list[Value]) -> list[Value]:
            position = number
            if self.node.reverse:
                position = builder.subtract_integers(builder.subtract_integers(trip, ONE), number)
            builder.line(f"store i64 {position.text}, ptr {counter.text}")
            self._step(counter, position)
            return []

        def run(number: Value, _: list[Value]) -> list[Value]:
            look_for_signals(self.e)
            first = builder.multiply_integers(number, length)
            last = builder.minimum_integers(builder.add_integers(first, length), trip)
            builder.loop(first, last, [], step, nonempty=True)
            return []

        if not is_long(self.w.statement):
            builder.loop(ZERO, trip, [], step)
            return
        length = literal(self._run_length(), INT64)
        runs = self.e.floor_divide(builder.add_integers(trip, literal(self._run_length() - 1, INT64)), length)
        builder.loop(ZERO, runs, [], run)

    def _run_length(self) -> int:
        return max(int(BETWEEN / (step_operations(self.w.statement) + _STEP)), 1)

    def _while(self, counter: Value) -> None:
        builder = self.e.builder
        builder.line(f"store i64 0, ptr {counter.text}")
        flag = Value(builder.on_stack("i8, align 8"), INT64, 0)
        limit = Value(builder.on_stack("i64, align 8"), INT64, 0)

        def count() -> Value:
            return Value(builder.instruction(f"load i64, ptr {counter.text}", builder.depth), INT64, builder.depth)

        def going() -> Value:
            places: list[Place] = [counter, *self.now, *map(self.e.storage, self.captured)]
            self.w.run(1, places, [flag], [counter, *self.now, flag])
            byte = builder.instruction(f"load i8, ptr {flag.text}", builder.depth)
            return Value(builder.instruction(f"icmp ne i8 {byte}, 0", builder.depth), BOOL, builder.depth)

        def going_in_this_run() -> Value:
            end = builder.instruction(f"load i64, ptr {limit.text}", builder.depth)
            inside = builder.instruction(f"icmp slt i64 {count().text}, {end}", builder.depth)
            return self.e.both(Value(inside, BOOL, builder.depth), going())

        def do() -> None:
            if self.stacks:
                self._look_for_a_row(count())
            self._step(counter, count() if self.stacks else ZERO)
            after = builder.instruction(f"add i64 {count().text}, 1", builder.depth)
            builder.line(f"store i64 {after}, ptr {counter.text}")

        def run() -> None:
            end = builder.instruction(f"add i64 {count().text}, {self._run_length()}", builder.depth)
            builder.line(f"store i64 {end}, ptr {limit.text}")
            builder.repeat_while(going_in_this_run, do)
            is_over = builder.instruction(f"icmp eq i64 {count().text}, {end}", builder.depth)
            look_for_signals_where(self.e, Value(is_over, BOOL, builder.depth))

        builder.repeat_while(going, run)

    def _look_for_a_row(self, step: Value) -> None:
        """End the kernel where the tape has no row for this step: the runtime makes it longer."""
        e, trip = self.e, self.node.trip
        assert isinstance(trip, Size)
        which = [name for name in e.sizes if name.startswith(TAPE)].index(trip.name)
        there = e.extent(trip)
        full = Value(
            e.builder.instruction(f"icmp sge i64 {step.text}, {there.text}", e.builder.depth), BOOL, e.builder.depth
        )
        e.builder.fail(full, [literal(which, INT64)], TOO_SHORT, e.status_slot, e.builder.depth)

    def _step(self, counter: Value, position: Value) -> None:
        w, body = self.w, self.body
        slices = [self._slice(t, position) for t in self.sequences]
        places: dict[int, Place] = dict(self.following)
        places |= {at: self._slice(t, position) for at, t in zip(body.stacked, self.stacks, strict=True)}
        inputs: list[Place] = [counter, *self.now, *slices, *map(self.e.storage, self.captured)]
        outputs = [places[k] for k in range(len(self.outputs))]
        w.run(0, inputs, outputs, [counter, *self.now, *outputs], self._write_changes)
        for k, at in body.whole.items():
            if k not in body.in_place:
                w.copy(self.now[k], self.following[at], w.bytes_of(self.outputs[at]))

    def _write_changes(self, inner: ExpressionEmitter) -> None:
        """What few entries of a state become, written into it."""
        for k, changes in self.body.changes.items():
            state = self.node.body.inputs[k + 1]
            for change in changes:
                stand_in, item = items_of(change, state, self.outputs)
                inner.store_at(stand_in, inner.storage(state))
                self.w.write_items(inner, [item])

    def _slice(self, tensor: Tensor, position: Value) -> Storage:
        """Where the part of a sequence for one step is."""
        (step, *others) = self.e.storage(tensor).strides
        assert step is not None
        return Storage(self.w.entry(tensor, position, step), tuple(others))


def look_for_signals_where(e: ExpressionEmitter, holds: Value) -> None:
    """Look for signals, if that is due."""

    def look() -> list[Value]:
        look_for_signals(e)
        return []

    e.builder.branch(holds, look, [])


def look_for_signals(e: ExpressionEmitter) -> None:
    """Whether a handler of a signal that has come in has raised something: then the kernel ends."""
    builder = e.builder
    lock_function, check, unlock = (f"{PREFIX}{name}" for name in FUNCTIONS)
    builder.module.declare(lock_function, "i32", [])
    builder.module.declare(check, "i32", [])
    builder.module.declare(unlock, "void", ["i32"])
    lock = builder.instruction(f"call i32 @{lock_function}()", builder.depth)
    found = builder.instruction(f"call i32 @{check}()", builder.depth)
    builder.line(f"call void @{unlock}(i32 {lock})")
    raised = Value(builder.instruction(f"icmp ne i32 {found}, 0", builder.depth), BOOL, builder.depth)
    builder.fail(raised, [], INTERRUPTED, e.status_slot, builder.depth)
