"""Distribution functions and their inverses: slopes are densities. Parameters are mostly not differentiated."""

from __future__ import annotations

from gradc.ops.loops import special
from gradc.ops.special_gamma import (
    POSITIVE,
    UNIT,
    beta_density,
    beta_part,
    gamma_density,
    lower_part,
    root_between,
    upper_part,
)
from gradc.ops.terms import Term, fn, half, literal


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
    mpmath=lambda mp, v, x: lower_part(mp, v / 2, x / 2),
    domain=((1.0, 6.0), POSITIVE),
)
special(
    "chdtrc",
    lambda y, v, x: ["the degrees of freedom", -_chi_square_density(v, x)],
    arity=2,
    mpmath=lambda mp, v, x: upper_part(mp, v / 2, x / 2),
    domain=((1.0, 6.0), POSITIVE),
)
special(
    "chdtri",
    lambda x, v, p: ["the degrees of freedom", -1 / _chi_square_density(v, x)],
    arity=2,
    mpmath=lambda mp, v, p: root_between(mp, lambda x: upper_part(mp, v / 2, x / 2) - p, mp.mpf(0), mp.mpf(100)),
    domain=((1.0, 6.0), UNIT),
    accuracy=1e-12,
)
special(
    "gdtr",
    lambda y, a, b, x: [x * gamma_density(b, a * x), "b", a * gamma_density(b, a * x)],
    arity=3,
    mpmath=lambda mp, a, b, x: lower_part(mp, b, a * x),
    domain=(POSITIVE, POSITIVE, POSITIVE),
)
special(
    "gdtrc",
    lambda y, a, b, x: [-x * gamma_density(b, a * x), "b", -a * gamma_density(b, a * x)],
    arity=3,
    mpmath=lambda mp, a, b, x: upper_part(mp, b, a * x),
    domain=(POSITIVE, POSITIVE, POSITIVE),
)
special(
    "gdtrix",
    lambda x, a, b, p: [-x / a, "b", 1 / (a * gamma_density(b, a * x))],
    arity=3,
    mpmath=lambda mp, a, b, p: root_between(mp, lambda x: lower_part(mp, b, a * x) - p, mp.mpf(0), mp.mpf(200)),
    domain=(POSITIVE, POSITIVE, UNIT),
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
    domain=((1.0, 6.0), UNIT),
)
special(
    "fdtr",
    lambda y, m, n, x: ["dfn", "dfd", _ratio_density(m, n, x)],
    arity=3,
    mpmath=lambda mp, m, n, x: beta_part(mp, m / 2, n / 2, m * x / (n + m * x)),
    domain=((1.0, 6.0), (1.0, 6.0), POSITIVE),
)
special(
    "fdtrc",
    lambda y, m, n, x: ["dfn", "dfd", -_ratio_density(m, n, x)],
    arity=3,
    mpmath=lambda mp, m, n, x: beta_part(mp, n / 2, m / 2, n / (n + m * x)),
    domain=((1.0, 6.0), (1.0, 6.0), POSITIVE),
)
special(
    "fdtri",
    lambda x, m, n, p: ["dfn", "dfd", 1 / _ratio_density(m, n, x)],
    arity=3,
    domain=((1.0, 6.0), (1.0, 6.0), UNIT),
)
special(
    "pdtr",
    lambda y, k, m: [None, -_poisson_mass(k, m)],
    arity=2,
    mpmath=lambda mp, k, m: upper_part(mp, mp.floor(k) + 1, m),
    domain=((2.1, 2.9), POSITIVE),
    kink="constant between integers",
)
special(
    "pdtrc",
    lambda y, k, m: [None, _poisson_mass(k, m)],
    arity=2,
    mpmath=lambda mp, k, m: lower_part(mp, mp.floor(k) + 1, m),
    domain=((2.1, 2.9), POSITIVE),
    kink="constant between integers",
)
special(
    "pdtri",
    lambda m, k, p: [None, -1 / _poisson_mass(_of_float(k, p), m)],
    arity=2,
    kinds="ld",
    mpmath=lambda mp, k, p: root_between(mp, lambda m: upper_part(mp, k + 1, m) - p, mp.mpf(0), mp.mpf(60)),
    domain=((1, 5), UNIT),
    accuracy=1e-12,
)
special(
    "bdtr",
    lambda y, k, n, p: ["k", None, _binomial_slope(k, n, p)],
    arity=3,
    kinds="dld",
    mpmath=lambda mp, k, n, p: beta_part(mp, n - mp.floor(k), mp.floor(k) + 1, 1 - p),
    domain=((2.1, 2.9), (4, 9), UNIT),
)
special(
    "bdtrc",
    lambda y, k, n, p: ["k", None, -_binomial_slope(k, n, p)],
    arity=3,
    kinds="dld",
    mpmath=lambda mp, k, n, p: beta_part(mp, mp.floor(k) + 1, n - mp.floor(k), p),
    domain=((2.1, 2.9), (4, 9), UNIT),
)
special(
    "bdtri",
    lambda p, k, n, y: ["k", None, 1 / _binomial_slope(k, n, p)],
    arity=3,
    kinds="dld",
    domain=((2.1, 2.9), (4, 9), UNIT),
)
special(
    "nbdtr",
    lambda y, k, n, p: [None, None, _negative_slope(k, n, p)],
    arity=3,
    kinds="lld",
    mpmath=lambda mp, k, n, p: beta_part(mp, n, k + 1, p),
    domain=((1, 5), (2, 6), UNIT),
)
special(
    "nbdtrc",
    lambda y, k, n, p: [None, None, -_negative_slope(k, n, p)],
    arity=3,
    kinds="lld",
    mpmath=lambda mp, k, n, p: beta_part(mp, k + 1, n, 1 - p),
    domain=((1, 5), (2, 6), UNIT),
)
special(
    "nbdtri",
    lambda p, k, n, y: [None, None, 1 / _negative_slope(k, n, p)],
    arity=3,
    kinds="lld",
    domain=((1, 5), (2, 6), UNIT),
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
special("kolmogi", lambda x, p: [1 / fn.kolmogorov_slope(x)], domain=(UNIT,))
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
    domain=((3, 9), UNIT),
)
