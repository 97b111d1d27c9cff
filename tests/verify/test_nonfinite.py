"""`explain_nan`: the first operation that is not finite, forward or in the derivative, with the user's line."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError


def test_a_logarithm_of_a_negative_number():
    def loss(w, x):
        shifted = x - w
        logs = np.log(shifted)
        return np.sum(logs**2)

    found = gradc.explain_nan(loss, 2.0, np.array([5.0, 4.0, 1.0]))
    assert (found.where, found.operation, found.operands, found.entry) == ("value", "log", (-1.0,), (2,))
    assert np.isnan(found.result)
    assert found.line is not None
    assert "logs = np.log(shifted)" in found.line.text
    assert str(found).startswith("log(-1) is nan in entry [2]\n  in ")
    assert "positive argument" in str(found)


def test_the_first_of_several():
    found = gradc.explain_nan(lambda x: np.log(np.exp(x) - np.exp(x)) / x, 800.0)
    assert (found.operation, found.operands) == ("exp", (800.0,))
    assert found.result == np.inf


def test_only_what_reaches_the_result_counts():
    def f(x):
        safe = np.where(x > 0, np.log(x), 0.0)
        return np.sum(safe) + np.sum(1 / x)

    found = gradc.explain_nan(f, np.array([1.0, 0.0, -2.0]))
    assert (found.operation, found.operands, found.entry) == ("div", (1.0, 0.0), (1,))
    assert not gradc.explain_nan(lambda x: np.where(x > 0, np.log(x), 0.0), np.array([1.0, -2.0]))


def test_a_derivative_that_is_not_finite():
    def norm(x):
        squares = np.sum(x * x)
        return np.sqrt(squares) + np.sum(np.cos(x))

    found = gradc.explain_nan(gradc.grad(norm), np.zeros(3))
    assert (found.where, found.operation, found.operands) == ("derivative", "sqrt", (0.0,))
    assert found.line is not None
    assert "np.sqrt(squares)" in found.line.text
    assert "np.where(x > 0, np.sqrt(x), 0)" in found.advice


@pytest.mark.parametrize(
    ("f", "x", "operation"),
    [
        (lambda x: x**0.5, 0.0, "pow"),
        (lambda x: np.arcsin(x) * 2, 1.0, "arcsin"),
        (lambda x: np.exp(np.sqrt(np.sin(x) ** 2)), 0.0, "sqrt"),
    ],
)
def test_singular_derivatives(f, x, operation):
    found = gradc.explain_nan(f, x)
    assert (found.where, found.operation) == ("derivative", operation)


@pytest.mark.parametrize(
    ("f", "x", "operation", "operands"),
    [
        (lambda x: np.sum((x - 1) ** -1), np.array([2.0, 1.0]), "pow", (0.0, -1.0)),
        (lambda x: np.arccos(x) + 1, 1.5, "arccos", (1.5,)),
        (lambda x: x * 1e200 * 1e200, 1.0, "mul", (1e200, 1e200)),
        (lambda x: (x - 8.0) ** 1.5, 4.0, "pow", (-4.0, 1.5)),
    ],
)
def test_operations(f, x, operation, operands):
    found = gradc.explain_nan(f, x)
    assert (found.where, found.operation, found.operands) == ("value", operation, operands)


def test_a_reduction_that_overflows_and_a_matrix_product():
    found = gradc.explain_nan(lambda x: np.sum(x), np.array([1.7e308, 1.7e308]))
    assert (found.where, found.operation) == ("value", "sum")
    found = gradc.explain_nan(lambda a, b: np.sum(a @ b), np.array([[1.0, 1e300]]), np.array([0.0, 1e300]))
    assert (found.operation, found.operands, found.entry) == ("mul", (1e300, 1e300), (0, 1))


def test_an_argument_that_is_nan_itself_and_captures():
    found = gradc.explain_nan(lambda x: np.sum(x), np.array([1.0, np.nan]))
    assert (found.where, found.entry) == ("argument", (1,))
    assert str(found) == "the argument x[1] is nan itself"
    scale = np.array([0.0, 1.0])
    found = gradc.explain_nan(gradc.grad(lambda x: np.sum(x / scale)), np.ones(2))
    assert (found.operation, found.operands) == ("div", (1.0, 0.0))


def test_everything_is_finite():
    found = gradc.explain_nan(lambda x: np.exp(x), 1.0)
    assert not found
    assert str(found) == "everything is finite: the value and its derivative"
    with pytest.raises(ArgumentError):
        gradc.explain_nan(lambda x: x, gradc.scalar())


def test_html_is_escaped():
    def f(x):
        return np.where(x < 2, 1 / x, x)

    assert "&lt; 2" in gradc.explain_nan(f, 0.0)._repr_html_()


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


def _of_the_inverse(a):
    inverse = np.linalg.inv(a)
    return np.sum(inverse)


def _of_a_stack(a):
    shifted = a - np.eye(2)
    return np.sum(np.linalg.solve(shifted, np.ones((3, 2, 1))))


@pytest.mark.parametrize(
    ("f", "matrix", "operation", "entry", "line", "told"),
    [
        (_of_the_inverse, SINGULAR, "inv", (), "inverse = np.linalg.inv(a)", "singular"),
        (_of_a_stack, np.stack([SINGULAR, np.eye(2), SINGULAR]), "solve", (1,), "np.linalg.solve(shifted", "singular"),
        (
            lambda a: np.sum(np.linalg.cholesky(a)),
            -np.eye(2),
            "cholesky",
            (),
            "np.linalg.cholesky(a)",
            "positive definite",
        ),
    ],
)
def test_a_matrix_that_an_operation_refuses(f, matrix, operation, entry, line, told):
    found = gradc.explain_nan(f, matrix)
    assert (found.where, found.operation, found.entry) == ("value", operation, entry)
    assert found.line is not None
    assert line in found.line.text
    assert told in found.found
    assert found.advice


def test_what_is_not_finite_before_a_refusal_is_the_cause():
    found = gradc.explain_nan(lambda a: np.sum(np.linalg.cholesky(np.log(a))), np.array([[-1.0, 0.0], [0.0, 1.0]]))
    assert (found.where, found.operation) == ("value", "log")


def test_a_derivative_that_meets_a_singular_matrix():
    def f(a):
        sign, logarithm = np.linalg.slogdet(a)
        return np.where(sign == 0, 0.0, logarithm)

    found = gradc.explain_nan(f, SINGULAR)
    assert (found.where, found.operation) == ("derivative", "slogdet")
    assert found.line is not None
    assert "np.linalg.slogdet(a)" in found.line.text


def test_an_index_out_of_range():
    def f(x, i):
        chosen = x[i]
        return np.sum(chosen * chosen)

    found = gradc.explain_nan(f, np.ones(3), np.array([0, 5]))
    assert (found.where, found.operation, found.operands, found.entry) == ("value", "index", (5.0, 3.0), (1,))
    assert found.found == "index 5 is out of bounds for axis 0 with size 3"
    assert found.line is not None
    assert "chosen = x[i]" in found.line.text
    assert "-3 to 2" in found.advice


# ---------------------------------------------------------------- inside loops and branches


def test_the_step_of_a_loop_in_which_it_is_made():
    found = gradc.explain_nan(lambda x: gradc.fori_loop(0, 5, lambda i, y: np.log(y) + x, x), 0.1)
    assert (found.where, found.operation, found.found) == (
        "value",
        "log",
        "in step 1 of the loop: log(-2.20259) is nan",
    )
    assert "fori_loop" in str(found.line)


def test_the_step_of_a_plain_while_loop():
    def f(x):
        while x > -5:
            x = np.log(x)
        return x

    assert gradc.explain_nan(f, 3.0).found == "in step 3 of the loop: log(-2.36395) is nan"


def test_an_inner_loop_is_entered():
    def f(x):
        def outer(y, v):
            return gradc.fori_loop(0, 3, lambda k, y: np.sqrt(y - v), y), None

        return gradc.scan(outer, 30.0, x)[0]

    found = gradc.explain_nan(f, np.array([0.5, 0.5, 2.0]))
    assert found.found.startswith("in step 2 of the loop: in step 0 of the loop: sqrt(-")


def test_the_branch_that_is_taken():
    def f(x):
        return gradc.cond(x > 0, lambda x: np.log(x - 1), lambda x: x, x)

    assert gradc.explain_nan(f, 0.5).found == "in the branch that is taken: log(-0.5) is nan"
    assert not gradc.explain_nan(f, -0.5)


def test_an_index_out_of_range_in_a_loop():
    found = gradc.explain_nan(lambda x: gradc.fori_loop(0, 5, lambda i, s: s + x[i], 0.0), np.ones(3))
    assert found.found == "in step 3 of the loop: index 3 is out of bounds for axis 0 with size 3"


def test_a_singular_matrix_in_a_loop():
    def f(A):
        return gradc.fori_loop(0, 2, lambda k, v: np.linalg.solve(A, v), np.ones(2))[0]

    assert (
        gradc.explain_nan(f, np.zeros((2, 2))).found == "in step 0 of the loop: the matrix given to solve is singular"
    )
