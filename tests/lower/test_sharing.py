"""What expressions have in common is computed once; what is added to a product is added in one rounding."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc.ir.algebra import power_of, product_of, sum_of
from gradc.ir.scalar import Load, Scalar, load
from gradc.ir.tensor import Compute, Graph, Input, compute, input_tensor
from gradc.lower import compile_graph
from gradc.lower.kernel import Kernel
from gradc.lower.monomials import Pair, shared_monomials
from gradc_runtime.engine import engine

F64 = np.dtype("float64")


def numbers(*names: str) -> list[Input]:
    return [input_tensor(name, (), F64) for name in names]


def values(inputs: list[Input]) -> list[Load]:
    return [load(tensor, ()) for tensor in inputs]


def scalar(body: Scalar) -> Compute:
    return compute((), body)


def compiled(inputs: list[Input], *bodies: Scalar) -> Kernel:
    return compile_graph(Graph(tuple(inputs), tuple(map(scalar, bodies))))


def instructions(kernel: Kernel, name: str) -> int:
    return sum(f" {name} " in line for line in kernel.llvm.splitlines())


def run(kernel: Kernel, *numbers: float) -> list[float]:
    return [float(result) for result in kernel([np.array(float(number)) for number in numbers])]


def test_a_pair_of_factors_is_multiplied_once() -> None:
    inputs = numbers("a", "b", "c", "d", "e")
    a, b, c, d, e = values(inputs)
    kernel = compiled(inputs, product_of(a, b, c), product_of(a, b, d), product_of(a, b, e))
    assert instructions(kernel, "fmul") == 4
    assert run(kernel, 2, 3, 5, 7, 11) == [30, 42, 66]


def test_a_product_within_products_takes_the_reciprocal_that_others_share() -> None:
    inputs = numbers("a", "b", "c", "d", "y")
    a, b, c, d, y = values(inputs)
    inner = product_of(a, b, power_of(y, -1))  # a factor of others: computed as it is
    kernel = compiled(
        inputs,
        product_of(inner, c, flatten=False),
        product_of(inner, d, flatten=False),
        product_of(c, power_of(y, -1)),
        product_of(d, power_of(y, -1)),
    )
    assert instructions(kernel, "fdiv") == 1
    np.testing.assert_allclose(run(kernel, 2, 3, 5, 7, 11), [30 / 11, 42 / 11, 5 / 11, 7 / 11], rtol=1e-15)


def test_a_reciprocal_is_taken_once() -> None:
    inputs = numbers("x", "y", "b")
    x, y, b = values(inputs)
    kernel = compiled(
        inputs, product_of(x, power_of(b, -1)), product_of(y, power_of(b, -1)), product_of(x, y, power_of(b, -2))
    )
    assert instructions(kernel, "fdiv") == 1
    np.testing.assert_allclose(run(kernel, 3, 5, 7), [3 / 7, 5 / 7, 15 / 49], rtol=1e-15)


def test_a_lone_quotient_is_rounded_once() -> None:
    inputs = numbers("x", "b")
    x, b = values(inputs)
    kernel = compiled(inputs, product_of(x, power_of(b, -1)))
    for top in range(1, 30):
        assert run(kernel, top, 49) == [top / 49]


def test_shared_pairs_are_shared_further() -> None:
    a, b, c, d = values(numbers("a", "b", "c", "d"))
    products = [product_of(a, b, c), product_of(a, b, c, d), product_of(a, b)]
    plan = shared_monomials(products, lambda scalar: False)
    (pair,) = plan.of(products[2]).above
    assert isinstance(pair, Pair)
    (triple,) = plan.of(products[0]).above
    assert isinstance(triple, Pair)
    assert pair in (triple.left, triple.right)
    assert triple in plan.of(products[1]).above


def test_what_does_not_change_in_the_loop_is_multiplied_in_front_of_it() -> None:
    """Three factors, of which two are the same for all entries: one multiplication per entry."""
    gradient = gradc.grad(lambda x, a, b: np.sum(x * x * a * b) / 2)
    x = np.linspace(-1, 1, 48)
    np.testing.assert_allclose(gradient(x, 2.0, 3.0), 6 * x, rtol=1e-15)
    _, *loops = gradient.llvm(x, 2.0, 3.0).split("\nloop")
    for loop in loops:
        body = loop.split("br i1")[0]
        assert body.count(" fmul ") == body.count(" store ")


@pytest.mark.skipif(not engine().host.has_fma, reason="the machine doesn't fuse")
def test_a_product_is_added_in_one_rounding() -> None:
    inputs = numbers("x", "y", "z")
    x, y, z = values(inputs)
    kernel = compiled(inputs, sum_of(product_of(x, y), z))
    assert "llvm.fma" in kernel.llvm
    tiny = 2.0**-30
    assert run(kernel, 1 + tiny, 1 - tiny, -1.0) == [-(tiny**2)]


def test_a_difference_of_equal_squares_is_zero() -> None:
    inputs = numbers("x", "y")
    x, y = values(inputs)
    kernel = compiled(inputs, sum_of(power_of(x, 2), product_of(-1, power_of(y, 2))))
    for number in (0.1, 1 / 3, 1e-5, 12345.678):
        assert run(kernel, number, number) == [0.0]


@pytest.mark.parametrize("columns", [False, True])
def test_small_axes_are_written_out_wherever_they_stand(columns: bool) -> None:
    """One loop over the long axis, of points in rows or in columns."""

    def function(P):  # type: ignore[no-untyped-def]
        x, y, z = P if columns else P.T
        return np.sum(np.sqrt(x * x + y * y + z * z))

    P = np.random.default_rng(0).normal(size=(3, 500) if columns else (500, 3))
    gradient = gradc.grad(function)
    radius = np.sqrt(np.sum(P * P, axis=0 if columns else 1, keepdims=True))
    np.testing.assert_allclose(gradient(P), P / radius, rtol=1e-14)
    text = gradient.ir(P, stage="lowered")
    assert text.count("for ") == 1


def test_second_differences_run_on_vectors_inside() -> None:
    """Guards of guards: in the interior nothing is tested, whichever of several conditions a term needs."""

    def energy(x):  # type: ignore[no-untyped-def]
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    x = np.linspace(-1, 1, 200)
    product = gradc.hvp(energy)
    direction = np.cos(np.arange(200.0))
    hessian = gradc.hessian(energy)(x)
    np.testing.assert_allclose(product(x, direction), hessian @ direction, rtol=1e-10, atol=1e-9)
    code = product.llvm(x, direction).split("\ndeclare")[0]
    assert any("x double>" in block for block in code.split("\nloop"))
