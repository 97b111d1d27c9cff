"""What a function reaches by itself is read at each call: never a stale number, and no retrace that is not needed."""

from __future__ import annotations

import collections
import fractions
import functools
import gc
import math
import types
import weakref
from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from gradc.api import grad, jit, value_and_grad
from gradc.function import Function

WEIGHTS = np.array([1.0, 2.0, 3.0])
RATE = 0.5
COUNT = 2
PARAMETERS = {"w": np.ones(3), "layers": [np.ones(3), 2.0]}
X = np.arange(3.0)


def traced_once(function: Function, *args: Any) -> tuple[Any, int]:
    """The result of a call, and how many traces it took."""
    before = function.traces
    result = function(*args)
    return result, function.traces - before


def test_a_global_array_may_change_in_place_or_be_replaced() -> None:
    global WEIGHTS
    f = jit(lambda x: x @ WEIGHTS)
    assert f(X) == 8.0
    WEIGHTS[0] = 100.0
    WEIGHTS[1] = 10.0
    assert traced_once(f, X) == (16.0, 0)
    WEIGHTS = np.array([1.0, 1.0, 1.0])
    assert traced_once(f, X) == (3.0, 0)
    WEIGHTS = np.array([1.0, 2.0, 3.0])


def test_another_dtype_or_shape_of_a_capture_is_traced_again() -> None:
    w: Any = np.ones(3)
    f = jit(lambda x: (x * w).sum())
    assert f(X) == 3.0
    w = np.array([1, 2, 3])
    assert traced_once(f, X) == (8.0, 1)
    w = np.ones((2, 3))
    assert traced_once(f, X) == (6.0, 1)
    w = 2.0
    assert traced_once(f, X) == (6.0, 1)
    w = 3.0
    assert traced_once(f, X) == (9.0, 0)
    w = np.ones(3)
    assert traced_once(f, X) == (3.0, 0)


def test_numbers_are_inputs_until_their_value_is_demanded() -> None:
    global RATE
    f = jit(lambda x: RATE * x)
    assert f(2.0) == 1.0
    RATE = 0.25
    assert traced_once(f, 2.0) == (0.5, 0)
    g = jit(lambda x: x + 1 if RATE > 0 else x - 1)
    assert g(2.0) == 3.0
    RATE = 0.75
    assert traced_once(g, 2.0) == (3.0, 1)
    RATE = -1.0
    assert traced_once(g, 2.0) == (1.0, 1)
    RATE = 0.25
    assert traced_once(g, 2.0) == (3.0, 0)
    RATE = 0.5


def test_a_captured_int_as_exponent_or_range_is_pinned() -> None:
    global COUNT

    def power(x: Any) -> Any:
        result = x
        for _ in range(COUNT):
            result = result * x
        return result + x**COUNT

    f = grad(power)
    assert f(2.0) == 12.0 + 4.0
    assert traced_once(f, 3.0) == (27.0 + 6.0, 0)
    COUNT = 3
    assert traced_once(f, 2.0) == (32.0 + 12.0, 1)
    COUNT = 2
    assert traced_once(f, 2.0) == (16.0, 0)


def test_closures_made_in_a_loop_share_their_traces() -> None:
    def loss(w: Any, x: Any, y: Any) -> Any:
        return np.sum((x @ w - y) ** 2)

    w = np.zeros(2)
    before = None
    rng = np.random.default_rng(0)
    for step in range(5):
        x, y = rng.normal(size=(4, 2)), rng.normal(size=4)
        g = grad(lambda w, x=x, y=y: loss(w, x, y))
        expected = 2 * x.T @ (x @ w - y)
        np.testing.assert_allclose(g(w), expected, rtol=1e-12)
        w = w - 0.1 * expected
        if step == 0:
            before = g.traces
        assert g.traces == before


def test_a_cell_is_read_through_the_function_that_is_called() -> None:
    def scaled(factor: float) -> Function:
        return jit(lambda x: factor * x)

    double, triple = scaled(2.0), scaled(3.0)
    assert double(1.0) == 2.0
    assert traced_once(triple, 1.0) == (3.0, 0)
    assert double(1.0) == 2.0


def helper(x: Any) -> Any:
    return np.array([x[0] * RATE, x[1]])


def other_helper(x: Any) -> Any:
    return x[:2] * 0.0


def test_helpers_are_traced_and_followed_when_they_are_replaced() -> None:
    global helper
    original = helper
    f = jit(lambda x: helper(x).sum())
    assert f(X) == 1.0
    helper = other_helper
    assert traced_once(f, X) == (0.0, 1)
    helper = original
    assert traced_once(f, X) == (1.0, 0)


