"""Linear algebra that LAPACK does: inverse, determinant, linear systems, Cholesky's factor.

===================  =============================  =========================================================
call                 results                        derivative
===================  =============================  =========================================================
``inv(A)``           A^-1                           dA^-1 = -A^-1 dA A^-1
``det(A)``           det A                          d det A = tr(cofactor(A)^T dA), also where A is singular
``cofactor(A)``      det A A^-T as the polynomial   dC = tr(A^-1 dA) C - A^-T dA^T C; a singular A is an error there:
                     it is, also of a singular A    the minors of second order are no product of C and an inverse
``slogdet(A)``       sign, log |det A|              d log |det A| = tr(A^-1 dA); the sign is piecewise constant
``solve(A, b)``      A^-1 b, b a vector or columns  dx = A^-1 (db - dA x)
``triangular(A, b)`` the same, of the triangle      dx = A^-1 (db - tril(dA) x)
                     that ``lower`` names
``cholesky(A)``      lower L with A = L L^T, from   dL = L phi(L^-1 dA L^-T), where phi takes the lower triangle
                     the lower triangle of A        and half the diagonal
===================  =============================  =========================================================

Leading axes are batch axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from gradc.ir.algebra import equal, floor_divide, guarded, less, less_equal, modulo, product_of, sum_of
from gradc.ir.scalar import Scalar, index, load, number
from gradc.ir.tensor import Extent, Extern, ResultType, Shape, Tensor, compute, extent, extent_scalar
from gradc.ops.extern import Factor, Library, Setting, called, enter

Moves = Sequence[Tensor | None]


def transposed(matrix: Tensor) -> Tensor:
    """The matrix (of each place of the batch) transposed."""
    *batch, rows, columns = matrix.shape
    leading = [index(k) for k in range(len(batch))]
    return compute((*batch, columns, rows), load(matrix, [*leading, index(matrix.rank - 1), index(matrix.rank - 2)]))


def _like_first(operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    return (ResultType(operands[0].shape, operands[0].dtype),)


def _like_second(operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    return (ResultType(operands[1].shape, operands[1].dtype),)


def _numbers(count: int, operands: Sequence[Tensor], _: Mapping[str, Any]) -> tuple[ResultType, ...]:
    return (ResultType(operands[0].shape[:-2], operands[0].dtype),) * count


# ---------------------------------------------------------------- inverse and determinant


def _inv_tangent(at: Setting, tangents: Moves) -> Moves:
    assert tangents[0] is not None
    left = at.contracted("il", at.result(0, "ik"), at.moving(tangents[0], "kl"))
    return [at.contracted("ij", left, at.result(0, "lj"), coefficient=-1).tensor]


def _inv_cotangent(at: Setting, cotangents: Moves) -> Moves:
    assert cotangents[0] is not None
    left = at.contracted("kj", at.result(0, "ik"), at.moving(cotangents[0], "ij"))
    return [at.contracted("kl", left, at.result(0, "lj"), coefficient=-1).tensor]


def _inverse(at: Setting, letters: str) -> Factor:
    return Factor(called("inv", at.node.operands[0]), letters)


def _log_det_tangent(at: Setting, tangents: Moves) -> Tensor:
    """``tr(A^-1 dA)``."""
    assert tangents[0] is not None
    return at.contracted("", _inverse(at, "lk"), at.moving(tangents[0], "kl")).tensor


def _cofactor(at: Setting, letters: str) -> Factor:
    return Factor(called("cofactor", at.node.operands[0]), letters)


def _det_tangent(at: Setting, tangents: Moves) -> Moves:
    assert tangents[0] is not None
    return [at.contracted("", _cofactor(at, "kl"), at.moving(tangents[0], "kl")).tensor]


def _det_cotangent(at: Setting, cotangents: Moves) -> Moves:
    assert cotangents[0] is not None
    return [at.contracted("kl", at.moving(cotangents[0], ""), _cofactor(at, "kl")).tensor]


def _cofactor_tangent(at: Setting, tangents: Moves) -> Moves:
    assert tangents[0] is not None
    whole = at.contracted("ij", at.moving(_log_det_tangent(at, tangents), ""), at.result(0, "ij"))
    left = at.contracted("il", _inverse(at, "ki"), at.moving(tangents[0], "lk"))
    return [at.added(whole, at.contracted("ij", left, at.result(0, "lj"), coefficient=-1)).tensor]


def _cofactor_cotangent(at: Setting, cotangents: Moves) -> Moves:
    assert cotangents[0] is not None
    bar = at.moving(cotangents[0], "ij")
    whole = at.contracted("kl", at.contracted("", bar, _inverse(at, "ji")), at.result(0, "kl"))
    left = at.contracted("ki", at.result(0, "kj"), bar)
    return [at.added(whole, at.contracted("kl", left, _inverse(at, "li"), coefficient=-1)).tensor]


def _cofactor_meaning(matrix: Tensor) -> Tensor:
    """``det(A) * inv(A)^T``."""
    every = [index(k) for k in range(matrix.rank)]
    value = load(called("det", matrix), every[:-2])
    inverse = load(called("inv", matrix), [*every[:-2], every[-1], every[-2]])
    return compute(matrix.shape, product_of(value, inverse, flatten=False, dtype=matrix.dtype))


def _slogdet_tangent(at: Setting, tangents: Moves) -> Moves:
    return [None, _log_det_tangent(at, tangents)]


def _slogdet_cotangent(at: Setting, cotangents: Moves) -> Moves:
    if cotangents[1] is None:
        return [None]
    return [at.contracted("kl", at.moving(cotangents[1], ""), _inverse(at, "lk")).tensor]


# ---------------------------------------------------------------- linear systems


def _solution(at: Setting, name: str, matrix: Tensor, right: Factor, **parameters: bool) -> Factor:
    """``A^-1 R`` where the columns of R are the second letter of ``right``, if it has one, in every direction."""
    directions = at.directions if right.moves else ()
    own = right.tensor.shape[len(directions) :] if at.cotangents else right.tensor.shape
    rows = own[len(at.batch)]
    columns: Shape = (*own[len(at.batch) + 1 : len(at.batch) + len(right.letters)], *directions)
    count = len(right.letters) - 1
    if not columns:
        return Factor(called(name, matrix, right.tensor, **parameters), right.letters, right.moves)
    flat = extent(product_of(*[extent_scalar(e) for e in columns]))
    rank = len(at.batch)
    batch = [index(k) for k in range(rank)]
    spread = _unflattened(index(rank + 1), columns)
    side = _arranged(at, right.moves, batch, index(rank), spread[:count], spread[count:])
    stacked = called(name, matrix, compute((*at.batch, rows, flat), load(right.tensor, side)), **parameters)
    shape = at.shape((rows, *columns[:count]), right.moves)
    places = [index(k) for k in range(len(shape))]
    leads = len(directions) if at.cotangents else 0
    moving = places[:leads] if at.cotangents else places[rank + 1 + count :]
    inner = places[leads : leads + rank]
    row, *own_columns = places[leads + rank : leads + rank + 1 + count]
    position = _flattened([*own_columns, *moving], columns)
    return Factor(compute(shape, load(stacked, [*inner, row, position])), right.letters, right.moves)


def _arranged(
    at: Setting,
    moves: bool,
    batch: Sequence[Scalar],
    row: Scalar,
    columns: Sequence[Scalar],
    directions: Sequence[Scalar],
) -> list[Scalar]:
    if at.cotangents and moves:
        return [*directions, *batch, row, *columns]
    return [*batch, row, *columns, *directions]


def _flattened(places: Sequence[Scalar], shape: Shape) -> Scalar:
    position: Scalar = places[0]
    for place, length in zip(places[1:], shape[1:], strict=True):
        position = sum_of(product_of(position, extent_scalar(length)), place)
    return position


def _unflattened(position: Scalar, shape: Shape) -> list[Scalar]:
    places: list[Scalar] = []
    for length in reversed(shape[1:]):
        places.append(modulo(position, extent_scalar(length)))
        position = floor_divide(position, extent_scalar(length))
    return [position, *reversed(places)]


def _columns(tensor: Tensor, at: Setting) -> str:
    """The letter of the right hand side's columns, if it has any."""
    return "m" if at.own_rank(tensor) == 2 else ""


