"""Long chains of scalar operations: no recursion, and time linear in their length."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import gradc


def chain(length: int) -> Any:
    def f(x: Any) -> Any:
        y = x
        for _ in range(length // 2):
            y = np.sin(y) + x
        return y

    return f


def by_hand(x: float, length: int) -> tuple[float, float]:
    y, slope = x, 1.0
    for _ in range(length // 2):
        y, slope = math.sin(y) + x, math.cos(y) * slope + 1.0
    return y, slope


@pytest.mark.parametrize("length", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_value_and_gradient(length: int) -> None:
    value, slope = gradc.value_and_grad(chain(length))(0.7)
    expected = by_hand(0.7, length)
    assert value == pytest.approx(expected[0], rel=1e-12)
    assert slope == pytest.approx(expected[1], rel=1e-9)


def test_second_derivative_forward_over_reverse() -> None:
    length, step = 600, 1e-4
    second = gradc.hessian(chain(length))(0.7)
    numeric = (by_hand(0.7 + step, length)[1] - by_hand(0.7 - step, length)[1]) / (2 * step)
    assert second == pytest.approx(numeric, rel=1e-5)
