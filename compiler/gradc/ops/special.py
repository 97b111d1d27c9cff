"""Error functions, the normal distribution, and relatives of the exponential and the logarithm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradc.ir.algebra import power_of
from gradc.ir.scalar import apply, number
from gradc.ops import emit
from gradc.ops.loops import special
from gradc.ops.table import function, times
from gradc.ops.terms import Term, fn, half, literal, pi, unless_zero

_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)
_ROOT_PI_OVER_TWO = math.sqrt(math.pi) / 2
_ROOT_TWO_PI = math.sqrt(2 * math.pi)
_ROOT_HALF = math.sqrt(0.5)

# ---------------------------------------------------------------- error functions

function(
    "erf",
    lambda y, x: times(number(_TWO_OVER_ROOT_PI, y.dtype), apply("exp", times(-1, power_of(x, 2)))),
    numpy="scipy.special.erf",
    latex=r"\operatorname{erf}",
    cost=65,
)
function(
    "erfc",
    lambda y, x: times(number(-_TWO_OVER_ROOT_PI, y.dtype), apply("exp", times(-1, power_of(x, 2)))),
    numpy="scipy.special.erfc",
    latex=r"\operatorname{erfc}",
    cost=120,
)
special(
    "erfinv",
    lambda y, x: [_ROOT_PI_OVER_TWO * fn.exp(y**2)],
    mpmath="erfinv",
    sympy="erfinv",
    latex=r"\operatorname{erf}^{-1}",
    domain=((-0.95, 0.95),),
)
special(
    "erfcinv",
    lambda y, x: [-_ROOT_PI_OVER_TWO * fn.exp(y**2)],
    mpmath=lambda mp, x: mp.erfinv(1 - x),
    sympy=lambda s, x: s.erfinv(1 - x),
    latex=r"\operatorname{erfc}^{-1}",
    domain=((0.05, 1.95),),
)
special(
    "erfcx",
    lambda y, x: [2 * x * y - _TWO_OVER_ROOT_PI],
    mpmath=lambda mp, x: mp.exp(x * x) * mp.erfc(x),
    sympy=lambda s, x: s.exp(x**2) * s.erfc(x),
    latex=r"\operatorname{erfcx}",
)
special(
    "erfi", lambda y, x: [_TWO_OVER_ROOT_PI * fn.exp(x**2)], mpmath="erfi", sympy="erfi", latex=r"\operatorname{erfi}"
)
special(
    "dawsn",
    lambda y, x: [1 - 2 * x * y],
    mpmath=lambda mp, x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
    sympy=lambda s, x: s.sqrt(s.pi) / 2 * s.exp(-(x**2)) * s.erfi(x),
    latex=r"\operatorname{dawsn}",
)

# ---------------------------------------------------------------- the normal distribution

special(
    "log_ndtr",
    # density by distribution function: of these two neither vanishes far to the left
    lambda y, x: [math.sqrt(2 / math.pi) / fn.erfcx(-_ROOT_HALF * x)],
    mpmath=lambda mp, x: mp.log(mp.ncdf(x)),
    sympy=lambda s, x: s.log(s.erfc(-x / s.sqrt(2)) / 2),
    latex=r"\log \Phi",
)
special(
    "ndtri",
    lambda y, p: [_ROOT_TWO_PI * fn.exp(y**2 / 2)],
    mpmath=lambda mp, p: mp.sqrt(2) * mp.erfinv(2 * p - 1),
    sympy=lambda s, p: s.sqrt(2) * s.erfinv(2 * p - 1),
    latex=r"\Phi^{-1}",
    domain=((0.05, 0.95),),
)
special(
    "ndtri_exp",
    lambda y, x: [_ROOT_TWO_PI * fn.exp(x + y**2 / 2)],
    mpmath=lambda mp, x: mp.sqrt(2) * mp.erfinv(2 * mp.exp(x) - 1),
    sympy=lambda s, x: s.sqrt(2) * s.erfinv(2 * s.exp(x) - 1),
    domain=((-3.0, -0.05),),
)
special(
    "owens_t",
    lambda y, h, a: [
        -fn.exp(-(h**2) / 2) * fn.erf(_ROOT_HALF * a * h) / (2 * _ROOT_TWO_PI),
        fn.exp(-(h**2) * (1 + a**2) / 2) / (2 * pi(a) * (1 + a**2)),
    ],
    arity=2,
    mpmath=lambda mp, h, a: mp.quad(lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (2 * mp.pi),
    latex="T",
)

# ---------------------------------------------------------------- exponentials and logarithms

special(
    "logit",
    lambda y, x: [1 / (x * (1 - x))],
    mpmath=lambda mp, x: mp.log(x / (1 - x)),
    sympy=lambda s, x: s.log(x / (1 - x)),
    latex=r"\operatorname{logit}",
    domain=((0.05, 0.95),),
    cost=60,
)
special(
    "exprel",
    # it is the hypergeometric 1F1(1; 2; x): no difference of large numbers near 0
    lambda y, x: [fn.hyp1f1(2, 3, x) / 2],
    mpmath=lambda mp, x: mp.expm1(x) / x if x else mp.mpf(1),
    sympy=lambda s, x: (s.exp(x) - 1) / x,
    latex=r"\operatorname{exprel}",
    cost=60,
)
special(
    "exp10",
    lambda y, x: [fn.log(literal(10, x)) * y],
    mpmath=lambda mp, x: mp.mpf(10) ** x,
    sympy=lambda s, x: s.Integer(10) ** x,
    latex=r"\operatorname{exp10}",
    cost=100,
)
special(
    "cosm1",
    lambda y, x: [-fn.sin(x)],
    mpmath=lambda mp, x: -2 * mp.sin(x / 2) ** 2,
    sympy=lambda s, x: s.cos(x) - 1,
    cost=100,
)
special(
    "powm1",
    lambda y, x, a: [a * x ** (a - 1), x**a * fn.log(x)],
    arity=2,
    mpmath="powm1",
    sympy=lambda s, x, a: x**a - 1,
    domain=((0.2, 4.0), (-3.0, 3.0)),
)
special(
    "wrightomega",
    lambda y, x: [y / (1 + y)],
    mpmath=lambda mp, x: mp.lambertw(mp.exp(x)),
    sympy=lambda s, x: s.LambertW(s.exp(x)),
    latex=r"\omega",
)

# ---------------------------------------------------------------- products with logarithms


def _zero_times(logarithm: str) -> Callable[..., Any]:
    """``x f(y)``, 0 where x is 0 and y is a number, also where the logarithm is infinite."""

    def lower(e: emit.Emitter, x: emit.V, y: emit.V) -> emit.V:
        zero = e.constant(0, x)
        vanishes = e.both(e.compare("equal", x, zero), e.complement(e.is_nan(y)))
        return e.select(vanishes, zero, e.multiply(x, e.call(logarithm, y)))

    return lower


def _mp_zero_times(logarithm: str) -> Callable[..., Any]:
    return lambda mp, x, y: mp.mpf(0) if x == 0 and not mp.isnan(y) else x * getattr(mp, logarithm)(y)


special(
    "xlogy",
    lambda z, x, y: [fn.log(y), unless_zero(x, x / y)],
    arity=2,
    mpmath=_mp_zero_times("log"),
    sympy=lambda s, x, y: x * s.log(y),
    domain=((-3.0, 3.0), (0.2, 4.0)),
    lower=_zero_times("libm.log"),
    latex=r"{0} \log {1}",
    cost=35,
)
special(
    "xlog1py",
    lambda z, x, y: [fn.log1p(y), unless_zero(x, x / (1 + y))],
    arity=2,
    mpmath=_mp_zero_times("log1p"),
    sympy=lambda s, x, y: x * s.log(1 + y),
    domain=((-3.0, 3.0), (-0.8, 3.0)),
    lower=_zero_times("libm.log1p"),
    cost=40,
)
special(
    "entr",
    lambda y, x: [-fn.log(x) - 1],
    mpmath=lambda mp, x: -x * mp.log(x) if x > 0 else mp.mpf(0) if x == 0 else mp.ninf,
    sympy=lambda s, x: -x * s.log(x),
    domain=((0.2, 4.0),),
    cost=60,
)
special(
    "rel_entr",
    lambda z, x, y: [fn.log(x / y) + 1, -x / y],
    arity=2,
    mpmath=lambda mp, x, y: x * mp.log(x / y),
    sympy=lambda s, x, y: x * s.log(x / y),
    domain=((0.2, 4.0), (0.2, 4.0)),
    cost=60,
)
special(
    "kl_div",
    lambda z, x, y: [fn.log(x / y), 1 - x / y],
    arity=2,
    mpmath=lambda mp, x, y: x * mp.log(x / y) - x + y,
    sympy=lambda s, x, y: x * s.log(x / y) - x + y,
    accuracy=1e-10,
    domain=((0.2, 4.0), (0.2, 4.0)),
    cost=60,
)

# ---------------------------------------------------------------- losses and transformations


def _pseudo_huber(y: Term, delta: Term, r: Term) -> list[Term]:
    root = (1 + (r / delta) ** 2) ** half(r)
    return [2 * y / delta - r**2 / (delta * root), r / root]


special(
    "huber",
    lambda y, delta, r: [
        fn.maximum(fn.abs(r) - delta, 0),
        fn.maximum(fn.minimum(r, delta), -delta),
    ],
    arity=2,
    mpmath=lambda mp, delta, r: r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2),
    sympy=lambda s, delta, r: s.Piecewise((r**2 / 2, s.Abs(r) <= delta), (delta * (s.Abs(r) - delta / 2), True)),
    domain=((0.5, 3.0), (-3.0, 3.0)),
    cost=20,
)
special(
    "pseudo_huber",
    _pseudo_huber,
    arity=2,
    mpmath=lambda mp, delta, r: delta**2 * (mp.sqrt(1 + (r / delta) ** 2) - 1),
    sympy=lambda s, delta, r: delta**2 * (s.sqrt(1 + (r / delta) ** 2) - 1),
    domain=((0.5, 3.0), (-3.0, 3.0)),
    cost=40,
)


def _log_power_slope(logarithm: Term, power: Term) -> Term:
    """The derivative of ``(exp(power logarithm) - 1) / power`` in the power, which is 1F1 near 0 too."""
    return logarithm**2 * fn.hyp1f1(2, 3, power * logarithm) / 2


def _mp_boxcox(mp: Any, x: Any, power: Any) -> Any:
    return mp.log(x) if power == 0 else (x**power - 1) / power


def _mp_inverse_boxcox(mp: Any, y: Any, power: Any) -> Any:
    return mp.exp(y) if power == 0 else (1 + power * y) ** (1 / power)


special(
    "boxcox",
    lambda y, x, a: [x ** (a - 1), _log_power_slope(fn.log(x), a)],
    arity=2,
    mpmath=_mp_boxcox,
    sympy=lambda s, x, a: (x**a - 1) / a,
    domain=((0.2, 4.0), (-2.0, 2.0)),
    cost=120,
)
special(
    "boxcox1p",
    lambda y, x, a: [(1 + x) ** (a - 1), _log_power_slope(fn.log1p(x), a)],
    arity=2,
    mpmath=lambda mp, x, a: _mp_boxcox(mp, 1 + x, a),
    sympy=lambda s, x, a: ((1 + x) ** a - 1) / a,
    domain=((-0.8, 3.0), (-2.0, 2.0)),
    cost=120,
)
special(
    "inv_boxcox",
    lambda x, y, a: [x ** (1 - a), -(x ** (1 - a)) * _log_power_slope(fn.log(x), a)],
    arity=2,
    mpmath=_mp_inverse_boxcox,
    sympy=lambda s, y, a: (1 + a * y) ** (1 / a),
    domain=((0.0, 2.0), (0.2, 2.0)),
    cost=120,
)
special(
    "inv_boxcox1p",
    lambda x, y, a: [(1 + x) ** (1 - a), -((1 + x) ** (1 - a)) * _log_power_slope(fn.log1p(x), a)],
    arity=2,
    mpmath=lambda mp, y, a: _mp_inverse_boxcox(mp, y, a) - 1,
    sympy=lambda s, y, a: (1 + a * y) ** (1 / a) - 1,
    domain=((0.0, 2.0), (0.2, 2.0)),
    cost=120,
)
special(
    "tklmbda",
    lambda y, x, shape: [1 / (y ** (shape - 1) + (1 - y) ** (shape - 1)), "lmbda"],
    arity=2,
    domain=((-1.0, 1.0), (0.2, 0.9)),
)

# ---------------------------------------------------------------- degrees

_DEGREE = math.pi / 180


def _degrees(mp: Any, x: Any) -> Any:
    return x * mp.pi / 180


special(
    "sindg",
    lambda y, x: [_DEGREE * fn.cosdg(x)],
    mpmath=lambda mp, x: mp.sin(_degrees(mp, x)),
    sympy=lambda s, x: s.sin(s.pi * x / 180),
    domain=((-400.0, 400.0),),
    cost=60,
)
special(
    "cosdg",
    lambda y, x: [-_DEGREE * fn.sindg(x)],
    mpmath=lambda mp, x: mp.cos(_degrees(mp, x)),
    sympy=lambda s, x: s.cos(s.pi * x / 180),
    domain=((-400.0, 400.0),),
    cost=60,
)
special(
    "tandg",
    lambda y, x: [_DEGREE * (1 + y**2)],
    mpmath=lambda mp, x: mp.tan(_degrees(mp, x)),
    sympy=lambda s, x: s.tan(s.pi * x / 180),
    domain=((-80.0, 80.0),),
    cost=60,
)
special(
    "cotdg",
    lambda y, x: [-_DEGREE * (1 + y**2)],
    mpmath=lambda mp, x: 1 / mp.tan(_degrees(mp, x)),
    sympy=lambda s, x: s.cot(s.pi * x / 180),
    domain=((10.0, 170.0),),
    cost=60,
)
special(
    "radian",
    lambda y, d, m, s: [literal(_DEGREE, d), literal(_DEGREE / 60, d), literal(_DEGREE / 3600, d)],
    arity=3,
    mpmath=lambda mp, d, m, s: _degrees(mp, d + m / 60 + s / 3600),
    sympy=lambda s, d, m, seconds: s.pi / 180 * (d + m / 60 + seconds / 3600),
    cost=20,
)
