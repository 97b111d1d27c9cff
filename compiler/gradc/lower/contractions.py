"""Contractions: sums of products of loads over different sets of axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from weakref import WeakKeyDictionary

from gradc.ir.algebra import Substitution, product_of
from gradc.ir.scalar import TRUE, Apply, Index, Load, NamedConstant, Number, Scalar, index, load
from gradc.ir.tensor import Compute, Graph, Tensor, compute
from gradc.ir.walk import operands_of
from gradc.lower.rewrite import with_tensors

#: Multiplications below which a product is left to loops, which may keep it in registers.
SMALL = 5**3
#: Results of at most so many entries whose sums are longer than this are left to loops too.
FEW, LONG = 16, 64
#: What a symbolic extent counts as.
ASSUMED = 256


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
    pending = [tensor.body]
    while pending:
        node = pending.pop()
        if isinstance(node, Apply) and node.op.name in ("mul", "prod"):
            pending.extend(reversed(node.args))
        elif isinstance(node, Number) and not isinstance(node.value, NamedConstant):
            scale.append(node)
        elif isinstance(node, Load) and node.dtype == tensor.dtype:
            if node.indices:
                factors.append(node)
            else:
                scale.append(node)
        else:
            return None
        if len(factors) > 8:
            return None
    for factor in factors:
        axes = [i.position for i in factor.indices if isinstance(i, Index)]
        if len(axes) != len(factor.indices) or len(set(axes)) != len(axes):
            return None
    return Contraction(tuple(scale), tuple(factors)) if len(factors) >= 2 else None


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


def is_matrix_product(tensor: Compute) -> bool:
    """Whether it is a product of two matrices that is worth code of its own."""
    return as_matrix_product(tensor) is not None


_known: WeakKeyDictionary[Compute, MatrixProduct | None] = WeakKeyDictionary()


def as_matrix_product(tensor: Compute) -> MatrixProduct | None:
    """The comprehension as a product of two matrices (a batch of them), if it is one and large enough."""
    if tensor not in _known:
        _known[tensor] = _recognised(tensor)
    return _known[tensor]


def _recognised(tensor: Compute) -> MatrixProduct | None:
    contraction = as_contraction(tensor)
    if contraction is None or len(contraction.factors) != 2 or not tensor.rank or not tensor.reduce_extents:
        return None
    left, right = contraction.factors
    a, b = (contraction.axes(f) for f in (left, right))
    last = tensor.rank - 1
    if last in a:
        left, right, a, b = right, left, b, a
    out = tuple(range(tensor.rank))
    summed = range(tensor.rank, len(tensor.extents))
    if last in a or not all(axis in a or axis in b for axis in out) or not all(x in a and x in b for x in summed):
        return None
    columns = next(run for run in _runs([axis for axis in out if axis not in a], out, b) if last in run)
    rows = _largest(tensor, _runs([axis for axis in out if axis not in b], out, a))
    inner = _largest(tensor, _runs(summed, a, b))
    if not rows or not _is_worthwhile(tensor, rows, columns, inner):
        return None
    batch = tuple(axis for axis in out if axis not in rows and axis not in columns)
    repeats = tuple(axis for axis in summed if axis not in inner)
    return MatrixProduct(batch, rows, columns, inner, repeats, left, right, contraction.scale)


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


def split(graph: Graph, tensors: Sequence[Tensor]) -> Graph:
    """The graph with sums of products of three and more factors taken pair by pair, where that is less work."""
    if not any(isinstance(t, Compute) and len(t.reduce_extents) > 1 for t in tensors):
        return graph
    replaced: dict[Tensor, Tensor] = {}
    for tensor in tensors:
        if not isinstance(tensor, Compute):
            replaced[tensor] = tensor
            continue
        new = with_tensors(tensor, replaced)
        contraction = as_contraction(new)
        if contraction is not None and len(contraction.factors) > 2 and len(new.reduce_extents) > 1:
            new = _pairwise(new, contraction)
        replaced[tensor] = new
    return Graph(graph.inputs, tuple(replaced[t] for t in graph.outputs))


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


def _pairwise(tensor: Compute, contraction: Contraction) -> Compute:
    """In the order that opt_einsum finds; as it was where all at once is hardly more work."""
    import opt_einsum

    symbols = [opt_einsum.get_symbol(axis) for axis in range(len(tensor.extents))]
    sizes = [e if isinstance(e, int) else ASSUMED for e in tensor.extents]
    terms = ["".join(symbols[a] for a in contraction.axes(f)) for f in contraction.factors]
    text = ",".join(terms) + "->" + "".join(symbols[: tensor.rank])
    shapes = [tuple(sizes[a] for a in contraction.axes(f)) for f in contraction.factors]
    path, info = opt_einsum.contract_path(text, *shapes, shapes=True, optimize="auto")
    at_once = prod(sizes) * (len(contraction.factors) - 1)
    if 2 * float(info.opt_cost) > 1.5 * at_once or len(path) < 2:
        return tensor
    pending = list(contraction.factors)
    for number_, step in enumerate(path):
        operands = [pending[k] for k in step]
        pending = [f for k, f in enumerate(pending) if k not in step]
        last = number_ == len(path) - 1
        pending.append(_joined(tensor, contraction, operands, pending, last))
    assert isinstance(pending[0].tensor, Compute)
    return pending[0].tensor


def _joined(
    tensor: Compute, contraction: Contraction, operands: Sequence[Load], others: Sequence[Load], last: bool
) -> Load:
    """The product of some factors, summed over the axes that nothing else needs, as a load over the rest."""
    here = {axis for f in operands for axis in contraction.axes(f)}
    needed = {axis for f in others for axis in contraction.axes(f)} | set(range(tensor.rank))
    kept = list(range(tensor.rank)) if last else sorted(here & needed)
    summed = sorted(here - set(kept))
    renaming = Substitution({index(axis): index(place) for place, axis in enumerate([*kept, *summed])})
    scale = contraction.scale if last else ()
    body = product_of(*scale, *[renaming(f) for f in operands], dtype=tensor.dtype)
    result = compute(
        [tensor.extents[a] for a in kept],
        body,
        reduce_extents=[tensor.extents[a] for a in summed],
        reducer="sum" if summed else None,
    )
    return load(result, [index(axis) for axis in kept])
