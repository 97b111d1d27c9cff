r"""Index notation as values: ``A_{ij}`` is an array whose axes have names, ``\sum_j`` sums over one of them.

Arrays of different axes are aligned by name; at the end the axes stand in alphabetical order, which is the order of the
result's own axes in the notation that formulas print.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradc.errors import ParseError

#: Where the first index stands in that relation to the second, in a square of ones.
_RELATIONS: dict[str, Callable[[Any], Any]] = {
    "=": lambda square: np.diag(np.diagonal(square)),
    "!=": lambda square: square - np.diag(np.diagonal(square)),
    "<": lambda square: np.triu(square, 1),
    "<=": np.triu,
    ">": lambda square: np.tril(square, -1),
    ">=": np.tril,
}
_REDUCERS: dict[str, Callable[..., Any]] = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}


@dataclass(frozen=True)
class Indexed:
    """An array with a letter for each axis."""

    array: Any
    axes: tuple[str, ...]

    def aligned(self, axes: Sequence[str]) -> Any:
        """The array with its axes in the order of ``axes``, extent 1 where it does not have one."""
        order = [self.axes.index(axis) for axis in axes if axis in self.axes]
        moved = self.array if order == sorted(order) else np.transpose(self.array, order)
        return moved[tuple(slice(None) if axis in self.axes else None for axis in axes)]

    def ones(self, axis: str) -> Any:
        """Ones along an axis."""
        place = tuple(slice(None) if other == axis else 0 for other in self.axes)
        return np.ones_like(self.array[place])


@dataclass(frozen=True)
class Mask:
    """The bracket of two letters, ``[i = j]``, times a factor: it becomes an array beside one that has the letters."""

    left: str
    relation: str
    right: str
    factor: Any = 1

    def beside(self, other: Indexed) -> Indexed:
        """The product with an array that has one of the letters at least."""
        known = [letter for letter in (self.left, self.right) if letter in other.axes]
        if not known or (len(known) == 1 and self.relation != "="):
            raise ParseError(f"the range of {self.left} and {self.right} in the bracket is not known here")
        along = other.ones(known[0])
        square = along[:, None] * along[None, :]
        mask = Indexed(_RELATIONS[self.relation](square), (self.left, self.right))
        beside = elementwise(operator.mul, [mask, other])
        return elementwise(operator.mul, [beside, self.factor])


def entry(base: Any, letters: Sequence[str]) -> Indexed:
    """``base_{ij}``; a letter twice is a diagonal."""
    if np.ndim(base) != len(letters):
        raise ParseError(f"an array of {np.ndim(base)} axes takes {np.ndim(base)} indices, not {len(letters)}")
    if len(set(letters)) == len(letters):
        return Indexed(base, tuple(letters))
    if len(letters) == 2:
        return Indexed(np.diagonal(base), (letters[0],))
    raise ParseError("an index may stand twice in a matrix only")


def elementwise(function: Callable[..., Any], values: Sequence[Any]) -> Indexed:
    """The function entry by entry, axes aligned by their letters."""
    axes = tuple(sorted({axis for value in values if isinstance(value, Indexed) for axis in value.axes}))
    plain = [value.aligned(axes) if isinstance(value, Indexed) else value for value in values]
    if any(np.ndim(v) for v, value in zip(plain, values, strict=True) if not isinstance(value, Indexed)):
        raise ParseError("index notation and whole arrays don't mix; give the array its indices")
    return Indexed(function(*plain), axes)


def product(left: Any, right: Any) -> Any:
    """A product in which brackets of letters may stand."""
    masks = [value for value in (left, right) if isinstance(value, Mask)]
    if not masks:
        return elementwise(operator.mul, [left, right])
    other = right if left is masks[0] else left
    if isinstance(other, Indexed):
        return masks[0].beside(other)
    if isinstance(other, Mask) or np.ndim(other):
        raise ParseError("brackets of indices are read beside an entry of an array")
    return replace(masks[0], factor=masks[0].factor * other)


def reduced(kind: str, letters: Sequence[str], body: Any) -> Any:
    r"""``\sum_{ij} body``."""
    missing = [letter for letter in letters if not isinstance(body, Indexed) or letter not in body.axes]
    if missing:
        raise ParseError(f"the sum runs over {', '.join(missing)}, which stands nowhere in it")
    left = tuple(axis for axis in body.axes if axis not in letters)
    array = _REDUCERS[kind](body.array, axis=tuple(k for k, axis in enumerate(body.axes) if axis in letters))
    return Indexed(array, left) if left else array


def result(value: Any) -> Any:
    """The array, its axes in alphabetical order."""
    if isinstance(value, Mask):
        raise ParseError("a bracket alone has no shape; write it beside an entry of an array")
    return value.aligned(sorted(value.axes)) if isinstance(value, Indexed) else value
