"""What a trace relies on about a value that it reached by a path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradc.trace.context import current_trace
from gradc.trace.surroundings.access import Path, known_path
from gradc.trace.surroundings.conditions import Equals, HasType, Is

StandInOf = Callable[[Any, Path], Any]


def root_path(function: Any) -> Path:
    """The path of the traced function itself."""
    return Path(getattr(function, "__name__", "f"))


def constant_path(function: Any) -> Path:
    """The path of a function that is met as it is, whatever the root."""
    return known_path(getattr(function, "__name__", "f"), function)


def equal_to(value: Any, path: Path) -> Any:
    """The value itself; the trace relies on its being equal at later calls."""
    current_trace().rely_on(Equals(path, value), value)
    return value


def identical(value: Any, path: Path) -> Any:
    """The value itself; the trace relies on its being the same object at later calls."""
    current_trace().rely_on(Is(path, value), value)
    return value


def same_kind(value: Any, path: Path) -> None:
    """The trace relies on the type of the value."""
    current_trace().rely_on(HasType(path, type(value)), value)
