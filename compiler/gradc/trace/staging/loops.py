"""Loops whose trips are decided by traced values, and long loops over fixed ranges, as one node of the graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.errors import DTypeError, ShapeError
from gradc.trace.arrays.storage import Content, Storage
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import current_trace, located, trace_error
from gradc.trace.staging.choice import overwrite, zeros_like
from gradc.trace.staging.escapes import VALUE
from gradc.trace.staging.state import (
    UNBOUND,
    Cells,
    Containers,
    Recorder,
    Undefined,
    check_unchanged,
    frozen,
    is_numeric,
    kept,
    read,
    sealed,
    settle,
    stays_in_place,
    values_of,
)


@dataclass(frozen=True)
class Names:
    """The variables of a loop's body: ``carried`` from trip to trip or beyond, of which ``rebound`` are given other values
    than they had; ``local`` ones of one trip.
    """

    carried: Cells
    rebound: frozenset[str]
    local: Cells


class _Again(Exception):
    """The body changes more than is carried."""


#: How an error of the loop's node names a variable that is carried.
_CARRIED = re.compile(r"init\[0\]\['([^']*)'\]")


class StagedLoop:
    """One loop: what it carries is found by running its body, until that is all it changes."""

    def __init__(
        self,
        block: Callable[..., None],
        names: Names,
        functions: Sequence[Any],
        *,
        trips_known: bool,
        optional: bool = False,
    ) -> None:
        self._block, self._names, self._functions = block, names, functions
        self._trips_known, self._optional = trips_known, optional
        self._shared: set[str] = set()
        settle(functions)
        self._values: dict[str, Any] = {}
        self._late: set[str] = set()
        self._early: set[str] = set()
        self._storages: dict[Storage, None] = {}
        self._same: dict[str, Any] = {}
        for name, value in values_of(names.carried).items():
            if isinstance(value, Undefined):
                self._late.add(name)
            elif is_numeric(value) and (name in names.rebound or not stays_in_place(value)):
                self._values[name] = value
            else:
                self._same[name] = value

    # ------------------------------------------------------------ the node

    def run(self, stage: Callable[[Any], Any]) -> None:
        """Stage the loop by ``stage(init)``, which runs `step` and `test`, and give the variables their last values."""
        for _ in range(len(self._names.carried) + 8):
            init = (dict(self._values), [TracedArray(storage.current()) for storage in self._storages])
            try:
                values, contents = stage(init)
            except _Again:
                continue
            except (ShapeError, DTypeError) as error:
                raise type(error)(_CARRIED.sub(r"`\1`", str(error))) from None
            self._deliver(values, contents)
            return
        raise trace_error("what this loop carries can't be found; carry its variables through gradc.while_loop")

    def _deliver(self, values: dict[str, Any], contents: Sequence[TracedArray]) -> None:
        for name, value in values.items():
            if not self._trips_known or name in self._shared:
                for leaf in flatten(value)[0]:
                    sealed(leaf)
            self._names.carried[name].cell_contents = value
        for name in self._late - set(values):
            self._names.carried[name].cell_contents = _unset(name)
        for name, cell in self._names.local.items():
            cell.cell_contents = _unset(name)
        for storage, content in zip(self._storages, contents, strict=True):
            overwrite(storage, content)

    # ------------------------------------------------------------ one trip

    def test(self, condition: Callable[[], Any], state: Any) -> Any:
        """Whether the loop goes on in this state."""
        recorder = Recorder(self._storages)
        with kept(self._names.carried | self._names.local):
            before = self._install(state)
            try:
                with current_trace().body(recorder):
                    return frozen(condition())
            finally:
                recorder.undo()
                self._put_back(before)

    def step(self, state: Any, *given: Any) -> Any:
        """The state after a trip from this one."""
        containers = Containers(self._functions)
        refused = {leaf._storage: name for name, value in state[0].items() for leaf in flatten(value)[0]}
        recorder = Recorder(self._storages, refused)
        cells = self._names.carried | self._names.local
        with kept(cells):
            before = self._install(state)
            for cell in self._names.local.values():
                cell.cell_contents = UNBOUND
            for name in self._late | (self._early - {VALUE}):
                self._names.carried[name].cell_contents = _too_early(name)
            try:
                with current_trace().body(recorder):
                    self._block(*given)
                    return self._found(recorder)
            finally:
                changed = containers.changed()
                recorder.undo()
                self._put_back(before)
                if changed is not None:
                    check_unchanged(containers, "a loop that is traced as a whole")

    def _install(self, state: Any) -> dict[Storage, Content]:
        values, contents = state
        for name, value in values.items():
            self._names.carried[name].cell_contents = value
        before = {storage: storage.content() for storage in self._storages}
        for storage, content in zip(self._storages, contents, strict=True):
            storage.replace(content.tensor)
        return before

    def _put_back(self, before: dict[Storage, Content]) -> None:
        for storage, content in before.items():
            storage.put_back(content)

    def _found(self, recorder: Recorder) -> Any:
        """What the body made; `_Again` where it changed more than is carried."""
        again = False
        for storage in recorder.before:
            self._storages[storage] = None
            again = True
        for name, value in list(self._same.items()):
            after = read(self._names.carried[name])
            if after is not value:
                if not is_numeric(value) or not is_numeric(after):
                    raise trace_error(_not_a_number(name, after))
                self._values[name] = self._same.pop(name)
                again = True
        again = self._found_late() or again
        if again:
            raise _Again
        values = {name: read(self._names.carried[name]) for name in self._values}
        for name, value in values.items():
            self._check(name, value, recorder)
        return frozen(values), [TracedArray(storage.current()) for storage in self._storages]

    def _found_late(self) -> bool:
        """Variables that the body sets for the first time, where they are known to be set afterwards."""
        found = False
        for name in sorted(self._late):
            value = read(self._names.carried[name])
            if not isinstance(value, Undefined) and (name == VALUE or self._trips_known) and is_numeric(value):
                leaves, tree = flatten(value)
                self._values[name] = unflatten(tree, [zeros_like(leaf) for leaf in leaves])
                self._late.discard(name)
                self._early.add(name)
                found = True
        return found

    def _check(self, name: str, value: Any, recorder: Recorder) -> None:
        if isinstance(value, Undefined):
            raise trace_error(f"`{name}` has no value after some trips of a loop; set it in each of them")
        if not is_numeric(value):
            raise trace_error(_not_a_number(name, value))
        arrays = [leaf for leaf in flatten(value)[0] if isinstance(leaf, TracedArray) and leaf.extents]
        apart = len({id(x._storage) for x in arrays}) == len(arrays) and all(map(recorder.owns, arrays))
        if not apart and self._optional and name != VALUE:
            raise trace_error(f"`{name}` is another name of an array after a trip of a loop; begin with a copy")
        if not apart:
            self._shared.add(name)


def _unset(name: str) -> Undefined:
    return Undefined(located(f"`{name}` gets its value inside a loop that may not run at all; set it before the loop"))


def _too_early(name: str) -> Undefined:
    return Undefined(located(f"`{name}` has no value in the first trip of the loop; set it before the loop"))


def _not_a_number(name: str, value: Any) -> str:
    return (
        f"`{name}` is changed by a loop whose trips are not known while tracing, to a {type(value).__name__}; "
        "only numbers and arrays are carried from trip to trip"
    )
