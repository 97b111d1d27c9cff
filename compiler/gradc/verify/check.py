"""`verify`: is a hand-written derivative that of the function?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradc.differentiate import gradient, jacobian_forward, jacobian_reverse
from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.ir.scalar import load, number
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute
from gradc.ir.walk import graph_order
from gradc.simplify import simplify_outputs
from gradc.trace.containers import flatten
from gradc.trace.context import Trace, tracing
from gradc.trace.paths import root_path
from gradc.trace.records import Argument, Capture, Traced
from gradc.trace.specs import Spec, scalar
from gradc.trace.tracing import lift_arguments, parameter_names, traced_call
from gradc.verify.at_point import compare_at, exact_values
from gradc.verify.compare import compare, shape_text
from gradc.verify.hints import Related, find_hint
from gradc.verify.inner import inner_derivatives
from gradc.verify.literals import exact_literals
from gradc.verify.parse_formula import function_from_sympy, function_from_text, functions_from_texts
from gradc.verify.sample import Point
from gradc.verify.verdict import Verdict
from gradc.verify.wording import tensor_words

#: Shows a graph of one output: (plain text, LaTeX).
Show = Callable[[Graph], tuple[str, str]]

_LONGEST_SHOWN = 160
_LARGEST_SHOWN = 300
#: Entries that are looked at one by one for a hint.
_MOST_ENTRIES = 3


def verify(
    f: Callable[..., Any] | str,
    hand: Any,
    *args: Any,
    argnums: int | Sequence[int] = 0,
    at: Any = None,
    seconds: float = 5.0,
    show: Show | None = None,
) -> Verdict:
    """Check a derivative of ``f`` that was derived by hand.

    Parameters
    ----------
    f
        The function, in plain NumPy, or a formula as text (its parameters are then its names in alphabetical order).
    hand
        What the derivative in ``argnums`` is claimed to be: a Python function of the same arguments, a formula as text
        (``"4*x"``, ``^`` or ``**`` for powers, or LaTeX), a SymPy expression, or a number or array, then at the point
        that ``args`` give. With several ``argnums`` a tuple (or a text with commas).
    args
        Example values or specs, which give the shapes; none means scalars.
    argnums
        The argument that is differentiated, or several.
    at
        The same as ``args`` by keyword: a value, a tuple, or a dict by name.
    seconds
        How long a proof may be looked for.

    Returns
    -------
    A `Verdict`: truthy when right; ``proved``, ``agrees`` or ``refuted`` with a counterexample and a hint.

    A scalar function has a gradient of its argument's shape, any other a Jacobian of shape ``output.shape + input.shape``.

    >>> print(verify(lambda x: 2 * x**4, "8*x**3").status)
    proved
    >>> print(verify("(w*x - y)**2", "2*(w*x - y)").hint)
    the factor x is missing (the inner derivative: chain rule)

    """
    problem = _Problem(f, args, at, argnums)
    if _is_value(hand):
        several = isinstance(hand, tuple | dict) and not isinstance(argnums, int)
        return problem.at_point(hand if several or isinstance(hand, dict) else np.asarray(hand), show)
    return problem.compared(_as_function(hand, problem.names), hand, seconds, show)


def _is_value(hand: Any) -> bool:
    leaves = flatten(hand)[0]
    return bool(leaves) and all(isinstance(leaf, bool | int | float | np.ndarray | np.generic) for leaf in leaves)


def _is_sympy(value: Any) -> bool:
    items = value if isinstance(value, list | tuple) else [value]
    return bool(items) and all(type(item).__module__.split(".")[0] == "sympy" for item in items)


def _as_function(hand: Any, names: Sequence[str]) -> Callable[..., Any]:
    if isinstance(hand, str):
        return function_from_text(hand, names)
    if isinstance(hand, tuple | list) and all(isinstance(item, str) for item in hand):
        return functions_from_texts(hand, names)
    if _is_sympy(hand):
        return function_from_sympy(hand, names)
    if callable(hand):
        return hand  # type: ignore[no-any-return]
    raise ArgumentError(
        f"a hand derivation is a function, a text, a SymPy expression, a number or an array, not {type(hand).__name__}"
    )


@dataclass(frozen=True)
class _Derivative:
    """A derivative, output by output, over the inputs of the function's graph."""

    graph: Graph
    leaves: tuple[Argument, ...]
    noun: str


