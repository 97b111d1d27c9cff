"""`plot`: a function of one variable and its derivatives, drawn with matplotlib."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.function import Function

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 801
_LONGEST_LABEL = 60
_MOST_DERIVATIVES = 8


def plot(f: Callable[..., Any], x: Any = (-5.0, 5.0), *, order: int = 1, ax: Axes | None = None) -> Axes:
    """Draw ``f`` and its derivatives up to ``order``.

    Parameters
    ----------
    f
        A function of one number, in plain NumPy; or a `Function`.
    x
        Where: the points themselves, or the ends ``(first, last)`` of an interval.
    order
        The highest derivative.
    ax
        Axes of matplotlib to draw into; by default those of a new figure.

    Returns
    -------
    The axes. Where a value is not finite, the line has a gap.

    Raises
    ------
    ImportError
        Without matplotlib (``pip install gradc[notebook]``).

    >>> import gradc
    >>> ax = gradc.plot(lambda x: x**3 - x, (-2, 2), order=2)
    >>> [line.get_label() for line in ax.lines[:3]]
    ['$f(x) = x^{3} - x$', "$f'(x) = 3 x^{2} - 1$", "$f''(x) = 6 x$"]

    """
    from gradc.api import grad, vmap

    if not 0 <= order <= _MOST_DERIVATIVES:
        raise ArgumentError(f"order is from 0 to {_MOST_DERIVATIVES}, not {order}")
    _check_one_argument(f)
    points = _points(x)
    derivative: Callable[..., Any] = f
    curves = []
    for k in range(order + 1):
        derivative = grad(derivative) if k else derivative
        curves.append((_label(f, derivative, k), _values(vmap(derivative), points)))
    if ax is None:
        ax = _new_axes()
    for label, values in curves:
        ax.plot(points, np.where(np.isfinite(values), values, np.nan), label=label)
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    ax.set_xlabel(_symbol(f))
    ax.legend()
    return ax


def _check_one_argument(f: Any) -> None:
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # no signature to be had: the trace will tell
        return
    needed = [
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(needed) > 1:
        raise ArgumentError(
            f"plot draws functions of one number; this one takes {', '.join(needed)}: "
            f"plot(lambda {needed[0]}: f({needed[0]}, ...)) gives the others a value"
        )


def _new_axes() -> Axes:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plot draws with matplotlib: pip install gradc[notebook]") from error
    axes: Axes = plt.subplots(constrained_layout=True)[1]
    return axes


def _points(x: Any) -> np.ndarray:
    try:
        points = np.asarray(x, float)
    except (TypeError, ValueError):
        raise DTypeError(f"x is an array of numbers or a pair (first, last), not {x!r}") from None
    if isinstance(x, tuple) and points.shape == (2,):
        if not points[0] < points[1]:
            raise ArgumentError(f"the interval from {points[0]:g} to {points[1]:g} is empty")
        return np.linspace(float(points[0]), float(points[1]), _POINTS)
    if points.ndim != 1 or not points.size:
        raise ShapeError(f"x is a one-dimensional array or a pair (first, last), not an array of shape {points.shape}")
    return points


def _values(batched: Function, points: np.ndarray) -> np.ndarray:
    values = np.asarray(batched(points))
    if values.shape != points.shape:
        raise ShapeError(f"plot draws functions from a number to a number; this one gives shape {values.shape[1:]}")
    if values.dtype.kind not in "fiub":
        raise DTypeError(f"plot draws real values, not {values.dtype}")
    return values.astype(float)


def _name(f: Any) -> str:
    name = str(getattr(f, "__name__", "f"))
    return name if name.isidentifier() else "f"


def _symbol(f: Any) -> str:
    from gradc.api import jit

    (argument, *_) = jit(f).formula()._symbols
    return f"${argument.latex}$"


def _label(f: Any, derivative: Any, order: int) -> str:
    """``f'(x) = 2 x``; the name alone where the formula is long or beyond matplotlib's mathtext."""
    from gradc.api import jit
    from gradc.present.symbols import symbol

    formula = (derivative if isinstance(derivative, Function) and order else jit(derivative)).formula()
    (argument, *_) = formula._symbols
    primes = "'" * order if order <= 3 else f"^{{({order})}}"
    left = f"{symbol(_name(f)).latex}{primes}({argument.latex})"
    right = formula.latex()
    simple = len(right) <= _LONGEST_LABEL and "\\begin" not in right
    return f"${left} = {right}$" if simple else f"${left}$"
