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


SAMPLES = np.array([0.3, -1.2, 0.8, 0.1, -0.4, 1.9])
SORTING_AND_TRANSFORMS = {
    "sort": lambda x: np.sort(x) ** 2 * np.arange(6.0),
    "sorted columns": lambda x: np.sort(x.reshape(2, 3), axis=0) ** 3,
    "median": lambda x: np.median(x**2),
    "nanquantile": lambda x: np.nanquantile(np.where(x > 1, np.nan, x), 0.3),
    "interp": lambda x: np.interp(x, [-1.0, 0.0, 1.0], [1.0, 0.5, 2.0]),
    "histogram": lambda w: np.histogram(SAMPLES, bins=3, range=(-1, 1), weights=w)[0] ** 2,
    "spectrum": lambda x: np.abs(np.fft.fft(x)) ** 2,
    "convolution": lambda x: np.fft.irfft(np.fft.rfft(x) ** 2, n=6),
    "longer": lambda x: np.fft.irfft(x, n=9),
}


@pytest.mark.parametrize("name", SORTING_AND_TRANSFORMS)
def test_sorting_and_transforms_run_to_the_same_values(name: str):
    function = SORTING_AND_TRANSFORMS[name]
    for transformed in (gradc.jit(function), gradc.grad(lambda x: np.sum(function(x)))):
        source = transformed.formula(SAMPLES).numpy()
        captured = (SAMPLES,) if "SAMPLES" in source.partition("):")[0] else ()
        assert_same(run(source, (SAMPLES, *captured)), transformed(SAMPLES))


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
    assert _body(source) == (
        "def f_gradient(x):\n"
        "    largest = np.max(x)\n"
        "    shift = np.where(np.isfinite(largest), largest, 0)\n"
        "    e = np.exp(x - shift)\n"
        "    return e / np.sum(e)\n"
    )


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


def test_many_temporaries_have_short_names():
    def product(x):
        result = np.sin(x)
        for k in range(2, 13):
            result = result * np.sin(k * x)
        return result

    derivative = gradc.grad(product)
    text = derivative.formula().numpy()
    assert "sin_x = np.sin(x)" in text
    assert " = np.sin(2 * x)\n" in text
    assert "    t1 = " in text
    assert "sin_product" not in text
    assert "product2" not in text
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    assert namespace["product_gradient"](0.3) == pytest.approx(derivative(0.3), rel=1e-13)


def test_infinite_entries_give_what_the_function_gives():
    def log_sum(x):
        return np.log(np.sum(np.exp(x)))

    for function in (gradc.jit(log_sum), gradc.grad(log_sum)):
        namespace: dict[str, Any] = {}
        exec(function.formula(gradc.vector("n")).numpy(), namespace)
        written = next(value for name, value in namespace.items() if name.startswith("log_sum"))
        for entries in (
            [-np.inf, -np.inf],
            [np.inf, 1.0],
            [np.inf, -np.inf],
            [-np.inf, 2.0],
            [1000.0, 1.0],
            [np.nan, 1.0],
        ):
            with np.errstate(invalid="ignore", divide="ignore"):
                np.testing.assert_array_equal(written(np.array(entries)), function(np.array(entries)))


def test_a_factor_of_one_is_left_out():
    from scipy.special import logsumexp

    assert "1 *" not in gradc.jit(logsumexp).formula(gradc.vector("n")).numpy()


def test_the_logarithm_of_a_determinant_has_the_inverse_as_derivative():
    matrix = gradc.matrix("n", "n")
    source = gradc.grad(lambda A: np.log(np.linalg.det(A))).formula(matrix).numpy()
    assert source.splitlines()[-1] == "    return np.linalg.inv(A).T"
    source = gradc.grad(lambda A: np.linalg.det(A)).formula(matrix).numpy()
    assert "np.linalg.det(A) * np.linalg.inv(A)" in source
