"""Sparse Jacobians and Hessians: their entries from one kernel, assembled as `scipy.sparse` arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.differentiate.sparsity import sparse_terms
from gradc.errors import ArgumentError, NonScalarOutputError
from gradc.function import Function, Outcome
from gradc.ir.algebra import equal, guarded, product_of, sum_of
from gradc.ir.scalar import index, number
from gradc.ir.tensor import Shape, Tensor, compute, extent_scalar
from gradc.simplify import simplify_outputs
from gradc.trace.context import active_trace
from gradc.trace.records import Traced
from gradc.transforms import Differential, Hessian, Jacobian, leaf_tree, tuple_tree


@dataclass(frozen=True)
class SparseEntries(Differential):
    """The entries of a Jacobian (or Hessian) by pattern: the shape, then values, presence, rows and columns of each."""

    second_order: bool = False
    holomorphic: bool = False

    @property
    def name(self) -> str:
        return "hessian" if self.second_order else "jacobian"

    def apply(self, traced: Traced) -> Outcome:
        inputs = self.inputs(traced)
        if len(inputs) != 1 or len(traced.outputs) != 1:
            raise NonScalarOutputError(f"a sparse {self.name} takes one array argument and one output; got containers")
        kind = Hessian if self.second_order else Jacobian
        dense = kind(self.argnums, holomorphic=self.holomorphic)
        (matrix,) = simplify_outputs(dense.apply(traced).outputs)
        row_rank = matrix.rank - inputs[0].rank
        shape = _shape_vector(matrix.shape, row_rank)
        parts = [
            t for term in sparse_terms(matrix, row_rank) for t in (term.values, term.present, term.rows, term.columns)
        ]
        return Outcome((shape, *parts), tuple_tree([leaf_tree()] * (1 + len(parts))))


def _shape_vector(shape: Shape, row_rank: int) -> Tensor:
    """The numbers of rows and columns as an int64 vector."""
    sizes = [product_of(*[extent_scalar(e) for e in part]) for part in (shape[:row_rank], shape[row_rank:])]
    terms = [guarded(equal(index(0), k), size) for k, size in enumerate(sizes)]
    return compute((2,), sum_of(*terms, dtype=number(1).dtype))


class SparseFunction(Function):
    """A `Function` whose result is a sparse matrix of shape (output entries, input entries), in CSR format."""

    def __init__(
        self,
        function: Callable[..., Any],
        argnums: int | tuple[int, ...],
        second_order: bool,
        holomorphic: bool = False,
    ) -> None:
        if isinstance(argnums, tuple):
            raise ArgumentError("sparse=True takes a single argnum")
        super().__init__(function, SparseEntries(argnums, second_order, holomorphic))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from scipy.sparse import csr_array

        if active_trace() is not None:
            raise ArgumentError("a sparse matrix can't be used inside a traced function; leave out sparse=True there")
        shape, *parts = super().__call__(*args, **kwargs)
        values, rows, columns = _entries(parts)
        dtype = values.dtype if values.size else np.dtype(float)
        matrix = csr_array((values.astype(dtype), (rows, columns)), shape=tuple(int(n) for n in shape))
        matrix.sum_duplicates()
        return matrix


def _entries(parts: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, rows and columns of all patterns, without the entries that are not there."""
    columns: list[list[np.ndarray]] = [[], [], []]
    for k in range(0, len(parts), 4):
        value, present, row, column = (np.ravel(part) for part in parts[k : k + 4])
        for collected, part in zip(columns, (value, row, column), strict=True):
            collected.append(part[present.astype(bool)])
    empty = [np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)]
    joined = [np.concatenate(c) if c else e for c, e in zip(columns, empty, strict=True)]
    return joined[0], joined[1], joined[2]
