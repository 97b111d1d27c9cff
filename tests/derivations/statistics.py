"""Identities of statistics and learning: least squares, likelihoods, softmax, factorisations, networks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from derivations.identity import Identity
from gradc import matrix, scalar, vector

N, M, K = vector("n"), vector("m"), vector("k")
SQUARE, DATA = matrix("n", "n"), matrix("m", "n")
NUMBER = scalar()

least_squares = partial(Identity, group="least squares")
softmax_rows = partial(Identity, group="softmax")
logistic = partial(Identity, group="logistic regression")
moments = partial(Identity, group="ones")
factors = partial(Identity, group="factorisation")
entrywise = partial(Identity, group="entrywise")


def softmax(x: Any) -> Any:
    """The softmax of a vector."""
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def row_softmax(Z: Any) -> Any:
    """The softmax of every row."""
    e = np.exp(Z - np.max(Z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def sigmoid(z: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


ROWS = [
    # ------------------------------------------------------------ least squares
    least_squares(
        "residual",
        transform="grad",
        f=lambda w, X, y: np.sum((X @ w - y) ** 2),
        specs=(N, DATA, M),
        latex=r"2 X^\top (X w - y)",
        hand=lambda w, X, y: 2 * X.T @ (X @ w - y),
    ),
    least_squares(
        "residual, second derivative",
        transform="hessian",
        f=lambda w, X, y: np.sum((X @ w - y) ** 2),
        specs=(N, DATA, M),
        latex=r"2 X^\top X",
        hand=lambda w, X, y: 2 * X.T @ X,
    ),
    least_squares(
        "mean squared error",
        transform="grad",
        f=lambda w, X, y: np.mean((X @ w - y) ** 2),
        specs=(N, DATA, M),
        latex=r"\frac{2}{m} X^\top (X w - y)",
        hand=lambda w, X, y: 2 * X.T @ (X @ w - y) / len(y),
    ),
    least_squares(
        "residual in the data",
        transform="grad",
        f=lambda X, w, y: np.sum((X @ w - y) ** 2),
        specs=(DATA, N, M),
        latex=r"2 (X w - y) w^\top",
        hand=lambda X, w, y: 2 * np.outer(X @ w - y, w),
    ),
    least_squares(
        "residual in the target",
        transform="grad",
        f=lambda y, X, w: np.sum((X @ w - y) ** 2),
        specs=(M, DATA, N),
        latex="2 (y - X w)",
        hand=lambda y, X, w: 2 * (y - X @ w),
    ),
    least_squares(
        "ridge",
        transform="grad",
        f=lambda w, X, y, c: np.sum((X @ w - y) ** 2) + c * np.sum(w**2),
        specs=(N, DATA, M, NUMBER),
        latex=r"2 X^\top (X w - y) + 2 c w",
        hand=lambda w, X, y, c: 2 * X.T @ (X @ w - y) + 2 * c * w,
    ),
    least_squares(
        "ridge, second derivative",
        transform="hessian",
        f=lambda w, X, y, c: np.sum((X @ w - y) ** 2) + c * np.sum(w**2),
        specs=(N, DATA, M, NUMBER),
        latex=r"2 X^\top X + 2 c I",
        hand=lambda w, X, y, c: 2 * X.T @ X + 2 * c * np.eye(len(w)),
    ),
    least_squares(
        "weights for every row",
        transform="grad",
        f=lambda w, X, y, v: np.sum(v * (X @ w - y) ** 2),
        specs=(N, DATA, M, M),
        latex=r"2 X^\top (v \odot (X w - y))",
        hand=lambda w, X, y, v: 2 * X.T @ (v * (X @ w - y)),
    ),
    least_squares(
        "weights for every row, second derivative",
        transform="hessian",
        f=lambda w, X, y, v: np.sum(v * (X @ w - y) ** 2),
        specs=(N, DATA, M, M),
        latex=r"2 X^\top \operatorname{diag}(v) X",
        hand=lambda w, X, y, v: 2 * X.T @ np.diag(v) @ X,
    ),
    least_squares(
        "several targets",
        transform="grad",
        f=lambda W, X, Y: np.sum((X @ W - Y) ** 2),
        specs=(matrix("n", "k"), DATA, matrix("m", "k")),
        latex=r"2 X^\top (X W - Y)",
        hand=lambda W, X, Y: 2 * X.T @ (X @ W - Y),
    ),
    least_squares(
        "with an intercept",
        transform="grad",
        f=lambda b, X, w, y: np.sum((X @ w + b - y) ** 2),
        specs=(NUMBER, DATA, N, M),
        latex=r"2 \mathbf{1}^\top (X w + b - y)",
        hand=lambda b, X, w, y: 2 * np.sum(X @ w + b - y),
    ),
    least_squares(
        "Tikhonov",
        transform="grad",
        f=lambda x, A, b, G: np.sum((A @ x - b) ** 2) + np.sum((G @ x) ** 2),
        specs=(N, DATA, M, matrix("k", "n")),
        latex=r"2 A^\top (A x - b) + 2 G^\top G x",
        hand=lambda x, A, b, G: 2 * A.T @ (A @ x - b) + 2 * G.T @ G @ x,
    ),
    # ------------------------------------------------------------ softmax and log-sum-exp
    softmax_rows(
        "log-sum-exp",
        transform="grad",
        f=lambda x: np.log(np.sum(np.exp(x))),
        specs=(N,),
        latex=r"\operatorname{softmax}(x)",
        hand=softmax,
    ),
    softmax_rows(
        "log-sum-exp, second derivative",
        transform="hessian",
        f=lambda x: np.log(np.sum(np.exp(x))),
        specs=(N,),
        latex=r"\operatorname{diag}(\operatorname{softmax}(x)) - \operatorname{softmax}(x) \operatorname{softmax}(x)^\top",
        hand=lambda x: np.diag(softmax(x)) - np.outer(softmax(x), softmax(x)),
    ),
    softmax_rows(
        "softmax",
        transform="jacobian",
        f=softmax,
        specs=(N,),
        latex=r"\operatorname{diag}(\operatorname{softmax}(x)) - \operatorname{softmax}(x) \operatorname{softmax}(x)^\top",
        hand=lambda x: np.diag(softmax(x)) - np.outer(softmax(x), softmax(x)),
    ),
    softmax_rows(
        "log-sum-exp of an affine map",
        transform="grad",
        f=lambda x, A, b: np.log(np.sum(np.exp(A @ x + b))),
        specs=(N, DATA, M),
        latex=r"A^\top \operatorname{softmax}(A x + b)",
        hand=lambda x, A, b: A.T @ softmax(A @ x + b),
    ),
    softmax_rows(
        "cross entropy of logits",
        transform="grad",
        f=lambda z, p: np.log(np.sum(np.exp(z))) - p @ z,
        specs=(N, N),
        latex=r"\operatorname{softmax}(z) - p",
        hand=lambda z, p: softmax(z) - p,
    ),
    softmax_rows(
        "geometric program, second derivative",
        transform="hessian",
        f=lambda x, A: np.log(np.sum(np.exp(A @ x))),
        specs=(N, DATA),
        latex=r"A^\top (\operatorname{diag}(\operatorname{softmax}(A x)) - \operatorname{softmax}(A x)"
        r" \operatorname{softmax}(A x)^\top) A",
        hand=lambda x, A: A.T @ (np.diag(softmax(A @ x)) - np.outer(softmax(A @ x), softmax(A @ x))) @ A,
    ),
    softmax_rows(
        "sum of exponentials of a linear map",
        transform="grad",
        f=lambda x, A: np.sum(np.exp(A @ x)),
        specs=(N, DATA),
        latex=r"A^\top \exp(A x)",
        hand=lambda x, A: A.T @ np.exp(A @ x),
    ),
    softmax_rows(
        "negative entropy",
        transform="grad",
        f=lambda x: np.sum(x * np.log(x)),
        specs=(N,),
        latex=r"1 + \log(x)",
        hand=lambda x: np.log(x) + 1,
    ),
    softmax_rows(
        "relative entropy",
        transform="grad",
        f=lambda x, y: np.sum(x * np.log(x / y)),
        specs=(N, N),
        latex=r"1 + \log(x \oslash y)",
        hand=lambda x, y: np.log(x / y) + 1,
    ),
    # ------------------------------------------------------------ logistic regression
    logistic(
        "loss of labels plus and minus one",
        transform="grad",
        f=lambda w, X, y: np.sum(np.log(1 + np.exp(-y * (X @ w)))),
        specs=(N, DATA, M),
        latex=r"-X^\top (y \odot \sigma(-y \odot (X w)))",
        hand=lambda w, X, y: -X.T @ (y * sigmoid(-y * (X @ w))),
    ),
    logistic(
        "likelihood of labels zero and one",
        transform="grad",
        f=lambda w, X, y: np.sum(np.log(1 + np.exp(X @ w)) - y * (X @ w)),
        specs=(N, DATA, M),
        latex=r"X^\top (\sigma(X w) - y)",
        hand=lambda w, X, y: X.T @ (sigmoid(X @ w) - y),
    ),
    logistic(
        "likelihood of labels zero and one, second derivative",
        transform="hessian",
        f=lambda w, X, y: np.sum(np.log(1 + np.exp(X @ w)) - y * (X @ w)),
        specs=(N, DATA, M),
        latex=r"X^\top \operatorname{diag}(\sigma(X w) \odot (1 - \sigma(X w))) X",
        hand=lambda w, X, y: X.T @ np.diag(sigmoid(X @ w) * (1 - sigmoid(X @ w))) @ X,
    ),
    logistic(
        "cross entropy of probabilities",
        transform="grad",
        f=lambda w, X, y: -np.sum(y * np.log(sigmoid(X @ w)) + (1 - y) * np.log(1 - sigmoid(X @ w))),
        specs=(N, DATA, M),
        latex=r"X^\top (\sigma(X w) - y)",
        hand=lambda w, X, y: X.T @ (sigmoid(X @ w) - y),
    ),
    logistic(
        "one observation",
        transform="grad",
        f=lambda w, x: np.log(1 + np.exp(w @ x)),
        specs=(N, N),
        latex=r"\sigma(w^\top x) x",
        hand=lambda w, x: sigmoid(w @ x) * x,
    ),
    logistic(
        "multinomial, mean cross entropy",
        transform="grad",
        f=lambda W, X, Y: np.mean(np.log(np.sum(np.exp(X @ W), axis=1)) - np.sum(Y * (X @ W), axis=1)),
        specs=(matrix("n", "k"), DATA, matrix("m", "k")),
        latex=r"\frac{1}{m} X^\top (\operatorname{softmax}_{\mathrm{rows}}(X W) - Y)",
        hand=lambda W, X, Y: X.T @ (row_softmax(X @ W) - Y) / len(X),
        draw=("box", "box", "labels"),
    ),
    logistic(
        "value of the loss",
        transform="value",
        f=lambda w, X, y: np.sum(np.log(1 + np.exp(-y * (X @ w)))),
        specs=(N, DATA, M),
        latex=r"\mathbf{1}^\top \operatorname{softplus}(-y \odot (X w))",
        hand=lambda w, X, y: np.sum(np.log1p(np.exp(-y * (X @ w)))),
    ),
    # ------------------------------------------------------------ sums along rows and columns
    moments(
        "sum along rows",
        transform="value",
        f=lambda X: np.sum(X, axis=1),
        specs=(DATA,),
        latex=r"X \mathbf{1}",
        hand=lambda X: X.sum(axis=1),
    ),
    moments(
        "mean",
        transform="grad",
        f=lambda x: np.mean(x),
        specs=(N,),
        latex=r"\frac{1}{n} \mathbf{1}",
        hand=lambda x: np.ones(len(x)) / len(x),
    ),
    moments(
        "squared sum",
        transform="grad",
        f=lambda x: np.sum(x) ** 2,
        specs=(N,),
        latex=r"2 \mathbf{1} \mathbf{1}^\top x",
        hand=lambda x: 2 * np.sum(x) * np.ones(len(x)),
    ),
    moments(
        "centring",
        transform="jacobian",
        f=lambda x: x - np.mean(x),
        specs=(N,),
        latex=r"I - \frac{1}{n} \mathbf{1} \mathbf{1}^\top",
        hand=lambda x: np.eye(len(x)) - 1 / len(x),
    ),
    moments(
        "variance",
        transform="grad",
        f=lambda x: np.var(x),
        specs=(N,),
        latex=r"\frac{2}{n} \left(x - \frac{1}{n} \mathbf{1} \mathbf{1}^\top x\right)",
        hand=lambda x: 2 / len(x) * (x - x.mean()),
    ),
    moments(
        "variance, second derivative",
        transform="hessian",
        f=lambda x: np.var(x),
        specs=(N,),
        latex=r"\frac{2}{n} \left(I - \frac{1}{n} \mathbf{1} \mathbf{1}^\top\right)",
        hand=lambda x: 2 / len(x) * (np.eye(len(x)) - 1 / len(x)),
    ),
    moments(
        "total variance of the columns",
        transform="grad",
        f=lambda X: np.sum((X - np.mean(X, axis=0)) ** 2),
        specs=(DATA,),
        latex=r"2 \left(X - \frac{1}{m} \mathbf{1} \mathbf{1}^\top X\right)",
        hand=lambda X: 2 * (X - X.mean(axis=0)),
    ),
    moments(
        "scatter matrix",
        transform="value",
        f=lambda X: X.T @ X / X.shape[0],
        specs=(DATA,),
        latex=r"\frac{1}{m} X^\top X",
        hand=lambda X: X.T @ X / len(X),
    ),
    moments(
        "squared row sums",
        transform="grad",
        f=lambda X: np.sum(np.sum(X, axis=1) ** 2),
        specs=(DATA,),
        latex=r"2 X \mathbf{1} \mathbf{1}^\top",
        hand=lambda X: 2 * np.outer(X.sum(axis=1), np.ones(X.shape[1])),
    ),
    # ------------------------------------------------------------ factorisations
    factors(
        "matrix factorisation, left",
        transform="grad",
        f=lambda U, V, Y: np.sum((U @ V.T - Y) ** 2),
        specs=(matrix("m", "k"), matrix("n", "k"), DATA),
        latex=r"2 (U V^\top - Y) V",
        hand=lambda U, V, Y: 2 * (U @ V.T - Y) @ V,
    ),
    factors(
        "matrix factorisation, right",
        transform="grad",
        f=lambda V, U, Y: np.sum((U @ V.T - Y) ** 2),
        specs=(matrix("n", "k"), matrix("m", "k"), DATA),
        latex=r"2 (U V^\top - Y)^\top U",
        hand=lambda V, U, Y: 2 * (U @ V.T - Y).T @ U,
    ),
    factors(
        "with missing entries",
        transform="grad",
        f=lambda U, V, Y, R: np.sum(R * (U @ V.T - Y) ** 2),
        specs=(matrix("m", "k"), matrix("n", "k"), DATA, DATA),
        latex=r"2 (R \odot (U V^\top - Y)) V",
        hand=lambda U, V, Y, R: 2 * (R * (U @ V.T - Y)) @ V,
    ),
    factors(
        "symmetric factorisation",
        transform="grad",
        f=lambda X, A: np.sum((A - X @ X.T) ** 2),
        specs=(matrix("n", "k"), SQUARE),
        latex=r"2 (2 X X^\top - A - A^\top) X",
        hand=lambda X, A: 2 * (2 * X @ X.T - A - A.T) @ X,
    ),
    factors(
        "linear autoencoder, decoder",
        transform="grad",
        f=lambda W, V, X: np.sum((X @ V @ W - X) ** 2),
        specs=(matrix("k", "n"), matrix("n", "k"), DATA),
        latex=r"2 V^\top X^\top (X V W - X)",
        hand=lambda W, V, X: 2 * V.T @ X.T @ (X @ V @ W - X),
    ),
    factors(
        "linear autoencoder, encoder",
        transform="grad",
        f=lambda V, W, X: np.sum((X @ V @ W - X) ** 2),
        specs=(matrix("n", "k"), matrix("k", "n"), DATA),
        latex=r"2 X^\top (X V W - X) W^\top",
        hand=lambda V, W, X: 2 * X.T @ (X @ V @ W - X) @ W.T,
    ),
    factors(
        "deep linear network",
        transform="grad",
        f=lambda B, A, C, X, Y: np.sum((C @ B @ A @ X - Y) ** 2),
        specs=(matrix("k", "k"), matrix("k", "n"), matrix("m", "k"), matrix("n", "m"), matrix("m", "m")),
        latex=r"2 C^\top (C B A X - Y) X^\top A^\top",
        hand=lambda B, A, C, X, Y: 2 * C.T @ (C @ B @ A @ X - Y) @ X.T @ A.T,
    ),
    # ------------------------------------------------------------ entrywise functions and products
    entrywise(
        "entrywise function",
        transform="jacobian",
        f=lambda x: np.sin(x),
        specs=(N,),
        latex=r"\operatorname{diag}(\cos(x))",
        hand=lambda x: np.diag(np.cos(x)),
    ),
    entrywise(
        "layer",
        transform="jacobian",
        f=lambda x, A, b: np.tanh(A @ x + b),
        specs=(N, DATA, M),
        latex=r"\operatorname{diag}(1 - \tanh^{2}(A x + b)) A",
        hand=lambda x, A, b: np.diag(1 - np.tanh(A @ x + b) ** 2) @ A,
    ),
    entrywise(
        "Hadamard product",
        transform="jacobian",
        f=lambda x, y: x * y,
        specs=(N, N),
        latex=r"\operatorname{diag}(y)",
        hand=lambda x, y: np.diag(y),
    ),
    entrywise(
        "entrywise quotient",
        transform="jacobian",
        f=lambda x, y: y / x,
        specs=(N, N),
        latex=r"-\operatorname{diag}(y \oslash x^{\odot 2})",
        hand=lambda x, y: -np.diag(y / x**2),
    ),
    entrywise(
        "rank one, entrywise product",
        transform="grad",
        f=lambda x, A, B: x @ (A * B) @ x,
        specs=(N, SQUARE, SQUARE),
        latex=r"(A \odot B + (A \odot B)^\top) x",
        hand=lambda x, A, B: (A * B + (A * B).T) @ x,
    ),
    entrywise(
        "scaled rows",
        transform="grad",
        f=lambda v, A, B: np.sum((np.diag(v) @ A) * B),
        specs=(M, DATA, DATA),
        latex=r"(A \odot B) \mathbf{1}",
        hand=lambda v, A, B: np.sum(A * B, axis=1),
    ),
    entrywise(
        "function of a product",
        transform="grad",
        f=lambda A, B, C: np.sum(C * np.sin(A @ B)),
        specs=(DATA, matrix("n", "k"), matrix("m", "k")),
        latex=r"(C \odot \cos(A B)) B^\top",
        hand=lambda A, B, C: (C * np.cos(A @ B)) @ B.T,
    ),
    entrywise(
        "function in front of a linear form",
        transform="grad",
        f=lambda x, A, b: b @ np.exp(A @ x),
        specs=(N, DATA, M),
        latex=r"A^\top (b \odot \exp(A x))",
        hand=lambda x, A, b: A.T @ (b * np.exp(A @ x)),
    ),
]
