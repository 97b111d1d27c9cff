"""Panels: a few vectors of columns of the right factor, row by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from gradc.ir.scalar import INT64, DType
from gradc.lower.routine import Routine
from gradc.lower.text import ZERO, Value, literal


class Panel(ABC):
    """Where a tile finds the rows of its columns."""

    @abstractmethod
    def row(self, k: Value) -> list[Value]:
        """The vectors of one row."""


class PlainPanel(Panel):
    """The matrix itself: its columns lie side by side."""

    def __init__(
        self, r: Routine, dtype: DType, lanes: int, masks: Sequence[str | None], where: str, stride: Value
    ) -> None:
        self._r, self._dtype, self._lanes, self._masks = r, dtype, lanes, masks
        self._where, self._stride = where, stride

    def row(self, k: Value) -> list[Value]:
        """Masked at the matrix's edge."""
        r = self._r
        line = r.entry(self._where, self._dtype, r.multiply_integers(k, self._stride))
        result = []
        for v, mask in enumerate(self._masks):
            at = r.entry(line, self._dtype, literal(v * self._lanes, INT64))
            result.append(r.load_vector(at, self._dtype, self._lanes, mask))
        return result


class CopiedPanel(Panel):
    """A copy on the stack, filled up with zeros beyond the matrix's edge."""

    def __init__(self, r: Routine, dtype: DType, lanes: int, vectors: int, depth: int, widest: int) -> None:
        self._r, self._dtype, self._lanes, self._vectors = r, dtype, lanes, vectors
        self._where = r.panel(dtype, depth * widest * lanes)

    def row(self, k: Value) -> list[Value]:
        """Whole vectors."""
        r = self._r
        return [r.load_vector(self._at(k, v), self._dtype, self._lanes, None) for v in range(self._vectors)]

    def _at(self, k: Value, vector: int) -> str:
        r = self._r
        size = literal(self._vectors * self._lanes, INT64)
        line = r.entry(self._where, self._dtype, r.multiply_integers(k, size))
        return r.entry(line, self._dtype, literal(vector * self._lanes, INT64))

    def fill(self, source: Panel, length: Value) -> None:
        """Copy ``length`` rows."""

        def copy(k: Value, _: list[Value]) -> list[Value]:
            for v, value in enumerate(source.row(k)):
                self._r.store_vector(value, self._at(k, v))
            return []

        self._r.loop(ZERO, length, [], copy)

    def fill_transposed(self, where: str, down: Value, across: Value, length: Value, width: Value) -> None:
        """Copy from columns that are ``across`` apart: squares of whole vectors if entries of a column are neighbours."""
        r, lanes = self._r, self._lanes
        left = [r.add_integers(width, literal(-v * lanes, INT64)) for v in range(self._vectors)]
        masks = [r.mask_of(r.maximum_integers(some, ZERO), lanes) for some in left]
        squares = r.rounded_down(length, lanes) if down.literal == 1 else ZERO

        def square(k: Value, _: list[Value]) -> list[Value]:
            for v in range(self._vectors):
                columns = [self._column(where, across, width, v * lanes + lane, k) for lane in range(lanes)]
                for lane, line in enumerate(r.transposed(columns)):
                    r.store_vector(line, self._at(r.add_integers(k, literal(lane, INT64)), v))
            return []

        def single(k: Value, _: list[Value]) -> list[Value]:
            for v, mask in enumerate(masks):
                at = r.entry(where, self._dtype, r.multiply_integers(k, down))
                at = r.entry(at, self._dtype, r.multiply_integers(literal(v * lanes, INT64), across))
                r.store_vector(r.gather(at, self._dtype, across, lanes, mask), self._at(k, v))
            return []

        r.loop(ZERO, squares, [], square, step=lanes)
        r.loop(squares, length, [], single)

    def _column(self, where: str, across: Value, width: Value, number: int, k: Value) -> Value:
        r = self._r
        at = r.entry(self._inside(where, across, width, number), self._dtype, k)
        return r.load_vector(at, self._dtype, self._lanes, None)

    def _inside(self, where: str, across: Value, width: Value, number: int) -> str:
        """A column, or the panel's last where there are fewer: its lane is read by nobody."""
        r = self._r
        last = r.add_integers(width, literal(-1, INT64))
        column = r.minimum_integers(literal(number, INT64), last)
        return r.entry(where, self._dtype, r.multiply_integers(column, across))
