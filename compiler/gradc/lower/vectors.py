"""Which loops run on vectors, and how wide."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.ir.scalar import Apply, Load, is_apply
from gradc.ir.walk import post_order
from gradc.lower.text import Value
from gradc.lower.tree import Nest, Statement, statements

#: Additions in a block before its sum goes to a compensated total: a multiple of every lanes x copies.
SUM_BLOCK = 1024
#: Reducers whose result doesn't depend on the order, and sums, which may be reassociated.
_ACROSS_LANES = ("sum", "max", "min", "any", "all")
#: Ops of at least this cost are calls: their latency hides behind each other without several accumulators.
_CALL_COST = 16


@dataclass(frozen=True)
class Ranged:
    """A loop over part of its axis, with the reductions it carries."""

    nest: Nest
    carried: list[Statement]
    scans: list[Statement]
    lower: Value
    upper: Value
    innermost: bool
    nonempty: bool = False


def vector_plan(ranged: Ranged, vector_bits: int) -> tuple[int, int]:
    """Lanes, and copies of the body per turn; (1, 1) for a loop that runs one by one."""
    nest = ranged.nest
    if ranged.scans or nest.descending or not ranged.innermost:
        return 1, 1
    width, weight, calls = 4, 0, False
    for statement in statements(nest.items):
        if statement.kind not in ("map", "reduce"):
            return 1, 1
        if statement in ranged.carried and statement.tensor.reducer not in _ACROSS_LANES:
            return 1, 1
        for node in post_order([statement.body, statement.domain]):
            if isinstance(node, Load):
                width = max(width, node.dtype.itemsize)
            elif isinstance(node, Apply):
                weight += 1
                calls |= node.op.cost >= _CALL_COST and not is_apply(node, "floordiv") and not is_apply(node, "mod")
                if node.dtype.kind == "f":
                    width = max(width, node.dtype.itemsize)
        width = max(width, statement.tensor.dtype.itemsize)
    lanes = vector_bits // (8 * width)
    extent = nest.extent
    if isinstance(extent, int) and extent < lanes:
        return 1, 1
    copies = 1 if calls or weight > 40 else 4 if ranged.carried else 2
    while isinstance(extent, int) and copies > 1 and extent < 2 * lanes * copies:
        copies //= 2
    return lanes, copies
