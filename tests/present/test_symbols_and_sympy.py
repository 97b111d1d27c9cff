"""Names as symbols, and formulas as SymPy expressions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import gradc
from gradc import matrix, vector
from gradc.present.symbols import leaf_name, symbol, symbols_of


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("X", "X"),
        ("theta", r"\theta"),
        ("Omega", r"\Omega"),
        ("lam", r"\lambda"),
        ("w1", "w_1"),
        ("w12", "w_{12}"),
        ("alpha_0", r"\alpha_0"),
        ("x_hat", r"\hat{x}"),
        ("xhat", r"\hat{x}"),
        ("mu_bar", r"\bar{\mu}"),
        ("x_hat_1", r"\hat{x}_1"),
        ("w_in", r"w_{\mathrm{in}}"),
        ("sigma_x", r"\sigma_x"),
        ("loss", r"\mathrm{loss}"),
        ("x_prime", "x'"),
        ("a_i_j", "a_{i,j}"),
        ("alpha_max", r"\alpha_{\max}"),
        ("max", r"\mathrm{max}"),
        ("lambda_", r"\lambda"),
        ("sigma2", r"\sigma_2"),
        ("theta_dot", r"\dot{\theta}"),
        ("q_ddot", r"\ddot{q}"),
        ("theta_0", r"\theta_0"),
        ("x_tilde", r"\tilde{x}"),
        ("dL_dw", r"\frac{\partial L}{\partial w}"),
        ("Sigma_inv", r"\Sigma^{-1}"),
        ("learning_rate", r"\mathrm{learning}_{\mathrm{rate}}"),
    ],
)
def test_symbol(name: str, latex: str) -> None:
    assert symbol(name).latex == latex


@pytest.mark.parametrize(
    ("path", "leaf"),
    [("x", "x"), ('params["w1"]', "w1"), ("p['w1']", "w1"), ("layers[0]", "layers_0"), ("p.mass", "mass")],
)
def test_leaf_name(path: str, leaf: str) -> None:
    assert leaf_name(path) == leaf


def test_ambiguous_leaves_keep_their_path() -> None:
    names = symbols_of(['a["w"]', 'b["w"]', "x"], [2, 2, 1])
    assert [name.plain for name in names] == ["a_w", "b_w", "x"]
    assert len({name.latex for name in names}) == 3


def test_names_that_would_give_one_symbol_stay_apart() -> None:
    assert [name.latex for name in symbols_of(["x1", "x_1", "y"], [0, 0, 0])] == [r"\mathrm{x1}", r"\mathrm{x\_1}", "y"]


def test_scalar_expression() -> None:
    x = sympy.Symbol("x")
    expression = gradc.grad(lambda x: 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1).formula().sympy()
    assert expression == 8 * x**3 + 3 * x**2 + 6 * x + 5


def test_entries_of_a_vector_and_a_matrix() -> None:
    x = sympy.IndexedBase("x")
    gradient = gradc.grad(lambda x: x[0] ** 2 * x[1]).formula(vector(2)).sympy()
    assert list(gradient) == [2 * x[0] * x[1], x[0] ** 2]
    hessian = gradc.hessian(lambda x: x[0] ** 2 * x[1]).formula(vector(2)).sympy()
    assert hessian.shape == (2, 2)
    assert hessian[0, 1] == 2 * x[0]


def test_named_extents_give_sums() -> None:
    expression = gradc.grad(lambda x, A: x @ A @ x).formula(vector("n"), matrix("n", "n")).sympy()
    x, matrix_entries = sympy.IndexedBase("x"), sympy.IndexedBase("A")
    indices = sorted(expression.free_symbols & set(sympy.symbols("i j k", integer=True)), key=str)
    assert indices
    values = {matrix_entries[r, c]: 2 * r + c + 1 for r in range(2) for c in range(2)} | {x[0]: 3, x[1]: 5}
    n = sympy.Symbol("n", integer=True, positive=True)
    entry = expression.subs({indices[0]: 0, n: 2}).doit().subs(values)
    A, point = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([3.0, 5.0])
    assert float(entry) == (A @ point + A.T @ point)[0]


def test_several_outputs_are_a_tuple() -> None:
    w, x, y = sympy.symbols("w x y")
    both = gradc.grad(lambda w, x, y: (w * x - y) ** 2, argnums=(0, 1)).formula().sympy()
    assert [sympy.simplify(a - b) for a, b in zip(both, (2 * x * (w * x - y), 2 * w * (w * x - y)), strict=True)] == [
        0,
        0,
    ]


def test_arrays_in_bold():
    def loss(w, X, y, theta_1, c):
        return np.sum((X @ w - y) ** 2) + c * np.sum(np.sin(theta_1))

    sizes = gradc.vector("n"), gradc.matrix("m", "n"), gradc.vector("m"), gradc.vector("k"), gradc.scalar()
    formula = gradc.grad(loss, argnums=(0, 3)).formula(*sizes)
    assert formula[0].latex(lhs=True, bold=True) == (
        r"\frac{\partial \mathrm{loss}}{\partial \mathbf{w}} = 2 \mathbf{X}^\top (\mathbf{X} \mathbf{w} - \mathbf{y})"
    )
    assert formula[1].latex(bold=True) == r"c \cos(\boldsymbol{\theta}_1)"
    assert r"X_{ji} \left(\sum_{l} X_{jl} w_{l} - y_{j}\right)" in formula[0].latex(notation="index", bold=True)
