"""cond, while_loop, fori_loop, scan, checkpoint: traced they give what they give in Python; what can't be staged is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, DTypeError, ShapeError, TraceError

X = np.array([0.4, -0.3, 0.9])
W = np.array([[0.5, -0.2, 0.1], [0.3, 0.8, -0.6], [0.2, 0.1, 0.4]])
SCALE = 1.5


class State(NamedTuple):
    position: Any
    speed: Any


def spring(x: Any) -> Any:
    def step(i: Any, s: State) -> State:
        return State(s.position + 0.1 * s.speed, s.speed - 0.1 * SCALE * s.position - 0.01 * i)

    return gradc.fori_loop(0, 20, step, State(x, np.zeros(3)))


def recurrent(x: Any) -> Any:
    h, ys = gradc.scan(
        lambda h, v: (np.tanh(W @ h + v), {"sum": h.sum(), "v": v * 2}), np.zeros(3), np.stack([x, x * 2, -x])
    )
    return h, ys


def pairs_backwards(x: Any) -> Any:
    return gradc.scan(lambda s, v: (s * v[0] + v[1], s), 1.0, (x, x + 1), reverse=True)


def by_length(x: Any) -> Any:
    return gradc.scan(lambda s, _: (s / 2, None), x, length=3)


def newton(x: Any) -> Any:
    a = np.sum(x) + 1
    return gradc.while_loop(lambda s: np.abs(s * s - a) > 1e-12, lambda s: 0.5 * (s + a / s), a)


def chosen(x: Any) -> Any:
    total = np.sum(x)
    return gradc.cond(total > 0, lambda v, k: (v * total, k), lambda v, k: (np.exp(v), k + 1), x, 2)


def chosen_in_loop(x: Any) -> Any:
    def step(i: Any, s: Any) -> Any:
        return gradc.cond(s[0] > 0.5, lambda s: s * 0.5, lambda s: s + x, s)

    return gradc.fori_loop(0, 6, step, x)


def integers(x: Any) -> Any:
    return gradc.fori_loop(0, 5, lambda i, s: (s[0] + i, s[1] * x[i % 3]), (0, 1.0))


def widened(x: Any) -> Any:
    """A Python number gives way to what the body makes of it."""
    return gradc.fori_loop(0, 3, lambda i, s: s + x[0], 0)


def extent_as_bound(x: Any) -> Any:
    return gradc.fori_loop(1, len(x), lambda i, s: s + x[i] * x[i - 1], 0.0)


def power_of(count: int) -> Callable[..., Any]:
    return lambda x: gradc.fori_loop(0, count, lambda i, s: s * x[0], 1.0)


def test_a_bound_may_be_an_int_of_a_closure() -> None:
    for count in (3, 5):
        np.testing.assert_allclose(gradc.grad(power_of(count))(X), [count * X[0] ** (count - 1), 0, 0], rtol=1e-14)


def bound_from_values(x: Any) -> Any:
    count = np.sum(x > 0)
    return gradc.fori_loop(0, count, lambda i, s: s * x[0], 1.0)


def nested(x: Any) -> Any:
    def outer(i: Any, s: Any) -> Any:
        return gradc.fori_loop(0, 2, lambda j, u: u + 0.1 * np.sin(u * x) * (i + j), s)

    return gradc.fori_loop(0, 3, outer, x)


def written(x: Any) -> Any:
    """An array that is carried may be written to."""

    def step(i: Any, y: Any) -> Any:
        y[i] = y[i - 1] * 0.5 + x[i]
        return y

    return gradc.fori_loop(1, 3, step, x * 1.0)


def gradient_inside(x: Any) -> Any:
    slope = gradc.grad(lambda v: np.sum(v**4))
    return gradc.fori_loop(0, 4, lambda i, v: v - 0.1 * slope(v), x)


def kept(x: Any) -> Any:
    return gradc.checkpoint(lambda a, *, b: np.sin(a) * b)(x, b=x[0])


PROGRAMS = [
    spring, recurrent, pairs_backwards, by_length, newton, chosen, chosen_in_loop, integers, widened, extent_as_bound,
    bound_from_values, nested, written, gradient_inside, kept,
]  # fmt: skip
EACH = pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)


def leaves(value: Any) -> list[np.ndarray]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in leaves(item)]
    return [] if value is None else [np.asarray(value)]


@EACH
def test_traced_and_in_python(program: Callable[..., Any]) -> None:
    expected, actual = program(X.copy()), gradc.jit(program)(X.copy())
    assert type(actual) is type(expected)
    for a, e in zip(leaves(actual), leaves(expected), strict=True):
        assert a.dtype == e.dtype
        np.testing.assert_allclose(a, e, rtol=1e-13)


def total(program: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: sum(np.sum(leaf) for leaf in leaves_traced(program(x)))


def leaves_traced(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves_traced(item)]
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in leaves_traced(item)]
    return [] if value is None else [value]


@EACH
def test_gradient(program: Callable[..., Any]) -> None:
    function, step = total(program), 1e-6
    wanted = np.array([(function(X + step * e) - function(X - step * e)) / (2 * step) for e in np.eye(3)], dtype=float)
    _, forward = zip(*[gradc.jvp(function, (X,), (e,)) for e in np.eye(3)], strict=True)
    np.testing.assert_allclose(forward, wanted, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(gradc.grad(function)(X), wanted, rtol=1e-6, atol=1e-8)


@EACH
def test_batched(program: Callable[..., Any]) -> None:
    every = np.stack([X, X * 0.5, X + 1])
    together = leaves(gradc.vmap(program)(every))
    for k, x in enumerate(every):
        for a, e in zip(together, leaves(program(x.copy())), strict=True):
            np.testing.assert_allclose(a[k], e, rtol=1e-12)


def outside(x: Any) -> Any:
    y = np.zeros(3)

    def step(i: Any, s: Any) -> Any:
        y[i] = s
        return s * 2

    return gradc.fori_loop(0, 3, step, x[0]), y


def leaked(x: Any) -> Any:
    seen = []

    def step(i: Any, s: Any) -> Any:
        seen.append(s)
        return s * 2

    gradc.fori_loop(0, 3, step, x)
    return seen[0]


WRONG = {
    "written outside": (outside, TraceError, "made outside is written to inside the body"),
    "leaked": (leaked, TraceError, "inside the body of a loop or branch is used outside"),
    "grows": (lambda x: gradc.fori_loop(0, 3, lambda i, s: np.append(s, 1.0), x), ShapeError, "keeps its shape"),
    "another structure": (lambda x: gradc.fori_loop(0, 3, lambda i, s: (s, s), x), TraceError, "structure"),
    "another dtype": (
        lambda x: gradc.fori_loop(0, 3, lambda i, s: s / 2, np.zeros(3, int)), DTypeError, r"astype\('float64'\)",
    ),
    "no pair": (lambda x: gradc.scan(lambda s, v: s, 0.0, x), TraceError, r"returns a pair \(carry, y\)"),
    "no length": (lambda x: gradc.scan(lambda s, v: (s, v), x), TraceError, "length="),
    "two lengths": (lambda x: gradc.scan(lambda s, v: (s, None), 0.0, (x, x[1:])), ShapeError, "3 steps .* 2 over"),
    "branches differ": (lambda x: gradc.cond(x[0] > 0, lambda: x, lambda: x[1:]), ShapeError, "different shapes"),
    "an array as a predicate": (lambda x: gradc.cond(x > 0, lambda: x, lambda: x), ShapeError, "use np.where"),
    "an array as a condition": (
        lambda x: gradc.while_loop(lambda s: s > 0, lambda s: s - 1, x), ShapeError, "one truth value",
    ),
    "no function": (lambda x: gradc.fori_loop(0, 3, x, x), ArgumentError, "takes a function as body_fun"),
    "a text": (lambda x: gradc.fori_loop(0, 3, lambda i, s: s, ("a", x)), TraceError, "holds a str"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_staged_is_said(name: str) -> None:
    function, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        gradc.jit(function)(X)


def test_one_branch_is_computed() -> None:
    """The other one would fail."""
    pick = gradc.jit(lambda x, i: gradc.cond(i < 3, lambda: x[i], lambda: 0.0))
    assert pick(X, 1) == X[1]
    assert pick(X, 7) == 0.0


def test_an_index_out_of_range_in_a_loop_is_told() -> None:
    far = gradc.jit(lambda x: gradc.fori_loop(0, 5, lambda i, s: s + x[i], 0.0))
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0 with size 3"):
        far(X)


def test_a_checkpointed_scan_in_a_scan_has_the_gradient_of_one_scan() -> None:
    def step(s: Any, v: Any) -> Any:
        return np.sin(s) + v, None

    def flat(x: Any) -> Any:
        return gradc.scan(step, 0.3, x)[0]

    def in_rows(x: Any) -> Any:
        inner = gradc.checkpoint(lambda s, row: gradc.scan(step, s, row)[0])
        return gradc.scan(lambda s, row: (inner(s, row), None), 0.3, x.reshape(10, 10))[0]

    x = np.linspace(-1, 1, 100)
    np.testing.assert_allclose(gradc.grad(in_rows)(x), gradc.grad(flat)(x), rtol=1e-12)


@pytest.mark.parametrize("upper", [2.5, np.ones(2), "3"], ids=str)
def test_bounds_are_integers(upper: Any) -> None:
    with pytest.raises(DTypeError, match="fori_loop goes from one integer to another: upper is"):
        gradc.jit(lambda x: gradc.fori_loop(0, upper, lambda i, s: s + x, x))(1.0)


def test_a_traced_bound_is_an_integer() -> None:
    total = gradc.jit(lambda n: gradc.fori_loop(0, n, lambda i, s: s + i, 0))
    assert total(5) == 10
    with pytest.raises(DTypeError, match="upper is float64 of shape"):
        total(5.0)


def test_a_scan_of_no_steps_stacks_arrays_without_rows() -> None:
    def step(carry, x):
        return carry + np.sum(x), {"twice": x * 2, "before": carry}

    plain = gradc.scan(step, 1.0, np.zeros((0, 3)))
    traced = gradc.jit(lambda xs: gradc.scan(step, 1.0, xs))(np.zeros((0, 3)))
    for last, ys in (plain, traced):
        assert last == 1.0
        assert ys["twice"].shape == (0, 3)
        assert ys["before"].shape == (0,)
    assert gradc.scan(lambda c, _: (c, None), 1.0, length=0) == (1.0, None)


def test_a_kept_call_reads_a_state_before_the_next_one_is_written() -> None:
    """The counter's next value needs nothing but the counter, and could be written first."""

    def function(v: Any) -> Any:
        def step(state: Any) -> Any:
            count, _, u = state
            part = gradc.checkpoint(lambda t: v * 0.3 * t[(count + 1) % 4])(np.sin(u * u))
            return count + 1, v - part, v - part

        return gradc.while_loop(lambda state: (state[0] < 3) & (np.sum(state[1]) < 5.0), step, (0, v, v))[2]

    v, along = np.array([0.3, -0.7, 1.1, 0.4]), np.array([1.0, 0.5, -2.0, 0.3])
    both = gradc.jit(lambda v: gradc.jvp(function, (v,), (along,)))
    value, tangent = both(v)
    np.testing.assert_allclose(value, function(v), rtol=1e-13)
    wanted = (function(v + 1e-6 * along) - function(v - 1e-6 * along)) / 2e-6
    np.testing.assert_allclose(tangent, wanted, rtol=1e-7)
    np.testing.assert_allclose(gradc.jacrev(function)(v) @ along, wanted, rtol=1e-7)
