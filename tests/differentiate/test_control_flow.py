"""Loops, branches and kept calls: both modes, second order and several directions, against complex steps and differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from gradc.differentiate import gradient, pushforward
from gradc.differentiate.batch import batch
from gradc.differentiate.forward import identity_seed
from gradc.evaluate import evaluate
from gradc.evaluate.numbers import COMPLEX
from gradc.ir.check import check
from gradc.ir.scalar import FLOAT64, INT64, apply, load, number
from gradc.ir.tensor import Call, Compute, Graph, Loop, Tensor, call, compute, cond, input_tensor, loop, projection
from gradc.ir.walk import graph_order
from gradc.lower import compile_graph
from gradc.simplify import simplify
from gradc.trace import trace
from gradc.trace.specs import Spec

F = np.float64
T = Spec((), INT64)


def graph_of(function: Callable[..., Any], *specs: Spec) -> Graph:
    """A sub-graph, from a function of arrays."""
    return trace(function, specs).graph


def array(*shape: int) -> Spec:
    return Spec(shape, FLOAT64)


def inputs(*shapes: tuple[int, ...]) -> list[Tensor]:
    return [input_tensor(f"x{k}", shape, FLOAT64) for k, shape in enumerate(shapes)]


def results(node: Any) -> list[Tensor]:
    return [projection(node, k) for k in range(len(node.results))]


# ---------------------------------------------------------------- programs: shapes of the inputs, outputs from inputs


def recurrent(x: Sequence[Tensor]) -> list[Tensor]:
    """A recurrent net: the state goes through a captured matrix, a slice of a sequence comes in, the states are stacked."""
    body = graph_of(lambda t, h, v, w: (np.tanh(w @ h + v), np.sin(h) * v + t), T, array(3), array(3), array(3, 3))
    return results(loop(body, trip=4, init=[x[0]], sequences=[x[1]], captured=[x[2]]))


def two_states(x: Sequence[Tensor]) -> list[Tensor]:
    """A pendulum, with an integer that counts and a state that nobody asks for."""
    body = graph_of(
        lambda t, q, p, k, unused, c: (q + 0.1 * p, p - 0.1 * c * np.sin(q), k + 2, unused * q),
        T,
        array(),
        array(),
        Spec((), INT64),
        array(),
        array(),
    )
    one = compute((), number(1, INT64))
    return results(loop(body, trip=5, init=[x[0], x[1], one, x[0]], captured=[x[2]]))[:2]


def backwards(x: Sequence[Tensor]) -> list[Tensor]:
    """A reverse loop over a sequence."""
    body = graph_of(lambda t, s, v: (s * np.cos(v) + t, s * v), T, array(), array())
    return results(loop(body, trip=3, init=[x[0]], sequences=[x[1]], reverse=True))


def nested(x: Sequence[Tensor]) -> list[Tensor]:
    """A loop in a loop, the inner one over what the outer one carries."""
    inner = graph_of(lambda t, s, c: s + 0.3 * np.sin(c * s), T, array(2), array())
    (s, c) = input_tensor("s", (2,), FLOAT64), input_tensor("c", (), FLOAT64)
    run = loop(inner, trip=3, init=[s], captured=[c])
    outer = Graph((input_tensor("t", (), INT64), s, c), (projection(run, 0),))
    return results(loop(outer, trip=2, init=[x[0]], captured=[x[1]]))


def branching(x: Sequence[Tensor]) -> list[Tensor]:
    """A branch on a value: each side moves with other operands."""
    flag = compute((), apply("greater", load(x[1]), number(0, FLOAT64)))
    yes = graph_of(lambda a, b: (np.sin(a) * b, np.sum(a)), array(2), array())
    no = graph_of(lambda a, b: (a * a, b * 1.0), array(2), array())
    return results(cond(flag, yes, no, [x[0], x[1]]))


def recomputed(x: Sequence[Tensor]) -> list[Tensor]:
    """A call that is computed again in reverse mode."""
    body = graph_of(lambda a, w: (np.exp(np.sin(w @ a)),), array(3), array(3, 3))
    return results(call(body, [x[0], x[1]], "checkpoint"))


def branch_in_loop(x: Sequence[Tensor]) -> list[Tensor]:
    """A branch in every step."""
    s, c, t = input_tensor("s", (), FLOAT64), input_tensor("c", (), FLOAT64), input_tensor("t", (), INT64)
    flag = compute((), apply("less", load(s), number(0.6, FLOAT64)))
    yes = graph_of(lambda s, c: s + c * np.cos(s), array(), array())
    no = graph_of(lambda s, c: s * 0.5, array(), array())
    body = Graph((t, s, c), (projection(cond(flag, yes, no, [s, c]), 0),))
    return results(loop(body, trip=6, init=[x[0]], captured=[x[1]]))


PROGRAMS: dict[str, tuple[Callable[[Sequence[Tensor]], list[Tensor]], tuple[tuple[int, ...], ...]]] = {
    "recurrent": (recurrent, ((3,), (4, 3), (3, 3))),
    "two states": (two_states, ((), (), ())),
    "backwards": (backwards, ((), (3,))),
    "nested": (nested, ((2,), ())),
    "branching": (branching, ((2,), ())),
    "recomputed": (recomputed, ((3,), (3, 3))),
    "branch in loop": (branch_in_loop, ((), ())),
}
EACH = pytest.mark.parametrize("name", PROGRAMS)


@pytest.fixture
def program(name: str) -> tuple[list[Tensor], list[Tensor], list[np.ndarray], list[np.ndarray]]:
    build, shapes = PROGRAMS[name]
    x = inputs(*shapes)
    generator = np.random.default_rng(3)
    point = [0.4 + 0.3 * generator.normal(size=s) for s in shapes]
    direction = [generator.normal(size=s) for s in shapes]
    return x, build(x), point, direction


def run(given: Sequence[Tensor], outputs: Sequence[Tensor], values: Sequence[np.ndarray]) -> list[np.ndarray]:
    graph = check(Graph(tuple(given), tuple(outputs)))  # type: ignore[arg-type]
    simple = check(simplify(graph))
    plain, simplified = evaluate(graph, values), evaluate(simple, values)
    compiled = compile_graph(simple)([np.array(v, t.dtype, order="C") for v, t in zip(values, given, strict=True)])
    for a, b, c in zip(plain, simplified, compiled, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(c, a, rtol=1e-12, atol=1e-14)
    return plain


def slopes(
    given: Sequence[Tensor], outputs: Sequence[Tensor], point: Sequence[np.ndarray], direction: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Derivatives of the outputs by a complex step."""
    step = 1e-30
    moved = [np.asarray(p + 1j * step * d) for p, d in zip(point, direction, strict=True)]
    graph = Graph(tuple(given), tuple(outputs))  # type: ignore[arg-type]
    return [np.asarray(v, complex).imag / step for v in evaluate(graph, moved, COMPLEX)]


