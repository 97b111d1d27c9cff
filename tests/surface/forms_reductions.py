"""Reductions, statistics, running reductions, differences, norms."""

from __future__ import annotations

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(7)
#: no two entries within 0.02 of each other, none near 0
V = np.array([0.7, -1.3, 2.1, 0.4, -0.6])
A = _RNG.permutation(2 * np.sin(np.arange(1.0, 13.0))).reshape(3, 4)
T = _RNG.permutation(1.5 + np.cos(np.arange(24.0) / 7.9)).reshape(2, 3, 4)
P = np.array([0.7, 1.3, 2.1, 0.4, 0.6])
#: with NaN
N = np.array([[0.7, np.nan, 2.1, -0.4], [1.5, 0.2, np.nan, -1.1], [0.9, 1.2, -0.3, 0.5]])
K = np.array([[1, 5, 2], [4, 0, 3]])
C = np.array([[True, False, True], [False, False, True]])
M = A > 0
S = np.array(1.7)


def _sum_into(x):
    out = np.zeros(4)
    np.sum(x, axis=0, out=out)
    return out * x[0]


def _cumsum_into(x):
    out = np.empty(5)
    x.cumsum(out=out)
    return out * out


FORMS = [
    # sums and products
    form("np.sum", lambda x: np.sum(x), A),
    form("np.sum", lambda x: np.sum(np.sin(x), axis=0), A),
    form("np.sum", lambda x: np.sum(x * x, axis=-1, keepdims=True), A),
    form("np.sum", lambda x: np.sum(x**2, axis=(0, -1)), T),
    form("np.sum", lambda x: np.sum(x**2, axis=(2, 0), keepdims=True), T),
    form("np.sum", lambda x: np.sum(x**2, axis=()), A),
    form("np.sum", lambda x: np.sum(x**2, where=M, initial=1.5), A),
    form("np.sum", lambda x: np.sum(x**2, axis=1, where=np.array([True, False, True, False])), A),
    form("np.sum", lambda x, m: np.sum(x**2, axis=0, where=m), A, M),
    form("np.sum", lambda x: np.sum(x, axis=1, dtype=np.float32), A, tolerance=1e-6, slope_tolerance=1e-3),
    form("np.sum", lambda k, x: np.sum(k, axis=0) * x, K, 1.5),
    form("np.sum", lambda c, x: np.sum(c) * x, C, 1.5),
    form("np.sum", lambda c: np.sum(c, dtype=bool), C),
    form("np.sum", lambda x: np.sum(np.sin(x)), S),
    form("np.sum", lambda x: np.sum([x[0], x[1] * x[2]]), V),
    form("np.sum", lambda x: np.sum(x[:0]) + x, V),
    form("np.sum", _sum_into, A),
    form("ndarray.sum", lambda x: x.sum(axis=1, keepdims=True) * x, A),
    form("ndarray.sum", lambda x: (x * x).sum(-1), T),
    form("np.prod", lambda x: np.prod(x), V),
    form("np.prod", lambda x: np.prod(x, axis=(0, 2)), T),
    form("np.prod", lambda x: np.prod(x, axis=1, keepdims=True, where=M, initial=0.5), A),
    form("np.prod", lambda x: np.prod(np.array([0.0, 2.0, 1.0]) * x[:3]), V),
    form("np.prod", lambda k: np.prod(k, axis=1), K),
    form("np.prod", lambda c: np.prod(c, dtype=bool), C),
    form("ndarray.prod", lambda x: x.prod(0), A),
    # means
    form("np.mean", lambda x: np.mean(x**2), A),
    form("np.mean", lambda x: np.mean(np.exp(x), axis=(0, 1), keepdims=True), T),
    form("np.mean", lambda x: np.mean(x**2, axis=0, where=A > -1.0), A),
    form("np.mean", lambda k, x: np.mean(k) * x, K, 1.5),
    form("np.mean", lambda k: np.mean(k[:0], axis=0), K),
    form("ndarray.mean", lambda x: (x * x).mean(-1), A),
    form("np.average", lambda x: np.average(x**2), A),
    form("np.average", lambda x, w: np.average(x**2, weights=w), A, A**2 + 0.5),
    form("np.average", lambda x, w: np.average(x, axis=0, weights=w), A, np.array([0.5, 1.5, 0.7])),
    form("np.average", lambda x, w: np.average(x, axis=(2, 0), weights=w, keepdims=True), T, T[:, 0].T.copy()),
    form("np.average", lambda x, w: np.average(x, axis=1, weights=w, returned=True), A, P[:4]),
    form("np.average", lambda x: np.average(x, axis=1, returned=True), A),
    form("np.average", lambda k, w: np.average(k, axis=1, weights=w), K, np.array([0.5, 1.5, 0.7])),
    # variances
    form("np.var", lambda x: np.var(x), A),
    form("np.var", lambda x: np.var(x, axis=(0, -1), ddof=1, keepdims=True), T),
    form("np.var", lambda x: np.var(x, axis=1, correction=1), A),
    form("np.var", lambda x: np.var(x, axis=0, mean=np.mean(x, axis=0, keepdims=True)), A),
    form("np.var", lambda x: np.var(x, axis=0, where=A > -1.0), A),
    form("np.var", lambda k: np.var(k, axis=1), K),
    form("ndarray.var", lambda x: x.var(axis=0, ddof=1), A),
    form("np.std", lambda x: np.std(x), A),
    form("np.std", lambda x: np.std(x, axis=1, ddof=1.5, keepdims=True), A),
    form("np.std", lambda x: np.std(x, axis=0, where=A > -1.8), A),
    form("ndarray.std", lambda x: x.std(-1), A),
    form("np.cov", lambda x: np.cov(x), A),
    form("np.cov", lambda x: np.cov(x), V),
    form("np.cov", lambda x, y: np.cov(x, y, bias=True), V, P),
    form("np.cov", lambda x, y: np.cov(x, y=y, rowvar=False), A, A[:, :1] ** 2),
    form("np.cov", lambda x: np.cov(x, rowvar=False, ddof=0), A),
    form("np.cov", lambda x: np.cov(x, fweights=np.array([1, 3, 0, 2])), A),
    form("np.cov", lambda x, w: np.cov(x, aweights=w, ddof=0), A, P[:4]),
    form("np.cov", lambda x, f, w: np.cov(x, fweights=f, aweights=w), A, np.array([1, 3, 1, 2]), P[:4]),
    form("np.corrcoef", lambda x: np.corrcoef(x), A),
    form("np.corrcoef", lambda x, y: np.corrcoef(x, y), V, P),
    form("np.corrcoef", lambda x: np.corrcoef(x, rowvar=False), A),
    # extrema
    form("np.max np.amax", lambda x: np.max(x), A),
    form("np.max", lambda x: np.max(x, axis=(0, 2)), T),
    form("np.max", lambda x: np.max(x, axis=-1, keepdims=True) * x, A),
    form("np.max", lambda x: np.max(x**2, axis=0, initial=1.05, where=M), A),
    form("np.max", lambda x: np.max(x, initial=0.15), A[:0]),
    form("np.max", lambda x: np.max(x, axis=1), A[:0]),
    form("np.max", lambda k: np.max(k, axis=1, initial=3), K),
    form("np.max", lambda c: np.max(c, axis=0), C),
    form("np.max", lambda k: np.max(np.where(k == 5, np.nan, k), axis=1), K),
    form("np.amax", lambda x: np.amax(x, 0), A),
    form("ndarray.max", lambda x: x.max(axis=1), A),
    form("np.min np.amin", lambda x: np.min(x), A),
    form("np.min", lambda x: np.min(x, axis=1, keepdims=True) - x, A),
    form("np.min", lambda x: np.min(x, axis=(0, 1), where=T > 1.0, initial=5.0), T),
    form("np.amin", lambda x: np.amin(x, 0), A),
    form("ndarray.min", lambda x: x.min(0, keepdims=True), A),
    form("np.ptp", lambda x: np.ptp(x), A),
    form("np.ptp", lambda x: np.ptp(x, axis=1, keepdims=True), A),
    # positions, logic
    form("np.argmax", lambda x: np.argmax(x), A),
    form("np.argmax", lambda x: np.argmax(x, axis=1, keepdims=True), A),
    form("np.argmax", lambda x: x[np.argmax(x)] ** 2, V),
    form("np.argmax", lambda c: np.argmax(c, axis=0), C),
    form("np.argmax", lambda x: np.argmax(x, axis=1), N),
    form("ndarray.argmax", lambda x: x.argmax(0), A),
    form("np.argmin", lambda x: np.argmin(x, keepdims=True), A),
    form("np.argmin", lambda k: np.argmin(k, axis=-1), K),
    form("ndarray.argmin", lambda x: x.argmin(), A),
    form("np.all", lambda x: np.all(x > 0, axis=0), A),
    form("np.all", lambda x: np.all(x, keepdims=True), A),
    form("np.all", lambda x: np.all(x > 0, where=M), A),
    form("ndarray.all", lambda x: (x < 3).all(), A),
    form("np.any", lambda x: np.any(x > 1, axis=(0, 1)), A),
    form("np.any", lambda x: np.any(x > 0, axis=1, where=~M), A),
    form("ndarray.any", lambda x: (x > 3).any(axis=1, keepdims=True), A),
    form("np.count_nonzero", lambda x: np.count_nonzero(x > 0), A),
    form("np.count_nonzero", lambda x: np.count_nonzero(x, axis=0, keepdims=True), A),
    # running reductions
    form("np.cumsum", lambda x: np.cumsum(x**2), V),
    form("np.cumsum", lambda x: np.cumsum(x**2), A),
    form("np.cumsum", lambda x: np.cumsum(x**2, axis=0), A),
    form("np.cumsum", lambda x: np.cumsum(x**2, axis=-2), T),
    form("np.cumsum", lambda x: np.cumsum(np.sin(x)), S),
    form("np.cumsum", lambda k, x: np.cumsum(k, dtype=float) * x, K, 1.5),
    form("np.cumsum", lambda c: np.cumsum(c, axis=1), C),
    form("np.cumsum", lambda x: np.cumsum(x[:0]), V),
    form("ndarray.cumsum", lambda x: x.cumsum(1) ** 2, A),
    form("ndarray.cumsum", _cumsum_into, V),
    form("np.cumprod", lambda x: np.cumprod(x), V),
    form("np.cumprod", lambda x: np.cumprod(x, axis=1), A),
    form("np.cumprod", lambda x: np.cumprod(x, axis=0), T),
    form("np.cumprod", lambda x: np.cumprod(x * np.array([1.0, 1.0, 0.0, 1.0, 0.0])), V),
    form("np.cumprod", lambda k: np.cumprod(k), K),
    form("ndarray.cumprod", lambda x: x.cumprod(0), A),
    form("np.cumulative_sum", lambda x: np.cumulative_sum(x**2), V),
    form("np.cumulative_sum", lambda x: np.cumulative_sum(x**2, axis=1, include_initial=True), A),
    form("np.cumulative_prod", lambda x: np.cumulative_prod(x, include_initial=True), V),
    form("np.cumulative_prod", lambda x: np.cumulative_prod(x, axis=0), A),
    form("np.maximum", lambda x: np.maximum.accumulate(x), V),
    form("np.maximum", lambda x: np.maximum.accumulate(x, axis=1), A),
    form("np.minimum", lambda x: np.minimum.accumulate(x**3, axis=0), A),
    form("np.maximum", lambda k: np.maximum.accumulate(k, axis=1), K),
    form("np.logaddexp", lambda x: np.logaddexp.accumulate(x), V),
    form("np.logaddexp", lambda x: np.logaddexp.accumulate(300.0 * x, axis=1), A, slope_tolerance=1e-5),
    # differences
    form("np.diff", lambda x: np.diff(x**2), V),
    form("np.diff", lambda x: np.diff(np.exp(x), n=3), V),
    form("np.diff", lambda x: np.diff(x**2, n=2, axis=0), A),
    form("np.diff", lambda x: np.diff(x**2, prepend=0.0, append=x[:1]), V),
    form("np.diff", lambda x: np.diff(x**2, axis=0, prepend=1.0), A),
    form("np.diff", lambda x: np.diff(x, n=7), V),
    form("np.diff", lambda x: np.diff(x, n=0) ** 2, V),
    form("np.diff", lambda c: np.diff(c, axis=1), C),
    form("np.diff", lambda k: np.diff(k), K),
    form("np.ediff1d", lambda x: np.ediff1d(x**2), A),
    form("np.ediff1d", lambda x: np.ediff1d(x**2, to_begin=-1.0, to_end=[1.0, 2.0]), V),
    form("np.gradient", lambda x: np.gradient(x**2), V),
    form("np.gradient", lambda x: np.gradient(x**2, 0.5, edge_order=2), V),
    form("np.gradient", lambda x, t: np.gradient(x**2, t), V, np.array([0.0, 0.4, 1.1, 1.3, 2.0])),
    form("np.gradient", lambda x, t: np.gradient(x, t, edge_order=2), V, np.array([0.0, 0.4, 1.1, 1.3, 2.0])),
    form("np.gradient", lambda x: np.gradient(x**2), A),
    form("np.gradient", lambda x, h: np.gradient(x**2, h, np.array([0.0, 1.0, 1.5, 3.0])), A, 0.7),
    form("np.gradient", lambda x: np.gradient(x**2, axis=1), A),
    form("np.gradient", lambda k: np.gradient(k, axis=-1), K),
    form("np.trapezoid", lambda y: np.trapezoid(y**2), V),
    form("np.trapezoid", lambda y, x: np.trapezoid(y, x), V, np.array([0.0, 0.4, 1.1, 1.3, 2.0])),
    form("np.trapezoid", lambda y, h: np.trapezoid(y**2, dx=h, axis=0), A, 0.3),
    form("np.trapezoid", lambda y, x: np.trapezoid(y, x, axis=0), A, np.array([0.0, 0.4, 1.1])),
    form("np.trapezoid", lambda y, x: np.trapezoid(y, x), A, np.cumsum(A**2, axis=1)),
    # norms
    form("np.linalg.norm", lambda x: np.linalg.norm(x), V),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, ord=1), V),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, np.inf), V),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, -np.inf), V),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, 0), V),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, 3), V),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, -1.5, axis=1, keepdims=True), A),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, axis=0), A),
    form("np.linalg.norm", lambda x: np.linalg.norm(x), T),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, keepdims=True), A),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, "fro"), A),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, 1), A),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, -1, axis=(2, 0), keepdims=True), T),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, np.inf, axis=(1, 2)), T),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, -np.inf, axis=(1, 0)), A),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, axis=(0, 2)), T),
    form("np.linalg.norm", lambda k: np.linalg.norm(k), K),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, 2), A),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, "nuc"), A),
    form("np.linalg.norm", lambda x: np.linalg.norm(x, -2, axis=(2, 0), keepdims=True), T),
    form("np.linalg.matrix_norm", lambda x: np.linalg.matrix_norm(x, ord="nuc"), T),
    form("np.linalg.vector_norm", lambda x: np.linalg.vector_norm(x), A),
    form("np.linalg.vector_norm", lambda x: np.linalg.vector_norm(x, axis=(0, 2), ord=3, keepdims=True), T),
    form("np.linalg.vector_norm", lambda x: np.linalg.vector_norm(x, ord=np.inf, axis=1), A[:2]),
    form("np.linalg.matrix_norm", lambda x: np.linalg.matrix_norm(x), T),
    form("np.linalg.matrix_norm", lambda x: np.linalg.matrix_norm(x, ord=1, keepdims=True), T),
    # without NaN
    form("np.nansum", lambda x: np.nansum(x**2), N),
    form("np.nansum", lambda x: np.nansum(x**2, axis=0, keepdims=True), N),
    form("np.nansum", lambda x: np.nansum(x**2, axis=1, where=N > 0, initial=0.5), N),
    form("np.nansum", lambda k: np.nansum(k, axis=0), K),
    form("np.nanprod", lambda x: np.nanprod(x, axis=1), N),
    form("np.nanmean", lambda x: np.nanmean(x**2, axis=0), N),
    form("np.nanmean", lambda k: np.nanmean(np.where(k < 4, np.nan, k), axis=0), K),
    form("np.nanvar", lambda x: np.nanvar(x, axis=1, ddof=1), N),
    form("np.nanvar", lambda x: np.nanvar(x), N),
    form("np.nanstd", lambda x: np.nanstd(x, axis=0, keepdims=True), N),
    form("np.nanmax", lambda x: np.nanmax(x, axis=1), N),
    form("np.nanmax", lambda x: np.nanmax(x), N),
    form("np.nanmin", lambda x: np.nanmin(x, axis=0, keepdims=True), N),
    form("np.nanmin", lambda x: np.nanmin(x, initial=0.25), N),
    form("np.nanargmax", lambda x: np.nanargmax(x, axis=1), N),
    form("np.nanargmin", lambda x: np.nanargmin(x), N),
    form("np.nancumsum", lambda x: np.nancumsum(x**2, axis=1), N),
    form("np.nancumprod", lambda x: np.nancumprod(x), N),
]

REFUSED = [
    form("np.max", lambda z: np.max(z), A + 1j),
    form("np.argmin", lambda z: np.argmin(z), A + 1j),
    form("np.sum", lambda z: np.sum(z, dtype=float), A + 1j),
    form("np.sum", lambda x: np.sum(x, axis=0, out=np.zeros(4, int)), A),
]