def _in_triangle(lower: bool | None, row: str, column: str) -> Any:
    if lower is None:
        return None
    if lower:
        return lambda at: less_equal(at[column], at[row])
    return lambda at: less_equal(at[row], at[column])


def _solve_tangent(name: str, at: Setting, tangents: Moves) -> Moves:
    parameters: dict[str, Any] = dict(at.node.parameters)
    letter = _columns(at.node.operands[1], at)
    total: Factor | None = None
    if tangents[0] is not None:
        where = _in_triangle(parameters.get("lower"), "i", "k")
        change = at.contracted(
            "i" + letter, at.moving(tangents[0], "ik"), at.result(0, "k" + letter), coefficient=-1, where=where
        )
        total = change
    if tangents[1] is not None:
        total = at.added(at.moving(tangents[1], "i" + letter), total)
    assert total is not None
    return [_solution(at, name, at.node.operands[0], total, **parameters).tensor]


def _solve_cotangent(name: str, at: Setting, cotangents: Moves) -> Moves:
    assert cotangents[0] is not None
    parameters: dict[str, Any] = dict(at.node.parameters)
    letter = _columns(at.node.operands[1], at)
    flipped = {key: not value for key, value in parameters.items()}
    bar = at.moving(cotangents[0], "i" + letter)
    right = _solution(at, name, transposed(at.node.operands[0]), bar, **flipped)
    where = _in_triangle(parameters.get("lower"), "i", "k")
    matrix = at.contracted("ik", right, at.result(0, "k" + letter), coefficient=-1, where=where)
    return [matrix.tensor, right.tensor]


