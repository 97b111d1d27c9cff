"""What a trace relies on about the things that the function reaches: each condition is checked again at later calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from gradc.trace.surroundings.access import Path, Root


@dataclass(frozen=True)
class Condition:
    """Something about the value at a path."""

    path: Path

    @property
    def text(self) -> str:
        """What it is about, in the user's words."""
        return self.path.text

    def holds(self, root: Root) -> bool:
        """Whether it is still so, for this function."""
        raise NotImplementedError


@dataclass(frozen=True)
class Is(Condition):
    """The value is this very object."""

    value: Any

    def holds(self, root: Root) -> bool:
        return self.path.read(root) is self.value


@dataclass(frozen=True)
class Equals(Condition):
    """The value has the type of this one and equals it."""

    value: Any

    def holds(self, root: Root) -> bool:
        present = self.path.read(root)
        return type(present) is type(self.value) and bool(present == self.value)


@dataclass(frozen=True)
class HasType(Condition):
    """The value is of exactly this class."""

    kind: type[Any]

    @property
    def text(self) -> str:
        return f"type({self.path.text})"

    def holds(self, root: Root) -> bool:
        return type(self.path.read(root)) is self.kind


@dataclass(frozen=True)
class HasCode(Condition):
    """The value is a function of this code in this module."""

    code: CodeType
    scope: dict[str, Any]

    @property
    def text(self) -> str:
        return f"code of {self.path.text}"

    def holds(self, root: Root) -> bool:
        present = self.path.read(root)
        return getattr(present, "__code__", None) is self.code and present.__globals__ is self.scope


@dataclass(frozen=True)
class HasKeys(Condition):
    """The value is a dict of exactly this class, with these keys in this order."""

    kind: type[Any]
    keys: list[Any]

    @property
    def text(self) -> str:
        return f"keys of {self.path.text}"

    def holds(self, root: Root) -> bool:
        present = self.path.read(root)
        return type(present) is self.kind and list(present) == self.keys


@dataclass(frozen=True)
class HasLength(Condition):
    """The value is a container of exactly this class with so many entries."""

    kind: type[Any]
    length: int

    @property
    def text(self) -> str:
        return f"length of {self.path.text}"

    def holds(self, root: Root) -> bool:
        present = self.path.read(root)
        return type(present) is self.kind and len(present) == self.length


@dataclass(frozen=True)
class SameAs(Condition):
    """Two paths lead to one object."""

    other: Path

    @property
    def text(self) -> str:
        return f"{self.path.text} is {self.other.text}"

    def holds(self, root: Root) -> bool:
        return self.path.read(root) is self.other.read(root)


@dataclass(frozen=True)
class HasContent(Condition):
    """The value is an array or number of this content, to the bit."""

    value: np.ndarray

    @property
    def text(self) -> str:
        return f"value of {self.path.text}"

    def holds(self, root: Root) -> bool:
        present = np.asarray(self.path.read(root))
        return (
            present.shape == self.value.shape
            and present.dtype.newbyteorder("=") == self.value.dtype
            and present.astype(self.value.dtype, copy=False).tobytes() == self.value.tobytes()
        )


@dataclass(frozen=True)
class Satisfies(Condition):
    """The value satisfies a predicate."""

    name: str
    predicate: Callable[[Any], bool]
    #: whether one object always gives one answer
    by_identity: bool = False

    @property
    def text(self) -> str:
        return f"{self.name} {self.path.text}"

    def holds(self, root: Root) -> bool:
        return self.predicate(self.path.read(root))
