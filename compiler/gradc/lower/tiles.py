"""Matrix products in registers, tile by tile.

A tile of C, some rows times a few vectors of columns, stays in registers while the innermost loop runs over the inner
axis: at each step it loads one row of B and one number of each row of A. The matrices may have any strides; where B's
columns don't lie side by side, or its rows are read often, a panel of it is copied to the stack first.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.scalar import INT64
from gradc.lower.module import Module
from gradc.lower.panels import CopiedPanel, Panel, PlainPanel
from gradc.lower.product_routine import ProductRoutine, ProductSpec, Sizes
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc.lower.tiling import Run, column_runs, row_runs, tile_size
from gradc_runtime.engine import Host

#: Inner positions that are worked through at a time, and the bytes of a panel: it stays in the nearest caches.
DEPTH, PANEL = 256, 1 << 16
#: A panel of a larger B is copied if at least this many rows read it.
LARGE, MANY_ROWS = 1 << 16, 32
#: Multiply-adds of a tile that is written out for all inner positions.
STRAIGHT = 128


def copies_panels(sizes: Sizes) -> bool:
    """Whether a panel of B whose columns lie side by side is copied, because so many rows read it from far away."""
    rows, columns, inner = (size.literal for size in (sizes.rows, sizes.columns, sizes.inner))
    return rows is not None and rows >= MANY_ROWS and (inner or 1) * (columns or 1) > LARGE


class TiledProduct(ProductRoutine):
    """Writes the routine."""

    def __init__(self, module: Module, spec: ProductSpec, host: Host) -> None:
        super().__init__(module, spec, host)
        sizes = self.sizes
        self._tile = tile_size(self.known(sizes.rows), self.known(sizes.columns), self.lanes, self.registers)
        self._has_masks = host.vector_bits >= 256
        self._depth = min(DEPTH, PANEL // (self._tile[1] * self.lanes * self.dtype.itemsize))
        self._panel_depth = min(self._depth, self.known(sizes.inner) or DEPTH)

    def text(self) -> str:
        """The routine."""
        r, sizes = self.r, self.sizes
        height, width = self._tile
        rows = row_runs(r, sizes.rows, height)
        columns = column_runs(r, sizes.columns, width, self.lanes)
        inner = self.known(sizes.inner)
        if inner is not None and inner <= self._depth:
            self._block(rows, columns, ZERO, sizes.inner, first=not self.spec.accumulates)
        else:
            self._blocks(rows, columns)
        return r.finished()

    def _blocks(self, rows: Sequence[Run], columns: Sequence[Run]) -> None:
        """The inner axis in blocks; all but the first add to what is there."""
        r, inner = self.r, self.sizes.inner
        depth = literal(self._depth, INT64)
        self._block(rows, columns, ZERO, r.minimum_integers(depth, inner), first=not self.spec.accumulates)

        def block(position: Value, _: list[Value]) -> list[Value]:
            start = r.multiply_integers(position, depth)
            rest = r.subtract_integers(inner, start)
            self._block(rows, columns, start, r.minimum_integers(depth, rest), first=False)
            return []

        r.loop(ONE, r.quotient(r.add_integers(inner, literal(self._depth - 1, INT64)), self._depth), [], block)

    def _block(self, rows: Sequence[Run], columns: Sequence[Run], start: Value, length: Value, *, first: bool) -> None:
        r, sizes = self.r, self.sizes
        left = r.entry("%A", self.dtype, r.multiply_integers(start, sizes.a_inner))
        right = r.entry("%B", self.dtype, r.multiply_integers(start, sizes.b_inner))
        for run in columns:

            def column(j: Value, _: list[Value], run: Run = run) -> list[Value]:
                panel = self._panel(right, j, run, length)
                for block in rows:

                    def row(i: Value, _: list[Value], block: Run = block) -> list[Value]:
                        self._one_tile(left, panel, (i, j), block.size, run, length, first=first)
                        return []

                    r.run(block, row)
                return []

            r.run(run, column)

    def _panel(self, right: str, j: Value, run: Run, length: Value) -> Panel:
        r, sizes = self.r, self.sizes
        where = r.entry(right, self.dtype, r.multiply_integers(j, sizes.b_column))
        masks = [*[None] * (run.vectors - 1), self._mask(run)]
        plain = PlainPanel(r, self.dtype, self.lanes, masks, where, sizes.b_inner)
        side_by_side = sizes.b_column.literal == 1
        if side_by_side and not copies_panels(sizes) and (run.mask is None or self._has_masks):
            return plain
        copied = CopiedPanel(r, self.dtype, self.lanes, run.vectors, self._panel_depth, self._tile[1])
        if side_by_side:
            copied.fill(plain, length)
        else:
            width = literal(run.size, INT64) if run.mask is None else r.subtract_integers(sizes.columns, j)
            copied.fill_transposed(where, sizes.b_inner, sizes.b_column, length, width)
        return copied

    def _mask(self, run: Run) -> str | None:
        return None if run.mask is None else self.r.mask_of(run.mask, self.lanes)

    def _one_tile(
        self, left: str, panel: Panel, at: tuple[Value, Value], height: int, run: Run, length: Value, *, first: bool
    ) -> None:
        r, sizes, dtype = self.r, self.sizes, self.dtype
        i, j = at
        corner = r.entry(left, dtype, r.multiply_integers(i, sizes.a_row))
        heads = [r.entry(corner, dtype, r.multiply_integers(literal(k, INT64), sizes.a_row)) for k in range(height)]
        sums = [r.vector_zero(dtype, self.lanes)] * (height * run.vectors)

        def step(k: Value, before: list[Value]) -> list[Value]:
            along = panel.row(k)
            offset = r.multiply_integers(k, sizes.a_inner)
            after: list[Value] = []
            for number, head in enumerate(heads):
                factor = r.splat(r.load(r.entry(head, dtype, offset), dtype), self.lanes)
                own = before[number * run.vectors : (number + 1) * run.vectors]
                after += [r.multiply_add(factor, b, c) for b, c in zip(along, own, strict=True)]
            return after

        inner = length.literal
        if isinstance(inner, int) and inner * len(sums) <= STRAIGHT:
            for k in range(inner):
                sums = step(literal(k, INT64), sums)
        else:
            sums = r.loop(ZERO, length, sums, step)
        corner = r.entry("%C", dtype, r.multiply_integers(i, sizes.c_row))
        corner = r.entry(corner, dtype, r.multiply_integers(j, sizes.c_column))
        for number in range(height):
            line = r.entry(corner, dtype, r.multiply_integers(literal(number, INT64), sizes.c_row))
            for v in range(run.vectors):
                place = r.entry(line, dtype, r.multiply_integers(literal(v * self.lanes, INT64), sizes.c_column))
                mask = self._mask(run) if v == run.vectors - 1 else None
                self.store(sums[number * run.vectors + v], place, sizes.c_column, mask, first=first)
