"""Arrays that are one of two others, by a traced condition: ``y = v * 2`` under an `if`, where y was another name of v."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradc.ir.intern import Node
from gradc.ir.scalar import Scalar, apply
from gradc.ir.tensor import Input, Tensor
from gradc.ir.walk import loads_of
from gradc.trace.arrays.storage import Box, Region, Storage, axes, entry
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import current_trace
from gradc.trace.elements.elementwise import where

#: How an array is made of the results that a branch's node gives.
Make = Callable[[Sequence[TracedArray]], TracedArray]


class Alternative(Storage):
    """Another name of one array where a condition holds, else of a second one: what is written goes to that one.

    As long as neither has been written to since the branch, its content is what the branch gave.
    """

    __slots__ = ("_seen", "_writes", "flag", "sides")

    def __init__(self, content: Tensor, flag: TracedArray, sides: tuple[TracedArray, TracedArray]) -> None:
        self.sides, self.flag = sides, flag
        super().__init__(content)
        self._seen = self.version

    @property
    def version(self) -> int:
        """A number that is another one after each write to one of the two."""
        return self._writes + sum(side._storage.version for side in self.sides)

    @version.setter
    def version(self, value: int) -> None:
        self._writes = value

    def write(self, inside: Scalar, value: Scalar, box: Box | None) -> None:
        """Write to the one that it is."""
        for side, taken in zip(self.sides, (self.flag, ~self.flag), strict=True):
            before = entry(side.tensor, axes(side.ndim))
            chosen = apply("where", entry(taken.tensor, ()), value, before)
            if side.region() is None:
                side._storage.write(inside, chosen, box)
            else:
                side.write(inside, chosen)

    def current(self) -> Tensor:
        """The present content."""
        if self.version != self._seen:
            one, other = (TracedArray(side.tensor) for side in self.sides)
            self._base = where(self.flag, one, other).tensor
            self._seen = self.version
        return self._base

    def read(self, region: Region) -> Tensor:
        """The present content of a region."""
        if self.version == self._seen:
            return super().read(region)
        one, other = (TracedArray(side.part(region).tensor) for side in self.sides)
        return where(self.flag, one, other).tensor


class Exports:
    """The arrays that a side of a branch leaves behind, as they are after it: those made within are results of the branch.

    ``result`` has a tensor of this side given by the branch's node. An array keeps being one array under all its names.
    """

    def __init__(
        self,
        outside: frozenset[Node],
        contents: Mapping[int, Tensor],
        result: Callable[[TracedArray], Make],
    ) -> None:
        self._outside, self._contents, self._result = outside, contents, result
        self._made: dict[int, Make] = {}

    def of(self, array: TracedArray) -> Make | None:
        """How it is made; None where the trace can't tell which part of which array it is."""
        region = array.region()
        if region is not None and not self._is_known(region):
            return None
        if not is_inner(array._storage):
            return lambda merged: array
        whole = self._whole(array._storage)
        if whole is None or region is None:
            return whole
        return lambda merged: TracedArray(None, storage=whole(merged)._storage, region=region)

    def _whole(self, storage: Storage) -> Make | None:
        if id(storage) not in self._made:
            content = self._contents.get(id(storage))
            if content is None:
                return None
            plain = self._result(TracedArray(content))
            if isinstance(storage, Alternative):
                sides, flag = [self.of(side) for side in storage.sides], self._result(storage.flag)
                if sides[0] is None or sides[1] is None:
                    return None
                self._made[id(storage)] = once(either_of(flag, (sides[0], sides[1]), plain))
            else:
                self._made[id(storage)] = once(plain)
        return self._made[id(storage)]

    def _is_known(self, region: Region) -> bool:
        if not region.writable:
            return False
        tensors = [found.tensor for found in loads_of(region.inside, *region.forward, *region.backward)]
        return all(tensor in self._outside or isinstance(tensor, Input) for tensor in tensors)


def either_of(flag: Make, sides: tuple[Make, Make], content: Make) -> Make:
    """Another name of what one of two sides leaves."""

    def make(merged: Sequence[TracedArray]) -> TracedArray:
        one, other = (side(merged) for side in sides)
        return TracedArray(None, storage=Alternative(content(merged).tensor, flag(merged), (one, other)))

    return make


def is_inner(storage: Storage) -> bool:
    """Whether a storage was made in a block that has ended."""
    return storage.body is not None and storage.body not in current_trace().bodies


def storages_of(array: TracedArray) -> dict[Storage, None]:
    """The storages that hold what an array is, or may be."""
    found: dict[Storage, None] = {}
    pending = [array._storage]
    while pending:
        storage = pending.pop()
        if storage not in found:
            found[storage] = None
            pending.extend(side._storage for side in storage.sides) if isinstance(storage, Alternative) else None
    return found


def once(make: Make) -> Make:
    """The same, made at the first call."""
    made: list[TracedArray] = []

    def first(merged: Sequence[TracedArray]) -> TracedArray:
        if not made:
            made.append(make(merged))
        return made[0]

    return first
