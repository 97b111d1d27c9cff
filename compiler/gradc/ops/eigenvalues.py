"""Eigenvalues, ascending, and orthonormal eigenvectors (in columns) of a symmetric matrix: ``A = V diag(w) V^T``.

With ``E = V^T dA V`` and ``F_ij = 1 / (w_j - w_i)`` off the diagonal, 0 on it, ``dw = diag(E)`` and ``dV = V (F * E)``
(Giles, *An extended collection of matrix derivative results*, 2008). Vectors of eigenvalues that are equal have no
derivative: it comes out infinite or NaN. Leading axes are batch axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradc.ir.algebra import difference, equal, guarded, negation, power_of
from gradc.ir.scalar import index, load
from gradc.ir.tensor import ResultType, Tensor, compute
from gradc.ops.extern import Factor, Library, Setting, enter

Moves = Sequence[Tensor | None]


def _results(operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    (matrix,) = operands
    return ResultType(matrix.shape[:-1], matrix.dtype), ResultType(matrix.shape, matrix.dtype)


def _gaps(at: Setting) -> Factor:
    """F."""
    values = at.result(0, "i").tensor
    rank = values.rank
    batch, i, j = [index(k) for k in range(rank - 1)], index(rank - 1), index(rank)
    gap = difference(load(values, [*batch, j]), load(values, [*batch, i]))
    return Factor(compute((*values.shape, values.shape[-1]), guarded(negation(equal(i, j)), power_of(gap, -1))), "ij")


def _tangent(at: Setting, tangents: Moves) -> Moves:
    assert tangents[0] is not None
    columns = at.contracted("aj", at.moving(tangents[0], "ab"), at.result(1, "bj"))
    middle = at.contracted("ij", at.result(1, "ai"), columns)
    values = at.contracted("i", Factor(middle.tensor, "ii", middle.moves))
    turn = at.contracted("ij", _gaps(at), middle)
    return [values.tensor, at.contracted("aj", at.result(1, "ai"), turn).tensor]


def _cotangent(at: Setting, cotangents: Moves) -> Moves:
    """``V (diag(wbar) + F * (V^T Vbar)) V^T``."""
    values, vectors = cotangents
    total: Factor | None = None
    if values is not None:
        total = at.contracted("aj", at.result(1, "aj"), at.moving(values, "j"))
    if vectors is not None:
        middle = at.contracted("ij", at.result(1, "ai"), at.moving(vectors, "aj"))
        turned = at.contracted("aj", at.result(1, "ai"), at.contracted("ij", _gaps(at), middle))
        total = at.added(turned, total)
    assert total is not None
    return [at.contracted("ab", total, at.result(1, "bj")).tensor]


enter(Library("eigh", 2, _results, _tangent, _cotangent))
