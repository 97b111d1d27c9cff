"""Functions that kernels share are compiled apart from them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradc.ir.build import comprehension
from gradc.ir.scalar import apply, load
from gradc.ir.tensor import Graph, input_tensor
from gradc.lower import compile_graph
from gradc.lower.kernel import Kernel
from gradc_runtime.engine import engine

pytestmark = pytest.mark.skipif(not engine().host.has_fma, reason="the C library's sine is called directly")


def sine_kernel(extent: int) -> Kernel:
    x = input_tensor("x", (extent,), "f8")
    return compile_graph(Graph((x,), (comprehension((extent,), lambda i: apply("sin", load(x, (i,)))),)))


def test_kernels_share_a_routine() -> None:
    first, second = sine_kernel(37), sine_kernel(41)
    texts = first.loaded.routine_texts
    assert texts
    assert texts == second.loaded.routine_texts
    point = np.linspace(-1e300, 1e300, 37)
    np.testing.assert_allclose(first([point])[0], [math.sin(x) for x in point], rtol=1e-15)


def test_the_text_for_reading_holds_everything() -> None:
    kernel = sine_kernel(37)
    for name in kernel.loaded.routine_texts:
        assert f"@{name}(" in kernel.llvm.partition("@gradc_pointers")[0]
        assert f"{name}:" in kernel.assembly()
