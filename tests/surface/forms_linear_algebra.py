"""numpy.linalg: inverses, determinants, systems, factors."""

from __future__ import annotations

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(31)
#: matrices far from singular, a stack of them, symmetric positive definite ones
M = _RNG.normal(size=(3, 3)) + 3 * np.eye(3)
S = np.stack([M, M.T + 1, 2 * M - 1])
P = M @ M.T + np.eye(3)
V = _RNG.normal(size=3)
B = _RNG.normal(size=(3, 2))
K = np.array([[2, 1], [1, 3]])
#: a map from 2 x 3 arrays to vectors of 6, and one with axes of 2, 3 and 6 in another order
T = (_RNG.normal(size=(6, 6)) + 4 * np.eye(6)).reshape(6, 2, 3)
R = T.reshape(6, 6).reshape(2, 3, 6)

FORMS = [
    form("np.linalg.inv", lambda a: np.linalg.inv(a), M),
    form("np.linalg.inv", lambda a: np.linalg.inv(a), S),
    form("np.linalg.inv", lambda k, x: np.linalg.inv(k) * x, K, 1.5),
    form("np.linalg.det", lambda a: np.linalg.det(a), M),
    form("np.linalg.det", lambda a: np.linalg.det(a), S),
    form("np.linalg.slogdet", lambda a: np.linalg.slogdet(a), M),
    form("np.linalg.slogdet", lambda a: np.linalg.slogdet(a).logabsdet, S),
    form("np.linalg.solve", lambda a, b: np.linalg.solve(a, b), M, V),
    form("np.linalg.solve", lambda a, b: np.linalg.solve(a, b), M, B),
    form("np.linalg.solve", lambda a, b: np.linalg.solve(a, b), S, B),
    form("np.linalg.solve", lambda k, b: np.linalg.solve(k, b), K, V[:2]),
    form("np.linalg.cholesky", lambda a: np.linalg.cholesky(a + a.T), P),
    form("np.linalg.cholesky", lambda a: np.linalg.cholesky(a @ a.T, upper=True), M),
    form("np.linalg.cholesky", lambda a: np.linalg.cholesky(a @ np.swapaxes(a, -1, -2)), S),
    form("np.linalg.matrix_power", lambda a: np.linalg.matrix_power(a, 3), M),
    form("np.linalg.matrix_power", lambda a: np.linalg.matrix_power(a, -2), S),
    form("np.linalg.matrix_power", lambda a: np.linalg.matrix_power(a, 0) + a, M),
    form("np.linalg.matrix_power", lambda k: np.linalg.matrix_power(k, 5), K),
    form("np.linalg.tensorsolve", lambda a, b: np.linalg.tensorsolve(a, b), T, _RNG.normal(size=6)),
    form("np.linalg.tensorsolve", lambda a, b: np.linalg.tensorsolve(a, b, axes=(0, 1)), R, _RNG.normal(size=6)),
    form("np.linalg.tensorinv", lambda a: np.linalg.tensorinv(a), R),
    form("np.linalg.tensorinv", lambda a: np.linalg.tensorinv(a, ind=1), T),
    form("np.linalg.cond", lambda a: np.linalg.cond(a, "fro"), M),
    form("np.linalg.cond", lambda a: np.linalg.cond(a, 1), S),
    form("np.linalg.cond", lambda a: np.linalg.cond(a, -np.inf), M),
    form("np.linalg.cond", lambda a: np.linalg.cond(a), B),
    form("np.linalg.cond", lambda a: np.linalg.cond(a, -2), S),
    form("np.linalg.eigh", lambda a: [np.linalg.eigh(a)[0], np.linalg.eigh(a)[1] ** 2], P),
    form("np.linalg.eigh", lambda a: np.linalg.eigh(a, UPLO="U").eigenvectors ** 2, S),
    form("np.linalg.eigvalsh", lambda a: np.linalg.eigvalsh(a), P),
    form("np.linalg.eigvalsh", lambda a: np.linalg.eigvalsh(a, "U"), S),
    form("np.linalg.svd", lambda a: [part**2 for part in np.linalg.svd(a)], M),
    form("np.linalg.svd", lambda a: [part**2 for part in np.linalg.svd(a, full_matrices=False)], B),
    form("np.linalg.svd", lambda a: np.linalg.svd(np.swapaxes(a[..., :2], -1, -2), full_matrices=False).Vh ** 2, S),
    form("np.linalg.svd", lambda a: np.linalg.svd(a, compute_uv=False), S),
    form("np.linalg.svdvals", lambda a: np.linalg.svdvals(a), B),
    form("np.linalg.matrix_rank", lambda a: np.linalg.matrix_rank(a), B),
    form("np.linalg.matrix_rank", lambda a: np.linalg.matrix_rank(a - a[..., :1], tol=1e-9), S),
]

REFUSED = [
    form("np.linalg.eig", lambda a: np.linalg.eig(a), M),
    form("np.linalg.eigvals", lambda a: np.linalg.eigvals(a), M),
    form("np.linalg.svd", lambda a: np.linalg.svd(a), B),
    form("np.linalg.qr", lambda a: np.linalg.qr(a), B),
    form("np.linalg.lstsq", lambda a, b: np.linalg.lstsq(a, b), B, V),
    form("np.linalg.pinv", lambda a: np.linalg.pinv(a), B),
]