def along(given: Sequence[Tensor]) -> list[Tensor]:
    return [input_tensor(f"{t.name}_along", t.shape, FLOAT64) for t in given]  # type: ignore[attr-defined]


@EACH
def test_forward(program: Any) -> None:
    x, outputs, point, direction = program
    d = along(x)
    found = run([*x, *d], pushforward(outputs, x, d), [*point, *direction])
    for have, want in zip(found, slopes(x, outputs, point, direction), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-13)


def weights_of(outputs: Sequence[Tensor]) -> tuple[list[Tensor], list[np.ndarray]]:
    generator = np.random.default_rng(8)
    bars = [input_tensor(f"bar{k}", t.shape, FLOAT64) for k, t in enumerate(outputs)]
    return bars, [generator.normal(size=t.shape) for t in outputs]


@EACH
def test_reverse(program: Any) -> None:
    x, outputs, point, direction = program
    bars, weights = weights_of(outputs)
    found = run([*x, *bars], gradient(outputs, bars, x), [*point, *weights])
    want = sum(np.sum(w * s) for w, s in zip(weights, slopes(x, outputs, point, direction), strict=True))
    have = sum(np.sum(g * d) for g, d in zip(found, direction, strict=True))
    np.testing.assert_allclose(have, want, rtol=1e-12)


@EACH
@pytest.mark.parametrize("outer", ["forward", "reverse"])
def test_second_order(program: Any, outer: str) -> None:
    x, outputs, point, direction = program
    bars, weights = weights_of(outputs)
    first = gradient(outputs, bars, x)
    want = slopes([*x, *bars], first, [*point, *weights], [*direction, *[0 * w for w in weights]])
    d = along(x)
    second = pushforward(first, x, d) if outer == "forward" else gradient(first, d, x)
    found = run([*x, *bars, *d], second, [*point, *weights, *direction])
    for have, wanted in zip(found, want, strict=True):
        np.testing.assert_allclose(have, wanted, rtol=1e-10, atol=1e-12)


