"""One routine for large matrix products of any size: the same tiles, with sizes and strides as arguments.

Whatever is known only by its numbers would be another routine to compile. Here panels of B are always copied, filled up
with zeros; the rows of a tile beyond the last are the last again; and stores are masked. For large products that costs
nothing.
"""

from __future__ import annotations

from gradc.ir.scalar import BOOL, INT64
from gradc.lower.panels import CopiedPanel, PlainPanel
from gradc.lower.product_routine import ProductRoutine
from gradc.lower.text import ONE, ZERO, Value, literal

#: Rows of a tile on a machine of 32 vector registers (there are registers for no more addresses) and of 16; its vectors.
HEIGHT, SMALL_HEIGHT, WIDTH = 8, 6, 2
#: Inner positions that are worked through at a time: as much of a panel stays in the nearest caches.
DEPTH = 256


class AnyProduct(ProductRoutine):
    """Writes the routine; B's columns, or the entries of each of them, lie side by side, and those of C's rows do."""

    def text(self) -> str:
        """The routine."""
        r, sizes = self.r, self.sizes
        self._height = HEIGHT if self.registers >= 32 else SMALL_HEIGHT
        self._end = r.rounded_up(sizes.columns, WIDTH * self.lanes)
        blocks = r.maximum_integers(r.quotient(r.add_integers(sizes.inner, literal(DEPTH - 1, INT64)), DEPTH), ONE)

        def block(position: Value, _: list[Value]) -> list[Value]:
            self._block(position)
            return []

        r.loop(ZERO, blocks, [], block, nonempty=True)
        return r.finished()

    def _block(self, position: Value) -> None:
        """A stretch of the inner axis; all but the first add to what is there."""
        r, sizes = self.r, self.sizes
        start = r.multiply_integers(position, literal(DEPTH, INT64))
        length = r.minimum_integers(r.subtract_integers(sizes.inner, start), literal(DEPTH, INT64))
        left = r.entry("%A", self.dtype, r.multiply_integers(start, sizes.a_inner))
        right = r.entry("%B", self.dtype, r.multiply_integers(start, sizes.b_inner))
        text = "true" if self.spec.accumulates else r.instruction(f"icmp ne i64 {position.text}, 0", r.depth)
        adds = Value(text, BOOL, r.depth)

        def panel(j: Value, _: list[Value]) -> list[Value]:
            self._panel(left, right, j, length, adds)
            return []

        r.loop(ZERO, self._end, [], panel, step=WIDTH * self.lanes)

    def _panel(self, left: str, right: str, j: Value, length: Value, adds: Value) -> None:
        r, sizes, dtype, lanes = self.r, self.sizes, self.dtype, self.lanes
        count = r.subtract_integers(sizes.columns, j)
        left_over = [r.add_integers(count, literal(-v * lanes, INT64)) for v in range(WIDTH)]
        masks = [r.mask_of(r.maximum_integers(some, ZERO), lanes) for some in left_over]
        where = r.entry(right, dtype, r.multiply_integers(j, sizes.b_column))
        copied = CopiedPanel(r, dtype, lanes, WIDTH, DEPTH, WIDTH)
        if sizes.b_column.literal == 1:
            copied.fill(PlainPanel(r, dtype, lanes, masks, where, sizes.b_inner), length)
        else:
            copied.fill_transposed(where, sizes.b_inner, sizes.b_column, length, count)
        end = r.rounded_up(sizes.rows, self._height)

        def tile(i: Value, _: list[Value]) -> list[Value]:
            self._tile(left, copied, (i, j), masks, length, adds)
            return []

        r.loop(ZERO, end, [], tile, step=self._height)

    def _tile(
        self, left: str, panel: CopiedPanel, at: tuple[Value, Value], masks: list[str], length: Value, adds: Value
    ) -> None:
        r, sizes, dtype, width = self.r, self.sizes, self.dtype, len(masks)
        i, j = at
        last = r.add_integers(sizes.rows, literal(-1, INT64))
        rows = [r.minimum_integers(r.add_integers(i, literal(k, INT64)), last) for k in range(self._height)]
        heads = [r.entry(left, dtype, r.multiply_integers(row, sizes.a_row)) for row in rows]

        def step(k: Value, before: list[Value]) -> list[Value]:
            along, offset = panel.row(k), r.multiply_integers(k, sizes.a_inner)
            after: list[Value] = []
            for number, head in enumerate(heads):
                factor = r.splat(r.load(r.entry(head, dtype, offset), dtype), self.lanes)
                own = before[number * width : (number + 1) * width]
                after += [r.multiply_add(factor, b, c) for b, c in zip(along, own, strict=True)]
            return after

        sums = r.loop(ZERO, length, [r.vector_zero(dtype, self.lanes)] * (self._height * width), step)
        corner = r.entry("%C", dtype, j)
        for number in range(self._height):
            row = r.add_integers(i, literal(number, INT64))
            inside = Value(r.instruction(f"icmp slt i64 {row.text}, {sizes.rows.text}", r.depth), BOOL, r.depth)

            def store(number: int = number, row: Value = row) -> list[Value]:
                line = r.entry(corner, dtype, r.multiply_integers(row, sizes.c_row))
                for v, mask in enumerate(masks):
                    place = r.entry(line, dtype, literal(v * self.lanes, INT64))
                    self._store(sums[number * width + v], place, mask, adds)
                return []

            r.branch(inside, store, [])

    def _store(self, total: Value, place: str, mask: str, adds: Value) -> None:
        r = self.r
        scaled = total if self.scale is None else r.multiply(self.scale, total)
        before = r.load_vector(place, total.dtype, self.lanes, mask)
        added = r.add(before, scaled)
        text = f"select i1 {adds.text}, {total.type} {added.text}, {total.type} {scaled.text}"
        r.store_vector(Value(r.instruction(text, r.depth), total.dtype, r.depth, self.lanes), place, mask)
