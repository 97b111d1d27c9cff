"""Cotangents that are sums of products over a loop's steps: right in every mode, and no state of the reverse loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradc
from gradc.differentiate import gradient
from gradc.ir.scalar import FLOAT64, number
from gradc.ir.tensor import Loop, Tensor, compute, input_tensor, loop, projection
from gradc.ir.walk import graph_order
from gradc.trace import trace
from gradc.trace.specs import Spec

N, STEPS = 40, 4


def recurrent(weights: Any, bias: Any, xs: Any) -> Any:
    h, hs = gradc.scan(lambda h, x: (np.tanh(weights @ h + bias + x), h), 0.1 * np.ones(N), xs)
    return np.sum(h**2) + np.sum(hs)


def backwards(weights: Any, bias: Any, xs: Any) -> Any:
    h, hs = gradc.scan(lambda h, x: (np.tanh(weights @ h + bias + x), h[:3]), 0.1 * np.ones(N), xs, reverse=True)
    return np.sum(h**2) + np.sum(hs * np.arange(3.0))


def rows(weights: Any, bias: Any, xs: Any) -> Any:
    """Three rows at a time: each step adds a product of matrices, twice."""

    def step(i: Any, h: Any) -> Any:
        return np.tanh(0.5 * (h @ weights) + bias + xs[:3])

    return np.sum(gradc.fori_loop(0, STEPS, step, xs[1:4] * 1.0) ** 2)


def linear(weights: Any, bias: Any, xs: Any) -> Any:
    return np.sum(gradc.fori_loop(0, STEPS, lambda i, h: weights @ h + bias * i, xs[0] * 1.0) ** 2)


def nested(weights: Any, bias: Any, xs: Any) -> Any:
    def outer(h: Any, x: Any) -> Any:
        return gradc.fori_loop(0, 2, lambda i, h: np.sin(weights @ h + bias + i * x), h), None

    return np.sum(gradc.scan(outer, bias * 1.0, xs)[0])


@pytest.fixture
def given(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return rng.standard_normal((N, N)) / 8, rng.standard_normal(N) / 4, rng.standard_normal((STEPS, N)) / 4


PROGRAMS = pytest.mark.parametrize("program", [recurrent, backwards, rows, linear, nested], ids=lambda f: f.__name__)


@PROGRAMS
def test_gradient(program: Any, given: tuple[np.ndarray, ...], rng: np.random.Generator) -> None:
    """Along directions, against a complex step of the same program in Python."""
    gradients = gradc.grad(program, argnums=(0, 1, 2))(*given)
    for k, found in enumerate(gradients):
        direction = rng.standard_normal(given[k].shape)
        moved = [x + 1e-30j * direction if j == k else x + 0j for j, x in enumerate(given)]
        np.testing.assert_allclose(np.sum(found * direction), np.imag(program(*moved)) / 1e-30, rtol=1e-11)


@PROGRAMS
def test_second_order(program: Any, given: tuple[np.ndarray, ...], rng: np.random.Generator) -> None:
    """Reverse over reverse and forward over reverse agree, and agree with differences of the gradient."""
    weights, *rest = given
    direction = rng.standard_normal(weights.shape)
    slope = gradc.grad(program)
    _, forward = gradc.jvp(lambda w: slope(w, *rest), (weights,), (direction,))
    reverse = gradc.grad(lambda w: np.sum(slope(w, *rest) * direction))(weights)
    np.testing.assert_allclose(forward, reverse, rtol=1e-10, atol=1e-12)
    step = 1e-5
    difference = (slope(weights + step * direction, *rest) - slope(weights - step * direction, *rest)) / (2 * step)
    np.testing.assert_allclose(forward, difference, rtol=1e-5, atol=1e-6)


def test_several_rows_at_once(given: tuple[np.ndarray, ...]) -> None:
    """A Jacobian in reverse mode has its directions in front."""
    weights, bias, xs = given

    def final(weights: Any) -> Any:
        return gradc.scan(lambda h, x: (np.tanh(weights @ h + x), None), bias * 1.0, xs)[0][:2]

    found = gradc.jacrev(final)(weights)
    for k in range(2):
        np.testing.assert_allclose(found[k], gradc.grad(lambda w, k=k: final(w)[k])(weights), rtol=1e-11, atol=1e-13)


def reverse_loops(size: int) -> list[Loop]:
    """The loops of the gradient of a recurrent net of that size to its matrix."""
    weights, start = input_tensor("w", (size, size), FLOAT64), input_tensor("h", (size,), FLOAT64)
    vector = Spec((size,), FLOAT64)
    body = trace(lambda t, h, w: np.tanh(w @ h), (Spec((), np.dtype("i8")), vector, Spec((size, size), FLOAT64))).graph
    final = projection(loop(body, trip=9, init=[start], captured=[weights]), 0)
    seed: Tensor = compute((size,), number(1, FLOAT64))
    found = gradient([final], [seed], [weights])
    return [node for node in graph_order(found) if isinstance(node, Loop)]


def test_the_matrix_is_no_state_of_the_reverse_loop() -> None:
    shapes = {t.shape for node in reverse_loops(N) for t in node.body.inputs[1 : node.state_count + 1]}
    assert (N, N) not in shapes
    small = {t.shape for node in reverse_loops(3) for t in node.body.inputs[1 : node.state_count + 1]}
    assert (3, 3) in small
