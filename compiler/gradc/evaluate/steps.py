"""Complex steps through functions that are known for real arguments only: their rows tell the derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradc.evaluate.numbers import NUMPY, Array, numpy_function
from gradc.ir.scalar import FLOAT64, Op, Scalar, apply, index, load
from gradc.ir.tensor import Graph, compute, input_tensor


def step_by_partials(op: Op, args: Sequence[Array]) -> Array:
    """The op at real parts, its change along the imaginary parts in the imaginary part; NaN where none is known."""
    real = [np.asarray(arg.real, FLOAT64 if arg.dtype.kind == "c" else arg.dtype) for arg in args]
    imaginary = [arg.imag if arg.dtype.kind == "c" else np.zeros(()) for arg in args]
    value = np.asarray(numpy_function(op)(*real))
    flat = [np.ravel(np.broadcast_to(part, value.shape)) for part in real]
    change: Any = np.zeros(value.shape)
    for along, slope in zip(imaginary, _slopes(op, flat), strict=True):
        if slope is not None and np.any(along):
            change = change + along * slope.reshape(value.shape)
    result = np.empty(value.shape, np.complex128)
    result.real, result.imag = value, np.where(np.isnan(value), np.nan, change)
    return result


def _slopes(op: Op, values: Sequence[Array]) -> list[Array | None]:
    """The partial derivative by each argument at points; None where it is zero everywhere."""
    from gradc.evaluate.evaluator import evaluate

    size = len(values[0])
    inputs = tuple(input_tensor(f"x{k}", (size,), value.dtype) for k, value in enumerate(values))
    node = apply(op, *[load(tensor, (index(0),)) for tensor in inputs])
    assert op.partials is not None
    partials = op.partials(node, *node.args)
    known = [p for p in partials if isinstance(p, Scalar)]
    found = iter(evaluate(Graph(inputs, tuple(compute((size,), p) for p in known)), list(values), NUMPY))
    missing = np.full(size, np.nan)
    return [next(found) if isinstance(p, Scalar) else None if p is None else missing for p in partials]
