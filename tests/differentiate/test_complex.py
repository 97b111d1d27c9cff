"""Derivatives of complex functions, in JAX's convention, against closed forms and differences of real and imaginary parts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.errors import DTypeError

Z = np.array([1.5 - 0.7j, -0.3 + 2.0j, 0.8 + 0.1j])
V = np.array([0.2 - 1.0j, 0.5 + 0.3j, -1.0 + 0.4j])
X = np.array([0.1, 0.7, 2.0])
W = np.array([[1.0 + 0.5j, 0.3j, -0.2], [0.1, 2.0 - 1.0j, 0.4j]])

REAL_VALUED: dict[str, Callable[[Any], Any]] = {
    "squared modulus": lambda z: np.sum(np.abs(z) ** 2),
    "cubed modulus": lambda z: np.sum(np.abs(z) ** 3),
    "modulus": lambda z: np.sum(np.abs(z)),
    "real part of a cube": lambda z: np.sum(np.real(z * z * z)),
    "imaginary part of an exponential": lambda z: np.sum(np.imag(np.exp(z))),
    "conjugate": lambda z: np.sum(np.real(np.conj(z) * z * z)),
    "angle": lambda z: np.sum(np.arctan2(np.imag(z), np.real(z)) ** 2),
    "modulus of a logarithm": lambda z: np.abs(np.sum(np.log(z))),
    "inner product": lambda z: np.abs(np.vdot(z, np.exp(z) * z)),
    "matrix product": lambda z: np.sum(np.abs(W @ np.conj(z) + W[:, 0] * z[1]) ** 2),
    "product": lambda z: np.abs(np.prod(z)),
    "product of parts": lambda z: np.abs(np.prod(np.stack([z, np.conj(z) + 1]))),
    "running product": lambda z: np.sum(np.abs(np.cumprod(z))),
    "sign": lambda z: np.sum(np.real(np.sign(z) * z**2)),
    "roots": lambda z: np.real(np.sum(np.sqrt(z) * np.conj(np.sin(z)))),
    "reciprocal": lambda z: np.sum(np.imag(1 / (1 + z * np.conj(z) + z))),
    "selection": lambda z: np.sum(np.abs(np.where(np.real(z) > 0, z**2, np.conj(z)))),
    "entries": lambda z: np.real(z[0]) * np.imag(z[2]) + np.abs(z[::-1] * z)[1],
    "general power": lambda z: np.abs(np.sum(z ** (0.5 + 1j))),
    "real in between": lambda z: np.sum(np.abs(np.exp(1j * np.abs(z)) + np.conj(z) * np.real(z))),
    "norm": lambda z: np.linalg.norm(z * z),
    "hyperbolic": lambda z: np.sum(np.abs(np.tanh(z) + np.arcsinh(z))),
}

COMPLEX_VALUED: dict[str, Callable[[Any], Any]] = {
    "mixed": lambda z: np.conj(z) * np.exp(z) + np.real(z),
    "conjugate of a conjugate": lambda z: np.conj(np.conj(z) * z * 1j),
    "moduli": lambda z: 1j * np.abs(z) * z[::-1],
    "sign": lambda z: np.sign(z) * np.imag(z),
    "sums": lambda z: np.cumsum(z * np.conj(z[::-1])),
    "products": lambda z: np.array([np.prod(z), np.sum(np.conj(z))]),
}


def along(f: Callable[[Any], Any], z: np.ndarray, v: np.ndarray, step: float = 1e-3) -> Any:
    """The derivative of NumPy's values along a direction: differences of the eighth order."""
    weights = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
    return sum(c * (f(z + k * step * v) - f(z - k * step * v)) for k, c in enumerate(weights, 1)) / step


def gradient(f: Callable[[Any], Any], z: np.ndarray) -> np.ndarray:
    """``df/dx - i df/dy`` by differences."""
    units = np.eye(len(z))
    return np.array([along(f, z, e) - 1j * along(f, z, 1j * e) for e in units])


