"""``while`` and ``for`` of rewritten code: trip by trip, or as one node."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gradc.trace import control
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import active_trace, current_trace
from gradc.trace.staging.choice import Block, staged_choice
from gradc.trace.staging.connectives import both, decided, negated
from gradc.trace.staging.filters import entries_of
from gradc.trace.staging.loops import Names, StagedLoop
from gradc.trace.staging.sequences import Places, places
from gradc.trace.staging.state import Cells, cells_of, read, variables_of

#: A loop over a fixed range of more trips than this is one node where its body can be.
ROLLED = 100
#: So is a shorter one inside others that are written out, where there would be more copies of its body than this.
NESTED = 400
#: A loop over a fixed range of at most so many trips is written out trip by trip, also where a traced condition ends it.
UNROLLED = 16
#: The rest of a loop over a fixed range is one node where its trips would make more nodes than this ...
COSTLY = 1000
#: ... or than this if they write to arrays: what is written bit by bit gets ever more expensive to read.
COSTLY_WRITES = 60
#: So often it is tried.
_TRIES = 2


# ---------------------------------------------------------------- loops


@functools.lru_cache(maxsize=256)
def _writes(code: types.CodeType) -> bool:
    """Whether entries are assigned to in some code, or in a function inside it."""
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return any(i.opname == "STORE_SUBSCR" for i in dis.get_instructions(code)) or any(map(_writes, inner))


class _Loop:
    """A loop of the user's, in the middle of its run."""

    def __init__(
        self,
        functions: Sequence[Any],
        carried: Sequence[str],
        rebound: Sequence[str],
        local: Sequence[str],
        ended_by: str | None,
        appended: Sequence[str],
    ) -> None:
        self._functions = functions
        self._carried, self._rebound, self._local, self._appended = carried, rebound, local, appended
        self._flag = cells_of(functions, [ended_by])[ended_by] if ended_by else None

    @property
    def may_end(self) -> bool:
        """Whether there is a break or return in it."""
        return self._flag is not None

    def writes(self) -> bool:
        """Whether there are assignments to entries in it."""
        return any(_writes(function.__code__) for function in self._functions)

    def counts(self, item: Any) -> bool:
        """Whether it carries Python ints, other than its item: made one node, it would turn them into traced numbers."""
        names = variables_of(self._carried, self._functions)
        values = [read(cell) for name, cell in cells_of(self._functions, names).items() if name in self._rebound]
        parts = item if isinstance(item, tuple) else (item,)
        return any(isinstance(value, int) and not any(value is part for part in parts) for value in values)

    def ended(self) -> bool | TracedArray:
        """Whether a break or return has come."""
        return False if self._flag is None else decided(read(self._flag))

    def staged(self, block: Callable[..., None], *, trips_known: bool, optional: bool = False) -> StagedLoop:
        """The rest of it, as a node."""
        names = variables_of(self._carried, self._functions)
        cells: Cells = cells_of(self._functions, names)
        local = cells_of(self._functions, self._local)
        return StagedLoop(
            block,
            Names(cells, frozenset(self._rebound), local, cells_of(self._functions, self._appended)),
            self._functions,
            trips_known=trips_known,
            optional=optional,
        )

    def guarded(self, ended: TracedArray, block: Block) -> None:
        """A trip that is only taken where no break or return has come."""
        names = variables_of(self._carried, self._functions)
        sides = (None, block)
        staged_choice(ended, sides, cells_of(self._functions, names), cells_of(self._functions, self._local))


def repeated(test: Block, body: Block, *names: Any) -> None:
    """``while test(): body()``."""
    loop = _Loop((test, body), *names)

    def going() -> Any:
        ended = loop.ended()
        return both(negated(ended), test) if isinstance(ended, TracedArray) else not ended and test()

    while True:
        flag = decided(going())
        if isinstance(flag, TracedArray):
            break
        if not flag:
            return
        body()
    staged = loop.staged(body, trips_known=False)
    staged.run(
        lambda init: (
            control.while_loop(lambda state: staged.test(going, state), lambda state: staged.step(state)[0], init),
            {},
        )
    )


