"""Derivative rules of the user's own: in both modes, twice, under vmap, in loops; and what a wrong rule is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, ShapeError, TraceError

X = np.array([0.3, -0.8, 1.2])


@gradc.custom_derivative
def clipped(x: Any) -> Any:
    """Its rule is three times the true derivative, so that it shows."""
    return np.sin(x)


@clipped.defjvp
def _clipped_rule(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return clipped(x), 3 * np.cos(x) * dx


@gradc.custom_derivative
def scaled(x: Any, w: Any) -> Any:
    return {"a": x * w, "b": np.sum(x)}


def _forward(x: Any, w: Any) -> Any:
    return {"a": x * w, "b": np.sum(x)}, (x, w)


def _backward(kept: Any, bar: Any) -> Any:
    x, w = kept
    return 10 * w * bar["a"] + bar["b"], np.sum(x * bar["a"])


scaled.defvjp(_forward, _backward)


def total(x: Any) -> Any:
    return np.sum(clipped(x) ** 2)


def slope(x: Any) -> Any:
    return 2 * np.sin(x) * 3 * np.cos(x)


def test_the_value_is_the_function() -> None:
    np.testing.assert_array_equal(clipped(X), np.sin(X))
    np.testing.assert_allclose(gradc.jit(clipped)(X), np.sin(X), rtol=1e-15)


def test_both_modes_by_the_rule_for_forward_mode() -> None:
    np.testing.assert_allclose(gradc.grad(total)(X), slope(X), rtol=1e-14)
    _, tangent = gradc.jvp(total, (X,), (np.ones(3),))
    np.testing.assert_allclose(tangent, np.sum(slope(X)), rtol=1e-14)
    np.testing.assert_allclose(gradc.jacfwd(clipped)(X), np.diag(3 * np.cos(X)), rtol=1e-14)
    np.testing.assert_allclose(gradc.jacrev(clipped)(X), np.diag(3 * np.cos(X)), rtol=1e-14)


def test_second_derivatives_differentiate_the_rule() -> None:
    """The rule calls the function again, so its own rule counts there as well."""
    wanted = np.diag(6 * (3 * np.cos(X) * np.cos(X) - np.sin(X) * np.sin(X)))
    np.testing.assert_allclose(gradc.hessian(total)(X), wanted, rtol=1e-13)


def test_the_rule_for_reverse_mode() -> None:
    def f(x: Any, w: Any) -> Any:
        result = scaled(x, w)
        return np.sum(result["a"] ** 2) + 2 * result["b"]

    gx, gw = gradc.grad(f, argnums=(0, 1))(X, 0.7)
    np.testing.assert_allclose(gx, 10 * 0.7 * 2 * X * 0.7 + 2, rtol=1e-14)
    np.testing.assert_allclose(gw, np.sum(X * 2 * X * 0.7), rtol=1e-14)
    jacobian = gradc.jacrev(lambda x: scaled(x, 0.7)["a"])(X)
    np.testing.assert_allclose(jacobian, np.diag(np.full(3, 7.0)), rtol=1e-14)
    with pytest.raises(TraceError, match="a rule for reverse mode only"):
        gradc.jvp(lambda x: scaled(x, 0.7)["a"], (X,), (X,))


def test_under_vmap_and_in_loops() -> None:
    rows = np.stack([X, 2 * X])
    np.testing.assert_allclose(gradc.vmap(gradc.grad(total))(rows), slope(rows), rtol=1e-13)
    np.testing.assert_allclose(gradc.grad(lambda r: np.sum(gradc.vmap(total)(r)))(rows), slope(rows), rtol=1e-13)
    grads = gradc.grad(lambda r: np.sum(gradc.vmap(lambda x: scaled(x, 0.5)["a"])(r)))(rows)
    np.testing.assert_allclose(grads, np.full((2, 3), 5.0), rtol=1e-14)
    twice = gradc.grad(lambda x: np.sum(gradc.fori_loop(0, 2, lambda i, s: clipped(s), x)))(X)
    np.testing.assert_allclose(twice, 3 * np.cos(np.sin(X)) * 3 * np.cos(X), rtol=1e-13)


def test_none_is_a_cotangent_of_zeros_and_int_arguments_pass() -> None:
    @gradc.custom_derivative
    def power(x: Any, n: Any) -> Any:
        return x**n

    power.defvjp(lambda x, n: (x**n, (x, n)), lambda kept, bar: (bar * kept[1] * kept[0] ** (kept[1] - 1), None))
    assert gradc.grad(lambda x: power(x, 3))(2.0) == pytest.approx(12.0)


def test_a_numpy_array_from_outside_is_read() -> None:
    weights = np.array([1.0, 2.0, 3.0])

    @gradc.custom_derivative
    def weighed(x: Any) -> Any:
        return np.sum(weights * x)

    @weighed.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        return weighed(*primals), np.sum(2 * weights * tangents[0])

    np.testing.assert_allclose(gradc.grad(weighed)(X), 2 * weights, rtol=1e-15)


def test_wrong_rules_are_told() -> None:
    @gradc.custom_derivative
    def f(x: Any) -> Any:
        return np.sum(x)

    f.defjvp(lambda primals, tangents: np.sum(tangents[0]))
    with pytest.raises(TraceError, match=r"returns \(result, tangent\)"):
        gradc.grad(f)(X)
    f.defjvp(lambda primals, tangents: (f(*primals), tangents[0]))
    with pytest.raises(ShapeError, match=r"a tangent of shape \(3,\) for shape \(\)"):
        gradc.grad(f)(X)
    with pytest.raises(ArgumentError, match="takes a function as f"):
        gradc.custom_derivative(3)  # type: ignore[arg-type]

    @gradc.custom_derivative
    def g(x: Any) -> Any:
        return np.sum(x)

    g.defvjp(lambda x: (np.sum(x), None), lambda kept, bar: bar)
    with pytest.raises(TraceError, match="a tuple with a cotangent per argument"):
        gradc.grad(g)(X)


def test_a_traced_array_from_outside_is_refused_where_it_is_differentiated() -> None:
    def f(w: Any) -> Any:
        @gradc.custom_derivative
        def inner(x: Any) -> Any:
            return x * w

        inner.defjvp(lambda primals, tangents: (inner(*primals), w * tangents[0]))
        return np.sum(inner(w))

    with pytest.raises(TraceError, match="pass it as an argument"):
        gradc.grad(f)(X)
