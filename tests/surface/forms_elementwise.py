"""Elementwise functions: every ufunc, its keywords and methods, and the functions composed of them."""

from __future__ import annotations

import numpy as np

from surface.form import form

#: both signs, and no integers
X = np.array([-2.3, -0.7, 0.4, 1.6])
Y = np.array([1.3, -0.9, -2.2, 0.6])
#: between -1 and 1; positive; above 1
U = np.array([-0.8, -0.25, 0.3, 0.65])
P = np.array([0.3, 0.9, 1.7, 2.6])
A = np.array([1.2, 1.9, 2.6, 4.0])
M = np.array([[0.4, -1.3, 2.2], [-0.6, 0.9, 1.7]])
ROW = np.array([0.7, -1.1, 0.5])
COLUMN = np.array([[1.4], [-0.3]])
I = np.array([7, -7, 3, -12])  # noqa: E741
J = np.array([2, 3, -2, -5])
N = np.array([0, 5, 12, 200], np.uint8)
B = np.array([True, False, True, True])
C = np.array([True, True, False, True])
MASK = np.array([True, False, True, False])
WITH_NAN = np.array([0.5, np.nan, -1.5, np.nan])
WITH_INF = np.array([0.5, np.inf, -np.inf, np.nan])
PLACES = np.array([2, 0, 2, 1])
ONE, TWO = 0.7, -1.3


def _into_out(x, y):
    out = np.zeros(4)
    result = np.multiply(x, y, out=out)
    return result + out


def _into_tuple(x, y):
    out = np.zeros(4)
    np.subtract(x, y, out=(out,))
    return out


def _into_position(x):
    out = np.ones(4)
    np.exp(x, out)
    return out


def _into_view(x):
    out = np.zeros((2, 4))
    np.sin(x, out=out[1])
    return out


def _into_argument(x, y):
    x = x * 1.0
    np.add(x, y, out=x)
    np.multiply(x, x[::-1], out=x)
    return x


def _where_with_out(x, y):
    out = x * 1.0
    np.add(x, y, out=out, where=np.array([True, False, True, False]))
    return out


def _where_log(x):
    return np.log(x, out=np.zeros_like(x), where=x > 0)


def _where_traced(x, y):
    return np.divide(x, y, out=np.full(4, 9.0), where=x > y)


def _wider_out(x):
    out = np.zeros((2, 4))
    np.negative(x, out=out)
    return out


def _both_outs(x):
    q, r = np.zeros(4), np.zeros(4)
    np.divmod(x, 0.6, out=(q, r))
    return q, r


def _one_out(x):
    whole = np.zeros(4)
    fraction, same = np.modf(x, out=(None, whole))
    return fraction, same + whole


def _add_at(x, v):
    out = x * 1.0
    np.add.at(out, np.array([2, 0, 2, 1]), v)
    return out


def _subtract_at(x, v):
    out = x * 1.0
    np.subtract.at(out, np.array([2, 0, 2, 1]), v)
    return out


def _add_at_traced(x, places, v):
    out = x * 1.0
    np.add.at(out, places, v)
    return out


def _multiply_at(x, v):
    out = x * 1.0
    np.multiply.at(out, [2, 0, 2, 1], v)
    return out


def _multiply_at_traced(x, places, v):
    out = x * 1.0
    np.multiply.at(out, places, v)
    return out


def _divide_at(x, v):
    out = x * 1.0
    np.divide.at(out, [2, 0, 2, 1], v)
    return out


def _maximum_at(x, v):
    out = x * 1.0
    np.maximum.at(out, [2, 0, 2, 1], v)
    return out


def _maximum_at_traced(x, places, v):
    out = x * 1.0
    np.maximum.at(out, places, v)
    np.minimum.at(out, places[:2], v[:2] - 1)
    return out


def _power_at(x):
    out = x * 1.0
    np.power.at(out, [2, 0, 2], 2.0)
    return out


