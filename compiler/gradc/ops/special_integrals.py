"""Exponential, trigonometric and elliptic integrals, elliptic functions, hypergeometric and Mathieu functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradc.ops.loops import special
from gradc.ops.terms import Term, equal, fn, literal, pi, where, whole

_POSITIVE = (0.3, 4.0)
_PARAMETER = (-3.0, 0.9)

# ---------------------------------------------------------------- exponential integrals

special("expi", lambda y, x: [fn.exp(x) / x], mpmath="ei", sympy="Ei", latex=r"\operatorname{Ei}", domain=(_POSITIVE,))
special(
    "exp1",
    lambda y, x: [-fn.exp(-x) / x],
    mpmath="e1",
    sympy=lambda s, x: s.expint(1, x),
    latex=r"\mathrm{E}_1",
    domain=(_POSITIVE,),
)


def _expn_slope(y: Term, n: Term, x: Term) -> list[Any]:
    """``-E_{n-1}``; E_0 is elementary."""
    at_zero = -fn.exp(-x) * (1 / x + x**-2)
    below = -fn.expn(fn.maximum(n - 1, literal(0, n)), x)
    return ["the order", where(equal(n, 0), at_zero, below)]


special(
    "expn",
    _expn_slope,
    arity=2,
    kinds="ld",
    mpmath="expint",
    sympy="expint",
    latex=r"\mathrm{E}_{{0}}({1})",
    domain=((0, 5), _POSITIVE),
)
special(
    "spence",
    lambda y, x: [-fn.hyp2f1(1, 1, 2, 1 - x)],  # log(x) / (1 - x), at 1 too
    mpmath=lambda mp, x: mp.polylog(2, 1 - x),
    sympy=lambda s, x: s.polylog(2, 1 - x),
    domain=((0.2, 3.0),),
)

# ---------------------------------------------------------------- trigonometric integrals

#: ufunc -> per result: its name, its derivative, mpmath, SymPy, LaTeX. The quotients are whole at 0 as spherical functions.
_PAIRS: dict[str, tuple[tuple[str, Callable[..., list[Any]], Any, str, str], ...]] = {
    "sici": (
        ("sine_integral", lambda y, x: [fn.spherical_jn(whole(0), fn.abs(x))], "si", "Si", r"\operatorname{Si}"),
        ("cosine_integral", lambda y, x: [fn.cos(x) / x], "ci", "Ci", r"\operatorname{Ci}"),
    ),
    "shichi": (
        (
            "hyperbolic_sine_integral",
            lambda y, x: [fn.spherical_in(whole(0), fn.abs(x))],
            "shi",
            "Shi",
            r"\operatorname{Shi}",
        ),
        ("hyperbolic_cosine_integral", lambda y, x: [fn.cosh(x) / x], "chi", "Chi", r"\operatorname{Chi}"),
    ),
    "fresnel": (
        ("fresnel_sine", lambda y, x: [fn.sin(pi(x) * x**2 / 2)], "fresnels", "fresnels", "S"),
        ("fresnel_cosine", lambda y, x: [fn.cos(pi(x) * x**2 / 2)], "fresnelc", "fresnelc", "C"),
    ),
}
for _ufunc, _rows in _PAIRS.items():
    for _output, (_name, _slope, _mp, _sympy, _latex) in enumerate(_rows):
        special(
            _name,
            _slope,
            ufunc=_ufunc,
            outputs=2,
            output=_output,
            mpmath=_mp,
            sympy=_sympy,
            latex=_latex,
            domain=(_POSITIVE,),
        )

# ---------------------------------------------------------------- elliptic integrals


def _half_amplitude(phi: Term) -> Term:
    """What both incomplete integrals' derivatives in m are made of where m is 0."""
    return (2 * phi - fn.sin(2 * phi)) / 8


def _first_kind_slopes(y: Term, phi: Term, m: Term) -> list[Any]:
    root = (1 - m * fn.sin(phi) ** 2) ** 0.5
    in_parameter = fn.ellipeinc(phi, m) / (2 * m * (1 - m)) - y / (2 * m) - fn.sin(2 * phi) / (4 * (1 - m) * root)
    return [1 / root, where(equal(m, 0), _half_amplitude(phi), in_parameter)]


def _second_kind_slopes(y: Term, phi: Term, m: Term) -> list[Any]:
    root = (1 - m * fn.sin(phi) ** 2) ** 0.5
    return [root, where(equal(m, 0), -_half_amplitude(phi), (y - fn.ellipkinc(phi, m)) / (2 * m))]


