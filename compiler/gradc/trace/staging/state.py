"""What a rewritten block of the user's function reads and changes: variables (closure cells), arrays, containers."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from gradc.errors import TraceError
from gradc.trace.arrays.storage import Content, Storage, axes, read_only
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import Body, trace_error
from gradc.trace.staging.alternatives import Alternative
from gradc.trace.staging.changes import Place
from gradc.trace.staging.writes import Writes

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


#: Variables by their names: closure cells, and entries of containers.
Cells = dict[str, types.CellType | Place]


def cells_of(functions: Sequence[Callable[..., Any] | None], names: Iterable[str]) -> Cells:
    """The variables that some blocks share with the function around them."""
    found: Cells = {}
    for function in functions:
        if isinstance(function, types.FunctionType):
            found.update(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return {name: found[name] for name in names if name in found}


def variables_of(names: Sequence[str], functions: Sequence[Any]) -> Sequence[str]:
    """The names, which must all be closure cells: a module's globals can't depend on a traced condition."""
    cells = cells_of(functions, names)
    for name in names:
        if name not in cells:
            raise trace_error(
                f"the global variable `{name}` is set under a traced condition; use a local variable, and return it"
            )
    return names


class _Unbound(Undefined):
    """The error names the line that uses the variable."""

    def refuse(self) -> NoReturn:
        """Raise the error."""
        raise trace_error(self._why)


#: The value of a variable that has none.
UNBOUND = _Unbound("a variable is used before it has a value; set it before the branch or loop")


def read(cell: types.CellType | Place) -> Any:
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


def can_change(value: Any) -> bool:
    """Whether a value can be changed in place: a list, a dict, an array that ``+=`` leaves where it is."""
    if isinstance(value, tuple):
        return any(map(can_change, value))
    return isinstance(value, TracedArray) and not value.immutable if isinstance(value, _NUMBERS) else value is not None


def arrays_in(value: Any) -> list[TracedArray]:
    """The arrays that can be written to in a value."""
    return [leaf for leaf in flatten(value)[0] if isinstance(leaf, TracedArray) and not leaf.immutable]


def _references(cell: types.CellType | Place) -> tuple[int, int]:
    """How many references there are to a variable's value, and to what it holds."""
    value: Any = cell.cell_contents
    return sys.getrefcount(value), sys.getrefcount(getattr(value, "_storage", None)) if hasattr(
        value, "_storage"
    ) else 0


#: As many as there are when the variable is all that knows the value.
_OF_ONE_NAME = _references(types.CellType(types.SimpleNamespace(_storage=object())))


def has_one_name(cell: types.CellType | Place) -> bool:
    """Whether a variable is surely the only name of its array, list or dict."""
    if not isinstance(read(cell), TracedArray | list | dict) or _is_view(read(cell)):
        return False
    return all(count <= least for count, least in zip(_references(cell), _OF_ONE_NAME, strict=True))


def _is_view(value: Any) -> bool:
    return isinstance(value, TracedArray) and value.region() is not None


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


@contextmanager
def kept(cells: Cells) -> Iterator[dict[str, Any]]:
    """Within, a block runs; afterwards its variables are what they were."""
    before = values_of(cells)
    try:
        yield before
    finally:
        restored(cells, before)
