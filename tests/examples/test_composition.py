"""The gradient of g(f(x)), f giving a pair: chain rule over a function with several outputs."""

from __future__ import annotations

import numpy as np

import gradc

POINT = np.array([0.5, 0.75])


def f(x):
    return np.log(x[0] * x[1]), np.sin(x[1])


def g(x):
    return x[0] * x[1]


def composed(x):
    return g(f(x))


def by_hand(x):
    return np.array([np.sin(x[1]) / x[0], np.sin(x[1]) / x[1] + np.log(x[0] * x[1]) * np.cos(x[1])])


def test_gradient():
    gradient = gradc.grad(composed)(POINT)
    np.testing.assert_allclose(gradient, [1.3633, 0.1912], atol=5e-5)
    np.testing.assert_allclose(gradient, by_hand(POINT), rtol=1e-14)


def test_hand_derivation():
    assert gradc.verify(composed, by_hand, gradc.vector(2)).status == "proved"


def test_hand_derivation_without_the_product_rule_is_refuted():
    def halfway(x):
        return np.array([np.sin(x[1]) / x[0], np.sin(x[1]) / x[1]])

    verdict = gradc.verify(composed, halfway, gradc.vector(2))
    assert not verdict
    assert verdict.status == "refuted"


def test_finite_differences():
    step = 1e-6
    differences = [(composed(POINT + step * e) - composed(POINT - step * e)) / (2 * step) for e in np.eye(2)]
    np.testing.assert_allclose(gradc.grad(composed)(POINT), differences, rtol=1e-8)
    gradc.check_grads(composed, (POINT,), order=2)


def test_jacobian_of_the_pair():
    rows = gradc.jacobian(f)(POINT)
    np.testing.assert_allclose(rows[0], [1 / 0.5, 1 / 0.75], rtol=1e-14)
    np.testing.assert_allclose(rows[1], [0.0, np.cos(0.75)], rtol=1e-14)
