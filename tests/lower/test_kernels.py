"""Kernels against NumPy: graphs written by hand, references written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

import gradc.ops  # noqa: F401
from gradc.errors import DTypeError, ShapeError
from gradc.ir.algebra import (
    conjunction,
    convert,
    difference,
    equal,
    floor_divide,
    guarded,
    less,
    less_equal,
    modulo,
    power_of,
    product_of,
    sum_of,
)
from gradc.ir.build import comprehension
from gradc.ir.scalar import Scalar, apply, index, load, number, size
from gradc.ir.tensor import Graph, Tensor, constant, input_tensor
from gradc.lower import compile_graph

Array = np.ndarray


def run(inputs: Sequence[Tensor], outputs: Sequence[Tensor], *values: Array) -> list[Array]:
    before = [value.copy() for value in values]
    results = compile_graph(Graph(tuple(inputs), tuple(outputs)))(list(values))  # type: ignore[arg-type]
    for value, copy in zip(values, before, strict=True):
        np.testing.assert_array_equal(value, copy)
    return results


def vector(extent: int | Scalar = 7, name: str = "x", dtype: str = "f8") -> Tensor:
    return input_tensor(name, (extent,), dtype)


def matrix(rows: int | Scalar, columns: int | Scalar, name: str = "A", dtype: str = "f8") -> Tensor:
    return input_tensor(name, (rows, columns), dtype)


rng = np.random.default_rng(3)


UNARY: dict[str, Callable[[Array], Array]] = {
    "sin": np.sin,
    "exp": np.exp,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "arctan": np.arctan,
    "sign": np.sign,
    "abs": np.abs,
    "floor": np.floor,
    "rint": np.rint,
    "neg": np.negative,
    "sigmoid": lambda x: np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))),
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
    "signbit": np.signbit,
}
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e300, -1e300, 5e-324, 800.0, -800.0]


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_functions(name: str, dtype: str) -> None:
    values = np.concatenate([rng.normal(size=21), SPECIAL[: 5 if dtype == "f4" else None]]).astype(dtype)
    x = vector(len(values), dtype=dtype)
    (result,) = run([x], [comprehension(x.shape, lambda i: apply(name, load(x, (i,))))], values)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(result, UNARY[name](values), rtol=1e-6 if dtype == "f4" else 4e-16)
        assert result.dtype == UNARY[name](values).dtype


BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "pow", "logaddexp", "floordiv", "mod", "arctan2", "hypot"]
NUMPY_NAMES = {"sub": "subtract", "mul": "multiply", "div": "divide", "pow": "power", "floordiv": "floor_divide"}


@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_at_special_values(name: str) -> None:
    grid = np.array([*SPECIAL, 1.0, -1.5, 3.25, 2.0, 0.5])
    a, b = (np.ascontiguousarray(v.ravel()) for v in np.meshgrid(grid, grid))
    x, y = vector(len(a)), vector(len(a), "y")
    (result,) = run([x, y], [comprehension(x.shape, lambda i: apply(name, load(x, (i,)), load(y, (i,))))], a, b)
    with np.errstate(all="ignore"):
        expected = getattr(np, NUMPY_NAMES.get(name, name if name != "mod" else "remainder"))(a, b)
    np.testing.assert_allclose(result, expected, rtol=4e-16)


@pytest.mark.parametrize("dtype", ["i8", "i4", "u1", "i2"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "floordiv", "mod", "maximum"])
def test_integer_arithmetic_is_numpys(name: str, dtype: str) -> None:
    kind = np.dtype(dtype)
    limits = np.iinfo(kind)
    grid = np.array([0, 1, 2, 3, 7, limits.max, limits.min, limits.max - 1, limits.min + 1], kind)
    if kind.kind == "i":
        grid = np.concatenate([grid, -grid[1:5]])
    a, b = (np.ascontiguousarray(v.ravel()) for v in np.meshgrid(grid, grid))
    x, y = vector(len(a), dtype=dtype), vector(len(a), "y", dtype)
    (result,) = run([x, y], [comprehension(x.shape, lambda i: apply(name, load(x, (i,)), load(y, (i,))))], a, b)
    with np.errstate(all="ignore"):
        expected = getattr(np, NUMPY_NAMES.get(name, name if name != "mod" else "remainder"))(a, b)
    if name in ("floordiv", "mod") and kind.kind == "i":  # NumPy's smallest integer by -1 wraps
        keep = ~((a == limits.min) & (b == -1))
        result, expected = result[keep], expected[keep]
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("exponent", [2, 3, -1, -2, 0.5, -0.5, 1.5, 7, 2.69, 40])
def test_powers(exponent: float) -> None:
    values = np.array([0.3, 1.0, 2.5, -1.5, 0.0, np.inf, np.nan])
    x = vector(len(values))
    node = comprehension(x.shape, lambda i: power_of(load(x, (i,)), number(exponent, "f8")))
    (result,) = run([x], [node], values)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(result, values**exponent, rtol=1e-14)


REDUCERS: dict[str, Callable[..., Array]] = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "argmax": np.argmax,
    "argmin": np.argmin,
}


@pytest.mark.parametrize("reducer", REDUCERS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4"])
@pytest.mark.parametrize("extent", [1, 5, 16, 37, 700, 1500])
def test_reducers(reducer: str, dtype: str, extent: int) -> None:
    values = rng.normal(size=extent) if dtype[0] == "f" else rng.integers(-3, 4, extent)
    values = (1 + values / 50 if reducer == "prod" and dtype[0] == "f" else values).astype(dtype)
    x = vector(extent, dtype=dtype)
    (result,) = run([x], [comprehension((), lambda i: load(x, (i,)), reduce=(extent,), reducer=reducer)], values)
    expected = (
        REDUCERS[reducer](values)
        if dtype[0] == "f" or "arg" in reducer
        else REDUCERS[reducer](values, dtype=dtype)
        if reducer in ("sum", "prod")
        else REDUCERS[reducer](values)
    )
    np.testing.assert_allclose(
        result, expected, rtol=2e-5 if dtype == "f4" else 1e-13, atol=1e-5 if dtype == "f4" else 1e-13
    )


@pytest.mark.parametrize("reducer", ["max", "min", "argmax", "argmin"])
@pytest.mark.parametrize("position", [0, 3, 19])
def test_extrema_propagate_nan(reducer: str, position: int) -> None:
    values = rng.normal(size=40)
    values[[position, 30]] = np.nan
    x = vector(40)
    (result,) = run([x], [comprehension((), lambda i: load(x, (i,)), reduce=(40,), reducer=reducer)], values)
    np.testing.assert_array_equal(result, REDUCERS[reducer](values))


@pytest.mark.parametrize("reducer", ["any", "all"])
def test_logical_reducers(reducer: str) -> None:
    values = np.array([[True, True], [False, True], [False, False]])
    x = matrix(3, 2, dtype="b1")
    (result,) = run([x], [comprehension((3,), lambda i, k: load(x, (i, k)), reduce=(2,), reducer=reducer)], values)
    np.testing.assert_array_equal(result, getattr(np, reducer)(values, axis=1))


@pytest.mark.parametrize("extent", [10, 1000, 100_003])
def test_sums_are_as_accurate_as_pairwise(extent: int) -> None:
    import math

    values = rng.uniform(0, 1, extent)
    x = vector(extent)
    (result,) = run([x], [comprehension((), lambda i: load(x, (i,)), reduce=(extent,))], values)
    exact = math.fsum(values)
    assert abs(result - exact) <= max(abs(values.sum() - exact), 4e-16 * exact)


def test_an_infinite_sum_is_infinite() -> None:
    values = np.ones(5000)
    values[4000] = np.inf
    x = vector(5000)
    (result,) = run([x], [comprehension((), lambda i: load(x, (i,)), reduce=(5000,))], values)
    assert result == np.inf


@pytest.mark.parametrize("shape", [(3, 4), (40, 50), (0, 3), (3, 0), (1, 1)])
def test_reductions_along_either_axis(shape: tuple[int, int]) -> None:
    values = rng.normal(size=shape)
    A = matrix(*shape)
    rows = comprehension(shape[:1], lambda i, k: load(A, (i, k)), reduce=shape[1:])
    columns = comprehension(shape[1:], lambda j, k: load(A, (k, j)), reduce=shape[:1])
    total = comprehension((), lambda i, k: load(A, (i, k)), reduce=shape)
    results = run([A], [rows, columns, total], values)
    for result, expected in zip(results, (values.sum(1), values.sum(0), values.sum()), strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-13)


@pytest.mark.parametrize("n", [0, 1, 2, 9, 300])
def test_symbolic_extents(n: int) -> None:
    extent = size("n")
    x = vector(extent)
    square = comprehension((extent,), lambda i: power_of(load(x, (i,)), 2))
    outer = comprehension((extent, extent), lambda i, j: apply("mul", load(x, (i,)), load(x, (j,))))
    norm = comprehension((), lambda i: load(square, (i,)), reduce=(extent,))
    gaps = comprehension((difference(extent, 1),), lambda i: apply("sub", load(x, (sum_of(i, 1),)), load(x, (i,))))
    values = rng.normal(size=n)
    outputs = [square, outer, norm] + ([gaps] if n else [])
    results = run([x], outputs, values)
    expected = [values**2, np.outer(values, values), (values**2).sum(), np.diff(values)]
    for result, reference in zip(results, expected, strict=False):
        np.testing.assert_allclose(result, reference, rtol=1e-14)


def test_one_kernel_serves_every_size() -> None:
    extent = size("n")
    x, y = vector(extent), vector(extent, "y")
    dot = comprehension((), lambda i: product_of(load(x, (i,)), load(y, (i,))), reduce=(extent,))
    kernel = compile_graph(Graph((x, y), (dot,)))
    for n in (3, 1000, 0, 17):
        a, b = rng.normal(size=(2, n))
        np.testing.assert_allclose(kernel([a, b])[0], a @ b, atol=1e-13)
    with pytest.raises(ShapeError, match="y has shape"):
        kernel([np.ones(3), np.ones(4)])


@pytest.mark.parametrize("n", [1, 2, 7, 40, 1200])
@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("reducer", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("suffix", [False, True])
def test_cumulative_domains(n: int, shift: int, reducer: str, suffix: bool) -> None:
    values = rng.uniform(0.9, 1.1, n)
    x = vector(n)

    def domain(i: Scalar, k: Scalar) -> Scalar:
        return less_equal(sum_of(i, shift), k) if suffix else less_equal(sum_of(k, shift), i)

    node = comprehension((n,), lambda i, k: load(x, (k,)), reduce=(n,), reducer=reducer, domain=domain)
    (result,) = run([x], [node], values)
    ufunc = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}[reducer]
    running = ufunc.accumulate(values[::-1] if suffix else values)
    neutral = {"sum": 0.0, "prod": 1.0, "max": -np.inf, "min": np.inf}[reducer]
    if shift:
        running = np.concatenate([[neutral], running[:-1]])
    np.testing.assert_allclose(result, running[::-1] if suffix else running, rtol=1e-13)


def test_triangular_domain_of_a_body_with_both_indices() -> None:
    values = rng.normal(size=(30, 30))
    A = matrix(30, 30)
    node = comprehension((30,), lambda i, k: load(A, (i, k)), reduce=(30,), domain=less_equal_swapped)
    (result,) = run([A], [node], values)
    np.testing.assert_allclose(result, np.tril(values).sum(1), atol=1e-13)


def less_equal_swapped(i: Scalar, k: Scalar) -> Scalar:
    return less_equal(k, i)


@pytest.mark.parametrize("n", [1, 2, 3, 20, 1000])
def test_guards_do_not_read_outside(n: int) -> None:
    """The adjoint of ``x[1:] - x[:-1]``: two guarded terms."""
    values = rng.normal(size=max(n - 1, 1))
    g = vector(max(n - 1, 1))
    node = comprehension(
        (n,),
        lambda a: sum_of(
            guarded(less_equal(1, a), load(g, (difference(a, 1),))),
            product_of(-1, guarded(less_equal(a, n - 2), load(g, (a,)))),
        ),
    )
    (result,) = run([g], [node], values)
    expected = np.zeros(n)
    if n > 1:
        expected[1:] += values
        expected[:-1] -= values
    np.testing.assert_allclose(result, expected)


def test_a_guard_hides_nan() -> None:
    values = np.array([-1.0, 0.0, 2.0, np.nan])
    x = vector(4)
    node = comprehension(
        (4,), lambda i: guarded(apply("greater", load(x, (i,)), number(0, "f8")), apply("log", load(x, (i,))))
    )
    np.testing.assert_array_equal(run([x], [node], values)[0], [0.0, 0.0, np.log(2.0), 0.0])


def test_a_nested_guard_whose_predicate_loads() -> None:
    """A predicate that reads x[i+1] is only tested where that entry exists."""
    values = rng.normal(size=50)
    x = vector(50)

    def body(i: Scalar) -> Scalar:
        following = load(x, (sum_of(i, 1),))
        return guarded(less_equal(i, 48), guarded(apply("greater", following, number(0, "f8")), following))

    (result,) = run([x], [comprehension((50,), body)], values)
    np.testing.assert_array_equal(result, np.append(np.maximum(values[1:], 0), 0))


@pytest.mark.parametrize("n", [4, 37])
def test_reshape_transpose_flip_concatenate(n: int) -> None:
    values = rng.normal(size=(n, 6))
    A = matrix(n, 6)
    reshaped = comprehension(
        (3, 2 * n),
        lambda i, j: load(
            A, (floor_divide(sum_of(product_of(i, 2 * n), j), 6), modulo(sum_of(product_of(i, 2 * n), j), 6))
        ),
    )
    transposed = comprehension((6, n), lambda i, j: load(A, (j, i)))
    flipped = comprehension((n, 6), lambda i, j: load(A, (difference(n - 1, i), j)))
    joined = comprehension(
        (2 * n,),
        lambda i: sum_of(
            guarded(less(i, n), load(A, (i, number(0)))),
            guarded(less_equal(n, i), load(A, (difference(i, n), number(1)))),
        ),
    )
    results = run([A], [reshaped, transposed, flipped, joined], values)
    expected = [values.reshape(3, 2 * n), values.T, values[::-1], np.concatenate([values[:, 0], values[:, 1]])]
    for result, reference in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, reference)


def test_gather_and_its_range_check() -> None:
    x, idx = vector(9), vector(4, "idx", "i8")
    kernel = compile_graph(Graph((x, idx), (comprehension((4,), lambda i: load(x, (load(idx, (i,)),))),)))
    values = rng.normal(size=9)
    np.testing.assert_array_equal(kernel([values, np.array([8, 0, 3, 3])])[0], values[[8, 0, 3, 3]])
    with pytest.raises(IndexError, match="index 9 is out of bounds for axis 0 with size 9"):
        kernel([values, np.array([0, 9, 1, 1])])
    with pytest.raises(IndexError, match="index -1 "):
        kernel([values, np.array([0, 1, 2, -1])])


@pytest.mark.parametrize("columns", [1, 5])
def test_scatter(columns: int) -> None:
    """The adjoint of a gather, with repeated targets and with targets that don't exist."""
    idx, v = vector(12, "idx", "i8"), matrix(12, columns, "v")

    def body(a: Scalar, j: Scalar, i: Scalar) -> Scalar:
        return guarded(equal(a, load(idx, (i,))), load(v, (i, j)))

    targets = np.array([1, 1, 4, 0, 7, 8, 9, -1, 1, 2, 2, 0])
    values = rng.normal(size=(12, columns))
    (result,) = run([idx, v], [comprehension((9, columns), body, reduce=(12,))], targets, values)
    expected = np.zeros((9, columns))
    inside = (targets >= 0) & (targets < 9)
    np.add.at(expected, targets[inside], values[inside])
    np.testing.assert_allclose(result, expected, atol=1e-14)


