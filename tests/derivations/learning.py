"""Identities of models that are learnt: networks, attention, kernels, graphs, metrics; and tensors of third rank on."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from derivations.identity import Identity
from gradc import matrix, scalar, vector

N, M, K = vector("n"), vector("m"), vector("k")
SQUARE, DATA = matrix("n", "n"), matrix("m", "n")
NUMBER = scalar()

network = partial(Identity, group="network")
attention = partial(Identity, group="attention")
kernel = partial(Identity, group="kernel")
higher = partial(Identity, group="higher rank")


def sigmoid(z: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


def relu(z: Any) -> Any:
    """The rectifier; its derivative at 0 is 0."""
    return np.where(z > 0, z, 0)


def softmax(x: Any) -> Any:
    """The softmax of a vector."""
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


ROWS = [
    # ------------------------------------------------------------ networks
    network(
        "sigmoid layer, weights",
        transform="grad",
        f=lambda W, b, x, y: np.sum((sigmoid(W @ x + b) - y) ** 2),
        specs=(DATA, M, N, M),
        latex=r"2 (\sigma(W x + b) \odot (1 - \sigma(W x + b)) \odot (\sigma(W x + b) - y)) x^\top",
        hand=lambda W, b, x, y: (
            2 * np.outer(sigmoid(W @ x + b) * (1 - sigmoid(W @ x + b)) * (sigmoid(W @ x + b) - y), x)
        ),
    ),
    network(
        "relu layer, weights",
        transform="grad",
        f=lambda W, x, v: v @ relu(W @ x),
        specs=(DATA, N, M),
        latex=r"(v \odot [W x > 0]) x^\top",
        hand=lambda W, x, v: np.outer(v * (W @ x > 0), x),
        draw=("centred",),
    ),
    network(
        "relu layer, input",
        transform="grad",
        f=lambda x, W, v: v @ relu(W @ x),
        specs=(N, DATA, M),
        latex=r"W^\top (v \odot [W x > 0])",
        hand=lambda x, W, v: W.T @ (v * (W @ x > 0)),
        draw=("centred",),
    ),
    network(
        "tanh layer, weights",
        transform="grad",
        f=lambda W, x, v: v @ np.tanh(W @ x),
        specs=(DATA, N, M),
        latex=r"(v \odot (1 - \tanh^{2}(W x))) x^\top",
        hand=lambda W, x, v: np.outer(v * (1 - np.tanh(W @ x) ** 2), x),
    ),
    network(
        "two layers, output weights",
        transform="grad",
        f=lambda V, W, x, y: np.sum((V @ np.tanh(W @ x) - y) ** 2),
        specs=(matrix("k", "m"), DATA, N, K),
        latex=r"2 (V \tanh(W x) - y) \tanh(W x)^\top",
        hand=lambda V, W, x, y: 2 * np.outer(V @ np.tanh(W @ x) - y, np.tanh(W @ x)),
    ),
    network(
        "two layers, hidden weights",
        transform="grad",
        f=lambda W, V, x, y: np.sum((V @ np.tanh(W @ x) - y) ** 2),
        specs=(DATA, matrix("k", "m"), N, K),
        latex=r"2 ((V^\top (V \tanh(W x) - y)) \odot (1 - \tanh^{2}(W x))) x^\top",
        hand=lambda W, V, x, y: 2 * np.outer((1 - np.tanh(W @ x) ** 2) * (V.T @ (V @ np.tanh(W @ x) - y)), x),
    ),
    network(
        "two layers, relu, hidden weights",
        transform="grad",
        f=lambda W, V, x, y: np.sum((V @ relu(W @ x) - y) ** 2),
        specs=(DATA, matrix("k", "m"), N, K),
        latex=r"2 ((V^\top (V \max(W x, 0) - y)) \odot [W x > 0]) x^\top",
        hand=lambda W, V, x, y: 2 * np.outer((V.T @ (V @ np.maximum(W @ x, 0) - y)) * (W @ x > 0), x),
        draw=("centred",),
    ),
    network(
        "batch of a relu layer",
        transform="grad",
        f=lambda W, X, G: np.sum(G * relu(X @ W)),
        specs=(matrix("n", "k"), DATA, matrix("m", "k")),
        latex=r"X^\top (G \odot [X W > 0])",
        hand=lambda W, X, G: X.T @ (G * (X @ W > 0)),
        draw=("centred",),
    ),
    network(
        "bias of a batch",
        transform="grad",
        f=lambda b, X, W, Y: np.sum((X @ W + b - Y) ** 2),
        specs=(K, DATA, matrix("n", "k"), matrix("m", "k")),
        latex=r"2 (X W - Y + \mathbf{1} b^\top)^\top \mathbf{1}",
        hand=lambda b, X, W, Y: 2 * np.sum(X @ W + b - Y, axis=0),
    ),
    # ------------------------------------------------------------ attention
    attention(
        "read-out in the values",
        transform="jacobian",
        f=lambda v, q, A: softmax(A @ q) @ v,
        specs=(M, N, DATA),
        latex=r"\operatorname{softmax}(A q)",
        hand=lambda v, q, A: softmax(A @ q),
    ),
    attention(
        "read-out in the query",
        transform="grad",
        f=lambda q, A, v: softmax(A @ q) @ v,
        specs=(N, DATA, M),
        latex=r"A^\top ((v - (v^\top \operatorname{softmax}(A q)) \mathbf{1}) \odot \operatorname{softmax}(A q))",
        hand=lambda q, A, v: A.T @ (softmax(A @ q) * (v - softmax(A @ q) @ v)),
    ),
    attention(
        "scores in the queries",
        transform="grad",
        f=lambda Q, A, G: np.sum(G * (Q @ A.T)),
        specs=(DATA, matrix("k", "n"), matrix("m", "k")),
        latex="G A",
        hand=lambda Q, A, G: G @ A,
    ),
    # ------------------------------------------------------------ kernels, graphs, metrics
    kernel(
        "Gaussian kernel",
        transform="grad",
        f=lambda x, y, g: np.exp(-g * np.sum((x - y) ** 2)),
        specs=(N, N, NUMBER),
        latex=r"2 g e^{-g \|x - y\|^{2}} (y - x)",
        hand=lambda x, y, g: -2 * g * np.exp(-g * np.sum((x - y) ** 2)) * (x - y),
    ),
    kernel(
        "polynomial kernel",
        transform="grad",
        f=lambda x, y, c: (x @ y + c) ** 3,
        specs=(N, N, NUMBER),
        latex=r"3 (x^\top y + c)^{2} y",
        hand=lambda x, y, c: 3 * (x @ y + c) ** 2 * y,
    ),
    kernel(
        "kernel ridge regression",
        transform="grad",
        f=lambda a, K, y, c: np.sum((K @ a - y) ** 2) + c * a @ K @ a,
        specs=(N, SQUARE, N, NUMBER),
        latex=r"c (K + K^\top) a + 2 K^\top (K a - y)",
        hand=lambda a, K, y, c: 2 * K.T @ (K @ a - y) + c * (K + K.T) @ a,
    ),
    kernel(
        "graph Laplacian",
        transform="grad",
        f=lambda x, W: x @ (np.diag(np.sum(W, axis=1)) - W) @ x,
        specs=(N, SQUARE),
        latex=r"(2 \operatorname{diag}(W \mathbf{1}) - W - W^\top) x",
        hand=lambda x, W: 2 * np.sum(W, axis=1) * x - (W + W.T) @ x,
    ),
    kernel(
        "learnt metric",
        transform="grad",
        f=lambda L, x: np.sum((L @ x) ** 2),
        specs=(DATA, N),
        latex=r"2 L x x^\top",
        hand=lambda L, x: 2 * np.outer(L @ x, x),
    ),
    kernel(
        "squared length of rows",
        transform="grad",
        f=lambda X, v: np.sum(X**2, axis=1) @ v,
        specs=(DATA, M),
        latex=r"2 \operatorname{diag}(v) X",
        hand=lambda X, v: 2 * v[:, None] * X,
    ),
    # ------------------------------------------------------------ tensors of third rank on
    higher(
        "matrix product, left factor",
        transform="jacobian",
        f=lambda X, B: X @ B,
        specs=(DATA, matrix("n", "k")),
        latex=r"B^\top \otimes I",
        entries=r"[i = l] B_{pj}",
        hand=lambda X, B: np.einsum("ik,lj->ijkl", np.eye(X.shape[0]), B),
    ),
    higher(
        "matrix product, both sides",
        transform="jacobian",
        f=lambda X, A, B: A @ X @ B,
        specs=(DATA, matrix("k", "m"), matrix("n", "k")),
        latex=r"B^\top \otimes A",
        entries=r"A_{il} B_{pj}",
        hand=lambda X, A, B: np.einsum("ik,lj->ijkl", A, B),
    ),
    higher(
        "transpose",
        transform="jacobian",
        f=lambda X: X.T,
        specs=(DATA,),
        latex="[i = l] [j = k]",
        hand=lambda X: np.einsum("il,jk->ijkl", np.eye(X.shape[1]), np.eye(X.shape[0])),
    ),
    higher(
        "square",
        transform="jacobian",
        f=lambda X: X @ X,
        specs=(SQUARE,),
        latex=r"I \otimes X + X^\top \otimes I",
        entries="[i = k] X_{lj} + [j = l] X_{ik}",
        hand=lambda X: np.einsum("ik,lj->ijkl", np.eye(len(X)), X) + np.einsum("jl,ik->ijkl", np.eye(len(X)), X),
    ),
    higher(
        "entrywise function",
        transform="jacobian",
        f=lambda X: np.exp(X),
        specs=(DATA,),
        latex=r"\operatorname{diag}(\operatorname{vec}(\exp(X)))",
        entries="[i = k] [j = l] e^{X_{ij}}",
        hand=lambda X: np.einsum("ik,jl,ij->ijkl", np.eye(X.shape[0]), np.eye(X.shape[1]), np.exp(X)),
    ),
    higher(
        "squared Frobenius norm, second derivative",
        transform="hessian",
        f=lambda X: np.sum(X**2),
        specs=(DATA,),
        latex=r"2 I",
        entries="2 [i = k] [j = l]",
        hand=lambda X: 2 * np.einsum("ik,jl->ijkl", np.eye(X.shape[0]), np.eye(X.shape[1])),
    ),
    higher(
        "residual of a matrix, second derivative",
        transform="hessian",
        f=lambda X, A, B: np.sum((A @ X @ B) ** 2),
        specs=(DATA, matrix("k", "m"), matrix("n", "k")),
        latex=r"2 (B B^\top) \otimes (A^\top A)",
        entries=r"2 (B B^\top)_{jp} (A^\top A)_{il}",
        hand=lambda X, A, B: 2 * np.einsum("ik,jl->ijkl", A.T @ A, B @ B.T),
    ),
    higher(
        "least squares of several targets, second derivative",
        transform="hessian",
        f=lambda W, X, Y: np.sum((X @ W - Y) ** 2),
        specs=(matrix("n", "k"), DATA, matrix("m", "k")),
        latex=r"2 I \otimes (X^\top X)",
        entries=r"2 [j = p] (X^\top X)_{il}",
        hand=lambda W, X, Y: 2 * np.einsum("ik,jl->ijkl", X.T @ X, np.eye(W.shape[1])),
    ),
    higher(
        "linear map, in its matrix",
        transform="jacobian",
        f=lambda A, x: A @ x,
        specs=(DATA, N),
        latex="[i = j] x_{k}",
        hand=lambda A, x: np.einsum("ij,k->ijk", np.eye(A.shape[0]), x),
    ),
    higher(
        "outer product",
        transform="jacobian",
        f=lambda x, y: np.outer(x, y),
        specs=(N, M),
        latex="[i = k] y_{j}",
        hand=lambda x, y: np.einsum("ik,j->ijk", np.eye(len(x)), y),
    ),
    higher(
        "inverse",
        transform="jacobian",
        f=lambda X: np.linalg.inv(X),
        specs=(SQUARE,),
        latex=r"-X^{-\top} \otimes X^{-1}",
        entries=r"-(X^{-1})_{ik} (X^{-1})_{lj}",
        hand=lambda X: -np.einsum("ik,lj->ijkl", np.linalg.inv(X), np.linalg.inv(X)),
        draw=("regular",),
    ),
    higher(
        "trace of a square, second derivative",
        transform="hessian",
        f=lambda X: np.trace(X @ X),
        specs=(SQUARE,),
        latex="2 [i = l] [j = k]",
        hand=lambda X: 2 * np.einsum("il,jk->ijkl", np.eye(len(X)), np.eye(len(X))),
    ),
]
