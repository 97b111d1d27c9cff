"""Elementwise operations: operands are broadcast, brought to the dtypes of NumPy's loop, and a row says what is computed.

The rows are in `ufunc_rows`; the calls that users write, with their keywords, in `ufuncs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.ir import algebra
from gradc.ir.algebra import convert
from gradc.ir.bounds import decide
from gradc.ir.scalar import BOOL, INT64, TRUE, DType, Number, Scalar, apply, is_apply, number
from gradc.ir.tensor import Compute, Extent, Shape, Tensor, compute
from gradc.ir.walk import loads_of
from gradc.trace.arrays.layout import in_layout_of
from gradc.trace.arrays.storage import axes, entry, literal_of
from gradc.trace.arrays.tracer import TracedArray, known_value, lift, number_value, size_expression, wrap
from gradc.trace.context import dtype_error, shape_error, trace_error
from gradc.trace.elements.special_ufuncs import refuse_complex, rows_of_special
from gradc.trace.elements.ufunc_rows import COMPARISONS, CONNECTIVES, UFUNCS, Row
from gradc.trace.specs import supported

_resolved: dict[tuple[Any, ...], tuple[DType, ...]] = {}
_ZEROS = {"i": 0, "u": 0, "f": 0.0, "c": 0j}
_UINT64: DType = np.dtype(np.uint64)


# ---------------------------------------------------------------- dtypes


def as_dtype(given: Any) -> DType:
    """The dtype that the user gave."""
    try:
        found: DType = np.dtype(given)
    except TypeError as error:
        raise dtype_error(f"{error}; use a dtype such as float, np.float32, int or bool") from None
    return found


def _kind(array: TracedArray) -> Any:
    """What NumPy's promotion is told: a dtype, or a Python type for a weak number."""
    return type(_ZEROS[array.dtype.kind]) if array.weak and array.dtype.kind in _ZEROS else array.dtype


def loop_dtypes(
    ufunc: np.ufunc,
    operands: Sequence[TracedArray],
    *,
    signature: tuple[DType | None, ...] | None = None,
    casting: str = "same_kind",
) -> tuple[DType, ...]:
    """The dtypes that NumPy's ufunc computes with: those of its inputs, then of its results."""
    key = (ufunc, signature, casting, *[_kind(x) for x in operands])
    known = _resolved.get(key)
    if known is not None:
        return known
    if all(isinstance(kind, type) for kind in key[3:]):  # NumPy would compare Python ints as objects
        strong = [TracedArray(x.tensor) for x in operands]
        return loop_dtypes(ufunc, strong, signature=signature, casting=casting)
    chosen: dict[str, Any] = {} if signature is None else {"signature": signature}
    try:
        dtypes = ufunc.resolve_dtypes((*key[3:], *[None] * ufunc.nout), casting=casting, **chosen)  # type: ignore[arg-type]
    except TypeError as error:
        raise dtype_error(f"{error}; convert the arrays with x.astype(...), or give another dtype=") from None
    if all(supported(d) for d in dtypes[ufunc.nin :]):  # a test of small integers looks at them as halves
        dtypes = tuple(np.dtype(np.float32) if d == np.float16 else d for d in dtypes)
    if not all(supported(d) for d in dtypes):
        given = ", ".join(str(x.dtype) for x in operands)
        wrong = next(d for d in dtypes if not supported(d))
        raise dtype_error(f"np.{ufunc.__name__} of {given} gives {wrong}, which is not supported; use x.astype(float)")
    _resolved[key] = dtypes
    return dtypes


def _comparison_dtypes(operands: Sequence[TracedArray], dtypes: tuple[DType, ...]) -> tuple[DType, ...]:
    """Python ints are compared as the numbers they are, also with integers that could not hold them."""
    if any(x.dtype.kind not in "biu" for x in operands) or not any(x.weak for x in operands):
        return dtypes
    if all(not x.weak or _weak_fits(x, d) for x, d in zip(operands, dtypes, strict=False)):
        return dtypes
    wide = [x.dtype if x.dtype == _UINT64 else INT64 for x in operands]
    return (*wide, BOOL)


