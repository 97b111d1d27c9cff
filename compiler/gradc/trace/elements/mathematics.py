"""The functions of `math` and `cmath` on traced numbers: NumPy's, with Python numbers as results.

Where `math` raises an error for a number outside the domain, the result is what NumPy gives: NaN or an infinity.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.ops.loops import MODULE
from gradc.trace.arrays.attributes import python_number
from gradc.trace.arrays.builtin_types import TracedFloat, TracedInt
from gradc.trace.arrays.filtered import unfiltered
from gradc.trace.arrays.rows import whole_at_end
from gradc.trace.arrays.selected import Selection
from gradc.trace.arrays.tracer import TracedArray, lift
from gradc.trace.context import located, trace_error
from gradc.trace.elements.elementwise import apply_ufunc, astype, ufunc_results, where
from gradc.trace.movement.joining import stacked
from gradc.trace.reducing import reductions

#: Functions of floats that are ufuncs of NumPy's, where those have another name.
_RENAMED = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atan2": "arctan2",
    "atanh": "arctanh", "fabs": "absolute",
}  # fmt: skip
_UFUNCS = (
    """cbrt copysign cos cosh degrees exp exp2 expm1 fmod isfinite isinf isnan log10 log1p log2 nextafter radians sin
sinh sqrt tan tanh frexp modf""".split()
    + list(_RENAMED)
)
_SPECIAL = {"erf": "erf", "erfc": "erfc", "gamma": "gamma", "lgamma": "gammaln"}
_COMPLEX = "acos acosh asin asinh atan atanh cos cosh exp log10 sin sinh sqrt tan tanh isfinite isinf isnan".split()


def _float(value: Any) -> Any:
    return TracedFloat(value)


def _number(x: Any) -> Any:
    """A result as a Python number."""
    return python_number(x) if isinstance(x, TracedArray) else x


def _ufunc(ufunc: np.ufunc, *operands: Any) -> Any:
    results = [TracedArray(lift(x).tensor) for x in operands]
    if ufunc.nout > 1:
        return tuple(_number(result) for result in ufunc_results(ufunc, results))
    return _number(apply_ufunc(ufunc, results))


def _of_floats(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda *args: _ufunc(ufunc, *[_float(a) for a in args])


def _of_integers(ufunc: np.ufunc, neutral: int) -> Callable[..., Any]:
    def fold(*args: Any) -> Any:
        total: Any = neutral
        for value in args:
            if isinstance(value, TracedArray) and value.dtype.kind not in "iu":
                raise TypeError(located("'float' object cannot be interpreted as an integer; use int(x)"))
            total = _ufunc(ufunc, total, value)
        return total

    return fold


def _special(name: str) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        from gradc_runtime.ufuncs import ufunc_at

        return _ufunc(ufunc_at(f"{MODULE}.{name}"), _float(x))

    return call


# ---------------------------------------------------------------- those that NumPy has in another form


def _whole(ufunc: np.ufunc) -> Callable[[Any], Any]:
    return lambda x: TracedInt(_ufunc(ufunc, _float(x)))


def _log(x: Any, base: Any = None) -> Any:
    if base is None:
        return _ufunc(np.log, _float(x))
    return _ufunc(np.log, _float(x)) / _ufunc(np.log, _float(base))


def _hypot(*coordinates: Any) -> Any:
    total: Any = 0.0
    for value in coordinates:
        total = _ufunc(np.hypot, total, _float(value))
    return total


def _dist(p: Any, q: Any) -> Any:
    if len(p) != len(q):
        raise ValueError(located("both points must have the same number of dimensions"))
    return _hypot(*[_float(a) - _float(b) for a, b in zip(p, q, strict=True)])


def _fsum(values: Any) -> Any:
    values = unfiltered(values)
    if isinstance(values, Selection):
        return _number(values.reduced("sum"))
    return _number(reductions.sum_(stacked([_float(v) for v in values])))


def _sumprod(p: Any, q: Any) -> Any:
    return sum(a * b for a, b in zip(p, q, strict=True))


def _prod(values: Any, *, start: Any = 1) -> Any:
    values = unfiltered(values)
    if isinstance(values, Selection):
        return start * _number(values.reduced("prod"))
    for value in values:
        start = start * value
    return start


def _isclose(a: Any, b: Any, *, rel_tol: Any = 1e-9, abs_tol: Any = 0.0) -> Any:
    one, other = lift(a), lift(b)
    largest = apply_ufunc(np.maximum, [abs(one), abs(other)])
    bound = apply_ufunc(np.maximum, [rel_tol * largest, lift(abs_tol)])
    finite = apply_ufunc(np.isfinite, [one]) & apply_ufunc(np.isfinite, [other])
    return (one == other) | (finite & (abs(one - other) <= bound))


def _ldexp(x: Any, i: Any) -> Any:
    return _float(x) * _ufunc(np.exp2, _float(i))


def _remainder(x: Any, y: Any) -> Any:
    """The difference to the nearest multiple of y, the even one on a tie."""
    left, right = _float(x), _float(y)
    size, step = abs(left), abs(right)
    rest = _ufunc(np.fmod, size, step)
    other = step - rest
    even = rest - 2.0 * _ufunc(np.fmod, 0.5 * (size - rest), step)
    nearest = where(rest < other, rest, where(rest > other, -other, even))
    return _number(_ufunc(np.copysign, 1.0, left) * nearest)


def _isqrt(n: Any) -> Any:
    return TracedInt(_ufunc(np.sqrt, _float(n)))


def _phase(z: Any) -> Any:
    return _ufunc(np.arctan2, lift(z).imag, lift(z).real)


def _rect(r: Any, phi: Any) -> Any:
    return _float(r) * (_ufunc(np.cos, _float(phi)) + 1j * _ufunc(np.sin, _float(phi)))


def _complex(ufunc: np.ufunc) -> Callable[[Any], Any]:
    return lambda z: _ufunc(ufunc, astype(lift(z), complex))


def _complex_log(z: Any, base: Any = None) -> Any:
    log = _complex(np.log)
    return log(z) if base is None else log(z) / log(base)


#: Arrays with more entries than this are summed by a reduction instead of one by one.
_LONG = 100


def total(values: Any, /, start: Any = 0) -> Any:
    """``sum``: of a long traced array, and of what a condition selects, by a reduction."""
    values = unfiltered(values)
    if isinstance(values, Selection):
        return start + values.reduced("sum", 0)
    if isinstance(values, list | tuple):
        before, whole = whole_at_end(values)
        if whole is not None:
            return builtins.sum(before, start) + reductions.sum_(whole, axis=0)
    if isinstance(values, TracedArray) and values.extents and isinstance(values.extents[0], int):
        if values.extents[0] > _LONG:
            return start + reductions.sum_(values, axis=0)
    return builtins.sum(values, start)


_REAL: dict[str, Callable[..., Any]] = {
    **{name: _of_floats(getattr(np, _RENAMED.get(name, name))) for name in _UFUNCS},
    **{name: _special(there) for name, there in _SPECIAL.items()},
    "floor": _whole(np.floor),
    "ceil": _whole(np.ceil),
    "trunc": _whole(np.trunc),
    "gcd": _of_integers(np.gcd, 0),
    "lcm": _of_integers(np.lcm, 1),
    "pow": _of_floats(np.power),
    "log": _log,
    "hypot": _hypot,
    "dist": _dist,
    "fsum": _fsum,
    "sumprod": _sumprod,
    "prod": _prod,
    "isclose": _isclose,
    "ldexp": _ldexp,
    "remainder": _remainder,
    "isqrt": _isqrt,
}
_OF_COMPLEX: dict[str, Callable[..., Any]] = {
    **{name: _complex(getattr(np, _RENAMED.get(name, name))) for name in _COMPLEX},
    "log": _complex_log,
    "phase": _phase,
    "polar": lambda z: (_number(abs(lift(z))), _phase(z)),
    "rect": _rect,
    "isclose": _isclose,
}


def traced_function(module: str, name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """A function of `math` or `cmath` on numbers of which some are traced."""
    table = _REAL if module == math.__name__ else _OF_COMPLEX
    if name not in table:
        raise trace_error(
            f"{module}.{name} of a traced number can't be traced; use functions of numpy or scipy.special instead"
        )
    return table[name](*args, **keywords)
