"""How rows act on mpmath numbers, SymPy expressions and complex steps, where that is more than a function's name.

The first parameter is the library: ``mpmath.mp``, ``sympy`` or ``numpy``. mpmath forms follow IEEE arithmetic as NumPy
does (but that mpmath has no negative zero); complex forms carry a derivative in the imaginary part and decide by the
real part.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import add, mul
from typing import Any


def identity(library: Any, x: Any) -> Any:
    """``x``, in every library."""
    return x


# ---------------------------------------------------------------- NumPy


def n_ary(name: str) -> Callable[..., Any]:
    """A binary NumPy function, folded over any number of operands from the left."""
    return lambda np, *args: reduce(getattr(np, name), args)


def numpy_power(np: Any, base: Any, exponent: Any) -> Any:
    """A mathematical power: square roots and reciprocals as such, the rest as NumPy's."""
    literal = exponent.flat[0] if np.size(exponent) == 1 else None
    if literal is None or np.asarray(base).dtype.kind not in "fc":
        return np.power(base, exponent)
    if literal in _PLAIN_POWERS:
        return _PLAIN_POWERS[complex(literal).real](np, base)
    return np.power(base, exponent)


_PLAIN_POWERS: dict[float, Callable[[Any, Any], Any]] = {
    2.0: lambda np, x: x * x,
    0.5: lambda np, x: np.sqrt(x),
    -0.5: lambda np, x: 1 / np.sqrt(x),
    -1.0: lambda np, x: 1 / x,
}


def numpy_complex(np: Any, re: Any, im: Any) -> Any:
    """``re + i im``, without arithmetic."""
    re, im = np.broadcast_arrays(re, im)
    result = np.empty(re.shape, np.result_type(re, im, np.complex64))
    result.real, result.imag = re, im
    return result


# ---------------------------------------------------------------- mpmath


def mp_sum(mp: Any, *args: Any) -> Any:
    """The sum."""
    return reduce(add, args)


def mp_product(mp: Any, *args: Any) -> Any:
    """The product; a zero doesn't hide an infinity."""
    return reduce(mul, args)


def mp_divide(mp: Any, a: Any, b: Any) -> Any:
    """``a / b``; ``1 / 0`` is inf."""
    if b != 0:
        return a / b
    return mp.nan if a == 0 or mp.isnan(a) else mp.inf if mp.re(a) > 0 else mp.ninf


def mp_power(mp: Any, base: Any, exponent: Any) -> Any:
    """``base ** exponent``; NaN for a negative base and a fractional exponent, 1 whenever base is 1 or exponent 0."""
    if exponent == 0 or base == 1:
        return mp.mpf(1)
    if mp.isnan(base) or mp.isnan(exponent):
        return mp.nan
    if isinstance(base, mp.mpc) or isinstance(exponent, mp.mpc):
        return mp.power(base, exponent)
    if mp.isinf(base) or mp.isinf(exponent):
        return mp.mpf(math.pow(float(base), float(exponent)))
    if base == 0 and exponent < 0:
        return mp.inf
    return mp.power(base, exponent)


def mp_maximum(mp: Any, a: Any, b: Any) -> Any:
    """The larger; NaN where either is."""
    return a if a != a or a >= b else b


def mp_minimum(mp: Any, a: Any, b: Any) -> Any:
    """The smaller; NaN where either is."""
    return a if a != a or a <= b else b


def mp_sign(mp: Any, x: Any) -> Any:
    """-1, 0, 1, NaN; ``z / |z|`` for complex numbers."""
    if mp.isnan(x) or x == 0:
        return x
    return x / abs(x) if isinstance(x, mp.mpc) else mp.mpf(1 if x > 0 else -1)


def mp_rounding(name: str) -> Callable[..., Any]:
    """A rounding by mpmath's name; infinities and NaN as they are."""
    return lambda mp, x: getattr(mp, name)(x) if mp.isfinite(x) else x


def mp_truncate(mp: Any, x: Any) -> Any:
    """Towards zero."""
    return x if not mp.isfinite(x) else mp.floor(x) if x > 0 else mp.ceil(x)


def mp_floor_divide(mp: Any, a: Any, b: Any) -> Any:
    """``floor(a / b)``."""
    if b == 0:
        return mp_divide(mp, a, b)
    if not mp.isfinite(a) or mp.isnan(b):
        return mp.nan
    if mp.isinf(b):
        return mp.mpf(0 if a == 0 or (a > 0) == (b > 0) else -1)
    return mp.floor(a / b)


