"""The singular value decomposition, thin: ``A = U diag(s) Vh`` with ``min(m, n)`` singular values, descending.

With ``dP = U^T dA V`` and ``F_ij = 1 / (s_j^2 - s_i^2)`` off the diagonal, 0 on it,

- ``ds = diag(dP)``,
- ``dU = U (F * (dP S + S dP^T)) + (I - U U^T) dA V S^-1``,
- ``dV = V (F * (S dP + dP^T S)) + (I - V V^T) dA^T U S^-1``

(Giles, *An extended collection of matrix derivative results*, 2008; Townsend, *Differentiating the Singular Value
Decomposition*, 2016). Vectors of singular values that are equal have no derivative: it comes out infinite or NaN.
Leading axes are batch axes.
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
    *batch, rows, columns = matrix.shape
    count = min(int(rows), int(columns))  # type: ignore[arg-type]
    shapes = ((*batch, rows, count), (*batch, count), (*batch, count, columns))
    return tuple(ResultType(shape, matrix.dtype) for shape in shapes)


class _Parts:
    """The decomposition at hand: U over "ai", s over one letter, Vh over "ib"."""

    def __init__(self, at: Setting) -> None:
        self.at = at
        self.values = at.result(1, "i").tensor
        self.count = self.values.shape[-1]
        *_, self.rows, self.columns = at.node.operands[0].shape

    def left(self, letters: str = "ai") -> Factor:
        return self.at.result(0, letters)

    def right(self, letters: str = "ib") -> Factor:
        return self.at.result(2, letters)

    def value(self, letter: str) -> Factor:
        return Factor(self.values, letter)

    def reciprocal(self, letter: str) -> Factor:
        body = power_of(load(self.values, [index(k) for k in range(self.values.rank)]), -1)
        return Factor(compute(self.values.shape, body), letter)

    def gaps(self) -> Factor:
        """F."""
        rank = self.values.rank
        batch, i, j = [index(k) for k in range(rank - 1)], index(rank - 1), index(rank)
        lower, upper = (power_of(load(self.values, [*batch, k]), 2) for k in (i, j))
        body = guarded(negation(equal(i, j)), power_of(difference(upper, lower), -1))
        return Factor(compute((*self.values.shape, self.count), body), "ij")

    def minus(self, left: Factor, right: Factor) -> Factor:
        """The difference of two factors over the same letters."""
        return self.at.added(left, self.at.contracted(right.letters, right, coefficient=-1))


def _tangent(at: Setting, tangents: Moves) -> Moves:
    parts = _Parts(at)
    assert tangents[0] is not None
    moved = at.moving(tangents[0], "ab")
    columns = at.contracted("aj", moved, parts.right("jb"))
    middle = at.contracted("ij", parts.left(), columns)  # dP
    turned = Factor(middle.tensor, "ji", middle.moves)
    gaps = parts.gaps()
    left_turn = at.added(
        at.contracted("ij", gaps, middle, parts.value("j")), at.contracted("ij", gaps, parts.value("i"), turned)
    )
    left = at.contracted("aj", parts.left(), left_turn)
    right_turn = at.added(
        at.contracted("ij", gaps, parts.value("i"), middle), at.contracted("ij", gaps, turned, parts.value("j"))
    )
    right = at.contracted("jb", Factor(right_turn.tensor, "ij", right_turn.moves), parts.right())
    if parts.rows != parts.count:
        outside = parts.minus(columns, at.contracted("aj", parts.left(), middle))
        left = at.added(left, at.contracted("aj", outside, parts.reciprocal("j")))
    if parts.columns != parts.count:
        rows = at.contracted("jb", parts.left("aj"), moved)
        outside = parts.minus(rows, at.contracted("jb", Factor(middle.tensor, "ji", middle.moves), parts.right()))
        right = at.added(right, at.contracted("jb", outside, parts.reciprocal("j")))
    diagonal = at.contracted("i", Factor(middle.tensor, "ii", middle.moves))
    return [left.tensor, diagonal.tensor, right.tensor]


def _cotangent(at: Setting, cotangents: Moves) -> Moves:
    parts = _Parts(at)
    left_bar, value_bar, right_bar = cotangents
    found: list[Factor] = []
    if value_bar is not None:
        scaled = at.contracted("ai", parts.left(), at.moving(value_bar, "i"))
        found.append(at.contracted("ab", scaled, parts.right()))
    if left_bar is not None:
        bar = at.moving(left_bar, "aj")
        turn = at.contracted("ij", parts.left(), bar)
        found.append(_between(parts, turn, "j"))
        if parts.rows != parts.count:
            outside = parts.minus(bar, at.contracted("aj", parts.left(), turn))
            scaled = at.contracted("aj", outside, parts.reciprocal("j"))
            found.append(at.contracted("ab", scaled, parts.right("jb")))
    if right_bar is not None:
        bar = at.moving(right_bar, "jb")
        turn = at.contracted("ij", parts.right(), bar)
        found.append(_between(parts, turn, "i"))
        if parts.columns != parts.count:
            outside = parts.minus(bar, at.contracted("jb", turn, parts.right()))
            scaled = at.contracted("jb", outside, parts.reciprocal("j"))
            found.append(at.contracted("ab", parts.left("aj"), scaled))
    total = found[0]
    for more in found[1:]:
        total = at.added(total, more)
    return [total.tensor]


def _between(parts: _Parts, turn: Factor, letter: str) -> Factor:
    """``U (F * (C - C^T)) S V^T`` (or with S on the other side)."""
    at = parts.at
    skew = parts.minus(turn, at.contracted("ij", Factor(turn.tensor, "ji", turn.moves)))
    middle = at.contracted("ij", parts.gaps(), skew, parts.value(letter))
    return at.contracted("ab", at.contracted("aj", parts.left(), middle), parts.right("jb"))


enter(Library("svd", 2, _results, _tangent, _cotangent))
