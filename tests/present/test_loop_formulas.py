"""Formulas of functions with loops and branches: recurrences, sums over the steps, cases."""

from __future__ import annotations

import numpy as np
import pytest
from tests.present.loop_programs import (
    PROGRAMS,
    branch,
    chosen,
    chosen_at_steps,
    counted,
    descent,
    energy,
    filtered,
    halving,
    misfit,
    nested,
    newton,
    random,
    readouts,
    recurrent,
)

import gradc
from gradc.present.formula import Formula
from gradc.present.recurrence_values import RecurrenceValues
from gradc.present.recurring import recurrences
from gradc.present.unfolding import unfolded
from gradc.simplify.display import display

DERIVED = [name for name, (_, _, is_derived) in PROGRAMS.items() if is_derived]


def written(formula: Formula) -> list[str]:
    """The rows of the LaTeX with its left-hand side."""
    text = formula.latex(lhs=True)
    return text.removeprefix(r"\begin{aligned} ").removesuffix(r" \end{aligned}").split(r" \\ ")


def computed(formula: Formula, arguments) -> list[object]:
    """The values that the recurrences of a formula have."""
    graph = formula._graph
    form = unfolded(graph)
    shown = recurrences(form, display(form.graph))
    data = formula._origin.data if formula._origin else {}
    names = [n for n in formula._input_names if n not in data]
    values = dict(zip(names, arguments, strict=True)) | dict(data)
    reader = RecurrenceValues(shown, {t: values[n] for t, n in zip(graph.inputs, formula._input_names, strict=True)})
    return [reader.value(t) for t in shown.outputs]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_recurrences_have_the_values_of_the_function(name):
    function, arguments, _ = PROGRAMS[name]
    (value,) = computed(gradc.jit(function).formula(*arguments), arguments)
    np.testing.assert_allclose(value, function(*arguments), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", DERIVED)
def test_the_recurrences_of_a_gradient_have_its_values(name):
    function, arguments, _ = PROGRAMS[name]
    everything = tuple(range(len(arguments)))
    formula = gradc.grad(function, argnums=everything).formula(*arguments)
    for value, exact in zip(
        computed(formula, arguments), gradc.grad(function, argnums=everything)(*arguments), strict=True
    ):
        np.testing.assert_allclose(value, exact, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["energy", "pendulum", "nested", "chosen_at_steps"])
def test_the_recurrences_of_forward_and_second_derivatives_have_their_values(name):
    function, arguments, _ = PROGRAMS[name]
    for derived in (gradc.jacfwd(function), gradc.grad(lambda *a: np.sum(gradc.grad(function)(*a) ** 2))):
        (value,) = computed(derived.formula(*arguments), arguments)
        np.testing.assert_allclose(value, derived(*arguments), rtol=1e-8, atol=1e-10)


def test_a_scan_is_a_recurrence():
    formula = gradc.jit(filtered).formula(0.5, random(6))
    assert str(formula).splitlines() == [
        "y[t + 1]",
        "where",
        "    y[0] = 0",
        "    y[t + 1] = a*y[t] + x[t]  for t = 0, ..., 5",
    ]
    assert written(formula) == [
        r"\left(\mathrm{filtered}\right)_{t} &= y^{(t+1)}",
        r"\text{where} \quad y^{(0)} &= 0",
        r"y^{(t+1)} &= a y^{(t)} + x_{t}, \quad t = 0, \dots, 5",
    ]
    assert formula.pretty().splitlines()[-1] == "  y⁽ᵗ⁺¹⁾ = a⋅y⁽ᵗ⁾ + xₜ  for t = 0, ..., 5"
    assert formula._repr_latex_() == rf"$\displaystyle {formula.latex(lhs=True)}$"


def test_the_adjoint_of_a_linear_recurrence():
    assert written(gradc.grad(energy).formula(0.5, random(6))) == [
        r"\frac{\partial \mathrm{energy}}{\partial a} &= \sum_{t=0}^{5} y^{(t)} (2 y^{(t+1)} + \bar{y}^{(t+1)})",
        r"\text{where} \quad y^{(0)} &= 0",
        r"y^{(t+1)} &= a y^{(t)} + x_{t}, \quad t = 0, \dots, 5",
        r"\bar{y}^{(6)} &= 0",
        r"\bar{y}^{(t)} &= a (2 y^{(t+1)} + \bar{y}^{(t+1)}), \quad t = 5, \dots, 0",
    ]


def test_gradient_descent_on_least_squares():
    at = random(4, 3), random(4), 0.1
    assert written(gradc.jit(descent).formula(*at)) == [
        r"\mathrm{descent} &= w^{(12)}",
        r"\text{where} \quad w^{(0)} &= 0",
        r"w^{(t+1)} &= w^{(t)} - \mathrm{rate} A^\top (A w^{(t)} - b), \quad t = 0, \dots, 11",
    ]
    assert written(gradc.grad(misfit, argnums=1).formula(*at)) == [
        r"\frac{\partial \mathrm{misfit}}{\partial b} &= 2 b - 2 A w^{(12)} + \bar{b}",
        r"\text{where} \quad w^{(0)} &= 0",
        r"w^{(t+1)} &= w^{(t)} - \mathrm{rate} A^\top (A w^{(t)} - b), \quad t = 0, \dots, 11",
        r"\bar{w}^{(12)} &= 2 A^\top (A w^{(12)} - b)",
        r"\bar{w}^{(t)} &= \bar{w}^{(t+1)} - \mathrm{rate} A^\top A \bar{w}^{(t+1)}, \quad t = 11, \dots, 0",
        r"\bar{b} &= \sum_{t=0}^{11} \mathrm{rate} A \bar{w}^{(t+1)}",
    ]


def test_backpropagation_through_time():
    at = random(3, 3), random(3, 2), random(5, 2), random(3)
    rows = written(gradc.grad(recurrent).formula(*at))
    assert rows[1:] == [
        r"\text{where} \quad h^{(0)} &= h_0",
        r"h^{(t+1)} &= \tanh(U \mathrm{xs}_{t} + W h^{(t)}), \quad t = 0, \dots, 4",
        r"\bar{h}^{(5)} &= \mathbf{1}",
        r"\bar{h}^{(t)} &= W^\top (\bar{h}^{(t+1)} \odot (1 - (h^{(t+1)})^{\odot 2})), \quad t = 4, \dots, 0",
    ]
    assert rows[0].endswith(r"&= \sum_{t=0}^{4} h^{(t)}_{j} \bar{h}^{(t+1)}_{i} (1 - (h^{(t+1)}_{i})^{2})")
    matrix = gradc.grad(recurrent).formula(*at).latex("matrix")
    assert r"\sum_{t=0}^{4} (\bar{h}^{(t+1)} \odot (1 - (h^{(t+1)})^{\odot 2})) h^{(t)\top}" in matrix


def test_what_a_scan_leaves_behind_has_rows_of_its_own():
    at = random(1, 2), random(2, 2), random(6, 2)
    assert str(gradc.jit(readouts).formula(*at)).splitlines()[3:] == [
        "    h[t + 1] = tanh(W @ h[t] + x[t])",
        "    y[t] = V @ h[t + 1]  for t = 0, ..., 5",
    ]
    rows = written(gradc.grad(readouts).formula(*at))
    assert rows[0] == (r"\frac{\partial \mathrm{readouts}}{\partial V} &= \sum_{t=0}^{5} 2 V h^{(t+1)} h^{(t+1)\top}")


def test_a_while_loop_goes_on_until():
    formula = gradc.jit(newton).formula(2.0)
    assert written(formula) == [
        r"\mathrm{newton} &= x^{(T)}",
        r"\text{where} \quad x^{(0)} &= 1",
        (
            r"x^{(t+1)} &= \frac{x^{(t)}}{2} + \frac{a}{2 x^{(t)}}, \quad t = 0, 1, \dots \text{ until } "
            r"|(x^{(t)})^{2} - a| \le 10^{-12} \text{ at } t = T"
        ),
    ]
    assert str(formula).endswith("for t = 0, 1, ... until abs(x[t]**2 - a) <= 1e-12 at t = T")


def test_the_adjoint_of_a_while_loop_takes_its_steps_backwards():
    assert str(gradc.grad(newton).formula(2.0)).splitlines() == [
        "sum(x_bar[t + 1]/(2*x[t]) for t in range(T))",
        "where",
        "    x[0] = 1",
        "    x[t + 1] = 1/2*x[t] + a/(2*x[t])  for t = 0, 1, ... until abs(x[t]**2 - a) <= 1e-12 at t = T",
        "    x_bar[T] = 1",
        "    x_bar[t] = x_bar[t + 1]*(x[t]**2 - a)/(2*x[t]**2)  for t = T - 1, ..., 0",
    ]


def test_no_step_has_the_letter_of_a_state():
    assert str(gradc.jit(halving).formula(1.0)).splitlines()[-1] == (
        "    t[k + 1] = 1/2*t[k]  for k = 0, 1, ... until t[k] <= 0.001 or n[k] >= 100 at k = T"
    )


def test_branches_are_cases():
    assert gradc.jit(branch).formula(0.7).latex() == (
        r"\begin{cases} \sin x & \text{if } x > 0 \\ x^{2} & \text{otherwise} \end{cases}"
    )
    assert str(gradc.jit(chosen).formula(random(3), 1.0)) == "tanh(x[i]) if p > 0 else x[i]*sum(x[j]**2 for j)"
    rows = str(gradc.grad(chosen_at_steps).formula(random(8), 0.5)).splitlines()
    assert rows == [
        "0 if y[i] > 1 else y_bar[i + 1]",
        "where",
        "    y[0] = 0",
        "    y[i + 1] = 1/2*y[i] if y[i] > 1 else a*y[i] + x[i]  for i = 0, ..., 7",
        "    y_bar[8] = 1",
        "    y_bar[i] = 1/2*y_bar[i + 1] if y[i] > 1 else a*y_bar[i + 1]  for i = 7, ..., 0",
    ]


def test_the_steps_of_inner_loops_are_numbered_within_the_outer_ones():
    at = random(5, 2), random(2, 2)
    assert written(gradc.jit(nested).formula(*at)) == [
        r"\mathrm{nested} &= \mathbf{1}^\top y",
        r"\text{where} \quad s^{(t,0)} &= h^{(t)}",
        r"s^{(t,k+1)} &= \tanh(W s^{(t,k)} + x_{t}), \quad k = 0, \dots, 2",
        r"h^{(0)} &= 0",
        r"h^{(t+1)} &= s^{(t,3)}",
        r"y_{t} &= \|s^{(t,3)}\|^{2}, \quad t = 0, \dots, 4",
    ]
    (gradient, *_) = written(gradc.grad(nested).formula(*at))
    assert gradient.endswith(r"_{t} &= \sum_{k=0}^{2} \bar{s}^{(t,k+1)} \odot (1 - (s^{(t,k+1)})^{\odot 2})")


def test_a_state_that_is_added_to_is_a_sum():
    assert gradc.jit(counted).formula(random(5)).latex() == r"1 + \sum_{i=0}^{4} \sin x_{i}"
    assert str(gradc.grad(counted).formula(random(5))) == "cos(x)"


def test_named_extents_are_the_number_of_steps():
    formula = gradc.grad(energy).formula(gradc.scalar(), gradc.vector("n"))
    assert written(formula)[2:4] == [
        r"y^{(t+1)} &= a y^{(t)} + x_{t}, \quad t = 0, \dots, n - 1",
        r"\bar{y}^{(n)} &= 0",
    ]


def test_states_without_a_name_get_a_letter():
    def f(x):
        return gradc.fori_loop(0, 9, lambda *step: np.cos(step[1]) + x, x)

    assert str(gradc.jit(f).formula(0.5)).splitlines()[2:] == [
        "    s[0] = x",
        "    s[i + 1] = x + cos(s[i])  for i = 0, ..., 8",
    ]


def test_two_loops_with_a_state_of_one_name_are_told_apart():
    def f(x):
        first = gradc.fori_loop(0, 9, lambda t, y: np.sin(y), x)
        return gradc.fori_loop(0, 5, lambda t, y: np.cos(y), first)

    assert str(gradc.jit(f).formula(0.5)).splitlines() == [
        "y_2[5]",
        "where",
        "    y[0] = x",
        "    y[t + 1] = sin(y[t])  for t = 0, ..., 8",
        "    y_2[0] = y[9]",
        "    y_2[t + 1] = cos(y_2[t])  for t = 0, ..., 4",
    ]


def test_a_page_of_many_loops_is_bounded():
    def f(x):
        for k in range(40):
            x = gradc.fori_loop(0, 5 + k, lambda t, y, k=k: np.sin(y + k), x)
        return x

    text = str(gradc.jit(f).formula(0.5))
    assert len(text.splitlines()) < 60
    assert text.endswith("left out")


def test_the_condition_of_a_loop_is_asked_before_the_step():
    def f(x):
        return gradc.while_loop(lambda y: np.sin(y) + x > 1.01 * x, lambda y: np.sin(y) + x, x)

    (*_, last) = str(gradc.jit(f).formula(0.5)).splitlines()
    assert last == "    y[t + 1] = x + sin(y[t])  for t = 0, 1, ... until x + sin(y[t]) <= 1.01*x at t = T"


def test_while_loops_within_while_loops():
    def f(x):
        y = x
        while y > 0.1:
            z = y
            while z > 1.0:
                z = z / 3
            y = y - z
        return y

    (value,) = computed(gradc.jit(f).formula(7.5), (7.5,))
    np.testing.assert_allclose(value, f(7.5))
    rows = str(gradc.jit(f).formula(7.5)).splitlines()
    assert [row.rpartition("at ")[2] for row in rows if "until" in row] == ["k = T", "t = N"]


def test_what_does_not_change_from_step_to_step_has_no_step():
    def f(x, a):
        y = gradc.fori_loop(0, 5, lambda t, y: np.sin(a) + x, x)
        return y * (np.sin(a) + x)

    (value,) = computed(gradc.jit(f).formula(0.3, 0.4), (0.3, 0.4))
    np.testing.assert_allclose(value, f(0.3, 0.4))


def test_a_batch_of_while_loops_goes_on_while_one_of_them_does():
    halved = gradc.vmap(lambda u: gradc.while_loop(lambda y: y > 1, lambda y: y / 2, u))
    (*_, last) = str(gradc.jit(lambda x: halved(x)).formula(np.ones(4))).splitlines()
    assert last.endswith("for t = 0, 1, ... until not (any([y[t][i] > 1] for i)) at t = T")
