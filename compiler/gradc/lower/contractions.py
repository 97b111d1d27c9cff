"""Contractions: sums of products of loads over different sets of axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from weakref import WeakKeyDictionary

from gradc.ir.algebra import product_of
from gradc.ir.scalar import TRUE, Apply, Index, Load, NamedConstant, Number, Scalar
from gradc.ir.tensor import Compute, Graph, Tensor, compute
from gradc.ir.walk import loads_of, operands_of
from gradc.lower.rewrite import with_tensors

#: Multiplications below which a product is left to loops, which may keep it in registers.
SMALL = 5**3
#: Of a batch along the lanes of vectors, loops keep more in registers.
SMALL_MATRICES = 6**3
#: Results of at most so many entries whose sums are longer than this are left to loops too.
FEW, LONG = 16, 64
#: The entries of a matrix that is multiplied with a vector by a routine: more than registers hold, less than a cache.
LEAST_MATRIX, LARGEST_MATRIX = 1 << 8, 1 << 17
#: What a symbolic extent counts as.
ASSUMED = 256
#: A product of more factors is left as it is.
MOST_FACTORS = 8


@dataclass(frozen=True)
class Contraction:
    """``sum over the reduce axes of scale * factors``, each factor a load at distinct plain axes."""

    scale: tuple[Scalar, ...]
    factors: tuple[Load, ...]

    def axes(self, factor: Load) -> tuple[int, ...]:
        """The axes that a factor is indexed by, in order."""
        return tuple(i.position for i in factor.indices if isinstance(i, Index))


def as_contraction(tensor: Compute) -> Contraction | None:
    """The comprehension as a contraction, if it is one."""
    if tensor.reducer != "sum" or tensor.domain is not TRUE or tensor.dtype.kind != "f":
        return None
    scale: list[Scalar] = []
    factors: list[Load] = []
    for factor in factors_of(tensor.body):
        if isinstance(factor, Number) and not isinstance(factor.value, NamedConstant):
            scale.append(factor)
        elif not isinstance(factor, Load) or factor.dtype != tensor.dtype or not is_plain(factor):
            return None
        elif factor.indices:
            factors.append(factor)
        else:
            scale.append(factor)
        if len(factors) > MOST_FACTORS:
            return None
    return Contraction(tuple(scale), tuple(factors)) if factors else None


def factors_of(body: Scalar) -> list[Scalar]:
    """The factors of a product, in order."""
    factors: list[Scalar] = []
    pending = [body]
    while pending:
        node = pending.pop()
        if isinstance(node, Apply) and node.op.name in ("mul", "prod"):
            pending.extend(reversed(node.args))
        else:
            factors.append(node)
    return factors


def is_plain(factor: Load) -> bool:
    """Whether it is read at distinct axes."""
    axes = [i.position for i in factor.indices if isinstance(i, Index)]
    return len(axes) == len(factor.indices) == len(set(axes))


@dataclass(frozen=True)
class MatrixProduct:
    """``out[.., rows, columns] = scale * sum over inner of left[.., rows, inner] * right[.., inner, columns]``.

    Each group is of axes that lie next to each other in the same order wherever they occur, so that a group is one axis
    with one stride; the columns' last is the last axis of the result. What can't be grouped is looped over, one matrix at
    a time: the axes of ``batch`` for results of their own, those of ``repeats`` for what is added to the same result.
    """

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    inner: tuple[int, ...]
    repeats: tuple[int, ...]
    left: Load
    right: Load
    scale: tuple[Scalar, ...]
    #: only entries with ``column <= row + below``, or ``column >= row + above``, are read
    below: int | None = None
    above: int | None = None
    #: rows that one iteration of the loop around it computes, where that loop only cuts it up
    strip: int | None = None
    #: the axis along which lanes hold products of their own: last in both factors and in the result
    lanes: int | None = None


def is_matrix_product(tensor: Compute) -> bool:
    """Whether it is a product of two matrices that is worth code of its own."""
    return as_matrix_product(tensor) is not None


_known: WeakKeyDictionary[Compute, MatrixProduct | None] = WeakKeyDictionary()


def as_matrix_product(tensor: Compute) -> MatrixProduct | None:
    """The comprehension as a product of two matrices (a batch of them), if it is one and large enough."""
    if tensor not in _known:
        _known[tensor] = _recognised(tensor)
    return _known[tensor]


def vector_products(tensors: Sequence[Tensor]) -> dict[Tensor, MatrixProduct]:
    """Products of a matrix and a vector that are faster on their own than in a loop with others.

    The matrix is in the cache, and nothing else reads it: loops share what they read from farther away.
    """
    readers: dict[Tensor, int] = {}
    for tensor in tensors:
        if isinstance(tensor, Compute):
            for item in loads_of(tensor.body, tensor.domain):
                readers[item.tensor] = readers.get(item.tensor, 0) + 1
    found: dict[Tensor, MatrixProduct] = {}
    for tensor in tensors:
        product = _recognised(tensor, with_vectors=True) if isinstance(tensor, Compute) else None
        if product is None or product.rows or product.batch:
            continue
        assert isinstance(tensor, Compute)
        entries = assumed_size(tensor, (*product.columns, *product.inner))
        if readers[product.right.tensor] == 1 and LEAST_MATRIX <= entries <= LARGEST_MATRIX:
            found[tensor] = product
    return found


def _recognised(tensor: Compute, *, with_vectors: bool = False) -> MatrixProduct | None:
    contraction = as_contraction(tensor)
    if contraction is None or len(contraction.factors) != 2 or not tensor.rank or not tensor.reduce_extents:
        return None
    left, right = contraction.factors
    a, b = (contraction.axes(f) for f in (left, right))
    last = tensor.rank - 1
    out = tuple(range(tensor.rank))
    summed = range(tensor.rank, len(tensor.extents))
    if last == a[-1] == b[-1] and not with_vectors:
        return _recognised_along_lanes(tensor, contraction)
    if last in a:
        left, right, a, b = right, left, b, a
    if last in a or not all(axis in a or axis in b for axis in out) or not all(x in a and x in b for x in summed):
        return None
    columns = next(run for run in _runs([axis for axis in out if axis not in a], out, b) if last in run)
    rows = _largest(tensor, _runs([axis for axis in out if axis not in b], out, a))
    inner = _largest(tensor, _runs(summed, a, b))
    if not (with_vectors if not rows else _is_worthwhile(tensor, rows, columns, inner)):
        return None
    batch = tuple(axis for axis in out if axis not in rows and axis not in columns)
    repeats = tuple(axis for axis in summed if axis not in inner)
    return MatrixProduct(batch, rows, columns, inner, repeats, left, right, contraction.scale)


def _recognised_along_lanes(tensor: Compute, contraction: Contraction) -> MatrixProduct | None:
    left, right = contraction.factors
    a, b = (contraction.axes(f) for f in (left, right))
    out, last = tuple(range(tensor.rank)), tensor.rank - 1
    summed = tuple(range(tensor.rank, len(tensor.extents)))
    rows = _largest(tensor, _runs([axis for axis in out if axis not in b], out, a))
    columns = _largest(tensor, _runs([axis for axis in out if axis not in a], out, b))
    inner = _largest(tensor, _runs([axis for axis in summed if axis in a and axis in b], a, b))
    work = assumed_size(tensor, (*rows, *columns, *inner))
    if not rows or not columns or inner != summed or work < SMALL_MATRICES or assumed_size(tensor, [last]) < FEW:
        return None
    if not all(axis in a or axis in b for axis in out):
        return None
    batch = tuple(axis for axis in out[:-1] if axis not in rows and axis not in columns)
    return MatrixProduct(batch, rows, columns, inner, (), left, right, contraction.scale, lanes=last)


def _runs(axes: Sequence[int], first: tuple[int, ...], second: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The axes in runs that are next to each other, in the same order, in both layouts."""
    runs: list[tuple[int, ...]] = []
    following = {a: b for a, b in pairwise(first) if (a, b) in set(pairwise(second))}
    for axis in sorted(axes, key=first.index):
        if runs and following.get(runs[-1][-1]) == axis:
            runs[-1] += (axis,)
        else:
            runs.append((axis,))
    return runs