def mp_modulo(mp: Any, a: Any, b: Any) -> Any:
    """The remainder with the sign of the divisor."""
    if b == 0 or not mp.isfinite(a) or mp.isnan(b):
        return mp.nan
    if mp.isinf(b):
        return a if a == 0 or (a > 0) == (b > 0) else b
    return a - b * mp.floor(a / b)


def mp_copysign(mp: Any, a: Any, b: Any) -> Any:
    """``|a|`` with the sign of b."""
    return -abs(a) if b < 0 else abs(a)


def mp_cube_root(mp: Any, x: Any) -> Any:
    """The real cube root."""
    return -mp.cbrt(-x) if x < 0 else mp.cbrt(x)


def mp_log_base(base: int) -> Callable[..., Any]:
    """The logarithm to this base."""
    return lambda mp, x: mp.log(x) / mp.log(base)


def mp_log_one_plus(mp: Any, x: Any) -> Any:
    """``log(1 + x)``."""
    return mp.log1p(x) if mp.isfinite(x) and x > -1 else mp.log(1 + x)


def mp_expm_one(mp: Any, x: Any) -> Any:
    """``exp(x) - 1``."""
    return mp.expm1(x) if mp.isfinite(x) else mp.exp(x) - 1


def mp_softplus(mp: Any, x: Any) -> Any:
    """``log(1 + exp(x))``."""
    return x if mp.isnan(x) else mp_maximum(mp, x, mp.mpf(0)) + mp.log1p(mp.exp(-abs(x)))


def mp_logaddexp(mp: Any, a: Any, b: Any) -> Any:
    """``log(exp a + exp b)``; equal infinities give themselves."""
    if mp.isnan(a) or mp.isnan(b):
        return mp.nan
    return a + mp.log(2) if a == b else mp_maximum(mp, a, b) + mp.log1p(mp.exp(-abs(a - b)))


def mp_hypot(mp: Any, a: Any, b: Any) -> Any:
    """``sqrt(a^2 + b^2)``; an infinity wins over NaN."""
    return mp.inf if mp.isinf(a) or mp.isinf(b) else mp.hypot(a, b)


def mp_arctan(mp: Any, a: Any, b: Any) -> Any:
    """The angle of the point (b, a); infinite points count as NumPy counts them."""
    if mp.isnan(a) or mp.isnan(b):
        return mp.nan
    if mp.isinf(a) and mp.isinf(b):
        return mp.sign(a) * mp.pi / 4 * (1 if b > 0 else 3)
    return mp.atan2(a, b)


def mp_inverse_sigmoid_like(name: str) -> Callable[..., Any]:
    """``atanh`` and its like: infinite at the ends of the domain."""
    return lambda mp, x: mp.inf * mp.sign(x) if abs(x) == 1 else getattr(mp, name)(x)


def mp_next_after(mp: Any, a: Any, b: Any) -> Any:
    """The first argument, moved by as much as its nearest float is."""
    near = float(a)
    following = mp.mpf(math.nextafter(near, float(b)))
    return a + (following - mp.mpf(near)) if math.isfinite(near) else following


def mp_test(name: str) -> Callable[..., Any]:
    """A predicate by mpmath's name."""
    return lambda mp, x: bool(getattr(mp, name)(x))


# ---------------------------------------------------------------- SymPy


