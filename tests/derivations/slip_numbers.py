"""The data checked by plain NumPy: the hand derivation against differences of the function, a slip against the hand derivation.

Nothing of the checker is used here, so that the data and a hint's correction are judged from outside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from derivations.slip_rows import Derivation
from gradc.verify.vocabulary import CONSTANTS, FUNCTIONS

Values = Mapping[str, Any]

_SIZES = {"n": 4, "m": 3, "k": 2}
_STEP = 1e-6
_KEYWORDS = {"axis", "keepdims", "True"}
_NAME = re.compile(r"[A-Za-z_]\w*")


def arguments(row: Derivation) -> list[str]:
    """The names in the function, in alphabetical order (``T`` may be one: a temperature)."""
    plain = re.sub(r"\.T\b", "", row.function)
    return sorted(set(_NAME.findall(plain)) - set(FUNCTIONS) - set(CONSTANTS) - _KEYWORDS)


def point(row: Derivation, seed: int) -> dict[str, Any]:
    """Generic values of the arguments in the row's domain."""
    generator = np.random.default_rng(seed)
    low, high = {"unit": (0.1, 0.9)}.get(row.within, (1.1, 2.3))
    values: dict[str, Any] = {}
    for name in arguments(row):
        shape = tuple(_SIZES[extent] if isinstance(extent, str) else extent for extent in row.shapes.get(name, ()))
        value = generator.uniform(low, high, shape)
        if row.within == "positive definite" and len(shape) == 2:
            value = value + 6 * np.eye(shape[0])
        values[name] = value if shape else float(value)
    if row.within == "unit" and "c" in values:
        values["c"] = values["c"] + 1
    if row.within == "unit" and {"a", "x"} <= set(values):
        values["a"] = values["a"] + 1
    return values


def value(text: str, values: Values) -> np.ndarray[Any, Any]:
    """A formula of the data at a point, by NumPy."""
    names = {**FUNCTIONS, **CONSTANTS, **values}
    return np.asarray(eval(text, {"__builtins__": {}, "True": True}, names), float)


def differences(row: Derivation, values: Values) -> np.ndarray[Any, Any]:
    """The derivative by central differences, of shape output.shape + argument.shape."""
    at = np.asarray(values[row.wrt], float)
    columns = []
    for place in np.ndindex(at.shape):
        sides = []
        for sign in (1, -1):
            moved = at.copy()
            moved[place] += sign * _STEP
            sides.append(value(row.function, {**values, row.wrt: moved if at.shape else float(moved)}))
        columns.append((sides[0] - sides[1]) / (2 * _STEP))
    stacked = np.stack(columns, axis=-1)
    return stacked.reshape(stacked.shape[:-1] + at.shape)


def faults(row: Derivation) -> list[str]:
    """What is wrong with the row itself: nothing, it is hoped."""
    found = []
    values = point(row, 1)
    right = value(row.hand, values)
    if right.shape != differences(row, values).shape or not np.allclose(
        right, differences(row, values), rtol=1e-5, atol=1e-6
    ):
        found.append(f"{row.name}: {row.hand} is not the derivative")
    for slip in row.slips:
        wrong = value(slip.wrong, values)
        if wrong.shape == right.shape and np.allclose(wrong, right, rtol=1e-6):
            found.append(f"{row.name}: {slip.wrong} is right")
    return found


#: What a hint states about the whole derivation, and how that corrects the wrong value.
_FACTOR = re.compile(r"^the factor (.+?) is (missing|too much)( on the left| on the right)?")
_TERM = re.compile(r"^the term (.+?) is (missing|too much)$")


def is_corrected(row: Derivation, wrong: str, hint: str) -> bool | None:
    """Whether the factor or the term that the hint names makes the derivation right; None where it names none as a formula."""
    for pattern in (_FACTOR, _TERM):
        found = pattern.match(hint)
        if found is None:
            continue
        values = point(row, 2)
        try:
            part = value(found[1].replace("const", "?"), {**values, **_extents(row)})
            given = value(wrong, values)
            right = value(row.hand, values)
            sign = -1 if "the sign is wrong" in hint else 1
            if pattern is _FACTOR:
                corrected = sign * _multiplied(given, part, found[2], found[3])
            else:
                corrected = given + part if found[2] == "missing" else given - part
        except (SyntaxError, NameError, TypeError, ValueError, AttributeError):
            return None
        return corrected.shape == right.shape and bool(np.allclose(corrected, right, rtol=1e-6))
    return None


def _multiplied(given: Any, part: Any, verb: str, side: str | None) -> Any:
    if side is not None:
        return part @ given if "left" in side else given @ part
    return given * part if verb == "missing" else given / part


def other_kinds(row: Derivation, wrong: str) -> frozenset[str]:
    """By what else a slip may be called: it equals another argument's derivative, or the function itself."""
    values = point(row, 3)
    given = value(wrong, values)
    found = set()
    for name in arguments(row):
        if name != row.wrt and np.shape(values[name]) == np.shape(values[row.wrt]):
            other = differences(replace(row, wrt=name), values)
            if other.shape == given.shape and np.allclose(other, given, rtol=1e-5):
                found.add("wrong argument")
    itself = value(row.function, values)
    if itself.shape == given.shape and np.allclose(itself, given, rtol=1e-9):
        found.add("function")
    return frozenset(found)


def _extents(row: Derivation) -> dict[str, int]:
    names = {str(extent) for shape in row.shapes.values() for extent in shape if isinstance(extent, str)}
    return {name: _SIZES[name] for name in names}
