"""Contractions: matrix products, einsum, outer products, traces and diagonals. Each is a sum of products of entries."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import conjunction, convert
from gradc.ir.scalar import DType, Scalar, apply, index, number
from gradc.ir.tensor import Extent, compute
from gradc.trace.arrays.storage import entry
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.context import located, shape_error
from gradc.trace.elements.elementwise import apply_ufunc, array_dtype, astype, broadcast_shapes
from gradc.trace.movement.diagonals import diagonal, diagonal_last, last_diagonal
from gradc.trace.movement.outputs import deliver
from gradc.trace.movement.shaping import moveaxis, normal_axis, ravel, reshape
from gradc.trace.reducing.reductions import accumulator, cast
from gradc.trace.registry import implements


def _product(left: TracedArray, right: TracedArray) -> TracedArray:
    """The product where one side is a number: it counts with its own dtype, even Python's."""
    common = array_dtype([left, right])
    return apply_ufunc(np.multiply, [astype(left, common), astype(right, common)])


def contracted(
    operands: Sequence[TracedArray],
    labels: Sequence[Sequence[Any]],
    output: Sequence[Any],
    extents: dict[Any, Extent],
    dtype: DType | None = None,
) -> TracedArray:
    """The sum over every label that is not in ``output`` of the product of the operands' entries."""
    common = dtype or array_dtype(operands)
    summed = [label for label in extents if label not in output]
    place = {label: index(k) for k, label in enumerate([*output, *summed])}
    factors: list[Scalar] = []
    for x, names in zip(operands, labels, strict=True):
        where = [
            number(0) if e == 1 and extents[label] != 1 else place[label]
            for e, label in zip(x.extents, names, strict=True)
        ]
        factors.append(convert(entry(x.tensor, where), common))
    body = factors[0]
    for factor in factors[1:]:
        body = conjunction(body, factor) if common.kind == "b" else apply("mul", body, factor)
    reducer = ("any" if common.kind == "b" else "sum") if summed else None
    shape = [extents[label] for label in output]
    return wrap(compute(shape, body, reduce_extents=[extents[label] for label in summed], reducer=reducer))


def labelled(
    operands: Sequence[TracedArray], labels: Sequence[Sequence[Any]], what: str, *, within: bool = False
) -> dict[Any, Extent]:
    """The extent of each label; extents of 1 give way, as in broadcasting, but not to others ``within`` one operand."""
    extents: dict[Any, Extent] = {}
    for number_of, (x, names) in enumerate(zip(operands, labels, strict=True)):
        own: dict[Any, Extent] = {}
        for label, length in zip(names, x.extents, strict=True):
            if within and own.setdefault(label, length) != length:
                raise shape_error(
                    f"{what}: dimensions in operand {number_of} for collapsing index {label!r} don't match "
                    f"({own[label]} != {length})"
                )
            known = extents.get(label, 1)
            if known != 1 and length != 1 and known != length:
                shapes = " and ".join(str(o.extents) for o in operands)
                raise shape_error(f"{what}: shapes {shapes} don't fit: {known} is not {length}")
            if label not in extents or known == 1:
                extents[label] = length
    return extents


# ---------------------------------------------------------------- products


@implements(np.linalg.matmul)
def matmul(a: Any, b: Any) -> TracedArray:
    """``a @ b``."""
    left, right = lift(a), lift(b)
    if not left.ndim or not right.ndim:
        raise shape_error("matmul: a number is not a matrix; use * to multiply by a number")
    inner_left, inner_right = left.extents[-1], right.extents[-2 if right.ndim > 1 else -1]
    if inner_left != inner_right:
        raise shape_error(
            f"matmul: shapes {left.extents} and {right.extents} don't fit: the inner extents are {inner_left} and {inner_right}"
        )
    batch = broadcast_shapes(left.extents[:-2], right.extents[:-2])
    names = list(range(len(batch)))
    rows = ["row"] if left.ndim > 1 else []
    columns = ["column"] if right.ndim > 1 else []
    left_names = [*names[len(batch) - max(left.ndim - 2, 0) :], *rows, "inner"]
    right_names = [*names[len(batch) - max(right.ndim - 2, 0) :], "inner", *columns]
    extents: dict[Any, Extent] = dict(zip(names, batch, strict=True))
    if rows:
        extents["row"] = left.extents[-2]
    if columns:
        extents["column"] = right.extents[-1]
    return contracted(
        [left, right], [left_names, right_names], [*names, *rows, *columns], extents | {"inner": inner_left}
    )


@implements(np.dot, method="dot")
def dot(a: Any, b: Any, out: Any = None) -> TracedArray:
    """The product over the last axis of a and the second to last of b."""
    return deliver(out, _dot(lift(a), lift(b)))