def iterated_over(iterable: Any, body: Callable[[Any], None], *names: Any) -> None:
    """``for item in iterable: body(item)``."""
    loop, entries = _Loop((body,), *names), places(iterable)
    if entries is not None and not entries.is_known:
        _counted(loop, body, entries)
        return
    if entries is not None and _is_long(entries) and _rolled(loop, body, entries):
        return
    with _written_out(entries):
        _one_by_one(loop, iterable, entries, body)


def _one_by_one(loop: _Loop, iterable: Any, entries: Places | None, body: Callable[[Any], None]) -> None:
    """Go through the trips until the loop ends, a traced condition may have ended it, or it turns out to be costly."""
    tries = 0
    for place, (chosen, item) in enumerate(entries_of(iterable)):
        trip = body if chosen is True else functools.partial(_guarded, loop, chosen, body)
        ended = loop.ended()
        if not isinstance(ended, TracedArray):
            if ended:
                return
            before = _made()
            trip(item)
            if entries is None or tries >= _TRIES or not _is_costly(loop, entries, place, item, before):
                continue
            if _rolled(loop, body, entries.after(place + 1)):
                return
            tries += 1
        elif entries is not None and entries.trips - place > UNROLLED:
            _counted(loop, body, entries.after(place))
            return
        else:
            loop.guarded(ended, functools.partial(trip, item))


def _guarded(loop: _Loop, chosen: TracedArray, body: Callable[[Any], None], item: Any) -> None:
    """A trip that is only taken where a filter's condition holds."""
    loop.guarded(~chosen, functools.partial(body, item))


def _counted(loop: _Loop, body: Callable[[Any], None], entries: Places) -> None:
    """A loop over places, for as long as it has not been ended."""

    def trip(k: Any) -> None:
        body(entries.at(k))

    staged = loop.staged(trip, trips_known=False)

    def going(state: Any) -> Any:
        return both(state[0] < entries.trips, lambda: staged.test(lambda: negated(loop.ended()), state[1]))

    def step(state: Any) -> Any:
        return state[0] + 1, staged.step(state[1], state[0])[0]

    staged.run(lambda init: (control.while_loop(going, step, (0, init))[1], {}))


# ---------------------------------------------------------------- long loops over fixed ranges


def _is_long(entries: Places) -> bool:
    trace, trips = active_trace(), entries.trips
    return trace is not None and (
        trips > ROLLED or (trips > 4 and trace.repeats > 1 and trace.repeats * trips > NESTED)
    )


@contextmanager
def _written_out(entries: Places | None) -> Iterator[None]:
    """Within, a loop goes trip by trip."""
    trace = active_trace()
    if trace is None:
        yield
        return
    before = trace.repeats
    trace.repeats = before * (max(entries.trips, 1) if entries is not None else 1)
    try:
        yield
    finally:
        trace.repeats = before


def _made() -> tuple[int, int]:
    """How many nodes there are in the trace that is under way, and how many loops over fixed ranges have become one."""
    trace = active_trace()
    return (0, 0) if trace is None else (len(trace.lines), trace.rolled)


def _is_costly(loop: _Loop, entries: Places, place: int, item: Any, before: tuple[int, int]) -> bool:
    """Whether the trips after one that has just been written out should not be."""
    left = entries.trips - place - 1
    if left < 4 or active_trace() is None or loop.counts(item):
        return False
    nodes, rolled = (after - earlier for after, earlier in zip(_made(), before, strict=True))
    return rolled > 0 or nodes * left > (COSTLY_WRITES if loop.writes() else COSTLY)


def _rolled(loop: _Loop, body: Callable[[Any], None], entries: Places) -> bool:
    """Whether the loop could be made one node; if not, nothing has happened."""
    if active_trace() is None or loop.may_end:
        return False

    def trip(k: Any) -> None:
        body(entries.at(k))

    return as_node(loop.staged(trip, trips_known=True, optional=True), entries.trips)


def as_node(staged: StagedLoop, trips: int) -> bool:
    """Whether so many trips could be made one node; if not, nothing has happened."""
    try:
        staged.run(lambda init: control.collected(staged.step, trips, init))
    except Exception:
        return False
    current_trace().rolled += 1
    return True
