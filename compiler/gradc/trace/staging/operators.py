"""What rewritten code calls in the place of Python's control flow.

Where the condition, or what is iterated over, is a plain Python value, or a traced one whose value is known while tracing, all
goes as in Python. Else branches and loops become nodes of the graph.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from gradc.errors import TraceError
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import current_body, trace_error
from gradc.trace.staging.choice import Block, staged_choice
from gradc.trace.staging.connectives import both as both
from gradc.trace.staging.connectives import chosen as chosen
from gradc.trace.staging.connectives import compared as compared
from gradc.trace.staging.connectives import decided
from gradc.trace.staging.connectives import either as either
from gradc.trace.staging.connectives import negated as negated
from gradc.trace.staging.filters import entry as entry
from gradc.trace.staging.filters import generated as generated
from gradc.trace.staging.filters import inner as inner
from gradc.trace.staging.filters import listed as listed
from gradc.trace.staging.lookup import item as item
from gradc.trace.staging.membership import contained as contained
from gradc.trace.staging.membership import is_sequence as is_sequence
from gradc.trace.staging.membership import not_contained as not_contained
from gradc.trace.staging.repetition import iterated_over as iterated_over
from gradc.trace.staging.repetition import repeated as repeated
from gradc.trace.staging.sequences import iterated as iterated
from gradc.trace.staging.state import cells_of, variables_of

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
        staged_choice(flag, sides, cells_of(sides, variables_of(names, sides)), cells_of(sides, unused))
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
    cells = cells_of(sides, variables_of(names, sides))
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
