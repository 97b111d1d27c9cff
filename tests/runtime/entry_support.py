"""What the tests of the call path share."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradc.function import Function


def assert_same(result: Any, expected: Any) -> None:
    """The same structure, classes, dtypes and bits."""
    assert type(result) is type(expected)
    if isinstance(expected, dict):
        assert list(result) == list(expected)
        for key in expected:
            assert_same(result[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(result) == len(expected)
        for one, other in zip(result, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray | np.generic):
        assert result.dtype == expected.dtype
        assert result.shape == expected.shape
        assert result.tobytes() == expected.tobytes()
        if isinstance(expected, np.ndarray):
            assert result.flags.carray
            assert result.flags.owndata
    else:
        assert result == expected or result != result


def in_python(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The result of a call that Python serves."""
    return Function.__call__(function, *args, **kwargs)


def by_plan(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The result of a call that machine code serves, once Python has served enough for a plan to be made."""
    expected = in_python(function, *args, **kwargs)
    for _ in range(4):
        result = function(*args, **kwargs)
        if function.last_plan() is not None:
            break
    assert function.last_plan() is not None, "no plan serves this call"
    assert_same(result, expected)
    return result


def served_by_python(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The result of a call that no plan serves."""
    result = function(*args, **kwargs)
    assert function.last_plan() is None
    return result


def anew(text: str) -> str:
    """An equal text that is another object."""
    return text[:1] + text[1:]
