"""Sums in the order in which their terms are ready, so that what waits for the last of them waits least.

The two that are ready first are added first: of all orders this one ends earliest (Golumbic, *Combinatorial merging*, 1976).
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from gradc.lower.machine import Machine
from gradc.lower.text import Value


class PartialSums:
    """Partial sums of signed values: the invariant ones first, then those that are ready first."""

    def __init__(self, machine: Machine, terms: Iterable[tuple[Value, int]]) -> None:
        self._machine = machine
        self._count = 0
        self._heap = [self._entry(value, sign) for value, sign in terms]
        heapify(self._heap)

    def _entry(self, value: Value, sign: int) -> tuple[int, int, int, Value, int]:
        self._count += 1
        return value.depth, self._machine.ready.of(value), self._count, value, sign

    def put(self, value: Value, sign: int) -> None:
        """One more."""
        heappush(self._heap, self._entry(value, sign))

    def earliest(self) -> tuple[Value, int]:
        """The first of them, which is taken out, and its sign."""
        return heappop(self._heap)[-2:]

    def settle(self, time: int, depth: int) -> None:
        """Add up what costs nothing until then: in the scopes outside of ``depth``, and what is ready in time."""
        while len(self._heap) > 1:
            first, second = heappop(self._heap), self._heap[0]
            if second[0] >= depth and second[1] + 1 > time:
                heappush(self._heap, first)
                return
            self._merge(first[-2:])

    def total(self) -> Value:
        """All of them, added up."""
        while len(self._heap) > 1:
            self._merge(self.earliest())
        value, sign = self.earliest()
        return value if sign > 0 else self._machine.negate(value)

    def _merge(self, first: tuple[Value, int]) -> None:
        (a, s), (b, t) = first, self.earliest()
        if s == t:
            self.put(self._machine.add(a, b), s)
        else:
            self.put(self._machine.subtract(a, b) if s > 0 else self._machine.subtract(b, a), 1)
