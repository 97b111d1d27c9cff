"""Hints about terms: one that is missing, too much, of the wrong sign, or with a wrong factor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

from gradc.ir.algebra import product_of, reindexed, substitute
from gradc.ir.scalar import Apply, Index, Load, Scalar, apply, index, is_apply, load
from gradc.ir.tensor import Compute, Graph, Tensor, compute
from gradc.ir.walk import loads_of
from gradc.verify.factor_hints import Factors, Pair
from gradc.verify.hint import Hint
from gradc.verify.hint_sample import Column, Sample, fraction_words, operands, rational, same
from gradc.verify.wording import tensor_words

_MOST_TERMS = 12
_DEEPEST = 6


@dataclass(frozen=True)
class Term:
    """A term in words and its values at all points and entries."""

    words: str
    column: Column


class Terms:
    """The terms of both formulas, and what the two differ by."""

    def __init__(self, sample: Sample, derived: Graph, hand: Graph) -> None:
        self._sample = sample
        self._gap = sample.derived - sample.hand
        self._ours = _terms(sample, derived)
        self._theirs = _terms(sample, hand)

    def missing(self) -> Iterator[Hint]:
        """A constant or one or two terms of the derived formula that the written one lacks."""
        exact = self._constant_gap()
        if exact is not None:
            kind, verb = ("dropped term", "missing") if exact > 0 else ("extra term", "too much")
            lacking = any(_multiple(self._gap, term.column, self._sample.tolerance) == 1 for term in self._ours)
            if lacking:
                yield Hint("dropped term", f"the constant {fraction_words(exact)} is missing")
            elif any(_multiple(self._gap, term.column, self._sample.tolerance) == -2 for term in self._theirs):
                yield Hint("sign", f"the sign of the term {fraction_words(-exact / 2)} is wrong")
            else:
                yield Hint(kind, f"the constant {fraction_words(abs(exact))} is {verb}")  # type: ignore[arg-type]
        for term in self._ours:
            if _multiple(self._gap, term.column, self._sample.tolerance) == 1:
                yield Hint("dropped term", f"the term {term.words} is missing")

    def two_missing(self) -> Iterator[Hint]:
        """Two terms of the derived formula that the written one lacks."""
        for first, second in combinations(self._ours, 2):
            if len(self._ours) > 2 and _multiple(self._gap, first.column + second.column, self._sample.tolerance) == 1:
                yield Hint("dropped term", f"the terms {first.words} and {second.words} are missing")

    def wrong(self) -> Iterator[Hint]:
        """A term of the written formula with a wrong sign, or one that does not belong there."""
        for term in self._theirs if len(self._theirs) > 1 else []:
            multiple = _multiple(self._gap, term.column, self._sample.tolerance)
            if multiple == -2:
                yield Hint("sign", f"the sign of the term {term.words} is wrong")
            elif multiple == -1:
                yield Hint("extra term", f"the term {term.words} is too much")

    def scaled(self, factors: Factors) -> Iterator[Hint]:
        """A term of the written formula that lacks a factor."""
        for pair, place in self._pairs():
            hint = factors.constant(pair)
            if hint is not None and not hint.text.startswith("it is"):
                yield hint.within(place)
        for pair, place in self._pairs():
            for hint in factors.single(pair):
                yield hint.within(place)

    def _pairs(self) -> Iterator[tuple[Pair, str]]:
        for term in self._theirs if len(self._theirs) > 1 else []:
            pair = Pair(self._gap + term.column, term.column, self._sample.tolerance)
            yield pair, f"in the term {term.words}"

    def with_another_slip(self, factors: Factors) -> Iterator[Hint]:
        """Two slips: a term with a wrong sign or factor, and another one, or a missing one."""
        tolerance = self._sample.tolerance
        for term in self._theirs if len(self._theirs) > 1 else []:
            for multiple, words in (
                (-1, "has the wrong sign"),
                (2, "needs the factor 2"),
                (Fraction(1, 2), "needs the factor 1/2"),
            ):
                scale: Any = multiple if isinstance(multiple, int) else 0.5
                gap = self._gap - (scale - 1) * term.column
                first = f"the term {term.words} {words}"
                for lacking in self._ours:
                    if _multiple(gap, lacking.column, tolerance) == 1:
                        yield Hint(
                            "sign" if multiple == -1 else "factor", f"{first}, and the term {lacking.words} is missing"
                        )
                for other in self._theirs:
                    hint = (
                        factors.constant(Pair(gap + other.column, other.column, tolerance))
                        if other is not term
                        else None
                    )
                    if hint is not None and not hint.text.startswith("it is"):
                        yield Hint(hint.kind, f"{first}, and in the term {other.words}, {hint.text}")

    def _constant_gap(self) -> Fraction | None:
        gap = self._gap
        scale = max((abs(value) for value in self._sample.derived), default=0)
        if len(gap) < 2 or any(abs(value - gap[0]) > self._sample.tolerance * max(scale, 1) for value in gap):
            return None
        return rational(gap[0], 100)


# ---------------------------------------------------------------- terms


def _terms(sample: Sample, graph: Graph) -> list[Term]:
    """The terms of the formula as it is written, and as it is displayed."""
    from gradc.simplify.display import display

    output = graph.outputs[sample.position]
    shown = display(Graph(graph.inputs, (output,))).outputs[0]
    written = [term for depth in range(1, _DEEPEST) for term in _written(output, depth)]
    tensors = [tensor for tensor, _ in written]
    signs = [sign for _, sign in written]
    for term, sign in [term for depth in range(2, _DEEPEST) for term in _written(shown, depth)]:
        tensors.append(term)
        signs.append(sign)
    if isinstance(shown, Compute) and shown.reducer is None:
        displayed = [compute(output.shape, term) for term in _expanded(shown.body)]
        tensors += displayed
        signs += [1] * len(displayed)
    found: list[Term] = []
    for tensor, sign in dict.fromkeys(zip(tensors, signs, strict=True)):
        if len(found) == _MOST_TERMS:
            break
        column = sample.column(tensor, graph.inputs)
        if column is None or not any(value != 0 for value in column):
            continue
        column = column if sign == 1 else -column
        if not any((column == term.column).all() for term in found):
            found.append(Term(_words(tensor, graph, sign), column))
    return found


def _words(tensor: Tensor, graph: Graph, sign: int) -> str:
    from gradc.simplify.display import display

    words = tensor_words(display(Graph(graph.inputs, (tensor,))).outputs[0])
    if sign == 1:
        return words
    return f"-{words}" if not any(c in words for c in " ") else f"-({words})"


def _written(tensor: Tensor, depth: int) -> list[tuple[Tensor, int]]:
    """The terms of sums and differences as they were written, to a depth; products with a sum are multiplied out."""
    if isinstance(tensor, Compute) and tensor.reducer == "sum" and depth > 0:
        return _under_sum(tensor)
    body = tensor.body if isinstance(tensor, Compute) and tensor.reducer is None else None
    if not isinstance(body, Apply) or depth == 0:
        return [(tensor, 1)]
    name, args = body.op.name, body.args
    if name in ("add", "sub", "neg", "sum"):
        signs = [1, -1] if name == "sub" else [-1 if name == "neg" else 1] * len(args)
        return [
            (term, sign * other)
            for arg, sign in zip(args, signs, strict=True)
            for term, other in _written(_operand(arg, tensor), depth - 1)
        ]
    if name in ("mul", "div", "prod"):
        for place in (0,) if name == "div" else range(len(args)):
            parts = _written(_operand(args[place], tensor), depth - 1)
            if len(parts) > 1 or parts[0][1] < 0:
                return [(_multiplied(tensor, body, place, part), sign) for part, sign in parts]
    return [(tensor, 1)]


def _under_sum(tensor: Compute) -> list[tuple[Tensor, int]]:
    """A sum of a product with a sum, term by term."""
    body = _with_short_operands(tensor.body)
    return [
        (compute(tensor.shape, t, reduce_extents=tensor.reduce_extents, reducer="sum", domain=tensor.domain), 1)
        for t in _expanded(body)
    ]


def _with_short_operands(body: Scalar) -> Scalar:
    """The body with the elementwise tensors it reads written out."""
    inside: dict[Scalar, Scalar] = {
        item: reindexed(item.tensor.body, item.indices)
        for item in loads_of(body)
        if isinstance(item.tensor, Compute) and item.tensor.reducer is None
    }
    return substitute(body, inside) if inside else body


def _operand(arg: Scalar, like: Tensor) -> Tensor:
    whole = isinstance(arg, Load) and [i.position if isinstance(i, Index) else None for i in arg.indices]
    if isinstance(arg, Load) and whole == list(range(like.rank)) and arg.tensor.shape == like.shape:
        return arg.tensor
    return compute(like.shape, arg)


def _multiplied(tensor: Tensor, body: Apply, place: int, part: Tensor) -> Tensor:
    args = list(body.args)
    args[place] = load(part, [index(k) for k in range(part.rank)])
    return compute(tensor.shape, apply(body.op, *args))


def _expanded(body: Scalar) -> Sequence[Scalar]:
    """The terms of a sum, or of a product with one sum."""
    if is_apply(body, "prod"):
        sums = [factor for factor in body.children if is_apply(factor, "sum")]
        if len(sums) == 1:
            others = [factor for factor in body.children if factor is not sums[0]]
            return [product_of(*others, term) for term in sums[0].children]
    return operands(body, "sum")


def _multiple(gap: Column, column: Column, tolerance: float) -> Fraction | None:
    """The small rational m with gap = m * column everywhere."""
    place = max(range(len(column)), key=lambda k: abs(column[k]))
    if column[place] == 0:
        return None
    exact = rational(gap[place] / column[place], 20)
    if exact is None:
        return None
    return exact if same(gap, column * exact.numerator / exact.denominator, tolerance) else None
