"""Bound indices of sums: their extents, their digits, and which of them belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from gradc.ir import algebra
from gradc.ir.scalar import Scalar, apply, index
from gradc.ir.tensor import Extent, extent_scalar
from gradc.ir.walk import post_order
from gradc.verify.polynomial import Exponents, Polynomial

#: A sum over at most this many places may be written out.
_LARGEST_UNROLLED = 64

Bounds = dict[int, Extent]


@dataclass(frozen=True)
class Digits:
    """An index that is ``high * base + low``, the two being indices below their extents."""

    position: int
    high: Scalar
    low: Scalar
    base: Scalar

    def replacements(self) -> dict[Scalar, Scalar]:
        """What the index, its quotient and its remainder become."""
        k = index(self.position)
        return {
            k: algebra.sum_of(algebra.product_of(self.base, self.high), self.low),
            apply("floordiv", k, self.base): self.high,
            apply("mod", k, self.base): self.low,
        }


@dataclass(frozen=True)
class Split:
    """An axis of extent ``outer * inner`` as two axes."""

    outer: Extent
    inner: Extent

    def over(self, position: int, high: int, low: int) -> Digits:
        """The index at ``position`` by its digits."""
        return Digits(position, index(high), index(low), extent_scalar(self.inner))


Replaced = Mapping[int, Scalar | Digits]


def replacements(mapping: Replaced) -> dict[Scalar, Scalar]:
    """What a replacement of indices does to integer expressions."""
    found: dict[Scalar, Scalar] = {}
    for position, value in mapping.items():
        found.update(value.replacements() if isinstance(value, Digits) else {index(position): value})
    return found


def scalars_in(polynomial: Polynomial, position: int) -> Iterator[Scalar]:
    """The integer expressions in a polynomial that depend on an index, nested ones too."""
    for monomial in polynomial.terms:
        for atom, _ in monomial:
            if position in atom.free:
                for part in atom.parts:
                    if isinstance(part, Polynomial):
                        yield from scalars_in(part, position)
                    elif isinstance(part, Scalar):
                        yield from post_order([part])


def components(factors: Exponents, bound: Bounds) -> list[tuple[list[int], Exponents]]:
    """The factors in groups that share no bound index, each with its indices."""
    groups: list[tuple[set[int], Exponents]] = []
    for atom, exponent in factors.items():
        touched = set(atom.free & bound.keys())
        if not touched:
            continue
        members: Exponents = {atom: exponent}
        separate = []
        for positions, others in groups:
            if positions & touched:
                touched |= positions
                members.update(others)
            else:
                separate.append((positions, others))
        groups = [*separate, (touched, members)]
    return [(sorted(positions), members) for positions, members in groups]


def is_small(extents: Iterable[Extent]) -> bool:
    """Whether a sum over these extents has few places, all of them known."""
    known = list(extents)
    fixed = [extent for extent in known if isinstance(extent, int)]
    return len(fixed) == len(known) and prod(fixed) <= _LARGEST_UNROLLED
