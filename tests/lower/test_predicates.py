"""The parts of a predicate guard each other in kernels as they do in the evaluator."""

import numpy as np
import pytest

import gradc.ops  # noqa: F401
from gradc.evaluate import evaluate
from gradc.ir.parse import parse_graph
from gradc.lower import compile_graph


@pytest.mark.parametrize("extent", [3, 40, "n"])
@pytest.mark.parametrize(
    "predicate",
    [
        "1 <= i and 0. < x[i + -1]",
        "not(i <= 0 or x[i + -1] <= 0.)",
        # read where the first part settles it, these would be far outside of any memory
        "100 <= i and 0. < x[i + -100000000000]",
        "i <= 100 or 0. < x[i + -100000000000]",
    ],
)
def test_moot_parts_are_not_read(predicate, extent):
    graph = parse_graph(f"graph(x: float64[{extent}]) {{ t0: float64[{extent}] = [{predicate}] 5. return t0 }}")
    x = np.random.default_rng(0).normal(size=40 if extent == "n" else extent)
    np.testing.assert_array_equal(compile_graph(graph)([x])[0], evaluate(graph, [x])[0])