special(
    "ellipk",
    lambda y, m: [math.pi / 8 * fn.hyp2f1(1.5, 1.5, 2, m)],  # whole at 0, where (E / (1 - m) - K) / 2m is not
    mpmath="ellipk",
    sympy="elliptic_k",
    latex="K",
    domain=(_PARAMETER,),
)
special(
    "ellipe",
    lambda y, m: [-math.pi / 8 * fn.hyp2f1(0.5, 1.5, 2, m)],
    mpmath="ellipe",
    sympy="elliptic_e",
    latex="E",
    domain=(_PARAMETER,),
)
special(
    "ellipkm1",
    lambda y, p: [-fn.elliprd(0, 1, p) / 6],
    mpmath=lambda mp, p: mp.ellipk(1 - p),
    sympy=lambda s, p: s.elliptic_k(1 - p),
    latex="K(1 - {0})",
    domain=((0.05, 4.0),),
)
special(
    "ellipkinc",
    _first_kind_slopes,
    arity=2,
    mpmath="ellipf",
    sympy="elliptic_f",
    latex="F",
    domain=((-3.0, 3.0), (0.1, 0.8)),
)
special(
    "ellipeinc",
    _second_kind_slopes,
    arity=2,
    mpmath="ellipe",
    sympy="elliptic_e",
    latex="E",
    domain=((-3.0, 3.0), (0.1, 0.8)),
)


def _circular_slopes(w: Term, x: Term, y: Term) -> list[Any]:
    """The function is homogeneous of degree -1/2."""
    in_x = -fn.elliprd(y, y, x) / 6
    return [in_x, -(w / 2 + x * in_x) / y]


special(
    "elliprc",
    _circular_slopes,
    arity=2,
    mpmath="elliprc",
    latex="R_C",
    domain=(_POSITIVE, _POSITIVE),
)
special(
    "elliprf",
    lambda w, x, y, z: [-fn.elliprd(y, z, x) / 6, -fn.elliprd(z, x, y) / 6, -fn.elliprd(x, y, z) / 6],
    arity=3,
    mpmath="elliprf",
    latex="R_F",
    domain=(_POSITIVE, _POSITIVE, _POSITIVE),
)


def _degenerate_slopes(w: Term, x: Term, y: Term, z: Term) -> list[Any]:
    """By partial fractions in x and y, and in z because the function is homogeneous of degree -3/2."""
    in_x = (w - fn.elliprd(y, z, x)) / (2 * (z - x))
    in_y = (w - fn.elliprd(z, x, y)) / (2 * (z - y))
    return [in_x, in_y, -(1.5 * w + x * in_x + y * in_y) / z]


special(
    "elliprd",
    _degenerate_slopes,
    arity=3,
    mpmath="elliprd",
    latex="R_D",
    domain=((0.3, 1.0), (1.5, 2.5), (3.0, 5.0)),
)
special(
    "agm",
    lambda y, a, b: [
        2 * a * y**2 * fn.elliprd(0, 1, (a / b) ** 2) / (3 * pi(a) * b**3),
        2 * b * y**2 * fn.elliprd(0, 1, (b / a) ** 2) / (3 * pi(a) * a**3),
    ],
    arity=2,
    mpmath="agm",
    latex=r"\operatorname{agm}",
    domain=(_POSITIVE, _POSITIVE),
)

# ---------------------------------------------------------------- elliptic functions

_JACOBI = ("sn", "cn", "dn", "am")


def _jacobi(part: str) -> Callable[..., list[Any]]:
    """All are functions of the amplitude; ``dn = sqrt(1 - m sn^2)``."""

    def partials(value: Term, u: Term, m: Term) -> list[Any]:
        sn, cn, dn, am = (getattr(fn, f"ellipj_{name}")(u, m) for name in _JACOBI)
        amplitude = dn * ((1 - m) * u - fn.ellipeinc(am, m)) / (2 * m * (1 - m)) + sn * cn / (2 * (1 - m))
        in_argument, in_parameter = {
            "sn": (cn * dn, cn * amplitude),
            "cn": (-sn * dn, -sn * amplitude),
            "dn": (-m * sn * cn, -(sn**2 + 2 * m * sn * cn * amplitude) / (2 * dn)),
            "am": (dn, amplitude),
        }[part]
        return [in_argument, in_parameter]

    return partials


