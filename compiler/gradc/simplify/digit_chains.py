"""Digits of an index: ``i // w % r``, how equations fix them, and which of them together fix the whole index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradc.ir.algebra import (
    conjunction,
    equal,
    floor_divide,
    less,
    less_equal,
    linear_terms,
    modulo,
    product_of,
    sum_of,
)
from gradc.ir.bounds import decide, never_positive
from gradc.ir.scalar import TRUE, Apply, Number, Scalar, is_apply, number
from gradc.ir.tensor import Extent, extent_scalar


@dataclass(frozen=True)
class Digit:
    """``(axis // weight) % radix = value``; the top digit has no radix."""

    weight: Scalar
    radix: Scalar | None
    value: Scalar
    bracket: Apply
    #: under which condition there is such a value
    condition: Scalar = TRUE


def in_range(value: Scalar, extent: Extent) -> list[Scalar]:
    """``0 <= value < extent``: also of an index read from an array, which may belong to another piece of what it indexes."""
    return [less_equal(0, value), less(value, extent_scalar(extent))]


def whole_chain(digits: dict[Scalar, Digit], target: Scalar, box: Sequence[Extent]) -> list[Digit]:
    """The digits from weight 1 upwards where together they determine the target; nothing where they don't."""
    chain: list[Digit] = []
    weight: Scalar = number(1)
    while weight in digits:
        chain.append(digits[weight])
        radix = chain[-1].radix
        if radix is None:
            return chain if _of_different_brackets(chain) else []
        weight = product_of(weight, radix)
    inside = conjunction(*[decide(p, box) for p in in_range(target, extent_of(weight))])
    return chain if inside is TRUE and _of_different_brackets(chain) else []


def _of_different_brackets(chain: Sequence[Digit]) -> bool:
    return len(chain) > 1 and len({digit.bracket for digit in chain}) == len(chain)


def digit_chain(digits: dict[Scalar, Digit], extent: Scalar) -> tuple[list[Digit], list[tuple[Scalar, Scalar]]]:
    """The digits from weight 1 upwards, and between them those that no bracket fixes, as weights and radices.

    Together they determine the whole index; where they don't there is nothing.
    """
    chain: list[Digit] = []
    free: list[tuple[Scalar, Scalar]] = []
    weight: Scalar = number(1)
    while True:
        digit = digits.get(weight)
        if digit is not None:
            chain.append(digit)
            if digit.radix is None:
                return chain, free
            weight = product_of(weight, digit.radix)
        if not_above(extent, weight):
            return chain, free
        if weight in digits:
            continue
        gap = _next_weight(weight, digits)
        if gap is None:
            return (chain, [*free, (weight, _quotient_above(extent, weight))]) if chain else ([], [])
        free.append((weight, floor_divide(gap, weight)))
        weight = gap


def _next_weight(weight: Scalar, digits: dict[Scalar, Digit]) -> Scalar | None:
    """The least weight above this one, a multiple of it, that a bracket fixes the digit of."""
    above = [w for w in digits if w is not weight and not_above(weight, w) and modulo(w, weight) is number(0)]
    return next((w for w in above if all(not_above(w, other) for other in above)), None)


def _quotient_above(extent: Scalar, weight: Scalar) -> Scalar:
    """``extent / weight``, rounded up."""
    return sum_of(floor_divide(sum_of(extent, -1), weight), 1)


def digits_of(bracket: Apply, target: Scalar) -> list[Digit]:
    """The ways to read the bracket as an equation for one digit of the target."""
    found = []
    terms, _ = linear_terms(bracket.args[0])
    for atom, coefficient in terms.items():
        shape = _digit_shape(atom, target)
        if shape is not None:
            rest = sum_of(bracket.args[0], product_of(number(-coefficient), atom))
            size, value = abs(coefficient), rest if coefficient < 0 else product_of(-1, rest)
            if size == 1:
                found.append(Digit(*shape, value, bracket))
            else:
                divides = equal(modulo(value, number(size)), 0)
                found.append(Digit(*shape, floor_divide(value, number(size)), bracket, divides))
    return found


def _digit_shape(atom: Scalar, target: Scalar) -> tuple[Scalar, Scalar | None] | None:
    """(weight, radix) where the atom is ``target // weight % radix``, either part being optional."""
    radix: Scalar | None = None
    if is_apply(atom, "mod"):
        atom, radix = atom.children
    if is_apply(atom, "floordiv") and atom.children[0] is target:
        return atom.children[1], radix
    if is_apply(atom, "floordiv") and radix is None and is_apply(atom.children[0], "mod"):
        (inner, period), weight = atom.children[0].children, atom.children[1]
        if inner is target and modulo(period, weight) is number(0):  # (t % 12) // 4 is t // 4 % 3
            return weight, floor_divide(period, weight)
    return (number(1), radix) if atom is target and radix is not None else None


def extent_of(scalar: Scalar) -> Extent:
    """A size as an extent: an int where it is one."""
    return scalar.value if isinstance(scalar, Number) else scalar  # type: ignore[return-value]


def not_above(left: Scalar, right: Scalar) -> bool:
    """Whether ``left <= right`` whatever the sizes."""
    return never_positive(sum_of(left, product_of(-1, right)), ())
