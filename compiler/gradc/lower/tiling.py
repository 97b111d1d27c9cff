"""How a matrix is cut into tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradc.ir.scalar import INT64
from gradc.lower.text import ZERO, Value, literal

if TYPE_CHECKING:
    from gradc.lower.routine import Routine

#: What each of the numbers and vectors costs that a step loads, in the time of a multiply-add.
OVERHEAD = 0.25
#: Multiply-adds that must be under way for the units to be busy.
LATENCY = 4
#: The largest tile: more vectors or rows bring nothing.
WIDEST, HIGHEST = 8, 14


@dataclass(frozen=True)
class Run:
    """Blocks of ``size`` positions from lower to upper; the lanes of the last vector, if not all count."""

    lower: Value
    upper: Value
    size: int
    vectors: int = 0
    mask: Value | None = None


def tile_size(rows: int | None, columns: int | None, lanes: int, registers: int) -> tuple[int, int]:
    """Rows, and vectors of columns, of the tile that does the product in the least time."""
    if rows is None or columns is None:  # a power of two of rows, so that the rest is done by halves
        return (8, 3) if registers >= 32 else (4, 2)
    across = -(-columns // lanes)
    best, least = (1, 1), float("inf")
    for width in range(1, min(across, WIDEST) + 1):
        for height in range(1, min(rows, HIGHEST) + 1):
            if height * width + width + 1 > registers - (2 if registers > 16 else 0):
                break
            time = sum(
                count * other * _time(h, w) for h, count in _parts(rows, height) for w, other in _parts(across, width)
            )
            if time < least * 0.999:
                best, least = (height, width), time
    return best


def _time(height: int, width: int) -> float:
    return max(height * width, LATENCY) + OVERHEAD * (height + width + 1)


def _parts(extent: int, size: int) -> list[tuple[int, int]]:
    """Sizes with how many there are of each: as equal as can be."""
    count = -(-extent // size)
    if not count:
        return []
    base, larger = divmod(extent, count)
    return [(size, number) for size, number in ((base + 1, larger), (base, count - larger)) if number]


def row_runs(r: Routine, rows: Value, height: int) -> list[Run]:
    """The rows in blocks."""
    runs = []
    if isinstance(rows.literal, int):
        position = 0
        for size, count in _parts(rows.literal, height):
            end = position + size * count
            runs.append(Run(literal(position, INT64), literal(end, INT64), size))
            position = end
        return runs
    start = ZERO
    while height:
        stop = r.rounded_down(rows, height)
        runs.append(Run(start, stop, height))
        start, height = stop, height // 2
    return runs


def column_runs(r: Routine, columns: Value, width: int, lanes: int) -> list[Run]:
    """The columns in blocks of vectors; only the last vector of the last run may be in part."""
    if isinstance(columns.literal, int):
        return _fixed_columns(columns.literal, width, lanes)
    size = width * lanes
    full = r.multiply_integers(r.quotient(columns, size), literal(size, INT64))
    whole = r.rounded_down(columns, lanes)
    rest = r.subtract_integers(columns, whole)
    end = r.rounded_down(r.add_integers(columns, literal(lanes - 1, INT64)), lanes)
    return [Run(ZERO, full, size, width), Run(full, whole, lanes, 1), Run(whole, end, lanes, 1, rest)]


def _fixed_columns(columns: int, width: int, lanes: int) -> list[Run]:
    across, rest = -(-columns // lanes), columns % lanes
    runs = []
    position = 0
    for vectors, count in _parts(across, width):
        size = vectors * lanes
        stop = position + count * size
        if rest and stop >= columns:
            edge = stop - size
            if edge > position:
                runs.append(Run(literal(position, INT64), literal(edge, INT64), size, vectors))
            runs.append(Run(literal(edge, INT64), literal(stop, INT64), size, vectors, literal(rest, INT64)))
        else:
            runs.append(Run(literal(position, INT64), literal(stop, INT64), size, vectors))
        position = stop
    return runs
