"""The worked table of the design, row by row, on the simplified graph itself."""

from __future__ import annotations

import numpy as np
import pytest

import gradc.ops  # noqa: F401  (fills the op table)
from gradc.differentiate import gradient, hessian, jacobian_forward, jacobian_reverse
from gradc.differentiate.jacobian import unit_cotangent
from gradc.evaluate import evaluate
from gradc.ir.algebra import equal, guarded, less_equal, power_of, product_of, sum_of
from gradc.ir.build import comprehension
from gradc.ir.check import check
from gradc.ir.scalar import FLOAT64, Load, Scalar, apply, index, is_apply, load, number, size
from gradc.ir.tensor import Compute, Extent, Graph, Input, Tensor, compute, input_tensor
from gradc.ir.walk import graph_order, post_order
from gradc.simplify import simplify_outputs

n, d = size("n"), size("d")
i, j = index(0), index(1)


def literal(value: float) -> Scalar:
    return number(value, FLOAT64)


def elementwise(op: str, *operands: Tensor | float) -> Compute:
    """``op`` of tensors of one shape and numbers."""
    shape = next(t.shape for t in operands if isinstance(t, Tensor))
    return comprehension(
        shape, lambda *k: apply(op, *[load(t, k) if isinstance(t, Tensor) else literal(t) for t in operands])
    )


def total(x: Tensor) -> Compute:
    return comprehension((), lambda *k: load(x, k), reduce=x.shape)


def matvec(matrix: Tensor, vector: Tensor) -> Compute:
    return comprehension(
        matrix.shape[:1], lambda r, k: apply("mul", load(matrix, (r, k)), load(vector, (k,))), reduce=matrix.shape[1:]
    )


def vector(name: str, extent: Extent = n) -> Input:
    return input_tensor(name, (extent,), FLOAT64)


def matrix(name: str, rows: Extent, columns: Extent) -> Input:
    return input_tensor(name, (rows, columns), FLOAT64)


def derived_gradient(output: Tensor, wrt: Tensor) -> Tensor:
    (output,) = simplify_outputs([output])
    (result,) = simplify_outputs(gradient([output], [unit_cotangent(output)], [wrt]))
    return result


def derived_hessian(output: Tensor, wrt: Tensor) -> Tensor:
    (output,) = simplify_outputs([output])
    (first,) = simplify_outputs(gradient([output], [unit_cotangent(output)], [wrt]))
    assert first.shape == wrt.shape
    (result,) = simplify_outputs([hessian(output, wrt)])
    return result


def computes(*outputs: Tensor) -> list[Compute]:
    return [t for t in graph_order(outputs) if isinstance(t, Compute)]


def inputs(*outputs: Tensor) -> set[str]:
    return {t.name for t in graph_order(outputs) if isinstance(t, Input)}


def test_twice_the_dot_product() -> None:
    x = vector("x", 4)
    y = elementwise("mul", total(elementwise("mul", x, x)), 2.0)
    assert derived_gradient(y, x) is compute((4,), product_of(4, load(x, (i,)), dtype=FLOAT64))


def test_mean_of_squares_is_one_elementwise_formula() -> None:
    x = input_tensor("x", (2, 3), FLOAT64)
    inner = elementwise("add", elementwise("mul", x, 3.0), 2.0)
    y = elementwise("mul", total(elementwise("mul", elementwise("pow", inner, 2.0), 2.0)), 1 / 6)
    result = derived_gradient(y, x)
    assert len(computes(result)) == 1
    assert result.body.args[0].value == pytest.approx(2.0)


def test_least_squares_gradient_and_hessian() -> None:
    X, w, y = matrix("X", n, d), vector("w", d), vector("y", n)
    loss = total(elementwise("pow", elementwise("sub", matvec(X, w), y), 2.0))
    first = derived_gradient(loss, w)
    assert sum(node.reducer == "sum" for node in computes(first)) == 2
    second = derived_hessian(loss, w)
    assert inputs(second) == {"X"}
    contractions = [node for node in computes(second) if node.reducer]
    assert len(contractions) == 1
    k = index(2)
    expected = product_of(load(X, (k, i)), load(X, (k, j)))
    assert contractions[0] is compute((d, d), expected, reduce_extents=(n,), reducer="sum")


