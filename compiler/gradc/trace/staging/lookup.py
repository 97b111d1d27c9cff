"""``table[k]`` where the table is a list, tuple or dict of numbers and k is traced: an entry of the array of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.trace.arrays.rows import whole_at_end
from gradc.trace.arrays.tracer import TracedArray, constant_array, lift
from gradc.trace.context import trace_error
from gradc.trace.elements.elementwise import where
from gradc.trace.staging.membership import is_unknown

_NUMBERS = (bool, int, float, complex, np.generic, np.ndarray, TracedArray)
_PLAIN = (int, float, complex)


def item(container: Any, key: Any) -> Any:
    """``container[key]``."""
    if isinstance(container, list | tuple | deque) and is_unknown(key) and key.dtype.kind in "iu":
        return _entry(list(container), key)
    if isinstance(container, dict) and is_unknown(key):
        if any(not isinstance(k, int | float) for k in container):
            raise trace_error(
                "a dict is looked up by a traced number: its keys must be numbers, and so must its entries"
            )
        return _entry(list(container.values()), _position(list(container), key))
    return container[key]


def _entry(values: Sequence[Any], key: TracedArray) -> Any:
    if not all(isinstance(value, _NUMBERS) for value in values):
        kinds = sorted({type(value).__name__ for value in values if not isinstance(value, _NUMBERS)})
        raise trace_error(
            f"an entry that a traced number chooses must be a number or an array, not a {' or '.join(kinds)}; "
            "write branches, `if k == 0: ...`"
        )
    weak = all(type(value) in _PLAIN or (isinstance(value, TracedArray) and value.weak) for value in values)
    before, whole = whole_at_end(values)
    if whole is None or before:
        is_plain = all(type(value) in _PLAIN for value in values) and values
        whole = constant_array(np.array(values)) if is_plain else lift(values)
    found = whole[key]
    return TracedArray(found.tensor, weak=weak and not found.extents, immutable=not found.extents)


def _position(keys: Sequence[Any], key: TracedArray) -> TracedArray:
    """Where a key stands; beyond the last, which is an error when it is read, where there is none."""
    if keys == list(range(len(keys))):
        within = (key >= 0) & (key < len(keys))
        return TracedArray(where(within, key, lift(len(keys))).tensor, weak=True)
    position = lift(len(keys))
    for k, other in reversed(list(enumerate(keys))):
        position = where(key == other, lift(k), position)
    return TracedArray(position.tensor, weak=True)
