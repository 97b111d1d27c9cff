"""Matrix products as calls of BLAS.

Arrays are row-major and BLAS is column-major: it computes the transposed product of the swapped factors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gradc.ir.scalar import INT64
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.mirror import mirror_routine
from gradc.lower.product_routine import Sizes
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc.lower.tree import Statement
from gradc_runtime.blas import PREFIX
from gradc_runtime.engine import engine

#: Columns that are computed together of one half of a symmetric product.
PANEL = 128


@dataclass(frozen=True)
class Places:
    """The addresses of the first entries of the matrices."""

    left: str
    right: str
    result: str


def write_general(
    e: ExpressionEmitter, statement: Statement, sizes: Sizes, places: Places, *, accumulates: bool
) -> None:
    """``result = left right``, or added to it. Each factor is one that BLAS can read in place."""
    dtype = statement.tensor.dtype
    left_transposed = sizes.a_inner.literal != 1
    right_transposed = sizes.b_column.literal != 1
    arguments = [
        _letter(e, right_transposed),
        _letter(e, left_transposed),
        _integer_cell(e, sizes.columns),
        _integer_cell(e, sizes.rows),
        _integer_cell(e, sizes.inner),
        _number_cell(e, scale_of(e, statement)),
        places.right,
        _stride_cell(e, sizes.b_column if right_transposed else sizes.b_inner),
        places.left,
        _stride_cell(e, sizes.a_inner if left_transposed else sizes.a_row),
        _number_cell(e, literal(accumulates, dtype)),
        places.result,
        _stride_cell(e, sizes.c_row),
    ]
    _call(e, "gemm", statement, arguments)


def write_symmetric(e: ExpressionEmitter, statement: Statement, sizes: Sizes, places: Places) -> None:
    """``A A'`` or ``A' A``: the lower half by BLAS (column-major, it is the upper one), the upper half from it."""
    dtype = statement.tensor.dtype
    transposed = sizes.a_inner.literal != 1
    arguments = [
        _cell(e, "i8", str(ord("U"))),
        _letter(e, not transposed),
        _integer_cell(e, sizes.rows),
        _integer_cell(e, sizes.inner),
        _number_cell(e, scale_of(e, statement)),
        places.left,
        _stride_cell(e, sizes.a_inner if transposed else sizes.a_row),
        _number_cell(e, literal(0, dtype)),
        places.result,
        _stride_cell(e, sizes.c_row),
    ]
    _call(e, "syrk", statement, arguments)
    _mirror(e, statement, sizes, places)


def write_in_halves(
    e: ExpressionEmitter,
    statement: Statement,
    sizes: Sizes,
    places: Places,
    multiply: Callable[[Sizes, Places], object],
) -> None:
    """A symmetric product: panels of columns from the diagonal down, then the upper half."""
    builder, dtype = e.builder, statement.tensor.dtype

    def panel(start: Value, _: list[Value]) -> list[Value]:
        below = builder.subtract_integers(sizes.rows, start)
        diagonal = builder.multiply_integers(start, builder.add_integers(sizes.c_row, ONE))
        part = replace(sizes, rows=below, columns=builder.minimum_integers(below, literal(PANEL, INT64)))

        def moved(base: str, offset: Value) -> str:
            return e.entry_pointer(Value(base, INT64), offset, dtype, builder.depth)

        corner = Places(
            moved(places.left, builder.multiply_integers(start, sizes.a_row)),
            moved(places.right, builder.multiply_integers(start, sizes.b_column)),
            moved(places.result, diagonal),
        )
        multiply(part, corner)
        return []

    side = sizes.rows.literal
    assert isinstance(side, int)
    builder.loop(ZERO, literal(-(-side // PANEL) * PANEL, INT64), [], panel, step=PANEL)
    _mirror(e, statement, sizes, places)


def _mirror(e: ExpressionEmitter, statement: Statement, sizes: Sizes, places: Places) -> None:
    name = mirror_routine(e.builder.module, statement.tensor.dtype, engine().host)
    e.builder.line(f"call void @{name}(ptr {places.result}, i64 {sizes.rows.text}, i64 {sizes.c_row.text})")


def scale_of(e: ExpressionEmitter, statement: Statement) -> Value:
    """The number that the product is multiplied by."""
    assert statement.product is not None
    dtype = statement.tensor.dtype
    scale = literal(1, dtype)
    for factor in statement.product.scale:
        value = e.convert(e.value(factor), dtype)
        scale = value if scale.literal == 1 else e.multiply(scale, value)
    return scale


def _call(e: ExpressionEmitter, routine: str, statement: Statement, arguments: Sequence[str]) -> None:
    name = PREFIX + ("d" if statement.tensor.dtype.itemsize == 8 else "s") + routine
    e.builder.module.declare(name, "void", ["ptr"] * len(arguments))
    e.note_write(e.storage(statement.tensor).pointer)
    e.builder.line(f"call void @{name}({', '.join(f'ptr {a}' for a in arguments)})")


def _letter(e: ExpressionEmitter, transposed: bool) -> str:
    return _cell(e, "i8", str(ord("T" if transposed else "N")))


def _cell(e: ExpressionEmitter, kind: str, text: str) -> str:
    """A stack cell, made at the entry of the function, that holds a value here."""
    cell = e.builder.on_stack(kind)
    e.builder.line(f"store {kind} {text}, ptr {cell}")
    return cell


def _integer_cell(e: ExpressionEmitter, value: Value) -> str:
    if isinstance(value.literal, int):
        return _cell(e, "i32", str(value.literal))
    narrow = e.builder.instruction(f"trunc i64 {value.text} to i32", value.depth)
    return _cell(e, "i32", narrow)


def _number_cell(e: ExpressionEmitter, value: Value) -> str:
    return _cell(e, value.type, value.text)


def _stride_cell(e: ExpressionEmitter, value: Value) -> str:
    """A leading dimension: at least one, also of an empty matrix."""
    return _integer_cell(e, e.builder.maximum_integers(value, ONE))
