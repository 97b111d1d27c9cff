"""What a rewritten block of the user's function reads and changes: variables (closure cells), arrays, containers."""

from __future__ import annotations

import operator
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from gradc.errors import TraceError
from gradc.ir.tensor import Input
from gradc.trace.arrays.storage import Content, Storage, axes, read_only
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import Body, current_trace, note_line, trace_error
from gradc.trace.staging.alternatives import Alternative
from gradc.trace.staging.writes import Writes
from gradc.trace.surroundings.objects import ObjectProxy

_NUMBERS = (TracedArray, bool, int, float, complex, np.generic, np.ndarray)


# ---------------------------------------------------------------- variables


class Undefined:
    """Stands for the value of a variable that has none on some path: whatever is done with it is an error.

    The error says why, and names the line of the branch or loop that left the variable so.
    """

    def __init__(self, why: str) -> None:
        self._why = why

    def refuse(self) -> NoReturn:
        """Raise the error."""
        raise TraceError(self._why)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.refuse()

    def __repr__(self) -> str:
        return "Undefined"


def _refuse(self: Undefined, *args: Any, **kwargs: Any) -> Any:
    self.refuse()


_BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift divmod".split()
for _name in (
    *_BINARY,
    *[f"r{n}" for n in _BINARY],
    *"lt le gt ge eq ne neg pos abs invert bool int float index complex len iter getitem setitem call contains".split(),
    *"enter exit array array_ufunc array_function round hash".split(),
):
    setattr(Undefined, f"__{_name}__", _refuse)


def check_defined(value: Any) -> None:
    """Raise the error of a value that is undefined."""
    for leaf in flatten(value)[0]:
        if isinstance(leaf, Undefined):
            leaf.refuse()


Cells = dict[str, types.CellType]


