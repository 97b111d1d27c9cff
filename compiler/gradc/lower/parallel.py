"""Loops that several threads share: which they are, in which chunks, and the memory that their threads need.

An outermost loop whose iterations don't meet in memory is cut into *chunks* by its work alone, never by the number of
threads, and the code is the same for any number, one included. A reduction that it carries leaves a partial state
per chunk in a *record*, a small array that its iterations add to a partial array; these are combined in the order of the
chunks. So no bit of a result depends on the number of threads. A buffer of one row that all iterations use in turn has
a copy per thread.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from gradc.ir.algebra import floor_divide, sum_of
from gradc.ir.scalar import Apply, Index, Load, Scalar, apply, is_apply, number
from gradc.ir.tensor import Extent, Tensor, extent, extent_scalar
from gradc.ir.walk import has_loads
from gradc.lower.carried import carried_by, first_totals
from gradc.lower.counting import structured_operations
from gradc.lower.fuse import Lifetimes, axis_of_loop
from gradc.lower.plan import aligned, byte_count
from gradc.lower.powers import small_power
from gradc.lower.products import uses_blas
from gradc.lower.subprograms import StructuredStatement
from gradc.lower.tree import Item, Nest, Statement, statements
from gradc_runtime.threads import get_num_threads

#: Work, in picoseconds, from which a loop is shared: handing it to a sleeping thread takes about as long as half of it.
WORTH = 60_000_000
#: Work of a chunk: far more than it takes to hand one out.
CHUNK_WORK = 6_000_000
#: However long the loop. The last chunks of a job end at different times: by at most a part in so many.
MOST_CHUNKS = 64
#: ... of a loop that leaves partial arrays, and the bytes of the largest of these.
MOST_ARRAYS = 16
LARGEST_ARRAY = 1 << 16
#: Chunks of vector loops begin at multiples of this: none but the last is shorter than a vector.
CHUNK_GRAIN = 16
#: Threads of a job that needs copies of buffers, on a machine of as many cores, and the bytes of all copies together.
MOST_COPIES = 16
LARGEST_COPIES = 8 << 20
#: A failure's explanation, at the beginning of a chunk's record.
EXPLANATION_BYTES = 32
STATE_BYTES = 8
#: Records of all chunks together that the call's stack has room for.
LARGEST_ON_STACK = 1 << 13
_RECORD_GRAIN = 64

#: Picoseconds of an operation of unit cost in vector code, and of reading or writing one entry in a near cache;
#: and of what goes one by one.
_OPERATION, _TRANSFER, _SINGLE = 20, 60, 1000


def mark_shared(items: Sequence[Item]) -> None:
    """Mark the outermost loops that threads share."""
    for item in items:
        if isinstance(item, Nest):
            item.shared = _divides(item) and _may_be_worth_it(item)


def is_shared(items: Sequence[Item]) -> bool:
    """Whether these items, a function's, are one shared loop."""
    return any(isinstance(item, Nest) and item.shared for item in items)


# ---------------------------------------------------------------- what may be shared


def _divides(nest: Nest) -> bool:
    """Whether parts of the loop may run at the same time, reductions aside, which have states of their own."""
    if nest.unrolled or nest.descending:
        return False
    return all(_stands_alone(s) or _has_partial_states(s) for s in statements(nest.items))


def _stands_alone(statement: Statement) -> bool:
    """Whether each iteration of the outermost loop makes entries of its own."""
    if statement.is_in_blocks:
        return True
    own = any(isinstance(place, Index) and place.position == 0 for place in statement.target)
    return own and statement.first_reduce > 0 and not uses_blas(statement)


def _has_partial_states(statement: Statement) -> bool:
    """Float products are left out: taken in another order they overflow where they did not."""
    if statement.first_reduce > 0 or (statement.tensor.reducer == "prod" and statement.tensor.dtype.kind == "f"):
        return False
    return statement.kind == "reduce" or (statement.kind == "accumulate" and _array_bytes(statement) <= LARGEST_ARRAY)


def _array_bytes(statement: Statement) -> int:
    """The bytes of a partial array; too many where they depend on the call."""
    count = byte_count(statement.tensor)
    return count if isinstance(count, int) else LARGEST_ARRAY + 1


