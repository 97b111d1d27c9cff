"""Gamma and beta functions, and their incomplete forms."""

from __future__ import annotations

from typing import Any

from gradc.ops.loops import special
from gradc.ops.terms import Term, fn, unless_zero

#: What tests sample.
POSITIVE = (0.3, 4.0)
UNIT = (0.05, 0.95)

# ---------------------------------------------------------------- complete

special(
    "gamma",
    lambda y, x: [y * fn.psi(x)],
    mpmath="gamma",
    sympy="gamma",
    latex=r"\Gamma",
    domain=(POSITIVE,),
)
special(
    "factorial",
    lambda y, x: [unless_zero(y, y * fn.psi(x + 1))],
    ufunc="_factorial",
    mpmath=lambda mp, x: mp.gamma(x + 1) if x >= 0 else mp.mpf(0),
    sympy="factorial",
    latex=r"{0}!",
    domain=(POSITIVE,),
)
special(
    "gammaln",
    lambda y, x: [fn.psi(x)],
    mpmath=lambda mp, x: mp.log(abs(mp.gamma(x))),
    sympy=lambda s, x: s.log(s.Abs(s.gamma(x))),
    latex=r"\log \Gamma",
    domain=(POSITIVE,),
)
special(
    "loggamma",
    lambda y, x: [fn.psi(x)],
    mpmath=lambda mp, x: mp.loggamma(x) if x >= 0 else mp.nan,
    sympy="loggamma",
    latex=r"\log \Gamma",
    domain=(POSITIVE,),
)
special(
    "rgamma",
    lambda y, x: [-y * fn.psi(x)],
    mpmath="rgamma",
    sympy=lambda s, x: 1 / s.gamma(x),
    latex=r"\frac{1}{\Gamma({0})}",
    domain=(POSITIVE,),
)
special(
    "gammasgn",
    lambda y, x: [None],
    mpmath=lambda mp, x: mp.sign(mp.gamma(x)),
    sympy=lambda s, x: s.sign(s.gamma(x)),
    latex=r"\operatorname{sign} \Gamma",
    domain=(POSITIVE,),
    cost=40,
)
special(
    "psi",
    lambda y, x: [fn.hurwitz_zeta(2, x)],
    mpmath="digamma",
    sympy="digamma",
    latex=r"\psi",
    source="digamma",
    domain=(POSITIVE,),
)
special(
    "hurwitz_zeta",
    lambda y, s, x: ["the exponent", -s * fn.hurwitz_zeta(s + 1, x)],
    arity=2,
    ufunc="_zeta",
    mpmath="zeta",
    sympy="zeta",
    latex=r"\zeta",
    domain=((1.5, 5.0), POSITIVE),
)
special(
    "riemann_zeta",
    lambda y, s: ["its argument"],
    ufunc="_riemann_zeta",
    source="zeta",
    mpmath="zeta",
    sympy="zeta",
    latex=r"\zeta",
    domain=((1.5, 5.0),),
)
special(
    "zetac",
    lambda y, s: ["its argument"],
    mpmath=lambda mp, s: mp.zeta(s) - 1,
    sympy=lambda s, x: s.zeta(x) - 1,
    domain=((1.5, 5.0),),
)
special(
    "beta",
    lambda y, a, b: [y * (fn.psi(a) - fn.psi(a + b)), y * (fn.psi(b) - fn.psi(a + b))],
    arity=2,
    mpmath="beta",
    sympy="beta",
    latex=r"\mathrm{B}",
    domain=(POSITIVE, POSITIVE),
)
special(
    "betaln",
    lambda y, a, b: [fn.psi(a) - fn.psi(a + b), fn.psi(b) - fn.psi(a + b)],
    arity=2,
    mpmath=lambda mp, a, b: mp.log(abs(mp.beta(a, b))),
    sympy=lambda s, a, b: s.log(s.Abs(s.beta(a, b))),
    latex=r"\log \mathrm{B}",
    domain=(POSITIVE, POSITIVE),
)
special(
    "binom",
    lambda y, n, k: [y * (fn.psi(n + 1) - fn.psi(n - k + 1)), y * (fn.psi(n - k + 1) - fn.psi(k + 1))],
    arity=2,
    mpmath="binomial",
    sympy="binomial",
    latex=r"\binom{{0}}{{1}}",
    domain=((4.5, 8.5), (0.3, 3.5)),
)
special(
    "poch",
    lambda y, z, m: [y * (fn.psi(z + m) - fn.psi(z)), y * fn.psi(z + m)],
    arity=2,
    mpmath="rf",
    sympy=lambda s, z, m: s.gamma(z + m) / s.gamma(z),
    latex=r"({0})_{{1}}",
    domain=(POSITIVE, POSITIVE),
)