def _negative_at(x):
    out = x * 1.0
    np.negative.at(out, [1, 1, 3])
    return out


def _hypot_at(x, v):
    out = np.outer(x, x)
    np.hypot.at(out, ([0, 1, 0], slice(1, 3)), v[:2])
    return out


_ONE_ARGUMENT = [
    form("np.sin", lambda x: np.sin(x), X),
    form("np.cos", lambda x: np.cos(x), X),
    form("np.tan", lambda x: np.tan(x), U),
    form("np.arcsin", lambda x: np.arcsin(x), U),
    form("np.asin", lambda x: np.asin(x), U),
    form("np.arccos", lambda x: np.arccos(x), U),
    form("np.acos", lambda x: np.acos(x), U),
    form("np.arctan", lambda x: np.arctan(x), X),
    form("np.atan", lambda x: np.atan(x), X),
    form("np.sinh", lambda x: np.sinh(x), X),
    form("np.cosh", lambda x: np.cosh(x), X),
    form("np.tanh", lambda x: np.tanh(x), X),
    form("np.arcsinh", lambda x: np.arcsinh(x), X),
    form("np.asinh", lambda x: np.asinh(x), X),
    form("np.arccosh", lambda x: np.arccosh(x), A),
    form("np.acosh", lambda x: np.acosh(x), A),
    form("np.arctanh", lambda x: np.arctanh(x), U),
    form("np.atanh", lambda x: np.atanh(x), U),
    form("np.exp", lambda x: np.exp(x), X),
    form("np.exp2", lambda x: np.exp2(x), X),
    form("np.expm1", lambda x: np.expm1(x), X),
    form("np.log", lambda x: np.log(x), P),
    form("np.log2", lambda x: np.log2(x), P),
    form("np.log10", lambda x: np.log10(x), P),
    form("np.log1p", lambda x: np.log1p(x), P),
    form("np.log1p", lambda x: np.log1p(x), U[:3]),
    form("np.sqrt", lambda x: np.sqrt(x), P),
    form("np.cbrt", lambda x: np.cbrt(x), X),
    form("np.square", lambda x: np.square(x), X),
    form("np.reciprocal", lambda x: np.reciprocal(x), X),
    form("np.negative", lambda x: np.negative(x), X),
    form("np.positive", lambda x: np.positive(x), X),
    form("np.absolute", lambda x: np.absolute(x), X),
    form("np.abs", lambda x: np.abs(x), X),
    form("np.fabs", lambda x: np.fabs(x), X),
    form("np.sign", lambda x: np.sign(x) * x, X),
    form("np.floor", lambda x: np.floor(x) * x, X),
    form("np.ceil", lambda x: np.ceil(x) * x, X),
    form("np.trunc", lambda x: np.trunc(x) * x, X),
    form("np.rint", lambda x: np.rint(x) * x, X),
    form("np.fix", lambda x: np.fix(x) * x, X),
    form("np.deg2rad", lambda x: np.deg2rad(x), X),
    form("np.radians", lambda x: np.radians(x), X),
    form("np.rad2deg", lambda x: np.rad2deg(x), X),
    form("np.degrees", lambda x: np.degrees(x), X),
    form("np.conjugate", lambda x: np.conjugate(x), X),
    form("np.conj", lambda x: np.conj(x), X),
    form("np.spacing", lambda x: x + np.spacing(x), X),
    form("np.modf", lambda x: np.modf(x), X),
    form("np.frexp", lambda x: np.frexp(x), X),
    form("np.frexp", lambda x: np.frexp(x)[0] * x, M),
    form("np.sin", lambda x: np.sin(x), 0.7),
    form("np.exp np.log", lambda x: np.exp(np.log(x)), 0.7),
    form("np.isnan", lambda x: np.isnan(x), WITH_INF),
    form("np.isinf", lambda x: np.isinf(x), WITH_INF),
    form("np.isfinite", lambda x: np.where(np.isfinite(x), x, 0.0), WITH_INF),
    form("np.isfinite np.isnan np.isinf", lambda n: (np.isfinite(n), np.isnan(n), np.isinf(n)), I),
    form("np.isposinf", lambda x: np.isposinf(x), WITH_INF),
    form("np.isneginf", lambda x: np.isneginf(x), WITH_INF),
    form("np.isreal", lambda x: np.isreal(x), X),
    form("np.iscomplex", lambda x: np.iscomplex(x), X),
    form("np.signbit", lambda x: np.signbit(x), X),
    form("np.logical_not", lambda x: np.logical_not(x), np.array([0.0, 1.5])),
]

