"""Shared loops as machine code: a function that runs one chunk, and one that has the chunks run and combines their states."""

from __future__ import annotations

from dataclasses import replace

from gradc.ir.scalar import BOOL, INT64, TRUE, index, load, size
from gradc.ir.tensor import input_tensor
from gradc.lower import parallel
from gradc.lower.carried import carried_by, first_totals, is_float_sum
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.frame import Frame, mentioned, moved
from gradc.lower.loops import TreeEmitter
from gradc.lower.memory import Storage
from gradc.lower.module import Module
from gradc.lower.parallel import STATE_BYTES, Record, chunk_length, cut_of, record_of
from gradc.lower.reducers import State, combine, compensated_add
from gradc.lower.text import ONE, ZERO, FunctionBuilder, Value, literal
from gradc.lower.tree import Item, Nest, Statement
from gradc_runtime.threads import PARALLEL_FOR
from gradc_runtime.threads_code import MOST_THREADS

#: How many chunks there are, as an extent of the loops that combine what they leave.
_CHUNKS = size("chunks of a loop")
#: The chunks are given the frame and, here, where their records are.
_RECORDS = literal(8, INT64)


def write_shared(module: Module, frame: Frame, name: str, nest: Nest) -> None:
    """The functions of a shared loop; the one called ``name`` runs all of it."""
    record = record_of(nest)
    _write_chunk(module, frame, f"{name}_chunk", nest, record)
    builder = FunctionBuilder(module, name, "#0 ")
    carried = carried_by(nest)
    e = frame.emitter(builder, [s.tensor for s in (*carried, *record.arrays) if s.stored])
    count = builder.maximum_integers(e.extent(nest.extent), ZERO)
    length = _length(e, nest, count)
    chunks = _divided_up(builder, count, length)
    module.declare(PARALLEL_FOR, "i64", ["ptr", "ptr", "i64", "i64", "i64"])
    arguments = f"i64 {chunks.text}, i64 {length.text}, i64 {_most_threads(e, frame, nest).text}"
    records = _records(e, frame, record)
    data = builder.on_stack("[2 x ptr]")
    builder.line(f"store ptr %frame, ptr {data}")
    builder.line(f"store ptr {records.text}, ptr {moved(builder, Value(data, INT64), _RECORDS).text}")
    outcome = builder.instruction(f"call i64 @{PARALLEL_FOR}(ptr @{name}_chunk, ptr {data}, {arguments})", 0)
    if record.explains:
        _pass_on(e, records, record, outcome)
    totals = _combined(e, nest, records, record, chunks)
    tree = TreeEmitter(e)
    for statement in carried:
        tree.finish(statement, totals[statement])
    e.sizes[_CHUNKS.name] = chunks
    tree.write([_sum_of_arrays(e, records, record, statement) for statement in record.arrays])
    builder.finish()


# ---------------------------------------------------------------- how the loop is cut


def _length(e: ExpressionEmitter, nest: Nest, count: Value) -> Value:
    """`chunk_length`, computed when the kernel runs where an extent is symbolic."""
    cut, builder = cut_of(nest), e.builder
    if cut.work is not None and isinstance(count.literal, int):
        return literal(chunk_length(count.literal, cut.work, cut), INT64)
    each = ZERO
    for cost, extents in cut.terms:
        term = literal(cost, INT64)
        for extent in extents:
            term = builder.multiply_integers(term, builder.maximum_integers(e.extent(extent), ZERO))
        each = builder.add_integers(each, term)
    by_number = _divided_up(builder, count, literal(cut.most_chunks, INT64))
    by_work = _divided_up(builder, literal(parallel.CHUNK_WORK, INT64), builder.maximum_integers(each, ONE))
    length = builder.maximum_integers(by_number, by_work)
    if cut.vectors:
        grains = builder.add_integers(length, literal(parallel.CHUNK_GRAIN - 1, INT64))
        length = builder.rounded_down(grains, parallel.CHUNK_GRAIN)
    is_worth_it = _compared(builder, "sge", builder.multiply_integers(count, each), literal(cut.worth, INT64))
    return e.select(is_worth_it, length, builder.maximum_integers(count, ONE))


