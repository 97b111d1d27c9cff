"""The words a formula may use: functions and constants, as plain NumPy on whatever values they meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


CONSTANTS: dict[str, float] = {"pi": np.pi, "e": np.e, "inf": np.inf, "euler_gamma": np.euler_gamma}


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, 0)


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)


def _softmax(x: Any, axis: int = -1) -> Any:
    weights = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return weights / np.sum(weights, axis=axis, keepdims=True)


def _logsumexp(x: Any, axis: int | None = None) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis))


def _norm(x: Any, ord: Any = None) -> Any:
    if ord == 1:
        return np.sum(np.abs(x))
    return np.sqrt(np.sum(x * x))


def _maximum(first: Any, *others: Any, axis: int | None = None) -> Any:
    """``max(x)`` reduces, ``max(a, b)`` is entrywise, as mathematicians and Python both write it."""
    if not others:
        return np.max(first, axis=axis)
    for other in others:
        first = np.maximum(first, other)
    return first


def _minimum(first: Any, *others: Any, axis: int | None = None) -> Any:
    if not others:
        return np.min(first, axis=axis)
    for other in others:
        first = np.minimum(first, other)
    return first


def _length(x: Any) -> Any:
    """The first extent: a symbol where it has a name (``len`` itself must give an int)."""
    return np.shape(x)[0] if isinstance(x, list | tuple) else x.shape[0]


def _array(items: Any) -> Any:
    return np.stack([_array(item) for item in items]) if isinstance(items, list | tuple) else items


#: NumPy's functions that keep their name.
_NUMPY = words(
    "sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh exp exp2 expm1 log log2 log10 "
    "log1p logaddexp sqrt cbrt square reciprocal abs absolute sign floor ceil trunc rint maximum minimum hypot "
    "power add subtract multiply divide negative logical_and logical_or logical_not less less_equal greater "
    "greater_equal equal not_equal deg2rad rad2deg heaviside sum mean prod var std cumsum trace dot matmul outer "
    "inner vdot transpose swapaxes diag tril triu einsum kron cross reshape ravel concatenate stack flip roll "
    "squeeze expand_dims zeros_like ones_like zeros ones eye full clip where linspace arange"
)

_OF_NUMBERS = words(
    "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh exp log log2 log10 log1p expm1 sqrt cbrt ln lg"
)

#: Every function a formula may call, by the name it is called by.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in sorted(_NUMPY)},
    **{alias: getattr(np, "arc" + alias[1:]) for alias in ("asin", "acos", "atan", "asinh", "acosh", "atanh")},
    "atan2": np.arctan2,
    "arsinh": np.arcsinh,
    "arcosh": np.arccosh,
    "artanh": np.arctanh,
    "ln": np.log,
    "lg": np.log10,
    "fabs": np.abs,
    "pow": np.power,
    "sgn": np.sign,
    "tr": np.trace,
    "max": _maximum,
    "min": _minimum,
    "amax": np.max,
    "amin": np.min,
    "sigmoid": _sigmoid,
    "expit": _sigmoid,
    "softplus": _softplus,
    "relu": _relu,
    "softmax": _softmax,
    "logsumexp": _logsumexp,
    "norm": _norm,
    "array": _array,
    "asarray": _array,
    "len": _length,
    "cot": lambda x: 1 / np.tan(x),
    "sec": lambda x: 1 / np.cos(x),
    "csc": lambda x: 1 / np.sin(x),
    "coth": lambda x: 1 / np.tanh(x),
    "sech": lambda x: 1 / np.cosh(x),
    "csch": lambda x: 1 / np.sinh(x),
    "inv": np.linalg.inv,
    "det": np.linalg.det,
}


def call(name: str, *args: Any, **keywords: Any) -> Any:
    """The function of that name. Inside a trace a function of numbers stays symbolic: ``exp(2)`` is no decimal."""
    if name in _OF_NUMBERS and all(isinstance(arg, int | float) for arg in args) and not keywords:
        args = tuple(symbolic(arg) for arg in args)
    return FUNCTIONS[name](*args, **keywords)


def symbolic(value: float) -> Any:
    """A number as a traced constant, while there is a trace."""
    from gradc.trace.arrays.tracer import lift
    from gradc.trace.context import active_trace

    return value if active_trace() is None else lift(float(value))


def power(base: Any, exponent: Any) -> Any:
    """``base ** exponent``, powers of e being exponentials."""
    if base is CONSTANTS["e"]:
        return call("exp", exponent)
    return base**exponent


#: What may be called as a method, ``x.sum(axis=0)``, or read as an attribute.
METHODS = words("sum mean prod var std cumsum trace dot transpose reshape ravel max min clip")

#: Prefixes that name a module: ``np.sin``, ``math.pi``, ``np.linalg.norm``.
MODULES = words("np numpy math linalg scipy special")

#: sin^{-1} in LaTeX is the inverse function, not the reciprocal.
INVERSES = {
    "sin": "arcsin",
    "cos": "arccos",
    "tan": "arctan",
    "sinh": "arcsinh",
    "cosh": "arccosh",
    "tanh": "arctanh",
}
