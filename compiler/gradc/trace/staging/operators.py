"""What rewritten code calls in the place of Python's control flow.

Where the condition, or what is iterated over, is a plain Python value, or a traced one whose value is known while tracing, all
goes as in Python. Else branches and loops become nodes of the graph.
"""

from __future__ import annotations

import builtins
import dis
import functools
import operator
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gradc.errors import TraceError
from gradc.trace import control
from gradc.trace.arrays.known import known_value
from gradc.trace.arrays.tracer import TracedArray, size_expression
from gradc.trace.context import active_trace, current_body, current_trace, trace_error
from gradc.trace.staging.choice import Block, staged_choice
from gradc.trace.staging.connectives import both as both
from gradc.trace.staging.connectives import chosen as chosen
from gradc.trace.staging.connectives import compared as compared
from gradc.trace.staging.connectives import decided
from gradc.trace.staging.connectives import either as either
from gradc.trace.staging.connectives import negated as negated
from gradc.trace.staging.loops import Names, StagedLoop
from gradc.trace.staging.membership import contained as contained
from gradc.trace.staging.membership import is_sequence as is_sequence
from gradc.trace.staging.membership import not_contained as not_contained
from gradc.trace.staging.state import Cells, cells_of, read

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


# ---------------------------------------------------------------- branches


def check_caught() -> None:
    """Stands at the beginning of an `except` clause: what can't be traced is not an exception of the user's program."""
    error = sys.exc_info()[1]
    if isinstance(error, TraceError):
        raise error


def branch(test: Any, on_true: Block, on_false: Block | None, names: Sequence[str], unused: Sequence[str]) -> None:
    """``if test: ... else: ...``."""
    flag = decided(test)
    if isinstance(flag, TracedArray):
        sides = (on_true, on_false)
        staged_choice(flag, sides, cells_of(sides, _variables(names, sides)), cells_of(sides, unused))
    elif flag:
        on_true()
    elif on_false is not None:
        on_false()


def returned(test: Any, on_true: Block, on_false: Block, names: Sequence[str], unused: Sequence[str]) -> Any:
    """An `if` both of whose sides return."""
    flag = decided(test)
    if not isinstance(flag, TracedArray):
        return on_true() if flag else on_false()
    sides = (on_true, on_false)
    cells = cells_of(sides, _variables(names, sides))
    return staged_choice(flag, sides, cells, cells_of(sides, unused), gives=True)


def check_raise() -> None:
    """Stands before a ``raise``: under a traced condition both sides of a branch are run while tracing."""
    if current_body() is not None:
        raise trace_error(
            "an exception can't be raised under a traced condition: its value is not known while tracing; check it outside "
            "the function, or give np.where(condition, np.nan, ...)"
        )


def known(test: Any, why: str) -> bool:
    """The condition of a statement that can't be staged."""
    flag = decided(test)
    if isinstance(flag, TracedArray):
        raise trace_error(
            f"this condition is traced, and its block holds {why}, which can't depend on it; write it without, or use "
            "gradc.cond, gradc.while_loop or np.where"
        )
    return flag


def asserted(test: Any) -> bool:
    """The condition of an assertion."""
    flag = decided(test)
    if isinstance(flag, TracedArray):
        raise trace_error(
            "an assertion on a traced value can't be checked while tracing; check it outside the function"
        )
    return flag


def _variables(names: Sequence[str], functions: Sequence[Any]) -> Sequence[str]:
    """The names, which must all be closure cells: a module's globals can't depend on a traced condition."""
    cells = cells_of(functions, names)
    for name in names:
        if name not in cells:
            raise trace_error(
                f"the global variable `{name}` is set under a traced condition; use a local variable, and return it"
            )
    return names


# ---------------------------------------------------------------- loops


class TracedRange:
    """``range`` with bounds that are traced; only a `for` statement can go over it."""

    def __init__(self, start: Any, stop: Any, step: Any) -> None:
        self.start, self.stop, self.step = start, stop, step

    def __iter__(self) -> Any:
        raise trace_error(
            "range() of a traced number: how many trips there are is not known while tracing; write a plain `for` statement "
            "or gradc.fori_loop, or pass the number as a Python int"
        )

    @property
    def trips(self) -> Any:
        """How many numbers there are, if that is not negative."""
        return (self.stop - self.start + self.step - (1 if self.step > 0 else -1)) // self.step


def iterated(kind: Any, *arguments: Any) -> Any:
    """``range(...)``, ``enumerate(...)``, ``zip(...)`` or ``reversed(...)`` after ``for ... in``."""
    if kind is not builtins.range or not any(_is_unknown(a) for a in arguments):
        return kind(*arguments)
    start, stop, step = (0, *arguments, 1) if len(arguments) == 1 else (*arguments, 1)[:3]
    if isinstance(step, TracedArray):
        step = operator.index(step)
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    return TracedRange(start, stop, step)


