"""Derivatives of linear algebra: both modes and both orders against differences of high order and complex steps."""

import numpy as np
import pytest

import gradc
from gradc.differentiate import batch, pushforward
from gradc.evaluate import evaluate
from gradc.evaluate.exact import MPMathNumbers, SymPyNumbers
from gradc.evaluate.numbers import ComplexStep
from gradc.ir.tensor import Graph, ResultType, extern, input_tensor, projection
from gradc.ops.extern import called

WEIGHTS = np.random.default_rng(5).normal(size=(3, 3))
RIGHT = np.array([1.0, -2.0, 0.5])
POINT = np.array([[2.0, 0.3, -0.4], [0.1, 1.5, 0.6], [-0.2, 0.7, 3.0]])
POSITIVE = POINT @ POINT.T + np.eye(3)

SCALARS = {
    "inv": lambda a: np.sum(WEIGHTS * np.linalg.inv(a)),
    "trace of inverse": lambda a: np.trace(np.linalg.inv(a @ a)),
    "det": np.linalg.det,
    "log det": lambda a: np.log(np.linalg.det(a)),
    "slogdet": lambda a: np.linalg.slogdet(a)[0] * np.linalg.slogdet(a)[1] ** 2,
    "solve vector": lambda a: RIGHT @ np.linalg.solve(a, RIGHT),
    "solve matrix": lambda a: np.sum(np.linalg.solve(a, WEIGHTS) ** 3),
    "both sides vary": lambda a: np.sum(np.linalg.solve(a, a[0] * a[1]) ** 2),
    "transposed": lambda a: np.sum(np.linalg.solve(a.T, RIGHT) ** 2),
    "cholesky": lambda a: np.sum(WEIGHTS * np.linalg.cholesky(a)),
    "upper cholesky": lambda a: np.sum(WEIGHTS * np.linalg.cholesky(a, upper=True) ** 2),
    "power": lambda a: np.trace(np.linalg.matrix_power(a, -2)),
    "gaussian": lambda a: -0.5 * np.linalg.slogdet(a)[1] - 0.5 * RIGHT @ np.linalg.solve(a, RIGHT),
}
ARRAYS = {
    "inv": np.linalg.inv,
    "solve": lambda a: np.linalg.solve(a, WEIGHTS),
    "solve vector": lambda a: np.linalg.solve(a, a[1]),
    "cholesky": np.linalg.cholesky,
}


def point_of(name):
    return POSITIVE if "cholesky" in name else POINT


def differences(function, at, step=1e-3):
    """The derivative by central differences of sixth order, in trailing axes."""
    value = np.asarray(function(at))
    result = np.zeros(value.shape + at.shape)
    for place in np.ndindex(at.shape):
        change = np.zeros_like(at)
        change[place] = step
        slope = 0.0
        for times, weight in ((1, 45.0), (2, -9.0), (3, 1.0)):
            slope = slope + weight * (np.asarray(function(at + times * change)) - function(at - times * change))
        result[(..., *place)] = slope / (60 * step)
    return result


