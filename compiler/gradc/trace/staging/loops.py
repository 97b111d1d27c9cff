"""Loops whose trips are decided by traced values, and long loops over fixed ranges, as one node of the graph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.errors import DTypeError, ShapeError
from gradc.trace.arrays.storage import Content, Storage
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import current_trace, located, trace_error
from gradc.trace.staging.alternatives import storages_of
from gradc.trace.staging.choice import overwrite, zeros_like
from gradc.trace.staging.escapes import VALUE
from gradc.trace.staging.state import (
    UNBOUND,
    Cells,
    Containers,
    Recorder,
    Undefined,
    arrays_in,
    check_defined,
    check_unchanged,
    frozen,
    has_one_name,
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
        #: variables that are other names of arrays that the body writes to, with what is to be said where they are read
        self._aliases: dict[str, Undefined] = {}
        settle(functions)
        self._alone = {name for name, cell in names.carried.items() if has_one_name(cell)}
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
            if name in self._shared or not (self._trips_known or name in self._alone):
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
            before = self._install(state, recorder)
            try:
                with current_trace().body(recorder):
                    return frozen(condition())
            finally:
                recorder.undo()
                self._put_back(before)

    def step(self, state: Any, *given: Any) -> Any:
        """The state after a trip from this one."""
        containers = Containers(self._functions)
        recorder = Recorder(self._storages)
        cells = self._names.carried | self._names.local
        with kept(cells):
            before = self._install(state, recorder)
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

    def _install(self, state: Any, recorder: Recorder) -> dict[Storage, Content]:
        values, contents = state
        for name, value in values.items():
            given = self._aliases[name] if name in self._aliases else frozen(value)
            recorder.hand_over(name, given, may_write=name in self._alone)
            self._names.carried[name].cell_contents = given
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
        self._check_apart(values, recorder)
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
        if name in self._aliases:
            check_defined(value)
        if isinstance(value, Undefined):
            raise trace_error(f"`{name}` has no value after some trips of a loop; set it in each of them")
        if not is_numeric(value):
            raise trace_error(_not_a_number(name, value))

    def _check_apart(self, values: dict[str, Any], recorder: Recorder) -> None:
        """Find the variables that are other names of arrays: they are carried as values, so no write may be seen in them."""
        names = Counter(s for value in values.values() for x in arrays_in(value) for s in storages_of(x))
        again = False
        for name, value in values.items():
            arrays = arrays_in(value)
            if not all(recorder.owns(x) and names[x._storage] == 1 for x in arrays):
                if self._optional and name != VALUE:
                    raise trace_error(f"`{name}` is another name of an array after a trip of a loop; begin with a copy")
                self._shared.add(name)
                again = again or name in self._alone
                self._alone.discard(name)
            shared = {s for x in (*arrays, *arrays_in(self._values[name])) for s in storages_of(x)}
            if name not in self._aliases and name != VALUE and not shared.isdisjoint(self._storages):
                self._aliases[name] = _alias(name)
                again = True
        if again:
            raise _Again


def _unset(name: str) -> Undefined:
    return Undefined(located(f"`{name}` gets its value inside a loop that may not run at all; set it before the loop"))


def _alias(name: str) -> Undefined:
    return Undefined(
        located(f"`{name}` is another name of an array that a loop writes to; let it be a copy of that array, y.copy()")
    )


def _too_early(name: str) -> Undefined:
    return Undefined(located(f"`{name}` has no value in the first trip of the loop; set it before the loop"))


def _not_a_number(name: str, value: Any) -> str:
    return (
        f"`{name}` is changed by a loop whose trips are not known while tracing, to a {type(value).__name__}; "
        "only numbers and arrays are carried from trip to trip"
    )
