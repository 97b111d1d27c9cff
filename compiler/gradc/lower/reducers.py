"""Reducers on machine values: their neutral elements, and how states combine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradc.ir.scalar import INT64, DType
from gradc.lower.machine import Machine
from gradc.lower.text import Value, literal
from gradc.ops import emit

State = list[Value]


def neutral_number(reducer: str, dtype: DType) -> float:
    """The value that changes nothing."""
    if reducer in ("sum", "any"):
        return 0
    if reducer in ("prod", "all"):
        return 1
    largest = reducer in ("max", "argmax")
    if dtype.kind == "f":
        return float("-inf" if largest else "inf")
    if dtype.kind == "b":
        return not largest
    limits = np.iinfo(dtype)
    return int(limits.min if largest else limits.max)


def initial_state(reducer: str, dtype: DType) -> State:
    """The state before anything was seen."""
    start = literal(neutral_number(reducer, dtype), dtype)
    return [start, literal(0, INT64)] if reducer in ("argmax", "argmin") else [start]


def combine(machine: Machine, reducer: str, state: State, seen: State) -> State:
    """The state after ``seen``, which comes later in the order of the axis."""
    if reducer in ("argmax", "argmin"):
        return _first_extremum(machine, reducer, state, seen)
    return [_PLAIN[reducer](machine, state[0], seen[0])]


_PLAIN: dict[str, Callable[[Machine, Value, Value], Value]] = {
    "sum": lambda m, a, b: m.add(a, b),
    "prod": lambda m, a, b: m.multiply(a, b),
    "max": lambda m, a, b: emit.maximum(m, a, b),
    "min": lambda m, a, b: emit.minimum(m, a, b),
    "any": lambda m, a, b: m.either(a, b),
    "all": lambda m, a, b: m.both(a, b),
}


def _first_extremum(machine: Machine, reducer: str, state: State, seen: State) -> State:
    """NumPy's: the first of equals, and the first NaN beats all."""
    best, value = state[0], seen[0]
    better = machine.compare("greater" if reducer == "argmax" else "less", value, best)
    if value.dtype.kind == "f":
        first_nan = machine.both(machine.is_nan(value), machine.complement(machine.is_nan(best)))
        better = machine.either(machine.both(better, machine.complement(machine.is_nan(best))), first_nan)
    return [machine.select(better, value, best), machine.select(better, seen[1], state[1])]


def compensated_add(machine: Machine, total: State, term: Value) -> State:
    """``[sum, error]`` with a term added: Knuth's two-sum keeps what rounding lost."""
    high, low = total
    if high.literal == low.literal == 0:
        return [term, low]
    moved = machine.add(high, term)
    part = machine.subtract(moved, high)
    lost = machine.add(machine.subtract(high, machine.subtract(moved, part)), machine.subtract(term, part))
    return [moved, machine.add(low, lost)]


def compensated_result(machine: Machine, total: State) -> Value:
    """The sum with its error; infinities make the error NaN, and then it counts for nothing."""
    high, low = total
    if low.literal == 0:
        return high
    return machine.select(machine.is_nan(low), high, machine.add(high, low))


def across_lanes(machine: Machine, reducer: str, value: Value) -> Value:
    """A vector's lanes combined in pairs of halves."""
    while value.lanes > 1:
        half = value.lanes // 2
        parts = [_half(machine, value, start, half) for start in (0, half)]
        (value,) = combine(machine, reducer, [parts[0]], [parts[1]])
    return value


def _half(machine: Machine, value: Value, start: int, count: int) -> Value:
    if count == 1:
        return machine.extract(value, start)
    mask = ", ".join(f"i32 {start + lane}" for lane in range(count))
    text = f"shufflevector {value.type} {value.text}, {value.type} poison, <{count} x i32> <{mask}>"
    return Value(machine.builder.instruction(text, value.depth), value.dtype, value.depth, count)
