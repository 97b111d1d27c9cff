"""Where a NaN or an infinity comes from: the first operation that made one, going forward or in the derivative.

The graph is walked as the user wrote it. From a result that is not finite the way leads back through operands that are not
finite either, to the operation whose operands all are; in the derivative it leads from the gradient forward through
adjoints, to the operation whose local derivative is to blame. What a ``where`` masks is not on the way.

An operation that gives nothing at all, since its matrix is singular or its index out of range, counts as one that gives NaN.
"""

from __future__ import annotations

import html
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradc.differentiate import gradient
from gradc.evaluate import evaluate
from gradc.evaluate.externs import extern_value
from gradc.evaluate.numbers import NumberSystem
from gradc.ir.build import as_tensor
from gradc.ir.intern import Node
from gradc.ir.scalar import TRUE, Apply, Load, Scalar, number
from gradc.ir.source import SourceLine
from gradc.ir.tensor import Compute, Extern, Graph, Input, MultiNode, Projection, Tensor, compute, input_tensor
from gradc.ir.walk import graph_order, operands_of, post_order
from gradc.simplify import simplify_outputs
from gradc.verify.nonfinite_inside import REFUSALS, first_failing

Array = np.ndarray[Any, Any]

_INFIX = {"add": "+", "sum": "+", "sub": "-", "mul": "*", "prod": "*", "div": "/", "pow": "**", "power": "**"}
#: What to write instead, by operation: where its value, and where its derivative is not finite.
_ADVICE = {
    "log": "log needs a positive argument; np.log1p(x) for log(1 + x), or np.where(x > 0, np.log(x), ...)",
    "log2": "the logarithm needs a positive argument",
    "log10": "the logarithm needs a positive argument",
    "log1p": "log1p needs an argument above -1",
    "sqrt": "the root needs an argument that is not negative: np.sqrt(np.maximum(x, 0))",
    "div": "the denominator is 0: np.where(d == 0, value, n / d) leaves those entries out, also of the derivative",
    "reciprocal": "the denominator is 0: np.where(d == 0, value, 1 / d) leaves those entries out, also of the derivative",
    "pow": "a negative base has no power with a fractional exponent, and 0 none with a negative one",
    "exp": "exp overflows above 709.78: subtract the maximum first (softmax), or stay in logarithms (np.logaddexp)",
    "exp2": "2**x overflows above 1024: stay in logarithms (np.logaddexp2)",
    "expm1": "expm1 overflows above 709.78",
    "sinh": "sinh overflows beyond 710.47",
    "cosh": "cosh overflows beyond 710.47",
    "arcsin": "the argument must be from -1 to 1: np.clip(x, -1, 1)",
    "arccos": "the argument must be from -1 to 1: np.clip(x, -1, 1)",
    "arctanh": "the argument must be between -1 and 1",
    "arccosh": "the argument must be at least 1",
    "sub": "infinity minus infinity has no value",
    "mul": "the product overflows, or is 0 times infinity",
    "inv": "the matrix has no inverse: A + eps * np.eye(n) has one where the eigenvalues of A are not negative",
    "solve": "the system has no single solution: A + eps * np.eye(n) for A, or the normal equations of a ridge regression",
    "triangular": "an entry of the diagonal is 0",
    "cholesky": "all eigenvalues of a symmetric A must be positive: A + eps * np.eye(n), or check that A is symmetric",
}
_DERIVATIVE_ADVICE = {
    "sqrt": "the derivative of sqrt is infinite at 0: np.where(x > 0, np.sqrt(x), 0) leaves it out, as does x + 1e-12 inside",
    "cbrt": "the derivative of cbrt is infinite at 0",
    "pow": "a power below 1 has an infinite derivative at 0: np.where(x > 0, x**p, 0) leaves those entries out",
    "arcsin": "the derivative of arcsin is infinite at -1 and 1",
    "arccos": "the derivative of arccos is infinite at -1 and 1",
    "log": "the derivative of log is infinite at 0",
    "div": "the derivative of a quotient divides by the square of the denominator, which is too small",
    "slogdet": "the derivative of log |det A| is the transposed inverse, which a singular matrix hasn't; A + eps * np.eye(n)",
}
_REFUSED = {
    "inv": "the matrix given to inv is singular",
    "solve": "the matrix given to solve is singular",
    "triangular": "the triangular matrix given to solve is singular",
    "cholesky": "the matrix given to cholesky is not positive definite",
}


