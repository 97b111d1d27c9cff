"""Arrays of the caller's that a function writes to: arguments, and arrays that it reaches by itself.

A compiled function leaves them as NumPy would; a derivative is that of the function as mathematics, and leaves them alone.
Arrays that are written to must not share memory with others that the function reads: a trace takes them to be apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.tensor import Tensor
from gradc.trace.records import Capture
from gradc.trace.surroundings.access import Root

#: How much work it may be to tell whether two arrays share memory; above it they are taken to.
_WORK = 10_000


@dataclass(frozen=True)
class Written:
    """One such array: its place among the graph's inputs, and what it holds when the function has run."""

    name: str
    position: int
    content: Tensor


def arrays_of(leaves: Sequence[Any], captures: Sequence[Capture], function: Root) -> list[Any]:
    """The caller's own arrays and numbers, in the order of the graph's inputs."""
    return [*leaves, *[capture.read(function) for capture in captures]]


def check_written(written: Sequence[Written], arrays: Sequence[Any], names: Sequence[str]) -> None:
    """Raise for an array that is read-only, or shares memory with another."""
    for item in written:
        array = arrays[item.position]
        if not isinstance(array, np.ndarray):
            continue
        if not array.flags.writeable:
            raise ValueError(f"assignment destination is read-only: the function writes to {item.name}; pass a copy")
        for other, name in zip(arrays, names, strict=False):
            if other is not array and isinstance(other, np.ndarray) and _shared(array, other):
                raise ArgumentError(
                    f"{item.name} and {name} share memory, and the function writes to {item.name}; pass a copy of one"
                )
    for (k, one), (m, other) in itertools.combinations(enumerate(arrays), 2):
        if one is other and isinstance(one, np.ndarray) and any(item.position in (k, m) for item in written):
            raise ArgumentError(
                f"{names[k]} and {names[m]} are the same array, and the function writes to it; pass a copy of one"
            )


def _shared(one: np.ndarray, other: np.ndarray) -> bool:
    if not np.may_share_memory(one, other):
        return False
    try:
        return np.shares_memory(one, other, max_work=_WORK)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def store(written: Sequence[Written], contents: Sequence[np.ndarray], arrays: Sequence[Any]) -> None:
    """Give the caller's arrays their new content."""
    for item, content in zip(written, contents, strict=True):
        array = arrays[item.position]
        if isinstance(array, np.ndarray):
            np.copyto(array, content, casting="unsafe")
