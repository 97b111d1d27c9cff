"""The trace that is under way: its captures, its pinned values, the names it gave, and the user's line that runs."""

from __future__ import annotations

import linecache
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import numpy as np

from gradc.errors import DTypeError, ShapeError, TraceError
from gradc.ir.intern import Node
from gradc.ir.source import SourceLine, record_line
from gradc.ir.tensor import Input, input_tensor
from gradc.trace.records import Capture
from gradc.trace.surroundings.access import Path, Root
from gradc.trace.surroundings.conditions import Condition
from gradc_runtime.entry import suspended_calls

#: Folders whose frames are not the user's, as code objects spell them.
_OWN_CODE = (*sys.modules["gradc"].__path__, *np.__path__)


class _Threads(threading.local):
    def __init__(self) -> None:
        self.traces: list[Trace] = []


_threads = _Threads()


class Body:
    """The function of a loop or branch, while it is being run."""

    def writes_outside(self, storage: Any) -> None:
        """Something that was made before is about to be written to: an error, unless the body carries it."""
        raise trace_error(
            "an array that was made outside is written to inside the body of a loop or branch; "
            "carry it: hand it over as an argument of the body, and return it"
        )


class Trace:
    """Everything one trace collects besides the graph."""

    def __init__(self, function: Root = None) -> None:
        self.function = function
        self.captures: dict[Input, Capture] = {}
        self.values: dict[Input, Any] = {}
        self.pinned: dict[Input, Any] = {}
        self.aliases: dict[Input, Any] = {}
        #: the traced arrays that stand for captured arrays
        self.handles: list[tuple[Input, Any]] = []
        #: static leaves of arguments by the identity of what stands for them, which is kept with them
        self.statics: dict[int, tuple[Any, Any]] = {}
        self.conditions: dict[tuple[str, type, int], tuple[Condition, Any]] = {}
        self.copies: dict[Any, Any] = {}
        #: the user's line that made a node in this trace: other functions may make the same node
        self.lines: dict[Node, SourceLine] = {}
        self.volatile = False
        #: how often the body that runs is written out by the plain loops around it
        self.repeats = 1
        #: how many plain loops over fixed ranges have become a node
        self.rolled = 0
        #: the bodies of loops and branches that are being run, innermost last
        self.bodies: list[Body] = []
        #: the functions with derivative rules whose rules are being run, innermost last
        self.rules: list[Any] = []
        #: what those functions were given that are done
        self.local: set[Input] = set()
        self._names: dict[str, int] = {}

    @contextmanager
    def body(self, body: Body | None = None) -> Iterator[None]:
        """Within, the function of a loop or branch is run.

        What it makes belongs to it: the same expression outside, or in another branch, is computed there.
        """
        count = len(self.lines)
        self.bodies.append(body or Body())
        try:
            yield
        finally:
            self.bodies.pop()
            while len(self.lines) > count:
                self.lines.popitem()

    def unique_name(self, name: str) -> str:
        """``name``, with primes and a number where it is taken: ``x``, ``x'1``, ``x'2``."""
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return name if count == 0 else self.unique_name(f"{name}'{count}")

    def argument(self, name: str, shape: tuple[Any, ...], dtype: np.dtype[Any], value: Any = None) -> Input:
        """A new input for an argument; ``value`` is kept where it may be demanded (Python and NumPy ints)."""
        tensor = input_tensor(self.unique_name(name), shape, dtype)
        if value is not None:
            self.values[tensor] = value
        return tensor

    def capture(self, path: Path, value: np.ndarray | np.generic | complex, weak: bool) -> Input:
        """The input for an array or number that the function reached by itself."""
        content = np.asarray(value)
        tensor = input_tensor(self.unique_name(path.text), content.shape, content.dtype.newbyteorder("="))
        self.values[tensor] = content
        self.captures[tensor] = Capture(path, tensor, weak)
        return tensor

    def rely_on(self, condition: Condition, subject: Any) -> None:
        """The trace is only valid while the condition holds; ``subject`` is what it is about."""
        self.conditions.setdefault((condition.path.text, type(condition), id(subject)), (condition, subject))

    def pin(self, tensor: Input) -> Any:
        """The value of an input, which the trace depends on from now on."""
        value = self.values[tensor]
        self.pinned[tensor] = np.array(value, copy=True)
        return value


def active_trace() -> Trace | None:
    """The innermost trace of this thread."""
    traces = _threads.traces
    return traces[-1] if traces else None


def current_body() -> Body | None:
    """The innermost body of a loop or branch that is being run; None outside of all."""
    trace = active_trace()
    return trace.bodies[-1] if trace is not None and trace.bodies else None


def current_trace() -> Trace:
    """The innermost trace of this thread; there must be one."""
    trace = active_trace()
    if trace is None:
        raise TraceError(
            "a traced array was used after its trace had ended: return it from the function instead of keeping it"
        )
    return trace


@contextmanager
def tracing(trace: Trace) -> Iterator[Trace]:
    """Make ``trace`` the active one. Calls of compiled functions are served in Python meanwhile: they join the trace."""
    with suspended_calls:
        _threads.traces.append(trace)
        try:
            yield trace
        finally:
            _threads.traces.pop()


# ---------------------------------------------------------------- the user's line


_known_lines: dict[tuple[CodeType, int], SourceLine] = {}
_LINES_KEPT = 10_000


def _user_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_OWN_CODE):
        frame = frame.f_back
    return frame


def user_line() -> SourceLine | None:
    """The line of the user's code that runs now."""
    frame = _user_frame()
    if frame is None:
        return None
    key = (frame.f_code, frame.f_lineno)
    known = _known_lines.get(key)
    if known is None:
        file, line = frame.f_code.co_filename, frame.f_lineno
        text = linecache.getline(file, line, frame.f_globals).rstrip()
        known = _known_lines[key] = SourceLine(file, line, text, frame.f_code.co_name)
        if len(_known_lines) > _LINES_KEPT:
            _known_lines.clear()
    return known


def note_line(node: Node) -> None:
    """Record the user's line as the maker of ``node``."""
    line = user_line()
    if line is None:
        return
    record_line(node, line)
    trace = active_trace()
    if trace is not None:
        trace.lines[node] = line


_SIZE = re.compile(r'size"(\w+)"')  # how the IR prints a named extent


def located(message: str) -> str:
    """The message with the user's line."""
    line = user_line()
    message = _SIZE.sub(r"\1", message)
    return message if line is None else f"{message}\n  in {line.function}, {line}"


def trace_error(message: str) -> TraceError:
    """A TraceError that names the user's line."""
    return TraceError(located(message))


def shape_error(message: str) -> ShapeError:
    """A ShapeError that names the user's line."""
    return ShapeError(located(message))


def dtype_error(message: str) -> DTypeError:
    """A DTypeError that names the user's line."""
    return DTypeError(located(message))


def index_error(message: str) -> IndexError:
    """An IndexError, as NumPy raises it, that names the user's line."""
    return IndexError(located(message))


def axis_error(axis: int, ndim: int, name: str = "axis") -> np.exceptions.AxisError:
    """An AxisError, as NumPy raises it, that names the user's line."""
    return np.exceptions.AxisError(located(f"{name} {axis} is out of bounds for array of dimension {ndim}"))
