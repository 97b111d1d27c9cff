"""Divergence, curl and Laplacian of a field along x, and the two identities that make them zero."""

from __future__ import annotations

import numpy as np
import pytest

import gradc

POINT = np.array([1.3, -0.4, 0.7])


def f(x, z):
    return 3 * x**2 * z - 2 * x * z**3 + np.arctan(x * z) + x**2.69


def field(p):
    x, _, z = p
    return np.array([f(x, z), 0, 0])


def potential(p):
    x, y, z = p
    return f(x, z) * y**2 + np.sin(x * y) * np.exp(z)


def swirl(p):
    x, y, z = p
    return np.array([x**2 * y * z, np.sin(x * y) + z**2, np.exp(x * z) * np.arctan(y)])


def along_x(x, z):
    return 6 * x * z - 2 * z**3 + z / (1 + x**2 * z**2) + 2.69 * x**1.69


def along_z(x, z):
    return 3 * x**2 - 6 * x * z**2 + x / (1 + x**2 * z**2)


def test_divergence():
    x, _, z = POINT
    np.testing.assert_allclose(gradc.divergence(field)(POINT), along_x(x, z), rtol=1e-14)


def test_curl():
    x, _, z = POINT
    curl = gradc.curl(field)(POINT)
    np.testing.assert_allclose(curl, [0.0, along_z(x, z), 0.0], rtol=1e-14)
    assert curl[0] == curl[2] == 0.0


def test_laplacian():
    x, y, z = POINT

    def quadratic(p):
        x, y, z = p
        return x**3 * y + y**2 * z + np.sin(z)

    np.testing.assert_allclose(gradc.laplacian(quadratic)(POINT), 6 * x * y + 2 * z - np.sin(z), rtol=1e-14)
    trace = np.trace(gradc.hessian(potential)(POINT))
    np.testing.assert_allclose(gradc.laplacian(potential)(POINT), trace, rtol=1e-13)


def test_negative_base_is_nan_as_in_numpy():
    point = np.array([-1.3, -0.4, 0.7])
    with np.errstate(invalid="ignore"):
        assert np.isnan(f(point[0], point[2]))
    assert np.isnan(gradc.divergence(field)(point))
    assert not np.isnan(gradc.curl(field)(point)).any()


@pytest.mark.parametrize("vector_field", [field, swirl])
def test_divergence_of_a_curl_is_exactly_zero(vector_field):
    identity = gradc.divergence(gradc.curl(vector_field))
    assert identity.formula(gradc.vector(3)).latex() == "0"
    assert identity(POINT) == 0.0


def test_curl_of_a_gradient_is_exactly_zero():
    identity = gradc.curl(gradc.grad(potential))
    np.testing.assert_array_equal(identity(POINT), np.zeros(3))
    assert all(entry == 0 for entry in identity.formula(gradc.vector(3)).sympy())


def test_formulas_name_the_operator():
    left_sides = {
        gradc.divergence(field): r"\nabla \cdot \mathrm{field}",
        gradc.curl(field): r"\nabla \times \mathrm{field}",
        gradc.laplacian(potential): r"\nabla^{2} \mathrm{potential}",
    }
    for operator, left in left_sides.items():
        assert left in operator.formula(gradc.vector(3)).latex(lhs=True)
