"""Taking and choosing entries, putting them, ``x.flat``, and functions applied along axes or entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import r_

from surface.form import form

_RNG = np.random.default_rng(43)
V = _RNG.normal(size=5)
W = _RNG.normal(size=3)
M = _RNG.normal(size=(2, 3))
N = _RNG.normal(size=(2, 3))
C = _RNG.normal(size=(2, 3, 2))
P = np.array([0, -1, 2, 2])
Q = np.array([[2, 0, 1], [0, 0, 2]])
MASK = np.array([[True, False, True], [False, True, True]])

_scaled = np.vectorize(lambda a, b: a * b + 1.0)


@np.vectorize
def _squared(t: Any) -> Any:
    return t**2 + 1.0


def _put(x: Any, v: Any) -> Any:
    y = x * 2.0
    np.put(y, [0, -1, 4], v)
    return y


def _put_traced(x: Any, k: Any) -> Any:
    y = x * 2.0
    np.put(y, k, x[0, :2], mode="wrap")
    y.put([1], 5.0)
    return y


def _put_along_axis(x: Any, k: Any) -> Any:
    y = x * 2.0
    np.put_along_axis(y, k, 3.0 * x[:, :1], axis=1)
    return y


def _place(x: Any, v: Any) -> Any:
    y = x * 2.0
    np.place(y, y > 0.1, v)
    return y


def _place_known(x: Any) -> Any:
    y = x * 2.0
    np.place(y, MASK, [x[0, 0], 5.0])
    return y


def _putmask(x: Any, v: Any) -> Any:
    y = x * 2.0
    np.putmask(y, x < 0, v)
    return y


def _copyto(x: Any, v: Any) -> Any:
    y = np.zeros((2, 3))
    np.copyto(y, v)
    np.copyto(y, x * 2.0, where=x > 0)
    return y


def _flat(x: Any) -> Any:
    y = x * 2.0
    y.flat[1:4] = x[0, :2]
    y.flat[-1] = 3.0
    y.flat[[0, 4]] = x[1, 1]
    return y, y.flat[2], y.flat[::2], y.T.flat[1]


def _flat_iteration(x: Any) -> Any:
    y = x * 1.0
    y.T.flat = [1.0, x[0, 0]]
    return sum(k * entry for k, entry in enumerate(y.flat)), len(x.flat)


def _fill(x: Any) -> Any:
    y = x * 1.0
    y[0].fill(x[1, 1])
    return y


def _enumerated(x: Any) -> Any:
    return sum((i + 2 * j) * entry for (i, j), entry in np.ndenumerate(x))


def _positions(x: Any) -> Any:
    return sum(x[position] * sum(position) for position in np.ndindex(*x.shape))


def _argmax_entry(x: Any) -> Any:
    row, column = np.unravel_index(np.argmax(x), x.shape)
    return x[row, column] * 2.0, row


def _two(a: Any, b: Any) -> Any:
    return a + b, a * b


FORMS = [
    # take
    form("np.take", lambda x: np.take(x, 3), M),
    form("np.take", lambda x, k: np.take(x, k), V, P),
    form("np.take", lambda x: np.take(x, [[0, 2], [1, 1]], axis=1), M),
    form("np.take", lambda x, k: np.take(x, k, axis=0, mode="wrap"), M, P),
    form("np.take", lambda x: np.take(x, [-4, 1, 7], mode="clip"), V),
    form("np.take", lambda x: np.take(x, [0, 1], axis=1, out=np.zeros((2, 2))), M),
    form("ndarray.take", lambda x, k: x.take(k, axis=-1), M, P),
    form("np.take_along_axis", lambda x, k: np.take_along_axis(x, k, axis=1), M, Q),
    form("np.take_along_axis", lambda x: np.take_along_axis(x, np.array([[1, 0, 1]]), axis=0), M),
    form("np.take_along_axis", lambda x, k: np.take_along_axis(x, k, axis=None), M, P),
    form("np.take_along_axis", lambda x, k: np.take_along_axis(x, k[:, :1], axis=1), M, Q),
    # put
    form("np.put", _put, M, W),
    form("np.put", _put, M, 4.0),
    form("np.put ndarray.put", _put_traced, M, np.array([7, 2])),
    form("np.put_along_axis", _put_along_axis, M, np.array([[2], [0]])),
    form("np.place", _place, M, V[:2]),
    form("np.place", _place_known, M),
    form("np.putmask", _putmask, M, V[:2]),
    form("np.putmask", _putmask, M, N),
    form("np.copyto", _copyto, M, W),
    form("ndarray.fill", _fill, M),
    form("ndarray.flat", _flat, M),
    form("ndarray.flat", _flat_iteration, M),
    # choose
    form("np.choose", lambda x, y, k: np.choose(k, [x, y, 2.0]), M, N, Q),
    form("np.choose", lambda x, k: np.choose(k, x, mode="wrap"), M, np.array([0, 3, -1])),
    form("np.choose", lambda x: np.choose([1, 0, 1], (x, 2 * x), mode="clip"), W),
    form("ndarray.choose", lambda x, k: k.choose([x[0], x[1], x[0] * x[1]]), M, Q),
    form("np.select", lambda x: np.select([x > 0.5, x < 0], [x**2, -x]), M),
    form("np.select", lambda x, y: np.select([x > 0, MASK], [np.log(x), y], default=1.5), M, W),
    form("np.compress", lambda x: np.compress([True, False, True], x), V),
    form("np.compress", lambda x: np.compress([0, 1, 1], x, axis=1), M),
    form("ndarray.compress", lambda x: x.compress([False, True], axis=0), M),
    form("np.extract", lambda x: np.extract(MASK, x), M),
    form("np.extract", lambda x: np.sum(np.extract(x > 0, x) ** 2), M),
    form("np.flatnonzero", lambda x: x.ravel()[np.flatnonzero(MASK)], M),
    form("np.nonzero", lambda x: x[np.nonzero(MASK)], M),
    form("np.argwhere", lambda x: x[tuple(np.argwhere(MASK).T)], M),
    # positions
    form("np.unravel_index", _argmax_entry, M),
    form("np.unravel_index", lambda k: np.unravel_index(k, (2, 3), order="F"), np.array([5, 1, 0])),
    form("np.ravel_multi_index", lambda i, j: np.ravel_multi_index((i, j), (3, 4)), np.array([2, 0]), np.array([1, 3])),
    form(
        "np.ravel_multi_index",
        lambda i, j: np.ravel_multi_index((i, j), (3, 4), mode=("clip", "wrap"), order="F"),
        np.array([7, -1]),
        np.array([5, -1]),
    ),
    form("np.ix_", lambda x: x[np.ix_([1, 0], [True, False, True])], M),
    form("np.ix_", lambda x, i, j: x[np.ix_(i, j)], M, np.array([1, 1]), np.array([2, 0])),
    form("np.indices", lambda x: x * np.indices((2, 3))[1] + np.indices(x.shape, dtype=float, sparse=True)[0], M),
    form("np.ndenumerate", _enumerated, M),
    form("np.ndindex", _positions, M),
    # a function applied along axes, or for each entry
    form("np.apply_along_axis", lambda x: np.apply_along_axis(lambda v: v / v.sum(), 1, x), M),
    form("np.apply_along_axis", lambda x: np.apply_along_axis(lambda v, p: np.sum(v**p), 0, x, 3), M),
    form("np.apply_along_axis", lambda x: np.apply_along_axis(lambda v: np.outer(v, v), 0, x), M),
    form("np.apply_over_axes", lambda x: np.apply_over_axes(np.sum, x, (0, 2)), C),
    form("np.apply_over_axes", lambda x: np.apply_over_axes(lambda a, k: np.mean(a, k, keepdims=True), x, [1]), C),
    form("np.vectorize", lambda x, y: np.vectorize(lambda a, b: a * b if True else a)(x, y), M, W),
    form("np.vectorize", lambda x: _scaled(x, 2.5), M),
    form("np.vectorize", lambda x: np.vectorize(lambda t: t**2 if t > 0 else -t)(x), V),
    form("np.vectorize", lambda x: np.vectorize(lambda t, k: t * k if k > 1 else -t)(x, np.arange(3)), W),
    form("np.vectorize", lambda x: _squared(x), W),
    form("np.vectorize", lambda x, y: np.vectorize(np.dot, signature="(n),(n)->()")(x, y), M, W),
    form("np.vectorize", lambda x: np.vectorize(lambda v: v * v.sum(), signature="(n)->(n)")(x), M),
    form("np.vectorize", lambda x: np.vectorize(lambda c, t: c[0] * t + c[1], excluded={0})(x[0], x[1]), M),
    form("np.vectorize", lambda x: np.vectorize(lambda t, p: t**p, excluded=["p"])(x, p=2), W),
    form("np.vectorize", lambda x, y: np.vectorize(_two, otypes=[float, np.float64])(x, y), W, W[::-1].copy()),
    form("np.fromfunction", lambda x: np.fromfunction(lambda i, j: i * x[0] + j * x[1], (2, 3)), V),
    form("np.fromfunction", lambda x: np.fromfunction(lambda i: x[i] ** 2, (3,), dtype=int), V),
    # slices as arrays
    form("np.r_", lambda x: np.r_[x, 0, 1:3, 2.0 * x[0]], W),
    form("np.r_", lambda x: r_[0.5, x], W),
    form("np.r_", lambda x: np.r_["-1", x, x], M),
    form("np.r_", lambda x: np.r_["0,2,0", x, x], W),
    form("np.r_", lambda x: np.r_[x[0] : x[1] : 4j], W),
    form("np.c_", lambda x: np.c_[x, x**2, np.ones(3)], W),
    form("np.mgrid", lambda x: x * np.mgrid[0:2, 0:3][1], M),
    form("np.mgrid", lambda x: x[0] * np.mgrid[0:1:3j, 1:2:0.25], W),
    form("np.ogrid", lambda x: x * (np.ogrid[0:2, 1:4][0] + np.ogrid[0.0:2, 1:4][1]), M),
    form("np.s_ np.index_exp", lambda x: x[np.s_[1, ::2]] + x[np.index_exp[0, 1:]], M),
]

REFUSED = [
    form("np.compress", lambda x: np.compress(x > 0, x), V),
    form("np.extract", lambda x: np.extract(x > 0, x), V),
    form("np.nditer", lambda x: sum(t * 2 for t in np.nditer(x)), V),
    form("np.nested_iters", lambda x: np.nested_iters(x, [[0], [1]]), M),
    form("np.select", lambda x: np.select([x], [x]), V),
    form("np.take", lambda x: np.take(x, x), V),
    form("np.copyto", lambda x: np.copyto(np.zeros(5), x), V.astype(complex)),
    form("np.place", lambda x: np.place([1.0, 2.0], [True, False], x), V),
]