class Model:
    """An object with parameters and methods."""

    scale = 2.0

    def __init__(self) -> None:
        self.w = np.array([1.0, -1.0, 2.0])
        self.layers = [np.eye(3), np.ones((3, 3))]
        self.bias = 0.5
        self.calls = 0

    @property
    def norm(self) -> Any:
        return np.sum(self.w**2)

    def hidden(self, x: Any) -> Any:
        for layer in self.layers:
            x = np.tanh(layer @ x)
        return x

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return self.scale * (self.hidden(x) @ self.w) + self.bias + self.norm


def test_methods_and_attributes() -> None:
    model = Model()

    def expected(x: Any) -> Any:
        return (
            2.0 * (np.tanh(np.ones((3, 3)) @ np.tanh(model.layers[0] @ x)) @ model.w) + model.bias + np.sum(model.w**2)
        )

    for f in (jit(model), jit(model.__call__), jit(lambda x: model(x))):
        np.testing.assert_allclose(f(X), expected(X), rtol=1e-14)
        model.w[0] += 1.0
        model.bias += 0.25
        model.layers[0] = model.layers[0] * 1.5
        value, traces = traced_once(f, X)
        np.testing.assert_allclose(value, expected(X), rtol=1e-14)
        assert traces == 0
        model.w = np.append(model.w[:2], 7.0)
        np.testing.assert_allclose(f(X), expected(X), rtol=1e-14)
    assert isinstance(model.calls, int)
    model.scale = 1.0
    np.testing.assert_allclose(
        f(X) * 1.0, 0.5 * (expected(X) - model.bias - model.norm) + model.bias + model.norm, rtol=1e-14
    )


@dataclass
class Settings:
    rate: float
    table: dict[str, Any] = field(default_factory=dict)


Pair = namedtuple("Pair", "first second")


def test_containers_in_captures() -> None:
    settings = Settings(2.0, {"a": np.ones(3), "b": [1.0, (2.0,)]})
    pair = Pair(np.ones(3), 3.0)

    def f(x: Any) -> Any:
        return settings.rate * (settings.table["a"] @ x) + settings.table["b"][1][0] + pair.second * pair.first.sum()

    g = jit(f)
    assert g(X) == f(X)
    settings.rate, settings.table["a"] = 5.0, X
    settings.table["b"][1] = (9.0,)
    assert traced_once(g, X) == (f(X), 0)
    settings.table["c"] = 1.0
    assert g(X) == f(X)
    pair = Pair(X, -1.0)
    assert g(X) == f(X)