def test_one_hot_of_positions() -> None:
    x = vector(6)
    diagonal = comprehension((6, 6), lambda i, j: guarded(equal(i, j), load(x, (i,))))
    values = rng.normal(size=6)
    np.testing.assert_array_equal(run([x], [diagonal], values)[0], np.diag(values))


@pytest.mark.parametrize("shape", [(2, 3, 4), (20, 30, 40), (5, 700, 3), (130, 140, 150)])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_matrix_products(shape: tuple[int, int, int], dtype: str) -> None:
    m, k, n = shape
    a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    A, B = matrix(m, k, dtype=dtype), matrix(k, n, "B", dtype)
    plain = comprehension((m, n), lambda i, j, r: product_of(load(A, (i, r)), load(B, (r, j))), reduce=(k,))
    scaled = comprehension((n, m), lambda j, i, r: product_of(-2, load(A, (i, r)), load(B, (r, j))), reduce=(k,))
    gram = comprehension((k, k), lambda i, j, r: product_of(load(A, (r, i)), load(A, (r, j))), reduce=(m,))
    results = run([A, B], [plain, scaled, gram], a, b)
    tolerance = 1e-4 if dtype == "f4" else 1e-12
    for result, expected in zip(results, (a @ b, -2 * (a @ b).T, a.T @ a), strict=True):
        np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance * k)


