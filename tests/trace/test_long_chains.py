"""Long chains of operations trace without recursion, in time linear in their length."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from gradc.ir.rewrite import replace_tensors
from gradc.ir.tensor import input_tensor
from gradc.ir.walk import graph_order
from gradc.trace import trace


def chain(x: Any, length: int) -> Any:
    for _ in iter(range(length // 2)):  # an iterator is gone through one by one
        x = np.sin(x) * 0.5
    return x


def test_a_chain_of_several_thousand_operations() -> None:
    traced = trace(lambda x: chain(x, 5000), [1.0])
    assert len(graph_order(traced.outputs)) == 5001
    other = input_tensor("y", (), float)
    (moved,) = replace_tensors(traced.outputs, {traced.arguments[0].input: other})
    assert graph_order([moved])[0] is other
    assert replace_tensors([moved], {other: traced.arguments[0].input}) == traced.outputs


@pytest.mark.slow
def test_a_chain_of_a_hundred_thousand_operations() -> None:
    times = []
    for length in (10_000, 100_000):
        start = time.perf_counter()
        traced = trace(lambda x, length=length: chain(x, length), [1.0])
        times.append(time.perf_counter() - start)
        assert len(graph_order(traced.outputs)) == length + 1
    assert times[1] < 30 * times[0]
