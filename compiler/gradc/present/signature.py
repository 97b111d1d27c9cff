"""What source made of a formula looks like from outside: its name, its parameters, its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.ir.tensor import Graph
from gradc.present.origin import Origin

_ACTIONS = {
    "jit": "",
    "grad": "gradient",
    "value_and_grad": "value_and_gradient",
    "elementwise_grad": "derivative",
    "jacfwd": "jacobian",
    "jacrev": "jacobian",
    "jvp": "tangent",
    "vjp": "pullback",
}


@dataclass(frozen=True)
class Signature:
    """The outside of a function in source.

    ``name`` is the function's; ``inputs`` are the names (or paths) of the graph's inputs; ``captured`` holds the present
    values of those that the user's function took from its surroundings; ``tree`` is the structure of the result (None:
    one array or number).
    """

    name: str
    inputs: tuple[str, ...]
    captured: Mapping[str, Any]
    tree: Any = None


def signature_of(graph: Graph, inputs: Sequence[str], origin: Origin | None, outputs: Sequence[str]) -> Signature:
    """The signature for a formula; ``f_gradient`` is the gradient of f."""
    if origin is None:
        name = outputs[0] if len(outputs) == 1 and outputs[0].isidentifier() else "f"
        return Signature(name, tuple(inputs), {})
    action = _ACTIONS.get(origin.action, origin.action)
    name = f"{origin.name}_{action}" if action else origin.name
    return Signature(name, tuple(inputs), origin.data, origin.tree)
