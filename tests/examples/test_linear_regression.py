"""Straight lines by gradient descent: against the least-squares solution, and step by step against a loop by hand."""

from __future__ import annotations

import itertools

import numpy as np

import gradc

X = np.array(
    [3.3, 4.4, 5.5, 6.71, 6.93, 4.168, 9.779, 6.182, 7.59, 2.167, 7.042, 10.791, 5.313, 7.997, 5.654, 9.27, 3.1]
)
Y = np.array(
    [1.7, 2.76, 2.09, 3.19, 1.694, 1.573, 3.366, 2.596, 2.53, 1.221, 2.827, 3.465, 1.65, 2.904, 2.42, 2.94, 1.3]
)


def mean_squared_error(b, x, y):
    return np.mean((b[0] + b[1] * x - y) ** 2)


def sum_of_squares(w, b, x, y):
    return np.sum((w * x + b - y) ** 2)


def test_descent_reaches_the_least_squares_solution(rng):
    x = rng.standard_normal(100)
    y = 1.0 + 2.0 * x + 0.1 * rng.standard_normal(100)
    gradient = gradc.grad(mean_squared_error)
    b = np.zeros(2)
    for _ in range(500):
        b = b - 0.1 * gradient(b, x, y)
    expected, *_ = np.linalg.lstsq(np.column_stack([np.ones(100), x]), y, rcond=None)
    np.testing.assert_allclose(b, expected, atol=1e-6)


def test_gradient_written_inside_the_loop_is_the_same_descent(rng):
    x = rng.standard_normal(100)
    y = 1.0 + 2.0 * x
    b = np.zeros(2)
    for _ in range(100):
        b -= 0.1 * gradc.grad(mean_squared_error)(b, x, y)
    np.testing.assert_allclose(b, [1.0, 2.0], atol=1e-6)


def test_seventeen_points():
    step = gradc.value_and_grad(sum_of_squares, argnums=(0, 1))
    w, b = 0.5, 0.0
    expected_w, expected_b = w, b
    losses = []
    for _ in range(500):
        loss, (dw, db) = step(w, b, X, Y)
        w, b = w - 1e-4 * dw, b - 1e-4 * db
        losses.append(loss)
        residual = expected_w * X + expected_b - Y
        expected_w, expected_b = expected_w - 1e-4 * 2 * (residual @ X), expected_b - 1e-4 * 2 * residual.sum()
    np.testing.assert_allclose([w, b], [expected_w, expected_b], rtol=1e-12)
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))


def test_hand_derivation():
    def by_hand(b, x, y):
        residual = b[0] + b[1] * x - y
        return np.array([2 * np.mean(residual), 2 * np.mean(residual * x)])

    assert gradc.verify(mean_squared_error, by_hand, gradc.vector(2), gradc.vector("n"), gradc.vector("n"))


def test_normal_equations_as_a_formula():
    def loss(w, X, y):
        return np.sum((X @ w - y) ** 2)

    verdict = gradc.verify(
        loss, lambda w, X, y: 2 * X.T @ (X @ w - y), gradc.vector("n"), gradc.matrix("m", "n"), gradc.vector("m")
    )
    assert verdict.status == "proved"
    formula = gradc.grad(loss).formula(gradc.vector("n"), gradc.matrix("m", "n"), gradc.vector("m"))
    assert formula.latex(notation="matrix") == r"2 X^\top (X w - y)"
