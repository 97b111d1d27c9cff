"""What the loop trees look like: what is fused, inlined, unrolled, kept in registers, given to BLAS."""

from __future__ import annotations

import time

import numpy as np
import pytest

import gradc.ops  # noqa: F401
from gradc.errors import CompileError
from gradc.ir.algebra import (
    conjunction,
    difference,
    equal,
    floor_divide,
    guarded,
    less_equal,
    modulo,
    power_of,
    product_of,
    sum_of,
)
from gradc.ir.build import comprehension
from gradc.ir.scalar import Scalar, apply, load, number, size
from gradc.ir.tensor import Compute, Graph, Input, ResultType, Tensor, compute, extern, input_tensor, projection
from gradc.lower import compile_graph
from gradc.lower.parallel import MOST_COPIES


def vector(extent: int | Scalar, name: str = "x", dtype: str = "f8") -> Input:
    return input_tensor(name, (extent,), dtype)


def matrix(rows: int, columns: int, name: str = "A") -> Input:
    return input_tensor(name, (rows, columns), "f8")


def loops(text: str) -> int:
    return sum(line.strip().startswith(("for ", "descending for")) for line in text.splitlines())


def test_value_and_gradient_share_one_loop() -> None:
    n = size("n")
    x = vector(n)
    value = comprehension((), lambda i: apply("sin", load(x, (i,))), reduce=(n,))
    gradient = comprehension((n,), lambda i: apply("cos", load(x, (i,))))
    kernel = compile_graph(Graph((x,), (value, gradient)))
    assert loops(kernel.lowered) == 1
    assert kernel.workspace_bytes == 0
    assert kernel.cost.kernels == 1


def test_a_row_of_softmax_stays_in_one_outer_iteration() -> None:
    A = matrix(400, 300)
    top = comprehension((400,), lambda i, k: load(A, (i, k)), reduce=(300,), reducer="max")
    shifted = comprehension((400, 300), lambda i, k: apply("exp", apply("sub", load(A, (i, k)), load(top, (i,)))))
    total = comprehension((400,), lambda i, k: load(shifted, (i, k)), reduce=(300,))
    soft = comprehension((400, 300), lambda i, k: apply("div", load(shifted, (i, k)), load(total, (i,))))
    kernel = compile_graph(Graph((A,), (soft,)))
    outer = [line for line in kernel.lowered.splitlines() if not line.startswith(" ")]
    assert outer == ["for i < 400, in parallel:"]
    # the exponentials of one row per thread, not of the matrix
    assert kernel.workspace_bytes <= MOST_COPIES * (300 * 8 + 64)


def test_regression_reads_its_matrix_once() -> None:
    X, w, y = matrix(500, 200, "X"), vector(200, "w"), vector(500, "y")
    product = comprehension((500,), lambda i, k: product_of(load(X, (i, k)), load(w, (k,))), reduce=(200,))
    rest = comprehension((500,), lambda i: apply("sub", load(product, (i,)), load(y, (i,))))
    value = comprehension((), lambda i: power_of(load(rest, (i,)), 2), reduce=(500,))
    gradient = comprehension((200,), lambda a, i: product_of(2, load(rest, (i,)), load(X, (i, a))), reduce=(500,))
    kernel = compile_graph(Graph((X, w, y), (value, gradient)))
    outer = [line for line in kernel.lowered.splitlines() if not line.startswith(" ")]
    assert outer == ["for i < 500:"]
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(500, 200)), rng.normal(size=200), rng.normal(size=500)]
    residual = values[0] @ values[1] - values[2]
    results = kernel(values)
    np.testing.assert_allclose(results[0], residual @ residual, rtol=1e-12)
    np.testing.assert_allclose(results[1], 2 * values[0].T @ residual, rtol=1e-10)


def test_small_extents_are_straight_line_code() -> None:
    A, B = matrix(4, 4), matrix(4, 4, "B")
    node = comprehension((4, 4), lambda i, j, k: product_of(load(A, (i, k)), load(B, (k, j))), reduce=(4,))
    kernel = compile_graph(Graph((A, B), (node,)))
    assert loops(kernel.lowered) == 0
    assert "phi" not in kernel.llvm


def test_a_batch_of_small_matrices_runs_along_the_batch() -> None:
    A, B = (input_tensor(name, (1000, 3, 3), "f8") for name in "AB")
    node = comprehension(
        (1000, 3, 3), lambda s, i, j, k: product_of(load(A, (s, i, k)), load(B, (s, k, j))), reduce=(3,)
    )
    kernel = compile_graph(Graph((A, B), (node,)))
    assert loops(kernel.lowered) == 1
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 1000, 3, 3))
    np.testing.assert_allclose(kernel([a, b])[0], a @ b, atol=1e-13)


