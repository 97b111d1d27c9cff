"""`verify`: is a hand-written derivative that of the function? `equal`: are two functions one?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradc.errors import ArgumentError, ShapeError
from gradc.ir.scalar import load
from gradc.ir.tensor import Graph, Input, Tensor, compute
from gradc.ir.walk import graph_order
from gradc.trace.containers import flatten
from gradc.trace.records import Argument
from gradc.verify.arguments import point_values
from gradc.verify.at_point import compare_at
from gradc.verify.compare import compare, shape_text
from gradc.verify.forgotten import derivative_of, forgotten
from gradc.verify.givens import Names
from gradc.verify.hand import GraphByHand, as_function, is_by_name, is_value
from gradc.verify.hint import Hint
from gradc.verify.hints import Related, find_hint
from gradc.verify.inner import inner_arguments, inner_derivatives
from gradc.verify.literals import exact_literals
from gradc.verify.parse_formula import parse_formula
from gradc.verify.problem import Derivative, Problem
from gradc.verify.repairs import NO_PARTS, Parts
from gradc.verify.syntax import names_in
from gradc.verify.verdict import Counterexample, Verdict
from gradc.verify.wording import tensor_words

#: Shows a graph of one output: (plain text, LaTeX).
Show = Callable[[Graph], tuple[str, str]]

_LONGEST_SHOWN = 160
#: What the two functions of an identity are called.
_SIDES = ("left", "right")
_LARGEST_SHOWN = 300
#: Entries that are looked at one by one for a hint.
_MOST_ENTRIES = 3


def verify(
    f: Callable[..., Any] | str,
    hand: Any,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    at: Any = None,
    order: int = 1,
    symmetric: Names = (),
    positive: Names = (),
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
        (``"4*x"``, ``^`` or ``**`` for powers, or LaTeX), a SymPy expression or matrix, a `Formula`, a `Function`, or a
        number or array, then at the point that ``args`` give. With several ``argnums`` a tuple (or a text with commas),
        or a dict with an entry for each argument, by name.
    args
        Example values or specs, which give the shapes; none means scalars.
    argnums
        The argument that is differentiated (by default the first), or several.
    at
        The same as ``args`` by keyword: a value, a tuple, or a dict by name.
    order
        2 for Hessians and second derivatives.
    symmetric, positive
        Names of arguments that are symmetric matrices, or above 0: points are chosen so, and a proof may use it. The
        derivative itself is that for a general matrix.
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
    >>> print(verify("sin(x)", "-sin(x)", order=2).status)
    proved

    """
    if order < 1:
        raise ArgumentError(f"order={order}: derivatives have order 1, 2, ...")
    problem = Problem(f, args, at, 0 if argnums is None else argnums)
    if argnums is None and is_by_name(hand, problem.names):
        named = {problem.names.index(name): hand[name] for name in hand}
        problem = Problem(f, args, at, tuple(sorted(named)))
        hand = tuple(named[position] for position in sorted(named))
        argnums = problem.argnums
    if is_value(hand):
        several = isinstance(hand, tuple | dict) and argnums is not None and not isinstance(argnums, int)
        at_point = hand if several or isinstance(hand, dict) else np.asarray(hand)
        return _at_point(problem, at_point, order, show)
    check = _Check(problem, as_function(hand, problem.names, problem.extents), hand, order, symmetric, positive, show)
    return check.verdict(seconds)


