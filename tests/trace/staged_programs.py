"""Programs with plain Python control flow, to be compared with what Python makes of them, and their slopes with differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import gradc


@dataclass(frozen=True)
class Case:
    """A function, points to try it at, and whether it has a derivative there."""

    function: Callable[..., Any]
    points: tuple[tuple[Any, ...], ...]
    differentiable: bool = True

    def check_values(self) -> None:
        """Compiled, it gives what Python gives."""
        compiled = gradc.jit(self.function)
        for point in self.points:
            expected, actual = self.function(*fresh(point)), compiled(*fresh(point))
            for a, e in zip(leaves(actual), leaves(expected), strict=True):
                np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-14)

    def check_derivatives(self) -> None:
        """Both modes give the central difference along some direction of the first argument."""
        function = scalar(self.function)
        for x, *rest in map(fresh, self.points):
            if isinstance(x, int):
                continue
            direction = np.cos(np.arange(np.size(x)) + 0.3).reshape(np.shape(x)) if np.ndim(x) else 1.0
            wanted = difference(function, x, tuple(rest), direction, 1e-6)
            _, forward = gradc.jvp(lambda y, rest=rest: function(y, *rest), (x,), (direction,))
            np.testing.assert_allclose(forward, wanted, rtol=2e-6, atol=1e-7)
            slope = gradc.grad(function)(x, *rest)
            np.testing.assert_allclose(np.sum(slope * direction), wanted, rtol=2e-6, atol=1e-7)


class Programs(list[Case]):
    """The cases of a file."""

    def case(self, *points: Any, differentiable: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Enter a function with its points: each the only argument, or a tuple of them; the first is differentiated."""

        def enter(function: Callable[..., Any]) -> Callable[..., Any]:
            given = tuple(p if isinstance(p, tuple) else (p,) for p in points)
            self.append(Case(function, given, differentiable))
            return function

        return enter

    def each(self, *, differentiable: bool = False) -> pytest.MarkDecorator:
        """A test of each case, or of each that has a derivative."""
        named = {c.function.__qualname__.replace("<lambda>", f"lambda{k}"): c for k, c in enumerate(self)}
        chosen = {name: c for name, c in named.items() if c.differentiable or not differentiable}
        return pytest.mark.parametrize("each", list(chosen.values()), ids=list(chosen))


def leaves(value: Any) -> list[Any]:
    """The numbers and arrays in a result."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def fresh(point: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, with arrays that nobody else holds."""
    return tuple(p.copy() if isinstance(p, np.ndarray) else p for p in point)


def scalar(function: Callable[..., Any]) -> Callable[..., Any]:
    """The sum of all that the function gives."""
    return lambda x, *rest: sum(np.sum(leaf) for leaf in leaves(function(x, *rest)))


def difference(function: Callable[..., Any], x: Any, rest: tuple[Any, ...], direction: Any, step: float) -> float:
    """The central difference along a direction."""
    return (function(x + step * direction, *rest) - function(x - step * direction, *rest)) / (2 * step)


def check_refused(function: Callable[..., Any], argument: Any, line: int, words: str) -> None:
    """The function is refused with these words; the error names that line of it."""
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        gradc.jit(function)(argument)
    code = function.__code__
    assert f"{code.co_filename}:{code.co_firstlineno + line}" in str(caught.value)
    assert gradc.jit(lambda x: x if x > 0 else -x)(2.0) == 2.0  # nothing is left behind
