"""Bits and divisors of integers. Arguments have one dtype, and so has the result; nothing here has a derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradc.ir.scalar import Op, register
from gradc.ops import emit
from gradc.ops.table import promoted


def _of_integers(name: str, arity: int, lower: Callable[..., Any], sympy: Any = None, *, cost: float = 1.0) -> None:
    register(
        Op(
            name,
            arity,
            promoted,
            None,
            f"numpy.{name}",
            sympy=sympy or (lambda s, *args: s.Function(name)(*args)),
            lower=lower,
            cost=cost,
            commutative=name.startswith("bitwise") and arity == 2,
            domain=((0.0, 60.0),) * arity,
            extra={"kinds": "l" * arity},
        )
    )


_of_integers("bitwise_and", 2, emit.of_bits("and"))
_of_integers("bitwise_or", 2, emit.of_bits("or"))
_of_integers("bitwise_xor", 2, emit.of_bits("xor"))
_of_integers("left_shift", 2, emit.shift_left, lambda s, a, b: a * 2**b, cost=3)
_of_integers("right_shift", 2, emit.shift_right, lambda s, a, b: s.floor(a / 2**b), cost=3)
_of_integers("bitwise_count", 1, emit.count_bits, cost=2)
_of_integers("gcd", 2, emit.common_divisor, cost=200)
