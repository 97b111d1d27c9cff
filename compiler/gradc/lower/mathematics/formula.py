"""Formulas: straight-line code for one dtype and number of lanes, written once and pasted wherever it is called.

A formula is recorded by running an ordinary Python function on `Real` numbers, whose operators write LLVM assembly. What
comes out is a `Template`: text in which ``#`` stands for a number that makes its registers unique, ``?0`` and ``?1``
for the operands, and ``?L`` for the label of the block it is pasted into. Pasting costs microseconds, however long the
formula is.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradc.ir.scalar import DType
from gradc.lower.mathematics import coefficients
from gradc.lower.module import Template
from gradc.lower.text import intrinsic_suffix, literal, llvm_type


@dataclass(frozen=True)
class Format:
    """The binary format of a float."""

    dtype: DType
    #: bits after the leading one
    mantissa: int
    bias: int

    @property
    def rounder(self) -> float:
        """Adding this rounds to an integer, and leaves it in the low bits: 1.5 times the first float without fraction."""
        return 1.5 * 2.0**self.mantissa

    @property
    def smallest_normal(self) -> float:
        """The smallest number of full precision."""
        return 2.0 ** (1 - self.bias)

    def bits(self, number: float) -> int:
        """The bits of a float, as an unsigned integer."""
        if self.mantissa == 52:
            return int(struct.unpack("<Q", struct.pack("<d", number))[0])
        return int(struct.unpack("<I", struct.pack("<f", number))[0])


#: the kinds of numbers, and what may stand for them, of AVX-512's instruction for special values
_KINDS = {"nan": (0, 1), "zero": (2,), "one": (3,), "-inf": (4,), "inf": (5,), "negative": (6,), "positive": (7,)}
_RESPONSES = {"nan": 2, "invalid": 3, "-inf": 4, "inf": 5}

DOUBLE = Format(np.dtype("f8"), 52, 1023)
SINGLE = Format(np.dtype("f4"), 23, 127)


class Formula:
    """The code of a formula under construction."""

    def __init__(self, form: Format, lanes: int, vector_bits: int = 0) -> None:
        self.format = form
        self.lanes = lanes
        #: whether the vectors fill the registers of AVX-512, which has instructions of its own for powers of two
        self.is_full_width = vector_bits == 512 and lanes * form.dtype.itemsize == 64
        self._numbers = itertools.count(1)
        self._lines: list[str] = []
        self._cold: list[str] = []
        self._label: str | None = None
        self._declarations: dict[str, tuple[str, str, tuple[str, ...]]] = {}
        self._helpers: dict[str, str] = {}
        self._tables: dict[str, Sequence[int]] = {}

    # ------------------------------------------------------------ types

    @cached_property
    def real(self) -> str:
        """The type of floats."""
        return llvm_type(self.format.dtype, self.lanes)

    @cached_property
    def whole(self) -> str:
        """The type of integers as wide as the floats."""
        return llvm_type(np.dtype(f"i{self.format.dtype.itemsize}"), self.lanes)

    @cached_property
    def truth(self) -> str:
        """The type of predicates."""
        return llvm_type(np.dtype(bool), self.lanes)

    @cached_property
    def suffix(self) -> str:
        """What LLVM adds to the name of an intrinsic of floats."""
        return intrinsic_suffix(self.format.dtype, self.lanes)

    def splat(self, kind: str, text: str) -> str:
        """A literal in every lane."""
        return text if self.lanes == 1 else f"splat ({kind} {text})"

    # ------------------------------------------------------------ recording

    def operand(self, position: int) -> Real:
        """The operand at a position."""
        return Real(self, f"?{position}")

    def number(self, value: float) -> Real:
        """A literal."""
        text = literal(value, self.format.dtype).text
        return Real(self, self.splat(llvm_type(self.format.dtype), text))

    def integer(self, value: int) -> Whole:
        """A literal, by its bits."""
        width = self.format.dtype.itemsize * 8
        value &= (1 << width) - 1
        return Whole(self, self.splat(f"i{width}", str(value - (1 << width) if value >> (width - 1) else value)))

    def emit(self, text: str) -> str:
        """Add an instruction; its register."""
        name = f"%m#.{next(self._numbers)}"
        self._lines.append(f"  {name} = {text}")
        return name

    def declare(self, name: str, result: str, arguments: Sequence[str]) -> None:
        """Name a function that the code calls."""
        self._declarations[name] = (name, result, tuple(arguments))

    def intrinsic(self, name: str, *operands: Real) -> Real:
        """``llvm.name`` of floats."""
        full = f"llvm.{name}.{self.suffix}"
        self.declare(full, self.real, [self.real] * len(operands))
        arguments = ", ".join(f"{self.real} {operand.text}" for operand in operands)
        return Real(self, self.emit(f"call {self.real} @{full}({arguments})"))

    def where(self, holds: Truth, a: Real | float, b: Real | float) -> Real:
        """``a`` where the predicate holds, else ``b``; both are evaluated."""
        a, b = self.real_of(a), self.real_of(b)
        return Real(self, self.emit(f"select {self.truth} {holds.text}, {self.real} {a.text}, {self.real} {b.text}"))

    def whole_where(self, holds: Truth, a: Whole | int, b: Whole | int) -> Whole:
        """``a`` where the predicate holds, else ``b``."""
        a, b = self.whole_of(a), self.whole_of(b)
        return Whole(self, self.emit(f"select {self.truth} {holds.text}, {self.whole} {a.text}, {self.whole} {b.text}"))

    def is_negative(self, x: Real) -> Truth:
        """Whether the sign bit is set."""
        return Truth(self, self.emit(f"icmp slt {self.whole} {x.bits().text}, {self.integer(0).text}"))

    def real_of(self, value: Real | float) -> Real:
        """A literal where ``value`` is a number."""
        return value if isinstance(value, Real) else self.number(value)

    def whole_of(self, value: Whole | int) -> Whole:
        """A literal where ``value`` is a number."""
        return value if isinstance(value, Whole) else self.integer(value)

    def scale(self, x: Real, power: Real) -> Real:
        """``2^power x`` in one instruction, where `is_full_width`; the power is whole."""
        name = f"llvm.x86.avx512.mask.scalef.p{'d' if self.format is DOUBLE else 's'}.512"
        mask = f"i{self.lanes}"
        self.declare(name, self.real, [self.real, self.real, self.real, mask, "i32 immarg"])
        operands = f"{self.real} {x.text}, {self.real} {power.text}, {self.real} zeroinitializer, {mask} -1, i32 4"
        return Real(self, self.emit(f"call {self.real} @{name}({operands})"))

    def exponent_of(self, x: Real) -> Real:
        """The exponent of two of ``|x|``, subnormal or not, in one instruction, where `is_full_width`."""
        return self._taken_apart("getexp", x, ())

    def mantissa_of(self, x: Real) -> Real:
        """x by a power of two, from 3/4 to 3/2, in one instruction, where `is_full_width`."""
        return self._taken_apart("getmant", x, (3,))

    def _taken_apart(self, instruction: str, x: Real, choices: Sequence[int]) -> Real:
        name = f"llvm.x86.avx512.mask.{instruction}.p{'d' if self.format is DOUBLE else 's'}.512"
        mask = f"i{self.lanes}"
        self.declare(name, self.real, [self.real, *["i32 immarg"] * len(choices), self.real, mask, "i32 immarg"])
        chosen = "".join(f", i32 {choice}" for choice in choices)
        operands = f"{self.real} {x.text}{chosen}, {self.real} zeroinitializer, {mask} -1, i32 4"
        return Real(self, self.emit(f"call {self.real} @{name}({operands})"))

    def replace_special(self, x: Real, of: Real, responses: Mapping[str, str]) -> Real:
        """``x``, but what ``responses`` says where ``of`` is special, in one instruction, where `is_full_width`."""
        table = 0
        for kind, response in responses.items():
            for place in _KINDS[kind]:
                table |= _RESPONSES[response] << (4 * place)
        name = f"llvm.x86.avx512.mask.fixupimm.p{'d' if self.format is DOUBLE else 's'}.512"
        mask = f"i{self.lanes}"
        self.declare(name, self.real, [self.real, self.real, self.whole, "i32 immarg", mask, "i32 immarg"])
        operands = f"{self.real} {x.text}, {self.real} {of.text}, {self.whole} {self.integer(table).text}"
        return Real(self, self.emit(f"call {self.real} @{name}({operands}, i32 0, {mask} -1, i32 4)"))

    def coefficients(self, name: str) -> tuple[float, ...]:
        """Numbers of the format, by name: see `coefficients`."""
        return (coefficients.DOUBLE if self.format is DOUBLE else coefficients.SINGLE)[name]

    def rarely(self, holds: Truth, hot: Sequence[Real], otherwise: Callable[[], Sequence[Real]]) -> list[Real]:
        """``hot``, but ``otherwise()``, written out of the way, where the predicate holds in some lane."""
        some = holds.any()
        number = next(self._numbers)
        cold, join = f"cold#.{number}", f"join#.{number}"
        before = f"%{self._label}" if self._label else "?L"
        lines, self._lines[:] = list(self._lines), []
        results = otherwise()
        self._cold += [f"{cold}:", *self._lines, f"  br label %{join}"]
        self._lines[:] = [*lines, f"  br i1 {some}, label %{cold}, label %{join}", f"{join}:"]
        self._label = join
        return [
            Real(self, self.emit(f"phi {self.real} [ {usual.text}, {before} ], [ {rare.text}, %{cold} ]"))
            for usual, rare in zip(hot, results, strict=True)
        ]

    def part(self, joined: str, place: int, count: int) -> Real:
        """One of ``count`` vectors that are joined in one."""
        kind = f"<{self.lanes * count} x {llvm_type(self.format.dtype)}>"
        lanes = ", ".join(f"i32 {place * self.lanes + lane}" for lane in range(self.lanes))
        return Real(self, self.emit(f"shufflevector {kind} {joined}, {kind} poison, <{self.lanes} x i32> <{lanes}>"))

    def doubled(self) -> Formula:
        """The same for float64, with one record."""
        if self.format is DOUBLE:
            return self
        other = Formula(DOUBLE, self.lanes)
        other._numbers, other._lines = self._numbers, self._lines
        other._declarations, other._tables = self._declarations, self._tables
        return other

    def helper(self, name: str, text: str) -> None:
        """An internal function that the code calls."""
        self._helpers[name] = text

    def table(self, name: str, words: Sequence[int]) -> str:
        """A constant array of integers of 64 bits; only for code that becomes a `function`."""
        self._tables[name] = words
        return f"@?{name}"

    def function(self, head: str, name: str, body: str) -> str:
        """``define internal {head with name} {body}``, with its tables behind it."""
        text = f"define internal {head} {body}"
        for table, words in self._tables.items():
            symbol = f"@{name}_{table}"
            items = ", ".join(f"i64 {word - (1 << 64) if word >> 63 else word}" for word in words)
            text = text.replace(f"@?{table}", symbol)
            text += f"\n\n{symbol} = private constant [{len(words)} x i64] [{items}]"
        return text

    def template(self, results: Sequence[Real]) -> Template:
        """What was recorded."""
        return Template(
            "\n".join(self._lines),
            "\n".join(self._cold),
            self._label,
            tuple(result.text for result in results),
            tuple(self._declarations.values()),
            tuple(self._helpers.items()),
        )


@dataclass(frozen=True, slots=True)
class Real:
    """A float per lane."""

    formula: Formula
    text: str

    def _binary(self, name: str, left: Real | float, right: Real | float) -> Real:
        f = self.formula
        left, right = f.real_of(left), f.real_of(right)
        return Real(f, f.emit(f"{name} {f.real} {left.text}, {right.text}"))

    def __add__(self, other: Real | float) -> Real:
        return self._binary("fadd", self, other)

    def __radd__(self, other: float) -> Real:
        return self._binary("fadd", other, self)

    def __sub__(self, other: Real | float) -> Real:
        return self._binary("fsub", self, other)

    def __rsub__(self, other: float) -> Real:
        return self._binary("fsub", other, self)

    def __mul__(self, other: Real | float) -> Real:
        return self._binary("fmul", self, other)

    def __rmul__(self, other: float) -> Real:
        return self._binary("fmul", other, self)

    def __truediv__(self, other: Real | float) -> Real:
        return self._binary("fdiv", self, other)

    def __rtruediv__(self, other: float) -> Real:
        return self._binary("fdiv", other, self)

    def __neg__(self) -> Real:
        f = self.formula
        return Real(f, f.emit(f"fneg {f.real} {self.text}"))

    def __abs__(self) -> Real:
        return self.formula.intrinsic("fabs", self)

    def times_plus(self, factor: Real | float, addend: Real | float) -> Real:
        """``self * factor + addend``, rounded once."""
        f = self.formula
        return f.intrinsic("fma", self, f.real_of(factor), f.real_of(addend))

    def with_sign_of(self, other: Real) -> Real:
        """Magnitude of this, sign of the other."""
        return self.formula.intrinsic("copysign", self, other)

    def square_root(self) -> Real:
        """Correctly rounded."""
        return self.formula.intrinsic("sqrt", self)

    def bits(self) -> Whole:
        """The bits."""
        f = self.formula
        return Whole(f, f.emit(f"bitcast {f.real} {self.text} to {f.whole}"))

    def _compared(self, relation: str, other: Real | float) -> Truth:
        f = self.formula
        return Truth(f, f.emit(f"fcmp {relation} {f.real} {self.text}, {f.real_of(other).text}"))

    def __lt__(self, other: Real | float) -> Truth:
        return self._compared("olt", other)

    def __le__(self, other: Real | float) -> Truth:
        return self._compared("ole", other)

    def __gt__(self, other: Real | float) -> Truth:
        return self._compared("ogt", other)

    def __ge__(self, other: Real | float) -> Truth:
        return self._compared("oge", other)

    def equals(self, other: Real | float) -> Truth:
        """Equal, and neither is NaN."""
        return self._compared("oeq", other)

    def at_most(self, limit: Real | float) -> Real:
        """The smaller of the two; NaN stays."""
        return self.formula.where(self > limit, limit, self)

    def at_least(self, limit: Real | float) -> Real:
        """The larger of the two; NaN stays."""
        return self.formula.where(self < limit, limit, self)


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer per lane, as wide as the floats."""

    formula: Formula
    text: str

    def _binary(self, name: str, other: Whole | int) -> Whole:
        f = self.formula
        return Whole(f, f.emit(f"{name} {f.whole} {self.text}, {f.whole_of(other).text}"))

    def __add__(self, other: Whole | int) -> Whole:
        return self._binary("add", other)

    def __sub__(self, other: Whole | int) -> Whole:
        return self._binary("sub", other)

    def __and__(self, other: Whole | int) -> Whole:
        return self._binary("and", other)

    def __or__(self, other: Whole | int) -> Whole:
        return self._binary("or", other)

    def __xor__(self, other: Whole | int) -> Whole:
        return self._binary("xor", other)

    def __lshift__(self, count: int) -> Whole:
        return self._binary("shl", count)

    def __rshift__(self, count: int) -> Whole:
        """Zeros come in from the left."""
        return self._binary("lshr", count)

    def as_real(self) -> Real:
        """The float of these bits."""
        f = self.formula
        return Real(f, f.emit(f"bitcast {f.whole} {self.text} to {f.real}"))

    def is_odd(self) -> Truth:
        """The lowest bit."""
        f = self.formula
        return Truth(f, f.emit(f"trunc {f.whole} {self.text} to {f.truth}"))


