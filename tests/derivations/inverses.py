"""Identities of inverses and determinants, Gaussian likelihoods among them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from derivations.identity import Identity
from gradc import matrix, scalar, vector

N, M = vector("n"), vector("m")
SQUARE, DATA = matrix("n", "n"), matrix("m", "n")
NUMBER = scalar()

inverse = partial(Identity, group="inverse", draw=("regular",))
determinant = partial(Identity, group="determinant", draw=("regular",))
gaussian = partial(Identity, group="Gaussian")

inv: Any = np.linalg.inv
det: Any = np.linalg.det


ROWS = [
    # ------------------------------------------------------------ inverse
    inverse(
        "value", transform="value", f=lambda X: np.linalg.inv(X), specs=(SQUARE,), latex="X^{-1}", hand=lambda X: inv(X)
    ),
    inverse(
        "trace of the inverse",
        transform="grad",
        f=lambda X: np.trace(np.linalg.inv(X)),
        specs=(SQUARE,),
        latex=r"-X^{-\top} X^{-\top}",
        hand=lambda X: -inv(X).T @ inv(X).T,
    ),
    inverse(
        "trace of a product with the inverse",
        transform="grad",
        f=lambda X, A: np.trace(A @ np.linalg.inv(X)),
        specs=(SQUARE, SQUARE),
        latex=r"-X^{-\top} A^\top X^{-\top}",
        hand=lambda X, A: -inv(X).T @ A.T @ inv(X).T,
    ),
    inverse(
        "trace of a product around the inverse",
        transform="grad",
        f=lambda X, A, B: np.trace(A @ np.linalg.inv(X) @ B),
        specs=(SQUARE, DATA, matrix("n", "m")),
        latex=r"-X^{-\top} A^\top B^\top X^{-\top}",
        hand=lambda X, A, B: -inv(X).T @ A.T @ B.T @ inv(X).T,
    ),
    inverse(
        "form of the inverse",
        transform="grad",
        f=lambda X, a, b: a @ np.linalg.inv(X) @ b,
        specs=(SQUARE, N, N),
        latex=r"-X^{-\top} a b^\top X^{-\top}",
        hand=lambda X, a, b: -inv(X).T @ np.outer(a, b) @ inv(X).T,
    ),
    inverse(
        "form of the inverse, in its vector",
        transform="grad",
        f=lambda a, X, b: a @ np.linalg.inv(X) @ b,
        specs=(N, SQUARE, N),
        latex="X^{-1} b",
        hand=lambda a, X, b: inv(X) @ b,
        draw=("box", "regular"),
    ),
    inverse(
        "linear system, right side",
        transform="jacobian",
        f=lambda b, A: np.linalg.solve(A, b),
        specs=(N, SQUARE),
        latex="A^{-1}",
        hand=lambda b, A: inv(A),
        draw=("box", "regular"),
    ),
    inverse(
        "linear system, its matrix",
        transform="grad",
        f=lambda A, b, c: c @ np.linalg.solve(A, b),
        specs=(SQUARE, N, N),
        latex=r"-A^{-\top} c (A^{-1} b)^\top",
        hand=lambda A, b, c: -np.outer(inv(A).T @ c, inv(A) @ b),
    ),
    inverse(
        "trace of the inverse of a sum",
        transform="grad",
        f=lambda X, A: np.trace(np.linalg.inv(X + A)),
        specs=(SQUARE, SQUARE),
        latex=r"-(X + A)^{-\top} (X + A)^{-\top}",
        hand=lambda X, A: -inv(X + A).T @ inv(X + A).T,
    ),
    # ------------------------------------------------------------ determinant
    determinant(
        "determinant",
        transform="grad",
        f=lambda X: np.linalg.det(X),
        specs=(SQUARE,),
        latex=r"\det(X) X^{-\top}",
        hand=lambda X: det(X) * inv(X).T,
    ),
    determinant(
        "logarithm of the determinant",
        transform="grad",
        f=lambda X: np.log(np.linalg.det(X)),
        specs=(SQUARE,),
        latex=r"X^{-\top}",
        hand=lambda X: inv(X).T,
    ),
    determinant(
        "log-determinant",
        transform="grad",
        f=lambda X: np.linalg.slogdet(X)[1],
        specs=(SQUARE,),
        latex=r"X^{-\top}",
        hand=lambda X: inv(X).T,
    ),
    determinant(
        "log-determinant, value",
        transform="value",
        f=lambda X: np.linalg.slogdet(X)[1],
        specs=(SQUARE,),
        latex=r"\log(\left|\det(X)\right|)",
        hand=lambda X: np.log(abs(det(X))),
    ),
    determinant(
        "determinant of a product",
        transform="grad",
        f=lambda X, A, B: np.linalg.det(A @ X @ B),
        specs=(SQUARE, SQUARE, SQUARE),
        latex=r"\det(A X B) X^{-\top}",
        hand=lambda X, A, B: det(A @ X @ B) * inv(X).T,
        draw=("regular", "regular", "regular"),
    ),
    determinant(
        "power of the determinant",
        transform="grad",
        f=lambda X: np.linalg.det(X) ** 2,
        specs=(SQUARE,),
        latex=r"2 \det(X)^{2} X^{-\top}",
        hand=lambda X: 2 * det(X) ** 2 * inv(X).T,
    ),
    determinant(
        "log-determinant of a Gram matrix",
        transform="grad",
        f=lambda X: np.linalg.slogdet(X.T @ X)[1],
        specs=(matrix("n", "n"),),
        latex=r"2 X (X^\top X)^{-1}",
        hand=lambda X: 2 * X @ inv(X.T @ X),
    ),
    # ------------------------------------------------------------ Gaussian likelihoods
    gaussian(
        "Mahalanobis distance, in the point",
        transform="grad",
        f=lambda x, m, S: (x - m) @ np.linalg.inv(S) @ (x - m),
        specs=(N, N, SQUARE),
        latex=r"(S^{-1} + S^{-\top}) (x - m)",
        hand=lambda x, m, S: 2 * inv(S) @ (x - m),
        draw=("box", "box", "definite"),
    ),
    gaussian(
        "likelihood in the mean",
        transform="grad",
        f=lambda m, x, P: -(x - m) @ P @ (x - m) / 2,
        specs=(N, N, SQUARE),
        latex=r"\frac{1}{2} (P + P^\top) (x - m)",
        hand=lambda m, x, P: (P + P.T) @ (x - m) / 2,
    ),
    gaussian(
        "likelihood in the precision",
        transform="grad",
        f=lambda P, x, m: np.linalg.slogdet(P)[1] / 2 - (x - m) @ P @ (x - m) / 2,
        specs=(SQUARE, N, N),
        latex=r"\frac{1}{2} (P^{-\top} - (x - m) (x - m)^\top)",
        hand=lambda P, x, m: (inv(P).T - np.outer(x - m, x - m)) / 2,
        draw=("definite",),
    ),
    gaussian(
        "likelihood in the covariance",
        transform="grad",
        f=lambda S, x, m: -np.linalg.slogdet(S)[1] / 2 - (x - m) @ np.linalg.inv(S) @ (x - m) / 2,
        specs=(SQUARE, N, N),
        latex=r"\frac{1}{2} (S^{-\top} (x - m) (x - m)^\top S^{-\top} - S^{-\top})",
        hand=lambda S, x, m: (inv(S).T @ np.outer(x - m, x - m) @ inv(S).T - inv(S).T) / 2,
        draw=("definite",),
    ),
    gaussian(
        "likelihood of a sample, in the mean",
        transform="grad",
        f=lambda m, X, P: -np.sum((X - m) @ P * (X - m)) / 2,
        specs=(N, DATA, SQUARE),
        latex=r"\frac{1}{2} (P + P^\top) (X - \mathbf{1} m^\top)^\top \mathbf{1}",
        hand=lambda m, X, P: (P + P.T) @ np.sum(X - m, axis=0) / 2,
    ),
    gaussian(
        "scatter in the precision",
        transform="grad",
        f=lambda P, C, k: k * (np.linalg.slogdet(P)[1] - np.trace(C @ P)),
        specs=(SQUARE, SQUARE, NUMBER),
        latex=r"k (P^{-\top} - C^\top)",
        hand=lambda P, C, k: k * (inv(P).T - C.T),
        draw=("definite",),
    ),
    gaussian(
        "one dimension, in the mean",
        transform="grad",
        f=lambda m, x, s: -np.sum((x - m) ** 2) / (2 * s**2),
        specs=(NUMBER, N, NUMBER),
        latex=r"\frac{1}{s^{2}} \mathbf{1}^\top (x - m)",
        hand=lambda m, x, s: np.sum(x - m) / s**2,
    ),
]
