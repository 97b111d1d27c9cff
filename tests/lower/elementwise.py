"""An elementary function in a loop of so many lanes, and its distance from the exact value."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import numpy as np

from gradc.ir.scalar import INT64
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.module import Module
from gradc.lower.text import ONE, ZERO, FunctionBuilder, Value
from gradc.ops import emit
from gradc_runtime.engine import Library, engine

Array = np.ndarray

#: functions that the C library lacks
_COMPOSED: dict[str, Callable[..., Any]] = {"sigmoid": emit.sigmoid, "softplus": emit.softplus}


def widest_lanes(dtype: str) -> int:
    """How many numbers fill a register of the machine."""
    return engine().host.vector_bits // (8 * np.dtype(dtype).itemsize)


class Loop:
    """A function over arrays, so many lanes at a time."""

    def __init__(self, library: Library, element: np.dtype[Any], lanes: int) -> None:
        self._library, self._element, self._lanes = library, element, lanes
        self._entry = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(library.address("run"))

    def into(self, out: Array, *operands: Array) -> Callable[[], int]:
        """The call on these very arrays, whose length is a multiple of the lanes."""
        frame = np.array([a.ctypes.data for a in (*operands, out)] + [out.size], np.int64)
        entry, address = self._entry, frame.ctypes.data
        kept = (self._library, frame, out, operands)

        def call() -> int:
            assert kept
            return int(entry(address))

        return call

    def __call__(self, *operands: Array) -> Array:
        arrays = [np.ascontiguousarray(operand, self._element) for operand in operands]
        count = arrays[0].size
        padded = [np.concatenate([array, np.ones(-count % self._lanes, self._element)]) for array in arrays]
        out = np.empty_like(padded[0])
        assert self.into(out, *padded)() == 0
        return out[:count]


@cache
def compiled(name: str, arity: int, dtype: str, lanes: int, has_fma: bool = True) -> Loop:
    """The function over arrays, so many lanes at a time; without FMA, by the C library."""
    host, element = engine().host, np.dtype(dtype)
    module = Module()
    builder = FunctionBuilder(module, "run")
    emitter = ExpressionEmitter(builder, {}, 0, host.vector_bits, host.has_fma and has_fma)

    def slot(position: int, kind: str) -> Value:
        address = builder.instruction(f"getelementptr i64, ptr %frame, i64 {position}", 0)
        return Value(builder.instruction(f"load {kind}, ptr {address}", 0), INT64)

    pointers = [slot(position, "ptr") for position in range(arity + 1)]

    def body(index: Value, _: list[Value]) -> list[Value]:
        place = index if lanes == 1 else Value(index.text, INT64, index.depth, step=ONE)
        with emitter.vectorised(lanes):
            operands = [emitter.read(pointer, place, element, builder.depth) for pointer in pointers[:-1]]
            result = (
                _COMPOSED[name](emitter, *operands) if name in _COMPOSED else emitter.call(f"libm.{name}", *operands)
            )
            emitter.write(pointers[-1], place, result)
        return []

    builder.loop(ZERO, slot(arity + 1, "i64"), [], body, step=lanes)
    builder.finish()
    return Loop(engine().load(engine().compile(str(module)), ["run"]), element, lanes)


def ulps(result: Array, exact: Callable[..., Any], *operands: Array, precision: int = 200) -> Array:
    """The distances from the exact values, in units in the last place of these; infinite where only one is finite."""
    information = np.finfo(result.dtype)
    lowest = int(np.log2(float(information.smallest_normal)))
    distances = np.zeros(result.size)
    with mpmath.workprec(precision), np.errstate(over="ignore"):
        for position, numbers in enumerate(zip(*operands, strict=True)):
            value = exact(*[mpmath.mpf(float(number)) for number in numbers])
            found = float(result[position])
            if mpmath.isnan(value) or not np.isfinite(found):
                rounded = float(
                    result.dtype.type(float(value))
                )  # an overflow is exact where NumPy's rounding overflows
                same = rounded == found or (np.isnan(rounded) and np.isnan(found))
                distances[position] = 0.0 if same else np.inf
                continue
            exponent = max(int(mpmath.frexp(value)[1]) - 1, lowest) if value else lowest
            distances[position] = float(abs(value - found) / mpmath.ldexp(1, exponent - information.nmant))
    return distances
