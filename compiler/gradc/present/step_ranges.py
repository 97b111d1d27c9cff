"""What is known of the number of a step: which conditions on it always hold, and that it is no index from the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from gradc.ir.algebra import Substitution, linear_terms, rebuild, sum_of
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import TRUE, Apply, Load, Number, Scalar, is_apply, load, number
from gradc.ir.tensor import Compute, Extent, Input, Tensor, compute, extent_scalar
from gradc.ir.walk import graph_order, loads_of, post_order

_ORDERS = ("less", "less_equal", "greater", "greater_equal")


class StepRanges:
    """Simplifies tensors by the ranges of the numbers of steps: ``steps`` gives how many there are."""

    def __init__(self, steps: Mapping[Input, Extent]) -> None:
        first: dict[Scalar, Scalar] = {load(t): number(0) for t in steps}
        last: dict[Scalar, Scalar] = {load(t): sum_of(extent_scalar(count), -1) for t, count in steps.items()}
        self._steps = steps
        self._ends = [Substitution(first), Substitution(last)]

    def __call__(self, roots: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The tensors without conditions on steps that hold at each step."""
        images: dict[Tensor, Tensor] = {}
        for node in graph_order(roots):
            if isinstance(node, Compute) and self._reads_step(node):
                (read,) = replace_tensors([node], images)
                assert isinstance(read, Compute)
                images[node] = self._without(self._without(read, self._positions), self._conditions)
        return replace_tensors(roots, images)

    @staticmethod
    def _without(node: Compute, known: Callable[[Iterable[Scalar]], dict[Scalar, Scalar]]) -> Compute:
        simplify = Substitution(known(post_order([node.body, node.domain])), rebuild)
        return compute(
            node.shape,
            simplify(node.body),
            reduce_extents=node.reduce_extents,
            reducer=node.reducer,
            domain=simplify(node.domain),
        )

    def _reads_step(self, node: Compute) -> bool:
        return any(item.tensor in self._steps for item in loads_of(node.body, node.domain))

    def _positions(self, scalars: Iterable[Scalar]) -> dict[Scalar, Scalar]:
        """Indices that are not counted from the end."""
        listed = [s for s in scalars if is_apply(s, "position") and self._is_linear(s.children[0])]
        return {s: s.children[0] for s in listed if all(self._is_natural(end(s.children[0])) for end in self._ends)}

    @staticmethod
    def _is_natural(scalar: Scalar) -> bool:
        value = scalar.value if isinstance(scalar, Number) else 0  # a size less a number counts as one
        return isinstance(value, int) and value >= 0

    def _conditions(self, scalars: Iterable[Scalar]) -> dict[Scalar, Scalar]:
        """Comparisons that hold at the first and the last step, and so at each."""
        listed = [s for s in scalars if isinstance(s, Apply) and s.op.name in _ORDERS]
        linear = [s for s in listed if all(map(self._is_linear, s.args))]
        return {s: TRUE for s in linear if all(end(s) is TRUE for end in self._ends)}

    def _is_linear(self, scalar: Scalar) -> bool:
        """Whether this is the number of a step, or a sum with such numbers."""
        if scalar.dtype.kind != "i" or scalar.free:
            return False
        terms, _ = linear_terms(scalar)
        return all(not isinstance(a, Load) or a.tensor in self._steps for a in terms) and not any(
            isinstance(a, Apply) for a in terms
        )
