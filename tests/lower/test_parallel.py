"""Loops that threads share: the same bits for any number of threads and any order of the chunks."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.ir.algebra import equal, guarded
from gradc.ir.build import comprehension
from gradc.ir.scalar import Scalar, apply, load, size
from gradc.ir.tensor import Graph, Tensor, input_tensor
from gradc.lower import compile_graph, parallel
from gradc.lower.kernel import Kernel
from gradc.lower.parallel import MOST_CHUNKS, MOST_COPIES, WORTH, Cut, chunk_length
from gradc_runtime import threads

Array = np.ndarray
rng = np.random.default_rng(11)
MANY = 300_000


@pytest.fixture(autouse=True)
def _same_number_of_threads_afterwards() -> Iterator[None]:
    before = gradc.get_num_threads()
    yield
    gradc.set_num_threads(before)


@pytest.fixture
def every_loop_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops of any length are cut into chunks."""
    monkeypatch.setattr(parallel, "WORTH", 1)
    monkeypatch.setattr(parallel, "CHUNK_WORK", 1)


def bits(results: Any) -> list[bytes]:
    """All bytes of a result, whatever it is made of."""
    if isinstance(results, tuple | list):
        return [part for result in results for part in bits(result)]
    return [np.asarray(results).tobytes()]


# ---------------------------------------------------------------- functions, with values and gradients

