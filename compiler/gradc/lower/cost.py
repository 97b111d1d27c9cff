"""What a call costs, part by part, and the least time that the machine's roofline allows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gradc_runtime.peaks import Peaks, peaks

#: What a symbolic extent counts as in a `Cost`.
ASSUMED_EXTENT = 1000
#: The head of a group without loops.
STRAIGHT = "straight-line code"
#: Names of results in the head of a line.
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Group:
    """What runs together: an outermost loop with all that is fused into it, a matrix product, or code without loops.

    The times are those of one core, with the data in the nearest level of memory that holds all of it.
    """

    #: the head of the group in ``ir(stage="lowered")``
    head: str
    #: what it computes, by the names there
    results: tuple[str, ...]
    #: floating-point operations; a function counts as about as many as it takes
    flops: float
    #: bytes of the inputs, constants and intermediate results that it reads, each counted once
    bytes_read: float
    #: bytes of the outputs and intermediate results that it writes, each counted once
    bytes_written: float
    #: bytes of the widest float that it computes with
    itemsize: int
    #: numbers that most of its work handles at a time
    lanes: int
    #: why that is one; empty where it is more
    obstacle: str
    #: whether lanes read or write entries that are not neighbours in memory
    strided: bool
    #: whether threads share it
    shared: bool

    @property
    def bytes_moved(self) -> float:
        """Bytes read and written."""
        return self.bytes_read + self.bytes_written

    @property
    def intensity(self) -> float:
        """Operations per byte."""
        return self.flops / self.bytes_moved if self.bytes_moved else math.inf

    @property
    def seconds(self) -> float:
        """The least time: that of its operations at the machine's peak, or of its bytes, whichever is longer."""
        return max(self.compute_seconds, self.memory_seconds)

    @property
    def compute_seconds(self) -> float:
        """The operations on whole vectors, each unit of the core busy."""
        return self.flops / peaks().rate_of(self.itemsize)

    @property
    def narrow_seconds(self) -> float:
        """The least time with as many numbers at a time as it handles."""
        return max(self.flops / peaks().rate_of(self.itemsize, self.lanes), self.memory_seconds)

    @property
    def memory_seconds(self) -> float:
        """The bytes at the rate of the level of memory that holds them."""
        return self.bytes_moved / peaks().level_of(self.bytes_moved).rate

    @property
    def bound(self) -> str:
        """What takes the least time that long: "operations", or the level of memory."""
        if self.compute_seconds >= self.memory_seconds:
            return "operations"
        return peaks().level_of(self.bytes_moved).name

    @property
    def code(self) -> str:
        """How it runs: "8 lanes, threads"."""
        if self.obstacle:
            how = f"1 lane: {self.obstacle}"
        else:
            how = f"{self.lanes} lanes, strided" if self.strided else f"{self.lanes} lane{'s' * (self.lanes > 1)}"
        return f"{how}, threads" if self.shared else how


@dataclass(frozen=True)
class Cost:
    """What one call does; ``print`` shows it group by group, beside the least time that the machine allows each.

    >>> import gradc
    >>> import numpy as np
    >>> cost = gradc.value_and_grad(lambda x: np.sum(x**4)).cost(np.ones(1000))
    >>> cost.kernels, cost.bytes_moved, cost.workspace_bytes, [group.head for group in cost.groups]
    (1, 16008.0, 0, ['for i < 1000'])
    >>> print(cost)
    One core of ...: ... Gflop/s; ... GB/s from L1, ... from L2, ... from L3, ... from memory
    <BLANKLINE>
    group                      flops     read  written  flops/byte    at best  bound by  runs on
    for i < 1000: out0, out1  ...  8.0 kB   8.0 kB  ...
    <BLANKLINE>
    Workspace 0 B.
    """

    #: floating-point operations
    flops: float
    #: bytes read and written by all groups
    bytes_moved: float
    #: loop nests and matrix products
    kernels: int
    #: bytes of intermediate results that are in memory
    workspace_bytes: int
    #: in the order in which they run
    groups: tuple[Group, ...] = field(default=(), repr=False)
    #: names of symbolic sizes, which count as `ASSUMED_EXTENT` each
    assumed: tuple[str, ...] = field(default=(), repr=False)

    @property
    def seconds(self) -> float:
        """The least time of all groups, one after the other, on one core."""
        return sum(group.seconds for group in self.groups)

    def __str__(self) -> str:
        rows = [_row(group) for group in self.groups]
        if len(rows) > 1:
            rows.append(self._total())
        lines = [_roofs(peaks()), "", *_aligned([_TITLES, *rows]), "", f"Workspace {_bytes(self.workspace_bytes)}."]
        if self.assumed:
            lines.append(f"Sizes that depend on the call count as {ASSUMED_EXTENT}: {', '.join(self.assumed)}.")
        return "\n".join(lines)

    def _total(self) -> tuple[str, ...]:
        read = sum(group.bytes_read for group in self.groups)
        written = sum(group.bytes_written for group in self.groups)
        intensity = self.flops / self.bytes_moved if self.bytes_moved else math.inf
        numbers = (_count(self.flops), _bytes(read), _bytes(written), _ratio(intensity), _time(self.seconds))
        return ("all", *numbers, "", "")


# ---------------------------------------------------------------- the table

_TITLES = ("group", "flops", "read", "written", "flops/byte", "at best", "bound by", "runs on")
#: Columns of numbers, which end at the same place.
_NUMBERS = range(1, 6)


def _row(group: Group) -> tuple[str, ...]:
    names = ", ".join(group.results[:_NAMES_SHOWN]) + (", ..." if len(group.results) > _NAMES_SHOWN else "")
    code = group.code
    if group.narrow_seconds > 1.5 * group.seconds and group.head != STRAIGHT:
        code += f" ({_time(group.narrow_seconds)} at best)"
    return (
        f"{group.head}: {names}",
        _count(group.flops),
        _bytes(group.bytes_read),
        _bytes(group.bytes_written),
        _ratio(group.intensity),
        _time(group.seconds),
        group.bound,
        code,
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    place: list[Callable[[str, int], str]] = [str.rjust if k in _NUMBERS else str.ljust for k in range(len(widths))]
    return [
        "  ".join(put(text, width) for put, text, width in zip(place, row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _roofs(machine: Peaks) -> str:
    first, *others = (f"{level.rate / 1e9:.3g}{{}} from {level.name}" for level in machine.levels)
    rates = ", ".join([first.format(" GB/s"), *(text.format("") for text in others)])
    return f"One core of {machine.cpu}: {machine.flops / 1e9:.3g} Gflop/s; {rates}"


def _scaled(value: float, units: Sequence[str]) -> str:
    """Two or three digits, and the unit: each is a thousand of the one before."""
    position = 0
    while value >= 999.5 and position < len(units) - 1:
        value /= 1000
        position += 1
    digits = f"{value:.1f}" if value < 9.95 and value != 0 else f"{value:.0f}"
    return f"{digits} {units[position]}".rstrip()


def _count(value: float) -> str:
    return _scaled(value, ("", "k", "M", "G", "T"))


def _bytes(value: float) -> str:
    return _scaled(value, ("B", "kB", "MB", "GB", "TB"))


def _time(seconds: float) -> str:
    return _scaled(seconds * 1e9, ("ns", "us", "ms", "s"))


def _ratio(value: float) -> str:
    if math.isinf(value):
        return "-"
    return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"
