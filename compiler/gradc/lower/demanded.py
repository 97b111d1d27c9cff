"""Which part of a product is read at all: the other side of a diagonal need not be computed.

The gradient in a triangular matrix is a product of which half goes into a guard that lets only the triangle through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradc.ir.algebra import is_index_predicate, linear_terms
from gradc.ir.scalar import Guard, Index, Load, Scalar, is_apply
from gradc.ir.tensor import Compute, Tensor
from gradc.ir.walk import loads_of
from gradc.lower.contractions import MatrixProduct, as_matrix_product
from gradc.lower.ranges import parts_of

#: Smaller matrices are computed whole.
SMALLEST = 48

Predicates = frozenset[Scalar]


def triangular_products(tensors: Sequence[Tensor], outputs: Sequence[Tensor]) -> dict[Tensor, MatrixProduct]:
    """The products of which only the entries on one side of a diagonal are read, as products that say so."""
    candidates: dict[Tensor, MatrixProduct] = {}
    for tensor in tensors:
        product = as_matrix_product(tensor) if isinstance(tensor, Compute) and tensor not in outputs else None
        if product is not None and isinstance(tensor, Compute) and _may_be_cut(tensor, product):
            candidates[tensor] = product
    if not candidates:
        return {}
    bounds: dict[Tensor, list[tuple[str, int] | None]] = {}
    for reader in tensors:
        if isinstance(reader, Compute) and any(x.tensor in candidates for x in loads_of(reader.body, reader.domain)):
            for item, known in _guarded_loads(reader):
                if item.tensor in candidates:
                    found = _bound(item, candidates[item.tensor], known)
                    bounds.setdefault(item.tensor, []).append(found)
    result: dict[Tensor, MatrixProduct] = {}
    for tensor, own in bounds.items():
        sides = {bound[0] for bound in own if bound is not None}
        if None in own or len(sides) != 1:
            continue
        shifts = [bound[1] for bound in own if bound is not None]
        if sides == {"below"}:
            result[tensor] = replace(candidates[tensor], below=max(shifts))
        else:
            result[tensor] = replace(candidates[tensor], above=min(shifts))
    return result


def _may_be_cut(tensor: Compute, product: MatrixProduct) -> bool:
    if product.repeats or product.lanes is not None or len(product.rows) != 1 or len(product.columns) != 1:
        return False
    sides = [tensor.extents[group[0]] for group in (product.rows, product.columns)]
    return all(isinstance(side, int) and side >= SMALLEST for side in sides)


def _guarded_loads(reader: Compute) -> Iterator[tuple[Load, Predicates]]:
    """The loads of a body, each with the predicates that hold wherever it is evaluated."""
    pending: list[tuple[Scalar, Predicates]] = [(reader.domain, frozenset())]
    pending.append((reader.body, frozenset(parts_of(reader.domain))))
    seen: set[tuple[Scalar, Predicates]] = set()
    while pending:
        node, known = pending.pop()
        if (node, known) in seen:
            continue
        seen.add((node, known))
        if isinstance(node, Load):
            yield node, known
        if isinstance(node, Guard):
            pending += [(node.predicate, known), (node.body, known | set(parts_of(node.predicate)))]
        else:
            pending += [(child, known) for child in node.children]


def _bound(item: Load, product: MatrixProduct, known: Predicates) -> tuple[str, int] | None:
    """``column <= row + s`` as ("below", s), ``column >= row + s`` as ("above", s), where a predicate says so."""
    row, column = item.indices[product.rows[0]], item.indices[product.columns[0]]
    if not isinstance(row, Index) or not isinstance(column, Index):
        return None
    for predicate in known:
        if not is_index_predicate(predicate) or not is_apply(predicate, "less_equal"):
            continue
        terms, shift = linear_terms(predicate.children[0])
        if set(terms) != {row, column}:
            continue
        if (terms[column], terms[row]) == (1, -1):
            return "below", -shift
        if (terms[column], terms[row]) == (-1, 1):
            return "above", shift
    return None
