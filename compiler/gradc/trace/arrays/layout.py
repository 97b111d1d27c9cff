"""Where memory order decides: NumPy keeps the order of operands (``x.T + 1`` lies by columns), and whether ``reshape`` gives a
view or a copy rests on that.

Traced arrays have no memory. An array whose order may not be by rows is marked, and what may be a view of it or a copy can be
read, but not written to, nor read after a write to the array: that is an error, never the other meaning.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.scalar import Index, Scalar
from gradc.ir.tensor import Tensor
from gradc.ir.walk import post_order
from gradc.trace.arrays.storage import Region
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import trace_error

_UNCERTAIN = (
    "whether this array is a view or a copy depends on how the array it was made of lies in memory, which is not known while "
    "the function is traced; write to that array itself, or make a copy first, x.copy()"
)


def lies_by_rows(x: TracedArray) -> bool:
    """Whether the entries surely lie in row-major order, gaps and reversals aside."""
    longer = [k for k, e in enumerate(x.extents) if e != 1]
    if len(longer) < 2:
        return True
    if not x.is_row_major:
        return False
    region = x.region()
    if region is None:
        return True
    order: list[int] = []
    for position in region.forward:
        here = [n.position for n in post_order([position]) if isinstance(n, Index) and n.position in longer]
        if len(here) > 1:
            return True  # joined axes: a view of another shape, which only arrays by rows have
        order += here
    return order == sorted(order)


def in_layout_of(operands: Sequence[TracedArray], results: tuple[TracedArray, ...]) -> tuple[TracedArray, ...]:
    """The results, marked where an operand may not lie by rows."""
    if not all(lies_by_rows(x) for x in operands):
        for result in results:
            result.is_row_major = False
    return results


class UncertainView(TracedArray):
    """A view or a copy: NumPy's memory would tell."""

    __slots__ = ("_seen",)
    _seen: int

    @classmethod
    def of(cls, x: TracedArray, region: Region) -> UncertainView:
        """What ``x.reshape`` gives, where ``x`` may not lie by rows."""
        view = x.part(region)
        made = cls(None, storage=view._storage, region=view.region())
        made._seen = view._storage.version
        return made

    @property
    def tensor(self) -> Tensor:
        """The content, as long as it is the same either way."""
        if self._storage.version != self._seen:
            raise trace_error(_UNCERTAIN)
        return super().tensor

    def part(self, inner: Region) -> TracedArray:
        """A view of this array, as uncertain."""
        view = super().part(inner)
        made = UncertainView(None, storage=view._storage, region=view.region())
        made._seen = self._seen
        return made

    def write(self, inside: Scalar, value: Scalar) -> None:
        """Refused: the array it was made of would change, or not."""
        raise trace_error(_UNCERTAIN)
