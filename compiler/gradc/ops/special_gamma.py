"""Gamma and beta functions, their incomplete forms, and the distributions these make."""

from __future__ import annotations

from typing import Any

from gradc.ops.loops import special
from gradc.ops.terms import Term, fn, half, literal, unless_zero

_POSITIVE = (0.3, 4.0)
_UNIT = (0.05, 0.95)

# ---------------------------------------------------------------- complete

special(
    "gamma",
    lambda y, x: [y * fn.psi(x)],
    mpmath="gamma",
    sympy="gamma",
    latex=r"\Gamma",
    domain=(_POSITIVE,),
)
special(
    "factorial",
    lambda y, x: [unless_zero(y, y * fn.psi(x + 1))],
    ufunc="_factorial",
    mpmath=lambda mp, x: mp.gamma(x + 1) if x >= 0 else mp.mpf(0),
    sympy="factorial",
    latex=r"{0}!",
    domain=(_POSITIVE,),
)
special(
    "gammaln",
    lambda y, x: [fn.psi(x)],
    mpmath=lambda mp, x: mp.log(abs(mp.gamma(x))),
    sympy=lambda s, x: s.log(s.Abs(s.gamma(x))),
    latex=r"\log \Gamma",
    domain=(_POSITIVE,),
)
special(
    "loggamma",
    lambda y, x: [fn.psi(x)],
    mpmath=lambda mp, x: mp.loggamma(x) if x >= 0 else mp.nan,
    sympy="loggamma",
    latex=r"\log \Gamma",
    domain=(_POSITIVE,),
)
special(
    "rgamma",
    lambda y, x: [-y * fn.psi(x)],
    mpmath="rgamma",
    sympy=lambda s, x: 1 / s.gamma(x),
    latex=r"\frac{1}{\Gamma({0})}",
    domain=(_POSITIVE,),
)
special(
    "gammasgn",
    lambda y, x: [None],
    mpmath=lambda mp, x: mp.sign(mp.gamma(x)),
    sympy=lambda s, x: s.sign(s.gamma(x)),
    latex=r"\operatorname{sign} \Gamma",
    domain=(_POSITIVE,),
    cost=40,
)
special(
    "psi",
    lambda y, x: [fn.hurwitz_zeta(2, x)],
    mpmath="digamma",
    sympy="digamma",
    latex=r"\psi",
    source="digamma",
    domain=(_POSITIVE,),
)
special(
    "hurwitz_zeta",
    lambda y, s, x: ["the exponent", -s * fn.hurwitz_zeta(s + 1, x)],
    arity=2,
    ufunc="_zeta",
    mpmath="zeta",
    sympy="zeta",
    latex=r"\zeta",
    domain=((1.5, 5.0), _POSITIVE),
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
    domain=(_POSITIVE, _POSITIVE),
)
special(
    "betaln",
    lambda y, a, b: [fn.psi(a) - fn.psi(a + b), fn.psi(b) - fn.psi(a + b)],
    arity=2,
    mpmath=lambda mp, a, b: mp.log(abs(mp.beta(a, b))),
    sympy=lambda s, a, b: s.log(s.Abs(s.beta(a, b))),
    latex=r"\log \mathrm{B}",
    domain=(_POSITIVE, _POSITIVE),
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
    domain=(_POSITIVE, _POSITIVE),
)

# ---------------------------------------------------------------- incomplete


def gamma_density(shape: Term, x: Term) -> Term:
    """The density of the gamma distribution."""
    return fn.exp(fn.xlogy(shape - 1, x) - x - fn.gammaln(shape))


def beta_density(a: Term, b: Term, x: Term) -> Term:
    """The density of the beta distribution."""
    return fn.exp(fn.xlogy(a - 1, x) + fn.xlog1py(b - 1, -x) - fn.betaln(a, b))


