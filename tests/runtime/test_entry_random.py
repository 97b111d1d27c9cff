"""Calls with random arguments: a plan gives what Python gives, also after the arguments have changed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from entry_support import assert_same, in_python
from hypothesis import given, settings
from hypothesis import strategies as st

from gradc.api import jit
from gradc_runtime.layout import calls_are_possible

pytestmark = pytest.mark.skipif(not calls_are_possible(), reason="this interpreter has another layout")


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=4)))
    dtype = draw(st.sampled_from(["f8", "f4", "i8", "?"]))
    made = (np.arange(float(np.prod(shape, dtype=int))) + draw(st.integers(0, 3))).reshape(shape).astype(dtype)
    return made if draw(st.booleans()) else made.T.copy().T


numbers = st.one_of(
    st.floats(-4, 4), st.integers(-5, 5), st.floats(-4, 4).map(np.float64), st.integers(-5, 5).map(np.int32)
)
leaves = st.one_of(numbers, arrays(), st.none())
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    ),
    max_leaves=5,
)


def doubled(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: doubled(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(doubled(value) for value in tree)
    return None if tree is None else (tree + tree if tree is not False else tree)


def of_all(*args: Any, first: Any = None, second: Any = None) -> Any:
    return [doubled(args), {"first": doubled(first), "second": doubled(second)}]


@settings(max_examples=60, deadline=None)
@given(
    calls=st.lists(
        st.tuples(st.lists(trees, max_size=2), st.dictionaries(st.sampled_from(["first", "second"]), trees)),
        min_size=1,
        max_size=3,
    ),
    order=st.lists(st.integers(0, 2), min_size=8, max_size=16),
)
def test_plans_give_what_python_gives(calls: list[tuple[list[Any], dict[str, Any]]], order: list[int]) -> None:
    checking = os.environ.pop("GRADC_CHECK", None)
    try:
        function = jit(of_all)
        expected = [in_python(jit(of_all), *args, **kwargs) for args, kwargs in calls]
        for position in [*range(len(calls)), *order]:
            args, kwargs = calls[position % len(calls)]
            assert_same(function(*args, **kwargs), expected[position % len(calls)])
    finally:
        if checking is not None:
            os.environ["GRADC_CHECK"] = checking


class Thing:
    """An object whose attributes are captured."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def twice(self) -> Any:
        return 2 * self.value


class OtherThing(Thing):
    def twice(self) -> Any:
        return 3 * self.value


STATE: dict[str, Any] = {}

values = st.one_of(
    st.floats(-4, 4),
    st.integers(-5, 5),
    st.floats(-4, 4).map(np.float64),
    st.floats(-4, 4).map(lambda v: np.full(3, v)),
)
states = st.fixed_dictionaries(
    {
        "number": values,
        "list": st.lists(values, min_size=2, max_size=3),
        "tuple": st.tuples(values, st.lists(values, min_size=1, max_size=1)),
        "dict": st.fixed_dictionaries({"w": values}, optional={"b": values}),
        "thing": st.one_of(values.map(Thing), values.map(OtherThing)),
        "flag": st.booleans(),
    }
)


def of_state(x: Any) -> Any:
    total = x * STATE["number"] + STATE["list"][1] - STATE["tuple"][0] * STATE["tuple"][1][0]
    for value in STATE["dict"].values():
        total = total + value
    for value in STATE["list"]:
        total = total * value
    return total + STATE["thing"].twice() if STATE["flag"] else total - STATE["thing"].value


@settings(max_examples=40, deadline=None)
@given(
    first=states,
    changes=st.lists(
        st.tuples(
            states,
            st.sets(st.sampled_from(["number", "list", "tuple", "dict", "thing", "flag"]), max_size=2),
            st.booleans(),
        ),
        max_size=6,
    ),
)
def test_captures_are_what_they_are_at_each_call(first: dict[str, Any], changes: list[Any]) -> None:
    checking = os.environ.pop("GRADC_CHECK", None)
    try:
        function = jit(of_state)
        STATE.clear()
        STATE.update(first)
        for state, keys, in_place in [(first, set(), False), *changes]:
            for key in keys:
                if in_place and key == "list":
                    STATE[key][:] = state[key]
                elif in_place and key == "dict":
                    STATE[key].update(state[key])
                elif in_place and key == "thing":
                    STATE[key].value = state[key].value
                else:
                    STATE[key] = state[key]
            for _ in range(3):
                np.testing.assert_allclose(function(1.5), of_state(1.5), rtol=1e-12, atol=1e-12)
    finally:
        if checking is not None:
            os.environ["GRADC_CHECK"] = checking


def test_arguments_of_very_many_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADC_CHECK", raising=False)
    for count in (300, 1900):
        function = jit(lambda values: values[0] + values[-1])
        values = [float(k) for k in range(count)]
        assert [function(values) for _ in range(4)] == [count - 1.0] * 4
