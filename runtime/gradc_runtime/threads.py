"""How many threads a kernel may use, and the pool that runs them.

Kernels read the number at each call. Nothing runs before the first call that has work for several threads; that call makes
its workers itself, in machine code (`gradc_runtime.threads_code` has the protocol). A forked child starts without workers and
makes its own in the same way.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterable
from typing import Any, TypeVar

from gradc_runtime.engine import FAST_TO_COMPILE, Library, engine
from gradc_runtime.threads_code import MOST_THREADS, OFFSETS, PYTHON_FUNCTIONS, SIZE, YIELD, pool_text

#: The symbol that kernels call: ``i64 (ptr task, ptr data, i64 chunks, i64 length, i64 most_threads)``.
PARALLEL_FOR = "gradc_parallel_for"
#: The environment variable that sets the number of threads.
VARIABLE = "GRADC_NUM_THREADS"
_STATE, _SPIN = "gradc_pool", "gradc_spin"
#: How long a thread waits for work before it sleeps.
_PATIENCE_NS = 30_000
_TRIAL_TURNS = 500
_Integer = TypeVar("_Integer", ctypes.c_int32, ctypes.c_int64)


class ThreadCountError(ValueError):
    """A number of threads that makes no sense."""


def set_num_threads(count: int) -> None:
    """Let kernels use up to ``count`` threads, the calling one included. Results are the same for any number."""
    _pool.threads = _checked(count)


def get_num_threads() -> int:
    """How many threads a kernel may use: at first, ``GRADC_NUM_THREADS`` or the number of cores this process may run on."""
    return _pool.threads


def symbols(names: Iterable[str]) -> dict[str, int]:
    """The addresses of those of the symbols that are the pool's; its code is made when it is first asked for."""
    return {PARALLEL_FOR: _pool.library().address(PARALLEL_FOR)} if PARALLEL_FOR in names else {}


def _checked(count: int) -> int:
    if isinstance(count, bool) or not hasattr(count, "__index__"):
        raise TypeError(f"the number of threads is an int, not {count!r}")
    number = count.__index__()
    if not 1 <= number <= MOST_THREADS:
        raise ThreadCountError(f"the number of threads is between 1 and {MOST_THREADS}, not {number}")
    return number


def _initial() -> int:
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        try:
            return _checked(int(text))
        except ValueError:
            raise ThreadCountError(f"{VARIABLE} is a number between 1 and {MOST_THREADS}, not {text!r}") from None
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, MOST_THREADS)


class _Pool:
    """The process's one pool: a setting, until a parallel kernel is loaded; then machine code and its state."""

    def __init__(self) -> None:
        self._threads = 0
        self._library: Library | None = None
        self._lock = threading.Lock()

    @property
    def threads(self) -> int:
        """How many threads a job may use."""
        if not self._threads:
            self._threads = _initial()
        return self._threads

    @threads.setter
    def threads(self, count: int) -> None:
        with self._lock:
            self._threads = count
            if self._library is not None:
                _field(self._library, "threads", ctypes.c_int32).value = count

    def library(self) -> Library:
        """The pool's machine code."""
        threads = self.threads
        with self._lock:
            if self._library is None:
                library = _compiled()
                _field(library, "threads", ctypes.c_int32).value = threads
                _field(library, "spins", ctypes.c_int64).value = _turns_of_patience(library)
                self._library = library
            return self._library

    def after_fork(self) -> None:
        """In the child: no worker exists, and whoever held a lock or ran a job is gone."""
        self._lock = threading.Lock()
        if self._library is None:
            return
        spins = _field(self._library, "spins", ctypes.c_int64).value
        ctypes.memset(self._library.address(_STATE), 0, SIZE)
        _field(self._library, "threads", ctypes.c_int32).value = self.threads
        _field(self._library, "spins", ctypes.c_int64).value = spins


def _compiled() -> Library:
    functions = {name: _address(getattr(ctypes.pythonapi, name)) for name in PYTHON_FUNCTIONS}
    yielding = getattr(ctypes.pythonapi, YIELD, None)  # which looks in all of the process
    if yielding is not None:
        functions[YIELD] = _address(yielding)
    text = pool_text(engine().host.triple, yields=yielding is not None)
    code = engine().compile(text, FAST_TO_COMPILE)  # next to a chunk's work its time is nothing
    return engine().load(code, [PARALLEL_FOR, _STATE, _SPIN], functions)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _field(library: Library, name: str, kind: type[_Integer]) -> _Integer:
    return kind.from_address(library.address(_STATE) + OFFSETS[name])


def _turns_of_patience(library: Library) -> int:
    """Turns of a waiting loop that take about as long as a thread waits for work."""
    spin = ctypes.PYFUNCTYPE(None, ctypes.c_int64)(library.address(_SPIN))
    best = _PATIENCE_NS
    for _ in range(5):
        begin = time.perf_counter_ns()
        spin(_TRIAL_TURNS)
        best = min(best, time.perf_counter_ns() - begin)
    return _TRIAL_TURNS * _PATIENCE_NS // max(best, 1)


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.after_fork)