def _divided_up(builder: FunctionBuilder, count: Value, size: Value) -> Value:
    """How many pieces of a positive size there are."""
    if isinstance(count.literal, int) and isinstance(size.literal, int):
        return literal(-(-count.literal // size.literal), INT64)
    raised = builder.add_integers(count, builder.add_integers(size, literal(-1, INT64)))
    return Value(builder.instruction(f"udiv i64 {raised.text}, {size.text}", raised.depth), INT64, raised.depth)


def _compared(builder: FunctionBuilder, relation: str, a: Value, b: Value) -> Value:
    depth = max(a.depth, b.depth)
    return Value(builder.instruction(f"icmp {relation} i64 {a.text}, {b.text}", depth), BOOL, depth)


def _most_threads(e: ExpressionEmitter, frame: Frame, nest: Nest) -> Value:
    """As many as have copies of the buffers that each thread needs one of."""
    copies = frame.placement.copies
    for tensor in mentioned([nest]):
        if tensor in copies:
            return e.extent(copies[tensor])
    return literal(MOST_THREADS, INT64)


# ---------------------------------------------------------------- one chunk


def _records(e: ExpressionEmitter, frame: Frame, record: Record) -> Value:
    """Where the chunks leave their records, one after the other."""
    if not record.on_stack:
        return frame.workspace(e, frame.placement.records)
    return Value(e.builder.on_stack(f"[{record.total} x i8], align 64"), INT64)


def _write_chunk(module: Module, frame: Frame, name: str, nest: Nest, record: Record) -> None:
    parameters = "ptr %data, i64 %chunk, i64 %length, i64 %slot"
    builder = FunctionBuilder(module, name, "#0 ", parameters)
    builder.line("%frame = load ptr, ptr %data")
    at = moved(builder, Value("%data", INT64), _RECORDS)
    records = Value(builder.instruction(f"load ptr, ptr {at.text}", 0), INT64)
    chunk, length, slot = (Value(f"%{part}", INT64) for part in ("chunk", "length", "slot"))
    e = frame.emitter(builder, mentioned([nest]), slot=slot)
    place = _record_at(builder, records, record, chunk)
    if record.explains:
        builder.explanation, e.status_slot = place.text, 0
    tree = TreeEmitter(e)
    for statement, offset in record.arrays.items():
        own = moved(builder, place, literal(offset, INT64))
        e.store_at(statement.tensor, replace(e.storage(statement.tensor), pointer=own))
        tree.clear(statement)
    lower = builder.multiply_integers(chunk, length)
    upper = builder.minimum_integers(builder.add_integers(lower, length), e.extent(nest.extent))
    totals = tree.share(nest, lower, upper)
    for statement, state in totals.items():
        for part, value in enumerate(state):
            e.write(_state_at(builder, place, record, statement, part), ZERO, value)
    builder.finish()


def _record_at(builder: FunctionBuilder, records: Value, record: Record, chunk: Value) -> Value:
    step = literal(record.byte_count, INT64)
    return moved(builder, records, builder.multiply_integers(chunk, step))


def _state_at(builder: FunctionBuilder, place: Value, record: Record, statement: Statement, part: int) -> Value:
    offset = record.states[statement] + STATE_BYTES * part
    return moved(builder, place, literal(offset, INT64))


# ---------------------------------------------------------------- after all chunks


def _pass_on(e: ExpressionEmitter, records: Value, record: Record, outcome: str) -> None:
    """A failure of the first chunk that failed is a failure of the kernel."""
    builder = e.builder
    chunk = Value(builder.instruction(f"lshr i64 {outcome}, 32", 0), INT64)
    status = builder.instruction(f"trunc i64 {outcome} to i32", 0)
    failed = Value(builder.instruction(f"icmp ne i32 {status}, 0", 0), BOOL)
    place = _record_at(builder, records, record, chunk)
    explanation = [
        e.read(moved(builder, place, literal(STATE_BYTES * part, INT64)), ZERO, INT64, 0) for part in range(4)
    ]
    builder.fail(failed, explanation, status, e.status_slot, 0)


def _combined(
    e: ExpressionEmitter, nest: Nest, records: Value, record: Record, chunks: Value
) -> dict[Statement, State]:
    """The states of the chunks taken together, in order."""
    builder, first = e.builder, first_totals(nest)

    def take(chunk: Value, phis: list[Value]) -> list[Value]:
        place = _record_at(builder, records, record, chunk)
        rest = iter(phis)
        result: list[Value] = []
        for statement, start in first.items():
            state = [next(rest) for _ in start]
            seen = [
                e.read(_state_at(builder, place, record, statement, part), ZERO, value.dtype, builder.depth)
                for part, value in enumerate(start)
            ]
            result += _merged(e, statement, state, seen)
        return result

    if not first:
        return {}
    results = iter(builder.loop(ZERO, chunks, [value for state in first.values() for value in state], take))
    return {statement: [next(results) for _ in start] for statement, start in first.items()}


def _merged(e: ExpressionEmitter, statement: Statement, state: State, seen: State) -> State:
    if is_float_sum(statement) and len(state) == 2:
        high, low = compensated_add(e, state, seen[0])
        return [high, e.add(low, seen[1])]
    return combine(e, statement.tensor.reducer or "", state, seen)


def _sum_of_arrays(e: ExpressionEmitter, records: Value, record: Record, statement: Statement) -> Item:
    """The loops that combine the partial arrays of the chunks, in order."""
    tensor, rank = statement.tensor, statement.tensor.rank
    offset = record.arrays[statement]  # in the name: arrays of the same shape are different tensors
    partial = input_tensor(f"partial {offset}", (_CHUNKS, *tensor.shape), tensor.dtype)
    first = moved(e.builder, records, literal(offset, INT64))
    step = literal(record.byte_count // tensor.dtype.itemsize, INT64)
    e.store_at(partial, Storage(first, (step, *e.storage(tensor).strides)))
    entry = tuple(index(axis + 1) for axis in range(rank))
    sum_ = replace(
        statement,
        extents=(_CHUNKS, *tensor.shape),
        target=entry,
        body=load(partial, (index(0), *entry)),
        domain=TRUE,
        guarded=False,
    )
    item: Item = sum_
    for depth in reversed(range(rank + 1)):
        item = Nest(depth, sum_.extents[depth], [item])
    return item


__all__ = ["write_shared"]
