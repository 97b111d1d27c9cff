"""`root`: functions that an equation gives, solved by Newton's method, differentiated by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.api import jacobian, jit, jvp
from gradc.control import custom_derivative, while_loop
from gradc.errors import ArgumentError, ShapeError
from gradc.function import Function


def root(f: Callable[..., Any], x0: Any, *, tolerance: float = 1e-12, max_steps: int = 100) -> Function:
    """The function of theta that solves ``f(x, *theta) = 0`` for x: ``root(f, x0)(*theta)``.

    Newton's method runs from ``x0`` inside the kernel, with f's derivative in x. The derivative of the solution is not that of
    the iteration: with ``f_x dx + f_theta dtheta = 0`` it is one linear system at the solution (the implicit function theorem;
    Blondel et al., *Efficient and Modular Implicit Differentiation*, NeurIPS 2022), in both modes and any order.

    Parameters
    ----------
    f
        A function of x and of what comes behind it; its result has the shape of x.
    x0
        Where the search begins: a number, or a vector. It gives the shape of x.
    tolerance
        The search ends when a step is at most this large, relative to ``1 + |x|``.
    max_steps
        After so many steps without that the solution is NaN: there may be none.

    Raises
    ------
    ArgumentError
        If x0 is neither a number nor a vector of floats.
    ShapeError
        If the result of f has another shape than x0.

    >>> import numpy as np
    >>> import gradc
    >>> solve = gradc.root(lambda x, a: x**3 + x - a, 1.0)
    >>> print(solve(10.0), gradc.grad(solve)(10.0))
    2.0 0.07692307692307693

    """
    start = np.asarray(x0)
    if start.dtype.kind not in "fiu" or start.ndim > 1:
        raise ArgumentError(f"root begins at a number or a vector of numbers, not {x0!r:.60}")
    first = start.astype(start.dtype if start.dtype.kind == "f" else float)

    def newton(*theta: Any) -> Any:
        def going(state: Any) -> Any:
            x, step, count = state
            return np.logical_and(count < max_steps, np.max(np.abs(step)) > tolerance * (1 + np.max(np.abs(x))))

        def improved(state: Any) -> Any:
            x, _, count = state
            value = f(x, *theta)
            if np.shape(value) != first.shape:
                raise ShapeError(
                    f"root: f gives a result of shape {np.shape(value)} for x of shape {first.shape}, which is that of x0; "
                    "it takes as many equations as unknowns"
                )
            step = _divided(jacobian(f)(x, *theta), value)
            return x - step, step, count + 1

        x, step, _ = while_loop(going, improved, (first * 1.0, np.full(first.shape, np.inf), 0))
        # NaN where the last step is still too large
        return np.where(np.max(np.abs(step)) <= tolerance * (1 + np.max(np.abs(x))), x, np.nan)

    solution = custom_derivative(newton)

    def implicit(primals: Any, tangents: Any) -> Any:
        x = solution(*primals)
        _, moved = jvp(lambda *theta: f(x, *theta), primals, tangents)
        return x, -_divided(jacobian(f)(x, *primals), moved)

    solution.defjvp(implicit)

    def solved(*theta: Any) -> Any:
        return solution(*theta)

    return jit(solved)


def _divided(matrix: Any, vector: Any) -> Any:
    """The solution of ``matrix @ x = vector``; a quotient of numbers."""
    return np.linalg.solve(matrix, vector) if np.ndim(matrix) else vector / matrix
