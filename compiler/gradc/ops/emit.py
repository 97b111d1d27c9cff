"""How a row of the table says what machine code it becomes: through this protocol, so that only lowering knows LLVM.

The ``lower`` field of a row is one of

* ``"llvm.sqrt"``: an intrinsic; ``"libm.sin"``: a function of the C library;
* the name of a method of `Emitter`: ``"add"``;
* a function of the emitter and the operands: ``lambda e, x: e.select(e.less(x, e.constant(0, x)), e.negate(x), x)``;
* the inner loop of a ufunc, see `gradc.ops.loops`: its operands keep their own dtypes.

Other operands arrive in the dtype of the result (of their promotion, for comparisons). Values are opaque: one number, or one
number per lane.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

V = Any


class Emitter(Protocol):
    """Machine operations on values of one dtype."""

    def constant(self, number: float, like: V) -> V:
        """A literal of the dtype of ``like``."""

    def kind(self, x: V) -> str:
        """NumPy's kind letter of the dtype of ``x``: f, i, u or b."""

    def add(self, a: V, b: V) -> V: ...

    def subtract(self, a: V, b: V) -> V: ...

    def multiply(self, a: V, b: V) -> V: ...

    def divide(self, a: V, b: V) -> V: ...

    def negate(self, a: V) -> V: ...

    def floor_divide(self, a: V, b: V) -> V: ...

    def modulo(self, a: V, b: V) -> V: ...

    def compare(self, relation: str, a: V, b: V) -> V:
        """``relation``: less, less_equal, greater, greater_equal, equal, not_equal; false for NaN.

        Only ``not_equal`` is true for NaN, as everywhere.
        """

    def is_nan(self, a: V) -> V: ...

    def sign_bit(self, a: V) -> V: ...

    def both(self, p: V, q: V) -> V: ...

    def either(self, p: V, q: V) -> V: ...

    def complement(self, p: V) -> V: ...

    def select(self, p: V, a: V, b: V) -> V:
        """``a`` where ``p``, else ``b``; both are evaluated."""

    def call(self, name: str, *args: V) -> V:
        """An intrinsic (``llvm.sqrt``) or a function of the C library (``libm.sin``) of floats."""

    def own(self, name: str, *args: V) -> V | None:
        """The machine's own code for a function of floats that the C library lacks (``sigmoid``), if it has any."""

    def loop(self, loop: Any, *args: V) -> V:
        """One result of a ufunc's inner loop (a `gradc.ops.loops.Loop`), whose operands keep their dtypes."""

    def width(self, x: V) -> int:
        """How many bits a number has."""

    def bits(self, instruction: str, a: V, b: V) -> V:
        """``and``, ``or``, ``xor``, ``shl``, ``ashr`` or ``lshr`` of two integers, as LLVM has them."""

    def common_divisor(self, a: V, b: V) -> V:
        """The largest number that divides two integers that are not negative."""

    def integer_power(self, base: V, exponent: V) -> V:
        """``base ** exponent`` for integers and a non-negative exponent."""


def identity(e: Emitter, x: V) -> V:
    """``x``."""
    return x


def zero(e: Emitter, x: V) -> V:
    """0 of the dtype of ``x``."""
    return e.constant(0, x)


def absolute(e: Emitter, x: V) -> V:
    """``|x|``."""
    if e.kind(x) == "f":
        return e.call("llvm.fabs", x)
    if e.kind(x) != "i":
        return x
    return e.select(e.compare("less", x, e.constant(0, x)), e.negate(x), x)


def sign(e: Emitter, x: V) -> V:
    """-1, 0, 1, or NaN for NaN; a zero of either sign gives 0."""
    zero = e.constant(0, x)
    positive = e.select(e.compare("greater", x, zero), e.constant(1, x), zero)
    if e.kind(x) in "bu":
        return positive
    result = e.select(e.compare("less", x, zero), e.constant(-1, x), positive)
    return e.select(e.is_nan(x), x, result) if e.kind(x) == "f" else result


def maximum(e: Emitter, a: V, b: V) -> V:
    """The larger; NaN where either is."""
    return _extremum(e, a, b, "greater_equal")


def minimum(e: Emitter, a: V, b: V) -> V:
    """The smaller; NaN where either is."""
    return _extremum(e, a, b, "less_equal")


