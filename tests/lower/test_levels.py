"""At which level of code generation a kernel is compiled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradc
from gradc_runtime.engine import FAST_TO_COMPILE, NORMAL, engine
from gradc_runtime.loaded import LoadedKernel


def polynomial(x):
    return ((0.3 * x - 1.2) * x + 0.7) * x**2 + x


def ratios(x):
    return sum(np.exp(k * x) / (1.0 + k * x**2) for k in range(1, 6))


@pytest.mark.parametrize(
    ("function", "point", "level"),
    [(polynomial, 2.0, FAST_TO_COMPILE), (ratios, 0.1, NORMAL), (lambda x: np.sum(x**2), np.ones(100), NORMAL)],
    ids=["few operations", "many operations", "a loop"],
)
def test_level(function: Callable, point: object, level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADC_CHECK", raising=False)
    used = []
    compile_module = type(engine()).compile

    def noted(self, text: str, level: int = NORMAL) -> bytes:
        used.append(level)
        return compile_module(self, text, level)

    monkeypatch.setattr(type(engine()), "compile", noted)
    gradc.grad(function)(point)
    assert used[0] == level


@pytest.mark.parametrize("function", [polynomial, ratios], ids=["polynomial", "ratios"])
def test_both_levels_give_the_same_bits(function: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADC_CHECK", raising=False)
    gradient = gradc.grad(function)
    gradient(1.0)
    kernel = gradient.record_for(1.0).kernel
    loaded = kernel.loaded
    fast, normal = [
        LoadedKernel(engine().compile(kernel.llvm, level), loaded.signature) for level in (FAST_TO_COMPILE, NORMAL)
    ]
    for point in [*np.linspace(-2.0, 2.0, 101), np.nan, np.inf, -0.0]:
        np.testing.assert_array_equal(fast([np.array(point)])[0], normal([np.array(point)])[0])
