"""Number systems made of Python objects: mpmath numbers at the current precision, and SymPy expressions.

Floating dtypes are object arrays of such numbers; integers and bools stay NumPy arrays, but for SymPy predicates whose
truth is not known. mpmath has no negative zero.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.evaluate.numbers import NUMPY, Array, NumberSystem
from gradc.ir.scalar import Apply, DType, NamedConstant, NumberValue, Op, number


def objects(value: Any) -> Array:
    """An object array of the same shape, its entries Python objects."""
    if isinstance(value, np.ndarray):
        return value.astype(object)
    if isinstance(value, list | tuple):
        return np.array(value, dtype=object)
    cell = np.empty((), dtype=object)
    cell[()] = value.item() if isinstance(value, np.generic) else value
    return cell


class ObjectNumbers(NumberSystem):
    """What mpmath and SymPy have in common: entry by entry, through the functions of the rows."""

    def __init__(self) -> None:
        self._functions: dict[Op, Callable[..., Any]] = {}

    def lift(self, value: Any, dtype: DType) -> Any:
        """A Python number as a number of this system."""
        raise NotImplementedError

    def function(self, op: Op) -> Callable[..., Any]:
        """The function of the row on numbers of this system."""
        raise NotImplementedError

    def _each(self, function: Callable[..., Any], *arrays: Array) -> Array:
        result = np.frompyfunc(function, len(arrays), 1)(*arrays)
        return result if isinstance(result, np.ndarray) else objects(result)

    def array(self, value: Any, dtype: DType) -> Array:
        if dtype.kind in "iub":
            return np.asarray(value, dtype)
        return self._each(lambda entry: self.lift(entry, dtype), objects(value))

    def literal(self, value: NumberValue, dtype: DType) -> Array:
        return NUMPY.literal(value, dtype) if dtype.kind in "iub" else objects(self.lift(value, dtype))

    def empty(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return np.empty(shape, dtype if dtype.kind in "iub" else object)

    def convert(self, array: Array, dtype: DType) -> Array:
        if array.dtype != object and dtype.kind in "iub":
            return NUMPY.convert(array, dtype)
        if dtype.kind in "iu":
            return self._each(self._truncated, array).astype(dtype)
        if dtype.kind == "b":
            return self._each(lambda entry: entry != 0, array).astype(bool)
        return self._each(lambda entry: self.lift(entry, dtype), array)

    def _truncated(self, entry: Any) -> int:
        return int(entry)

    def apply(self, node: Apply, args: list[Array]) -> Array:
        if node.dtype.kind in "iub" and all(arg.dtype != object for arg in args):
            return NUMPY.apply(node, args)
        function = self._functions.get(node.op)
        if function is None:
            function = self._functions[node.op] = self.function(node.op)
        return self.settled(self._each(self.guarded(function, node.dtype), *args), node.dtype)

    def guarded(self, function: Callable[..., Any], dtype: DType) -> Callable[..., Any]:
        """The function, with what the system does beyond IEEE arithmetic undone."""
        return function

    def settled(self, array: Array, dtype: DType) -> Array:
        """Integers and bools as NumPy arrays."""
        return array.astype(dtype) if dtype.kind in "iub" else array

    def select(self, predicate: Array, chosen: Array, other: Array) -> Array:
        return np.where(predicate, chosen, other)

    def lowest(self, dtype: DType) -> Array:
        return NUMPY.lowest(dtype) if dtype.kind in "iub" else objects(self.lift(float("-inf"), dtype))

    def highest(self, dtype: DType) -> Array:
        return NUMPY.highest(dtype) if dtype.kind in "iub" else objects(self.lift(float("inf"), dtype))

    def reduce(self, reducer: str, array: Array, dtype: DType) -> Array:
        if array.dtype != object:
            return NUMPY.reduce(reducer, array, dtype)
        result = np.empty(array.shape[:-1], object)
        for position in np.ndindex(result.shape):
            result[position] = self.fold(reducer, list(array[position]))
        return self.settled(result, dtype)

    def fold(self, reducer: str, entries: list[Any]) -> Any:
        """Reduce a list that is not empty."""
        raise NotImplementedError

    def extremum(self, largest: bool, array: Array, counts: Array) -> Array:
        if array.dtype != object:
            return NUMPY.extremum(largest, array, counts)
        result = np.zeros(array.shape[:-1], np.int64)
        for position in np.ndindex(result.shape):
            entries = [(k, entry) for k, entry in enumerate(array[position]) if counts[position][k]]
            result[position] = self._first_extremum(largest, entries)
        return result

    def _first_extremum(self, largest: bool, entries: list[tuple[int, Any]]) -> int:
        best: tuple[int, Any] | None = None
        for k, entry in entries:
            if entry != entry:
                return k
            if best is None or (entry > best[1] if largest else entry < best[1]):
                best = k, entry
        return best[0] if best else 0


class MPMathNumbers(ObjectNumbers):
    """mpmath's numbers at the precision in force in a context: by default the global one, ``mpmath.mp``.

    A context of one's own (``mpmath.MPContext()``) keeps threads that work at different precisions apart.
    """

    name = "mpmath"

    def __init__(self, context: Any = None) -> None:
        super().__init__()
        self._context = context

    @property
    def context(self) -> Any:
        """The context that holds the precision."""
        if self._context is None:
            from mpmath import mp

            self._context = mp
        return self._context

    def lift(self, value: Any, dtype: DType) -> Any:
        mp = self.context
        if isinstance(value, NamedConstant):
            return +{"pi": mp.pi, "e": mp.e, "euler_gamma": mp.euler}[value.name]
        if isinstance(value, Fraction):
            return mp.mpf(value.numerator) / value.denominator
        if isinstance(value, np.generic):
            value = value.item()
        if dtype.kind == "c":
            return mp.mpc(value)
        return value.real if isinstance(value, mp.mpc | complex) else mp.mpf(value)

    def function(self, op: Op) -> Callable[..., Any]:
        mp = self.context
        if isinstance(op.mpmath, str):
            return getattr(mp, op.mpmath)  # type: ignore[no-any-return]
        if op.mpmath is None:
            raise ArgumentError(f"{op.name} has no mpmath form in its row of the table")
        form = op.mpmath
        return lambda *args: form(mp, *args)

    def guarded(self, function: Callable[..., Any], dtype: DType) -> Callable[..., Any]:
        mp = self.context

        def real(*args: Any) -> Any:
            try:
                result = function(*args)
            except (ZeroDivisionError, ValueError, OverflowError):
                return mp.nan
            if isinstance(result, mp.mpc):  # outside the real domain
                return result.real if result.imag == 0 else mp.nan
            return result

        return real if dtype.kind == "f" else function

    def fold(self, reducer: str, entries: list[Any]) -> Any:
        if reducer in ("max", "min"):
            better: Callable[[Any, Any], Any] = operator.ge if reducer == "max" else operator.le
            return reduce(lambda a, b: a if a != a or better(a, b) else b, entries)
        return reduce(_FOLDS[reducer], entries)


_FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda a, b: a + b,
    "prod": lambda a, b: a * b,
    "any": lambda a, b: bool(a) or bool(b),
    "all": lambda a, b: bool(a) and bool(b),
}


class SymPyNumbers(ObjectNumbers):
    """SymPy expressions; a predicate whose truth is not known makes a Piecewise."""

    name = "sympy"

    def lift(self, value: Any, dtype: DType) -> Any:
        import sympy

        if isinstance(value, sympy.Basic):
            return value
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bool | int | float | complex | Fraction):
            value = number(value, dtype).value
        if isinstance(value, NamedConstant):
            return {"pi": sympy.pi, "e": sympy.E, "euler_gamma": sympy.EulerGamma}[value.name]
        if isinstance(value, Fraction):
            return sympy.Rational(value.numerator, value.denominator)
        if isinstance(value, complex):
            return self.lift(value.real, np.dtype(float)) + sympy.I * self.lift(value.imag, np.dtype(float))
        return sympy.sympify(value)

    def function(self, op: Op) -> Callable[..., Any]:
        import sympy

        if isinstance(op.sympy, str):
            return getattr(sympy, op.sympy)  # type: ignore[no-any-return]
        if op.sympy is None:
            raise ArgumentError(f"{op.name} has no SymPy form in its row of the table")
        form = op.sympy
        return lambda *args: form(sympy, *args)

    def array(self, value: Any, dtype: DType) -> Array:
        if dtype.kind in "iu":
            entries = objects(value)
            if any(getattr(entry, "is_number", True) is False for entry in entries.ravel()):
                return entries
        return super().array(value, dtype)

    def settled(self, array: Array, dtype: DType) -> Array:
        import sympy

        if dtype.kind == "b":
            known = all(isinstance(e, bool | np.bool_) or e in (sympy.true, sympy.false) for e in array.ravel())
            return array.astype(bool) if known else array
        if dtype.kind in "iu":
            return array.astype(dtype) if all(e.is_number for e in array.ravel()) else array
        return array

    def select(self, predicate: Array, chosen: Array, other: Array) -> Array:
        if predicate.dtype != object:
            return np.where(predicate, chosen, other)
        return self._each(self._piecewise, predicate, chosen, other)

    def _piecewise(self, predicate: Any, chosen: Any, other: Any) -> Any:
        import sympy

        if isinstance(predicate, bool | np.bool_) or predicate in (sympy.true, sympy.false):
            return chosen if predicate else other
        return sympy.Piecewise((chosen, predicate), (other, True))

    def possible(self, predicate: Array) -> Array:
        import sympy

        if predicate.dtype != object:
            return predicate
        return self._each(lambda p: p is not sympy.false and p is not False, predicate).astype(bool)

    def certain(self, predicate: Array) -> Array:
        import sympy

        if predicate.dtype != object:
            return predicate
        return self._each(lambda p: p is sympy.true or p is True, predicate).astype(bool)

    def fold(self, reducer: str, entries: list[Any]) -> Any:
        import sympy

        folds = {"sum": "Add", "prod": "Mul", "max": "Max", "min": "Min", "any": "Or", "all": "And"}
        return sympy.nan if sympy.nan in entries else getattr(sympy, folds[reducer])(*entries)

    def extremum(self, largest: bool, array: Array, counts: Array) -> Array:
        if array.dtype == object and not all(entry.is_number for entry in array.ravel()):
            raise ArgumentError("the position of an extremum among symbols is not known; evaluate at numbers")
        return super().extremum(largest, array, counts)


MPMATH = MPMathNumbers()
SYMPY = SymPyNumbers()


def context_of(array: Array) -> Any:
    """The mpmath context of the entries: it holds the precision."""
    from mpmath import mp

    return getattr(array.flat[0], "context", mp) if array.size else mp
