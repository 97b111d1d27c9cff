"""The public transforms: structures, arguments, composition, and the errors that name the way out."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import gradc

Pair = namedtuple("Pair", ["a", "b"])


@dataclass
class Params:
    w: Any
    b: Any


def loss(params: Any, X: Any, y: Any) -> Any:
    return np.sum((X @ params["w"] + params["b"] - y) ** 2)


@pytest.fixture
def data(rng: np.random.Generator) -> dict[str, Any]:
    return {"X": rng.normal(size=(5, 3)), "y": rng.normal(size=5), "params": {"w": rng.normal(size=3), "b": 0.5}}


def by_hand(data: dict[str, Any]) -> dict[str, Any]:
    residual = data["X"] @ data["params"]["w"] + data["params"]["b"] - data["y"]
    return {"w": 2 * data["X"].T @ residual, "b": 2 * residual.sum()}


class TestStructures:
    def test_a_dict_gives_a_dict_in_its_own_order(self, data: dict[str, Any]) -> None:
        result = gradc.grad(loss)(data["params"], data["X"], data["y"])
        assert list(result) == ["w", "b"]
        np.testing.assert_allclose(result["w"], by_hand(data)["w"])
        np.testing.assert_allclose(result["b"], by_hand(data)["b"])

    def test_namedtuples_dataclasses_and_nesting(self) -> None:
        result = gradc.grad(lambda p: p.a * p.b[0] + p.b[1]["c"] ** 2)(Pair(2.0, (3.0, {"c": 5.0})))
        assert result == Pair(3.0, (2.0, {"c": 10.0}))
        derived = gradc.grad(lambda p: p.w * p.b)(Params(2.0, 7.0))
        assert derived == Params(7.0, 2.0)

    def test_outputs_keep_their_structure(self) -> None:
        result = gradc.jit(lambda x: {"double": 2 * x, "pair": (x, [x + 1])})(3.0)
        assert result == {"double": 6.0, "pair": (3.0, [4.0])}

    def test_numbers_in_numbers_out(self) -> None:
        value, slope = gradc.value_and_grad(lambda x: x**3)(2)
        assert (type(value), type(slope)) == (float, float)
        with_array = gradc.value_and_grad(lambda x: np.sum(x**3))(np.array([2.0]))
        assert isinstance(with_array[0], np.float64)

    def test_float32_stays_float32(self) -> None:
        x = np.ones(3, np.float32)
        assert gradc.grad(lambda x: np.sum(np.sin(2.0 * x)))(x).dtype == np.float32
        assert gradc.hessian(lambda x: np.sum(x**3))(x).dtype == np.float32


class TestArguments:
    def test_argnums(self) -> None:
        def f(x: float, y: float, z: float) -> float:
            return x * y**2 * z**3

        assert gradc.grad(f, argnums=1)(2.0, 3.0, 1.0) == 12.0
        assert gradc.grad(f, argnums=-1)(2.0, 3.0, 1.0) == 54.0
        assert gradc.grad(f, argnums=(2, 0))(2.0, 3.0, 1.0) == (54.0, 9.0)

    def test_keywords_and_defaults(self) -> None:
        def f(x: float, scale: float = 3.0, *, power: float = 2.0) -> Any:
            return scale * x**power

        assert gradc.grad(f)(2.0) == 12.0
        assert gradc.grad(f)(2.0, scale=1.0) == 4.0
        assert gradc.grad(f)(2.0, power=3.0) == 36.0
        assert gradc.grad(f)(x=2.0) == 12.0

    @pytest.mark.parametrize("bad", [(), (0, 0), "x", 1.5, None, True])
    def test_argnums_that_make_no_sense(self, bad: Any) -> None:
        with pytest.raises(gradc.ArgumentError, match="argnums"):
            gradc.grad(lambda x: x, argnums=bad)

    def test_argnums_out_of_range(self) -> None:
        with pytest.raises(gradc.ArgumentError, match="argnums=2"):
            gradc.grad(lambda x, y: x * y, argnums=2)(1.0, 2.0)

    def test_integer_arrays_are_data(self) -> None:
        with pytest.raises(gradc.DTypeError, match=r"x\.astype"):
            gradc.grad(lambda x: np.sum(x * 1.0))(np.arange(3))
        assert gradc.grad(lambda x: x**2)(3) == 6.0

    def test_out(self) -> None:
        buffer = np.empty(3)
        result = gradc.grad(lambda x: np.sum(x**2))(np.arange(3.0), out=buffer)
        np.testing.assert_array_equal(buffer, [0.0, 2.0, 4.0])
        assert result is buffer

    def test_out_may_be_the_input(self) -> None:
        x = np.arange(1.0, 4.0)
        gradc.grad(lambda x: np.sum(x) ** 2 + np.sum(x[::-1] * x))(x, out=x)
        np.testing.assert_array_equal(x, [12.0 + 6.0, 12.0 + 4.0, 12.0 + 2.0])

    def test_results_are_fresh(self) -> None:
        f = gradc.jit(lambda x: x)
        x = np.ones(3)
        first, second = f(x), f(x)
        first[0] = 7.0
        assert second[0] == 1.0
        assert x[0] == 1.0


class TestAuxiliary:
    def test_grad(self, data: dict[str, Any]) -> None:
        def with_residual(w: Any) -> Any:
            residual = data["X"] @ w - data["y"]
            return np.sum(residual**2), {"residual": residual}

        w = data["params"]["w"]
        gradient, aux = gradc.grad(with_residual, has_aux=True)(w)
        np.testing.assert_allclose(aux["residual"], data["X"] @ w - data["y"])
        np.testing.assert_allclose(gradient, 2 * data["X"].T @ aux["residual"])
        (value, aux), gradient = gradc.value_and_grad(with_residual, has_aux=True)(w)
        assert value == pytest.approx(np.sum(aux["residual"] ** 2))

    def test_a_tuple_without_has_aux(self) -> None:
        with pytest.raises(gradc.NonScalarOutputError, match="has_aux"):
            gradc.grad(lambda x: (x, x))(1.0)

    def test_a_vector(self) -> None:
        with pytest.raises(gradc.NonScalarOutputError, match=r"\(4,\); sum it, use elementwise_grad, or give vjp"):
            gradc.grad(np.sin)(np.ones(4))


class TestDirectional:
    def test_jvp_and_vjp_agree(self, rng: np.random.Generator) -> None:
        A, x, u, v = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3), rng.normal(size=4)

        def f(x: Any) -> Any:
            return np.tanh(A @ x)

        _, tangent = gradc.jvp(f, (x,), (v,))
        value, pullback = gradc.vjp(f, x)
        (cotangent,) = pullback(u)
        np.testing.assert_allclose(value, np.tanh(A @ x))
        assert u @ tangent == pytest.approx(cotangent @ v, rel=1e-13)

    def test_linearize_is_linear(self) -> None:
        value, pushforward = gradc.linearize(lambda x, y: x * np.sin(y), 2.0, 0.5)
        assert value == 2.0 * np.sin(0.5)
        assert pushforward(3.0, 1.0) == pytest.approx(3 * np.sin(0.5) + 2 * np.cos(0.5))

    def test_containers(self) -> None:
        _, tangent = gradc.jvp(lambda p: p["a"] * p["b"], ({"a": 2.0, "b": 5.0},), ({"a": 1.0, "b": 0.0},))
        assert tangent == 5.0

    def test_wrong_counts_and_shapes(self) -> None:
        with pytest.raises(gradc.ArgumentError, match="one tangent per primal"):
            gradc.jvp(lambda x, y: x * y, (1.0, 2.0), (1.0,))
        with pytest.raises(gradc.ShapeError, match=r"\(3,\).*\(2,\)"):
            gradc.jvp(np.sin, (np.ones(2),), (np.ones(3),))

    def test_hvp(self, rng: np.random.Generator) -> None:
        x, v = rng.normal(size=5), rng.normal(size=5)

        def f(x: Any) -> Any:
            return np.sum(np.sin(x) * x[::-1] ** 2)

        np.testing.assert_allclose(gradc.hvp(f)(x, v), gradc.hessian(f)(x) @ v, rtol=1e-12)


class TestMatrices:
    def test_jacobian_of_containers(self) -> None:
        result = gradc.jacobian(lambda x, y: {"p": x * y, "s": x + y}, argnums=(0, 1))(2.0, 3.0)
        assert result == {"p": (3.0, 2.0), "s": (1.0, 1.0)}

    @pytest.mark.parametrize("mode", [gradc.jacfwd, gradc.jacrev, gradc.jacobian])
    def test_shapes(self, mode: Any, rng: np.random.Generator) -> None:
        A = rng.normal(size=(2, 3))
        result = mode(lambda A: A @ A.T)(A)
        assert result.shape == (2, 2, 2, 3)

    def test_mixed_second_derivatives(self) -> None:
        blocks = gradc.hessian(lambda x, y: np.sum(x) ** 2 * y, argnums=(0, 1))(np.ones(2), 3.0)
        np.testing.assert_allclose(blocks[0][0], 6 * np.ones((2, 2)))
        np.testing.assert_allclose(blocks[0][1], [4.0, 4.0])
        np.testing.assert_allclose(blocks[1][0], [4.0, 4.0])
        assert blocks[1][1] == 0.0


class TestVmap:
    def test_axes(self, rng: np.random.Generator) -> None:
        A, x = rng.normal(size=(5, 3, 4)), rng.normal(size=(4, 5))
        result = gradc.vmap(np.matmul, in_axes=(0, 1))(A, x)
        np.testing.assert_allclose(result, np.einsum("bij,jb->bi", A, x))
        shared = gradc.vmap(np.matmul, in_axes=(None, 1), out_axes=1)(A[0], x)
        np.testing.assert_allclose(shared, A[0] @ x)

    def test_of_a_jacobian_and_a_gradient_of_it(self, rng: np.random.Generator) -> None:
        X = rng.normal(size=(6, 3))

        def f(x: Any) -> Any:
            return np.array([x[0] * x[1], np.sin(x[2])])

        jacobians = gradc.vmap(gradc.jacobian(f))(X)
        np.testing.assert_allclose(jacobians, np.stack([gradc.jacobian(f)(x) for x in X]))
        gradient = gradc.grad(lambda X: np.sum(gradc.vmap(f)(X) ** 2))(X)
        np.testing.assert_allclose(gradient, np.stack([gradc.grad(lambda x: np.sum(f(x) ** 2))(x) for x in X]))

    def test_containers(self) -> None:
        result = gradc.vmap(lambda p: p["a"] * p["b"])({"a": np.arange(3.0), "b": np.arange(3.0)})
        np.testing.assert_array_equal(result, [0.0, 1.0, 4.0])

    def test_errors(self) -> None:
        with pytest.raises(gradc.ShapeError, match="batch axes differ"):
            gradc.vmap(np.add)(np.ones(3), np.ones(4))
        with pytest.raises(gradc.ArgumentError, match="in_axes"):
            gradc.vmap(np.add, in_axes=(0,))(np.ones(3), np.ones(3))
        with pytest.raises(gradc.ShapeError, match="no axis 1"):
            gradc.vmap(np.sin, in_axes=1)(np.ones(3))


class TestComposition:
    def test_any_order(self) -> None:
        third = gradc.grad(gradc.grad(gradc.grad(lambda x: x**5 + np.sin(x))))
        assert third(0.5) == pytest.approx(60 * 0.25 - np.cos(0.5))
        twelfth = lambda x: np.exp(2 * x)  # noqa: E731
        for _ in range(12):
            twelfth = gradc.grad(twelfth)
        assert twelfth(0.1) == pytest.approx(2**12 * np.exp(0.2))

    def test_gradient_of_something_with_a_gradient_inside(self) -> None:
        def f(x: Any) -> Any:
            return np.sum(x**3)

        penalty = gradc.grad(lambda x: np.sum(gradc.grad(f)(x) ** 2))
        np.testing.assert_allclose(penalty(np.array([1.0, 2.0])), 36 * np.array([1.0, 8.0]))

    def test_gradient_over_a_captured_traced_value(self) -> None:
        def outer(y: Any) -> Any:
            return gradc.grad(lambda x: x**2 * y)(3.0) * y

        assert gradc.grad(outer)(2.0) == 24.0

    def test_perturbations_are_not_confused(self) -> None:
        # Siskind and Pearlmutter: d/dx (x d/dy (x + y)) at x = 1 is 1
        assert gradc.grad(lambda x: x * gradc.grad(lambda y: x + y)(1.0))(1.0) == 1.0

    def test_forward_over_reverse_and_reverse_over_forward(self, rng: np.random.Generator) -> None:
        x = rng.normal(size=4)

        def f(x: Any) -> Any:
            return np.sum(np.exp(np.sin(x) * x[::-1]))

        modes = (gradc.jacfwd, gradc.jacrev)
        results = [outer(inner(f))(x) for outer in modes for inner in modes]
        for result in results[1:]:
            np.testing.assert_allclose(result, results[0], rtol=1e-12, atol=1e-12)

    def test_stop_gradient(self) -> None:
        assert gradc.grad(lambda x: gradc.stop_gradient(x) * x)(3.0) == 3.0
        np.testing.assert_array_equal(gradc.stop_gradient(np.ones(2)), np.ones(2))
        second = gradc.grad(gradc.grad(lambda x: gradc.stop_gradient(x**2) * x**2))(3.0)
        assert second == 18.0

    def test_a_gradient_written_inside_a_loop_is_traced_once(self) -> None:
        target = np.array([1.0, 2.0])

        def loss_at(w: Any) -> Any:
            return np.sum((w - target) ** 2)

        w = np.zeros(2)
        before = gradc.grad(loss_at).traces
        for _ in range(50):
            w = w - 0.1 * gradc.grad(loss_at)(w)
        assert gradc.grad(loss_at).traces == before + 1
        np.testing.assert_allclose(w, target, atol=1e-4)

    def test_an_irrational_exponent(self) -> None:
        x = 1.7
        assert gradc.grad(lambda x: x**np.pi)(x) == pytest.approx(np.pi * x ** (np.pi - 1), rel=1e-14)
        second = gradc.hessian(lambda x: x**np.pi * x)(x)
        assert second == pytest.approx((np.pi + 1) * np.pi * x ** (np.pi - 1), rel=1e-14)

    def test_the_convention_of_a_norm_at_zero(self) -> None:
        np.testing.assert_array_equal(gradc.grad(np.linalg.norm)(np.zeros(3)), np.zeros(3))
        np.testing.assert_allclose(gradc.grad(np.linalg.norm)(np.array([3.0, 4.0])), [0.6, 0.8])

    def test_a_constant_has_gradient_zero(self) -> None:
        assert gradc.grad(lambda x: 3)(1.0) == 0.0
        assert gradc.value_and_grad(lambda x: 3.5)(1.0) == (3.5, 0.0)

    def test_a_gathered_piece_of_a_longer_array_reads_only_inside_it(self) -> None:
        chosen = np.array([0, 3, 1, -1])

        def f(x: Any) -> Any:
            taken = np.take(x, chosen)
            return np.append(np.stack([taken, taken]), taken)

        x = np.array([0.3, -1.0, 2.0, 0.7])
        for mode in (gradc.jacfwd, gradc.jacrev):
            np.testing.assert_array_equal(mode(f)(x), np.eye(4)[np.tile(chosen, 3)])

    def test_sinc_of_something_tiny(self) -> None:
        x = np.array([0.0, 1e-200, -1e-30, 0.5])
        np.testing.assert_array_equal(gradc.jit(np.sinc)(x), np.sinc(x))
        slope = gradc.elementwise_grad(np.sinc)(x)
        np.testing.assert_allclose(slope, [0.0, 0.0, 0.0, -4 / np.pi], atol=1e-15)
        assert gradc.hessian(np.sinc)(0.0) == pytest.approx(-(np.pi**2) / 3)

    def test_a_comparison_of_python_numbers_does_not_widen_float32(self) -> None:
        y = np.ones(3, np.float32)
        f = gradc.jit(lambda y, z: np.maximum(y, (z > 0) * z))
        assert f(y, 1.5).dtype == np.float32
        assert f(y, np.float32(1.5)).dtype == np.float32
