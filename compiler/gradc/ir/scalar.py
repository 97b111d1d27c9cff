"""Scalar expressions: the bodies of `Compute` nodes.

=================  ====================================================================================
`Number`           an exact number (int, Fraction), a float as given, a complex, a bool, or pi / e
`Index`            the position along one axis of the enclosing `Compute`, counted over axes + reduce axes
`Size`             a named extent (``n``), an integer known at run time
`Load`             one entry of a tensor; its indices are integer scalars, perhaps loads themselves (gather)
`Apply`            an `Op` applied to arguments
`Guard`            ``[predicate] body``: 0 where the predicate fails, and the body is then *not evaluated*
=================  ====================================================================================

Indices are positional, so two bodies that differ only in the names of their axes are one object.

The parts of ``and`` and ``or`` guard each other: where one part settles the matter, nothing that another part reads
counts, so ``i >= 1 and x[i - 1] > 0`` is fine at i = 0.

There are two kinds of arithmetic. ``add``, ``sub``, ``mul``, ``div``, ``neg``, ``pow`` are floating-point operations as
the user wrote them: nothing reorders them (but machine code takes polynomials in the bodies of loops by Horner's scheme).
``sum``, ``prod`` and ``power`` are *mathematical*: n-ary, collected, free to be reordered. Differentiation and index algebra
make the latter (see `gradc.ir.algebra`), tracing the former.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gradc.ir.intern import Node, digest_of, digest_over, find, intern, with_lengths

if TYPE_CHECKING:
    from gradc.ir.tensor import Tensor

DType = np.dtype[Any]

BOOL: DType = np.dtype(np.bool_)
INT64: DType = np.dtype(np.int64)
FLOAT32: DType = np.dtype(np.float32)
FLOAT64: DType = np.dtype(np.float64)
COMPLEX64: DType = np.dtype(np.complex64)
COMPLEX128: DType = np.dtype(np.complex128)

#: Floats whose denominator is at most this are kept as exact fractions: 0.5 is 1/2, 0.1 stays the float it is.
_LARGEST_EXACT_DENOMINATOR = 1024
_LARGEST_EXACT_INTEGER = 2.0**53


@dataclass(frozen=True)
class NamedConstant:
    """An irrational constant that stays symbolic: ``np.pi`` in the user's code is pi in the formula."""

    name: str
    value: float


PI = NamedConstant("pi", float(np.pi))
E = NamedConstant("e", float(np.e))
EULER_GAMMA = NamedConstant("euler_gamma", float(np.euler_gamma))
NAMED_CONSTANTS = {constant.name: constant for constant in (PI, E, EULER_GAMMA)}

NumberValue = int | Fraction | float | complex | bool | NamedConstant


@dataclass(frozen=True)
class Undefined:
    """Stands for a derivative that no op expresses: it is an error to want it."""

    function: str
    argument: str

    def __str__(self) -> str:
        return (
            f"the derivative of {self.function} with respect to {self.argument} is not known; "
            f"keep {self.argument} out of what is differentiated (gradc.stop_gradient, or argnums=)"
        )


@dataclass(frozen=True)
class Wirtinger:
    """The derivatives of an op by a complex z and by its conjugate: ``dw = direct dz + conjugate conj(dz)``."""

    direct: Scalar
    conjugate: Scalar | None


@dataclass(frozen=True, eq=False)
class Op:
    """One row of the table of operations. `gradc.ops` fills the table; the IR only needs names and dtypes.

    ``partials(node, *args)`` gives the derivative with respect to each argument (None where it is zero everywhere,
    `Undefined` where it is not known),
    ``node`` being the application itself so that a rule may reuse its value (``exp`` is its own derivative).
    ``numpy``, ``mpmath`` and ``sympy`` are a name in that library (``"numpy.sin"``, ``"asin"``) or a callable that takes the
    library first; ``extra["complex"]`` is the form for complex steps, where NumPy's complex function is not it.
    ``domain`` gives per argument an interval in which the op is smooth, for tests to sample (default (-3, 3)).
    The remaining fields are strings or callables read by the room they are named after.
    """

    name: str
    arity: int | None
    result_dtype: Callable[[Sequence[DType]], DType]
    partials: Callable[..., Sequence[Scalar | Wirtinger | Undefined | None]] | None = None
    numpy: str | Callable[..., Any] | None = None
    mpmath: str | Callable[..., Any] | None = None
    sympy: str | Callable[..., Any] | None = None
    latex: str | Callable[..., str] | None = None
    lower: str | Callable[..., Any] | None = None
    cost: float = 1.0
    kink: str = ""
    commutative: bool = False
    domain: tuple[tuple[float, float], ...] | None = None
    extra: dict[str, Any] = field(default_factory=dict)


OPS: dict[str, Op] = {}


def register(op: Op) -> Op:
    """Enter an op in the table; a name is entered once."""
    if op.name in OPS:
        raise ValueError(f"op {op.name!r} is already registered")
    OPS[op.name] = op
    return op


