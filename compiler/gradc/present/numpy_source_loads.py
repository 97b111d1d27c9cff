"""Entries of arrays that bodies read: what is a slice, what is a reshaped array, what is fancy indexing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError
from gradc.ir.algebra import linear_terms, negated, product_of, sum_of
from gradc.ir.scalar import Index, Load, Number, Scalar, is_apply, is_number
from gradc.ir.tensor import Tensor, extent_scalar
from gradc.present.numpy_source_spaces import Space, affine, is_at_least
from gradc.present.numpy_source_text import ATOM, Term, Value

if TYPE_CHECKING:
    from gradc.present.numpy_source_scalars import Bodies


class Loads:
    """Reads of the arrays whose values are known."""

    def __init__(self, bodies: Bodies, tensor: Callable[[Tensor], Value]) -> None:
        self._bodies, self._tensor = bodies, tensor

    def load(self, node: Load, space: Space) -> Value:
        """The entries that the indices choose, over the whole space."""
        source = self._tensor(node.tensor)
        indices = [unwrapped(node.indices[axis]) for axis in source.axes]
        extents = [extent_scalar(node.tensor.shape[axis]) for axis in source.axes]
        if not indices:
            return source
        reshaped = self._reshaped(source, node, indices, space)
        if reshaped is not None:
            return reshaped
        lines = [affine(i) if i.free else None for i in indices]
        simple = [not i.free or (line is not None and line[1] != 0) for i, line in zip(indices, lines, strict=True)]
        axes = [line[0] for line in lines if line is not None]
        fancy = [k for k, ok in enumerate(simple) if not ok]
        if len(axes) == len(set(axes)) and not fancy and not (space.masked and self._may_miss(lines, extents, space)):
            return self._sliced(source, indices, lines, extents, space)
        if (
            len(fancy) == 1
            and len(indices) > 1
            and all(
                line is not None
                and line[1] == 1
                and is_number(line[2], 0)
                and space.intervals[line[0]].is_whole(extent)
                for k, (line, extent) in enumerate(zip(lines, extents, strict=True))
                if k not in fancy
            )
        ):
            chosen = self._bodies.value(indices[fancy[0]], space)
            names = [line[0] if line else -1 for line in lines]
            own = (*names[: fancy[0]], *chosen.axes, *names[fancy[0] + 1 :])
            if len(set(own)) == len(own):
                entries = ", ".join("{1}" if k == fancy[0] else ":" for k in range(fancy[0] + 1))
                result = Value(self._bodies.terms.subscript(source.term, entries, (chosen.term,)), own)
                return self._in_order(result, space)
        if len(indices) == 2 and indices[0] is indices[1] and isinstance(indices[0], Index):
            if all(space.intervals[indices[0].position].is_whole(node.tensor.shape[a]) for a in source.axes):
                return Value(self._bodies.terms.call("np.diagonal", source.term), (indices[0].position,))
        values = [self._bodies.value(i, space) for i in indices]
        if space.masked:
            values = [self._clipped(v, e, space) for v, e in zip(values, extents, strict=True)]
        parts, own = self._bodies.broadcast(values, space)
        entries = ", ".join(f"{{{k + 1}}}" for k in range(len(parts)))
        return Value(self._bodies.terms.subscript(source.term, entries, parts), own)

    def _reshaped(self, source: Value, node: Load, indices: Sequence[Scalar], space: Space) -> Value | None:
        """``x[3 i + j]`` as ``x.reshape(2, 3)``, and ``A[i // 3, i % 3]`` as ``A.ravel()``."""
        shape = [node.tensor.shape[axis] for axis in source.axes]
        if not all(isinstance(e, int) for e in shape) or source.axes != tuple(range(len(shape))):
            return None
        if len(indices) == 2 and is_apply(indices[0], "floordiv") and is_apply(indices[1], "mod"):
            (axis, width), same = indices[0].children, indices[1].children
            if isinstance(axis, Index) and (axis, width) == tuple(same) and is_number(width, shape[1]):  # type: ignore[arg-type]
                if space.intervals[axis.position].is_whole(math.prod(shape)):  # type: ignore[arg-type]
                    return Value(self._bodies.terms.call("np.ravel", source.term), (axis.position,))
        if len(indices) != 1:
            return None
        terms, offset = linear_terms(indices[0])
        axes = sorted(terms, key=lambda atom: -terms[atom])
        if len(axes) < 2 or offset or not all(isinstance(axis, Index) for axis in axes):
            return None
        lengths: list[int] = []
        stride = 1
        for axis in reversed(axes):
            interval = space.intervals[axis.position]  # type: ignore[attr-defined]
            if terms[axis] != stride or not is_number(interval.low, 0) or not isinstance(interval.high, Number):
                return None
            lengths.insert(0, int(interval.high.value))  # type: ignore[arg-type]
            stride *= lengths[0]
        if stride != shape[0]:
            return None
        text = f"{{0}}.reshape({', '.join(map(str, lengths))})"
        term = self._bodies.terms.make(text, (source.term,), needs=(ATOM,), hint="reshaped")
        return self._in_order(Value(term, tuple(axis.position for axis in axes)), space)  # type: ignore[attr-defined]

    def _may_miss(self, lines: Sequence[Any], extents: Sequence[Scalar], space: Space) -> bool:
        """Whether an index may leave its axis."""
        for line, extent in zip(lines, extents, strict=True):
            if line is None:
                continue
            interval = space.intervals[line[0]]
            if line[1] != 1:
                return True
            below = sum_of(interval.low, line[2])
            above = sum_of(interval.high, line[2], negated(extent))
            if not (isinstance(below, Number) and below.value >= 0):  # type: ignore[operator]
                return True
            if not (isinstance(above, Number) and above.value <= 0):  # type: ignore[operator]
                return True
        return False

    def _clipped(self, value: Value, extent: Scalar, space: Space) -> Value:
        last = self._bodies.value(sum_of(extent, -1), space).term
        return Value(
            self._bodies.terms.call("np.clip", value.term, self._bodies.terms.atom("0"), last, hint="indices"),
            value.axes,
        )

    def _sliced(
        self,
        source: Value,
        indices: Sequence[Scalar],
        lines: Sequence[tuple[int, int, Scalar] | None],
        extents: Sequence[Scalar],
        space: Space,
    ) -> Value:
        entries: list[str] = []
        parts: list[Term] = []
        for position, line, extent in zip(indices, lines, extents, strict=True):
            if line is None:
                entries.append(self._hole(position, parts, space))
            else:
                entries.append(self.slice_of(line, extent, parts, space))
        while entries and entries[-1] == ":":
            entries.pop()
        own = tuple(line[0] for line in lines if line is not None)
        term = self._bodies.terms.subscript(source.term, ", ".join(entries), parts) if entries else source.term
        return self._in_order(Value(term, own), space)

    def _in_order(self, value: Value, space: Space) -> Value:
        return self._bodies.reordered(value, [axis for axis in space.order if axis in value.axes])

    def slice_of(self, line: tuple[int, int, Scalar], extent: Scalar, parts: list[Term], space: Space) -> str:
        """``a * axis + c`` over the interval of the axis, as the entry of a subscript; its holes go to ``parts``."""
        axis, step, offset = line
        interval = space.intervals[axis]
        first = sum_of(_scaled(interval.low, step), offset)
        last = sum_of(_scaled(sum_of(interval.high, -1), step), offset)
        start = stop = ""
        if step > 0:
            end = sum_of(last, 1)
            start = "" if is_number(first, 0) else self._hole(first, parts, space)
            stop = "" if self._covers(end, extent, step) else self._bound(end, extent, parts, space)
            return f"{start}:{stop}" + (f":{step}" if step > 1 else "")
        if first is not sum_of(extent, -1):
            start = self._hole(first, parts, space)
        end = sum_of(last, -1)
        if not is_number(end, -1):
            if not is_at_least(end, 0):
                raise ArgumentError("a reversed part of an axis of any size has no NumPy source; give fixed extents")
            stop = self._hole(end, parts, space)
        return f"{start}:{stop}:{step}"

    def _covers(self, end: Scalar, extent: Scalar, step: int) -> bool:
        gap = sum_of(extent, negated(end))
        return isinstance(gap, Number) and 0 <= gap.value < step  # type: ignore[operator]

    def _bound(self, end: Scalar, extent: Scalar, parts: list[Term], space: Space) -> str:
        """The end of a slice, counted from the end of the axis where that is shorter."""
        gap = sum_of(extent, negated(end))
        if isinstance(gap, Number) and not isinstance(extent, Number):
            return str(-gap.value)  # type: ignore[operator]
        return self._hole(end, parts, space)

    def _hole(self, scalar: Scalar, parts: list[Term], space: Space) -> str:
        if isinstance(scalar, Number):
            return str(scalar.value)
        parts.append(self._bodies.value(scalar, space).term)
        return f"{{{len(parts)}}}"


def unwrapped(position: Scalar) -> Scalar:
    """An index without ``where(k < 0, k + n, k)``: NumPy counts negative indices from the end by itself."""
    if is_apply(position, "position"):
        return position.children[0]
    if is_apply(position, "where"):
        condition, _, plain = position.children
        if is_apply(condition, "less") and condition.children[0] is plain and is_number(condition.children[1], 0):
            return plain
    return position


def _scaled(scalar: Scalar, factor: int) -> Scalar:
    return product_of(factor, scalar)
