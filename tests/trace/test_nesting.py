"""Transforms inside traced functions: inlined in the outer trace, in any order and to any depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradc.api import grad, hessian, hvp, jacfwd, jacobian, jacrev, jit, jvp, value_and_grad, vjp, vmap

X = np.array([0.5, -1.0, 2.0])


def cube(x: Any) -> Any:
    return np.sum(x**3)


def test_grad_of_grad() -> None:
    assert grad(grad(grad(lambda x: x**5)))(2.0) == 240.0
    assert grad(grad(np.sin))(0.5) == pytest.approx(-np.sin(0.5))


def test_grad_of_a_lambda_over_a_gradient() -> None:
    np.testing.assert_allclose(grad(lambda x: grad(cube)(x).sum())(X), 6 * X, rtol=1e-14)
    np.testing.assert_allclose(jit(lambda x: grad(cube)(2 * x) + x)(X), 12 * X**2 + X, rtol=1e-14)


def test_no_confusion_of_perturbations() -> None:
    # d/dx [x * d/dy (x + y) at y = 1] is 1, not 2
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: x**2 * y**3)(x))(2.0) == 3 * 4 * 2.0**3


def test_of_jit_and_jit_of() -> None:
    f = jit(cube)
    np.testing.assert_allclose(hessian(f)(X), np.diag(6 * X), rtol=1e-14)
    np.testing.assert_allclose(jit(grad(f))(X), 3 * X**2, rtol=1e-14)
    np.testing.assert_allclose(jit(jit(jit(cube)))(X), cube(X), rtol=1e-14)
    np.testing.assert_allclose(
        grad(lambda x: f(x) * f(2 * x))(X), 3 * X**2 * cube(2 * X) + cube(X) * 24 * X**2, rtol=1e-13
    )


def test_batches_of_derivatives() -> None:
    batch = np.stack([X, 2 * X])
    np.testing.assert_allclose(vmap(grad(cube))(batch), 3 * batch**2, rtol=1e-14)
    np.testing.assert_allclose(grad(lambda b: vmap(cube)(b).sum())(batch), 3 * batch**2, rtol=1e-14)
    np.testing.assert_allclose(vmap(vmap(np.sin))(batch), np.sin(batch), rtol=1e-14)
    np.testing.assert_allclose(vmap(lambda a, s: a * s, in_axes=(0, None))(batch, 3.0), 3 * batch, rtol=1e-15)
    np.testing.assert_allclose(vmap(lambda a: grad(lambda b: np.dot(a, b**2))(a))(batch), 2 * batch**2, rtol=1e-14)


def test_jacobians_of_gradients_agree() -> None:
    def f(x: Any) -> Any:
        return np.sin(x[0]) * x[1] ** 2 + np.exp(x[2] * x[0])

    expected = hessian(f)(X)
    for outer in (jacfwd, jacrev, jacobian):
        np.testing.assert_allclose(outer(grad(f))(X), expected, rtol=1e-12)
    v = np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(hvp(f)(X, v), expected @ v, rtol=1e-12)
    np.testing.assert_allclose(jvp(grad(f), (X,), (v,))[1], expected @ v, rtol=1e-12)
    np.testing.assert_allclose(vjp(grad(f), X)[1](v)[0], expected @ v, rtol=1e-12)
    np.testing.assert_allclose(grad(lambda x: np.dot(grad(f)(x), v))(X), expected @ v, rtol=1e-12)


def test_an_inner_function_may_use_the_outer_arguments() -> None:
    def outer(w: Any, x: Any) -> Any:
        value, gradient = value_and_grad(lambda u: np.sum(w * u**2))(x)
        return value + np.dot(gradient, w)

    expected = lambda w, x: np.sum(w * x**2) + np.dot(2 * w * x, w)  # noqa: E731
    w = np.array([1.0, 2.0, 3.0])
    assert jit(outer)(w, X) == pytest.approx(expected(w, X))
    np.testing.assert_allclose(grad(outer)(w, X), X**2 + 4 * w * X, rtol=1e-13)
    np.testing.assert_allclose(grad(outer, argnums=1)(w, X), 2 * w * X + 2 * w * w, rtol=1e-13)


def test_numbers_inside_stay_numbers() -> None:
    f = jit(lambda x: grad(lambda t: t**2)(3.0) * x)
    assert f(2.0) == 12.0
    assert type(f(2.0)) is float
    g = jit(lambda x: x * grad(lambda t: t**2)(x[0]))
    assert g(X.astype(np.float32)).dtype == np.float32


def test_an_int_is_pinned_through_a_nested_call() -> None:
    def power(x: Any, n: int) -> Any:
        result = 1.0
        for _ in range(n):
            result = result * x
        return result

    f = jit(lambda x, n: grad(power)(x, n))
    assert f(2.0, 3) == 12.0
    assert f(2.0, 4) == 32.0
    before = f.traces
    assert f(3.0, 3) == 27.0
    assert f.traces == before


def test_a_gradient_kept_in_a_closure() -> None:
    def make(power: int) -> Any:
        inner = grad(lambda x: x**power)
        return jit(lambda x: inner(x) + 1.0)

    assert make(2)(3.0) == 7.0
    assert make(3)(3.0) == 28.0
    assert make(2)(3.0) == 7.0


def test_newton_inside_a_trace() -> None:
    def root(a: Any) -> Any:
        x = a
        for _ in range(5):
            residual = lambda u: u * u - a  # noqa: E731
            x = x - residual(x) / grad(residual)(x)
        return x

    assert jit(root)(2.0) == pytest.approx(np.sqrt(2.0))
    assert grad(root)(2.0) == pytest.approx(0.5 / np.sqrt(2.0), rel=1e-4)