def test_large_products_go_to_blas_and_nothing_is_inlined_into_them() -> None:
    A, B = matrix(500, 450), matrix(450, 400, "B")
    heavy = comprehension((500, 450), lambda i, k: apply("exp", load(A, (i, k))))
    node = comprehension((500, 400), lambda i, j, k: product_of(3, load(heavy, (i, k)), load(B, (k, j))), reduce=(450,))
    kernel = compile_graph(Graph((A, B), (node,)))
    assert "call void @gradc_blas_dgemm" in kernel.llvm
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(500, 450)), rng.normal(size=(450, 400))
    np.testing.assert_allclose(kernel([a, b])[0], 3 * np.exp(a) @ b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("transpose_left", [False, True])
@pytest.mark.parametrize("transpose_right", [False, True])
@pytest.mark.parametrize("transpose_out", [False, True])
@pytest.mark.parametrize("batch", [False, True])
def test_products_in_every_layout(
    transpose_left: bool, transpose_right: bool, transpose_out: bool, batch: bool
) -> None:
    lead = (3,) if batch else ()
    rng = np.random.default_rng(0)
    a = rng.normal(size=(*lead, *((40, 50) if not transpose_left else (50, 40))))
    b = rng.normal(size=(*lead, *((50, 30) if not transpose_right else (30, 50))))
    A, B = input_tensor("A", a.shape, "f8"), input_tensor("B", b.shape, "f8")

    def body(*indices: Scalar) -> Scalar:
        *s, first, second, k = indices
        i, j = (second, first) if transpose_out else (first, second)
        left = load(A, (*s, k, i) if transpose_left else (*s, i, k))
        return product_of(left, load(B, (*s, j, k) if transpose_right else (*s, k, j)))

    shape = (*lead, 30, 40) if transpose_out else (*lead, 40, 30)
    kernel = compile_graph(Graph((A, B), (comprehension(shape, body, reduce=(50,)),)))
    assert "matrix product" in kernel.lowered
    expected = (np.swapaxes(a, -1, -2) if transpose_left else a) @ (np.swapaxes(b, -1, -2) if transpose_right else b)
    expected = np.swapaxes(expected, -1, -2) if transpose_out else expected
    np.testing.assert_allclose(kernel([a, b])[0], expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_symmetric_products(transposed: bool, dtype: str) -> None:
    a = np.random.default_rng(0).normal(size=(100, 120) if transposed else (120, 100)).astype(dtype)
    A = input_tensor("A", a.shape, dtype)

    def body(i: Scalar, j: Scalar, k: Scalar) -> Scalar:
        return product_of(2, *[load(A, (i, k) if transposed else (k, i)) for i in (i, j)])

    side, inner = 100, 120
    kernel = compile_graph(Graph((A,), (comprehension((side, side), body, reduce=(inner,)),)))
    assert "symmetric product" in kernel.lowered
    (result,) = kernel([a])
    np.testing.assert_array_equal(result, result.T)
    expected = 2 * (a @ a.T if transposed else a.T @ a)
    np.testing.assert_allclose(result, expected, rtol=1e-3 if dtype == "f4" else 1e-11, atol=1e-3)


def test_symbolic_products() -> None:
    m, n = size("m"), size("n")
    A = input_tensor("A", (m, n), "f8")
    gram = comprehension((n, n), lambda i, j, k: product_of(2, load(A, (k, i)), load(A, (k, j))), reduce=(m,))
    kernel = compile_graph(Graph((A,), (gram,)))
    for shape in ((50, 20), (3, 2), (0, 4), (5, 0)):
        a = np.random.default_rng(0).normal(size=shape)
        np.testing.assert_allclose(kernel([a])[0], 2 * a.T @ a, atol=1e-12)


def test_a_chain_of_products_is_taken_in_the_cheap_order() -> None:
    A, B, v = matrix(300, 300), matrix(300, 300, "B"), vector(300, "v")
    node = comprehension(
        (300,), lambda i, j, k: product_of(load(A, (i, j)), load(B, (j, k)), load(v, (k,))), reduce=(300, 300)
    )
    kernel = compile_graph(Graph((A, B, v), (node,)))
    assert kernel.cost.flops < 1e6
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300, 300))
    x = rng.normal(size=300)
    np.testing.assert_allclose(kernel([a, b, x])[0], a @ (b @ x), rtol=1e-10, atol=1e-9)


