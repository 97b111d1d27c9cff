"""Guards that never hold together cut a loop into pieces, none of which runs backwards."""

import numpy as np

import gradc
from gradc.evaluate import evaluate
from gradc.ir.parse import parse_graph
from gradc.lower import compile_graph

APART = """graph(a: float64[8, 8], b: float64[8, 8], c: float64[8, 8, 8]) {
  t0: float64[4, 8] = [3 + -1 * i + -1 * j <= 0] a[j, 3 + -1 * i]
  t1: float64[4, 8] = sum k<8: [j + -1 * k <= 0 and -2 + j + i <= 0] (c[k, 3 + -1 * i, j] * t0[i, k])
  t2: float64[4, 8] = [3 + -1 * i + -1 * j <= 0] b[j, 3 + -1 * i]
  t3: float64[4, 8] = sum k<8: [j + -1 * k <= 0 and 4 + -1 * i + -1 * j <= 0] (c[k, 3 + -1 * i, j] * t2[i, k])
  t4: float64[4, 4] = t1[i, 3 + -1 * j] + t3[i, 3 + -1 * j]
  return t4
}"""


def test_the_piece_between_crossing_edges_is_empty():
    graph, rng = parse_graph(APART), np.random.default_rng(0)
    values = [rng.integers(1, 5, t.shape).astype(float) for t in graph.inputs]
    np.testing.assert_array_equal(compile_graph(graph)(values)[0], evaluate(graph, values)[0])


BAND = """graph(a: float64[2]) {
  t0: float64[5, 23] = [-1 * j + i <= 0 and -1 + -1 * i + j <= 0] a[1 + -1 * j + i]
  t1: float64[5, 3, 4] = sum l<23:
    where -1 * floordiv(mod(1 + l, 6), 2) + j == 0 and -1 * floordiv(1 + l, 6) + k == 0: t0[i, l]
  return t1
}"""


def test_an_empty_first_piece_runs_not_once():
    graph, a = parse_graph(BAND), np.array([3.0, 10.0])
    np.testing.assert_array_equal(compile_graph(graph)([a])[0], evaluate(graph, [a])[0])


def test_a_guard_further_out_keeps_a_read_in_range():
    """The inner guard leaves a first entry out; only the outer one says that the index is below 2."""

    def picked(y):
        first = np.max(y, axis=0) * 1.0
        first[0] *= 2.0
        return np.concatenate([first, np.max(y, axis=0)])[np.array([0, -1, 0])]

    point = np.array([[1.19, -1.247], [-0.835, -0.315]])
    np.testing.assert_allclose(gradc.jit(picked)(point), picked(point))
    assert gradc.jacrev(picked)(point).shape == (3, 2, 2)
