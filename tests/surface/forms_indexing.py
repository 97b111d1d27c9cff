"""Indexing, read and written; views that alias; masks; programs in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(53)
X = np.array([0.7, -1.3, 2.1, 0.45, 1.9])
Y = np.array([1.1, 0.6, -0.8, 2.2, 0.3])
A = _RNG.normal(size=(3, 4))
B = _RNG.normal(size=(2, 3, 4))
Q = _RNG.normal(size=(3, 3))
#: integer arrays as arguments: with repeats and negative entries
I = np.array([3, 0, 3, -1])  # noqa: E741
R = np.array([2, 0, 1])


def swapped_rows(x: Any) -> Any:
    y = x.copy()
    y[[0, 1]] = y[[1, 0]]
    y[1], y[2] = y[2].copy(), y[1].copy()
    return y


def overlapping(x: Any) -> Any:
    y = x.copy()
    y[1:] = y[:-1]
    y[:-1] += y[1:]
    y[::-1] *= y
    return y


def every_operator(x: Any, y: Any) -> Any:
    z = x.copy()
    z[0] = y[1]
    z[1:] += y[1:]
    z[:2] -= 0.5
    z[::2] *= y[::2]
    z[1] /= 3.0
    z[3] **= 2
    z[-1] //= 0.7
    z[2] %= 0.4
    return z


def matrix_products(a: Any, b: Any) -> Any:
    c = b.copy()
    c @= a
    c[0] @= a
    return c


def rows_in_a_loop(a: Any) -> Any:
    b = a.copy()
    for k, row in enumerate(b):
        row *= k + 1
        row[k] = 0.0
    return b


def nested_views(a: Any) -> Any:
    b = a.copy()
    middle = b[1:, ::2]
    middle.T[0] = 5.0
    b[1:][0][1] *= 2
    middle[:, 1] += b[0, :2]
    b.reshape(-1)[3] = 9.0
    return b, middle


def filled_by_entries(x: Any) -> Any:
    out = np.zeros((5, 2))
    for k in range(5):
        out[k, 0] = np.sin(x[k])
        out[k, 1] = out[k - 1, 0] * x[k] if k else 0.0
    return out


def repeated_entries(x: Any, y: Any) -> Any:
    z = x.copy()
    z[[0, 0, 1]] += 1.0  # once, not twice
    z[[3, 3]] = y[:2]  # the last one wins
    z[[4, 4]] *= [2.0, 3.0]
    return z


def scattered(x: Any, i: Any) -> Any:
    z = np.zeros(5)
    z[i] = x[:4]
    z[i[1]] *= 3.0
    z[i[:2]] -= x[1:3]
    return z


def accumulated(x: Any, i: Any) -> Any:
    z = np.zeros(5)
    np.add.at(z, i, x[:4])
    return z


def traced_column(a: Any, i: Any) -> Any:
    b = a.copy()
    b[:, i[0]] = 2 * b[:, i[1]]
    b[i[1]][2] = 7.0
    return b


def window(x: Any, i: Any) -> Any:
    y, k = x.copy(), i[1] + 1
    y[k : k + 2] *= 3.0
    return y, y[k - 1 : k + 1]


def masked_writes(x: Any, y: Any) -> Any:
    z = x.copy()
    z[x > 0] = 1.5
    z[y > 1] *= y[y > 1]
    z[~(x > 0)] += 2.0
    return z


def safe_logarithm(x: Any) -> Any:
    out, positive = np.zeros_like(x), x > 0
    out[positive] = np.log(x[positive])
    out[~positive] = -(x[~positive] ** 2)
    return out


def masked_rows(a: Any) -> Any:
    b, m = a.copy(), a[:, 0] > 0
    b[m] *= np.arange(4.0)
    b[m, 1] = 7.0
    b[:, a[0] > 0] -= 1.0
    b[np.nonzero(a < -1)] = 0.0
    return b


def masked_least_squares(a: Any, x: Any) -> Any:
    m = a[:, 0] > -1
    r = a[m] @ x[:4] - a[m, 1]
    return r @ r / len(r), a[m].T @ r, (a[m] ** 2).sum(axis=0)


def masked_statistics(x: Any) -> Any:
    chosen = x[x > 0]
    return (
        chosen.sum(),
        chosen.mean(),
        chosen.var(),
        np.max(chosen),
        chosen.min(),
        np.prod(chosen),
        np.linalg.norm(chosen),
    )


def static_masks(a: Any) -> Any:
    m = np.array([True, False, True])
    b = a.copy()
    b[m] += np.arange(4.0)
    b[m, 0] = [8.0, 9.0]
    return b, a[m], a[m, 1:], a[m, [0, 1]], a[:, [True, False, True, True]]


def complex_parts(x: Any, y: Any) -> Any:
    z = x + 1j * y
    z.real[1:] *= 2
    z.imag = x
    return z.real, z.imag, np.abs(z)


def dropped_into_integers(x: Any) -> Any:
    counts = np.arange(5)
    counts[1:3] = x[1:3]
    counts[0] = 2.9
    return counts, counts * x


def unpacked(x: Any) -> Any:
    first, second, *rest = x
    (a, b), c = x[:2], x[2]
    return first * second, rest, a * b + c


def reversed_view(x: Any) -> Any:
    y = x.copy()
    y[::-1][0] = 7.0
    y[3:0:-2][1] *= 2
    return y


def written_argument(x: Any) -> Any:
    x[1:] = x[:-1] * 2
    return x.sum()


FORMS = [
    form("more.indexing", lambda x: (x[2], x[-1], x[np.int32(1)], x[np.uint8(3)]), X),
    form("more.indexing", lambda x: (x[1:4], x[::-1], x[::-2], x[3:0:-1], x[10:], x[-3:]), X),
    form("more.indexing", lambda a: (a[..., 1], a[1, ...], a[None, :, None, 2], a[..., None, 0], a[()]), A),
    form("more.indexing", lambda a: (a[[0, 2]], a[[0, 2], [1, -1]], a[[[0, 1], [2, 0]]], a[:, [3, 0, 3]]), A),
    form("more.indexing", lambda b: (b[:, [0, 1], 1], b[0, :, [1, 2]], b[[0, 1], :, [1, 2]], b[[0], ..., 2:]), B),
    form("more.indexing", lambda b: (b[[[0], [1]], :, [1, 2]], b[1, None, [0, 1]], b[None, [0, 1], :, 1]), B),
    form("np.ix_", lambda a: a[np.ix_([0, 2], [1, 3])], A),
    form("more.indexing", lambda x, i: (x[i], x[i[0]], x[i[::2] - 1], x[i][:, None] * x[i]), X, I),
    form("more.indexing", lambda a, r: (a[r], a[r, r], a[:, r[1]], a[r[:, None], [0, 3]]), A, R),
    form("more.indexing", lambda x: (x[np.argmax(x)], x[np.argsort(x)][:2]), X),
    form("more.indexing", window, X, I),
    form("more.masks", static_masks, A),
    form("more.masks", lambda a: a[np.arange(12).reshape(3, 4) % 3 == 0], A),
    form("more.masks", lambda b: (b[:, np.eye(3, 4, dtype=bool)], b[np.eye(2, 3, dtype=bool), 1]), B),
    form("more.masks", masked_statistics, X),
    form("more.masks", lambda x, y: (np.sum(x[y > 1] * y[y > 1]), np.dot(x[y > 1], y[y > 1]), x[y > 1].size * x[0]), X, Y),
    form("more.masks", masked_least_squares, A, X),
    form("more.masks", masked_writes, X, Y),
    form("more.masks", masked_rows, A),
    form("more.masks", safe_logarithm, X),
    form("np.nonzero np.where np.flatnonzero ndarray.nonzero",
         lambda x: (x[np.where(x > 0)].sum(), x[np.nonzero(x > 1)].mean(), x[np.flatnonzero(x < 1)] @ x[x < 1]), X),
    form("np.nonzero np.where", lambda x: (np.nonzero([3, 0, 1])[0] * x[:2], x[np.where(np.arange(5) % 2 == 0)]), X),
    form("more.writing", every_operator, X, Y),
    form("more.writing", swapped_rows, A),
    form("more.writing", overlapping, X),
    form("more.writing", matrix_products, Q, Q),
    form("more.writing", repeated_entries, X, Y),
    form("more.writing", scattered, X, I),
    form("more.writing", accumulated, X, I),
    form("more.writing", traced_column, A, R),
    form("more.writing", filled_by_entries, X),
    form("more.writing", dropped_into_integers, X),
    form("more.writing", written_argument, X),
    form("more.views", rows_in_a_loop, A),
    form("more.views", nested_views, A),
    form("more.views", reversed_view, X),
    form("more.views", complex_parts, X, Y),
    form("more.views", unpacked, X),
]  # fmt: skip

REFUSED = [
    form("more.masks", lambda x: x[x > 0], X),
    form("more.masks", lambda x: x[x > 0][0], X),
    form("more.masks", lambda x: [2 * v for v in x[x > 0]], X),
    form("more.masks", lambda x: np.sort(x[x > 0]), X),
    form("more.indexing", lambda x, i: x[: i[0]], X, I),
    form("more.indexing", lambda x: x[True, 1], X),
]
