"""`formula.numpy()`: runs to the same values, and reads as a person would write it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.present.source_cases import CASES, PARAMETERS, Case, leaves, named

import gradc
from gradc.errors import GradcError


def run(source: str, arguments: tuple[Any, ...]) -> Any:
    """The value of the only function in the source."""
    scope: dict[str, Any] = {}
    exec(source, scope)
    name = source[source.index("def ") + 4 : source.index("(", source.index("def "))]
    captured = {k: v for k, v in SURROUNDINGS.items() if k in source.partition("):")[0]}
    with np.errstate(all="ignore"):
        return scope[name](*arguments, **captured)


SURROUNDINGS = {"PICKED": np.array([0, 2, -1, 2])}


def assert_same(ours: Any, wanted: Any) -> None:
    ours, wanted = leaves(ours), leaves(wanted)
    assert len(ours) == len(wanted)
    for one, other in zip(ours, wanted, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_fixed_sizes_run_to_the_same_values(case: Case):
    wanted = case.function(*case.arguments)
    assert_same(run(case.function.formula(*case.arguments).numpy(), case.arguments), wanted)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_any_size_runs_to_the_same_values(case: Case):
    wanted = case.function(*case.arguments)
    try:
        formula = case.function.formula(*[named(a, {}) for a in case.arguments])
    except (GradcError, TypeError, ValueError):
        pytest.skip("this function takes arrays of these sizes only")
    assert_same(run(formula.numpy(), case.arguments), wanted)


def test_the_source_is_formatted_and_clean(tmp_path):
    for position, case in enumerate(CASES):
        (tmp_path / f"case_{position}.py").write_text(case.function.formula(*case.arguments).numpy())
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F63,F7,F82,F841", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def _body(source: str) -> str:
    return source[source.index("def ") :]


def test_a_regression_reads_as_in_a_book():
    specs = gradc.vector("n"), gradc.matrix("m", "n"), gradc.vector("m")

    def loss(w, X, y):
        return np.sum((X @ w - y) ** 2)

    assert gradc.grad(loss).formula(*specs).numpy() == (
        "import numpy as np\n\n\ndef loss_gradient(w, X, y):\n    return X.T @ (2 * (X @ w - y))\n"
    )
    assert (
        _body(gradc.hessian(loss).formula(*specs).numpy()) == "def loss_hessian(w, X, y):\n    return 2 * (X.T @ X)\n"
    )


def test_softmax_is_named_once():
    source = gradc.grad(lambda x: np.log(np.sum(np.exp(x)))).formula(gradc.vector("n")).numpy()
    assert _body(source) == "def f_gradient(x):\n    e = np.exp(x - np.max(x))\n    return e / np.sum(e)\n"


def test_captured_numbers_are_defaults_and_arrays_parameters():
    rate, scale = 0.5, np.arange(3.0)
    source = gradc.grad(lambda x: rate * np.sum(scale * x**2)).formula(gradc.vector(3)).numpy()
    assert "def f_gradient(x, scale, rate=0.5):" in source


def test_containers_are_unpacked_by_path_and_returned_alike():
    def loss(p, X):
        return np.sum((X @ p["w1"] + p["b1"]) ** 2)

    parameters = {k: PARAMETERS[k] for k in ("w1", "b1")}
    source = gradc.grad(loss).formula(parameters, np.ones((5, 3))).numpy()
    assert 'p["w1"]' in source
    assert "return {" in source
    assert "def loss_gradient(p, X):" in source
