"""Contractions: matrix products, einsum, outer products, traces and diagonals. Each is a sum of products of entries."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.ir.algebra import conjunction, convert, difference, equal, guarded, less_equal, sum_of
from gradc.ir.scalar import DType, Scalar, apply, index, number
from gradc.ir.tensor import Extent, compute, extent, extent_scalar
from gradc.trace.context import shape_error
from gradc.trace.elementwise import apply_ufunc, array_dtype, astype, broadcast_shapes
from gradc.trace.registry import implements
from gradc.trace.shaping import moveaxis, normal_axis, ravel, reshape
from gradc.trace.storage import axes, entry
from gradc.trace.tracer import TracedArray, extent_of, lift, wrap


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


def _labelled(operands: Sequence[TracedArray], labels: Sequence[Sequence[Any]], what: str) -> dict[Any, Extent]:
    """The extent of each label; extents of 1 give way, as in broadcasting."""
    extents: dict[Any, Extent] = {}
    for x, names in zip(operands, labels, strict=True):
        for label, length in zip(names, x.extents, strict=True):
            known = extents.get(label, 1)
            if known != 1 and length != 1 and known != length:
                shapes = " and ".join(str(o.extents) for o in operands)
                raise shape_error(f"{what}: shapes {shapes} don't fit: {known} is not {length}")
            if label not in extents or known == 1:
                extents[label] = length
    return extents


# ---------------------------------------------------------------- products


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
    left, right = lift(a), lift(b)
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
    return dot(apply_ufunc(np.conjugate, [ravel(lift(a))]), ravel(lift(b)))


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
    return apply_ufunc(np.multiply, [reshape(left, (-1, 1)), reshape(right, (1, -1))])


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> TracedArray:
    """The product over the given axes."""
    left, right = lift(a), lift(b)
    if isinstance(axes, int | np.integer):
        pairs = (list(range(left.ndim - int(axes), left.ndim)), list(range(int(axes))))
    else:
        pairs = tuple([k] if isinstance(k, int) else list(k) for k in axes)  # type: ignore[assignment]
    over_left = [normal_axis(k, left.ndim) for k in pairs[0]]
    over_right = [normal_axis(k, right.ndim) for k in pairs[1]]
    left_names: list[Any] = [("left", k) for k in range(left.ndim)]
    right_names: list[Any] = [("right", k) for k in range(right.ndim)]
    for number_of, (i, j) in enumerate(zip(over_left, over_right, strict=True)):
        if left.extents[i] != right.extents[j]:
            raise shape_error(f"tensordot: shapes {left.extents} and {right.extents} don't fit over axes {i} and {j}")
        left_names[i] = right_names[j] = ("sum", number_of)
    extents = _labelled([left, right], [left_names, right_names], "tensordot")
    output = [name for name in [*left_names, *right_names] if name[0] != "sum"]
    return contracted([left, right], [left_names, right_names], output, extents)


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
    """The vector product of 3-vectors."""
    if axis is not None:
        axisa = axisb = axisc = axis
    left, right = moveaxis(lift(a), axisa, -1), moveaxis(lift(b), axisb, -1)
    if left.extents[-1] != 3 or right.extents[-1] != 3:
        raise shape_error(f"cross: the vectors must have 3 entries, not shapes {left.extents} and {right.extents}")
    (u, v, w), (x, y, z) = ([s[..., k] for k in range(3)] for s in (left, right))
    result = np.stack([v * z - w * y, w * x - u * z, u * y - v * x], axis=-1)
    return moveaxis(result, -1, axisc)


# ---------------------------------------------------------------- einsum


def _parsed(subscripts: str, operands: Sequence[TracedArray]) -> tuple[list[list[Any]], list[Any]]:
    text = subscripts.replace(" ", "")
    given, arrow, result = text.partition("->")
    terms = given.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {len(terms)} operands in {subscripts!r}, but {len(operands)} given")
    most = 0
    labels: list[list[Any]] = []
    for term, x in zip(terms, operands, strict=True):
        names: list[Any] = list(term.replace("...", "."))
        free = x.ndim - sum(name != "." for name in names)
        if free < 0 or (free and "." not in names):
            raise shape_error(f"einsum: the term {term!r} does not fit an array of shape {x.extents}")
        if "." in names:
            position = names.index(".")
            names[position : position + 1] = [("...", k) for k in range(-free, 0)]
            most = max(most, free)
        labels.append(names)
    spread: list[Any] = [("...", k) for k in range(-most, 0)]
    if arrow:
        output: list[Any] = list(result.replace("...", "."))
        if "." in output:
            position = output.index(".")
            output[position : position + 1] = spread
    else:
        letters = [name for names in labels for name in names if isinstance(name, str)]
        output = spread + sorted(name for name in set(letters) if letters.count(name) == 1)
    return labels, output


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, dtype: Any = None, optimize: Any = False, **_: Any) -> TracedArray:
    """Einstein's summation."""
    if isinstance(operands[0], str):
        arrays = [lift(x) for x in operands[1:]]
        labels, output = _parsed(operands[0], arrays)
    else:
        arrays = [lift(x) for x in operands[: len(operands) // 2 * 2 : 2]]
        labels = [list(names) for names in operands[1 : len(operands) // 2 * 2 : 2]]
        flat = [name for names in labels for name in names]
        output = list(operands[-1]) if len(operands) % 2 else sorted(n for n in set(flat) if flat.count(n) == 1)
    if any(label not in {n for names in labels for n in names} for label in output):
        raise ValueError(f"einsum: the output {output} names an index that no operand has")
    extents = _labelled(arrays, labels, "einsum")
    ordered = {label: extents[label] for label in [*output, *[n for n in extents if n not in output]]}
    return contracted(arrays, labels, output, ordered, np.dtype(dtype) if dtype is not None else None)


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> TracedArray:
    """A chain of matrix products."""
    result, *rest = [lift(a) for a in arrays]
    for x in rest:
        result = dot(result, x)
    return result


# ---------------------------------------------------------------- diagonals and triangles


def _diagonal_length(rows: Extent, columns: Extent, offset: int) -> Extent:
    if isinstance(rows, int) and isinstance(columns, int):
        return max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    if rows == columns:
        return extent(difference(extent_scalar(rows), abs(offset)))
    raise shape_error(f"the diagonal of a {rows} by {columns} matrix has no length of its own; give the sizes as ints")


@implements(np.diagonal, method="diagonal")
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> TracedArray:
    """Entries on a diagonal, along a new last axis."""
    x = moveaxis(lift(a), (axis1, axis2), (-2, -1))
    shift = operator.index(offset)
    length = _diagonal_length(x.extents[-2], x.extents[-1], shift)
    along = index(x.ndim - 2)
    where = [*axes(x.ndim - 2), sum_of(along, max(-shift, 0)), sum_of(along, max(shift, 0))]
    return wrap(compute((*x.extents[:-2], length), entry(x.tensor, where)))


@implements(np.trace, method="trace")
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> TracedArray:
    """The sum of a diagonal."""
    x = moveaxis(lift(a), (axis1, axis2), (-2, -1))
    shift = operator.index(offset)
    length = _diagonal_length(x.extents[-2], x.extents[-1], shift)
    along = index(x.ndim - 2)
    where = [*axes(x.ndim - 2), sum_of(along, max(-shift, 0)), sum_of(along, max(shift, 0))]
    body = entry(x.tensor, where)
    body = convert(body, np.dtype(dtype)) if dtype is not None else body
    return wrap(compute(x.extents[:-2], body, reduce_extents=(length,), reducer="sum"))


@implements(np.diag)
def diag(v: Any, k: int = 0) -> TracedArray:
    """A matrix's diagonal, or the matrix with this diagonal."""
    x = lift(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    shift = operator.index(k)
    side = extent(sum_of(extent_scalar(x.extents[0]), abs(shift)))
    value = entry(x.tensor, [difference(index(0), max(-shift, 0))])
    inside = equal(sum_of(index(0), shift), index(1))
    ranges = [less_equal(max(-shift, 0), index(0)), less_equal(max(shift, 0), index(1))] if shift else []
    return wrap(compute((side, side), guarded(conjunction(inside, *ranges), value)))


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> TracedArray:
    """The matrix with the flattened array on its diagonal."""
    return diag(ravel(lift(v)), k)


def _triangle(m: Any, k: int, lower: bool) -> TracedArray:
    x = lift(m)
    if x.ndim < 2:
        raise shape_error(f"a triangle needs a matrix, not an array of shape {x.extents}")
    row, column = index(x.ndim - 2), sum_of(index(x.ndim - 1), -operator.index(k))
    inside = less_equal(column, row) if lower else less_equal(row, column)
    return wrap(compute(x.extents, guarded(inside, entry(x.tensor, axes(x.ndim)))))


@implements(np.tril)
def tril(m: Any, k: int = 0) -> TracedArray:
    """Zero above a diagonal."""
    return _triangle(m, k, lower=True)


@implements(np.triu)
def triu(m: Any, k: int = 0) -> TracedArray:
    """Zero below a diagonal."""
    return _triangle(m, k, lower=False)


@implements(np.tri)
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = float, **_: Any) -> TracedArray:
    """Ones on and below a diagonal."""
    rows = extent_of(N)
    columns = rows if M is None else extent_of(M)
    return TracedArray(
        compute((rows, columns), guarded(less_equal(sum_of(index(1), -k), index(0)), number(1, np.dtype(dtype))))
    )


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> TracedArray:
    """The discrete convolution of two vectors."""
    left, right = lift(a), lift(v)
    n, m = operator.index(left.shape[0]), operator.index(right.shape[0])
    length, start = {"full": (n + m - 1, 0), "same": (max(n, m), (min(n, m) - 1) // 2)}.get(
        mode, (max(n, m) - min(n, m) + 1, min(n, m) - 1)
    )
    common = array_dtype([left, right])
    k = index(1)
    other = difference(sum_of(index(0), start), k)
    body = apply("mul", convert(entry(left.tensor, [k]), common), convert(entry(right.tensor, [other]), common))
    domain = conjunction(less_equal(0, other), less_equal(other, m - 1))
    return wrap(compute((length,), body, reduce_extents=(n,), reducer="sum", domain=domain))


implements(np.correlate)(lambda a, v, mode="valid": convolve(a, lift(v)[::-1], mode))
