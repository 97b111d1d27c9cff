"""Hints about factors: by what the hand-written formula, or a term of it, must be multiplied to be right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np

from gradc.ir.algebra import convert
from gradc.ir.scalar import Apply, Load, Number, Scalar, index, is_apply, load
from gradc.ir.tensor import Compute, Extent, Graph, Input, Tensor, compute, extent_scalar
from gradc.verify.hint import Hint, Kind
from gradc.verify.hint_sample import Candidate, Column, Inner, Sample, fraction_words, operands, rational
from gradc.verify.sample import WORKING_DIGITS, working_precision
from gradc.verify.wording import scalar_words

_MOST_CANDIDATES = 40
#: Two factors together are only named while that says more than the derivative itself.
_LONGEST_PAIR = 24
_PAIRED = 10


@dataclass(frozen=True)
class Pair:
    """What a formula should be at all points and entries, and what was written."""

    wanted: Column
    written: Column
    tolerance: float

    @property
    def ratio(self) -> Any:
        """The number r with wanted = r * written everywhere, or None."""
        scale = min(max((abs(v) for v in self.wanted), default=0), 1)  # one huge entry excuses none of the others
        ratio = None
        for ours, theirs in zip(self.wanted, self.written, strict=True):
            if abs(theirs) <= self.tolerance * scale or theirs == 0:
                if abs(ours) > self.tolerance * scale:
                    return None
                continue
            here = ours / theirs
            if ratio is None:
                ratio = here
            elif abs(here - ratio) > self.tolerance * abs(ratio):
                return None
        return ratio if ratio is None or ratio != 0 else None

    def times(self, factor: Column) -> Pair:
        """The same with the written one multiplied."""
        return Pair(self.wanted, self.written * factor, self.tolerance)


class Factors:
    """The factors that may be missing, with their values, for one pair of formulas."""

    def __init__(self, sample: Sample, derived: Graph, hand: Graph, inner: Sequence[Inner], largest: bool) -> None:
        self._inputs = derived.inputs
        self._inner = inner
        self._candidates = [] if largest else _candidates(sample, derived, hand, inner)

    def constant(self, pair: Pair) -> Hint | None:
        """What to say where the right formula is a number times the written one."""
        ratio = pair.ratio
        if ratio is None or abs(ratio - 1) <= pair.tolerance:
            return None
        return self._constant(ratio)

    def single(self, pair: Pair) -> Iterator[Hint]:
        """A candidate by which the written one must be multiplied or divided; inner derivatives first."""
        found = [hint for candidate in self._candidates for hint in _with_factor(pair, candidate)]
        yield from sorted(found, key=lambda hint: _SIMPLICITY.get(hint.kind, 1))

    def double(self, pair: Pair) -> Iterator[Hint]:
        """Two candidates together."""
        for first, second in combinations(self._candidates[:_PAIRED], 2):
            if len(first.words) + len(second.words) > _LONGEST_PAIR:
                continue
            inner = first.is_inner and second.is_inner
            product = f"{bracketed(first.words)}*{bracketed(second.words)}"
            yield from _with_factor(pair, Candidate(product, first.column * second.column, is_inner=inner))
            quotient = f"{bracketed(first.words)}/{bracketed(second.words)}"
            yield from _with_factor(pair, Candidate(quotient, first.column / second.column, is_inner=inner))

    def _constant(self, ratio: Any) -> Hint:
        exact = rational(ratio)
        if exact is not None:
            return self._rational(exact)
        for value, (words, kind, reason) in zip(_constant_values(), _CONSTANTS, strict=True):
            for factor, verb in ((value, "is missing"), (1 / value, "is too much")):
                multiple = rational(ratio / factor, 100)
                if multiple is not None:
                    return Hint(kind, _constant_words(multiple, words, verb, reason))
        return Hint("factor", f"it is {float(1 / ratio):.6g} times the derivative")

    def _rational(self, ratio: Fraction) -> Hint:
        if ratio == -1:
            return Hint("sign", "the sign is wrong: multiply by -1")
        size = abs(ratio)
        sign = " and the sign is wrong" if ratio < 0 else ""
        counted = _counted(size, self._inputs)
        if counted:
            return Hint("mean", f"{counted}{sign}")
        if _is_inner_number(ratio, self._inner):
            return Hint("inner derivative", f"the factor {fraction_words(ratio)} is missing{CHAIN_RULE}")
        return Hint("factor", f"the factor {fraction_words(size)} is missing{_times_too_large(size)}{sign}")


CHAIN_RULE = " (the inner derivative: chain rule)"
_SIMPLICITY: dict[Kind, int] = {"inner derivative": 0, "mean": 0, "exponent": 1, "factor": 2}


def _times_too_large(size: Fraction) -> str:
    return f" (it is {size.denominator} times too large)" if size.numerator == 1 and size != 1 else ""


def _is_inner_number(ratio: Fraction, inner: Sequence[Inner]) -> bool:
    bodies = [item.tensor.body for item in inner if isinstance(item.tensor, Compute)]
    return any(isinstance(body, Number) and body.value == ratio for body in bodies)


#: Constants that get lost: the words, the kind of slip, the reason.
_CONSTANTS: tuple[tuple[str, Kind, str], ...] = (
    ("pi/180", "degrees", "radians against degrees"),
    ("log(10)", "log base", "the natural logarithm against the one to base 10"),
    ("log(2)", "log base", "the natural logarithm against the one to base 2"),
    ("pi", "factor", ""),
    ("e", "factor", ""),
    ("sqrt(2)", "factor", ""),
    ("sqrt(pi)", "factor", ""),
    ("sqrt(2*pi)", "factor", ""),
)


def _constant_values() -> list[Any]:
    with working_precision(WORKING_DIGITS) as numbers:
        mp = numbers.context
        return [mp.pi / 180, mp.log(10), mp.log(2), +mp.pi, +mp.e, mp.sqrt(2), mp.sqrt(mp.pi), mp.sqrt(2 * mp.pi)]


def _constant_words(multiple: Fraction, words: str, verb: str, reason: str) -> str:
    times = "" if abs(multiple) == 1 else f"{fraction_words(abs(multiple))}*"
    if verb == "is too much" and times:
        times, words, verb = times, f"1/({words})" if "/" in words else f"1/{words}", "is missing"
    sign = ", and the sign is wrong" if multiple < 0 else ""
    return f"the factor {times}{words} {verb}" + (f" ({reason})" if reason else "") + sign


def _counted(ratio: Fraction, inputs: Sequence[Input]) -> str:
    """1/n where n counts the entries of an input: a sum in place of a mean, or the reverse."""
    for node in inputs:
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


# ---------------------------------------------------------------- candidates


def _candidates(sample: Sample, derived: Graph, hand: Graph, inner: Sequence[Inner]) -> list[Candidate]:
    """Inner derivatives, factors of the derived formula, then arguments, then sizes."""
    output = derived.outputs[sample.position]
    inner_tensors = [fitted for item in inner for fitted in _fitted(item.tensor, output.shape)]
    ours = _factors_of(output, derived.inputs)
    columns = [sample.column(base, hand.inputs) for base in _written_bases(hand.outputs[sample.position])]
    bases = [column for column in columns if column is not None]
    candidates = [
        replace(candidate, is_power=known, is_inner=not known or isinstance(getattr(tensor, "body", None), Load))
        for tensor in inner_tensors
        for candidate in _valued(sample, [tensor], derived.inputs)
        for known in (_is_power_of_one(candidate.column, bases),)
    ]
    arguments = list(_arguments(derived.inputs, output))
    scalars = list(dict.fromkeys([*(_unpowered(s) for s in ours), *ours, *arguments]))[:_MOST_CANDIDATES]
    known_words = {candidate.words for candidate in candidates}
    tensors = [compute(output.shape, s) for s in scalars if not isinstance(s, Number) and s.dtype.kind in "fc"]
    candidates += [
        replace(candidate, is_power=_is_power_of_one(candidate.column, bases))
        for candidate in _valued(sample, tensors, derived.inputs)
        if candidate.words not in known_words
    ]
    sizes = [compute(output.shape, size) for size in sizes_of(derived.inputs, output)]
    return candidates + _valued(sample, sizes, derived.inputs, is_size=True)


def sizes_of(inputs: Sequence[Input], like: Tensor) -> list[Scalar]:
    """The named extents of the inputs, and products of the extents of one, as numbers."""
    products: dict[Scalar, None] = {}
    for node in inputs:
        named: list[Extent] = [extent for extent in node.shape if isinstance(extent, Scalar)]
        products.update(dict.fromkeys(convert(extent_scalar(extent), like.dtype) for extent in named))
    return list(products)


def _valued(sample: Sample, tensors: Sequence[Tensor], inputs: Sequence[Input], **marks: bool) -> list[Candidate]:
    candidates = []
    for tensor in tensors:
        column = sample.column(tensor, inputs)
        constant = column is not None and len(column) > 0 and all(value == column[0] for value in column)
        if column is None or (constant and not marks.get("is_size")) or any(value == 0 for value in column):
            continue
        words = scalar_words(tensor.body, tensor.rank) if isinstance(tensor, Compute) else getattr(tensor, "name", "")
        candidates.append(Candidate(words, column, **marks))
    return candidates


def _fitted(tensor: Tensor, shape: Sequence[Extent]) -> Iterator[Tensor]:
    """The tensor spread over a shape, along the axes that have its extents."""
    for axes in combinations(range(len(shape)), tensor.rank):
        if tuple(shape[axis] for axis in axes) == tuple(tensor.shape) and isinstance(tensor, Compute):
            yield (
                compute(tuple(shape), load(tensor, [index(axis) for axis in axes]))
                if axes != tuple(range(len(shape)))
                else tensor
            )


def _factors_of(output: Tensor, inputs: Sequence[Input]) -> list[Scalar]:
    """The factors of the formula, and those of its terms."""
    from gradc.simplify.display import display

    shown = display(Graph(tuple(inputs), (output,))).outputs[0]
    body = shown.body if isinstance(shown, Compute) and shown.reducer is None else None
    found = list(operands(body, "prod"))
    for part in (body, *found):
        for term in operands(part, "sum") if part is not None else []:
            found += operands(term, "prod")
    return list(dict.fromkeys(found))


def _written_bases(output: Tensor) -> list[Tensor]:
    """What products, quotients, powers and sums of the hand-written formula are made of."""
    found: dict[Tensor, None] = {}
    pending = [output]
    for tensor in pending:
        body = tensor.body if isinstance(tensor, Compute) and tensor.reducer is None else None
        operations = isinstance(body, Apply) and body.op.name in _OPENED
        if isinstance(body, Apply) and operations and len(pending) < _MOST_BASES:
            pending += [compute(tensor.shape, arg) for arg in body.args if not isinstance(arg, Number)]
        elif isinstance(body, Load) and body.tensor.shape == tensor.shape and isinstance(body.tensor, Compute):
            pending.append(body.tensor)
        if tensor is not output:
            found[tensor] = None
    return list(found)


_MOST_BASES = 20
_OPENED = ("mul", "div", "neg", "pow", "power", "square", "sqrt", "add", "sub", "prod", "sum")
_EXPONENTS = (0.5, 1.0, 1.5, 2.0, 3.0)


def _is_power_of_one(column: Column, bases: Sequence[Column]) -> bool:
    """Whether the values are those of a power of one of the bases: then an exponent is wrong."""
    return any(_is_power(column, base) for base in bases)


def _is_power(column: Column, base: Column) -> bool:
    if any(value == 0 for value in base) or any(value == 0 for value in column):
        return False
    ours, theirs = (np.array([_logarithm(value) for value in values]) for values in (column, base))
    place = int(np.argmax(np.abs(theirs)))
    if abs(theirs[place]) < 1e-9 or not np.isfinite([*ours, *theirs]).all():
        return False
    exponent = ours[place] / theirs[place]
    near = any(abs(abs(exponent) - known) < 1e-9 for known in _EXPONENTS)
    return near and bool(np.allclose(ours, exponent * theirs, rtol=1e-9, atol=1e-9))


def _logarithm(value: Any) -> float:
    """Of the absolute value, which may be too large or small for a float itself."""
    import mpmath

    return float(mpmath.log(abs(value)))


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


# ---------------------------------------------------------------- one factor

_COEFFICIENT = re.compile(r"-?(\d+\*|1/\(?\d)")


def _with_factor(pair: Pair, candidate: Candidate) -> Iterator[Hint]:
    for exponent in (1, -1, 2, -2):
        if abs(exponent) > 1 and not candidate.is_power:
            continue
        ratio = pair.times(candidate.column**exponent).ratio
        exact = None if ratio is None else rational(ratio, 100)
        if exact is not None and not (abs(exact) != 1 and _COEFFICIENT.match(candidate.words)):
            yield _named(candidate, exponent, exact)


def _named(candidate: Candidate, exponent: int, ratio: Fraction) -> Hint:
    words = _power_words(candidate.words, exponent)
    if candidate.is_size:
        return _size_hint(candidate.words, exponent, ratio)
    size = abs(ratio)
    factor = words if size == 1 else _scaled(size, words)
    sign = ", and the sign is wrong" if ratio < 0 else ""
    if candidate.is_inner and exponent == 1:
        return Hint("inner derivative", f"the factor {factor} is missing{CHAIN_RULE}{sign}")
    if candidate.is_power and exponent == -1 and size == 1 and not candidate.words.startswith("1/"):
        base = bracketed(candidate.words)
        return Hint("exponent", f"the factor {base} is too much (the exponent of {base} is wrong){sign}")
    if candidate.is_power:
        base = candidate.words.removeprefix("1/")
        return Hint("exponent", f"the factor {factor} is missing (the exponent of {base} is wrong){sign}")
    if candidate.is_inner and exponent < 0 and size == 1 and not candidate.words.startswith("1/"):
        return Hint(
            "inner derivative", f"the factor {bracketed(candidate.words)} is too much (an inner derivative){sign}"
        )
    if exponent < 0 and size == 1 and not candidate.words.startswith("1/"):
        return Hint("factor", f"the factor {bracketed(candidate.words)} is too much{sign}")
    return Hint("factor", f"the factor {factor} is missing{sign}")


def _size_hint(words: str, exponent: int, ratio: Fraction) -> Hint:
    sign = ", and the sign is wrong" if ratio < 0 else ""
    times = "" if abs(ratio) == 1 else f"{fraction_words(abs(ratio))}*"
    if exponent > 0:
        return Hint("mean", f"the factor {times}{bracketed(words)} is missing: a sum, not a mean{sign}")
    over = f"{times.removesuffix('*') or '1'}/{bracketed(words)}"
    return Hint("mean", f"the factor {over} is missing: a mean divides by the number of entries{sign}")


def _power_words(words: str, exponent: int) -> str:
    if exponent < 0 and words.startswith("1/"):
        words, exponent = words.removeprefix("1/"), -exponent
    inside = words.removeprefix("1/").removeprefix("sqrt(")
    if abs(exponent) == 2 and inside.endswith(")") and bracketed(words).startswith(("sqrt(", "1/sqrt(")):
        return f"({inside[:-1]})" if (exponent > 0) != words.startswith("1/") else f"1/({inside[:-1]})"
    if abs(exponent) > 1:
        words = f"({words})**{abs(exponent)}" if not words.isidentifier() else f"{words}**{abs(exponent)}"
    return bracketed(words) if exponent > 0 else f"1/{_denominator(words)}"


def _denominator(words: str) -> str:
    plain = bracketed(words)
    return f"({plain})" if not plain.startswith("(") and any(c in plain for c in "*/") and "**" not in plain else plain


def _scaled(size: Fraction, words: str) -> str:
    if words.startswith("1/") and size.denominator == 1:
        return f"{size.numerator}/{words.removeprefix('1/')}"
    return f"{fraction_words(size)}*{words}"


def bracketed(words: str) -> str:
    """The words in parentheses where they are a sum."""
    depth = 0
    for position, character in enumerate(words):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and (character in "+ " or (character == "-" and position > 0)):
            return f"({words})"
    return words
