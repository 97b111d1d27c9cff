"""Arithmetic as written in the bodies of loops: what is multiplied and added in one operation, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import gradc
from gradc.ir.scalar import Apply, Scalar, apply, load, number
from gradc.ir.tensor import compute, input_tensor
from gradc.lower.contraction import Fused
from gradc.lower.fused import fused_additions
from gradc.lower.statements import statements_of
from gradc_runtime.engine import engine

Array = np.ndarray

needs_fma = pytest.mark.skipif(not engine().host.has_fma, reason="the machine multiplies and adds one after the other")

a, b, c, d, x = (load(input_tensor(name, (), "f8")) for name in "abcdx")


def add(left: Scalar, right: Scalar) -> Apply:
    return apply("add", left, right)  # type: ignore[return-value]


def sub(left: Scalar, right: Scalar) -> Apply:
    return apply("sub", left, right)  # type: ignore[return-value]


def mul(left: Scalar, right: Scalar) -> Apply:
    return apply("mul", left, right)  # type: ignore[return-value]


def power(base: Scalar, exponent: int) -> Scalar:
    return apply("pow", base, number(exponent, base.dtype))


def fused(*bodies: Scalar) -> dict[Scalar, Fused]:
    return dict(fused_additions([s for body in bodies for s in statements_of(compute((), body))]))


def in_a_loop(step: Callable[..., Any], *arguments: Array) -> Any:
    """What a step of a loop gives for these arguments, which it finds in a sequence."""
    twice = tuple(np.stack([argument, argument]) for argument in arguments)
    return gradc.jit(lambda rows: gradc.scan(lambda carry, row: (carry, step(*row)), 0.0, rows)[1])(twice)[1]


# ---------------------------------------------------------------- what is chosen


@pytest.mark.parametrize(
    "body",
    [
        add(mul(a, b), c),
        add(c, mul(a, b)),
        sub(mul(a, b), c),
        sub(c, mul(a, b)),
        add(power(a, 2), c),
        sub(c, add(mul(a, b), x)),
        add(add(mul(a, b), mul(c, d)), power(x, 2)),
    ],
)
def test_a_product_goes_with_its_addition(body: Scalar) -> None:
    assert len(fused(body)) == 1


@pytest.mark.parametrize(
    "body",
    [
        add(a, b),
        sub(mul(a, d), mul(b, c)),
        add(mul(a, a), mul(b, b)),
        sub(add(mul(a, a), mul(b, b)), mul(c, c)),
        sub(mul(a, b), apply("neg", mul(c, d))),
        sub(add(mul(a, b), c), mul(a, b)),
        sub(power(b, 2), mul(mul(number(4.0, b.dtype), a), c)),
        add(apply("div", a, b), c),
        add(power(a, 3), c),
    ],
)
def test_other_additions_stay_as_they_are(body: Scalar) -> None:
    assert not fused(body)


def test_a_product_with_a_use_in_another_statement_stays_as_it_is() -> None:
    assert fused(add(mul(a, b), c), mul(c, d))
    assert not fused(add(mul(a, b), c), mul(a, b))


def cubic(constant: Scalar = a) -> Apply:
    return add(add(add(constant, mul(b, x)), mul(c, power(x, 2))), mul(d, power(x, 3)))


def test_a_polynomial_is_one_chain_of_steps() -> None:
    found = fused(cubic())[cubic()]
    assert found.start is d
    assert [step.addend for step in found.steps] == [c, b, a]
    assert all(step.factor is x and step.exponent == step.sign == 1 for step in found.steps)


def test_signs_gaps_and_coefficients_of_a_polynomial() -> None:
    body = sub(sub(power(x, 4), mul(power(x, 2), b)), sub(c, a))
    found = fused(body)[body]
    assert (found.start, found.sign) == (number(1, x.dtype), 1)
    assert [(step.addend, step.sign, step.exponent) for step in found.steps] == [(b, -1, 2), (sub(c, a), -1, 2)]


@pytest.mark.parametrize(
    "body",
    [
        add(cubic(), a),
        sub(cubic(add(a, d)), b),
    ],
)
def test_a_polynomial_among_other_terms(body: Scalar) -> None:
    (inner,) = (child for child in body.children if isinstance(child, Apply))
    assert len(fused(body)[inner].steps) == 3


@pytest.mark.parametrize(
    "body",
    [
        add(add(a, mul(b, power(x, 2))), mul(c, power(d, 3))),
        add(mul(a, x), mul(b, power(x, 2))),
        add(add(a, mul(b, power(x, 2))), mul(c, power(x, 2))),
        add(a, mul(b, power(x, 3))),
    ],
)
def test_what_is_no_polynomial_in_one_variable(body: Scalar) -> None:
    assert all(len(found.steps) == 1 for found in fused(body).values())


# ---------------------------------------------------------------- what comes out


@needs_fma
def test_a_filter_rounds_once_per_step(rng: np.random.Generator) -> None:
    rate, samples = 0.9, rng.normal(size=200)
    found = gradc.jit(lambda x: gradc.scan(lambda y, x: (y * 0.9 + x,) * 2, 0.0, x)[1])(samples)
    exact, wanted = 0.0, []
    for sample in samples:
        exact = float(Fraction(rate) * Fraction(exact) + Fraction(float(sample)))
        wanted.append(exact)
    np.testing.assert_array_equal(found, wanted)


def test_what_vanishes_as_written_vanishes(rng: np.random.Generator) -> None:
    p, q = rng.normal(size=(2, 67))
    assert not np.any(in_a_loop(lambda p, q: p * p - q * q, p, p))
    assert not np.any(in_a_loop(lambda p, q: p * p + q * q - p * p, p, 0 * p))
    determinant = in_a_loop(lambda p, q: p * 1.7 - q * 0.3, p, q)
    np.testing.assert_array_equal(determinant, -in_a_loop(lambda p, q: q * 0.3 - p * 1.7, p, q))


def test_the_rounding_error_of_a_sum_stays_exact(rng: np.random.Generator) -> None:
    """Knuth's two-sum of a product and a number, in a scan that carries the sum."""

    def step(total: Array, row: Array) -> tuple[Array, Array]:
        product = row[0] * row[1]
        sum_ = product + total
        part = sum_ - product
        error = (product - (sum_ - part)) + (total - part)
        return sum_, np.stack([sum_, error])

    rows = rng.normal(size=(50, 2))
    _, found = gradc.jit(lambda rows: gradc.scan(step, 0.0, rows))(rows)
    before = 0.0
    for (left, right), (sum_, error) in zip(rows, found, strict=True):
        assert Fraction(sum_) + Fraction(error) == Fraction(left * right) + Fraction(before)
        before = sum_


