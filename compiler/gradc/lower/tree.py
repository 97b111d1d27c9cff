"""The loop tree: what the kernel does, in order. Loops are numbered by their depth, and bodies speak of those numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gradc.ir.scalar import Load, Scalar
from gradc.ir.tensor import Compute, Extent, Tensor
from gradc.ir.walk import post_order
from gradc.lower.contractions import MatrixProduct


@dataclass(eq=False)
class Statement:
    """One Compute in the tree.

    ``body``, ``domain`` and ``target`` are over loop depths (`Index` d is the loop at depth d). A ``map`` stores one entry
    per iteration; a ``reduce`` combines in registers over the loops from ``first_reduce`` inwards; an ``accumulate`` adds
    into the buffer (``guarded`` where the entry may not exist); a ``scan`` stores its running value; a ``product`` is a
    matrix product inside the loops of its batch.
    """

    tensor: Compute
    kind: str
    extents: tuple[Extent, ...]
    target: tuple[Scalar, ...]
    body: Scalar
    domain: Scalar
    first_reduce: int
    inclusive: bool = True
    descending: bool = False
    guarded: bool = False
    stored: bool = True
    #: whether it makes a result that is larger than the cache and that nothing reads
    streamed: bool = False
    product: MatrixProduct | None = None

    @cached_property
    def nodes(self) -> list[Scalar]:
        """All scalars of the statement, operands first."""
        return post_order([self.body, self.domain, *self.target])

    @cached_property
    def reads(self) -> dict[Tensor, list[tuple[Scalar, ...]]]:
        """What it loads, and where."""
        reads: dict[Tensor, list[tuple[Scalar, ...]]] = {}
        for node in self.nodes:
            if isinstance(node, Load):
                reads.setdefault(node.tensor, []).append(node.indices)
        return reads

    @cached_property
    def operations(self) -> frozenset[Scalar]:
        """What one evaluation computes."""
        return frozenset(node for node in self.nodes if node.children and not isinstance(node, Load))

    @property
    def also_writes(self) -> tuple[Tensor, ...]:
        """What it writes besides its own tensor."""
        return ()

    @property
    def weight(self) -> int:
        """The operations of one evaluation, on its own."""
        return 1 + len(self.operations)

    @property
    def is_in_strips(self) -> bool:
        """Whether the loop around it only cuts it up."""
        return self.product is not None and self.product.strip is not None

    @property
    def is_in_blocks(self) -> bool:
        """Whether the loop around it is over blocks of what it does."""
        return False

    @property
    def depth(self) -> int:
        """How many loops are around it."""
        return len(self.extents)


@dataclass(eq=False)
class Nest:
    """A loop over one axis, and what happens in it, in order."""

    depth: int
    extent: Extent
    items: list[Item] = field(default_factory=list)
    descending: bool = False
    unrolled: bool = False
    #: whether its vectors are written one after the other, without a jump
    whole: bool = False
    #: whether several threads share its iterations, see `gradc.lower.parallel`
    shared: bool = False
    #: how many iterations run at a time, known once the code is written
    lanes: int = 1


Item = Statement | Nest


def statements(items: list[Item]) -> Iterator[Statement]:
    """All statements below, in order."""
    for item in items:
        if isinstance(item, Statement):
            yield item
        else:
            yield from statements(item.items)


def straight_line(items: Sequence[Item]) -> Iterator[Statement]:
    """The statements that run without a jump between them: those here, and those in unrolled loops."""
    for item in items:
        if isinstance(item, Statement):
            yield item
        elif item.unrolled:
            yield from straight_line(item.items)
