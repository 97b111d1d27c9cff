"""Sorting, searching, medians and quantiles, histograms, interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(47)


def _apart(*shape: int) -> np.ndarray:
    """Numbers that are well apart from one another, in no order."""
    count = int(np.prod(shape))
    return _RNG.permutation(np.linspace(-2.0, 2.0, count) + _RNG.uniform(-0.02, 0.02, count)).reshape(shape)


#: a vector and a matrix without ties, and the matrix with entries that are no numbers
V = _apart(9)
M = _apart(3, 4)
T = _apart(2, 3, 4)
N = np.where(_RNG.uniform(size=(3, 4)) < 0.3, np.nan, M)
#: integers with ties, knots between the numbers, values there, weights
I = np.array([3, 1, 2, 1, 3, 0, 2, 2])  # noqa: E741
K = np.array([-1.57, -0.61, 0.33, 0.87, 1.29])
W = _RNG.uniform(0.5, 1.5, size=9)
Y = _RNG.normal(size=5)
Q = np.array([0.18, 0.56, 0.7])


def sort_in_place(x: Any) -> Any:
    y = x.copy()
    y.sort(axis=0)
    return y


def sort_view(x: Any) -> Any:
    y = x.copy()
    y[1].sort()
    return y * x


def partition_in_place(x: Any) -> Any:
    y = x.copy()
    y.partition(4)
    return y[4]


FORMS = [
    form("np.sort", lambda x: np.sort(x), V),
    form("np.sort", lambda x: np.sort(x), M),
    form("np.sort", lambda x: np.sort(x, axis=0), M),
    form("np.sort", lambda x: np.sort(x, axis=1)[:, ::-1] ** 2, T),
    form("np.sort", lambda x: np.sort(x, axis=None), M),
    form("np.sort", lambda x: np.sort(x, kind="stable"), V),
    form("np.sort", lambda x: np.sort(x, stable=True), V),
    form("np.sort", lambda x: np.sort(x), I),
    form("ndarray.sort", sort_in_place, M),
    form("ndarray.sort", sort_view, M),
    form("np.argsort", lambda x: np.argsort(x), V),
    form("np.argsort", lambda x: x[np.argsort(3 - x)], V),
    form("np.argsort np.take_along_axis", lambda x: np.take_along_axis(x, np.argsort(-x, axis=1), axis=1), M),
    form("np.argsort", lambda x: np.argsort(x, axis=None), M),
    form("np.argsort", lambda x: np.argsort(x, kind="stable"), I),
    form("ndarray.argsort", lambda x: x.argsort(axis=0), M),
    form("np.partition", lambda x: np.partition(x, 3)[3] ** 2, V),
    form("np.partition", lambda x: np.partition(x, 2, axis=0)[2], M),
    form("ndarray.partition", partition_in_place, V),
    form("np.argpartition", lambda x: x[np.argpartition(x, 4)[4]], V),
    form("ndarray.argpartition", lambda x: x[x.argpartition(-2)[-2]] ** 2, V),
    form("np.lexsort", lambda x, y: x[np.lexsort((x, np.round(y)))], V, W),
    form("np.lexsort", lambda x: np.lexsort(x), M),
    form("np.sort_complex", lambda x: np.sort_complex(x), V),
    form("np.searchsorted", lambda x: np.searchsorted(K, x), V),
    form("np.searchsorted", lambda x: x * np.searchsorted(K, x, side="right"), M),
    form("np.searchsorted", lambda x: np.searchsorted(x, 0.4, sorter=np.argsort(x)), V),
    form("ndarray.searchsorted", lambda x: np.sort(x).searchsorted(K), V),
    form("np.digitize", lambda x: np.digitize(x, K), M),
    form("np.digitize", lambda x: np.digitize(x, K[::-1], right=True), M),
    form("np.digitize", lambda x, bins: x * np.digitize(x, bins), M, K),
    form("np.isin", lambda x: np.isin(x, [1, 3]), I),
    form("np.isin", lambda x: np.where(np.isin(I, [1, 2], invert=True), x[:8], 2 * x[:8]), V),
    form("np.median", lambda x: np.median(x), V),
    form("np.median", lambda x: np.median(x), M),
    form("np.median", lambda x: np.median(x, axis=0), M),
    form("np.median", lambda x: np.median(x, axis=(0, 2), keepdims=True), T),
    form("np.median", lambda x: np.median(x), I),
    form("np.nanmedian", lambda x: np.nanmedian(x, axis=1), N),
    form("np.nanmedian", lambda x: np.nanmedian(x), N),
    form("np.quantile", lambda x: np.quantile(x, 0.3), V),
    form("np.quantile", lambda x: np.quantile(x, [0.1, 0.5, 0.95], axis=1), M),
    form("np.quantile", lambda x: np.quantile(x, 0.37, axis=(0, 1), keepdims=True), T),
    form("np.quantile", lambda x, q: np.quantile(x, q), V, Q),
    form("np.quantile", lambda x, q: np.quantile(x, q, axis=0, method="weibull"), M, Q),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="inverted_cdf"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="averaged_inverted_cdf"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="closest_observation"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="interpolated_inverted_cdf"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="hazen"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="weibull"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="median_unbiased"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="normal_unbiased"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="lower"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="higher"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="midpoint"), V),
    form("np.quantile", lambda x: np.quantile(x, 0.3, method="nearest"), V),
    form("np.quantile", lambda x: np.quantile(x, Q, weights=W, method="inverted_cdf"), V),
    form("np.percentile", lambda x: np.percentile(x, 40), V),
    form("np.percentile", lambda x: np.percentile(x, [5, 95.0], axis=0), M),
    form("np.percentile", lambda x: np.percentile(x, 60.5), I),
    form("np.nanquantile", lambda x: np.nanquantile(x, 0.3, axis=1), N),
    form("np.nanquantile", lambda x: np.nanquantile(x, [0.2, 0.6], keepdims=True, axis=0), N),
    form("np.nanpercentile", lambda x: np.nanpercentile(x, 35, axis=1, method="hazen"), N),
    form("np.histogram", lambda x: np.histogram(x, K)[0], V),
    form("np.histogram", lambda x: np.histogram(x, bins=4, range=(-1.63, 1.71)), V),
    form("np.histogram", lambda w: np.histogram(V, K, weights=w), W),
    form("np.histogram", lambda w: np.histogram(V, K, weights=w, density=True)[0], W),
    form("np.histogram_bin_edges", lambda x: x[:6] * np.histogram_bin_edges(x, 5, range=(-1.0, 1.0)), V),
    form("np.histogram2d", lambda w: np.histogram2d(V, V[::-1], bins=[K, K], weights=w)[0], W),
    form("np.histogramdd", lambda x: np.histogramdd(x, bins=2, range=[(-2.5, 2.6)] * 4)[0], M),
    form("np.bincount", lambda w: np.bincount([0, 1, 1, 3, 2, 2, 0, 5, 5], w), W),
    form("np.bincount", lambda w: w[:4] * np.bincount([0, 1, 1, 2], minlength=4), W),
    form("np.interp", lambda x: np.interp(x, K, Y), V),
    form("np.interp", lambda x, xp, fp: np.interp(x, xp, fp), M, K, Y),
    form("np.interp", lambda x, fp: np.interp(x, K, fp, left=-1.0, right=2.0), V, Y),
    form("np.interp", lambda x, xp, fp: np.interp(x, xp, fp, period=2.9), V, K, Y),
    form("np.interp", lambda x: np.interp(x, K, Y), 0.7),
    form("np.unique", lambda x: x[: np.unique(I).size] * np.unique(I), V),
]

REFUSED = [
    form("np.unique", lambda x: np.unique(x), V),
    form("np.unique", lambda x: np.unique(x, return_inverse=True)[1], V),
    form("np.unique_all", lambda x: np.unique_all(x), V),
    form("np.unique_counts", lambda x: np.unique_counts(x), V),
    form("np.unique_inverse", lambda x: np.unique_inverse(x), V),
    form("np.unique_values", lambda x: np.unique_values(x), V),
    form("np.union1d", lambda x: np.union1d(x, V), V),
    form("np.intersect1d", lambda x: np.intersect1d(x, V), V),
    form("np.setdiff1d", lambda x: np.setdiff1d(x, V[:3]), V),
    form("np.setxor1d", lambda x: np.setxor1d(x, V[:3]), V),
    form("np.trim_zeros", lambda x: np.trim_zeros(x), V),
    form("np.histogram", lambda x: np.histogram(x), V),
    form("np.histogram", lambda x: np.histogram(x, bins="auto"), V),
    form("np.bincount", lambda x: np.bincount(x), I),
    form("np.partition", lambda x, k: np.partition(x, k[0]), V, I),
]
