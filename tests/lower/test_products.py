"""Contractions: what is recognised as a product of matrices, in which order, by which code, and that it is right."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradc
import gradc.ops
from gradc.ir.algebra import power_of, product_of, sum_of
from gradc.ir.build import comprehension
from gradc.ir.scalar import Scalar, apply, load
from gradc.ir.tensor import Graph, Input, input_tensor
from gradc.lower import compile_graph
from gradc_runtime.engine import engine

#: Whether the machine's own products of middling size are faster than BLAS.
WIDE = engine().host.vector_bits >= 512

rng = np.random.default_rng(0)


def array(name: str, *shape: int) -> Input:
    return input_tensor(name, shape, "f8")


def count(text: str, what: str) -> int:
    return text.count(what)


def check(f: Callable[..., Any], *arguments: Any, tolerance: float = 1e-11) -> gradc.Function:
    """The kernel of f gives what NumPy gives."""
    compiled = gradc.jit(f)
    np.testing.assert_allclose(compiled(*arguments), f(*arguments), rtol=tolerance, atol=tolerance)
    return compiled


def lowered(f: gradc.Function, *arguments: Any) -> str:
    return str(f.ir(*arguments, stage="lowered"))


# ---------------------------------------------------------------- which code


@pytest.mark.parametrize(("side", "by_blas"), [(8, False), (64, False), (300, not WIDE), (1000, True)])
def test_large_products_only_call_blas(side: int, by_blas: bool) -> None:
    A, B = array("A", side, side), array("B", side, side)
    node = comprehension((side, side), lambda i, j, k: product_of(load(A, (i, k)), load(B, (k, j))), reduce=(side,))
    kernel = compile_graph(Graph((A, B), (node,)))
    assert "matrix product" in kernel.lowered
    assert ("call void @gradc_blas_dgemm" in kernel.llvm) == by_blas


def test_narrow_products_never_call_blas() -> None:
    A, B = array("A", 20_000, 2_000), array("B", 2_000, 3)
    node = comprehension((20_000, 3), lambda i, j, k: product_of(load(A, (i, k)), load(B, (k, j))), reduce=(2_000,))
    assert "gradc_blas" not in compile_graph(Graph((A, B), (node,))).llvm


def test_no_memory_is_allocated_in_a_kernel() -> None:
    A, B = array("A", 100, 100), array("B", 100, 100)
    node = comprehension((100, 100), lambda i, j, k: product_of(load(A, (i, k)), load(B, (j, k))), reduce=(100,))
    kernel = compile_graph(Graph((A, B), (node,)))
    assert "malloc" not in kernel.assembly()
    assert kernel.workspace_bytes == 0


# ---------------------------------------------------------------- Hessians


def logistic(w: Any, X: Any, y: Any) -> Any:
    return np.sum(np.log1p(np.exp(-y * (X @ w)))) + 0.5 * (w @ w)


@pytest.mark.parametrize("side", [100, 107])
def test_the_hessian_of_logistic_regression_is_half_a_product(side: int) -> None:
    w, X = 0.1 * rng.normal(size=side), rng.normal(size=(3 * side, side))
    y = np.sign(rng.normal(size=3 * side))
    F = gradc.hessian(logistic)
    probability = 1 / (1 + np.exp(-y * (X @ w)))
    result = F(w, X, y)
    expected = (X.T * (probability * (1 - probability))) @ X + np.eye(side)
    np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(result, result.T)
    text = lowered(F, w, X, y)
    assert count(text, "symmetric product") == 1
    assert count(text, "matrix product") == 0


def test_weights_of_any_sign_leave_a_product_symmetric() -> None:
    X, s = rng.normal(size=(150, 120)), rng.normal(size=150)
    F = check(lambda X, s: X.T @ (s[:, None] * X), X, s)
    assert "symmetric product" in lowered(F, X, s)
    result = F(X, s)
    np.testing.assert_array_equal(result, result.T)


@pytest.mark.parametrize("side", [96, 100, 131, 520])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_both_halves_of_a_symmetric_product(side: int, dtype: str) -> None:
    X, s = rng.normal(size=(2 * side, side)).astype(dtype), rng.normal(size=2 * side).astype(dtype)
    F = check(lambda X, s: X.T @ (s[:, None] * X), X, s, tolerance=1e-2 if dtype == "f4" else 1e-11)
    assert "symmetric product" in lowered(F, X, s)
    check(lambda X: X.T @ X, X, tolerance=1e-2 if dtype == "f4" else 1e-11)
    check(lambda X: X @ X.T, np.ascontiguousarray(X.T), tolerance=1e-2 if dtype == "f4" else 1e-11)


def test_a_product_of_different_matrices_is_written_whole() -> None:
    X, Y = rng.normal(size=(150, 120)), rng.normal(size=(150, 120))
    F = check(lambda X, Y: X.T @ Y, X, Y)
    assert "symmetric" not in lowered(F, X, Y)


def test_the_hessian_of_a_factorisation_with_weights_is_one_product() -> None:
    def loss(U: Any, V: Any, M: Any, known: Any) -> Any:
        return np.sum(known * (M - U @ V.T) ** 2)

    n, rank = 40, 5
    U, V, M = rng.normal(size=(n, rank)), rng.normal(size=(n, rank)), rng.normal(size=(n, n))
    known = (rng.random((n, n)) < 0.5).astype(float)
    F = gradc.hessian(loss)
    expected = np.zeros((n, rank, n, rank))
    blocks = np.einsum("ij,ja,jb->iab", 2 * known, V, V)
    expected[np.arange(n), :, np.arange(n), :] = blocks
    np.testing.assert_allclose(F(U, V, M, known), expected, rtol=1e-11, atol=1e-11)
    text = lowered(F, U, V, M, known)
    assert count(text, "matrix product") == 1


# ---------------------------------------------------------------- order


def test_three_factors_are_taken_pair_by_pair_without_a_library() -> None:
    A, s, B = array("A", 60, 50), array("s", 60), array("B", 60, 40)
    node = comprehension(
        (50, 40), lambda i, j, k: product_of(load(A, (k, i)), load(s, (k,)), load(B, (k, j))), reduce=(60,)
    )
    sys.modules.pop("opt_einsum", None)
    kernel = compile_graph(Graph((A, s, B), (node,)))
    assert "opt_einsum" not in sys.modules
    assert count(kernel.lowered, "matrix product") == 1
    a, w, b = rng.normal(size=(60, 50)), rng.normal(size=60), rng.normal(size=(60, 40))
    np.testing.assert_allclose(kernel([a, w, b])[0], (a.T * w) @ b, rtol=1e-11, atol=1e-11)


def test_factors_that_are_expressions_are_computed_once() -> None:
    A, s, B = array("A", 60, 50), array("s", 60), array("B", 60, 40)
    node = comprehension(
        (50, 40),
        lambda i, j, k: product_of(load(A, (k, i)), apply("exp", load(s, (k,))), power_of(load(B, (k, j)), 3)),
        reduce=(60,),
    )
    kernel = compile_graph(Graph((A, s, B), (node,)))
    assert count(kernel.lowered, "matrix product") == 1
    a, w, b = rng.normal(size=(60, 50)), rng.normal(size=60), rng.normal(size=(60, 40))
    np.testing.assert_allclose(kernel([a, w, b])[0], (a.T * np.exp(w)) @ b**3, rtol=1e-11, atol=1e-11)


def test_a_sum_goes_into_the_product_that_only_it_reads() -> None:
    A, B = array("A", 300, 200), array("B", 200, 250)
    product = comprehension((300, 250), lambda i, j, k: product_of(load(A, (i, k)), load(B, (k, j))), reduce=(200,))
    total = comprehension((250,), lambda j, i: load(product, (i, j)), reduce=(300,))
    kernel = compile_graph(Graph((A, B), (total,)))
    assert kernel.cost.flops < 1e6
    a, b = rng.normal(size=(300, 200)), rng.normal(size=(200, 250))
    np.testing.assert_allclose(kernel([a, b])[0], a.sum(axis=0) @ b, rtol=1e-10, atol=1e-10)
    both = compile_graph(Graph((A, B), (product, total)))
    np.testing.assert_allclose(both([a, b])[1], (a @ b).sum(axis=0), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("factors", [4, 5, 6])
def test_long_chains(factors: int) -> None:
    sizes = [30, 3, 40, 5, 35, 20, 8][: factors + 1]
    tensors = [array(f"A{k}", *sizes[k : k + 2]) for k in range(factors)]

    def body(*axes: Scalar) -> Scalar:
        first, last, *inner = axes
        path = [first, *inner, last]
        return product_of(*[load(t, path[k : k + 2]) for k, t in enumerate(tensors)])

    node = comprehension((sizes[0], sizes[-1]), body, reduce=tuple(sizes[1:-1]))
    kernel = compile_graph(Graph(tuple(tensors), (node,)))
    values = [rng.normal(size=t.shape) for t in tensors]
    np.testing.assert_allclose(kernel(values)[0], np.linalg.multi_dot(values), rtol=1e-9, atol=1e-9)
    assert kernel.cost.flops < 1e6


# ---------------------------------------------------------------- batches and layouts


@pytest.mark.parametrize("left", list(itertools.permutations("bik")))
@pytest.mark.parametrize("right", list(itertools.permutations("bkj")))
@pytest.mark.parametrize("out", list(itertools.permutations("bij")))
def test_the_batch_may_be_anywhere(left: tuple[str, ...], right: tuple[str, ...], out: tuple[str, ...]) -> None:
    extents = {"b": 5, "i": 11, "j": 9, "k": 13}
    A = array("A", *(extents[a] for a in left))
    B = array("B", *(extents[a] for a in right))

    def body(*axes: Scalar) -> Scalar:
        at = dict(zip((*out, "k"), axes, strict=True))
        return product_of(2, load(A, [at[a] for a in left]), load(B, [at[a] for a in right]))

    node = comprehension([extents[a] for a in out], body, reduce=(extents["k"],))
    kernel = compile_graph(Graph((A, B), (node,)))
    if out[-1] != "b":
        assert count(kernel.lowered, "matrix product") == 1
    a, b = rng.normal(size=A.shape), rng.normal(size=B.shape)  # type: ignore[arg-type]
    expected = 2 * np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(out)}", a, b)
    np.testing.assert_allclose(kernel([a, b])[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "formula",
    [
        "ijk,jkl->il",
        "jik,kjl->il",
        "ijk,kjl->il",
        "kij,lkj->il",
        "abi,icd->abcd",
        "aib,cid->abcd",
        "aib,cid->cadb",
        "abij,abjk->abik",
        "aibj,bjka->baik",
        "ija,jkb->ikab",
        "aij,bjk->abik",
        "ijkl,lkm->ijm",
    ],
)
@pytest.mark.parametrize("extra", [0, 1, 7])
def test_contractions_over_several_axes(formula: str, extra: int) -> None:
    left, right, _ = formula.replace("->", ",").split(",")
    extents = {a: 6 + extra + position for position, a in enumerate(sorted(set(left + right)))}
    a = rng.normal(size=[extents[s] for s in left])
    b = rng.normal(size=[extents[s] for s in right])
    F = check(lambda a, b: np.einsum(formula, a, b), a, b)
    assert "matrix product" in lowered(F, a, b)


def test_a_repeated_product_of_nothing_is_zero() -> None:
    a, b = np.ones((0, 20, 30)), np.ones((0, 30, 20))
    F = gradc.jit(lambda a, b: np.einsum("kij,kjl->il", a, b))
    np.testing.assert_array_equal(F(np.ones((2, 20, 30)), np.ones((2, 30, 20))), np.full((20, 20), 60.0))
    np.testing.assert_array_equal(F(np.ones((3, 20, 30)), np.ones((3, 30, 20))), np.full((20, 20), 90.0))
    np.testing.assert_array_equal(F(a, b), np.zeros((20, 20)))


# ---------------------------------------------------------------- what is around a product


def test_of_a_batch_one_matrix_is_kept() -> None:
    def objective(Q: Any, x: Any, means: Any) -> Any:
        centred = x[:, None, :] - means
        return np.sum(np.exp(-np.sum(np.einsum("kij,nkj->nki", Q, centred) ** 2, axis=2)))

    d, components, points = 20, 30, 100
    Q, x = 0.1 * rng.normal(size=(components, d, d)), rng.normal(size=(points, d))
    means = rng.normal(size=(components, d))
    F = check(objective, Q, x, means)
    whole = 8 * points * components * d
    assert F.cost(Q, x, means).workspace_bytes < 0.3 * whole
    value, gradient = gradc.value_and_grad(objective, argnums=(0, 2))(Q, x, means)
    np.testing.assert_allclose(value, objective(Q, x, means), rtol=1e-12)
    step = 1e-6
    for argument, entry in ((0, (3, 4, 5)), (1, (7, 8))):
        moved = [Q.copy(), means.copy()]
        moved[argument][entry] += step
        slope = (objective(moved[0], x, moved[1]) - value) / step
        np.testing.assert_allclose(gradient[argument][entry], slope, rtol=1e-3, atol=1e-5)


def test_an_operand_of_a_product_and_of_a_later_loop_is_there_for_both() -> None:
    """It may not move into the loop, which comes after the product."""
    A, x = array("A", 40, 30), array("x", 40, 30)
    shifted = comprehension((40, 30), lambda i, j: apply("exp", sum_of(load(x, (i, j)), 1)))
    gram = comprehension((30, 30), lambda i, j, k: product_of(load(shifted, (k, i)), load(A, (k, j))), reduce=(40,))
    trace = comprehension((), lambda i, j: load(gram, (i, j)), reduce=(30, 30))
    later = comprehension((40, 30), lambda i, j: product_of(load(shifted, (i, j)), load(trace, ())))
    kernel = compile_graph(Graph((A, x), (later,)))
    a, b = rng.normal(size=(40, 30)), rng.normal(size=(40, 30))
    e = np.exp(b + 1)
    np.testing.assert_allclose(kernel([a, b])[0], e * np.sum(e.T @ a), rtol=1e-10)


def test_index_assignment_is_linear_in_what_is_assigned() -> None:
    rows, columns = np.tril_indices(40, -1)

    def matrix(v: Any) -> Any:
        Q = np.zeros((40, 40))
        Q[rows, columns] = v
        return Q

    v = rng.normal(size=len(rows))
    F = check(matrix, v)
    text = lowered(F, v)
    assert "max=" in text
    assert F.cost(v).flops < 50 * 40 * 40


def test_the_last_of_several_assignments_to_an_entry_counts() -> None:
    rows, columns = np.array([0, 2, 1, 2, -1]), np.array([1, 1, 0, 1, -1])

    def matrix(v: Any) -> Any:
        Q = np.ones((3, 4))
        Q[rows, columns] = v
        return Q

    v = np.arange(2.0, 7.0)
    check(matrix, v)
    weights = np.arange(12.0).reshape(3, 4)
    gradient = gradc.grad(lambda v: np.sum(matrix(v) * weights))(v)
    np.testing.assert_array_equal(gradient, [1, 0, 4, 9, 11])


@pytest.mark.parametrize("hidden", [13, 16])
def test_bias_and_relu_are_in_the_loop_that_reads_the_product(hidden: int) -> None:
    X, W, b = rng.normal(size=(50, 40)), rng.normal(size=(40, hidden)), rng.normal(size=hidden)
    F = check(lambda X, W, b: np.maximum(X @ W + b, 0.0), X, W, b)
    text = lowered(F, X, W, b)
    assert count(text, "matrix product") == 1
    assert count(text, "for ") == 2


# ---------------------------------------------------------------- vectors


@pytest.mark.parametrize("shape", [(16, 16), (30, 31), (100, 107), (300, 41), (9, 400), (400, 9)])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_a_matrix_in_the_cache_times_a_vector(shape: tuple[int, int], transposed: bool, dtype: str) -> None:
    A = rng.normal(size=shape).astype(dtype)
    x = rng.normal(size=shape[0 if transposed else 1]).astype(dtype)
    F = gradc.jit(lambda A, x: A.T @ x if transposed else A @ x)
    expected = A.T.astype("f8") @ x if transposed else A.astype("f8") @ x
    np.testing.assert_allclose(F(A, x), expected, rtol=0, atol=1e-3 if dtype == "f4" else 1e-12)
    assert "matrix product" in lowered(F, A, x)


def test_a_matrix_that_two_products_read_is_read_once() -> None:
    X, w, y = rng.normal(size=(200, 100)), rng.normal(size=100), rng.normal(size=200)
    F = gradc.value_and_grad(lambda w, X, y: np.sum((X @ w - y) ** 2))
    value, gradient = F(w, X, y)
    np.testing.assert_allclose(value, np.sum((X @ w - y) ** 2))
    np.testing.assert_allclose(gradient, 2 * X.T @ (X @ w - y), atol=1e-10)
    text = lowered(F, w, X, y)
    assert "matrix product" not in text
    loops = re.split(r"^(?=for )", text, flags=re.MULTILINE)
    assert sum("X[" in loop for loop in loops) == 1


def test_an_expression_times_a_vector_is_no_matrix_in_memory() -> None:
    A, x = rng.normal(size=(100, 90)), rng.normal(size=90)
    F = check(lambda A, x: np.sqrt(A * A + 1.0) @ x, A, x)
    assert F.cost(A, x).workspace_bytes < 8 * A.size


def test_a_sum_of_sums_is_left_as_it_is_written() -> None:
    for shape in ((2, 2), (40, 50), (3, 4, 5)):
        x = rng.normal(size=shape)
        check(lambda x: x.mean(axis=-1, keepdims=True).mean(), x)
        check(lambda x: x.sum(axis=0).sum(axis=-1), x)


# ---------------------------------------------------------------- triangles


@pytest.mark.parametrize("side", [48, 61, 64, 300])
@pytest.mark.parametrize("offset", [-3, -1, 0, 2])
@pytest.mark.parametrize("upper", [False, True])
def test_of_a_triangular_gradient_the_triangle_is_computed(side: int, offset: int, upper: bool) -> None:
    part = np.triu if upper else np.tril
    X, Y, T = rng.normal(size=(40, side)), rng.normal(size=(40, side)), rng.normal(size=(side, side))

    def loss(T: Any, X: Any, Y: Any) -> Any:
        return np.sum((X @ part(T, offset) - Y) ** 2)

    F = gradc.grad(loss)
    expected = part(2 * X.T @ (X @ part(T, offset) - Y), offset)
    np.testing.assert_allclose(F(T, X, Y), expected, rtol=1e-11, atol=1e-10)
    text = lowered(F, T, X, Y)
    assert count(text, "triangle of matrix product") == 1


def test_a_product_that_is_read_elsewhere_too_is_whole() -> None:
    X, Y = rng.normal(size=(50, 60)), rng.normal(size=(50, 60))

    def f(X: Any, Y: Any) -> Any:
        P = X.T @ Y
        return np.tril(P, -1) * 2 + np.sum(P[3])

    assert "triangle" not in lowered(check(f, X, Y), X, Y)


def test_what_is_not_finite_stays_in_its_triangle() -> None:
    X = rng.normal(size=(50, 64))
    X[7, 40] = np.nan
    check(lambda X: np.tril(X.T @ np.exp(X), -1) * 2, X)


@pytest.mark.parametrize("extents", [(6, 7, 8, 16), (9, 10, 11, 17), (6, 6, 6, 33), (7, 13, 20, 100), (12, 6, 9, 31)])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_a_batch_along_the_lanes_of_vectors(extents: tuple[int, ...], dtype: str) -> None:
    sizes = dict(zip("ijkb", extents, strict=True))
    for left, right, out in (("ikb", "kjb", "ijb"), ("kib", "jkb", "jib"), ("ikb", "jkb", "ijb")):
        a = rng.normal(size=[sizes[s] for s in left]).astype(dtype)
        b = rng.normal(size=[sizes[s] for s in right]).astype(dtype)
        a[0, 0, 0], b[0, 0, -1] = np.nan, np.inf
        formula = f"{left},{right}->{out}"
        F = gradc.jit(lambda a, b, formula=formula: np.einsum(formula, a, b) * 2.0)
        with np.errstate(invalid="ignore"):
            expected = 2 * np.einsum(formula, a.astype("f8"), b.astype("f8"))
        tolerance = 1e-4 if dtype == "f4" else 1e-12
        np.testing.assert_allclose(F(a, b), expected, rtol=tolerance, atol=tolerance)
        assert "gradc_lanes" in F.llvm(a, b)


# ---------------------------------------------------------------- strips


@pytest.mark.skipif(not WIDE, reason="they are BLAS's where vectors are shorter")
@pytest.mark.parametrize("rows", [128, 200, 257])
@pytest.mark.parametrize("transposed", [False, True])
def test_large_products_are_shared_by_threads_in_strips(rows: int, transposed: bool) -> None:
    A, B = rng.normal(size=(300, rows) if transposed else (rows, 300)), rng.normal(size=(300, 150))
    F = gradc.jit(lambda A, B: (A.T if transposed else A) @ B)
    before = gradc.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            gradc.set_num_threads(threads)
            results.append(F(A, B))
    finally:
        gradc.set_num_threads(before)
    np.testing.assert_allclose(results[0], (A.T if transposed else A) @ B, rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    text = lowered(F, A, B)
    assert "strip of matrix product" in text
    assert "in parallel" in text


def test_what_reads_some_rows_of_a_striped_product_comes_after_it() -> None:
    A, B = rng.normal(size=(256, 300)), rng.normal(size=(300, 150))
    check(lambda A, B: (A @ B)[:4] * 2.0 + (A @ B)[4:8], A, B)
    check(lambda A, B: np.exp((A @ B)[:4] / 100.0).sum() + (A @ B).sum(axis=0), A, B)
    check(lambda A, B, C: ((A @ B) @ C)[:4], A, B, rng.normal(size=(150, 200)))


# ---------------------------------------------------------------- order in memory


@pytest.mark.parametrize("extents", [(40, 30, 20), (61, 17, 33)])
def test_intermediate_results_in_another_order_than_their_axes(extents: tuple[int, int, int]) -> None:
    points, batch, d = extents
    Q, x = 0.1 * rng.normal(size=(batch, d, d)), rng.normal(size=(points, batch, d))
    y = rng.normal(size=(points, batch, d))

    def chain(Q: Any, x: Any, y: Any) -> Any:
        first = np.tanh(np.einsum("bij,nbj->nbi", Q, x))
        second = np.exp(-np.einsum("bij,nbj->nbi", Q, first)) * y
        return second + first, np.sum(second * first, axis=2), np.sum(first, axis=0), second[::-1]

    compiled = gradc.jit(chain)
    for result, expected in zip(compiled(Q, x, y), chain(Q, x, y), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-11)

    def loss(Q: Any, x: Any) -> Any:
        a, b, c, e = chain(Q, x, y)
        return np.sum(a * e) + np.sum(b**2) + np.sum(np.sin(c))

    gradient, step, direction = gradc.grad(loss)(Q, x), 1e-6, rng.normal(size=Q.shape)
    slope = (loss(Q + step * direction, x) - loss(Q - step * direction, x)) / (2 * step)
    np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-5)
