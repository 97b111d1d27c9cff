"""Identities of matrix calculus, as the Matrix Cookbook and matrixcalculus.org print them, each with its numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc import matrix, vector
from gradc.evaluate import evaluate
from gradc.present import Formula

N = vector("n")
SQUARE = matrix("n", "n")
DATA = matrix("m", "n")


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def row_softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def cross_entropy(W: Any, X: Any, Y: Any) -> Any:
    return -np.mean(np.sum(Y * np.log(row_softmax(X @ W)), axis=1))


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


Case = tuple[Callable[..., Any], tuple[Any, ...], str]

GRADIENTS: list[Case] = [
    (lambda x, b: x @ b, (N, N), "b"),
    (lambda x: 2 * np.dot(x, x), (N,), "4 x"),
    (lambda w, X, y: np.sum((X @ w - y) ** 2), (N, DATA, vector("m")), r"2 X^\top (X w - y)"),
    (lambda w, X, y: np.mean((X @ w - y) ** 2), (N, DATA, vector("m")), r"\frac{2}{m} X^\top (X w - y)"),
    (lambda X, w, y: np.sum((X @ w - y) ** 2), (DATA, N, vector("m")), r"2 (X w - y) w^\top"),
    (lambda y, X, w: np.sum((X @ w - y) ** 2), (vector("m"), DATA, N), "2 (y - X w)"),
    (
        lambda w, X, y, c: np.sum((X @ w - y) ** 2) + c * np.sum(w**2),
        (N, DATA, vector("m"), gradc.scalar()),
        r"2 X^\top (X w - y) + 2 c w",
    ),
    (lambda x, A: x @ A @ x, (N, SQUARE), r"(A + A^\top) x"),
    (lambda A, x: x @ A @ x, (SQUARE, N), r"x x^\top"),
    (lambda x, A, y: x @ A @ y, (vector("m"), DATA, N), "A y"),
    (lambda A, B: np.trace(A @ B), (SQUARE, SQUARE), r"B^\top"),
    (lambda A: np.trace(A @ A), (SQUARE,), r"2 A^\top"),
    (lambda A: np.trace(A), (SQUARE,), "I"),
    (lambda A: np.trace(A.T @ A), (SQUARE,), "2 A"),
    (lambda X: np.sum(X**2), (DATA,), "2 X"),
    (lambda A, X: np.sum((X @ A) ** 2), (SQUARE, DATA), r"2 X^\top X A"),
    (lambda X, A: np.sum((X @ A) ** 2), (DATA, SQUARE), r"2 X A A^\top"),
    (lambda x: np.sum(np.sin(x)), (N,), r"\cos(x)"),
    (lambda x, A, b: b @ np.exp(A @ x), (N, SQUARE, N), r"A^\top (b \odot \exp(A x))"),
    (lambda x: np.linalg.norm(x), (N,), r"\frac{x}{\|x\|}"),
    (lambda x: np.log(np.sum(np.exp(x))), (N,), r"\operatorname{softmax}(x)"),
    (
        lambda x: np.std(x),
        (N,),
        (
            r"\frac{1}{\sqrt{n} \left\|x - \frac{1}{n} \mathbf{1} \mathbf{1}^\top x\right\|}"
            r" \left(x - \frac{1}{n} \mathbf{1} \mathbf{1}^\top x\right)"
        ),
    ),
    (
        lambda x, y: x @ y / (np.linalg.norm(x) * np.linalg.norm(y)),
        (N, N),
        r"\frac{1}{\|x\| \|y\|} \left(y - \frac{x^\top y}{\|x\|^{2}} x\right)",
    ),
    (
        cross_entropy,
        (matrix("n", "k"), DATA, matrix("m", "k")),
        r"\frac{1}{m} X^\top (\operatorname{diag}(Y \mathbf{1}) \operatorname{softmax}_{\mathrm{rows}}(X W) - Y)",
    ),
    (
        lambda V, Q, K: np.sum((row_softmax(Q @ K.T) @ V) ** 2),
        (DATA, DATA, DATA),
        r"2 \operatorname{softmax}_{\mathrm{rows}}(Q K^\top)^\top \operatorname{softmax}_{\mathrm{rows}}(Q K^\top) V",
    ),
    (lambda w, X, y: np.sum(np.exp(X @ w) - y * (X @ w)), (N, DATA, vector("m")), r"X^\top (\exp(X w) - y)"),
    (
        lambda w, X: -np.sum((X @ w) ** 2) / (w @ w),
        (N, DATA),
        r"\frac{2}{\|w\|^{2}} \left(\frac{\|X w\|^{2}}{\|w\|^{2}} w - X^\top X w\right)",
    ),
    (lambda x, A, b: 0.5 * x @ A @ x - b @ x, (N, SQUARE, N), r"\frac{1}{2} (A + A^\top) x - b"),
    (lambda U, V, A: np.sum((U @ V.T - A) ** 2), (DATA, SQUARE, DATA), r"2 (U V^\top - A) V"),
    (lambda X, A: np.trace(X.T @ A @ X), (SQUARE, SQUARE), r"(A + A^\top) X"),
    (lambda X, A, B: np.trace(A @ X @ B), (SQUARE, SQUARE, SQUARE), r"A^\top B^\top"),
    (lambda x: np.var(x), (N,), r"\frac{2}{n} \left(x - \frac{1}{n} \mathbf{1} \mathbf{1}^\top x\right)"),
    (
        lambda w, X, y: np.sum(np.log(1 + np.exp(-y * (X @ w)))),
        (N, DATA, vector("m")),
        r"-X^\top (y \odot \sigma(-y \odot (X w)))",
    ),
    (
        lambda A, B: np.sum(np.sin(A @ B) * B),
        (SQUARE, SQUARE),
        r"(B \odot \cos(A B)) B^\top",
    ),
    (
        lambda B, A: np.sum(np.sin(A @ B) * B),
        (SQUARE, SQUARE),
        r"A^\top (B \odot \cos(A B)) + \sin(A B)",
    ),
    (
        lambda W, b, x, y: np.sum((sigmoid(W @ x + b) - y) ** 2),
        (matrix("m", "n"), vector("m"), N, vector("m")),
        r"2 (\sigma(W x + b) \odot (1 - \sigma(W x + b)) \odot (\sigma(W x + b) - y)) x^\top",
    ),
    (lambda x, y: np.sum(x * np.log(x / y)), (N, N), r"1 + \log(x \oslash y)"),
    (lambda x: np.sum(x) ** 2, (N,), r"2 \mathbf{1} \mathbf{1}^\top x"),
    (lambda X: np.mean(2 * (3 * X + 2) ** 2), (matrix(2, 3),), "2 (3 X + 2)"),
]

HESSIANS: list[Case] = [
    (lambda w, X, y: np.sum((X @ w - y) ** 2), (N, DATA, vector("m")), r"2 X^\top X"),
    (lambda x, A: x @ A @ x, (N, SQUARE), r"A + A^\top"),
    (lambda x: np.sum(np.sin(x)), (N,), r"-\operatorname{diag}(\sin(x))"),
    (lambda x: x @ x, (N,), "2 I"),
    (lambda x: np.sum(x**2) ** 2, (N,), r"8 x x^\top + 4 \|x\|^{2} I"),
    (lambda x: np.sqrt(np.sum(x**2)), (N,), r"\frac{1}{\|x\|} I - \frac{1}{\|x\|^{3}} x x^\top"),
    (lambda x: np.var(x), (N,), r"\frac{2}{n} \left(I - \frac{1}{n} \mathbf{1} \mathbf{1}^\top\right)"),
    (
        lambda x: np.log(np.sum(np.exp(x))),
        (N,),
        r"\operatorname{diag}(\operatorname{softmax}(x)) - \operatorname{softmax}(x) \operatorname{softmax}(x)^\top",
    ),
    (
        lambda w, X: np.sum(np.log(1 + np.exp(X @ w))),
        (N, DATA),
        r"X^\top \operatorname{diag}(\sigma(X w) \odot (1 - \sigma(X w))) X",
    ),
]

JACOBIANS: list[Case] = [
    (lambda x: np.sin(x), (N,), r"\operatorname{diag}(\cos(x))"),
    (lambda x, A: A @ x, (N, DATA), "A"),
    (lambda x, A: np.sin(A @ x), (N, DATA), r"\operatorname{diag}(\cos(A x)) A"),
    (
        softmax,
        (N,),
        r"\operatorname{diag}(\operatorname{softmax}(x)) - \operatorname{softmax}(x) \operatorname{softmax}(x)^\top",
    ),
]

ALL = [(gradc.grad, *c) for c in GRADIENTS] + [(gradc.hessian, *c) for c in HESSIANS]
ALL += [(gradc.jacobian, *c) for c in JACOBIANS]


@pytest.mark.parametrize(("transform", "function", "specs", "latex"), ALL, ids=[c[3] for c in ALL])
def test_identity(
    transform: Any, function: Callable[..., Any], specs: tuple[Any, ...], latex: str, rng: np.random.Generator
) -> None:
    derived = transform(function)
    formula = derived.formula(*specs)
    assert formula.latex(notation="matrix") == latex
    sizes = {"m": 4, "n": 3, "k": 2}
    point = [rng.uniform(0.2, 0.9, [sizes.get(str(e), e) for e in _extents(s)]) for s in specs]
    expected = derived(*point)
    (shown,) = evaluate(formula.graph_ir, point)
    np.testing.assert_allclose(shown, expected, rtol=1e-9, atol=1e-12)
    if "softmax" not in latex and r"Y \mathbf{1}" not in latex:
        np.testing.assert_allclose(_evaluated(_text(formula), function, point), expected, rtol=1e-9, atol=1e-12)


def _text(formula: Formula) -> str:
    return formula._page("matrix").plain(formula.names)


def _extents(spec: Any) -> list[Any]:
    return [getattr(e, "name", e) for e in spec.shape]


def _evaluated(text: str, function: Callable[..., Any], point: list[Any]) -> Any:
    """Plain text in matrix notation, run as NumPy with columns for vectors."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    columns = [v[:, None] if np.ndim(v) == 1 else v for v in point]
    size = next((v.shape[0] for v in columns if np.ndim(v)), 1)

    def diag(v: Any) -> Any:
        return np.diagflat(v)

    known = {name: getattr(np, name) for name in ("sin", "cos", "exp", "log", "sqrt", "sum")}
    known |= {"sigmoid": sigmoid, "diag": diag, "norm": np.linalg.norm, "ones": np.ones((size, 1))}
    known |= {"I": np.eye(size), "n": size, "m": 4} | dict(zip(names, columns, strict=True))
    result = eval(text, {"__builtins__": {}}, known)
    return result[:, 0] if np.ndim(point[0]) == 1 and np.ndim(result) == 2 and result.shape[1] == 1 else result