def _weak_fits(x: TracedArray, dtype: DType) -> bool:
    """Whether a Python int, as far as its value is known, is a number of an integer dtype."""
    if x.dtype == dtype or dtype.kind not in "iu":
        return True
    literal = literal_of(x.tensor)
    value = None if literal is None else number_value(literal)
    return value is not None and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


def check_fits(x: TracedArray, dtype: DType) -> None:
    """Refuse a Python int that is no number of an integer dtype: NumPy raises an OverflowError."""
    if not x.weak or x.dtype.kind not in "iu" or _weak_fits(x, dtype):
        return
    if size_expression(x.tensor) is not None and dtype.itemsize >= 4 and literal_of(x.tensor) is None:
        return  # the size of an array
    value = known_value(x)
    if value is None:
        raise dtype_error(
            f"a Python int that is not known before the function runs can't become {dtype}; pass it as an array"
        )
    if not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
        raise dtype_error(f"Python integer {value} out of bounds for {dtype}; use a larger dtype, x.astype(int)")


def result_dtype(operands: Sequence[TracedArray]) -> DType:
    """NumPy's promotion, Python numbers being weak."""
    kinds = [_ZEROS[x.dtype.kind] if x.weak and x.dtype.kind in _ZEROS else x.dtype for x in operands]
    return np.result_type(*kinds)


def array_dtype(operands: Sequence[TracedArray]) -> DType:
    """NumPy's promotion of what becomes one array: there a Python number counts with its own dtype."""
    return np.result_type(*[x.dtype for x in operands])


# ---------------------------------------------------------------- broadcasting


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


# ---------------------------------------------------------------- application


def elementwise(
    row: Row, operands: Sequence[TracedArray], dtypes: Sequence[DType], *, weak: bool = False
) -> TracedArray:
    """``row`` over the broadcast operands, converted to ``dtypes``."""
    return _elementwise((row,), operands, dtypes, weak=weak)[0]


def _elementwise(
    rows: Sequence[Row], operands: Sequence[TracedArray], dtypes: Sequence[DType], *, weak: bool = False
) -> tuple[TracedArray, ...]:
    """Several rows over the same operands. Dtypes beyond those of the operands are those of the results."""
    shape = broadcast_shapes(*[x.extents for x in operands])
    indices = axes(len(shape))
    for x, dtype in zip(operands, dtypes, strict=False):
        check_fits(x, dtype)
    entries = [convert(broadcast_entry(x, shape, indices), d) for x, d in zip(operands, dtypes, strict=False)]
    if weak and not shape and all(_is_size(e) for e in entries):
        exact = [_exact(row) for row in rows]
        if None not in exact:
            return tuple(TracedArray(compute((), e(*entries)), weak=True) for e in exact if e is not None)
    results = []
    for k, row in enumerate(rows):
        body = apply(row, *entries) if isinstance(row, str) else row(*entries)
        wanted = dtypes[len(operands) + k] if len(dtypes) > len(operands) + k else body.dtype
        results.append(wrap(compute(shape, convert(body, wanted)), weak=weak))
    return tuple(results)


def _is_size(scalar: Scalar) -> bool:
    return scalar.dtype == INT64 and size_expression(compute((), scalar)) is not None


#: Arithmetic of sizes and Python ints is exact, so that an extent such as ``n - 1`` stays one.
_EXACT: dict[Any, Callable[..., Scalar]] = {
    "sub": algebra.difference,
    "floordiv": algebra.floor_divide,
    "mod": algebra.modulo,
    "neg": algebra.negated,
    UFUNCS["add"]: algebra.sum_of,
    UFUNCS["multiply"]: algebra.product_of,
}


def _exact(row: Row) -> Callable[..., Scalar] | None:
    return _EXACT.get(row)


