"""numpy.fft."""

from __future__ import annotations

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(53)
#: an odd and an even number of samples, a grid, a stack of grids, complex samples
O = _RNG.normal(size=7)  # noqa: E741
E = _RNG.normal(size=8)
G = _RNG.normal(size=(4, 6))
S = _RNG.normal(size=(2, 3, 4))
Z = _RNG.normal(size=6) + 1j * _RNG.normal(size=6)
H = _RNG.normal(size=8)

FORMS = [
    form("np.fft.fft", lambda x: np.fft.fft(x), O),
    form("np.fft.fft", lambda x: np.fft.fft(x), E),
    form("np.fft.fft", lambda x: np.fft.fft(x), Z),
    form("np.fft.fft", lambda x: np.fft.fft(x, axis=0), G),
    form("np.fft.fft", lambda x: np.fft.fft(x, n=5), E),
    form("np.fft.fft", lambda x: np.fft.fft(x, n=11, norm="ortho"), E),
    form("np.fft.fft", lambda x: np.fft.fft(x, norm="forward"), E),
    form("np.fft.fft", lambda x: np.abs(np.fft.fft(x)) ** 2, E),
    form("np.fft.fft", lambda x: np.fft.fft(x).real ** 2 + np.fft.fft(x).imag ** 2, O),
    form("np.fft.ifft", lambda x: np.fft.ifft(x), Z),
    form("np.fft.ifft", lambda x: np.fft.ifft(np.fft.fft(x) * np.fft.fft(H)), E),
    form("np.fft.ifft", lambda x: np.fft.ifft(x, axis=0, norm="ortho"), G),
    form("np.fft.rfft", lambda x: np.fft.rfft(x), O),
    form("np.fft.rfft", lambda x: np.fft.rfft(x), E),
    form("np.fft.rfft", lambda x: np.fft.rfft(x, n=4, axis=0, norm="ortho"), G),
    form("np.fft.irfft", lambda x: np.fft.irfft(x), O),
    form("np.fft.irfft", lambda x: np.fft.irfft(x), Z),
    form("np.fft.irfft", lambda x: np.fft.irfft(x, n=9), Z),
    form("np.fft.irfft np.fft.rfft", lambda x: np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(H)), E),
    form("np.fft.irfft np.fft.rfft", lambda x: np.fft.irfft(np.fft.rfft(x) * (np.arange(4) < 2), n=7) ** 3, O),
    form("np.fft.hfft", lambda x: np.fft.hfft(x), Z),
    form("np.fft.hfft", lambda x: np.fft.hfft(x, n=7, norm="ortho"), Z),
    form("np.fft.ihfft", lambda x: np.fft.ihfft(x), O),
    form("np.fft.fft2", lambda x: np.fft.fft2(x), G),
    form("np.fft.fft2 np.fft.ifft2", lambda x: np.fft.ifft2(np.fft.fft2(x) ** 2).real, G),
    form("np.fft.ifft2", lambda x: np.fft.ifft2(x, s=(3, 8), axes=(0, 1)), G),
    form("np.fft.fftn", lambda x: np.fft.fftn(x), S),
    form("np.fft.fftn", lambda x: np.fft.fftn(x, axes=(0, 2), norm="ortho"), S),
    form("np.fft.ifftn", lambda x: np.fft.ifftn(x), S),
    form("np.fft.rfft2", lambda x: np.fft.rfft2(x), G),
    form("np.fft.irfft2", lambda x: np.fft.irfft2(x), G),
    form("np.fft.irfft2", lambda x: np.fft.irfft2(np.fft.rfft2(x) ** 2, s=(4, 6), axes=(-2, -1)), G),
    form("np.fft.rfftn", lambda x: np.fft.rfftn(x), S),
    form("np.fft.irfftn", lambda x: np.fft.irfftn(x, s=(3, 4), axes=(1, 2)), S),
    form("np.fft.fftshift", lambda x: np.fft.fftshift(x), O),
    form("np.fft.fftshift", lambda x: np.fft.fftshift(x**2, axes=0), G),
    form("np.fft.ifftshift", lambda x: np.fft.ifftshift(x), O),
    form("np.fft.ifftshift", lambda x: np.fft.ifftshift(x, axes=(0, 1)), G),
    form("np.fft.fftfreq", lambda x: x * np.fft.fftfreq(7, d=0.1), O),
    form("np.fft.fftfreq", lambda x: np.fft.fft(x) * np.fft.fftfreq(len(x)), E),
    form("np.fft.rfftfreq", lambda x: np.fft.rfft(x) * np.fft.rfftfreq(8), E),
]
