"""Exponentials, logarithms, and the compositions with a stable form of their own."""

from __future__ import annotations

import math

from gradc.ir.algebra import power_of, sum_of
from gradc.ir.scalar import Op, apply, number, register
from gradc.ops import emit, forms
from gradc.ops.table import floating, function, minus, over, times

LOG_2 = math.log(2.0)
LOG_10 = math.log(10.0)

function("exp", lambda y, x: y, latex=r"\exp")
function(
    "exp2",
    lambda y, x: times(apply("log", number(2, y.dtype)), y),
    mpmath=lambda mp, x: mp.exp(x * mp.log(2)),
    sympy=lambda s, x: s.Integer(2) ** x,
    cost=18,
)
function("expm1", lambda y, x: apply("exp", x), mpmath=forms.mp_expm_one, sympy=lambda s, x: s.exp(x) - 1, cost=25)
function("log", lambda y, x: power_of(x, -1), latex=r"\log", domain=(0.2, 4.0), cost=30)
function(
    "log2",
    lambda y, x: over(1, times(apply("log", number(2, y.dtype)), x)),
    mpmath=forms.mp_log_base(2),
    domain=(0.2, 4.0),
    sympy=lambda s, x: s.log(x) / s.log(2),
    latex=r"\log_2",
    cost=35,
)
function(
    "log10",
    lambda y, x: over(1, times(apply("log", number(10, y.dtype)), x)),
    mpmath=forms.mp_log_base(10),
    domain=(0.2, 4.0),
    sympy=lambda s, x: s.log(x) / s.log(10),
    latex=r"\log_{10}",
    cost=35,
)
function(
    "log1p",
    lambda y, x: power_of(sum_of(1, x, dtype=y.dtype), -1),
    mpmath=forms.mp_log_one_plus,
    sympy=lambda s, x: s.log(1 + x),
    domain=(-0.8, 3.0),
    cost=35,
)


function(
    "sigmoid",
    lambda y, x: times(y, minus(1, y)),
    numpy="scipy.special.expit",
    mpmath=lambda mp, x: 1 / (1 + mp.exp(-x)),
    sympy=lambda s, x: 1 / (1 + s.exp(-x)),
    latex=r"\sigma",
    lower=emit.sigmoid,
    step=forms.step_sigmoid,
    cost=30,
)
function(
    "softplus",
    lambda y, x: apply("sigmoid", x),
    numpy=lambda np, x: np.logaddexp(x, np.zeros((), np.asarray(x).dtype)),
    mpmath=forms.mp_softplus,
    sympy=lambda s, x: s.log(1 + s.exp(x)),
    latex=r"\operatorname{softplus}",
    lower=emit.softplus,
    step=forms.step_softplus,
    cost=60,
)
register(
    Op(
        "logaddexp",
        2,
        floating,
        lambda y, a, b: (apply("sigmoid", minus(a, b)), apply("sigmoid", minus(b, a))),
        "numpy.logaddexp",
        forms.mp_logaddexp,
        lambda s, a, b: s.log(s.exp(a) + s.exp(b)),
        latex=r"\operatorname{logaddexp}",
        lower=emit.logaddexp,
        extra={"complex": forms.step_logaddexp},
        cost=65,
    )
)