ScalarT = TypeVar("ScalarT", bound="Scalar")
_NOTHING: frozenset[int] = frozenset()

GUARDS, DIVISIONS, COMPARISONS, COMPLEX_NUMBERS, LOADS = 1, 2, 4, 8, 16
_HOLDS = {
    "floordiv": DIVISIONS,
    "mod": DIVISIONS,
    "equal": COMPARISONS,
    "not_equal": COMPARISONS,
    "less_equal": COMPARISONS,
}


class Scalar(Node):
    """A scalar expression: immutable, hash-consed, with a dtype."""

    __slots__ = ("children", "dtype", "free", "holds", "loads_below")
    dtype: DType
    #: the scalar operands (for a `Load`: its indices)
    children: tuple[Scalar, ...]
    #: the axis positions that the scalar depends on
    free: frozenset[int]
    #: of `GUARDS`, `DIVISIONS`, `COMPARISONS`, `COMPLEX_NUMBERS` and `LOADS`, what is somewhere in it: a pass that looks for
    #: one skips all else
    holds: int
    #: the loads among its operands; filled by `walk.loads_of` when it is first asked for
    loads_below: tuple[Load, ...] | None

    def __repr__(self) -> str:
        from gradc.ir.text import scalar_text

        return scalar_text(self)


class Number(Scalar):
    """A literal. Keyed by dtype and bits: ``1``, ``1.0`` and ``True`` differ, so do 0.0 and -0.0; NaN equals itself."""

    __slots__ = ("value",)
    value: NumberValue


class Index(Scalar):
    """The running index of axis ``position`` of the enclosing Compute (reduce axes follow the output axes)."""

    __slots__ = ("position",)
    position: int


class Size(Scalar):
    """A named extent, known when the kernel is called."""

    __slots__ = ("name",)
    name: str


class Load(Scalar):
    """``tensor[indices]``; the indices are integer scalars, one per axis of the tensor."""

    __slots__ = ("indices", "tensor")
    tensor: Tensor
    indices: tuple[Scalar, ...]


class Apply(Scalar):
    """An operation applied to its arguments."""

    __slots__ = ("args", "op")
    op: Op
    args: tuple[Scalar, ...]


class Guard(Scalar):
    """``[predicate] body``: Knuth's strongly zero bracket. The body is not evaluated where the predicate is false."""

    __slots__ = ("body", "predicate")
    predicate: Scalar
    body: Scalar


def number(value: NumberValue | np.generic, dtype: DType | type | str | None = None) -> Number:
    """The literal ``value`` of ``dtype`` (by default bool, int64, float64 or complex128, after the value's own type)."""
    kind = type(value)
    if kind is int or kind is Fraction or (kind is float and value and value == value):
        if dtype is None:
            dtype = INT64 if kind is int else FLOAT64
        return _known_literal(value, dtype if isinstance(dtype, np.dtype) else np.dtype(dtype))
    if isinstance(value, np.generic):
        dtype = value.dtype if dtype is None else dtype
        value = value.item()
    exact: NumberValue = value  # type: ignore[assignment]
    return _literal(exact, np.dtype(_default_dtype(exact) if dtype is None else dtype))


@lru_cache(maxsize=4096, typed=True)
def _known_literal(value: Any, dtype: DType) -> Number:
    """A literal whose type and value tell it from all others: no float zero, whose sign a table would lose."""
    return _literal(value, dtype)


def _literal(value: NumberValue, dtype: DType) -> Number:
    value = _normal_value(value, dtype)
    bits = _bits(value)
    key = (Number, dtype, bits)
    node: Number | None = find(key)
    if node is None:
        node = _scalar(Number, dtype, (), digest_of(b"num", dtype.str.encode(), bits))
        node.value = value
        node = intern(key, node)
    return node


def _default_dtype(value: NumberValue) -> DType:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT64
    return COMPLEX128 if isinstance(value, complex) else FLOAT64


def _normal_value(value: Any, dtype: DType) -> NumberValue:
    """One spelling per number: bools for bool, ints for ints, exact numbers for floats that are exact."""
    if dtype.kind == "b":
        return bool(value)
    if dtype.kind in "iu":
        return int(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, complex):
        negative_zero = value.imag == 0 and np.signbit(value.imag)
        if value.imag != 0 or negative_zero or dtype.kind != "c":
            return value
        value = value.real
    if isinstance(value, float):
        return _exact_float(value)
    if isinstance(value, Fraction) and value.denominator == 1:
        return int(value)
    return value  # type: ignore[no-any-return]


def _exact_float(value: float) -> NumberValue:
    if value != value or value in (float("inf"), float("-inf")) or abs(value) >= _LARGEST_EXACT_INTEGER:
        return value
    if value == 0.0:
        return 0 if not np.signbit(value) else value
    if value == np.pi:
        return PI
    if value == np.e:
        return E
    exact = Fraction(value)
    if exact.denominator == 1:
        return int(exact)
    return exact if exact.denominator <= _LARGEST_EXACT_DENOMINATOR else value