def equal(
    f: Callable[..., Any] | str,
    g: Any,
    *args: Any,
    at: Any = None,
    symmetric: Names = (),
    positive: Names = (),
    seconds: float = 5.0,
    show: Show | None = None,
) -> Verdict:
    """Whether ``g`` is the same function as ``f``, wherever ``f`` is defined.

    ``f`` and ``g`` are what `verify` takes for ``f`` and ``hand``; ``args``, ``at``, ``symmetric``, ``positive`` and
    ``seconds`` are as there. Texts are about the names of both.

    >>> print(equal("sin(2*x)", "2*sin(x)*cos(x)").status)
    proved
    >>> print(equal("log(x^2)", "2*log(x)").status)
    refuted
    """
    parameters = _names_of_texts(f, g)
    problem = Problem(f, args, at, (), parameters)
    hand = problem.by_hand(as_function(g, problem.names, problem.extents))
    inputs = _union(problem.value.inputs, hand.graph.inputs)
    derived, other = (exact_literals(Graph(inputs, o)) for o in (problem.value.outputs, hand.graph.outputs))
    if len(derived.outputs) != len(other.outputs):
        raise ShapeError(f"{problem.title} gives {len(derived.outputs)} results, the other one {len(other.outputs)}")
    shown, latex = _shown(derived, show)
    text, text_latex = _shown(other, show)
    claim = f if isinstance(f, str) else shown or problem.title
    texts = {"claim": claim, "derived": "", "hand": g if isinstance(g, str) else text or "the other function"}
    givens = problem.givens(hand.captured, symmetric, positive)
    verdict = compare(derived, other, fixed=givens, given=problem.point(givens), seconds=seconds, sides=_SIDES)
    verdict = verdict.explained(**texts, derived_latex=latex, hand_latex=text_latex, sides=_SIDES)
    if verdict.counterexample is None or verdict.hint:
        return verdict
    return verdict.hinted(find_hint(derived, other, givens) if len(derived.outputs) == 1 else None)


def _names_of_texts(f: Any, g: Any) -> list[str] | None:
    """The parameters of a formula that is compared with another one: the names in either."""
    if not isinstance(f, str):
        return None
    found = set(names_in(parse_formula(f)))
    return sorted(found | set(names_in(parse_formula(g)))) if isinstance(g, str) else sorted(found)


