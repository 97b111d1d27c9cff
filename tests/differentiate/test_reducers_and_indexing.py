"""Reducers other than sum, gathers, and batching: forward against reverse against differences on the same graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradc.ops  # noqa: F401  (fills the op table)
from gradc.differentiate import batch, gradient, jacobian_forward, jacobian_reverse
from gradc.evaluate import evaluate
from gradc.ir.algebra import less_equal, sum_of
from gradc.ir.build import comprehension
from gradc.ir.check import check
from gradc.ir.scalar import FLOAT64, INT64, apply, load, number
from gradc.ir.tensor import Graph, Input, Tensor, compute, input_tensor
from gradc.simplify import simplify

STEP = 1e-3


def numeric_jacobian(graph: Graph, values: list[np.ndarray], wrt: int) -> np.ndarray:
    """Eighth-order central differences."""
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    point = values[wrt]
    columns = []
    for k in range(point.size):
        total = 0.0
        for offset, weight in weights.items():
            for sign in (1, -1):
                moved = point.copy()
                moved.flat[k] += sign * offset * STEP
                arguments = [moved if i == wrt else v for i, v in enumerate(values)]
                total = total + sign * weight * evaluate(graph, arguments)[0]
        columns.append(total / STEP)
    output_shape = evaluate(graph, values)[0].shape
    return np.stack(columns, axis=-1).reshape(output_shape + point.shape)


def assert_modes_agree(graph: Graph, values: list[np.ndarray], wrt: int = 0) -> None:
    expected = numeric_jacobian(graph, values, wrt)
    for mode in (jacobian_forward, jacobian_reverse):
        derived = Graph(graph.inputs, (mode(graph.outputs[0], graph.inputs[wrt]),))
        check(derived)
        np.testing.assert_allclose(evaluate(derived, values)[0], expected, rtol=1e-8, atol=1e-9)
        compact = simplify(derived)
        check(compact)
        np.testing.assert_allclose(evaluate(compact, values)[0], expected, rtol=1e-8, atol=1e-9)


def matrix(name: str = "A") -> Input:
    return input_tensor(name, (3, 4), FLOAT64)


def values_for(graph: Graph, seed: int = 1) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=t.shape) + 0.1 for t in graph.inputs]  # type: ignore[arg-type]


@pytest.mark.parametrize("reducer", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("axes", ["row", "both"])
def test_reducers(reducer: str, axes: str) -> None:
    A = matrix()
    if axes == "row":
        y = comprehension((3,), lambda i, k: load(A, (i, k)), reduce=(4,), reducer=reducer)
    else:
        y = comprehension((), lambda i, k: load(A, (i, k)), reduce=(3, 4), reducer=reducer)
    graph = Graph((A,), (y,))
    assert_modes_agree(graph, values_for(graph))


@pytest.mark.parametrize("reducer", ["sum", "prod", "max"])
def test_prefixes(reducer: str) -> None:
    x = input_tensor("x", (5,), FLOAT64)
    y = comprehension(
        (5,), lambda i, k: load(x, (k,)), reduce=(5,), reducer=reducer, domain=lambda i, k: less_equal(k, i)
    )
    graph = Graph((x,), (y,))
    assert_modes_agree(graph, values_for(graph))


def test_product_with_zeros_needs_no_division() -> None:
    x = input_tensor("x", (4,), FLOAT64)
    y = comprehension((), lambda k: load(x, (k,)), reduce=(4,), reducer="prod")
    (one_zero,) = evaluate(Graph((x,), (jacobian_reverse(y, x),)), [np.array([2.0, 0.0, 3.0, 5.0])])
    np.testing.assert_array_equal(one_zero, [0.0, 30.0, 0.0, 0.0])


def test_maximum_shares_ties() -> None:
    x = input_tensor("x", (4,), FLOAT64)
    y = comprehension((), lambda k: load(x, (k,)), reduce=(4,), reducer="max")
    for mode in (jacobian_forward, jacobian_reverse):
        (shares,) = evaluate(Graph((x,), (mode(y, x),)), [np.array([2.0, 3.0, 3.0, 1.0])])
        np.testing.assert_array_equal(shares, [0.0, 0.5, 0.5, 0.0])


def test_gather_with_repeated_indices() -> None:
    x = input_tensor("x", (4,), FLOAT64)
    chosen = input_tensor("k", (6,), INT64)
    y = comprehension((6,), lambda i: apply("sin", load(x, (load(chosen, (i,)),))))
    values = [np.array([0.1, 0.5, -0.3, 2.0]), np.array([0, 3, 3, 1, 0, 3])]
    graph = Graph((x, chosen), (y,))
    assert_modes_agree(graph, values)
    ones = compute((6,), number(1, FLOAT64))
    (pulled,) = gradient([y], [ones], [x])
    expected = np.bincount(values[1], minlength=4) * np.cos(values[0])
    np.testing.assert_allclose(evaluate(Graph((x, chosen), (pulled,)), values)[0], expected, rtol=1e-14)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("start", [0, 1])
def test_strided_slices(stride: int, start: int) -> None:
    x = input_tensor("x", (9,), FLOAT64)
    count = len(range(start, 9, stride))
    y = comprehension((count,), lambda i: apply("exp", load(x, (sum_of(start, *[i] * stride),))))
    graph = Graph((x,), (y,))
    assert_modes_agree(graph, values_for(graph))


def test_convolution() -> None:
    x, w = input_tensor("x", (8,), FLOAT64), input_tensor("w", (3,), FLOAT64)
    y = comprehension((6,), lambda i, k: apply("mul", load(x, (sum_of(i, k),)), load(w, (k,))), reduce=(3,))
    graph = Graph((x, w), (y,))
    assert_modes_agree(graph, values_for(graph), 0)
    assert_modes_agree(graph, values_for(graph), 1)


def second_order(make: Callable[[Input], Tensor]) -> None:
    A = matrix()
    y = make(A)
    ones = compute((), number(1, FLOAT64))
    (first,) = gradient([y], [ones], [A])
    graph = simplify(Graph((A,), (first,)))
    assert_modes_agree(graph, values_for(graph))


def test_second_order_of_products_and_maxima() -> None:
    second_order(lambda A: comprehension((), lambda i, k: load(A, (i, k)), reduce=(3, 4), reducer="prod"))

    def of_rows(A: Input) -> Tensor:
        top = comprehension((3,), lambda i, k: load(A, (i, k)), reduce=(4,), reducer="max")
        return comprehension((), lambda i: apply("mul", load(top, (i,)), load(top, (i,))), reduce=(3,))

    second_order(of_rows)


def test_batching_adds_one_axis() -> None:
    A, x = matrix(), input_tensor("x", (4,), FLOAT64)
    y = comprehension((3,), lambda i, k: apply("mul", load(A, (i, k)), load(x, (k,))), reduce=(4,))
    first = comprehension((), lambda: load(y, (0,)))
    X = input_tensor("X", (5, 4), FLOAT64)
    product, entry, constant = batch([y, first, A], {x: X}, 5)
    values = [np.arange(12.0).reshape(3, 4), np.arange(20.0).reshape(5, 4)]
    results = evaluate(Graph((A, X), (product, entry, constant)), values)
    np.testing.assert_allclose(results[0], values[1] @ values[0].T)
    np.testing.assert_allclose(results[1], (values[1] @ values[0].T)[:, 0])
    assert results[2].shape == (5, 3, 4)
