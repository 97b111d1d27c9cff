"""Random graphs: kernels against the reference evaluator, with the checker between the passes."""

from __future__ import annotations

import numpy as np
import pytest
from random_graphs import RandomGraph

import gradc.ops  # noqa: F401
from gradc.evaluate import evaluate
from gradc.ir.check import check
from gradc.lower.chain import compile_checked


def examine(seed: int) -> None:
    program = RandomGraph(seed)
    check(program.graph)
    before = [value.copy() for value in program.values]
    kernel = compile_checked(program.graph, lambda name, graph: check(graph) and None)
    results = kernel(program.values)
    for value, copy in zip(program.values, before, strict=True):
        np.testing.assert_array_equal(value, copy)
    with np.errstate(all="ignore"):
        expected = evaluate(program.graph, program.values)
    for ours, reference in zip(results, expected, strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}\n{program.graph}")


@pytest.mark.parametrize("seed", range(40))
def test_kernel_is_the_evaluator(seed: int) -> None:
    examine(seed)
