"""Big formulas: a page of bounded length, whatever the function; its intermediates have names."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.special import erf

import gradc
from gradc.ir.build import comprehension
from gradc.ir.scalar import FLOAT64, apply, load
from gradc.ir.tensor import Graph, ResultType, Tensor, extern, input_tensor, projection
from gradc.present import formula_of
from gradc.present.pieces import LARGEST_WHERE

LARGEST_PAGE = 12_000  # characters


def test_shared_structure_is_named_once() -> None:
    def f(x: float, y: float) -> Any:
        u = np.exp(np.sin(x * y) + np.cos(x - y))
        v = np.tanh(u * x) + np.log(u + y)
        return v * u + np.sqrt(v + u) + np.sin(v) / u + np.arctan(v * u)

    text = str(gradc.jit(f).formula())
    head, _, where = text.partition("\nwhere\n")
    definitions = dict(line.strip().split(" = ") for line in where.splitlines())
    assert text.count("cos(x - y)") == 1
    scope = {name: getattr(np, name) for name in ("exp", "sin", "cos", "tanh", "log", "sqrt", "arctan")}
    scope |= {"x": 0.3, "y": 0.8}
    while definitions.keys() - scope.keys():
        for name, value in definitions.items():
            if all(other not in value for other in definitions.keys() - scope.keys()):
                scope[name] = eval(value, {}, scope)
    np.testing.assert_allclose(eval(head, {}, scope), f(0.3, 0.8), rtol=1e-12)


def test_product_of_thirty_sines() -> None:
    def f(x: float) -> Any:
        result = 1.0
        for k in range(1, 31):
            result = result * np.sin(k * x)
        return result

    latex = gradc.grad(f).formula().latex()
    assert len(latex) < LARGEST_PAGE
    first = r"\cos x \sin(2 x) \sin(3 x) \sin(4 x) \sin(5 x) \sin(6 x) \cdots \text{(24 more factors)}"
    second = r"2 \sin x \cos(2 x) \sin(3 x)"
    assert latex.index(first) < latex.index(second) < latex.index(r"\text{(24 more terms)}")


def test_ten_layers() -> None:
    """Backpropagation as textbooks write it: every layer's output once, every layer's part of the gradient once."""

    def f(W: list[Any], x: Any) -> Any:
        h = x
        for w in W:
            h = np.tanh(w @ h)
        return np.sum(h**2)

    n = gradc.matrix("n", "n")
    page = str(gradc.grad(f).formula([n] * 10, gradc.vector("n"))).splitlines()
    assert page[0] == "df/dW[0] = 2*delta_1 @ x.T"
    assert page[1:10] == [f"df/dW[{k}] = 2*delta_{k + 1} @ h{k}.T" for k in range(1, 10)]
    forward = [f"    h{k + 1} = tanh(W_{k} @ {f'h{k}' if k else 'x'})" for k in range(10)]
    backward = [f"    delta_{k} = (W_{k}.T @ delta_{k + 1})*(1 - h{k}**2)" for k in range(9, 0, -1)]
    assert page[10:] == ["where", *forward, "    delta_10 = h10*(1 - h10**2)", *backward]
    first = str(gradc.grad(lambda w, rest, x: f([w, *rest], x)).formula(n, [n] * 9, gradc.vector("n")))
    assert len(first.splitlines()) == 2 + 19
    assert max(map(len, first.splitlines())) < 100


def test_what_is_used_twice_in_a_loop_has_its_name_with_a_number() -> None:
    def f(x: Any, W: list[Any]) -> Any:
        h = x
        for w in W:
            z = w @ h
            h = np.log(1 + z**2)
        return np.sum(h**2)

    n = gradc.matrix("n", "n")
    page = str(gradc.grad(f).formula(gradc.vector("n"), [n] * 4))
    assert "where\n    z1 = W_0 @ x\n    z2 = W_1 @ log(z1**2 + 1)\n    z3 = W_2 @ log(z2**2 + 1)\n" in page


def test_a_long_derivative_is_shortened_piece_by_piece() -> None:
    """Vanna of Black and Scholes: no root of two beside a root of pi, one bar."""

    def price(S: float, sigma: float, K: float, r: float, T: float) -> Any:
        d1 = (np.log(S / K) + (r + sigma**2 / 2) * T) / (sigma * np.sqrt(T))
        d2 = d1 - sigma * np.sqrt(T)
        below = [(1 + erf(d / np.sqrt(2))) / 2 for d in (d1, d2)]
        return S * below[0] - K * np.exp(-r * T) * below[1]

    page = str(gradc.grad(gradc.grad(price), argnums=1).formula())
    assert max(map(len, page.splitlines())) < 160
    assert "2**(3/2)" not in page


def test_a_loop_that_writes_over_its_input_numbers_its_values() -> None:
    def f(x: Any, W: list[Any]) -> Any:
        for w in W:
            x = np.tanh(w @ x)
        return np.sum(x**2)

    n = gradc.matrix("n", "n")
    formula = gradc.grad(f).formula(gradc.vector("n"), [n] * 5)
    page = str(formula)
    assert "    x1 = tanh(W_0 @ x)\n    x2 = tanh(W_1 @ x1)\n" in page
    assert "x_1 &= \\tanh(W_0 x)" in formula.latex()


def test_a_chain_of_a_hundred_thousand_operations() -> None:
    x = input_tensor("x", (), FLOAT64)
    node: Tensor = x
    for k in range(100_000):
        inner = node
        step = apply("sin", load(inner)) if k % 2 else apply("add", load(inner), load(x))
        node = comprehension((), lambda step=step: step)  # type: ignore[misc]
    formula = formula_of(Graph((x,), (node,)))
    latex, text = formula.latex(), str(formula)
    assert len(latex) < LARGEST_PAGE
    assert "left out" in text.splitlines()[-1]
    assert latex.count("&=") <= LARGEST_WHERE


def test_one_long_body() -> None:
    x = input_tensor("x", (), FLOAT64)
    scalar = load(x)
    for k in range(30_000):
        scalar = apply("sin", scalar) if k % 2 else apply("add", scalar, load(x))
    formula = formula_of(Graph((x,), (comprehension((), lambda: scalar),)))
    assert len(formula.latex()) < LARGEST_PAGE


def test_deep_sharing_does_not_blow_up() -> None:
    """x -> x * sin(x), forty times: written out it has 2**40 symbols."""
    x = input_tensor("x", (), FLOAT64)
    scalar = load(x)
    for _ in range(40):
        scalar = apply("mul", scalar, apply("sin", scalar))
    latex = formula_of(Graph((x,), (comprehension((), lambda: scalar),))).latex()
    assert len(latex) < LARGEST_PAGE


def test_library_calls_are_written_with_their_operands() -> None:
    size = 3
    A, b = input_tensor("A", (size, size), FLOAT64), input_tensor("b", (size,), FLOAT64)
    solution = projection(extern("solve", (A, b), (ResultType((size,), b.dtype),)), 0)
    squares = comprehension((), lambda i: apply("mul", load(solution, (i,)), load(solution, (i,))), reduce=(size,))
    formula = formula_of(Graph((A, b), (solution, squares)))
    assert formula[0].latex() == "A^{-1} b"
    assert formula[1].latex("matrix") == r"\|A^{-1} b\|^{2}"
    assert formula[1].latex("index") == r"\sum_{i} (A^{-1} b)_{i}^{2}"


def test_a_thousand_steps_one_after_the_other() -> None:
    def f(x: float) -> Any:
        return functools.reduce(lambda y, _: np.sin(y) + 0.5 * x, range(1000), x)  # no loop that would stay one

    formula = gradc.grad(f).formula()
    latex = formula.latex(lhs=True)
    assert latex.startswith(r"\begin{aligned} \frac{d f}{d x} &= ")
    assert len(latex) < LARGEST_PAGE
    assert "more intermediates left out" in latex
    assert formula.conditions == ()


def test_conditions_on_long_expressions_are_counted() -> None:
    """Twelve of Newton's steps: written out, the last denominator has some thousand symbols."""

    def f(x: float) -> Any:
        y: Any = x
        for _ in range(12):
            y = y - (y * y - 2) / (2 * y)
        return y

    conditions = gradc.grad(f).formula().conditions
    assert sum(map(len, conditions)) < 1000
    assert "more on longer expressions" in conditions[-1]
