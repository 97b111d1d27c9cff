"""Elementwise operations: one row per NumPy ufunc, saying which scalar expression it is.

A row is the name of an op (applied exactly as written), or a function of the scalars. NumPy itself tells the dtypes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import gradc.ops  # noqa: F401  (fills the table of operations)
from gradc.ir import algebra
from gradc.ir.algebra import conjunction, convert, disjunction, negation
from gradc.ir.scalar import BOOL, FALSE, INT64, TRUE, DType, Number, Scalar, apply, number
from gradc.ir.tensor import Extent, Shape, compute
from gradc.trace.context import dtype_error, shape_error, trace_error
from gradc.trace.specs import supported
from gradc.trace.storage import axes, entry
from gradc.trace.tracer import TracedArray, lift, size_expression, wrap

Row = str | Callable[..., Scalar]


def _literal(value: Any, like: Scalar) -> Number:
    return number(value, like.dtype)


def _scaled(factor: float | Fraction) -> Row:
    return lambda x: apply("mul", x, _literal(factor, x))


def _boolean(name: str, on_bools: Callable[..., Scalar]) -> Row:
    """A row that is a connective on bools: NumPy's + on bools is `or`, its * is `and`."""

    def row(*args: Scalar) -> Scalar:
        return on_bools(*args) if args[0].dtype.kind == "b" else apply(name, *args)

    return row


def _only_bools(name: str, on_bools: Callable[..., Scalar]) -> Row:
    def row(*args: Scalar) -> Scalar:
        if args[0].dtype.kind != "b":
            raise trace_error(f"np.{name} of integers can't be traced; compute it outside the function and pass it in")
        return on_bools(*args)

    return row


def _exclusive(a: Scalar, b: Scalar) -> Scalar:
    return disjunction(conjunction(a, negation(b)), conjunction(negation(a), b))


def _divided(a: Scalar, b: Scalar) -> Scalar:
    return apply("div", a, b)


def _power(base: Scalar, exponent: Scalar) -> Scalar:
    negative = (
        isinstance(exponent, Number) and isinstance(exponent.value, int | Fraction | float) and exponent.value < 0
    )
    if base.dtype.kind in "iu" and negative:
        raise ValueError("Integers to negative integer powers are not allowed.")
    return apply("pow", base, exponent)


def _ignoring_nan(name: str) -> Row:
    def row(a: Scalar, b: Scalar) -> Scalar:
        if a.dtype.kind in "biu":
            return apply(name, a, b)
        return apply("where", apply("isnan", a), b, apply("where", apply("isnan", b), a, apply(name, a, b)))

    return row


def _heaviside(x: Scalar, at_zero: Scalar) -> Scalar:
    zero, one = _literal(0, x), _literal(1, x)
    step = apply("where", apply("equal", x, zero), at_zero, apply("where", apply("less", x, zero), zero, one))
    return apply("where", apply("isnan", x), x, step)


def _absolute(x: Scalar) -> Scalar:
    return x if x.dtype.kind in "bu" else apply("abs", x)


def _rounding(name: str) -> Row:
    return lambda x: x if x.dtype.kind in "biu" else apply(name, x)


def _real_only(name: str) -> Row:
    def row(x: Scalar) -> Scalar:
        return apply(name, x) if x.dtype.kind in "fc" else FALSE if name != "isfinite" else TRUE

    return row


def _fmod(a: Scalar, b: Scalar) -> Scalar:
    if a.dtype.kind != "f":
        raise dtype_error("np.fmod of integers can't be traced; use % (np.mod)")
    return apply("sub", a, apply("mul", b, apply("trunc", apply("div", a, b))))


def _conjugate(x: Scalar) -> Scalar:
    return apply("conj", x) if x.dtype.kind == "c" else x


def _xlogy(x: Scalar, y: Scalar) -> Scalar:
    return apply("where", apply("equal", x, _literal(0, x)), _literal(0, x), apply("mul", x, apply("log", y)))


_SAME_NAME = (
    "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh arctan2 hypot "
    "exp exp2 expm1 log log2 log10 log1p logaddexp sqrt cbrt copysign signbit "
    "less less_equal greater greater_equal equal not_equal"
).split()

