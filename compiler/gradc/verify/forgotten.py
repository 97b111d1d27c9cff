"""Derivatives in which one dependence was forgotten: the product rule's second term, the sum under a softmax.

Every operand that depends on the argument is held constant in turn; the derivative of what is left is what is written by
those who overlook it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradc.differentiate import gradient, jacobian_forward, jacobian_reverse
from gradc.ir.algebra import rebuild, substitute
from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import Apply, Load, Scalar, load, number
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute, input_tensor
from gradc.ir.walk import graph_order, loads_of, post_order
from gradc.verify.hint_sample import Related
from gradc.verify.inner import dependents
from gradc.verify.sample import graph_size
from gradc.verify.wording import operand_words, scalar_words

_MOST_NODES = 200
_MOST_HELD = 16


def derivative_of(output: Tensor, wrt: Tensor) -> Tensor:
    """The gradient of a scalar, the Jacobian of an array."""
    if output.rank == 0:
        return gradient([output], [compute((), number(1, output.dtype))], [wrt])[0]
    return jacobian_forward(output, wrt) if wrt.rank < output.rank else jacobian_reverse(output, wrt)


def forgotten(value: Graph, wrt: Input) -> Iterator[Related]:
    """Derivatives of the function where one operand is taken as constant, one after the other."""
    if len(value.outputs) != 1 or graph_size(value) > _MOST_NODES:
        return
    constant = input_tensor(f"{wrt.name} held constant", wrt.shape, wrt.dtype)
    depending = dependents(value, wrt)
    count = 0
    for tensor in reversed(graph_order(value.outputs)):
        if not isinstance(tensor, Compute):
            continue
        for node, held in _operands(tensor.body, depending):
            (output,) = _with_constant(value, tensor, node, held, wrt, constant)
            derivative = derivative_of(output, wrt)
            (derivative,) = replace_tensors([derivative], {constant: wrt})
            inner = _words(held, tensor)
            words = "" if inner == wrt.name or not inner else f"{inner} depends on {wrt.name} too"
            yield Related(words, Graph(value.inputs, (derivative,)), "dropped term")
            count += 1
            if count >= _MOST_HELD:
                return


def _operands(body: Scalar, depending: set[Node]) -> Iterator[tuple[Scalar, Scalar]]:
    """Operands that depend on the argument, of operations with several of them."""
    for node in reversed(post_order([body])):
        if not isinstance(node, Apply) or node.op.arity == 1:
            continue
        those = [c for c in node.children if any(item.tensor in depending for item in loads_of(c))]
        for child in dict.fromkeys(those) if len(those) > 1 else ():
            yield node, child


def _with_constant(
    value: Graph, tensor: Compute, node: Scalar, held: Scalar, wrt: Input, constant: Input
) -> tuple[Tensor, ...]:
    frozen: dict[Scalar, Scalar] = {
        item: load(replace_tensors([item.tensor], {wrt: constant})[0], item.indices) for item in loads_of(held)
    }
    still = substitute(held, frozen)
    replaced = rebuild(node, [still if child is held else child for child in node.children])
    body = substitute(tensor.body, {node: replaced})
    changed = compute(
        tensor.shape, body, reduce_extents=tensor.reduce_extents, reducer=tensor.reducer, domain=tensor.domain
    )
    return replace_tensors(value.outputs, {tensor: changed})


def _words(held: Scalar, tensor: Compute) -> str:
    if isinstance(held, Load):
        return operand_words(held.tensor)
    return scalar_words(held, len(tensor.extents))