@EACH
def test_all_directions_at_once(program: Any) -> None:
    """Jacobians in both modes, of the first output in the first input."""
    x, outputs, point, _ = program
    a, y = x[0], outputs[0]
    (forward,) = pushforward([y], [a], [identity_seed(a.shape, FLOAT64)], a.shape)
    (reverse,) = gradient([y], [identity_seed(y.shape, FLOAT64)], [a], y.shape)
    ahead, back = run(x, [forward, reverse], point)
    np.testing.assert_allclose(ahead, back, rtol=1e-12, atol=1e-13)


def test_forward_through_while() -> None:
    x = inputs((), ())
    body = graph_of(lambda t, s, c: s + c / s, T, array(), array())
    going = graph_of(lambda t, s, c: s < 5, T, array(), array())
    outputs = results(loop(body, trip=None, init=[x[0]], captured=[x[1]], condition=going))
    d = along(x)
    values = [np.array(0.7), np.array(0.9), np.array(1.0), np.array(-2.0)]
    (found,) = run([*x, *d], pushforward(outputs, x, d), values)
    (want,) = slopes(x, outputs, values[:2], values[2:])
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_held_calls_have_no_derivative() -> None:
    (x,) = inputs(())
    held = call(graph_of(np.sin, array()), [x], "stop_gradient")
    (tangent,) = pushforward(results(held), [x], [compute((), number(1.0))])
    assert run([x], [tangent], [np.array(0.3)]) == [0.0]


def loops_of(outputs: Sequence[Tensor]) -> list[Loop]:
    return [node for node in graph_order(outputs) if isinstance(node, Loop)]


def test_reverse_keeps_what_the_adjoint_reads_and_nothing_else() -> None:
    """The state before (for the matrix's cotangent) and what tanh is applied to: not the product, the input, the result."""
    x = inputs((3,), (4, 3), (3, 3))
    outputs = recurrent(x)[:1]
    bars, _ = weights_of(outputs)
    backward = max(loops_of(gradient(outputs, bars, x)), key=lambda node: node.reverse)
    stacks = backward.operands[backward.state_count : backward.state_count + backward.sequence_count]
    assert [t.shape for t in stacks] == [(4, 3), (4, 3)]


@pytest.mark.parametrize("width", [3, 20])
def test_a_long_reduction_of_what_comes_in_is_kept_too(width: int) -> None:
    """What tanh is applied to holds a product with the input: a short one is computed again."""
    body = graph_of(lambda t, h, v, w: (h * np.tanh(w @ v),), T, array(3), array(width), array(3, width))
    x = inputs((3,), (4, width), (3, width))
    outputs = results(loop(body, trip=4, init=[x[0]], sequences=[x[1]], captured=[x[2]]))
    bars, _ = weights_of(outputs)
    backward = max(loops_of(gradient(outputs, bars, x)), key=lambda node: node.reverse)
    assert sum(_reduces_over(node, width) for node in graph_order(backward.body.outputs)) == (2 if width < 16 else 0)


def _reduces_over(node: Any, width: int) -> bool:
    return isinstance(node, Compute) and node.reducer is not None and node.reduce_extents == (width,)


def test_a_checkpoint_keeps_its_arguments_only() -> None:
    x = inputs((3,), (3, 3))
    outputs = recomputed(x)
    bars, _ = weights_of(outputs)
    calls = [node for node in graph_order(gradient(outputs, bars, x)) if isinstance(node, Call)]
    assert [set(node.operands) for node in calls] == [{*x, *bars}]


@pytest.mark.parametrize("name", ["recurrent", "two states", "backwards"])
def test_value_and_gradient_run_the_loop_once(name: str) -> None:
    """Of the original and of the loop that leaves residuals only the latter is left."""
    build, shapes = PROGRAMS[name]
    x = inputs(*shapes)
    outputs = build(x)[:1]
    bars, _ = weights_of(outputs)
    graph = simplify(Graph((*x, *bars), (*outputs, *gradient(outputs, bars, x))))  # type: ignore[arg-type]
    assert len(loops_of(graph.outputs)) == 2


