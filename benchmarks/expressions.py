"""Systems whose numbers are scalar expressions: heyoka compiles them, Dr.Jit records arrays that stand for one number."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measure import Call
from benchmarks.namespaces import objects, rebound, symbolic_numpy
from benchmarks.systems import load


def heyoka_derivatives(
    function: Callable[..., Any],
    points: np.ndarray,
    constants: np.ndarray | None = None,
    *,
    with_value: bool = False,
) -> Call:
    """The Jacobian of a function of vectors, at every row of ``points``: ``function(point[, constant])``.

    heyoka takes and gives structures of arrays: points and results stay in that layout, which spares it the transposition.
    """
    heyoka = load("heyoka")
    data = points if constants is None else np.concatenate([points, constants], axis=1)
    names = objects(heyoka.make_vars(f"x{k}") for k in range(data.shape[1]))
    variables, fixed = names[: points.shape[1]], names[points.shape[1] :]
    called = rebound(function, symbolic_numpy(heyoka))
    results = list(np.ravel(called(variables, fixed) if constants is not None else called(variables)))
    jacobian = list(np.ravel(heyoka.diff_tensors(results, list(variables)).jacobian))
    wanted = results + jacobian if with_value else jacobian
    step = heyoka.cfunc(wanted, list(names), batch_size=16, fast_math=True)
    columns = np.ascontiguousarray(data.T)
    out = np.empty((len(wanted), len(data)))
    return Call(step, columns, outputs=out)


def heyoka_gradient(function: Callable[..., Any], x: np.ndarray, direction: np.ndarray | None = None) -> Call:
    """The gradient of a function of one long vector, or its Hessian times a direction, into a buffer of its own."""
    heyoka = load("heyoka")
    names = objects(heyoka.make_vars(f"x{k}") for k in range(len(x)))
    value = rebound(function, symbolic_numpy(heyoka))(names)
    derived = list(heyoka.diff_tensors([value], list(names)).gradient)
    inputs, given = list(names), x
    if direction is not None:
        steps = objects(heyoka.make_vars(f"v{k}") for k in range(len(x)))
        derived = list(heyoka.diff_tensors([np.sum(objects(derived) * steps)], list(names)).gradient)
        inputs, given = inputs + list(steps), np.concatenate([x, direction])
    # straight-line code is faster but takes half a minute to compile for the product with the Hessian
    step = heyoka.cfunc(derived, inputs, fast_math=True, compact_mode=direction is not None)
    return Call(step, given, outputs=np.empty_like(x))


class _Number:
    """A Dr.Jit array that NumPy takes for one number: its own arrays NumPy would take apart."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def _with(self, other: Any, function: Callable[[Any, Any], Any]) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy does it, entry by entry
        return _Number(function(self.value, other.value if isinstance(other, _Number) else other))

    def __add__(self, other: Any) -> Any:
        return self._with(other, operator.add)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, operator.sub)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, operator.mul)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, operator.truediv)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda x, y: y - x)

    def __pow__(self, exponent: int) -> _Number:
        return _Number(math.prod([self.value] * exponent))

    __radd__, __rmul__ = __add__, __mul__


def _elementwise(function: Callable[[Any], Any]) -> Callable[[Any], _Number]:
    return lambda x: _Number(function(x.value))


def drjit_jacobian(function: Callable[..., Any], points: np.ndarray, constants: np.ndarray, results: int) -> Call:
    """The Jacobian by one backward sweep per result, recorded once (``drjit.freeze``); structures of arrays as well."""
    drjit = load("drjit")
    number = drjit.llvm.ad.Float64
    elementary = {name: _elementwise(getattr(drjit, name)) for name in ("sin", "cos", "exp", "log", "sqrt")}
    called = rebound(function, symbolic_numpy(drjit, **elementary))
    columns = [number(np.ascontiguousarray(column)) for column in points.T]
    fixed = [number(np.ascontiguousarray(column)) for column in constants.T]

    @drjit.freeze  # type: ignore[untyped-decorator]
    def derive(columns: list[Any], fixed: list[Any]) -> list[Any]:
        rows = []
        for row in range(results):
            inputs = [number(column) for column in columns]
            drjit.enable_grad(inputs)
            drjit.backward(called(objects(map(_Number, inputs)), objects(map(_Number, fixed)))[row].value)
            rows += [drjit.grad(x) for x in inputs]
        return rows

    def step() -> Any:
        rows = derive(columns, fixed)
        drjit.eval(rows)
        drjit.sync_thread()
        return rows

    return Call(step)
