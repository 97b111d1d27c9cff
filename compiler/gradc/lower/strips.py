"""Large products in strips of rows: a loop around them, which threads share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradc.ir.tensor import Compute, Tensor
from gradc.lower.contractions import MatrixProduct, as_matrix_product, assumed_size
from gradc.lower.products import own_limit
from gradc.lower.symmetry import is_symmetric_product

#: Rows of a strip: so many that copying the panels of the other factor for each is little work.
ROWS = 64
#: Multiply-adds from which on there are strips.
WORTH = 1 << 22


def striped_products(tensors: Sequence[Tensor]) -> dict[Tensor, MatrixProduct]:
    """The products that are computed in strips: large ones by routines of our own."""
    found: dict[Tensor, MatrixProduct] = {}
    for tensor in tensors:
        product = as_matrix_product(tensor) if isinstance(tensor, Compute) else None
        if product is not None and isinstance(tensor, Compute) and _may_be_cut(tensor, product):
            found[tensor] = replace(product, strip=ROWS)
    return found


def _may_be_cut(tensor: Compute, product: MatrixProduct) -> bool:
    if product.batch or product.repeats or product.lanes is not None or len(product.rows) != 1:
        return False
    groups = (product.rows, product.columns, product.inner)
    if not all(isinstance(tensor.extents[axis], int) for group in groups for axis in group):
        return False
    work = assumed_size(tensor, [axis for group in groups for axis in group])
    rows = assumed_size(tensor, product.rows)
    return rows >= 2 * ROWS and WORTH <= work <= own_limit() and not is_symmetric_product(tensor, product)
