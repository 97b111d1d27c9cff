"""Ctrl-C in a long loop: machine code asks the interpreter from time to time whether a signal waits.

The functions of the interpreter that it calls for that take the lock, run the handlers of signals that have come in, and give
the lock back; what a handler raises stays with the thread, and the kernel ends with the status `INTERRUPTED`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import NoReturn

#: Symbols of these functions in generated code begin with this.
PREFIX = "gradc_python_"
INTERRUPTED = 7
#: Take the lock, run the handlers of signals (not 0: one has raised something), give the lock back.
FUNCTIONS = ("PyGILState_Ensure", "PyErr_CheckSignals", "PyGILState_Release")


def symbols(names: Iterable[str]) -> dict[str, int]:
    """The addresses of the symbols that name functions of the interpreter.

    >>> sorted(symbols(["gradc_python_PyErr_CheckSignals", "memcpy"]))
    ['gradc_python_PyErr_CheckSignals']
    """
    found = {}
    for name in names:
        function = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and function in FUNCTIONS:
            found[name] = ctypes.cast(getattr(ctypes.pythonapi, function), ctypes.c_void_p).value or 0
    return found


def raise_what_waits(error: SystemError) -> NoReturn:
    """A call into machine code that a handler has interrupted fails with what the handler raised as its cause."""
    if error.__cause__ is not None:
        raise error.__cause__ from None
    raise error