def _is_unknown(value: Any) -> bool:
    if not isinstance(value, TracedArray) or value.extents or value.dtype.kind not in "iu":
        return False
    return size_expression(value.tensor) is None and known_value(value) is None


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
        names = _variables(self._carried, self._functions)
        values = [read(cell) for name, cell in cells_of(self._functions, names).items() if name in self._rebound]
        return any(isinstance(value, int) and value is not item for value in values)

    def ended(self) -> bool | TracedArray:
        """Whether a break or return has come."""
        return False if self._flag is None else decided(read(self._flag))

    def staged(self, block: Callable[..., None], *, trips_known: bool, optional: bool = False) -> StagedLoop:
        """The rest of it, as a node."""
        names = _variables(self._carried, self._functions)
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
        names = _variables(self._carried, self._functions)
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
    loop = _Loop((body,), *names)
    if isinstance(iterable, TracedRange):
        _counted(loop, body, iterable)
        return
    if _is_long(iterable) and _rolled(loop, body, iterable):
        return
    with _written_out(iterable):
        _one_by_one(loop, iterable, body)


def _one_by_one(loop: _Loop, iterable: Any, body: Callable[[Any], None]) -> None:
    """Go through the trips until the loop ends, a traced condition may have ended it, or it turns out to be costly."""
    tries = 0
    for place, item in enumerate(iterable):
        ended = loop.ended()
        if not isinstance(ended, TracedArray):
            if ended:
                return
            before = _made()
            body(item)
            if tries < _TRIES and _is_costly(loop, iterable, place, item, before):
                if _rolled(loop, body, iterable[place + 1 :]):
                    return
                tries += 1
        elif isinstance(iterable, range) and _rest(loop, body, range(item, iterable.stop, iterable.step)):
            return
        else:
            loop.guarded(ended, functools.partial(body, item))


def _number(numbers: range | TracedRange, k: Any) -> Any:
    """The number at a traced place of a range."""
    offset = k if isinstance(numbers.step, int) and numbers.step == 1 else k * numbers.step
    return offset if isinstance(numbers.start, int) and numbers.start == 0 else numbers.start + offset


def _rest(loop: _Loop, body: Callable[[Any], None], numbers: range) -> bool:
    """The trips of a fixed range after one that may have ended the loop; False where they have to be written out."""
    if len(numbers) <= UNROLLED:
        return False
    _counted(loop, body, TracedRange(numbers.start, numbers.stop, numbers.step))
    return True


def _counted(loop: _Loop, body: Callable[[Any], None], numbers: TracedRange) -> None:
    """A loop over a range, for as long as it has not been ended."""
    trips = numbers.trips

    def trip(k: Any) -> None:
        body(_number(numbers, k))

    staged = loop.staged(trip, trips_known=False)

    def going(state: Any) -> Any:
        return both(state[0] < trips, lambda: staged.test(lambda: negated(loop.ended()), state[1]))

    def step(state: Any) -> Any:
        return state[0] + 1, staged.step(state[1], state[0])[0]

    staged.run(lambda init: (control.while_loop(going, step, (0, init))[1], {}))


# ---------------------------------------------------------------- long loops over fixed ranges


def _trips(iterable: Any) -> int:
    """How many trips a loop over something takes that can be indexed by a traced number; else 1."""
    if isinstance(iterable, TracedArray):
        return iterable.extents[0] if iterable.extents and isinstance(iterable.extents[0], int) else 1
    return len(iterable) if isinstance(iterable, range) else 1


def _is_long(iterable: Any) -> bool:
    trace, trips = active_trace(), _trips(iterable)
    return trace is not None and (
        trips > ROLLED or (trips > 4 and trace.repeats > 1 and trace.repeats * trips > NESTED)
    )


@contextmanager
def _written_out(iterable: Any) -> Iterator[None]:
    """Within, a loop goes trip by trip."""
    trace = active_trace()
    if trace is None:
        yield
        return
    before = trace.repeats
    trace.repeats = before * max(_trips(iterable), 1)
    try:
        yield
    finally:
        trace.repeats = before


def _made() -> tuple[int, int]:
    """How many nodes there are in the trace that is under way, and how many loops over fixed ranges have become one."""
    trace = active_trace()
    return (0, 0) if trace is None else (len(trace.lines), trace.rolled)


def _is_costly(loop: _Loop, iterable: Any, place: int, item: Any, before: tuple[int, int]) -> bool:
    """Whether the trips after one that has just been written out should not be."""
    left = _trips(iterable) - place - 1
    if left < 4 or active_trace() is None or loop.counts(item):
        return False
    nodes, rolled = (after - earlier for after, earlier in zip(_made(), before, strict=True))
    return rolled > 0 or nodes * left > (COSTLY_WRITES if loop.writes() else COSTLY)


def _rolled(loop: _Loop, body: Callable[[Any], None], iterable: Any) -> bool:
    """Whether the loop could be made one node; if not, nothing has happened."""
    if active_trace() is None or loop.may_end:
        return False

    def trip(k: Any) -> None:
        body(iterable[k] if isinstance(iterable, TracedArray) else _number(iterable, k))

    return _as_node(loop.staged(trip, trips_known=True, optional=True), len(iterable))


def _as_node(staged: StagedLoop, trips: int) -> bool:
    """Whether so many trips could be made one node; if not, nothing has happened."""
    try:
        staged.run(lambda init: control.collected(staged.step, trips, init))
    except Exception:
        return False
    current_trace().rolled += 1
    return True
