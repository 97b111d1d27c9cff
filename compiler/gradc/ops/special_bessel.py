"""Bessel functions and their kin: spherical and scaled ones, Airy, Struve and Kelvin functions, parabolic cylinders.

The order of a Bessel function is not differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradc.ops.loops import special
from gradc.ops.terms import Term, fn, literal

_POSITIVE = (0.3, 6.0)
_REAL = (-5.0, 5.0)
_ORDER = (0.5, 3.5)
_ORDER_NAME = "the order"
_COST = 1500.0


def _sign(x: Term) -> Term:
    return fn.sign(x)


# ---------------------------------------------------------------- orders 0 and 1

special("j0", lambda y, x: [-fn.j1(x)], mpmath="j0", sympy=lambda s, x: s.besselj(0, x), latex="J_0", domain=(_REAL,))
special(
    "j1",
    lambda y, x: [(fn.j0(x) - fn.jv(2, x)) / 2],
    mpmath="j1",
    sympy=lambda s, x: s.besselj(1, x),
    latex="J_1",
    domain=(_REAL,),
)
special(
    "y0",
    lambda y, x: [-fn.y1(x)],
    mpmath=lambda mp, x: mp.bessely(0, x),
    sympy=lambda s, x: s.bessely(0, x),
    latex="Y_0",
    domain=(_POSITIVE,),
)
special(
    "y1",
    lambda y, x: [fn.y0(x) - y / x],
    mpmath=lambda mp, x: mp.bessely(1, x),
    sympy=lambda s, x: s.bessely(1, x),
    latex="Y_1",
    domain=(_POSITIVE,),
)
special(
    "i0",
    lambda y, x: [fn.i1(x)],
    mpmath=lambda mp, x: mp.besseli(0, x),
    sympy=lambda s, x: s.besseli(0, x),
    latex="I_0",
    domain=(_REAL,),
)
special(
    "i1",
    lambda y, x: [(fn.i0(x) + fn.iv(2, x)) / 2],
    mpmath=lambda mp, x: mp.besseli(1, x),
    sympy=lambda s, x: s.besseli(1, x),
    latex="I_1",
    domain=(_REAL,),
)
special(
    "i0e",
    lambda y, x: [fn.i1e(x) - _sign(x) * y],
    mpmath=lambda mp, x: mp.exp(-abs(x)) * mp.besseli(0, x),
    sympy=lambda s, x: s.exp(-s.Abs(x)) * s.besseli(0, x),
    domain=(_REAL,),
)
special(
    "i1e",
    lambda y, x: [(fn.i0e(x) + fn.ive(2, x)) / 2 - _sign(x) * y],
    mpmath=lambda mp, x: mp.exp(-abs(x)) * mp.besseli(1, x),
    sympy=lambda s, x: s.exp(-s.Abs(x)) * s.besseli(1, x),
    domain=(_REAL,),
)
special(
    "k0",
    lambda y, x: [-fn.k1(x)],
    mpmath=lambda mp, x: mp.besselk(0, x),
    sympy=lambda s, x: s.besselk(0, x),
    latex="K_0",
    domain=(_POSITIVE,),
)
special(
    "k1",
    lambda y, x: [-fn.k0(x) - y / x],
    mpmath=lambda mp, x: mp.besselk(1, x),
    sympy=lambda s, x: s.besselk(1, x),
    latex="K_1",
    domain=(_POSITIVE,),
)
special(
    "k0e",
    lambda y, x: [y - fn.k1e(x)],
    mpmath=lambda mp, x: mp.exp(x) * mp.besselk(0, x),
    sympy=lambda s, x: s.exp(x) * s.besselk(0, x),
    domain=(_POSITIVE,),
)
special(
    "k1e",
    lambda y, x: [y - fn.k0e(x) - y / x],
    mpmath=lambda mp, x: mp.exp(x) * mp.besselk(1, x),
    sympy=lambda s, x: s.exp(x) * s.besselk(1, x),
    domain=(_POSITIVE,),
)

# ---------------------------------------------------------------- any order


def _difference(name: str) -> Callable[..., list[Any]]:
    """``f_v' = (f_{v-1} - f_{v+1}) / 2``."""
    f = getattr(fn, name)
    return lambda y, v, x: [_ORDER_NAME, (f(v - 1, x) - f(v + 1, x)) / 2]


