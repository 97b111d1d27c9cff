"""How library calls are written: one row per result of a call, from its operands as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.ir.scalar import NumberValue
from gradc.ir.tensor import Extern, MultiNode
from gradc.present import matrix_algebra as m
from gradc.present import notation as n
from gradc.present.notation import Notation

Test = Callable[[Notation], bool]
Row = Callable[[Sequence[Notation], Test], Notation]


def _inverse(operands: Sequence[Notation], is_square: Test) -> Notation:
    """The inverse; that of a product of square matrices is the product of their inverses."""
    (matrix,) = operands
    coefficient, over, under, core = m.split_scale(matrix)
    assert core is not None
    factors = core.factors if isinstance(core, n.MatrixProduct) else (core,)
    if len(factors) > 1 and all(map(is_square, factors)):
        inverse = m.multiplied([_inverse_of(f) for f in reversed(factors)])
    else:
        inverse = _inverse_of(core)
    return m.times_number(n.product(1, under, (*over, *_denominator(coefficient))), inverse)


def _denominator(coefficient: NumberValue) -> tuple[Notation, ...]:
    return () if coefficient == 1 else (n.Literal(coefficient),)


def _inverse_of(matrix: Notation) -> Notation:
    """The inverse; of a transposed sum, ``(A + B)^-T``."""
    if isinstance(matrix, n.Inverse):
        return matrix.base
    turned = m.transposed(matrix)
    return n.Inverse(n.Transposed(turned) if m.transposes(turned) < m.transposes(matrix) else matrix)


def _inverse_times(operands: Sequence[Notation], is_square: Test) -> Notation:
    return m.multiplied([_inverse(operands[:1], is_square), operands[1]])


def _log_determinant(operands: Sequence[Notation], _: Test) -> Notation:
    return n.Function("log", (n.Function("abs", (n.Function("det", tuple(operands)),)),))


def _sign_of_determinant(operands: Sequence[Notation], _: Test) -> Notation:
    return n.Function("sign", (n.Function("det", tuple(operands)),))


def _cofactors(operands: Sequence[Notation], is_square: Test) -> Notation:
    return m.times_number(n.Function("det", tuple(operands)), m.transposed(_inverse(operands, is_square)))


def _named(name: str) -> Row:
    return lambda operands, _: n.Function(name, tuple(operands))


#: (call, result) -> notation
_ROWS: dict[tuple[str, int], Row] = {
    ("solve", 0): _inverse_times,
    ("inv", 0): _inverse,
    ("det", 0): _named("det"),
    ("cofactor", 0): _cofactors,
    ("slogdet", 0): _sign_of_determinant,
    ("slogdet", 1): _log_determinant,
    ("cholesky", 0): _named("chol"),
    ("eigh", 0): _named("eigenvalues"),
    ("eigh", 1): _named("eigenvectors"),
    ("svd", 0): _named("left_singular_vectors"),
    ("svd", 1): _named("singular_values"),
    ("svd", 2): _named("right_singular_vectors"),
}


def written_call(
    source: MultiNode, position: int, operands: Sequence[Notation], is_square: Test = lambda _: False
) -> Notation | None:
    """The result of a library call; None for a node that is none. ``is_square`` tells which symbols are square."""
    if not isinstance(source, Extern):
        return None
    return _ROWS.get((source.name, position), _named(source.name))(operands, is_square)
