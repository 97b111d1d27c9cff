"""How library calls are written: one row per result of a call, from its operands as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.ir.tensor import Extern, MultiNode
from gradc.present import matrix_algebra as m
from gradc.present import notation as n
from gradc.present.notation import Notation


def _inverse_times(operands: Sequence[Notation]) -> Notation:
    matrix, right = operands
    return m.multiplied([n.Inverse(matrix), right])


def _named(name: str) -> Callable[[Sequence[Notation]], Notation]:
    return lambda operands: n.Function(name, tuple(operands))


#: (call, result) -> notation
_ROWS: dict[tuple[str, int], Callable[[Sequence[Notation]], Notation]] = {
    ("solve", 0): _inverse_times,
    ("inv", 0): lambda operands: n.Inverse(operands[0]),
    ("det", 0): _named("det"),
    ("slogdet", 0): lambda operands: n.Function("sign", (n.Function("det", tuple(operands)),)),
    ("slogdet", 1): lambda operands: n.Function("log", (n.Function("abs", (n.Function("det", tuple(operands)),)),)),
    ("cholesky", 0): _named("chol"),
    ("eigh", 0): _named("eigenvalues"),
    ("eigh", 1): _named("eigenvectors"),
    ("svd", 0): _named("left_singular_vectors"),
    ("svd", 1): _named("singular_values"),
    ("svd", 2): _named("right_singular_vectors"),
    ("sort", 1): _named("argsort"),
}


def written_call(source: MultiNode, position: int, operands: Sequence[Notation]) -> Notation | None:
    """The result of a library call; None for a node that is none."""
    if not isinstance(source, Extern):
        return None
    return _ROWS.get((source.name, position), _named(source.name))(operands)
