"""Kernels that begin with plain code and go on with good code."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
from gradc_runtime import improve
from gradc_runtime.engine import FAST_TO_COMPILE, NORMAL, Engine, engine

SOURCE = """
import numpy as np, gradc
def waves(x):
    return np.sum(np.sin(x) * np.exp(-(x**2)) + np.log1p(x**2) * np.cos(x) + np.tanh(x))
step = gradc.value_and_grad(waves)
x = np.linspace(-1, 1, 1000)
first = step(x)
"""

#: A kernel that calls the C library for its functions is short, and compiled well at once.
long_code = pytest.mark.skipif(not engine().host.has_fma, reason="the functions are the C library's without FMA")


def waves(x):
    return np.sum(np.sin(x) * np.exp(-(x**2)) + np.log1p(x**2) * np.cos(x) + np.tanh(x))


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The levels that code is compiled at; kernels are not certified, as they are not for users."""
    wait_until_improved()  # kernels of other tests
    monkeypatch.delenv("GRADC_CHECK", raising=False)
    seen: list[int] = []
    compiled: Callable[..., bytes] = Engine.compile

    def watched(self: Engine, text: str, level: int = NORMAL, **options: Any) -> bytes:
        if "gradc_pointers" in text:
            seen.append(level)
        return compiled(self, text, level, **options)

    monkeypatch.setattr(Engine, "compile", watched)
    return seen


def wait_until_improved() -> None:
    for _ in range(2000):
        if not improve.pending():
            return
        time.sleep(0.005)
    pytest.fail("the thread does not come to an end")


@long_code
def test_the_same_bits_before_and_after(levels: list[int]) -> None:
    step = gradc.value_and_grad(lambda x: 1.25 * waves(x))
    x = np.linspace(-3, 3, 1003)
    first = step(x)
    wait_until_improved()
    assert levels == [FAST_TO_COMPILE, NORMAL]
    for _ in range(10):  # through Python first, then as a plan
        value, gradient = step(x)
        assert value == first[0]
        np.testing.assert_array_equal(gradient, first[1])


@long_code
def test_a_plan_goes_on_with_the_good_code(levels: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(improve, "QUIET", 3.0)
    step = gradc.value_and_grad(lambda x: 1.5 * waves(x))
    x = np.linspace(-3, 3, 1003)
    results = [step(x) for _ in range(10)]
    assert levels == [FAST_TO_COMPILE]
    monkeypatch.setattr(improve, "QUIET", 0.0)
    wait_until_improved()
    assert levels == [FAST_TO_COMPILE, NORMAL]
    results += [step(x) for _ in range(10)]
    for value, gradient in results:
        assert value == results[0][0]
        np.testing.assert_array_equal(gradient, results[0][1])


def test_small_and_busy_kernels_are_good_at_once(levels: list[int]) -> None:
    gradc.jit(lambda x: 2.5 * x + 1)(np.arange(100.0))
    gradc.value_and_grad(lambda x: 1.75 * waves(x))(np.linspace(-1, 1, 10**6))
    assert levels == [NORMAL, NORMAL]
    assert not improve.pending()


@pytest.mark.parametrize("more", ["", "import time; time.sleep(0.05)", "import os; os._exit(0)"])
def test_the_program_ends_while_code_is_being_improved(more: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "GRADC_CHECK"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    subprocess.run([sys.executable, "-c", SOURCE + more], check=True, timeout=60, env=environment)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_compiles(levels: list[int]) -> None:
    x = np.linspace(-1, 1, 500)
    steps = [gradc.value_and_grad(eval(f"lambda x: {k}.5 * waves(x)", globals())) for k in range(2, 6)]
    expected = steps[0](x)
    child = os.fork()
    if child == 0:
        same = steps[0](x)[0] == expected[0] and np.isfinite(steps[1](x)[0])
        os._exit(0 if same else 1)
    steps[2](x)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        pytest.fail("the child hangs")
    assert status == 0
    wait_until_improved()
