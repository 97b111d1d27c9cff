"""What was written by hand, in whatever form, as a function of the arguments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.tensor import Graph
from gradc.trace.containers import flatten
from gradc.verify.parse_formula import function_from_sympy, function_from_text, functions_from_texts


@dataclass(frozen=True)
class GraphByHand:
    """A `Formula`: its graph stands for itself."""

    graph: Graph


def is_value(hand: Any) -> bool:
    """Whether it is made of numbers and arrays: then it is the derivative at a point."""
    leaves = flatten(hand)[0]
    return bool(leaves) and all(isinstance(leaf, bool | int | float | np.ndarray | np.generic) for leaf in leaves)


def is_by_name(hand: Any, names: Sequence[str]) -> bool:
    """Whether it is a dict with an entry for each of some arguments."""
    return isinstance(hand, Mapping) and bool(hand) and all(key in names for key in hand)


def as_function(hand: Any, names: Sequence[str], extents: Collection[str] = ()) -> Callable[..., Any] | GraphByHand:
    """The hand derivation as a function of the parameters ``names``, or as a graph over inputs of these names.

    A text may use the named ``extents`` of the arguments too.
    """
    graph = getattr(hand, "graph_ir", None)
    if isinstance(graph, Graph):
        return GraphByHand(graph)
    if isinstance(hand, str):
        return function_from_text(hand, names, extents=extents)
    if isinstance(hand, tuple | list) and hand and all(isinstance(item, str) for item in hand):
        return functions_from_texts(hand, names, extents)
    if _is_sympy(hand):
        return function_from_sympy(hand, names, extents)
    if callable(hand):
        return hand  # type: ignore[no-any-return]
    if isinstance(hand, tuple | list) and hand:
        return _several([_part(item, names, extents) for item in hand])
    if isinstance(hand, int | float):
        return function_from_text(repr(hand), names)
    if isinstance(hand, np.ndarray | np.generic):
        return _constant(hand)
    if isinstance(hand, Mapping) and hand:
        unknown = ", ".join(repr(key) for key in hand if key not in names)
        raise ArgumentError(f"the hand derivation names {unknown}, but the arguments are {', '.join(names)}")
    raise ArgumentError(
        "a hand derivation is a function, a text, a SymPy expression, a Formula, a number or an array, or one of these "
        f"for each argument by name, not {type(hand).__name__}"
    )


def _part(item: Any, names: Sequence[str], extents: Collection[str]) -> Callable[..., Any]:
    part = as_function(item, names, extents)
    if isinstance(part, GraphByHand):
        raise ArgumentError("a Formula is compared as a whole; give it as the only hand derivation")
    return part


def _several(parts: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    def results(*args: Any) -> tuple[Any, ...]:
        return tuple(part(*args) for part in parts)

    return results


def _constant(value: Any) -> Callable[..., Any]:
    return lambda *args: value


def _is_sympy(value: Any) -> bool:
    items = value if isinstance(value, list | tuple) else [value]
    return bool(items) and all(type(item).__module__.split(".")[0] == "sympy" for item in items)
