"""Shapes: reshape, transposes, joining, repeating, padding, rolling. All of it is index algebra."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import (
    conjunction,
    convert,
    difference,
    disjunction,
    equal,
    floor_divide,
    guarded,
    is_number,
    less,
    less_equal,
    modulo,
    negation,
    product_of,
    sum_of,
)
from gradc.ir.bounds import decide, tidy_indices
from gradc.ir.scalar import TRUE, Scalar, index, number
from gradc.ir.tensor import Extent, Shape, compute, extent, extent_scalar
from gradc.trace.context import shape_error, trace_error
from gradc.trace.elementwise import broadcast_indices, broadcast_shapes, result_dtype
from gradc.trace.registry import attribute, implements
from gradc.trace.storage import Region, axes, box_of, entry
from gradc.trace.tracer import TracedArray, concrete, extent_of, lift, wrap


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes, counted from the front and in order; all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    listed = [operator.index(a) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    return tuple(sorted(normal_axis(a, ndim) for a in listed))


def normal_axis(axis: Any, ndim: int) -> int:
    """One axis, counted from the front."""
    position = operator.index(axis)
    if not -ndim <= position < ndim:
        raise np.exceptions.AxisError(position, ndim)
    return position % ndim


def shape_of(shape: Any) -> Shape:
    """The shape that the user gave: an int or a sequence of them."""
    if isinstance(shape, TracedArray) and shape.ndim == 1:
        shape = concrete(shape, "a shape").tolist()
    listed = shape if isinstance(shape, tuple | list | np.ndarray) else (shape,)
    extents = tuple(extent_of(e) for e in listed)
    if any(isinstance(e, int) and e < 0 for e in extents):
        raise ValueError("negative dimensions are not allowed")
    return extents


def total(shape: Sequence[Extent]) -> Scalar:
    """The number of entries."""
    return product_of(number(1), *[extent_scalar(e) for e in shape])


def flat_position(indices: Sequence[Scalar], shape: Sequence[Extent]) -> Scalar:
    """The place of an entry in row-major order."""
    place: Scalar = number(0)
    for position, length in zip(indices, shape, strict=True):
        place = sum_of(product_of(place, extent_scalar(length)), position)
    return place


def unflattened(place: Scalar, shape: Sequence[Extent]) -> list[Scalar]:
    """The indices of the entry at a place in row-major order."""
    indices: list[Scalar] = []
    stride: Scalar = number(1)
    for k, length in reversed(list(enumerate(shape))):
        along = floor_divide(place, stride)
        indices.append(along if k == 0 else modulo(along, extent_scalar(length)))
        stride = product_of(stride, extent_scalar(length))
    return indices[::-1]


# ---------------------------------------------------------------- reshape


def _inferred(shape: Sequence[Any], x: TracedArray) -> Shape:
    extents = [-1 if not isinstance(e, TracedArray) and operator.index(e) == -1 else extent_of(e) for e in shape]
    unknown = [k for k, e in enumerate(extents) if e == -1]
    described = f"cannot reshape array of shape {x.extents} into shape {tuple(extents)}"
    if len(unknown) > 1:
        raise ValueError("can only specify one unknown dimension")
    if unknown:
        known = total([e for e in extents if e != -1])
        if is_number(known, 0) or not is_number(modulo(total(x.extents), known), 0):
            raise shape_error(described)
        extents[unknown[0]] = extent(floor_divide(total(x.extents), known))
    if total(extents) is not total(x.extents):
        raise shape_error(described)
    return tuple(extents)


def _groups(old: Shape, new: Shape) -> list[tuple[range, range]]:
    """Runs of old and new axes that hold the same entries, as short as can be."""
    groups: list[tuple[range, range]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        start_old, start_new = i, j
        i, j = i + 1, j + 1
        left, right = total(old[start_old:i]), total(new[start_new:j])
        while left is not right and (i < len(old) or j < len(new)):
            if j >= len(new) or (i < len(old) and not _larger(left, right)):
                i += 1
                left = total(old[start_old:i])
            else:
                j += 1
                right = total(new[start_new:j])
        groups.append((range(start_old, i), range(start_new, j)))
    if i < len(old) or j < len(new):
        groups.append((range(i, len(old)), range(j, len(new))))
    return groups


def _larger(left: Scalar, right: Scalar) -> bool:
    gap = difference(left, right)
    return is_number(gap) and gap.value > 0 or not is_number(gap) and is_number(right)  # type: ignore[attr-defined]


def reshaped_indices(old: Shape, new: Shape) -> tuple[Scalar, ...]:
    """Where each entry of the new shape is found in the old one."""
    if any(e == 0 for e in new):
        return (number(0),) * len(old)
    places: list[Scalar] = [number(0)] * len(old)
    for from_axes, to_axes in _groups(old, new):
        to_shape, from_shape = [new[k] for k in to_axes], [old[k] for k in from_axes]
        place = flat_position([index(k) for k in to_axes], to_shape)
        for k, position in zip(from_axes, unflattened(place, from_shape), strict=True):
            places[k] = number(0) if old[k] == 1 else tidy_indices(position, new)
    return tuple(places)


@implements(np.reshape)
def reshape(a: Any, shape: Any, order: str = "C", *, copy: Any = None) -> TracedArray:
    """A view with another shape."""
    x = lift(a)
    if order == "F":
        return transpose(reshape(transpose(x), tuple(reversed(shape if isinstance(shape, tuple | list) else (shape,)))))
    if order not in ("C", "A"):
        raise trace_error(f"reshape(order={order!r}) can't be traced; use order='C' or 'F'")
    new = _inferred(shape if isinstance(shape, tuple | list) else (shape,), x)
    if new == x.extents and x.weak is False:
        return x
    region = Region(
        new, reshaped_indices(x.extents, new), TRUE, reshaped_indices(new, x.extents), None
    )
    return _viewed(x, region)


def _viewed(x: TracedArray, region: Region) -> TracedArray:
    """A view; of an immutable number a fresh array."""
    view = x.view(Region(region.shape, region.forward, region.inside, region.backward, box_of(region.shape, region.forward)))
    return view if not x.immutable else wrap(view.tensor)


def _reshape_method(x: TracedArray, *shape: Any, order: str = "C", copy: Any = None) -> TracedArray:
    return reshape(x, shape[0] if len(shape) == 1 else shape, order)


@implements(np.ravel, method="ravel")
def ravel(a: Any, order: str = "C") -> TracedArray:
    """All entries along one axis."""
    return reshape(lift(a), (-1,), order) if _nonempty(lift(a)) else reshape(lift(a), (0,))


def _nonempty(x: TracedArray) -> bool:
    return not any(e == 0 for e in x.extents)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> TracedArray:
    """New axes of extent 1."""
    x = lift(a)
    listed = axis if isinstance(axis, tuple | list) else (axis,)
    rank = x.ndim + len(listed)
    places = {normal_axis(k, rank) for k in listed}
    extents = iter(x.shape)
    return reshape(x, tuple(1 if k in places else next(extents) for k in range(rank)))


@implements(np.squeeze, method="squeeze")
def squeeze(a: Any, axis: Any = None) -> TracedArray:
    """Without axes of extent 1."""
    x = lift(a)
    dropped = [k for k, e in enumerate(x.extents) if e == 1] if axis is None else list(normal_axes(axis, x.ndim))
    if any(x.extents[k] != 1 for k in dropped):
        raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return reshape(x, tuple(e for k, e in enumerate(x.shape) if k not in dropped))


@implements(np.atleast_1d)
def atleast_1d(*arrays: Any) -> Any:
    """At least one axis."""
    results = [x if x.ndim else reshape(x, (1,)) for x in map(lift, arrays)]
    return results[0] if len(results) == 1 else tuple(results)


@implements(np.atleast_2d)
def atleast_2d(*arrays: Any) -> Any:
    """At least two axes."""
    results = [x if x.ndim >= 2 else reshape(x, (1,) * (2 - x.ndim) + x.shape) for x in map(lift, arrays)]
    return results[0] if len(results) == 1 else tuple(results)


@implements(np.atleast_3d)
def atleast_3d(*arrays: Any) -> Any:
    """At least three axes."""
    shapes = {0: lambda s: (1, 1, 1), 1: lambda s: (1, *s, 1), 2: lambda s: (*s, 1)}
    results = [x if x.ndim >= 3 else reshape(x, shapes[x.ndim](x.shape)) for x in map(lift, arrays)]
    return results[0] if len(results) == 1 else tuple(results)


# ---------------------------------------------------------------- permutations


@implements(np.transpose)
def transpose(a: Any, axes: Any = None) -> TracedArray:
    """A view with permuted axes."""
    x = lift(a)
    order = tuple(reversed(range(x.ndim))) if axes is None else tuple(normal_axis(k, x.ndim) for k in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError("axes don't match array")
    if order == tuple(range(x.ndim)):
        return x
    forward: list[Scalar] = [number(0)] * x.ndim
    for position, k in enumerate(order):
        forward[k] = index(position)
    return _viewed(x, Region(tuple(x.extents[k] for k in order), tuple(forward), TRUE, tuple(index(k) for k in order)))


def _transpose_method(x: TracedArray, *order: Any) -> TracedArray:
    if not order or order == (None,):
        return transpose(x)
    return transpose(x, order[0] if len(order) == 1 and not isinstance(order[0], int) else order)


attribute("T")(transpose)
implements(method="transpose")(_transpose_method)
implements(method="reshape")(_reshape_method)
attribute("flat")(ravel)
implements(method="flatten")(lambda x, order="C": wrap(ravel(x, order).tensor))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any) -> TracedArray:
    """The last two axes swapped."""
    return swapaxes(x, -1, -2)


attribute("mT")(matrix_transpose)


@implements(np.swapaxes, method="swapaxes")
def swapaxes(a: Any, axis1: int, axis2: int) -> TracedArray:
    """Two axes swapped."""
    x = lift(a)
    order = list(range(x.ndim))
    first, second = normal_axis(axis1, x.ndim), normal_axis(axis2, x.ndim)
    order[first], order[second] = second, first
    return transpose(x, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> TracedArray:
    """Axes moved to other places."""
    x = lift(a)
    sources = [normal_axis(k, x.ndim) for k in (source if isinstance(source, tuple | list) else (source,))]
    places = [normal_axis(k, x.ndim) for k in (destination if isinstance(destination, tuple | list) else (destination,))]
    if len(sources) != len(places):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [k for k in range(x.ndim) if k not in sources]
    for place, k in sorted(zip(places, sources, strict=True)):
        order.insert(place, k)
    return transpose(x, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> TracedArray:
    """One axis moved before another."""
    x = lift(a)
    place = normal_axis(axis, x.ndim)
    start = start if start >= 0 else start + x.ndim
    return moveaxis(x, place, start - 1 if place < start else start)


# ---------------------------------------------------------------- broadcasting, flipping, rolling


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> TracedArray:
    """The array repeated along axes of extent 1."""
    x = lift(array)
    target = shape_of(shape)
    if broadcast_shapes(x.extents, target) != target:
        raise shape_error(f"an array of shape {x.extents} can't be broadcast to shape {target}")
    return wrap(compute(target, entry(x.tensor, broadcast_indices(x.extents, target, axes(len(target))))))


@implements(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any, subok: bool = False) -> tuple[TracedArray, ...]:
    """All arrays in their common shape."""
    lifted = [lift(a) for a in arrays]
    shape = broadcast_shapes(*[x.extents for x in lifted])
    shown = tuple(e for e in shape)
    return tuple(_broadcast(x, shown) for x in lifted)


def _broadcast(x: TracedArray, shape: Shape) -> TracedArray:
    return wrap(compute(shape, entry(x.tensor, broadcast_indices(x.extents, shape, axes(len(shape))))))


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> TracedArray:
    """The order of entries reversed."""
    x = lift(m)
    flipped = normal_axes(axis, x.ndim)
    return x[tuple(slice(None, None, -1) if k in flipped else slice(None) for k in range(x.ndim))]


implements(np.flipud)(lambda m: flip(m, 0))
implements(np.fliplr)(lambda m: flip(m, 1))


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> TracedArray:
    """Rotated by quarter turns."""
    x = lift(m)
    turns = k % 4
    if turns == 0:
        return x
    if turns == 2:
        return flip(flip(x, axes[0]), axes[1])
    return flip(swapaxes(x, *axes), axes[0]) if turns == 1 else swapaxes(flip(x, axes[0]), *axes)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> TracedArray:
    """Entries moved along an axis, those that leave entering at the other end."""
    x = lift(a)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    pairs = np.broadcast(np.asarray(shift), np.asarray(axis))
    shifts: dict[int, int] = {}
    for amount, place in pairs:
        k = normal_axis(place, x.ndim)
        shifts[k] = shifts.get(k, 0) + operator.index(amount)
    for place, amount in shifts.items():
        x = _rolled(x, amount, place)
    return x


def _rolled(x: TracedArray, amount: int, place: int) -> TracedArray:
    length = x.extents[place]
    if length == 0:
        return x
    if isinstance(length, int):
        amount %= length
        if amount == 0:
            return wrap(x.tensor)
        head = tuple(slice(-amount, None) if k == place else slice(None) for k in range(x.ndim))
        tail = tuple(slice(None, -amount) if k == place else slice(None) for k in range(x.ndim))
        return concatenate([x[head], x[tail]], place)
    moved = modulo(difference(index(place), number(amount)), length)
    return wrap(compute(x.extents, entry(x.tensor, [moved if k == place else index(k) for k in range(x.ndim)])))


# ---------------------------------------------------------------- joining and splitting


def _sequence(arrays: Any) -> list[TracedArray]:
    listed = list(arrays)
    if not listed:
        raise ValueError("need at least one array to concatenate")
    return [lift(a) for a in listed]


@implements(np.concatenate, np.concat)
def concatenate(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    """Arrays one after another along an axis: one guarded term each."""
    parts = _sequence(arrays)
    if axis is None:
        parts, axis = [ravel(p) for p in parts], 0
    if any(p.ndim == 0 for p in parts):
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    place = normal_axis(axis, parts[0].ndim)
    _same_shape_but(parts, place)
    common = np.dtype(dtype) if dtype is not None else result_dtype(parts)
    here, start = index(place), number(0)
    terms: list[tuple[Scalar, Scalar]] = []
    for part in parts:
        stop = sum_of(start, extent_scalar(part.extents[place]))
        local = [difference(here, start) if k == place else index(k) for k in range(part.ndim)]
        inside = conjunction(less_equal(start, here), less(here, stop))
        terms.append((inside, convert(entry(part.tensor, local), common)))
        start = stop
    shape = tuple(extent(start) if k == place else e for k, e in enumerate(parts[0].extents))
    return wrap(compute(shape, piecewise(terms, shape, common)))


def piecewise(terms: Sequence[tuple[Scalar, Scalar]], shape: Shape, dtype: np.dtype[Any]) -> Scalar:
    """The sum of guarded terms whose predicates exclude one another."""
    if any(e == 0 for e in shape):
        return number(0, dtype)
    pieces = [guarded(decide(inside, shape), value) for inside, value in terms]
    return disjunction(*pieces) if dtype.kind == "b" else sum_of(*pieces, flatten=False, dtype=dtype)


def _same_shape_but(parts: Sequence[TracedArray], place: int) -> None:
    first = parts[0]
    for number_of, part in enumerate(parts):
        if part.ndim != first.ndim:
            raise shape_error(
                f"all the input array dimensions must match: array 0 has {first.ndim} axes, array {number_of} has {part.ndim}"
            )
        if any(a != b for k, (a, b) in enumerate(zip(first.extents, part.extents, strict=True)) if k != place):
            raise shape_error(
                f"arrays of shapes {first.extents} and {part.extents} can't be joined along axis {place}: "
                "the other extents must be equal"
            )


@implements(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, **options: Any) -> TracedArray:
    """Arrays of one shape along a new axis."""
    parts = _sequence(arrays)
    if any(p.extents != parts[0].extents for p in parts):
        raise shape_error("all input arrays must have the same shape: " + ", ".join(str(p.extents) for p in parts))
    place = normal_axis(axis, parts[0].ndim + 1)
    common = result_dtype(parts)
    shape = parts[0].extents[:place] + (len(parts),) + parts[0].extents[place:]
    inner = [index(k if k < place else k + 1) for k in range(parts[0].ndim)]
    terms = [(equal(index(place), k), convert(entry(p.tensor, inner), common)) for k, p in enumerate(parts)]
    return wrap(compute(shape, piecewise(terms, shape, common)))


def stacked(value: Sequence[Any]) -> TracedArray:
    """``np.array`` of a nested list that holds traced numbers or arrays."""
    rows = [stacked(item) if isinstance(item, list | tuple) else lift(item) for item in value]
    if not rows:
        return lift(np.zeros(0))
    if any(row.extents != rows[0].extents for row in rows):
        raise shape_error(
            "a list of arrays of different shapes is not an array: " + ", ".join(str(r.extents) for r in rows)
        )
    result = stack(rows)
    return TracedArray(result.tensor)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    """Arrays as rows."""
    return concatenate([atleast_2d(a) for a in tup], 0, dtype=dtype)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    """Arrays side by side."""
    parts = [atleast_1d(a) for a in tup]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1, dtype=dtype)


@implements(np.dstack)
def dstack(tup: Any) -> TracedArray:
    """Arrays along a third axis."""
    return concatenate([atleast_3d(a) for a in tup], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> TracedArray:
    """Vectors as columns."""
    return concatenate([reshape(p, (-1, 1)) if p.ndim < 2 else p for p in _sequence(tup)], 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> TracedArray:
    """One array after another."""
    if axis is None:
        return concatenate([ravel(lift(arr)), ravel(lift(values))], 0)
    return concatenate([arr, values], axis)


@implements(np.split, np.array_split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[TracedArray]:
    """Pieces along an axis."""
    x = lift(ary)
    place = normal_axis(axis, x.ndim)
    length = operator.index(x.shape[place])
    if isinstance(indices_or_sections, int | np.integer):
        sections = int(indices_or_sections)
        sizes = [length // sections + (k < length % sections) for k in range(sections)]
        cuts = np.cumsum(sizes)[:-1].tolist()
    else:
        cuts = [operator.index(c) for c in indices_or_sections]
    bounds = [0, *cuts, length]
    whole = (slice(None),) * place
    return [x[(*whole, slice(a, b))] for a, b in zip(bounds, bounds[1:], strict=False)]


implements(np.vsplit)(lambda ary, sections: split(ary, sections, 0))
implements(np.hsplit)(lambda ary, sections: split(ary, sections, 1 if lift(ary).ndim > 1 else 0))


# ---------------------------------------------------------------- repeating and padding


@implements(np.repeat, method="repeat")
def repeat(a: Any, repeats: Any, axis: int | None = None) -> TracedArray:
    """Each entry several times."""
    x = lift(a)
    if axis is None:
        x, axis = ravel(x), 0
    place = normal_axis(axis, x.ndim)
    counts = concrete(lift(repeats), "the number of repeats")
    if counts.ndim == 0:
        times = int(counts)
        shape = tuple(extent(product_of(extent_scalar(e), number(times))) if k == place else e for k, e in enumerate(x.extents))
        where = [floor_divide(index(k), number(times)) if k == place and times else index(k) for k in range(x.ndim)]
        return wrap(compute(shape, entry(x.tensor, where)))
    return x[(*(slice(None),) * place, np.repeat(np.arange(operator.index(x.shape[place])), counts))]


@implements(np.tile)
def tile(A: Any, reps: Any) -> TracedArray:  # noqa: N803
    """The whole array several times."""
    x = lift(A)
    counts = tuple(operator.index(r) for r in (reps if isinstance(reps, tuple | list) else (reps,)))
    rank = max(x.ndim, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    x = reshape(x, (1,) * (rank - x.ndim) + x.shape)
    shape = tuple(extent(product_of(extent_scalar(e), number(c))) for e, c in zip(x.extents, counts, strict=True))
    where = [modulo(index(k), extent_scalar(e)) if e != 0 else index(k) for k, e in enumerate(x.extents)]
    if any(e == 0 for e in shape):
        return wrap(compute(shape, number(0, x.dtype)))
    return wrap(compute(shape, tidy_indices(entry(x.tensor, where), shape)))


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: str = "constant", **options: Any) -> TracedArray:
    """Entries added around the array."""
    x = lift(array)
    widths = np.broadcast_to(np.asarray(concrete(lift(pad_width), "the padding's width")), (x.ndim, 2)).tolist()
    if mode == "constant":
        return _pad_constant(x, widths, options.get("constant_values", 0))
    if mode in _PADDINGS:
        for place, (before, after) in enumerate(widths):
            length = operator.index(x.shape[place])
            positions = np.pad(np.arange(length), (before, after), mode=mode)  # type: ignore[call-overload]
            x = x[(*(slice(None),) * place, positions)]
        return x
    raise trace_error(f"np.pad(mode={mode!r}) can't be traced; use 'constant', 'edge', 'wrap', 'reflect' or 'symmetric'")


_PADDINGS = ("edge", "wrap", "reflect", "symmetric")


def _pad_constant(x: TracedArray, widths: Sequence[Sequence[int]], value: Any) -> TracedArray:
    fill = lift(value)
    if fill.ndim:
        raise trace_error("np.pad with several constant_values can't be traced; use np.concatenate")
    shape = tuple(extent(sum_of(extent_scalar(e), b, a)) for e, (b, a) in zip(x.extents, widths, strict=True))
    local = [difference(index(k), b) for k, (b, _) in enumerate(widths)]
    inside = conjunction(
        *[p for q, e in zip(local, x.extents, strict=True) for p in (less_equal(0, q), less(q, extent_scalar(e)))]
    )
    terms = [(inside, entry(x.tensor, local))]
    outside = convert(entry(fill.tensor, ()), x.dtype)
    if not is_number(outside, 0):
        terms.append((negation(decide(inside, shape)), outside))
    return wrap(compute(shape, piecewise(terms, shape, x.dtype)))


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, **options: Any) -> TracedArray:
    """Differences of neighbours."""
    x = lift(a)
    for _ in range(operator.index(n)):
        place = normal_axis(axis, x.ndim)
        whole = (slice(None),) * place
        later, earlier = x[(*whole, slice(1, None))], x[(*whole, slice(None, -1))]
        x = later != earlier if x.dtype.kind == "b" else later - earlier
    return x


@implements(np.ediff1d)
def ediff1d(ary: Any) -> TracedArray:
    """Differences of neighbours of the flattened array."""
    return diff(ravel(lift(ary)))