def arrays_of(nest: Nest) -> list[Statement]:
    """The statements that add to an array that all iterations share."""
    return [s for s in statements(nest.items) if s.kind == "accumulate" and s.first_reduce == 0]


def may_fail(nest: Nest) -> bool:
    """Whether an index that is read from an array may be out of range."""
    return any(statement.is_in_blocks for statement in statements(nest.items)) or any(
        is_apply(node, "position") or (isinstance(node, Load) and has_loads(*node.indices))
        for statement in statements(nest.items)
        for node in statement.nodes
    )


# ---------------------------------------------------------------- work and chunks


@dataclass(frozen=True)
class Cut:
    """By what a shared loop is cut."""

    #: the work of one iteration: a sum of terms, each picoseconds times the extents of inner loops
    terms: tuple[tuple[int, tuple[Scalar, ...]], ...]
    #: the least work that is cut at all
    worth: int
    most_chunks: int
    #: whether the lanes of vectors may lie along the loop
    vectors: bool

    @property
    def work(self) -> int | None:
        """The work of one iteration where no inner extent depends on the call."""
        return None if any(inner for _, inner in self.terms) else sum(cost for cost, _ in self.terms)


def cut_of(nest: Nest) -> Cut:
    """At the speed of vector code on data in a near cache."""
    together: dict[tuple[Extent, ...], list[Statement]] = {}
    for statement in statements(nest.items):
        extents = statement.tensor.extents if statement.product is not None else statement.extents
        if statement.product is not None and statement.product.strip is not None:
            others = [e for axis, e in enumerate(extents) if axis not in statement.product.rows]
            extents = (*statement.extents, statement.product.strip, *others)
        together.setdefault(extents[1:], []).append(statement)
    terms: list[tuple[int, tuple[Scalar, ...]]] = []
    for inner, group in together.items():
        fixed = prod(e for e in inner if isinstance(e, int))
        terms.append((max(_work_of(group), 1) * fixed, tuple(e for e in inner if isinstance(e, Scalar))))
    entries = sum(prod(e for e in s.tensor.shape if isinstance(e, int)) for s in arrays_of(nest))
    most = MOST_ARRAYS if entries else MOST_CHUNKS
    worth = WORTH + 4 * most * entries * _TRANSFER
    vectors = all(
        item.kind not in ("product", "library") if isinstance(item, Statement) else item.unrolled for item in nest.items
    )
    return Cut(tuple(terms), worth, most, vectors)


def _work_of(group: Sequence[Statement]) -> int:
    """Picoseconds of one evaluation of statements in the same loops, which share what they have in common."""
    nodes = {node for statement in group if statement.product is None for node in statement.nodes}
    operations = sum(_cost_of(node) for node in nodes if isinstance(node, Apply) and node.dtype.kind == "f")
    operations += sum(1 + (statement.product is not None) for statement in group if statement.tensor.reducer)
    transfers = sum(isinstance(node, Load) for node in nodes) + sum(statement.kind != "reduce" for statement in group)
    single = sum(map(_is_one_by_one, group))
    operations += sum(structured_operations(s) for s in group if isinstance(s, StructuredStatement))
    return int(_OPERATION * operations) + _TRANSFER * transfers + _SINGLE * single


def _cost_of(node: Apply) -> float:
    """Small powers are a few multiplications."""
    return 2 if node.op.name in ("power", "pow") and small_power(node) is not None else node.op.cost


def _is_one_by_one(statement: Statement) -> bool:
    return statement.guarded or statement.kind == "scan" or statement.tensor.reducer in ("argmax", "argmin")


def _may_be_worth_it(nest: Nest) -> bool:
    """Loops of symbolic extent decide when they run."""
    cut = cut_of(nest)
    if not isinstance(nest.extent, int) or cut.work is None:
        return True
    return nest.extent > 1 and nest.extent * cut.work >= cut.worth


