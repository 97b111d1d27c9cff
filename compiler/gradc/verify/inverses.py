"""Inverses, determinants and linear systems in normal form.

``(A B)^{-1} = B^{-1} A^{-1}``, ``(A^T)^{-1} = (A^{-1})^T``, ``det(A B) = det A det B``: what is left are atoms ``inverse`` (the
matrix as a polynomial over two local indices, a row, a column) and ``determinant``, the same for however the matrix was
written. A sum ``sum over k of (A^{-1})[i,k] A[k,j]`` is ``[i = j]``.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from gradc.ir.scalar import Index, Load, Scalar, index, is_apply, load
from gradc.ir.tensor import Compute, Extern, Projection, Tensor, compute
from gradc.ir.walk import free_indices
from gradc.verify.atoms import Atom, Exponents, Polynomial, Unsupported, atom_polynomial

if TYPE_CHECKING:
    from fractions import Fraction

    from gradc.verify.normal_form import NormalForm

#: The local indices of a matrix inside an atom.
ROW, COLUMN = 900_001, 900_002
_FRESH = count(2_000_000)
_OF_PRODUCTS = "(A B)^-1 = B^-1 A^-1, det(A B) = det A det B"
_CANCELS = "A A^-1 = I"


def library_value(form: NormalForm, node: Load) -> Polynomial | None:
    """An entry of what a library call gives, or None where nothing is known of that call."""
    tensor = node.tensor
    if not isinstance(tensor, Projection) or not isinstance(tensor.source, Extern):
        return None
    name, operands = tensor.source.name, tensor.source.operands
    if any(operand.rank != 2 for operand in operands[:1]):
        return None
    if name == "inv":
        return inverse(form, operands[0], *node.indices)
    if name == "det":
        return determinant(form, operands[0])
    if name == "cofactor":
        return form.multiply(determinant(form, operands[0]), inverse(form, operands[0], *node.indices[::-1]))
    if name == "slogdet":
        value = determinant(form, operands[0])
        return form.logarithm(value) if tensor.position == 1 else form.sign(value)
    if name == "solve":
        return _solution(form, operands[0], operands[1], node.indices)
    return None


def _solution(form: NormalForm, matrix: Tensor, right: Tensor, indices: tuple[Scalar, ...]) -> Polynomial:
    """``A^{-1} b``."""
    inner = next(_FRESH)
    form.rules["solve(A, b) = A^-1 b"] = None
    factors = inverse(form, matrix, indices[0], index(inner)), form.scalar(load(right, [index(inner), *indices[1:]]))
    return form.summed(form.multiply(*factors), {inner: matrix.shape[0]})


def inverse(form: NormalForm, matrix: Tensor, row: Scalar, column: Scalar) -> Polynomial:
    """``(matrix^{-1})[row, column]``."""
    if isinstance(matrix, Projection) and isinstance(matrix.source, Extern) and matrix.source.name == "inv":
        form.rules["(A^-1)^-1 = A"] = None
        return form.scalar(load(matrix.source.operands[0], [row, column]))
    factors = _factors(matrix)
    if factors is not None:
        form.rules[_OF_PRODUCTS] = None
        inner, (left, right) = next(_FRESH), factors
        product = form.multiply(inverse(form, right, row, index(inner)), inverse(form, left, index(inner), column))
        return form.summed(product, {inner: matrix.shape[0]})
    return inverse_entry(form, _matrix(form, matrix), row, column)


def inverse_entry(form: NormalForm, matrix: Polynomial, row: Scalar, column: Scalar) -> Polynomial:
    """An entry of the inverse of the matrix with these entries, which is that of the transpose with the indices swapped."""
    transposed = _transposed(form, matrix)
    if transposed.digest < matrix.digest:
        form.rules["(A^T)^-1 = (A^-1)^T"] = None
        matrix, row, column = transposed, column, row
    elif transposed == matrix and column.digest < row.digest:
        form.rules["A^-1 is symmetric where A is"] = None
        row, column = column, row
    free = free_indices(row) | free_indices(column)
    return atom_polynomial(Atom("inverse", matrix, row, column, free=free, depth=matrix.depth))


def determinant(form: NormalForm, matrix: Tensor) -> Polynomial:
    """``det(matrix)``."""
    if isinstance(matrix, Projection) and isinstance(matrix.source, Extern) and matrix.source.name == "inv":
        form.rules["det(A^-1) = 1/det A"] = None
        return form.power(determinant(form, matrix.source.operands[0]), _minus_one())
    factors = _factors(matrix)
    if factors is not None:
        form.rules[_OF_PRODUCTS] = None
        return form.multiply(*[determinant(form, factor) for factor in factors])
    entries = _matrix(form, matrix)
    transposed = _transposed(form, entries)
    if transposed.digest < entries.digest:
        form.rules["det(A^T) = det A"] = None
        entries = transposed
    return atom_polynomial(Atom("determinant", entries, depth=entries.depth))


def _minus_one() -> Fraction:
    from fractions import Fraction

    return Fraction(-1)


def _matrix(form: NormalForm, matrix: Tensor) -> Polynomial:
    entry = form.entry(matrix)
    if entry.free - {0, 1}:
        raise Unsupported("a stack of matrices")
    return form.substitute(entry, {0: index(ROW), 1: index(COLUMN)})


def _transposed(form: NormalForm, matrix: Polynomial) -> Polynomial:
    return form.substitute(matrix, {ROW: index(COLUMN), COLUMN: index(ROW)})


def _factors(matrix: Tensor) -> tuple[Tensor, Tensor] | None:
    """The two square factors of a matrix product."""
    if not isinstance(matrix, Compute) or matrix.reducer != "sum" or len(matrix.reduce_extents) != 1:
        return None
    body = matrix.body
    loads = body.children if is_apply(body, "prod") else ()
    if len(loads) != 2 or not all(isinstance(item, Load) for item in loads):
        return None
    first, second = loads
    assert isinstance(first, Load)
    assert isinstance(second, Load)
    for left, right in ((first, second), (second, first)):
        rows, columns = _read_as(left, (0, 2)), _read_as(right, (2, 1))
        if rows is not None and columns is not None and rows.shape == columns.shape == matrix.shape:
            return rows, columns
    return None


def _read_as(item: Load, axes: tuple[int, int]) -> Tensor | None:
    """The matrix that the load reads at the indices ``axes``: the tensor, or its transpose."""
    if item.indices == tuple(map(index, axes)):
        return item.tensor
    if item.indices == tuple(map(index, axes[::-1])):
        return compute(item.tensor.shape[::-1], load(item.tensor, [index(1), index(0)]))
    return None


def cancelled(
    form: NormalForm, factors: Exponents, bound: frozenset[int]
) -> tuple[Exponents, tuple[Scalar, Scalar], int] | None:
    """A bound index that joins an inverse with its matrix: the other factors, the indices that are equal then, the index."""
    for atom, exponent in factors.items():
        if atom.kind != "inverse" or exponent != 1:
            continue
        matrix, row, column = atom.parts
        for inner, outer, transposed in ((row, column, False), (column, row, True)):
            if not isinstance(inner, Index) or inner.position not in bound or outer is inner:
                continue
            joined = [a for a in factors if a is not atom and inner.position in a.free]
            if len(joined) != 1 or factors[joined[0]] != 1 or inner.position in free_indices(outer):
                continue
            end = _other_end(form, matrix, joined[0], inner, transposed)
            if end is not None:
                form.rules[_CANCELS] = None
                rest = {a: e for a, e in factors.items() if a is not atom and a is not joined[0]}
                return rest, (outer, end), inner.position
    return None


def _other_end(form: NormalForm, matrix: Polynomial, atom: Atom, inner: Index, transposed: bool) -> Scalar | None:
    """The e with ``atom = matrix[e, inner]`` (``matrix[inner, e]`` where transposed)."""
    wanted = atom_polynomial(atom)
    for position in sorted(atom.free - {inner.position}):
        end = index(position)
        places: dict[int, Scalar] = {ROW: inner, COLUMN: end} if transposed else {ROW: end, COLUMN: inner}
        if form.substitute(matrix, places) == wanted:
            return end
    return None