FUNCTIONS: dict[str, Callable[[Array], Any]] = {
    "wave": lambda x: np.sum(np.sin(x) * np.exp(-(x**2)) + np.log1p(x**2)),
    "moments": lambda x: np.mean((x - np.mean(x)) ** 2),
    "largest": lambda x: np.max(x),
    "extent": lambda x: np.max(np.abs(x)) - np.min(x),
    "norm": lambda x: np.sqrt(np.sum(x * x)),
    "logsumexp": lambda x: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x),
    "neighbours": lambda x: np.sum((x[1:] - x[:-1]) ** 2),
    "strides": lambda x: np.sum(x[::2] ** 3) - np.sum(np.cos(x[1::3])),
    "reversed": lambda x: np.sum(x * x[::-1]),
    "masked": lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)), 0.0)),
    "tail": lambda x: np.sum(x[len(x) // 2 :] ** 2),
}
MAPS: dict[str, Callable[[Array], Any]] = {
    "several": lambda x: (np.sin(x), np.cos(x) * x, np.sum(x), np.max(x)),
    "places": lambda x: (np.argmax(x), np.argmin(np.abs(x)), np.any(x > 3), np.all(x > -9)),
    "normalised": lambda x: (x - np.mean(x)) / np.std(x),
    "running": lambda x: np.cumsum(x) / (1 + np.abs(x)),
    "shifted": lambda x: np.concatenate([x[1:], x[:1]]) - x,
    "counted": lambda x: np.sum(x > 0),
}
ROWS: dict[str, Callable[[Array], Any]] = {
    "softmax": lambda a: (
        np.exp(a - np.max(a, axis=1, keepdims=True))
        / np.sum(np.exp(a - np.max(a, axis=1, keepdims=True)), axis=1, keepdims=True)
    ),
    "centred": lambda a: a - np.mean(a, axis=1, keepdims=True),
    "row sums": lambda a: np.sum(np.sin(a), axis=1),
    "column sums": lambda a: np.sum(np.sin(a), axis=0),
    "running": lambda a: np.cumsum(a, axis=1),
    "largest of rows": lambda a: (np.max(a, axis=1), np.argmax(a, axis=1)),
    "symmetric": lambda a: a[: len(a) // 2] - a[len(a) // 2 : 2 * (len(a) // 2)],
    "all": lambda a: np.sum(np.exp(a)),
}
#: around vectors, grains of chunks and the largest number of chunks
SIZES = [1, 2, 17, 64, 129, 1025, 4097]


def assert_the_same_bits(call: Callable[[], Any]) -> None:
    gradc.set_num_threads(1)
    expected = bits(call())
    for count in (2, 3, 5):
        gradc.set_num_threads(count)
        for _ in range(3):
            assert bits(call()) == expected


@pytest.mark.usefixtures("every_loop_is_worth_it")
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("extent", SIZES)
def test_value_and_gradient(name: str, extent: int) -> None:
    function = FUNCTIONS[name]
    x = rng.normal(size=extent)
    compiled = gradc.value_and_grad(lambda x: function(x))
    np.testing.assert_allclose(compiled(x)[0], function(x), rtol=1e-13, atol=1e-12)
    assert_the_same_bits(lambda: compiled(x))


@pytest.mark.usefixtures("every_loop_is_worth_it")
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("extent", SIZES)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_arrays(name: str, extent: int, dtype: str) -> None:
    function = MAPS[name]
    x = rng.normal(size=extent).astype(dtype)
    compiled = gradc.jit(lambda x: function(x))
    tolerance = 1e-12 if dtype == "f8" else 2e-3
    for ours, numpys in zip(_flat(compiled(x)), _flat(function(x)), strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=tolerance, atol=tolerance)
    assert_the_same_bits(lambda: compiled(x))


@pytest.mark.usefixtures("every_loop_is_worth_it")
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("shape", [(2, 3), (7, 40), (65, 33), (130, 17), (1000, 5)])
def test_rows(name: str, shape: tuple[int, int]) -> None:
    function = ROWS[name]
    a = rng.normal(size=shape)
    compiled = gradc.jit(lambda a: function(a))
    for ours, numpys in zip(_flat(compiled(a)), _flat(function(a)), strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=1e-12, atol=1e-12)
    assert_the_same_bits(lambda: compiled(a))


def _flat(results: Any) -> list[Any]:
    return list(results) if isinstance(results, tuple) else [results]


@pytest.mark.parametrize("name", ["wave", "largest", "logsumexp", "strides"])
def test_long_arrays(name: str) -> None:
    """With the chunks they really have."""
    function = FUNCTIONS[name]
    x = rng.normal(size=MANY)
    compiled = gradc.value_and_grad(lambda x: function(x))
    np.testing.assert_allclose(compiled(x)[0], function(x), rtol=1e-13)
    assert_the_same_bits(lambda: compiled(x))


def test_calls_from_many_python_threads() -> None:
    compiled = gradc.value_and_grad(lambda x: FUNCTIONS["wave"](x))
    arrays = [rng.normal(size=MANY // 2) for _ in range(4)]
    gradc.set_num_threads(1)
    expected = [bits(compiled(x)) for x in arrays]
    gradc.set_num_threads(3)
    wrong: list[int] = []

    def work(which: int) -> None:
        wrong.extend(which for _ in range(30) if bits(compiled(arrays[which])) != expected[which])

    workers = [threading.Thread(target=work, args=(which,)) for which in range(len(arrays))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_sums_of_chunks_lose_nothing() -> None:
    """Chunks whose sums cancel: what rounding lost in each still counts."""
    import math

    values = rng.normal(size=MANY) * 10.0 ** rng.integers(-3, 12, MANY)
    values = np.concatenate([values, -values[::-1], [1e-3]])
    total = gradc.jit(lambda x: np.sum(x))(values)
    assert abs(total - math.fsum(values)) <= 4 * np.spacing(np.max(np.abs(values))) * 32
    for special, expected in (([np.inf], np.inf), ([np.inf, -np.inf], np.nan), ([np.nan], np.nan)):
        values[1000 : 1000 + len(special)] = special
        np.testing.assert_equal(gradc.jit(lambda x: np.sum(x))(values), expected)


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("places", [[3], [200_000, 250_000], [5, 6], [299_999], [100, 150_000, 299_999]])
def test_the_first_bad_index_is_told(places: Sequence[int]) -> None:
    x, at = input_tensor("x", (50,), "f8"), input_tensor("at", (MANY,), "i8")
    node = comprehension((), lambda i: apply("sin", load(x, (load(at, (i,)),))), reduce=(MANY,))
    kernel = compile_graph(Graph((x, at), (node,)))
    assert "in parallel" in kernel.lowered
    values, indices = rng.normal(size=50), rng.integers(0, 50, MANY)
    good = indices.copy()
    for k, place in enumerate(places):
        indices[place] = 1000 + k
    for count in (1, 2, 3, 5):
        gradc.set_num_threads(count)
        for _ in range(5):
            with pytest.raises(IndexError, match="index 1000 is out of bounds for axis 0 with size 50"):
                kernel([values, indices])
            np.testing.assert_allclose(kernel([values, good])[0], np.sum(np.sin(values[good])), rtol=1e-12)


# ---------------------------------------------------------------- how a loop is cut


class Conductor:
    """Stands in for the pool: it runs the chunks in an order and with slots of its choice, and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.order: Callable[[int], Sequence[int]] = range
        task = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

        def run(code: int, data: int, chunks: int, length: int, most: int) -> int:
            self.asked.append((chunks, length, most))
            for number, chunk in enumerate(self.order(chunks)):
                assert task(code)(data, chunk, length, number % min(most, 7)) == 0
            return 0

        integers = [ctypes.c_int64] * 3
        self._keep = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, *integers)(run)
        self.address = ctypes.cast(self._keep, ctypes.c_void_p).value or 0


@pytest.fixture
def conductor(monkeypatch: pytest.MonkeyPatch) -> Conductor:
    result = Conductor()
    found = {threads.PARALLEL_FOR: result.address}
    monkeypatch.setattr(threads, "symbols", lambda names: found if threads.PARALLEL_FOR in names else {})
    return result


def softmax_of_rows(rows: int | Scalar, columns: int | Scalar) -> Kernel:
    A = input_tensor("A", (rows, columns), "f8")
    top = comprehension((rows,), lambda i, k: load(A, (i, k)), reduce=(columns,), reducer="max")
    shifted = comprehension((rows, columns), lambda i, k: apply("exp", apply("sub", load(A, (i, k)), load(top, (i,)))))
    total = comprehension((rows,), lambda i, k: load(shifted, (i, k)), reduce=(columns,))
    soft = comprehension((rows, columns), lambda i, k: apply("div", load(shifted, (i, k)), load(total, (i,))))
    return compile_graph(Graph((A,), (soft,)))


def waves(extent: int | Scalar) -> Kernel:
    x = input_tensor("x", (extent,), "f8")
    value = comprehension((), lambda i: apply("sin", load(x, (i,))), reduce=(extent,))
    return compile_graph(Graph((x,), (value, comprehension((extent,), lambda i: apply("cos", load(x, (i,)))))))


@pytest.mark.usefixtures("every_loop_is_worth_it")
def test_each_thread_has_a_row_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more threads than there may be cores."""
    monkeypatch.setattr(parallel, "most_copies", lambda: 5)
    kernel = softmax_of_rows(200, 300)
    assert 5 * 300 * 8 <= kernel.workspace_bytes <= 5 * 300 * 8 + 400
    a = rng.normal(size=(200, 300))
    assert_the_same_bits(lambda: kernel([a]))


@pytest.mark.usefixtures("every_loop_is_worth_it")
@pytest.mark.parametrize("symbolic", [False, True])
def test_chunks_may_run_in_any_order_and_slot(
    monkeypatch: pytest.MonkeyPatch, conductor: Conductor, symbolic: bool
) -> None:
    monkeypatch.setattr(parallel, "most_copies", lambda: 7)
    rows, x = rng.normal(size=(100, 37)), rng.normal(size=5000)
    soft = softmax_of_rows(size("m"), size("n")) if symbolic else softmax_of_rows(100, 37)
    wave = waves(size("n")) if symbolic else waves(5000)
    expected = bits(soft([rows])), bits(wave([x]))
    shuffled = np.random.default_rng(0)
    for order in (lambda n: range(n)[::-1], lambda n: shuffled.permutation(n).tolist()):
        conductor.order = order
        assert (bits(soft([rows])), bits(wave([x]))) == expected
    assert {chunks for chunks, _, _ in conductor.asked} == {50, 63}


@pytest.mark.parametrize("extent", [0, 1, 1000, 9_000, 20_000, 100_000, 100_007, 3_000_000])
def test_a_symbolic_extent_is_cut_when_the_kernel_runs(conductor: Conductor, extent: int) -> None:
    kernel = waves(size("n"))
    x = rng.normal(size=extent)
    np.testing.assert_allclose(kernel([x])[0], np.sum(np.sin(x)), rtol=1e-11, atol=1e-11)
    ((chunks, length, _),) = conductor.asked
    fixed = waves(extent)
    if "in parallel" in fixed.lowered:
        fixed([x])
        assert conductor.asked[1] == conductor.asked[0]
        assert 8 <= chunks <= MOST_CHUNKS
    else:
        assert (chunks, length) == (min(extent, 1), max(extent, 1))


@pytest.mark.parametrize("count", [1, 7, 1000, 12_345, 10**6, 10**9])
@pytest.mark.parametrize("work", [0, 1, 900, 10**6, 10**9])
@pytest.mark.parametrize("vectors", [False, True])
def test_chunks_cover_the_loop(count: int, work: int, vectors: bool) -> None:
    length = chunk_length(count, work, Cut((), WORTH, MOST_CHUNKS, vectors))
    chunks = -(-count // length)
    assert 1 <= chunks <= MOST_CHUNKS
    assert (chunks == 1) or count * work >= WORTH


def test_little_work_is_not_shared() -> None:
    assert "in parallel" not in waves(1000).lowered
    assert threads.PARALLEL_FOR not in waves(1000).llvm


@pytest.mark.parametrize(("rows", "columns"), [(500, 300), (17, 200_000), (17, 600_000)])
def test_copies_of_a_row_are_few(conductor: Conductor, rows: int, columns: int) -> None:
    """One per thread, no more threads than there are copies, and not much memory in all."""
    kernels = [softmax_of_rows(rows, columns), softmax_of_rows(size("m"), size("n"))]
    a = rng.normal(size=(rows, columns))
    for kernel in kernels:
        (result,) = kernel([a])
        np.testing.assert_allclose(np.sum(result, axis=1), 1.0, rtol=1e-12)
    most = [asked for _, _, asked in conductor.asked]
    assert most[0] == most[1]
    assert 1 <= most[0] <= MOST_COPIES
    assert most[0] == 1 or most[0] * columns * 8 <= parallel.LARGEST_COPIES


# ---------------------------------------------------------------- arrays that all iterations add to


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("columns", [1, 7, 50])
def test_the_gradient_of_a_regression_is_one_shared_loop(symbolic: bool, columns: int) -> None:
    rows = 3_000_000 // columns
    extent = size("n") if symbolic else rows
    X, w = input_tensor("X", (extent, columns), "f8"), input_tensor("w", (columns,), "f8")
    fitted = comprehension((extent,), lambda i, k: apply("mul", load(X, (i, k)), load(w, (k,))), reduce=(columns,))
    bent = comprehension((extent,), lambda i: apply("tanh", load(fitted, (i,))))
    gradient = comprehension((columns,), lambda a, i: apply("mul", load(X, (i, a)), load(bent, (i,))), reduce=(extent,))
    kernel = compile_graph(Graph((X, w), (gradient,)))
    outer = [line for line in kernel.lowered.splitlines() if line.startswith("for ")]
    assert outer
    assert all("in parallel" in line for line in outer)
    a, b = rng.normal(size=(rows, columns)), rng.normal(size=columns)
    np.testing.assert_allclose(kernel([a, b])[0], a.T @ np.tanh(a @ b), rtol=1e-11, atol=1e-11)
    assert_the_same_bits(lambda: kernel([a, b]))


@pytest.mark.usefixtures("every_loop_is_worth_it")
@pytest.mark.parametrize("places", [1, 3, 64, 1000])
def test_scatters_do_not_race(places: int) -> None:
    """Many threads, few places."""
    at = rng.integers(0, places, 20_000)
    weights = rng.normal(size=20_000)
    compiled = gradc.grad(lambda x: np.sum(np.sin(x[at]) * weights))
    x = rng.normal(size=places)
    expected = np.bincount(at, weights, places) * np.cos(x)
    np.testing.assert_allclose(compiled(x), expected, rtol=1e-11, atol=1e-12)
    assert_the_same_bits(lambda: compiled(x))


@pytest.mark.usefixtures("every_loop_is_worth_it")
def test_arrays_of_one_shape_are_told_apart() -> None:
    at = rng.integers(0, 9, 5_000)
    compiled = gradc.grad(lambda x, y: np.sum(np.sin(x[at]) * y[at]), (0, 1))
    x, y = rng.normal(size=9), rng.normal(size=9)
    counts = np.bincount(at, minlength=9)
    np.testing.assert_allclose(compiled(x, y), (counts * np.cos(x) * y, counts * np.sin(x)), rtol=1e-11)
    assert_the_same_bits(lambda: compiled(x, y))


def scattered(places: int | Scalar, count: int) -> Kernel:
    values, at = input_tensor("v", (count,), "f8"), input_tensor("at", (count,), "i8")
    weights = input_tensor("w", (places,), "f8")  # its extent, when that is symbolic

    def term(a: Scalar, i: Scalar) -> Scalar:
        return guarded(equal(a, load(at, (i,))), load(values, (i,)))

    total = comprehension((places,), term, reduce=(count,))
    out = comprehension((places,), lambda a: apply("mul", load(total, (a,)), load(weights, (a,))))
    return compile_graph(Graph((values, at, weights), (out,)))


@pytest.mark.parametrize(("places", "shared"), [(100, True), (8192, True), (8193, False), (size("n"), False)])
def test_only_small_arrays_have_parts(places: int | Scalar, shared: bool) -> None:
    count = 2_000_000
    kernel = scattered(places, count)
    (line,) = [line for line in kernel.lowered.splitlines() if str(count) in line and "for" in line]
    assert ("in parallel" in line) == shared
    length = places if isinstance(places, int) else 90
    values, at, weights = rng.normal(size=count), rng.integers(0, length, count), rng.normal(size=length)
    (result,) = kernel([values, at, weights])
    np.testing.assert_allclose(result, np.bincount(at, values, length) * weights, rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------- products in a batch


@pytest.mark.parametrize("shape", [(3, 3, 3), (20, 30, 25), (64, 64, 64)])
def test_a_batch_of_small_products_is_shared(shape: tuple[int, int, int]) -> None:
    rows, columns, inner = shape
    count = 40_000_000 // (rows * columns * inner) // 8 + 40
    A, B = input_tensor("A", (count, rows, inner), "f8"), input_tensor("B", (count, inner, columns), "f8")
    node = comprehension(
        (count, rows, columns),
        lambda b, i, j, k: apply("mul", load(A, (b, i, k)), load(B, (b, k, j))),
        reduce=(inner,),
    )
    kernel = compile_graph(Graph((A, B), (node,)))
    assert f"for i < {count}, in parallel:" in kernel.lowered
    a, b = rng.normal(size=(count, rows, inner)), rng.normal(size=(count, inner, columns))
    np.testing.assert_allclose(kernel([a, b])[0], a @ b, rtol=1e-11, atol=1e-11)
    assert_the_same_bits(lambda: kernel([a, b]))


# ---------------------------------------------------------------- what is not shared


def product_of(values: Tensor) -> Tensor:
    (extent,) = values.shape
    return comprehension((), lambda i: load(values, (i,)), reduce=(extent,), reducer="prod")


@pytest.mark.usefixtures("every_loop_is_worth_it")
def test_a_float_product_stays_in_order() -> None:
    x = input_tensor("x", (4000,), "f8")
    kernel = compile_graph(Graph((x,), (product_of(x),)))
    assert "in parallel" not in kernel.lowered
    values = np.concatenate([np.full(2000, 1e-3), np.full(2000, 1e3)])
    np.testing.assert_equal(kernel([values])[0], 0.0)  # halves on their own: 0 and inf


@pytest.mark.usefixtures("every_loop_is_worth_it")
def test_an_integer_product_wraps_in_any_order() -> None:
    x = input_tensor("x", (4000,), "i8")
    kernel = compile_graph(Graph((x,), (product_of(x),)))
    assert "in parallel" in kernel.lowered
    values = rng.integers(-9, 10, 4000) * 2 + 1
    np.testing.assert_array_equal(kernel([values])[0], np.prod(values))
