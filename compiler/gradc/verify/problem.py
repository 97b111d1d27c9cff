"""The function that was differentiated by hand: traced on its arguments, with its derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.differentiate import gradient, jacobian_forward, jacobian_reverse
from gradc.errors import ArgumentError, DTypeError
from gradc.ir.scalar import number
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute
from gradc.simplify import simplify_outputs
from gradc.trace.containers import flatten
from gradc.trace.context import Trace, tracing
from gradc.trace.records import Argument, Capture, Traced
from gradc.trace.specs import Spec
from gradc.trace.surroundings.paths import root_path
from gradc.trace.tracing import lift_arguments, traced_call
from gradc.verify.arguments import arguments_of, check_signature, names_of, positions, title_of
from gradc.verify.at_point import exact_values
from gradc.verify.givens import Givens, Names, named_inputs
from gradc.verify.hand import GraphByHand
from gradc.verify.literals import exact_literals
from gradc.verify.parse_formula import function_from_text
from gradc.verify.sample import Point, sizes_in

_ORDINALS = {1: "", 2: "second ", 3: "third ", 4: "fourth "}


@dataclass(frozen=True)
class Derivative:
    """A derivative, output by output, over the inputs of the function's graph.

    ``paths`` names what each output is differentiated in; ``leaves`` are the arguments of first-order outputs.
    """

    graph: Graph
    paths: tuple[str, ...]
    leaves: tuple[Argument, ...]
    noun: str


@dataclass(frozen=True)
class Hand:
    """What was written by hand as a graph, with the data that it captured."""

    graph: Graph
    captured: Mapping[Input, Any]


class Problem:
    """The function and its arguments."""

    def __init__(
        self,
        f: Callable[..., Any] | str,
        args: Sequence[Any],
        at: Any,
        argnums: int | Sequence[int] = 0,
        parameters: Sequence[str] | None = None,
    ) -> None:
        self.function = function_from_text(f, parameters) if isinstance(f, str) else f
        self.title = title_of(f)
        self.names = names_of(self.function, args)
        self.args = arguments_of(self.function, self.names, args, at)
        self.names = self.names[: len(self.args)] if len(self.names) >= len(self.args) else self.names
        self.argnums = positions(argnums, len(self.args))
        self.traced = self._trace(self.function, {})
        graph = exact_literals(self.traced.graph)
        self.value = Graph(graph.inputs, tuple(simplify_outputs(graph.outputs)))

    @property
    def extents(self) -> list[str]:
        """The names of the arguments' extents."""
        return sizes_in([argument.input for argument in self.traced.arguments])

    # ------------------------------------------------------------ graphs

    def _trace(self, function: Callable[..., Any], taken: Mapping[str, int]) -> Traced:
        """The function on inputs named after the parameters of ``f``; names in ``taken`` are not given to captures."""
        with tracing(Trace(function)) as context:
            floats = frozenset(self.argnums)
            lifted = lift_arguments(context, self.args, {}, self.names, differentiated=floats)
            for name, count in taken.items():
                context._names.setdefault(name, count)
            return traced_call(context, function, lifted.args, {}, root_path(function), self.names)

    def by_hand(self, hand: Callable[..., Any] | GraphByHand) -> Hand:
        """The hand-written function; a capture that only shares its name with one of f gets another name."""
        if isinstance(hand, GraphByHand):
            return self._formula(hand.graph)
        check_signature(hand, len(self.args))
        traced = self._trace(hand, {})
        known = {capture.input: _content(self.traced, capture) for capture in self.traced.captures}
        clashes = [
            capture.input.name
            for capture in traced.captures
            if capture.input in known and not _same_content(known[capture.input], _content(traced, capture))
        ]
        traced = self._trace(hand, dict.fromkeys(clashes, 1)) if clashes else traced
        return Hand(traced.graph, _captured(traced))

    def _formula(self, graph: Graph) -> Hand:
        """The graph of a formula: its inputs are those of the function, by name."""
        known = {node.name: node for node in self.traced.graph.inputs}
        for node in graph.inputs:
            if known.get(node.name) is not node:
                have = f"of shape {node.shape}" if node.name in known else "which is no argument here"
                raise ArgumentError(f"the formula is about {node.name} {have}; the arguments are {', '.join(known)}")
        return Hand(Graph(self.traced.graph.inputs, graph.outputs), {})

    def givens(self, hand: Mapping[Input, Any], symmetric: Names, positive: Names) -> Givens:
        """Captures and pinned arguments with their values (data, the same at every point), and what is declared."""
        inputs = {argument.path: argument.input for argument in self.traced.arguments}
        values = {**_captured(self.traced), **hand}
        chosen = [
            named_inputs(what, given, inputs) for what, given in (("symmetric", symmetric), ("positive", positive))
        ]
        return Givens(values, *chosen)

    def derivative(self, order: int = 1, elementwise: bool = False) -> Derivative:
        """The gradient in the arguments, or the Jacobian where the output is not a scalar; again for each order."""
        output = self.output()
        leaves = tuple(leaf for argnum in self.argnums for leaf in self.traced.leaves_of(argnum))
        for leaf in leaves:
            if leaf.input.dtype.kind != "f":
                raise DTypeError(f"{leaf.path} holds {leaf.input.dtype}; give floats to differentiate in it")
        parts: list[tuple[Tensor, str]] = [(output, "")]
        for _ in range(order):
            wrt = [leaf.input for leaf in leaves]
            steps = [(path, _derivatives(tensor, wrt, elementwise)) for tensor, path in parts]
            parts = [
                (tensor, f"{path} and {leaf.path}" if path else leaf.path)
                for path, tensors in steps
                for leaf, tensor in zip(leaves, tensors, strict=True)
            ]
            parts = list(zip(simplify_outputs([tensor for tensor, _ in parts]), [p for _, p in parts], strict=True))
        outputs = tuple(tensor for tensor, _ in parts)
        noun = _noun(output, leaves, order, elementwise)
        return Derivative(Graph(self.value.inputs, outputs), tuple(path for _, path in parts), leaves, noun)

    def output(self) -> Tensor:
        """The result, which must be one and real."""
        if len(self.value.outputs) != 1:
            raise ArgumentError(
                f"{self.title} returns {len(self.value.outputs)} results; verify each of them on its own"
            )
        (output,) = self.value.outputs
        if output.dtype.kind != "f":
            raise DTypeError(f"{self.title} returns {output.dtype}; only real results are differentiated here")
        return output

    def point(self, givens: Mapping[Input, Any]) -> Point | None:
        """The example values as a point, where there are values for all arguments."""
        leaves = [leaf for value in self.args for leaf in flatten(value)[0] if not isinstance(leaf, bool | str)]
        if len(leaves) != len(self.traced.arguments) or any(isinstance(leaf, Spec) for leaf in leaves):
            return None
        values = {
            a.input: exact_values(np.asarray(leaf)) for a, leaf in zip(self.traced.arguments, leaves, strict=True)
        }
        return Point({**values, **{node: np.asarray(value) for node, value in givens.items()}}, {})


