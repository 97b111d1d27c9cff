"""Calls that machine code serves: every kind of argument and result, and what falls through to Python."""

from __future__ import annotations

import inspect
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from entry_support import anew, assert_same, by_plan, in_python, served_by_python

from gradc.api import grad, hessian, hvp, jacobian, jit, value_and_grad, vmap
from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.function import Function
from gradc_runtime.layout import calls_are_possible

pytestmark = pytest.mark.skipif(not calls_are_possible(), reason="this interpreter has another layout")

X = np.arange(1.0, 9.0)
Pair = namedtuple("Pair", "first second")


@dataclass
class Point:
    x: Any
    y: Any


pytestmark = pytest.mark.usefixtures("plain_kernels")


def polynomial(x: Any) -> Any:
    return 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1


CALLS: dict[str, tuple[Function, tuple[Any, ...], dict[str, Any]]] = {
    "float": (grad(polynomial), (2.0,), {}),
    "nan": (grad(polynomial), (float("nan"),), {}),
    "int": (grad(polynomial), (2,), {}),
    "int as data": (jit(lambda x, n: (x * n, n + 1)), (2.0, 3), {}),
    "ints alone": (jit(lambda n: n * n), (-7,), {}),
    "truth of numbers": (jit(lambda x: x > 1), (2.0,), {}),
    "float64": (grad(polynomial), (np.float64(2),), {}),
    "float32": (grad(polynomial), (np.float32(2),), {}),
    "int64 scalar": (jit(lambda x, n: x * n), (X, np.int64(3)), {}),
    "bool scalar": (jit(lambda x, b: np.where(b, x, -x)), (X, np.bool_(True)), {}),
    "by name": (grad(polynomial), (), {"x": 2.0}),
    "value and gradient": (value_and_grad(polynomial), (2.0,), {}),
    "vector": (grad(lambda x: np.sum(x**3)), (X,), {}),
    "value and gradient of a vector": (value_and_grad(lambda x: np.sum(x**3)), (X,), {}),
    "0-d array": (grad(polynomial), (np.array(2.0),), {}),
    "empty": (grad(lambda x: np.sum(x**3)), (np.empty(0),), {}),
    "matrix": (grad(lambda x: np.sum(x**3)), (np.arange(6.0).reshape(2, 3),), {}),
    "3 axes": (grad(lambda x: np.sum(x**3)), (np.arange(24.0).reshape(2, 3, 4),), {}),
    "4 axes": (grad(lambda x: np.sum(x**3)), (np.arange(24.0).reshape(2, 3, 2, 2),), {}),
    "6 axes": (grad(lambda x: np.sum(x**3)), (np.arange(64.0).reshape(2, 2, 2, 2, 2, 2),), {}),
    "float32 array": (value_and_grad(lambda x: np.sum(x**3)), (X.astype("f4"),), {}),
    "int array as data": (jit(lambda x, i: x[i]), (X, np.array([3, -1, 0])), {}),
    "int array alone": (jit(lambda i: i // 2), (np.arange(7),), {}),
    "mask": (jit(lambda x, m: np.sum(np.where(m, x, 0))), (X, X > 3), {}),
    "two arrays": (grad(lambda x, y: np.sum(x * y), argnums=(0, 1)), (X, X + 1), {}),
    "names in order": (grad(lambda x, y: np.sum(x * y)), (), {"x": X, "y": X + 1}),
    "names in another order": (grad(lambda x, y: np.sum(x * y)), (), {"y": X + 1, "x": X}),
    "name only": (grad(lambda x, *, power=2: np.sum(x**power)), (X,), {"power": 3}),
    "defaults": (grad(lambda x, c=3.0: np.sum(x**2) * c), (X,), {}),
    "tuple": (grad(lambda p: np.sum(p[0] * p[1])), ((X, 2.0),), {}),
    "list": (grad(lambda p: np.sum(p[0] * p[1])), ([X, 2.0],), {}),
    "dict": (grad(lambda p: np.sum(p["w"] * X + p["b"])), ({"w": X, "b": 2.0},), {}),
    "int keys": (grad(lambda p: np.sum(p[2] * p[1])), ({2: X, 1: 2.0},), {}),
    "nested": (
        value_and_grad(lambda p, x: np.sum(p["a"][0] * x) + p["a"][1][0] * p["b"][1]["c"]),
        ({"b": [1.0, {"c": 2.0}], "a": (X, [3.0])}, X),
        {},
    ),
    "nothing in it": (grad(lambda p: p["a"] ** 2), ({"a": 2.0, "none": None, "empty": ()},), {}),
    "namedtuple": (grad(lambda p: np.sum(p.first * p.second)), (Pair(X, 2.0),), {}),
    "container of results": (jit(lambda x: {"a": [x, (2 * x,)], "b": Pair(x + 1, None)}), (X,), {}),
    "text": (jit(lambda x, how: np.sum(x) if how == "sum" else np.max(x)), (X, "sum"), {}),
    "flag": (jit(lambda x, negative: -x if negative else x), (X, True), {}),
    "None": (jit(lambda x, w: np.sum(x) if w is None else x @ w), (X, None), {}),
    "pinned int": (jit(lambda x, n: sum(x**k for k in range(n))), (X, 3), {}),
    "static": (jit(lambda x, n: np.sum(x**n), static_argnums=1), (X, 3), {}),
    "static by name": (jit(lambda x, n: np.sum(x**n), static_argnums=-1), (X,), {"n": 3}),
    "static, all by name": (jit(lambda x, n: np.sum(x**n), static_argnums=(1,)), (), {"n": 2, "x": X}),
    "Hessian": (hessian(lambda x: np.sum(x**3)), (X,), {}),
    "Hessian times vector": (hvp(lambda x: np.sum(x**3)), (X, X), {}),
    "Jacobian": (jacobian(lambda x: x**2), (X,), {}),
    "batch": (vmap(np.dot), (np.ones((2, 3)), np.arange(6.0).reshape(2, 3)), {}),
    "no arguments": (jit(lambda: 3.5), (), {}),
    "callable object": (jit(np.sin), (X,), {}),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_kind_of_argument_and_result(name: str) -> None:
    function, args, kwargs = CALLS[name]
    result = by_plan(function, *args, **kwargs)
    if isinstance(result, np.ndarray):
        again = function(*args, **kwargs)
        assert not np.may_share_memory(result, again)


def _unaligned() -> np.ndarray:
    return np.frombuffer(b"\0" * 1 + X.tobytes(), np.uint8)[1:].view("f8")


def _read_only() -> np.ndarray:
    array = X.copy()
    array.flags.writeable = False
    return array


class Subclass(np.ndarray):
    pass


OTHERS: dict[str, Any] = {
    "float32": X.astype("f4"),
    "big-endian": X.astype(">f8"),
    "longer": np.arange(9.0),
    "shorter": np.arange(7.0),
    "matrix": X.reshape(2, 4),
    "0-d": np.array(3.0),
    "reversed": X[::-1],
    "strided": np.arange(16.0)[::2],
    "unaligned": _unaligned(),
    "subclass": X.view(Subclass),
    "float": 2.0,
    "int": 2,
    "float64": np.float64(2.0),
    "empty": np.empty(0),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_argument_falls_through(name: str) -> None:
    function = grad(lambda x: np.sum(x**3))
    by_plan(function, X)
    result = served_by_python(function, OTHERS[name])
    assert_same(result, grad(lambda x: np.sum(x**3))(OTHERS[name]))
    np.testing.assert_allclose(np.asarray(result), 3 * np.asarray(OTHERS[name], float) ** 2, rtol=1e-6)
    by_plan(function, X)


def test_a_read_only_argument_is_served() -> None:
    function = grad(lambda x: np.sum(x**3))
    by_plan(function, X)
    np.testing.assert_array_equal(function(_read_only()), 3 * X**2)
    assert function.last_plan() is not None


@pytest.mark.parametrize("wrong", ["x", np.arange(8), X > 1, None, [1, "a"], b"x"])
def test_what_is_no_argument_raises_as_ever(wrong: Any) -> None:
    function = grad(lambda x: np.sum(x**3))
    by_plan(function, X)
    with pytest.raises((DTypeError, TypeError, ArgumentError)) as error:
        function(wrong)
    with pytest.raises(type(error.value)) as expected:
        in_python(grad(lambda x: np.sum(x**3)), wrong)
    assert str(error.value).split("\n")[0] == str(expected.value).split("\n")[0]


def test_a_complex_argument_is_evaluated() -> None:
    function = jit(lambda x: x * x)
    by_plan(function, 2.0)
    assert served_by_python(function, 1j) == -1
    assert served_by_python(function, 1j) == -1


def test_missing_and_unknown_arguments_are_errors() -> None:
    function = grad(lambda x, y: np.sum(x * y))
    by_plan(function, X, X)
    by_plan(function, X, y=X)
    for args, kwargs in [((X,), {}), ((X, X, X), {}), ((X,), {"z": X}), ((X, X), {"x": X}), ((), {})]:
        with pytest.raises(TypeError):
            function(*args, **kwargs)
    by_plan(function, X, X)


def test_ints_out_of_range_fall_through() -> None:
    function = jit(lambda x, n: x * n)
    by_plan(function, 2.0, 3)
    with pytest.raises(OverflowError):
        function(2.0, 2**70)
    gradient = grad(lambda x: x**2)
    by_plan(gradient, 3)
    assert gradient(2**70) == 2.0**71
    assert gradient(-1) == -2.0
    with pytest.raises(OverflowError):
        gradient(10**400)


def test_another_int_where_the_value_was_used() -> None:
    function = jit(lambda x, n: sum(x**k for k in range(n)))
    by_plan(function, 2.0, 3)
    assert served_by_python(function, 2.0, 4) == 15
    by_plan(function, 2.0, 4)
    assert function(2.0, 3) == 7
    assert function.last_plan() is not None


def test_another_static_argument() -> None:
    function = jit(lambda x, n: x**n, static_argnums=1)
    by_plan(function, 2.0, 3)
    assert served_by_python(function, 2.0, 4) == 16.0
    assert served_by_python(function, 2.0, 3.0) == 8.0
    assert served_by_python(function, 2.0, n=2) == 4.0
    assert function(2.0, 3) == 8.0
    assert function.last_plan() is not None


def test_other_texts_and_flags() -> None:
    function = jit(lambda x, how: x if how == "plus" else -x)
    by_plan(function, 2.0, "plus")
    assert function(2.0, anew("plus")) == 2
    assert function.last_plan() is not None
    assert served_by_python(function, 2.0, "minus") == -2
    assert served_by_python(function, 2.0, b"plus") == -2


def test_containers_of_other_structure_fall_through() -> None:
    function = grad(lambda p: np.sum(p["w"] * X) + p["b"] ** 2)
    by_plan(function, {"w": X, "b": 2.0})
    for other in (
        {"w": X, "b": 2.0, "c": 1.0},
        {"w": X, "b": np.float64(2.0)},
        OrderedDict(w=X, b=2.0),
        {"w": X.reshape(8, 1)[:, 0], "b": 2},
    ):
        result = served_by_python(function, other)
        assert_same(result, in_python(grad(lambda p: np.sum(p["w"] * X) + p["b"] ** 2), other))
    in_another_order = served_by_python(function, {"b": 2.0, "w": X})
    assert in_another_order["b"] == 4.0
    np.testing.assert_array_equal(in_another_order["w"], X)
    with pytest.raises(KeyError):
        function({"w": X})
    sequence = grad(lambda p: np.sum(p[0] * p[1]))
    by_plan(sequence, (X, 2.0))
    assert type(served_by_python(sequence, [X, 2.0])) is list
    assert type(served_by_python(sequence, Pair(X, 2.0))) is Pair
    assert len(served_by_python(sequence, (X, 2.0, 3.0))) == 3


def test_dict_keys_are_compared_by_content() -> None:
    function = grad(lambda p: np.sum(p["weights"] * X))
    by_plan(function, {"weights": X})
    function({anew("weights"): X})
    assert function.last_plan() is not None


def test_names_are_compared_by_content() -> None:
    function = grad(lambda value, other: np.sum(value * other))
    by_plan(function, value=X, other=X + 1)
    result = function(**{anew("other"): X + 1, anew("value"): X})
    assert function.last_plan() is not None
    np.testing.assert_array_equal(result, X + 1)


def test_dataclasses() -> None:
    function = value_and_grad(lambda p: np.sum(p.x * p.y[0]))
    for _ in range(3):
        value, gradient = function(Point(X, [2.0]))
    assert function.last_plan() is not None
    assert value == 72.0
    assert type(gradient) is Point
    np.testing.assert_array_equal(gradient.x, np.full(8, 2.0))
    assert gradient.y == [36.0]
    assert served_by_python(function, Point(X, (2.0,)))[1].y == (36.0,)
    incomplete = Point(X, [2.0])
    del incomplete.y
    with pytest.raises(AttributeError):
        function(incomplete)


def test_other_containers_are_served_by_python() -> None:
    function = grad(lambda p: np.sum(p["x"] * p["y"]))
    for _ in range(4):
        result = served_by_python(function, OrderedDict(x=X, y=2.0))
    np.testing.assert_array_equal(result["x"], np.full(8, 2.0))


def test_many_signatures_share_a_function() -> None:
    function = grad(lambda x: np.sum(x**3))
    shapes: list[tuple[int, ...]] = [(n,) for n in range(1, 14)]
    for _ in range(3):
        for shape in shapes:
            x = np.arange(float(np.prod(shape))).reshape(shape)
            np.testing.assert_array_equal(function(x), 3 * x**2)
    by_plan(function, np.ones(3))


# ---------------------------------------------------------------- out=


def test_results_go_into_the_callers_arrays() -> None:
    function = grad(lambda x: np.sum(x**3))
    out = np.empty(8)
    for _ in range(3):
        assert function(X, out=out) is out
    assert function.last_plan() is not None
    np.testing.assert_array_equal(out, 3 * X**2)
    assert function(x=X, out=out) is out
    both = value_and_grad(lambda x: np.sum(x**3))
    value, gradient = np.empty(()), np.empty(8)
    pair = (value, gradient)
    for _ in range(3):
        value[...], gradient[...] = 0, 0
        assert both(X, out=pair) is pair
    assert both.last_plan() is not None
    assert value == np.sum(X**3)
    np.testing.assert_array_equal(gradient, 3 * X**2)


def test_a_wrong_out_is_an_error_and_left_alone() -> None:
    function = grad(lambda x: np.sum(x**3))
    good = np.empty(8)
    for _ in range(3):
        function(X, out=good)
    frozen = np.zeros(8)
    frozen.flags.writeable = False
    wrong = [
        (np.zeros(7), ShapeError),
        (np.zeros((8, 1)), ShapeError),
        (np.zeros(8, "f4"), DTypeError),
        (np.zeros(8, int), DTypeError),
        (frozen, ArgumentError),
        ([0.0] * 8, ArgumentError),
        ((good, good), ArgumentError),
    ]
    for out, error in wrong:
        with pytest.raises(error):
            function(X, out=out)
    assert not frozen.any()


def test_unusual_outs_are_served_by_python() -> None:
    function = grad(lambda x: np.sum(x**3))
    for _ in range(3):
        function(X, out=np.empty(8))
    for out in (np.empty(16)[::2], np.empty(8, ">f8"), np.empty(8).view(Subclass)):
        assert served_by_python(function, X, out=out) is out
        np.testing.assert_array_equal(np.asarray(out, "f8"), 3 * X**2)
    assert function(X, out=None).tobytes() == (3 * X**2).tobytes()


@pytest.mark.parametrize("shift", [-3, -1, 0, 1, 5])
def test_an_out_that_overlaps_an_input(shift: int) -> None:
    function = jit(lambda x: np.cumsum(x) * x[::-1])
    memory = np.arange(30.0)
    x = memory[10:18]
    expected = np.cumsum(x) * x[::-1]
    for _ in range(3):
        function(x.copy(), out=np.empty(8))
    assert served_by_python(function, x, out=memory[10 + shift : 18 + shift]) is not None
    np.testing.assert_array_equal(memory[10 + shift : 18 + shift], expected)


def test_outs_that_touch_or_overlap_each_other() -> None:
    function = jit(lambda x: (x + 1, x + 2))
    memory = np.empty(16)
    for _ in range(3):
        function(X, out=(memory[:8], memory[8:]))
    assert function.last_plan() is not None
    np.testing.assert_array_equal(memory, np.concatenate([X + 1, X + 2]))
    served_by_python(function, X, out=(memory[:8], memory[4:12]))
    np.testing.assert_array_equal(memory[4:12], X + 2)


def test_an_out_that_overlaps_a_captured_array() -> None:
    captured = np.arange(8.0)
    function = jit(lambda x: captured[::-1] * x)
    expected = captured[::-1] * X
    for _ in range(3):
        function(X, out=np.empty(8))
    assert function.last_plan() is not None
    served_by_python(function, X, out=captured)
    np.testing.assert_array_equal(captured, expected)


def test_out_may_be_a_parameter_of_the_function() -> None:
    def scaled(x: Any, out: Any) -> Any:
        return x * out

    function = jit(scaled)
    assert by_plan(function, 3.0, out=2.0) == 6


# ---------------------------------------------------------------- a Function is an ordinary object


def test_a_function_remains_an_ordinary_object() -> None:
    import copy
    import functools
    import weakref

    def cube(x: float, scale: float = 1.0) -> float:
        """The cube."""
        return scale * x**3

    function = grad(cube)
    by_plan(function, 2.0)
    assert inspect.signature(function) == inspect.signature(cube)
    assert function.__doc__ == "The cube."
    function.note = "kept"  # type: ignore[attr-defined]
    assert vars(function)["note"] == "kept"
    assert callable(function)
    assert list(map(function, [1.0, 2.0])) == [3.0, 12.0]
    assert functools.partial(function, scale=2.0)(2.0) == 24.0
    twin = copy.copy(function)
    assert twin(2.0) == 12.0
    other = grad(np.sin)
    functools.update_wrapper(other, function)
    del function, twin
    assert other(2.0) is not None
    reference = weakref.ref(other)
    del other
    assert reference() is None


class Model:
    rate = 3.0

    @jit
    def scaled(self, x: Any) -> Any:
        return x * self.rate


def test_a_function_is_a_method() -> None:
    model = Model()
    assert [model.scaled(2.0) for _ in range(3)] == [6.0] * 3
    model.rate = 4.0
    assert [model.scaled(2.0) for _ in range(3)] == [8.0] * 3
    bound = model.scaled
    assert by_plan(bound, 2.0) == 8.0
    model.rate = 5.0
    assert bound(2.0) == 10.0


class Doubled(Function):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return 2 * super().__call__(*args, **kwargs)


class Named(Function):
    pass


def test_subclasses() -> None:
    transform = grad(polynomial).transform
    doubled = Doubled(polynomial, transform)
    assert [doubled(2.0) for _ in range(9)] == [186.0] * 9
    assert by_plan(Named(polynomial, transform), 2.0) == 93.0


def test_the_last_call_chooses_what_is_shown() -> None:
    function = grad(lambda x: np.sum(x**3))
    by_plan(function, X)
    function(np.ones(3))
    assert function.record_for().graph.outputs[0].shape == (3,)
    function(X)
    assert function.last_plan() is not None
    assert function.record_for().graph.outputs[0].shape == (8,)


def test_a_kernel_that_fails_raises() -> None:
    function = jit(lambda x, i: x[i])
    by_plan(function, X, np.array([3, 4]))
    with pytest.raises(IndexError, match="index 9 is out of bounds for axis 0 with size 8"):
        function(X, np.array([3, 9]))
    by_plan(function, X, np.array([3, 4]))


def test_kernels_that_certify_themselves_get_no_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADC_CHECK", "1")
    function = grad(lambda x: np.sum(x**3) * 1.5)
    for _ in range(4):
        np.testing.assert_array_equal(served_by_python(function, X), 4.5 * X**2)


def test_what_was_printed_has_plans_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GRADC_DEBUG", "2")
    by_plan(grad(lambda x: np.sum(x**3) * 2.5), X)
    assert "gradc simplified" in capsys.readouterr().err
