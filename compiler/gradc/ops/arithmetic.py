"""Arithmetic: the user's operations, the mathematical sums, products and powers, and integer division."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradc.ir.algebra import convert, guarded, power_of, product_of, sum_of
from gradc.ir.conjugates import complex_dtype, conjugated
from gradc.ir.scalar import Index, Load, Number, Op, Scalar, Size, Wirtinger, apply, is_number, number, register
from gradc.ir.walk import post_order
from gradc.ops import emit, forms
from gradc.ops.table import (
    Partial,
    boolean,
    floating,
    function,
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
    if not any(isinstance(node, Load | Index | Size) for node in post_order([exponent])):  # pi - 1, say
        return times(exponent, power_of(base, minus_one(exponent))), None
    exponent_varies = guarded(
        apply("not_equal", exponent, zero), times(exponent, apply("pow", base, minus_one(exponent)))
    )
    if isinstance(base, Number):
        return exponent_varies, None if is_number(base, 0) else times(y, apply("log", base))
    return exponent_varies, guarded(apply("not_equal", base, number(0, base.dtype)), times(y, apply("log", base)))


def _absolute_derivative(y: Scalar, x: Scalar) -> Partial:
    return conjugated(apply("sign", x)) if x.dtype.kind in "fc" else None


def _sign_derivative(y: Scalar, x: Scalar) -> Partial:
    """Of ``z / |z|``; of a real number, it is 0."""
    if x.dtype.kind != "c":
        return None
    radius = apply("abs", x)
    half = guarded(
        apply("greater", radius, number(0, radius.dtype)), times(number(0.5, radius.dtype), power_of(radius, -1))
    )
    return Wirtinger(convert(half, y.dtype), times(-1, power_of(y, 2), convert(half, y.dtype)))


def minus_one(scalar: Scalar) -> Scalar:
    """``scalar - 1``, mathematical."""
    return sum_of(scalar, -1, dtype=scalar.dtype)


# What the user wrote: no reordering.
register(
    Op(
        "add",
        2,
        promoted,
        lambda y, a, b: (one(y), one(y)),
        "numpy.add",
        forms.mp_sum,
        "Add",
        lower="add",
        cost=1,
        commutative=True,
    )
)
register(
    Op(
        "sub",
        2,
        promoted,
        lambda y, a, b: (one(y), number(-1, y.dtype)),
        "numpy.subtract",
        lambda mp, a, b: a - b,
        lambda s, a, b: a - b,
        lower="subtract",
        cost=1,
    )
)
register(
    Op(
        "mul",
        2,
        promoted,
        lambda y, a, b: (b, a),
        "numpy.multiply",
        forms.mp_product,
        "Mul",
        lower="multiply",
        cost=1,
        commutative=True,
    )
)
register(
    Op(
        "div",
        2,
        floating,
        lambda y, a, b: (power_of(b, -1), times(-1, a, power_of(b, -2))),
        "numpy.divide",
        forms.mp_divide,
        lambda s, a, b: a / b,
        lower="divide",
        cost=4,
        domain=((-3.0, 3.0), (0.5, 3.0)),
    )
)
register(
    Op(
        "neg",
        1,
        promoted,
        lambda y, a: (number(-1, y.dtype),),
        "numpy.negative",
        lambda mp, a: -a,
        lambda s, a: -a,
        lower="negate",
        cost=1,
    )
)
register(
    Op(
        "pow",
        2,
        promoted,
        _power_partials,
        "numpy.power",
        forms.mp_power,
        "Pow",
        lower=emit.general_power,
        cost=110,
        domain=((0.2, 3.0), (-3.0, 3.0)),
        extra={"complex": forms.step_power},
    )
)

# Mathematical: canonical, free to be reordered. Made by `gradc.ir.algebra`.
register(
    Op(
        "sum",
        None,
        promoted,
        lambda y, *a: [one(y)] * len(a),
        forms.n_ary("add"),
        forms.mp_sum,
        "Add",
        cost=1,
        commutative=True,
    )
)
register(
    Op(
        "prod",
        None,
        promoted,
        _prod_partials,
        forms.n_ary("multiply"),
        forms.mp_product,
        "Mul",
        cost=1,
        commutative=True,
    )
)
register(
    Op(
        "power",
        2,
        promoted,
        _power_partials,
        forms.numpy_power,
        forms.mp_power,
        "Pow",
        lower=emit.general_power,
        cost=8,
        domain=((0.2, 3.0), (-3.0, 3.0)),
        extra={"complex": forms.step_power},
    )
)

# Integers.
register(
    Op(
        "floordiv",
        2,
        promoted,
        None,
        "numpy.floor_divide",
        forms.mp_floor_divide,
        lambda s, a, b: s.floor(a / b),
        lower="floor_divide",
        cost=20,
        extra={"complex": forms.step_floor_divide},
    )
)
register(
    Op(
        "mod",
        2,
        promoted,
        lambda y, a, b: (one(y), times(-1, apply("floor", over(a, b)))) if y.dtype.kind == "f" else (None, None),
        "numpy.remainder",
        forms.mp_modulo,
        "Mod",
        lower="modulo",
        cost=20,
        kink="jumps at multiples of the divisor: the derivative is that of the smooth part",
        domain=((2.1, 2.9), (0.8, 1.0)),
        extra={"complex": forms.step_modulo},
    )
)
register(
    Op(
        # of (index, length, axis): where an index that is read from an array points, as NumPy counts, -1 being the last.
        # Evaluating it outside is an IndexError, so the check goes wherever the index goes, be it a load or a bracket
        "position",
        3,
        promoted,
        None,
        lambda np, i, n, axis: np.where(i < 0, i + n, i),
        lambda mp, i, n, axis: i + n if i < 0 else i,
        lambda s, i, n, axis: s.Piecewise((i + n, i < 0), (i, True)),
        cost=2,
    )
)
register(
    Op(
        "convert",
        1,
        promoted,  # the caller gives the dtype; an evaluator's number system knows how
        lambda y, a: (one(y) if y.dtype.kind in "fc" else None,),
        cost=1,
    )
)

function(
    "sqrt", lambda y, x: times(number(0.5, y.dtype), power_of(y, -1)), lower="llvm.sqrt", cost=5, domain=(0.2, 4.0)
)
function(
    "root",  # of a sum of squares, in a norm: among its subgradients at 0 the derivative is 0
    lambda y, x: guarded(apply("greater", y, number(0, y.dtype)), times(number(0.5, y.dtype), power_of(y, -1))),
    numpy="numpy.sqrt",
    mpmath="sqrt",
    sympy="sqrt",
    lower="llvm.sqrt",
    cost=5,
    kink="0 at 0",
    domain=(0.2, 4.0),
)
function(
    "cbrt",
    lambda y, x: over(1, times(3, power_of(y, 2))),
    mpmath=forms.mp_cube_root,
    sympy=forms.sympy_cube_root,
    domain=(0.2, 4.0),
    step=forms.step_cube_root,
)
function(
    "abs",
    _absolute_derivative,
    numpy="numpy.absolute",
    mpmath="fabs",
    sympy="Abs",
    lower=emit.absolute,
    cost=1,
    kink="0 at 0",
    domain=(0.2, 3.0),
    step=forms.step_absolute,
    result_dtype=real_part,
)
function(
    "sign",
    _sign_derivative,
    mpmath=forms.mp_sign,
    lower=emit.sign,
    cost=2,
    kink="0 everywhere",
    domain=(0.2, 3.0),
    step=forms.step_constant(lambda np, x: np.sign(x)),
    result_dtype=promoted,
)


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
            forms.mp_maximum if name == "maximum" else forms.mp_minimum,
            forms.sympy_extremum("Max" if name == "maximum" else "Min"),
            lower=emit.maximum if name == "maximum" else emit.minimum,
            cost=2,
            kink="shared equally on ties",
            commutative=True,
            extra={"complex": forms.step_maximum if name == "maximum" else forms.step_minimum},
        )
    )


_tie_shared("greater")
_tie_shared("less")

_ROUNDINGS: dict[str, tuple[Any, Any]] = {
    "floor": (forms.mp_rounding("floor"), "floor"),
    "ceil": (forms.mp_rounding("ceil"), "ceiling"),
    "trunc": (forms.mp_truncate, forms.sympy_truncate),
    "rint": (forms.mp_rounding("nint"), forms.sympy_round),
}
for _name, (_mpmath, _sympy) in _ROUNDINGS.items():
    function(
        _name,
        lambda y, x: None,
        mpmath=_mpmath,
        sympy=_sympy,
        lower=emit.rounding(_name),
        cost=2,
        kink="0 everywhere",
        domain=(1.1, 1.4),
        step=forms.step_rounding(_name),
        result_dtype=promoted,
    )

_TESTS: dict[str, tuple[Any, Any, Any]] = {
    "isnan": ("is_nan", forms.mp_test("isnan"), forms.sympy_test(lambda s, x: x is s.nan)),
    "isinf": (emit.is_infinite, forms.mp_test("isinf"), forms.sympy_test(forms.sympy_is_infinite)),
    "isfinite": (
        emit.is_finite,
        forms.mp_test("isfinite"),
        forms.sympy_test(lambda s, x: x is not s.nan and not forms.sympy_is_infinite(s, x)),
    ),
    "signbit": ("sign_bit", lambda mp, x: x < 0, lambda s, x: x < 0),
}
for _name, (_lower, _mpmath, _sympy) in _TESTS.items():
    register(Op(_name, 1, boolean, None, f"numpy.{_name}", _mpmath, _sympy, lower=_lower, cost=1))
register(
    Op(
        "copysign",
        2,
        floating,
        lambda y, a, b: (times(apply("copysign", one(a), a), apply("copysign", one(b), b)), None),
        "numpy.copysign",
        forms.mp_copysign,
        forms.sympy_copysign,
        lower="llvm.copysign",
        cost=1,
        kink="jumps with the sign of the second argument: the derivative is that of the smooth part",
        domain=((0.2, 3.0), (0.2, 3.0)),
        extra={"complex": forms.step_copysign},
    )
)
register(
    Op(
        "nextafter",
        2,
        floating,
        lambda y, a, b: (one(y), None),
        "numpy.nextafter",
        forms.mp_next_after,
        lambda s, a, b: a,
        lower="libm.nextafter",
        cost=20,
        kink="the derivative is that of the first argument: rounding is not seen",
        domain=((0.2, 3.0), (3.5, 4.0)),
        extra={"complex": forms.step_next_after},
    )
)

# Complex numbers put together and taken apart. Complex steps are those of real arguments.
register(
    Op(
        "complex",  # of the real and the imaginary part
        2,
        lambda dtypes: complex_dtype(floating(dtypes)),
        lambda y, re, im: (one(y), number(1j, y.dtype)),
        forms.numpy_complex,
        lambda mp, re, im: mp.mpc(re, im),
        lambda s, re, im: re + s.I * im,
        cost=0,
    )
)
function(
    "real",
    lambda y, x: one(y),
    mpmath="re",
    sympy="re",
    lower=emit.identity,
    step=forms.identity,
    cost=1,
    result_dtype=real_part,
)
function(
    "imag",
    lambda y, x: number(-1j, x.dtype) if x.dtype.kind == "c" else None,
    mpmath="im",
    sympy="im",
    lower=emit.zero,
    step=forms.step_constant(lambda np, x: np.zeros_like(x)),
    cost=1,
    result_dtype=real_part,
)
function(
    "conj",
    lambda y, x: Wirtinger(number(0, y.dtype), one(y)) if x.dtype.kind == "c" else one(y),
    mpmath="conj",
    sympy="conjugate",
    lower=emit.identity,
    step=forms.identity,
    cost=1,
    result_dtype=promoted,
)

# An identity that no derivative passes.
register(
    Op(
        "stop_gradient",
        1,
        promoted,
        None,
        forms.identity,
        forms.identity,
        forms.identity,
        lower=emit.identity,
        cost=0,
        extra={"complex": forms.step_constant(lambda np, x: x)},
    )
)
