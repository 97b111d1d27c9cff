"""Axes that reshapes, repetitions and tilings cut into digits: adjoints are solved, and sums over digits keep their form."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc.ir.algebra import floor_divide, modulo, product_of, sum_of
from gradc.ir.bounds import tidy_indices
from gradc.ir.scalar import index, number
from gradc.simplify.digits import digits_of_axis

X = np.random.default_rng(3).uniform(-1, 1, 24)

MOVES = [
    lambda x: x.reshape(4, -1).T.reshape(-1),
    lambda x: x.reshape(2, 3, 4).transpose(2, 0, 1).reshape(6, 4),
    lambda x: np.repeat(x, 3),
    lambda x: np.repeat(x.reshape(4, 6), 2, axis=1),
    lambda x: np.tile(x, 3),
    lambda x: np.tile(x.reshape(4, 6), (2, 3)),
    lambda x: np.tile(np.repeat(x, 2), 2)[5:-4:3],
    lambda x: np.kron(x[:6].reshape(2, 3), x[6:10].reshape(2, 2)),
    lambda x: np.cumsum(x.reshape(6, 4), axis=0),
    lambda x: np.repeat(np.cumsum(x.reshape(4, 6), axis=0), 2, axis=0),
]


@pytest.mark.parametrize("move", MOVES)
def test_the_adjoint_is_the_transpose(move) -> None:
    weights = np.random.default_rng(4).uniform(-1, 1, move(X).shape)
    gradient = gradc.grad(lambda x: np.sum(weights * np.sin(move(x))))(X)
    direction = np.random.default_rng(5).uniform(-1, 1, X.shape)
    slope = gradc.jvp(lambda x: np.sum(weights * np.sin(move(x))), (X,), (direction,))[1]
    steps = [np.sum(weights * (np.sin(move(X + h * direction)) - np.sin(move(X - h * direction)))) for h in (1e-5,)]
    np.testing.assert_allclose(gradient @ direction, slope, rtol=1e-12)
    np.testing.assert_allclose(slope, steps[0] / 2e-5, rtol=1e-8)


def test_each_term_has_summed_axes_of_its_own() -> None:
    weights = np.random.default_rng(0).normal(size=(3, 9))
    hessian = gradc.hessian(lambda y: np.sum(np.outer(y, np.outer(2 * y, y)) * weights))(X[:3])
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-13)


def test_parameters_in_one_vector_keep_their_matrix_products() -> None:
    def loss(p, x):
        return np.sum(np.tanh(x @ p.reshape(64, 64)) ** 2)

    lowered = gradc.grad(loss).ir(np.ones(64 * 64), np.ones((100, 64)), stage="lowered")
    assert lowered.count("matrix product") == 2


def test_digits_that_belong_together() -> None:
    i = index(0)
    low, high = modulo(i, number(4)), floor_divide(i, number(4))
    assert digits_of_axis(0, 12, [sum_of(low, high)]) == [(high, 3), (low, 4)]
    middle = modulo(floor_divide(i, number(2)), number(3))
    assert digits_of_axis(0, 12, [middle]) == [(middle, 3)]
    assert digits_of_axis(0, 10, [sum_of(low, high)]) is None  # (2, 3) is never met
    assert digits_of_axis(0, 12, [sum_of(low, i)]) is None
    assert digits_of_axis(0, 12, [sum_of(low, modulo(i, number(3)))]) is None


def test_digits_join_to_what_they_are_of() -> None:
    i = index(0)
    flat = sum_of(product_of(4, floor_divide(i, number(4))), modulo(i, number(4)))
    assert tidy_indices(flat, [12]) is i
    assert tidy_indices(sum_of(flat, i, 5), [12]) is sum_of(product_of(2, i), 5)