def test_running_sums_and_scatters_are_linear() -> None:
    n = 200_000
    x, idx = vector(n), vector(n, "idx", "i8")
    running = comprehension((n,), lambda i, k: load(x, (k,)), reduce=(n,), domain=lambda i, k: less_equal(k, i))
    scattered = comprehension((n,), lambda a, i: guarded(equal(a, load(idx, (i,))), load(x, (i,))), reduce=(n,))
    kernel = compile_graph(Graph((x, idx), (running, scattered)))
    rng = np.random.default_rng(0)
    values, targets = rng.normal(size=n), rng.integers(0, n, n)
    before = time.perf_counter()
    results = kernel([values, targets])
    assert time.perf_counter() - before < 1
    np.testing.assert_allclose(results[0], np.cumsum(values), atol=1e-9)
    np.testing.assert_allclose(results[1], np.bincount(targets, values, n), atol=1e-12)


def test_guards_leave_the_interior_of_a_loop_without_tests() -> None:
    n = 5000
    g = vector(n - 1, "g")
    node = comprehension(
        (n,),
        lambda a: sum_of(
            guarded(less_equal(1, a), load(g, (difference(a, 1),))),
            product_of(-1, guarded(less_equal(a, n - 2), load(g, (a,)))),
        ),
    )
    kernel = compile_graph(Graph((g,), (node,)))
    code = kernel.llvm.split("\ndeclare")[0]
    vectors = [block for block in code.split("\nloop") if "x double>" in block]
    assert vectors
    assert not any("br i1" in block.split("icmp slt")[0] for block in vectors)


def test_intermediate_buffers_are_used_again() -> None:
    x = vector(1000)
    node: Tensor = x
    for _ in range(12):  # each step reads all of the one before: nothing fuses
        total = comprehension((), lambda i, node=node: load(node, (i,)), reduce=(1000,))
        node = comprehension(
            (1000,), lambda i, node=node, total=total: apply("sub", apply("exp", load(node, (i,))), load(total))
        )
    kernel = compile_graph(Graph((x,), (node,)))
    assert kernel.workspace_bytes < 3 * 8100
    values = np.linspace(-1, 0, 1000)
    expected = values
    with np.errstate(all="ignore"):
        for _ in range(12):
            expected = np.exp(expected) - expected.sum()
    np.testing.assert_allclose(kernel([values])[0], expected, rtol=1e-9)


def test_shared_subexpressions_do_not_grow() -> None:
    """x1 = x0 * x0, x2 = x1 * x1, ...: the inlined body is a DAG."""
    x = vector(10)
    node: Tensor = x
    for _ in range(60):
        node = comprehension((10,), lambda i, node=node: apply("mul", load(node, (i,)), load(node, (i,))))
    kernel = compile_graph(Graph((x,), (node,)))
    assert len(kernel.llvm) < 40_000
    np.testing.assert_array_equal(kernel([np.ones(10)])[0], 1)


def test_a_chain_of_many_scalars_compiles_in_linear_time() -> None:
    x = input_tensor("x", (), "f8")

    def seconds(count: int) -> float:
        node: Tensor = x
        for _ in range(count):
            node = comprehension(
                (), lambda node=node: apply("add", apply("mul", load(node), number(0.5, "f8")), load(x))
            )
        before = time.perf_counter()
        kernel = compile_graph(Graph((x,), (node,)))
        took = time.perf_counter() - before
        np.testing.assert_allclose(kernel([np.array(1.0)])[0], 2.0)
        return took

    seconds(100)
    assert seconds(4000) < 12 * seconds(1000)


def test_a_very_large_body_is_taken_apart() -> None:
    x = input_tensor("x", (), "f8")
    body: Scalar = load(x)
    for k in range(3000):
        body = apply("add", apply("mul", body, number(0.5, "f8")), load(x) if k % 2 else body)
    kernel = compile_graph(Graph((x,), (compute((), body),)))
    assert kernel.llvm.count("define i32 @gradc_part_") > 10
    expected = np.float64(0.25)
    for k in range(3000):
        expected = expected * 0.5 + (0.25 if k % 2 else expected)
    np.testing.assert_allclose(kernel([np.array(0.25)])[0], expected, rtol=1e-12)


def test_what_is_not_lowered_says_so() -> None:
    A = matrix(3, 3)
    node = extern("qr", [A], [ResultType((3, 3), np.dtype("f8"))])
    with pytest.raises(CompileError, match="qr calls are not lowered"):
        compile_graph(Graph((A,), (projection(node, 0),)))
    z = input_tensor("z", (3,), "c16")
    with pytest.raises(CompileError, match="erf of complex numbers"):
        compile_graph(Graph((z,), (comprehension((3,), lambda i: apply("erf", load(z, (i,)))),)))


