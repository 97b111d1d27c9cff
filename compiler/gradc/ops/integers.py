"""Bits and divisors of integers. Arguments have one dtype, and so has the result; nothing here has a derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradc.ir.scalar import Op, register
from gradc.ops import emit
from gradc.ops.table import promoted


def _of_integers(name: str, arity: int, lower: Callable[..., Any], *, latex: str = "", cost: float = 1.0) -> None:
    register(
        Op(
            name,
            arity,
            promoted,
            None,
            f"numpy.{name}",
            lower=lower,
            latex=latex or None,
            cost=cost,
            commutative=name.startswith("bitwise") and arity == 2,
            domain=((0.0, 60.0),) * arity,
            extra={"kinds": "l" * arity},
        )
    )


_of_integers("bitwise_and", 2, emit.of_bits("and"), latex=r"\mathbin{\&}")
_of_integers("bitwise_or", 2, emit.of_bits("or"), latex=r"\mathbin{|}")
_of_integers("bitwise_xor", 2, emit.of_bits("xor"), latex=r"\oplus")
_of_integers("left_shift", 2, emit.shift_left, latex=r"\ll", cost=3)
_of_integers("right_shift", 2, emit.shift_right, latex=r"\gg", cost=3)
_of_integers("bitwise_count", 1, emit.count_bits, latex=r"\operatorname{popcount}", cost=2)
_of_integers("gcd", 2, emit.common_divisor, latex=r"\gcd", cost=200)