#: NumPy ufunc -> what it is.
UFUNCS: dict[str, Row] = {
    **{name: name for name in _SAME_NAME},
    "add": _boolean("add", disjunction),
    "subtract": "sub",
    "multiply": _boolean("mul", conjunction),
    "divide": _divided,
    "negative": "neg",
    "positive": lambda x: x,
    "power": _power,
    "float_power": _power,
    "square": lambda x: apply("pow", x, _literal(2, x)) if x.dtype.kind != "b" else x,
    "reciprocal": lambda x: (
        apply("div", _literal(1, x), x) if x.dtype.kind in "fc" else apply("floordiv", _literal(1, x), x)
    ),
    "floor_divide": "floordiv",
    "remainder": "mod",
    "fmod": _fmod,
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
    "isnan": _real_only("isnan"),
    "isinf": _real_only("isinf"),
    "isfinite": _real_only("isfinite"),
    "deg2rad": lambda x: apply("mul", x, apply("div", number(math.pi, x.dtype), _literal(180, x))),
    "rad2deg": lambda x: apply("mul", x, apply("div", _literal(180, x), number(math.pi, x.dtype))),
    "logaddexp2": lambda a, b: apply(
        "div",
        apply(
            "logaddexp", apply("mul", a, apply("log", _literal(2, a))), apply("mul", b, apply("log", _literal(2, b)))
        ),
        apply("log", _literal(2, a)),
    ),
    "conjugate": _conjugate,
    "logical_and": lambda a, b: conjunction(a, b),
    "logical_or": lambda a, b: disjunction(a, b),
    "logical_not": lambda a: negation(a),
    "logical_xor": _exclusive,
    "bitwise_and": _only_bools("bitwise_and", conjunction),
    "bitwise_or": _only_bools("bitwise_or", disjunction),
    "bitwise_xor": _only_bools("bitwise_xor", _exclusive),
    "invert": _only_bools("invert", negation),
    # scipy.special
    "expit": "sigmoid",
    "erf": "erf",
    "erfc": "erfc",
    "xlogy": _xlogy,
    "log_ndtr": lambda x: apply("log", _ndtr(x)),
    "ndtr": lambda x: _ndtr(x),
}
UFUNCS["degrees"], UFUNCS["radians"], UFUNCS["true_divide"] = UFUNCS["rad2deg"], UFUNCS["deg2rad"], UFUNCS["divide"]


def _ndtr(x: Scalar) -> Scalar:
    root = apply("sqrt", _literal(2, x))
    return apply("mul", _literal(Fraction(1, 2), x), apply("erfc", apply("div", apply("neg", x), root)))


_CONNECTIVES = frozenset({"logical_and", "logical_or", "logical_not", "logical_xor"})
_resolved: dict[tuple[Any, ...], tuple[DType, ...]] = {}


def _kind(array: TracedArray) -> Any:
    """What NumPy's promotion is told: a dtype, or a Python type for a weak number."""
    if array.weak and array.dtype.kind in "ifc":
        return {"i": int, "f": float, "c": complex}[array.dtype.kind]
    return array.dtype


def loop_dtypes(ufunc: np.ufunc, operands: Sequence[TracedArray]) -> tuple[DType, ...]:
    """The dtypes that NumPy's ufunc computes with: those of its inputs, then of its result."""
    key = (ufunc, *[_kind(x) for x in operands])
    known = _resolved.get(key)
    if known is not None:
        return known
    if all(isinstance(kind, type) for kind in key[1:]):  # NumPy would compare Python ints as objects
        return loop_dtypes(ufunc, [TracedArray(x.tensor) for x in operands])
    try:
        dtypes = ufunc.resolve_dtypes((*key[1:], *[None] * ufunc.nout))
    except TypeError as error:
        raise dtype_error(str(error)) from None
    if not all(supported(d) for d in dtypes):
        given = ", ".join(str(x.dtype) for x in operands)
        raise dtype_error(
            f"np.{ufunc.__name__} of {given} gives {dtypes[-1]}, which is not supported; use x.astype(float)"
        )
    _resolved[key] = dtypes
    return dtypes


def broadcast_shapes(*shapes: Shape) -> Shape:
    """NumPy's broadcasting."""
    result: list[Extent] = []
    for axis in range(-max(map(len, shapes), default=0), 0):
        extent: Extent = 1
        for shape in shapes:
            if len(shape) < -axis or shape[axis] == 1 or shape[axis] is extent or shape[axis] == extent:
                continue
            if extent != 1:
                listed = " ".join(_shape_text(s) for s in shapes)
                raise shape_error(f"operands could not be broadcast together with shapes {listed}")
            extent = shape[axis]
        result.append(extent)
    return tuple(result)


def _shape_text(shape: Shape) -> str:
    return "(" + ",".join(str(e) for e in shape) + ("," if len(shape) == 1 else "") + ")"