_TWO_ARGUMENTS = [
    form("np.add", lambda x, y: np.add(x, y), X, Y),
    form("np.add", lambda x, y: np.add(x, y), M, ROW),
    form("np.subtract", lambda x, y: np.subtract(x, y), COLUMN, ROW),
    form("np.multiply", lambda x, y: np.multiply(x, y), M, COLUMN),
    form("np.divide", lambda x, y: np.divide(x, y), X, Y),
    form("np.true_divide", lambda x, y: np.true_divide(x, y), X, Y),
    form("np.divide", lambda x: 1 / x, X),
    form("np.power", lambda x, y: np.power(x, y), P, Y),
    form("np.pow", lambda x, y: np.pow(x, y), P, Y),
    form("np.power", lambda x: x**3, X),
    form("np.power", lambda x: x**-2, X),
    form("np.power", lambda x: x**0 + x**1, X),
    form("np.power", lambda x: x**2.5, P),
    form("np.power", lambda x: 2.0**x, X),
    form("np.power", lambda x: np.power(x, np.array([3.0, -2.0, 0.0, 2.0])), X),
    form("np.power", lambda x, n: x**n, X, np.array([3, 2, 0, 1])),
    form("np.power", lambda n: n ** np.arange(4), I),
    form("np.float_power", lambda x, y: np.float_power(x, y), P, Y),
    form("np.float_power", lambda n: np.float_power(n, -2), I, tolerance=1e-15),
    form("np.floor_divide", lambda x, y: np.floor_divide(x, y) * x, X, Y),
    form("np.remainder", lambda x, y: np.remainder(x, y), X, Y),
    form("np.mod", lambda x, y: np.mod(x, y), X, Y),
    form("np.mod", lambda x: x % 0.6, X),
    form("np.fmod", lambda x, y: np.fmod(x, y), X, Y),
    form("np.divmod", lambda x, y: np.divmod(x, y), X, Y),
    form("np.divmod", lambda x: divmod(x, 0.45), X),
    form("np.maximum", lambda x, y: np.maximum(x, y), X, Y),
    form("np.minimum", lambda x, y: np.minimum(x, y), X, Y),
    form("np.fmax", lambda x, y: np.fmax(x, y), X, Y),
    form("np.fmin", lambda x, y: np.fmin(x, y), X, Y),
    form("np.fmax np.fmin", lambda x: np.fmax(x, np.array([np.nan, 0.1, np.nan, 9.0])), X),
    form("np.fmin", lambda x, y: np.fmin(y, x) * 1.0, X, np.array([1, -3, 2, 0])),
    form("np.copysign", lambda x, y: np.copysign(x, y), X, Y),
    form("np.nextafter", lambda x, y: np.nextafter(x, y), X, Y),
    form("np.heaviside", lambda x: np.heaviside(x, 0.5) * x, X),
    form("np.hypot", lambda x, y: np.hypot(x, y), X, Y),
    form(
        "np.arctan2", lambda x, y: np.arctan2(x, y), np.array([0.5, 0.5, -0.5, -0.5]), np.array([1.1, -1.1, 1.1, -1.1])
    ),
    form("np.atan2", lambda x, y: np.atan2(x, y), X, Y),
    form("np.logaddexp", lambda x, y: np.logaddexp(x, y), X, Y),
    form("np.logaddexp2", lambda x, y: np.logaddexp2(x, y), X, Y),
    form("np.ldexp", lambda x, n: np.ldexp(x, n), X, np.array([3, -2, 0, 70])),
    form("np.ldexp", lambda x: np.ldexp(x, 4), X),
    form("np.less", lambda x, y: np.less(x, y), X, Y),
    form("np.less_equal", lambda x, y: np.less_equal(x, y), X, Y),
    form("np.greater", lambda x, y: np.greater(x, y) * x, X, Y),
    form("np.greater_equal", lambda x, y: np.greater_equal(x, y), X, Y),
    form("np.equal", lambda x: np.equal(x, np.array([-2.3, 1.0, 0.4, 0.0])), X),
    form("np.not_equal", lambda x: x != np.array([-2.3, 1.0, 0.4, 0.0]), X),
    form("np.less", lambda n: (n < 300, n > -1, n == 256, n >= 5), N),
    form("np.less", lambda n, m: np.less(n, m), np.array([-1, 5, 2**62]), np.array([1, 2**63, 2**62 + 1], np.uint64)),
    form("np.logical_and", lambda x, y: np.logical_and(x, y), np.array([0.0, 1.0, -2.0]), np.array([3.0, 0.0, 1.0])),
    form("np.logical_or", lambda p, q: np.logical_or(p, q), B, C),
    form("np.logical_xor", lambda p, q: np.logical_xor(p, q), B, C),
    form("np.logical_not", lambda p: np.logical_not(p), B),
]

