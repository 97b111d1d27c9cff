"""``x in container`` where x or an entry is a traced number, and what patterns ask."""

from __future__ import annotations

import functools
import operator
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.reducing import reductions
from gradc.trace.staging.connectives import decided, either, negated

_COMPARABLE = (TracedArray, bool, int, float, complex, np.generic)


def contained(value: Any, container: Any) -> Any:
    """``value in container``."""
    if isinstance(container, TracedArray):
        equal = container == value
        return decided(reductions.any_(equal)) if isinstance(equal, TracedArray) else bool(equal)
    if isinstance(container, range) and is_unknown(value):
        return _is_in_range(value, container)
    if isinstance(container, tuple | list | set | frozenset | dict | deque):
        items = list(container)
        if is_unknown(value) or (isinstance(value, _COMPARABLE) and any(map(is_unknown, items))):
            return _equals_one(value, items)
    return value in container


def not_contained(value: Any, container: Any) -> Any:
    """``value not in container``."""
    return negated(contained(value, container))


def is_unknown(value: Any) -> bool:
    """Whether a value is a traced number that is not known while tracing."""
    return isinstance(value, TracedArray) and not value.extents and isinstance(decided(value), TracedArray)


def _equals_one(value: Any, items: Sequence[Any]) -> Any:
    found: Any = False
    for item in items:
        if item is value:
            return True
        if isinstance(item, _COMPARABLE):
            found = either(found, functools.partial(operator.eq, value, item))
    return found


def _is_in_range(value: TracedArray, numbers: range) -> Any:
    if not numbers:
        return False
    low, high = min(numbers[0], numbers[-1]), max(numbers[0], numbers[-1])
    return (value >= low) & (value <= high) & ((value - low) % abs(numbers.step) == 0)


def is_sequence(value: Any, length: int) -> bool:
    """Whether a pattern of so many parts may fit."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray) and len(value) == length