def quadratic_form() -> tuple[Compute, Input, Input]:
    A, x = matrix("A", n, n), vector("x")
    product = matvec(A, x)
    return total(elementwise("mul", x, product)), A, x


def test_quadratic_form() -> None:
    form, A, x = quadratic_form()
    assert derived_hessian(form, x) is compute((n, n), sum_of(load(A, (i, j)), load(A, (j, i))))
    assert derived_gradient(form, A) is compute((n, n), product_of(load(x, (i,)), load(x, (j,))))
    first = derived_gradient(form, x)
    assert isinstance(first, Compute)
    assert len(computes(first)) == 3
    assert is_apply(first.body, "sum")
    assert len(first.body.children) == 2


def test_traces() -> None:
    A = matrix("A", n, n)
    product = comprehension((n, n), lambda r, c, k: apply("mul", load(A, (r, k)), load(A, (k, c))), reduce=(n,))
    trace_of_square = comprehension((), lambda k: load(product, (k, k)), reduce=(n,))
    twice = product_of(2, load(A, (j, i)), dtype=FLOAT64)
    assert _only_load(derived_gradient(trace_of_square, A), A) == twice
    trace = comprehension((), lambda k: load(A, (k, k)), reduce=(n,))
    assert derived_gradient(trace, A) is compute((n, n), guarded(equal(i, j), literal(1.0)))


def _only_load(result: Tensor, source: Tensor) -> Scalar:
    assert isinstance(result, Compute)
    assert set(computes(result)) == {result}
    assert all(item.tensor is source for item in post_order([result.body]) if isinstance(item, Load))
    return result.body


@pytest.mark.parametrize("mode", [jacobian_forward, jacobian_reverse])
def test_jacobian_of_an_elementwise_function_is_diagonal(mode: object) -> None:
    x = vector("x")
    (jacobian,) = simplify_outputs([mode(elementwise("sin", x), x)])  # type: ignore[operator]
    diagonal = compute((n,), apply("cos", load(x, (i,))))
    assert jacobian is compute((n, n), guarded(equal(i, j), load(diagonal, (i,))))


def log_sum_exp(x: Tensor, shifted: bool) -> Compute:
    if not shifted:
        return elementwise("log", total(elementwise("exp", x)))
    top = comprehension((), lambda k: load(x, (k,)), reduce=x.shape, reducer="max")
    moved = comprehension(x.shape, lambda k: apply("exp", apply("sub", load(x, (k,)), load(top))))
    return elementwise("add", top, elementwise("log", total(moved)))


@pytest.mark.parametrize("shifted", [False, True])
def test_gradient_of_log_sum_exp_is_softmax(shifted: bool) -> None:
    x = vector("x")
    result = derived_gradient(log_sum_exp(x, shifted), x)
    comparisons = [s for node in computes(result) for s in post_order([node.body]) if is_apply(s, "equal")]
    assert not comparisons, "no derivative of the maximum is left"
    assert sum(node.reducer == "sum" for node in computes(result)) == 1
    point = np.array([1.0, 700.0, 710.0, -3.0])
    (softmax,) = evaluate(Graph((x,), (result,)), [point])
    expected = np.exp(point - point.max())
    np.testing.assert_allclose(softmax, expected / expected.sum(), rtol=1e-14)


def differences(x: Tensor) -> Compute:
    return comprehension((sum_of(n, -1),), lambda k: apply("sub", load(x, (sum_of(k, 1),)), load(x, (k,))))


def test_adjoint_of_differences_is_two_guarded_terms() -> None:
    x = vector("x")
    cotangent = vector("g", sum_of(n, -1))
    (result,) = gradient([differences(x)], [cotangent], [x])
    lower = guarded(less_equal(1, i), load(cotangent, (sum_of(i, -1),)))
    upper = guarded(less_equal(i, sum_of(n, -2)), product_of(-1, load(cotangent, (i,)), dtype=FLOAT64))
    assert result is compute((n,), sum_of(lower, upper))


