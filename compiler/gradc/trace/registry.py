"""Which implementation stands for which NumPy function. Families of functions enter their rows; `surface` looks them up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Implementation = Callable[..., Any]
AnyImplementation = TypeVar("AnyImplementation", bound=Implementation)

#: NumPy's function -> ours, for arguments of which at least one is traced.
FUNCTIONS: dict[Any, Implementation] = {}
#: The same by full name, for functions in modules that NumPy loads when they are first used.
NAMED_FUNCTIONS: dict[str, Implementation] = {}
#: Method and attribute names of arrays -> ours, the array being the first argument.
METHODS: dict[str, Implementation] = {}
ATTRIBUTES: dict[str, Implementation] = {}


def implements(*functions: Any, method: str | None = None) -> Callable[[AnyImplementation], AnyImplementation]:
    """Enter the decorated function for these NumPy functions (and as an array method)."""

    def enter(implementation: AnyImplementation) -> AnyImplementation:
        for function in functions:
            FUNCTIONS[function] = implementation
        if method is not None:
            METHODS[method] = implementation
        return implementation

    return enter


def implements_named(full_name: str) -> Callable[[AnyImplementation], AnyImplementation]:
    """Enter the decorated function for the function of this full name."""

    def enter(implementation: AnyImplementation) -> AnyImplementation:
        NAMED_FUNCTIONS[full_name] = implementation
        return implementation

    return enter


def attribute(name: str) -> Callable[[AnyImplementation], AnyImplementation]:
    """Enter the decorated function as an array attribute."""

    def enter(implementation: AnyImplementation) -> AnyImplementation:
        ATTRIBUTES[name] = implementation
        return implementation

    return enter