class _Problem:
    """The function, its arguments, and its derivative."""

    def __init__(self, f: Callable[..., Any] | str, args: Sequence[Any], at: Any, argnums: int | Sequence[int]) -> None:
        self.function = function_from_text(f) if isinstance(f, str) else f
        self.title = _title(f)
        self.names = _names(self.function, args)
        self.args = _arguments(self.function, self.names, args, at)
        self.names = self.names[: len(self.args)] if len(self.names) >= len(self.args) else self.names
        self.argnums = _positions(argnums, len(self.args))
        self.traced = self._trace(self.function, {})
        graph = exact_literals(self.traced.graph)
        self.value = Graph(graph.inputs, tuple(simplify_outputs(graph.outputs)))

    # ------------------------------------------------------------ graphs

    def _trace(self, function: Callable[..., Any], taken: Mapping[str, int]) -> Traced:
        """The function on inputs named after the parameters of ``f``; names in ``taken`` are not given to captures."""
        with tracing(Trace(function)) as context:
            floats = frozenset(self.argnums)
            lifted = lift_arguments(context, self.args, {}, self.names, differentiated=floats)
            for name, count in taken.items():
                context._names.setdefault(name, count)
            return traced_call(context, function, lifted.args, {}, root_path(function), self.names)

    def _hand_traced(self, hand: Callable[..., Any]) -> Traced:
        """The hand-written function; a capture that only shares its name with one of f gets another name."""
        _check_signature(hand, len(self.args))
        traced = self._trace(hand, {})
        known = {capture.input: self._content(self.traced, capture) for capture in self.traced.captures}
        clashes = [
            capture.input.name
            for capture in traced.captures
            if capture.input in known and not _same_content(known[capture.input], self._content(traced, capture))
        ]
        return self._trace(hand, dict.fromkeys(clashes, 1)) if clashes else traced

    @staticmethod
    def _content(traced: Traced, capture: Capture) -> np.ndarray[Any, Any]:
        return np.asarray(capture.read(traced.function), capture.input.dtype)

    def fixed(self, *others: Traced) -> dict[Input, Any]:
        """Captures and pinned arguments with their values: data, the same at every point."""
        traces = (self.traced, *others)
        captured = {c.input: self._content(t, c) for t in traces for c in t.captures}
        return captured | {node: np.asarray(value) for t in traces for node, value in t.pins}

    def derivative(self, argnums: Sequence[int], elementwise: bool = False) -> _Derivative:
        """The gradient in the arguments, or the Jacobian where the output is not a scalar."""
        if len(self.value.outputs) != 1:
            raise ArgumentError(
                f"{self.title} returns {len(self.value.outputs)} results; verify each of them on its own"
            )
        (output,) = self.value.outputs
        if output.dtype.kind != "f":
            raise DTypeError(f"{self.title} returns {output.dtype}; only real results are differentiated here")
        leaves = tuple(leaf for argnum in argnums for leaf in self.traced.leaves_of(argnum))
        for leaf in leaves:
            if leaf.input.dtype.kind != "f":
                raise DTypeError(f"{leaf.path} holds {leaf.input.dtype}; give floats to differentiate in it")
        wrt = [leaf.input for leaf in leaves]
        if output.rank == 0 or elementwise:
            outputs = gradient([output], [_ones(output)], wrt)
            noun = "derivative" if elementwise or all(t.rank == 0 for t in wrt) else "gradient"
        else:
            outputs = tuple(_jacobian(output, tensor) for tensor in wrt)
            noun = "Jacobian"
        return _Derivative(Graph(self.value.inputs, simplify_outputs(outputs)), leaves, noun)

    # ------------------------------------------------------------ the two kinds of check

    def compared(self, hand: Callable[..., Any], given: Any, seconds: float, show: Show | None) -> Verdict:
        """The verdict on a function."""
        traced = self._hand_traced(hand)
        derivative = self.derivative(self.argnums)
        notes: tuple[str, ...] = ()
        if self._meant_elementwise(derivative, traced):
            derivative = self.derivative(self.argnums, elementwise=True)
            notes = ("read as the elementwise derivative: the Jacobian is diagonal",)
        fixed = self.fixed(traced)
        inputs = _union(derivative.graph.inputs, traced.graph.inputs)
        hand_outputs = tuple(traced.graph.outputs)
        if len(hand_outputs) != len(derivative.graph.outputs):
            raise ShapeError(
                f"the {derivative.noun} of {self.title} has {len(derivative.graph.outputs)} parts "
                f"({', '.join(leaf.path for leaf in derivative.leaves)}), the hand-written one {len(hand_outputs)}"
            )
        spread = [_spread(a, b) for a, b in zip(derivative.graph.outputs, hand_outputs, strict=True)]
        if isinstance(given, str) and any(a is not b for a, b in zip(spread, hand_outputs, strict=True)):
            hand_outputs = tuple(spread)
            notes += ("the number stands for an array of it",)
        derived_graph = exact_literals(Graph(inputs, derivative.graph.outputs))
        hand_graph = exact_literals(Graph(inputs, hand_outputs))
        value = Graph(inputs, self.value.outputs)
        paths = [leaf.path for leaf in derivative.leaves]
        verdict = compare(
            derived_graph,
            hand_graph,
            fixed=fixed,
            value=value,
            given=self._given(fixed),
            outputs=paths,
            seconds=seconds,
        )
        verdict = verdict.explained(
            notes=verdict.notes + notes, **self._texts(derivative, derived_graph, hand_graph, given, show)
        )
        if verdict.status == "refuted" and not verdict.hint:
            verdict = verdict.explained(hint=self._hint(verdict, derivative, derived_graph, hand_graph, fixed))
        return verdict

    def _given(self, fixed: Mapping[Input, Any]) -> Point | None:
        """The example values as a point, where there are values for all arguments."""
        leaves = [leaf for value in self.args for leaf in flatten(value)[0] if not isinstance(leaf, bool | str)]
        if len(leaves) != len(self.traced.arguments) or any(isinstance(leaf, Spec) for leaf in leaves):
            return None
        values = {
            a.input: exact_values(np.asarray(leaf)) for a, leaf in zip(self.traced.arguments, leaves, strict=True)
        }
        return Point({**values, **{node: np.asarray(value) for node, value in fixed.items()}}, {})

    def at_point(self, hand: Any, show: Show | None) -> Verdict:
        """The verdict on numbers at a point."""
        values = _point_values(self.args, self.names)
        derivative = self.derivative(self.argnums)
        point = {leaf.input: values[position] for position, leaf in enumerate(self.traced.arguments)}
        leaves = flatten(hand)[0]
        verdict = compare_at(
            derivative.graph,
            [np.asarray(leaf) for leaf in leaves],
            {**point, **self.fixed()},
            {leaf.path: point[leaf.input] for leaf in self.traced.arguments},
            [leaf.path for leaf in derivative.leaves],
        )
        claim = f"the {derivative.noun} of {self.title} in {_listed([leaf.path for leaf in derivative.leaves])}"
        text, latex = _shown(derivative.graph, show)
        return verdict.explained(claim=f"{claim} at this point", hand=_short(hand), derived=text, derived_latex=latex)

    def _meant_elementwise(self, derivative: _Derivative, traced: Traced) -> bool:
        """The hand-written one has the output's shape, and the Jacobian is diagonal."""
        (output,) = self.value.outputs
        if derivative.noun != "Jacobian" or len(traced.graph.outputs) != 1 or len(derivative.leaves) != 1:
            return False
        same = traced.graph.outputs[0].shape == output.shape == derivative.leaves[0].input.shape
        return same and _is_diagonal(derivative.graph, self.fixed(traced), output.rank)

    # ------------------------------------------------------------ texts and hints

    def _texts(
        self, derivative: _Derivative, derived: Graph, hand: Graph, given: Any, show: Show | None
    ) -> dict[str, str]:
        derived_text, derived_latex = _shown(derived, show)
        hand_text, hand_latex = _shown(hand, show)
        claim = f"the {derivative.noun} of {self.title} in {_listed([leaf.path for leaf in derivative.leaves])}"
        return {
            "claim": claim,
            "derived": derived_text,
            "hand": given if isinstance(given, str) else hand_text,
            "derived_latex": derived_latex,
            "hand_latex": hand_latex,
        }

    def _hint(
        self, verdict: Verdict, derivative: _Derivative, derived: Graph, hand: Graph, fixed: Mapping[Input, Any]
    ) -> str:
        found = verdict.counterexample
        if found is None:
            return ""
        paths = [leaf.path for leaf in derivative.leaves]
        position = paths.index(found.output) if found.output in paths else 0
        leaf = derivative.leaves[position]
        related = self._related(derivative, derived.inputs, leaf)
        inner = inner_derivatives(Graph(derived.inputs, self.value.outputs), leaf.input)
        entries = found.entries if len(found.entries) < found.total else ()
        for entry in entries[:_MOST_ENTRIES]:
            one = [_entry_of(graph, position, entry) for graph in (derived, hand)]
            text = find_hint(one[0], one[1], fixed, inner=inner) if _is_fixed(derived.outputs[position]) else ""
            if text:
                return f"in entry [{', '.join(map(str, entry))}], {text}"
        text = find_hint(derived, hand, fixed, position=position, related=related, inner=inner)
        return f"in {leaf.path}, {text}" if text and len(paths) > 1 else text

    def _related(self, derivative: _Derivative, inputs: tuple[Input, ...], wrt: Argument) -> list[Related]:
        """What may have been derived instead: another argument's derivative, the function itself."""
        (output,) = self.value.outputs
        related = [Related(f"{self.title} itself, not its {derivative.noun}", Graph(inputs, (output,)))]
        if output.rank:
            return related
        for leaf in self.traced.arguments:
            if leaf is not wrt and leaf.input.dtype.kind == "f":
                (other,) = gradient([output], [_ones(output)], [leaf.input])
                words = f"the derivative in {leaf.path}, not in {wrt.path}"
                related.append(Related(words, Graph(inputs, (other,))))
        return related


