"""Where a SymPy expression is converted: what its symbols stand for, and which indices run around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradc.ir.algebra import convert
from gradc.ir.scalar import DType, Scalar, apply
from gradc.ir.tensor import Extent, Shape, extent_scalar
from gradc.trace.arrays.tracer import TracedArray


@dataclass(frozen=True)
class Scope:
    """The values of the symbols, and the indices that sums around the expression run over.

    ``shape`` is that of the numbers among the arguments, broadcast; its axes come first, those of the sums after them.
    ``convert`` is the walk, for what a handler converts by itself.
    """

    values: Mapping[Any, TracedArray]
    arrays: Mapping[Any, TracedArray]
    shape: Shape
    dtype: DType
    convert: Callable[[Any, Scope], Scalar]
    indices: tuple[tuple[Any, Scalar, Extent], ...] = ()
    #: by identity: the node, which must live as long as its number counts, and its scalar
    memo: dict[int, tuple[Any, Scalar]] = field(default_factory=dict)

    @property
    def extents(self) -> Shape:
        """All axes: of the numbers, then of the sums."""
        return (*self.shape, *[extent for _, _, extent in self.indices])

    def inside(self, symbol: Any, position: Scalar, count: Extent) -> Scope:
        """The scope in a sum over one more index."""
        return replace(self, indices=(*self.indices, (symbol, position, count)), memo={})

    def without_axes(self) -> Scope:
        """The scope of what is one number everywhere: the coefficients and entries of a matrix expression."""
        return replace(self, shape=(), indices=(), memo={})

    def named_extent(self, symbol: Any) -> Scalar | None:
        """The extent that a symbol names in the shape of an argument: ``IndexedBase("x", shape=(n,))``."""
        for base, value in self.arrays.items():
            for axis, extent in enumerate(getattr(base, "shape", None) or ()):
                if extent == symbol and axis < value.tensor.rank:
                    return extent_scalar(value.tensor.shape[axis])
        return None


#: A handler takes a node, the scalars of its arguments and the scope.
Handler = Callable[[Any, list[Scalar], Scope], Scalar]


def floating(scalar: Scalar, scope: Scope) -> Scalar:
    """The scalar as a floating-point number."""
    return scalar if scalar.dtype.kind in "fc" else convert(scalar, scope.dtype)


def floats(scalars: Sequence[Scalar], scope: Scope) -> list[Scalar]:
    """The scalars as floating-point numbers."""
    return [floating(s, scope) for s in scalars]


def folded(name: str, values: Sequence[Scalar]) -> Scalar:
    """An operation of two, from the left."""
    result = values[0]
    for value in values[1:]:
        result = apply(name, result, value)
    return result
