"""Number systems that live in NumPy arrays: plain NumPy, and complex numbers that carry a derivative.

A number system says what an array of some dtype is, and applies the operations of the table to such arrays. Integers
and bools are plain NumPy arrays in every system: indices and masks are never approximate.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.scalar import Apply, DType, NamedConstant, NumberValue, Op

Array = np.ndarray[Any, Any]


@lru_cache(maxsize=1024)
def resolve(path: str) -> Callable[..., Any]:
    """The function at a dotted path: ``numpy.sin``, ``scipy.special.expit``."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def numpy_function(op: Op) -> Callable[..., Any]:
    """The NumPy function of an op, from its row."""
    if isinstance(op.numpy, str):
        return resolve(op.numpy)
    if op.numpy is None:
        raise ArgumentError(f"{op.name} has no NumPy form in its row of the table")
    function = op.numpy
    return lambda *args: function(np, *args)


def plain_value(value: NumberValue) -> int | float | complex | bool:
    """The literal as a Python number."""
    if isinstance(value, NamedConstant):
        return value.value
    return float(value) if isinstance(value, Fraction) else value


class NumberSystem:
    """What numbers are, and how the operations act on arrays of them. This class is NumPy itself."""

    name = "numpy"

    def array(self, value: Any, dtype: DType) -> Array:
        """A caller's value as an array of this system."""
        return np.asarray(value, dtype)

    def literal(self, value: NumberValue, dtype: DType) -> Array:
        """A literal, as an array of rank 0."""
        return np.asarray(plain_value(value), dtype)

    def empty(self, shape: tuple[int, ...], dtype: DType) -> Array:
        """Room for a result."""
        return np.empty(shape, dtype)

    def convert(self, array: Array, dtype: DType) -> Array:
        """NumPy's ``astype``; a complex number made real loses its imaginary part."""
        if array.dtype.kind == "c" and dtype.kind not in "cb":
            array = array.real
        return array.astype(dtype, copy=False)

    def apply(self, node: Apply, args: list[Array]) -> Array:
        """The op of ``node`` on arrays."""
        result: Array = np.asarray(numpy_function(node.op)(*args))
        return result.astype(node.dtype, copy=False)

    def select(self, predicate: Array, chosen: Array, other: Array) -> Array:
        """``chosen`` where the predicate holds, ``other`` elsewhere."""
        return np.where(predicate, chosen, other)

    def possible(self, predicate: Array) -> Array:
        """Where the predicate holds or may hold, as plain bools."""
        return predicate

    def certain(self, predicate: Array) -> Array:
        """Where the predicate is known to hold, as plain bools."""
        return predicate

    def lowest(self, dtype: DType) -> Array:
        """The neutral element of max."""
        if dtype.kind in "iu":
            return np.asarray(np.iinfo(dtype).min, dtype)
        return np.asarray(False if dtype.kind == "b" else -np.inf, dtype)

    def highest(self, dtype: DType) -> Array:
        """The neutral element of min."""
        if dtype.kind in "iu":
            return np.asarray(np.iinfo(dtype).max, dtype)
        return np.asarray(True if dtype.kind == "b" else np.inf, dtype)

    def reduce(self, reducer: str, array: Array, dtype: DType) -> Array:
        """Reduce the last axis, which is not empty."""
        result: Array = np.asarray(resolve(f"numpy.{reducer}")(array, axis=-1))
        return result.astype(dtype, copy=False)

    def extremum(self, largest: bool, array: Array, counts: Array) -> Array:
        """The position of the first extremum along the last axis among the entries that count; NaN is extreme."""
        neutral = self.lowest(array.dtype) if largest else self.highest(array.dtype)
        masked = np.where(counts, array, neutral)
        best = np.max(masked, -1, keepdims=True) if largest else np.min(masked, -1, keepdims=True)
        matches = counts & ((masked == best) | ((masked != masked) & (best != best)))
        return np.asarray(np.argmax(matches, -1))


