"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from fractions import Fraction

from gradc.ir.algebra import power_of, sum_of
from gradc.ir.scalar import Op, Scalar, apply, register
from gradc.ops import forms
from gradc.ops.table import floating, function, over, times

_INVERSE_ROOT = Fraction(-1, 2)


def _one_plus(x: Scalar, sign: int) -> Scalar:
    """``1 + sign x^2``."""
    return sum_of(1, times(sign, power_of(x, 2)), dtype=x.dtype)


function("sin", lambda y, x: apply("cos", x), latex=r"\sin", cost=30)
function("cos", lambda y, x: times(-1, apply("sin", x)), latex=r"\cos", cost=30)
function("tan", lambda y, x: _one_plus(y, 1), latex=r"\tan", cost=50, domain=(-1.2, 1.2))
function(
    "arcsin",
    lambda y, x: power_of(_one_plus(x, -1), _INVERSE_ROOT),
    mpmath="asin",
    sympy="asin",
    latex=r"\arcsin",
    domain=(-0.9, 0.9),
    lower="libm.asin",
    cost=30,
)
function(
    "arccos",
    lambda y, x: times(-1, power_of(_one_plus(x, -1), _INVERSE_ROOT)),
    mpmath="acos",
    sympy="acos",
    latex=r"\arccos",
    domain=(-0.9, 0.9),
    lower="libm.acos",
    cost=30,
)
function(
    "arctan",
    lambda y, x: power_of(_one_plus(x, 1), -1),
    mpmath="atan",
    sympy="atan",
    latex=r"\arctan",
    lower="libm.atan",
    cost=40,
)
function("sinh", lambda y, x: apply("cosh", x), latex=r"\sinh", cost=40)
function("cosh", lambda y, x: apply("sinh", x), latex=r"\cosh", cost=40)
function("tanh", lambda y, x: _one_plus(y, -1), latex=r"\tanh", cost=40)
function(
    "arcsinh",
    lambda y, x: power_of(_one_plus(x, 1), _INVERSE_ROOT),
    mpmath="asinh",
    sympy="asinh",
    latex=r"\operatorname{arsinh}",
    lower="libm.asinh",
    cost=70,
)
function(
    "arccosh",
    lambda y, x: times(
        power_of(sum_of(x, -1, dtype=x.dtype), _INVERSE_ROOT), power_of(sum_of(x, 1, dtype=x.dtype), _INVERSE_ROOT)
    ),
    mpmath="acosh",
    domain=(1.2, 4.0),
    sympy="acosh",
    latex=r"\operatorname{arcosh}",
    lower="libm.acosh",
    cost=70,
)
function(
    "arctanh",
    lambda y, x: power_of(_one_plus(x, -1), -1),
    mpmath=forms.mp_inverse_sigmoid_like("atanh"),
    domain=(-0.9, 0.9),
    sympy="atanh",
    latex=r"\operatorname{artanh}",
    lower="libm.atanh",
    cost=60,
)


def _squared_radius(a: Scalar, b: Scalar) -> Scalar:
    return sum_of(power_of(a, 2), power_of(b, 2))


register(
    Op(
        "arctan2",
        2,
        floating,
        lambda y, a, b: (over(b, _squared_radius(a, b)), over(times(-1, a), _squared_radius(a, b))),
        "numpy.arctan2",
        forms.mp_arctan,
        "atan2",
        latex=r"\operatorname{atan2}",
        lower="libm.atan2",
        domain=((0.3, 3.0), (0.3, 3.0)),
        extra={"complex": forms.step_arctan},
        cost=60,
    )
)
register(
    Op(
        "hypot",
        2,
        floating,
        lambda y, a, b: (over(a, y), over(b, y)),
        "numpy.hypot",
        forms.mp_hypot,
        lambda s, a, b: s.sqrt(a**2 + b**2),
        lower="libm.hypot",
        domain=((0.3, 3.0), (0.3, 3.0)),
        extra={"complex": forms.step_hypot},
        cost=15,
    )
)
