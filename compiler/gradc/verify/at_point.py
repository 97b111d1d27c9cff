"""Numbers given by hand at a point, compared with the derivative there to the digits they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradc.errors import ShapeError
from gradc.ir.scalar import Number, Scalar
from gradc.ir.tensor import Compute, Graph, Input, compute
from gradc.verify.hint_sample import rational
from gradc.verify.literals import exact_literals, exact_reading
from gradc.verify.sample import Point, as_floats, values_at
from gradc.verify.verdict import Counterexample, Verdict
from gradc.verify.wording import scalar_words

Array = np.ndarray[Any, Any]

#: A number with fewer digits than this is taken as it stands, not as a rounded one.
_FEWEST_ROUNDED_DIGITS = 4
_EXACT_DIGITS = 12


def compare_at(
    derived: Graph, hand: Sequence[Array], point: Mapping[Input, Array], shown: dict[str, Any], outputs: Sequence[str]
) -> Verdict:
    """The verdict on the values ``hand`` of the outputs of ``derived`` at ``point``."""
    derived = exact_literals(derived)
    values = {node: exact_values(np.asarray(value)) for node, value in point.items()}
    ours = [as_floats(v) for v in values_at(derived, Point(values, {})).outputs]
    if len(hand) != len(ours):
        raise ShapeError(f"{len(ours)} arrays expected ({', '.join(outputs)}), {len(hand)} given")
    digits = _EXACT_DIGITS
    for position, (derivative, claimed) in enumerate(zip(ours, hand, strict=True)):
        if derivative.shape != claimed.shape:
            if claimed.ndim or not derivative.ndim:
                return _wrong_shape(derivative, claimed, shown)
            claimed = np.broadcast_to(claimed, derivative.shape)
        allowed = np.vectorize(_tolerance, otypes=[float])(claimed.astype(float))
        differs = ~(np.abs(derivative - claimed) <= np.maximum(allowed, 10.0**-_EXACT_DIGITS * np.abs(derivative)))
        if differs.any():
            entries = tuple(tuple(int(k) for k in entry) for entry in np.argwhere(differs))
            name = outputs[position] if len(ours) > 1 else ""
            example = Counterexample(shown, derivative, claimed, entries, name)
            hint = _hint(derived, position, derivative, claimed, values)
            return Verdict("refuted", counterexample=example, hint=hint)
        digits = min([digits, *[_digits(float(number)) for number in claimed.ravel() if _is_rounded(float(number))]])
    return Verdict("agrees", points=1, digits=digits)


def exact_values(value: Array) -> Array:
    """Floats as the fractions they were written for."""
    if value.dtype.kind != "f":
        return value
    result = np.empty(value.size, dtype=object)
    result[:] = [_fraction(float(item)) for item in value.ravel()]
    return result.reshape(value.shape)


def _fraction(value: float) -> Fraction | float:
    if not np.isfinite(value):
        return value
    reading = exact_reading(value)
    return reading[0] if reading is not None and reading[1] is None else Fraction(value)


def _digits(value: float) -> int:
    return len(f"{abs(value)!r}".split("e")[0].replace(".", "").strip("0"))


def _is_rounded(value: float) -> bool:
    return value != int(value) and _digits(value) >= _FEWEST_ROUNDED_DIGITS if np.isfinite(value) else False


def _tolerance(value: float) -> float:
    """Half a unit of the last digit of a number that looks rounded (a little more, for rounding by hand)."""
    if not _is_rounded(value):
        return 10.0**-_EXACT_DIGITS * abs(value)
    mantissa, _, exponent = f"{value!r}".partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.51 * 10.0 ** (int(exponent or 0) - decimals)


def _wrong_shape(derivative: Array, claimed: Array, shown: dict[str, Any]) -> Verdict:
    hint = f"its shape is {claimed.shape}, that of the derivative is {derivative.shape}"
    if claimed.shape == derivative.shape[::-1] and np.allclose(derivative.T, claimed):
        hint += ": it is transposed"
    return Verdict("refuted", counterexample=Counterexample(shown, derivative, claimed), hint=hint)


# ---------------------------------------------------------------- hints


def _hint(derived: Graph, position: int, derivative: Array, claimed: Array, values: Mapping[Input, Any]) -> str:
    """What the values differ by: a sign, or a number that a factor of the derivative has here."""
    if claimed.ndim >= 2 and derivative.shape == derivative.shape[::-1] and np.allclose(derivative.T, claimed):
        return "it is transposed"
    nonzero = claimed != 0
    if not nonzero.any() or (derivative[~nonzero] != 0).any():
        return ""
    ratios = (derivative[nonzero] / claimed[nonzero]).ravel()
    if not np.allclose(ratios, ratios[0], rtol=1e-9):
        return ""
    ratio = rational(float(ratios[0]))
    if ratio is None or ratio in (0, 1):
        return ""
    if ratio == -1:
        return "the sign is wrong"
    words = str(ratio)
    named = _factors_with_value(derived, position, ratio, values)
    text = f"a factor {words} is missing"
    return f"{text}; here {words} is the value of {' and of '.join(named)}" if named else text


def _factors_with_value(derived: Graph, position: int, ratio: Fraction, values: Mapping[Input, Any]) -> list[str]:
    """The factors of the derived formula that have this value at the point."""
    from gradc.simplify.display import display

    shown = display(Graph(derived.inputs, (derived.outputs[position],))).outputs[0]
    if not isinstance(shown, Compute) or shown.reducer is not None or shown.rank:
        return []
    factors: Sequence[Scalar] = (
        shown.body.children if getattr(getattr(shown.body, "op", None), "name", "") == "prod" else ()
    )
    named = []
    for factor in factors:
        if isinstance(factor, Number):
            continue
        value = values_at(Graph(derived.inputs, (compute((), factor),)), Point(dict(values), {})).outputs[0]
        if abs(float(value) - float(ratio)) <= 1e-12 * abs(float(ratio)):
            named.append(f"the factor {scalar_words(factor, 0)} of the derivative")
    return named[:2]
