"""Containers of every kind as arguments and results; static values in them; structures of derivatives."""

from __future__ import annotations

import enum
import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from gradc.api import grad, hessian, hvp, jacfwd, jacobian, jacrev, jit, jvp, linearize, value_and_grad, vjp, vmap
from gradc.errors import ArgumentError, DTypeError, ShapeError, TraceError

X = np.array([1.0, 2.0, 3.0])
Y = np.array([0.5, -1.0, 2.0])
Pair = namedtuple("Pair", "w b")


class Mode(enum.Enum):
    """Two ways."""

    LINEAR = 1
    SQUARE = 2


@dataclass(frozen=True)
class Layer:
    """Numbers and static values side by side."""

    weights: Any
    activation: Callable[[Any], Any] = np.tanh
    name: str = "layer"
    is_scaled: bool = True


@dataclass(frozen=True)
class Network:
    """Layers in a list, and how often they are applied."""

    layers: Any
    depth: int = field(default=2, metadata={"static": True})


@dataclass(slots=True)
class Slotted:
    """A dataclass without a dict."""

    w: Any
    unset: Any = field(init=False, default=None)


def network_loss(network: Network, x: Any) -> Any:
    for _ in range(network.depth):
        for layer in network.layers:
            x = layer.activation(layer.weights * x) * (2.0 if layer.is_scaled else 1.0)
    return x.sum()


def same(actual: Any, expected: Any) -> None:
    """Equal types of containers, keys and values."""
    if isinstance(expected, dict):
        assert type(actual) is type(expected)
        assert list(actual) == list(expected)
        for key in expected:
            same(actual[key], expected[key])
    elif isinstance(expected, list | tuple | deque):
        assert type(actual) is type(expected)
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            same(a, e)
    elif expected is None or isinstance(expected, str | enum.Enum):
        assert actual == expected
    else:
        np.testing.assert_allclose(actual, expected, rtol=1e-14)


CONTAINERS = [
    {"a": X, "b": Y},
    {1: X, 0: Y},
    {(0, 1): X, (1, 0): Y},
    {"b": X, 1: Y},
    OrderedDict([("z", X), ("a", Y)]),
    defaultdict(float, w=X, v=Y),
    [X, Y],
    (X, Y),
    deque([X, Y]),
    Pair(X, Y),
    {"a": [X, (Y, {"c": Pair(X, 2.0)})], "none": None, "empty": ((), [], {})},
    {"a": X, "b": Y, "mode": "linear", "which": Mode.SQUARE},
]


def leaves_of(tree: Any) -> list[Any]:
    """The arrays and numbers."""
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves_of(tree[key])]
    if isinstance(tree, list | tuple | deque):
        return [leaf for item in tree for leaf in leaves_of(item)]
    return [] if tree is None or isinstance(tree, str | enum.Enum) else [tree]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """A container of the same kind with the function of each number."""
    if isinstance(tree, dict):
        made = tree.copy()
        made.update({key: mapped(function, tree[key]) for key in tree})
        return made
    if isinstance(tree, Pair):
        return Pair(*[mapped(function, item) for item in tree])
    if isinstance(tree, list | tuple | deque):
        return type(tree)([mapped(function, item) for item in tree])
    return tree if tree is None or isinstance(tree, str | enum.Enum) else function(tree)


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda c: f"{type(c).__name__}-{len(c)}")
def test_arguments_and_results_of_one_structure(container: Any) -> None:
    same(jit(lambda p: mapped(lambda v: 2 * v, p))(container), mapped(lambda v: 2 * v, container))
    expected = mapped(lambda v: 3 * v**2, container)
    cubes = lambda p: sum((v**3).sum() if np.ndim(v) else v**3 for v in leaves_of(p))  # noqa: E731
    same(grad(cubes)(container), expected)
    value, gradient = value_and_grad(cubes)(container)
    same(gradient, expected)
    np.testing.assert_allclose(value, cubes(container))
    same(jvp(lambda p: mapped(np.sin, p), (container,), (container,))[1], mapped(lambda v: np.cos(v) * v, container))
    same(vjp(lambda p: mapped(np.sin, p), container)[1](container)[0], mapped(lambda v: np.cos(v) * v, container))
    same(hvp(cubes)(container, container), mapped(lambda v: 6 * v**2, container))
    same(linearize(lambda p: mapped(np.square, p), container)[1](container), mapped(lambda v: 2 * v * v, container))


def test_jacobians_and_hessians_are_containers_of_containers() -> None:
    p = {"a": X, "s": 2.0}
    by_entry = {"a": np.diag([2.0, 2.0, 2.0]), "s": X}
    for transform in (jacobian, jacfwd, jacrev):
        result = transform(lambda p: {"y": p["a"] * p["s"], "pair": (p["s"], "text")})(p)
        same(result, {"y": by_entry, "pair": ({"a": np.zeros(3), "s": 1.0}, "text")})
    second = hessian(lambda q: (q.w**2).sum() * q.b)(Pair(X, 3.0))
    same(second, Pair(Pair(6 * np.eye(3), 2 * X), Pair(2 * X, 0.0)))