@dataclass(frozen=True)
class Explanation:
    """Where the first NaN or infinity comes from. False where everything is finite.

    ``where`` is ``"argument"``, ``"value"``, ``"derivative"``, or empty; ``operation`` names the operation, ``operands`` are
    its operands at ``entry`` and ``result`` what it gave there (in the derivative: the adjoint behind it); ``line`` is the
    user's line; ``advice`` says what to write instead.
    """

    where: str = ""
    operation: str = ""
    operands: tuple[float, ...] = ()
    entry: tuple[int, ...] = ()
    result: float = 0.0
    line: SourceLine | None = None
    advice: str = ""
    found: str = field(default="everything is finite: the value and its derivative")

    def __bool__(self) -> bool:
        return bool(self.where)

    def __str__(self) -> str:
        lines = [self.found]
        if self.line is not None:
            lines.append(f"  in {self.line}")
        if self.advice:
            lines.append(f"  {self.advice}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        first, *rest = str(self).split("\n")
        return f"<div><b>{html.escape(first)}</b>" + "".join(f"<div>{html.escape(r)}</div>" for r in rest) + "</div>"


def explain(
    graph: Graph, values: Mapping[Input, Any], wrt: Sequence[Input], lines: Mapping[Node, SourceLine]
) -> Explanation:
    """The first operation of ``graph`` that is not finite at these values of its inputs, else of its derivative in ``wrt``.

    An array result counts by the sum of its entries. ``lines`` gives the user's line of a node.
    """
    search = _Search(graph, values, lines)
    return search.in_arguments() or search.in_value() or search.refused() or search.in_derivative(wrt) or Explanation()


class _Search:
    def __init__(self, graph: Graph, values: Mapping[Input, Any], lines: Mapping[Node, SourceLine]) -> None:
        self._graph = graph
        self._lines = lines
        self._arrays = [np.asarray(values[node]) for node in graph.inputs]
        self._order = graph_order(graph.outputs)
        self._tensors = [node for node in self._order if isinstance(node, Tensor)]
        self._refused: Tensor | None = None
        self._values = dict(zip(self._tensors, self._evaluated_until_refused(), strict=False))

    def _evaluated_until_refused(self) -> list[Array]:
        """The values of all tensors, in order, up to the one that has none."""
        try:
            return self._evaluated(self._tensors)
        except REFUSALS:
            position = bisect_left(range(len(self._tensors)), True, key=lambda k: self._refuses(self._tensors[: k + 1]))
        self._refused = self._tensors[position]
        return self._evaluated(self._tensors[:position])

    def _refuses(self, tensors: Sequence[Tensor]) -> bool:
        try:
            self._evaluated(tensors)
        except REFUSALS:
            return True
        return False

    def _evaluated(self, tensors: Sequence[Tensor]) -> list[Array]:
        with np.errstate(all="ignore"):
            results = evaluate(Graph(self._graph.inputs, tuple(tensors)), self._arrays)
        return [np.asarray(result) for result in results]

    # ------------------------------------------------------------ forward

    def in_arguments(self) -> Explanation:
        """An argument that holds NaN or infinity itself."""
        for node, array in zip(self._graph.inputs, self._arrays, strict=True):
            bad = _not_finite(array)
            if bad.any() and node in self._values:
                entry = _first(bad)
                text = f"the argument {_entry_text(node.name, entry)} is {_shown(array[entry])} itself"
                return Explanation("argument", "", (), entry, float(array[entry]), None, "", text)
        return Explanation()

    def in_value(self) -> Explanation:
        """The first operation on the way to a result that is not finite."""
        bad = {t for t, value in self._values.items() if _not_finite(value).any()}
        results = self._graph.outputs if self._refused is None else _tensors_below(self._refused)
        to_blame = self._reached([t for t in results if t in bad], bad)
        for tensor in self._tensors:
            if tensor in to_blame:
                return self._explained(tensor)
        return Explanation()

    def refused(self) -> Explanation:
        """The first operation that gives nothing at all."""
        tensor = self._refused
        if tensor is None:
            return Explanation()
        if isinstance(tensor, Projection) and isinstance(tensor.source, Extern):
            name, entry = tensor.source.name, self._refused_matrix(tensor.source)
            text = _REFUSED.get(name, f"{name} has no result")
            return self._told("value", name, (), entry, np.nan, tensor, text, shows_result=False)
        return self._inside(tensor) or self._out_of_range(tensor)

    def _inside(self, tensor: Tensor) -> Explanation:
        """The operation to blame in a loop, branch or call; nothing for other nodes."""
        if not isinstance(tensor, Projection) or isinstance(tensor.source, Extern):
            return Explanation()
        inside = first_failing(tensor.source, [self._values[t] for t in tensor.source.operands])
        if inside is None:
            return Explanation()
        search = _Search(inside.graph, inside.values, self._lines)
        found = search.in_value() or search.refused()
        line = found.line or self._line_of(tensor)
        return replace(found, line=line, found=f"{inside.words}: {found.found}") if found else found

    def _refused_matrix(self, call: Extern) -> tuple[int, ...]:
        """The place in a stack of matrices of the first that is refused."""
        operands = [self._values[t] for t in call.operands]
        for place in np.ndindex(operands[0].shape[:-2]):
            try:
                extern_value(call, [array[place] for array in operands], NumberSystem())
            except REFUSALS:
                return place
        return ()

    def _out_of_range(self, tensor: Tensor) -> Explanation:
        for scalar in post_order([tensor.body] if isinstance(tensor, Compute) else []):
            assert isinstance(tensor, Compute)
            if not isinstance(scalar, Apply) or scalar.op.name != "position":
                continue
            places, lengths, axis = (self._over(tensor, child) for child in scalar.args)
            outside = (places < -lengths) | (places >= lengths)
            if outside.any():
                entry = _first(outside)
                place, length = int(places[entry]), int(lengths[entry])
                text = f"index {place} is out of bounds for axis {int(axis[entry])} with size {length}"
                advice = f"the entries are {-length} to {length - 1}: np.clip(i, 0, {length - 1}) keeps to them"
                line = self._line_of(tensor)
                return Explanation("value", "index", (float(place), float(length)), entry, np.nan, line, advice, text)
        return Explanation("value", "index", (), (), np.nan, self._line_of(tensor), "", "an index is out of range")

    def _reached(self, roots: Sequence[Tensor], bad: set[Tensor]) -> set[Tensor]:
        """The tensors reached from the roots through tensors that are not finite, whose own operands are finite."""
        pending, seen, first = list(roots), set(roots), set()
        while pending:
            tensor = pending.pop()
            below = [t for t in _tensors_below(tensor) if t in bad]
            if not below:
                first.add(tensor)
            pending += [t for t in below if t not in seen]
            seen.update(below)
        return first

    def _explained(self, tensor: Tensor) -> Explanation:
        inside = self._inside(tensor)
        if inside:
            return inside
        if not isinstance(tensor, Compute):
            entry = _first(_not_finite(self._values[tensor]))
            name = _called(tensor)
            return self._told("value", name, (), entry, self._values[tensor][entry], tensor, f"{name} gives")
        scalar, entry = self._scalar_to_blame(tensor)
        if scalar is None:
            entry = _first(_not_finite(self._values[tensor]))
            name = str(tensor.reducer)
            return self._told(
                "value", name, (), entry, self._values[tensor][entry], tensor, f"the {name} of finite terms is"
            )
        result = self._at(tensor, scalar, entry)
        operands = tuple(self._at(tensor, child, entry) for child in scalar.children)
        name = scalar.op.name if isinstance(scalar, Apply) else "load"
        return self._told("value", name, operands, entry, result, tensor, f"{_written(name, operands)} is")

    def _scalar_to_blame(self, node: Compute) -> tuple[Scalar | None, tuple[int, ...]]:
        """The innermost part of the body that is not finite at some entry, over all axes of the node."""
        domain = self._over(node, node.domain) if node.domain is not TRUE else np.True_
        body = _not_finite(self._over(node, node.body)) & domain
        if not np.any(body):
            return None, ()
        entry = _first(body)
        scalar = node.body
        while True:
            below = [c for c in scalar.children if c.dtype.kind in "fc" and _bad(self._at(node, c, entry))]
            if not below:
                return scalar, entry
            scalar = below[0]

    def _over(self, node: Compute, scalar: Scalar) -> Array:
        return self._evaluated([compute(node.extents, scalar)])[0]

    def _at(self, node: Compute, scalar: Scalar, entry: tuple[int, ...]) -> float:
        value = self._over(node, scalar)[entry]
        return float(value.real) if np.iscomplexobj(value) else float(value)

    # ------------------------------------------------------------ derivative

    def in_derivative(self, wrt: Sequence[Input]) -> Explanation:
        """The operation whose local derivative makes the gradient not finite."""
        output = next((t for t in self._graph.outputs if t.dtype.kind == "f"), None)
        wanted = [node for node in wrt if node in self._values and node.dtype.kind == "f"]
        if output is None or not wanted:
            return Explanation()
        one = as_tensor(output.shape, number(1, output.dtype))
        try:
            gradients = self._evaluated(simplify_outputs(gradient([output], [one], wanted)))
        except REFUSALS:
            return self._refused_derivative()
        start = [node for node, found in zip(wanted, gradients, strict=True) if _not_finite(found).any()]
        if not start:
            return Explanation()
        tensors = [t for t in self._tensors if t.dtype.kind == "f"]
        adjoints = dict(zip(tensors, self._evaluated(gradient([output], [one], tensors)), strict=True))
        return self._followed(start[0], adjoints)

    def _refused_derivative(self) -> Explanation:
        """The first library call whose derivative needs what its matrix hasn't, an inverse mostly."""
        for tensor in self._tensors:
            if isinstance(tensor, Projection) and isinstance(tensor.source, Extern):
                one = as_tensor(tensor.shape, number(1, tensor.dtype))
                if self._refuses(gradient([tensor], [one], list(tensor.source.operands))):
                    name = tensor.source.name
                    text = f"the derivative of {name} has no value at a singular matrix"
                    return self._told("derivative", name, (), (), np.nan, tensor, text, shows_result=False)
        return Explanation()

    def _followed(self, tensor: Tensor, adjoints: Mapping[Tensor, Array]) -> Explanation:
        """From a tensor with such an adjoint through its consumers, to one whose own adjoint is finite."""
        consumers: dict[Tensor, list[Tensor]] = {}
        for consumer in self._tensors:
            for operand in _tensors_below(consumer):
                consumers.setdefault(operand, []).append(consumer)
        while True:
            later = [c for c in consumers.get(tensor, ()) if c in adjoints]
            further = next((c for c in later if _not_finite(adjoints[c]).any()), None)
            if further is None:
                break
            tensor = further
        entry = _first(_not_finite(adjoints[tensor])) if tensor in adjoints else ()
        consumer = next((c for c in later if self._is_to_blame(c, tensor, adjoints)), later[0] if later else tensor)
        value = self._values[tensor][entry]
        name = _operation_on(consumer, tensor)
        text = f"the derivative of {name} at {_shown(value)} is"
        return self._told("derivative", name, (float(value),), entry, adjoints[tensor][entry], consumer, text)

    def _is_to_blame(self, consumer: Tensor, tensor: Tensor, adjoints: Mapping[Tensor, Array]) -> bool:
        seed = input_tensor("cotangent", consumer.shape, consumer.dtype)
        outputs = gradient([consumer], [seed], [tensor])
        with np.errstate(all="ignore"):
            graph = Graph((*self._graph.inputs, seed), outputs)
            (contribution,) = evaluate(graph, [*self._arrays, adjoints[consumer]])
        return bool(_not_finite(contribution).any())

    # ------------------------------------------------------------ words

    def _line_of(self, tensor: Tensor) -> SourceLine | None:
        """The user's line of a tensor; of what tracing made on the way to another one, that of the other."""
        behind = {tensor}
        for other in self._tensors:
            if other is tensor or behind.intersection(_tensors_below(other)):
                line = self._lines.get(other) or (
                    self._lines.get(other.source) if isinstance(other, Projection) else None
                )
                if line is not None:
                    return line
                behind.add(other)
        return None

    def _told(
        self,
        where: str,
        name: str,
        operands: tuple[float, ...],
        entry: tuple[int, ...],
        result: Any,
        tensor: Tensor,
        text: str,
        *,
        shows_result: bool = True,
    ) -> Explanation:
        place = f" in entry [{', '.join(map(str, entry))}]" if entry else ""
        advice = (_ADVICE if where == "value" else {**_ADVICE, **_DERIVATIVE_ADVICE}).get(name, "")
        line = self._line_of(tensor)
        result = float(np.real(result))
        shown = f" {_shown(result)}" if shows_result else ""
        return Explanation(where, name, operands, entry, result, line, advice, f"{text}{shown}{place}")


def _tensors_below(tensor: Tensor) -> list[Tensor]:
    if isinstance(tensor, Projection):
        return list(tensor.source.operands)
    return [t for t in operands_of(tensor) if isinstance(t, Tensor)]


def _called(tensor: Tensor) -> str:
    source: MultiNode | None = tensor.source if isinstance(tensor, Projection) else None
    if isinstance(source, Extern):
        return source.name
    return type(source).__name__.lower() if source is not None else type(tensor).__name__.lower()


def _operation_on(consumer: Tensor, operand: Tensor) -> str:
    """The name of the operation that takes the operand."""
    if not isinstance(consumer, Compute):
        return _called(consumer)
    for scalar in post_order([consumer.body]):
        if isinstance(scalar, Apply) and any(isinstance(c, Load) and c.tensor is operand for c in scalar.args):
            return scalar.op.name
    return str(consumer.reducer) if consumer.reducer else "load"


def _written(name: str, operands: Sequence[float]) -> str:
    values = [_shown(value) for value in operands]
    if name in _INFIX and len(values) > 1:
        return f" {_INFIX[name]} ".join(f"({v})" if v.startswith("-") else v for v in values)
    return f"{name}({', '.join(values)})"


def _entry_text(name: str, entry: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, entry))}]" if entry else name


def _not_finite(array: Any) -> Array:
    array = np.asarray(array)
    return ~np.isfinite(array) if array.dtype.kind in "fc" else np.zeros(array.shape, bool)


def _bad(value: float) -> bool:
    return not np.isfinite(value)


def _first(mask: Array) -> tuple[int, ...]:
    return tuple(int(k) for k in np.argwhere(mask)[0]) if np.ndim(mask) else ()


def _shown(value: Any) -> str:
    return f"{float(np.real(value)):.6g}"


__all__ = ["Explanation", "explain"]
