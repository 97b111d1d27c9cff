"""Products that are their own transposes: half of the result need not be computed."""

from __future__ import annotations

from collections import Counter

from gradc.ir.algebra import Substitution, reindexed
from gradc.ir.scalar import Load, Scalar, index
from gradc.ir.tensor import Compute
from gradc.lower.contractions import MatrixProduct, factors_of
from gradc.lower.tree import Statement

#: Smaller symmetric products are written whole.
SMALLEST = 96


def is_square(product: MatrixProduct) -> bool:
    """``A A'`` or ``A' A``."""
    return product.left.tensor is product.right.tensor and _exchanged(product)(product.left) is product.right


def is_symmetric(statement: Statement) -> bool:
    """Whether the product is symmetric, with an inner extent that is worth filling one half from the other."""
    return statement.product is not None and is_symmetric_product(statement.tensor, statement.product)


def is_symmetric_product(tensor: Compute, product: MatrixProduct) -> bool:
    """Likewise."""
    if (
        product.batch
        or product.lanes is not None
        or product.repeats
        or len(product.rows) != 1
        or len(product.columns) != 1
    ):
        return False
    if len(product.inner) != 1:
        return False
    side, other, inner = (tensor.extents[group[0]] for group in (product.rows, product.columns, product.inner))
    if not isinstance(side, int) or side != other or not isinstance(inner, int):
        return False
    return side >= SMALLEST and 2 * inner >= side and (is_square(product) or _is_weighted_square(product))


def _is_weighted_square(product: MatrixProduct) -> bool:
    """``A' diag(s) A``, the weights in one of the factors or in both."""
    left, right = _opened(product.left), _opened(product.right)
    exchanged = _exchanged(product)
    for a, b in ((product.left, right), (left, product.right), (left, right)):
        factors = [*factors_of(a), *factors_of(b)]
        if Counter(factors) == Counter(map(exchanged, factors)):
            return True
    return False


def _opened(factor: Load) -> Scalar:
    source = factor.tensor
    if isinstance(source, Compute) and source.reducer is None:
        return reindexed(source.body, factor.indices)
    return factor


def _exchanged(product: MatrixProduct) -> Substitution:
    row, column = index(product.rows[0]), index(product.columns[0])
    return Substitution({row: column, column: row})
