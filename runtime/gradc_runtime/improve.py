"""Machine code that is there soon, and good a little later.

LLVM takes several times as long for good code as for plain code, which computes the same bits. A kernel whose good code would
keep its first call waiting begins with plain code; a thread makes the good code once nothing else is being compiled, and
the kernel goes on with it. The thread ends when there is nothing to do, and with the program.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from weakref import ref

from gradc_runtime.engine import NORMAL, engine
from gradc_runtime.loaded import LoadedKernel

#: Seconds without a compilation before the thread begins with one: who is waiting for code comes first.
QUIET = 0.15
_PAUSE = 0.01

#: Kernels, which may go away meanwhile, and the text of each.
_waiting: deque[tuple[ref[LoadedKernel], str]] = deque()
_lock = threading.Lock()
_thread: threading.Thread | None = None


def improve_later(kernel: LoadedKernel, text: str) -> None:
    """Give the kernel good code for ``text``, the module that its plain code was made from, some time soon."""
    global _thread
    with _lock:
        _waiting.append((ref(kernel), text))
        if _thread is None:
            _thread = threading.Thread(target=_work, name="gradc-improve")
            _thread.start()


def pending() -> int:
    """How many kernels wait for good code."""
    with _lock:
        return len(_waiting) + (_thread is not None)


def _work() -> None:
    global _thread
    while True:
        _wait_for_quiet()
        with _lock:
            if not _waiting or not threading.main_thread().is_alive():
                _waiting.clear()
                _thread = None
                return
            kernel, text = _waiting.popleft()
        _improve(kernel, text)


def _wait_for_quiet() -> None:
    while threading.main_thread().is_alive() and time.monotonic() - engine().last_used < QUIET:
        time.sleep(_PAUSE)


def _improve(kernel: ref[LoadedKernel], text: str) -> None:
    if kernel() is None:
        return
    object_code = engine().compile(text, NORMAL, waited_for=False)
    alive = kernel()
    if alive is not None:
        alive.go_on_with(object_code)


def _forget_thread() -> None:
    """A forked child has no thread; what waited there keeps its plain code until something else is to be improved."""
    global _thread, _lock
    _lock = threading.Lock()
    _thread = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_thread)
