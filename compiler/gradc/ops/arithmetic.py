"""Arithmetic: the user's floating-point operations, the mathematical sums, products and powers, and integer division."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradc.ir.algebra import guarded, power_of, product_of, sum_of
from gradc.ir.scalar import Number, Op, Scalar, apply, number, register
from gradc.ops import emit
from gradc.ops.table import (
    Partial,
    boolean,
    floating,
    function,
    minus,
    one,
    over,
    promoted,
    real_part,
    times,
)


def _prod_partials(_: Scalar, *factors: Scalar) -> Sequence[Partial]:
    """Exclusive prefix times exclusive suffix: linear in the number of factors, and without a division."""
    prefixes, suffixes = [one(factors[0])], [one(factors[0])]
    for factor in factors[:-1]:
        prefixes.append(product_of(prefixes[-1], factor, flatten=len(factors) < 8))
    for factor in reversed(factors[1:]):
        suffixes.append(product_of(suffixes[-1], factor, flatten=len(factors) < 8))
    return [times(p, s) for p, s in zip(prefixes, reversed(suffixes), strict=True)]


def _power_partials(y: Scalar, base: Scalar, exponent: Scalar) -> Sequence[Partial]:
    if isinstance(exponent, Number):
        if not isinstance(exponent.value, complex) and exponent.value == 0:
            return None, None
        if y.dtype.kind in "biu":
            return None, None
        lower = sum_of(exponent, -1, dtype=y.dtype)
        return times(exponent, power_of(base, lower)), None
    zero = number(0, exponent.dtype)
    exponent_varies = guarded(
        apply("not_equal", exponent, zero), times(exponent, apply("pow", base, minus_one(exponent)))
    )
    if isinstance(base, Number):
        return exponent_varies, times(y, apply("log", base))
    return exponent_varies, guarded(
        apply("not_equal", base, number(0, base.dtype)), times(y, apply("log", base))
    )


def minus_one(scalar: Scalar) -> Scalar:
    """``scalar - 1``, mathematical."""
    return sum_of(scalar, -1, dtype=scalar.dtype)


# What the user wrote: no reordering.
register(
    Op("add", 2, promoted, lambda y, a, b: (one(y), one(y)), "numpy.add", "fadd", "Add", lower="add", cost=1, commutative=True)
)
register(Op("sub", 2, promoted, lambda y, a, b: (one(y), number(-1, y.dtype)), "numpy.subtract", "fsub", lower="subtract", cost=1))
register(Op("mul", 2, promoted, lambda y, a, b: (b, a), "numpy.multiply", "fmul", "Mul", lower="multiply", cost=1, commutative=True))
register(
    Op(
        "div",
        2,
        floating,
        lambda y, a, b: (power_of(b, -1), times(-1, a, power_of(b, -2))),
        "numpy.divide",
        "fdiv",
        lower="divide",
        cost=4,
    )
)
register(Op("neg", 1, promoted, lambda y, a: (number(-1, y.dtype),), "numpy.negative", "fneg", lower="negate", cost=1))
register(Op("pow", 2, promoted, _power_partials, "numpy.power", "power", "Pow", lower=emit.general_power, cost=40))

# Mathematical: canonical, free to be reordered. Made by `gradc.ir.algebra`.
register(Op("sum", None, promoted, lambda y, *a: [one(y)] * len(a), cost=1, commutative=True))
register(Op("prod", None, promoted, _prod_partials, cost=1, commutative=True))
register(Op("power", 2, promoted, _power_partials, "numpy.power", "power", "Pow", lower=emit.general_power, cost=8))

# Integers.
register(Op("floordiv", 2, promoted, None, "numpy.floor_divide", lower="floor_divide", cost=20))
register(
    Op(
        "mod",
        2,
        promoted,
        lambda y, a, b: (one(y), times(-1, apply("floor", over(a, b)))) if y.dtype.kind == "f" else (None, None),
        "numpy.remainder",
        lower="modulo",
        cost=20,
        kink="jumps at multiples of the divisor: the derivative is that of the smooth part",
    )
)
register(
    Op(
        "convert",
        1,
        promoted,  # the caller gives the dtype
        lambda y, a: (one(y) if y.dtype.kind in "fc" else None,),
        cost=1,
    )
)

function("sqrt", lambda y, x: times(number(0.5, y.dtype), power_of(y, -1)), lower="llvm.sqrt", cost=5)
function("cbrt", lambda y, x: over(1, times(3, power_of(y, 2))), sympy=lambda s, x: s.cbrt(x))
function(
    "abs",
    lambda y, x: apply("sign", x) if x.dtype.kind == "f" else None,
    numpy="numpy.absolute",
    mpmath="fabs",
    sympy="Abs",
    lower=emit.absolute,
    cost=1,
    kink="0 at 0",
    result_dtype=real_part,
)
function("sign", lambda y, x: None, lower=emit.sign, cost=2, kink="0 everywhere", result_dtype=promoted)


def _tie_shared(wins: str) -> Op:
    name = "maximum" if wins == "greater" else "minimum"

    def partials(y: Scalar, a: Scalar, b: Scalar) -> Sequence[Partial]:
        half = number(0.5, y.dtype)
        tie = guarded(apply("equal", a, b), half)
        return (
            sum_of(guarded(apply(wins, a, b), one(y)), tie),
            sum_of(guarded(apply(wins, b, a), one(y)), tie),
        )

    return register(
        Op(
            name,
            2,
            promoted,
            partials,
            f"numpy.{name}",
            lambda mp, a, b: max(a, b) if name == "maximum" else min(a, b),
            "Max" if name == "maximum" else "Min",
            lower=emit.maximum if name == "maximum" else emit.minimum,
            cost=2,
            kink="shared equally on ties",
            commutative=True,
        )
    )


_tie_shared("greater")
_tie_shared("less")

for _name in ("floor", "ceil", "trunc", "rint"):
    function(_name, lambda y, x: None, lower=emit.rounding(_name), cost=2, kink="0 everywhere", result_dtype=promoted)

_TESTS: dict[str, Any] = {
    "isnan": "is_nan",
    "isinf": emit.is_infinite,
    "isfinite": emit.is_finite,
    "signbit": "sign_bit",
}
for _name, _lower in _TESTS.items():
    register(Op(_name, 1, boolean, None, f"numpy.{_name}", lower=_lower, cost=1))
register(Op("copysign", 2, floating, None, "numpy.copysign", lower="llvm.copysign", cost=1))

# An identity that no derivative passes.
register(Op("stop_gradient", 1, promoted, None, lambda np, a: a, lambda mp, a: a, lambda s, a: a, cost=0))
