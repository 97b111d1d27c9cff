"""Reverse mode through loops whose number of steps is known only when they have run: their tapes grow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.evaluate import evaluate
from gradc.ir.tape import tape_names
from gradc_runtime.tapes import FIRST

RNG = np.random.default_rng(5)
V, W = RNG.normal(size=4), RNG.normal(size=(4, 4)) / 3


def doubling(x: Any) -> Any:
    """The number of steps depends on x, its derivative doesn't see that."""
    return gradc.while_loop(lambda s: s[0] < 50.0, lambda s: (s[0] * x, s[1] + np.sin(s[0])), (x, 0.0 * x))[1]


def newton(a: Any) -> Any:
    x = 1.0
    while abs(x * x - a) > 1e-13:
        x = 0.5 * (x + a / x)
    return x


def recurrent(w: Any, v: Any) -> Any:
    """A matrix is captured; a vector is the state."""

    def step(s: Any) -> Any:
        return np.tanh(w @ s[0] + v), s[1] + np.sum(s[0] ** 2)

    return gradc.while_loop(lambda s: s[1] < 3.0, step, (v, 0.0))[1]


def scan_of_whiles(xs: Any) -> Any:
    """Each element takes a number of steps of its own."""

    def inner(carry: Any, x: Any) -> Any:
        end = gradc.while_loop(lambda s: s[0] < 20.0, lambda s: (s[0] * 1.5, s[1] * np.cos(s[0]) + x), (x, carry))
        return end[1], end[1] ** 2

    return np.sum(gradc.scan(inner, 0.1, np.abs(xs) + 0.3)[1])


def while_of_scans(xs: Any) -> Any:
    def outer(s: Any) -> Any:
        total = gradc.scan(lambda c, x: (np.sin(c + x), None), s[0], xs)[0]
        return total, s[1] + 1.0 + 0.1 * total

    return np.prod(gradc.while_loop(lambda s: s[1] < 6.0, outer, (xs[0], 0.0)))


def while_of_whiles(x: Any) -> Any:
    def outer(s: Any) -> Any:
        a = gradc.while_loop(lambda t: t[0] < s[1], lambda t: (t[0] + 1.0, t[1] * np.sin(t[1]) + x), (0.0, s[0]))[1]
        return a, s[1] + 1.0

    return gradc.while_loop(lambda s: s[1] < 5.0, outer, (x, 1.0))[0]


def branching(x: Any) -> Any:
    step = 0
    while x < 40.0 and step < 30:
        x = x * x + 0.5 if x < 4.0 else 1.3 * x + np.sin(x)
        step += 1
    return x * step


def kept(x: Any) -> Any:
    """The steps are recomputed in the sweep."""
    return gradc.checkpoint(doubling)(x) * x


PROGRAMS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (doubling, (1.21,)),
    (newton, (2.7,)),
    (recurrent, (W, V)),
    (scan_of_whiles, (V,)),
    (while_of_scans, (V,)),
    (while_of_whiles, (0.9,)),
    (branching, (1.4,)),
    (kept, (1.21,)),
]
programs = pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=[f.__name__ for f, _ in PROGRAMS])


def slope(function: Callable[..., Any], args: tuple[Any, ...], along: tuple[Any, ...]) -> Any:
    """A difference of the eighth order of the function as Python runs it."""
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    h = 1e-3
    total = 0.0
    for k, weight in weights.items():
        for sign in (1, -1):
            moved = [a + sign * k * h * d for a, d in zip(args, along, strict=True)]
            total = total + sign * weight * np.asarray(function(*moved)) / h
    return total


def directions(args: tuple[Any, ...]) -> tuple[Any, ...]:
    rng = np.random.default_rng(8)
    return tuple(rng.normal(size=np.shape(a)) / 10 for a in args)


