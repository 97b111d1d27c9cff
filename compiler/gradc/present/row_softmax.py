"""The softmax of every row, recognised in entrywise products: ``exp(Z)`` over its row sums, also where they are spread.

The gradient through a softmax of rows comes as ``(diag(1/r) M - (u / r^2) 1') o exp(Z)`` with ``r = exp(Z) 1``: one
quotient ``1/r`` belongs to the exponential, which makes it ``softmax(Z)``.
"""

from __future__ import annotations

from gradc.present import matrix_algebra as m
from gradc.present import notation as n
from gradc.present.matrix_sums import summed
from gradc.present.notation import Notation


def with_row_softmax(array: Notation) -> Notation:
    """An entrywise product of matrices with the softmax of rows where it holds one."""
    coefficient, over, under, core = m.split_scale(array)
    if not isinstance(core, n.Hadamard):
        return array
    if any(isinstance(f, n.Transposed) and _is_exponential(f.base) for f in core.numerator):
        turned = m.entrywise([m.transposed(f) for f in core.numerator], [m.transposed(f) for f in core.denominator])
        found = with_row_softmax(turned)
        return array if found == turned else m.scaled_array(coefficient, over, under, m.transposed(found))
    for exponential in core.numerator:
        if not isinstance(exponential, n.Function) or not _is_exponential(exponential):
            continue
        row_sums = n.MatrixProduct((exponential, m.ONES))
        for factor in core.numerator:
            rest = _times_rows(factor, row_sums, exponential)
            if rest is not None:
                others = [f for f in core.numerator if f not in (factor, exponential)]
                softmax = n.Function("row_softmax", exponential.arguments)
                return m.scaled_array(coefficient, over, under, m.entrywise([*others, rest, softmax], core.denominator))
    return array


def _is_exponential(node: Notation) -> bool:
    return isinstance(node, n.Function) and node.name == "exp"


def _times_rows(array: Notation, row_sums: Notation, exponential: n.Function) -> Notation | None:
    """A matrix whose rows all carry a quotient by the row sums, without it."""
    if isinstance(array, n.Sum):
        terms = [_times_rows(t, row_sums, exponential) for t in array.terms]
        return summed([t for t in terms if t is not None]) if None not in terms else None
    coefficient, over, under, core = m.split_scale(array)
    if not isinstance(core, n.MatrixProduct):
        return None
    first, *following = core.factors
    if isinstance(first, n.Function) and first.name == "diag":
        vector = _without_divisor(first.arguments[0], row_sums)
        factors = [m.diagonal(vector), *following] if vector is not None else None
    else:
        vector = _without_divisor(first, row_sums)
        factors = [_normalised(vector, row_sums, exponential), *following] if vector is not None else None
    return m.scaled_array(coefficient, over, under, m.multiplied(factors)) if factors is not None else None


def _without_divisor(vector: Notation, divisor: Notation) -> Notation | None:
    """A quotient with one divisor less."""
    coefficient, over, under, core = m.split_scale(vector)
    if not isinstance(core, n.Hadamard):
        return None
    for position, part in enumerate(core.denominator):
        base, exponent = (part.base, part.exponent) if isinstance(part, n.EntrywisePower) else (part, n.ONE)
        if base != divisor or not isinstance(exponent, n.Literal) or not isinstance(exponent.value, int):
            continue
        left = [base] * (exponent.value - 1)
        others = [*core.denominator[:position], *core.denominator[position + 1 :]]
        return m.scaled_array(coefficient, over, under, m.entrywise(core.numerator, [*others, *left]))
    return None


def _normalised(vector: Notation, row_sums: Notation, exponential: n.Function) -> Notation:
    """``((M o exp(Z)) 1) / r`` as ``(M o softmax(Z)) 1``."""
    rest = _without_divisor(vector, row_sums)
    softmax = n.Function("row_softmax", exponential.arguments)
    coefficient, over, under, core = m.split_scale(rest if rest is not None else vector)
    product = core if isinstance(core, n.MatrixProduct) else None
    if rest is None or product is None or not isinstance(product.factors[0], n.Hadamard):
        return vector
    entries = product.factors[0]
    if exponential not in entries.numerator:
        return vector
    others = [f for f in entries.numerator if f != exponential]
    summand = m.entrywise([*others, softmax], entries.denominator)
    return m.scaled_array(coefficient, over, under, m.multiplied([summand, *product.factors[1:]]))