def broadcast_indices(shape: Shape, result: Shape, indices: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """Where an operand of ``shape`` is read when it takes part in a result of shape ``result``."""
    if not shape:
        return ()
    offset = len(result) - len(shape)
    zero = number(0)
    return tuple(
        zero if extent == 1 and result[offset + k] != 1 else indices[offset + k] for k, extent in enumerate(shape)
    )


def broadcast_entry(x: TracedArray, result: Shape, indices: Sequence[Scalar]) -> Scalar:
    """The entry of ``x`` that takes part at ``indices`` of the result."""
    tensor = x.tensor
    size = size_expression(tensor)
    return size if size is not None else entry(tensor, broadcast_indices(tensor.shape, result, indices))


def elementwise(
    row: Row, operands: Sequence[TracedArray], dtypes: Sequence[DType], *, weak: bool = False
) -> TracedArray:
    """``row`` over the broadcast operands, converted to ``dtypes``."""
    shape = broadcast_shapes(*[x.extents for x in operands])
    indices = axes(len(shape))
    entries = [convert(broadcast_entry(x, shape, indices), d) for x, d in zip(operands, dtypes, strict=False)]
    if weak and not shape and all(_is_size(e) for e in entries):
        exact = _EXACT.get(row) if isinstance(row, str) else _EXACT_ROWS.get(row)
        if exact is not None:
            return TracedArray(compute((), exact(*entries)), weak=True)
    body = apply(row, *entries) if isinstance(row, str) else row(*entries)
    return wrap(compute(shape, body), weak=weak)


def _is_size(scalar: Scalar) -> bool:
    return scalar.dtype == INT64 and size_expression(compute((), scalar)) is not None


#: Arithmetic of sizes and Python ints is exact, so that an extent such as ``n - 1`` stays one.
_EXACT: dict[str, Callable[..., Scalar]] = {
    "sub": algebra.difference,
    "floordiv": algebra.floor_divide,
    "mod": algebra.modulo,
    "neg": algebra.negated,
}
_EXACT_ROWS: dict[Any, Callable[..., Scalar]] = {UFUNCS["add"]: algebra.sum_of, UFUNCS["multiply"]: algebra.product_of}


def apply_ufunc(ufunc: np.ufunc, operands: Sequence[Any], *, weak: bool = False, dtype: Any = None) -> TracedArray:
    """``ufunc(*operands)``. ``weak`` keeps Python numbers Python numbers, as operators do and NumPy's functions don't."""
    name = ufunc.__name__
    row = UFUNCS.get(name)
    if row is None:
        raise trace_error(f"np.{name} can't be traced; compute it outside the function and pass the result in")
    lifted = [lift(x) for x in operands]
    dtypes = loop_dtypes(ufunc, lifted)
    if name in _CONNECTIVES:
        lifted, dtypes = [truth(x) for x in lifted], (BOOL,) * 3
    if dtype is not None:
        dtypes = (np.dtype(dtype),) * len(dtypes)
    return elementwise(row, lifted, dtypes, weak=weak and all(x.weak for x in lifted))


def truth(x: TracedArray) -> TracedArray:
    """``x != 0``, as bools."""
    if x.dtype.kind == "b":
        return x
    body = apply("not_equal", entry(x.tensor, axes(x.ndim)), number(0, x.dtype))
    return wrap(compute(x.extents, body))


def astype(x: TracedArray, dtype: Any) -> TracedArray:
    """``x.astype(dtype)``."""
    target = np.dtype(dtype).newbyteorder("=")
    if not supported(target):
        raise dtype_error(f"dtype {target} is not supported; use float64, float32, complex, an integer dtype or bool")
    if target.kind == "b":
        return truth(x)
    if x.dtype == target:
        return wrap(x.tensor)
    if x.dtype.kind == "c" and target.kind != "c":
        raise dtype_error(f"converting {x.dtype} to {target} drops the imaginary part; use x.real")
    return wrap(compute(x.extents, convert(entry(x.tensor, axes(x.ndim)), target)))


def where(condition: Any, a: Any, b: Any) -> TracedArray:
    """``np.where(condition, a, b)``."""
    lifted = [truth(lift(condition)), lift(a), lift(b)]
    dtype = result_dtype(lifted[1:])
    return elementwise("where", lifted, (BOOL, dtype, dtype))


def result_dtype(operands: Sequence[TracedArray]) -> DType:
    """NumPy's promotion, Python numbers being weak."""
    return np.result_type(*[_ZEROS[x.dtype.kind] if x.weak and x.dtype.kind in "ifc" else x.dtype for x in operands])


def array_dtype(operands: Sequence[TracedArray]) -> DType:
    """NumPy's promotion of what becomes one array: there a Python number counts with its own dtype."""
    return np.result_type(*[x.dtype for x in operands])


_ZEROS = {"i": 0, "f": 0.0, "c": 0j}
