"""The two-layer sigmoid network whose deltas are written by hand: proved equal, and trained."""

from __future__ import annotations

import numpy as np
import pytest

import gradc

X = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
y = np.array([[0.0], [1.0], [1.0], [0.0]])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def layers(S0, S1):
    l1 = sigmoid(X @ S0)
    return l1, sigmoid(l1 @ S1)


def loss(S0, S1):
    return np.sum((layers(S0, S1)[1] - y) ** 2) / 2


def deltas(S0, S1):
    l1, l2 = layers(S0, S1)
    delta2 = (l2 - y) * l2 * (1 - l2)
    delta1 = (delta2 @ S1.T) * l1 * (1 - l1)
    return X.T @ delta1, l1.T @ delta2


@pytest.fixture
def weights(rng):
    return 2 * rng.random((3, 4)) - 1, 2 * rng.random((4, 1)) - 1


def test_gradients_equal_the_deltas(weights):
    for ours, by_hand in zip(gradc.grad(loss, argnums=(0, 1))(*weights), deltas(*weights), strict=True):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-13)


def test_deltas_are_proved():
    assert gradc.verify(loss, deltas, gradc.matrix(3, 4), gradc.matrix(4, 1), argnums=(0, 1)).status == "proved"


def test_weights_may_live_in_a_dict(weights):
    gradient = gradc.grad(lambda params: loss(params["S0"], params["S1"]))({"S0": weights[0], "S1": weights[1]})
    assert list(gradient) == ["S0", "S1"]
    np.testing.assert_allclose(gradient["S0"], deltas(*weights)[0], rtol=1e-13)


def test_training(weights):
    S0, S1 = weights
    gradient = gradc.grad(loss, argnums=(0, 1))
    for _ in range(5000):
        g0, g1 = gradient(S0, S1)
        S0, S1 = S0 - g0, S1 - g1
    assert np.mean(np.abs(layers(S0, S1)[1] - y)) < 0.05