def test_partial_defaults_and_keyword_defaults() -> None:
    w = np.ones(3)

    def f(x: Any, scale: Any = 2.0, *, shift: Any = w) -> Any:
        return np.sum(scale * x + shift)

    g = jit(functools.partial(f, scale=3.0))
    assert g(X) == 12.0
    w[0] = 11.0
    assert traced_once(g, X) == (22.0, 0)
    h = grad(f)
    np.testing.assert_array_equal(h(X), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(h(X, 5.0), [5.0, 5.0, 5.0])
    np.testing.assert_array_equal(h(X, scale=5.0), [5.0, 5.0, 5.0])
    np.testing.assert_array_equal(h(X, shift=0.0), [2.0, 2.0, 2.0])


def test_a_static_mask_pins_its_content() -> None:
    mask = np.array([True, False, True])
    f = jit(lambda x: x[mask].sum())
    assert f(X) == 2.0
    mask[0] = False
    assert traced_once(f, X + 1) == (3.0, 1)
    mask[0] = True
    assert traced_once(f, X) == (2.0, 0)


def test_an_array_of_unknown_origin_is_never_stale() -> None:
    class Source:
        values = iter([np.ones(3), 2 * np.ones(3), 3 * np.ones(3)])

    f = jit(lambda x: x @ next(Source.values))
    assert [f(X), f(X), f(X)] == [3.0, 6.0, 9.0]
    assert f.traces == 3


def test_an_array_of_unknown_origin_costs_no_new_kernel() -> None:
    class Source(dict[str, Any]):
        pass

    source = Source(w=np.ones(3))
    f = jit(lambda x: x @ source["w"])
    assert f(X) == 3.0
    kernel = f.record_for().kernel
    source["w"] = X
    assert f(X) == 5.0
    after = f.record_for().kernel
    assert getattr(after, "_kernel", after) is getattr(kernel, "_kernel", kernel)


def test_a_captured_array_is_not_kept_alive() -> None:
    w = np.ones(3)
    f = jit(lambda x: x @ w)
    assert f(X) == 3.0
    ghost = weakref.ref(w)
    w = np.ones(3) * 2
    gc.collect()
    assert ghost() is None
    assert f(X) == 6.0


def test_random_numbers_and_generators_are_refused() -> None:
    rng = np.random.default_rng(0)
    for draw in (lambda x: x + np.random.rand(), lambda x: x + rng.normal(), lambda x: np.random.seed(1)):
        with pytest.raises(TypeError, match="pass the numbers in"):
            jit(draw)(1.0)


def test_numpy_is_as_it_was() -> None:
    before = {name: getattr(np, name) for name in dir(np)}

    def f(x: Any) -> Any:
        assert np.zeros(2).shape == (2,)
        return np.array([x, 2 * x]).sum() * np.pi

    assert value_and_grad(f)(1.0) == pytest.approx((3 * math.pi, 3 * math.pi))
    assert {name: getattr(np, name) for name in dir(np)} == before
    assert type(np.zeros(2)) is np.ndarray


def test_recursion_and_mutual_recursion() -> None:
    def power(x: Any, n: int) -> Any:
        return x if n == 1 else x * power(x, n - 1)

    f = grad(lambda x: power(x, 5))
    assert f(2.0) == 80.0
    assert traced_once(f, 3.0) == (405.0, 0)


def test_nonlocal_state_stays_inside_the_trace() -> None:
    def f(x: Any) -> Any:
        total = 0.0

        def add(term: Any) -> None:
            nonlocal total
            total = total + term

        for k in range(3):
            add(x * k)
        return total

    assert jit(f)(2.0) == 6.0


def test_imports_inside_the_function() -> None:
    def f(x: Any) -> Any:
        import math as m

        import numpy as local
        from numpy import cos, zeros

        y = zeros(2)
        y[0] = local.sin(x[0])
        y[1] = cos(x[1]) * m.sqrt(4.0)
        return y

    np.testing.assert_allclose(jit(f)(X), [np.sin(0.0), 2 * np.cos(1.0)], rtol=1e-15)


def test_an_inherited_method_and_super() -> None:
    class Child(Model):
        def hidden(self, x: Any) -> Any:
            return 2 * super().hidden(x)

    child = Child()
    np.testing.assert_allclose(jit(child.hidden)(X), child.hidden(X), rtol=1e-14)


def test_a_function_in_a_table_of_functions() -> None:
    table = {"sin": np.sin, "square": lambda t: t**2}
    f = jit(lambda x, name: table[name](x))
    assert f(2.0, "square") == 4.0
    assert f(2.0, "sin") == pytest.approx(math.sin(2.0))
    table["square"] = lambda t: t**3
    assert f(2.0, "square") == 8.0


class Gain:
    """A class that is a namespace, and one whose instances are made while tracing."""

    factor = 2.0

    def __init__(self, w: Any) -> None:
        self.w = w

    def __call__(self, x: Any) -> Any:
        return GAIN * self.factor * (self.w @ x)


GAIN = 3.0


def test_classes_as_namespaces_and_as_makers_of_objects() -> None:
    global GAIN
    f = jit(lambda x: Gain.factor * x)
    g = jit(lambda x: Gain(x)(x))
    assert f(1.0) == 2.0
    assert g(X) == 30.0
    Gain.factor = 4.0
    assert traced_once(f, 1.0) == (4.0, 0)
    assert traced_once(g, X) == (60.0, 0)
    GAIN = 1.0
    assert traced_once(g, X) == (20.0, 0)
    Gain.factor, GAIN = 2.0, 3.0
    assert traced_once(g, X) == (30.0, 0)


class Dual:
    """A small algebra of its own."""

    def __init__(self, re: Any, im: Any = 0.0) -> None:
        self.re, self.im = re, im

    def __add__(self, other: Any) -> Dual:
        return Dual(self.re + other.re, self.im + other.im)

    def __mul__(self, other: Any) -> Dual:
        if not isinstance(other, Dual):
            return type(self)(self.re * other, self.im * other)
        return type(self)(self.re * other.re, self.re * other.im + self.im * other.re)

    @classmethod
    def variable(cls, x: Any) -> Dual:
        return cls(x, 1.0)

    @property
    def pair(self) -> Any:
        out = np.zeros(2)
        out[0], out[1] = self.re, self.im
        return out * SCALE


SCALE = 1.0


def test_objects_made_while_tracing() -> None:
    global SCALE

    def f(x: Any) -> Any:
        t = Dual.variable(x)
        return (t * t * 3.0 + t).pair

    g = jit(f)
    np.testing.assert_array_equal(g(2.0), [14.0, 13.0])
    SCALE = 2.0
    value, traces = traced_once(g, 2.0)
    np.testing.assert_array_equal(value, [28.0, 26.0])
    assert traces == 0
    SCALE = 1.0
    with pytest.raises(TypeError):
        jit(lambda x: Dual())(1.0)


def test_instances_that_cannot_be_followed_are_watched() -> None:
    global SCALE

    class Doubled:
        def __init__(self, x: Any) -> None:
            self.x = x

        def twice(self) -> Any:
            return self.__class__(self.x * 2)

        def scaled(self) -> Any:
            return self.x * SCALE

    g = jit(lambda x: Doubled(x).twice().scaled())
    assert g(2.0) == 4.0
    SCALE = 3.0
    assert g(2.0) == 12.0
    SCALE = 1.0

    class Fixed:
        __slots__ = ("x",)

        def __new__(cls, x: Any) -> Any:
            self = object.__new__(cls)
            self.x = x
            return self

        def scaled(self) -> Any:
            return self.x * SCALE

    f = jit(lambda x: Fixed(x).scaled())
    assert f(2.0) == 2.0
    SCALE = 3.0
    assert traced_once(f, 2.0) == (6.0, 1)
    SCALE = 1.0
    assert traced_once(f, 2.0) == (2.0, 0)


def test_standard_containers_and_namespaces() -> None:
    space = types.SimpleNamespace(rate=2.0, w=np.ones(3))
    table: Any = collections.defaultdict(float, a=1.0)
    ordered = collections.OrderedDict(b=2.0)
    queue = collections.deque([3.0, 4.0])
    half = fractions.Fraction(1, 2)

    def f(x: Any) -> Any:
        return space.rate * (space.w @ x) + table["a"] + ordered["b"] + queue[0] + sum(queue) + float(half) + len(flags)

    flags = {1, 2}
    g = jit(f)
    assert g(X) == f(X)
    space.rate, table["a"], ordered["b"], queue[0] = 3.0, 5.0, 7.0, 9.0
    assert traced_once(g, X) == (f(X), 0)
    space.w, half = X, fractions.Fraction(1, 4)
    assert traced_once(g, X) == (f(X), 1)
    flags.add(3)
    assert traced_once(g, X) == (f(X), 1)


def test_a_container_that_holds_itself_or_is_reached_twice() -> None:
    table: dict[str, Any] = {"w": 2.0}
    table["self"] = table
    alias = table
    f = jit(lambda x: table["self"]["w"] * x + alias["w"])
    assert f(1.0) == 4.0
    table["w"] = 3.0
    assert traced_once(f, 1.0) == (6.0, 0)
    alias = {"w": 10.0}
    assert f(1.0) == 13.0


def test_what_cannot_be_followed_is_read_again_each_time() -> None:
    class Table(dict[str, float]):
        pass

    table = Table(a=1.0)
    numbers = iter([1.0, 2.0])
    f = jit(lambda x: x * table["a"])
    assert f(2.0) == 2.0
    table["a"] = 5.0
    assert f(2.0) == 10.0
    g = jit(lambda x: x * next(numbers))
    assert [g(1.0), g(1.0)] == [1.0, 2.0]


def test_function_attributes_and_absent_attributes() -> None:
    def scaled(x: Any) -> Any:
        return scaled.factor * x  # type: ignore[attr-defined]

    scaled.factor = 2.0  # type: ignore[attr-defined]
    f = jit(lambda x: scaled(x))
    assert f(1.0) == 2.0
    scaled.factor = 3.0  # type: ignore[attr-defined]
    assert traced_once(f, 1.0) == (3.0, 0)
    model = Model()
    g = jit(lambda x: x + (model.shift if hasattr(model, "shift") else 0.0))
    assert g(1.0) == 1.0
    model.shift = 5.0  # type: ignore[attr-defined]
    assert g(1.0) == 6.0


def test_a_function_that_calls_itself_through_its_own_closure() -> None:
    def halved(x: Any, n: int) -> Any:
        return x if n == 0 else halved(x / 2, n - 1)

    assert jit(halved)(8.0, 3) == 1.0
    assert grad(halved)(8.0, 2) == 0.25


def test_a_method_that_is_replaced_in_its_class() -> None:
    class Shape:
        def area(self, r: Any) -> Any:
            return np.pi * r**2

    shape = Shape()
    f = jit(lambda r: shape.area(r))
    assert f(1.0) == math.pi
    Shape.area = lambda self, r: r**2  # type: ignore[method-assign]
    assert f(3.0) == 9.0


def test_a_function_without_a_module() -> None:
    scope: dict[str, Any] = {"np": np, "w": 2.0}
    exec("def f(x):\n    return w * np.sin(x)", scope)
    f = jit(scope["f"])
    assert f(1.0) == 2.0 * math.sin(1.0)
    scope["w"] = 3.0
    assert traced_once(f, 1.0) == (3.0 * math.sin(1.0), 0)