def test_adjoint_of_a_shortened_vector_is_guarded() -> None:
    x = vector("x")
    squares = comprehension((sum_of(n, -1),), lambda k: power_of(load(x, (k,)), 2))
    expected = guarded(less_equal(i, sum_of(n, -2)), product_of(2, load(x, (i,)), dtype=FLOAT64))
    assert derived_gradient(total(squares), x) is compute((n,), expected)


def test_composed_stencils_keep_a_jacobian_of_a_few_hundred_terms() -> None:
    u = input_tensor("u", (60,), FLOAT64)
    state: Tensor = u
    for _ in range(10):
        state = _five_point_step(state)
    jacobian = jacobian_forward(state, u)
    check(Graph((u,), (jacobian,)))
    patterns = [node for node in computes(jacobian) if node.shape == (jacobian.shape[0], 60)]
    assert len(patterns) == 1
    assert isinstance(jacobian, Compute)
    assert len(jacobian.body.children) == 41
    stored = [node for node in computes(jacobian) if len(node.shape) == 1 and node.reducer is None]
    assert len(stored) < 400
    point = np.linspace(0.1, 1.0, 60)
    (value,) = evaluate(Graph((u,), (jacobian,)), [point])
    (other,) = evaluate(Graph((u,), (jacobian_reverse(state, u),)), [point])
    np.testing.assert_allclose(value, other, rtol=1e-12)


def _five_point_step(state: Tensor) -> Compute:
    def body(k: Scalar) -> Scalar:
        value = load(state, (k,))
        for offset in range(1, 5):
            value = apply("add", value, load(state, (sum_of(k, offset),)))
        return apply("sin", value)

    return comprehension((state.shape[0] - 4,), body)  # type: ignore[operator]


def test_cube() -> None:
    x = input_tensor("x", (), FLOAT64)
    cube = elementwise("mul", elementwise("mul", x, x), x)
    assert derived_gradient(cube, x) is compute((), product_of(3, power_of(load(x), 2), dtype=FLOAT64))


def test_reverse_sweep_of_a_product_shares_its_prefixes() -> None:
    xs = [input_tensor(f"x{k}", (), FLOAT64) for k in range(32)]
    product: Tensor = xs[0]
    for x in xs[1:]:
        product = elementwise("mul", product, x)
    (product,) = simplify_outputs([product])
    gradients = simplify_outputs(gradient([product], [unit_cotangent(product)], xs))
    nodes = post_order([node.body for node in computes(*gradients)])
    multiplications = sum(len(s.children) - 1 for s in nodes if is_apply(s, "prod") or is_apply(s, "mul"))
    assert multiplications <= 160, "quadratic would be 960"
    values = np.linspace(0.5, 1.5, 32)
    for k, result in enumerate(evaluate(Graph(tuple(xs), gradients), list(values))):
        assert result == pytest.approx(np.prod(np.delete(values, k)), rel=1e-13)


def test_where_keeps_its_promise_when_the_masked_value_has_two_consumers() -> None:
    x = vector("x", 3)
    logs = elementwise("log", x)
    positive = elementwise("greater", x, 0.0)
    first = elementwise("where", positive, logs, 0.0)
    second = elementwise("where", elementwise("greater", x, 1.0), elementwise("mul", logs, logs), 1.0)
    y = total(elementwise("add", first, second))
    (result,) = evaluate(Graph((x,), (derived_gradient(y, x),)), [np.array([0.0, 0.5, 2.0])])
    np.testing.assert_allclose(result, [0.0, 2.0, 0.5 + np.log(2.0)], rtol=1e-15)


def test_disjoint_brackets_solve_as_mixed_radix() -> None:
    x = input_tensor("x", (2, 3, 4), FLOAT64)
    flat = comprehension((24,), lambda k: load(x, [apply("floordiv", k, number(12)), *_digits(k)]))
    weights = vector("g", 24)
    (result,) = gradient([flat], [weights], [x])
    position = sum_of(product_of(12, i), product_of(4, j), index(2))
    assert result is compute((2, 3, 4), load(weights, (position,)))


def _digits(k: Scalar) -> list[Scalar]:
    from gradc.ir.algebra import floor_divide, modulo

    return [modulo(floor_divide(k, 4), 3), modulo(k, 4)]
