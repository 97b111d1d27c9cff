"""The values of traced arrays that captures and literals alone settle; captures whose value is demanded are pinned."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.ir.intern import Node
from gradc.ir.scalar import NamedConstant, Number, Size
from gradc.ir.tensor import Compute, Constant, Graph, Input, Tensor
from gradc.ir.walk import graph_order, operands_of, post_order
from gradc.trace.arrays.storage import literal_of
from gradc.trace.context import Trace, current_trace, trace_error

if TYPE_CHECKING:
    from gradc.trace.arrays.tracer import TracedArray


def concrete(array: TracedArray, what: str, instead: str = "") -> np.ndarray:
    """The value of ``array`` where captures and literals alone settle it; the captures are then pinned."""
    value = known_value(array)
    if value is None:
        given = f"{array.dtype.name}[{', '.join(map(str, array.extents))}]"
        words = f"{what} needs the value of a traced {given}, which is not known while the function is traced"
        raise trace_error(f"{words}; {instead}" if instead else words)
    return value


def known_value(array: TracedArray) -> np.ndarray | None:
    """The value of ``array`` where captures and literals alone settle it (pinning them), else None."""
    tensor = array.tensor
    literal = literal_of(tensor)
    if literal is not None and all(isinstance(e, int) for e in tensor.shape):
        fixed = tuple(int(e) for e in tensor.shape if isinstance(e, int))
        return np.full(fixed, number_value(literal), tensor.dtype)
    if isinstance(tensor, Constant):
        return tensor.value
    trace = current_trace()
    order = graph_order([tensor])
    inputs = [node for node in order if isinstance(node, Input)]
    if any(not _settled(trace, node) for node in inputs) or _depends_on_sizes(order):
        return None
    return _evaluated(tensor, inputs, [_pinned_value(trace, node) for node in inputs])


def reaches_unknown(array: TracedArray) -> bool:
    """Whether a way down along first or last operands ends at an input that is not known: a quick look at a long history."""
    trace = current_trace()
    for last in (0, -1):
        node: Node = array.tensor
        while operands_of(node):
            node = operands_of(node)[last]
        if isinstance(node, Input) and not _settled(trace, node):
            return True
    return False


def _settled(trace: Trace, node: Input) -> bool:
    """Whether the value of an input can be pinned; one of a nested call stands for a value of the outer trace."""
    if node in trace.values:
        return True
    alias = trace.aliases.get(node)
    if alias is None:
        return False
    return all(_settled(trace, inner) for inner in graph_order([alias.tensor]) if isinstance(inner, Input))


def _pinned_value(trace: Trace, node: Input) -> np.ndarray:
    if node in trace.values:
        return np.asarray(trace.pin(node), node.dtype)
    value = known_value(trace.aliases[node])
    assert value is not None
    return value


def literal_value(array: TracedArray) -> np.ndarray | None:
    """The value of ``array`` where it depends on nothing at all, else None. Nothing is pinned."""
    order = graph_order([array.tensor])
    if len(order) > 64 or any(isinstance(node, Input) for node in order):
        return None
    return known_value(array)


def _depends_on_sizes(order: Sequence[Node]) -> bool:
    for node in order:
        if isinstance(node, Tensor) and not all(isinstance(e, int) for e in node.shape):
            return True
        if isinstance(node, Compute) and any(isinstance(s, Size) for s in post_order([node.body, node.domain])):
            return True
    return False


def number_value(literal: Number) -> Any:
    """The Python number of a literal."""
    value = literal.value
    if isinstance(value, NamedConstant):
        return value.value
    return float(value) if isinstance(value, Fraction) else value


def _evaluated(tensor: Tensor, inputs: Sequence[Input], values: Sequence[np.ndarray]) -> np.ndarray:
    from gradc.evaluate import evaluate

    return np.asarray(evaluate(Graph(tuple(inputs), (tensor,)), list(values))[0])
