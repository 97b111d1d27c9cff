"""Orthogonal polynomials: the derivative of one is another of a degree less. The degree is not differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradc.ops.loops import special
from gradc.ops.terms import Term, fn, unless_zero

_INSIDE = (-0.95, 0.95)
_SHIFTED = (0.05, 0.95)
_DEGREES = (0, 6)
_SHAPE = (0.3, 2.0)
_DEGREE_NAME = "the degree"

#: name -> parameters between degree and argument, derivative in the argument where the degree is not 0, mpmath, SymPy,
#: LaTeX, what is sampled of parameters and argument
_ROWS: dict[str, tuple[int, Callable[..., Term], Any, Any, str, tuple[tuple[float, float], ...]]] = {
    "legendre": (
        0, lambda n, x: (n + 1) * fn.eval_jacobi(n - 1, 1, 1, x) / 2, "legendre", "legendre", "P_{{0}}({1})", (_INSIDE,)
    ),
    "sh_legendre": (
        0, lambda n, x: (n + 1) * fn.eval_jacobi(n - 1, 1, 1, 2 * x - 1), lambda mp, n, x: mp.legendre(n, 2 * x - 1),
        lambda s, n, x: s.legendre(n, 2 * x - 1), "P^{*}_{{0}}({1})", (_SHIFTED,),
    ),
    "chebyt": (0, lambda n, x: n * fn.eval_chebyu(n - 1, x), "chebyt", "chebyshevt", "T_{{0}}({1})", (_INSIDE,)),
    "chebyu": (
        0, lambda n, x: 2 * fn.eval_gegenbauer(n - 1, 2, x), "chebyu", "chebyshevu", "U_{{0}}({1})", (_INSIDE,)
    ),
    "chebyc": (
        0, lambda n, x: n * fn.eval_chebys(n - 1, x), lambda mp, n, x: 2 * mp.chebyt(n, x / 2),
        lambda s, n, x: 2 * s.chebyshevt(n, x / 2), "C_{{0}}({1})", (_INSIDE,),
    ),
    "chebys": (
        0, lambda n, x: fn.eval_gegenbauer(n - 1, 2, x / 2), lambda mp, n, x: mp.chebyu(n, x / 2),
        lambda s, n, x: s.chebyshevu(n, x / 2), "S_{{0}}({1})", (_INSIDE,),
    ),
    "sh_chebyt": (
        0, lambda n, x: 2 * n * fn.eval_sh_chebyu(n - 1, x), lambda mp, n, x: mp.chebyt(n, 2 * x - 1),
        lambda s, n, x: s.chebyshevt(n, 2 * x - 1), "T^{*}_{{0}}({1})", (_SHIFTED,),
    ),
    "sh_chebyu": (
        0, lambda n, x: 4 * fn.eval_gegenbauer(n - 1, 2, 2 * x - 1), lambda mp, n, x: mp.chebyu(n, 2 * x - 1),
        lambda s, n, x: s.chebyshevu(n, 2 * x - 1), "U^{*}_{{0}}({1})", (_SHIFTED,),
    ),
    "hermite": (0, lambda n, x: 2 * n * fn.eval_hermite(n - 1, x), "hermite", "hermite", "H_{{0}}({1})", ((-3.0, 3.0),)),
    "hermitenorm": (
        0, lambda n, x: n * fn.eval_hermitenorm(n - 1, x),
        lambda mp, n, x: mp.mpf(2) ** (-mp.mpf(n) / 2) * mp.hermite(n, x / mp.sqrt(2)),
        lambda s, n, x: 2 ** (-s.Rational(n) / 2) * s.hermite(n, x / s.sqrt(2)),
        r"\mathit{He}_{{0}}({1})", ((-3.0, 3.0),),
    ),
    "laguerre": (
        0, lambda n, x: -fn.eval_genlaguerre(n - 1, 1, x), lambda mp, n, x: mp.laguerre(n, 0, x), "laguerre",
        "L_{{0}}({1})", ((0.2, 5.0),),
    ),
    "genlaguerre": (
        1, lambda n, a, x: -fn.eval_genlaguerre(n - 1, a + 1, x), "laguerre", "assoc_laguerre",
        "L_{{0}}^{({1})}({2})", (_SHAPE, (0.2, 5.0)),
    ),
    "gegenbauer": (
        1, lambda n, a, x: 2 * a * fn.eval_gegenbauer(n - 1, a + 1, x), "gegenbauer", "gegenbauer",
        "C_{{0}}^{({1})}({2})", (_SHAPE, _INSIDE),
    ),
    "jacobi": (
        2, lambda n, a, b, x: (n + a + b + 1) * fn.eval_jacobi(n - 1, a + 1, b + 1, x) / 2, "jacobi", "jacobi",
        "P_{{0}}^{({1}, {2})}({3})", (_SHAPE, _SHAPE, _INSIDE),
    ),
    "sh_jacobi": (
        2, lambda n, p, q, x: n * fn.eval_sh_jacobi(n - 1, p + 2, q + 1, x),
        lambda mp, n, p, q, x: mp.jacobi(n, p - q, q - 1, 2 * x - 1) / mp.binomial(2 * n + p - 1, n), None,
        "G_{{0}}^{({1}, {2})}({3})", ((2.0, 3.0), (0.5, 1.5), _SHIFTED),
    ),
}  # fmt: skip


def _partials(parameters: int, derivative: Callable[..., Term]) -> Callable[..., list[Any]]:
    def partials(y: Term, n: Term, *rest: Term) -> list[Any]:
        return [_DEGREE_NAME, *["its parameters"] * parameters, unless_zero(n, derivative(n, *rest))]

    return partials


for _name, (_count, _derivative, _mp, _sympy, _latex, _boxes) in _ROWS.items():
    special(
        f"eval_{_name}",
        _partials(_count, _derivative),
        arity=2 + _count,
        kinds="l" + "d" * (1 + _count),
        mpmath=_mp,
        sympy=_sympy,
        latex=_latex,
        domain=(_DEGREES, *_boxes),
        accuracy=1e-12,
    )


def _associated_slope(y: Term, m: Term, v: Term, x: Term) -> list[Any]:
    slope = (v * x * y - (v + m) * fn.lpmv(m, v - 1, x)) / (x**2 - 1)
    return [_DEGREE_NAME, _DEGREE_NAME, slope]


special(
    "lpmv",
    _associated_slope,
    arity=3,
    mpmath=lambda mp, m, v, x: mp.legenp(v, m, x),
    latex="P_{{1}}^{{0}}({2})",
    domain=((1.0, 1.0), (1.5, 3.5), _INSIDE),
    accuracy=1e-11,
)