def _dot(left: TracedArray, right: TracedArray) -> TracedArray:
    if not left.ndim or not right.ndim:
        return _product(left, right)
    left_names = [*[f"a{k}" for k in range(left.ndim - 1)], "inner"]
    right_names = [f"b{k}" for k in range(right.ndim - 1)]
    right_names.insert(max(right.ndim - 2, 0), "inner")
    inner = (left.extents[-1], right.extents[-2 if right.ndim > 1 else -1])
    if inner[0] != inner[1]:
        raise shape_error(f"dot: shapes {left.extents} and {right.extents} don't fit: {inner[0]} is not {inner[1]}")
    extents = dict(zip(left_names, left.extents, strict=True)) | dict(zip(right_names, right.extents, strict=True))
    output = [name for name in [*left_names, *right_names] if name != "inner"]
    ordered = {name: extents[name] for name in [*output, "inner"]}
    return contracted([left, right], [left_names, right_names], output, ordered)


@implements(np.vdot)
def vdot(a: Any, b: Any) -> TracedArray:
    """The product of two flattened arrays, the first conjugated."""
    left, right = ravel(lift(a)), ravel(lift(b))
    return dot(apply_ufunc(np.conjugate, [left]) if left.dtype.kind == "c" else left, right)


@implements(np.inner)
def inner(a: Any, b: Any) -> TracedArray:
    """The product over the last axes."""
    left, right = lift(a), lift(b)
    if not left.ndim or not right.ndim:
        return _product(left, right)
    return tensordot(left, right, ([-1], [-1]))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> TracedArray:
    """The product of every pair of entries."""
    left, right = ravel(lift(a)), ravel(lift(b))
    return deliver(out, apply_ufunc(np.multiply, [left[:, None], right[None, :]]))


@implements(np.linalg.outer)
def outer_of_vectors(x1: Any, x2: Any, /) -> TracedArray:
    """The outer product of two vectors."""
    left, right = lift(x1), lift(x2)
    if left.ndim != 1 or right.ndim != 1:
        raise ValueError(
            located(f"Input arrays must be one-dimensional, but they are x1.ndim={left.ndim} and x2.ndim={right.ndim}.")
        )
    return outer(left, right)