def sympy_test(holds: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    """A predicate about special values; false of symbols."""
    return lambda s, x: s.true if holds(s, x) else s.false


def sympy_extremum(name: str) -> Callable[..., Any]:
    """``Max`` or ``Min``; NaN where either is."""
    return lambda s, *args: s.nan if s.nan in args else getattr(s, name)(*args)


def sympy_is_infinite(s: Any, x: Any) -> bool:
    """Whether x is one of SymPy's infinities."""
    return x in (s.oo, -s.oo, s.zoo)


def sympy_round(s: Any, x: Any) -> Any:
    """To the nearest integer, a literal's tie to even."""
    return s.Integer(round(x)) if x.is_number else s.floor(x + s.Rational(1, 2))


def sympy_truncate(s: Any, x: Any) -> Any:
    """Towards zero."""
    return s.sign(x) * s.floor(s.Abs(x))


def sympy_copysign(s: Any, a: Any, b: Any) -> Any:
    """``|a|`` with the sign of b."""
    return s.Piecewise((-s.Abs(a), b < 0), (s.Abs(a), True))


def sympy_cube_root(s: Any, x: Any) -> Any:
    """The real cube root."""
    return s.cbrt(x) if x.is_nonnegative else s.sign(x) * s.cbrt(s.Abs(x))


# ---------------------------------------------------------------- complex step


def dual(np: Any, value: Any, derivative: Any) -> Any:
    """A number with its derivative in the imaginary part."""
    value, derivative = np.broadcast_arrays(value, derivative)
    result = np.empty(value.shape, np.complex128)
    result.real, result.imag = value, derivative
    return result


def step_constant(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A function that is constant between its jumps."""
    return lambda np, x: dual(np, function(np, x.real), 0.0)


def step_rounding(name: str) -> Callable[..., Any]:
    """A rounding by NumPy's name."""
    return step_constant(lambda np, x: getattr(np, name)(x))


def step_absolute(np: Any, x: Any) -> Any:
    """``x sign(x)``."""
    return dual(np, np.abs(x.real), x.imag * np.sign(x.real))


def step_maximum(np: Any, a: Any, b: Any) -> Any:
    """The larger by real part."""
    return np.where((a.real >= b.real) | np.isnan(a.real), a, b)


def step_minimum(np: Any, a: Any, b: Any) -> Any:
    """The smaller by real part."""
    return np.where((a.real <= b.real) | np.isnan(a.real), a, b)


def step_power(np: Any, base: Any, exponent: Any) -> Any:
    """Real powers, negative bases too."""
    a, b = base.real, exponent.real
    value = np.power(a, b)
    slope = np.where(b == 0, 0.0, b * np.power(a, np.where(b == 0, 0.0, b - 1)))
    in_exponent = np.where(exponent.imag == 0, 0.0, exponent.imag * value * np.log(a))
    return dual(np, value, np.where(base.imag == 0, 0.0, base.imag * slope) + in_exponent)


def step_modulo(np: Any, a: Any, b: Any) -> Any:
    """The smooth part of the remainder."""
    return dual(np, np.remainder(a.real, b.real), a.imag - b.imag * np.floor(a.real / b.real))


def step_floor_divide(np: Any, a: Any, b: Any) -> Any:
    """Constant between jumps."""
    return dual(np, np.floor_divide(a.real, b.real), 0.0)


def step_copysign(np: Any, a: Any, b: Any) -> Any:
    """``|a|`` with the sign of b."""
    value = np.copysign(a.real, b.real)
    return dual(np, value, a.imag * np.where(np.signbit(value) == np.signbit(a.real), 1.0, -1.0))


def step_next_after(np: Any, a: Any, b: Any) -> Any:
    """The next float, which moves along with the first argument."""
    return dual(np, np.nextafter(a.real, b.real), a.imag)


def step_cube_root(np: Any, x: Any) -> Any:
    """The real cube root."""
    root = np.cbrt(x.real)
    return dual(np, root, x.imag / (3 * root * root))


def step_sigmoid(np: Any, x: Any) -> Any:
    """``1 / (1 + exp(-x))``."""
    from scipy.special import expit

    value = expit(x.real)
    return dual(np, value, x.imag * value * expit(-x.real))


def step_softplus(np: Any, x: Any) -> Any:
    """``log(1 + exp(x))``."""
    from scipy.special import expit

    return dual(np, np.logaddexp(x.real, 0.0), x.imag * expit(x.real))


def step_logaddexp(np: Any, a: Any, b: Any) -> Any:
    """``log(exp a + exp b)``."""
    from scipy.special import expit

    weight = expit(a.real - b.real)
    return dual(np, np.logaddexp(a.real, b.real), a.imag * weight + b.imag * (1 - weight))


def step_hypot(np: Any, a: Any, b: Any) -> Any:
    """``sqrt(a^2 + b^2)``."""
    value = np.hypot(a.real, b.real)
    return dual(np, value, (a.real * a.imag + b.real * b.imag) / value)


def step_arctan(np: Any, a: Any, b: Any) -> Any:
    """The angle of the point (b, a)."""
    square = a.real * a.real + b.real * b.real
    return dual(np, np.arctan2(a.real, b.real), (b.real * a.imag - a.real * b.imag) / square)