def cells_of(functions: Sequence[Callable[..., Any] | None], names: Iterable[str]) -> Cells:
    """The variables that some blocks share with the function around them."""
    found: Cells = {}
    for function in functions:
        if isinstance(function, types.FunctionType):
            found.update(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return {name: found[name] for name in names if name in found}


class _Unbound(Undefined):
    """The error names the line that uses the variable."""

    def refuse(self) -> NoReturn:
        """Raise the error."""
        raise trace_error(self._why)


#: The value of a variable that has none.
UNBOUND = _Unbound("a variable is used before it has a value; set it before the branch or loop")


def read(cell: types.CellType) -> Any:
    """The value of a variable."""
    try:
        return cell.cell_contents
    except ValueError:
        return UNBOUND


def values_of(cells: Cells) -> dict[str, Any]:
    """The values of variables."""
    return {name: read(cell) for name, cell in cells.items()}


def restored(cells: Cells, values: dict[str, Any]) -> None:
    """Give variables the values that `values_of` found."""
    for name, cell in cells.items():
        if values[name] is not UNBOUND:
            cell.cell_contents = values[name]
        elif read(cell) is not UNBOUND:
            del cell.cell_contents


def is_numeric(value: Any) -> bool:
    """Whether a value is made of numbers and arrays alone."""
    leaves, _ = flatten(value)
    return all(isinstance(leaf, _NUMBERS) for leaf in leaves)


def stays_in_place(value: Any) -> bool:
    """Whether a value holds an array that ``+=`` would leave where it is."""
    return any(isinstance(leaf, TracedArray) and not leaf.immutable for leaf in flatten(value)[0])


def arrays_in(value: Any) -> list[TracedArray]:
    """The arrays that can be written to in a value."""
    return [leaf for leaf in flatten(value)[0] if isinstance(leaf, TracedArray) and not leaf.immutable]


def _references(cell: types.CellType) -> tuple[int, int]:
    """How many references there are to a variable's array, and to what it holds."""
    array: Any = cell.cell_contents
    return sys.getrefcount(array), sys.getrefcount(array._storage)


#: As many as there are when the variable is all that knows the array.
_OF_ONE_NAME = _references(types.CellType(types.SimpleNamespace(_storage=object())))


def has_one_name(cell: types.CellType) -> bool:
    """Whether a variable is surely the only name of its array."""
    if not isinstance(read(cell), TracedArray) or read(cell).region() is not None:
        return False
    return all(count <= least for count, least in zip(_references(cell), _OF_ONE_NAME, strict=True))


def frozen(value: Any) -> Any:
    """Values with the content that their arrays have at this moment."""
    leaves, tree = flatten(value)
    made = [
        TracedArray(leaf.tensor, weak=leaf.weak, immutable=leaf.immutable) if isinstance(leaf, TracedArray) else leaf
        for leaf in leaves
    ]
    return unflatten(tree, made)


def sealed(handle: TracedArray) -> TracedArray:
    """A result that can't be written to: in Python it might be another name of an array from before."""
    if handle.extents and not handle.immutable:
        handle.restrict(read_only(handle.extents, axes(handle.ndim)))
    return handle


# ---------------------------------------------------------------- arrays


class Recorder(Body):
    """The run of a block: it remembers the content of the arrays from before that the block writes to."""

    def __init__(self, carried: Iterable[Storage] = ()) -> None:
        self.before: dict[Storage, Content] = {}
        self._carried = set(carried)
        self._refused: dict[Storage, str] = {}

    def hand_over(self, name: str, value: Any, *, may_write: bool) -> None:
        """The block has a variable's value. It may write to arrays that have no other name, as if it had made them."""
        for array in arrays_in(value):
            if may_write:
                array._storage.body = self
            else:
                self._refused[array._storage] = name

    def writes_outside(self, storage: Storage) -> None:
        """Note an array from before; one that was handed over as a value is not written to."""
        if storage in self._refused:
            name = self._refused[storage]
            raise trace_error(
                f"`{name}` is written to in place and also given another value in a loop; begin with {name} = {name}.copy()"
            )
        if storage not in self.before and storage not in self._carried:
            self.before[storage] = storage.content()

    def owns(self, handle: TracedArray) -> bool:
        """Whether an array was made by the block, and is no view."""
        storage = handle._storage
        return storage.body is self and handle.region() is None and not isinstance(storage, Alternative)

    @property
    def written(self) -> dict[Storage, Writes]:
        """What has been written to the arrays from before."""
        return {storage: Writes.to(storage, content) for storage, content in self.before.items()}

    def undo(self) -> None:
        """Let the arrays from before hold what they held."""
        for storage, content in self.before.items():
            storage.put_back(content)


# ---------------------------------------------------------------- containers

_MOST = 5000
_COPIED = ("container", "object")


def _insides(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | deque):
        return list(value)
    if issubclass(type(value), ObjectProxy):
        return [item for name, item in vars(value).items() if name != "__gradc__"]
    if isinstance(value, types.FunctionType):
        return [read(cell) for cell in value.__closure__ or ()]
    if isinstance(value, types.MethodType):
        return [value.__self__, value.__func__]
    return ()


def _state(value: Any) -> Any:
    if isinstance(value, dict | list | set | deque):
        return value.copy()
    return dict(vars(value)) if issubclass(type(value), ObjectProxy) else None


def _reachable(functions: Sequence[Callable[..., Any] | None]) -> Iterator[Any]:
    """What blocks can reach through their variables, and the copies of the user's containers."""
    copies = current_trace().copies
    pending: list[Any] = [copies[key][0] for key in copies if isinstance(key, tuple) and key[0] in _COPIED]
    pending.extend(f for f in functions if f is not None)
    seen: set[int] = set()
    while pending and len(seen) < _MOST:
        value = pending.pop()
        if id(value) not in seen:
            seen.add(id(value))
            yield value
            pending.extend(_insides(value))


def settle(functions: Sequence[Callable[..., Any] | None]) -> None:
    """Gather the writes to the arrays that blocks can reach, so that this is not done inside the blocks."""
    for value in _reachable(functions):
        if isinstance(value, TracedArray) and value.extents and not isinstance(value.tensor, Input):
            note_line(value.tensor)


class Containers:
    """The lists, dicts and objects that a block can reach, as they were before it ran."""

    def __init__(self, functions: Sequence[Callable[..., Any] | None]) -> None:
        states = [(value, _state(value)) for value in _reachable(functions)]
        self._before = {id(value): (value, state) for value, state in states if state is not None}

    def changed(self) -> Any:
        """A container that is not what it was; None where there is none."""
        for value, state in self._before.values():
            if issubclass(type(value), ObjectProxy):
                if _is_set(value, state):
                    return value
            elif len(value) != len(state) or not all(map(operator.is_, _entries(value), _entries(state))):
                return value
        return None

    def restore(self) -> None:
        """Let all be what it was."""
        for value, state in self._before.values():
            if issubclass(type(value), ObjectProxy):
                if _is_set(value, state):
                    vars(value).clear()
                    vars(value).update(state)
            elif isinstance(value, list):
                value[:] = state
            else:
                value.clear()
                (value.extend if isinstance(value, deque) else value.update)(state)


def _entries(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield item
    else:
        yield from value


def _is_set(proxy: Any, state: dict[str, Any]) -> bool:
    """Whether an attribute was set; one that was only looked at is kept with the others, too."""
    target = state["__gradc__"][0]
    captures = current_trace().captures
    for name, value in vars(proxy).items():
        if name in state:
            if value is not state[name]:
                return True
        elif not hasattr(target, name) or (isinstance(value, TracedArray) and value.tensor not in captures):
            return True
    return False


def check_unchanged(containers: Containers, what: str) -> None:
    """Raise the error of a block that changes a list, dict or object."""
    found = containers.changed()
    if found is not None:
        containers.restore()
        kind = type(found).__name__ if isinstance(found, dict | list | set | deque) else "object"
        doing = {"list": "append, item assignment", "object": "attribute assignment"}.get(kind, "item assignment")
        raise trace_error(
            f"{'an' if kind == 'object' else 'a'} {kind} is changed ({doing}) inside {what}; assign to variables, or to an "
            "array made before, which are carried, and fill the container afterwards"
        )


@contextmanager
def kept(cells: Cells) -> Iterator[dict[str, Any]]:
    """Within, a block runs; afterwards its variables are what they were."""
    before = values_of(cells)
    try:
        yield before
    finally:
        restored(cells, before)