def assumed_size(tensor: Compute, axes: Sequence[int]) -> int:
    """How many positions a group of axes has; symbolic extents count as `ASSUMED`."""
    return prod(e if isinstance(e := tensor.extents[axis], int) else ASSUMED for axis in axes)


def _largest(tensor: Compute, runs: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return max(runs, key=lambda run: assumed_size(tensor, run), default=())


def _is_worthwhile(tensor: Compute, *groups: tuple[int, ...]) -> bool:
    rows, columns, inner = sizes = [assumed_size(tensor, group) for group in groups]
    if max(sizes) >= 2**31 or min(sizes) < 2 or prod(sizes) < SMALL:
        return False
    return rows * columns > FEW or inner <= LONG


def fold_scale(graph: Graph, tensors: Sequence[Tensor]) -> Graph:
    """``c * product`` of a matrix product that nothing else reads, as the product's own scale."""
    if not any(isinstance(t, Compute) and is_matrix_product(t) for t in tensors):
        return graph
    uses: dict[Tensor, int] = dict.fromkeys(graph.outputs, 1)
    for tensor in tensors:
        for operand in operands_of(tensor):
            if isinstance(operand, Tensor):
                uses[operand] = uses.get(operand, 0) + 1
    replaced: dict[Tensor, Tensor] = {}
    for tensor in tensors:
        new = with_tensors(tensor, replaced) if isinstance(tensor, Compute) else tensor
        replaced[tensor] = _scaled(new, tensor, uses) if isinstance(new, Compute) else new
    return Graph(graph.inputs, tuple(replaced[t] for t in graph.outputs))


def _scaled(new: Compute, old: Tensor, uses: dict[Tensor, int]) -> Compute:
    assert isinstance(old, Compute)
    if new.reducer is not None or not isinstance(new.body, Apply) or new.body.op.name not in ("mul", "prod"):
        return new
    if len(new.body.args) != 2:
        return new
    scale, inner = sorted(new.body.args, key=lambda arg: isinstance(arg, Load))
    if not isinstance(scale, Number) or isinstance(scale.value, NamedConstant) or not isinstance(inner, Load):
        return new
    (source,) = (t for t in operands_of(old) if isinstance(t, Tensor))
    product = inner.tensor
    identity = all(isinstance(i, Index) and i.position == k for k, i in enumerate(inner.indices))
    if not identity or not isinstance(product, Compute) or uses.get(source, 0) != 1 or not is_matrix_product(product):
        return new
    return compute(
        product.shape,
        product_of(scale, product.body, dtype=product.dtype),
        reduce_extents=product.reduce_extents,
        reducer="sum",
    )
