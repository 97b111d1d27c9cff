"""Forward mode: one rule over `Compute`.

``T'[i] = sum_k sum over loads L of (d body / d L) L'[index of L]``. Tangents may carry trailing *seed* axes: the seed
``x'[a, b] = [a = b]`` gives the Jacobian in one sweep, and what is left of the brackets is its sparsity pattern.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.differentiate.partials import local_differentials, multiply, one_of, telling_line, where_reached
from gradc.differentiate.reducers import exclusive_product, is_selection, selection_weight, split_products
from gradc.differentiate.running import Running, running
from gradc.differentiate.running import tangent as tangent_of_running
from gradc.differentiate.several import pushed_forward
from gradc.ir.algebra import Reindexing, conjunction, convert, equal, guarded, sum_of
from gradc.ir.build import as_tensor
from gradc.ir.scalar import Load, Number, Scalar, index, is_number, load, number
from gradc.ir.source import carry_lines
from gradc.ir.tensor import Compute, Constant, Input, MultiNode, Projection, Shape, Tensor, compute
from gradc.ir.walk import graph_order
from gradc.simplify.brackets import summed


def pushforward(
    outputs: Sequence[Tensor], wrt: Sequence[Tensor], tangents: Sequence[Tensor], seed_shape: Shape = ()
) -> tuple[Tensor, ...]:
    """The tangent of each output when ``wrt`` move along ``tangents``.

    ``tangents[k]`` has shape ``wrt[k].shape + seed_shape``, the results ``output.shape + seed_shape``.
    """
    sweep = _Sweep(dict(zip(wrt, tangents, strict=True)), seed_shape)
    for node in graph_order(outputs):
        if isinstance(node, MultiNode):
            sweep.push_several(node)
        elif isinstance(node, Tensor) and node not in sweep.tangents:
            sweep.push(node)
    return tuple(sweep.tangents.get(t) or compute(t.shape + seed_shape, number(0, t.dtype)) for t in outputs)


def identity_seed(shape: Shape, dtype: object) -> Tensor:
    """``[a = b]`` of shape ``shape + shape``: every direction at once."""
    rank = len(shape)
    ties = [equal(index(k), index(rank + k)) for k in range(rank)]
    return compute(shape + shape, guarded(conjunction(*ties), number(1, dtype)))  # type: ignore[arg-type]


class _Sweep:
    def __init__(self, tangents: dict[Tensor, Tensor], seed_shape: Shape) -> None:
        self.tangents = tangents
        self._seed_shape = seed_shape
        self._several: dict[MultiNode, dict[int, Tensor]] = {}

    def push(self, node: Tensor) -> None:
        """Give ``node`` its tangent, where it has one."""
        if node.dtype.kind not in "fc" or isinstance(node, Input | Constant):
            return
        if isinstance(node, Projection):
            tangent = self._several.get(node.source, {}).get(node.position)
            if tangent is not None:
                self.tangents[node] = tangent
            return
        assert isinstance(node, Compute)
        if node.reducer in (None, "sum"):
            self._push_body(node, one_of(node.body))
        elif (progress := running(node)) is not None:
            self._push_running(progress)
        elif node.reducer == "prod":
            self._push_product(node)
        elif is_selection(node):
            self._push_body(node, selection_weight(node))

    def push_several(self, node: MultiNode) -> None:
        """Find the tangents of the results of a node with several."""
        tangents = [self.tangents.get(operand) for operand in node.operands]
        if any(tangent is not None for tangent in tangents):
            self._several[node] = pushed_forward(node, tangents, self._seed_shape, pushforward)

    def _push_running(self, progress: Running) -> None:
        self._push_body(progress.entries, one_of(progress.entries.body))
        if progress.entries in self.tangents:
            found = tangent_of_running(progress, self.tangents[progress.entries], len(self._seed_shape))
            carry_lines(progress.node, found)
            self.tangents[progress.node] = found

    def _push_product(self, node: Compute) -> None:
        nested = split_products(node)
        if nested is not node:
            inner = nested.body.tensor  # type: ignore[attr-defined]
            self._push_product(inner)
        if nested is node or inner in self.tangents:
            self._push_body(nested, exclusive_product(nested), result=node)

    def _push_body(self, node: Compute, seed: Scalar, result: Tensor | None = None) -> None:
        with telling_line(node):
            found = local_differentials(node.body, one_of(node.body), lambda item: item.tensor in self.tangents)
        if not found:
            return
        rank, seeds = node.rank, len(self._seed_shape)
        # axes: the node's outputs, the seeds, then the node's reduce axes
        moved = [index(k if k < rank else k + seeds) for k in range(len(node.extents))]
        shift = Reindexing(dict(enumerate(moved)))
        directions = [index(rank + k) for k in range(seeds)]
        reached = where_reached(node.body)
        terms = [
            guarded(
                shift(reached[item]),
                change.mapped(lambda part: shift(multiply(seed, part))).along(
                    self._tangent(item, shift, directions), node.dtype
                ),
            )
            for item, change in found
        ]
        body = guarded(shift(node.domain), sum_of(*terms, dtype=node.dtype))
        shape = node.shape + self._seed_shape
        value = summed(shape, node.reduce_extents, body)
        if is_number(value, 0) and isinstance(value, Number):
            return
        tangent = as_tensor(shape, convert(value, node.dtype))
        carry_lines(node, tangent)
        self.tangents[result or node] = tangent

    def _tangent(self, item: Load, shift: Reindexing, directions: Sequence[Scalar]) -> Scalar:
        return load(self.tangents[item.tensor], [*[shift(i) for i in item.indices], *directions])