def test_matrix_vector_products_and_inner_products() -> None:
    a, x, y = rng.normal(size=(300, 200)), rng.normal(size=200), rng.normal(size=300)
    A, X, Y = matrix(300, 200), vector(200), vector(300, "y")
    forward = comprehension((300,), lambda i, k: product_of(load(A, (i, k)), load(X, (k,))), reduce=(200,))
    backward = comprehension((200,), lambda j, k: product_of(2, load(A, (k, j)), load(Y, (k,))), reduce=(300,))
    form = comprehension((), lambda i, j: product_of(load(Y, (i,)), load(A, (i, j)), load(X, (j,))), reduce=(300, 200))
    results = run([A, X, Y], [forward, backward, form], a, x, y)
    for result, expected in zip(results, (a @ x, 2 * a.T @ y, y @ a @ x), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-11)


def test_batched_products() -> None:
    a, b = rng.normal(size=(50, 4, 5)), rng.normal(size=(50, 5, 3))
    A, B = input_tensor("A", (50, 4, 5), "f8"), input_tensor("B", (50, 5, 3), "f8")
    node = comprehension((50, 4, 3), lambda s, i, j, k: product_of(load(A, (s, i, k)), load(B, (s, k, j))), reduce=(5,))
    np.testing.assert_allclose(run([A, B], [node], a, b)[0], a @ b, atol=1e-13)


