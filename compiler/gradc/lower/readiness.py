"""How long values take: the float operations on the longest way to each, counted as the code is written."""

from __future__ import annotations

from collections.abc import Iterable

from gradc.lower.text import Value

#: How long operations take, compared with an addition, by how they begin; others, and what an elementary function takes.
_OPERATIONS = {"fadd": 1, "fsub": 1, "fmul": 1, "fdiv": 4}
_FUNCTION = 8


class Readiness:
    """After about how many float operations registers are known."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, value: Value) -> int:
        """The time at which a value is known; 0 for what is read."""
        return self._known.get(value.text, 0)

    def note(self, result: str, instruction: str, operands: Iterable[Value]) -> None:
        """An instruction that was written."""
        time = _OPERATIONS.get(instruction[:4])
        if time is None:
            time = 0 if instruction[:4] != "call" else 1 if "@llvm.fma." in instruction else _FUNCTION
        known = self._known
        known[result] = time + max([known.get(operand.text, 0) for operand in operands], default=0)
