"""The names that the user gave to intermediates, from the lines of code that made them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from gradc.ir.scalar import Apply
from gradc.ir.source import SourceLine
from gradc.ir.tensor import Compute, Input, Tensor
from gradc.ir.walk import operands_of

_ASSIGNMENT = re.compile(r"\s*([^\W\d]\w*)\s*(?::[^=]+)?=(?!=)")


def own_names(
    order: Sequence[Tensor], lines: Callable[[Tensor], Iterable[SourceLine]], function: str = ""
) -> dict[Tensor, str]:
    """Of each assignment in the function (in any, where none is named), its value: the last node that the line made.

    A line that a loop repeats makes the same operations again and again: each time the last of them is the value.
    """
    made: dict[SourceLine, list[Tensor]] = {}
    for tensor in order:
        for line in lines(tensor):
            if line.function == (function or line.function) and not isinstance(tensor, Input):
                if _ASSIGNMENT.match(line.text):
                    made.setdefault(line, []).append(tensor)
    names: dict[Tensor, str] = {}
    for line, tensors in made.items():
        match = _ASSIGNMENT.match(line.text)
        inside = {operand for tensor in tensors for operand in operands_of(tensor)}
        if match is None or tensors[-1] in inside:
            continue
        operations = [_operation(tensor) for tensor in tensors]
        alone = len(set(operations)) == 1 and inside.isdisjoint(tensors)  # one operation in each round
        period = 1 if alone else _period(operations)
        for tensor in tensors[period - 1 :: period]:
            names.setdefault(tensor, match[1])
    return names


def _operation(tensor: Tensor) -> str:
    body = tensor.body if isinstance(tensor, Compute) else None
    name = body.op.name if isinstance(body, Apply) else type(body).__name__
    return f"{name} {getattr(tensor, 'reducer', '')}"


def _period(operations: Sequence[str]) -> int:
    """After how many operations, two at least, they repeat to the end; all of them where they don't."""
    count = len(operations)
    for period in range(2, count // 2 + 1):
        if count % period == 0 and all(operations[k] == operations[k % period] for k in range(count)):
            return period
    return count
