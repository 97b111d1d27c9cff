"""Loops whose trips are decided by traced values, and long loops over fixed ranges, as one node of the graph."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradc.errors import DTypeError, ShapeError
from gradc.trace.arrays.rows import rows_of
from gradc.trace.arrays.storage import Content, Storage
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.containers import flatten, unflatten
from gradc.trace.context import current_trace, located, trace_error
from gradc.trace.staging.alternatives import storages_of
from gradc.trace.staging.changes import (
    Change,
    Containers,
    Place,
    described,
    lists_of_one_name,
    reachable,
    remedy,
    settle,
)
from gradc.trace.staging.choice import overwrite, zeros_like
from gradc.trace.staging.escapes import VALUE
from gradc.trace.staging.state import (
    UNBOUND,
    Cells,
    Recorder,
    Undefined,
    arrays_in,
    can_change,
    check_defined,
    frozen,
    has_one_name,
    is_numeric,
    kept,
    read,
    sealed,
    values_of,
)


@dataclass(frozen=True)
class Names:
    """The variables of a loop's body: ``carried`` from trip to trip or beyond, of which ``rebound`` are given other values
    than they had; ``local`` ones of one trip; ``appended`` ones are lists that are only appended to.
    """

    carried: Cells
    rebound: frozenset[str]
    local: Cells
    appended: Cells


class _Again(Exception):
    """The body changes more than is carried."""


#: How an error of the loop's node names a variable that is carried.
_CARRIED = re.compile(r"init\[0\]\[(['\"])(.*?)\1\]")


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
        #: the variables, and the places in containers that the body sets
        self._cells: Cells = dict(names.carried)
        self._places: dict[tuple[int, Any], str] = {}
        self._lists = lists_of_one_name(functions, names.appended) if trips_known else {}
        self._handles: dict[str, list[Any]] = {}
        #: the arrays, lists and dicts that a trip was given in the values of variables, which are named
        self._given: dict[int, str] = {}
        self._alone = {name for name, cell in names.carried.items() if has_one_name(cell)}
        self._values: dict[str, Any] = {}
        self._late: set[str] = set()
        self._early: set[str] = set()
        self._storages: dict[Storage, None] = {}
        self._same: dict[str, Any] = {}
        for name, value in values_of(names.carried).items():
            if isinstance(value, Undefined):
                self._late.add(name)
            elif is_numeric(value) and (name in names.rebound or not can_change(value)):
                self._values[name] = value
            else:
                self._same[name] = value

    # ------------------------------------------------------------ the node

    def run(self, stage: Callable[[Any], Any]) -> None:
        """Stage the loop by ``stage(init)``, which runs `step` and `test`, and give the variables their last values."""
        for _ in range(len(self._cells) + 8):
            init = (dict(self._values), [TracedArray(storage.current()) for storage in self._storages])
            try:
                (values, contents), outputs = stage(init)
            except _Again:
                continue
            except (ShapeError, DTypeError) as error:
                raise type(error)(_CARRIED.sub(r"`\2`", str(error))) from None
            self._deliver(values, contents)
            for name, columns in outputs.items():
                self._lists[name].extend(rows_of(columns, self._handles[name]))
            return
        raise trace_error("what this loop carries can't be found; carry its variables through gradc.while_loop")

    def _deliver(self, values: dict[str, Any], contents: Sequence[TracedArray]) -> None:
        for name, value in values.items():
            if name in self._shared or not (self._trips_known or name in self._alone):
                for leaf in flatten(value)[0]:
                    sealed(leaf)
            self._cells[name].cell_contents = value
        for name in self._late - set(values):
            self._cells[name].cell_contents = _unset(name)
        for name, cell in self._names.local.items():
            cell.cell_contents = _unset(name)
        for storage, content in zip(self._storages, contents, strict=True):
            overwrite(storage, content)

    # ------------------------------------------------------------ one trip

    def test(self, condition: Callable[[], Any], state: Any) -> Any:
        """Whether the loop goes on in this state."""
        recorder = Recorder(self._storages)
        with kept(self._cells | self._names.local):
            before = self._install(state, recorder)
            try:
                with current_trace().body(recorder):
                    return frozen(condition())
            finally:
                recorder.undo()
                self._put_back(before)

    def step(self, state: Any, *given: Any) -> Any:
        """The state after a trip from this one, and what the trip appends to lists."""
        recorder = Recorder(self._storages)
        with kept(self._cells | self._names.local | self._names.appended):
            before = self._install(state, recorder)
            for cell in self._names.local.values():
                cell.cell_contents = UNBOUND
            for name in self._late | (self._early - {VALUE}):
                self._cells[name].cell_contents = _too_early(name)
            for name in self._lists:
                self._names.appended[name].cell_contents = []
            containers = Containers([*self._functions, self._block])
            try:
                with current_trace().body(recorder):
                    self._block(*given)
                    return self._found(recorder, containers)
            finally:
                containers.restore()
                recorder.undo()
                self._put_back(before)

    def _install(self, state: Any, recorder: Recorder) -> dict[Storage, Content]:
        values, contents = state
        self._given.clear()
        for name, value in values.items():
            given = self._aliases[name] if name in self._aliases else frozen(value)
            recorder.hand_over(name, given, may_write=name in self._alone)
            self._given |= {id(inner): name for inner in reachable([given], copies=False)}
            self._cells[name].cell_contents = given
        before = {storage: storage.content() for storage in self._storages}
        for storage, content in zip(self._storages, contents, strict=True):
            storage.replace(content.tensor)
        return before

    def _put_back(self, before: dict[Storage, Content]) -> None:
        for storage, content in before.items():
            storage.put_back(content)

    def _found(self, recorder: Recorder, containers: Containers) -> Any:
        """What the body made; `_Again` where it changed more than is carried."""
        again = bool(recorder.before)
        self._storages |= dict.fromkeys(recorder.before)
        for name, value in list(self._same.items()):
            after = read(self._cells[name])
            if after is not value:
                if not is_numeric(value) or not is_numeric(after):
                    raise trace_error(_not_a_number(name, after))
                self._values[name] = self._same.pop(name)
                again = True
        for change in containers.changes().values():
            again = self._found_in(change) or again
        again = self._found_late() or again
        if again:
            raise _Again
        values = {name: read(self._cells[name]) for name in self._values}
        for name, value in values.items():
            self._check(name, value)
        outputs = {name: list(self._names.appended[name].cell_contents) for name in self._lists}
        self._check_outputs(outputs, recorder)
        self._check_apart(values, outputs, recorder)
        return (frozen(values), [TracedArray(storage.current()) for storage in self._storages]), frozen(outputs)

    def _found_in(self, change: Change) -> bool:
        """Entries of a list, dict or object that the body sets; whether there is one that is not carried yet."""
        container, before, after = change.container, change.before, change.after
        if any(container is read(self._names.appended[name]) for name in self._lists):
            return False
        if id(container) in self._given:
            return self._changed_in_place(self._given[id(container)])
        grows = isinstance(container, list | deque) and len(before) != len(after)
        if grows or isinstance(container, set) or before.keys() - after.keys():
            kind = type(container).__name__
            raise trace_error(f"a {kind} gets another length in a loop that is traced as a whole; {remedy(container)}")
        found = False
        for key, value in after.items():
            if (id(container), key) in self._places or (key in before and before[key] is value):
                continue
            name = self._places[id(container), key] = self._label(container, key)
            self._cells[name] = Place(container, key)
            if key not in before:
                self._late.add(name)
            elif is_numeric(before[key]) and is_numeric(value):
                self._values[name] = before[key]
            else:
                raise trace_error(_not_a_number(name, value))
            found = True
        return found

    def _changed_in_place(self, name: str) -> bool:
        """A list or dict that is handed from trip to trip as a value must have one name."""
        if name not in self._alone:
            raise trace_error(f"`{name}` is changed in place and also given another value in a loop; begin with a copy")
        return False

    def _label(self, container: Any, key: Any) -> str:
        """A name for a place that is no variable's."""
        name = described(container, key)
        return name if name not in self._cells else f"{name} ({len(self._cells)})"

    def _check_outputs(self, outputs: dict[str, list[Any]], recorder: Recorder) -> None:
        """What is appended is made of numbers, and of arrays that the trip has made."""
        for name, values in outputs.items():
            for value in values:
                if not is_numeric(value) or isinstance(value, Undefined):
                    raise trace_error(_not_a_number(name, value))
                if not all(map(recorder.owns, arrays_in(value))):
                    raise trace_error(f"`{name}` gets another name of an array in each trip; append a copy")
            self._handles[name] = values

    def _found_late(self) -> bool:
        """Variables that the body sets for the first time, where they are known to be set afterwards."""
        found = False
        for name in sorted(self._late):
            value = read(self._cells[name])
            if not isinstance(value, Undefined) and (name == VALUE or self._trips_known) and is_numeric(value):
                leaves, tree = flatten(value)
                self._values[name] = unflatten(tree, [zeros_like(leaf) for leaf in leaves])
                self._late.discard(name)
                self._early.add(name)
                found = True
        return found

    def _check(self, name: str, value: Any) -> None:
        if name in self._aliases:
            check_defined(value)
        if isinstance(value, Undefined):
            raise trace_error(f"`{name}` has no value after some trips of a loop; set it in each of them")
        if not is_numeric(value):
            raise trace_error(_not_a_number(name, value))

    def _check_apart(self, values: dict[str, Any], outputs: Any, recorder: Recorder) -> None:
        """Find the variables that are other names of arrays: they are carried as values, so no write may be seen in them."""
        names = Counter(s for value in values.values() for x in arrays_in(value) for s in storages_of(x))
        appended = {storage for x in arrays_in(outputs) for storage in storages_of(x)}
        again = False
        for name, value in values.items():
            arrays = arrays_in(value)
            apart = all(recorder.owns(x) and names[x._storage] == 1 for x in arrays)
            if not apart and self._optional and name != VALUE:
                raise trace_error(f"`{name}` is another name of an array after a trip of a loop; begin with a copy")
            if not apart or any(x._storage in appended for x in arrays):
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