def _derivatives(output: Tensor, wrt: Sequence[Input], elementwise: bool) -> tuple[Tensor, ...]:
    if output.rank == 0 or elementwise:
        return tuple(gradient([output], [ones(output)], wrt))
    return tuple(jacobian_forward(output, t) if t.rank < output.rank else jacobian_reverse(output, t) for t in wrt)


def ones(output: Tensor) -> Compute:
    """An array of ones, the cotangent of a sum."""
    return compute(output.shape, number(1, output.dtype))


def _noun(output: Tensor, leaves: Sequence[Argument], order: int, elementwise: bool) -> str:
    scalars = elementwise or (output.rank == 0 and all(leaf.input.rank == 0 for leaf in leaves))
    if scalars or order > 2:
        return f"{_ORDINALS.get(order, f'{order}th ')}derivative"
    if order == 2:
        return "Hessian" if output.rank == 0 else "second derivative"
    return "gradient" if output.rank == 0 else "Jacobian"


def _content(traced: Traced, capture: Capture) -> np.ndarray[Any, Any]:
    return np.asarray(capture.read(traced.function), capture.input.dtype)


def _captured(traced: Traced) -> dict[Input, Any]:
    return {c.input: _content(traced, c) for c in traced.captures} | {
        node: np.asarray(value) for node, value in traced.pins
    }


def _same_content(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> bool:
    return left.shape == right.shape and left.tobytes() == right.tobytes()