@pytest.mark.parametrize("name", SCALARS)
def test_first_derivatives(name):
    function, at = SCALARS[name], point_of(name)
    expected = differences(function, at)
    np.testing.assert_allclose(gradc.grad(lambda a: function(a))(at), expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(gradc.jacfwd(lambda a: function(a))(at), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", SCALARS)
def test_second_derivatives(name):
    function, at = SCALARS[name], point_of(name)
    gradient = gradc.grad(lambda a: function(a))
    expected = differences(lambda a: np.array(gradient(a)), at)
    for second in (gradc.hessian(lambda a: function(a)), gradc.jacrev(gradient), gradc.jacfwd(gradient)):
        np.testing.assert_allclose(second(at), expected, rtol=1e-6, atol=1e-8)


def test_a_third_derivative():
    def along(t):
        return np.linalg.slogdet(POINT + t * WEIGHTS)[1]

    third = gradc.grad(gradc.grad(gradc.grad(along)))
    inner = np.linalg.inv(POINT) @ WEIGHTS
    assert third(0.0) == pytest.approx(2 * np.trace(inner @ inner @ inner))


@pytest.mark.parametrize("name", ARRAYS)
def test_jacobians_of_matrices(name):
    function, at = ARRAYS[name], point_of(name)
    expected = differences(function, at)
    np.testing.assert_allclose(gradc.jacfwd(lambda a: function(a))(at), expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(gradc.jacrev(lambda a: function(a))(at), expected, rtol=1e-7, atol=1e-9)


#: Functions of nothing but their argument, of which every number system knows the calls.
CLOSED = {
    "inv": lambda a: np.linalg.inv(a)[0, 1],
    "det": np.linalg.det,
    "logarithm": lambda a: np.linalg.slogdet(a)[1],
    "sign": lambda a: np.linalg.slogdet(-a)[0] * a[0, 0],
    "solve vector": lambda a: np.linalg.solve(a, a[0] ** 2)[1],
    "solve matrix": lambda a: np.sum(np.linalg.solve(a, a * a)),
    "cholesky": lambda a: np.sum(np.linalg.cholesky(a) ** 3),
}


@pytest.mark.parametrize("name", [name for name in CLOSED if name != "cholesky"])
def test_complex_steps_agree(name):
    graph = gradc.jit(lambda a: CLOSED[name](a)).record_for(POINT).simplified
    step = np.array(POINT, complex)
    step[1, 2] += 1e-30j
    (found,) = evaluate(graph, [step], ComplexStep())
    expected = gradc.grad(lambda a: CLOSED[name](a))(POINT)
    assert found.imag / 1e-30 == pytest.approx(expected[1, 2], rel=1e-10)


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("numbers", [MPMathNumbers(), SymPyNumbers()], ids=["mpmath", "sympy"])
def test_other_numbers_agree(name, numbers):
    at = np.array([[2.0, 0.5], [0.5, 1.0]])
    for function in (CLOSED[name], gradc.grad(lambda a: CLOSED[name](a))):
        graph = gradc.jit(lambda a: function(a)).record_for(at).simplified  # noqa: B023
        (found,) = evaluate(graph, [at], numbers)
        np.testing.assert_allclose(np.array(np.asarray(found).tolist(), float), function(at), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function", [np.linalg.inv, np.linalg.cholesky, lambda a: np.linalg.solve(a, a[0])])
def test_refused_matrices_in_extended_precision(function):
    graph = gradc.jit(lambda a: function(a)).record_for(POINT).simplified
    with pytest.raises(np.linalg.LinAlgError):
        evaluate(graph, [-np.ones((3, 3))], MPMathNumbers())


@pytest.mark.parametrize("name", SCALARS)
def test_batches_of_gradients(name):
    function, at = SCALARS[name], point_of(name)
    points = np.stack([at, 2 * at, at + np.eye(3)])
    gradient = gradc.grad(lambda a: function(a))
    found = gradc.vmap(gradient)(points)
    np.testing.assert_allclose(found, np.stack([gradient(p) for p in points]), rtol=1e-10, atol=1e-12)
    total = gradc.grad(lambda a: np.sum(gradc.vmap(function)(a)))(points)
    np.testing.assert_allclose(total, found, rtol=1e-10, atol=1e-12)


def test_one_matrix_and_a_batch_of_right_hand_sides():
    rights = np.random.default_rng(2).normal(size=(5, 3))
    found = gradc.vmap(np.linalg.solve, in_axes=(None, 0))(POINT, rights)
    np.testing.assert_allclose(found, rights @ np.linalg.inv(POINT).T, rtol=1e-10)


@pytest.mark.parametrize("own", [(3,), (3, 2)], ids=str)
def test_one_matrix_is_factorised_once_for_a_batch(own):
    rights = np.random.default_rng(2).normal(size=(5, *own))
    many = gradc.vmap(lambda b: np.linalg.solve(POINT, b))
    np.testing.assert_allclose(many(rights), [np.linalg.solve(POINT, b) for b in rights], rtol=1e-10)
    graph = gradc.vmap(np.linalg.solve, in_axes=(None, 0)).ir(POINT, rights, stage="simplified")
    assert 'extern("solve", [], (a, ' in graph


@pytest.mark.parametrize("name", SCALARS)
def test_single_precision(name):
    function, at = SCALARS[name], point_of(name)
    found = gradc.grad(lambda a: function(a).astype(np.float32))(at.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, gradc.grad(lambda a: function(a))(at), rtol=2e-3, atol=2e-3)


def test_stacks_of_matrices():
    stack = np.stack([POINT, POSITIVE])

    def function(a):
        solved = np.linalg.solve(a, a @ WEIGHTS)
        return np.sum(solved[:, 1] * np.linalg.det(a)[:, None] + np.linalg.inv(a)[:, 0] ** 2)

    np.testing.assert_allclose(gradc.grad(function)(stack), differences(function, stack), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("size", [0, 1])
def test_the_smallest_matrices(size):
    at = 2 * np.eye(size)
    assert gradc.grad(np.linalg.det)(at).shape == (size, size)
    np.testing.assert_allclose(gradc.grad(lambda a: np.sum(np.linalg.inv(a)))(at), -np.eye(size) / 4)
    np.testing.assert_allclose(gradc.hessian(lambda a: np.sum(np.linalg.inv(a)))(at), np.ones((size,) * 4) / 4)


def test_the_gradient_of_log_det_is_the_inverse_transposed():
    matrix = gradc.matrix("n", "n")
    for function in (lambda X: np.log(np.linalg.det(X)), lambda X: np.linalg.slogdet(X)[1]):
        assert "X" in gradc.grad(function).formula(matrix).latex()
        assert "det" not in gradc.grad(function).formula(matrix).latex()


def test_the_sign_has_no_derivative():
    np.testing.assert_array_equal(gradc.grad(lambda a: np.linalg.slogdet(a)[0] * 3)(POINT), np.zeros((3, 3)))


def test_calls_without_rules_are_refused():
    a = input_tensor("a", (3, 3), np.float64)
    values = projection(extern("qr", [a], [ResultType((3,), a.dtype), ResultType((3, 3), a.dtype)]), 0)
    with pytest.raises(TypeError, match="qr has no forward-mode derivative yet"):
        pushforward([values], [a], [a])


def test_a_batch_keeps_what_does_not_depend_on_it():
    a, b = input_tensor("a", (3, 3), np.float64), input_tensor("b", (3,), np.float64)
    many = input_tensor("b", (7, 3), np.float64)
    (result,) = batch([called("solve", a, b)], {b: many}, 7)
    assert result.shape == (7, 3)


# ---------------------------------------------------------------- determinants at singular matrices

RANKS = {
    "rank n - 1": np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.5], [3.0, 6.0, 1.0]]),
    "rank n - 2": np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]),
    "nilpotent": np.diag([1.0, 1.0], 1),
    "zero": np.zeros((3, 3)),
    "one by one": np.zeros((1, 1)),
    "complete": POINT,
}


