"""Matrix products as calls of BLAS.

Arrays are row-major and BLAS is column-major: it computes the transposed product of the swapped factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from gradc.ir.scalar import INT64, DType
from gradc.ir.tensor import Tensor
from gradc.lower.contractions import MatrixProduct, Operand
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.text import Value, literal
from gradc.lower.tree import Statement
from gradc_runtime.blas import PREFIX

#: OpenBLAS keeps general products of at most this many multiplications on the calling thread.
UNTHREADED = 1 << 18
#: Smaller symmetric products are written whole.
SYMMETRIC_SIDE = 96


def write_product(e: ExpressionEmitter, statement: Statement) -> None:
    """The call for one matrix of the batch."""
    product = statement.product
    assert product is not None
    if is_symmetric(statement):
        _write_symmetric(e, statement, product)
        return
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
    _call(e, "gemm", statement, arguments)


def _call(e: ExpressionEmitter, routine: str, statement: Statement, arguments: Sequence[str]) -> None:
    name = PREFIX + ("d" if statement.tensor.dtype.itemsize == 8 else "s") + routine
    e.builder.module.declare(name, "void", ["ptr"] * len(arguments))
    e.note_write(e.storage(statement.tensor).pointer)
    e.builder.line(f"call void @{name}({', '.join(f'ptr {a}' for a in arguments)})")


def is_symmetric(statement: Statement) -> bool:
    """Whether it is ``A A'`` or ``A' A``, with an inner extent that is worth filling one half from the other."""
    product = statement.product
    if product is None or product.batch or product.left.tensor is not product.right.tensor:
        return False
    if product.left.transposed == product.right.transposed or len(product.rows) != 1 or len(product.columns) != 1:
        return False
    extents = statement.tensor.extents
    inner = [extents[axis] for axis in product.inner]
    side = extents[product.rows[0]]
    if len(inner) != 1 or not isinstance(inner[0], int) or not isinstance(side, int):
        return False
    return side >= SYMMETRIC_SIDE and 2 * inner[0] >= side


def may_use_threads(statement: Statement) -> bool:
    """Whether BLAS may spread this product over threads, unless it is told not to."""
    if statement.product is None:
        return False
    extents = [
        statement.tensor.extents[axis] for axis in range(len(statement.product.batch), len(statement.tensor.extents))
    ]
    work = prod(extent if isinstance(extent, int) else UNTHREADED + 1 for extent in extents)
    return work > UNTHREADED or is_symmetric(statement)


def _write_symmetric(e: ExpressionEmitter, statement: Statement, product: MatrixProduct) -> None:
    """The lower half by BLAS (column-major, it is the upper one), the upper half from it."""
    dtype = statement.tensor.dtype
    extents = statement.tensor.extents
    side, inner = e.extent(extents[product.rows[0]]), e.extent(extents[product.inner[0]])
    transposed = product.left.transposed
    result = _entry(e, statement.tensor, 0, dtype)
    arguments = [
        _cell(e, "i8", str(ord("U"))),
        _cell(e, "i8", str(ord("N" if transposed else "T"))),
        _integer_cell(e, side),
        _integer_cell(e, inner),
        _number_cell(e, _scale(e, product, dtype)),
        _entry(e, product.left.tensor, 0, dtype),
        _integer_cell(e, _at_least_one(e, side if transposed else inner)),
        _number_cell(e, literal(0, dtype)),
        result,
        _integer_cell(e, side),
    ]
    _call(e, "syrk", statement, arguments)
    builder, zero = e.builder, literal(0, INT64)
    pointer = e.storage(statement.tensor).pointer

    def row(i: Value, _: list[Value]) -> list[Value]:
        def entry(j: Value, _: list[Value]) -> list[Value]:
            below = builder.add_integers(builder.multiply_integers(i, side), j)
            above = builder.add_integers(builder.multiply_integers(j, side), i)
            e.write(pointer, above, e.read(pointer, below, dtype, builder.depth))
            return []

        builder.loop(zero, i, [], entry)
        return []

    builder.loop(zero, side, [], row, nonempty=True)


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