def _bits(value: NumberValue) -> bytes:
    if isinstance(value, bool):
        return b"b1" if value else b"b0"
    if isinstance(value, int):
        return b"i%d" % value
    if isinstance(value, Fraction):
        return b"q%d/%d" % (value.numerator, value.denominator)
    if isinstance(value, float):
        return b"f" + (b"nan" if value != value else struct.pack("<d", value))
    if isinstance(value, complex):
        return b"c" + _bits(value.real) + b"," + _bits(value.imag)
    return b"n" + value.name.encode()


def _scalar(kind: type[ScalarT], dtype: DType, children: tuple[Scalar, ...], digest: bytes, holds: int = 0) -> ScalarT:
    """A fresh node of a kind, but for the fields that are the kind's own."""
    node = object.__new__(kind)
    node.dtype, node.children, node.digest, node.loads_below = dtype, children, digest, None if children else ()
    free = _NOTHING
    if dtype.kind == "c":
        holds |= COMPLEX_NUMBERS
    for child in children:
        holds |= child.holds
        if not child.free <= free:
            free = child.free | free
    node.free, node.holds = free, holds
    return node


@lru_cache(maxsize=256)
def index(position: int) -> Index:
    """The index of the axis at ``position`` of the enclosing Compute."""
    key = (Index, position)
    node: Index | None = find(key)
    if node is None:
        node = _scalar(Index, INT64, (), digest_of(b"idx", b"%d" % position))
        node.position, node.free = position, frozenset((position,))
        node = intern(key, node)
    return node


def size(name: str) -> Size:
    """The named extent ``name``."""
    key = (Size, name)
    node: Size | None = find(key)
    if node is None:
        node = _scalar(Size, INT64, (), digest_of(b"size", name.encode()))
        node.name = name
        node = intern(key, node)
    return node


def load(tensor: Tensor, indices: Sequence[Scalar | int] = ()) -> Load:
    """``tensor[indices]``."""
    exact = tuple([number(i) if isinstance(i, int) else i for i in indices])
    key = (Load, tensor, exact)
    node: Load | None = find(key)
    if node is None:
        if len(exact) != len(tensor.shape):
            raise ValueError(f"a tensor of shape {tensor.shape} takes {len(tensor.shape)} indices, not {len(exact)}")
        node = _scalar(Load, tensor.dtype, exact, digest_over(_LOAD, (tensor, *exact)), LOADS)
        node.tensor, node.indices = tensor, exact
        node = intern(key, node)
    return node


_LOAD, _GUARD = with_lengths(b"load"), with_lengths(b"guard")


@lru_cache(maxsize=1024)
def _head_of(name: str, dtype: DType) -> bytes:
    return with_lengths(b"apply", name.encode(), dtype.str.encode())


def apply(op: Op | str, *args: Scalar, dtype: DType | None = None) -> Apply:
    """``op(*args)``, exactly as given: nothing is simplified. ``dtype`` is given only for ``convert``."""
    row = OPS[op] if isinstance(op, str) else op
    key = (row, args, dtype)
    node: Apply | None = find(key)
    if node is None:
        if row.arity is not None and len(args) != row.arity:
            raise ValueError(f"{row.name} takes {row.arity} arguments, not {len(args)}")
        inferred = row.result_dtype([arg.dtype for arg in args]) if dtype is None or row.name != "convert" else dtype
        result = inferred if dtype is None else dtype
        digest = digest_over(_head_of(row.name, result), args)
        node = _scalar(Apply, result, args, digest, _HOLDS.get(row.name, 0))
        node.op, node.args = row, args
        # but for convert, a dtype that the arguments imply is no part of the key
        node = intern((row, args, None if result == inferred and row.name != "convert" else result), node)
    return node


def guard(predicate: Scalar, body: Scalar) -> Guard:
    """``[predicate] body``, exactly as given. `gradc.ir.algebra.guarded` is the simplifying constructor."""
    key = (Guard, predicate, body)
    node: Guard | None = find(key)
    if node is None:
        digest = digest_over(_GUARD, (predicate, body))
        node = _scalar(Guard, body.dtype, (predicate, body), digest, GUARDS)
        node.predicate, node.body = predicate, body
        node = intern(key, node)
    return node


TRUE = number(True)
FALSE = number(False)


def is_number(scalar: Scalar, value: NumberValue | None = None) -> bool:
    """Whether ``scalar`` is a literal (of this value)."""
    if not isinstance(scalar, Number):
        return False
    if value is None:
        return True
    negative_zero = isinstance(scalar.value, float) and scalar.value == 0  # a plain zero is the exact int 0
    return scalar.value == value and not negative_zero


def is_apply(scalar: Scalar, name: str) -> bool:
    """Whether ``scalar`` applies the op called ``name``."""
    return isinstance(scalar, Apply) and scalar.op.name == name
