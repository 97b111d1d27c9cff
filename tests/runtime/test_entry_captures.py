"""Captures and conditions under plans: what changed is noticed at the next call, and nothing else costs a trace."""

from __future__ import annotations

import functools
import gc
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from entry_support import by_plan, served_by_python

from gradc.api import grad, jit, value_and_grad
from gradc.function import Function
from gradc_runtime.layout import calls_are_possible

pytestmark = pytest.mark.skipif(not calls_are_possible(), reason="this interpreter has another layout")

RATE: Any = 0.5
POWER = 2
WEIGHTS: Any = np.arange(3.0)
PARAMETERS: Any = {"w": np.ones(3), "layers": [2.0, (3.0, 4.0)]}
X = np.arange(1.0, 4.0)


pytestmark = pytest.mark.usefixtures("plain_kernels")


def still_by_plan(function: Function, *args: Any) -> Any:
    """The result of a call that an existing plan serves."""
    result = function(*args)
    assert function.last_plan() is not None
    return result


def test_a_global_number() -> None:
    global RATE
    function = grad(lambda x: RATE * x**2)
    by_plan(function, 2.0)
    RATE = 0.25
    assert still_by_plan(function, 2.0) == 1.0
    RATE = np.float32(2.0)
    assert served_by_python(function, 2.0) == 8.0
    RATE = 3
    assert served_by_python(function, 2.0) == 12.0
    RATE = np.ones(1)
    with pytest.raises(TypeError):
        function(2.0)
    RATE = 0.5
    assert still_by_plan(function, 2.0) == 2.0


def test_a_global_array() -> None:
    global WEIGHTS
    function = jit(lambda x: x @ WEIGHTS)
    by_plan(function, X)
    WEIGHTS[0] = 10.0
    assert still_by_plan(function, X) == 18.0
    WEIGHTS = np.ones(3)
    assert still_by_plan(function, X) == 6.0
    for other in (np.ones(3, int), np.ones(6)[::2], np.ones(3, ">f8"), np.ones(3, "f4")):
        WEIGHTS = other
        assert served_by_python(function, X) == 6.0
    WEIGHTS = np.ones((3, 2))
    assert served_by_python(function, X).shape == (2,)
    WEIGHTS = np.arange(3.0)
    assert still_by_plan(function, X) == 8.0


def test_a_global_that_disappears() -> None:
    scope: dict[str, Any] = {"np": np, "K": 3.0}
    exec("def f(x):\n    return K * x", scope)
    function = jit(scope["f"])
    by_plan(function, 2.0)
    del scope["K"]
    with pytest.raises(NameError):
        function(2.0)
    scope["K"] = 4.0
    assert function(2.0) == 8.0


def test_a_closure_cell() -> None:
    factor: Any = 3.0

    def scaled(x: Any) -> Any:
        return factor * x

    function = jit(scaled)
    by_plan(function, 2.0)
    factor = 4.0
    assert still_by_plan(function, 2.0) == 8.0
    factor = X
    np.testing.assert_array_equal(served_by_python(function, 2.0), 2 * X)
    del factor
    with pytest.raises(NameError):
        function(2.0)
    factor = 5.0
    assert still_by_plan(function, 2.0) == 10.0


def test_functions_that_share_their_records_read_their_own_cells() -> None:
    def scaled(factor: float) -> Function:
        return jit(lambda x: factor * x)

    functions = [scaled(float(k)) for k in range(5)]
    for _ in range(4):
        assert [function(2.0) for function in functions] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert all(function.last_plan() is not None for function in functions)


def test_a_pinned_value() -> None:
    global POWER, RATE
    function = jit(lambda x: x**POWER if RATE > 0 else -x)
    by_plan(function, 3.0)
    POWER = 3
    assert served_by_python(function, 3.0) == 27.0
    RATE = -1.0
    assert served_by_python(function, 3.0) == -3.0
    RATE, POWER = 0.5, 2
    assert function(3.0) == 9.0


def test_a_pinned_array() -> None:
    mask = np.array([True, False, True])

    def chosen(x: Any) -> Any:
        return sum(x[k] for k in range(3) if mask[k])

    function = jit(chosen)
    by_plan(function, X)
    mask[1] = True
    assert served_by_python(function, X) == 6.0
    mask[1] = False
    assert function(X) == 4.0


