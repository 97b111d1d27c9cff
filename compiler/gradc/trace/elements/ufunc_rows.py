"""The ufuncs: one row per NumPy ufunc, saying which scalar expression it is.

A row is the name of an op (applied exactly as written), or a function of the scalars; a ufunc of several results has a row
for each. NumPy itself tells the dtypes: the scalars come in those of its loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

import gradc.ops  # noqa: F401  (fills the table of operations)
from gradc.ir.algebra import conjunction, convert, disjunction, negation
from gradc.ir.scalar import FALSE, TRUE, Number, Scalar, apply, number

Row = str | Callable[..., Scalar]


def _literal(value: Any, like: Scalar) -> Number:
    return number(value, like.dtype)


def _boolean(name: str, on_bools: Callable[..., Scalar]) -> Row:
    """A row that is a connective on bools: NumPy's + on bools is `or`, its * is `and`."""

    def row(*args: Scalar) -> Scalar:
        return on_bools(*args) if args[0].dtype.kind == "b" else apply(name, *args)

    return row


def _exclusive(a: Scalar, b: Scalar) -> Scalar:
    return disjunction(conjunction(a, negation(b)), conjunction(negation(a), b))


def _inverted(x: Scalar) -> Scalar:
    if x.dtype.kind == "b":
        return negation(x)
    ones = -1 if x.dtype.kind == "i" else np.iinfo(x.dtype).max
    return apply("bitwise_xor", x, _literal(ones, x))


# ---------------------------------------------------------------- powers and quotients


def _reciprocal(x: Scalar) -> Scalar:
    one = _literal(1, x)
    if x.dtype.kind in "fc":
        return apply("div", one, x)
    with np.errstate(all="ignore"):
        of_zero = np.reciprocal(np.zeros((), x.dtype)).item()
    is_unit = apply("equal", _absolute(x), one)  # all other reciprocals are rounded towards zero
    of_others = apply("where", apply("equal", x, _literal(0, x)), _literal(of_zero, x), _literal(0, x))
    return apply("where", is_unit, x, of_others)


def _remainder_towards_zero(a: Scalar, b: Scalar) -> Scalar:
    """C's fmod, which has the sign of a, by NumPy's remainder, which has that of b."""
    if a.dtype.kind == "u":
        return apply("mod", a, b)
    zero = _literal(0, a)
    if a.dtype.kind == "i":
        rest = apply("mod", a, b)
        differs = _exclusive(apply("less", a, zero), apply("less", b, zero))
        return apply("where", conjunction(apply("not_equal", rest, zero), differs), apply("sub", rest, b), rest)
    size = apply("abs", b)
    below = apply("neg", apply("mod", apply("neg", a), size))
    return apply("where", apply("signbit", a), below, apply("mod", a, size))


def _multiple(a: Scalar, b: Scalar) -> Scalar:
    """The least common multiple; 0 with 0, as an integer divided by zero is 0."""
    share = apply("floordiv", _absolute(a), apply("gcd", a, b))
    return apply("mul", share, _absolute(b))


# ---------------------------------------------------------------- comparisons


def _compared(name: str) -> Row:
    """A comparison; of a signed and an unsigned integer it is exact."""

    def row(a: Scalar, b: Scalar) -> Scalar:
        if a.dtype.kind + b.dtype.kind not in ("iu", "ui"):
            return apply(name, a, b)
        signed = a if a.dtype.kind == "i" else b
        negative = apply("less", signed, _literal(0, signed))
        unsigned = apply(name, *[convert(x, np.dtype(np.uint64)) for x in (a, b)])
        apart = getattr(np, name)(-1, 0) if signed is a else getattr(np, name)(0, -1)
        return disjunction(negative, unsigned) if apart else conjunction(negation(negative), unsigned)

    return row


def _ignoring_nan(name: str) -> Row:
    def row(a: Scalar, b: Scalar) -> Scalar:
        if a.dtype.kind == "b":
            return disjunction(a, b) if name == "maximum" else conjunction(a, b)
        if a.dtype.kind in "iu":
            return apply(name, a, b)
        return apply("where", apply("isnan", a), b, apply("where", apply("isnan", b), a, apply(name, a, b)))

    return row


def _heaviside(x: Scalar, at_zero: Scalar) -> Scalar:
    zero, one = _literal(0, x), _literal(1, x)
    step = apply("where", apply("equal", x, zero), at_zero, apply("where", apply("less", x, zero), zero, one))
    return apply("where", apply("isnan", x), x, step)


def _absolute(x: Scalar) -> Scalar:
    return x if x.dtype.kind in "bu" else apply("abs", x)


def _tested(name: str) -> Row:
    def row(x: Scalar) -> Scalar:
        return apply(name, x) if x.dtype.kind in "fc" else FALSE if name != "isfinite" else TRUE

    return row


# ---------------------------------------------------------------- parts of floats


def _rounding(name: str) -> Row:
    return lambda x: x if x.dtype.kind in "biu" else apply(name, x)


def _fraction(x: Scalar) -> Scalar:
    """What is behind the point, with the sign of x also where it is zero."""
    whole = apply("trunc", x)
    below = apply("neg", apply("sub", whole, x))
    part = apply("where", apply("signbit", x), below, apply("sub", x, whole))
    return apply("where", apply("isinf", x), apply("copysign", _literal(0, x), x), part)


def _scaled(x: Scalar, exponent: Scalar) -> Scalar:
    """``x * 2**exponent`` for an integral exponent of x's dtype, in three steps of which none overflows before the last."""
    most = 126 if x.dtype.itemsize == 4 else 1022
    left = apply("minimum", apply("maximum", exponent, _literal(-3 * most, x)), _literal(3 * most, x))
    for steps in (3, 2, 1):
        part = apply("trunc", apply("div", left, _literal(steps, x)))
        x, left = apply("mul", x, apply("exp2", part)), apply("sub", left, part)
    return x


