"""Random programs with loops, of a batch of examples and of each example on its own: values and gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import gradc

Array = np.ndarray
Term = Callable[[Sequence[Any]], Any]

_ONE: tuple[Callable[[Any], Any], ...] = (np.sin, np.cos, np.tanh, np.abs, lambda a: 0.5 * a, lambda a: 1 / (1 + a * a))
_TWO: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: 0.5 * (a + b),
    lambda a, b: np.tanh(a) * b,
    lambda a, b: a - 0.3 * b,
    np.maximum,
    lambda a, b: np.where(a > b, a, 0.5 * b),
    lambda a, b: np.sqrt(a * a + b * b + 1),
)


class Programs:
    """Random bodies and loops around them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def chosen(self, options: Sequence[Any]) -> Any:
        return options[self.rng.integers(len(options))]

    def term(self, depth: int) -> Term:
        """An expression in some numbers."""
        if depth == 0:
            place = int(self.rng.integers(100))
            return lambda given: given[place % len(given)]
        if self.rng.random() < 0.4:
            function, inner = self.chosen(_ONE), self.term(depth - 1)
            return lambda given: function(inner(given))
        both, left, right = self.chosen(_TWO), self.term(depth - 1), self.term(int(self.rng.integers(depth)))
        return lambda given: both(left(given), right(given))

    def step(self, size: int) -> Callable[[Any, Sequence[Any]], Any]:
        """What becomes of a state; some entries shrink to the mean of others or to a product with a matrix."""
        terms = [self.term(int(self.rng.integers(1, 4))) for _ in range(size)]
        matrix = self.rng.standard_normal((size, size)) / size
        kind = self.rng.integers(4)

        def step(state: Any, others: Sequence[Any]) -> Any:
            made = np.stack([term([*state, *others]) for term in terms])
            if kind == 0:
                return np.tanh(matrix @ state) + 0.1 * made
            return 0.9 * made + 0.05 * np.sum(state) if kind == 1 else made

        return step

    def program(self) -> Callable[[Array, Array, Any], Any]:
        """A function of a state, a sequence and a number."""
        size = 2
        step, other = self.step(size), self.step(size)
        kind = int(self.rng.integers(5))
        bound = float(self.rng.uniform(0.05, 2))

        def counted(x: Array, xs: Array, p: Any) -> Any:
            return gradc.fori_loop(0, 5, lambda i, c: step(c, [p, 0.1 * i]), x)

        def scanned(x: Array, xs: Array, p: Any) -> Any:
            final, ys = gradc.scan(lambda c, e: (step(c, [e, p, np.exp(-e * e)]), c[0] * e), x, xs)
            return final + np.sum(ys * ys)

        def twice(x: Array, xs: Array, p: Any) -> Any:
            def outer(c: Any, e: Any) -> Any:
                return gradc.fori_loop(0, 2, lambda j, d: other(d, [e, p]), step(c, [p])), e

            return gradc.scan(outer, x, xs)[0]

        def stopping(x: Array, xs: Array, p: Any) -> Any:
            def goes_on(c: Any) -> Any:
                return (np.sum(c[0] ** 2) > bound) & (c[1] < 7)

            return gradc.while_loop(goes_on, lambda c: (0.8 * step(c[0], [p]), c[1] + 1), (x, 0))[0]

        def branching(x: Array, xs: Array, p: Any) -> Any:
            def either(i: Any, c: Any) -> Any:
                return gradc.cond(c[0] > bound, lambda c: step(c, [p]), lambda c: other(c, [p]), c)

            return gradc.fori_loop(0, 4, either, x)

        return (counted, scanned, twice, stopping, branching)[kind]


@pytest.mark.parametrize("seed", range(30))
def test_random_programs(seed: int) -> None:
    made = Programs(seed)
    f = made.program()
    n = int(made.chosen((16, 19, 40)))
    x, xs, p = made.rng.standard_normal((n, 2)), made.rng.standard_normal((n, 4)), 0.7

    def energy(x: Array, xs: Array, p: Any) -> Any:
        return np.sum(f(x, xs, p) ** 2)

    batched = gradc.jit(gradc.vmap(f, in_axes=(0, 0, None)))
    single = gradc.jit(f)
    expected = np.stack([single(x[k], xs[k], p) for k in range(n)])
    np.testing.assert_allclose(batched(x, xs, p), expected, rtol=1e-11, atol=1e-12)
    assert "examples:" in str(batched.record_for(x, xs, p).kernel.lowered)
    if f.__name__ == "stopping":
        return
    total = gradc.jit(
        gradc.grad(lambda p, x, xs: np.sum(gradc.vmap(energy, in_axes=(0, 0, None))(x, xs, p)), argnums=(0, 1))
    )
    slope = gradc.jit(gradc.grad(energy, argnums=(2, 0)))
    each = [slope(x[k], xs[k], p) for k in range(n)]
    ours = total(p, x, xs)
    np.testing.assert_allclose(ours[0], np.sum([e[0] for e in each]), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(ours[1], np.stack([e[1] for e in each]), rtol=1e-9, atol=1e-10)
