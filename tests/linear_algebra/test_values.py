"""Linear algebra by LAPACK from inside kernels: NumPy's values, NumPy's errors."""

import numpy as np
import pytest

import gradc


def dominant(*shape, dtype=np.float64, seed=0):
    """Matrices far from singular, of no symmetry."""
    given = np.random.default_rng(seed).uniform(-1, 1, shape)
    return (given + 3 * np.eye(shape[-1])).astype(dtype)


def positive(*shape, dtype=np.float64, seed=0):
    """Symmetric positive definite matrices."""
    given = np.random.default_rng(seed).uniform(-1, 1, shape)
    return (given @ np.swapaxes(given, -1, -2) + np.eye(shape[-1])).astype(dtype)


FUNCTIONS = {
    "inv": (np.linalg.inv, dominant),
    "det": (np.linalg.det, dominant),
    "sign": (lambda a: np.linalg.slogdet(a)[0], dominant),
    "logabsdet": (lambda a: np.linalg.slogdet(a).logabsdet, dominant),
    "solve vector": (lambda a: np.linalg.solve(a, np.arange(a.shape[-1]) + 1.0), dominant),
    "solve matrix": (lambda a: np.linalg.solve(a, np.repeat(a[..., :1], 3, axis=-1) if a.size else a), dominant),
    "solve transposed": (lambda a: np.linalg.solve(np.swapaxes(a, -1, -2), a @ a), dominant),
    "cholesky": (np.linalg.cholesky, positive),
    "cholesky upper": (lambda a: np.linalg.cholesky(a, upper=True), positive),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, -3), dominant),
}


@pytest.mark.parametrize("shape", [(4, 4), (1, 1), (0, 0), (5, 3, 3), (2, 0, 3, 3), (2, 3, 17, 17)], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_kernels_give_what_numpy_gives(name, dtype, shape):
    function, make = FUNCTIONS[name]
    given = make(*shape, dtype=dtype)
    expected = function(given)
    found = gradc.jit(lambda a: function(a))(given)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    digits = {"rtol": 1e-10, "atol": 1e-13} if dtype == np.float64 else {"rtol": 1e-3, "atol": 1e-4}
    np.testing.assert_allclose(found, expected, **digits)


def test_one_kernel_serves_every_size():
    compiled = gradc.jit(lambda a, b: (np.linalg.solve(a, b), np.linalg.slogdet(a)))
    for n in (3, 4, 5, 30):
        a, b = dominant(n, n, seed=n), np.arange(n) / 2
        x, (sign, logarithm) = compiled(a, b)
        np.testing.assert_allclose(x, np.linalg.solve(a, b), rtol=1e-10)
        np.testing.assert_allclose([sign, logarithm], np.linalg.slogdet(a), rtol=1e-10)


@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[::-1, ::-1], lambda a: a[::2, 1::2][:2, :2]], ids=range(3))
def test_arrays_that_are_not_contiguous(view):
    given = view(dominant(5, 5))
    np.testing.assert_allclose(gradc.jit(np.linalg.inv)(given), np.linalg.inv(given), rtol=1e-10)