_INTEGERS = [
    form("np.bitwise_and", lambda a, b: np.bitwise_and(a, b), I, J),
    form("np.bitwise_and np.bitwise_or np.bitwise_xor np.invert", lambda p, q: ((p & q) | (p ^ q), ~p), B, C),
    form("np.bitwise_or", lambda a, b: a | b, I, J),
    form("np.bitwise_xor", lambda a, b: np.bitwise_xor(a, b), N, np.array([1, 3, 255, 128], np.uint8)),
    form("np.invert", lambda a: np.invert(a), I),
    form("np.bitwise_invert", lambda a: np.bitwise_invert(a), N),
    form("np.bitwise_not", lambda a: np.bitwise_not(a), I),
    form("np.left_shift", lambda a, n: np.left_shift(a, n), I, np.array([0, 3, 62, 64])),
    form("np.bitwise_left_shift", lambda a: np.bitwise_left_shift(a, 3), N),
    form("np.left_shift np.right_shift", lambda a: (a << 2, a >> 1), I),
    form("np.right_shift", lambda a, n: np.right_shift(a, n), I, np.array([0, 1, 70, -1])),
    form("np.bitwise_right_shift", lambda a: np.bitwise_right_shift(a, 3), N),
    form("np.bitwise_count", lambda a: np.bitwise_count(a), I),
    form("np.gcd", lambda a, b: np.gcd(a, b), I, np.array([21, 14, 0, 18])),
    form("np.lcm", lambda a, b: np.lcm(a, b), I, np.array([21, 14, 0, 18])),
    form("np.floor_divide", lambda a, b: a // b, I, np.array([2, 2, -2, 0])),
    form("np.remainder", lambda a, b: a % b, I, np.array([2, 2, -2, 0])),
    form("np.fmod", lambda a, b: np.fmod(a, b), I, J),
    form("np.divmod", lambda a, b: np.divmod(a, b), I, np.array([2, 2, -2, 0])),
    form("np.divide", lambda a, b: a / b, I, J),
    form("np.reciprocal", lambda a: np.reciprocal(a), np.array([1, -1, 2, -3])),
    form("np.sign np.absolute np.negative", lambda a: (np.sign(a), abs(a), -a), I),
    form("np.square np.power", lambda a: (np.square(a), a**3), N),
    form("np.add np.subtract np.multiply", lambda a: (a + 200, a - 13, a * 7), N),
    form("np.multiply", lambda a: a * np.int32(2**30), np.array([1, 2, 3], np.int32)),
    form("np.floor np.trunc np.rint", lambda a: (np.floor(a), np.trunc(a), np.rint(a)), np.array([1, -2])),
    form("np.left_shift", lambda a, x: (1 << a) * x, np.array([0, 1, 2, 3]), X),
]

_KEYWORDS = [
    form("np.multiply", _into_out, X, Y),
    form("np.subtract", _into_tuple, X, Y),
    form("np.exp", _into_position, X),
    form("np.sin", _into_view, X),
    form("np.add np.multiply", _into_argument, X, Y),
    form("np.add", _where_with_out, X, Y),
    form("np.log", _where_log, X),
    form("np.divide", _where_traced, X, Y),
    form("np.negative", _wider_out, X),
    form("np.divmod", _both_outs, X),
    form("np.modf", _one_out, X),
    form("np.add", lambda x, y: np.add(x, y, dtype=np.float32) * 1.0, X, Y, tolerance=1e-6, slope_tolerance=1e-2),
    form("np.sqrt", lambda a: np.sqrt(a, dtype=np.float64), np.array([1, 2, 9], np.int32)),
    form("np.add", lambda a: np.add(a, 1, dtype=float), I),
    form("np.multiply", lambda x, y: np.multiply(x, y, casting="same_kind", order="C", subok=False), X, Y),
    form("np.add", lambda a, b: np.add(a, b, signature="dd->d"), I, J),
    form("np.floor", lambda x: np.floor(x, where=True) + x, X),
]

_METHODS = [
    form("np.add", lambda x: np.add.reduce(x), M),
    form("np.add", lambda x: np.add.reduce(x, axis=(0, 1), keepdims=True, initial=2.0), M),
    form("np.add", lambda x: np.add.reduce(x, axis=1, where=np.array([True, False, True])), M),
    form("np.multiply", lambda x: np.multiply.reduce(x, 1), M),
    form("np.subtract", lambda x: np.subtract.reduce(x, axis=1), M),
    form("np.subtract", lambda x: np.subtract.reduce(x, axis=0, keepdims=True, initial=1.5), M),
    form("np.divide", lambda x: np.divide.reduce(x, axis=-1), M),
    form("np.maximum", lambda x: np.maximum.reduce(x, axis=1), M),
    form("np.minimum", lambda x: np.minimum.reduce(x, axis=None, initial=0.1), M),
    form("np.fmax", lambda x: np.fmax.reduce(x), WITH_NAN),
    form("np.fmin", lambda x: np.fmin.reduce(x, axis=1, keepdims=True), M),
    form("np.logaddexp", lambda x: np.logaddexp.reduce(x, axis=1), M),
    form("np.logaddexp2", lambda x: np.logaddexp2.reduce(x, axis=0, keepdims=True), M),
    form("np.hypot", lambda x: np.hypot.reduce(x, axis=1), M),
    form("np.hypot", lambda x: np.hypot.reduce(x * np.arange(1, 101)), np.array([0.7])),
    form("np.hypot", lambda x: np.hypot.reduce(x, axis=0, where=np.array([True, False, True]), initial=0.5), M),
    form("np.power", lambda x: np.power.reduce(x, axis=0), np.abs(M)),
    form("np.fmod", lambda x: np.fmod.reduce(x, axis=1), M),
    form("np.copysign", lambda x: np.copysign.reduce(x, axis=0), M),
    form("np.logical_and", lambda p: np.logical_and.reduce(p), B),
    form("np.logical_or", lambda x: np.logical_or.reduce(x, axis=1), M),
    form("np.logical_xor", lambda p: np.logical_xor.reduce(p), B),
    form("np.bitwise_and", lambda n: np.bitwise_and.reduce(n), np.array([7, 14, 12])),
    form("np.bitwise_or", lambda n: np.bitwise_or.reduce(n, axis=1), np.array([[7, 8], [3, 4]])),
    form("np.bitwise_xor", lambda p: np.bitwise_xor.reduce(p), B),
    form("np.gcd", lambda n: np.gcd.reduce(n), np.array([12, 18, 30])),
    form("np.lcm", lambda n: np.lcm.reduce(n, initial=4), np.array([2, 3, 5])),
    form("np.add", lambda n: np.add.reduce(n), N),
    form("np.bitwise_and np.bitwise_or", lambda n: (np.bitwise_and.reduce(n), np.bitwise_or.reduce(n[:0])), N),
    form("np.gcd", lambda n: np.gcd.reduce(n[:, :0], axis=1, keepdims=True), np.array([[7, 8], [3, 4]])),
    form("np.add", lambda x: np.add.accumulate(x, axis=1), M),
    form("np.multiply", lambda x: np.multiply.accumulate(x), X),
    form("np.subtract", lambda x: np.subtract.accumulate(x), X),
    form("np.divide", lambda x: np.divide.accumulate(x, axis=1), M),
    form("np.maximum", lambda x: np.maximum.accumulate(x, axis=1), M),
    form("np.minimum", lambda x: np.minimum.accumulate(x), X),
    form("np.fmax", lambda x: np.fmax.accumulate(x), X),
    form("np.logaddexp", lambda x: np.logaddexp.accumulate(x, axis=1), M),
    form("np.hypot", lambda x: np.hypot.accumulate(x), X),
    form("np.logical_or", lambda p: np.logical_or.accumulate(p), ~B),
    form("np.logical_and", lambda p: np.logical_and.accumulate(p), B),
    form("np.logical_xor", lambda p: np.logical_xor.accumulate(p), B),
    form("np.bitwise_xor", lambda n: np.bitwise_xor.accumulate(n), I),
    form("np.maximum", lambda n: np.maximum.accumulate(n), N),
    form("np.add", lambda n: np.add.accumulate(n), N),
    form("np.multiply", lambda x, y: np.multiply.outer(x, y), X, ROW),
    form("np.subtract", lambda x, y: np.subtract.outer(x, y), M, ROW),
    form("np.arctan2", lambda x, y: np.arctan2.outer(x, y), X, ROW),
    form("np.maximum", lambda x: np.maximum.outer(x, 0.1), X),
    form("np.less", lambda x, y: np.less.outer(x, y), X, ROW),
    form("np.divmod", lambda x, y: np.divmod.outer(x, y), X, ROW * 1.013),
    form("np.add", lambda x: np.add.reduceat(x, [0, 2, 3]), X),
    form("np.add", lambda x: np.add.reduceat(x, [0, 3, 1, 2])[::2], X),
    form("np.add", lambda x: np.add.reduceat(x, [0, 1], axis=1), M),
    form("np.multiply", lambda x: np.multiply.reduceat(x, [0, 2]), X),
    form("np.maximum", lambda x: np.maximum.reduceat(x, [0, 1], axis=1), M),
    form("np.logical_or", lambda p: np.logical_or.reduceat(p, [0, 1, 2]), B),
    form("np.subtract", lambda x: np.subtract.reduceat(x, [0, 1]), X),
    form("np.hypot", lambda x: np.hypot.reduceat(x, [1, 3]), X),
    form("np.add", _add_at, X, Y),
    form("np.subtract", _subtract_at, X, Y),
    form("np.add", _add_at_traced, X, PLACES, Y),
    form("np.multiply", _multiply_at, X, Y),
    form("np.multiply", _multiply_at_traced, X, PLACES, Y),
    form("np.divide", _divide_at, X, Y),
    form("np.maximum", _maximum_at, X, Y),
    form("np.maximum np.minimum", _maximum_at_traced, X, PLACES, Y),
    form("np.power", _power_at, X),
    form("np.negative", _negative_at, X),
    form("np.hypot", _hypot_at, X, Y),
]

_PRODUCTS = [
    form("np.vecdot", lambda x, y: np.vecdot(x, y), M, ROW),
    form("np.vecdot", lambda x, y: np.vecdot(x, y, axis=0), M, COLUMN * np.ones(3)),
    form("np.vecdot", lambda x, y: np.vecdot(x, y, keepdims=True), M, M[::-1]),
    form("np.matvec", lambda m, v: np.matvec(m, v), M, ROW),
    form("np.matvec", lambda m, v: np.matvec(m, v), np.stack([M, -M]), np.stack([ROW, ROW + 1])),
    form("np.vecmat", lambda v, m: np.vecmat(v, m), ROW, M.T),
    form("np.matmul", lambda a, b: np.matmul(a, b, axes=[(0, 1), (1, 0), (1, 0)]), M, M),
]

_COMPOSED = [
    form("np.clip", lambda x: np.clip(x, -1.0, 1.0), X),
    form("np.clip", lambda x: np.clip(x, None, 0.5), X),
    form("np.clip", lambda x, low, high: np.clip(x, low, high), X, Y - 2.1, Y + 1.2),
    form("np.clip", lambda x: np.clip(x, min=-0.5), X),
    form("np.clip", lambda x: np.clip(x, max=-0.5) + np.clip(x, min=-1.0, max=1.0), X),
    form("np.clip", lambda n: np.clip(n, 1, 100) + np.clip(n, -5, 300), N),
    form("ndarray.clip", lambda x: x.clip(-1.0, 1.0), X),
    form("np.where", lambda x, y: np.where(x > y, x, y * 2), X, Y),
    form("np.where", lambda x: np.where(x > 0, np.log(x), 0.0), X),
    form("np.where", lambda x, y: np.where(np.array([[True], [False]]), x, y), M, ROW),
    form("np.select", lambda x: np.select([x < -1, x < 1], [x * x, np.sin(x)], default=2.0), X),
    form("np.select", lambda x: np.select([x < -1, x < 1], [x * x, np.sin(x)]), X),
    form("np.piecewise", lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda t: -t, lambda t: t**2]), X),
    form("np.piecewise", lambda x: np.piecewise(x, [x < 0], [np.sin, 2.0]), X),
    form("np.piecewise", lambda x: np.piecewise(x, [x < 0, x > 1], [lambda t, k: t * k, 1.0], 3.0), X),
    form("np.round", lambda x: np.round(x) * x, X),
    form("np.round", lambda x: np.round(x, 1) * x, M * 1.013),
    form("np.around", lambda x: np.around(x, decimals=-1) * x, X * 13.7),
    form("np.round", lambda n: np.round(n, -1), np.array([15, 25, -27, 4])),
    form("ndarray.round", lambda x: x.round(1) * x, X * 1.013),
    form("np.round", lambda x: round(x, 1) * x, 0.77),
    form("np.angle", lambda x: np.angle(x) + x, X),
    form("np.angle", lambda x: np.angle(x, deg=True) + x, X),
    form("np.unwrap", lambda x: np.unwrap(x), np.array([0.3, 2.9, -2.8, -0.4])),
    form("np.unwrap", lambda x: np.unwrap(x, axis=0, period=4.0), M * 3.1),
    form("np.unwrap", lambda x: np.unwrap(x, discont=4.0), np.array([0.3, 2.9, -2.8, -0.4])),
    form("np.real_if_close", lambda x: np.real_if_close(x), X),
    form("np.isclose", lambda x, y: np.isclose(x, y), X, X + np.array([0.0, 1e-9, 1e-3, 0.0])),
    form("np.isclose", lambda x: np.isclose(x, np.array([0.5, np.nan, np.inf, 0.0]), equal_nan=True), WITH_NAN),
    form("np.isclose", lambda x: np.isclose(x, np.array([0.5, np.inf, -np.inf, 1.0])), WITH_INF),
    form("np.allclose", lambda x, y: np.allclose(x, y, rtol=1e-3), X, X * 1.0001),
    form("np.array_equal", lambda x, y: np.array_equal(x, y), X, Y),
    form("np.array_equal", lambda x: np.array_equal(x, x, equal_nan=True), WITH_NAN),
    form("np.array_equal", lambda x, y: np.array_equal(x, y), X, ROW),
    form("np.array_equiv", lambda x, y: np.array_equiv(x, y), ROW, M),
    form("np.array_equiv", lambda x, y: np.array_equiv(x, y), X, ROW),
    form("np.i0", lambda x: np.i0(x), np.array([-9.3, -0.6, 2.2, 20.0])),
    form("np.sinc", lambda x: np.sinc(x), X),
    form("np.sinc", lambda x: np.sinc(x), np.array([0.0, 1e-5, 0.35])),
    form("np.nan_to_num", lambda x: np.nan_to_num(x), X),
    form("np.nan_to_num", lambda x: np.nan_to_num(x, nan=1.0, posinf=9.0, neginf=-9.0), WITH_INF),
    form("np.nan_to_num", lambda x: np.nan_to_num(x, copy=True, nan=0.5), WITH_NAN),
    form("np.nan_to_num", lambda n: np.nan_to_num(n), I),
    form("np.heaviside", lambda n, h: np.heaviside(n, h), np.array([-1, 0, 2, 3]), P),
]

