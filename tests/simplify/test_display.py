"""The display form: textbook forms written by hand, and the numbers of the original."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest

import gradc.ops  # noqa: F401  (fills the table)
from gradc.evaluate import evaluate
from gradc.ir.algebra import guarded, less_equal, power_of, product_of, sum_of
from gradc.ir.build import comprehension
from gradc.ir.scalar import FLOAT64, PI, Scalar, apply, load, number, size
from gradc.ir.tensor import Compute, Graph, Tensor, input_tensor
from gradc.simplify.display import display

X_INPUT, Y_INPUT = (input_tensor(name, (), FLOAT64) for name in "xy")
x, y = load(X_INPUT), load(Y_INPUT)


def lit(value: float) -> Scalar:
    return number(value, FLOAT64)


def shown(scalar: Scalar) -> Scalar:
    output = display(Graph((X_INPUT, Y_INPUT), (comprehension((), lambda: scalar),))).outputs[0]
    assert isinstance(output, Compute)
    return output.body


def add(a: Scalar, b: Scalar) -> Scalar:
    return apply("add", a, b)


def mul(a: Scalar, b: Scalar) -> Scalar:
    return apply("mul", a, b)


def neg(a: Scalar) -> Scalar:
    return apply("neg", a)


def call(name: str) -> Callable[..., Scalar]:
    return lambda *args: apply(name, *args)


sin, cos, exp, log, sqrt, sigmoid, tanh = map(call, ("sin", "cos", "exp", "log", "sqrt", "sigmoid", "tanh"))

CASES = [
    (mul(x, mul(x, x)), power_of(x, 3)),
    (add(mul(lit(2), x), mul(x, lit(3))), product_of(lit(5), x)),
    (apply("sub", mul(x, lit(0.1)), mul(lit(3), mul(x, lit(0.2)))), product_of(lit(-0.5), x)),
    (mul(mul(lit(0.1), lit(3)), x), product_of(lit(0.3), x)),
    (apply("div", mul(x, x), x), x),
    (sqrt(mul(x, x)), apply("abs", x)),
    (mul(sqrt(x), sqrt(x)), x),
    (sqrt(mul(lit(4), x)), product_of(2, power_of(x, lit(0.5)))),
    (log(exp(x)), x),
    (exp(log(x)), x),
    (sin(mul(lit(2 * math.pi), x)), sin(product_of(2, number(PI, FLOAT64), x))),
    (sin(neg(x)), product_of(-1, sin(x))),
    (cos(neg(x)), cos(x)),
    (add(mul(sin(x), sin(x)), mul(cos(x), cos(x))), lit(1)),
    (sum_of(product_of(3, y, power_of(sin(x), 2)), product_of(3, y, power_of(cos(x), 2))), product_of(3, y)),
    (sum_of(1, product_of(-1, power_of(sin(x), 2))), power_of(cos(x), 2)),
    (apply("div", lit(1), add(lit(1), exp(neg(x)))), sigmoid(x)),
    (mul(exp(x), exp(neg(x))), lit(1)),
    (product_of(-2, sum_of(y, product_of(-1, x))), product_of(2, sum_of(x, product_of(-1, y)))),
    (product_of(sum_of(x, 1), sum_of(x, -1)), sum_of(power_of(x, 2), -1)),
    (product_of(2, sum_of(product_of(3, x), 2)), product_of(2, sum_of(product_of(3, x), 2))),
    (product_of(sum_of(product_of(2, x), 2), y), product_of(2, y, sum_of(x, 1))),
    (sum_of(exp(x), product_of(x, exp(x))), product_of(exp(x), sum_of(x, 1))),
    (product_of(sigmoid(x), sigmoid(product_of(-1, x))), product_of(sigmoid(x), sum_of(1, product_of(-1, sigmoid(x))))),
    (product_of(exp(neg(x)), power_of(add(lit(1), exp(neg(x))), -2)), None),
    (add(apply("sub", x, apply("sub", y, x)), y), product_of(2, x)),
    (apply("pow", mul(lit(2), x), lit(3)), product_of(8, power_of(x, 3))),
]


@pytest.mark.parametrize(("written", "textbook"), CASES, ids=[str(k) for k in range(len(CASES))])
def test_textbook_form(written: Scalar, textbook: Scalar | None) -> None:
    form = shown(written)
    if textbook is not None:
        assert form is textbook
    graph = Graph((X_INPUT, Y_INPUT), (comprehension((), lambda: written),))
    for point in ([0.7, 1.3], [2.5, 0.2]):
        np.testing.assert_allclose(evaluate(display(graph), point), evaluate(graph, point), rtol=1e-12, atol=1e-14)


def test_derivative_of_a_written_out_sigmoid_is_recognised() -> None:
    written = product_of(exp(neg(x)), power_of(add(lit(1), exp(neg(x))), -2))
    assert shown(written) is product_of(sigmoid(x), sum_of(1, product_of(-1, sigmoid(x))))


def test_square_root_of_an_odd_power_keeps_its_domain() -> None:
    assert shown(sqrt(apply("pow", x, lit(3)))) is power_of(power_of(x, 3), lit(0.5))


def test_elementwise_intermediates_are_written_out() -> None:
    square = comprehension((), lambda: mul(x, x))
    product = comprehension((), lambda: mul(load(square), x))
    assert display(Graph((X_INPUT,), (product,))).outputs[0].body is power_of(x, 3)


V_INPUT = input_tensor("v", (size("n"),), FLOAT64)
U_INPUT = input_tensor("u", (size("m"),), FLOAT64)
M_INPUT = input_tensor("M", (size("m"), size("n")), FLOAT64)


def test_constant_factors_leave_a_sum() -> None:
    n = size("n")
    total = comprehension((), lambda i: mul(mul(lit(2), x), load(V_INPUT, (i,))), reduce=(n,))
    inner = comprehension((), lambda i: load(V_INPUT, (i,)), reduce=(n,))
    output = display(Graph((X_INPUT, V_INPUT), (total,))).outputs[0]
    assert output.body is product_of(2, x, load(inner))


def test_a_sum_over_an_unused_axis_counts_it() -> None:
    n = size("n")
    total = comprehension((), lambda i: x, reduce=(n,))
    output = display(Graph((X_INPUT, V_INPUT), (total,))).outputs[0]
    assert output.reducer is None
    assert output.body is product_of(x, apply("convert", n, dtype=FLOAT64))


def test_invariant_axes_leave_a_sum() -> None:
    m, n = size("m"), size("n")
    outer = comprehension((m,), lambda i, k: mul(load(M_INPUT, (i, i)), load(V_INPUT, (k,))), reduce=(n,))
    output = display(Graph((V_INPUT, M_INPUT), (outer,))).outputs[0]
    assert output.reducer == "sum"  # M[i, i] may be out of range where n is 0: it stays inside
    rows = comprehension((m,), lambda i, k: mul(load(U_INPUT, (i,)), load(V_INPUT, (k,))), reduce=(n,))
    assert display(Graph((V_INPUT, U_INPUT), (rows,))).outputs[0].reducer is None


def test_guarded_loads_stay_guarded() -> None:
    """The adjoint of a slice: the shifted load is only in range where the guard holds."""
    n = size("n")
    shifted = comprehension((n,), lambda i: guarded(less_equal(1, i), mul(lit(2), load(V_INPUT, (sum_of(i, -1),)))))
    total = comprehension((), lambda i: mul(load(shifted, (i,)), load(V_INPUT, (i,))), reduce=(n,))
    graph = Graph((V_INPUT,), (shifted, total))
    values = [np.array([1.0, 2.0, 4.0])]
    for ours, theirs in zip(evaluate(display(graph), values), evaluate(graph, values), strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_long_chains_take_linear_time() -> None:
    node: Tensor = X_INPUT
    for k in range(4000):
        node = comprehension((), lambda k=k, t=node: sin(load(t)) if k % 3 else add(load(t), x))
    start = time.perf_counter()
    output = display(Graph((X_INPUT,), (node,))).outputs[0]
    assert time.perf_counter() - start < 5
    assert isinstance(output, Compute)
