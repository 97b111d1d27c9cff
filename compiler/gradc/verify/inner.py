"""Inner derivatives: the factors that the chain rule brings in, so that a missing one is called by its name."""

from __future__ import annotations

from gradc.differentiate.partials import local_derivatives, one_of
from gradc.ir.algebra import substitute
from gradc.ir.intern import Node
from gradc.ir.scalar import Apply, Number, Scalar, is_apply, is_number, load
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute, input_tensor
from gradc.ir.walk import graph_order, loads_of, operands_of, post_order
from gradc.verify.hint_sample import Inner, operands
from gradc.verify.sample import graph_size
from gradc.verify.wording import scalar_words, tensor_words

_MOST_NODES = 300
_MOST_INNER = 16


def inner_derivatives(value: Graph, wrt: Input) -> list[Inner]:
    """The derivatives of what stands inside powers and functions, and those of the functions themselves."""
    from gradc.simplify.display import display

    if graph_size(value) > _MOST_NODES:
        return []
    shown = display(value)
    depending = dependents(shown, wrt)
    found: dict[Tensor, None] = {}
    for tensor in graph_order(shown.outputs):
        if isinstance(tensor, Compute):
            for derivative in _of_body(tensor.body, depending):
                if not is_number(derivative, 1) and not is_number(derivative, -1) and _is_factor(derivative):
                    found[compute(tensor.extents, derivative)] = None
    tensors = display(Graph(value.inputs, tuple(list(found)[:_MOST_INNER]))).outputs if found else ()
    plain = [t for t in tensors if isinstance(t, Compute) and t.reducer is None]
    parts = [compute(t.shape, part) for t in plain for part in operands(t.body, "prod") if loads_of(part)]
    return [Inner(scalar_words(t.body, t.rank), t) for t in dict.fromkeys([*plain, *parts])]


def inner_arguments(value: Graph, wrt: Input) -> list[Inner]:
    """What stands inside the functions: the chain rule leaves it as it is."""
    if graph_size(value) > _MOST_NODES:
        return []
    depending = dependents(value, wrt)
    found: dict[Tensor, None] = {}
    for tensor in graph_order(value.outputs):
        if not isinstance(tensor, Compute):
            continue
        for node in post_order([tensor.body]):
            if isinstance(node, Apply) and node.op.arity == 1 and node.args[0].dtype == node.dtype:
                if any(item.tensor in depending for item in loads_of(node.args[0])):
                    found[compute(tensor.extents, node.args[0])] = None
    return [Inner(tensor_words(t), t) for t in found]


def _is_factor(derivative: Scalar) -> bool:
    """Whether a derivative is a number or depends on arguments: 1/n belongs to a mean."""
    return isinstance(derivative, Number) or bool(loads_of(derivative))


def dependents(graph: Graph, wrt: Input) -> set[Node]:
    """The nodes whose values depend on an input."""
    found: set[Node] = {wrt}
    for tensor in graph_order(graph.outputs):
        if any(child in found for child in operands_of(tensor)):
            found.add(tensor)
    return found


def _of_body(body: Scalar, depending: set[Node]) -> list[Scalar]:
    derivatives: list[Scalar] = []
    functions: list[Scalar] = []
    for node in post_order([body]):
        if not isinstance(node, Apply) or node.dtype.kind != "f" or node.op.name in ("neg", "convert"):
            continue
        if node.op.arity != 1 and not is_apply(node, "power"):
            continue
        inner = node.args[0]
        if inner.dtype != node.dtype or not any(item.tensor in depending for item in loads_of(inner)):
            continue
        derivatives += [d for _, d in local_derivatives(inner, one_of(inner), lambda item: item.tensor in depending)]
        functions += _of_function(node)
    return [*dict.fromkeys(derivatives), *dict.fromkeys(functions)]


def _of_function(node: Apply) -> list[Scalar]:
    """The derivative of the function itself, where it stands."""
    variable = load(input_tensor("inner argument", (), node.args[0].dtype))
    outer = substitute(node, {node.args[0]: variable})
    found = local_derivatives(outer, one_of(node), lambda item: item is variable)
    return [substitute(derivative, {variable: node.args[0]}) for _, derivative in found]


__all__ = ["dependents", "inner_arguments", "inner_derivatives"]