def _load_exponent(x: Scalar, exponent: Scalar) -> Scalar:
    return _scaled(x, convert(exponent, x.dtype))


def _significand(x: Scalar) -> tuple[Scalar, Scalar]:
    """``frexp``: x as a number in [1/2, 1) times a power of two, and the power's exponent, both of x's dtype."""
    zero, one, half = _literal(0, x), _literal(1, x), _literal(Fraction(1, 2), x)
    size = apply("abs", x)
    proper = conjunction(apply("isfinite", x), apply("greater", size, zero))
    safe = apply("where", proper, size, one)
    exponent = apply("add", apply("floor", apply("log2", safe)), one)
    share = _scaled(safe, apply("neg", exponent))
    above, below = (
        apply("greater_equal", share, one),
        apply("less", share, half),
    )  # where log2 was rounded over an integer
    right = apply("where", above, one, apply("where", below, _literal(-1, x), zero))
    scale = apply("where", above, half, apply("where", below, _literal(2, x), one))
    found = apply("copysign", apply("mul", share, scale), x)
    return apply("where", proper, found, x), apply("where", proper, apply("add", exponent, right), zero)


def _spacing(x: Scalar) -> Scalar:
    """The distance to the next float away from zero, with x's sign."""
    size = apply("abs", x)
    gap = apply("sub", apply("nextafter", size, _literal(math.inf, x)), size)
    return apply("where", apply("less", x, _literal(0, x)), apply("neg", gap), gap)


# ---------------------------------------------------------------- other compositions


def _logaddexp_of_powers(a: Scalar, b: Scalar) -> Scalar:
    """``log2(2**a + 2**b)``."""
    log = apply("log", _literal(2, a))
    return apply("div", apply("logaddexp", apply("mul", a, log), apply("mul", b, log)), log)


def _conjugate(x: Scalar) -> Scalar:
    return apply("conj", x) if x.dtype.kind == "c" else x


def _ndtr(x: Scalar) -> Scalar:
    root = apply("sqrt", _literal(2, x))
    return apply("mul", _literal(Fraction(1, 2), x), apply("erfc", apply("div", apply("neg", x), root)))


_SAME_NAME = (
    "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh arctan2 hypot "
    "exp exp2 expm1 log log2 log10 log1p logaddexp sqrt cbrt copysign nextafter signbit "
    "left_shift right_shift bitwise_count gcd"
).split()
_COMPARISONS = "less less_equal greater greater_equal equal not_equal".split()

#: NumPy ufunc -> what it is: a row, or one row per result.
UFUNCS: dict[str, Row | tuple[Row, ...]] = {
    **{name: name for name in _SAME_NAME},
    **{name: _compared(name) for name in _COMPARISONS},
    "add": _boolean("add", disjunction),
    "subtract": "sub",
    "multiply": _boolean("mul", conjunction),
    "divide": "div",
    "negative": "neg",
    "positive": lambda x: x,
    "power": "pow",
    "float_power": "pow",
    "square": lambda x: apply("pow", x, _literal(2, x)) if x.dtype.kind != "b" else x,
    "reciprocal": _reciprocal,
    "floor_divide": "floordiv",
    "remainder": "mod",
    "divmod": ("floordiv", "mod"),
    "fmod": _remainder_towards_zero,
    "absolute": _absolute,
    "fabs": _absolute,
    "sign": "sign",
    "maximum": _boolean("maximum", disjunction),
    "minimum": _boolean("minimum", conjunction),
    "fmax": _ignoring_nan("maximum"),
    "fmin": _ignoring_nan("minimum"),
    "heaviside": _heaviside,
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "trunc": _rounding("trunc"),
    "rint": _rounding("rint"),
    "isnan": _tested("isnan"),
    "isinf": _tested("isinf"),
    "isfinite": _tested("isfinite"),
    "modf": (_fraction, "trunc"),
    "frexp": (lambda x: _significand(x)[0], lambda x: _significand(x)[1]),
    "ldexp": _load_exponent,
    "spacing": _spacing,
    "deg2rad": lambda x: apply("mul", x, apply("div", number(math.pi, x.dtype), _literal(180, x))),
    "rad2deg": lambda x: apply("mul", x, apply("div", _literal(180, x), number(math.pi, x.dtype))),
    "logaddexp2": _logaddexp_of_powers,
    "conjugate": _conjugate,
    "logical_and": conjunction,
    "logical_or": disjunction,
    "logical_not": negation,
    "logical_xor": _exclusive,
    "bitwise_and": _boolean("bitwise_and", conjunction),
    "bitwise_or": _boolean("bitwise_or", disjunction),
    "bitwise_xor": _boolean("bitwise_xor", _exclusive),
    "invert": _inverted,
    "lcm": _multiple,
    # scipy.special
    "expit": "sigmoid",
    "erf": "erf",
    "erfc": "erfc",
    "xlogy": "xlogy",
    "xlog1py": "xlog1py",
    "log_expit": lambda x: apply("neg", apply("softplus", apply("neg", x))),
    "ndtr": lambda x: _ndtr(x),
    "round": "rint",
}
UFUNCS["degrees"], UFUNCS["radians"] = UFUNCS["rad2deg"], UFUNCS["deg2rad"]

#: Rows whose arguments are truth values, whatever their dtype.
CONNECTIVES = frozenset({"logical_and", "logical_or", "logical_not", "logical_xor"})
#: Rows that say how two numbers compare: exactly, also where NumPy's promotion would round.
COMPARISONS = frozenset(_COMPARISONS)