@programs
def test_value_and_gradient(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    along = directions(args)
    value, found = gradc.value_and_grad(function, argnums=tuple(range(len(args))))(*args)
    np.testing.assert_allclose(value, function(*args), rtol=1e-12)
    inner = sum(np.sum(g * d) for g, d in zip(found, along, strict=True))
    np.testing.assert_allclose(inner, slope(function, args, along), rtol=1e-7)
    np.testing.assert_allclose(gradc.jvp(function, args, along)[1], inner, rtol=1e-10)


@programs
def test_second_order(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Forward over reverse, and reverse over reverse."""
    along = directions(args)
    gradient = gradc.grad(function)
    first = gradc.jit(lambda *a: np.sum(gradient(*a) * along[0]))
    wanted = slope(first, args, along)
    np.testing.assert_allclose(gradc.jvp(first, args, along)[1], wanted, rtol=1e-6)
    twice = gradc.grad(first, argnums=tuple(range(len(args))))(*args)
    np.testing.assert_allclose(sum(np.sum(g * d) for g, d in zip(twice, along, strict=True)), wanted, rtol=1e-6)


@programs
def test_examples_end_at_steps_of_their_own(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    several = tuple(np.stack([a, 0.9 * np.asarray(a), 1.1 * np.asarray(a)]) for a in args)
    gradient = gradc.grad(function)
    wanted = np.stack([gradient(*[s[k] for s in several]) for k in range(3)])
    np.testing.assert_allclose(gradc.vmap(gradient)(*several), wanted, rtol=1e-11)
    batched = gradc.grad(lambda *a: np.sum(gradc.vmap(function)(*a)))
    np.testing.assert_allclose(batched(*several), wanted, rtol=1e-11)


def counted(x: Any, n: Any) -> Any:
    """A trip count that is traced."""
    return gradc.fori_loop(0, n, lambda i, s: 0.999 * s + x * np.cos(x * i), x)


def closed(x: float, n: int) -> float:
    """Its derivative by x."""
    i = np.arange(n)
    return float(0.999**n + np.sum(0.999 ** (n - 1 - i) * (np.cos(x * i) - x * i * np.sin(x * i))))


@pytest.mark.usefixtures("plain_kernels")
@pytest.mark.parametrize("n", [0, 1, FIRST - 1, FIRST, FIRST + 1, 5000, 3, 20000])
def test_any_number_of_steps(n: int) -> None:
    np.testing.assert_allclose(gradc.grad(counted)(0.01, n), closed(0.01, n), rtol=1e-9)


def test_a_loop_over_a_traced_range() -> None:
    def total(x: Any, n: Any) -> Any:
        s = x
        for i in range(n):
            s = s * 0.9 + np.sin(x + i)
        return s

    i = np.arange(200)
    wanted = 0.9**200 + np.sum(0.9 ** (199 - i) * np.cos(0.3 + i))
    np.testing.assert_allclose(gradc.grad(total)(0.3, np.int64(200)), wanted, rtol=1e-12)


def test_float32() -> None:
    found = gradc.grad(doubling)(np.float32(1.21))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, gradc.grad(doubling)(1.21), rtol=1e-4)


def test_several_outputs_and_results_given() -> None:
    jacobian = gradc.jacrev(lambda v: gradc.while_loop(lambda s: np.sum(s) < 9.0, lambda s: 1.3 * s + v**2, v))
    np.testing.assert_allclose(jacobian(np.abs(V)), gradc.jacfwd(jacobian_of(V))(np.abs(V)), rtol=1e-12)
    out = np.empty(4)
    gradient = gradc.grad(lambda v: np.sum(jacobian_of(V)(v) ** 2))
    assert gradient(np.abs(V), out=out) is out
    np.testing.assert_array_equal(out, gradient(np.abs(V)))


def jacobian_of(_: Any) -> Callable[[Any], Any]:
    return lambda v: gradc.while_loop(lambda s: np.sum(s) < 9.0, lambda s: 1.3 * s + v**2, v)


@pytest.mark.usefixtures("plain_kernels")
def test_threads_share_the_tapes() -> None:
    """Kernels that run at the same time lengthen the tape that they have in common."""
    gradient = gradc.grad(lambda x, n: counted(2.0 * x, n))
    failures: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for n in range(start, 4000, 397):
                np.testing.assert_allclose(gradient(0.005, n), 2 * closed(0.01, n), rtol=1e-9)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_loop_without_end_is_refused_when_memory_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradc_runtime.tapes.memory_bytes", lambda: 1 << 20)
    endless = gradc.grad(lambda x: gradc.while_loop(lambda s: s < 2.0, lambda s: np.sin(s + x), x))
    for _ in range(2):
        with pytest.raises(MemoryError, match="does the loop end"):
            endless(0.5)
        assert endless(2.5) == 1.0  # no step, and no room is asked for what the other call wanted


def test_the_interpreter_lengthens_tapes_too() -> None:
    record = gradc.grad(doubling).record_for(1.02)
    assert len(tape_names(record.graph)) == 1
    (found,) = evaluate(record.graph, [1.02])
    np.testing.assert_allclose(found, gradc.grad(doubling)(1.02), rtol=1e-11)


def test_a_linear_loop_keeps_no_tape() -> None:
    """Its adjoint needs the number of steps only."""
    gradient = gradc.grad(lambda x: gradc.while_loop(lambda s: s[1] < 100, lambda s: (1.5 * s[0], s[1] + 1), (x, 0))[0])
    assert tape_names(gradient.record_for(1.0).simplified) == []
    np.testing.assert_allclose(gradient(1.0), 1.5**100)