for _name, _mp, _sympy, _letter, _range in (
    ("jv", "besselj", "besselj", "J", _POSITIVE),
    ("jve", "besselj", "besselj", "J", _POSITIVE),  # real arguments are not scaled
    ("yv", "bessely", "bessely", "Y", _POSITIVE),
    ("yve", "bessely", "bessely", "Y", _POSITIVE),
):
    special(
        _name,
        _difference(_name),
        arity=2,
        mpmath=_mp,
        sympy=_sympy,
        latex=_letter + "_{{0}}({1})",
        domain=(_ORDER, _range),
        cost=_COST,
    )
special(
    "yn",
    _difference("yn"),
    arity=2,
    kinds="ld",
    mpmath="bessely",
    sympy="bessely",
    latex="Y_{{0}}({1})",
    domain=((0, 5), _POSITIVE),
    cost=_COST,
)
special(
    "iv",
    lambda y, v, x: [_ORDER_NAME, (fn.iv(v - 1, x) + fn.iv(v + 1, x)) / 2],
    arity=2,
    mpmath="besseli",
    sympy="besseli",
    latex="I_{{0}}({1})",
    domain=(_ORDER, _POSITIVE),
    cost=_COST,
)
special(
    "ive",
    lambda y, v, x: [_ORDER_NAME, (fn.ive(v - 1, x) + fn.ive(v + 1, x)) / 2 - _sign(x) * y],
    arity=2,
    mpmath=lambda mp, v, x: mp.exp(-abs(x)) * mp.besseli(v, x),
    sympy=lambda s, v, x: s.exp(-s.Abs(x)) * s.besseli(v, x),
    domain=(_ORDER, _POSITIVE),
    cost=_COST,
)
special(
    "kv",
    lambda y, v, x: [_ORDER_NAME, -(fn.kv(v - 1, x) + fn.kv(v + 1, x)) / 2],
    arity=2,
    mpmath="besselk",
    sympy="besselk",
    latex="K_{{0}}({1})",
    domain=(_ORDER, _POSITIVE),
    cost=_COST,
)
special(
    "kn",
    lambda y, n, x: [None, -(fn.kn(n - 1, x) + fn.kn(n + 1, x)) / 2],
    arity=2,
    kinds="ld",
    mpmath="besselk",
    sympy="besselk",
    latex="K_{{0}}({1})",
    domain=((0, 5), _POSITIVE),
    cost=_COST,
)
special(
    "kve",
    lambda y, v, x: [_ORDER_NAME, y - (fn.kve(v - 1, x) + fn.kve(v + 1, x)) / 2],
    arity=2,
    mpmath=lambda mp, v, x: mp.exp(x) * mp.besselk(v, x),
    sympy=lambda s, v, x: s.exp(x) * s.besselk(v, x),
    domain=(_ORDER, _POSITIVE),
    cost=_COST,
)

# ---------------------------------------------------------------- spherical


def _spherical(name: str, lower: int, upper: int) -> Callable[..., list[Any]]:
    """``(2n+1) f_n' = lower n f_{n-1} + upper (n+1) f_{n+1}``; of order 0 the first term is 0."""
    f = getattr(fn, name)

    def partials(y: Term, n: Term, x: Term) -> list[Any]:
        below = f(fn.maximum(n - 1, literal(0, n)), x)
        return [None, (lower * n * below + upper * (n + 1) * f(n + 1, x)) / (2 * n + 1)]

    return partials


def _half_order(function: str) -> Callable[..., Any]:
    return lambda mp, n, x: mp.sqrt(mp.pi / (2 * x)) * getattr(mp, function)(n + mp.mpf(1) / 2, x)


def _half_order_sympy(function: str) -> Callable[..., Any]:
    return lambda s, n, x: s.sqrt(s.pi / (2 * x)) * getattr(s, function)(n + s.Rational(1, 2), x)


def _spherical_curvature(name: str, sign: int) -> Callable[..., list[Any]]:
    """``f'' = -2/x f' -+ (1 -+ n (n + 1) / x^2) f``."""
    f = getattr(fn, name)
    return lambda y, n, x: [None, -2 * y / x - (sign - n * (n + 1) / x**2) * f(n, x)]


def _slope_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda mp, n, x: mp.diff(lambda t: function(mp, n, t), x)


