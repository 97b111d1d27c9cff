"""`formula.steps()`, `formula.kinks()` and `formula.sympy()` of functions with loops and branches."""

from __future__ import annotations

import numpy as np
import pytest
from tests.present.loop_programs import PROGRAMS, chosen_at_steps, energy, newton, random, recurrent

import gradc
from gradc.errors import ArgumentError

DERIVED = [name for name, (_, _, is_derived) in PROGRAMS.items() if is_derived]


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("name", DERIVED)
def test_every_derivation_is_checked_by_numbers(name, mode):
    function, arguments, _ = PROGRAMS[name]
    derivation = gradc.grad(function).formula(*arguments).steps(mode)
    assert derivation.checked
    assert str(derivation).endswith("Every step was checked by numbers at 3 points.")


def test_the_chain_rule_at_each_step():
    assert str(gradc.grad(energy).formula(0.5, random(6)).steps()).splitlines() == [
        "denergy/da step by step (reverse mode)",
        "",
        "1. The function",
        "     y[0] = 0",
        "     y[t + 1] = a*y[t] + x[t]  for t = 0, ..., 5",
        "     energy = sum(y[i + 1]**2 for i)",
        "",
        "2. The chain rule, from the last step back",
        (
            "   y_bar[t] stands for denergy/dy[t]. By the chain rule it is that after the step, times how the step changes it, "
            "and what else reads the value."
        ),
        "     y_bar[6] = 0",
        "     y_bar[t] = a*(2*y[t + 1] + y_bar[t + 1])  for t = 5, ..., 0",
        "",
        "3. The derivative",
        "     denergy/da = sum(y[t]*(2*y[t + 1] + y_bar[t + 1]) for t in range(6))",
        "",
        "Every step was checked by numbers at 3 points.",
    ]


def test_a_small_change_from_step_to_step():
    derivation = gradc.grad(newton).formula(2.0).steps("forward")
    assert derivation[1].plain.splitlines() == [
        "   x_dot[t] is the change of x[t] for a change of the argument.",
        "     x_dot[0] = 0",
        (
            "     x_dot[t + 1] = (x[t]**2*x_dot[t] - a*x_dot[t] + x[t])/(2*x[t]**2)  "
            "for t = 0, 1, ... until abs(x[t]**2 - a) <= 1e-12 at t = T"
        ),
    ]
    assert derivation[-1].plain.strip() == "dnewton/da = x_dot[T]"


def test_several_derivatives_are_told_together():
    at = random(3, 3), random(3, 2), random(5, 2), random(3)
    derivation = gradc.grad(recurrent, argnums=(0, 3)).formula(*at).steps()
    assert derivation.checked
    assert derivation[-1].plain.splitlines()[-1].strip() == "drecurrent/dh0 = h_bar[0]"
    latex = derivation.latex()
    assert r"$\bar{h}^{(t)}$ stands for $\frac{\partial \mathrm{recurrent}}{\partial h^{(t)}}$." in latex
    assert latex.count(r"\begin{aligned}") == 3


def test_a_value_is_told_too():
    assert len(gradc.jit(energy).formula(0.5, random(6)).steps()) == 1


def test_long_loops_are_told_without_a_check():
    derivation = gradc.grad(energy).formula(0.5, np.ones(100_000)).steps()
    assert "The loop takes too many steps for a check by numbers." in str(derivation)
    assert "was checked" not in str(derivation)


def test_what_is_not_told_says_so():
    with pytest.raises(ArgumentError, match="first derivatives of a function with loops that has one result"):
        gradc.hessian(energy).formula(0.5, random(6)).steps()


# ---------------------------------------------------------------- kinks


def test_kinks_inside_a_loop():
    def f(x, a):
        return gradc.fori_loop(0, 10, lambda t, y: np.abs(np.maximum(a * y, 0) + x - 1), x)

    assert str(gradc.grad(f).formula(0.5, 0.7).kinks()).splitlines()[1:] == [
        "a*y[t] = 0                  maximum(a*y[t], 0)               0     1      1/2   shared equally on ties",
        (
            "x + maximum(a*y[t], 0) = 1  abs(x + maximum(a*y[t], 0) - 1)  -1    1      0     "
            "the mean of the one-sided values"
        ),
    ]


def test_kinks_of_branches():
    (kink,) = gradc.grad(chosen_at_steps).formula(random(8), 0.5).kinks()
    assert (str(kink.where), str(kink.used)) == ("y[i] = 1", "a")
    (kink,) = gradc.grad(lambda x: gradc.cond(x > 1, lambda x: x**2, lambda x: x, x)).formula(0.5).kinks()
    assert (str(kink.where), str(kink.left), str(kink.right)) == ("x = 1", "1", "2")


def test_the_end_of_a_loop_is_no_kink():
    assert not gradc.grad(newton).formula(2.0).kinks()


def test_what_does_not_move_has_no_kink():
    def f(x, a):
        return x * gradc.fori_loop(0, 10, lambda t, y: np.abs(y) - 1, a)

    assert not gradc.grad(f).formula(0.5, 0.7).kinks()
    assert len(gradc.grad(f, argnums=1).formula(0.5, 0.7).kinks()) == 1


# ---------------------------------------------------------------- sympy


def test_short_loops_are_written_out_for_sympy():
    import sympy

    a = sympy.Symbol("a")
    power = gradc.jit(lambda a: gradc.fori_loop(0, 4, lambda t, y: a * y + 1, 0.0)).formula(0.5).sympy()
    assert sympy.expand(power - (1 + a + a**2 + a**3)) == 0


def test_what_has_no_finite_expression_says_so():
    with pytest.raises(ArgumentError, match="ends by a condition has no SymPy expression; its recurrence is in"):
        gradc.jit(newton).formula(2.0).sympy()
    with pytest.raises(ArgumentError, match="a loop of 1000 steps is too long for a SymPy expression"):
        gradc.jit(lambda x: gradc.fori_loop(0, 1000, lambda t, y: np.sin(y) + x, x)).formula(2.0).sympy()
