"""The entries of one array as separate arrays or numbers, each of which is made when it is first used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gradc.trace.arrays.storage import Storage
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import current_body

_LAZY = frozenset({"_storage", "_region", "_cached"})


class Row(TracedArray):
    """An entry along the first axis of an array: an array of its own, no view."""

    __slots__ = ("_body", "_is_made", "number", "source")

    def __init__(self, source: TracedArray, number: int, like: TracedArray) -> None:
        self.source, self.number = source, number
        self.weak, self.immutable = like.weak, like.immutable
        self._body, self._is_made = current_body(), False

    def __getattr__(self, name: str) -> Any:
        if name not in _LAZY:
            return super().__getattr__(name)
        self._is_made = True
        self._storage = Storage(self.source[self.number].tensor)
        self._storage.body = self._body
        self._region, self._cached = None, None
        return object.__getattribute__(self, name)

    @property
    def is_as_made(self) -> bool:
        """Whether nothing has been written to it."""
        return not self._is_made or (self._storage.version == 0 and self._region is None)


def rows_of(columns: Sequence[Any], like: Sequence[Any]) -> Iterator[Any]:
    """What a loop appended to a list, trip by trip: ``columns`` holds all trips' values of each append in a trip."""
    leaves, tree = flatten(list(columns))
    kinds = flatten(list(like))[0]
    trips = leaves[0].extents[0] if leaves else 0
    assert isinstance(trips, int)
    for k in range(trips):
        yield from unflatten(tree, [Row(x, k, lift(kind)) for x, kind in zip(leaves, kinds, strict=True)])


def whole_at_end(values: Sequence[Any]) -> tuple[Sequence[Any], TracedArray | None]:
    """The array of which the last of these values are the entries, all of them in order; and the values before."""
    last = values[-1] if values else None
    if type(last) is not Row or last.number + 1 != last.source.extents[0]:
        return values, None
    source, first = last.source, len(values) - last.number - 1
    ends = values[first:] if first >= 0 else ()
    if ends and all(
        type(v) is Row and v.source is source and v.number == k and v.is_as_made for k, v in enumerate(ends)
    ):
        return values[:first], source
    return values, None
