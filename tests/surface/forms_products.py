"""Products: of vectors, matrices and stacks of them, Einstein's summation, convolutions, polynomials."""

from __future__ import annotations

import numpy as np

from surface.form import form

_RNG = np.random.default_rng(17)
U = _RNG.normal(size=3)
W = _RNG.normal(size=3)
A = _RNG.normal(size=(2, 3))
B = _RNG.normal(size=(3, 4))
Q = _RNG.normal(size=(3, 3))
S = _RNG.normal(size=(2, 2, 3))
T = _RNG.normal(size=(2, 3, 2))
L = _RNG.normal(size=5)
K = np.arange(6).reshape(2, 3)
F = np.array([[True, False, True], [False, False, True]])


def _dot_into(a, b):
    out = np.zeros((2, 4))
    np.dot(a, b, out=out)
    return out * out


FORMS = [
    # dot, vdot, inner, outer
    form("np.dot", lambda a, b: np.dot(a, b), U, W),
    form("np.dot", lambda a, b: np.dot(a, b), A, B),
    form("np.dot", lambda a, b: np.dot(a, b), A, U),
    form("np.dot", lambda a, b: np.dot(a, b), S, B),
    form("np.dot", lambda a, b: np.dot(a, b), A, T),
    form("np.dot", lambda a, b: np.dot(a, b), 1.5, A),
    form("np.dot", lambda k, b: np.dot(k, b), K, B),
    form("np.dot", lambda k: np.dot(k, k.T), K),
    form("np.dot", lambda f: np.dot(f, f.T), F),
    form("np.dot", _dot_into, A, B),
    form("ndarray.dot", lambda a, b: a.dot(b), A, B),
    form("np.vdot", lambda a, b: np.vdot(a, b), A, A**2),
    form("np.vdot", lambda k: np.vdot(k, k), K),
    form("np.inner", lambda a, b: np.inner(a, b), U, W),
    form("np.inner", lambda a, b: np.inner(a, b), S, A),
    form("np.inner", lambda a, b: np.inner(a, b), A, 1.5),
    form("np.outer", lambda a, b: np.outer(a, b), U, L),
    form("np.outer", lambda a, b: np.outer(a, b), A, U),
    form("np.outer", lambda a, b: np.outer(a, b), A, 1.5),
    form("np.linalg.outer", lambda a, b: np.linalg.outer(a, b), U, L),
    # matmul and its family
    form("np.matmul", lambda a, b: np.matmul(a, b), A, B),
    form("np.matmul", lambda a, b: a @ b, A, U),
    form("np.matmul", lambda a, b: a @ b, U, B),
    form("np.matmul", lambda a, b: a @ b, U, W),
    form("np.matmul", lambda a, b: a @ b, S, T),
    form("np.matmul", lambda a, b: a @ b, S[:1], T),
    form("np.matmul", lambda a, b: a @ b, S, B),
    form("np.matmul", lambda a, b: a @ b, S, U),
    form("np.matmul", lambda a, b: a @ b, S[:, None], T),
    form("np.matmul", lambda k, f: k @ f.T, K, F),
    form("np.matmul", lambda a, b: (a[:, :0] @ b[:0]) + a, A, Q),
    form("np.linalg.matmul", lambda a, b: np.linalg.matmul(a, b), S, B),
    form("np.vecdot", lambda a, b: np.vecdot(a, b), A, U),
    form("np.vecdot", lambda a, b: np.vecdot(a, b, axis=0), A, A**2),
    form("np.linalg.vecdot", lambda a, b: np.linalg.vecdot(a, b, axis=0), A, A**2),
    form("np.matvec", lambda a, b: np.matvec(a, b), S, U),
    form("np.vecmat", lambda a, b: np.vecmat(a, b), A[:, :2], S),
    form("np.linalg.multi_dot", lambda a, b, c: np.linalg.multi_dot([a, b, c]), A, Q, B),
    form("np.linalg.multi_dot", lambda a, b, c: np.linalg.multi_dot([a, b, c]), U, Q, W),
    form("np.linalg.multi_dot", lambda a, b, c, d: np.linalg.multi_dot([a, b, c, d]), A, B, B.T.copy(), U),
    form("np.linalg.multi_dot", lambda a, b: np.linalg.multi_dot([a, b]), A, B),
    # einsum
    form("np.einsum", lambda a, b: np.einsum("ij,jk->ik", a, b), A, B),
    form("np.einsum", lambda a, b: np.einsum("ij,jk", a, b), A, B),
    form("np.einsum", lambda a: np.einsum("ji", a), A),
    form("np.einsum", lambda a: np.einsum("ij->", a * a), A),
    form("np.einsum", lambda a: np.einsum("i j -> j", a * a), A),
    form("np.einsum", lambda a: np.einsum("ii", a), Q),
    form("np.einsum", lambda a: np.einsum("ii->i", a * a), Q),
    form("np.einsum", lambda a, b: np.einsum("i,j->ij", a, b), U, L),
    form("np.einsum", lambda a, b, c: np.einsum("i,ij,j->", a, b, c), U, B, B[0]),
    form("np.einsum", lambda a, b, c, d: np.einsum("ij,jk,kl,lm->im", a, b, c, d), A, Q, B, B.T.copy()),
    form("np.einsum", lambda a, b: np.einsum("...ij,...jk->...ik", a, b), S, T),
    form("np.einsum", lambda a, b: np.einsum("...i,...i", a, b), S, A),
    form("np.einsum", lambda a, b: np.einsum("i...,...->...i", a, b), T, B[:, :2]),
    form("np.einsum", lambda a, b: np.einsum("bij,bjk->bik", a, b), S[:1], T),
    form("np.einsum", lambda a: np.einsum("i,i,i->i", a, a, a), U),
    form("np.einsum", lambda a: np.einsum("iij->j", a), _RNG.normal(size=(2, 2, 3))),
    form("np.einsum", lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), A, B),
    form("np.einsum", lambda a, b: np.einsum(a, [..., 0], b, [0]), A, U),
    form("np.einsum", lambda a, b, c: np.einsum("ij,jk,kl->il", a, b, c, optimize=True), A, Q, B),
    form("np.einsum", lambda k, a: np.einsum("ij,ij->i", k, a), K, A),
    form("np.einsum", lambda k: np.einsum("ij->i", k, dtype=float), K),
    form("np.einsum", lambda f: np.einsum("ij,kj->ik", f, f), F),
    form(
        "np.einsum_path", lambda a, b: np.einsum(a, [0, 1], b, [1, 2], optimize=np.einsum_path("ij,jk", a, b)[0]), A, B
    ),
    # tensordot, kron, cross
    form("np.tensordot", lambda a, b: np.tensordot(a, b), T, B[:, :2].reshape(3, 2, 1) ** 2),
    form("np.tensordot", lambda a, b: np.tensordot(a, b, axes=1), S, B),
    form("np.tensordot", lambda a, b: np.tensordot(a, b, axes=0), A, U),
    form("np.tensordot", lambda a, b: np.tensordot(a, b, axes=([0, -1], [1, 0])), S, np.ascontiguousarray(A.T)),
    form("np.tensordot", lambda a, b: np.tensordot(a, b, axes=(-1, 0)), A, B),
    form("np.linalg.tensordot", lambda a, b: np.linalg.tensordot(a, b, axes=1), A, B),
    form("np.kron", lambda a, b: np.kron(a, b), A, Q),
    form("np.kron", lambda a, b: np.kron(a, b), U, L),
    form("np.kron", lambda a, b: np.kron(a, b), U, A),
    form("np.kron", lambda a, b: np.kron(a, b), S, A),
    form("np.kron", lambda a, b: np.kron(a, b), 1.5, A),
    form("np.cross", lambda a, b: np.cross(a, b), U, W),
    form("np.cross", lambda a, b: np.cross(a, b), A, U),
    form("np.cross", lambda a, b: np.cross(a, b, axisa=0, axisb=0, axisc=1), B, Q[:, :1]),
    form("np.cross", lambda a, b: np.cross(a, b, axis=0), Q, Q.T + 1.0),
    form("np.cross", lambda a, b: np.cross(a, b), U[:2], W[:2]),
    form("np.cross", lambda a, b: np.cross(a, b), A[:, :2], U),
    form("np.cross", lambda a, b: np.cross(a, b), U, W[:2]),
    form("np.linalg.cross", lambda a, b: np.linalg.cross(a, b, axis=-1), A, U),
    # traces
    form("np.trace", lambda a: np.trace(a * a), Q),
    form("np.trace", lambda a: np.trace(a, offset=1), B),
    form("np.trace", lambda a: np.trace(a, -1, 1, 2), S),
    form("np.trace", lambda a: np.trace(a, axis1=2, axis2=0), S),
    form("np.trace", lambda k, x: np.trace(k, dtype=float) * x, K, 1.5),
    form("np.trace", lambda a: np.trace(a, offset=5) + a[0], Q),
    form("ndarray.trace", lambda a: (a @ a).trace(), Q),
    form("np.linalg.trace", lambda a: np.linalg.trace(a, offset=1), S),
    form("np.linalg.diagonal", lambda a: np.linalg.diagonal(a, offset=-1) ** 2, S),
    # convolutions
    form("np.convolve", lambda a, v: np.convolve(a, v), L, U),
    form("np.convolve", lambda a, v: np.convolve(a, v, "same"), L, U),
    form("np.convolve", lambda a, v: np.convolve(a, v, mode="valid"), U, L),
    form("np.convolve", lambda a, v: np.convolve(a, v, mode="same"), B[0], L),
    form("np.convolve", lambda k, v: np.convolve(k, v), np.arange(4), U),
    form("np.convolve", lambda a, v: np.convolve(a, v), L, 1.5),
    form("np.convolve", lambda f: np.convolve(f, f), np.array([True, False, True])),
    form("np.correlate", lambda a, v: np.correlate(a, v), L, U),
    form("np.correlate", lambda a, v: np.correlate(a, v, "full"), U, L),
    form("np.correlate", lambda a, v: np.correlate(a, v, mode="same"), L, B[0]),
    form("np.correlate", lambda a, v: np.correlate(a, v, mode="same"), B[0], L),
    # polynomials
    form("np.polyval", lambda p, x: np.polyval(p, x), L, U),
    form("np.polyval", lambda p, x: np.polyval(p, x), L, A),
    form("np.polyval", lambda p, x: np.polyval(p, x), L, 1.5),
    form("np.polyval", lambda x: np.polyval([2.0, 0.0, -1.0], x), U),
    form("np.polyval", lambda k, x: np.polyval(k, x), np.array([1, 2, 3]), U),
    form("np.polyadd", lambda p, q: np.polyadd(p, q), L, U),
    form("np.polysub", lambda p, q: np.polysub(p, q), U, L),
    form("np.polymul", lambda p, q: np.polymul(p, q), L, U),
    form("np.polymul", lambda p: np.polymul([0.0, 2.0, 1.0], p), U),
    form("np.polyder", lambda p: np.polyder(p), L),
    form("np.polyder", lambda p: np.polyder(p, 2) ** 2, L),
    form("np.polyint", lambda p: np.polyint(p), L),
    form("np.polyint", lambda p, k: np.polyint(p, m=2, k=k), U, W[:2]),
    form("np.poly", lambda r: np.poly(r), U),
    form("np.poly1d", lambda p, x: np.poly1d(p)(x), L, U),
    form("np.poly1d", lambda p, x: (np.poly1d(p).deriv() * np.poly1d([1.0, x, 2.0]) - 3)(x**2), U, 1.5),
    form("np.poly1d", lambda p, q: (np.poly1d(p) ** 2 + 2 * np.poly1d(q).integ())(np.poly1d(q)).coeffs, U, W[:2]),
    form("np.poly1d", lambda r, x: np.poly1d(r, True)(x) / np.poly1d(r)[1], U, 1.5),
    form("np.poly1d", lambda x: np.poly1d([1.0, -2.0, 3.0])(x), U),
    form("np.vander", lambda x: np.vander(x), U),
    form("np.vander", lambda x: np.vander(x, 2, increasing=True), U),
    form("np.vander", lambda k: np.vander(k, 4), np.array([1, 3, 2])),
]

REFUSED = [
    form("np.einsum", lambda a: np.einsum("i->", a, dtype=np.float32), U),
    form("np.roots", lambda p: np.roots(p), L),
    form("np.polydiv", lambda p, q: np.polydiv(p, q), L, U),
    form("np.polyfit", lambda x, y: np.polyfit(x, y, 1), U, W),
    form("np.poly", lambda a: np.poly(a), Q),
    form("np.poly1d", lambda p: np.poly1d(p).roots, L),
    form("np.poly1d", lambda p, q: np.poly1d(p) / np.poly1d(q), L, U),
]