class Model:
    def __init__(self) -> None:
        self.w: Any = 2.0
        self.inner = types.SimpleNamespace(b=1.0)
        self.kind = "plus"

    @property
    def double(self) -> Any:
        return 2 * self.w

    def loss(self, x: Any) -> Any:
        return self.shift(self.w * x) if self.kind == "plus" else self.double * x

    def shift(self, x: Any) -> Any:
        return x + self.inner.b


def test_attributes_of_an_object() -> None:
    model = Model()
    function = jit(model.loss)
    assert by_plan(function, 3.0) == 7.0
    model.w = 3.0
    assert still_by_plan(function, 3.0) == 10.0
    model.inner.b = 2.0
    assert still_by_plan(function, 3.0) == 11.0
    model.inner = types.SimpleNamespace(b=5.0)
    assert served_by_python(function, 3.0) == 14.0
    model.kind = "double"
    assert served_by_python(function, 3.0) == 18.0
    model.w = np.arange(2.0)
    np.testing.assert_array_equal(served_by_python(function, 3.0), [0.0, 6.0])
    model.w, model.kind = 1.0, "plus"
    assert function(3.0) == 8.0
    del model.w
    with pytest.raises(AttributeError):
        function(3.0)


def test_a_method_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    function = jit(lambda x: model.shift(x))
    assert by_plan(function, 3.0) == 4.0
    monkeypatch.setattr(Model, "shift", lambda self, x: x - self.inner.b)
    assert served_by_python(function, 3.0) == 2.0
    by_plan(function, 3.0)
    monkeypatch.undo()
    assert function(3.0) == 4.0
    model.shift = lambda x: 7.0 * x  # type: ignore[method-assign]
    assert served_by_python(function, 3.0) == 21.0


def test_an_object_of_another_class() -> None:
    class Other(Model):
        def shift(self, x: Any) -> Any:
            return 10 * x

    model = Model()
    function = jit(lambda x: model.shift(x))
    assert by_plan(function, 3.0) == 4.0
    model.__class__ = Other
    assert served_by_python(function, 3.0) == 30.0
    model = Model()
    assert function(3.0) == 4.0


def helper(x: Any) -> Any:
    return RATE * x


def other_helper(x: Any) -> Any:
    return x - 1


def test_a_helper_that_is_replaced() -> None:
    global helper
    original = helper
    function = jit(lambda x: helper(x))
    assert by_plan(function, 3.0) == 1.5
    helper = other_helper
    assert served_by_python(function, 3.0) == 2.0
    helper = original
    assert still_by_plan(function, 3.0) == 1.5
    code = original.__code__
    original.__code__ = other_helper.__code__
    assert served_by_python(function, 3.0) == 2.0
    original.__code__ = code
    assert still_by_plan(function, 3.0) == 1.5


def test_defaults() -> None:
    def scaled(x: Any, factor: Any = 2.0, *, shift: Any = 1.0) -> Any:
        return factor * x + shift

    function = jit(scaled)
    assert by_plan(function, 3.0) == 7.0
    scaled.__defaults__ = (3.0,)
    assert served_by_python(function, 3.0) == 10.0
    by_plan(function, 3.0)
    scaled.__kwdefaults__["shift"] = 2.0
    assert function(3.0) == 11.0
    scaled.__kwdefaults__ = {"shift": 5.0}
    assert function(3.0) == 14.0


def test_containers() -> None:
    global PARAMETERS
    function = jit(lambda x: PARAMETERS["w"] @ x * PARAMETERS["layers"][0] + PARAMETERS["layers"][1][1])
    assert by_plan(function, X) == 16.0
    PARAMETERS["w"] = 2 * np.ones(3)
    assert still_by_plan(function, X) == 28.0
    PARAMETERS["layers"][0] = 1.0
    assert still_by_plan(function, X) == 16.0
    PARAMETERS["layers"][1] = (0.0, 1.0)
    assert served_by_python(function, X) == 13.0
    PARAMETERS["layers"].append(1.0)
    assert served_by_python(function, X) == 13.0
    PARAMETERS["layers"].pop()
    PARAMETERS["extra"] = 1.0
    assert served_by_python(function, X) == 13.0
    del PARAMETERS["extra"]
    del PARAMETERS["layers"][1]
    with pytest.raises(IndexError):
        function(X)
    PARAMETERS = {"w": np.ones(3), "layers": [2.0, (3.0, 4.0)]}
    assert function(X) == 16.0