@pytest.mark.parametrize("name", REAL_VALUED)
def test_gradient_of_a_real_function(name: str) -> None:
    f = REAL_VALUED[name]
    value, slope = gradc.value_and_grad(f)(Z)
    np.testing.assert_allclose(value, f(Z), rtol=1e-13)
    np.testing.assert_allclose(slope, gradient(f, Z), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", REAL_VALUED)
def test_tangent_of_a_real_function(name: str) -> None:
    f = REAL_VALUED[name]
    _, tangent = gradc.jvp(f, (Z,), (V,))
    assert np.asarray(tangent).dtype == np.float64
    np.testing.assert_allclose(tangent, along(f, Z, V), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", REAL_VALUED)
def test_gradient_changes_along_a_direction(name: str) -> None:
    slope = gradc.grad(REAL_VALUED[name])
    _, change = gradc.jvp(slope, (Z,), (V,))
    np.testing.assert_allclose(change, along(slope, Z, V), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(gradc.hvp(REAL_VALUED[name])(Z, V), change, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", COMPLEX_VALUED)
def test_both_modes_of_a_complex_function(name: str) -> None:
    f = COMPLEX_VALUED[name]
    value, tangent = gradc.jvp(f, (Z,), (V,))
    np.testing.assert_allclose(value, f(Z), rtol=1e-13)
    np.testing.assert_allclose(tangent, along(f, Z, V), rtol=1e-9, atol=1e-10)
    cotangent = np.array([0.3 + 1j, -2.0 + 0.5j, 0.7])[: len(value)]
    (pulled,) = gradc.vjp(f, Z)[1](cotangent)
    # the pairing Re(c w) is the same on both sides
    np.testing.assert_allclose(np.sum(pulled * V).real, np.sum(cotangent * tangent).real, rtol=1e-12)


def test_real_arguments_of_complex_functions() -> None:
    def length(x: Any) -> Any:
        return np.abs(np.sum(np.exp(1j * x) * x))

    slope = gradc.grad(length)(X)
    assert slope.dtype == np.float64
    np.testing.assert_allclose(slope, [along(length, X, e) for e in np.eye(3)], rtol=1e-9)
    second = gradc.hessian(length)(X)
    np.testing.assert_allclose(second, [along(gradc.grad(length), X, e) for e in np.eye(3)], rtol=1e-8)

    def pair(x: Any, z: Any) -> Any:
        return np.real(np.sum(x * z * z))

    by_x, by_z = gradc.grad(pair, argnums=(0, 1))(X, Z)
    np.testing.assert_allclose(by_x, (Z * Z).real, rtol=1e-13)
    np.testing.assert_allclose(by_z, 2 * X * Z, rtol=1e-13)


def test_jacobians_have_real_directions() -> None:
    def waves(x: Any) -> Any:
        return np.exp(1j * x) * x[::-1]

    expected = np.stack([along(waves, X, e) for e in np.eye(3)], axis=-1)
    for transform in (gradc.jacobian, gradc.jacfwd):
        np.testing.assert_allclose(transform(waves)(X), expected, rtol=1e-9, atol=1e-11)

    def lengths(z: Any) -> Any:
        return np.abs(z) * np.imag(z[::-1])

    rows = np.stack([gradient(lambda z, k=k: lengths(z)[k], Z) for k in range(3)])
    for transform in (gradc.jacobian, gradc.jacrev):
        np.testing.assert_allclose(transform(lengths)(Z), rows, rtol=1e-9, atol=1e-11)


def test_holomorphic_functions() -> None:
    assert gradc.grad(lambda z: z**3, holomorphic=True)(1 + 2j) == pytest.approx(3 * (1 + 2j) ** 2)
    value, slope = gradc.value_and_grad(lambda z: np.sum(np.exp(z)), holomorphic=True)(Z)
    np.testing.assert_allclose(slope, np.exp(Z), rtol=1e-13)
    np.testing.assert_allclose(value, np.exp(Z).sum(), rtol=1e-13)
    for transform in (gradc.jacobian, gradc.jacfwd, gradc.jacrev):
        np.testing.assert_allclose(transform(np.sin, holomorphic=True)(Z), np.diag(np.cos(Z)), rtol=1e-13)
    np.testing.assert_allclose(gradc.hessian(lambda z: np.sum(z**3), holomorphic=True)(Z), np.diag(6 * Z), rtol=1e-13)


@pytest.mark.parametrize(
    ("transform", "f", "message"),
    [
        (gradc.grad, lambda z: np.sum(z * z), "grad needs a real output, not complex128.*holomorphic=True"),
        (gradc.jacobian, lambda z: z * z, "pass holomorphic=True if the function is holomorphic"),
        (gradc.jacfwd, lambda z: np.abs(z), "jacfwd of a float64 output by a complex128 argument"),
        (gradc.jacrev, lambda z: z * z, "jacrev of a complex128 output"),
        (gradc.hessian, lambda z: np.sum(np.abs(z) ** 2), "hessian needs real arguments"),
        (gradc.elementwise_grad, lambda z: z * z, "elementwise_grad needs a real floating output"),
    ],
)
def test_what_has_no_derivative_as_one_number(transform: Any, f: Any, message: str) -> None:
    with pytest.raises(DTypeError, match=message):
        transform(f)(Z)


def test_directions_are_of_their_arguments_kind() -> None:
    with pytest.raises(DTypeError, match="the tangent is complex128, but what it belongs to is float64"):
        gradc.jvp(np.sin, (X,), (V,))
    with pytest.raises(DTypeError, match="the cotangent is complex128"):
        gradc.vjp(np.sin, X)[1](V)
    with pytest.raises(DTypeError, match="needs complex arguments"):
        gradc.grad(lambda x: np.sum(np.exp(1j * x)), holomorphic=True)(X)
    with pytest.raises(DTypeError, match="needs a complex output"):
        gradc.grad(lambda z: np.sum(np.abs(z)), holomorphic=True)(Z)


def test_modulus_at_zero() -> None:
    """Among its subgradients the derivative is 0."""
    z = np.array([0j, 3 + 4j])
    np.testing.assert_allclose(gradc.grad(lambda z: np.sum(np.abs(z)))(z), [0, 0.6 - 0.8j], rtol=1e-15)
    np.testing.assert_allclose(gradc.jvp(lambda z: np.sum(np.abs(z)), (z,), (z + 1,))[1], 0.6 * 4 + 0.8 * 4, rtol=1e-14)


def test_single_precision_is_kept() -> None:
    z = Z.astype(np.complex64)
    slope = gradc.grad(lambda z: np.sum(np.abs(np.exp(z)) ** 2))(z)
    assert slope.dtype == np.complex64
    np.testing.assert_allclose(slope, 2 * np.abs(np.exp(Z)) ** 2, rtol=2e-6)
    by_x = gradc.grad(lambda x: np.abs(np.sum(np.exp(np.complex64(1j) * x))))(X.astype(np.float32))
    assert by_x.dtype == np.float32


@pytest.mark.parametrize("f", [np.cumprod, lambda z: np.cumprod(z[::-1].reshape(2, -1) + 0.2j, axis=1)])
def test_running_products_of_many_entries(f: Callable[[Any], Any]) -> None:
    z = np.exp(1j * np.linspace(0, 5, 40)) * np.linspace(0.9, 1.1, 40)
    v = np.cos(np.arange(40)) + 1j * np.sin(np.arange(40) * 2)
    _, tangent = gradc.jvp(f, (z,), (v,))
    np.testing.assert_allclose(tangent, along(f, z, v), rtol=1e-8, atol=1e-8)
    cotangent = np.conj(tangent) * (1 + 2j)
    (pulled,) = gradc.vjp(f, z)[1](cotangent)
    np.testing.assert_allclose(np.sum(pulled * v).real, np.sum(cotangent * tangent).real, rtol=1e-11)
    slope = gradc.grad(lambda z: np.sum(np.abs(f(z))))
    np.testing.assert_allclose(gradc.jvp(slope, (z,), (v,))[1], along(slope, z, v), rtol=1e-7, atol=1e-7)


def test_sparse_jacobians() -> None:
    sparse = gradc.jacobian(lambda z: z**2, sparse=True, holomorphic=True)(Z)
    np.testing.assert_allclose(sparse.toarray(), np.diag(2 * Z), rtol=1e-15)
    waves = gradc.jacobian(lambda x: x * np.exp(1j * x), sparse=True)(X)
    np.testing.assert_allclose(waves.toarray(), np.diag((1 + 1j * X) * np.exp(1j * X)), rtol=1e-13)
    curvature = gradc.hessian(lambda z: np.sum(z**3), sparse=True, holomorphic=True)(Z)
    np.testing.assert_allclose(curvature.toarray(), np.diag(6 * Z), rtol=1e-15)


def test_vector_calculus_of_complex_fields() -> None:
    assert gradc.divergence(lambda p: 1j * p**2)(np.ones(2)) == 4j
    curl = gradc.curl(lambda p: np.array([p[1] * 1j, p[2], p[0]]))(np.ones(3))
    np.testing.assert_allclose(curl, [-1, -1, -1j])
    with pytest.raises(DTypeError, match="divergence needs real coordinates"):
        gradc.divergence(lambda p: p**2)(1j * np.ones(2))


def test_loops_carry_complex_numbers() -> None:
    def turned(x: Any) -> Any:
        return np.real(gradc.fori_loop(0, 3, lambda i, s: s * np.exp(1j * x), 1 + 0j))

    assert gradc.grad(turned)(0.3) == pytest.approx(-3 * np.sin(0.9), rel=1e-14)