def _solve_batched(name: str, node: Extern, images: Moves, length: Extent) -> list[Tensor] | None:
    """One matrix and many right hand sides: they are columns of one system, and the matrix is factorised once."""
    matrix, right = images
    if matrix is not None or right is None:
        return None
    at = Setting(node, node.operands[0].shape[:-2], (length,), cotangents=True)
    columns = at.moving(right, "i" + _columns(node.operands[1], at))
    parameters: dict[str, Any] = dict(node.parameters)
    return [_solution(at, name, node.operands[0], columns, **parameters).tensor]


# ---------------------------------------------------------------- Cholesky's factor


def _by_side(at: Setting, matrix: Factor, sides: Callable[[Scalar, Scalar], tuple[Scalar, ...]]) -> Factor:
    """The moving matrix with other entries: below, on and above the diagonal, from its own and those of its transpose."""
    first = (len(at.directions) if at.cotangents else 0) + len(at.batch)
    own: list[Scalar] = [index(k) for k in range(matrix.tensor.rank)]
    mirrored = list(own)
    i, j = own[first], own[first + 1]
    mirrored[first], mirrored[first + 1] = j, i
    parts = sides(load(matrix.tensor, own), load(matrix.tensor, mirrored))
    terms = [guarded(here, part) for here, part in zip((less(j, i), equal(i, j), less(i, j)), parts, strict=True)]
    return at.moving(compute(matrix.tensor.shape, sum_of(*terms, dtype=at.dtype)), matrix.letters)


def _half_lower(at: Setting, matrix: Factor) -> Factor:
    """The lower triangle of a matrix, with half its diagonal."""
    half, zero = number(0.5, at.dtype), number(0, at.dtype)
    return _by_side(at, matrix, lambda own, _: (own, product_of(half, own, dtype=at.dtype), zero))


def _cholesky_tangent(at: Setting, tangents: Moves) -> Moves:
    assert tangents[0] is not None
    lower = at.result(0, "ij").tensor
    change = _by_side(at, at.moving(tangents[0], "kl"), lambda own, mirrored: (own, own, mirrored))
    left = _solution(at, "triangular", lower, change, lower=True)  # L^-1 dA
    flipped = at.contracted("lk", left)
    both = _solution(at, "triangular", lower, flipped, lower=True)  # L^-1 dA L^-T, its own transpose
    inner = _half_lower(at, at.moving(both.tensor, "lj"))
    return [at.contracted("ij", at.result(0, "il"), inner).tensor]


def _cholesky_cotangent(at: Setting, cotangents: Moves) -> Moves:
    assert cotangents[0] is not None
    lower = at.result(0, "ij").tensor
    inner = at.contracted("lj", at.result(0, "il"), at.moving(cotangents[0], "ij"))
    upper = transposed(lower)
    left = _solution(at, "triangular", upper, _half_lower(at, inner), lower=False)  # L^-T phi(L^T dL)
    flipped = at.contracted("jl", left)
    both = _solution(at, "triangular", upper, flipped, lower=False)  # the transpose of L^-T phi(L^T dL) L^-1
    zero = number(0, at.dtype)
    # an entry below the diagonal is read for the one above it too
    return [_by_side(at, both, lambda own, mirrored: (sum_of(own, mirrored, dtype=at.dtype), own, zero)).tensor]


# ---------------------------------------------------------------- the rows

enter(Library("inv", 2, _like_first, _inv_tangent, _inv_cotangent))
enter(Library("det", 2, partial(_numbers, 1), _det_tangent, _det_cotangent))
enter(Library("cofactor", 2, _like_first, _cofactor_tangent, _cofactor_cotangent, meaning=_cofactor_meaning))
enter(Library("slogdet", 2, partial(_numbers, 2), _slogdet_tangent, _slogdet_cotangent))
enter(Library("cholesky", 2, _like_first, _cholesky_tangent, _cholesky_cotangent))
for _name in ("solve", "triangular"):
    _forward, _reverse = partial(_solve_tangent, _name), partial(_solve_cotangent, _name)
    enter(Library(_name, 2, _like_second, _forward, _reverse, partial(_solve_batched, _name)))