def test_softmax_rows() -> None:
    values = rng.normal(size=(40, 30)) * 10
    A = matrix(40, 30)
    top = comprehension((40,), lambda i, k: load(A, (i, k)), reduce=(30,), reducer="max")
    shifted = comprehension((40, 30), lambda i, k: apply("exp", apply("sub", load(A, (i, k)), load(top, (i,)))))
    total = comprehension((40,), lambda i, k: load(shifted, (i, k)), reduce=(30,))
    soft = comprehension((40, 30), lambda i, k: apply("div", load(shifted, (i, k)), load(total, (i,))))
    exps = np.exp(values - values.max(1, keepdims=True))
    np.testing.assert_allclose(run([A], [soft], values)[0], exps / exps.sum(1, keepdims=True), rtol=1e-14)


def test_value_and_gradient_of_a_regression() -> None:
    X, w, y = rng.normal(size=(100, 3)), rng.normal(size=3), rng.normal(size=100)
    Xt, wt, yt = matrix(100, 3, "X"), vector(3, "w"), vector(100, "y")
    product = comprehension((100,), lambda i, k: product_of(load(Xt, (i, k)), load(wt, (k,))), reduce=(3,))
    rest = comprehension((100,), lambda i: apply("sub", load(product, (i,)), load(yt, (i,))))
    value = comprehension((), lambda i: power_of(load(rest, (i,)), 2), reduce=(100,))
    gradient = comprehension((3,), lambda a, i: product_of(2, load(rest, (i,)), load(Xt, (i, a))), reduce=(100,))
    results = run([Xt, wt, yt], [value, gradient], X, w, y)
    np.testing.assert_allclose(results[0], ((X @ w - y) ** 2).sum(), rtol=1e-13)
    np.testing.assert_allclose(results[1], 2 * X.T @ (X @ w - y), rtol=1e-12)