def test_auto_picks_the_shorter_notation() -> None:
    norms = gradc.jit(lambda x: np.sum(x**2))
    assert norms.formula(N).latex() == r"\|x\|^{2}"
    shifted = gradc.grad(lambda x: np.sum((x[1:] - x[:-1]) ** 2))
    assert shifted.formula(N).latex() == shifted.formula(N).latex(notation="index")


def test_values_in_matrix_notation() -> None:
    def latex(f: Callable[..., Any], *specs: Any) -> str:
        return gradc.jit(f).formula(*specs).latex(notation="matrix")

    assert latex(lambda X, w, y: np.sum((X @ w - y) ** 2), DATA, N, vector("m")) == r"\|X w - y\|^{2}"
    assert latex(lambda x, A: x @ A @ x, N, SQUARE) == r"x^\top A x"
    assert latex(lambda A, B: np.trace(A @ B), SQUARE, SQUARE) == r"\operatorname{tr}(A B)"
    assert latex(lambda A, B: np.sum(A * B), SQUARE, SQUARE) == r"\operatorname{tr}(A^\top B)"
    assert latex(lambda X: np.sum(X**2), DATA) == r"\|X\|_{\mathrm{F}}^{2}"
    assert latex(lambda x, y: np.outer(x, y), N, vector("m")) == r"x y^\top"
    assert latex(lambda A: np.diag(A), SQUARE) == r"\operatorname{diag}(A)"
    assert latex(lambda A: A.T, SQUARE) == r"A^\top"
    assert latex(lambda A, B: np.tanh(A.T) - np.diag(B), SQUARE, SQUARE) == (
        r"(\tanh(A) - \operatorname{diag}(B) \mathbf{1}^\top)^\top"
    )
    assert latex(lambda A: (A * A.T).T, SQUARE) == r"A \odot A^\top"
    assert latex(lambda x, A: np.sum(np.tanh(A @ x) ** 2), N, DATA) == r"\|\tanh(A x)\|^{2}"
    assert latex(lambda X: np.sum(np.sin(X) ** 2), DATA) == r"\|\sin(X)\|_{\mathrm{F}}^{2}"
    assert latex(lambda A: np.sum(A, axis=1), DATA) == r"A \mathbf{1}"
    assert latex(lambda A: A @ A @ A, SQUARE) == "A^{3}"
    assert latex(lambda A: A + np.eye(3), matrix(3, 3)) == "A + I"
    assert latex(lambda A, B: np.kron(A, B), matrix(2, 2), matrix(2, 2)) == r"A \otimes B"
    assert latex(lambda A: A - np.mean(A, axis=0), DATA) == r"A - \frac{1}{m} \mathbf{1} \mathbf{1}^\top A"
    assert latex(lambda x: x > 0, N) == "[x > 0]"


def test_two_layer_network() -> None:
    def loss(p: dict[str, Any], X: Any, y: Any) -> Any:
        hidden = sigmoid(X @ p["w1"])
        return np.sum((sigmoid(hidden @ p["w2"]) - y) ** 2)

    specs = ({"w1": matrix(3, 4), "w2": matrix(4, 1)}, matrix(4, 3), matrix(4, 1))
    formula = gradc.grad(loss).formula(*specs)
    assert formula.latex(notation="matrix") == (
        r"\begin{aligned} "
        r"& 2 X^\top \Delta_1 \\ "
        r"& 2 H_1^\top \Delta_2 \\ "
        r"\text{where} \quad H_1 &= \sigma(X w_1) \\ "
        r"H_2 &= \sigma(H_1 w_2) \\ "
        r"\Delta_2 &= H_2 \odot (1 - H_2) \odot (H_2 - y) \\ "
        r"\Delta_1 &= H_1 \odot (1 - H_1) \odot (\Delta_2 w_2^\top) \end{aligned}"
    )
