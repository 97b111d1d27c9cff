"""Are two graphs over the same inputs the same function? A few numbers, a proof, more numbers.

A proof is symbolic and holds for all values and all sizes; agreement at points is never called one. A proof is still
checked at a few points: were a rule wrong, the numbers would say so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

import numpy as np

from gradc.errors import ArgumentError, InternalError
from gradc.ir.rewrite import replace_tensors
from gradc.ir.scalar import number
from gradc.ir.tensor import Graph, Input, Tensor, compute, constant
from gradc.verify.givens import Givens, declared
from gradc.verify.hint import Hint, Kind
from gradc.verify.literals import exact_literals, has_inexact_literal
from gradc.verify.proof import prove
from gradc.verify.sample import (
    DIGITS,
    Difference,
    Point,
    Ranges,
    Values,
    as_floats,
    differences,
    is_finite,
    nearby,
    points,
    values_at,
)
from gradc.verify.simple_points import simple_points
from gradc.verify.verdict import Certificate, Counterexample, Verdict, shown_point, shown_value

#: How many points must agree, how many are tried for that, how many are looked at before a proof and how many check it.
_POINTS = 12
_TRIED = 60
_POINTS_BEFORE_PROOF = 3
_POINTS_AFTER_PROOF = 8
#: After so many seconds so few points are enough.
_LONGEST_SEARCH = 4.0
_FEWEST_POINTS = 3
#: Data of at most so many entries may be used in a proof.
_LARGEST_DATA = 64
#: Seconds for a simpler counterexample, and for a proof on a part of the domain, which so many inputs may bound.
_LONGEST_SIMPLIFICATION = 0.5
_LONGEST_NARROWED = 1.0
_MOST_NARROWED = 4


def compare(
    derived: Graph,
    hand: Graph,
    *,
    fixed: Mapping[Input, Any] | None = None,
    value: Graph | None = None,
    given: Point | None = None,
    outputs: Sequence[str] = (),
    seconds: float = 5.0,
    sides: tuple[str, str] = ("derived", "by hand"),
) -> Verdict:
    """The verdict on ``hand``, a graph over the inputs of ``derived``.

    ``fixed`` gives the values of inputs that are data (captures); ``value`` is the function that was differentiated: points
    outside its domain don't count; ``given`` is a point known to be inside. ``outputs`` names the results; ``seconds``
    limits the time that a proof may take.
    """
    _check_inputs(derived, hand)
    derived, hand = exact_literals(derived), exact_literals(hand)
    fixed = declared({} if fixed is None else fixed)
    for position, (ours, theirs) in enumerate(zip(derived.outputs, hand.outputs, strict=True)):
        if ours.shape != theirs.shape:
            return _wrong_shape(derived, hand, fixed, position, outputs)
    search = _Search(derived, hand, fixed, value, given, outputs, sides)
    found = search.run(_POINTS_BEFORE_PROOF)
    proof = None if isinstance(found, Counterexample) else _proof(derived, hand, value, fixed, seconds)
    if not isinstance(found, Counterexample):
        wanted = _POINTS if proof is None else _POINTS_AFTER_PROOF
        found = search.run(wanted)
    if isinstance(found, Counterexample):
        return _differing(derived, hand, search.simplest(found), proof, search, seconds)
    if proof is not None:
        return Verdict(
            "proved", certificate=proof, conditions=proof.conditions, domain=proof.domain, points=found.points
        )
    if found.points == 0:
        raise ArgumentError("no point was found where the function is defined; give example values instead of specs")
    notes = ("compared in double precision: the arrays are large",) if found.digits < DIGITS else ()
    ranges = () if found.ranges is None else found.ranges.words()
    return Verdict("agrees", points=found.points, digits=found.digits, domain=ranges, notes=notes)


def _proof(derived: Graph, hand: Graph, value: Graph | None, fixed: Givens, seconds: float) -> Certificate | None:
    """A proof for whatever data, else one for the data that there is (numbers and small arrays)."""
    proof = prove(derived, hand, seconds, value, fixed)
    data = {node: np.asarray(value) for node, value in fixed.items() if np.size(value) <= _LARGEST_DATA}
    if proof is not None or not data:
        return proof
    known = None if value is None else with_data(value, data)
    proof = prove(with_data(derived, data), with_data(hand, data), seconds / 2, known, fixed)
    if proof is None:
        return None
    names = tuple(f"{node.name} is {shown_value(array)}" for node, array in data.items())
    return replace(proof, conditions=proof.conditions + names)


def with_data(graph: Graph, data: Mapping[Input, Any]) -> Graph:
    """The graph with some inputs replaced by their values."""
    literals: dict[Tensor, Tensor] = {
        node: _literal(node, np.asarray(value, node.dtype)) for node, value in data.items()
    }
    return exact_literals(Graph(graph.inputs, replace_tensors(graph.outputs, literals)))


def _literal(node: Input, value: np.ndarray[Any, Any]) -> Tensor:
    return constant(value) if node.rank else compute((), number(value.item(), node.dtype))


def _check_inputs(derived: Graph, hand: Graph) -> None:
    if derived.inputs != hand.inputs or len(derived.outputs) != len(hand.outputs):
        raise InternalError("compare takes graphs over the same inputs with as many outputs")


class _Agreement:
    """Points where the two were equal so far."""

    def __init__(self) -> None:
        self.points = 0
        self.digits = DIGITS
        self.ranges: Ranges | None = None


class _Search:
    """The search for a point where the two differ."""

    def __init__(
        self,
        derived: Graph,
        hand: Graph,
        fixed: Givens,
        value: Graph | None,
        given: Point | None,
        outputs: Sequence[str],
        sides: tuple[str, str],
    ) -> None:
        self._derived, self._hand, self.fixed = derived, hand, fixed
        self._value, self._given, self._outputs, self._sides = value, given, outputs, sides

    def run(self, wanted: int) -> Counterexample | _Agreement:
        """A counterexample, or the agreement at so many points (at fewer where there is no time)."""
        agreement = _Agreement()
        agreement.ranges = Ranges(self._derived.inputs, self.fixed)
        deadline = time.monotonic() + _LONGEST_SEARCH
        for point in self._points():
            found = self._at(point, agreement)
            if found is not None:
                return found
            late = agreement.points >= _FEWEST_POINTS and time.monotonic() > deadline
            if agreement.points >= wanted or late:
                break
        return agreement

    def _points(self) -> Iterator[Point]:
        """Round points, the given one, random ones; a single one where everything is data."""
        source = points(self._derived.inputs, self.fixed)
        if all(node in self.fixed for node in self._derived.inputs):
            return islice(source, 1)
        given = [] if self._given is None else [self._given]
        return chain(islice(source, 2), given, islice(source, _TRIED))

    def narrowed(self, fixed: Givens) -> _Search:
        """The same search where more is known about the inputs."""
        return _Search(self._derived, self._hand, fixed, self._value, None, self._outputs, self._sides)

    def simplest(self, found: Counterexample) -> Counterexample:
        """The first counterexample at small round numbers and smallest sizes, or the one that was found."""
        if self._given is not None and not _is_defined(found):
            return found
        deadline = time.monotonic() + _LONGEST_SIMPLIFICATION
        for point in simple_points(self._derived.inputs, self.fixed):
            simple = self._at(point, _Agreement())
            if simple is not None and _is_defined(simple) >= _is_defined(found):
                return simple
            if time.monotonic() > deadline:
                break
        return found

    def _at(self, point: Point, agreement: _Agreement) -> Counterexample | None:
        if self._value is not None and not _defined(self._value, point):
            return None
        try:
            found, ours, theirs = differences(self._derived, self._hand, point)
        except IndexError:  # a random index out of range: no point of the domain
            return None
        differing = [k for k, difference in enumerate(found) if difference.differs.any()]
        if differing:
            return (
                None
                if _on_a_kink(self._derived, self._hand, point)
                else self._example(differing[0], found, point, ours, theirs)
            )
        if any(difference.defined.any() or not difference.defined.size for difference in found):
            agreement.points += 1
            if agreement.ranges is not None:
                agreement.ranges.add(point)
            agreement.digits = min(agreement.digits, ours.digits, theirs.digits)
        return None

    def _example(
        self, position: int, found: Sequence[Difference], point: Point, ours: Values, theirs: Values
    ) -> Counterexample:
        name = self._outputs[position] if position < len(self._outputs) and len(found) > 1 else ""
        entries = tuple(tuple(int(k) for k in entry) for entry in np.argwhere(found[position].differs))
        values = as_floats(ours.outputs[position]), as_floats(theirs.outputs[position])
        return Counterexample(shown(point, self.fixed), *values, entries, name, self._sides)


def _is_defined(found: Counterexample) -> bool:
    return bool(is_finite(np.asarray(found.hand)).all())


def _on_a_kink(derived: Graph, hand: Graph, point: Point) -> bool:
    """Whether the two are equal right beside the point: then only conventions at a kink differ."""
    try:
        found, _, _ = differences(derived, hand, nearby(point))
    except IndexError:
        return False
    return not any(difference.differs.any() for difference in found) and all(d.defined.any() for d in found)


def _defined(value: Graph, point: Point) -> bool:
    try:
        return all(bool(is_finite(output).all()) for output in values_at(value, point).outputs)
    except IndexError:
        return False


def shown(point: Point, fixed: Mapping[Input, Any]) -> dict[str, Any]:
    """The point as plain numbers by name, data left out."""
    values = {node.name: as_floats(array) for node, array in point.values.items() if node not in fixed}
    return {name: value.item() if value.ndim == 0 else value for name, value in values.items()}


def _differing(
    derived: Graph, hand: Graph, found: Counterexample, proof: Certificate | None, search: _Search, seconds: float
) -> Verdict:
    close = np.allclose(np.asarray(found.derived, complex), np.asarray(found.hand, complex), rtol=1e-13, atol=0)
    if close and has_inexact_literal(derived, hand):
        note = "equal up to the rounding of the decimal numbers in it"
        return Verdict("agrees", points=1, digits=13, notes=(note,))
    part = right_part(derived, hand, search, min(seconds, _LONGEST_NARROWED))
    if not _is_defined(found):
        hint = f"it is right where it is defined, but the function is defined at {shown_point(found.point)} too"
        right = part or _equal_where_defined(derived, hand, search.fixed)
        return Verdict("refuted", counterexample=found, domain=part, hint=hint if right else "")
    if proof is not None:
        raise InternalError(f"a proof ({proof.method}) contradicts the numbers {found}; please report this")
    if part:
        words = ", ".join(part)
        hint = f"it is right for {words}, but differs elsewhere, as at {shown_point(found.point)}"
        return Verdict("refuted", counterexample=found, domain=part, hint=hint)
    return Verdict("refuted", counterexample=found)


def right_part(derived: Graph, hand: Graph, search: _Search, seconds: float) -> tuple[str, ...]:
    """The part of the domain where the two are equal, as ``x > 0``; empty where none is found.

    Only a proof counts, so that agreement at a few points is never sold as a domain.
    """
    inputs = [node for node in derived.inputs if node.dtype.kind == "f" and node not in search.fixed]
    inputs = [node for node in inputs if node not in search.fixed.positive][:_MOST_NARROWED]
    choices = [[node] for node in inputs] + ([inputs] if len(inputs) > 1 else [])
    for chosen in choices:
        fixed = search.fixed.narrowed(chosen)
        found = search.narrowed(fixed).run(_POINTS_BEFORE_PROOF)
        if isinstance(found, Counterexample) or found.points == 0:
            continue
        if prove(derived, hand, seconds, None, fixed) is not None:
            return tuple(f"{node.name} > 0" for node in chosen)
    return ()


def _equal_where_defined(derived: Graph, hand: Graph, fixed: Mapping[Input, Any]) -> bool:
    """Whether the two are equal at every point where both are defined."""
    seen = 0
    for point in islice(points(derived.inputs, fixed, seed=5), _TRIED // 2):
        try:
            found, _, theirs = differences(derived, hand, point)
        except IndexError:
            continue
        for difference, value in zip(found, theirs.outputs, strict=True):
            both = is_finite(value) & difference.defined
            if (difference.differs & both).any():
                return False
            seen += bool(both.any())
    return seen >= _FEWEST_POINTS


def _wrong_shape(
    derived: Graph, hand: Graph, fixed: Mapping[Input, Any], position: int, outputs: Sequence[str]
) -> Verdict:
    ours, theirs = derived.outputs[position], hand.outputs[position]
    point = next(points(derived.inputs, fixed))
    values = [as_floats(values_at(graph, point).outputs[position]) for graph in (derived, hand)]
    name = outputs[position] if position < len(outputs) and len(derived.outputs) > 1 else ""
    kind: Kind = "shape"
    hint = f"its shape is {shape_text(theirs.shape)}, that of the derivative is {shape_text(ours.shape)}"
    if not theirs.shape and np.allclose(values[0], values[1]):
        hint += ": the number is right, but it belongs into every entry of an array (np.full)"
    elif theirs.shape == tuple(reversed(ours.shape)):
        kind = "transposed"
        hint += ": it is transposed" if np.allclose(values[0].T, values[1]) else ": perhaps transposed"
    example = Counterexample(shown(point, fixed), values[0], values[1], (), name)
    return Verdict("refuted", counterexample=example).hinted(Hint(kind, hint))


def shape_text(shape: Sequence[Any]) -> str:
    """A shape as NumPy writes it."""
    inner = ", ".join(str(getattr(extent, "name", extent)) for extent in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"
