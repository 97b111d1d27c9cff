"""A curved valley minimised by SciPy's Newton-CG with our gradient, Hessian and Hessian-vector product."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

import gradc

START = np.array([3.0, 2.0])


def valley(p):
    x, y = p
    return (1 - x) ** 2 + 2 * (y - x**2) ** 2


def hessian_by_hand(p):
    x, y = p
    return np.array([[2 - 8 * y + 24 * x**2, -8 * x], [-8 * x, 4.0]])


def test_derivatives():
    assert gradc.jit(valley)(START) == 102.0
    x, y = START
    np.testing.assert_allclose(
        gradc.grad(valley)(START), [-2 * (1 - x) - 8 * x * (y - x**2), 4 * (y - x**2)], rtol=1e-15
    )
    np.testing.assert_allclose(gradc.hessian(valley)(START), hessian_by_hand(START), rtol=1e-15)
    direction = np.array([0.3, -1.7])
    np.testing.assert_allclose(gradc.hvp(valley)(START, direction), hessian_by_hand(START) @ direction, rtol=1e-14)


def test_newton_with_the_hessian():
    found = minimize(
        gradc.jit(valley), START, method="Newton-CG", jac=gradc.grad(valley), hess=gradc.hessian(valley), tol=1e-10
    )
    assert found.success
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-8)


def test_newton_with_hessian_vector_products():
    found = minimize(
        gradc.jit(valley), START, method="Newton-CG", jac=gradc.grad(valley), hessp=gradc.hvp(valley), tol=1e-10
    )
    assert found.success
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-8)


def test_value_and_gradient_in_one_call():
    found = minimize(gradc.value_and_grad(valley), START, method="BFGS", jac=True, tol=1e-10)
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-6)