def test_arithmetic_on_arrays_has_the_bits_of_numpy(rng: np.random.Generator) -> None:
    p, q, r = rng.normal(size=(3, 1001))
    for program in (lambda p, q, r: p * q + r, lambda p, q, r: p + q * r + r * p**2 - q):
        np.testing.assert_array_equal(gradc.jit(program)(p, q, r), program(p, q, r))


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_any_number_of_lanes_gives_the_same_bits(dtype: str, rng: np.random.Generator) -> None:
    p, q = rng.normal(size=(2, 67)).astype(dtype)

    def step(p: Array, q: Array) -> Array:
        return np.float32(0.1) + p * q - q * p**2 + p**3 + (q * q - p)

    whole = in_a_loop(step, p, q)
    for count in (1, 2, 3, 5, 8, 17, 33):
        np.testing.assert_array_equal(in_a_loop(step, p[:count], q[:count]), whole[:count])


def test_a_polynomial_is_as_exact_as_its_powers(rng: np.random.Generator) -> None:
    x = rng.normal(size=300)
    coefficients = rng.normal(size=6)

    def written(x: Array, p: Array) -> Array:
        return p[0] + p[1] * x - p[2] * x**2 + p[3] * x**3 - x**4 + p[5] * x**6

    found = in_a_loop(written, x, coefficients)
    signs = [1, 1, -1, 1, 0, 1]
    for at, value in zip(x, found, strict=True):
        terms = [s * Fraction(p) * Fraction(at) ** k for k, (s, p) in enumerate(zip(signs, coefficients, strict=True))]
        terms[4] = -(Fraction(at) ** 4)
        terms[5] = Fraction(coefficients[5]) * Fraction(at) ** 6
        bound = 7 * Fraction(2) ** -53 * sum(map(abs, terms))
        assert abs(Fraction(value) - sum(terms)) <= bound
