r"""Matrices whose size the formula does not tell: ``I``, ``\mathbf{1}`` and what is made of them, until they meet an array."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradc.errors import ParseError


class Open:
    """A value whose extents are not known yet."""

    def scaled(self, factor: Any) -> Open:
        """The product with a number."""
        raise NotImplementedError

    def filled(self, like: Any) -> Any:
        """The array, of the shape of another one."""
        raise NotImplementedError


@dataclass(frozen=True)
class Ones(Open):
    """A column of ones, times a number."""

    factor: Any = 1

    def scaled(self, factor: Any) -> Ones:
        return replace(self, factor=self.factor * factor)

    def filled(self, like: Any) -> Any:
        return self.factor * np.ones_like(like)


@dataclass(frozen=True)
class Identity(Open):
    """The identity matrix, times a number."""

    factor: Any = 1

    def scaled(self, factor: Any) -> Identity:
        return replace(self, factor=self.factor * factor)

    def filled(self, like: Any) -> Any:
        return self.factor * np.diag(np.ones_like(like[0]))


@dataclass(frozen=True)
class Outer(Open):
    """``left right^T``; either may be `Ones`."""

    left: Any
    right: Any

    def scaled(self, factor: Any) -> Outer:
        return replace(self, left=self.left.scaled(factor) if isinstance(self.left, Ones) else self.left * factor)

    def filled(self, like: Any) -> Any:
        left = self.left.filled(like[:, 0]) if isinstance(self.left, Ones) else self.left
        right = self.right.filled(like[0]) if isinstance(self.right, Ones) else self.right
        return left[:, None] * right[None, :]


@dataclass(frozen=True)
class Sum(Open):
    """A sum of such values."""

    left: Open
    right: Open

    def scaled(self, factor: Any) -> Sum:
        return Sum(self.left.scaled(factor), self.right.scaled(factor))

    def filled(self, like: Any) -> Any:
        return self.left.filled(like) + self.right.filled(like)


def total(left: Any, right: Any) -> Any:
    """``left + right`` where one of them is open at least."""
    if isinstance(left, Open) and isinstance(right, Open):
        return Sum(left, right)
    known, other = (right, left) if isinstance(left, Open) else (left, right)
    if np.ndim(known) == 0:
        raise ParseError("a number and a matrix of unknown size don't add up")
    return known + other.filled(known)


def entrywise(function: Callable[..., Any], left: Any, right: Any) -> Any:
    """A function of two arrays, or an open value scaled by a number."""
    if isinstance(left, Open) and isinstance(right, Open):
        raise ParseError("the sizes of these matrices are not known here")
    known, other = (right, left) if isinstance(left, Open) else (left, right)
    if np.ndim(known) == 0:
        if other is left:
            return other.scaled(function(1, known))
        return other.scaled(known)
    filled = other.filled(known)
    return function(filled, known) if other is left else function(known, filled)


def transpose(value: Open) -> Any:
    """The transpose of a matrix; that of a column is a row, which the caller makes."""
    if isinstance(value, Outer):
        return Outer(value.right, value.left)
    return Sum(transpose(value.left), transpose(value.right)) if isinstance(value, Sum) else value


def applied(left: Any, right: Any) -> Any:
    """``left right`` as matrices; vectors are columns, so that a row comes as the transpose of the mirrored product."""
    if isinstance(left, Sum):
        return _added(applied(left.left, right), applied(left.right, right))
    if isinstance(right, Sum):
        return _added(applied(left, right.left), applied(left, right.right))
    if isinstance(left, Identity):
        return right.scaled(left.factor) if isinstance(right, Open) else left.factor * right
    if isinstance(left, Outer):
        inner = dotted(left.right, right)
        return scaled(left.left, inner) if np.ndim(inner) == 0 else outer(left.left, inner)
    if isinstance(right, Identity):
        return scaled(left, right.factor)
    if isinstance(right, Outer):
        return outer(applied(left, right.left), right.right)
    if isinstance(right, Ones) and not isinstance(left, Open):
        return left * right.factor if np.ndim(left) == 0 else right.factor * np.sum(left, axis=-1)
    if isinstance(left, Open) and np.ndim(right) == 0 and not isinstance(right, Open):
        return left.scaled(right)
    raise ParseError("the sizes of these matrices are not known here")


def dotted(row: Any, right: Any) -> Any:
    """``row^T right``: a number, or the row that a matrix gives."""
    if isinstance(right, Open):
        if isinstance(right, Identity):
            return scaled(row, right.factor)
        if isinstance(right, Outer):
            return scaled(right.right, dotted(row, right.left))
        if isinstance(right, Sum):
            return _added(dotted(row, right.left), dotted(row, right.right))
        if isinstance(row, Open):
            raise ParseError("1^T 1 is the number of entries; write it by its name")
        return right.factor * np.sum(row)  # type: ignore[attr-defined]
    return row.factor * np.sum(right, axis=0) if isinstance(row, Ones) else np.matmul(row, right)


def outer(left: Any, right: Any) -> Any:
    """``left right^T`` of columns."""
    if isinstance(left, Open) or isinstance(right, Open):
        return Outer(left, right)
    return left[:, None] * right[None, :]


def scaled(value: Any, factor: Any) -> Any:
    """The value times a number."""
    return value.scaled(factor) if isinstance(value, Open) else value * factor


def _added(left: Any, right: Any) -> Any:
    return total(left, right) if isinstance(left, Open) or isinstance(right, Open) else left + right


def closed(value: Open, first: Any) -> Any:
    """The array at the end of a formula: the size is that of the first argument (of its square, for a vector)."""
    if isinstance(value, Ones):
        return value.factor
    if np.ndim(first) == 1:
        first = first[:, None] * first[None, :]
    if np.ndim(first) != 2:
        raise ParseError("the size of this matrix is not known; write it with an array of that size")
    return value.filled(first)
