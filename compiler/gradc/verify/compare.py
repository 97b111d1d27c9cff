"""Are two graphs over the same inputs the same function? A few numbers, a proof, more numbers.

A proof is symbolic and holds for all values and all sizes; agreement at points is never called one. A proof is still
checked at a few points: were a rule wrong, the numbers would say so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from gradc.errors import InternalError
from gradc.ir.tensor import Graph, Input
from gradc.verify.literals import exact_literals, has_inexact_literal
from gradc.verify.proof import Proof, prove
from gradc.verify.sample import DIGITS, Point, as_floats, differences, is_finite, nearby, points, values_at
from gradc.verify.verdict import Counterexample, Verdict, shown_point

#: How many points must agree, how many are tried for that, how many are looked at before a proof and how many check it.
_POINTS = 12
_TRIED = 60
_POINTS_BEFORE_PROOF = 3
_POINTS_AFTER_PROOF = 8
#: After so many seconds so few points are enough.
_LONGEST_SEARCH = 4.0
_FEWEST_POINTS = 3


def compare(
    derived: Graph,
    hand: Graph,
    *,
    fixed: Mapping[Input, Any] | None = None,
    value: Graph | None = None,
    outputs: Sequence[str] = (),
    seconds: float = 5.0,
) -> Verdict:
    """The verdict on ``hand``, a graph over the inputs of ``derived``.

    ``fixed`` gives the values of inputs that are data (captures); ``value`` is the function that was differentiated: points
    outside its domain don't count. ``outputs`` names the results; ``seconds`` limits the time SymPy may take for a proof.
    """
    _check_inputs(derived, hand)
    derived, hand = exact_literals(derived), exact_literals(hand)
    fixed = fixed or {}
    for position, (ours, theirs) in enumerate(zip(derived.outputs, hand.outputs, strict=True)):
        if ours.shape != theirs.shape:
            return _wrong_shape(derived, hand, fixed, position, outputs)
    found = _search(derived, hand, fixed, value, _POINTS_BEFORE_PROOF, outputs)
    proof = None if isinstance(found, Counterexample) else prove(derived, hand, seconds)
    if not isinstance(found, Counterexample):
        wanted = _POINTS if proof is None else _POINTS_AFTER_PROOF
        found = _search(derived, hand, fixed, value, wanted, outputs)
    if isinstance(found, Counterexample):
        return _differing(derived, hand, found, proof)
    if proof is not None:
        return Verdict("proved", certificate=proof.reason, conditions=proof.conditions, points=found.points)
    if found.points == 0:
        return _nowhere_defined()
    notes = ("compared in double precision: the arrays are large",) if found.digits < DIGITS else ()
    return Verdict("agrees", points=found.points, digits=found.digits, notes=notes)


def _check_inputs(derived: Graph, hand: Graph) -> None:
    if derived.inputs != hand.inputs or len(derived.outputs) != len(hand.outputs):
        raise InternalError("compare takes graphs over the same inputs with as many outputs")


class _Agreement:
    """Points where the two were equal so far."""

    def __init__(self) -> None:
        self.points = 0
        self.digits = DIGITS


def _search(
    derived: Graph,
    hand: Graph,
    fixed: Mapping[Input, Any],
    value: Graph | None,
    wanted: int,
    outputs: Sequence[str],
) -> Counterexample | _Agreement:
    agreement = _Agreement()
    tried = 1 if all(node in fixed for node in derived.inputs) else _TRIED
    deadline = time.monotonic() + _LONGEST_SEARCH
    for point in islice(points(derived.inputs, fixed), tried):
        if value is not None and not _defined(value, point):
            continue
        try:
            found, ours, theirs = differences(derived, hand, point)
        except IndexError:  # a random index out of range: no point of the domain
            continue
        if any(difference.differs.any() for difference in found) and _on_a_kink(derived, hand, point):
            continue
        for position, difference in enumerate(found):
            if difference.differs.any():
                name = outputs[position] if position < len(outputs) and len(found) > 1 else ""
                entries = tuple(tuple(int(k) for k in entry) for entry in np.argwhere(difference.differs))
                values = as_floats(ours.outputs[position]), as_floats(theirs.outputs[position])
                return Counterexample(shown(point, fixed), *values, entries, name)
        if all(difference.defined.all() for difference in found) or any(d.defined.any() for d in found):
            agreement.points += 1
            agreement.digits = min(agreement.digits, ours.digits, theirs.digits)
        if agreement.points >= wanted or (agreement.points >= _FEWEST_POINTS and time.monotonic() > deadline):
            break
    return agreement


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


def _differing(derived: Graph, hand: Graph, found: Counterexample, proof: Proof | None) -> Verdict:
    close = np.allclose(np.asarray(found.derived, complex), np.asarray(found.hand, complex), rtol=1e-13, atol=0)
    if close and has_inexact_literal(derived, hand):
        note = "equal up to the rounding of the decimal numbers in it"
        return Verdict("agrees", points=1, digits=13, notes=(note,))
    if proof is not None and not bool(is_finite(np.asarray(found.hand)).all()):
        hint = f"it is right where it is defined, but the function is defined at {shown_point(found.point)} too"
        return Verdict("refuted", counterexample=found, hint=hint)
    if proof is not None:
        raise InternalError(f"a proof ({proof.reason}) contradicts the numbers {found}; please report this")
    return Verdict("refuted", counterexample=found)


def _nowhere_defined() -> Verdict:
    return Verdict(
        "refuted",
        hint="no point was found where the function is defined; give a point with at=",
    )


def _wrong_shape(
    derived: Graph, hand: Graph, fixed: Mapping[Input, Any], position: int, outputs: Sequence[str]
) -> Verdict:
    ours, theirs = derived.outputs[position], hand.outputs[position]
    point = next(points(derived.inputs, fixed))
    values = [as_floats(values_at(graph, point).outputs[position]) for graph in (derived, hand)]
    name = outputs[position] if position < len(outputs) and len(derived.outputs) > 1 else ""
    hint = f"its shape is {shape_text(theirs.shape)}, that of the derivative is {shape_text(ours.shape)}"
    if theirs.shape == tuple(reversed(ours.shape)):
        hint += ": it is transposed" if np.allclose(values[0].T, values[1]) else ": perhaps transposed"
    return Verdict(
        "refuted", counterexample=Counterexample(shown(point, fixed), values[0], values[1], (), name), hint=hint
    )


def shape_text(shape: Sequence[Any]) -> str:
    """A shape as NumPy writes it."""
    inner = ", ".join(str(getattr(extent, "name", extent)) for extent in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"
