"""Contractions: sums of products of loads over different sets of axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from weakref import WeakKeyDictionary

from gradc.ir.algebra import Substitution, product_of
from gradc.ir.scalar import TRUE, Apply, Index, Load, NamedConstant, Number, Scalar, index, load
from gradc.ir.tensor import Compute, Graph, Tensor, compute
from gradc.ir.walk import operands_of
from gradc.lower.rewrite import with_tensors

#: Multiplications, and the least extent, below which a product is left to loops of our own.
SMALL, NARROW = 12**3, 8
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
class Operand:
    """A factor as a matrix: its buffer's rows and columns as groups of axes, and whether it is used transposed."""

    tensor: Tensor
    transposed: bool


@dataclass(frozen=True)
class MatrixProduct:
    """``out[batch, rows, columns] = scale * sum over inner of left * right``: work for BLAS."""

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    inner: tuple[int, ...]
    left: Operand
    right: Operand
    scale: tuple[Scalar, ...]


def is_matrix_product(tensor: Compute) -> bool:
    """Whether it is a large product of two matrices."""
    return as_matrix_product(tensor) is not None


_known: WeakKeyDictionary[Compute, MatrixProduct | None] = WeakKeyDictionary()


def as_matrix_product(tensor: Compute) -> MatrixProduct | None:
    """The comprehension as a product of two matrices (a batch of them), if it is one and large enough."""
    if tensor not in _known:
        _known[tensor] = _recognised(tensor)
    return _known[tensor]


def _recognised(tensor: Compute) -> MatrixProduct | None:
    contraction = as_contraction(tensor)
    if contraction is None or len(contraction.factors) != 2:
        return None
    left, right = contraction.factors
    a, b = (contraction.axes(f) for f in (left, right))
    out = tuple(range(tensor.rank))
    inner = tuple(axis for axis in range(tensor.rank, len(tensor.extents)) if axis in a and axis in b)
    batch = tuple(axis for axis in out if axis in a and axis in b)
    if len(inner) != len(tensor.reduce_extents) or not inner or out[: len(batch)] != batch:
        return None
    if len(batch) + len([x for x in a if x not in b]) + len([x for x in b if x not in a]) != tensor.rank:
        return None
    free = out[len(batch) :]
    if not free or free[0] in b:
        left, right, a, b = right, left, b, a
    rows = tuple(axis for axis in free if axis in a)
    columns = tuple(axis for axis in free if axis in b)
    if not rows or not columns or free != rows + columns or not _large(tensor, batch, (rows, columns, inner)):
        return None
    inner = tuple(axis for axis in a if axis in inner)
    first = _as_operand(left, a, batch, rows, inner)
    second = _as_operand(right, b, batch, inner, columns)
    if first is None or second is None:
        return None
    return MatrixProduct(batch, rows, columns, inner, first, second, contraction.scale)


def _as_operand(
    factor: Load, axes: tuple[int, ...], batch: tuple[int, ...], rows: tuple[int, ...], columns: tuple[int, ...]
) -> Operand | None:
    if axes == batch + rows + columns:
        return Operand(factor.tensor, False)
    return Operand(factor.tensor, True) if axes == batch + columns + rows else None


def _large(tensor: Compute, batch: tuple[int, ...], groups: tuple[tuple[int, ...], ...]) -> bool:
    """Symbolic extents count as large."""
    sizes = [prod(e if isinstance(e := tensor.extents[axis], int) else ASSUMED for axis in group) for group in groups]
    if any(size >= 2**31 for size in sizes):
        return False
    return min(sizes) >= NARROW and prod(sizes) >= SMALL


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
