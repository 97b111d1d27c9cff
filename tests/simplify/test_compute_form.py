"""The compute form on whole functions: what is stored is loaded, what cancels is gone, what the user wrote stands."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.ir.algebra import power_of, product_of, sum_of
from gradc.ir.build import comprehension
from gradc.ir.scalar import FLOAT64, apply, index, load, number
from gradc.ir.tensor import Compute, Tensor, compute, input_tensor
from gradc.ir.walk import loads_of
from gradc.simplify import brackets, simplify_outputs
from gradc.simplify.collapse import collapsed
from gradc.simplify.solve import solve


def test_a_stored_value_is_not_computed_again() -> None:
    def network(W: Any, V: Any, X: Any) -> Any:
        hidden = 1 / (1 + np.exp(-(X @ W)))
        return np.sum((hidden @ V) ** 2)

    specs = gradc.matrix("d", "h"), gradc.matrix("h", "k"), gradc.matrix("n", "d")
    assert gradc.grad(network, (0, 1)).ir(*specs, stage="lowered").count("sigmoid(") == 1


def test_cross_entropy_of_a_softmax() -> None:
    def entropy(x: Any) -> Any:
        weights = np.exp(x - np.max(x))
        return -np.log(weights[0] / np.sum(weights))

    F = gradc.grad(entropy)
    ir = F.ir(gradc.vector(4))
    assert "log" not in ir
    assert ir.count("max") == 1, "no derivative of the maximum is left"
    x = np.array([0.1, 2.0, -1.0, 0.5])
    softmax = np.exp(x) / np.exp(x).sum()
    np.testing.assert_allclose(F(x), softmax - np.array([1.0, 0, 0, 0]), rtol=1e-14, atol=1e-16)


def test_the_maximum_that_a_network_shifts_by_has_no_derivative() -> None:
    def loss(W: Any, b: Any, X: Any, labels: Any) -> Any:
        scores = X @ W + b
        scores = scores - np.max(scores, axis=1, keepdims=True)
        return -np.sum(labels * (scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))))

    specs = gradc.matrix("d", "k"), gradc.vector("k"), gradc.matrix("n", "d"), gradc.matrix("n", "k")
    ir = gradc.grad(loss, (0, 1)).ir(*specs)
    assert ir.count("max ") == 1
    assert "==" not in ir, "nobody asks who is the maximum"


def test_a_compensated_sum_stays_compensated() -> None:
    def compensated(x: Any, y: Any) -> Any:
        total = x + y
        return (x - total) + y

    assert gradc.jit(compensated)(1.0, 1e-17) == 1e-17
    assert gradc.grad(compensated)(1.0, 1e-17) == 0.0


def test_stable_forms_of_what_overflows() -> None:
    assert gradc.jit(lambda x: np.log(1 + np.exp(x)))(1000.0) == 1000.0
    assert gradc.grad(lambda x: np.log(1 + np.exp(x)))(1000.0) == 1.0
    assert gradc.jit(lambda x: np.log(np.sum(np.exp(x))))(np.array([1000.0, 1000.0])) == 1000.0 + np.log(2.0)


def test_mixed_second_derivatives_cancel_exactly() -> None:
    def potential(p: Any) -> Any:
        x, y, z = p
        return np.sin(x * y) * np.exp(z) + np.arctan(x * z) * y**2.5 + x / (1 + y**2)

    identity = gradc.curl(gradc.grad(potential))
    assert "= 0." in identity.ir(gradc.vector(3))
    np.testing.assert_array_equal(identity(np.array([0.3, 1.2, -0.7])), np.zeros(3))


def test_a_stored_reciprocal_cancels_with_what_it_is_the_reciprocal_of() -> None:
    x = input_tensor("x", (3,), FLOAT64)
    total = comprehension((), lambda i: load(x, [i]), reduce=(3,))

    def simplified(exponent: int) -> Tensor:
        stored = compute((), power_of(load(total), number(exponent, FLOAT64)))
        product = product_of(load(stored), load(total), load(x, [index(0)]), dtype=FLOAT64)
        return simplify_outputs([compute((3,), product)])[0]

    assert simplified(-1) is x
    scaled = simplified(-3)
    assert isinstance(scaled, Compute)
    (kept,) = [item.tensor for item in loads_of(scaled.body) if item.tensor is not x]
    assert isinstance(kept, Compute)
    assert kept.body is power_of(load(total), number(-2, FLOAT64)), "the power that is left is computed once"


def test_what_cancels_inside_a_stored_product() -> None:
    def f(x: Any) -> Any:
        total = np.prod(x)
        return np.log(total) ** 2 * 3

    x = np.array([0.5, 2.0, 3.0])
    np.testing.assert_allclose(gradc.grad(f)(x), 6 * np.log(3.0) / x, rtol=1e-14)
    np.testing.assert_allclose(gradc.hessian(f)(x), f_hessian(x), rtol=1e-13)


def f_hessian(x: Any) -> Any:
    return 6 / np.outer(x, x) - np.diag(6 * np.log(x.prod()) / x**2)


def test_terms_cancel_whatever_their_exponents() -> None:
    """Negative, broken and zero exponents beside each other; and terms of which some are left."""
    x, y, z = (load(input_tensor(name, (), FLOAT64)) for name in "xyz")
    half = Fraction(1, 2)
    monomials = [
        product_of(power_of(x, -2), y, power_of(z, half)),
        product_of(x, power_of(y, -1), power_of(z, -half)),
        product_of(power_of(x, Fraction(-2, 3)), power_of(z, 3)),
    ]
    terms = [product_of(c, m) for c, m in zip((2, -3, 5), monomials, strict=True)]
    written = [apply("mul", x, apply("div", term, x)) for term in terms]
    nothing = sum_of(*terms, *[product_of(-1, w) for w in written])
    assert collapsed(nothing) is number(0, FLOAT64)
    assert collapsed(sum_of(*terms, *[product_of(-1, w) for w in written[1:]])) is terms[0]
    assert collapsed(sum_of(*terms)) is sum_of(*terms), "where nothing cancels all stays as it is"


def test_entries_stacked_one_by_one_have_an_adjoint_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adjoint of a stack is read at the places of its parts: equations by number of parts, not by its square."""
    solved: list[Any] = []
    monkeypatch.setattr(brackets, "solve", lambda *args: [solved.append(args), solve(*args)][1])

    def stacked(count: int) -> int:
        def total(x: Any) -> Any:
            return np.sum(np.stack([np.sin(k * x) for k in range(1, count + 1)]) ** 2)

        solved.clear()
        x = np.array([0.3, -0.7])
        k = np.arange(1, count + 1)[:, None]
        np.testing.assert_allclose(gradc.grad(total)(x), np.sum(k * np.sin(2 * k * x), axis=0), rtol=1e-12)
        return len(solved)

    assert stacked(40) <= 2.2 * stacked(20)
