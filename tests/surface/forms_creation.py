"""Arrays that the function makes itself, and fills with traced values."""

from __future__ import annotations

from typing import Any

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(47)
V = _RNG.normal(size=5)
W = _RNG.uniform(0.5, 2.0, size=3)
M = _RNG.normal(size=(2, 3))


def _zeros(x: Any) -> Any:
    y = np.zeros((2, len(x)))
    y[0] = x
    y[1, ::2] = x[1]
    return y


def _empty(x: Any) -> Any:
    y = np.empty(len(x) + 1)
    y[0] = 0.0
    for k in range(len(x)):
        y[k + 1] = y[k] + x[k] ** 2
    return y


def _ones_of_ints(x: Any) -> Any:
    counts = np.ones(3, dtype=int)
    counts[1] += 4
    return x * counts, counts


def _like(x: Any) -> Any:
    a, b = np.zeros_like(x), np.ones_like(x, shape=(2,))
    a[1], b[0] = x[0], x[2]
    c, d = np.empty_like(x, dtype=np.float32), np.full_like(x, x[1], shape=(2, 2))
    c[:] = 1.5
    return a, b, c * x, d


def _copies(x: Any) -> Any:
    y = x * 1.0
    z, w = y.copy(), np.copy(y, order="C")
    y[0] = 7.0
    z[1] = 5.0
    return y, z, w


def _aliases(x: Any) -> Any:
    y = x * 1.0
    np.asarray(y)[0] = 7.0
    np.asanyarray(y)[1] = 8.0
    np.array(y, copy=None)[2] = 9.0
    np.array(y)[2] = -1.0
    return y


FORMS = [
    form("np.zeros", _zeros, W),
    form("np.zeros", lambda x: np.zeros(3, dtype=np.float32) + np.zeros((), dtype=int) + x, W),
    form("np.ones", lambda x: np.ones((2, 3)) * x, W),
    form("np.ones", _ones_of_ints, W),
    form("np.empty", _empty, W),
    form("np.full", lambda x: np.full((2, 2), x[0]), W),
    form("np.full", lambda x: np.full((2, 3), x), W),
    form("np.full", lambda x: np.full(3, 2, dtype=float) * x, W),
    form("np.zeros_like np.ones_like np.empty_like np.full_like", _like, W),
    form("np.full_like", lambda x: np.full_like(x, 2.5) * x, W),
    form("np.eye", lambda x: np.eye(3) * x + np.eye(3, k=-1), W),
    form("np.eye", lambda x: np.eye(2, 3, 1, dtype=int) * x, M),
    form("np.identity", lambda x: np.identity(3) - np.outer(x, x), W),
    form("np.tri", lambda x: np.tri(3, k=-1) @ x, W),
    form("np.tri", lambda x: np.tri(2, 3, 1, dtype=bool) * x, M),
    # ranges
    form("np.arange", lambda x: x * np.arange(3), W),
    form("np.arange", lambda x: x * np.arange(5, 2, -1) + np.arange(0, 1.5, 0.5), W),
    form("np.arange", lambda x: x * np.arange(len(x), dtype=np.float32) + np.arange(start=1, stop=4), W),
    form("np.arange", lambda x: x[np.arange(4, 1, -2)], V),
    form("np.linspace", lambda a, b: np.linspace(a, b, 4), 0.5, 2.0),
    form("np.linspace", lambda a, b: np.linspace(a, b, num=5, endpoint=False), W, 3.0),
    form("np.linspace", lambda a, b: np.linspace(a, b, 3, axis=-1), W, M),
    form("np.linspace", lambda x: np.linspace(x[0], 4.0, 3, retstep=True), W),
    form("np.linspace", lambda x: np.linspace(0, 1, 3) * x + np.linspace(0, 5, 3, dtype=int), W),
    form("np.linspace", lambda x: np.linspace(x, x + 1, 1), W),
    form("np.logspace", lambda a, b: np.logspace(a, b, 4), 0.1, 0.7),
    form("np.logspace", lambda a, b: np.logspace(a, b, 3, base=2.0, endpoint=False), W, 1.5),
    form("np.logspace", lambda a, c: np.logspace(a, 2.0, 3, base=c, axis=-1), 0.3, W),
    form("np.geomspace", lambda a, b: np.geomspace(a, b, 4), 0.5, 3.0),
    form("np.geomspace", lambda a, b: np.geomspace(-a, -b, 3, endpoint=False, axis=1), W, 4.0),
    # arrays of nested lists and of other arrays
    form("np.array", lambda x: np.array([[x[0], 1.0], [2, x[1] * x[2]]]), W),
    form("np.array", lambda x: np.array([x, x**2, [1, 2, 3]]), W),
    form("np.array", lambda x: np.array(x[0], ndmin=2), W),
    form("np.array", lambda x: np.array((x[0], x[1]), dtype=np.float32), W, slope_tolerance=1e-3),
    form("np.array", lambda x: np.array([[1.0, 2.0, 3.0]]) @ x, W),
    form("np.asarray np.asanyarray", _aliases, W),
    form("np.asarray", lambda x: np.asarray([x[0], x[2]]) * np.asarray(2), W),
    form(
        "np.ascontiguousarray np.asfortranarray",
        lambda x: np.ascontiguousarray(x.T) @ np.asfortranarray(x[0].T),
        M[:, :2],
    ),
    form("np.asarray_chkfinite", lambda x: np.asarray_chkfinite([1.0, 2.0, 3.0]) * x, W),
    form("np.copy ndarray.copy", _copies, W),
    form("np.fromiter", lambda x: np.fromiter((t * 2.0 for t in x), dtype=float), W),
    form("np.fromiter", lambda x: np.fromiter((t * t for t in x), float, count=2), W),
    form("np.frombuffer", lambda x: np.frombuffer(b"\x01\x02\x03", dtype=np.uint8) * x, W),
    form("np.fromstring", lambda x: np.fromstring("1 2 3", sep=" ") * x, W),
    # grids
    form("np.meshgrid", lambda x, y: np.meshgrid(x, y), W, V),
    form("np.meshgrid", lambda x, y: np.meshgrid(x, y, indexing="ij", sparse=True), W, V),
    form("np.meshgrid", lambda x, y: np.meshgrid(x, y, [1.0, 2.0], indexing="ij", copy=False), W, V[:2]),
    # windows
    form("np.hanning np.hamming", lambda x: x * np.hanning(5) + np.hamming(5), V),
    form("np.bartlett np.blackman", lambda x: x * np.bartlett(5) + np.blackman(5), V),
    form("np.kaiser", lambda x: x * np.kaiser(5, 8.6), V),
    form("np.kaiser", lambda b: np.kaiser(4, b), 2.5),
]

REFUSED = [
    form("np.arange", lambda x: np.arange(x[0]), W),
    form("np.frombuffer", lambda x: np.frombuffer(x), W),
    form("np.asarray_chkfinite", lambda x: np.asarray_chkfinite(x), W),
    form("np.zeros", lambda x: np.zeros(3, dtype=object) + x, W),
    form("np.random.normal", lambda x: x + np.random.normal(size=3), W),
    form("np.random.default_rng", lambda x: x * np.random.default_rng(0).uniform(), W),
    form("np.array", lambda x: np.array(x.T, copy=False, dtype=np.float32), W),
]
