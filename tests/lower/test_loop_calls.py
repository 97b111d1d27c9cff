"""Inner loops of ufuncs in kernels: one call for a vector of lanes, from any number of threads."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import special

import gradc
from gradc.ir.scalar import FLOAT32, FLOAT64, INT64, apply, index, load, number
from gradc.ir.tensor import Graph, compute, input_tensor
from gradc.lower import compile_graph
from gradc_runtime.engine import engine

CALL = re.compile(r"call void @(gradc_ufunc_loop[\w.]+)\(")


def kernel_of(body, size=1000, dtype=FLOAT64):
    """A kernel whose outputs are the scalars that ``body`` gives for an entry."""
    x = input_tensor("x", (size,), dtype)
    return compile_graph(Graph((x,), tuple(compute((size,), part) for part in body(load(x, (index(0),))))))


def test_a_vector_is_one_call():
    kernel = kernel_of(lambda x: [apply("erfinv", x)])
    (symbol,) = set(CALL.findall(kernel.llvm))
    assert symbol.endswith("erfinv.d_d")
    assert f"store <{engine().host.vector_bits // 64} x double>" in kernel.llvm


def test_the_results_of_one_ufunc_share_its_call():
    kernel = kernel_of(lambda x: [apply("airy_ai", x), apply("airy_bi", x), apply("airy_ai_slope", x)], size=8)
    assert len(CALL.findall(kernel.llvm)) == 1
    points = np.linspace(-3, 3, 8)
    wanted = special.airy(points)
    for found, place in zip(kernel([points]), (0, 2, 1), strict=True):
        np.testing.assert_array_equal(found, wanted[place])


def test_single_precision_takes_the_loop_of_single_precision():
    kernel = kernel_of(lambda x: [apply("gammaln", x)], dtype=FLOAT32)
    assert set(CALL.findall(kernel.llvm)) == {"gradc_ufunc_loop.scipy.special._ufuncs.gammaln.f_f"}
    points = np.linspace(0.5, 9, 1000, dtype=FLOAT32)
    np.testing.assert_array_equal(kernel([points])[0], special.gammaln(points))


def test_integers_beside_single_precision_go_as_numpy_sends_them():
    kernel = kernel_of(lambda x: [apply("eval_hermite", number(3, INT64), x)], dtype=FLOAT32)
    points = np.linspace(-2, 2, 1000, dtype=FLOAT32)
    (found,) = kernel([points])
    assert found.dtype == FLOAT64
    np.testing.assert_array_equal(found, special.eval_hermite(3, points))


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 63, 1001, 200_000])
def test_every_length_gives_scipys_numbers(size):
    points = np.random.default_rng(size).uniform(-0.99, 0.99, size)
    points[:: max(size // 3, 1)] = np.nan
    np.testing.assert_array_equal(kernel_of(lambda x: [apply("erfinv", x)], size)([points])[0], special.erfinv(points))


def test_threads_call_the_loops_at_once():
    function = gradc.jit(lambda x: special.gammaln(x) * special.jv(0.5, x))
    arrays = [np.random.default_rng(k).uniform(0.1, 9, 30_000) for k in range(8)]
    function(arrays[0])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(function, arrays))
    for x, result in zip(arrays, found, strict=True):
        np.testing.assert_array_equal(result, special.gammaln(x) * special.jv(0.5, x))


def test_what_a_guard_leaves_out_is_not_evaluated():
    gradient = gradc.grad(lambda x: np.sum(np.where(x > 0, special.gammaln(np.where(x > 0, x, 1.0)), 0.0)))
    np.testing.assert_allclose(gradient(np.array([-1.0, 0.0, 2.5])), [0, 0, special.digamma(2.5)], rtol=1e-14)
    padded = gradc.grad(lambda x: np.sum(special.gamma(x[1:]) * x[:-1]))
    x = np.array([0.3, 1.2, 2.5])
    slopes = special.gamma(x[1:]) * special.digamma(x[1:]) * x[:-1]
    np.testing.assert_allclose(padded(x), np.append(special.gamma(x[1:]), 0) + np.append(0, slopes), rtol=1e-14)


@pytest.mark.parametrize("transform", [gradc.jit, lambda f: gradc.grad(lambda x: np.sum(f(x)))])
def test_kernels_cost_as_much_as_there_are_entries(transform):
    function = transform(lambda x: special.jv(1.5, x) * special.gammaln(x))
    few, many = (function.cost(np.linspace(0.1, 5, size)).flops for size in (1000, 4000))
    assert many == pytest.approx(4 * few, rel=0.05)


@pytest.mark.parametrize("size", [1, 20, 20_000])
def test_what_a_function_raises_is_raised(size):
    function, points = gradc.jit(lambda x: special.psi(x) + 1), np.full(size, 0.5)
    function(points)
    points[0] = -1.0
    assert np.isnan(function(points)[0])
    with special.errstate(singular="raise"), pytest.raises(special.SpecialFunctionError, match="singularity"):
        function(points)
    assert np.isnan(function(points)[0])


def test_neighbours_share_what_is_costly():
    def neighbours(x):
        y = special.gammaln(x)
        return y[1:] * y[:-1] + y[1:] ** 2

    alone, shared = (gradc.jit(f).cost(np.linspace(0.5, 4, 4000)).flops for f in (special.gammaln, neighbours))
    assert shared < 1.1 * alone
