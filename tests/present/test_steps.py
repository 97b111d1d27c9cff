"""Derivations: the pages that are told, and that nothing is told which numbers contradict."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.cli import main
from gradc.errors import ArgumentError, InternalError
from gradc.ir.scalar import apply as applied
from gradc.ir.scalar import index, load, number
from gradc.ir.tensor import compute
from gradc.present import formula_of
from gradc.present.steps import parts

sys.path.insert(0, str(Path(__file__).parent))
from told_functions import FUNCTIONS, Told


@pytest.mark.parametrize("told", FUNCTIONS, ids=lambda told: told.name)
def test_page(told: Told) -> None:
    derivation = told.derivation
    assert derivation.checked
    assert all(step.points >= 1 for step in derivation if any(line.check for line in step.lines))
    assert f"{derivation}\n" == told.file.read_text()


@pytest.mark.parametrize("told", FUNCTIONS, ids=lambda told: told.name)
def test_latex_and_html_are_whole(told: Told) -> None:
    derivation = told.derivation
    latex, page = derivation.latex(), derivation._repr_html_()
    for opening, closing in ((r"\begin{", r"\end{"), (r"\left", r"\right"), (r"\[ ", r" \]")):
        pattern = re.escape(opening) + r"(?![a-z])" if opening == r"\left" else re.escape(opening)
        assert len(re.findall(pattern, latex)) == latex.count(closing) - latex.count(r"\rightarrow")
    assert latex.count("{") == latex.count("}")
    assert page.count("<details") == page.count("</details>") == len(derivation)
    assert "<summary><b>1. " in page


def test_the_last_line_is_the_formula() -> None:
    for f in (lambda x: np.sin(x) ** 2, lambda x: x**3 * np.exp(x), lambda x: np.log(x) / x):
        formula = gradc.grad(f).formula()
        for mode in ("reverse", "forward"):
            line = formula.steps(mode=mode)[-1].lines[-1]
            assert line.sides[-1].plain == str(formula)
            assert line.sides[-1].latex == formula.latex()


def test_the_users_names_are_kept() -> None:
    def energy(x, k):
        stretch = x - 1
        force = k * stretch
        return force * stretch

    page = str(gradc.grad(energy).formula().steps())
    assert "stretch = x - 1" in page
    assert "force = k*stretch" in page


def test_names_do_not_clash_with_arguments() -> None:
    page = str(gradc.grad(lambda u, v: np.exp(u * v) * np.sin(u)).formula().steps())
    named = re.findall(r"^ {5}(\w+) = ", page.split("2. ")[0], re.MULTILINE)
    assert len(set(named)) == len(named) == 4
    assert not {"u", "v"} & set(named)


def test_rules_are_named() -> None:
    steps = gradc.grad(lambda x: np.sin(x) * np.exp(-(x**2))).formula().steps(detail="full")
    rules = {rule for step in steps for rule in step.rule.split(", ")}
    assert {"product rule", "chain rule", "power rule", "sum over paths", "derivative of exp"} <= rules
    assert steps[-1].title == "The rules in general"


def test_levels_of_detail() -> None:
    formula = gradc.grad(lambda x: np.log(1 + np.exp(x))).formula()
    brief, normal, full = (formula.steps(detail=d) for d in ("brief", "normal", "full"))
    assert len(brief) < len(normal) < len(full)
    assert str(brief[-1].plain) == str(normal[-1].plain)


def test_the_identity_is_named() -> None:
    last = gradc.grad(lambda x: np.log(1 + np.exp(x))).formula().steps()[-1]
    assert "by sigmoid(x) = 1/(1 + exp(-x))" in last.plain


def test_brackets_are_eliminated_at_full_detail() -> None:
    formula = gradc.grad(lambda x: np.sum(np.sin(x) ** 2)).formula(gradc.vector("n"))
    assert "[i == j]*cos(x[i])" in str(formula.steps(detail="full"))
    assert "[i == j]" not in str(formula.steps())


def test_a_wrong_local_derivative_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    right = parts._partial

    def doubled(part, variable, output):
        partial = right(part, variable, output)
        every = [index(k) for k in range(partial.whole.rank)]
        body = applied("mul", number(2, np.float64), load(partial.whole, every))
        return parts.Partial(compute(partial.whole.shape, body), None)

    monkeypatch.setattr(parts, "_partial", doubled)
    formula = gradc.grad(lambda x: np.sin(x) * np.exp(-(x**2))).formula()
    page = formula.steps()
    assert page.checked
    assert "their derivatives are multiplied along every path" in str(page)
    assert "product rule" not in str(page)


def test_a_wrong_formula_is_an_error() -> None:
    right = gradc.grad(lambda x: np.sin(x) * x).formula()
    wrong = gradc.grad(lambda x: np.sin(x) * x + x**2).formula()
    mixed = formula_of(wrong.graph_ir, origin=right._origin)
    with pytest.raises(InternalError, match="does not agree"):
        mixed.steps()


def test_a_big_function_is_summarised() -> None:
    def product(x):
        result = 1.0
        for k in range(1, 31):
            result = result * np.sin(k * x)
        return result

    derivation = gradc.grad(product).formula().steps()
    assert len(derivation) == 2
    assert "intermediates are left out" in derivation[0].words
    assert len(derivation[0].lines) <= 4
    assert derivation.checked


def test_several_arguments_share_the_sweep() -> None:
    derivation = gradc.grad(lambda x, s: np.exp(-(x**2) / (2 * s**2)), argnums=(0, 1)).formula().steps()
    assert sum("df/du = " in step.plain for step in derivation) == 1
    assert len(derivation[-1].lines) == 2


def test_kinks_are_told_from_wrong_derivatives() -> None:
    derivation = gradc.grad(lambda x: np.max(np.maximum(x, 0.0) + 0.0 * x)).formula(gradc.vector(3)).steps()
    assert "case by case" in str(derivation)


def test_a_function_defined_nowhere_is_not_called_checked() -> None:
    derivation = gradc.grad(lambda x: np.log(-1 - x**2)).formula().steps()
    assert not derivation.checked
    assert "Not every step could be checked" in str(derivation)


def test_large_arrays_take_no_room() -> None:
    derivation = gradc.grad(lambda x: np.sum(np.tanh(x) ** 2)).formula(np.ones(200_000)).steps()
    assert derivation.checked


def test_what_is_not_told_is_said() -> None:
    with pytest.raises(ArgumentError, match="grad, jacobian or hessian"):
        gradc.hvp(lambda x: np.sum(x**3)).formula(gradc.vector(3), gradc.vector(3)).steps()
    formula = gradc.grad(lambda x: x**2).formula()
    with pytest.raises(ArgumentError, match="mode is"):
        formula.steps(mode="sideways")
    with pytest.raises(ArgumentError, match="detail is"):
        formula.steps(detail="endless")
    with pytest.raises(ArgumentError, match="the function behind it"):
        formula_of(formula.graph_ir).steps()


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "sin(x)*exp(-x**2)", "--wrt", "x", "--steps"]) == 0
    printed = capsys.readouterr().out
    assert "product rule" in printed
    assert "Every step was checked by numbers" in printed


def test_names_in_a_loop_are_numbered() -> None:
    def network(W, x):
        h = x
        for k in range(3):
            h = np.tanh(W[k] @ h)
        return np.sum(h**2)

    page = str(gradc.grad(network, argnums=1).formula(gradc.array((3, 4, 4), float), gradc.vector(4)).steps())
    named = re.findall(r"^ {5}(\w+)(?:\[\w\])? = tanh", page, re.MULTILINE)
    assert named == ["h1", "h2", "h3"]


def test_names_are_those_of_this_function_alone() -> None:
    """Functions with the same operations share their nodes, and not the names that their lines give."""

    def named() -> Any:
        def f(x: float) -> Any:
            quintuple = 5 * x
            return quintuple**3

        return f

    def plain() -> Any:
        def f(x: float) -> Any:
            return (5 * x) ** 3

        return f

    assert "quintuple" in str(gradc.grad(named()).formula().steps())
    assert "quintuple" not in str(gradc.grad(plain()).formula().steps())


def test_an_empty_array():
    told = gradc.grad(lambda x: np.sum(x**2)).formula(gradc.vector(0)).steps()
    assert "2*x" in str(told)
