"""The names that a user's function gives to what it is handed: what the inputs of a sub-graph are called after."""

from __future__ import annotations

import dis
from collections.abc import Callable
from types import CodeType
from typing import Any

from gradc.trace.containers import leaf_paths


def parameter_name(function: Callable[..., Any], position: int, otherwise: str) -> str:
    """What the function calls its argument number ``position``; ``otherwise`` where that can't be told.

    >>> parameter_name(lambda t, w: w, 1, "init")
    'w'
    """
    code, bound = _code(function)
    if code is None or position + bound >= code.co_argcount:
        return otherwise
    return code.co_varnames[position + bound]


def leaf_names(function: Callable[..., Any], position: int, tree: Any, otherwise: str) -> list[str]:
    """What the function calls the leaves of its argument number ``position``, a container with the structure ``tree``.

    A tuple that the function takes apart, ``p, v = state``, has the names of its parts; what it takes as it is has paths:
    ``state[0]``, ``params['w']``.
    """
    name = parameter_name(function, position, otherwise)
    paths = leaf_paths(tree, name)
    parts = _unpacked(function, name)
    for place, part in enumerate(parts):
        front = f"{name}[{place}]"
        paths = [part + path.removeprefix(front) if path.startswith(front) else path for path in paths]
    return paths


def _code(function: Callable[..., Any]) -> tuple[CodeType | None, int]:
    """The function's code, and how many of its parameters are bound already."""
    code = getattr(function, "__code__", None)
    return (code if isinstance(code, CodeType) else None), int(getattr(function, "__self__", None) is not None)


def _unpacked(function: Callable[..., Any], name: str) -> list[str]:
    """The names of ``a, b = name``, the first of such statements; none where there is none."""
    code, _ = _code(function)
    if code is None:
        return []
    wanted, names = 0, list[str]()
    loaded = False
    for instruction in dis.get_instructions(code):
        operation = instruction.opname
        if wanted:
            stored = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            if not operation.startswith("STORE_FAST"):
                return []
            names += map(str, stored)
            if len(names) >= wanted:
                return names[:wanted] if len(set(names)) == wanted else []
        elif operation == "UNPACK_SEQUENCE" and loaded:
            wanted = int(instruction.argval)
        loaded = operation.startswith("LOAD_FAST") and instruction.argval == name
    return []
