"""Arguments: containers, names, static values, objects, specs, and what the records say about them."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from gradc.api import grad, jit, value_and_grad
from gradc.errors import ArgumentError
from gradc.evaluate import evaluate
from gradc.ir.scalar import size
from gradc.ir.source import lines_of
from gradc.trace import trace
from gradc.trace.specs import array, matrix, scalar, vector

X = np.arange(3.0)
Layer = namedtuple("Layer", "weight bias")


@dataclass
class Parameters:
    layer: Layer
    table: dict[str, Any]
    scale: float = 1.0


def loss(p: Parameters, x: Any) -> Any:
    return p.scale * np.sum((p.layer.weight @ x + p.layer.bias) * p.table["z"]) + p.table["a"][0]


def test_nested_containers_come_back_as_they_were() -> None:
    p = Parameters(Layer(np.eye(3), X), {"z": np.ones(3), "a": [2.0, None]}, 3.0)
    assert jit(loss)(p, X) == loss(p, X)
    value, g = value_and_grad(loss)(p, X)
    assert value == loss(p, X)
    assert type(g) is Parameters
    assert type(g.layer) is Layer
    assert list(g.table) == ["z", "a"]
    np.testing.assert_array_equal(g.layer.weight, 3 * np.outer(np.ones(3), X))
    np.testing.assert_array_equal(g.table["z"], 6 * X)
    assert g.table["a"][0] == 1.0
    assert g.table["a"][1] is None
    assert g.scale == 6.0


class Line(NamedTuple):
    slope: Any
    shift: Any

    def at(self, x: Any) -> Any:
        return STRETCH * self.slope * x + self.shift


@dataclass
class Curve:
    bend: Any

    def at(self, x: Any) -> Any:
        return STRETCH * self.bend * x**2


STRETCH = 1.0


def test_methods_of_containers_follow_what_they_read() -> None:
    global STRETCH
    line = Line(2.0, 1.0)
    f = jit(lambda p, q, x: p.at(x) + q.at(x) + line.at(x))
    assert f(Line(1.0, 0.0), Curve(3.0), 2.0) == 2.0 + 12.0 + 5.0
    STRETCH = 2.0
    assert f(Line(1.0, 0.0), Curve(3.0), 2.0) == 4.0 + 24.0 + 9.0
    before = f.traces
    assert f(Line(2.0, 0.0), Curve(0.0), 2.0) == 8.0 + 9.0
    assert f.traces == before
    STRETCH = 1.0


def test_results_in_containers() -> None:
    f = jit(lambda x: OrderedDict([("b", (x, [2 * x])), ("a", Layer(x.sum(), None))]))
    result = f(X)
    assert list(result) == ["b", "a"]
    assert type(result["a"]) is Layer
    np.testing.assert_array_equal(result["b"][1][0], 2 * X)
    assert jit(lambda x: ())(1.0) == ()


def test_names_come_from_the_users_parameters() -> None:
    p = {"w1": np.ones(2), "layers": [1.0, (2.0,)]}
    traced = trace(lambda params, *rest, scale: scale * params["w1"].sum() + rest[0], [p, 2.0], {"scale": 3.0})
    paths = [a.path for a in traced.arguments]
    assert paths == ["params['layers'][0]", "params['layers'][1][0]", "params['w1']", "rest[0]", "scale"]
    assert [a.argnum for a in traced.arguments] == [0, 0, 0, 1, "scale"]
    assert [a.weak for a in traced.arguments] == [True, True, False, True, True]


def test_arguments_by_name() -> None:
    f = grad(lambda a, b, c=1.0: a * b**2 * c, argnums=1)
    assert f(2.0, 3.0) == 12.0
    assert f(2.0, b=3.0) == 12.0
    assert f(a=2.0, b=3.0) == 12.0
    assert f(b=3.0, a=2.0) == 12.0
    assert f(c=2.0, b=3.0, a=2.0) == 24.0
    assert f(2.0, 3.0, c=2.0) == 24.0
    g = jit(lambda a, b=1.0, *, c, d=0.0: a - b + c * d)
    assert g(c=1.0, a=5.0, d=2.0) == 6.0
    assert g(d=2.0, c=1.0, a=5.0, b=2.0) == 5.0
    assert jit(lambda *, k: k + 1)(k=2.0) == 3.0


def test_negative_and_several_argnums() -> None:
    f = lambda a, b, c: a * b + b * c  # noqa: E731
    assert grad(f, argnums=-1)(1.0, 2.0, 3.0) == 2.0
    assert grad(f, argnums=(0, -2))(1.0, 2.0, 3.0) == (2.0, 4.0)


def test_static_argnums() -> None:
    def power(x: Any, n: Any) -> Any:
        assert type(n) is int
        return x**n

    f = jit(power, static_argnums=1)
    assert f(2.0, 3) == 8.0
    assert f(2.0, 4) == 16.0
    before = f.traces
    assert f(3.0, 3) == 27.0
    assert f.traces == before
    with pytest.raises(ArgumentError, match="hashable"):
        f(2.0, [3])
    assert grad(power, static_argnums=(-1,))(2.0, 3) == 12.0


class Config:
    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.offset = np.ones(3)


def test_an_object_as_an_argument_is_read_at_each_call() -> None:
    config = Config(2.0)
    f = jit(lambda x, c: c.rate * x + c.offset)
    np.testing.assert_array_equal(f(X, config), 2 * X + 1)
    before = f.traces
    config.rate, config.offset = 5.0, X
    np.testing.assert_array_equal(f(X, config), 6 * X)
    assert f.traces == before
    np.testing.assert_array_equal(f(X, Config(3.0)), 3 * X + 1)


def test_a_function_as_an_argument() -> None:
    scale = 2.0
    f = jit(lambda x, g: g(x) + 1.0)
    assert f(3.0, lambda t: scale * t) == 7.0
    double = lambda t: scale * t  # noqa: E731
    assert f(3.0, double) == 7.0
    scale = 4.0
    assert f(3.0, double) == 13.0
    assert f(1.0, np.exp) == pytest.approx(np.exp(1.0) + 1.0, rel=1e-15)
    assert f(2.0, grad(lambda t: t**3)) == 13.0


def test_an_int_as_an_index_is_not_pinned_and_as_a_key_it_is() -> None:
    table = {0: 1.0, 1: 10.0}
    f = jit(lambda x, k: x[k] * 2)
    assert [f(X, 0), f(X, 2), f(X, -1)] == [0.0, 4.0, 4.0]
    assert f.traces == 1
    with pytest.raises(IndexError):
        f(X, 3)
    g = jit(lambda x, k: table[k] * x)
    assert [g(2.0, 0), g(2.0, 1), g(3.0, 0)] == [2.0, 20.0, 3.0]
    assert g.traces == 2
    with pytest.raises(TypeError, match="unhashable"):
        jit(lambda x: {x: 1})(X)


def test_polynomial_objects() -> None:
    p = np.poly1d([1.0, 2.0, 3.0])
    f = jit(lambda x: p(x) + np.polynomial.polynomial.polyval(x, [1.0, 2.0]))
    np.testing.assert_allclose(f(X), p(X) + 1 + 2 * X, rtol=1e-15)
    p = np.poly1d([5.0])
    np.testing.assert_allclose(f(X), 6 + 2 * X, rtol=1e-15)


def test_array_likes() -> None:
    class Wrapped:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.array([1.0, 2.0])

    np.testing.assert_array_equal(jit(lambda x: x * 2)(Wrapped()), [2.0, 4.0])
    np.testing.assert_array_equal(jit(lambda x: np.sin(x))([0.0, 1.0]), np.sin([0.0, 1.0]))


def test_text_inside_a_differentiated_container() -> None:
    assert grad(lambda p: p["w"] ** 2)({"w": 1.0, "name": "text"}) == {"w": 2.0, "name": "text"}


def test_a_transformed_method_in_a_class() -> None:
    class Model:
        def __init__(self, w: float) -> None:
            self.w = w

        @jit
        def scaled(self, x: Any) -> Any:
            return self.w * x

        @grad
        def slope(self, x: Any) -> Any:
            return self.w * x**2

    a, b = Model(2.0), Model(3.0)
    assert (a.scaled(1.0), b.scaled(1.0), a.slope(1.0), b.slope(2.0)) == (2.0, 3.0, 4.0, 12.0)
    a.w = 10.0
    assert a.scaled(1.0) == 10.0


def test_a_class_made_inside() -> None:
    def f(x: Any) -> Any:
        class Pair:
            factor = np.pi + len(LENGTH)

            def __init__(self, value: Any) -> None:
                self.value = value

            def doubled(self) -> Any:
                return np.array([self.value, self.value]) * self.factor

        return Pair(x).doubled()

    np.testing.assert_allclose(jit(f)(2.0), [2 * (np.pi + 3)] * 2, rtol=1e-15)


LENGTH = [1, 2, 3]

# ---------------------------------------------------------------- specs and named sizes

NAMED = {
    "sum": lambda x, A: np.sum(x) + A.mean(),
    "mean": lambda x, A: (x.mean(), A.mean(axis=0), A.var(axis=1), x.std()),
    "matmul": lambda x, A: (A @ x, x @ A.T, A.T @ A, np.outer(x, x)),
    "slices": lambda x, A: (x[1:] - x[:-1], x[::-1], A[:, 1:], A[-1], x[:2], x[2:], x[-2:], x[1:-1]),
    "shape": lambda x, A: (x.reshape(-1, 1), A.ravel(), A.reshape(-1), A.T, x[None, :], A.sum() / len(x)),
    "join": lambda x, A: (np.concatenate([x, x]), np.stack([x, x]), np.pad(x, 1), np.append(x, 1.0), np.vstack([A, A])),
    "make": lambda x, A: (
        np.zeros(len(x)) + x,
        np.arange(len(x)) * x,
        np.eye(A.shape[1]) @ x,
        np.ones_like(A),
        np.diag(x),
    ),
    "sizes": lambda x, A: x / x.size + A.shape[0] * A.shape[1] - A.size + x.shape[0] // 2,
    "roll": lambda x, A: (np.roll(x, 1), np.repeat(x, 2), np.tile(x, 2), np.flip(A, 1), np.cumsum(x)),
    "triangles": lambda x, A: (np.tril(A @ A.T), np.trace(A @ A.T), np.diagonal(A.T @ A)),
    "diff": lambda x, A: (np.diff(x), np.diff(A, axis=0), np.einsum("ij,j->i", A, x)),
    "writes": lambda x, A: _written(x),
}


def _written(x: Any) -> Any:
    out = np.zeros_like(x)
    out[1:] = x[:-1]
    out[0] = 5.0
    out[-1] += 1.0
    return out


@pytest.mark.parametrize("name", NAMED)
def test_named_sizes(name: str) -> None:
    function = NAMED[name]
    traced = trace(function, [vector("n"), matrix("m", "n")])
    rng = np.random.default_rng(3)
    for m, n in ((4, 5), (3, 3), (2, 4)):
        x, a = rng.normal(size=n), rng.normal(size=(m, n))
        expected = function(x, a)
        results = evaluate(traced.graph, [x, a])
        for result, wanted in zip(results, expected if isinstance(expected, tuple) else (expected,), strict=True):
            np.testing.assert_allclose(np.asarray(result), wanted, rtol=1e-12, atol=1e-14)


def test_specs_give_shape_and_dtype() -> None:
    traced = trace(lambda s, t, x: (s * x, t * x), [scalar(), scalar("float64"), array((2, "k"), "float32")])
    assert [t.dtype.name for t in traced.outputs] == ["float32", "float64"]
    assert [a.input.shape for a in traced.arguments] == [(), (), (2, size("k"))]
    with pytest.raises(ValueError, match="negative"):
        array((-1,))
    with pytest.raises(ValueError, match="name"):
        vector("2n")


def test_records_name_every_stage() -> None:
    with pytest.raises(ValueError, match=r"\(n,\) \(m,\)"):
        trace(lambda x, y: x + y, [vector("n"), vector("m")])
    f = grad(lambda x: np.sum(x**2))
    record = f.record_for(vector("n"))
    assert record.graph.outputs[0].shape == (size("n"),)
    np.testing.assert_array_equal(f(X), 2 * X)
    assert f.record_for().graph.outputs[0].shape == (3,)


def test_the_users_lines_are_known() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        return y * 2

    (output,) = trace(f, [1.0]).outputs
    (line,) = lines_of(output)
    assert line.file == __file__
    assert line.text.strip() == "return y * 2"
    assert line.function == "f"
