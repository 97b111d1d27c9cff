"""Comprehensions and generator expressions of rewritten code, whose conditions may be traced.

[f(a) for a in x if a > 0]   is   operators.listed(x, lambda a: operators.entry(lambda: a > 0, lambda: f(a)))
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gradc.trace.arrays.filtered import Filtered
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import active_trace, trace_error
from gradc.trace.staging.choice import Block, staged_choice
from gradc.trace.staging.connectives import decided
from gradc.trace.staging.escapes import VALUE
from gradc.trace.staging.state import UNBOUND

_NOTHING = object()


@dataclass(frozen=True)
class _Masked:
    """An entry that is there where a flag holds."""

    flag: Any
    value: Any


class _Several(list[Any]):
    """The entries that the clauses within give for one entry of a clause."""


def entry(test: Block | None, value: Block) -> Any:
    """What a clause gives for an entry that it goes over."""
    flag = True if test is None else decided(test())
    if not isinstance(flag, TracedArray):
        return value() if flag else _NOTHING
    made = staged_choice(flag, (value, lambda: UNBOUND), {}, {}, gives=True, what=VALUE)
    return _Masked(flag, made)


def inner(test: Block | None, iterable: Block, clause: Callable[[Any], Any]) -> Any:
    """What a clause gives that is followed by another one."""
    flag = True if test is None else decided(test())
    if flag is False:
        return _NOTHING
    found = _Several(_made(iterable(), clause))
    return found if flag is True else _Several(_both(flag, made) for made in found)


def _both(flag: Any, made: Any) -> _Masked:
    return _Masked(flag & made.flag, made.value) if isinstance(made, _Masked) else _Masked(flag, made)


def _flat(made: Any) -> Iterator[Any]:
    if isinstance(made, _Several):
        yield from made
    elif made is not _NOTHING:
        yield made


class Generated:
    """A generator expression: its entries come when they are asked for."""

    #: what users know it as
    kind = "generator"

    def __init__(self, iterable: Any, clause: Callable[[Any], Any]) -> None:
        self._iterable, self._clause = iterable, clause
        self._entries = _made(iterable, clause)
        self._is_begun = False

    def __iter__(self) -> Generated:
        return self

    def __next__(self) -> Any:
        self._is_begun = True
        made = next(self._entries)
        if isinstance(made, _Masked):
            raise trace_error(
                "whether a generator expression gives an entry depends on a traced condition; use sum(), max(), min(), any() "
                "or all() of it, a list in its place, or np.where(condition, value, 0)"
            )
        return made

    def entries(self) -> Iterator[tuple[Any, Any]]:
        """Pairs of flag and value."""
        for made in self._entries:
            yield (made.flag, made.value) if isinstance(made, _Masked) else (True, made)

    def collected(self) -> list[Any] | Filtered:
        """What is left of it, as a list."""
        return _gathered(self._entries) if self._is_begun else listed(self._iterable, self._clause)


def _made(iterable: Any, clause: Callable[[Any], Any]) -> Iterator[Any]:
    """What a clause gives, entry by entry."""
    for flag, item in entries_of(iterable):
        for made in _flat(clause(item)):
            yield made if flag is True else _both(flag, made)


def generated(iterable: Any, clause: Callable[[Any], Any]) -> Generated:
    """``(... for ... in ...)``."""
    return Generated(iterable, clause)


def listed(iterable: Any, clause: Callable[[Any], Any]) -> list[Any] | Filtered:
    """``[... for ... in ...]``: a list, or one whose length is not known."""
    rolled = _rolled(iterable, clause)
    if rolled is not None:
        return _gathered(rolled)
    return _gathered(_made(iterable, clause))


def _gathered(entries: Any) -> list[Any] | Filtered:
    made = list(entries)
    if not any(isinstance(each, _Masked) for each in made):
        return made
    flags = [each.flag if isinstance(each, _Masked) else True for each in made]
    return Filtered(flags, [each.value if isinstance(each, _Masked) else each for each in made])


def entries_of(iterable: Any) -> Iterator[tuple[Any, Any]]:
    """What a loop goes over, each with a flag: True, or where it is traced whether it is there."""
    if isinstance(iterable, Filtered | Generated):
        yield from iterable.entries()
    else:
        for item in iterable:
            yield True, item


# ---------------------------------------------------------------- long ones


def _rolled(iterable: Any, clause: Callable[[Any], Any]) -> list[Any] | None:
    """The entries that one node of the graph makes, where there are many; None where they can't be made so."""
    from gradc.trace.staging.loops import Names, StagedLoop
    from gradc.trace.staging.repetition import ROLLED, as_node
    from gradc.trace.staging.sequences import places

    entries = places(iterable)
    if active_trace() is None or entries is None or not entries.is_known or entries.trips <= ROLLED:
        return None
    cell = types.CellType([])
    kinds: tuple[bool, ...] = ()

    def trip(k: Any) -> None:
        nonlocal kinds
        made = list(_flat(clause(entries.at(k))))
        kinds = tuple(isinstance(each, _Masked) for each in made)
        for each in made:
            cell.cell_contents.append((each.flag, each.value) if isinstance(each, _Masked) else each)

    names = Names({}, frozenset(), {}, {"the list": cell})
    if not as_node(StagedLoop(trip, names, (clause,), trips_known=True, optional=True), entries.trips):
        return None
    found = cell.cell_contents
    return [_Masked(*each) if kinds[k % len(kinds)] else each for k, each in enumerate(found)]
