"""Functions that many kernels call, compiled once: products of small matrices, what sine says far from zero.

A routine is a module of LLVM assembly that defines one function and calls no other routine. The same text is the same
routine, for as long as a kernel uses it or it is among those used last.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from weakref import WeakValueDictionary

from gradc_runtime.engine import FAST_TO_COMPILE, NORMAL, Library, engine

#: Routines that stay although no kernel uses them.
KEPT = 256

_known: WeakValueDictionary[str, Library] = WeakValueDictionary()
_recent: OrderedDict[str, Library] = OrderedDict()
_lock = threading.Lock()


def routines(texts: Mapping[str, str]) -> dict[str, Library]:
    """The machine code of each routine, by its name; whoever calls a routine keeps its `Library`.

    >>> text = "define i64 @gradc_next(i64 %i) { %j = add i64 %i, 1 ret i64 %j }"
    >>> first, second = routines({"gradc_next": text}), routines({"gradc_next": text})
    >>> first["gradc_next"] is second["gradc_next"]
    True
    """
    return {name: _routine(name, text) for name, text in texts.items()}


def _level(text: str) -> int:
    """A function that is marked as cold need not be fast."""
    return FAST_TO_COMPILE if " cold " in text.partition("{")[0] else NORMAL


def _routine(name: str, text: str) -> Library:
    with _lock:
        library = _known.get(text)
        if library is None:
            library = _known[text] = engine().load(engine().compile(text, _level(text)), [name])
        _recent[text] = library
        _recent.move_to_end(text)
        while len(_recent) > KEPT:
            _recent.popitem(last=False)
        return library
