"""Matrix products as calls of BLAS.

Arrays are row-major and BLAS is column-major: it computes the transposed product of the swapped factors.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.scalar import INT64, DType
from gradc.ir.tensor import Tensor
from gradc.lower.contractions import MatrixProduct, Operand
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.text import Value, literal
from gradc.lower.tree import Statement
from gradc_runtime.blas import PREFIX

_ARGUMENTS = ["ptr"] * 13


def write_product(e: ExpressionEmitter, statement: Statement) -> None:
    """The call for one matrix of the batch."""
    product = statement.product
    assert product is not None
    dtype = statement.tensor.dtype
    extents = statement.tensor.extents

    def size(group: Sequence[int]) -> Value:
        total = literal(1, INT64)
        for axis in group:
            total = e.builder.multiply_integers(total, e.extent(extents[axis]))
        return total

    rows, columns, inner = size(product.rows), size(product.columns), size(product.inner)
    count = len(product.batch)
    places = [_entry(e, t, count, dtype) for t in (product.left.tensor, product.right.tensor, statement.tensor)]
    left_stride = rows if product.left.transposed else inner
    right_stride = inner if product.right.transposed else columns
    arguments = [
        _cell(e, "i8", _letter(product.right)),
        _cell(e, "i8", _letter(product.left)),
        _integer_cell(e, columns),
        _integer_cell(e, rows),
        _integer_cell(e, inner),
        _number_cell(e, _scale(e, product, dtype)),
        places[1],
        _integer_cell(e, _at_least_one(e, right_stride)),
        places[0],
        _integer_cell(e, _at_least_one(e, left_stride)),
        _number_cell(e, literal(0, dtype)),
        places[2],
        _integer_cell(e, _at_least_one(e, columns)),
    ]
    name = PREFIX + ("dgemm" if dtype.itemsize == 8 else "sgemm")
    e.builder.module.declare(name, "void", _ARGUMENTS)
    e.note_write(e.storage(statement.tensor).pointer)
    e.builder.line(f"call void @{name}({', '.join(f'ptr {a}' for a in arguments)})")


def _letter(operand: Operand) -> str:
    return str(ord("T" if operand.transposed else "N"))


def _scale(e: ExpressionEmitter, product: MatrixProduct, dtype: DType) -> Value:
    scale = literal(1, dtype)
    for factor in product.scale:
        value = e.convert(e.value(factor), dtype)
        scale = value if scale.literal == 1 else e.multiply(scale, value)
    return scale


def _entry(e: ExpressionEmitter, tensor: Tensor, batch: int, dtype: DType) -> str:
    """The address of the first entry of this iteration's matrix."""
    position = [e.indices[k] if k < batch else literal(0, INT64) for k in range(tensor.rank)]
    pointer, offset = e.address(tensor, position)
    return e.entry_pointer(pointer, offset, dtype, e.builder.depth)


def _cell(e: ExpressionEmitter, kind: str, text: str) -> str:
    """A stack cell, made at the entry of the function, that holds a value here."""
    cell = e.builder.instruction(f"alloca {kind}", 0)
    e.builder.line(f"store {kind} {text}, ptr {cell}")
    return cell


def _integer_cell(e: ExpressionEmitter, value: Value) -> str:
    if isinstance(value.literal, int):
        return _cell(e, "i32", str(value.literal))
    narrow = e.builder.instruction(f"trunc i64 {value.text} to i32", value.depth)
    return _cell(e, "i32", narrow)


def _number_cell(e: ExpressionEmitter, value: Value) -> str:
    return _cell(e, value.type, value.text)


def _at_least_one(e: ExpressionEmitter, value: Value) -> Value:
    return e.builder.maximum_integers(value, literal(1, INT64))



