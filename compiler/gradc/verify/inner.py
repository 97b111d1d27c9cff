"""Inner derivatives: the factors that the chain rule brings in, in words, so that a missing one is called by its name."""

from __future__ import annotations

from gradc.ir.scalar import Apply, Number, Scalar, is_apply
from gradc.ir.tensor import Compute, Graph, Input, compute
from gradc.ir.walk import loads_of, post_order
from gradc.verify.sample import graph_size
from gradc.verify.wording import scalar_words

_MOST_NODES = 300
_MOST_INNER = 12


def inner_derivatives(value: Graph, wrt: Input) -> list[str]:
    """The derivatives in ``wrt`` of what stands inside powers and functions of a scalar function, in words."""
    from gradc.simplify.display import display

    if graph_size(value) > _MOST_NODES or wrt.rank or any(output.rank for output in value.outputs):
        return []
    shown = display(value)
    (output,) = shown.outputs
    if not isinstance(output, Compute) or output.reducer is not None:
        return []
    nodes = post_order([output.body])
    if len(nodes) > _MOST_NODES:
        return []
    words: dict[str, None] = {}
    for argument in _arguments_of_functions(nodes, wrt)[:_MOST_INNER]:
        derivative = _derivative(argument, value, wrt)
        if derivative is not None:
            words[scalar_words(derivative, 0)] = None
    return list(words)


def _arguments_of_functions(nodes: list[Scalar], wrt: Input) -> list[Scalar]:
    found: dict[Scalar, None] = {}
    for node in nodes:
        if isinstance(node, Apply) and (node.op.arity == 1 or is_apply(node, "power")):
            inner = node.args[0]
            if any(item.tensor is wrt for item in loads_of(inner)):
                found[inner] = None
    return list(found)


def _derivative(argument: Scalar, value: Graph, wrt: Input) -> Scalar | None:
    from gradc.differentiate import gradient
    from gradc.ir.scalar import number
    from gradc.simplify.display import display

    inner = compute((), argument)
    (derivative,) = gradient([inner], [compute((), number(1, inner.dtype))], [wrt])
    (shown,) = display(Graph(value.inputs, (derivative,))).outputs
    if not isinstance(shown, Compute) or shown.reducer is not None or isinstance(shown.body, Number):
        return None
    return shown.body
