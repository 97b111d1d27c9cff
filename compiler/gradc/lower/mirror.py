"""The upper half of a symmetric matrix from its lower half."""

from __future__ import annotations

from gradc.ir.scalar import INT64, DType
from gradc.lower.module import Module
from gradc.lower.routine import Routine
from gradc.lower.text import ONE, ZERO, Value, literal
from gradc_runtime.engine import Host


def mirror_routine(module: Module, dtype: DType, host: Host) -> str:
    """The name of ``void name(matrix, side, stride)``, which is added to the module once."""
    name = f"gradc_mirror_{dtype.str[1:]}"
    if not module.has_helper(name):
        module.helper(name, _text(module, name, dtype, host))
    return name


def _text(module: Module, name: str, dtype: DType, host: Host) -> str:
    r = Routine(module, name, [("ptr", "A"), ("i64", "side"), ("i64", "stride")], host)
    lanes = host.vector_bits // (8 * dtype.itemsize)
    side, stride = Value("%side", INT64), Value("%stride", INT64)
    whole = r.rounded_down(side, lanes)

    def at(i: Value, j: Value) -> str:
        return r.entry("%A", dtype, r.add_integers(r.multiply_integers(i, stride), j))

    def square(i: Value, j: Value) -> None:
        """A square of vectors below the diagonal, to its place above."""
        rows = [r.load_vector(at(r.add_integers(i, literal(k, INT64)), j), dtype, lanes, None) for k in range(lanes)]
        for k, line in enumerate(r.transposed(rows)):
            r.store_vector(line, at(r.add_integers(j, literal(k, INT64)), i))

    def block_row(i: Value, _: list[Value]) -> list[Value]:
        def block(j: Value, _: list[Value]) -> list[Value]:
            square(i, j)
            return []

        r.loop(ZERO, i, [], block, step=lanes)
        return []

    def row(i: Value, _: list[Value]) -> list[Value]:
        """What the squares leave: in their diagonals, and in the rows below them."""
        start = r.minimum_integers(r.rounded_down(i, lanes), whole)
        in_squares = r.instruction(f"icmp slt i64 {i.text}, {whole.text}", r.depth)
        text = f"select i1 {in_squares}, i64 {start.text}, i64 0"
        first = Value(r.instruction(text, r.depth), INT64, r.depth)

        def entry(j: Value, _: list[Value]) -> list[Value]:
            value = r.load(at(i, j), dtype)
            r.line(f"store {value.type} {value.text}, ptr {at(j, i)}, align {dtype.itemsize}")
            return []

        r.loop(first, i, [], entry)
        return []

    r.loop(ZERO, whole, [], block_row, step=lanes)
    r.loop(ONE, side, [], row)
    return r.finished()
