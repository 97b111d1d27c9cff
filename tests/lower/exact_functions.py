"""The elementary functions in exact arithmetic, and where in their domains they are hard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

Array = np.ndarray


def _within(holds: Callable[[Any], bool], function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: function(x) if holds(x) else mpmath.nan


def _logarithm(function: Callable[[Any], Any], pole: int = 0) -> Callable[[Any], Any]:
    return lambda x: -mpmath.inf if x == pole else function(x) if x > pole else mpmath.nan


EXACT: dict[str, Callable[..., Any]] = {
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.power(2, x),
    "expm1": mpmath.expm1,
    "log": _logarithm(mpmath.log),
    "log2": _logarithm(lambda x: mpmath.log(x, 2)),
    "log10": _logarithm(mpmath.log10),
    "log1p": _logarithm(mpmath.log1p, -1),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "asin": _within(lambda x: abs(x) <= 1, mpmath.asin),
    "acos": _within(lambda x: abs(x) <= 1, mpmath.acos),
    "atan": mpmath.atan,
    "atan2": mpmath.atan2,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "asinh": mpmath.asinh,
    "acosh": _within(lambda x: x >= 1, mpmath.acosh),
    "atanh": _within(lambda x: abs(x) < 1, mpmath.atanh),
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "hypot": mpmath.hypot,
    "pow": mpmath.power,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}

#: bits of the exact arithmetic, where results cancel: an angle of 2^1000 has that many before the point
PRECISION = {"sin": 1400, "cos": 1400, "tan": 1400, "tanh": 400, "softplus": 1400}

ARITY = {"atan2": 2, "hypot": 2, "pow": 2}


class Samples:
    """Random arguments of one format."""

    def __init__(self, dtype: str, count: int, seed: int) -> None:
        self.count = count
        self.rng = np.random.default_rng(seed)
        information = np.finfo(dtype)
        self.is_double = dtype == "f8"
        self.digits = information.nmant
        #: powers of two
        self.largest = information.maxexp
        self.smallest_normal = information.minexp
        self.smallest = information.minexp - information.nmant

    def between(self, low: float, high: float, share: float = 1.0) -> Array:
        """Evenly spread."""
        return self.rng.uniform(low, high, max(1, int(self.count * share)))

    def powers(self, low: float, high: float, share: float = 1.0) -> Array:
        """Evenly spread exponents of two, and mantissas."""
        exponents = np.floor(self.between(low, high, share)).astype(int)
        return np.ldexp(self.rng.uniform(0.5, 1.0, exponents.size), exponents + 1)

    def signed(self, values: Array) -> Array:
        """With random signs."""
        return values * self.rng.choice([-1.0, 1.0], values.size)

    def near(self, centre: float) -> Array:
        """On both sides of a number, at all distances."""
        return centre + self.signed(self.powers(-self.digits, -2))

    def tiny(self) -> Array:
        """From the smallest subnormal to 1."""
        normal = self.powers(self.smallest_normal, -self.digits, 0.2)
        return self.signed(np.concatenate([self.powers(-self.digits, 0), normal, self.subnormal()]))

    def subnormal(self) -> Array:
        """Numbers without full precision."""
        return self.powers(self.smallest, self.smallest_normal, 0.2)

    def anything(self) -> Array:
        """Positive numbers of all exponents."""
        return np.concatenate([self.powers(self.smallest_normal, self.largest - 1), self.subnormal()])


def arguments(name: str, dtype: str, count: int, seed: int) -> list[Array]:
    """Samples over the whole domain and where it is hard; one array per operand."""
    s = Samples(dtype, count, seed)
    if name in ARITY:
        pairs = _power_arguments(s) if name == "pow" else _plane_arguments(s)
        return [np.asarray(part, dtype) for part in pairs]
    return [np.asarray(np.concatenate(_one_argument(name, s)), dtype)]


def _one_argument(name: str, s: Samples) -> list[Array]:
    top = s.largest * float(np.log(2.0))  # where exp overflows
    bottom = s.smallest * float(np.log(2.0))
    if name in ("exp", "expm1", "sigmoid", "softplus"):
        edges = [s.between(top - 1, top + 1, 0.2), s.between(bottom - 1, bottom + 40, 0.2)]
        return [s.between(bottom - 1, top + 1), s.between(-1, 1), s.between(-8, 8), s.tiny(), *edges]
    if name == "exp2":
        whole = np.round(s.between(s.smallest - 2, s.largest + 2, 0.2))
        edges = [s.between(s.smallest - 2, s.smallest_normal + 2, 0.2), s.between(s.largest - 1, s.largest + 1, 0.1)]
        return [s.between(s.smallest - 2, s.largest + 2), s.between(-1, 1), s.tiny(), whole, *edges]
    if name in ("sinh", "cosh", "tanh"):
        return [s.signed(s.between(top - 1, top + 2, 0.2)), s.between(-22, 22), s.between(-1.5, 1.5), s.tiny()]
    if name in ("log", "log2", "log10"):
        whole = [10.0 ** np.arange(0, 23 if s.is_double else 11), 2.0 ** np.arange(s.smallest, s.largest)]
        return [s.anything(), s.between(0.5, 2), s.near(1.0), *whole]
    if name == "log1p":
        return [s.anything(), s.between(-1, 1), s.tiny(), s.powers(-s.digits, -2) - 1]
    if name in ("sin", "cos", "tan"):
        return _angles(s)
    if name in ("asin", "acos", "atanh"):
        return [s.between(-1, 1), s.tiny(), s.signed(1 - s.powers(-s.digits, -2)), s.signed(s.between(0.4, 0.6))]
    if name == "acosh":
        return [1 + s.powers(-s.digits, 4), s.between(1, 4), s.powers(0, s.largest - 1)]
    if name in ("atan", "asinh", "cbrt"):
        return [s.signed(s.anything()), s.between(-3, 3), s.tiny(), s.signed(s.between(0.3, 0.6))]
    if name == "erf":
        return [s.between(-6, 6), s.between(-1.2, 1.2), s.tiny()]
    assert name == "erfc"
    return [s.between(-6, 6), s.between(-1.2, 1.5), s.tiny(), s.between(0, 27.5 if s.is_double else 10.5)]


def _angles(s: Samples) -> list[Array]:
    """Also next to multiples of pi/2 and beyond any reduction by parts."""
    multiples = np.round(s.signed(s.powers(0, 22 if s.is_double else 15))) * (np.pi / 2)
    small = np.round(s.between(-3000, 3000)) * (np.pi / 2)
    huge = s.signed(s.powers(15, s.largest - 1, 0.3))
    return [s.between(-4, 4), s.between(-1e4, 1e4), multiples, small, s.tiny(), huge, s.signed(s.powers(0, 23))]


def _plane_arguments(s: Samples) -> tuple[Array, Array]:
    def coordinates() -> Array:
        parts = [s.powers(-5, 5), s.anything(), s.between(0, 1), s.powers(s.largest - 4, s.largest - 1, 0.2)]
        return s.signed(np.concatenate(parts))

    return coordinates(), coordinates()


def _power_arguments(s: Samples) -> tuple[Array, Array]:
    """Results over the whole range of floats; then whole powers of negative numbers."""
    base = np.concatenate([s.powers(-5, 5), s.between(0.5, 2), np.abs(s.near(1.0)), s.anything()])
    logarithm = np.log2(base)
    reach = s.rng.uniform(s.smallest * 1.02, s.largest * 1.01, base.size)
    exponent = np.where(s.rng.uniform(size=base.size) < 0.7, reach / np.where(logarithm == 0, 1.0, logarithm), 2.5)
    exponent = np.clip(exponent, -(2.0**100), 2.0**100)
    negative, whole = -s.between(0, 30), np.round(s.between(-60, 60))
    return np.concatenate([base, negative]), np.concatenate([exponent, whole])
