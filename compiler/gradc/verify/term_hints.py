"""Hints about terms: one that is missing, too much, of the wrong sign, or counted too often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from gradc.ir.algebra import product_of
from gradc.ir.scalar import Scalar, is_apply
from gradc.ir.tensor import Compute, Graph, compute
from gradc.verify.hint_sample import Column, Sample, fraction_words, operands, rational
from gradc.verify.wording import scalar_words


def term_hints(sample: Sample, derived: Graph, hand: Graph) -> Iterator[str]:
    """A term that is missing or too much, or whose sign is wrong."""
    gap = sample.derived - sample.hand
    scale = max((abs(value) for value in sample.derived), default=0)
    if all(abs(value - gap[0]) <= sample.tolerance * max(scale, 1) for value in gap) and len(gap) > 1:
        exact = rational(gap[0], 100)
        if exact is not None:
            verb = "missing" if exact > 0 else "too much"
            yield f"the constant {fraction_words(abs(exact))} is {verb}"
    for words, column in _terms(sample, derived):
        multiple = _multiple(gap, column, sample.tolerance)
        if multiple == 1:
            yield f"the term {words} is missing"
    for words, column in _terms(sample, hand):
        multiple = _multiple(gap, column, sample.tolerance)
        if multiple == -2:
            yield f"the sign of the term {words} is wrong"
        elif multiple == -1:
            yield f"the term {words} is too much"


def term_multiples(sample: Sample, derived: Graph, hand: Graph) -> Iterator[str]:
    """A term that is there with a wrong factor."""
    gap = sample.derived - sample.hand
    for words, column in _terms(sample, hand):
        multiple = _multiple(gap, column, sample.tolerance)
        if multiple is not None and multiple not in (-2, -1):
            yield f"the term {words} needs the factor {fraction_words(multiple + 1)}"
    for words, column in _terms(sample, derived):
        multiple = _multiple(gap, column, sample.tolerance)
        if multiple is not None and multiple not in (1, 0):
            yield f"the term {words} is counted {fraction_words(1 - multiple)} times"


def _terms(sample: Sample, graph: Graph) -> Iterator[tuple[str, Column]]:
    from gradc.simplify.display import display

    output = graph.outputs[sample.position]
    shown = display(Graph(graph.inputs, (output,))).outputs[0]
    if not isinstance(shown, Compute) or shown.reducer is not None:
        return
    for term in _expanded(shown.body):
        column = sample.column(compute(output.shape, term), graph.inputs)
        if column is not None and any(value != 0 for value in column):
            yield scalar_words(term, output.rank), column


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
    exact = rational(gap[place] / column[place], 20)
    if exact is None:
        return None
    scale = max(abs(value) for value in column)
    for difference, value in zip(gap, column, strict=True):
        if abs(difference - value * exact.numerator / exact.denominator) > tolerance * scale:
            return None
    return exact
