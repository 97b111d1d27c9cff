"""Products of many small matrices whose batch is the last axis: each lane of a vector is another product.

A tile of rows and columns stays in registers, as elsewhere, but each of its entries is a few vectors along the batch. No
number is spread over lanes, and nothing is transposed.
"""

from __future__ import annotations

from collections.abc import Callable

from gradc.ir.scalar import BOOL, INT64, DType
from gradc.lower.module import Module
from gradc.lower.product_routine import SIZE_NAMES, Sizes
from gradc.lower.routine import Routine
from gradc.lower.text import ZERO, FunctionBuilder, Value, literal
from gradc_runtime.engine import Host, engine

#: Rows and columns of a tile on a machine of 32 vector registers and of 16, and vectors of the batch.
SIDE, SMALL_SIDE, VECTORS = 3, 2, 2

Masks = list[str | None]


def call_lanes(
    builder: FunctionBuilder, places: tuple[str, str, str], sizes: Sizes, count: Value, scale: Value
) -> None:
    """``C[:, :, b] = scale * A[:, :, b] @ B[:, :, b]`` for ``count`` values of b, which are neighbours in all three."""
    host = engine().host
    name = f"gradc_lanes_{scale.dtype.str[1:]}"
    if not builder.module.has_helper(name):
        builder.module.helper(name, LanesProduct(builder.module, name, scale.dtype, host).text())
    arguments = [f"ptr {place}" for place in places]
    arguments += [f"i64 {value.text}" for value in (*sizes.values(), count)]
    builder.line(f"call void @{name}({', '.join(arguments)}, {scale.type} {scale.text})")


class LanesProduct:
    """Writes the routine ``void name(A, B, C, sizes..., count, scale)``."""

    def __init__(self, module: Module, name: str, dtype: DType, host: Host) -> None:
        self._dtype = dtype
        self._lanes = host.vector_bits // (8 * dtype.itemsize)
        self._side = SIDE if host.vector_registers >= 32 else SMALL_SIDE
        scale = Value("%scale", dtype)
        arguments = [("ptr", "A"), ("ptr", "B"), ("ptr", "C"), *(("i64", size) for size in (*SIZE_NAMES, "count"))]
        self._r = Routine(module, name, [*arguments, (scale.type, "scale")], host)
        self._sizes = Sizes(**{size: Value(f"%{size}", INT64) for size in SIZE_NAMES})
        self._scale = self._r.splat(scale, self._lanes)

    def text(self) -> str:
        """The routine."""
        r, block = self._r, VECTORS * self._lanes
        count = Value("%count", INT64)
        whole = r.multiply_integers(r.quotient(count, block), literal(block, INT64))

        def full(position: Value, _: list[Value]) -> list[Value]:
            self._block(position, [None] * VECTORS)
            return []

        def rest(position: Value, _: list[Value]) -> list[Value]:
            left = r.subtract_integers(count, position)
            some = [r.add_integers(left, literal(-v * self._lanes, INT64)) for v in range(VECTORS)]
            self._block(position, [r.mask_of(r.maximum_integers(lanes, ZERO), self._lanes) for lanes in some])
            return []

        r.loop(ZERO, whole, [], full, step=block)
        r.loop(whole, r.rounded_up(count, block), [], rest, step=block)
        return r.finished()

    def _block(self, position: Value, masks: Masks) -> None:
        r, sizes, side = self._r, self._sizes, self._side

        def row(i: Value, _: list[Value]) -> list[Value]:
            def column(j: Value, _: list[Value]) -> list[Value]:
                self._tile(position, i, j, masks)
                return []

            r.loop(ZERO, r.rounded_up(sizes.columns, side), [], column, step=side)
            return []

        r.loop(ZERO, r.rounded_up(sizes.rows, side), [], row, step=side)

    def _tile(self, position: Value, i: Value, j: Value, masks: Masks) -> None:
        r, sizes, side = self._r, self._sizes, self._side
        heads = self._starts("%A", position, i, sizes.rows, sizes.a_row)
        tops = self._starts("%B", position, j, sizes.columns, sizes.b_column)

        def vectors(start: str, k: Value, stride: Value) -> list[Value]:
            return self._loaded(r.entry(start, self._dtype, r.multiply_integers(k, stride)), masks)

        def step(k: Value, before: list[Value]) -> list[Value]:
            right = [vectors(top, k, sizes.b_inner) for top in tops]
            after: list[Value] = []
            for number, head in enumerate(heads):
                left = vectors(head, k, sizes.a_inner)
                for place, other in enumerate(right):
                    start = (number * side + place) * VECTORS
                    own = before[start : start + VECTORS]
                    after += [r.multiply_add(a, b, c) for a, b, c in zip(left, other, own, strict=True)]
            return after

        zero = r.vector_zero(self._dtype, self._lanes)
        sums = r.loop(ZERO, sizes.inner, [zero] * (side * side * VECTORS), step)
        for number in range(side):
            row = r.add_integers(i, literal(number, INT64))

            def store_row(number: int = number, row: Value = row) -> list[Value]:
                for place in range(side):
                    start = (number * side + place) * VECTORS
                    column = r.add_integers(j, literal(place, INT64))
                    own = sums[start : start + VECTORS]
                    r.branch(self._below(column, sizes.columns), self._store(position, row, column, own, masks), [])
                return []

            r.branch(self._below(row, sizes.rows), store_row, [])

    def _starts(self, base: str, position: Value, first: Value, count: Value, stride: Value) -> list[str]:
        """The rows, or columns, of the tile; the last again where there are fewer."""
        r = self._r
        last = r.add_integers(count, literal(-1, INT64))
        numbers = [r.minimum_integers(r.add_integers(first, literal(k, INT64)), last) for k in range(self._side)]
        offsets = [r.add_integers(r.multiply_integers(number, stride), position) for number in numbers]
        return [r.entry(base, self._dtype, offset) for offset in offsets]

    def _loaded(self, where: str, masks: Masks) -> list[Value]:
        r, dtype, lanes = self._r, self._dtype, self._lanes
        places = [r.entry(where, dtype, literal(v * lanes, INT64)) for v in range(VECTORS)]
        return [r.load_vector(place, dtype, lanes, mask) for place, mask in zip(places, masks, strict=True)]

    def _below(self, value: Value, limit: Value) -> Value:
        r = self._r
        return Value(r.instruction(f"icmp slt i64 {value.text}, {limit.text}", r.depth), BOOL, r.depth)

    def _store(
        self, position: Value, row: Value, column: Value, sums: list[Value], masks: Masks
    ) -> Callable[[], list[Value]]:
        r, sizes = self._r, self._sizes

        def store() -> list[Value]:
            offset = r.add_integers(r.multiply_integers(row, sizes.c_row), r.multiply_integers(column, sizes.c_column))
            where = r.entry("%C", self._dtype, r.add_integers(offset, position))
            for v, (total, mask) in enumerate(zip(sums, masks, strict=True)):
                place = r.entry(where, self._dtype, literal(v * self._lanes, INT64))
                r.store_vector(r.multiply(self._scale, total), place, mask)
            return []

        return store
