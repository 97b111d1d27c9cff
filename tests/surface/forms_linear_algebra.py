"""numpy.linalg."""

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

FORMS = [
    form("np.linalg.inv", lambda a: np.linalg.inv(a), M),
    form("np.linalg.inv", lambda a: np.linalg.inv(a), S),
    form("np.linalg.det", lambda a: np.linalg.det(a), M),
    form("np.linalg.det", lambda a: np.linalg.det(a), S),
    form("np.linalg.slogdet", lambda a: np.linalg.slogdet(a), M),
    form("np.linalg.solve", lambda a, b: np.linalg.solve(a, b), M, V),
    form("np.linalg.solve", lambda a, b: np.linalg.solve(a, b), M, B),
    form("np.linalg.cholesky", lambda a: np.linalg.cholesky(a + a.T), P),
]
