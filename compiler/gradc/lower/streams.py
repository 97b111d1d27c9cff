"""Results that are too large for the cache: written past it.

An ordinary store reads the line that it changes; a non-temporal one does not, but it must be an aligned vector. So the loop
over a large result begins at the first entry that is aligned; the few before it go one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.scalar import Index
from gradc.ir.tensor import Tensor
from gradc.lower.plan import byte_count
from gradc.lower.tree import Item, Nest, Statement

#: Results of at least so many bytes are streamed: they would push everything else out of the cache.
STREAMED_BYTES = 32 << 20
#: Bodies of more operations are held up by themselves, not by memory.
LIGHT = 24


def mark_streamed(items: Sequence[Item], outputs: Sequence[Tensor]) -> None:
    """Mark, in each innermost loop, the statement that makes a large result which is an output and not read again."""
    for item in items:
        if not isinstance(item, Nest):
            continue
        inside = [inner for inner in item.items if isinstance(inner, Statement)]
        if len(inside) < len(item.items):
            mark_streamed(item.items, outputs)
            continue
        read = {tensor for statement in inside for tensor in statement.reads}
        large = [s for s in inside if s.tensor in outputs and s.tensor not in read and _is_large_row(s, item)]
        if large and sum(s.weight for s in inside) <= LIGHT:
            large[0].streamed = True  # the others may be aligned otherwise


def _is_large_row(statement: Statement, nest: Nest) -> bool:
    """Whether the loop stores a large result from neighbour to neighbour."""
    last = statement.target[-1] if statement.target else None
    if statement.kind != "map" or not isinstance(last, Index) or last.position != nest.depth or nest.descending:
        return False
    size = byte_count(statement.tensor)
    return isinstance(size, int) and size >= STREAMED_BYTES
