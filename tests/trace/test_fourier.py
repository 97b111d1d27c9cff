"""``np.fft`` as users write it: every keyword against NumPy, its errors, derivatives with complex numbers between."""

import numpy as np
import pytest

import gradc

NORMS = [None, "backward", "ortho", "forward"]


def close(function, *arguments, tolerance=1e-14):
    expected, found = function(*arguments), gradc.jit(lambda *a: function(*a))(*arguments)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max(initial=1.0))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", "fft ifft rfft irfft hfft ihfft".split())
def test_one_axis(name, norm, rng):
    transform = getattr(np.fft, name)
    for shape in ((7,), (8,), (4, 5)):
        samples = [rng.normal(size=shape)]
        if name not in ("rfft", "ihfft"):
            samples.append(samples[0] + 1j * rng.normal(size=shape))
        for x in samples:
            for options in ({}, {"n": 5}, {"n": 12}, {"axis": 0}, {"n": 3, "axis": 0}):
                close(lambda x, o=options: transform(x, norm=norm, **o), x)


@pytest.mark.parametrize("name", "fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn".split())
def test_several_axes(name, rng):
    transform = getattr(np.fft, name)
    real = rng.normal(size=(2, 3, 4))
    for x in (real, real[0], real + 1j) if name[0] != "r" else (real, real[0]):
        for options in (
            {},
            {"s": (3, 4), "axes": (0, 1)},
            {"axes": (1, 0)},
            {"axes": (0,)},
            {"norm": "ortho"},
            {"s": (-1, 8), "axes": (0, 1)},
        ):
            close(lambda x, o=options: transform(x, **o), x)


def test_integers_bools_and_single_precision(rng):
    close(np.fft.fft, np.arange(5))
    close(np.fft.rfft, np.array([True, False, True]))
    single = rng.normal(size=6).astype(np.float32)
    close(np.fft.fft, single, tolerance=1e-6)
    close(np.fft.irfft, single, tolerance=1e-6)
    close(lambda x: np.fft.ifft(x, norm="ortho"), single.astype(np.complex64), tolerance=1e-6)


def test_frequencies_in_order(rng):
    for x in (rng.normal(size=7), rng.normal(size=(4, 5))):
        close(np.fft.fftshift, x)
        close(np.fft.ifftshift, x)
        close(lambda x: np.fft.fftshift(x, axes=-1), x)
        close(lambda x: np.fft.ifftshift(x, axes=(0,)), x)


def test_a_spectral_derivative_and_its_gradient(rng):
    """The derivative of a periodic function by its frequencies is antisymmetric, so this gradient is known."""
    frequencies = 2j * np.pi * np.fft.fftfreq(9, 1 / 9)
    x, w = rng.normal(size=9), rng.normal(size=9)

    def slope(x):
        return np.fft.ifft(frequencies * np.fft.fft(x)).real

    gradient = gradc.grad(lambda x: np.sum(w * slope(x)))(x)
    np.testing.assert_allclose(gradient, -slope(w), atol=1e-10)


def test_a_complex_cotangent_by_the_adjoint(rng):
    z, w = (rng.normal(size=6) + 1j * rng.normal(size=6) for _ in range(2))
    _, pull_back = gradc.vjp(lambda z: np.fft.fft(z), z)
    (cotangent,) = pull_back(w)
    np.testing.assert_allclose(cotangent, np.fft.fft(w), atol=1e-12)  # the transform's matrix is symmetric


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: np.fft.fft(x, n=0), r"Invalid number of FFT data points \(0\)"),
        (lambda x: np.fft.irfft(x[:1]), r"Invalid number of FFT data points \(0\)"),
        (lambda x: np.fft.fft(x, norm="big"), "Invalid norm value big"),
        (lambda x: np.fft.fft(x, axis=1), "out of bounds"),
        (lambda x: np.fft.fftn(x, s=(2, 3), axes=(0,)), "different lengths"),
    ],
)
def test_wrong_calls(function, words):
    with pytest.raises(ValueError, match=words):
        gradc.jit(lambda x: function(x))(np.arange(4.0))


def test_complex_samples_have_no_half_spectrum():
    with pytest.raises(TypeError, match=r"use np\.fft\.fft"):
        gradc.jit(np.fft.rfft)(np.arange(4.0) + 1j)