def test_assembly_and_object_code() -> None:
    x = vector(5)
    kernel = compile_graph(Graph((x,), (comprehension((5,), lambda i: apply("exp", load(x, (i,)))),)))
    assert "gradc_pointers" in kernel.assembly()
    assert kernel.object_code[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe") or kernel.object_code
    assert isinstance(comprehension((), lambda: number(1.0)), Compute)


def test_reshapes_read_without_divisions() -> None:
    A, B = matrix(200, 30), input_tensor("B", (20, 30, 10), "f8")

    def regrouped(i: Scalar, j: Scalar) -> Scalar:
        flat = sum_of(product_of(60, i), j)
        return load(A, (floor_divide(flat, 30), modulo(flat, 30)))

    flat_one = comprehension((6000,), lambda i: load(A, (floor_divide(i, 30), modulo(i, 30))))
    flat_both = comprehension(
        (6000,), lambda i: load(B, (floor_divide(i, 300), modulo(floor_divide(i, 10), 30), modulo(i, 10)))
    )
    kernel = compile_graph(Graph((A, B), (flat_one, comprehension((100, 60), regrouped), flat_both)))
    assert "div" not in kernel.llvm
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 30)), rng.normal(size=(20, 30, 10))
    for result, expected in zip(kernel([a, b]), (a.ravel(), a.reshape(100, 60), b.ravel()), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_guards_of_outer_loops_leave_an_interior_too() -> None:
    A = matrix(100, 100)

    def body(i: Scalar, j: Scalar) -> Scalar:
        inside = conjunction(less_equal(1, i), less_equal(i, 98), less_equal(1, j), less_equal(j, 98))
        return guarded(inside, sum_of(load(A, (difference(i, 1), j)), load(A, (sum_of(i, 1), difference(j, 1)))))

    kernel = compile_graph(Graph((A,), (comprehension((100, 100), body),)))
    a = np.random.default_rng(0).normal(size=(100, 100))
    expected = np.zeros((100, 100))
    expected[1:99, 1:99] = a[:98, 1:99] + a[2:, :98]
    np.testing.assert_array_equal(kernel([a])[0], expected)


def test_a_masked_sum_is_a_running_sum() -> None:
    """The adjoint of a cumulated sum has its condition in the body; it runs from the end."""
    n = 3000
    x = vector(n)
    node = comprehension((n,), lambda i, j: guarded(less_equal(i, j), product_of(2, load(x, (j,)))), reduce=(n,))
    kernel = compile_graph(Graph((x,), (node,)))
    assert "running" in kernel.lowered
    values = np.random.default_rng(0).normal(size=n)
    np.testing.assert_allclose(kernel([values])[0], 2 * np.cumsum(values[::-1])[::-1], atol=1e-10)


def test_an_exclusive_running_sum_never_reads_beyond_its_end() -> None:
    n = 64
    x, idx = vector(n), vector(n - 1, "idx", "i8")
    node = comprehension(
        (n,), lambda i, k: load(x, (load(idx, (k,)),)), reduce=(n,), domain=lambda i, k: less_equal(sum_of(k, 1), i)
    )
    kernel = compile_graph(Graph((x, idx), (node,)))
    values, targets = np.arange(64.0), np.arange(63)[::-1].copy()
    np.testing.assert_allclose(kernel([values, targets])[0], np.concatenate([[0], np.cumsum(values[targets])]))


def test_sums_that_add_up_to_a_sum_of_what_is_known_are_one() -> None:
    """The gradient of a bias, which enters a softmax by several ways: the columns of what the weights' gradient reads."""
    A, B, w = matrix(50, 7), matrix(50, 7, "B"), vector(50, "w")

    def entry(i: Scalar, j: Scalar) -> Scalar:
        scaled = product_of(number(-3, "f8"), load(B, (i, j)))
        return sum_of(scaled, product_of(load(w, (i,)), apply("exp", load(A, (i, j)))))

    known = comprehension((50, 7), entry)
    first = comprehension((7,), lambda j, i: product_of(load(w, (i,)), apply("exp", load(A, (i, j)))), reduce=(50,))
    second = comprehension((7,), lambda j, i: load(B, (i, j)), reduce=(50,))
    total = comprehension((7,), lambda j: sum_of(load(first, (j,)), product_of(number(-3, "f8"), load(second, (j,)))))
    graph = Graph((A, B, w), (known, total))
    kernel = compile_graph(graph)
    assert kernel.lowered.count("exp(") == 1
    rng = np.random.default_rng(0)
    values = [rng.normal(size=t.shape) for t in graph.inputs]
    each, columns = kernel(values)
    np.testing.assert_allclose(each, values[2][:, None] * np.exp(values[0]) - 3 * values[1], rtol=1e-14)
    np.testing.assert_allclose(columns, each.sum(0), rtol=1e-13)

    both = compile_graph(Graph((A, B, w), (known, total, second)))  # a sum that somebody else wants stays
    np.testing.assert_allclose(both(values)[2], values[1].sum(0), rtol=1e-13)
    np.testing.assert_array_equal(both(values)[0], each)