def test_outputs_may_be_inputs_constants_and_repeated() -> None:
    x = vector(3)
    literal = constant(np.array([[1, 2], [3, 4]], np.int32))
    double = comprehension((3,), lambda i: product_of(2, load(x, (i,))))
    values = np.array([1.0, 2.0, 3.0])
    results = run([x], [x, double, literal, double, x, double], values)
    for result, expected in zip(
        results, (values, 2 * values, literal.value, 2 * values, values, 2 * values), strict=True
    ):
        np.testing.assert_array_equal(result, expected)
    assert results[0] is not values
    assert results[1] is not results[3]


def test_conversions() -> None:
    values = np.array([0.0, 1.9, -2.7, 300.0])
    x = vector(4)
    kinds = ["i8", "i4", "f4", "b1"]
    outputs = [comprehension((4,), lambda i, kind=kind: convert(load(x, (i,)), np.dtype(kind))) for kind in kinds]
    for result, kind in zip(run([x], outputs, values), kinds, strict=True):
        np.testing.assert_array_equal(result, values.astype(kind))
        assert result.dtype == np.dtype(kind)


def test_where_and_connectives() -> None:
    values = rng.normal(size=20)
    x = vector(20)

    def body(i: Scalar) -> Scalar:
        inside = apply(
            "and", apply("greater", load(x, (i,)), number(-1, "f8")), apply("less", load(x, (i,)), number(1, "f8"))
        )
        return apply("where", inside, load(x, (i,)), number(0.25, "f8"))

    expected = np.where((values > -1) & (values < 1), values, 0.25)
    np.testing.assert_array_equal(run([x], [comprehension((20,), body)], values)[0], expected)