@implements(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> TracedArray:
    """The products of vectors along an axis, the first conjugated."""
    left, right = (moveaxis(lift(x), axis, -1) for x in (x1, x2))
    if left.extents[-1] != right.extents[-1]:
        raise shape_error(f"vecdot: vectors of {left.extents[-1]} and {right.extents[-1]} entries don't fit")
    left = apply_ufunc(np.conjugate, [left]) if left.dtype.kind == "c" else left
    product = matmul(left[..., None, :], right[..., :, None])
    return wrap(product[..., 0, 0].tensor)


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> TracedArray:
    """The product over the given axes."""
    left, right = lift(a), lift(b)
    over_left, over_right = _paired_axes(axes, left, right)
    left_names: list[Any] = [("left", k) for k in range(left.ndim)]
    right_names: list[Any] = [("right", k) for k in range(right.ndim)]
    for number_of, (i, j) in enumerate(zip(over_left, over_right, strict=True)):
        if left.extents[i] != right.extents[j]:
            raise shape_error(f"tensordot: shapes {left.extents} and {right.extents} don't fit over axes {i} and {j}")
        left_names[i] = right_names[j] = ("sum", number_of)
    extents = labelled([left, right], [left_names, right_names], "tensordot")
    output = [name for name in [*left_names, *right_names] if name[0] != "sum"]
    return contracted([left, right], [left_names, right_names], output, extents)


def _paired_axes(axes: Any, left: TracedArray, right: TracedArray) -> tuple[list[int], list[int]]:
    """The axes that are summed over, of either operand."""
    try:
        count = operator.index(axes)
    except TypeError:
        first, second = ([k] if isinstance(k, int | np.integer) else list(k) for k in axes)
    else:
        if count > min(left.ndim, right.ndim):
            raise shape_error(f"tensordot: arrays of {left.ndim} and {right.ndim} axes have no {count} to sum over")
        first, second = list(range(left.ndim - max(count, 0), left.ndim)), list(range(count))
    over_left, over_right = [normal_axis(k, left.ndim) for k in first], [normal_axis(k, right.ndim) for k in second]
    if len(over_left) != len(over_right):
        raise shape_error(
            f"tensordot: axes={axes} names {len(over_left)} axes of one operand, {len(over_right)} of the other"
        )
    if len(set(over_left)) != len(over_left) or len(set(over_right)) != len(over_right):
        raise ValueError(located("duplicate axes are not allowed in tensordot"))
    return over_left, over_right


@implements(np.kron)
def kron(a: Any, b: Any) -> TracedArray:
    """The Kronecker product."""
    left, right = lift(a), lift(b)
    rank = max(left.ndim, right.ndim)
    left, right = (reshape(x, (1,) * (rank - x.ndim) + x.shape) for x in (left, right))
    spread = reshape(left, tuple(e for k in range(rank) for e in (left.shape[k], 1)))
    other = reshape(right, tuple(e for k in range(rank) for e in (1, right.shape[k])))
    product = apply_ufunc(np.multiply, [spread, other])
    return reshape(product, tuple(left.shape[k] * right.shape[k] for k in range(rank)))


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> TracedArray:
    """The vector product; of two plane vectors its third entry."""
    if axis is not None:
        axisa = axisb = axisc = axis
    left, right = moveaxis(lift(a), axisa, -1), moveaxis(lift(b), axisb, -1)
    sizes = [x.extents[-1] for x in (left, right)]
    if any(size not in (2, 3) for size in sizes):
        raise ValueError(
            located(
                "incompatible dimensions for cross product\n(dimension must be 2 or 3): shapes "
                f"{left.extents} and {right.extents}"
            )
        )
    u, v, w = _components(left)
    x, y, z = _components(right)
    last = u * y - v * x
    if w is None and z is None:
        return lift(last)
    first = -(w * y) if z is None else v * z if w is None else v * z - w * y
    second = w * x if z is None else -(u * z) if w is None else w * x - u * z
    result = np.stack([first, second, last], axis=-1)
    return moveaxis(result, -1, axisc)


def _components(vectors: TracedArray) -> list[Any]:
    parts: list[Any] = [vectors[..., k] for k in range(operator.index(vectors.shape[-1]))]
    return parts if len(parts) == 3 else [*parts, None]


@implements(np.linalg.cross)
def cross_in_space(x1: Any, x2: Any, /, *, axis: int = -1) -> TracedArray:
    """The vector product of 3-vectors."""
    sizes = [x.extents[normal_axis(axis, x.ndim)] for x in (lift(x1), lift(x2))]
    if sizes != [3, 3]:
        raise ValueError(
            located(
                "Both input arrays must be (arrays of) 3-dimensional vectors, "
                f"but they are {sizes[0]} and {sizes[1]} dimensional instead."
            )
        )
    return cross(x1, x2, axis=axis)


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> TracedArray:
    """A chain of matrix products, in the order that takes fewest multiplications."""
    chain = [lift(a) for a in arrays]
    if len(chain) < 2:
        raise ValueError(located("Expecting at least two arrays."))
    for number_of, x in enumerate(chain):
        inside = 0 < number_of < len(chain) - 1
        if x.ndim != 2 and (inside or x.ndim != 1):
            raise np.linalg.LinAlgError(located(f"{x.ndim}-dimensional array given. Array must be two-dimensional"))
    rows = [x.extents[0] if x.ndim == 2 or k else 1 for k, x in enumerate(chain)]
    sizes = [*rows, chain[-1].extents[-1] if chain[-1].ndim == 2 else 1]
    if not all(isinstance(e, int) for e in sizes):
        result = chain[0]
        for x in chain[1:]:
            result = dot(result, x)
        return deliver(out, result)
    splits = _cheapest_splits([int(e) for e in sizes if isinstance(e, int)])

    def product(first: int, last: int) -> TracedArray:
        if first == last:
            return chain[first]
        middle = splits[first, last]
        return dot(product(first, middle), product(middle + 1, last))

    return deliver(out, product(0, len(chain) - 1))


def _cheapest_splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where a chain of matrices is cut, for each part of it (Cormen et al., *Introduction to Algorithms*, 15.2)."""
    count = len(sizes) - 1
    cost = {(k, k): 0 for k in range(count)}
    splits: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            costs = {
                k: cost[first, k] + cost[k + 1, last] + sizes[first] * sizes[k + 1] * sizes[last + 1]
                for k in range(first, last)
            }
            splits[first, last] = min(costs, key=costs.__getitem__)
            cost[first, last] = costs[splits[first, last]]
    return splits


@implements(np.trace, method="trace")
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> TracedArray:
    """The sum of a diagonal."""
    x = diagonal_last(a, axis1, axis2)
    x = cast(x, dtype if dtype is not None else accumulator(x.dtype))
    length, where = last_diagonal(x, operator.index(offset))
    return deliver(out, wrap(compute(x.extents[:-2], entry(x.tensor, where), reduce_extents=(length,), reducer="sum")))


@implements(np.linalg.trace)
def trace_of_matrices(x: Any, /, *, offset: int = 0, dtype: Any = None) -> TracedArray:
    """The sum of a diagonal of the last two axes."""
    return trace(x, offset, -2, -1, dtype)


@implements(np.linalg.diagonal)
def diagonal_of_matrices(x: Any, /, *, offset: int = 0) -> TracedArray:
    """A diagonal of the last two axes."""
    return diagonal(x, offset, -2, -1)