@pytest.mark.parametrize("shape", [(0, 3, 3), (0, 0, 0), (2, 0, 0)], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_empty_stacks(name, shape):
    function, _ = FUNCTIONS[name]
    found = gradc.jit(lambda a: function(a + a))(np.zeros(shape))
    np.testing.assert_array_equal(found, function(np.zeros(shape)))


def test_a_captured_matrix_is_read_at_each_call():
    matrix = 2 * np.eye(3)
    solve = gradc.jit(lambda b: np.linalg.solve(matrix, b))
    np.testing.assert_array_equal(solve(np.ones(3)), [0.5, 0.5, 0.5])
    matrix[0, 0] = 4
    np.testing.assert_array_equal(solve(np.ones(3)), [0.25, 0.5, 0.5])


def test_newtons_method_solves_inside():
    def newton(x):
        for _ in range(6):
            jacobian = np.array([[2 * x[0], 1.0], [1.0, 3 * x[1] ** 2]])
            x = x - np.linalg.solve(jacobian, np.array([x[0] ** 2 + x[1] - 3, x[0] + x[1] ** 3 - 5]))
        return x

    start = np.array([1.0, 2.0])
    np.testing.assert_allclose(gradc.jit(newton)(start), newton(start), rtol=1e-12)
    np.testing.assert_allclose(gradc.jacrev(newton)(start), np.zeros((2, 2)), atol=1e-10)


def test_integers_become_floats():
    given = np.array([[2, 1], [1, 3]])
    found = gradc.jit(np.linalg.inv)(given)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.linalg.inv(given))


def test_a_stack_of_matrices_with_one_right_hand_side():
    a, b = dominant(4, 3, 3), np.arange(3.0)
    found = gradc.jit(np.linalg.solve)(a, b)
    np.testing.assert_allclose(found, np.linalg.solve(a, b), rtol=1e-10)
    a, b = dominant(3, 3), np.random.default_rng(1).normal(size=(4, 3, 2))
    np.testing.assert_allclose(gradc.jit(np.linalg.solve)(a, b), np.linalg.solve(a, b), rtol=1e-10)


def test_a_result_is_also_an_operand_and_an_output():
    def f(a):
        product = a @ a.T
        return product, np.linalg.inv(product), np.linalg.inv(np.linalg.inv(product)), np.linalg.det(product.T)

    given = dominant(6, 6)
    for found, expected in zip(gradc.jit(f)(given), f(given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------- determinants at the ends of the range


def test_a_determinant_whose_partial_products_overflow():
    given = np.diag([1e200, 1e200, 1e-300, -1.0])
    assert gradc.jit(np.linalg.det)(given) == pytest.approx(-1e100, rel=1e-10)


def test_singular_matrices_have_determinant_zero():
    given = np.array([[1.0, 2.0], [2.0, 4.0]])
    assert gradc.jit(np.linalg.det)(given) == 0.0
    sign, logarithm = gradc.jit(lambda a: tuple(np.linalg.slogdet(a)))(given)
    assert (sign, logarithm) == (0.0, -np.inf)


def test_nan_comes_through():
    given = np.array([[np.nan, 1.0], [1.0, 2.0]])
    assert np.isnan(gradc.jit(np.linalg.det)(given))
    np.testing.assert_array_equal(gradc.jit(np.linalg.inv)(given), np.linalg.inv(given))


def test_the_edge_of_singularity_is_where_numpy_has_it():
    given = np.arange(9.0).reshape(3, 3)  # rounding decides whether a pivot of this is zero
    for matrix in (given, given.T, given + 1, given.T + 1, given[:, ::-1]):
        np.testing.assert_array_equal(gradc.jit(np.linalg.det)(matrix) == 0, np.linalg.det(matrix) == 0)
        try:
            expected = np.linalg.inv(matrix)
        except np.linalg.LinAlgError:
            with pytest.raises(np.linalg.LinAlgError):
                gradc.jit(np.linalg.inv)(matrix)
        else:
            np.testing.assert_allclose(gradc.jit(np.linalg.inv)(matrix), expected, rtol=1e-6)


# ---------------------------------------------------------------- what is refused

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (np.linalg.inv, SINGULAR, "Singular matrix"),
        (lambda a: np.linalg.solve(a, np.ones(2)), SINGULAR, "Singular matrix"),
        (np.linalg.inv, np.stack([np.eye(2), SINGULAR]), "Singular matrix"),
        (np.linalg.cholesky, -np.eye(3), "Matrix is not positive definite"),
        (np.linalg.cholesky, np.stack([np.eye(2), SINGULAR - np.eye(2)]), "Matrix is not positive definite"),
        (gradc.grad(lambda a: np.linalg.slogdet(a)[1]), SINGULAR, "Singular matrix"),
    ],
    ids=range(6),
)
def test_matrices_that_lapack_refuses(function, given, message):
    compiled = function if isinstance(function, gradc.Function) else gradc.jit(lambda a: function(a))
    for _ in range(3):  # also by the short way of calling
        with pytest.raises(np.linalg.LinAlgError, match=message):
            compiled(given)
    good = np.broadcast_to(np.diag([2.0, 3.0, 5.0][: given.shape[-1]]), given.shape)
    assert np.isfinite(compiled(good)).all()


