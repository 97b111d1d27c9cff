"""A buffer is read after the loops that write it, also where literal indices would let the read go anywhere."""

import numpy as np

import gradc.ops  # noqa: F401
from gradc.evaluate import evaluate
from gradc.ir.parse import parse_graph
from gradc.lower import compile_graph

PREFIXES = """graph(x: float64[1, 4]) {
  t0: float64[1, 4] = prod k<4: where 1 + k + -1 * j <= 0: x[i, k]
  t3: float64[1, 4, 4] = prod l<4: where 1 + -1 * k + l <= 0: [1 + j + -1 * l <= 0] x[i, l] + [l + -1 * j <= 0] 1.
  t4: float64[1, 4, 4] = prod l<4: where 1 + k + -1 * l <= 0: [1 + j + -1 * l <= 0] x[i, l] + [l + -1 * j <= 0] 1.
  t5: float64[1, 4, 4] = prod l<4: where 1 + k + -1 * l <= 0: [1 + l + -1 * j <= 0] x[i, l] + [j + -1 * l <= 0] 1.
  t6: float64[1, 4, 4] = prod l<4: where 1 + -1 * k + l <= 0: [1 + l + -1 * j <= 0] x[i, l] + [j + -1 * l <= 0] 1.
  t7: float64[1, 4, 4] = t4[i, j, k] + t6[i, j, k] + t3[i, j, k] + t0[i, k] + t5[i, j, k]
  return t7
}"""


def test_unrolled_reads_stay_behind_the_loop_that_writes():
    graph, x = parse_graph(PREFIXES), np.array([[1.0, 2.0, 3.0, 4.0]])
    first_call = compile_graph(graph)([x])[0]
    np.testing.assert_allclose(first_call, evaluate(graph, [x])[0], rtol=1e-14)
