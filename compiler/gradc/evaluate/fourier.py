"""Fourier transforms of pairs of real numbers, in every number system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.evaluate.exact import context_of
from gradc.evaluate.numbers import Array

Results = tuple[Array, ...]
Parameters = dict[str, Any]
Transform = Callable[[Parameters, Array], Results]


def _numpy_transform(parameters: Parameters, pairs: Array) -> Results:
    if not pairs.shape[-2]:
        return (pairs,)
    array = pairs[..., 0] + pairs.dtype.type(1) * 1j * pairs[..., 1]
    complete = array.astype(np.result_type(pairs.dtype, np.complex64))
    result = np.fft.ifft(complete, norm="forward") if parameters["inverse"] else np.fft.fft(complete)
    return (np.stack([result.real, result.imag], axis=-1),)


def _complex_step_transform(parameters: Parameters, pairs: Array) -> Results:
    """Both parts of a pair are complex here: cosine and sine sums are those of the two transforms."""
    if not pairs.shape[-2]:
        return (pairs,)
    ahead, back = np.fft.fft(pairs, axis=-2), np.fft.ifft(pairs, axis=-2, norm="forward")
    return (_turned((ahead + back) / 2, (back - ahead) / 2j, parameters),)


def _turned(cosines: Array, sines: Array, parameters: Parameters) -> Array:
    """The pairs of the transform, from the sums of each part times cosines and times sines."""
    sign = -1 if parameters["inverse"] else 1
    real, imaginary = cosines[..., 0] + sign * sines[..., 1], cosines[..., 1] - sign * sines[..., 0]
    return np.stack([real, imaginary], axis=-1)


def _forward_half(transform: Callable[..., Results]) -> Callable[..., Results]:
    """The transform of real numbers, up to half of it."""

    def run(_: Parameters, array: Array) -> Results:
        (whole,) = transform({"inverse": False}, np.stack([array, 0 * array], axis=-1))
        return (whole[..., : array.shape[-1] // 2 + 1, :],)

    return run


def _back_from_half(transform: Callable[..., Results]) -> Callable[..., Results]:
    """The inverse transform of pairs and their conjugates, behind them backwards."""

    def run(parameters: Parameters, pairs: Array) -> Results:
        kept = pairs.shape[-2]
        count = 2 * kept - 2 + int(parameters["odd"])
        first = pairs.copy()
        first[..., [k for k in range(kept) if 2 * k % count == 0], 1] *= 0
        rest = first[..., 1 : count - kept + 1, :][..., ::-1, :] * np.array([1, -1])
        (whole,) = transform({"inverse": True}, np.concatenate([first, rest], axis=-2))
        return (whole[..., 0],)

    return run


def _exact_transform(
    cosine: Callable[[int, int, Array], Any], sine: Callable[[int, int, Array], Any]
) -> Callable[..., Results]:
    """The transform by its definition; ``cosine(j, n, array)`` is ``cos(2 pi j / n)``."""

    def run(parameters: Parameters, pairs: Array) -> Results:
        n = pairs.shape[-2]
        tables = [np.empty((n, n), object) for _ in range(2)]
        for table, function in zip(tables, (cosine, sine), strict=True):
            for j, k in np.ndindex(n, n):
                table[j, k] = function(j * k % n, n, pairs)
        parts = np.swapaxes(pairs, -1, -2)
        cosines, sines = (np.swapaxes(np.dot(parts, table), -1, -2) for table in tables)
        return (_turned(cosines, sines, parameters),)

    return run


def _mp_cosine(j: int, n: int, array: Array) -> Any:
    mp = context_of(array)
    return mp.cospi(mp.mpf(2 * j) / n)


def _mp_sine(j: int, n: int, array: Array) -> Any:
    mp = context_of(array)
    return mp.sinpi(mp.mpf(2 * j) / n)


def _sympy_cosine(j: int, n: int, _: Array) -> Any:
    import sympy

    return sympy.cos(2 * sympy.pi * sympy.Rational(j, n))


def _sympy_sine(j: int, n: int, _: Array) -> Any:
    import sympy

    return sympy.sin(2 * sympy.pi * sympy.Rational(j, n))


def _transforms(transform: Transform) -> dict[str, Callable[..., Results]]:
    """The rows of a number system whose transform of pairs this is."""
    return {"fft": transform, "rfft": _forward_half(transform), "irfft": _back_from_half(transform)}


NUMPY = _transforms(_numpy_transform)
COMPLEX_STEP = _transforms(_complex_step_transform)
MPMATH = _transforms(_exact_transform(_mp_cosine, _mp_sine))
SYMPY = _transforms(_exact_transform(_sympy_cosine, _sympy_sine))
