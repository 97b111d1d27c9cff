"""Functions of `scipy.special` that are Python code around its ufuncs."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.ir.scalar import DType
from gradc.ops.loops import MODULE
from gradc.trace.arrays.tracer import TracedArray, known_value, lift
from gradc.trace.context import dtype_error, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, where
from gradc.trace.elements.special_ufuncs import INSTEAD
from gradc.trace.reducing.reductions import maximum, sum_

#: What stands for functions of SciPy that convert their arguments to arrays, by package and name.
FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {}


def _stands_for(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the decorated function; of plain numbers SciPy's own result is taken."""

    def enter(implementation: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(implementation)
        def called(*args: Any, **keywords: Any) -> Any:
            if any(isinstance(value, TracedArray) for value in (*args, *keywords.values())):
                return implementation(*args, **keywords)
            from scipy import special

            return getattr(special, name)(*args, **keywords)

        FUNCTIONS["scipy", name] = called
        return called

    return enter


def _of(name: str, *operands: Any) -> TracedArray:
    """A ufunc of SciPy's by name."""
    from gradc_runtime.ufuncs import ufunc_at

    return apply_ufunc(ufunc_at(f"{MODULE}.{name}"), list(operands))


def _finite_top(x: TracedArray, axis: Any) -> TracedArray:
    """The largest entry, where it can be subtracted."""
    top = maximum(x, axis=axis, keepdims=True)
    return where(apply_ufunc(np.isfinite, [top]), top, top.dtype.type(0))


@_stands_for("logsumexp")
def log_sum_exp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """``log(sum(b * exp(a)))``, from the largest entry; ``return_sign`` gives the logarithm of the size, and the sign."""
    x = lift(a)
    weights = None if b is None else lift(b)
    if weights is not None:
        x = where(weights == 0, x.dtype.type(-np.inf) if x.dtype.kind == "f" else -np.inf, x)
    top = _finite_top(x, axis)
    terms = apply_ufunc(np.exp, [x - top])
    total = sum_(terms if weights is None else weights * terms, axis, keepdims=True)
    sign = apply_ufunc(np.sign, [total])
    result = apply_ufunc(np.log, [apply_ufunc(np.absolute, [total]) if return_sign else total]) + top
    if not keepdims:
        result, sign = sum_(result, axis), sum_(sign, axis)
    return (result, sign) if return_sign else result


@_stands_for("softmax")
def softmax(x: Any, axis: Any = None) -> TracedArray:
    """``exp(x) / sum(exp(x))``."""
    values = lift(x)
    terms = apply_ufunc(np.exp, [values - maximum(values, axis=axis, keepdims=True)])
    return terms / sum_(terms, axis, keepdims=True)  # type: ignore[no-any-return]


@_stands_for("log_softmax")
def log_softmax(x: Any, axis: Any = None) -> TracedArray:
    """``x - log(sum(exp(x)))``."""
    values = lift(x)
    shifted = values - _finite_top(values, axis)
    total = sum_(apply_ufunc(np.exp, [shifted]), axis, keepdims=True)
    return shifted - apply_ufunc(np.log, [total])  # type: ignore[no-any-return]


def _known_integers(value: Any, what: str) -> Any:
    """The value of an order, which must be known while the function is traced."""
    known = known_value(value) if isinstance(value, TracedArray) else value
    if known is None:
        raise trace_error(f"{what} must be known while the function is traced; pass a Python int")
    return np.asarray(known)


@_stands_for("polygamma")
def polygamma(n: Any, x: Any) -> TracedArray:
    """The derivative number n of digamma."""
    order = _known_integers(n, "the order n of scipy.special.polygamma")
    values = lift(x)
    dtype = np.result_type(values.dtype, np.float64)
    if not order.ndim and order == 0:
        return astype(_of("psi", values), dtype)
    from scipy import special

    with np.errstate(all="ignore"):
        factor = (-1.0) ** (order + 1) * special.gamma(order + 1.0)
    if not order.ndim:
        return astype(_of("_zeta", float(order + 1), astype(values, dtype)), dtype) * float(factor)  # type: ignore[no-any-return]
    result = _of("_zeta", order + 1, values) * factor
    return where(order == 0, _of("psi", values), result) if np.any(order == 0) else result


@_stands_for("zeta")
def zeta(x: Any, q: Any = None, out: Any = None) -> TracedArray:
    """Riemann's zeta function, or Hurwitz's."""
    if out is not None:
        raise trace_error("scipy.special.zeta(out=...) can't be traced; assign the result, out[...] = zeta(x, q)")
    return _of("_riemann_zeta", x) if q is None else _of("_zeta", x, q)


@_stands_for("multigammaln")
def multigammaln(a: Any, d: Any) -> TracedArray:
    """The logarithm of the multivariate gamma function; NaN where SciPy raises an error, for a too small."""
    dimension = _known_integers(d, "the dimension d of scipy.special.multigammaln")
    if dimension.ndim or dimension != math.floor(dimension):
        raise ValueError("d should be a positive integer (dimension)")
    count, values = int(dimension), lift(a)
    result: Any = np.float64(count * (count - 1) * 0.25 * math.log(math.pi))
    for place in range(count):
        result = _of("gammaln", values - place / 2) + result
    return where(values > 0.5 * (count - 1), result, np.nan)


def _inexact(exact: Any, name: str) -> None:
    if exact:
        raise trace_error(f"scipy.special.{name}(exact=True) needs Python ints; leave exact out for floats")


@_stands_for("factorial")
def factorial(n: Any, exact: Any = False, extend: str = "zero") -> TracedArray:
    """``n!``, by the gamma function."""
    _inexact(exact, "factorial")
    if extend != "zero":
        raise trace_error("scipy.special.factorial(extend=...) can't be traced; use scipy.special.gamma(n + 1)")
    return _of("_factorial", astype(lift(n), np.float64))


@_stands_for("comb")
def comb(N: Any, k: Any, *, exact: Any = False, repetition: Any = False) -> TracedArray:
    """How many ways there are to choose k of N."""
    _inexact(exact, "comb")
    total, taken = lift(N), lift(k)
    if repetition:
        return where((taken == 0) & (total >= 0), 1.0, _of("binom", total + taken - 1, taken))
    return where((taken <= total) & (total >= 0) & (taken >= 0), _of("binom", total, taken), 0.0)


@_stands_for("perm")
def perm(N: Any, k: Any, exact: Any = False) -> TracedArray:
    """How many sequences of k of N there are."""
    _inexact(exact, "perm")
    total, taken = lift(N), lift(k)
    return where((taken <= total) & (total >= 0) & (taken >= 0), _of("poch", total - taken + 1, taken), 0.0)


@_stands_for("diric")
def diric(x: Any, n: Any) -> TracedArray:
    """``sin(n x / 2) / (n sin(x / 2))``, continued to where that is 0 / 0."""
    period = n if isinstance(n, TracedArray) else lift(np.asarray(n))
    half = (lift(x) + (period - period)) / 2
    sine = apply_ufunc(np.sin, [half])
    close = apply_ufunc(np.absolute, [sine]) < (1e-7 if half.dtype == np.float64 else 1e-3)
    turns = apply_ufunc(np.rint, [half / np.pi]) * (period - 1)
    continued = 1 - 2 * apply_ufunc(np.remainder, [turns, 2])
    bottom = where(close, 1, period * sine)
    result = where(close, continued, apply_ufunc(np.sin, [period * half]) / bottom)
    whole = (period > 0) & (apply_ufunc(np.floor, [period * 1.0]) == period)
    return where(whole, result, half.dtype.type(np.nan))


# ---------------------------------------------------------------- spherical Bessel functions


@_stands_for("lambertw")
def lambert_w(z: Any, *args: Any, **keywords: Any) -> TracedArray:
    """Lambert's function is complex."""
    raise trace_error(f"scipy.special.lambertw is complex, which can't be traced; {INSTEAD['_lambertw']}")


def _spherical(name: str, reflected: Callable[..., Any] | None = None) -> None:
    """A function of an order that is known; ``reflected`` gives it at ``-size`` where SciPy's loop doesn't."""

    def implementation(n: Any, z: Any, derivative: bool = False) -> TracedArray:
        known = np.asarray(_known_integers(n, f"the order n of scipy.special.{name}"), np.int64)
        order: Any = known if known.ndim else np.int64(known)
        values, ufunc = lift(z), f"_{name}_d" if derivative else f"_{name}"
        if values.dtype.kind == "c":
            raise dtype_error(f"scipy.special.{name} of complex numbers can't be traced; pass real numbers, z.real")
        if reflected is None:
            return astype(_of(ufunc, order, values), dtype_of(values, derivative))
        inside = values >= 0
        size = where(inside, values, -values)
        result = where(inside, _of(ufunc, order, size), reflected(order, size, derivative))
        return astype(result, dtype_of(values, derivative))

    def dtype_of(values: TracedArray, derivative: bool) -> DType:
        """The dtype of SciPy's result, which differs between its versions."""
        from scipy import special

        return np.asarray(getattr(special, name)(0, np.ones(1, values.dtype), derivative)).dtype

    _stands_for(name)(implementation)


def _alternating(order: Any) -> Any:
    """``(-1)^n``."""
    return np.where(order % 2 == 0, 1.0, -1.0) if isinstance(order, np.ndarray) else (-1.0) ** int(order)


def _first_kind(name: str) -> Callable[..., Any]:
    """``f_n(-z) = (-1)^n f_n(z)``; its derivative has the other sign."""

    def reflected(order: Any, size: TracedArray, derivative: bool) -> Any:
        even = _alternating(order)
        return _of(f"_{name}_d", order, size) * -even if derivative else _of(f"_{name}", order, size) * even

    return reflected


def _second_kind(order: Any, size: TracedArray, derivative: bool) -> Any:
    """``k_n(-z) = (-1)^(n+1) (k_n(z) + (-1)^n pi i_n(z))``."""
    ending, even = "_d" if derivative else "", _alternating(order)
    first, second = _of(f"_spherical_in{ending}", order, size), _of(f"_spherical_kn{ending}", order, size)
    return (second + first * (math.pi * even)) * (even if derivative else -even)


_spherical("spherical_jn", _first_kind("spherical_jn"))
_spherical("spherical_yn")
_spherical("spherical_in", _first_kind("spherical_in"))
_spherical("spherical_kn", _second_kind)
