"""How a function reaches what it did not get as an argument: paths that can be read again, step by step.

A path begins at the traced function or at a known object, and each step is one of the accesses below. They are data, so
that the call path can check them without running Python.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

Root = Any
#: From an owner and a key to what is found there.
Access = Callable[[Any, Any], Any]


def attribute(owner: Any, name: str) -> Any:
    """``owner.name``."""
    return getattr(owner, name)


def item(owner: Any, key: Any) -> Any:
    """``owner[key]``."""
    return owner[key]


def cell(function: Any, position: int) -> Any:
    """A closure cell of a function."""
    return function.__closure__[position]


def content(owner: Any, _: None) -> Any:
    """What a closure cell holds."""
    return owner.cell_contents


def default(function: Any, position: int) -> Any:
    """The default of a positional parameter."""
    return function.__defaults__[position]


def keyword_default(function: Any, name: str) -> Any:
    """The default of a keyword-only parameter."""
    return function.__kwdefaults__[name]


def member(owner: Any, name: str) -> Any:
    """What a class itself holds under a name."""
    return vars(owner)[name]


def method(owner: Any, name: str) -> Any:
    """The function behind a method or property of an object or class, or what the object has in its stead."""
    if isinstance(owner, type):
        return plain_function(class_attribute(owner, name))
    found = class_attribute(type(owner), name)
    if is_shadowed(found, name):
        return getattr(owner, "__dict__", {}).get(name, plain_function(found))
    return plain_function(found)


def is_shadowed(found: Any, name: str) -> bool:
    """Whether an object's own attribute goes before this one of its class."""
    return isinstance(found, types.FunctionType | staticmethod | classmethod) and not name.startswith("__")


def class_attribute(kind: type, name: str) -> Any:
    """What the class or a base holds under this name, without binding it."""
    return next((base.__dict__[name] for base in kind.__mro__ if name in base.__dict__), None)


def plain_function(found: Any) -> Any:
    """The function that a property, static method or class method is made of."""
    if isinstance(found, property):
        return found.fget
    if isinstance(found, functools.cached_property):
        return found.func
    return found.__func__ if isinstance(found, staticmethod | classmethod) else found


class Path:
    """How the function reaches a value: the user's words for it, and how to read it again.

    Without an access it is the function itself, or (`known_path`) an object whatever the function.
    """

    __slots__ = ("access", "is_known", "key", "text", "up")

    def __init__(
        self, text: str, up: Path | None = None, access: Access | None = None, key: Any = None, is_known: bool = False
    ) -> None:
        self.text, self.up, self.access, self.key, self.is_known = text, up, access, key, is_known

    def read(self, root: Root) -> Any:
        """The present value, for this function."""
        if self.up is None or self.access is None:
            return self.key if self.is_known else root
        return self.access(self.up.read(root), self.key)

    def attribute(self, name: str) -> Path:
        """``path.name``."""
        return Path(f"{self.text}.{name}", self, attribute, name)

    def item(self, key: Any) -> Path:
        """``path[key]``."""
        return Path(f"{self.text}[{key!r}]", self, item, key)


def known_path(text: str, value: Any) -> Path:
    """The path of an object that is met as it is, whatever the function."""
    return Path(text, key=value, is_known=True)
