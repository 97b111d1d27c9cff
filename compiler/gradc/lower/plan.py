"""Memory: one workspace, in which intermediate results take the place of those that are no longer needed."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gradc.ir.algebra import floor_divide, product_of, sum_of
from gradc.ir.scalar import Index, Scalar, number
from gradc.ir.tensor import Extent, Tensor, extent, extent_scalar
from gradc.lower.tree import Item, Nest, Statement, statements

ALIGNMENT = 64


@dataclass
class Layout:
    """Offsets in bytes, and how much there is of it."""

    offsets: dict[Tensor, Extent]
    total: Extent


def byte_count(tensor: Tensor, axes: Sequence[int] | None = None) -> Extent:
    """The bytes of a tensor (of some of its axes)."""
    chosen = range(tensor.rank) if axes is None else axes
    return extent(product_of(tensor.dtype.itemsize, *[extent_scalar(tensor.shape[a]) for a in chosen]))


def aligned(count: Extent) -> Extent:
    """Bytes rounded up so that the next buffer is aligned."""
    if isinstance(count, int):
        grain = ALIGNMENT if count > 8 else 8
        return -(-count // grain) * grain
    rounded = floor_divide(sum_of(count, ALIGNMENT - 1), number(ALIGNMENT))
    return extent(product_of(rounded, number(ALIGNMENT)))


def plan(
    functions: Sequence[Sequence[Item]],
    chosen: dict[Tensor, Extent],
    kept_axes: Mapping[Tensor, tuple[int, ...]],
) -> Layout:
    """Offsets for the chosen tensors, of which the bytes and the order of axes in memory are given."""
    items = [item for function in functions for item in function]
    inside = [list(statements([item])) for item in items]
    born: dict[Tensor, int] = {}
    dies: dict[Tensor, int] = {}
    for position, group in enumerate(inside):
        for statement in group:
            for tensor in (statement.tensor, *statement.also_writes):
                if tensor in chosen:
                    born.setdefault(tensor, position)
                    dies[tensor] = position
            for tensor in statement.reads:
                if tensor in chosen:
                    dies[tensor] = position
    births: dict[int, list[Tensor]] = {}
    deaths: dict[int, list[Tensor]] = {}
    for tensor in born:
        births.setdefault(born[tensor], []).append(tensor)
        deaths.setdefault(dies[tensor], []).append(tensor)
    pool = _Pool()
    offsets: dict[Tensor, Extent] = {}
    for position, group in enumerate(inside):
        dying = deaths.get(position, [])
        inherited: set[Tensor] = set()
        for tensor in births.get(position, ()):
            alike = [t for t in dying if kept_axes.get(t) == kept_axes.get(tensor)]
            heir = _inherits(tensor, alike, inherited, group, items[position], chosen)
            if heir is not None:
                inherited.add(heir)
                offsets[tensor] = offsets[heir]
            else:
                offsets[tensor] = pool.take(aligned(chosen[tensor]))
        for tensor in dying:
            if tensor not in inherited:
                pool.give_back(offsets[tensor], aligned(chosen[tensor]))
    return Layout(offsets, pool.total)


def _inherits(
    tensor: Tensor,
    dying: Sequence[Tensor],
    taken: set[Tensor],
    group: Sequence[Statement],
    item: Item,
    chosen: dict[Tensor, Extent],
) -> Tensor | None:
    """An operand that dies here and may be overwritten: read by this result's statement alone, entry for entry."""
    makers = [s for s in group if s.tensor is tensor]
    if len(makers) != 1 or makers[0].kind != "map" or not isinstance(item, Nest):
        return None
    own = tuple(makers[0].target)
    if not all(isinstance(position, Index) for position in own):
        return None
    for operand in dying:
        if operand in taken or operand is tensor or chosen[operand] != chosen[tensor] or operand.dtype != tensor.dtype:
            continue
        if operand.shape != tensor.shape or any(s.tensor is operand for s in group):
            continue
        readers = [s for s in group if operand in s.reads]
        if readers == makers and all(indices == own for indices in makers[0].reads[operand]):
            return operand
    return None


@dataclass
class _Pool:
    """Free stretches: those of fixed size fit any smaller request, those of symbolic size only the same."""

    total: Extent = 0
    _fixed: list[tuple[int, Extent]] = field(default_factory=list)
    _symbolic: dict[Scalar, list[Extent]] = field(default_factory=dict)

    def take(self, count: Extent) -> Extent:
        if isinstance(count, int):
            for place, (size, offset) in enumerate(self._fixed):
                if size >= count:
                    del self._fixed[place]
                    if size > count:
                        insort(self._fixed, (size - count, plus(offset, count)), key=lambda block: block[0])
                    return offset
        elif self._symbolic.get(count):
            return self._symbolic[count].pop()
        offset = self.total
        self.total = plus(offset, count)
        return offset

    def give_back(self, offset: Extent, count: Extent) -> None:
        if isinstance(count, int):
            if count:
                insort(self._fixed, (count, offset), key=lambda block: block[0])
        else:
            self._symbolic.setdefault(count, []).append(offset)


def plus(a: Extent, b: Extent) -> Extent:
    """The sum of two extents."""
    return a + b if isinstance(a, int) and isinstance(b, int) else extent(sum_of(extent_scalar(a), extent_scalar(b)))
