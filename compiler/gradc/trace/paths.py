"""How traced code reaches a value, and what a trace relies on about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradc.trace.context import current_trace
from gradc.trace.records import Reader, Root

StandInOf = Callable[[Any, "Path"], Any]


@dataclass(frozen=True)
class Path:
    """How the function reaches a value: the user's words for it, and how to read it again."""

    text: str
    read: Reader

    def attribute(self, name: str) -> Path:
        """``path.name``."""
        return Path(f"{self.text}.{name}", lambda root, up=self.read: getattr(up(root), name))  # type: ignore[misc]

    def item(self, key: Any) -> Path:
        """``path[key]``."""
        return Path(f"{self.text}[{key!r}]", lambda root, up=self.read: up(root)[key])  # type: ignore[misc]


def root_path(function: Any) -> Path:
    """The path of the traced function itself."""
    return Path(getattr(function, "__name__", "f"), lambda root: root)


def constant_path(function: Any) -> Path:
    """The path of a function that is met as it is, whatever the root."""
    return Path(getattr(function, "__name__", "f"), lambda _: function)


def equal_to(value: Any, path: Path) -> Any:
    """The value itself; the trace relies on its being equal at later calls."""
    kind, read = type(value), path.read

    def holds(root: Root) -> bool:
        present = read(root)
        return type(present) is kind and bool(present == value)

    current_trace().rely_on(path.text, holds, value)
    return value


def identical(value: Any, path: Path) -> Any:
    """The value itself; the trace relies on its being the same object at later calls."""
    read = path.read
    current_trace().rely_on(path.text, lambda root: read(root) is value, value)
    return value


def same_kind(value: Any, path: Path) -> None:
    """The trace relies on the type of the value."""
    kind, read = type(value), path.read
    current_trace().rely_on(f"type({path.text})", lambda root: type(read(root)) is kind, value)
