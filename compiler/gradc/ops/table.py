"""How rows enter the table of operations: small constructors for the common shapes of a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gradc.ir.algebra import product_of, quotient, sum_of
from gradc.ir.scalar import BOOL, FLOAT64, Apply, DType, Op, Scalar, Undefined, Wirtinger, apply, number, register

#: The derivative by one argument. Where it is real and the result complex, or the op is holomorphic: ``dw = p dz``. Where a
#: complex argument has a real result, ``dw = Re(p dz)`` with p twice the derivative by z. None is zero everywhere.
Partial = Scalar | Wirtinger | Undefined | None


@lru_cache(maxsize=1024)
def _promoted(dtypes: tuple[DType, ...]) -> DType:
    return np.result_type(*dtypes)


def promoted(dtypes: Sequence[DType]) -> DType:
    """NumPy's promotion of the argument dtypes."""
    return dtypes[0] if len(set(dtypes)) == 1 else _promoted(tuple(dtypes))


def floating(dtypes: Sequence[DType]) -> DType:
    """Promotion, with integers and bools counted as float64."""
    dtype = promoted(dtypes)
    return FLOAT64 if dtype.kind in "biu" else dtype


def boolean(_: Sequence[DType]) -> DType:
    """The dtype of a comparison."""
    return BOOL


def integer(_: Sequence[DType]) -> DType:
    """int64."""
    return np.dtype(np.int64)


def real_part(dtypes: Sequence[DType]) -> DType:
    """The real dtype of a complex one."""
    dtype = promoted(dtypes)
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def one(like: Scalar) -> Scalar:
    """The literal 1 of the dtype of ``like``."""
    return number(1, like.dtype)


def minus(left: Scalar | int, right: Scalar) -> Scalar:
    """``left - right``, mathematical."""
    return sum_of(left, product_of(-1, right), dtype=right.dtype)


def times(*factors: Any) -> Scalar:
    """The product of the factors, mathematical."""
    return product_of(*factors)


def over(left: Any, right: Scalar) -> Scalar:
    """``left / right``, mathematical."""
    return quotient(left, right)


def call(name: str, *args: Scalar) -> Apply:
    """The op called ``name`` applied to the arguments."""
    return apply(name, *args)


def function(
    name: str,
    derivative: Callable[[Scalar, Scalar], Partial] | None,
    *,
    numpy: str | Callable[..., Any] | None = None,
    mpmath: str | Callable[..., Any] | None = None,
    sympy: str | Callable[..., Any] | None = None,
    latex: str | None = None,
    lower: str | Callable[..., Any] | None = None,
    cost: float = 20.0,
    kink: str = "",
    domain: tuple[float, float] = (-3.0, 3.0),
    step: Callable[..., Any] | None = None,
    result_dtype: Callable[[Sequence[DType]], DType] = floating,
) -> Op:
    """Register a function of one argument; ``derivative(y, x)``, see `Partial`, may reuse the value y = f(x).

    ``domain`` is an interval where f is smooth; ``step`` is f on complex steps, where NumPy's complex f is not it.
    """
    return register(
        Op(
            name,
            1,
            result_dtype,
            partials=(lambda y, x: (derivative(y, x),)) if derivative else None,
            numpy=numpy or f"numpy.{name}",
            mpmath=mpmath or name,
            sympy=sympy or name,
            latex=latex,
            lower=lower or f"libm.{name}",
            cost=cost,
            kink=kink,
            domain=(domain,),
            extra={"complex": step} if step else {},
        )
    )
