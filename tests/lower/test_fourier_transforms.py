"""Fourier transforms in kernels, against NumPy's."""

import numpy as np
import pytest

import gradc
from gradc.ir.tensor import Graph, input_tensor
from gradc.lower import compile_graph
from gradc.ops.extern import called

SHAPES = [(1,), (2,), (7,), (64,), (1009,), (3, 20), (17, 256), (2, 3, 31), (0, 3), (3, 0)]


def power(x):
    z = np.fft.fft(x)
    return np.sum(z.real**2 + z.imag**2)


def smoothed(x):
    return np.sum(np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(x[::-1])) ** 2)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("c16", 1e-13), ("c8", 1e-5)])
def test_values(inverse, dtype, tolerance, rng):
    for shape in SHAPES:
        z = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
        pairs = z.view(z.real.dtype).reshape(*shape, 2)
        given = input_tensor("z", pairs.shape, pairs.dtype)
        (found,) = compile_graph(Graph((given,), (called("fft", given, inverse=inverse),)))([pairs])
        assert found.dtype == pairs.dtype
        expected = z
        if z.size:
            expected = np.fft.ifft(z, norm="forward") if inverse else np.fft.fft(z)
        scale = np.abs(expected).max(initial=1.0)
        np.testing.assert_allclose(found[..., 0] + 1j * found[..., 1], expected, atol=tolerance * scale)


def test_one_kernel_transforms_any_number_of_samples(rng):
    spectrum = gradc.jit(lambda x: np.fft.rfft(x, axis=0, norm="ortho"))
    back = gradc.jit(lambda z: np.fft.irfft(z))
    for count in (5, 6, 7, 33, 8):
        x = rng.normal(size=(count, 2))
        np.testing.assert_allclose(spectrum(x), np.fft.rfft(x, axis=0, norm="ortho"), atol=1e-14)
        z = np.fft.rfft(rng.normal(size=2 * count))
        np.testing.assert_allclose(back(z), np.fft.irfft(z), atol=1e-14)


def test_a_batch_is_transformed_row_by_row(rng):
    x = rng.normal(size=(4, 6))
    np.testing.assert_allclose(gradc.vmap(np.fft.fft)(x), np.fft.fft(x), atol=1e-14)
    gradients = gradc.vmap(gradc.grad(power))(x)
    np.testing.assert_allclose(gradients, 2 * 6 * x, atol=1e-12)


def test_jacobians_are_the_matrix_of_the_transform():
    def parts(x):
        z = np.fft.fft(x)
        return np.stack([z.real, z.imag])

    angles = 2 * np.pi * np.outer(np.arange(5), np.arange(5)) / 5
    expected = np.stack([np.cos(angles), -np.sin(angles)])
    for jacobian in (gradc.jacfwd(lambda x: parts(x)), gradc.jacrev(lambda x: parts(x))):
        np.testing.assert_allclose(jacobian(np.arange(5.0)), expected, atol=1e-14)


def test_the_curvature_of_the_power_spectrum_is_the_identity():
    np.testing.assert_allclose(gradc.hessian(power)(np.arange(6.0)), 12 * np.eye(6), atol=1e-12)


@pytest.mark.parametrize("function", [power, smoothed], ids=lambda f: f.__name__)
def test_the_cost_is_that_of_the_transforms(function, rng):
    for transformed in (gradc.jit(function), gradc.grad(function)):
        small, large = (transformed.cost(rng.normal(size=n)) for n in (2000, 4000))
        assert large.flops < 2.3 * small.flops
        assert large.bytes_moved < 2.1 * small.bytes_moved
    assert (
        gradc.grad(function).cost(rng.normal(size=4000)).flops
        < 3 * gradc.jit(function).cost(rng.normal(size=4000)).flops
    )


@pytest.mark.parametrize("shift", [np.fft.fftshift, np.fft.ifftshift])
def test_frequencies_of_a_named_number_of_samples(shift, rng):
    def function(x):
        return shift(np.fft.fft(x, norm="ortho").real, axes=0)

    kernel = compile_graph(gradc.jit(function).record_for(gradc.matrix("n", 3)).graph)
    for count in (1, 2, 5, 8):
        x = rng.normal(size=(count, 3))
        np.testing.assert_allclose(kernel([x])[0], function(x), atol=1e-14)


def test_transforms_and_sorts_in_loops(rng):
    def function(x):
        def step(state, _):
            spectrum = np.fft.rfft(np.sort(state) * np.arange(1.0, 7.0))
            return np.fft.irfft(spectrum * 0.5, n=6), np.median(state)

        return gradc.scan(step, x, np.arange(3.0))

    def plain(x):
        medians = []
        for _ in range(3):
            medians.append(np.median(x))
            x = np.fft.irfft(np.fft.rfft(np.sort(x) * np.arange(1.0, 7.0)) * 0.5, n=6)
        return x, np.array(medians)

    x = rng.normal(size=6)
    for found, expected in zip(gradc.jit(function)(x), plain(x), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-13)

    def total(f):
        return lambda x: np.sum(f(x)[0] ** 2) + np.sum(f(x)[1] ** 3)

    np.testing.assert_allclose(gradc.grad(total(function))(x), gradc.grad(total(plain))(x), rtol=1e-12)