def test_a_loop_does_nothing_that_nobody_reads() -> None:
    """A state and a stack that nobody reads, and the sequence that only they read, are left out."""
    x = inputs((), (4,), (4,))
    body = graph_of(lambda t, a, b, u, v: (a * u, b + v * a, b * 2, a + 1), T, array(), array(), array(), array())
    whole = results(loop(body, trip=4, init=[x[0], x[0]], sequences=[x[1], x[2]]))
    (left,) = loops_of(simplify(Graph(tuple(x), (whole[0], whole[3]))).outputs)  # type: ignore[arg-type]
    assert (left.state_count, left.sequence_count, len(left.results)) == (1, 1, 2)
    (both,) = loops_of(simplify(Graph(tuple(x), (whole[1],))).outputs)  # type: ignore[arg-type]
    assert (both.state_count, both.sequence_count, len(both.results)) == (2, 2, 2)


def test_what_does_not_change_is_computed_before_the_loop() -> None:
    x = inputs((2,), (2, 2))
    body = graph_of(lambda t, s, w: np.tanh((w @ w) @ s), T, array(2), array(2, 2))
    outputs = results(loop(body, trip=3, init=[x[0]], captured=[x[1]]))
    (left,) = loops_of(simplify(Graph(tuple(x), tuple(outputs))).outputs)  # type: ignore[arg-type]
    sums = [node for node in graph_order(left.body.outputs) if isinstance(node, Compute) and node.reducer == "sum"]
    assert len(sums) == 1
    run(x, outputs, [np.array([0.3, -0.2]), np.array([[0.5, 1.0], [-0.4, 0.2]])])


@EACH
def test_batched(program: Any) -> None:
    """One more axis on some or all of the inputs: each example is what the program gives for it."""
    x, outputs, point, direction = program
    for which in ([True] * len(x), [k == 0 for k in range(len(x))], [k == len(x) - 1 for k in range(len(x))]):
        wide = {t: input_tensor(f"{t.name}_all", (3, *t.shape), FLOAT64) for t, w in zip(x, which, strict=True) if w}
        found = batch(outputs, wide, 3)
        values = [
            np.stack([p + s * d for s in (0.0, 0.4, -1.1)]) if w else p
            for p, d, w in zip(point, direction, which, strict=True)
        ]
        given = [wide.get(t, t) for t in x]
        every = run(given, found, values)
        for k in range(3):
            one = run(x, outputs, [v[k] if w else v for v, w in zip(values, which, strict=True)])
            for a, b in zip(every, one, strict=True):
                np.testing.assert_allclose(a[k], b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("which", [(True, True), (True, False), (False, True)])
def test_batched_while(which: tuple[bool, bool]) -> None:
    """Examples end at steps of their own."""
    x = inputs((), ())
    body = graph_of(lambda t, s, c: s + c / s, T, array(), array())
    going = graph_of(lambda t, s, c: s < 5, T, array(), array())
    outputs = results(loop(body, trip=None, init=[x[0]], captured=[x[1]], condition=going))
    wide = {t: input_tensor(f"{t.name}_all", (3,), FLOAT64) for t, w in zip(x, which, strict=True) if w}
    values = [
        np.array([0.7, 6.0, 2.0]) if which[0] else np.array(0.7),
        np.array([0.9, 0.2, 3.0]) if which[1] else np.array(0.9),
    ]
    (every,) = run([wide.get(t, t) for t in x], batch(outputs, wide, 3), values)
    for k in range(3):
        (one,) = run(x, outputs, [v[k] if v.ndim else v for v in values])
        np.testing.assert_allclose(every[k], one, rtol=1e-14)


def test_batched_while_whose_condition_sees_the_axis_after_a_step() -> None:
    """The state that the condition reads is the same for all examples until a step makes it differ."""
    x = inputs(())
    body = graph_of(lambda t, s, k, c: (s + c, k + 1, c), T, array(), Spec((), INT64), array())
    going = graph_of(lambda t, s, k, c: s < 5, T, array(), Spec((), INT64), array())
    start = [compute((), number(0.0, FLOAT64)), compute((), number(0, INT64)), x[0]]
    outputs = results(loop(body, trip=None, init=start, condition=going))[1:2]
    wide = {x[0]: input_tensor("all", (3,), FLOAT64)}
    (counts,) = run([wide[x[0]]], batch(outputs, wide, 3), [np.array([1.0, 2.0, 0.5])])
    np.testing.assert_array_equal(counts, [5, 3, 10])