def cofactors(a):
    """By minors."""
    places = np.ndindex(a.shape)
    minors = [(-1) ** sum(p) * np.linalg.det(np.delete(np.delete(a, p[0], 0), p[1], 1)) for p in places]
    return np.reshape(minors, a.shape)


@pytest.mark.parametrize("name", RANKS)
def test_the_gradient_of_a_determinant_is_its_cofactors(name):
    given, along = RANKS[name], WEIGHTS[: len(RANKS[name]), : len(RANKS[name])]
    expected = cofactors(given)
    gradient = gradc.grad(np.linalg.det)
    np.testing.assert_allclose(gradient(given), expected, atol=1e-13)
    np.testing.assert_allclose(gradc.jacfwd(np.linalg.det)(given), expected, atol=1e-13)
    np.testing.assert_allclose(gradc.value_and_grad(np.linalg.det)(given)[1], expected, atol=1e-13)
    np.testing.assert_allclose(gradc.jvp(np.linalg.det, (given,), (along,))[1], np.sum(expected * along), atol=1e-13)
    out = np.empty_like(given)
    gradient(given, out=out)
    np.testing.assert_allclose(out, expected, atol=1e-13)


@pytest.mark.parametrize("name", RANKS)
def test_cofactors_in_every_number_system(name):
    a = input_tensor("a", RANKS[name].shape, np.float64)
    graph, given = Graph((a,), (called("cofactor", a),)), RANKS[name]
    expected = cofactors(given)
    np.testing.assert_allclose(evaluate(graph, [given])[0], expected, atol=1e-13)
    np.testing.assert_allclose(evaluate(graph, [given], ComplexStep())[0].real, expected, atol=1e-13)
    for numbers in (MPMathNumbers(), SymPyNumbers()):
        found = evaluate(graph, [given], numbers)[0]
        np.testing.assert_allclose(np.array(found, float), expected, atol=1e-13)


def test_a_stack_with_some_singular_matrices():
    given = np.stack([RANKS["rank n - 1"], POINT, RANKS["zero"], np.full((3, 3), np.nan)])
    found = gradc.grad(lambda a: np.sum(np.linalg.det(a)))(given)
    np.testing.assert_allclose(found, [*map(cofactors, given[:3]), given[3]], atol=1e-13)
    np.testing.assert_allclose(gradc.vmap(gradc.grad(np.linalg.det))(given), found, atol=1e-13)


def test_an_inverse_of_a_singular_matrix_stays_an_error_beside_cofactors():
    with pytest.raises(np.linalg.LinAlgError):
        gradc.grad(lambda a: np.linalg.det(a) + np.sum(np.linalg.inv(a)))(RANKS["rank n - 1"])


def test_second_derivatives_of_a_determinant_at_a_singular_matrix_are_an_error():
    with pytest.raises(np.linalg.LinAlgError):
        gradc.hessian(np.linalg.det)(RANKS["rank n - 1"])