@dataclass(frozen=True, slots=True)
class Truth:
    """A predicate per lane."""

    formula: Formula
    text: str

    def _binary(self, name: str, other: Truth) -> Truth:
        f = self.formula
        return Truth(f, f.emit(f"{name} {f.truth} {self.text}, {other.text}"))

    def __and__(self, other: Truth) -> Truth:
        return self._binary("and", other)

    def __or__(self, other: Truth) -> Truth:
        return self._binary("or", other)

    def __xor__(self, other: Truth) -> Truth:
        return self._binary("xor", other)

    def __invert__(self) -> Truth:
        f = self.formula
        return Truth(f, f.emit(f"xor {f.truth} {self.text}, {f.splat('i1', 'true')}"))

    def any(self) -> str:
        """The register of whether it holds in some lane."""
        f = self.formula
        if f.lanes == 1:
            return self.text
        name = f"llvm.vector.reduce.or.v{f.lanes}i1"
        f.declare(name, "i1", [f.truth])
        return f.emit(f"call i1 @{name}({f.truth} {self.text})")


def polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """``c[0] + c[1] x + c[2] x^2 + ...`` by Horner's rule."""
    result: Real | float = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        result = x.formula.real_of(result).times_plus(x, coefficient)
    return x.formula.real_of(result)


def quotient(top: Real, top_low: Real | None, bottom: Real, bottom_low: Real) -> Real:
    """The quotient of two sums, ``top + top_low`` and ``bottom + bottom_low``, nearly rounded once."""
    inverse = 1.0 / bottom
    rough = top * inverse
    rest = (-rough).times_plus(bottom, top)
    low = (-rough) * bottom_low if top_low is None else (-rough).times_plus(bottom_low, top_low)
    return (rest + low).times_plus(inverse, rough)
