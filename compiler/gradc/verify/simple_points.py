"""Points that are easy to check by hand: small round numbers, the smallest sizes; simplest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from gradc.evaluate.body import extent_value
from gradc.ir.tensor import Input
from gradc.verify.givens import declared
from gradc.verify.sample import Array, Point, as_declared, fixed_sizes, sizes_in

#: Numbers in the order in which they are tried.
_SIMPLE = (Fraction(1), Fraction(2), Fraction(0), Fraction(-1), Fraction(3), Fraction(-2), Fraction(1, 2), Fraction(4))
_MOST_SCALARS = 4
_MOST_COMBINED = 400
#: Entries of arrays, in C order and repeated; the argument's position shifts them, so that no two arguments are equal.
_PATTERNS: tuple[tuple[int, ...], ...] = ((1,), (1, 2, 3, 4, 5, 6, 7), (1, 0), (0, 1, 2), (2, -1, 1), (-1, -2, 3, 1))
_SIZES = (1, 2, 3)


def simple_points(inputs: Sequence[Input], fixed: Mapping[Input, Any]) -> Iterator[Point]:
    """Simple points of the inputs; ``fixed`` ones keep their values."""
    free = [node for node in inputs if node not in fixed]
    scalars = [node for node in free if node.rank == 0 and node.dtype.kind == "f"]
    if free and len(scalars) == len(free) and len(free) <= _MOST_SCALARS:
        yield from _of_scalars(scalars, inputs, fixed)
    elif free:
        yield from _of_arrays(inputs, fixed)


def _of_scalars(scalars: Sequence[Input], inputs: Sequence[Input], fixed: Mapping[Input, Any]) -> Iterator[Point]:
    known, sizes = declared(fixed), fixed_sizes(fixed)
    ranks = sorted(product(range(len(_SIMPLE)), repeat=len(scalars)), key=lambda place: (sum(place), place[::-1]))
    for place in ranks[:_MOST_COMBINED]:
        chosen = {node: np.array(_SIMPLE[k], object) for node, k in zip(scalars, place, strict=True)}
        if all(value.item() > 0 for node, value in chosen.items() if node in known.positive):
            yield Point({node: chosen[node] if node in chosen else np.asarray(fixed[node]) for node in inputs}, sizes)


def _of_arrays(inputs: Sequence[Input], fixed: Mapping[Input, Any]) -> Iterator[Point]:
    known, givens = fixed_sizes(fixed), declared(fixed)
    names = sizes_in(inputs)
    smallest = [dict.fromkeys(names, size) for size in _SIZES]
    smallest.insert(2, {name: _SIZES[k % len(_SIZES)] for k, name in enumerate(names)})
    for sizes in smallest if any(name not in known for name in names) else [{}]:
        every = {**sizes, **known}
        for pattern in _PATTERNS:
            values: dict[Input, Array] = {}
            for position, node in enumerate(inputs):
                shape = tuple(extent_value(extent, every) for extent in node.shape)
                values[node] = (
                    np.asarray(fixed[node])
                    if node in fixed
                    else as_declared(_filled(shape, node, pattern, position), node, givens)
                )
            yield Point(values, every)


def _filled(shape: tuple[int, ...], node: Input, pattern: tuple[int, ...], position: int) -> Array:
    count = int(np.prod(shape))
    numbers = [pattern[(k + position) % len(pattern)] for k in range(count)]
    if node.dtype.kind == "b":
        return np.array([number > 0 for number in numbers], bool).reshape(shape)
    if node.dtype.kind in "iu":
        return np.array([k % 2 for k in range(count)], node.dtype).reshape(shape)
    result = np.empty(count, dtype=object)
    result[:] = [Fraction(number) for number in numbers]
    return result.reshape(shape)