def chunk_length(count: int, work: int, cut: Cut) -> int:
    """Iterations per chunk of a loop of ``count`` iterations; `gradc.lower.parallel_code` writes the same as machine code.

    >>> vectors, rows = Cut((), WORTH, MOST_CHUNKS, vectors=True), Cut((), WORTH, MOST_CHUNKS, vectors=False)
    >>> chunk_length(100_000, 4_000, vectors), chunk_length(10, 40_000_000, rows), chunk_length(100, 4_000, vectors)
    (1568, 1, 100)
    """
    if count * work < cut.worth:
        return max(count, 1)
    length = max(-(-count // cut.most_chunks), -(-CHUNK_WORK // work))
    if cut.vectors:
        length += -length % CHUNK_GRAIN
    return length


def most_chunks(nest: Nest) -> int:
    """How many chunks there can be."""
    cut = cut_of(nest)
    if not isinstance(nest.extent, int) or cut.work is None:
        return cut.most_chunks
    return -(-nest.extent // chunk_length(nest.extent, cut.work, cut))


# ---------------------------------------------------------------- memory


@dataclass(frozen=True)
class Record:
    """What a chunk leaves behind: the explanation of a failure, states of reductions and arrays, at these offsets."""

    #: how many there can be
    count: int
    states: dict[Statement, int]
    arrays: dict[Statement, int]
    explains: bool
    byte_count: int

    @property
    def total(self) -> int:
        """The bytes of all of them."""
        return self.count * self.byte_count

    @property
    def on_stack(self) -> bool:
        """Whether they are not in the workspace."""
        return self.total <= LARGEST_ON_STACK


def record_of(nest: Nest) -> Record:
    """The record of each chunk of a shared loop."""
    explains = may_fail(nest)
    offset = EXPLANATION_BYTES if explains else 0
    places: dict[Statement, int] = {}
    totals = first_totals(nest)
    for statement in carried_by(nest):
        places[statement] = offset
        offset += STATE_BYTES * len(totals[statement])
    arrays: dict[Statement, int] = {}
    for statement in arrays_of(nest):
        arrays[statement] = offset = -(-offset // _RECORD_GRAIN) * _RECORD_GRAIN
        offset += _array_bytes(statement)
    return Record(most_chunks(nest), places, arrays, explains, -(-offset // _RECORD_GRAIN) * _RECORD_GRAIN)


@dataclass
class SharedMemory:
    """What shared loops need of the workspace."""

    #: bytes of the records of the loop that has most of them
    record_bytes: int = 0
    #: row buffers that each thread has a copy of: how many copies, and the bytes of one
    copies: dict[Tensor, Extent] = field(default_factory=dict)
    copy_bytes: dict[Tensor, Extent] = field(default_factory=dict)


def shared_memory(functions: Sequence[Sequence[Item]], needs: Lifetimes) -> SharedMemory:
    """The records and copies of all shared loops."""
    result = SharedMemory()
    for items in functions:
        for item in items:
            if isinstance(item, Nest) and item.shared:
                record = record_of(item)
                if not record.on_stack:
                    result.record_bytes = max(result.record_bytes, record.total)
                _add_copies(item, needs, result)
    return result


def _add_copies(nest: Nest, needs: Lifetimes, result: SharedMemory) -> None:
    own: dict[Tensor, Extent] = {}
    for statement in statements(nest.items):
        tensor = statement.tensor
        kept = needs.kept_axes.get(tensor)
        if isinstance(statement, StructuredStatement) and statement.scratch is not None:
            own[statement.scratch] = aligned(byte_count(statement.scratch))
        if statement.is_in_blocks:
            continue
        if kept is not None and statement.first_reduce > 0 and axis_of_loop(statement, 0) not in kept:
            own[tensor] = aligned(byte_count(tensor, kept))
    copies = _copies(list(own.values()))
    for row, count in own.items():
        result.copies[row], result.copy_bytes[row] = copies, count


def most_copies() -> int:
    """Threads that this machine has work for; asking for more when the kernel runs costs no memory."""
    return min(max(os.cpu_count() or 1, get_num_threads()), MOST_COPIES)


def _copies(sizes: Sequence[Extent]) -> Extent:
    """How many threads may have copies of buffers of these sizes."""
    most = most_copies()
    total = extent(sum_of(*[extent_scalar(size) for size in sizes])) if sizes else 0
    if isinstance(total, int):
        return min(max(LARGEST_COPIES // max(total, 1), 1), most)
    fitting = floor_divide(number(LARGEST_COPIES), sum_of(total, 1))
    return extent(apply("minimum", number(most), apply("maximum", number(1), fitting)))
