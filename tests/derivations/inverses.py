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
        latex=r"-A^{-\top} c b^\top A^{-\top}",
        hand=lambda A, b, c: -np.outer(inv(A).T @ c, inv(A) @ b),
    ),
    inverse(
        "trace of the inverse of a sum",
        transform="grad",
        f=lambda X, A: np.trace(np.linalg.inv(X + A)),
        specs=(SQUARE, SQUARE),
        latex=r"-(A + X)^{-\top} (A + X)^{-\top}",
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
        latex=r"\log(|\det(X)|)",
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
        specs=(matrix(5, 3),),
        latex=r"2 X (X^\top X)^{-1}",
        hand=lambda X: 2 * X @ inv(X.T @ X),
        draw=("box",),
    ),
    # ------------------------------------------------------------ Gaussian likelihoods
    gaussian(
        "Mahalanobis distance, in the point",
        transform="grad",
        f=lambda x, mu, Sigma: (x - mu) @ np.linalg.inv(Sigma) @ (x - mu),
        specs=(N, N, SQUARE),
        latex=r"(\Sigma^{-1} + \Sigma^{-\top}) (x - \mu)",
        hand=lambda x, mu, Sigma: 2 * inv(Sigma) @ (x - mu),
        draw=("box", "box", "definite"),
    ),
    gaussian(
        "likelihood in the mean",
        transform="grad",
        f=lambda mu, x, P: -(x - mu) @ P @ (x - mu) / 2,
        specs=(N, N, SQUARE),
        latex=r"\frac{1}{2} (P + P^\top) (x - \mu)",
        hand=lambda mu, x, P: (P + P.T) @ (x - mu) / 2,
    ),
    gaussian(
        "likelihood in the precision",
        transform="grad",
        f=lambda P, x, mu: np.linalg.slogdet(P)[1] / 2 - (x - mu) @ P @ (x - mu) / 2,
        specs=(SQUARE, N, N),
        latex=r"\frac{1}{2} (P^{-\top} - (x - \mu) (x - \mu)^\top)",
        hand=lambda P, x, mu: (inv(P).T - np.outer(x - mu, x - mu)) / 2,
        draw=("definite",),
    ),
    gaussian(
        "likelihood in the covariance",
        transform="grad",
        f=lambda Sigma, x, mu: -np.linalg.slogdet(Sigma)[1] / 2 - (x - mu) @ np.linalg.inv(Sigma) @ (x - mu) / 2,
        specs=(SQUARE, N, N),
        latex=r"\frac{1}{2} (\Sigma^{-\top} (x - \mu) (x - \mu)^\top \Sigma^{-\top} - \Sigma^{-\top})",
        hand=lambda Sigma, x, mu: (inv(Sigma).T @ np.outer(x - mu, x - mu) @ inv(Sigma).T - inv(Sigma).T) / 2,
        draw=("definite",),
    ),
    gaussian(
        "likelihood of a sample, in the mean",
        transform="grad",
        f=lambda mu, X, P: -np.sum((X - mu) @ P * (X - mu)) / 2,
        specs=(N, DATA, SQUARE),
        latex=r"\frac{1}{2} (P + P^\top) (X - \mathbf{1} \mu^\top)^\top \mathbf{1}",
        hand=lambda mu, X, P: (P + P.T) @ np.sum(X - mu, axis=0) / 2,
    ),
    gaussian(
        "scatter in the precision",
        transform="grad",
        f=lambda P, C, c: c * (np.linalg.slogdet(P)[1] - np.trace(C @ P)),
        specs=(SQUARE, SQUARE, NUMBER),
        latex=r"c (P^{-\top} - C^\top)",
        hand=lambda P, C, c: c * (inv(P).T - C.T),
        draw=("definite",),
    ),
    gaussian(
        "one dimension, in the mean",
        transform="grad",
        f=lambda mu, x, sigma: -np.sum((x - mu) ** 2) / (2 * sigma**2),
        specs=(NUMBER, N, NUMBER),
        latex=r"\frac{1}{\sigma^{2}} \mathbf{1}^\top (x - \mu)",
        hand=lambda mu, x, sigma: np.sum(x - mu) / sigma**2,
    ),
]
