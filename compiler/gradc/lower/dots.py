"""Matrix products as dot products, several at a time: vectors run along the inner axis.

The form for few columns, where rows of A and columns of B have their entries side by side: matrix times vector above all.
As many rows as a vector has lanes are summed together, so that their results are one vector in the end.
"""

from __future__ import annotations

from gradc.ir.scalar import INT64
from gradc.lower.product_routine import ProductRoutine, Sizes
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc.lower.tiling import Run, row_runs

#: Entries of B that are copied to the stack where its columns aren't in one piece.
MOST = 4096


def most_columns(lanes: int, registers: int) -> int:
    """The columns whose sums fit in registers."""
    return max(1, (registers - 5) // lanes)


def copies_right(sizes: Sizes) -> bool:
    """Whether B's columns are first copied to lie in one piece each."""
    count = (sizes.inner.literal or MOST) * (sizes.columns.literal or MOST)
    return sizes.b_inner.literal != 1 and count <= MOST


class DottedProduct(ProductRoutine):
    """Writes the routine."""

    def text(self) -> str:
        """The routine."""
        r, sizes = self.r, self.sizes
        self._right, self._down, self._across = "%B", sizes.b_inner, sizes.b_column
        if copies_right(sizes):
            self._copy_right()
        self._end = r.rounded_down(sizes.inner, self.lanes)
        rest = r.subtract_integers(sizes.inner, self._end)
        self._tail = None if rest.literal == 0 else r.mask_of(rest, self.lanes)
        whole = r.rounded_down(sizes.rows, self.lanes)
        below = r.subtract_integers(sizes.rows, whole)
        self._rows(Run(ZERO, whole, self.lanes), None)
        if below.literal != 0:
            end = r.rounded_down(r.add_integers(sizes.rows, literal(self.lanes - 1, INT64)), self.lanes)
            self._rows(Run(whole, end, self.lanes), below)
        return r.finished()

    def _copy_right(self) -> None:
        r, sizes, dtype = self.r, self.sizes, self.dtype
        panel = r.panel(dtype, MOST)

        def column(j: Value, _: list[Value]) -> list[Value]:
            source = r.entry("%B", dtype, r.multiply_integers(j, sizes.b_column))
            target = r.entry(panel, dtype, r.multiply_integers(j, sizes.inner))

            def entry(k: Value, _: list[Value]) -> list[Value]:
                number = r.load(r.entry(source, dtype, r.multiply_integers(k, sizes.b_inner)), dtype)
                r.line(f"store {number.type} {number.text}, ptr {r.entry(target, dtype, k)}, align {dtype.itemsize}")
                return []

            r.loop(ZERO, sizes.inner, [], entry)
            return []

        r.loop(ZERO, sizes.columns, [], column)
        self._right, self._down, self._across = panel, ONE, sizes.inner

    def _rows(self, rows: Run, count: Value | None) -> None:
        """The rows in blocks; ``count`` of them where they are fewer than the lanes."""
        r = self.r
        most = most_columns(self.lanes, self.registers)
        columns = row_runs(r, self.sizes.columns, most if self.known(self.sizes.columns) is not None else 1)

        def block(i: Value, _: list[Value]) -> list[Value]:
            for run in columns:

                def column(j: Value, _: list[Value], run: Run = run) -> list[Value]:
                    self._sums(i, j, run.size, count)
                    return []

                r.run(run, column)
            return []

        r.run(rows, block)

    def _sums(self, i: Value, j: Value, width: int, count: Value | None) -> None:
        r, sizes, dtype, lanes, down, across = (self.r, self.sizes, self.dtype, self.lanes, self._down, self._across)
        heads = [self._row(i, number, count) for number in range(lanes)]
        corner = r.entry(self._right, dtype, r.multiply_integers(j, across))
        tops = [r.entry(corner, dtype, r.multiply_integers(literal(v, INT64), across)) for v in range(width)]

        def step(k: Value, sums: list[Value], mask: str | None = None) -> list[Value]:
            along = r.multiply_integers(k, down)
            factors = [r.gather(r.entry(top, dtype, along), dtype, down, lanes, mask) for top in tops]
            after: list[Value] = []
            for number, head in enumerate(heads):
                line = r.load_vector(r.entry(head, dtype, k), dtype, lanes, mask)
                own = sums[number * width : (number + 1) * width]
                after += [r.multiply_add(line, b, c) for b, c in zip(factors, own, strict=True)]
            return after

        sums = r.loop(ZERO, self._end, [r.vector_zero(dtype, lanes)] * (lanes * width), step, step=lanes)
        if self._tail is not None:
            sums = step(self._end, sums, self._tail)
        where = r.entry("%C", dtype, r.multiply_integers(i, sizes.c_row))
        mask = r.mask_of(count, lanes) if count is not None else None
        for v in range(width):
            total = r.sums_of(sums[v::width])
            at = r.entry(where, dtype, r.multiply_integers(r.add_integers(j, literal(v, INT64)), sizes.c_column))
            self.store(total, at, sizes.c_row, mask, first=not self.spec.accumulates)

    def _row(self, i: Value, number: int, count: Value | None) -> str:
        """A row of A; the last one again where there are fewer than lanes."""
        r = self.r
        position = literal(number, INT64)
        if count is not None:
            position = r.minimum_integers(position, r.add_integers(count, literal(-1, INT64)))
        place = r.add_integers(i, position)
        return r.entry("%A", self.dtype, r.multiply_integers(place, self.sizes.a_row))