class ComplexStep(NumberSystem):
    """Real programs on complex numbers x + i h: the imaginary part carries the derivative.

    Whatever looks at the order of numbers looks at the real part; a function that is not analytic in NumPy's complex
    form gives its own in its row's ``extra["complex"]``, or goes by its row's derivatives (``extra["by_partials"]``).
    """

    name = "complex"

    def _dtype(self, dtype: DType) -> DType:
        if dtype.kind == "c":
            raise ArgumentError("a complex program can't be evaluated with a complex step; use NUMPY")
        return np.dtype(np.complex128) if dtype.kind == "f" else dtype

    def array(self, value: Any, dtype: DType) -> Array:
        return np.asarray(value, self._dtype(dtype))

    def literal(self, value: NumberValue, dtype: DType) -> Array:
        return np.asarray(plain_value(value), self._dtype(dtype))

    def empty(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return np.empty(shape, self._dtype(dtype))

    def convert(self, array: Array, dtype: DType) -> Array:
        return super().convert(array, self._dtype(dtype))

    def apply(self, node: Apply, args: list[Array]) -> Array:
        dtype = self._dtype(node.dtype)
        if not any(arg.dtype.kind == "c" for arg in args):
            return super().apply(node, args).astype(dtype, copy=False)
        own = node.op.extra.get("complex")
        if own is not None:
            return np.asarray(own(np, *args))
        if node.op.extra.get("by_partials"):
            from gradc.evaluate.steps import step_by_partials

            return step_by_partials(node.op, args)
        function = numpy_function(node.op)
        if node.op.name == "where":
            return np.asarray(function(*args))
        real = np.asarray(function(*[arg.real if arg.dtype.kind == "c" else arg for arg in args]))
        if node.dtype.kind in "iub" or node.op.partials is None:
            return real.astype(dtype, copy=False)
        # NumPy's complex functions are less careful with the real part than the real ones, and know no domain
        result = np.array(function(*args), np.complex128)
        result.real = real
        result.imag[np.isnan(real)] = np.nan
        return result

    def reduce(self, reducer: str, array: Array, dtype: DType) -> Array:
        if array.dtype.kind == "c" and reducer in ("max", "min"):
            real = array.real
            best = np.argmax(real, -1) if reducer == "max" else np.argmin(real, -1)
            return np.take_along_axis(array, best[..., None], -1)[..., 0]
        return super().reduce(reducer, array, self._dtype(dtype))

    def extremum(self, largest: bool, array: Array, counts: Array) -> Array:
        return super().extremum(largest, array.real if array.dtype.kind == "c" else array, counts)

    def lowest(self, dtype: DType) -> Array:
        return super().lowest(dtype).astype(self._dtype(dtype))

    def highest(self, dtype: DType) -> Array:
        return super().highest(dtype).astype(self._dtype(dtype))


class Rounding(NumberSystem):
    """NumPy with every floating result off by a random rounding: how far results spread tells how many digits they have.

    >>> import gradc.ops
    >>> from gradc.evaluate import evaluate
    >>> from gradc.ir.parse import parse_graph
    >>> cancelling = parse_graph("graph(x: float64[]) { t0: float64[] = sub(sub(1., x[]), 1.)  return t0 }")
    >>> bool(abs(evaluate(cancelling, [1e-20], Rounding(3))[0]) > 1e-17)
    True
    """

    name = "rounding"

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def _shaken(self, array: Array) -> Array:
        if array.dtype.kind not in "fc":
            return array
        signs = self._random.choice([-1.0, 1.0], array.shape)
        return np.asarray(array * (1 + signs * np.finfo(array.dtype).eps), array.dtype)

    def array(self, value: Any, dtype: DType) -> Array:
        return self._shaken(super().array(value, dtype))

    def convert(self, array: Array, dtype: DType) -> Array:
        return self._shaken(super().convert(array, dtype))

    def apply(self, node: Apply, args: list[Array]) -> Array:
        if node.op.name == "sum":  # a product that is added in one rounding is not rounded before
            args = [self._shaken(arg) for arg in args]
        return self._shaken(super().apply(node, args))

    def reduce(self, reducer: str, array: Array, dtype: DType) -> Array:
        if reducer in ("sum", "prod"):
            array = self._shaken(array)
        return super().reduce(reducer, array, dtype)


NUMPY = NumberSystem()
COMPLEX = ComplexStep()
