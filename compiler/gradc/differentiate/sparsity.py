"""The sparsity of a Jacobian, read off its brackets: which entries a pattern fills, and with what.

``[b = i + 1] c[i]`` fills the entries (i, i + 1) with c[i]: one value for each point of the axes that the brackets leave
free. Nothing is evaluated to find that out, and no dense matrix is formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradc.ir.algebra import Reindexing, conjunction, guarded, product_of, reindexed, sum_of
from gradc.ir.scalar import TRUE, Guard, Load, Scalar, index, is_number, load, number
from gradc.ir.tensor import Compute, Shape, Tensor, compute, extent_scalar
from gradc.ir.walk import loads_of
from gradc.simplify.patterns import Term, expand, inline_patterns
from gradc.simplify.solve import System, solve


@dataclass(frozen=True)
class SparseTerm:
    """Entries of a matrix: values, whether each is there, and its row and column; four tensors of one shape."""

    values: Tensor
    present: Tensor
    rows: Tensor
    columns: Tensor


def sparse_terms(jacobian: Tensor, row_rank: int) -> list[SparseTerm]:
    """The entries of ``jacobian`` as a matrix whose rows are its first ``row_rank`` axes, flat, and whose columns the rest.

    Entries of several terms at one place are to be added.
    """
    if isinstance(jacobian, Compute) and jacobian.reducer is None:
        terms = expand(inline_patterns(jacobian.body))
    else:
        terms = [Term(TRUE, load(jacobian, [index(k) for k in range(jacobian.rank)]))]
    return [_term(jacobian, _structural(term), row_rank) for term in terms if not is_number(term.value, 0)]


def _structural(term: Term) -> Term:
    """The term with a guard that only looks at indices, ``[j <= i]``, counted to its pattern; also that of a coefficient."""
    value = term.value
    if isinstance(value, Load) and isinstance(value.tensor, Compute) and isinstance(value.tensor.body, Guard):
        value = reindexed(value.tensor.body, value.indices)
    if isinstance(value, Guard) and not loads_of(value.predicate):
        return Term(conjunction(term.predicate, value.predicate), value.body)
    return term


def _term(jacobian: Tensor, term: Term, row_rank: int) -> SparseTerm:
    axes = range(jacobian.rank)
    system = System(dict(enumerate(jacobian.shape)), jacobian.rank, term, alive=list(axes))
    solve(system, axes)
    rename = Reindexing({k: index(place) for place, k in enumerate(system.alive)})
    shape = [jacobian.shape[k] for k in system.alive]
    predicate = rename(system.term.predicate)
    at = [rename(system.positions.get(k, index(k))) for k in axes]
    return SparseTerm(
        values=compute(shape, guarded(predicate, rename(system.term.value))),
        present=compute(shape, predicate),
        rows=compute(shape, guarded(predicate, _flat(at[:row_rank], jacobian.shape[:row_rank]))),
        columns=compute(shape, guarded(predicate, _flat(at[row_rank:], jacobian.shape[row_rank:]))),
    )


def _flat(positions: Sequence[Scalar], shape: Shape) -> Scalar:
    """The row-major position in a flat array."""
    flat: Scalar = number(0)
    for position, extent in zip(positions, shape, strict=True):
        flat = sum_of(product_of(flat, extent_scalar(extent)), position)
    return flat
