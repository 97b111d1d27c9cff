"""Squares of vectors, as many as each has lanes, with rows and columns exchanged by shuffles of two vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Vector = TypeVar("Vector")
#: Lanes of two vectors, numbered one after the other.
Shuffle = Callable[[Vector, Vector, Sequence[int]], Vector]


def transposed(rows: Sequence[Vector], blocks: Iterable[int], shuffle: Shuffle[Vector]) -> list[Vector]:
    """The columns: blocks of each of the sizes, the powers of two below the side in any order, trade places."""
    result = list(rows)
    for block in blocks:
        for upper in range(len(rows)):
            if not upper & block:
                lower = upper | block
                result[upper], result[lower] = exchanged(result[upper], result[lower], len(rows), block, shuffle)
    return result


def exchanged(upper: Vector, lower: Vector, lanes: int, block: int, shuffle: Shuffle[Vector]) -> tuple[Vector, Vector]:
    """The lanes that the bit ``block`` numbers, of the upper vector, in exchange for the others of the lower."""
    kept = [lanes + (lane ^ block) if lane & block else lane for lane in range(lanes)]
    moved = [lanes + lane if lane & block else lane | block for lane in range(lanes)]
    return shuffle(upper, lower, kept), shuffle(upper, lower, moved)
