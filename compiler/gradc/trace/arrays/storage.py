"""Storage behind traced arrays: an immutable node plus the writes that came after it.

A write is a *piece*: a predicate over the indices of the storage and the value where it holds. Pieces wait until somebody
reads what they cover; then the whole run of writes becomes one piecewise node over disjoint boxes, so that filling an
array entry by entry costs one node, not one whole-array select per write.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from gradc.ir.algebra import conjunction, disjunction, guarded, linear_terms, negation, reindexed, sum_of
from gradc.ir.bounds import decide
from gradc.ir.scalar import TRUE, DType, Index, Load, Number, Scalar, index, load
from gradc.ir.tensor import Compute, Extent, Shape, Tensor, compute
from gradc.trace.context import current_body

Box = tuple[range, ...]

#: Ranges longer than this with strides are taken to overlap rather than enumerated.
_ENUMERATED = 4096


@functools.cache
def axes(count: int) -> tuple[Scalar, ...]:
    """The indices of the first ``count`` axes."""
    return tuple(index(k) for k in range(count))


def materialised(shape: Shape, body: Scalar) -> Tensor:
    """The tensor with this body; a plain copy is the tensor itself."""
    if isinstance(body, Load) and body.tensor.shape == shape and body.indices == axes(len(shape)):
        return body.tensor
    return compute(shape, body)


def literal_of(tensor: Tensor) -> Number | None:
    """The number that every entry of ``tensor`` is, where that is plain to see."""
    if isinstance(tensor, Compute) and tensor.reducer is None and isinstance(tensor.body, Number):
        return tensor.body
    return None


def entry(tensor: Tensor, indices: Sequence[Scalar]) -> Scalar:
    """``tensor[indices]``; literals are taken as such."""
    return literal_of(tensor) or load(tensor, indices)


@dataclass(frozen=True)
class Region:
    """Part of a storage, as a view sees it.

    ``forward`` gives the storage's indices from the view's; ``inside`` and ``backward`` tell, over the storage's indices,
    whether an entry belongs to the view, and where. ``box`` is the region as ranges where it is a fixed box. A view that is
    not ``writable`` needs neither: NumPy makes broadcast arrays, diagonals and windows so.
    """

    shape: Shape
    forward: tuple[Scalar, ...]
    inside: Scalar
    backward: tuple[Scalar, ...]
    box: Box | None = None
    writable: bool = True

    def then(self, inner: Region) -> Region:
        """``inner``, a region of the view that this region is, as a region of the storage."""
        forward = tuple(reindexed(position, inner.forward) for position in self.forward)
        if not (self.writable and inner.writable):
            return read_only(inner.shape, forward)
        return Region(
            inner.shape,
            forward,
            conjunction(self.inside, reindexed(inner.inside, self.backward)),
            tuple(reindexed(position, self.backward) for position in inner.backward),
            box_of(inner.shape, forward),
        )


def read_only(shape: Shape, forward: Sequence[Scalar]) -> Region:
    """A region that can only be read."""
    return Region(shape, tuple(forward), TRUE, (), box_of(shape, forward), writable=False)


def box_of(shape: Shape, forward: Sequence[Scalar]) -> Box | None:
    """The region as ranges: each position is fixed, or runs along one axis of the view that no other position uses."""
    sides: list[range] = []
    used: set[Scalar] = set()
    for position in forward:
        terms, start = linear_terms(position)
        if not terms:
            sides.append(range(start, start + 1))
            continue
        axis, step = next(iter(terms.items()))
        length = shape[axis.position] if isinstance(axis, Index) else None
        if len(terms) > 1 or axis in used or not isinstance(length, int):
            return None
        used.add(axis)
        sides.append(range(start, start + step * length, step))
    return tuple(sides)


def whole(shape: Shape) -> Region:
    """All of a storage of this shape."""
    everything = axes(len(shape))
    fixed = [extent for extent in shape if isinstance(extent, int)]
    box = tuple(range(extent) for extent in fixed) if len(fixed) == len(shape) else None
    return Region(shape, everything, TRUE, everything, box)


@dataclass(frozen=True)
class Piece:
    """One write: ``value`` where ``inside`` holds, both over the storage's indices."""

    inside: Scalar
    value: Scalar
    box: Box | None

    @property
    def point(self) -> tuple[int, ...] | None:
        """The one entry that the piece covers, if it is one."""
        if self.box is None or any(len(side) != 1 for side in self.box):
            return None
        return tuple(side[0] for side in self.box)


def _disjoint_ranges(a: range, b: range) -> bool:
    if not a or not b or max(a[0], a[-1]) < min(b[0], b[-1]) or max(b[0], b[-1]) < min(a[0], a[-1]):
        return True
    if abs(a.step) == 1 or abs(b.step) == 1:
        thin, dense = (a, b) if abs(b.step) == 1 else (b, a)
        return len(thin) <= _ENUMERATED and not any(i in dense for i in thin)
    return len(a) <= _ENUMERATED and not any(i in b for i in a)


def disjoint(a: Box | None, b: Box | None) -> bool:
    """Whether two regions certainly have no entry in common."""
    return a is not None and b is not None and any(_disjoint_ranges(s, t) for s, t in zip(a, b, strict=True))


def _overlapping(pieces: Sequence[Piece]) -> dict[int, list[int]]:
    """For each piece the others that may share entries with it: a sweep along the axis where the boxes differ most."""
    boxes = [piece.box for piece in pieces]
    fixed = [box for box in boxes if box is not None]
    rank = len(fixed[0]) if fixed else 0
    axis = max(range(rank), key=lambda k: len({box[k] for box in fixed}), default=0)
    met: dict[int, list[int]] = {}
    active: list[tuple[float, int]] = []
    for start, stop, position in sorted(_interval(box, axis, k) for k, box in enumerate(boxes)):
        active = [(end, other) for end, other in active if end >= start]
        for _, other in active:
            if not disjoint(boxes[position], boxes[other]):
                met.setdefault(position, []).append(other)
                met.setdefault(other, []).append(position)
        active.append((stop, position))
    return met