# ---------------------------------------------------------------- incomplete


def gamma_density(shape: Term, x: Term) -> Term:
    """The density of the gamma distribution."""
    return fn.exp(fn.xlogy(shape - 1, x) - x - fn.gammaln(shape))


def beta_density(a: Term, b: Term, x: Term) -> Term:
    """The density of the beta distribution."""
    return fn.exp(fn.xlogy(a - 1, x) + fn.xlog1py(b - 1, -x) - fn.betaln(a, b))


def lower_part(mp: Any, a: Any, x: Any) -> Any:
    """The regularised lower incomplete gamma function in mpmath."""
    return mp.gammainc(a, 0, x, regularized=True)


def upper_part(mp: Any, a: Any, x: Any) -> Any:
    """The regularised upper incomplete gamma function in mpmath."""
    return mp.gammainc(a, x, mp.inf, regularized=True)


def beta_part(mp: Any, a: Any, b: Any, x: Any) -> Any:
    """The regularised incomplete beta function in mpmath."""
    return mp.betainc(a, b, 0, x, regularized=True)


def root_between(mp: Any, equation: Any, low: Any, high: Any) -> Any:
    """Where a monotonic function is 0 between two points: bisection, then secants."""
    negative_below = equation(low) < 0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (equation(middle) < 0) == negative_below else (low, middle)
    return mp.findroot(equation, (low, high), solver="secant", tol=mp.eps)


special(
    "gammainc",
    lambda y, a, x: ["a", gamma_density(a, x)],
    arity=2,
    mpmath=lower_part,
    sympy=lambda s, a, x: s.lowergamma(a, x) / s.gamma(a),
    latex="P",
    domain=(POSITIVE, POSITIVE),
)
special(
    "gammaincc",
    lambda y, a, x: ["a", -gamma_density(a, x)],
    arity=2,
    mpmath=upper_part,
    sympy=lambda s, a, x: s.uppergamma(a, x) / s.gamma(a),
    latex="Q",
    domain=(POSITIVE, POSITIVE),
)
special(
    "gammaincinv",
    lambda x, a, p: ["a", 1 / gamma_density(a, x)],
    arity=2,
    mpmath=lambda mp, a, p: root_between(mp, lambda x: lower_part(mp, a, x) - p, mp.mpf(0), mp.mpf(60)),
    latex="P^{-1}",
    domain=(POSITIVE, UNIT),
    accuracy=1e-12,
)
special(
    "gammainccinv",
    lambda x, a, p: ["a", -1 / gamma_density(a, x)],
    arity=2,
    mpmath=lambda mp, a, p: root_between(mp, lambda x: upper_part(mp, a, x) - p, mp.mpf(0), mp.mpf(60)),
    latex="Q^{-1}",
    domain=(POSITIVE, UNIT),
    accuracy=1e-12,
)
special(
    "betainc",
    lambda y, a, b, x: ["a", "b", beta_density(a, b, x)],
    arity=3,
    mpmath=beta_part,
    latex="I",
    domain=(POSITIVE, POSITIVE, UNIT),
)
special(
    "betaincc",
    lambda y, a, b, x: ["a", "b", -beta_density(a, b, x)],
    arity=3,
    mpmath=lambda mp, a, b, x: mp.betainc(a, b, x, 1, regularized=True),
    domain=(POSITIVE, POSITIVE, UNIT),
)
special(
    "betaincinv",
    lambda x, a, b, p: ["a", "b", 1 / beta_density(a, b, x)],
    arity=3,
    mpmath=lambda mp, a, b, p: root_between(mp, lambda x: beta_part(mp, a, b, x) - p, mp.mpf(0), mp.mpf(1)),
    latex="I^{-1}",
    domain=(POSITIVE, POSITIVE, UNIT),
    accuracy=1e-12,
)
special(
    "betainccinv",
    lambda x, a, b, p: ["a", "b", -1 / beta_density(a, b, x)],
    arity=3,
    mpmath=lambda mp, a, b, p: root_between(mp, lambda x: 1 - beta_part(mp, a, b, x) - p, mp.mpf(0), mp.mpf(1)),
    domain=(POSITIVE, POSITIVE, UNIT),
    accuracy=1e-12,
)
