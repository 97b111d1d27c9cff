"""Library calls in both modes: the rules of their rows in `gradc.ops.extern`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradc.errors import TraceError
from gradc.ir.source import carry_lines, lines_of
from gradc.ir.tensor import Extern, MultiNode, Shape, Tensor
from gradc.ops.extern import LIBRARY, Library, Setting


def pushed_forward(node: MultiNode, tangents: Sequence[Tensor | None], directions: Shape) -> dict[int, Tensor]:
    """The tangents of the results that have one, by their position."""
    row = _row(node, "forward")
    assert isinstance(node, Extern)
    assert row.tangent is not None
    found = row.tangent(Setting(node, row.batch_of(node.operands), directions, cotangents=False), tangents)
    moving = {position: tangent for position, tangent in enumerate(found) if tangent is not None}
    for tangent in moving.values():
        carry_lines(node, tangent)
    return moving


def pulled_back(
    node: MultiNode, cotangents: Mapping[int, Tensor], directions: Shape, wanted: Sequence[bool]
) -> Iterator[tuple[Tensor, Tensor]]:
    """The operands that are wanted and depended on, each with what its cotangent gets."""
    row = _row(node, "reverse")
    assert isinstance(node, Extern)
    assert row.cotangent is not None
    given = [cotangents.get(position) for position in range(len(node.results))]
    found = row.cotangent(Setting(node, row.batch_of(node.operands), directions, cotangents=True), given)
    for operand, cotangent, is_wanted in zip(node.operands, found, wanted, strict=True):
        if cotangent is not None and is_wanted:
            yield operand, cotangent


def _row(node: MultiNode, mode: str) -> Library:
    row = LIBRARY.get(node.name) if isinstance(node, Extern) else None
    if row is None or row.tangent is None or row.cotangent is None:
        where = "".join(f"\n  at {line}" for line in lines_of(node)[-1:])
        what = node.name if isinstance(node, Extern) else f"a {type(node).__name__}"
        raise TraceError(f"{what} has no {mode}-mode derivative yet{where}")
    return row
