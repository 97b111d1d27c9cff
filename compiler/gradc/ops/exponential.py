"""Exponentials, logarithms, and the compositions with a stable form of their own."""

from __future__ import annotations

from gradc.ir.algebra import power_of, product_of, sum_of
from gradc.ir.scalar import E, Number, Op, Scalar, apply, number, register
from gradc.ops import emit
from gradc.ops.table import floating, function, minus, one, over, times

import math

LOG_2 = math.log(2.0)
LOG_10 = math.log(10.0)

function("exp", lambda y, x: y, latex=r"\exp")
function("exp2", lambda y, x: times(apply("log", number(2, y.dtype)), y), mpmath=lambda mp, x: mp.mpf(2) ** x,
         sympy=lambda s, x: s.Integer(2) ** x)
function("expm1", lambda y, x: apply("exp", x), sympy=lambda s, x: s.exp(x) - 1)
function("log", lambda y, x: power_of(x, -1), latex=r"\log")
function("log2", lambda y, x: over(1, times(apply("log", number(2, y.dtype)), x)), mpmath=lambda mp, x: mp.log(x, 2),
         sympy=lambda s, x: s.log(x) / s.log(2), latex=r"\log_2")
function("log10", lambda y, x: over(1, times(apply("log", number(10, y.dtype)), x)),
         sympy=lambda s, x: s.log(x) / s.log(10), latex=r"\log_{10}")
function("log1p", lambda y, x: power_of(sum_of(1, x, dtype=y.dtype), -1), sympy=lambda s, x: s.log(1 + x))


function(
    "sigmoid",
    lambda y, x: times(y, minus(1, y)),
    numpy="scipy.special.expit",
    mpmath=lambda mp, x: 1 / (1 + mp.exp(-x)),
    sympy=lambda s, x: 1 / (1 + s.exp(-x)),
    latex=r"\sigma",
    lower=emit.sigmoid,
    cost=24,
)
function(
    "softplus",
    lambda y, x: apply("sigmoid", x),
    numpy=lambda np, x: np.logaddexp(x, np.zeros((), np.asarray(x).dtype)),
    mpmath=lambda mp, x: mp.log1p(mp.exp(x)),
    sympy=lambda s, x: s.log(1 + s.exp(x)),
    latex=r"\operatorname{softplus}",
    lower=emit.softplus,
    cost=40,
)
register(
    Op(
        "logaddexp",
        2,
        floating,
        lambda y, a, b: (apply("sigmoid", minus(a, b)), apply("sigmoid", minus(b, a))),
        "numpy.logaddexp",
        lambda mp, a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
        lambda s, a, b: s.log(s.exp(a) + s.exp(b)),
        latex=r"\operatorname{logaddexp}",
        lower=emit.logaddexp,
        cost=40,
    )
)
__all__ = ["E", "Number", "Scalar", "one", "product_of"]