def _mp_jacobi(part: str) -> Callable[..., Any]:
    if part == "am":
        return lambda mp, u, m: mp.atan2(mp.ellipfun("sn", u, m=m), mp.ellipfun("cn", u, m=m))
    return lambda mp, u, m: mp.ellipfun(part, u, m=m)


for _output, _part in enumerate(_JACOBI):
    special(
        f"ellipj_{_part}",
        _jacobi(_part),
        arity=2,
        ufunc="ellipj",
        outputs=4,
        output=_output,
        mpmath=_mp_jacobi(_part),
        latex=rf"\operatorname{{{_part}}}",
        domain=((0.2, 2.0), (0.1, 0.8)),
        accuracy=1e-12,
    )

# ---------------------------------------------------------------- hypergeometric functions

special(
    "hyp0f1",
    lambda y, b, z: ["its parameter", fn.hyp0f1(b + 1, z) / b],
    arity=2,
    mpmath="hyp0f1",
    sympy=lambda s, b, z: s.hyper([], [b], z),
    latex=r"{}_0F_1({0}; {1})",
    domain=((0.5, 3.0), (-3.0, 3.0)),
)
special(
    "hyp1f1",
    lambda y, a, b, z: ["its parameters", "its parameters", a * fn.hyp1f1(a + 1, b + 1, z) / b],
    arity=3,
    mpmath="hyp1f1",
    sympy=lambda s, a, b, z: s.hyper([a], [b], z),
    latex=r"{}_1F_1({0}; {1}; {2})",
    domain=((0.5, 3.0), (0.5, 3.0), (-2.0, 3.0)),
    accuracy=1e-12,
)
special(
    "hyp2f1",
    lambda y, a, b, c, z: [*["its parameters"] * 3, a * b * fn.hyp2f1(a + 1, b + 1, c + 1, z) / c],
    arity=4,
    mpmath="hyp2f1",
    sympy=lambda s, a, b, c, z: s.hyper([a, b], [c], z),
    latex=r"{}_2F_1({0}, {1}; {2}; {3})",
    domain=((0.5, 2.0), (0.5, 2.0), (1.0, 3.0), (-2.0, 0.8)),
    accuracy=1e-11,
)
special(
    "hyperu",
    lambda y, a, b, x: ["its parameters", "its parameters", -a * fn.hyperu(a + 1, b + 1, x)],
    arity=3,
    mpmath="hyperu",
    latex="U",
    domain=((0.5, 2.0), (0.5, 2.0), (0.5, 4.0)),
    accuracy=1e-10,
)
special(
    "wright_bessel",
    lambda y, a, b, x: ["its parameters", "its parameters", fn.wright_bessel(a, a + b, x)],
    arity=3,
    domain=((0.5, 2.0), (0.5, 2.0), (0.2, 3.0)),
)
special(
    "log_wright_bessel",
    lambda y, a, b, x: ["its parameters", "its parameters", fn.exp(fn.log_wright_bessel(a, a + b, x) - y)],
    arity=3,
    domain=((0.5, 2.0), (0.5, 2.0), (0.2, 3.0)),
)

# ---------------------------------------------------------------- Mathieu functions

_DEGREE = math.pi / 180


def _mathieu(name: str, values: str) -> None:
    """A function of degrees and its derivative by radians; ``values`` is the function of characteristic values."""

    def value(y: Term, m: Term, q: Term, x: Term) -> list[Any]:
        return ["m", "q", _DEGREE * getattr(fn, f"{name}_slope")(m, q, x)]

    def slope(y: Term, m: Term, q: Term, x: Term) -> list[Any]:
        curvature = getattr(fn, values)(m, q) - 2 * q * fn.cosdg(2 * x)
        return ["m", "q", -_DEGREE * curvature * getattr(fn, f"{name}_value")(m, q, x)]

    for output, (part, partials) in enumerate((("value", value), ("slope", slope))):
        box = ((1.0, 1.0), (0.5, 2.0), (10.0, 170.0))
        special(f"{name}_{part}", partials, arity=3, ufunc=name, outputs=2, output=output, domain=box)


_mathieu("mathieu_cem", "mathieu_a")
_mathieu("mathieu_sem", "mathieu_b")
for _name in ("mathieu_a", "mathieu_b"):
    special(_name, lambda y, m, q: ["m", "q"], arity=2, domain=((1.0, 1.0), (0.5, 2.0)))