def test_dataclasses_with_static_values() -> None:
    network = Network([Layer(X), Layer(Y, np.sin, "last", is_scaled=False)], depth=3)
    gradient = grad(network_loss)(network, Y)
    assert isinstance(gradient, Network)
    assert gradient.depth == 3
    assert [(g.name, g.activation, g.is_scaled) for g in gradient.layers] == [
        ("layer", np.tanh, True),
        ("last", np.sin, False),
    ]
    moved = replace(network, layers=[replace(network.layers[0], weights=X + 1e-6), network.layers[1]])
    slope = (network_loss(moved, Y) - network_loss(network, Y)) / 1e-6
    np.testing.assert_allclose(gradient.layers[0].weights.sum(), slope, rtol=1e-4)
    result = jit(lambda n: replace(n, layers=[replace(v, weights=v.weights * 2) for v in n.layers]))(network)
    assert result.layers[1].name == "last"
    np.testing.assert_array_equal(result.layers[1].weights, 2 * Y)
    assert jit(network_loss)(replace(network, depth=1), Y) == pytest.approx(network_loss(replace(network, depth=1), Y))


def test_another_static_value_is_another_function() -> None:
    f = jit(network_loss)
    for activation in (np.tanh, np.sin, np.tanh):
        network = Network([Layer(X, activation)])
        np.testing.assert_allclose(f(network, Y), network_loss(network, Y), rtol=1e-14)
    g = grad(lambda p: (p["x"] ** (2 if p["mode"] == "square" else 1)).sum())
    same(g({"x": X, "mode": "square"}), {"x": 2 * X, "mode": "square"})
    same(g({"x": X, "mode": "linear"}), {"x": np.ones(3), "mode": "linear"})


def test_dataclasses_with_slots_and_fields_set_later() -> None:
    gradient = grad(lambda s: (s.w**2).sum())(Slotted(X))
    assert isinstance(gradient, Slotted)
    assert gradient.unset is None
    np.testing.assert_array_equal(gradient.w, 2 * X)


def test_auxiliary_results_of_any_structure() -> None:
    def loss(p: Any) -> Any:
        return (p["a"] ** 2).sum(), {"predictions": [p["a"]], "name": "run", "shape": p["a"].shape, "nothing": None}

    (value, aux), gradient = value_and_grad(loss, has_aux=True)({"a": X})
    assert value == 14.0
    same(aux, {"predictions": [X], "name": "run", "shape": (3,), "nothing": None})
    same(gradient, {"a": 2 * X})


def test_results_that_are_no_numbers() -> None:
    result = jit(lambda x: {"dtype": x.dtype, "mode": Mode.LINEAR, "rows": range(2), "where": slice(1, None)})(X)
    assert result == {"dtype": np.dtype(float), "mode": Mode.LINEAR, "rows": range(2), "where": slice(1, None)}
    with pytest.raises(TraceError, match="list"):
        jit(lambda x: zip(x, x, strict=True))(X)
    for text in (lambda x: f"the result is {x}", lambda x: {"x": x, "text": str(x[0])}):
        with pytest.raises(TraceError, match="text outside"):
            jit(text)(X)


def test_a_batch_of_containers() -> None:
    batch = {"x": np.arange(6.0).reshape(2, 3), "scale": np.array([1.0, 2.0]), "mode": "sum"}
    result = vmap(lambda p: p["scale"] * getattr(p["x"], p["mode"])())(batch)
    np.testing.assert_array_equal(result, [3.0, 24.0])


def test_directions_of_another_structure_are_refused() -> None:
    f = lambda p: {"y": p["a"] * p["s"]}  # noqa: E731
    p = {"a": X, "s": 2.0}
    with pytest.raises(ShapeError, match=r"\['a'\]"):
        jvp(f, (p,), ([X, 1.0],))
    with pytest.raises(ShapeError, match=r"\['y'\]"):
        vjp(f, p)[1](X)
    with pytest.raises(ShapeError, match="structure"):
        vjp(f, p)[1]({"z": X})
    with pytest.raises(ShapeError, match="structure"):
        hvp(lambda p: (p["a"] ** 2).sum() * p["s"])(p, [X, 1.0])


def test_what_has_no_derivative() -> None:
    with pytest.raises(DTypeError, match=r"p\['n'\].*astype"):
        grad(lambda p: p["a"][p["n"]].sum())({"a": X, "n": np.array([0, 1])})
    with pytest.raises(DTypeError, match="dict, tuple or dataclass"):
        grad(lambda text: 1.0)("abc")
    with pytest.raises(ArgumentError, match="no array or number"):
        grad(lambda p: 1.0)({"name": "abc"})


# ---------------------------------------------------------------- signatures


