"""What loops carry from one iteration to the next: the states of reductions."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.lower.reducers import State, initial_state
from gradc.lower.text import Value, literal
from gradc.lower.tree import Nest, Statement, statements

#: A fixed extent up to this is summed plainly.
SHORT = 32


def is_float_sum(statement: Statement) -> bool:
    """Whether rounding makes the order of the additions matter."""
    return statement.tensor.reducer == "sum" and statement.tensor.dtype.kind == "f"


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


def unflatten(
    order: Sequence[Statement], like: dict[Statement, State], values: Sequence[Value]
) -> dict[Statement, State]:
    """Values in a row as states of as many parts as those of ``like``."""
    result: dict[Statement, State] = {}
    position = 0
    for statement in order:
        count = len(like[statement])
        result[statement] = list(values[position : position + count])
        position += count
    return result
