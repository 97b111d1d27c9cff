"""Kernels that certify themselves: a wrong one is caught, rounding where terms cancel is not taken for a fault."""

from __future__ import annotations

import numpy as np
import pytest

from gradc.errors import InternalError
from gradc.ir.build import comprehension
from gradc.ir.scalar import apply, load
from gradc.ir.tensor import Graph, input_tensor
from gradc.stages import CertifiedKernel


class Kernel:
    def __init__(self, *results):
        self.results = [np.asarray(result) for result in results]
        self.cost = type("Cost", (), {"flops": 1})

    def __call__(self, values, out=None):
        return self.results


@pytest.fixture
def total_difference():
    x, y = input_tensor("x", (4,), float), input_tensor("y", (4,), float)
    total = comprehension((), lambda i: apply("sub", load(x, (i,)), load(y, (i,))), reduce=(4,))
    return Graph((x, y), (total,))


def test_a_wrong_result_is_caught_and_shown(total_difference):
    with pytest.raises(InternalError, match=r"sum i<4"):
        CertifiedKernel(Kernel(1.0), total_difference)([np.ones(4), np.zeros(4)])


def test_a_wrong_dtype_is_caught(total_difference):
    with pytest.raises(InternalError, match="int64"):
        CertifiedKernel(Kernel(4), total_difference)([np.ones(4), np.zeros(4)])


def test_rounding_where_terms_cancel_is_no_fault(total_difference):
    values = [np.full(4, 0.1), np.full(4, 0.1)]
    assert CertifiedKernel(Kernel(2.8e-17), total_difference)(values)[0] == 2.8e-17
    with pytest.raises(InternalError):
        CertifiedKernel(Kernel(1e-12), total_difference)(values)


def test_calls_are_sampled_by_doubling(total_difference):
    kernel = Kernel(4.0)
    certified = CertifiedKernel(kernel, total_difference)
    values = [np.ones(4), np.zeros(4)]
    for _ in range(4):
        certified(values)
    kernel.results = [np.asarray(5.0)]
    for _ in range(3):
        certified(values)
    with pytest.raises(InternalError):
        certified(values)
