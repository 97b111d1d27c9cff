"""The same source for every system: a function written with ``np`` is run with another library under that name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.systems import load


def rebound(function: Callable[..., Any], namespace: Any) -> Callable[..., Any]:
    """The function with ``np`` meaning ``namespace``, in it and in the helpers of its module."""
    assert isinstance(function, FunctionType)
    scope = dict(function.__globals__)
    for name, value in scope.items():
        if isinstance(value, FunctionType) and value.__globals__ is function.__globals__:
            scope[name] = FunctionType(value.__code__, scope, name, value.__defaults__, value.__closure__)
    scope["np"] = namespace
    return FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)


class _Torch:
    """Torch with NumPy's names where they differ."""

    def __getattr__(self, name: str) -> Any:
        return getattr(load("torch"), name)

    def max(self, x: Any, axis: Any = (), keepdims: bool = False) -> Any:
        return load("torch").amax(x, axis, keepdim=keepdims)

    def sum(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return load("torch").sum(x, dim=axis, keepdim=keepdims)

    def cross(self, x: Any, y: Any) -> Any:
        return load("torch").linalg.cross(x, y)

    def maximum(self, x: Any, y: Any) -> Any:
        return load("torch").clamp(x, min=y) if isinstance(y, int | float) else load("torch").maximum(x, y)


def numpy_of(system: str) -> Any:
    """What stands for NumPy in a system."""
    if system == "torch":
        return _Torch()
    if system == "casadi":
        casadi = load("casadi")
        names = ("sin", "cos", "exp", "log", "log1p", "sqrt")
        return SimpleNamespace(sum=casadi.sum1, **{name: getattr(casadi, name) for name in names})
    return __import__(f"{system}.numpy").numpy


def objects(items: Iterable[Any]) -> np.ndarray:
    """A vector of expressions."""
    listed = list(items)
    vector = np.empty(len(listed), dtype=object)
    for place, item in enumerate(listed):
        vector[place] = item
    return vector


def symbolic_numpy(library: Any, **further: Callable[[Any], Any]) -> SimpleNamespace:
    """For systems of scalar expressions: NumPy over arrays of expressions, elementary functions of the library."""
    own = {name: getattr(library, name) for name in ("sin", "cos", "exp", "log", "sqrt")} | further
    own.setdefault("log1p", lambda x: own["log"](1 + x))

    def elementwise(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        over_array = np.frompyfunc(function, 1, 1)
        return lambda x: over_array(x) if isinstance(x, np.ndarray) else function(x)

    return SimpleNamespace(
        **{name: elementwise(function) for name, function in own.items()},
        **{name: getattr(np, name) for name in ("sum", "cross", "array", "stack", "concatenate", "dot", "zeros")},
    )
