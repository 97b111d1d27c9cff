"""Extents that depend on the call: resolving named sizes from the shapes of the arguments.

An `Extent` is an int or a small program over the named sizes, which are numbered: ``("size", 0)``, ``("sum", a, b)``,
``("prod", a, b)``, ``("floordiv", a, b)``, ``("mod", a, b)``, ``("min", a, b)``, ``("max", a, b)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

Extent = int | tuple[Any, ...]


class SizeMismatch(ValueError):
    """The shapes of the arguments contradict each other or the kernel."""


def evaluate(extent: Extent, sizes: Sequence[int]) -> int:
    """The value of an extent.

    >>> evaluate(("sum", ("size", 0), -1), [5])
    4
    """
    if isinstance(extent, int):
        return extent
    kind = extent[0]
    if kind == "size":
        return sizes[extent[1]]
    values = [evaluate(part, sizes) for part in extent[1:]]
    if kind == "sum":
        return sum(values)
    if kind == "prod":
        return prod(values)
    if kind == "power":
        return int(values[0] ** values[1])
    if kind == "floordiv":
        return values[0] // values[1]
    if kind == "mod":
        return values[0] % values[1]
    if kind in ("min", "max"):
        return min(values) if kind == "min" else max(values)
    raise ValueError(f"unknown extent {extent!r}")


@dataclass(frozen=True)
class ShapeRule:
    """What the shape of one argument must be."""

    name: str
    shape: tuple[Extent, ...]


def resolve(rules: Sequence[ShapeRule], shapes: Sequence[tuple[int, ...]], names: Sequence[str]) -> tuple[int, ...]:
    """The named sizes, from the shapes of the arguments; raises `SizeMismatch` where they don't fit together."""
    sizes: list[int | None] = [None] * len(names)
    for rule, shape in zip(rules, shapes, strict=True):
        if len(shape) != len(rule.shape):
            raise SizeMismatch(f"{rule.name} has {len(shape)} axes, the kernel takes {len(rule.shape)}")
        for extent, actual in zip(rule.shape, shape, strict=True):
            if isinstance(extent, tuple) and extent[0] == "size" and sizes[extent[1]] is None:
                sizes[extent[1]] = actual
    _solve_shifted(rules, shapes, sizes)
    missing = [name for name, value in zip(names, sizes, strict=True) if value is None]
    if missing:
        raise SizeMismatch(f"the extent {missing[0]} can't be read off the shape of any argument")
    known = [value or 0 for value in sizes]
    for rule, shape in zip(rules, shapes, strict=True):
        expected = tuple(evaluate(extent, known) for extent in rule.shape)
        if expected != shape:
            where = ", ".join(f"{n} = {v}" for n, v in zip(names, known, strict=True))
            raise SizeMismatch(
                f"{rule.name} has shape {shape}, but {expected} is needed" + (f" ({where})" if where else "")
            )
    return tuple(known)


def _solve_shifted(rules: Sequence[ShapeRule], shapes: Sequence[tuple[int, ...]], sizes: list[int | None]) -> None:
    """Sizes that appear only as ``n + c``."""
    for rule, shape in zip(rules, shapes, strict=True):
        for extent, actual in zip(rule.shape, shape, strict=True):
            if isinstance(extent, tuple) and extent[0] == "sum" and len(extent) == 3:
                shift, size = (extent[1], extent[2]) if isinstance(extent[1], int) else (extent[2], extent[1])
                if isinstance(shift, int) and isinstance(size, tuple) and size[0] == "size" and sizes[size[1]] is None:
                    sizes[size[1]] = actual - shift
