"""Contractions: sums of products of loads over different sets of axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from gradc.ir.scalar import TRUE, Apply, Index, Load, NamedConstant, Number, Scalar
from gradc.ir.tensor import Compute

#: Multiplications below which a product is left to loops of our own.
SMALL = 32**3


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


def is_matrix_product(tensor: Compute) -> bool:
    """Whether it is a large product of two factors that each have a free axis of their own: work for BLAS."""
    contraction = as_contraction(tensor)
    if contraction is None or len(contraction.factors) != 2:
        return False
    if all(isinstance(e, int) for e in tensor.extents) and prod(tensor.extents) < SMALL:  # type: ignore[arg-type]
        return False
    left, right = (set(contraction.axes(f)) for f in contraction.factors)
    free = set(range(tensor.rank))
    summed = set(range(tensor.rank, len(tensor.extents)))
    return bool(left & right & summed) and bool((left - right) & free) and bool((right - left) & free)