class _Check:
    """A derivative and what was written by hand, as graphs over the same inputs."""

    def __init__(
        self,
        problem: Problem,
        hand: Callable[..., Any] | GraphByHand,
        given: Any,
        order: int,
        symmetric: Names,
        positive: Names,
        show: Show | None,
    ) -> None:
        self._problem, self._given, self._order, self._show = problem, given, order, show
        written = problem.by_hand(hand)
        self._givens = problem.givens(written.captured, symmetric, positive)
        self._notes: tuple[str, ...] = ()
        self._derivative = self._read(written.graph)
        inputs = _union(self._derivative.graph.inputs, written.graph.inputs)
        outputs = self._outputs(written.graph.outputs)
        self._derived = exact_literals(Graph(inputs, self._derivative.graph.outputs))
        self._hand = exact_literals(Graph(inputs, outputs))
        self._value = Graph(inputs, problem.value.outputs)

    def _read(self, hand: Graph) -> Derivative:
        """The derivative that is meant: the elementwise one where the hand-written one has the output's shape."""
        derivative = self._problem.derivative(self._order)
        if self._order == 1 and self._meant_elementwise(derivative, hand):
            self._notes = ("read as the elementwise derivative: the Jacobian is diagonal",)
            return self._problem.derivative(elementwise=True)
        return derivative

    def _meant_elementwise(self, derivative: Derivative, hand: Graph) -> bool:
        output = self._problem.output()
        if derivative.noun != "Jacobian" or len(hand.outputs) != 1 or len(derivative.leaves) != 1:
            return False
        same = hand.outputs[0].shape == output.shape == derivative.leaves[0].input.shape
        return same and _is_diagonal(derivative.graph, self._givens, output.rank)

    def _outputs(self, outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The hand-written results; a number written for an array of it is spread out."""
        wanted = self._derivative.graph.outputs
        if len(outputs) != len(wanted):
            raise ShapeError(
                f"the {self._derivative.noun} of {self._problem.title} has {len(wanted)} parts "
                f"({', '.join(self._derivative.paths)}), the hand-written one {len(outputs)}"
            )
        spread = tuple(_spread(a, b) for a, b in zip(wanted, outputs, strict=True))
        text = isinstance(self._given, str | tuple | list)
        if not text or all(a is b for a, b in zip(spread, outputs, strict=True)):
            return tuple(outputs)
        self._notes += ("the number stands for an array of it",)
        return spread

    def verdict(self, seconds: float) -> Verdict:
        """The verdict, with texts, notes and a hint."""
        verdict = compare(
            self._derived,
            self._hand,
            fixed=self._givens,
            value=self._value,
            given=self._problem.point(self._givens),
            outputs=self._derivative.paths,
            seconds=seconds,
        )
        verdict = verdict.explained(notes=verdict.notes + self._notes, **self._texts())
        if verdict.status == "refuted" and not verdict.hint:
            verdict = verdict.hinted(self._hint(verdict))
        return verdict

    # ------------------------------------------------------------ texts and hints

    def _texts(self) -> dict[str, str]:
        derived_text, derived_latex = _shown(self._derived, self._show)
        hand_text, hand_latex = _shown(self._hand, self._show)
        return {
            "claim": _claim(self._derivative, self._problem),
            "derived": derived_text,
            "hand": self._given if isinstance(self._given, str) else hand_text,
            "derived_latex": derived_latex,
            "hand_latex": hand_latex,
        }

    def _hint(self, verdict: Verdict) -> Hint | None:
        found = verdict.counterexample
        if found is None:
            return None
        derived, hand, paths = self._derived, self._hand, list(self._derivative.paths)
        position = paths.index(found.output) if found.output in paths else 0
        leaf = self._derivative.leaves[position % len(self._derivative.leaves)]
        first = self._order == 1
        related = self._related(leaf) if first else []
        parts = _parts(self._value, leaf.input) if first else NO_PARTS
        lacking = forgotten(self._value, leaf.input) if first else ()
        single = len(found.entries) == 1 < found.total
        hint = self._hint_for_entries(found, position, parts) if single else None
        hint = hint or find_hint(
            derived, hand, self._givens, position=position, related=related, forgotten=lacking, parts=parts
        )
        if hint is None and len(found.entries) < found.total:
            hint = self._hint_for_entries(found, position, parts)
        return hint.within(f"in {paths[position]}") if hint is not None and len(paths) > 1 else hint

    def _hint_for_entries(self, found: Counterexample, position: int, parts: Parts) -> Hint | None:
        """What is wrong with one of the first entries that differ."""
        if not _is_fixed(self._derived.outputs[position]):
            return None
        for entry in found.entries[:_MOST_ENTRIES]:
            ours, theirs = (_entry_of(graph, position, entry) for graph in (self._derived, self._hand))
            hint = find_hint(ours, theirs, self._givens, parts=parts)
            if hint is not None:
                return hint.within(f"in entry [{', '.join(map(str, entry))}]")
        return None

    def _related(self, wrt: Argument) -> list[Related]:
        """What may have been derived instead: another argument's derivative, the function itself."""
        inputs = self._derived.inputs
        (output,) = self._value.outputs
        title, noun = self._problem.title, self._derivative.noun
        related = [Related(f"{title} itself, not its {noun}", Graph(inputs, (output,)), "function")]
        for leaf in self._problem.traced.arguments:
            if leaf is not wrt and leaf.input.dtype.kind == "f":
                other = derivative_of(output, leaf.input)
                words = f"the derivative in {leaf.path}, not in {wrt.path}"
                related.append(Related(words, Graph(inputs, (other,))))
        return related


def _parts(value: Graph, wrt: Input) -> Parts:
    return Parts(inner_derivatives(value, wrt), inner_arguments(value, wrt))


def _at_point(problem: Problem, hand: Any, order: int, show: Show | None) -> Verdict:
    """The verdict on numbers at a point."""
    values = point_values(problem.args, problem.names)
    derivative = problem.derivative(order)
    arguments = problem.traced.arguments
    point = {leaf.input: values[position] for position, leaf in enumerate(arguments)}
    leaves = flatten(hand)[0]
    verdict = compare_at(
        derivative.graph,
        [np.asarray(leaf) for leaf in leaves],
        {**point, **problem.givens({}, (), ())},
        {leaf.path: point[leaf.input] for leaf in arguments},
        derivative.paths,
    )
    text, latex = _shown(derivative.graph, show)
    claim = f"{_claim(derivative, problem)} at this point"
    return verdict.explained(claim=claim, hand=_short(hand), derived=text, derived_latex=latex)


def _claim(derivative: Derivative, problem: Problem) -> str:
    return f"the {derivative.noun} of {problem.title} in {_listed([leaf.path for leaf in derivative.leaves])}"


# ---------------------------------------------------------------- tensors


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


# ---------------------------------------------------------------- texts


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


__all__ = ["Show", "equal", "shape_text", "verify"]