def test_a_set_and_a_partial() -> None:
    chosen = {0, 2}
    function = jit(lambda x: sum(x[k] for k in range(3) if k in chosen))
    assert by_plan(function, X) == 4.0
    chosen.add(1)
    assert served_by_python(function, X) == 6.0
    scale = [2.0]
    times: Callable[..., Any] = functools.partial(lambda s, x: s[0] * x, scale)
    product = jit(lambda x: times(x))
    assert by_plan(product, 3.0) == 6.0
    scale[0] = 4.0
    assert still_by_plan(product, 3.0) == 12.0


def test_functions_of_functions() -> None:
    inner = jit(lambda x: RATE * x**2)
    outer = value_and_grad(lambda x: inner(x) + grad(inner)(x))
    assert by_plan(outer, 2.0) == (4.0, 3.0)
    inner = jit(lambda x: 3 * x)
    assert served_by_python(outer, 2.0) == (9.0, 3.0)


def test_an_attribute_that_appears() -> None:
    model = Model()
    function = jit(lambda x: x * model.extra if hasattr(model, "extra") else x)
    assert by_plan(function, 3.0) == 3.0
    model.extra = 2.0  # type: ignore[attr-defined]
    assert served_by_python(function, 3.0) == 6.0


def test_an_array_of_unknown_origin_gets_no_plan() -> None:
    arrays = iter([np.full(3, float(k)) for k in range(20)])
    function = jit(lambda x: np.sum(x * next(arrays)))
    assert [served_by_python(function, X) for _ in range(5)] == [0.0, 6.0, 12.0, 18.0, 24.0]


def test_plans_keep_no_containers_or_objects_alive() -> None:
    class Holder:
        def __init__(self, value: Any) -> None:
            self.values = [value]

    holder: Any = Holder(np.ones(3))
    function = jit(lambda x: holder.values[0] @ x)
    assert by_plan(function, X) == 6.0
    references = [weakref.ref(holder), weakref.ref(holder.values[0])]
    holder = Holder(np.zeros(3))
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert function(X) == 0.0


def test_objects_in_the_place_of_dead_ones() -> None:
    class Other:
        def __init__(self) -> None:
            self.values = (100.0,)

    class Holder:
        def __init__(self, value: float) -> None:
            self.values = [value]

    holder: Any = Holder(1.0)
    function = jit(lambda x: holder.values[0] * x)
    by_plan(function, 2.0)
    for k in range(200):
        holder = None
        holder = Other() if k % 3 == 0 else Holder(float(k))
        assert function(2.0) == (200.0 if k % 3 == 0 else 2.0 * k)


def test_an_attribute_that_calls_the_function_itself() -> None:
    depth = 0

    def computed(name: str) -> float:
        nonlocal depth
        if name == "broken":
            raise AttributeError(name)
        if 0 < depth < 4:
            depth += 1
            assert function(1.0) == 2.0
        return 2.0

    source: Any = types.ModuleType("somewhere")
    source.__getattr__ = computed
    function = jit(lambda x: source.value * x)
    by_plan(function, 3.0)
    depth = 1
    assert function(3.0) == 6.0
    assert depth == 4


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError, AttributeError])
def test_an_attribute_that_raises(error: type[BaseException]) -> None:
    raised: list[BaseException] = []

    def computed(name: str) -> float:
        if raised:
            raise raised.pop()
        return 2.0

    source: Any = types.ModuleType("somewhere")
    source.__getattr__ = computed
    function = jit(lambda x: source.value * x)
    by_plan(function, 3.0)
    raised.append(error("stop"))
    if issubclass(error, Exception):
        assert served_by_python(function, 3.0) == 6.0
    else:
        with pytest.raises(error, match="stop"):
            function(3.0)
    assert still_by_plan(function, 3.0) == 6.0


def test_calls_inside_a_trace_join_it() -> None:
    inner = jit(lambda x: x**2)
    by_plan(inner, 3.0)
    assert grad(lambda x: inner(x) * x)(2.0) == 12.0
    assert still_by_plan(inner, 3.0) == 9.0
