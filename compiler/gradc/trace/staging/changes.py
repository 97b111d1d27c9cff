"""Lists, dicts and objects that a block of the user's function can reach, and what the block changes in them.

An entry or attribute is a `Place`: it is read and set like a variable, so branches merge it and loops carry it like one.
"""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.ir.tensor import Input
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import current_trace, note_line, trace_error
from gradc.trace.surroundings.objects import ObjectProxy, is_users

#: A block that reaches more lists, dicts and objects than this is refused: what it changes would not be known.
_MOST = 20_000
_COPIED = ("container", "object")
_PROXY = "__gradc__"

Contents = dict[Any, Any]


# ---------------------------------------------------------------- what is in a container


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list | set | deque) or _is_object(value)


def _is_object(value: Any) -> bool:
    kind: Any = type(value)
    if issubclass(kind, ObjectProxy):
        return True
    return (
        kind.__module__ != "builtins" and hasattr(value, "__dict__") and not isinstance(value, type) and is_users(kind)
    )


def contents_of(container: Any) -> Contents:
    """The entries of a container by their place: an index, a key, the name of an attribute."""
    if isinstance(container, dict):
        return dict(container)
    if isinstance(container, list | deque):
        return dict(enumerate(container))
    if isinstance(container, set):
        return dict.fromkeys(container)
    return {name: value for name, value in vars(container).items() if name != _PROXY}


def fill(container: Any, contents: Contents) -> None:
    """Let these be the entries of a container."""
    if isinstance(container, list):
        list.__setitem__(container, slice(None), list(contents.values()))
    elif isinstance(container, dict | set | deque):
        container.clear()
        (container.extend if isinstance(container, deque) else container.update)(
            contents.values() if isinstance(container, deque) else contents
        )
    else:
        own = vars(container)
        kept = {_PROXY: own[_PROXY]} if _PROXY in own else {}
        own.clear()
        own.update(kept, **contents)


def described(container: Any, key: Any) -> str:
    """A place in the user's words."""
    if isinstance(container, list | deque):
        return f"entry {key} of a {type(container).__name__}"
    if isinstance(container, dict | set):
        return f"entry {key!r} of a {type(container).__name__}"
    kind = type(vars(container)[_PROXY][0]) if _PROXY in vars(container) else type(container)
    return f"attribute {key} of a {kind.__name__}"


class Place:
    """An entry of a container, in the form of a closure cell."""

    def __init__(self, container: Any, key: Any) -> None:
        self._container, self._key = container, key

    @property
    def cell_contents(self) -> Any:
        """The entry."""
        found = contents_of(self._container)
        if self._key not in found:
            raise ValueError("empty")
        return found[self._key]

    @cell_contents.setter
    def cell_contents(self, value: Any) -> None:
        _entries(self._container)[self._key] = value

    @cell_contents.deleter
    def cell_contents(self) -> None:
        del _entries(self._container)[self._key]


def _entries(container: Any) -> Any:
    return container if isinstance(container, dict | list | deque) else vars(container)


# ---------------------------------------------------------------- what can be reached


