"""Hints about factors: constants, arguments, sizes and inner derivatives that are missing or too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradc.ir.algebra import convert
from gradc.ir.scalar import Load, Number, Scalar, index, is_apply, load
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute, extent_scalar
from gradc.ir.walk import post_order
from gradc.verify.hint_sample import Candidate, Column, Sample, fraction_words, operands, rational
from gradc.verify.wording import scalar_words

_MOST_CANDIDATES = 40
#: Two factors together are only named while that says more than the derivative itself.
_LONGEST_PAIR = 24


def constant_ratio(sample: Sample, column: Column) -> Any:
    """The number r with derived = r * column everywhere, or None."""
    derived = sample.derived
    scale = max((abs(v) for v in derived), default=0)
    ratio = None
    for ours, theirs in zip(derived, column, strict=True):
        if abs(theirs) <= sample.tolerance * scale or theirs == 0:
            if abs(ours) > sample.tolerance * scale:
                return None
            continue
        here = ours / theirs
        if ratio is None:
            ratio = here
        elif abs(here - ratio) > sample.tolerance * abs(ratio):
            return None
    return ratio if ratio is None or ratio != 0 else None


_CONSTANTS: tuple[tuple[str, str], ...] = (
    ("pi", "pi"),
    ("log(10)", "log(10): the natural logarithm against the one to base 10"),
    ("log(2)", "log(2): the natural logarithm against the one to base 2"),
    ("pi/180", "pi/180: radians against degrees"),
    ("e", "e"),
    ("sqrt(2)", "sqrt(2)"),
    ("sqrt(pi)", "sqrt(pi)"),
)


def constant_hint(ratio: Any, sample: Sample, derived: Graph) -> str:
    """What to say where the derivative is ``ratio`` times the hand-written one everywhere."""
    exact = rational(ratio)
    if exact == 1:
        return ""
    if exact is not None:
        return _rational_hint(exact, sample, derived)
    for value, words in zip(_constant_values(), _CONSTANTS, strict=True):
        for factor, verb in ((value, "is missing"), (1 / value, "is too much")):
            multiple = rational(ratio / factor, 100)
            if multiple is not None:
                times = "" if multiple == 1 else f"{fraction_words(multiple)} times "
                return (
                    f"the factor {times}{words[1]} {verb}" if ":" not in words[1] else _explained(words[1], times, verb)
                )
    return f"it is {float(1 / ratio):.6g} times the derivative"


def _explained(words: str, times: str, verb: str) -> str:
    factor, _, reason = words.partition(": ")
    return f"the factor {times}{factor} {verb} ({reason})"


def _constant_values() -> list[Any]:
    from mpmath import mp

    return [+mp.pi, mp.log(10), mp.log(2), mp.pi / 180, +mp.e, mp.sqrt(2), mp.sqrt(mp.pi)]


def _rational_hint(ratio: Fraction, sample: Sample, derived: Graph) -> str:
    if ratio == -1:
        return "the sign is wrong: multiply by -1"
    size = _counted(abs(ratio), derived)
    sign = " and the sign is wrong" if ratio < 0 else ""
    if size:
        return f"{size}{sign}"
    if ratio.denominator == 1 or abs(ratio) > 1:
        return f"the factor {fraction_words(abs(ratio))} is missing{sign}"
    if abs(ratio.numerator) == 1:
        return f"the factor 1/{ratio.denominator} is missing (it is {ratio.denominator} times too large){sign}"
    return f"the factor {fraction_words(abs(ratio))} is missing{sign}"


def _counted(ratio: Fraction, derived: Graph) -> str:
    """1/n where n counts the entries of an input: a sum in place of a mean, or the reverse."""
    for node in derived.inputs:
        if not node.shape or not all(isinstance(extent, int) for extent in node.shape):
            continue
        entries = int(np.prod([int(e) for e in node.shape if isinstance(e, int)]))
        if entries > 2 and ratio == Fraction(1, entries):
            return (
                f"the factor 1/{entries} is missing: a mean divides by the number of entries of {node.name}, {entries}"
            )
        if entries > 2 and ratio == entries:
            return f"the factor {entries} is missing: a sum does not divide by the number of entries of {node.name}"
    return ""


def factors(sample: Sample, derived: Graph, fixed: Mapping[Input, Any]) -> list[Candidate]:
    """Factors of the derived formula first, then arguments, then sizes."""
    from gradc.simplify.display import display

    output = derived.outputs[sample.position]
    shown = display(Graph(derived.inputs, (output,))).outputs[0]
    expressions: dict[Scalar, None] = {}
    if isinstance(shown, Compute):
        body = shown.body if shown.reducer is None else None
        for factor in operands(body, "prod") if body is not None else []:
            expressions[_unpowered(factor)] = None
            expressions[factor] = None
        for term in operands(body, "sum") if body is not None else []:
            for factor in operands(term, "prod"):
                expressions[factor] = None
    expressions.update(dict.fromkeys(_arguments(derived.inputs, output)))
    sizes = [e for node in derived.inputs for e in node.shape if isinstance(e, Scalar)]
    expressions.update(dict.fromkeys(convert(extent_scalar(e), output.dtype) for e in sizes))
    candidates: list[Candidate] = []
    for scalar in list(expressions)[:_MOST_CANDIDATES]:
        if isinstance(scalar, Number) or scalar.dtype.kind not in "fc":
            continue
        column = sample.column(compute(output.shape, scalar), derived.inputs)
        if column is not None and all(value != 0 for value in column):
            is_size = not any(isinstance(node, Load) for node in post_order([scalar]))
            candidates.append(Candidate(scalar_words(scalar, output.rank), column, is_size))
    return candidates


def _unpowered(factor: Scalar) -> Scalar:
    return factor.children[0] if is_apply(factor, "power") else factor


def _arguments(inputs: Sequence[Input], output: Tensor) -> Iterator[Scalar]:
    """Every input that fits the output entry by entry."""
    for node in inputs:
        if node.dtype != output.dtype or node.rank > output.rank:
            continue
        offset = output.rank - node.rank
        if node.shape == output.shape[offset:]:
            yield load(node, [index(offset + k) for k in range(node.rank)])


def own_factors(output: Tensor, inputs: Sequence[Input]) -> list[str]:
    """The factors that a formula has, in words: only these can be too much."""
    from gradc.simplify.display import display

    shown = display(Graph(tuple(inputs), (output,))).outputs[0]
    if not isinstance(shown, Compute) or shown.reducer is not None:
        return [node.name for node in inputs if shown is node]
    factors_of_it = operands(shown.body, "prod")
    return [
        scalar_words(p, output.rank)
        for part in factors_of_it
        for p in (part, _unpowered(part))
        if not _is_inverse(part)
    ]


def _is_inverse(factor: Scalar) -> bool:
    exponent = factor.children[1] if is_apply(factor, "power") else None
    value = exponent.value if isinstance(exponent, Number) else 1
    return isinstance(value, int | Fraction) and value < 0


def missing_factor(
    sample: Sample, factors: Sequence[Candidate], inner: Sequence[str], own: Sequence[str] = ()
) -> Iterator[str]:
    """A candidate by which the hand-written one must be multiplied or divided."""
    for candidate in factors:
        for column, verb in ((sample.hand * candidate.column, "missing"), (sample.hand / candidate.column, "too much")):
            ratio = constant_ratio(sample, column)
            exact = None if ratio is None else rational(ratio, 100)
            if exact == 1 and candidate.is_size:
                yield _size_words(candidate.words, verb)
            elif exact is not None and verb == "too much" and candidate.words not in own:
                yield f"the factor {_inverse_words(exact, candidate.words)} is missing"
            elif exact is not None:
                yield _factor_words(exact, candidate.words, verb, inner)


def _size_words(words: str, verb: str) -> str:
    if verb == "missing":
        return f"the factor {words} is missing: a sum, not a mean"
    return f"the factor 1/{_bracketed(words)} is missing: a mean divides by the number of entries"


def _inverse_words(ratio: Fraction, words: str) -> str:
    if words.startswith("1/"):
        inverse = words.removeprefix("1/")
        return inverse if ratio == 1 else f"{fraction_words(ratio)}*{inverse}"
    return f"{fraction_words(ratio)}/{_bracketed(words)}"


def _factor_words(ratio: Fraction, words: str, verb: str, inner: Sequence[str]) -> str:
    negative = ratio < 0
    size = abs(ratio)
    factor = _bracketed(words) if size == 1 else f"{fraction_words(size)}*{_bracketed(words)}"
    if verb == "missing":
        reason = " (the inner derivative: chain rule)" if words in inner or factor in inner else ""
        text = f"the factor {factor} is missing{reason}"
    else:
        text = f"the factor {_bracketed(words)} is too much"
        text += "" if size == 1 else f", and a factor {fraction_words(size)} is missing"
    return text + (", and the sign is wrong" if negative else "")


def _bracketed(words: str) -> str:
    depth = 0
    for character in words:
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character in "+- ":
            return f"({words})"
    return words


def two_factors(sample: Sample, factors: Sequence[Candidate], inner: Sequence[str]) -> Iterator[str]:
    """Two candidates together."""
    for k, first in enumerate(factors[:10]):
        for second in factors[k:10]:
            if len(first.words) + len(second.words) > _LONGEST_PAIR:
                continue
            product = Candidate(f"{_bracketed(first.words)}*{_bracketed(second.words)}", first.column * second.column)
            yield from missing_factor(sample, [product], inner)
            if second is not first:
                quotient = Candidate(
                    f"{_bracketed(first.words)}/{_bracketed(second.words)}", first.column / second.column
                )
                yield from missing_factor(sample, [quotient], inner)
