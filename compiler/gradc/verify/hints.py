"""The smallest correction that makes a refuted derivation right.

Candidates (factors and terms of the derived formula, arguments, sizes, usual constants) are tested by numbers at several
points in extended precision and then named as symbols. Only a correction that makes the two equal at every point is
offered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np

from gradc.ir.algebra import convert
from gradc.ir.scalar import Load, Number, Scalar, index, is_apply, load, number
from gradc.ir.tensor import Compute, Graph, Input, Tensor, compute, extent_scalar
from gradc.ir.walk import post_order
from gradc.verify.repairs import find_repair
from gradc.verify.sample import Point, is_finite, points, values_at
from gradc.verify.wording import scalar_words

_POINTS = 4
_TRIED = 40
_MOST_CANDIDATES = 40
_LARGEST_NAMED = 1000
#: Two factors together are only named while that says more than the derivative itself.
_LONGEST_PAIR = 24
_TOLERANCE = 1e-25
_DOUBLE_TOLERANCE = 1e-8

Column = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Candidate:
    """An expression that may be missing, with its values at all points and entries, in one column."""

    words: str
    column: Column
    is_size: bool = False


@dataclass(frozen=True)
class Related:
    """Another function that the hand-written one may be by mistake: ``words`` says which."""

    words: str
    graph: Graph


class Sample:
    """Values of the two functions, and of candidates, in the same order of points and entries."""

    def __init__(self, derived: Graph, hand: Graph, position: int, fixed: Mapping[Input, Any]) -> None:
        self.position = position
        self.points: list[Point] = []
        self.tolerance = _TOLERANCE
        self.derived_arrays: list[Column] = []
        self.hand_arrays: list[Column] = []
        only_point = all(node in fixed for node in derived.inputs)
        for point in islice(points(derived.inputs, fixed, seed=7), 1 if only_point else _TRIED):
            self._take(derived, hand, point)
            if len(self.points) == _POINTS:
                break

    def _take(self, derived: Graph, hand: Graph, point: Point) -> None:
        try:
            ours, theirs = values_at(derived, point), values_at(hand, point)
        except IndexError:
            return
        a, b = ours.outputs[self.position], theirs.outputs[self.position]
        if is_finite(a).all() and is_finite(b).all():
            if min(ours.digits, theirs.digits) < 20:
                self.tolerance = _DOUBLE_TOLERANCE
            self.points.append(point)
            self.derived_arrays.append(np.asarray(a))
            self.hand_arrays.append(np.asarray(b))

    @property
    def derived(self) -> Column:
        """The derived values in one column."""
        return np.concatenate([np.reshape(a, -1) for a in self.derived_arrays])

    @property
    def hand(self) -> Column:
        """The hand-written values in one column."""
        return np.concatenate([np.reshape(a, -1) for a in self.hand_arrays])

    def column(self, tensor: Tensor, inputs: Sequence[Input]) -> Column | None:
        """The values of a tensor of the same shape, or None where it is not defined everywhere."""
        graph = Graph(tuple(inputs), (tensor,))
        parts = []
        for point, like in zip(self.points, self.derived_arrays, strict=True):
            value = np.asarray(values_at(graph, point).outputs[0])
            if not is_finite(value).all():
                return None
            parts.append(np.broadcast_to(value, np.shape(like)).reshape(-1))
        return np.concatenate(parts)


def find_hint(
    derived: Graph,
    hand: Graph,
    fixed: Mapping[Input, Any],
    *,
    position: int = 0,
    related: Sequence[Related] = (),
    inner: Sequence[str] = (),
) -> str:
    """The hint for output ``position``, or nothing.

    ``related`` are functions that may be meant by mistake (the derivative in another argument), ``inner`` the words of inner
    derivatives, so that a missing one is called so.
    """
    import mpmath

    sample = Sample(derived, hand, position, fixed)
    if not sample.points:
        return ""
    with mpmath.workdps(50):
        return next((hint for hint in _hints(sample, derived, hand, fixed, related, inner) if hint), "")


def _hints(
    sample: Sample,
    derived: Graph,
    hand: Graph,
    fixed: Mapping[Input, Any],
    related: Sequence[Related],
    inner: Sequence[str],
) -> Iterator[str]:
    yield from _as_a_whole(sample)
    yield from _mistaken_for(sample, related, derived.inputs, hand.outputs[sample.position].shape)
    ratio = _constant_ratio(sample, sample.hand)
    factors = _factors(sample, derived, fixed)
    own = _own_factors(hand.outputs[sample.position], hand.inputs)
    if ratio is not None:
        yield _constant_hint(ratio, sample, derived)
    yield from _missing_factor(sample, factors, inner, own)
    yield from _only_if_symmetric(sample, derived, hand, fixed)
    yield from _term_hints(sample, derived, hand)
    yield find_repair(derived, hand, sample.position, fixed)
    yield from _term_multiples(sample, derived, hand)
    yield from _two_factors(sample, factors, inner)
    yield from _rounding(sample)


# ---------------------------------------------------------------- whole arrays


def _as_a_whole(sample: Sample) -> Iterator[str]:
    if all(
        np.ndim(a) >= 2 and a.shape == b.shape for a, b in zip(sample.derived_arrays, sample.hand_arrays, strict=True)
    ):
        turned = [np.swapaxes(a, -1, -2) for a in sample.derived_arrays]
        if all(t.shape == b.shape for t, b in zip(turned, sample.hand_arrays, strict=True)):
            column = np.concatenate([t.reshape(-1) for t in turned])
            if _same(column, sample.hand, sample.tolerance):
                yield "it is transposed: swap the two axes (numerator against denominator layout)"
    if np.ndim(sample.derived_arrays[0]) == 1:
        flipped = np.concatenate([a[::-1] for a in sample.derived_arrays])
        if _same(flipped, sample.hand, sample.tolerance) and len(sample.derived_arrays[0]) > 1:
            yield "the entries are in the opposite order"


def _mistaken_for(
    sample: Sample, related: Sequence[Related], inputs: Sequence[Input], shape: Sequence[Any]
) -> Iterator[str]:
    for candidate in related:
        tensor = candidate.graph.outputs[0]
        if tensor.shape != shape or candidate.graph.inputs != tuple(inputs):
            continue
        column = sample.column(tensor, inputs)
        if column is not None and _same(column, sample.hand, sample.tolerance):
            yield f"this is {candidate.words}"


# ---------------------------------------------------------------- factors


def _constant_ratio(sample: Sample, column: Column) -> Any:
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


def rational(value: Any, largest: int = _LARGEST_NAMED) -> Fraction | None:
    """The small fraction that the value is, or None."""
    close = Fraction(float(value)).limit_denominator(largest)
    if close == 0 or abs(close.numerator) > largest:
        return None
    gap = abs(value * close.denominator - close.numerator)
    return close if gap <= 1e-12 * abs(close.numerator) and (isinstance(value, float) or gap < 1e-20) else None


_CONSTANTS: tuple[tuple[str, str], ...] = (
    ("pi", "pi"),
    ("log(10)", "log(10): the natural logarithm against the one to base 10"),
    ("log(2)", "log(2): the natural logarithm against the one to base 2"),
    ("pi/180", "pi/180: radians against degrees"),
    ("e", "e"),
    ("sqrt(2)", "sqrt(2)"),
    ("sqrt(pi)", "sqrt(pi)"),
)


def _constant_hint(ratio: Any, sample: Sample, derived: Graph) -> str:
    exact = rational(ratio)
    if exact == 1:
        return ""
    if exact is not None:
        return _rational_hint(exact, sample, derived)
    for value, words in zip(_constant_values(), _CONSTANTS, strict=True):
        for factor, verb in ((value, "is missing"), (1 / value, "is too much")):
            multiple = rational(ratio / factor, 100)
            if multiple is not None:
                times = "" if multiple == 1 else f"{_fraction_words(multiple)} times "
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
        return f"the factor {_fraction_words(abs(ratio))} is missing{sign}"
    if abs(ratio.numerator) == 1:
        return f"the factor 1/{ratio.denominator} is missing (it is {ratio.denominator} times too large){sign}"
    return f"the factor {_fraction_words(abs(ratio))} is missing{sign}"


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


def _fraction_words(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def _factors(sample: Sample, derived: Graph, fixed: Mapping[Input, Any]) -> list[Candidate]:
    """Factors of the derived formula first, then arguments, then sizes."""
    from gradc.simplify.display import display

    output = derived.outputs[sample.position]
    shown = display(Graph(derived.inputs, (output,))).outputs[0]
    expressions: dict[Scalar, None] = {}
    if isinstance(shown, Compute):
        body = shown.body if shown.reducer is None else None
        for factor in _parts(body, "prod") if body is not None else []:
            expressions[_unpowered(factor)] = None
            expressions[factor] = None
        for term in _parts(body, "sum") if body is not None else []:
            for factor in _parts(term, "prod"):
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


def _parts(body: Scalar | None, name: str) -> Sequence[Scalar]:
    if body is None:
        return ()
    return body.children if is_apply(body, name) else (body,)


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


def _own_factors(output: Tensor, inputs: Sequence[Input]) -> list[str]:
    """The factors that a formula has, in words: only these can be too much."""
    from gradc.simplify.display import display

    shown = display(Graph(tuple(inputs), (output,))).outputs[0]
    if not isinstance(shown, Compute) or shown.reducer is not None:
        return [node.name for node in inputs if shown is node]
    parts = _parts(shown.body, "prod")
    return [scalar_words(p, output.rank) for part in parts for p in (part, _unpowered(part)) if not _is_inverse(part)]


def _is_inverse(factor: Scalar) -> bool:
    exponent = factor.children[1] if is_apply(factor, "power") else None
    value = exponent.value if isinstance(exponent, Number) else 1
    return isinstance(value, int | Fraction) and value < 0


def _missing_factor(
    sample: Sample, factors: Sequence[Candidate], inner: Sequence[str], own: Sequence[str] = ()
) -> Iterator[str]:
    for candidate in factors:
        for column, verb in ((sample.hand * candidate.column, "missing"), (sample.hand / candidate.column, "too much")):
            ratio = _constant_ratio(sample, column)
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
        return inverse if ratio == 1 else f"{_fraction_words(ratio)}*{inverse}"
    return f"{_fraction_words(ratio)}/{_bracketed(words)}"


def _factor_words(ratio: Fraction, words: str, verb: str, inner: Sequence[str]) -> str:
    negative = ratio < 0
    size = abs(ratio)
    factor = _bracketed(words) if size == 1 else f"{_fraction_words(size)}*{_bracketed(words)}"
    if verb == "missing":
        reason = " (the inner derivative: chain rule)" if words in inner or factor in inner else ""
        text = f"the factor {factor} is missing{reason}"
    else:
        text = f"the factor {_bracketed(words)} is too much"
        text += "" if size == 1 else f", and a factor {_fraction_words(size)} is missing"
    return text + (", and the sign is wrong" if negative else "")


def _bracketed(words: str) -> str:
    depth = 0
    for character in words:
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character in "+- ":
            return f"({words})"
    return words


def _two_factors(sample: Sample, factors: Sequence[Candidate], inner: Sequence[str]) -> Iterator[str]:
    for k, first in enumerate(factors[:10]):
        for second in factors[k:10]:
            if len(first.words) + len(second.words) > _LONGEST_PAIR:
                continue
            product = Candidate(f"{_bracketed(first.words)}*{_bracketed(second.words)}", first.column * second.column)
            yield from _missing_factor(sample, [product], inner)
            if second is not first:
                quotient = Candidate(
                    f"{_bracketed(first.words)}/{_bracketed(second.words)}", first.column / second.column
                )
                yield from _missing_factor(sample, [quotient], inner)


# ---------------------------------------------------------------- terms


def _term_hints(sample: Sample, derived: Graph, hand: Graph) -> Iterator[str]:
    gap = sample.derived - sample.hand
    scale = max((abs(value) for value in sample.derived), default=0)
    if all(abs(value - gap[0]) <= sample.tolerance * max(scale, 1) for value in gap) and len(gap) > 1:
        exact = rational(gap[0], 100)
        if exact is not None:
            verb = "missing" if exact > 0 else "too much"
            yield f"the constant {_fraction_words(abs(exact))} is {verb}"
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


def _term_multiples(sample: Sample, derived: Graph, hand: Graph) -> Iterator[str]:
    gap = sample.derived - sample.hand
    for words, column in _terms(sample, hand):
        multiple = _multiple(gap, column, sample.tolerance)
        if multiple is not None and multiple not in (-2, -1):
            yield f"the term {words} needs the factor {_fraction_words(multiple + 1)}"
    for words, column in _terms(sample, derived):
        multiple = _multiple(gap, column, sample.tolerance)
        if multiple is not None and multiple not in (1, 0):
            yield f"the term {words} is counted {_fraction_words(1 - multiple)} times"


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
    from gradc.ir.algebra import product_of

    if is_apply(body, "prod"):
        sums = [factor for factor in body.children if is_apply(factor, "sum")]
        if len(sums) == 1:
            others = [factor for factor in body.children if factor is not sums[0]]
            return [product_of(*others, term) for term in sums[0].children]
    return _parts(body, "sum")


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


def _only_if_symmetric(sample: Sample, derived: Graph, hand: Graph, fixed: Mapping[Input, Any]) -> Iterator[str]:
    """Whether the two agree where a square argument is symmetric: ``2 A x`` for the gradient of ``x' A x``."""
    for node in derived.inputs:
        if node in fixed or node.rank != 2 or node.shape[0] != node.shape[1]:
            continue
        for point in sample.points:
            matrix = point.values[node]
            symmetric = Point({**point.values, node: (matrix + matrix.T) / 2}, point.sizes)
            ours, theirs = (values_at(g, symmetric).outputs[sample.position] for g in (derived, hand))
            if len(matrix) < 2 or not _same(np.reshape(ours, -1), np.reshape(theirs, -1), sample.tolerance):
                break
        else:
            yield f"it is right only where {node.name} is symmetric"


def _rounding(sample: Sample) -> Iterator[str]:
    worst = 0.0
    for ours, theirs in zip(sample.derived, sample.hand, strict=True):
        if ours == 0:
            return
        worst = max(worst, float(abs((ours - theirs) / ours)))
    if 0 < worst < 1e-4:
        yield f"equal up to a relative {worst:.1g}: a rounded number, perhaps"


def _same(left: Column, right: Column, tolerance: float) -> bool:
    scale = max((abs(v) for v in left), default=0)
    return all(abs(a - b) <= tolerance * max(scale, abs(a)) for a, b in zip(left, right, strict=True))


__all__ = ["Load", "Related", "find_hint", "number", "rational"]