FORMS = [
    *_ONE_ARGUMENT,
    *_TWO_ARGUMENTS,
    *_INTEGERS,
    *_KEYWORDS,
    *_METHODS,
    *_PRODUCTS,
    *_COMPOSED,
]


def _unequal_out(x):
    out = np.zeros(3)
    np.add(x, 1.0, out=out)
    return out


def _integer_out(x):
    out = np.zeros(4, int)
    np.add(x, 1.0, out=out)
    return out


def _traced_places(x, n):
    out = x * 1.0
    np.hypot.at(out, n, 1.0)
    return out


REFUSED = [
    form("np.add", lambda x: np.add(x), X),
    form("np.add", lambda x: np.add(x, x, outt=x), X),
    form("np.add", lambda x: np.add(x, x, where=MASK), X),
    form("np.add", lambda x: np.add(x, x, casting="any"), X),
    form("np.add", lambda x: np.add(x, x, dtype=int), X),
    form("np.add", _unequal_out, X),
    form("np.add", _integer_out, X),
    form("np.sin", lambda x: np.sin.reduce(x), X),
    form("np.divmod", lambda x: np.divmod.reduce(x), X),
    form("np.less", lambda x: np.less.reduce(x), X),
    form("np.subtract", lambda x: np.subtract.reduce(x, axis=(0, 1)), M),
    form("np.maximum", lambda x: np.maximum.reduce(x, where=MASK), X),
    form("np.fmod", lambda x: np.fmod.reduce(x), np.arange(100.0)),
    form("np.arctan2", lambda x: np.arctan2.accumulate(x), np.arange(100.0)),
    form("np.hypot", _traced_places, X, PLACES),
    form("np.add", lambda x, n: np.add.reduceat(x, n), X, PLACES),
    form("np.power", lambda n, m: n**m, I, np.array([1, 2, 3, 4])),
    form("np.power", lambda n: n**-2, I),
    form("np.bitwise_and", lambda x: np.bitwise_and(x, 1), X),
    form("np.gcd", lambda x: np.gcd(x, 2), X),
    form("np.left_shift", lambda x: x << 1, X),
    form("np.isnat", lambda x: np.isnat(x), X),
    form("np.matvec", lambda v: np.matvec(v, v), ROW),
    form("np.vecdot", lambda v, w: np.vecdot(v, w), ROW, X),
    form("np.frompyfunc", lambda x: np.frompyfunc(abs, 1, 1)(x), X),
]
