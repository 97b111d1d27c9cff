"""The routines that sort and search, against NumPy's stable sort and its search."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import gradc
from gradc.ir.tensor import Graph, Tensor, input_tensor
from gradc.lower import compile_graph
from gradc.lower.sort_routines import SHORT
from gradc.ops.extern import called

DTYPES = "f8 f4 i8 i4 i2 i1 u8 u4 u2 u1 b1".split()
SHAPES = [(0,), (1,), (2,), (9,), (SHORT,), (SHORT + 1,), (3000,), (3, 200), (2, 3, 31), (4, 0), (0, 4)]
LEAST, GREATEST = -np.inf, np.inf


def numbers(rng, dtype, shape):
    """Numbers with many ties, and whatever else the dtype has."""
    if dtype == "b1":
        return rng.integers(0, 2, size=shape).astype(bool)
    if dtype[0] in "iu":
        limits = np.iinfo(dtype)
        wide = rng.integers(limits.min, limits.max, size=shape, dtype=dtype, endpoint=True)
        return np.where(rng.uniform(size=shape) < 0.5, wide, rng.integers(0, 5, size=shape).astype(dtype))
    x = rng.normal(size=shape).round(1)
    for special in (np.nan, -np.nan, 0.0, -0.0, LEAST, GREATEST, 5e-324):
        x = np.where(rng.uniform(size=shape) < 0.05, special, x)
    return x.astype(dtype)


def kernel(name, *arrays, **parameters):
    inputs: list[Tensor] = [input_tensor(f"x{k}", a.shape, a.dtype) for k, a in enumerate(arrays)]
    compiled = compile_graph(Graph(tuple(inputs), (called(name, *inputs, **parameters),)))
    return lambda: compiled(arrays)[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_permutation_is_that_of_a_stable_sort(dtype, rng):
    for shape in SHAPES:
        x = numbers(rng, dtype, shape)
        order = kernel("argsort", x)()
        assert order.dtype == np.int64
        np.testing.assert_array_equal(order, np.argsort(x, axis=-1, kind="stable"), err_msg=str(shape))


@pytest.mark.parametrize("order", ["sorted", "reversed", "constant", "sawtooth"])
def test_rows_that_are_nearly_in_order(order):
    count = 1000
    x = {
        "sorted": np.arange(count) - 500.0,
        "reversed": 500.0 - np.arange(count),
        "constant": np.full(count, 3.0),
        "sawtooth": np.arange(count) % 7 * 1e-300,
    }[order]
    np.testing.assert_array_equal(kernel("argsort", x)(), np.argsort(x, kind="stable"))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u2", "b1"])
def test_search(dtype, side, rng):
    for count in (0, 1, 2, 3, 7, 8, 1000):
        for sought in (0, 1, 300):
            edges, values = np.sort(numbers(rng, dtype, count)), numbers(rng, dtype, sought)
            found = kernel("searchsorted", edges, values, side=side)()
            np.testing.assert_array_equal(found, np.searchsorted(edges, values, side), err_msg=f"{count} {sought}")


def test_each_row_is_searched_on_its_own(rng):
    edges, values = np.sort(rng.normal(size=(2, 3, 50))), rng.normal(size=(2, 3, 7))
    found = kernel("searchsorted", edges, values, side="left")()
    for place in np.ndindex(2, 3):
        np.testing.assert_array_equal(found[place], np.searchsorted(edges[place], values[place]))


def test_several_threads_sort_at_once(rng):
    rows = [rng.normal(size=20_000) for _ in range(8)]
    sort = gradc.jit(np.sort)
    sort(rows[0])
    with ThreadPoolExecutor(4) as pool:
        for row, found in zip(rows, pool.map(sort, rows), strict=True):
            np.testing.assert_array_equal(found, np.sort(row))


def test_one_kernel_sorts_rows_of_any_length(rng):
    sort = gradc.jit(lambda x: np.sort(x, axis=0))
    for count in (5, 6, 7, 300, 1, 0, 8):
        x = rng.normal(size=(count, 3))
        np.testing.assert_array_equal(sort(x), np.sort(x, axis=0))


def test_a_batch_is_sorted_row_by_row(rng):
    x = rng.normal(size=(4, 3, 5))
    np.testing.assert_array_equal(gradc.vmap(np.sort)(x), np.sort(x))
    edges = np.linspace(-1, 1, 6)
    np.testing.assert_array_equal(
        gradc.vmap(lambda row: np.searchsorted(edges, row))(x[0]), np.searchsorted(edges, x[0])
    )


def test_the_cost_grows_with_the_length(rng):
    functions = {
        "sort": lambda x: np.sum(np.sort(x) ** 2 * np.arange(x.shape[0])),
        "median": np.median,
        "quantile": lambda x: np.quantile(x, 0.3),
        "interp": lambda x: np.sum(np.interp(x, np.linspace(0, 1, 50), np.linspace(0, 1, 50) ** 2)),
        "knots": lambda x: np.sum(np.interp(x, np.linspace(0, 1, x.shape[0]), x) ** 2),
        "histogram": lambda w: np.sum(np.histogram(np.zeros(w.shape[0]), bins=7, range=(-1, 1), weights=w)[0] ** 2),
    }
    for name, function in functions.items():
        for transformed in (gradc.jit(function), gradc.grad(function)):
            small, large = (transformed.cost(rng.uniform(size=n)) for n in (2000, 4000))
            assert large.flops < 2.3 * small.flops, name
            assert large.bytes_moved < 2.1 * small.bytes_moved, name


@pytest.mark.parametrize(("shape", "axis"), [((2000, 64), 1), ((64, 2000), 0), ((20, 30, 40), 1), ((3, 5), 1)])
def test_gradients_of_sorted_rows_go_where_the_entries_came_from(shape, axis, rng):
    x, w = rng.normal(size=shape), rng.normal(size=shape)
    order, expected = np.argsort(x, axis=axis), np.zeros(shape)
    np.put_along_axis(expected, order, 2 * w * np.take_along_axis(x, order, axis), axis)
    gradient = gradc.grad(lambda x, w: np.sum(w * np.sort(x, axis=axis) ** 2))
    np.testing.assert_allclose(gradient(x, w), expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_cost_of_sorting_rows_grows_with_their_entries(axis, rng):
    def function(x):
        return np.sum(np.sort(x, axis=axis) ** 3)

    second = gradc.grad(lambda x: np.sum(gradc.grad(function)(x) * x))
    for transformed in (gradc.jit(function), gradc.grad(function), second):
        small, tall, wide = (transformed.cost(rng.normal(size=shape)) for shape in ((300, 16), (600, 16), (300, 32)))
        for large in (tall, wide):
            assert large.flops < 2.3 * small.flops
            assert large.bytes_moved < 2.1 * small.bytes_moved