def _extremum(e: Emitter, a: V, b: V, relation: str) -> V:
    if e.kind(a) == "b":
        return e.either(a, b) if relation == "greater_equal" else e.both(a, b)
    first = e.compare(relation, a, b)
    if e.kind(a) == "f":
        first = e.either(first, e.is_nan(a))
    return e.select(first, a, b)


def sigmoid(e: Emitter, x: V) -> V:
    """``1 / (1 + exp(-x))``: for x < 0 as ``exp(x) / (1 + exp(x))``, so that neither tail overflows or loses digits."""
    own = e.own("sigmoid", x)
    if own is not None:
        return own
    one = e.constant(1, x)
    decayed = e.call("libm.exp", e.negate(e.call("llvm.fabs", x)))
    top = e.select(e.compare("less", x, e.constant(0, x)), decayed, one)
    return e.select(e.is_nan(x), x, e.divide(top, e.add(one, decayed)))


def softplus(e: Emitter, x: V) -> V:
    """``log(1 + exp(x))`` as ``max(x, 0) + log1p(exp(-|x|))``."""
    own = e.own("softplus", x)
    if own is not None:
        return own
    tail = e.call("libm.log1p", e.call("libm.exp", e.negate(e.call("llvm.fabs", x))))
    return e.add(maximum(e, x, e.constant(0, x)), tail)


def logaddexp(e: Emitter, a: V, b: V) -> V:
    """``log(exp a + exp b)``; equal infinities give themselves."""
    gap = e.call("llvm.fabs", e.subtract(a, b))
    stable = e.add(maximum(e, a, b), e.call("libm.log1p", e.call("libm.exp", e.negate(gap))))
    same = e.add(a, e.constant(math.log(2.0), a))
    return e.select(e.compare("equal", a, b), same, stable)


def general_power(e: Emitter, base: V, exponent: V) -> V:
    """``base ** exponent``."""
    if e.kind(base) == "f":
        return e.call("libm.pow", base, exponent)
    return e.integer_power(base, exponent)


def is_infinite(e: Emitter, x: V) -> V:
    """Whether x is an infinity."""
    if e.kind(x) != "f":
        return e.compare("not_equal", x, x)
    return e.compare("equal", e.call("llvm.fabs", x), e.constant(float("inf"), x))


def is_finite(e: Emitter, x: V) -> V:
    """Whether x is neither infinite nor NaN."""
    if e.kind(x) != "f":
        return e.compare("equal", x, x)
    return e.compare("less", e.call("llvm.fabs", x), e.constant(float("inf"), x))


def rounding(name: str) -> Any:
    """A rounding to integers; the identity on integers."""

    def lower(e: Emitter, x: V) -> V:
        return e.call(f"llvm.{name}", x) if e.kind(x) == "f" else x

    return lower


def of_bits(instruction: str) -> Any:
    """An operation on the bits of two integers, by LLVM's name."""

    def lower(e: Emitter, a: V, b: V) -> V:
        return e.bits(instruction, a, b)

    return lower


def _is_shift(e: Emitter, count: V) -> V:
    """Whether some bits are left after a shift by ``count``."""
    below = e.compare("less", count, e.constant(e.width(count), count))
    return e.both(below, e.compare("greater_equal", count, e.constant(0, count)))


def shift_left(e: Emitter, a: V, count: V) -> V:
    """NumPy's ``a << count``: 0 where no bit is left, and for a negative count."""
    zero, inside = e.constant(0, a), _is_shift(e, count)
    return e.select(inside, e.bits("shl", a, e.select(inside, count, zero)), zero)


def shift_right(e: Emitter, a: V, count: V) -> V:
    """NumPy's ``a >> count``: only the sign where no bit is left, and for a negative count."""
    zero, inside = e.constant(0, a), _is_shift(e, count)
    if e.kind(a) == "i":
        return e.bits("ashr", a, e.select(inside, count, e.constant(e.width(a) - 1, a)))
    return e.select(inside, e.bits("lshr", a, e.select(inside, count, zero)), zero)


def count_bits(e: Emitter, a: V) -> V:
    """How many bits of ``|a|`` are set."""
    return e.call("llvm.ctpop", absolute(e, a))


def common_divisor(e: Emitter, a: V, b: V) -> V:
    """The largest number that divides both; with 0 it is the other's size."""
    return e.common_divisor(absolute(e, a), absolute(e, b))


def comparison(relation: str) -> Any:
    """A comparison by name."""

    def lower(e: Emitter, a: V, b: V) -> V:
        return e.compare(relation, a, b)

    return lower
