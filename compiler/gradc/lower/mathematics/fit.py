"""Where the coefficients come from: ``python -m gradc.lower.mathematics.fit`` writes `coefficients`.

Each polynomial interpolates its function in the Chebyshev points of its interval, which is within a few per cent of the
best possible; each constant is split into parts whose products with small integers are exact. The compiler reads the
literals and never imports this module.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from gradc.lower.mathematics import error_functions, logarithms

_PRECISION = 260


@dataclass(frozen=True)
class Fit:
    """A function to be approximated on an interval, and the degrees for float64 and float32."""

    function: Callable[[Any], Any]
    lower: Callable[[], Any]
    upper: Callable[[], Any]
    degrees: tuple[int, int]


def _root(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """As a function of the square of its argument."""
    return lambda z: function(mpmath.sqrt(z))


def _zero() -> Any:
    return mpmath.mpf(0)


def _squared(number: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: number() ** 2


def _widest_ratio(lowest: float) -> Callable[[], Any]:
    """The largest ``(m - 1) / (m + 1)`` of a mantissa m from ``lowest`` to twice this."""
    return lambda: (2 * mpmath.mpf(lowest) - 1) / (2 * mpmath.mpf(lowest) + 1) * mpmath.mpf("1.0005")


def _half_ln2() -> Any:
    return mpmath.log(2) / 2 * mpmath.mpf("1.0005")


def _quarter_turn() -> Any:
    return mpmath.pi / 4 * mpmath.mpf("1.005")


def _ratio(x: float) -> Any:
    return (mpmath.mpf(x) - error_functions.CENTRE) / (mpmath.mpf(x) + error_functions.CENTRE)


def _tail(t: Any) -> Any:
    x = error_functions.CENTRE * (1 + t) / (1 - t)
    return mpmath.erfc(x) * mpmath.exp(x * x) * (x + error_functions.CENTRE)


FITS: dict[str, Fit] = {
    # e^r = 1 + r + r^2 q(r), for e^r and, with a digit more, for e^r - 1
    "exp": Fit(lambda r: (mpmath.expm1(r) - r) / r**2, lambda: -_half_ln2(), _half_ln2, (9, 4)),
    "expm1": Fit(lambda r: (mpmath.expm1(r) - r) / r**2, lambda: -_half_ln2(), _half_ln2, (10, 5)),
    # 2^r = 1 + r q(r)
    "exp2": Fit(
        lambda r: mpmath.expm1(r * mpmath.log(2)) / r,
        lambda: -mpmath.mpf("0.5001"),
        lambda: mpmath.mpf("0.5001"),
        (11, 6),
    ),
    # log((1 + s) / (1 - s)) = 2 s + s z p(z), z = s^2
    "log": Fit(
        _root(lambda s: (mpmath.log((1 + s) / (1 - s)) - 2 * s) / s**3),
        _zero,
        _squared(_widest_ratio(logarithms.LOWEST)),
        (7, 3),
    ),
    # log((1 + s) / (1 - s)) = 2 s + 2/3 s^3 + s z^2 p(z)
    "log_cubed": Fit(
        _root(lambda s: (mpmath.log((1 + s) / (1 - s)) - 2 * s - 2 * s**3 / 3) / s**5),
        _zero,
        _squared(_widest_ratio(logarithms.ROOT_OF_HALF)),
        (7, 2),
    ),
    # sin r = r + r z p(z), cos r = 1 - z / 2 + z^2 p(z), z = r^2
    "sin": Fit(_root(lambda r: (mpmath.sin(r) - r) / r**3), _zero, _squared(_quarter_turn), (5, 2)),
    "cos": Fit(_root(lambda r: (mpmath.cos(r) - 1 + r * r / 2) / r**4), _zero, _squared(_quarter_turn), (5, 2)),
    # sinh s = s + s z p(z), z = s^2 <= 1
    "sinh": Fit(_root(lambda s: (mpmath.sinh(s) - s) / s**3), _zero, lambda: mpmath.mpf("1.0001"), (7, 3)),
    # asin s = s + s z p(z), atan s = s + s z p(z), z = s^2 <= 1/4
    "asin": Fit(_root(lambda s: (mpmath.asin(s) - s) / s**3), _zero, lambda: mpmath.mpf("0.2501"), (12, 5)),
    "atan": Fit(_root(lambda s: (mpmath.atan(s) - s) / s**3), _zero, lambda: mpmath.mpf("0.2501"), (12, 5)),
    # m^(-1/3)
    "cbrt": Fit(lambda m: m ** (-mpmath.mpf(1) / 3), lambda: mpmath.mpf("0.5"), lambda: mpmath.mpf(4), (5, 5)),
    # erf x = x + x p(x^2) up to a switch
    "erf": Fit(_root(lambda x: mpmath.erf(x) / x - 1), _zero, lambda: mpmath.mpf(error_functions.SWITCH) ** 2, (13, 7)),
    # erfc x = exp(-x^2) p(t) / (x + A) beyond, with t = (x - A) / (x + A): for erf, and for erfc itself
    "erf_tail": Fit(_tail, lambda: _ratio(error_functions.SWITCH), lambda: _ratio(6.0), (16, 8)),
    "erfc_tail": Fit(_tail, lambda: _ratio(error_functions.COMPLEMENT_SWITCH), lambda: _ratio(27.3), (22, 11)),
}

#: of these, what the first coefficients lose to rounding is kept
COMPENSATED = ("erfc_tail",)

#: how many words of 2 / pi are kept
WORDS = 21

#: how many roundings of its largest term a polynomial may be off: where its value is multiplied by a small number
SLACK = {"cbrt": 2.0**50, "exp": 4.0, "log": 64.0, "log_cubed": 64.0, "sin": 4.0, "asin": 4.0}

#: constants in parts: the bits of each part but the last, for float64 and float32
SPLITS: dict[str, tuple[Callable[[], Any], tuple[int, ...], tuple[int, ...]]] = {
    "ln2": (lambda: mpmath.log(2), (42,), (15,)),
    "log10_of_2": (lambda: mpmath.log10(2), (42,), (15,)),
    "half_pi": (lambda: mpmath.pi / 2, (53, 31), (24, 24)),
    "quarter_pi": (lambda: mpmath.pi / 4, (53,), (24,)),
    "one_over_ln2": (lambda: 1 / mpmath.log(2), (53,), (24,)),
    "one_over_ln10": (lambda: 1 / mpmath.log(10), (53,), (24,)),
    "two_over_pi": (lambda: 2 / mpmath.pi, (53,), (24,)),
    "two_thirds": (lambda: mpmath.mpf(2) / 3, (53,), (24,)),
}


def chebyshev(fit: Fit, degree: int) -> list[Any]:
    """The coefficients of the interpolating polynomial, in full precision."""
    lower, upper = fit.lower(), fit.upper()
    count = degree + 1
    angles = [mpmath.pi * (2 * i + 1) / (2 * count) for i in range(count)]
    points = [(lower + upper) / 2 + (upper - lower) / 2 * mpmath.cos(angle) for angle in angles]
    points = [point + mpmath.mpf(10) ** -40 for point in points]  # never where the function is 0 / 0
    rows = mpmath.matrix([[point**power for power in range(count)] for point in points])
    return list(mpmath.lu_solve(rows, mpmath.matrix([fit.function(point) for point in points])))


def split(value: Any, bits: tuple[int, ...], dtype: Any) -> Iterator[float]:
    """``value`` as a sum of floats, all but the last cut to so many bits."""
    for count in bits:
        mantissa, exponent = mpmath.frexp(value)
        part = mpmath.ldexp(mpmath.nint(mpmath.ldexp(mantissa, count)), int(exponent) - count)
        yield float(part)
        value -= part
    yield float(dtype(float(value)))


def two_over_pi() -> list[int]:
    """2 / pi in words of 64 bits, the first before the point: as many as the largest float needs."""
    with mpmath.workprec(64 * WORDS):
        whole = int(mpmath.floor(mpmath.ldexp(2 / mpmath.pi, 64 * (WORDS - 1))))
    return [whole >> 64 * place & (1 << 64) - 1 for place in reversed(range(WORDS))]


def _table(dtype: Any, column: int) -> Iterator[str]:
    for name, fit in FITS.items():
        exact = chebyshev(fit, fit.degrees[column])
        numbers = [float(dtype(float(c))) for c in exact]
        yield f'    "{name}": ({", ".join(map(repr, numbers))}),'
        if name in COMPENSATED:
            lost = [float(dtype(float(c - number))) for c, number in zip(exact[:4], numbers, strict=False)]
            yield f'    "{name}_low": ({", ".join(map(repr, lost))}),'
    for name, (value, *bits) in SPLITS.items():
        numbers = list(split(value(), bits[column], dtype))
        yield f'    "{name}": ({", ".join(map(repr, numbers))}),'


def module_text() -> str:
    """The text of `coefficients`, before it is formatted."""
    with mpmath.workprec(_PRECISION):
        tables = {
            name: "\n".join(_table(dtype, column))
            for column, (name, dtype) in enumerate((("DOUBLE", np.float64), ("SINGLE", np.float32)))
        }
    head = '"""Polynomials, lowest power first, and constants in parts: written by `gradc.lower.mathematics.fit`."""\n'
    words = ", ".join(f"0x{word:016X}" for word in two_over_pi())
    head += f"\n#: 2 / pi in words of 64 bits, the first before the point\nTWO_OVER_PI: tuple[int, ...] = ({words})\n"
    return head + "".join(f"\n{name}: dict[str, tuple[float, ...]] = {{\n{rows}\n}}\n" for name, rows in tables.items())


if __name__ == "__main__":
    sys.stdout.write(module_text())
