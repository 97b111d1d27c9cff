"""Formulas in two dimensions, for the terminal."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

import gradc
from gradc.present import notation as n
from gradc.present.pretty import PrettyWriter

ROOT = (
    lambda x: np.sqrt(1 + x**2) / x,
    (),
    """
           1
    -──────────────
            ______
       2   ╱ 2
      x ⋅╲╱ x  + 1
    """,
)
CASES = (
    lambda x: np.where(x > 0, x**2, -x),
    (),
    """
    ⎧ 2⋅x  for x > 0
    ⎨
    ⎩ -1   otherwise
    """,
)
SQUARES = (
    lambda w, X, y: np.mean((X @ w - y) ** 2),
    (gradc.vector("n"), gradc.matrix("m", "n"), gradc.vector("m")),
    """
        T
     2⋅X ⋅(X⋅w - y)
    ────────────────
           m
    """,
)
NORM = (
    lambda x: np.sqrt(np.sum(x**2)),
    (gradc.vector("n"),),
    """
      x
    ─────
     ‖x‖
    """,
)
GREEK = (lambda theta_1, sigma: theta_1**2 * sigma, (), "\n2⋅σ⋅θ₁\n")
ENTRIES = (
    lambda x: x[0] * x[1] ** 2 / x[2],
    (gradc.vector(3),),
    """
    ⎡     2   ⎤
    ⎢   x₁    ⎥
    ⎢  ─────  ⎥
    ⎢    x₂   ⎥
    ⎢         ⎥
    ⎢ 2⋅x₀⋅x₁ ⎥
    ⎢─────────⎥
    ⎢    x₂   ⎥
    ⎢         ⎥
    ⎢       2 ⎥
    ⎢  x₀⋅x₁  ⎥
    ⎢-────────⎥
    ⎢     2   ⎥
    ⎣   x₂    ⎦
    """,
)


@pytest.mark.parametrize(("f", "specs", "expected"), [ROOT, CASES, SQUARES, NORM, GREEK, ENTRIES])
def test_gradients(f, specs, expected):
    shown = gradc.grad(f).formula(*specs).pretty()
    assert shown.split("\n") == textwrap.dedent(expected).strip("\n").split("\n")


def test_several_outputs_have_names():
    shown = gradc.grad(lambda w, b: (w + b) ** 2, argnums=(0, 1)).formula().pretty()
    assert [line.split(" = ")[0] for line in shown.split("\n")] == ["df/dw", "df/db"]


def test_big_formulas_have_a_where_block_and_long_sums_go_on_below():
    def f(x):
        return sum(np.sin(k * x) * np.exp(x**k) for k in range(1, 9))

    lines = gradc.grad(f).formula().pretty().split("\n")
    assert max(map(len, lines)) <= 110
    assert len(lines) > 3


def _kinds(kind=n.Notation):
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)


def test_every_kind_of_notation_is_written():
    assert set(PrettyWriter.rows) == set(_kinds())


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (n.Bracket(n.Relation("less", n.ONE, n.ZERO)), "[1 < 0]"),
        (n.Function("kron", (n.Identity(), n.Ones())), "I ⊗ 𝟏"),
        (n.Logic("and", (n.Relation("less", n.ONE, n.ZERO), n.Logic("not", (n.ONE,)))), "1 < 0 ∧ ¬(1)"),
        (n.Hadamard((n.Identity(),), (n.Ones(),)), "I ⊘ 𝟏"),
        (n.Ellipsis("3 more terms"), "... (3 more terms)"),
        (n.Sum((n.ONE, n.Product(-2, (n.Name("x", "x"),)))), "1 - 2⋅x"),
    ],
)
def test_pieces(node, expected):
    assert str(PrettyWriter().write(node)) == expected


def test_lines_are_of_one_width_and_the_baseline_is_inside():
    for f, specs, _ in (ROOT, CASES, SQUARES, NORM, ENTRIES):
        (line,) = gradc.grad(f).formula(*specs)._page("auto").lines
        block = PrettyWriter().write(line.value)
        assert {len(text) for text in block.lines} == {block.width}
        assert 0 <= block.base < block.height
