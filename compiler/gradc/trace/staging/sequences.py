"""What loops go over, by place: ranges, arrays, and enumerate, zip and reversed of them, also where their length is traced."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradc.trace.arrays.known import known_value
from gradc.trace.arrays.rows import whole_at_end
from gradc.trace.arrays.tracer import TracedArray, constant_array, lift, size_expression
from gradc.trace.context import trace_error
from gradc.trace.elements.elementwise import where

#: Lists with fewer numbers than this are gone through one by one.
_FEW = 100


class Places:
    """Something with entries that can be had by a traced number. ``trips``: how many there are, may be traced itself."""

    def __init__(self, trips: Any, at: Callable[[Any], Any], plain: Callable[[], Any] | None = None) -> None:
        self.trips, self.at, self._plain = trips, at, plain

    @property
    def is_known(self) -> bool:
        """Whether it is known how many entries there are."""
        return isinstance(self.trips, int)

    def __iter__(self) -> Iterator[Any]:
        if not self.is_known:
            raise trace_error(
                "range() of a traced number: how many trips there are is not known while tracing; write a plain `for` "
                "statement or gradc.fori_loop, or pass the number as a Python int"
            )
        return iter(self._plain() if self._plain is not None else map(self.at, range(self.trips)))

    def after(self, first: int) -> Places:
        """The entries from a place on."""
        return Places(self.trips - first, lambda k: self.at(k + first))


def places(value: Any) -> Places | None:
    """The entries of a value by place; None for what can only be gone through."""
    if isinstance(value, Places):
        return value
    if isinstance(value, range):
        return Places(len(value), lambda k: _number(value.start, value.step, k), lambda: value)
    if isinstance(value, TracedArray):
        length = value.extents[0] if value.extents else None
        return Places(length, value.__getitem__, lambda: value) if isinstance(length, int) else None
    if isinstance(value, list | tuple) and len(value) > _FEW:
        return _of_list(value)
    return None


def _of_list(value: list[Any] | tuple[Any, ...]) -> Places | None:
    before, whole = whole_at_end(value)
    if whole is not None and not before:
        last = value[-1]
        return Places(len(value), lambda k: _like(whole[k], last), lambda: value)
    kinds = {type(item) for item in value}
    if len(kinds) == 1 and kinds <= {int, float, complex}:
        numbers = constant_array(np.array(value))
        if numbers.dtype.kind in "ifc":
            return Places(len(value), lambda k: TracedArray(numbers[k].tensor, weak=True), lambda: value)
    return None


def _like(item: TracedArray, other: TracedArray) -> TracedArray:
    return TracedArray(item.tensor, weak=other.weak, immutable=other.immutable)


def _number(start: Any, step: Any, k: Any) -> Any:
    """The number at a place of a range."""
    offset = k if isinstance(step, int) and step == 1 else k * step
    return offset if isinstance(start, int) and start == 0 else start + offset


# ---------------------------------------------------------------- of builtins


def iterated(kind: Any, *arguments: Any, **options: Any) -> Any:
    """``range(...)``, ``enumerate(...)``, ``zip(...)`` or ``reversed(...)`` that is gone through."""
    made = _MAKERS[kind](*arguments, **options) if kind in _MAKERS and arguments else None
    return kind(*arguments, **options) if made is None else made


def _range(*arguments: Any) -> Places | None:
    if not any(_is_unknown(a) for a in arguments):
        return None
    start, stop, step = (0, *arguments, 1) if len(arguments) == 1 else (*arguments, 1)[:3]
    if isinstance(step, TracedArray):
        step = operator.index(step)
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    trips = (stop - start + step - (1 if step > 0 else -1)) // step
    return Places(trips, lambda k: _number(start, step, k))


def _enumerate(iterable: Any, start: Any = 0) -> Places | None:
    inner = places(iterable)
    if inner is None:
        return None
    plain = (lambda: enumerate(iterable, start)) if inner.is_known and isinstance(start, int) else None
    return Places(inner.trips, lambda k: (_number(start, 1, k), inner.at(k)), plain)


def _zip(*sequences: Any, strict: bool = False) -> Places | None:
    inner = [places(value) for value in sequences]
    if any(each is not None and not each.is_known for each in inner):  # then lists of numbers are arrays
        inner = [places(_as_array(value)) for value in sequences]
    found = [each for each in inner if each is not None]
    if len(found) < len(inner):
        return None
    trips = found[0].trips
    for each in found[1:]:
        if strict and not _is_same(trips, each.trips):
            return None
        trips = _least(trips, each.trips)
    plain = (lambda: zip(*sequences, strict=strict)) if isinstance(trips, int) else None
    return Places(trips, lambda k: tuple(each.at(k) for each in found), plain)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    return lift(one).tensor is lift(other).tensor


def _as_array(value: Any) -> Any:
    is_numbers = isinstance(value, list | tuple) and all(
        isinstance(x, int | float | complex | TracedArray) for x in value
    )
    if not is_numbers or not value or len({type(x) for x in value}) > 1:
        return value
    array = lift(list(value))
    return Places(len(value), lambda k: TracedArray(array[k].tensor, weak=True))


def _least(one: Any, other: Any) -> Any:
    if isinstance(one, int) and isinstance(other, int):
        return min(one, other)
    return TracedArray(where(lift(one) < lift(other), lift(one), lift(other)).tensor, weak=True)


def _reversed(entries: Any) -> Places | None:
    inner = places(entries)
    if inner is None:
        return None
    last = inner.trips - 1
    plain = (lambda: reversed(list(entries))) if inner.is_known else None
    return Places(inner.trips, lambda k: inner.at(last - k), plain)


_MAKERS: dict[Any, Callable[..., Places | None]] = {
    builtins.range: _range,
    builtins.enumerate: _enumerate,
    builtins.zip: _zip,
    builtins.reversed: _reversed,
}


def _is_unknown(value: Any) -> bool:
    if not isinstance(value, TracedArray) or value.extents or value.dtype.kind not in "iu":
        return False
    return size_expression(value.tensor) is None and known_value(value) is None
