"""Python's operators on traced arrays: each is a row that names its ufunc. Python numbers stay Python numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.trace.context import trace_error

Operator = Callable[[Any, Any], Any]


def _surface() -> Any:
    from gradc.trace import surface

    return surface


def _forward(ufunc: np.ufunc) -> Operator:
    return lambda self, other: _surface().binary(ufunc, self, other)


def _reflected(ufunc: np.ufunc) -> Operator:
    return lambda self, other: _surface().binary(ufunc, other, self)


def _in_place(ufunc: np.ufunc) -> Operator:
    return lambda self, other: _surface().in_place(ufunc, self, other)


def _compared(ufunc: np.ufunc) -> Operator:
    return lambda self, other: _surface().compared(ufunc, self, other)


def _one(ufunc: np.ufunc) -> Callable[[Any], Any]:
    return lambda self: _surface().unary(ufunc, self)


class Operators:
    """The operators."""

    __slots__ = ()

    __add__, __radd__, __iadd__ = _forward(np.add), _reflected(np.add), _in_place(np.add)
    __sub__, __rsub__, __isub__ = _forward(np.subtract), _reflected(np.subtract), _in_place(np.subtract)
    __mul__, __rmul__, __imul__ = _forward(np.multiply), _reflected(np.multiply), _in_place(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = _forward(np.divide), _reflected(np.divide), _in_place(np.divide)
    __floordiv__, __rfloordiv__ = _forward(np.floor_divide), _reflected(np.floor_divide)
    __ifloordiv__ = _in_place(np.floor_divide)
    __mod__, __rmod__, __imod__ = _forward(np.remainder), _reflected(np.remainder), _in_place(np.remainder)
    __rpow__, __ipow__ = _reflected(np.power), _in_place(np.power)
    __matmul__, __rmatmul__, __imatmul__ = _forward(np.matmul), _reflected(np.matmul), _in_place(np.matmul)
    __and__, __rand__, __iand__ = _forward(np.bitwise_and), _reflected(np.bitwise_and), _in_place(np.bitwise_and)
    __or__, __ror__, __ior__ = _forward(np.bitwise_or), _reflected(np.bitwise_or), _in_place(np.bitwise_or)
    __xor__, __rxor__, __ixor__ = _forward(np.bitwise_xor), _reflected(np.bitwise_xor), _in_place(np.bitwise_xor)
    __lshift__, __rlshift__, __ilshift__ = _forward(np.left_shift), _reflected(np.left_shift), _in_place(np.left_shift)
    __rshift__, __rrshift__, __irshift__ = (
        _forward(np.right_shift),
        _reflected(np.right_shift),
        _in_place(np.right_shift),
    )
    __divmod__, __rdivmod__ = _forward(np.divmod), _reflected(np.divmod)

    __lt__, __le__ = _compared(np.less), _compared(np.less_equal)
    __gt__, __ge__ = _compared(np.greater), _compared(np.greater_equal)
    __eq__ = _compared(np.equal)
    __ne__ = _compared(np.not_equal)

    __neg__, __pos__, __abs__ = _one(np.negative), _one(np.positive), _one(np.absolute)
    __invert__, __floor__, __ceil__, __trunc__ = _one(np.invert), _one(np.floor), _one(np.ceil), _one(np.trunc)

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        if modulus is not None:
            raise trace_error("pow() with a modulus can't be traced; use x**n % modulus")
        return _surface().binary(np.power, self, other)

    def __round__(self, digits: int | None = None) -> Any:
        from gradc.trace.arrays.attributes import rounded

        return rounded(self, digits)  # type: ignore[arg-type]