for _name, _function, _letter, _lower, _upper in (
    ("spherical_jn", "besselj", "j", 1, -1),
    ("spherical_yn", "bessely", "y", 1, -1),
    ("spherical_in", "besseli", "i", 1, 1),
    ("spherical_kn", "besselk", "k", -1, -1),
):
    special(
        _name,
        _spherical(_name, _lower, _upper),
        arity=2,
        ufunc=f"_{_name}",
        kinds="ld",
        mpmath=_half_order(_function),
        sympy=_half_order_sympy(_function),
        latex=_letter + "_{{0}}({1})",
        domain=((0, 5), (0.3, 6.0)),
        cost=_COST,
    )

    special(
        f"{_name}_slope",
        _spherical_curvature(_name, 1 if _function in ("besselj", "bessely") else -1),
        arity=2,
        ufunc=f"_{_name}_d",
        source=_name + "({0}, {1}, derivative=True)",
        kinds="ld",
        mpmath=_slope_of(_half_order(_function)),
        latex=_letter + "'_{{0}}({1})",
        domain=((0, 5), (0.3, 6.0)),
        cost=_COST,
    )

# ---------------------------------------------------------------- Airy functions

_AIRY = ("ai", "ai_slope", "bi", "bi_slope")
_AIRY_LATEX = (r"\operatorname{Ai}", r"\operatorname{Ai}'", r"\operatorname{Bi}", r"\operatorname{Bi}'")


def _airy_slope(output: int) -> Callable[..., list[Any]]:
    """The derivative of each is the next; the second derivative is ``x`` times the function."""
    if output % 2 == 0:
        return lambda y, x: [getattr(fn, f"airy_{_AIRY[output + 1]}")(x)]
    return lambda y, x: [x * getattr(fn, f"airy_{_AIRY[output - 1]}")(x)]


def _scaled_airy_slope(output: int) -> Callable[..., list[Any]]:
    """The same, times ``exp(2/3 x^(3/2))`` or, for the growing ones, divided by it."""

    def partials(y: Term, x: Term) -> list[Any]:
        root = fn.sqrt(fn.maximum(x, 0) if output > 1 else x)
        other = getattr(fn, f"airye_{_AIRY[output + 1 - 2 * (output % 2)]}")(x)
        scale = root * y if output < 2 else -root * y
        return [(x * other if output % 2 else other) + scale]

    return partials