def test_indices_as_data() -> None:
    node = comprehension((5, 4), lambda i, j: convert(sum_of(product_of(10, i), j), np.dtype("f8")))
    np.testing.assert_array_equal(run([], [node])[0], 10.0 * np.arange(5)[:, None] + np.arange(4))


def test_out_and_wrong_arguments() -> None:
    x = vector(3)
    kernel = compile_graph(Graph((x,), (comprehension((3,), lambda i: product_of(2, load(x, (i,)))),)))  # type: ignore[arg-type]
    mine = np.zeros(3)
    assert kernel([np.ones(3)], [mine])[0] is mine
    np.testing.assert_array_equal(mine, 2)
    with pytest.raises(ShapeError, match=r"x has shape \(4,\)"):
        kernel([np.ones(4)])
    with pytest.raises(DTypeError, match="x has dtype float32"):
        kernel([np.ones(3, np.float32)])
    with pytest.raises(DTypeError, match="not C-contiguous"):
        kernel([np.ones(6)[::2]])
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    with pytest.raises(DTypeError, match="writeable"):
        kernel([np.ones(3)], [frozen])


def test_a_kernel_is_the_same_in_every_run() -> None:
    x = vector(50)
    graph = Graph((x,), (comprehension((), lambda i: apply("sin", load(x, (i,))), reduce=(50,)),))  # type: ignore[arg-type]
    first, second = compile_graph(graph), compile_graph(graph)
    assert first.llvm == second.llvm
    values = rng.normal(size=50)
    assert first([values])[0] == second([values])[0]


def test_conjunction_of_index_predicates() -> None:
    A = matrix(5, 6)
    node = comprehension(
        (7, 7),
        lambda i, j: guarded(
            conjunction(less_equal(1, i), less_equal(i, 5), less(j, 6)), load(A, (difference(i, 1), j))
        ),
    )
    values = rng.normal(size=(5, 6))
    np.testing.assert_array_equal(run([A], [node], values)[0], np.pad(values, ((1, 1), (0, 1))))


def test_a_long_chain_of_scalars() -> None:
    x = input_tensor("x", (), "f8")
    node: Tensor = x
    for _ in range(3000):
        node = comprehension((), lambda node=node: apply("add", apply("mul", load(node), number(0.5, "f8")), load(x)))
    np.testing.assert_allclose(run([x], [node], np.array(1.0))[0], 2.0, rtol=1e-15)


def test_index_names() -> None:
    assert index(0) is index(0)