def ufunc_results(
    ufunc: np.ufunc,
    operands: Sequence[Any],
    *,
    weak: bool = False,
    signature: tuple[DType | None, ...] | None = None,
    casting: str = "same_kind",
) -> tuple[TracedArray, ...]:
    """The results of ``ufunc(*operands)``, one or more.

    ``weak`` keeps Python numbers Python numbers, as operators do and NumPy's functions don't.
    """
    name = ufunc.__name__
    rows = UFUNCS.get(name)
    if rows is None and name.endswith("(vectorized)"):
        raise trace_error(
            "np.frompyfunc calls Python for every entry, which can't be traced; use np.vectorize or np.where"
        )
    special = rows is None
    if special:
        rows = rows_of_special(ufunc)
    if rows is None:
        raise trace_error(f"np.{name} can't be traced; compute it outside the function and pass the result in")
    lifted = [lift(x) for x in operands]
    _refuse_huge(operands, lifted)
    dtypes = loop_dtypes(ufunc, lifted, signature=signature, casting=casting)
    if special:
        refuse_complex(ufunc, dtypes)
    if name in CONNECTIVES:
        lifted, dtypes = [truth(x) for x in lifted], (BOOL,) * 3
    elif name in COMPARISONS and signature is None:
        dtypes = _comparison_dtypes(lifted, dtypes)
    elif ufunc is np.power and dtypes[0].kind == "i":
        _check_exponent(lifted[1])
    every = rows if isinstance(rows, tuple) else (rows,)
    return in_layout_of(lifted, _elementwise(every, lifted, dtypes, weak=weak and all(x.weak for x in lifted)))


def _refuse_huge(operands: Sequence[Any], lifted: Sequence[TracedArray]) -> None:
    """A Python int that no integer dtype holds has become a float, which is right among floats only."""
    for given in operands:
        if type(given) is int and not -(2**63) <= given < 2**64 and any(x.dtype.kind in "biu" for x in lifted):
            raise dtype_error(f"Python integer {given} is too large for integers of 64 bits; write it as a float")


def _check_exponent(exponent: TracedArray) -> None:
    """Integers have no negative powers, so an exponent must be known not to be negative."""
    if exponent.dtype.kind in "bu" or _never_negative(exponent.tensor):
        return
    value = known_value(exponent)
    if value is None:
        raise dtype_error(
            "an integer to the power of an integer that is not known before the function runs can't be traced, as NumPy "
            "refuses negative powers of integers; make the base a float, x.astype(float) ** n, or write x ** np.maximum(n, 0)"
        )
    if (value < 0).any():
        raise dtype_error("Integers to negative integer powers are not allowed; make the base a float, x.astype(float)")


def _never_negative(tensor: Tensor) -> bool:
    """Whether an integer expression is plainly at least 0."""
    if not isinstance(tensor, Compute) or tensor.reducer is not None:
        return False
    body = tensor.body
    if tensor.dtype == INT64 and not loads_of(body):
        return decide(algebra.less_equal(0, body), tensor.shape) is TRUE
    numbers = [arg.value for arg in body.children if isinstance(arg, Number) and isinstance(arg.value, int)]
    least = max(numbers, default=-1)
    return (is_apply(body, "mod") and _is_positive(body.children[1])) or (
        least >= 0 and (is_apply(body, "maximum") or is_apply(body, "bitwise_and"))
    )


def _is_positive(scalar: Scalar) -> bool:
    return isinstance(scalar, Number) and isinstance(scalar.value, int) and scalar.value > 0


def apply_ufunc(ufunc: np.ufunc, operands: Sequence[Any], *, weak: bool = False) -> TracedArray:
    """``ufunc(*operands)``, for a ufunc of one result."""
    return ufunc_results(ufunc, operands, weak=weak)[0]


def truth(x: TracedArray) -> TracedArray:
    """``x != 0``, as bools."""
    if x.dtype.kind == "b":
        return x
    body = apply("not_equal", entry(x.tensor, axes(x.ndim)), number(0, x.dtype))
    return wrap(compute(x.extents, body))


def astype(x: TracedArray, dtype: Any) -> TracedArray:
    """``x.astype(dtype)``."""
    target = as_dtype(dtype).newbyteorder("=")
    if not supported(target):
        raise dtype_error(f"dtype {target} is not supported; use float64, float32, complex, an integer dtype or bool")
    if target.kind == "b":
        return truth(x)
    check_fits(x, target)
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