def _mp_airy(output: int) -> Callable[..., Any]:
    name, order = ("airyai", "airybi")[output // 2], output % 2
    return lambda mp, x: getattr(mp, name)(x, derivative=order)


def _mp_scaled_airy(output: int) -> Callable[..., Any]:
    sign = 1 if output < 2 else -1
    return lambda mp, x: _mp_airy(output)(mp, x) * mp.exp(sign * 2 * mp.sqrt(x) ** 3 / 3)


for _output, _part in enumerate(_AIRY):
    special(
        f"airy_{_part}",
        _airy_slope(_output),
        ufunc="airy",
        outputs=4,
        output=_output,
        mpmath=_mp_airy(_output),
        sympy=("airyai", "airyaiprime", "airybi", "airybiprime")[_output],
        latex=_AIRY_LATEX[_output],
        cost=_COST,
        accuracy=1e-12,
    )
    special(
        f"airye_{_part}",
        _scaled_airy_slope(_output),
        ufunc="airye",
        outputs=4,
        output=_output,
        mpmath=_mp_scaled_airy(_output),
        domain=((0.3, 4.0),),
        cost=_COST,
        accuracy=1e-12,
    )
    special(
        f"itairy_{_part}",
        (
            lambda y, x: [fn.airy_ai(x)],
            lambda y, x: [fn.airy_bi(x)],
            lambda y, x: [fn.airy_ai(-x)],
            lambda y, x: [fn.airy_bi(-x)],
        )[_output],
        ufunc="itairy",
        outputs=4,
        output=_output,
        domain=((0.3, 4.0),),
        cost=_COST,
    )

# ---------------------------------------------------------------- integrals of Bessel functions

_INTEGRALS: dict[str, tuple[Callable[..., list[Any]], Callable[..., list[Any]]]] = {
    "iti0k0": (lambda y, x: [fn.i0(x)], lambda y, x: [fn.k0(x)]),
    "itj0y0": (lambda y, x: [fn.j0(x)], lambda y, x: [fn.y0(x)]),
    "it2i0k0": (lambda y, x: [(fn.i0(x) - 1) / x], lambda y, x: [-fn.k0(x) / x]),
    "it2j0y0": (lambda y, x: [(1 - fn.j0(x)) / x], lambda y, x: [-fn.y0(x) / x]),
}
for _name, _pair in _INTEGRALS.items():
    for _output, _slope in enumerate(_pair):
        special(
            f"{_name}_{('first', 'second')[_output]}",
            _slope,
            ufunc=_name,
            outputs=2,
            output=_output,
            domain=((0.3, 4.0),),
            cost=_COST,
        )

# ---------------------------------------------------------------- Struve and Kelvin functions


def _struve(name: str, sign: int) -> Callable[..., list[Any]]:
    f = getattr(fn, name)

    def partials(y: Term, v: Term, x: Term) -> list[Any]:
        extra = (x / 2) ** v * fn.rgamma(v + 1.5) / math.sqrt(math.pi)
        return [_ORDER_NAME, (f(v - 1, x) + sign * f(v + 1, x) + extra) / 2]

    return partials


special(
    "struve",
    _struve("struve", -1),
    arity=2,
    mpmath="struveh",
    latex=r"\mathbf{H}_{{0}}({1})",
    domain=(_ORDER, _POSITIVE),
    cost=_COST,
)
special(
    "modstruve",
    _struve("modstruve", 1),
    arity=2,
    mpmath="struvel",
    latex=r"\mathbf{L}_{{0}}({1})",
    domain=(_ORDER, _POSITIVE),
    cost=_COST,
)
special("itstruve0", lambda y, x: [fn.struve(0, x)], domain=((0.3, 4.0),), cost=_COST)
special("it2struve0", lambda y, x: [-fn.struve(0, x) / x], domain=((0.3, 4.0),), cost=_COST)
special("itmodstruve0", lambda y, x: [fn.modstruve(0, x)], domain=((0.3, 4.0),), cost=_COST)

_KELVIN: dict[str, Callable[..., list[Any]]] = {
    "ber": lambda y, x: [fn.berp(x)],
    "bei": lambda y, x: [fn.beip(x)],
    "ker": lambda y, x: [fn.kerp(x)],
    "kei": lambda y, x: [fn.keip(x)],
    "berp": lambda y, x: [-fn.bei(x) - y / x],
    "beip": lambda y, x: [fn.ber(x) - y / x],
    "kerp": lambda y, x: [-fn.kei(x) - y / x],
    "keip": lambda y, x: [fn.ker(x) - y / x],
}


def _mp_kelvin(name: str) -> Callable[..., Any]:
    if name.endswith("p"):
        return lambda mp, x: mp.diff(lambda t: getattr(mp, name[:-1])(0, t), x)
    return lambda mp, x: getattr(mp, name)(0, x)


for _name, _slope in _KELVIN.items():
    special(
        _name,
        _slope,
        mpmath=_mp_kelvin(_name),
        latex=rf"\operatorname{{{_name.removesuffix('p')}}}" + "'" * _name.endswith("p"),
        domain=((0.3, 6.0),),
        cost=_COST,
        accuracy=1e-10,
    )

# ---------------------------------------------------------------- functions that come with their derivative


def _with_slope(
    name: str, arity: int, names: tuple[str, ...], curvature: Callable[..., Any] | None, **row: Any
) -> None:
    """The two results of a ufunc, of which the second is the derivative of the first in the last argument."""

    def first(y: Term, *args: Term) -> list[Any]:
        return [*names, getattr(fn, f"{name}_slope")(*args)]

    def second(y: Term, *args: Term) -> list[Any]:
        last = "its last argument" if curvature is None else curvature(*args) * getattr(fn, f"{name}_value")(*args)
        return [*names, last]

    options = {"ufunc": name, "outputs": 2, "cost": _COST} | row
    special(f"{name}_value", first, arity=arity, output=0, **options)
    special(f"{name}_slope", second, arity=arity, output=1, **options)


_with_slope("pbdv", 2, (_ORDER_NAME,), lambda v, x: x**2 / 4 - v - 0.5, domain=(_ORDER, (0.3, 3.0)), accuracy=1e-11)
_with_slope("pbvv", 2, (_ORDER_NAME,), lambda v, x: x**2 / 4 - v - 0.5, domain=(_ORDER, (0.3, 3.0)), accuracy=1e-11)
_with_slope("pbwa", 2, ("a",), lambda a, x: a - x**2 / 4, domain=((0.3, 2.0), (0.3, 3.0)), accuracy=1e-11)
