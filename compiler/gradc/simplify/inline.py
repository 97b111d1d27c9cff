"""Which producers are written into their consumers, so that the algebra can see through them.

A producer is inlined where that costs nothing (views, literals, patterns), where it has one consumer that visits each of its
entries once, or where it is so small that computing it again is cheaper than a load. Nothing with a reduction is inlined.
Bodies stay below a fixed size, which keeps every pass linear in the graph.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from gradc.ir.algebra import Substitution, reindexed
from gradc.ir.rewrite import reprojected
from gradc.ir.scalar import Apply, Index, Load, Number, Scalar, index, is_apply, load
from gradc.ir.source import carry_lines
from gradc.ir.tensor import Compute, Projection, Shape, Tensor, compute
from gradc.ir.walk import free_indices, graph_order, loads_of, operands_of, post_order
from gradc.simplify.patterns import is_pattern, is_view

#: Bodies larger than this are not written into a consumer.
_LARGEST_BODY = 64
#: A body of at most this many operations, all of them cheap, is repeated in every consumer.
_SMALL_BODY = 6
_CHEAP = 8.0
#: A body of at most this many operations is repeated in consumers over the same space, where one loop shares it.
_SHARED_BODY = 12


class Uses:
    """How many graph nodes read each tensor (being an output counts as one)."""

    def __init__(self, outputs: Sequence[Tensor]) -> None:
        self._counts: dict[object, int] = {}
        for output in outputs:
            self._count(output)
        for node in graph_order(outputs):
            for operand in operands_of(node):
                self._count(operand)

    def _count(self, node: object) -> None:
        self._counts[node] = self._counts.get(node, 0) + 1

    def of(self, tensor: Tensor) -> int:
        """The number of readers."""
        return self._counts.get(tensor, 0)


_operation_memo: weakref.WeakKeyDictionary[Tensor, tuple[int, float]] = weakref.WeakKeyDictionary()


def _operations(producer: Compute) -> tuple[int, float]:
    """The number and the cost of the floating operations of the producer's body."""
    known = _operation_memo.get(producer)
    if known is None:
        found = [n for n in post_order([producer.body]) if isinstance(n, Apply) and n.dtype.kind in "fcb"]
        known = (len(found), sum(n.op.cost for n in found))
        _operation_memo[producer] = known
    return known


def may_inline(item: Load, single_use: bool, extents: Shape) -> bool:
    """Whether the load's producer is written into a consumer over these extents."""
    producer, consumer_rank = item.tensor, len(extents)
    if not isinstance(producer, Compute) or producer.reducer is not None:
        return False
    if is_view(producer) or _is_scaled_view(producer) or is_pattern(producer):
        return True
    count, cost = _operations(producer)
    if count > _LARGEST_BODY:
        return False
    # over other extents a costly body would be computed twice: for this consumer, and for who reads the rest
    small = count <= _SMALL_BODY and cost <= _CHEAP * _SMALL_BODY
    if _same_space(item, consumer_rank) and count <= _SHARED_BODY and (small or producer.shape == extents):
        return True
    if not (single_use or small):
        return False
    return _visits_once(item, consumer_rank)


def _same_space(item: Load, consumer_rank: int) -> bool:
    """Whether the consumer reads entry (i, j, ...) at its own point (i, j, ...): one fused loop computes it once."""
    return len(item.indices) == consumer_rank and all(i is index(k) for k, i in enumerate(item.indices))


def _is_scaled_view(producer: Compute) -> bool:
    """A literal times a load: cheaper to repeat than to store."""
    body = producer.body
    return (
        is_apply(body, "prod")
        and len(body.children) == 2
        and isinstance(body.children[0], Number)
        and isinstance(body.children[1], Load)
    )


def _visits_once(item: Load, consumer_rank: int) -> bool:
    """Whether different points of the consumer's iteration space read different entries."""
    plain = {i.position for i in item.indices if isinstance(i, Index)}
    if len(plain) == consumer_rank:
        return True
    if loads_of(*item.indices):
        return False
    return len(free_indices(*item.indices)) == consumer_rank


def inline_producers(outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The outputs with every producer that `may_inline` allows written into its consumers."""
    uses = Uses(outputs)
    images: dict[Tensor, Tensor] = {}
    single: dict[Tensor, bool] = {}
    for node in graph_order(outputs):
        if isinstance(node, Projection):
            images[node] = reprojected(node, images)
        if not isinstance(node, Compute):
            continue
        write_in = _Inliner(images, single, node.extents)
        image = compute(
            node.shape,
            write_in(node.body),
            reduce_extents=node.reduce_extents,
            reducer=node.reducer,
            domain=write_in(node.domain),
        )
        images[node] = image
        single[image] = uses.of(node) <= 1 and image not in single
        carry_lines(node, image)
    return tuple(images.get(t, t) for t in outputs)


class _Inliner:
    """Writes producers into one body (and its domain)."""

    def __init__(self, images: dict[Tensor, Tensor], single: dict[Tensor, bool], extents: Shape) -> None:
        self._images, self._single, self._extents = images, single, extents
        self._replace = Substitution({})

    def __call__(self, body: Scalar) -> Scalar:
        for item in loads_of(body):
            image = self._images.get(item.tensor, item.tensor)
            renamed = load(image, [self._replace(i) for i in item.indices])
            if may_inline(renamed, self._single.get(image, False), self._extents):
                assert isinstance(image, Compute)
                self._replace.put(item, reindexed(image.body, renamed.indices))
            elif renamed is not item:
                self._replace.put(item, renamed)
        return self._replace(body)