# ---------------------------------------------------------------- arguments


def _title(f: Callable[..., Any] | str) -> str:
    if isinstance(f, str):
        return f if len(f) <= 60 else "the formula"
    name = getattr(f, "__name__", "") or type(f).__name__
    return "the function" if name == "<lambda>" else str(name)


def _names(function: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    known = parameter_names(function)
    return list(known.positional) or [known.of(k, max(len(args), 1)) for k in range(max(len(args), 1))]


def _arguments(function: Callable[..., Any], names: Sequence[str], args: Sequence[Any], at: Any) -> tuple[Any, ...]:
    """The arguments, from ``args`` or ``at``; scalars where neither gives any."""
    if at is not None:
        if args:
            raise ArgumentError("give the point by at= or after the hand derivation, not both")
        args = _from_at(function, names, at)
    if not args:
        return tuple(scalar() for _ in _required(function, names))
    if len(args) < len(_required(function, names)):
        missing = list(names)[len(args) : len(_required(function, names))]
        raise ArgumentError(f"no value or spec for {', '.join(missing)}")
    return tuple(args)


def _from_at(function: Callable[..., Any], names: Sequence[str], at: Any) -> Sequence[Any]:
    if isinstance(at, Mapping):
        unknown = [name for name in at if name not in names]
        if unknown:
            raise ArgumentError(f"at= gives {', '.join(unknown)}, but the parameters are {', '.join(names)}")
        given = [name for name in names if name in at]
        if given != list(names)[: len(given)] or len(given) < len(_required(function, names)):
            missing = [name for name in names if name not in at]
            raise ArgumentError(f"at= needs a value for {', '.join(missing)} too")
        return [at[name] for name in given]
    return at if isinstance(at, tuple) else (at,)


def _required(function: Callable[..., Any], names: Sequence[str]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return list(names)
    return [name for name in names if name not in parameters or parameters[name].default is inspect.Parameter.empty]


def _positions(argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for position in wanted:
        if not -count <= position < count:
            raise ArgumentError(f"argnums={argnums}: the function takes {count} arguments here")
    return tuple(position % count for position in wanted)


def _check_signature(hand: Callable[..., Any], count: int) -> None:
    try:
        inspect.signature(hand).bind(*[None] * count)
    except TypeError as problem:
        raise ArgumentError(f"the hand derivation must take the {count} arguments of the function: {problem}") from None
    except ValueError:
        return


def _point_values(args: Sequence[Any], names: Sequence[str]) -> list[np.ndarray[Any, Any]]:
    values = []
    for value, name in zip(args, names, strict=False):
        for leaf in flatten(value)[0]:
            if isinstance(leaf, Spec):
                raise ArgumentError(f"a number or an array is the derivative at a point: give {name} a value (at=)")
            values.append(np.asarray(leaf))
    return values


def _same_content(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> bool:
    return left.shape == right.shape and left.tobytes() == right.tobytes()


# ---------------------------------------------------------------- tensors


def _ones(output: Tensor) -> Compute:
    return compute(output.shape, number(1, output.dtype))


def _jacobian(output: Tensor, wrt: Tensor) -> Tensor:
    return jacobian_forward(output, wrt) if wrt.rank < output.rank else jacobian_reverse(output, wrt)


def _union(first: Sequence[Input], second: Sequence[Input]) -> tuple[Input, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _is_fixed(tensor: Tensor) -> bool:
    return all(isinstance(extent, int) for extent in tensor.shape)


def _entry_of(graph: Graph, position: int, entry: Sequence[int]) -> Graph:
    """The graph of one entry of an output."""
    return Graph(graph.inputs, (compute((), load(graph.outputs[position], list(entry))),))


def _spread(derived: Tensor, hand: Tensor) -> Tensor:
    """A scalar given for an array, as an array."""
    if hand.rank == 0 and derived.rank > 0:
        return compute(derived.shape, load(hand))
    return hand


def _is_diagonal(jacobian: Graph, fixed: Mapping[Input, Any], rank: int) -> bool:
    from gradc.verify.sample import points, values_at

    source = points(jacobian.inputs, fixed, seed=3)
    for _ in range(3):
        value = values_at(jacobian, next(source)).outputs[0]
        count = int(np.prod(value.shape[:rank]))
        square = np.reshape(value, (count, count))
        if any(square[i, j] != 0 for i in range(count) for j in range(count) if i != j):
            return False
    return True


def _shown(graph: Graph, show: Show | None) -> tuple[str, str]:
    """The outputs as text and LaTeX, where they are short enough to read."""
    if len(graph_order(graph.outputs)) > _LARGEST_SHOWN:
        return "", ""
    if show is not None:
        text, latex = show(graph)
        return (text, latex) if len(text) <= _LONGEST_SHOWN and "\n" not in text else ("", "")
    from gradc.simplify.display import display

    texts = [tensor_words(output) for output in display(graph).outputs]
    return (", ".join(texts), "") if all(texts) and len(", ".join(texts)) <= _LONGEST_SHOWN else ("", "")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _short(value: Any) -> str:
    from gradc.verify.verdict import shown_value

    leaves = flatten(value)[0]
    return ", ".join(shown_value(leaf) for leaf in leaves)


__all__ = ["Show", "shape_text", "verify"]
