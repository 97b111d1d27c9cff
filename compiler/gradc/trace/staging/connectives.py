"""Whether values count as true, and the connectives of conditions that may be traced."""

from __future__ import annotations

import operator
from typing import Any

from gradc.trace.arrays.known import known_value, reaches_unknown
from gradc.trace.arrays.tracer import TracedArray
from gradc.trace.context import active_trace
from gradc.trace.elements.elementwise import truth
from gradc.trace.staging.choice import Block, staged_choice


def decided(value: Any) -> bool | TracedArray:
    """Whether a value counts as true; a traced number where that is not known."""
    if not isinstance(value, TracedArray):
        return bool(value)
    if (value.extents and value.size != 1) or active_trace() is None:
        return bool(value)
    known = None if reaches_unknown(value) else known_value(value)
    return truth(value.reshape(()) if value.extents else value) if known is None else bool(known)


# ---------------------------------------------------------------- connectives


def both(left: Any, right: Block) -> Any:
    """``left and right()``."""
    flag = decided(left)
    if not isinstance(flag, TracedArray):
        return right() if flag else left
    return staged_choice(flag, (right, lambda: left), {}, {}, gives=True)


def either(left: Any, right: Block) -> Any:
    """``left or right()``."""
    flag = decided(left)
    if not isinstance(flag, TracedArray):
        return left if flag else right()
    return staged_choice(flag, (lambda: left, right), {}, {}, gives=True)


def negated(value: Any) -> Any:
    """``not value``."""
    flag = decided(value)
    return ~flag if isinstance(flag, TracedArray) else not flag


def chosen(test: Any, on_true: Block, on_false: Block) -> Any:
    """``on_true() if test else on_false()``."""
    flag = decided(test)
    if not isinstance(flag, TracedArray):
        return on_true() if flag else on_false()
    return staged_choice(flag, (on_true, on_false), {}, {}, gives=True)


def compared(left: Any, *links: tuple[str, Block]) -> Any:
    """``left < a < b``: the pairs, as long as they hold."""
    (relation, operand), *rest = links
    right = operand()
    holds = getattr(operator, relation)(left, right)
    return both(holds, lambda: compared(right, *rest)) if rest else holds