def _lower(mp: Any, a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def _upper(mp: Any, a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def _beta_part(mp: Any, a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def _root(mp: Any, equation: Any, start: Any, low: Any, high: Any) -> Any:
    """Where a function is 0 between two points, from a first guess by bisection."""
    negative_below = equation(low) < 0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (equation(middle) < 0) == negative_below else (low, middle)
    return mp.findroot(equation, (low, high), solver="secant", tol=mp.eps)


special(
    "gammainc",
    lambda y, a, x: ["a", gamma_density(a, x)],
    arity=2,
    mpmath=_lower,
    sympy=lambda s, a, x: s.lowergamma(a, x) / s.gamma(a),
    latex="P",
    domain=(_POSITIVE, _POSITIVE),
)
special(
    "gammaincc",
    lambda y, a, x: ["a", -gamma_density(a, x)],
    arity=2,
    mpmath=_upper,
    sympy=lambda s, a, x: s.uppergamma(a, x) / s.gamma(a),
    latex="Q",
    domain=(_POSITIVE, _POSITIVE),
)
special(
    "gammaincinv",
    lambda x, a, p: ["a", 1 / gamma_density(a, x)],
    arity=2,
    mpmath=lambda mp, a, p: _root(mp, lambda x: _lower(mp, a, x) - p, 1, mp.mpf(0), mp.mpf(60)),
    latex="P^{-1}",
    domain=(_POSITIVE, _UNIT),
    accuracy=1e-12,
)
special(
    "gammainccinv",
    lambda x, a, p: ["a", -1 / gamma_density(a, x)],
    arity=2,
    mpmath=lambda mp, a, p: _root(mp, lambda x: _upper(mp, a, x) - p, 1, mp.mpf(0), mp.mpf(60)),
    latex="Q^{-1}",
    domain=(_POSITIVE, _UNIT),
    accuracy=1e-12,
)
special(
    "betainc",
    lambda y, a, b, x: ["a", "b", beta_density(a, b, x)],
    arity=3,
    mpmath=_beta_part,
    latex="I",
    domain=(_POSITIVE, _POSITIVE, _UNIT),
)
special(
    "betaincc",
    lambda y, a, b, x: ["a", "b", -beta_density(a, b, x)],
    arity=3,
    mpmath=lambda mp, a, b, x: mp.betainc(a, b, x, 1, regularized=True),
    domain=(_POSITIVE, _POSITIVE, _UNIT),
)
special(
    "betaincinv",
    lambda x, a, b, p: ["a", "b", 1 / beta_density(a, b, x)],
    arity=3,
    mpmath=lambda mp, a, b, p: _root(mp, lambda x: _beta_part(mp, a, b, x) - p, 1, mp.mpf(0), mp.mpf(1)),
    latex="I^{-1}",
    domain=(_POSITIVE, _POSITIVE, _UNIT),
    accuracy=1e-12,
)
special(
    "betainccinv",
    lambda x, a, b, p: ["a", "b", -1 / beta_density(a, b, x)],
    arity=3,
    mpmath=lambda mp, a, b, p: _root(mp, lambda x: 1 - _beta_part(mp, a, b, x) - p, 1, mp.mpf(0), mp.mpf(1)),
    domain=(_POSITIVE, _POSITIVE, _UNIT),
    accuracy=1e-12,
)

# ---------------------------------------------------------------- distributions


def _chi_square_density(freedom: Term, x: Term) -> Term:
    return gamma_density(freedom / 2, x / 2) / 2


def _student_density(freedom: Term, t: Term) -> Term:
    logarithm = -fn.betaln(half(freedom), freedom / 2) - fn.log(freedom) / 2
    return fn.exp(logarithm - (freedom + 1) / 2 * fn.log1p(t**2 / freedom))


def _ratio_density(upper: Term, lower: Term, x: Term) -> Term:
    """The density of the F distribution."""
    total = lower + upper * x
    return beta_density(upper / 2, lower / 2, upper * x / total) * upper * lower / total**2


def _poisson_mass(count: Term, mean: Term) -> Term:
    whole = fn.floor(count)
    return fn.exp(fn.xlogy(whole, mean) - mean - fn.gammaln(whole + 1))


def _of_float(count: Term, like: Term) -> Term:
    """An integer among floats."""
    return count + literal(0.0, like)


def _binomial_slope(count: Term, trials: Term, p: Term) -> Term:
    whole = fn.floor(_of_float(count, p))
    return -beta_density(trials - whole, whole + 1, 1 - p)


def _negative_slope(failures: Term, successes: Term, p: Term) -> Term:
    return beta_density(_of_float(successes, p), _of_float(failures, p) + 1, p)


special(
    "chdtr",
    lambda y, v, x: ["the degrees of freedom", _chi_square_density(v, x)],
    arity=2,
    mpmath=lambda mp, v, x: _lower(mp, v / 2, x / 2),
    domain=((1.0, 6.0), _POSITIVE),
)
special(
    "chdtrc",
    lambda y, v, x: ["the degrees of freedom", -_chi_square_density(v, x)],
    arity=2,
    mpmath=lambda mp, v, x: _upper(mp, v / 2, x / 2),
    domain=((1.0, 6.0), _POSITIVE),
)
special(
    "chdtri",
    lambda x, v, p: ["the degrees of freedom", -1 / _chi_square_density(v, x)],
    arity=2,
    mpmath=lambda mp, v, p: _root(mp, lambda x: _upper(mp, v / 2, x / 2) - p, 1, mp.mpf(0), mp.mpf(100)),
    domain=((1.0, 6.0), _UNIT),
    accuracy=1e-12,
)
special(
    "gdtr",
    lambda y, a, b, x: [x * gamma_density(b, a * x), "b", a * gamma_density(b, a * x)],
    arity=3,
    mpmath=lambda mp, a, b, x: _lower(mp, b, a * x),
    domain=(_POSITIVE, _POSITIVE, _POSITIVE),
)
special(
    "gdtrc",
    lambda y, a, b, x: [-x * gamma_density(b, a * x), "b", -a * gamma_density(b, a * x)],
    arity=3,
    mpmath=lambda mp, a, b, x: _upper(mp, b, a * x),
    domain=(_POSITIVE, _POSITIVE, _POSITIVE),
)
special(
    "gdtrix",
    lambda x, a, b, p: [-x / a, "b", 1 / (a * gamma_density(b, a * x))],
    arity=3,
    mpmath=lambda mp, a, b, p: _root(mp, lambda x: _lower(mp, b, a * x) - p, 1, mp.mpf(0), mp.mpf(200)),
    domain=(_POSITIVE, _POSITIVE, _UNIT),
    accuracy=1e-12,
)
special(
    "stdtr",
    lambda y, v, t: ["the degrees of freedom", _student_density(v, t)],
    arity=2,
    mpmath=lambda mp, v, t: (
        (1 + mp.sign(t) * mp.betainc(mp.mpf(1) / 2, v / 2, 0, t * t / (v + t * t), regularized=True)) / 2
    ),
    domain=((1.0, 6.0), (-3.0, 3.0)),
)
special(
    "stdtrit",
    lambda t, v, p: ["the degrees of freedom", 1 / _student_density(v, t)],
    arity=2,
    domain=((1.0, 6.0), _UNIT),
)
special(
    "fdtr",
    lambda y, m, n, x: ["dfn", "dfd", _ratio_density(m, n, x)],
    arity=3,
    mpmath=lambda mp, m, n, x: _beta_part(mp, m / 2, n / 2, m * x / (n + m * x)),
    domain=((1.0, 6.0), (1.0, 6.0), _POSITIVE),
)
special(
    "fdtrc",
    lambda y, m, n, x: ["dfn", "dfd", -_ratio_density(m, n, x)],
    arity=3,
    mpmath=lambda mp, m, n, x: _beta_part(mp, n / 2, m / 2, n / (n + m * x)),
    domain=((1.0, 6.0), (1.0, 6.0), _POSITIVE),
)
special(
    "fdtri",
    lambda x, m, n, p: ["dfn", "dfd", 1 / _ratio_density(m, n, x)],
    arity=3,
    domain=((1.0, 6.0), (1.0, 6.0), _UNIT),
)
special(
    "pdtr",
    lambda y, k, m: [None, -_poisson_mass(k, m)],
    arity=2,
    mpmath=lambda mp, k, m: _upper(mp, mp.floor(k) + 1, m),
    domain=((2.1, 2.9), _POSITIVE),
    kink="constant between integers",
)
special(
    "pdtrc",
    lambda y, k, m: [None, _poisson_mass(k, m)],
    arity=2,
    mpmath=lambda mp, k, m: _lower(mp, mp.floor(k) + 1, m),
    domain=((2.1, 2.9), _POSITIVE),
    kink="constant between integers",
)
special(
    "pdtri",
    lambda m, k, p: [None, -1 / _poisson_mass(_of_float(k, p), m)],
    arity=2,
    kinds="ld",
    mpmath=lambda mp, k, p: _root(mp, lambda m: _upper(mp, k + 1, m) - p, 1, mp.mpf(0), mp.mpf(60)),
    domain=((1, 5), _UNIT),
    accuracy=1e-12,
)
special(
    "bdtr",
    lambda y, k, n, p: ["k", None, _binomial_slope(k, n, p)],
    arity=3,
    kinds="dld",
    mpmath=lambda mp, k, n, p: _beta_part(mp, n - mp.floor(k), mp.floor(k) + 1, 1 - p),
    domain=((2.1, 2.9), (4, 9), _UNIT),
)
special(
    "bdtrc",
    lambda y, k, n, p: ["k", None, -_binomial_slope(k, n, p)],
    arity=3,
    kinds="dld",
    mpmath=lambda mp, k, n, p: _beta_part(mp, mp.floor(k) + 1, n - mp.floor(k), p),
    domain=((2.1, 2.9), (4, 9), _UNIT),
)
special(
    "bdtri",
    lambda p, k, n, y: ["k", None, 1 / _binomial_slope(k, n, p)],
    arity=3,
    kinds="dld",
    domain=((2.1, 2.9), (4, 9), _UNIT),
)
special(
    "nbdtr",
    lambda y, k, n, p: [None, None, _negative_slope(k, n, p)],
    arity=3,
    kinds="lld",
    mpmath=lambda mp, k, n, p: _beta_part(mp, n, k + 1, p),
    domain=((1, 5), (2, 6), _UNIT),
)
special(
    "nbdtrc",
    lambda y, k, n, p: [None, None, -_negative_slope(k, n, p)],
    arity=3,
    kinds="lld",
    mpmath=lambda mp, k, n, p: _beta_part(mp, k + 1, n, 1 - p),
    domain=((1, 5), (2, 6), _UNIT),
)
special(
    "nbdtri",
    lambda p, k, n, y: [None, None, 1 / _negative_slope(k, n, p)],
    arity=3,
    kinds="lld",
    domain=((1, 5), (2, 6), _UNIT),
)
special(
    "kolmogorov_slope",
    lambda y, x: ["its argument"],
    ufunc="_kolmogp",
    source="_ufuncs._kolmogp",
    domain=((0.4, 2.0),),
)
special(
    "kolmogorov",
    lambda y, x: [fn.kolmogorov_slope(x)],
    mpmath=lambda mp, x: 2 * sum((-1) ** (k - 1) * mp.exp(-2 * k * k * x * x) for k in range(1, 30)),
    domain=((0.5, 2.0),),
    accuracy=1e-10,  # of SciPy's slope
)
special("kolmogi", lambda x, p: [1 / fn.kolmogorov_slope(x)], domain=(_UNIT,))
special(
    "smirnov_slope",
    lambda y, n, x: [None, "d"],
    arity=2,
    ufunc="_smirnovp",
    source="_ufuncs._smirnovp",
    kinds="ld",
    domain=((3, 9), (0.1, 0.9)),
)
special(
    "smirnov",
    lambda y, n, x: [None, fn.smirnov_slope(n, x)],
    arity=2,
    kinds="ld",
    domain=((3, 9), (0.1, 0.9)),
)
special(
    "smirnovi",
    lambda x, n, p: [None, 1 / fn.smirnov_slope(n, x)],
    arity=2,
    kinds="ld",
    domain=((3, 9), _UNIT),
)
