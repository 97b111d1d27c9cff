"""Rebuilding comprehensions over other tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.ir.algebra import rebuild
from gradc.ir.scalar import Load, Scalar, load
from gradc.ir.tensor import Compute, Tensor, compute
from gradc.ir.walk import operands_of, post_order

#: What a node becomes, given its new children; None leaves it to the usual rebuilding.
Rule = Callable[[Scalar, Sequence[Scalar]], Scalar | None]


def rewritten(tensor: Compute, rule: Rule) -> Compute:
    """The comprehension with the rule applied to every node, operands first."""
    memo: dict[Scalar, Scalar] = {}
    for node in post_order([tensor.body, tensor.domain]):
        children = [memo[child] for child in node.children]
        new = rule(node, children)
        if new is None:
            same = all(a is b for a, b in zip(node.children, children, strict=True))
            new = node if same else rebuild(node, children)
        memo[node] = new
    return with_body(tensor, memo[tensor.body], memo[tensor.domain])


def with_body(tensor: Compute, body: Scalar, domain: Scalar) -> Compute:
    """The comprehension over the same axes with another body and domain."""
    if body is tensor.body and domain is tensor.domain:
        return tensor
    return compute(tensor.shape, body, reduce_extents=tensor.reduce_extents, reducer=tensor.reducer, domain=domain)


def with_tensors(tensor: Compute, replaced: dict[Tensor, Tensor]) -> Compute:
    """The comprehension reading the replacements."""
    if all(replaced[t] is t for t in operands_of(tensor) if isinstance(t, Tensor)):
        return tensor

    def rule(node: Scalar, children: Sequence[Scalar]) -> Scalar | None:
        return load(replaced[node.tensor], children) if isinstance(node, Load) else None

    return rewritten(tensor, rule)
