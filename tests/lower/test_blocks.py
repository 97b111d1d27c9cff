"""Loops over independent examples run block by block, and give what each example gives on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import gradc
from gradc import cond, fori_loop, scan, while_loop
from gradc.ir.scalar import size
from gradc.lower import compile_graph, parallel

Array = np.ndarray
rng = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _same_number_of_threads_afterwards() -> Iterator[None]:
    before = gradc.get_num_threads()
    yield
    gradc.set_num_threads(before)


def lowered(f: Any, *arguments: Any) -> str:
    """The loop tree of a compiled function."""
    return str(f.record_for(*arguments).kernel.lowered)


def runs_in_blocks(f: Any, *arguments: Any) -> bool:
    return "examples:" in lowered(f, *arguments)


# ---------------------------------------------------------------- programs for one example: (state of 2, sequence, number)


def mixed(c: Array, entry: Array, p: Any) -> Array:
    a, b = c
    return np.stack([np.sin(a + entry) * p + b * 0.5, np.where(a > b, a * b, a - b)])


def final(x: Array, xs: Array, p: Any) -> Any:
    return scan(lambda c, e: (mixed(c, e, p), c[0] * c[1]), x, xs)[0]


def stacked(x: Array, xs: Array, p: Any) -> Any:
    return scan(lambda c, e: (mixed(c, e, p), c[0] * c[1]), x, xs)[1]


def product(x: Array, xs: Array, p: Any) -> Any:
    turn = np.array([[0.5, 0.1], [-0.2, 0.9]], x.dtype)
    return fori_loop(0, 7, lambda i, c: np.tanh(turn @ c) * p, x)


def nested(x: Array, xs: Array, p: Any) -> Any:
    def outer(i: Any, c: Array) -> Any:
        return fori_loop(0, 3, lambda j, d: d * 0.5 + np.cos(d) * p, c)

    return fori_loop(0, 4, outer, x)


def shrinking(x: Array, xs: Array, p: Any) -> Any:
    return while_loop(lambda c: np.sum(c * c) > 0.5, lambda c: c * 0.7 * np.cos(p), x)


def counted(x: Array, xs: Array, p: Any) -> Any:
    return while_loop(lambda c: np.abs(c[0][0]) > 0.01, lambda c: (c[0] * 0.6, c[1] + 1), (x, 0))


def branching(x: Array, xs: Array, p: Any) -> Any:
    def step(i: Any, c: Array) -> Any:
        return cond(c[0] > c[1], lambda c: c * 0.5, lambda c: c + 0.3 * p, c)

    return fori_loop(0, 9, step, x)


def clocked(x: Array, xs: Array, p: Any) -> Any:
    """The time is the same for all examples."""
    return fori_loop(0, 9, lambda i, c: (c[0] + 0.1 * np.sin(c[1] + c[0]), c[1] + p), (x, p))


def checkpointed(x: Array, xs: Array, p: Any) -> Any:
    return fori_loop(0, 9, lambda i, c: gradc.checkpoint(lambda c: np.sin(c) * p + c[::-1])(c), x)


def halves(x: Array, xs: Array, p: Any) -> Any:
    """A branch that all examples take together."""

    def step(i: Any, c: Array) -> Any:
        return cond(i < 4, lambda c: fori_loop(0, 2, lambda j, d: d * p, c), lambda c: np.cos(c), c)

    return fori_loop(0, 9, step, x)


@gradc.custom_derivative
def square(x: Any) -> Any:
    return x * x


@square.defjvp
def _square_tangent(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return x * x, 3 * x * dx


def own_rule(x: Array, xs: Array, p: Any) -> Any:
    return fori_loop(0, 4, lambda i, c: 0.5 * square(c) + p, x)


EXACT = [final, stacked, shrinking, counted, branching, clocked, nested, checkpointed, halves, own_rule]
SIZES = {"f8": (1, 7, 8, 9, 16, 17, 100), "f4": (9, 33)}


def arguments(n: int, dtype: str) -> tuple[Array, Array, Any]:
    return (
        rng.standard_normal((n, 2)).astype(dtype),
        rng.standard_normal((n, 6)).astype(dtype),
        np.dtype(dtype).type(0.8),
    )


def leaves(result: Any) -> list[Array]:
    return [np.asarray(r) for r in result] if isinstance(result, tuple | list) else [np.asarray(result)]


def one_by_one(f: Any, x: Array, xs: Array, p: Any) -> list[Array]:
    single = gradc.jit(f)
    each = [leaves(single(x[k], xs[k], p)) for k in range(len(x))]
    return [np.stack(parts) for parts in zip(*each, strict=True)]


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("f", EXACT)
def test_a_batch_gives_what_each_example_gives(f: Callable[..., Any], dtype: str) -> None:
    for n in SIZES[dtype]:
        given = arguments(n, dtype)
        batched = gradc.jit(gradc.vmap(f, in_axes=(0, 0, None)))
        for ours, theirs in zip(leaves(batched(*given)), one_by_one(f, *given), strict=True):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)
        assert runs_in_blocks(batched, *given) == (n >= 16)


@pytest.mark.parametrize("f", [product, lambda *given: np.sum(stacked(*given) ** 2) + np.sum(final(*given))])
def test_sums_differ_by_their_rounding(f: Callable[..., Any]) -> None:
    for n in (9, 17, 100):
        given = arguments(n, "f8")
        batched = gradc.jit(gradc.vmap(f, in_axes=(0, 0, None)))
        np.testing.assert_allclose(batched(*given), one_by_one(f, *given)[0], rtol=1e-12, atol=1e-13)
        assert runs_in_blocks(batched, *given) == (n >= 16)


@pytest.mark.parametrize("f", [final, stacked, product, nested, branching, checkpointed, halves, own_rule])
@pytest.mark.parametrize("argnums", [0, 1, 2])
def test_gradients_too(f: Callable[..., Any], argnums: int) -> None:
    slope = gradc.grad(lambda x, xs, p: np.sum(f(x, xs, p) ** 2), argnums=argnums)
    for n in (9, 37):
        given = arguments(n, "f8")
        batched = gradc.jit(gradc.vmap(slope, in_axes=(0, 0, None)))
        np.testing.assert_allclose(batched(*given), one_by_one(slope, *given)[0], rtol=1e-12, atol=1e-14)
        assert runs_in_blocks(batched, *given) == (n >= 16) or (argnums == 1 and f not in (final, stacked))


def test_a_loop_and_its_adjoint_run_in_one_block() -> None:
    batched = gradc.jit(gradc.vmap(gradc.grad(lambda x: np.sum(nested(x, x, 0.3) ** 2))))
    x = rng.standard_normal((40, 2))
    text = lowered(batched, x)
    assert text.count("examples:") == 1
    assert text.count("loop of 4 steps") == 2


def spiral(s: Array, p: Array) -> Array:
    return fori_loop(0, 20, lambda i, s: s + 0.1 * np.stack([p[0] * s[1] - s[0], np.sin(p[1] * s[0])]), s)


def damped(s: Array, p: Array) -> Array:
    return fori_loop(0, 20, lambda i, s: s - 0.1 * p * np.tanh(s), s)


def driven(s: Array, p: Array) -> Array:
    return scan(lambda c, e: (np.cos(p * c) + e * p[::-1], c[0]), s, np.linspace(0, 1, 10))[0]


@pytest.mark.parametrize("f", [spiral, damped, driven])
@pytest.mark.parametrize("n", [5, 16, 45])
def test_the_gradient_to_what_all_examples_share(f: Callable[..., Any], n: int) -> None:
    """Each step adds a sum over the examples to it: in blocks, each example has a total of its own."""

    def loss(p: Array, states: Array) -> Any:
        return np.mean(gradc.vmap(lambda s: np.sum(f(s, p) ** 2))(states))

    p, states = np.array([1.3, 0.7]), rng.standard_normal((n, 2))
    slope = gradc.jit(gradc.grad(loss))
    single = gradc.jit(gradc.grad(lambda p, s: np.sum(f(s, p) ** 2)))
    np.testing.assert_allclose(
        slope(p, states), np.mean([single(p, s) for s in states], axis=0), rtol=1e-12, atol=1e-13
    )
    text = lowered(slope, p, states)
    assert text.count("examples:") == (n >= 16)


def test_state_arrays_that_the_user_writes() -> None:
    def swing(x: Array, v: Array) -> Any:
        return fori_loop(0, 50, lambda i, s: (s[0] + 0.1 * s[1], s[1] - 0.1 * np.sin(s[0])), (x, v))

    x, v = rng.standard_normal((2, 100))
    f = gradc.jit(swing)
    for ours, theirs in zip(f(x, v), swing_of(x, v), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    assert runs_in_blocks(f, x, v)


def swing_of(x: Array, v: Array) -> tuple[Array, Array]:
    for _ in range(50):
        x, v = x + 0.1 * v, v - 0.1 * np.sin(x)
    return x, v


@pytest.mark.parametrize("f", [final, shrinking, counted])
def test_one_kernel_for_any_number_of_examples(f: Callable[..., Any]) -> None:
    n = size("n")
    batched = gradc.jit(gradc.vmap(lambda x, xs: f(x, xs, 0.8)))
    graph = batched.record_for(gradc.matrix("n", 2), gradc.matrix("n", 6)).simplified
    assert n in graph.inputs[0].shape
    kernel = compile_graph(graph)
    assert "examples:" in kernel.lowered
    for count in (2, 3, 15, 16, 17, 100):
        x, xs, _ = arguments(count, "f8")
        for ours, theirs in zip(kernel([x, xs]), one_by_one(f, x, xs, 0.8), strict=True):
            np.testing.assert_array_equal(ours, theirs)


# ---------------------------------------------------------------- what is not one of these


def rolled(x: Array) -> Array:
    return fori_loop(0, 5, lambda i, c: 0.5 * c + 0.1 * np.roll(c, 1), x)


def centred(x: Array) -> Array:
    return fori_loop(0, 5, lambda i, c: c - 0.5 * np.mean(c), x)


def numbered(x: Array) -> Array:
    return fori_loop(0, 5, lambda i, c: c + np.arange(len(c)), x)


def backwards(x: Array) -> Array:
    return fori_loop(0, 5, lambda i, c: c[::-1] * 0.5, x)


def until_all(x: Array) -> Array:
    """Examples that are done go on with the others."""
    return while_loop(lambda c: np.any(c > 1), lambda c: c * 0.5, x)


def first_of_all(x: Array) -> Array:
    return fori_loop(0, 5, lambda i, c: c * 0.9 + c[0], x)


def plain(name: str, x: Array) -> Array:
    """The same with NumPy."""
    if name == "until_all":
        while np.any(x > 1):
            x = x * 0.5
        return x
    steps: dict[str, Callable[[Array], Array]] = {
        "rolled": lambda c: 0.5 * c + 0.1 * np.roll(c, 1),
        "centred": lambda c: c - 0.5 * np.mean(c),
        "numbered": lambda c: c + np.arange(len(c)),
        "backwards": lambda c: c[::-1] * 0.5,
        "first_of_all": lambda c: c * 0.9 + c[0],
    }
    for _ in range(5):
        x = steps[name](x)
    return x


@pytest.mark.parametrize("f", [rolled, centred, numbered, backwards, until_all, first_of_all])
def test_examples_that_meet_stay_together(f: Callable[[Array], Array]) -> None:
    x = np.abs(rng.standard_normal(50)) * 9
    compiled = gradc.jit(f)
    np.testing.assert_allclose(compiled(x), plain(f.__name__, x), rtol=1e-13, atol=1e-13)
    assert not runs_in_blocks(compiled, x)


def test_the_same_array_along_two_axes() -> None:
    a = rng.standard_normal((20, 20))

    def both(a: Array) -> Array:
        return fori_loop(0, 3, lambda i, c: c * 0.5 + a.T * 0.1 + a, a)

    expected = a
    for _ in range(3):
        expected = expected * 0.5 + a.T * 0.1 + a
    np.testing.assert_allclose(gradc.jit(both)(a), expected, rtol=1e-13, atol=1e-14)


# ---------------------------------------------------------------- threads


@pytest.mark.parametrize("f", [final, stacked, shrinking, clocked])
def test_threads_share_the_blocks(f: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTH", 1)
    monkeypatch.setattr(parallel, "CHUNK_WORK", 1)
    given = arguments(203, "f8")
    batched = gradc.jit(gradc.vmap(lambda *a: f(*a), in_axes=(0, 0, None)))
    gradc.set_num_threads(1)
    alone = [r.tobytes() for r in leaves(batched(*given))]
    for count in (2, 5):
        gradc.set_num_threads(count)
        assert [r.tobytes() for r in leaves(batched(*given))] == alone
    assert "in parallel" in lowered(batched, *given)


def test_threads_have_residuals_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTH", 1)
    monkeypatch.setattr(parallel, "CHUNK_WORK", 1)
    slope = gradc.grad(lambda x, xs: np.sum(final(x, xs, 0.7) ** 2))
    x, xs = rng.standard_normal((203, 2)), rng.standard_normal((203, 150))
    batched = gradc.jit(gradc.vmap(slope))
    gradc.set_num_threads(1)
    alone = batched(x, xs).tobytes()
    gradc.set_num_threads(4)
    for _ in range(5):
        assert batched(x, xs).tobytes() == alone