@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "cholesky"])
@pytest.mark.parametrize("shape", [(2, 3), (3,), (), (4, 2, 3)], ids=str)
def test_shapes_that_numpy_refuses(name, shape):
    function = getattr(np.linalg, name)
    with pytest.raises(np.linalg.LinAlgError) as ours:
        gradc.jit(lambda a: function(a))(np.ones(shape))
    with pytest.raises(np.linalg.LinAlgError) as theirs:
        function(np.ones(shape))
    assert str(theirs.value) in str(ours.value)
    assert "test_values.py" in str(ours.value)


@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        ((2, 2), (3,), ValueError),
        ((2, 2), (3, 2), ValueError),
        ((2, 2), (), ValueError),
        ((2,), (2,), np.linalg.LinAlgError),
        ((2, 3), (2,), np.linalg.LinAlgError),
        ((3, 2, 2), (4, 2, 1), ValueError),
    ],
    ids=str,
)
def test_systems_that_numpy_refuses(a, b, error):
    with pytest.raises(error):
        np.linalg.solve(np.ones(a), np.ones(b))
    with pytest.raises(error, match=r"test_values\.py"):
        gradc.jit(lambda p, q: np.linalg.solve(p, q))(np.ones(a), np.ones(b))


def test_named_sizes_must_be_square():
    with pytest.raises(np.linalg.LinAlgError, match="square, not m by n"):
        gradc.grad(lambda a: np.linalg.det(a)).ir(gradc.matrix("m", "n"))


@pytest.mark.parametrize("dtype", [np.float16, np.complex128])
def test_dtypes_that_are_refused(dtype):
    with pytest.raises(TypeError, match="linalg"):
        gradc.jit(lambda a: np.linalg.inv(a))(np.eye(2, dtype=dtype))


# ---------------------------------------------------------------- what a kernel does


def test_one_factorisation_serves_all():
    def f(a, b):
        return np.linalg.solve(a, b), np.linalg.inv(a), np.linalg.det(a), np.linalg.solve(a.T, b)

    text = gradc.jit(f).ir(dominant(20, 20), np.ones(20), stage="lowered")
    assert text.count("LU factorisation") == 1
    gradient = gradc.grad(lambda a, b: b @ np.linalg.solve(a, b))
    assert gradient.ir(dominant(20, 20), np.ones(20), stage="lowered").count("LU factorisation") == 1


def test_costs_count_what_lapack_does():
    cost = gradc.jit(np.linalg.inv).cost(dominant(100, 100))
    assert cost.flops == pytest.approx(2 / 3 * 1e6 + 2e6, rel=0.05)
    assert any("LU factorisation" in group.head for group in cost.groups)


def test_checked_kernels_agree_with_the_evaluator(monkeypatch):
    monkeypatch.setenv("GRADC_CHECK", "1")
    compiled = gradc.value_and_grad(lambda a, b: np.sum(np.linalg.solve(a, b) ** 2) + np.linalg.slogdet(a)[1])
    value, _ = compiled(dominant(7, 7), np.ones((7, 2)))
    expected = np.sum(np.linalg.solve(dominant(7, 7), np.ones((7, 2))) ** 2) + np.linalg.slogdet(dominant(7, 7))[1]
    assert value == pytest.approx(expected)
