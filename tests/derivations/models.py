"""Identities of whole models: attention over a batch, generalised linear models, barriers, Gaussian processes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from derivations.identity import Identity
from derivations.statistics import row_softmax
from gradc import matrix, scalar, vector

N, M = vector("n"), vector("m")
SQUARE, DATA = matrix("n", "n"), matrix("m", "n")
NUMBER = scalar()

attention = partial(
    Identity,
    group="attention",
    transform="grad",
)
model = partial(Identity, group="model")

inv: Any = np.linalg.inv


def heads(Q: Any, K: Any, V: Any) -> Any:
    """Attention of queries to keys, applied to values."""
    return row_softmax(Q @ K.T) @ V


def through_softmax(Q: Any, K: Any, V: Any, G: Any) -> Any:
    """The derivative by the scores."""
    S, D = row_softmax(Q @ K.T), G @ V.T
    return S * (D - np.sum(S * D, axis=1, keepdims=True))


ROWS = [
    Identity(
        "attention",
        group="attention",
        transform="value",
        f=heads,
        specs=(DATA, matrix("k", "n"), matrix("k", "n")),
        latex=r"\operatorname{softmax}_{\mathrm{rows}}(Q K^\top) V",
        hand=heads,
    ),
    attention(
        "attention, values",
        f=lambda V, Q, K, G: np.sum(G * heads(Q, K, V)),
        specs=(matrix("k", "n"), DATA, matrix("k", "n"), DATA),
        latex=r"\operatorname{softmax}_{\mathrm{rows}}(Q K^\top)^\top G",
        hand=lambda V, Q, K, G: row_softmax(Q @ K.T).T @ G,
    ),
    attention(
        "attention, queries",
        f=lambda Q, K, V, G: np.sum(G * heads(Q, K, V)),
        specs=(DATA, matrix("k", "n"), matrix("k", "n"), DATA),
        latex=(
            r"(\operatorname{softmax}_{\mathrm{rows}}(Q K^\top) \odot (G V^\top -"
            r" (\operatorname{softmax}_{\mathrm{rows}}(Q K^\top) \odot (G V^\top)) \mathbf{1} \mathbf{1}^\top)) K"
        ),
        hand=lambda Q, K, V, G: through_softmax(Q, K, V, G) @ K,
    ),
    attention(
        "attention, keys",
        f=lambda K, Q, V, G: np.sum(G * heads(Q, K, V)),
        specs=(matrix("k", "n"), DATA, matrix("k", "n"), DATA),
        latex=(
            r"(\operatorname{softmax}_{\mathrm{rows}}(Q K^\top) \odot (G V^\top -"
            r" (\operatorname{softmax}_{\mathrm{rows}}(Q K^\top) \odot (G V^\top)) \mathbf{1} \mathbf{1}^\top))^\top Q"
        ),
        hand=lambda K, Q, V, G: through_softmax(Q, K, V, G).T @ Q,
    ),
    model(
        "principal components",
        transform="grad",
        f=lambda W, X: -np.trace(W.T @ X.T @ X @ W),
        specs=(matrix("n", "k"), DATA),
        latex=r"-2 X^\top X W",
        hand=lambda W, X: -2 * X.T @ X @ W,
    ),
    model(
        "Poisson regression",
        transform="grad",
        f=lambda w, X, y: np.sum(np.exp(X @ w) - y * (X @ w)),
        specs=(N, DATA, M),
        latex=r"X^\top (\exp(X w) - y)",
        hand=lambda w, X, y: X.T @ (np.exp(X @ w) - y),
    ),
    model(
        "Poisson regression, second derivative",
        transform="hessian",
        f=lambda w, X, y: np.sum(np.exp(X @ w) - y * (X @ w)),
        specs=(N, DATA, M),
        latex=r"X^\top \operatorname{diag}(\exp(X w)) X",
        hand=lambda w, X, y: X.T @ np.diag(np.exp(X @ w)) @ X,
    ),
    model(
        "logarithmic barrier",
        transform="grad",
        f=lambda x, A, b: -np.sum(np.log(b - A @ x)),
        specs=(N, DATA, M),
        latex=r"A^\top (\mathbf{1} \oslash (b - A x))",
        hand=lambda x, A, b: A.T @ (1 / (b - A @ x)),
        draw=("box", "box", "large"),
    ),
    model(
        "logarithmic barrier, second derivative",
        transform="hessian",
        f=lambda x, A, b: -np.sum(np.log(b - A @ x)),
        specs=(N, DATA, M),
        latex=r"A^\top \operatorname{diag}(\mathbf{1} \oslash (b - A x)^{\odot 2}) A",
        hand=lambda x, A, b: A.T @ np.diag(1 / (b - A @ x) ** 2) @ A,
        draw=("box", "box", "large"),
    ),
    model(
        "radial kernel, second derivative",
        transform="hessian",
        f=lambda x, y: np.exp(-np.sum((x - y) ** 2)),
        specs=(N, N),
        latex=r"2 e^{-\|x - y\|^{2}} (2 (x - y) (x - y)^\top - I)",
        hand=lambda x, y: 2 * np.exp(-np.sum((x - y) ** 2)) * (2 * np.outer(x - y, x - y) - np.eye(len(x))),
    ),
    model(
        "length of a residual, second derivative",
        transform="hessian",
        f=lambda x, A, b: np.linalg.norm(A @ x - b),
        specs=(N, DATA, M),
        latex=(r"A^\top \left(\frac{1}{\|A x - b\|} I - \frac{1}{\|A x - b\|^{3}} (A x - b) (A x - b)^\top\right) A"),
        hand=lambda x, A, b: (
            A.T
            @ (np.eye(len(b)) - np.outer(A @ x - b, A @ x - b) / np.sum((A @ x - b) ** 2))
            @ A
            / np.linalg.norm(A @ x - b)
        ),
    ),
    model(
        "least-squares estimate",
        transform="value",
        f=lambda X, y: np.linalg.solve(X.T @ X, X.T @ y),
        specs=(matrix(5, 3), vector(5)),
        latex=r"(X^\top X)^{-1} X^\top y",
        hand=lambda X, y: inv(X.T @ X) @ X.T @ y,
    ),
    model(
        "least-squares estimate in the target",
        transform="jacobian",
        f=lambda y, X: np.linalg.solve(X.T @ X, X.T @ y),
        specs=(vector(5), matrix(5, 3)),
        latex=r"(X^\top X)^{-1} X^\top",
        hand=lambda y, X: inv(X.T @ X) @ X.T,
    ),
    model(
        "Gaussian process, in its kernel matrix",
        transform="grad",
        f=lambda K, y: y @ np.linalg.solve(K, y) / 2 + np.linalg.slogdet(K)[1] / 2,
        specs=(SQUARE, N),
        latex=r"\frac{1}{2} (K^{-\top} - K^{-\top} y y^\top K^{-\top})",
        hand=lambda K, y: (inv(K).T - inv(K).T @ np.outer(y, y) @ inv(K).T) / 2,
        draw=("definite",),
    ),
    model(
        "log-determinant of a low-rank covariance",
        transform="grad",
        f=lambda U, c: np.linalg.slogdet(U @ U.T + c * np.eye(4))[1],
        specs=(matrix(4, 2), NUMBER),
        latex=r"2 (U U^\top + c I)^{-1} U",
        hand=lambda U, c: 2 * inv(U @ U.T + c * np.eye(4)) @ U,
    ),
    model(
        "covariance matrix",
        transform="value",
        f=lambda X: (X - np.mean(X, axis=0)).T @ (X - np.mean(X, axis=0)) / X.shape[0],
        specs=(DATA,),
        latex=(
            r"\frac{1}{m} \left(X - \frac{1}{m} \mathbf{1} \mathbf{1}^\top X\right)^\top"
            r" \left(X - \frac{1}{m} \mathbf{1} \mathbf{1}^\top X\right)"
        ),
        hand=lambda X: (X - X.mean(axis=0)).T @ (X - X.mean(axis=0)) / len(X),
    ),
]