def _insides(value: Any) -> Iterable[Any]:
    if isinstance(value, tuple | set):
        return list(value)
    if isinstance(value, types.FunctionType):
        return [cell.cell_contents for cell in value.__closure__ or () if _is_full(cell)]
    if isinstance(value, types.MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    return contents_of(value).values() if _is_container(value) else ()


def _is_full(cell: types.CellType | Place) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


_LEADING = (TracedArray, tuple, types.FunctionType, types.MethodType, functools.partial)


def _leads_on(value: Any) -> bool:
    return isinstance(
        value, TracedArray | tuple | types.FunctionType | types.MethodType | functools.partial
    ) or _is_container(value)


def reachable(roots: Iterable[Any], *, copies: bool = True) -> Iterator[Any]:
    """What can be reached from blocks, through their variables, or from other values; and the user's containers."""
    known = current_trace().copies if copies else {}
    pending: list[Any] = [known[key][0] for key in known if isinstance(key, tuple) and key[0] in _COPIED]
    pending.extend(filter(_leads_on, roots))
    seen: set[int] = set()
    count = 0
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        if not isinstance(value, TracedArray):
            count += 1
            pending.extend(item for item in _insides(value) if _leads_on(item))
        if count > _MOST:
            raise trace_error(
                f"a branch or loop that is traced can reach more than {_MOST} lists, dicts and objects; "
                "hold the numbers in arrays"
            )


def settle(functions: Sequence[Callable[..., Any] | None]) -> None:
    """Gather the writes to the arrays that blocks can reach, so that this is not done inside the blocks."""
    for value in reachable(functions):
        if isinstance(value, TracedArray) and value.extents and not isinstance(value.tensor, Input):
            note_line(value.tensor)


def lists_of_one_name(functions: Sequence[Any], cells: Mapping[str, types.CellType | Place]) -> dict[str, list[Any]]:
    """The lists of some variables that blocks reach by no other way."""
    own = {id(cell) for cell in cells.values()}
    blocks = [f for f in functions if isinstance(f, types.FunctionType)]
    others = [c.cell_contents for f in blocks for c in f.__closure__ or () if id(c) not in own and _is_full(c)]
    found = {name: cell.cell_contents for name, cell in cells.items() if _is_full(cell)}
    lists = {name: value for name, value in found.items() if type(value) is list}
    elsewhere = {id(value) for value in reachable(others)}
    return {name: value for name, value in lists.items() if id(value) not in elsewhere}


# ---------------------------------------------------------------- what has changed


@dataclass(frozen=True)
class Change:
    """A container with its entries before and after a block."""

    container: Any
    before: Contents
    after: Contents


class Containers:
    """The lists, dicts and objects that a block can reach, as they were before it ran."""

    def __init__(self, functions: Sequence[Callable[..., Any] | None]) -> None:
        self._before = {
            id(value): (value, contents_of(value)) for value in reachable(functions) if _is_container(value)
        }

    def changes(self) -> dict[int, Change]:
        """The containers that are not what they were."""
        found = {}
        for key, (container, before) in self._before.items():
            after = _set_entries(container, before)
            if len(before) != len(after) or any(
                (j is not k and j != k) or before[j] is not after[k] for j, k in zip(before, after, strict=True)
            ):
                found[key] = Change(container, before, after)
        return found

    def restore(self) -> None:
        """Let all be what it was; attributes that were only looked at stay known."""
        for change in self.changes().values():
            fill(change.container, untouched(change.container, change) | change.before)


def untouched(container: Any, change: Change) -> Contents:
    """Attributes that were only looked at."""
    is_proxy = issubclass(type(container), ObjectProxy)
    return {k: v for k, v in contents_of(container).items() if k not in change.after} if is_proxy else {}


def completed(container: Any, contents: Contents, other: Contents) -> Contents:
    """With those attributes of the user's object that only the other contents have."""
    if not issubclass(type(container), ObjectProxy):
        return contents
    missing = {name for name in other if name not in contents and hasattr(vars(container)[_PROXY][0], name)}
    return contents | {name: getattr(container, name) for name in other if name in missing}


def _set_entries(container: Any, before: Contents) -> Contents:
    """The entries, without attributes that stand for those of the user's object and were only looked at."""
    after = contents_of(container)
    if not issubclass(type(container), ObjectProxy):
        return after
    target, path, stand_in = vars(container)[_PROXY]
    return {
        name: value
        for name, value in after.items()
        if name in before or not _stands_for(value, target, name, path, stand_in)
    }


def _stands_for(value: Any, target: Any, name: str, path: Any, stand_in: Any) -> bool:
    if not hasattr(target, name):
        return False
    if isinstance(value, TracedArray):
        capture = current_trace().captures.get(value.tensor)  # type: ignore[call-overload]
        return capture is not None and capture.path == path.attribute(name).text
    return value is stand_in(getattr(target, name), path.attribute(name))


def remedy(container: Any) -> str:
    """What to do about a container whose length or keys depend on a traced condition."""
    if isinstance(container, list | deque):
        return "append to it in both cases, or count, and assign to entries of an array made before"
    return "set it in both cases, or before"
