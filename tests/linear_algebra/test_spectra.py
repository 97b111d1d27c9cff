"""Singular values and eigenvalues in kernels: NumPy's values, derivatives of both modes and the second order."""

from __future__ import annotations

import numpy as np
import pytest

import gradc

_RNG = np.random.default_rng(8)
SHAPES = [(3, 3), (5, 3), (3, 5), (2, 4, 3), (1, 1), (6, 2), (3, 1)]


def decomposed(a):
    return tuple(np.linalg.svd(a, full_matrices=False))


def symmetric(a):
    return tuple(np.linalg.eigh(a))


def checked(function, a) -> None:
    """Against differences, for a weighted sum of the results."""
    weights = [_RNG.normal(size=part.shape) for part in function(a)]
    direction = _RNG.normal(size=a.shape)

    def loss(a):
        return sum(np.sum(w * part**2) + np.sum(w * np.sin(part) ** 2) for w, part in zip(weights, function(a)))  # noqa: B905

    def central(f):
        return (f(a + 1e-5 * direction) - f(a - 1e-5 * direction)) / 2e-5

    gradient = gradc.grad(loss)
    np.testing.assert_allclose(np.sum(gradient(a) * direction), central(loss), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gradc.jvp(loss, (a,), (direction,))[1], np.sum(gradient(a) * direction), rtol=1e-9)
    product = gradc.hvp(loss)(a, direction)
    np.testing.assert_allclose(product, central(gradient), rtol=1e-5, atol=1e-6 * (1 + np.abs(product).max()))


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values_and_vectors(shape) -> None:
    a = _RNG.normal(size=shape)
    u, s, vh = gradc.jit(decomposed)(a)
    np.testing.assert_allclose(s, np.linalg.svd(a, compute_uv=False), rtol=1e-13)
    np.testing.assert_allclose((u * s[..., None, :]) @ vh, a, rtol=1e-12, atol=1e-13)
    checked(decomposed, a)


@pytest.mark.parametrize("shape", [(3, 3), (1, 1), (2, 4, 4)])
def test_eigenvalues_and_eigenvectors(shape) -> None:
    a = _RNG.normal(size=shape)
    lower = np.tril(a) + np.swapaxes(np.tril(a, -1), -1, -2)
    w, v = gradc.jit(symmetric)(a)
    np.testing.assert_allclose(w, np.linalg.eigvalsh(a), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(lower @ v, v * w[..., None, :], rtol=1e-12, atol=1e-12)
    checked(symmetric, a)


def test_one_triangle_is_read() -> None:
    a = _RNG.normal(size=(4, 4))
    gradient = gradc.grad(lambda a: np.sum(np.linalg.eigvalsh(a, "U") ** 2))(a)
    np.testing.assert_array_equal(np.tril(gradient, -1), 0)
    np.testing.assert_allclose(gradient, 2 * np.diag(np.diag(a)) + 4 * np.triu(a, 1), rtol=1e-12, atol=1e-13)


def test_sums_over_equal_singular_values_have_derivatives() -> None:
    gradient = gradc.grad(lambda a: np.linalg.norm(a, "nuc"))(np.eye(3))
    np.testing.assert_allclose(gradient, np.eye(3), rtol=1e-14, atol=1e-14)


def test_what_has_no_entries() -> None:
    assert gradc.jit(np.linalg.svdvals)(np.zeros((0, 3))).shape == (0,)
    assert gradc.jit(np.linalg.eigvalsh)(np.zeros((2, 0, 0))).shape == (2, 0)


def test_batches_sizes_and_single_precision() -> None:
    greatest = gradc.grad(lambda a: np.linalg.norm(a, 2))
    many = _RNG.normal(size=(5, 4, 3))
    np.testing.assert_allclose(gradc.vmap(greatest)(many), [greatest(a) for a in many], rtol=1e-12)
    for n in (1, 2, 30, 65):
        a = _RNG.normal(size=(n, n))
        np.testing.assert_allclose(gradc.jit(np.linalg.eigvalsh)(a), np.linalg.eigvalsh(a), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(gradc.jit(np.linalg.svdvals)(a), np.linalg.svdvals(a), rtol=1e-10, atol=1e-12)
        single = gradc.jit(np.linalg.svdvals)(a.astype(np.float32))
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, np.linalg.svdvals(a), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("function", [np.linalg.svdvals, np.linalg.eigvalsh])
def test_what_does_not_converge_is_an_error(function) -> None:
    with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
        gradc.jit(function)(np.full((3, 3), np.nan))


@pytest.mark.parametrize(
    "call",
    [
        lambda a: np.linalg.svd(a[0]),
        lambda a: np.linalg.eigvalsh(a[:2]),
        lambda a: np.linalg.eigh(a, "X"),
        lambda a: np.linalg.matrix_rank(a, 1e-3, rtol=1e-3),
    ],
)
def test_what_numpy_refuses_is_refused(call) -> None:
    for function in (call, gradc.jit(call)):
        with pytest.raises((ValueError, np.linalg.LinAlgError)):
            function(np.eye(3))
