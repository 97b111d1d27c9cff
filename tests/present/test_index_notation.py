"""Index notation: sums, brackets, ranges, entries of small arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc import matrix, vector

N = vector("n")
SQUARE = matrix("n", "n")
DATA = matrix("m", "n")

CASES: list[tuple[Any, Callable[..., Any], tuple[Any, ...], str]] = [
    (gradc.jit, lambda x: np.sum(x), (N,), r"\sum_{i} x_{i}"),
    (gradc.jit, lambda x, A: A @ x, (N, DATA), r"\sum_{j} A_{ij} x_{j}"),
    (gradc.jit, lambda x: np.sum(x) + 1, (N,), r"1 + \sum_{i} x_{i}"),
    (gradc.jit, lambda x: np.mean(x), (N,), r"\frac{1}{n} \sum_{i} x_{i}"),
    (gradc.jit, lambda x: np.max(x), (N,), r"\max_{i} x_{i}"),
    (gradc.jit, lambda x: np.prod(x), (N,), r"\prod_{i} x_{i}"),
    (gradc.jit, lambda x: np.cumsum(x), (N,), r"\sum_{j \le i} x_{j}"),
    (gradc.jit, lambda x: x[1:] - x[:-1], (N,), "x_{i + 1} - x_{i}"),
    (gradc.jit, lambda x: x[::-1], (N,), "x_{n - i - 1}"),
    (gradc.jit, lambda x: np.sum(x[1:] * x[:-1]), (N,), r"\sum_{i=0}^{n - 2} x_{i} x_{i + 1}"),
    (gradc.jit, lambda x: x * np.linspace(0, 1, 50), (gradc.scalar(),), r"\frac{i x}{49}"),
    (gradc.jit, lambda x: np.argmax(x), (N,), r"\operatorname*{arg\,max}_{i} x_{i}"),
    (gradc.jit, lambda A: np.tril(A), (SQUARE,), r"[j \le i] A_{ij}"),
    (gradc.jit, lambda x: x[0] * x[3], (vector(4),), "x_{0} x_{3}"),
    (gradc.grad, lambda x: np.dot(x, x), (N,), "2 x_{i}"),
    (
        gradc.grad,
        lambda w, X, y: np.sum((X @ w - y) ** 2),
        (N, DATA, vector("m")),
        r"2 \sum_{j} X_{ji} \left(\sum_{k} X_{jk} w_{k} - y_{j}\right)",
    ),
    (gradc.grad, lambda x, A: x @ A @ x, (N, SQUARE), r"\sum_{j} A_{ij} x_{j} + \sum_{j} A_{ji} x_{j}"),
    (gradc.hessian, lambda x, A: x @ A @ x, (N, SQUARE), "A_{ij} + A_{ji}"),
    (gradc.jacobian, lambda x: np.sin(x), (N,), r"[i = j] \cos(x_{i})"),
    (gradc.grad, lambda A: np.trace(A), (SQUARE,), "[i = j]"),
    (gradc.grad, lambda x: np.sum(x[:-1] ** 2), (N,), r"2 [i \le n - 2] x_{i}"),
    (gradc.grad, lambda x: np.sum(np.cumsum(x) ** 2), (N,), r"2 \sum_{j \ge i} \sum_{k \le j} x_{k}"),
    (gradc.grad, lambda x: np.log(np.sum(np.exp(x))), (N,), r"\frac{e^{x_{i}}}{\sum_{j} e^{x_{j}}}"),
    (gradc.jacobian, lambda A, b: np.linalg.solve(A, b), (SQUARE, N), r"-(A^{-1})_{ij} (A^{-1} b)_{k}"),
    (gradc.jacobian, lambda X: X.T, (DATA,), "[i = l] [j = k]"),
    (gradc.grad, lambda x: np.sum(np.where(x > 0, x**2, 0.0)), (N,), r"2 x_{i} [x_{i} > 0]"),
]


@pytest.mark.parametrize(("transform", "function", "specs", "latex"), CASES, ids=[c[3] for c in CASES])
def test_index_notation(transform: Any, function: Callable[..., Any], specs: tuple[Any, ...], latex: str) -> None:
    assert transform(function).formula(*specs).latex(notation="index") == latex


def test_letters_avoid_the_names_of_inputs() -> None:
    formula = gradc.jit(lambda i, j: i * np.sum(j)).formula(gradc.scalar(), N)
    assert formula.latex(notation="index") == r"i \sum_{k} j_{k}"


def test_letters_avoid_the_names_of_extents() -> None:
    formula = gradc.jit(lambda A, x: A @ x).formula(matrix("i", "j"), vector("j"))
    assert formula.latex(notation="index") == r"\sum_{l} A_{kl} x_{l}"


def test_small_arrays_entry_by_entry() -> None:
    gradient = gradc.grad(lambda x: np.log(x[0] * x[1]) * np.sin(x[1]))
    formula = gradient.formula(vector(2))
    assert formula.latex() == (
        r"\begin{pmatrix} \frac{\sin(x_{1})}{x_{0}} \\ "
        r"\log(x_{0} x_{1}) \cos(x_{1}) + \frac{\sin(x_{1})}{x_{1}} \end{pmatrix}"
    )
    assert str(formula) == "[sin(x[1])/x[0], log(x[0]*x[1])*cos(x[1]) + sin(x[1])/x[1]]"
    valley = gradc.hessian(lambda p: (1 - p[0]) ** 2 + 2 * (p[1] - p[0] ** 2) ** 2)
    assert valley.formula(vector(2)).latex() == (
        r"\begin{pmatrix} 24 p_{0}^{2} - 8 p_{1} + 2 & -8 p_{0} \\ -8 p_{0} & 4 \end{pmatrix}"
    )


def test_plain_text_of_sums_is_python() -> None:
    formula = gradc.jit(lambda x: np.sum(x[1:] * x[:-1])).formula(N)
    text = str(formula)
    assert text == "sum(x[i]*x[i + 1] for i in range(n - 1))"
    point = np.array([1.0, 2.0, 4.0])
    assert eval(text, {"x": point, "n": 3}) == 10.0


def test_a_maximum_reaches_on() -> None:
    formula = gradc.jit(lambda x: x - np.max(x)).formula(N)
    assert formula.latex(notation="index") == r"x_{i} - \max_{j} x_{j}"
    formula = gradc.jit(lambda x: np.max(x) * np.sum(x) - np.min(x)).formula(N)
    assert formula.latex(notation="index") == r"\left(\max_{i} x_{i}\right) \sum_{i} x_{i} - \min_{i} x_{i}"


def test_literal_arrays_are_written_out() -> None:
    formula = gradc.jit(lambda x: np.array([[1.0, 2.0], [0.0, 0.5]]) @ x).formula(vector(2))
    text = formula.latex()
    assert "C" not in text


def test_long_sums_are_broken() -> None:
    def f(x: float, y: float) -> Any:
        return sum(np.sin(k * x) * np.cos(y + k) * np.exp(x * y / k) for k in range(1, 7))

    rows = gradc.grad(f).formula().latex(lhs=True).split(r" \\ ")
    assert rows[0].startswith(r"\begin{aligned} \frac{\partial f}{\partial x} &= ")
    assert all(len(row) < 700 for row in rows)
    assert any(row.startswith(r"& \quad ") for row in rows)