def _interval(box: Box | None, axis: int, position: int) -> tuple[float, float, int]:
    """The first and last index of a box along an axis; everywhere for one that is not fixed."""
    if box is None or not box:
        return -math.inf, math.inf, position
    side = box[axis]
    return (min(side[0], side[-1]), max(side[0], side[-1]), position) if side else (0, -1, position)


def _within(inner: Box | None, outer: Box | None) -> bool:
    if inner is None or outer is None:
        return False
    for small, large in zip(inner, outer, strict=True):
        if not small:
            return True
        if small[0] not in large or small[-1] not in large or (len(small) > 1 and small.step % large.step):
            return False
    return True


#: What a storage holds: its node, and the writes that came after it.
Content = tuple[Tensor, dict[object, Piece], dict[tuple[int, ...], Piece] | None]


def _volume(box: Box) -> int:
    volume = 1
    for side in box:
        volume *= len(side)
    return volume


class Storage:
    """A node and the writes that came after it."""

    __slots__ = ("_base", "_pieces", "_points", "body", "is_row_major", "version")

    def __init__(self, tensor: Tensor) -> None:
        self._base = tensor
        #: the writes in order; those of a fixed box by that box, so that the next one to it takes the place of the last
        self._pieces: dict[object, Piece] = {}
        self._points: dict[tuple[int, ...], Piece] | None = {}
        self.version = 0
        #: whether NumPy's array would surely lie in memory row by row
        self.is_row_major = True
        self.body = current_body()

    @property
    def shape(self) -> Shape:
        """The shape of the storage."""
        return self._base.shape

    @property
    def dtype(self) -> DType:
        """The dtype of the storage."""
        return self._base.dtype

    def write(self, inside: Scalar, value: Scalar, box: Box | None) -> None:
        """``value`` (over the storage's indices, of its dtype) where ``inside`` holds."""
        body = current_body()
        if body is not None and self.body is not body:
            body.writes_outside(self)
        self.version += 1
        extents = self.shape
        piece = Piece(decide(inside, extents), value, box)
        if piece.inside is TRUE:
            self._restart(materialised(extents, value))
            return
        key: object = piece if box is None else box
        self._pieces.pop(key, None)
        self._pieces[key] = piece
        point = piece.point
        if point is None or self._points is None:
            self._points = None
        else:
            self._points[point] = piece

    def content(self) -> Content:
        """The present content, to be put back later."""
        return self._base, dict(self._pieces), None if self._points is None else dict(self._points)

    def put_back(self, content: Content) -> None:
        """Let the content be what it was."""
        base, pieces, points = content
        self._base, self._pieces, self._points = base, dict(pieces), None if points is None else dict(points)
        self.version += 1

    def replace(self, tensor: Tensor) -> None:
        """Let the content be this tensor, without a write."""
        self._restart(tensor)
        self.version += 1

    def _restart(self, tensor: Tensor) -> None:
        self._base, self._pieces, self._points = tensor, {}, {}

    def current(self) -> Tensor:
        """The present content."""
        if self._pieces:
            self._restart(compute(self.shape, self._piecewise()))
        return self._base

    def read(self, region: Region) -> Tensor:
        """The present content of a region: from the write that covers it, where one does."""
        if self._pieces:
            source = self._covering(region)
            if source is not None:
                return materialised(region.shape, reindexed(source.value, region.forward))
        return materialised(region.shape, entry(self._base, region.forward))

    def _covering(self, region: Region) -> Piece | None:
        """The piece that covers the region; None where the base does (after gathering the writes if need be)."""
        if region.box is not None:
            point = Piece(TRUE, TRUE, region.box).point
            if point is not None and self._points is not None:
                return self._points.get(point)
            for piece in reversed(self._pieces.values()):
                if _within(region.box, piece.box):
                    return piece
                if not disjoint(region.box, piece.box):
                    break
            else:
                return None
        self.current()
        return None

    def _piecewise(self) -> Scalar:
        base = self._base
        pieces = list(self._points.values()) if self._points is not None else list(self._pieces.values())
        met = {} if self._points is not None else _overlapping(pieces)
        terms: list[tuple[Scalar, Scalar]] = []
        for position, piece in enumerate(pieces):
            later = [pieces[k] for k in sorted(met.get(position, ())) if k > position]
            if any(_within(piece.box, q.box) for q in later):
                continue
            terms.append((conjunction(piece.inside, *[negation(q.inside) for q in later]), piece.value))
        if met or not self._covered(pieces):
            rest = conjunction(*[negation(piece.inside) for piece in pieces])
            terms.append((rest, entry(base, axes(base.rank))))
        if base.dtype.kind == "b":
            return disjunction(*[guarded(inside, value) for inside, value in terms])
        return sum_of(*[guarded(inside, value) for inside, value in terms], flatten=False, dtype=base.dtype)

    def _covered(self, pieces: Sequence[Piece]) -> bool:
        """Whether pieces that have nothing in common are all of the storage."""
        boxes = [piece.box for piece in pieces if piece.box is not None]
        if len(boxes) != len(pieces) or not all(isinstance(extent, int) for extent in self.shape):
            return False
        return sum(_volume(box) for box in boxes) == _size(self.shape)


def _size(shape: Sequence[Extent]) -> int:
    size = 1
    for extent in shape:
        size *= int(extent)  # type: ignore[arg-type]
    return size
