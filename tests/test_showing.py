"""Left-hand sides of formulas, and the text of every stage."""

from __future__ import annotations

import numpy as np
import pytest

import gradc


def test_left_hand_sides_use_the_symbols_of_the_formula() -> None:
    blocks = gradc.hessian(lambda theta, x_hat: np.sin(theta * x_hat), (0, 1)).formula()
    left = [part.latex(lhs=True).split(" = ")[0] for part in blocks]
    assert left == [
        r"\frac{\partial^{2} f}{\partial \theta^{2}}",
        r"\frac{\partial^{2} f}{\partial \theta \, \partial \hat{x}}",
        r"\frac{\partial^{2} f}{\partial \hat{x} \, \partial \theta}",
        r"\frac{\partial^{2} f}{\partial \hat{x}^{2}}",
    ]
    both = gradc.value_and_grad(lambda params: params["w1"] ** 2).formula({"w1": 2.0})
    assert [part.latex(lhs=True) for part in both] == ["f = w_1^{2}", r"\frac{d f}{d w_1} = 2 w_1"]


def test_stages() -> None:
    F = gradc.grad(lambda x: np.sum(np.sin(x)))
    specs = (gradc.vector("n"),)
    assert "sum i<n" in F.ir(*specs, stage="traced")
    assert "cos(x[i])" in F.ir(*specs, stage="differentiated")
    assert "cos(x[i])" in F.ir(*specs, stage="simplified")
    assert "for i < n" in F.ir(*specs, stage="lowered")
    assert "define" in F.llvm(*specs)
    assert "ret" in F.asm(*specs)
    assert F.cost(*specs).flops > 0
    with pytest.raises(gradc.ArgumentError, match="stage is one of"):
        F.ir(*specs, stage="parsed")  # type: ignore[arg-type]


def test_without_arguments_the_last_call_gives_the_signature() -> None:
    F = gradc.grad(lambda x: np.sum(x**2))
    F(np.ones(3))
    assert "float64[3]" in F.ir()
    assert F.formula().latex() == "2 x"


def test_a_ufunc_has_its_operands_as_parameters():
    assert str(gradc.grad(np.sin).formula()) == "cos(x)"
    assert str(gradc.grad(gradc.grad(np.sin)).formula()) == "-sin(x)"
    assert gradc.grad(np.multiply).parameters == ["x1", "x2"]
