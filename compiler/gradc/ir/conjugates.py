"""Complex numbers: where they are, their conjugates and parts as mathematical constructors, the dtypes that belong together."""

from __future__ import annotations

from collections.abc import Callable

from gradc.ir.algebra import convert, guarded, negated, product_of, sum_of
from gradc.ir.scalar import (
    COMPLEX64,
    COMPLEX128,
    COMPLEX_NUMBERS,
    FLOAT32,
    FLOAT64,
    DType,
    Guard,
    Number,
    Scalar,
    apply,
    is_apply,
    number,
)
from gradc.ir.tensor import Compute, Graph, Tensor
from gradc.ir.text import sub_graphs
from gradc.ir.walk import graph_order


def real_dtype(dtype: DType) -> DType:
    """The dtype of the parts of a complex number; any other dtype as it is."""
    return dtype if dtype.kind != "c" else FLOAT32 if dtype.itemsize == 8 else FLOAT64


def complex_dtype(dtype: DType) -> DType:
    """The complex dtype with parts of this floating dtype; a complex one as it is."""
    return dtype if dtype.kind == "c" else COMPLEX64 if dtype.itemsize == 4 else COMPLEX128


def is_complex(tensor: Tensor) -> bool:
    """Whether complex numbers are its entries, or met while they are computed."""
    if isinstance(tensor, Compute):
        return bool((tensor.body.holds | tensor.domain.holds) & COMPLEX_NUMBERS)
    return tensor.dtype.kind == "c"


def has_complex_numbers(graph: Graph) -> bool:
    """Whether a graph has complex numbers in it, or in what its nodes hold."""
    for node in graph_order((*graph.inputs, *graph.outputs)):
        if is_complex(node) if isinstance(node, Tensor) else any(map(has_complex_numbers, sub_graphs(node))):
            return True
    return False


def _value(scalar: Number) -> complex:
    value = scalar.value
    assert isinstance(value, complex)  # a real one is a real scalar
    return value


def _is_real(scalar: Scalar) -> bool:
    """Whether the scalar is real, of whatever dtype."""
    if scalar.dtype.kind != "c":
        return True
    if isinstance(scalar, Number):
        return not isinstance(scalar.value, complex)
    return is_apply(scalar, "convert") and scalar.children[0].dtype.kind != "c"


def _as_real(scalar: Scalar) -> Scalar:
    """A scalar that is real, without a complex dtype."""
    dtype = real_dtype(scalar.dtype)
    if scalar.dtype.kind != "c":
        return scalar
    if isinstance(scalar, Number):
        return number(scalar.value, dtype)
    return convert(scalar.children[0], dtype)


def conjugated(scalar: Scalar) -> Scalar:
    """The complex conjugate: of products factor by factor, of sums term by term, gone where the scalar is real."""
    if scalar.dtype.kind != "c":
        return scalar
    if isinstance(scalar, Guard):
        return guarded(scalar.predicate, conjugated(scalar.body))
    if is_apply(scalar, "prod"):
        return product_of(*map(_conjugated_atom, scalar.children), flatten=False, dtype=scalar.dtype)
    if is_apply(scalar, "sum"):
        return sum_of(*map(_conjugated_atom, scalar.children), flatten=False, dtype=scalar.dtype)
    return _conjugated_atom(scalar)


def _conjugated_atom(scalar: Scalar) -> Scalar:
    if _is_real(scalar):
        return scalar
    if isinstance(scalar, Number):
        return number(_value(scalar).conjugate(), scalar.dtype)
    if is_apply(scalar, "conj"):
        return scalar.children[0]
    return apply("conj", scalar)


def real_part(scalar: Scalar) -> Scalar:
    """The real part; real factors are taken out of it. A scalar of a real dtype is its own."""
    return scalar if scalar.dtype.kind != "c" else _real_part_times(1, scalar)


def imaginary_part(scalar: Scalar) -> Scalar:
    """The imaginary part, which is the real part of ``-i`` times the scalar."""
    return number(0, scalar.dtype) if scalar.dtype.kind != "c" else _real_part_times(-1j, scalar)


def _real_part_times(literal: complex, scalar: Scalar) -> Scalar:
    """The real part of ``literal * scalar``."""
    dtype = real_dtype(scalar.dtype)
    if isinstance(scalar, Guard):
        return guarded(scalar.predicate, _real_part_times(literal, scalar.body))
    if is_apply(scalar, "sum") and not any(is_apply(term, "sum") for term in scalar.children):
        return sum_of(*[_real_part_times(literal, term) for term in scalar.children], flatten=False, dtype=dtype)
    real: list[Scalar] = []
    others: list[Scalar] = []
    for factor in scalar.children if is_apply(scalar, "prod") else (scalar,):
        if _is_real(factor):
            real.append(_as_real(factor))
        elif isinstance(factor, Number):
            literal *= _value(factor)
        else:
            others.append(factor)
    literal = complex(literal)
    if not others:
        return product_of(number(literal.real, dtype), *real, dtype=dtype)
    rest = others[0] if len(others) == 1 else product_of(*others)
    parts = [
        product_of(number(coefficient, dtype), *real, _part(name, rest), dtype=dtype)
        for name, coefficient in (("real", literal.real), ("imag", -literal.imag))
        if coefficient
    ]
    return sum_of(*parts, dtype=dtype)


def _part(name: str, scalar: Scalar) -> Scalar:
    """The part of a scalar that is not real."""
    if is_apply(scalar, "conj"):
        inner = apply(name, scalar.children[0])
        return negated(inner) if name == "imag" else inner
    return apply(name, scalar)


#: The ops that take complex numbers apart, as constructors.
PARTS: dict[str, Callable[[Scalar], Scalar]] = {"conj": conjugated, "real": real_part, "imag": imaginary_part}