def power(x: Any, *, exponent: Any, mode: Any = "plain") -> Any:
    assert type(exponent) is int
    return x**exponent if mode == "plain" else -(x**exponent)


def test_static_arguments_by_name() -> None:
    f = jit(power, static_argnames=("exponent", "mode"))
    assert f(2.0, exponent=3) == 8.0
    assert f(2.0, exponent=2, mode="other") == -4.0
    assert f(2.0, exponent=3) == 8.0
    assert f.traces == 2
    assert grad(power, static_argnames="exponent")(2.0, exponent=3) == 12.0
    g = jit(lambda x, a=1.0, n=2: a * x**n, static_argnames="n")
    assert (g(3.0, n=3), g(3.0, 2.0, 3), g(3.0)) == (27.0, 54.0, 9.0)
    h = jit(lambda x, a=1.0, n=2: [a * x] * n, static_argnums=2)
    assert (len(h(1.0, n=3)), len(h(1.0, 2.0, 4))) == (3, 4)
    with pytest.raises(ArgumentError, match="no such parameter"):
        jit(lambda x: x, static_argnames="n")
    with pytest.raises(ArgumentError, match="static_argnames"):
        jit(lambda x: x, static_argnums="x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "static"),
    [
        (lambda x, s: x[s], slice(1, None)),
        (lambda x, s: x[s], slice(0, 2)),
        (lambda x, s: x[s], ...),
        (lambda x, s: x.astype(s), np.float32),
        (lambda x, s: x.astype(s), np.dtype("c16")),
        (lambda x, s: s(x), np.sin),
        (lambda x, s: s(x), lambda v: v**2),
        (lambda x, s: s(x), functools.partial(np.power, 2.0)),
        (lambda x, s: sum(x[k] for k in s), range(2)),
        (lambda x, s: s(x, 2 * x).b, Pair),
        (lambda x, s: x if s is Mode.LINEAR else x**2, Mode.SQUARE),
        (lambda x, s: np.full(s, 2.0) * x, 3),
        (lambda x, s: x.reshape(s), (3, 1)),
        (lambda x, s: x.sum(axis=s), None),
    ],
)
def test_static_values_as_arguments(function: Callable[..., Any], static: Any) -> None:
    expected = function(X, static)
    f = jit(function)
    for _ in range(3):
        result = f(X, static)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-14)


class Model:
    """A callable with methods of every kind."""

    scale = 2.0

    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def __call__(self, x: Any) -> Any:
        return (self.weights * x**2).sum() * self.scale

    def method(self, x: Any) -> Any:
        return self(x) + self.doubled.sum() * x[0]

    @property
    def doubled(self) -> Any:
        return 2 * self.weights

    @staticmethod
    def static(x: Any) -> Any:
        return (x**2).sum()

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return cls.scale * (x**2).sum()


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return 2 * function(*args, **kwargs)

    return inner


@decorated
def squares(x: Any, scale: Any = 1.0) -> Any:
    """The sum of squares."""
    return scale * (x**2).sum()


def recursive(x: Any, depth: int = 3) -> Any:
    return x.sum() if depth == 0 else recursive(np.sin(x), depth - 1)


def local_class(x: Any) -> Any:
    class Line:
        slope = 2.0

        def __init__(self, shift: Any) -> None:
            self.shift = shift

        def at(self, v: Any) -> Any:
            return (self.slope * v**2 + self.shift * v).sum()

    return Line(x).at(x)


def statements(x: Any) -> Any:
    from scipy.special import expit

    total = 0.0
    with np.errstate(all="ignore"):
        for name, value in {"a": x, "b": 2 * x}.items():
            match name, value.shape:
                case "a", (n,):
                    total = total + value.sum() * n
                case _, (_,):
                    total = total + (squared := value**2).sum() + squared[0]
    return total + expit(x).sum()


@pytest.mark.parametrize(
    "function",
    [
        Model(Y),
        Model(Y).method,
        Model.static,
        Model(Y).of_class,
        squares,
        functools.partial(squares, scale=3.0),
        functools.partial(np.dot, Y),
        recursive,
        local_class,
        statements,
        lambda x: sum(v * v for v in x),
        lambda x: (lambda first, *rest: first * sum(rest))(*x),
        lambda x: sum(v.sum() for v in {k: v**2 for k, v in (("a", x), ("b", 2 * x))}.values()),
    ],
    ids=lambda f: getattr(f, "__name__", type(f).__name__),
)
def test_callables_of_every_kind(function: Callable[..., Any]) -> None:
    value, gradient = value_and_grad(function)(X)
    np.testing.assert_allclose(value, function(X), rtol=1e-14)
    for k, direction in enumerate(np.eye(3)):
        slope = (function(X + 1e-6 * direction) - function(X - 1e-6 * direction)) / 2e-6
        np.testing.assert_allclose(gradient[k], slope, rtol=1e-6, atol=1e-8)
