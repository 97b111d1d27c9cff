"""A dot product whose gradient is 4x, and an elementwise function, which has a derivative but no gradient."""

from __future__ import annotations

import numpy as np
import pytest

import gradc


def f(x):
    return 2 * np.dot(x, x)


def test_gradient_of_twice_the_dot_product():
    np.testing.assert_array_equal(gradc.grad(f)(np.arange(4.0)), [0.0, 4.0, 8.0, 12.0])


def test_its_formula():
    formula = gradc.grad(f).formula(gradc.vector("n"))
    assert formula.latex(notation="matrix") == "4 x"
    assert gradc.verify(f, lambda x: 4 * x, gradc.vector("n")).status == "proved"


def test_derivative_of_sine():
    x = np.linspace(-np.pi, np.pi, 100)
    derivative = gradc.elementwise_grad(np.sin)(x)
    np.testing.assert_allclose(derivative, np.cos(x), rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(derivative[[10, 50]], [-0.8053, 0.9995], atol=5e-5)
    np.testing.assert_array_equal(gradc.grad(lambda x: np.sin(x).sum())(x), derivative)


def test_sine_itself_is_no_scalar_and_the_error_names_three_ways_out():
    with pytest.raises(gradc.NonScalarOutputError, match=r"\(100,\)") as caught:
        gradc.grad(np.sin)(np.linspace(-np.pi, np.pi, 100))
    message = str(caught.value)
    assert all(way in message for way in ("sum", "elementwise_grad", "vjp"))
    assert isinstance(caught.value, TypeError)
