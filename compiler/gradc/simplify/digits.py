"""Digits of an axis: ``i // 12``, ``i // 4 % 3`` and ``i % 4`` are those of i, when it has been flattened from three axes."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.algebra import floor_divide, modulo
from gradc.ir.scalar import Number, Scalar, index, is_apply, number
from gradc.ir.tensor import Extent, extent_scalar
from gradc.ir.tensor import extent as extent_of


def digits_of_axis(axis: int, extent: Extent, scalars: Sequence[Scalar]) -> list[tuple[Scalar, Extent]] | None:
    """The digits that the scalars use of an axis, with an extent for each, highest first.

    None where they use more of it than digits, or digits that don't go together, or where some digits never meet.
    """
    found = _digits_used(index(axis), scalars)
    if not found:
        return None
    ordered = sorted(found.items(), key=lambda item: item[1][0])
    length = extent_scalar(extent)
    result: list[tuple[Scalar, Extent]] = []
    reach = 1
    for digit, (weight, radix) in ordered:
        if weight % reach:
            return None
        if radix is None:
            count = floor_divide(length, number(weight))
            whole = modulo(length, number(weight))
        else:
            count, reach = number(radix), weight * radix
            whole = modulo(length, number(reach))
        if whole is not number(0) or (radix is None and digit is not ordered[-1][0]):
            return None
        result.append((digit, extent_of(count)))
    return result[::-1]


def _digits_used(target: Scalar, scalars: Sequence[Scalar]) -> dict[Scalar, tuple[int, int | None]] | None:
    """Every digit of the target by weight and radix (the top digit has none), if it is used in no other way."""
    found: dict[Scalar, tuple[int, int | None]] = {}
    seen: set[Scalar] = set()
    waiting = list(scalars)
    while waiting:
        node = waiting.pop()
        if node is target:
            return None
        if node in seen:
            continue
        seen.add(node)
        digit = _as_digit(node, target)
        if digit is None:
            waiting.extend(node.children)
        else:
            found[node] = digit
    return found


def _as_digit(node: Scalar, target: Scalar) -> tuple[int, int | None] | None:
    radix: int | None = None
    if is_apply(node, "mod"):
        node, divisor = node.children
        radix = _plain(divisor)
        if radix is None:
            return None
        if node is target:
            return 1, radix
    if is_apply(node, "floordiv") and node.children[0] is target:
        weight = _plain(node.children[1])
        return None if weight is None else (weight, radix)
    return None


def _plain(scalar: Scalar) -> int | None:
    value = scalar.value if isinstance(scalar, Number) else None
    return value if isinstance(value, int) and value > 0 else None
