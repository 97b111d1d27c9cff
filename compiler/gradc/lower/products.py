"""Matrix products: which routine computes one, and the call of it.

Up to a size the module's own tiles are faster than BLAS, and take matrices of any strides; beyond it BLAS is, for those
that it can read in place. Where the size is known only when the kernel runs, so is the choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from gradc.ir.scalar import BOOL, INT64, Index, Load
from gradc.ir.tensor import Tensor
from gradc.lower.blas import Places, scale_of, write_general, write_in_halves, write_symmetric
from gradc.lower.contractions import MatrixProduct
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.forms import call_routine
from gradc.lower.lanes import call_lanes
from gradc.lower.product_routine import Sizes
from gradc.lower.symmetry import is_square, is_symmetric
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc.lower.tree import Statement
from gradc_runtime.engine import engine

#: Multiply-adds up to which the module's own routines are at least as fast as BLAS,
OWN = 400**3
#: ... on a machine of shorter vectors than those of AVX-512,
OWN_OF_SHORT_VECTORS = 128**3
#: ... and the rows or columns up to which they are so at any size.
NARROW = 16
#: Rows that are computed together of a triangular result; more of a large one.
TRIANGLE_ROWS, LARGE_TRIANGLE = 16, 256


def write_product(e: ExpressionEmitter, statement: Statement) -> None:
    """One matrix of the batch."""
    product = statement.product
    assert product is not None
    if product.lanes is not None:
        addresses = _places(e, statement, product, {})
        count = e.extent(statement.tensor.extents[product.lanes])
        e.note_write(e.storage(statement.tensor).pointer)
        places = (addresses.left, addresses.right, addresses.result)
        call_lanes(e.builder, places, _sizes(e, statement, product), count, scale_of(e, statement))
    elif product.strip is not None:
        _write_strip(e, statement, product, product.strip)
    elif is_symmetric(statement):
        _write_symmetric(e, statement, product)
    elif product.repeats:
        _write_repeats(e, statement, product)
    elif product.below is not None or product.above is not None:
        _write_triangle(e, statement, product)
    else:
        _write_once(e, statement, {}, accumulates=False)


def uses_blas(statement: Statement) -> bool:
    """Whether BLAS may be called."""
    if statement.product is None or statement.product.lanes is not None:
        return False
    return _may_be_large(statement) and _blas_reads(statement.product)


def own_limit() -> int:
    """Multiply-adds up to which BLAS is not called."""
    return OWN if engine().host.vector_bits >= 512 else OWN_OF_SHORT_VECTORS


def _may_be_large(statement: Statement) -> bool:
    product = statement.product
    assert product is not None
    sizes: list[int | None] = []
    for group in (product.rows, product.columns, product.inner):
        extents = [statement.tensor.extents[axis] for axis in group]
        known = [extent for extent in extents if isinstance(extent, int)]
        sizes.append(prod(known) if len(known) == len(extents) else None)
    if any(size is not None and size <= NARROW for size in sizes):
        return False
    return None in sizes or prod(size for size in sizes if size is not None) > own_limit()


def _blas_reads(product: MatrixProduct) -> bool:
    """Whether each factor has neighbouring entries along its rows or its columns."""
    left, right = product.left.indices[-1], product.right.indices[-1]
    assert isinstance(left, Index)
    assert isinstance(right, Index)
    return left.position in (product.rows[-1], product.inner[-1]) and right.position in (
        product.inner[-1],
        product.columns[-1],
    )


def _write_symmetric(e: ExpressionEmitter, statement: Statement, product: MatrixProduct) -> None:
    sizes, places = _sizes(e, statement, product), _places(e, statement, product, {})

    def own(part: Sizes, at: Places) -> None:
        _write_own(e, statement, part, at, accumulates=False)

    def blas(part: Sizes, at: Places) -> None:
        write_general(e, statement, part, at, accumulates=False)

    if not uses_blas(statement):
        write_in_halves(e, statement, sizes, places, own)
    elif is_square(product):
        write_symmetric(e, statement, sizes, places)
    else:
        write_in_halves(e, statement, sizes, places, blas)


def _write_strip(e: ExpressionEmitter, statement: Statement, product: MatrixProduct, height: int) -> None:
    """The rows of one iteration."""
    builder, dtype = e.builder, statement.tensor.dtype
    sizes, places = _sizes(e, statement, product), _places(e, statement, product, {})
    start = builder.multiply_integers(e.indices[0], literal(height, INT64))
    rows = builder.minimum_integers(builder.subtract_integers(sizes.rows, start), literal(height, INT64))

    def moved(base: str, stride: Value) -> str:
        offset = builder.multiply_integers(start, stride)
        return e.entry_pointer(Value(base, INT64), offset, dtype, builder.depth)

    strip = Places(moved(places.left, sizes.a_row), places.right, moved(places.result, sizes.c_row))
    _write_own(e, statement, replace(sizes, rows=rows), strip, accumulates=False)


def _write_triangle(e: ExpressionEmitter, statement: Statement, product: MatrixProduct) -> None:
    """Panels of rows, of each the columns up to (or from) the diagonal."""
    builder, dtype = e.builder, statement.tensor.dtype
    sizes, places = _sizes(e, statement, product), _places(e, statement, product, {})
    side = sizes.rows.literal
    assert isinstance(side, int)
    height = TRIANGLE_ROWS if side <= LARGE_TRIANGLE else LARGE_TRIANGLE // 2

    def panel(start: Value, _: list[Value]) -> list[Value]:
        stop = builder.minimum_integers(builder.add_integers(start, literal(height, INT64)), sizes.rows)
        first, last = ZERO, sizes.columns
        if product.below is not None:
            last = builder.minimum_integers(last, builder.add_integers(stop, literal(product.below, INT64)))
        if product.above is not None:
            first = builder.maximum_integers(first, builder.add_integers(start, literal(product.above, INT64)))
        width = builder.maximum_integers(builder.subtract_integers(last, first), ZERO)
        first = builder.minimum_integers(first, sizes.columns)
        part = replace(sizes, rows=builder.subtract_integers(stop, start), columns=width)

        def moved(base: str, offset: Value) -> str:
            return e.entry_pointer(Value(base, INT64), offset, dtype, builder.depth)

        corner = Places(
            moved(places.left, builder.multiply_integers(start, sizes.a_row)),
            moved(places.right, builder.multiply_integers(first, sizes.b_column)),
            moved(
                moved(places.result, builder.multiply_integers(start, sizes.c_row)),
                builder.multiply_integers(first, sizes.c_column),
            ),
        )
        if uses_blas(statement):
            write_general(e, statement, part, corner, accumulates=False)
        else:
            _write_own(e, statement, part, corner, accumulates=False)
        return []

    builder.loop(ZERO, literal(-(-side // height) * height, INT64), [], panel, step=height)


def _write_repeats(e: ExpressionEmitter, statement: Statement, product: MatrixProduct) -> None:
    """One product after the other, added up; the first, perhaps of nothing, writes."""
    builder = e.builder
    extents = [e.extent(statement.tensor.extents[axis]) for axis in product.repeats]
    total = ONE
    for extent in extents:
        total = builder.multiply_integers(total, extent)
    _write_once(e, statement, dict.fromkeys(product.repeats, ZERO), accumulates=False, times=total)

    def add(count: Value, _: list[Value]) -> list[Value]:
        positions: dict[int, Value] = {}
        rest = count
        for axis, extent in zip(reversed(product.repeats), reversed(extents), strict=True):
            text = f"srem i64 {rest.text}, {extent.text}"
            positions[axis] = Value(builder.instruction(text, builder.depth), INT64, builder.depth)
            rest = Value(
                builder.instruction(f"sdiv i64 {rest.text}, {extent.text}", builder.depth), INT64, builder.depth
            )
        _write_once(e, statement, positions, accumulates=True)
        return []

    builder.loop(ONE, total, [], add)


def _write_once(
    e: ExpressionEmitter, statement: Statement, repeats: Mapping[int, Value], *, accumulates: bool, times: Value = ONE
) -> None:
    product = statement.product
    assert product is not None
    sizes = _sizes(e, statement, product)
    if times is not ONE:
        once = e.builder.minimum_integers(times, ONE)
        sizes = replace(sizes, inner=e.builder.multiply_integers(sizes.inner, once))
    places = _places(e, statement, product, repeats)

    def own() -> list[Value]:
        _write_own(e, statement, sizes, places, accumulates=accumulates)
        return []

    def blas() -> list[Value]:
        write_general(e, statement, sizes, places, accumulates=accumulates)
        return []

    if not uses_blas(statement):
        own()
        return
    work = ONE
    for size in (sizes.rows, sizes.columns, sizes.inner):
        work = e.builder.multiply_integers(work, size)
    if work.literal is not None:
        blas()
        return
    text = f"icmp sle i64 {work.text}, {own_limit()}"
    small = Value(e.builder.instruction(text, work.depth), BOOL, work.depth)
    e.builder.branch(small, own, [])
    e.builder.branch(e.complement(small), blas, [])


def _write_own(e: ExpressionEmitter, statement: Statement, sizes: Sizes, places: Places, *, accumulates: bool) -> None:
    addresses = (places.left, places.right, places.result)
    e.note_write(e.storage(statement.tensor).pointer)
    call_routine(e.builder, addresses, sizes, scale_of(e, statement), accumulates=accumulates)


def _sizes(e: ExpressionEmitter, statement: Statement, product: MatrixProduct) -> Sizes:
    tensor = statement.tensor

    def size(group: Sequence[int]) -> Value:
        total = ONE
        for axis in group:
            total = e.builder.multiply_integers(total, e.extent(tensor.extents[axis]))
        return total

    def stride(factor: Load, group: Sequence[int]) -> Value:
        if not group:  # of a vector: one row, or one column
            return ONE
        place = next(k for k, at in enumerate(factor.indices) if isinstance(at, Index) and at.position == group[-1])
        return _kept(e.storage(factor.tensor).strides[place])

    return Sizes(
        size(product.rows),
        size(product.columns),
        size(product.inner),
        stride(product.left, product.rows),
        stride(product.left, product.inner),
        stride(product.right, product.inner),
        stride(product.right, product.columns),
        _kept(e.storage(tensor).strides[product.rows[-1]]) if product.rows else ONE,
        _kept(e.storage(tensor).strides[product.columns[-1]]),
    )


def _kept(stride: Value | None) -> Value:
    assert stride is not None, "only the axes of the batch may be left out of a buffer"
    return stride


def _places(e: ExpressionEmitter, statement: Statement, product: MatrixProduct, repeats: Mapping[int, Value]) -> Places:
    """The addresses of the first entries of this iteration's matrices."""
    at = {axis: e.indices[depth] for depth, axis in enumerate(product.batch)} | dict(repeats)

    def entry(tensor: Tensor, axes: Sequence[int]) -> str:
        pointer, offset = e.address(tensor, [at.get(axis, ZERO) for axis in axes])
        return e.entry_pointer(pointer, offset, tensor.dtype, e.builder.depth)

    def factor(load: Load) -> str:
        return entry(load.tensor, [i.position for i in load.indices if isinstance(i, Index)])

    return Places(factor(product.left), factor(product.right), entry(statement.tensor, range(statement.tensor.rank)))
