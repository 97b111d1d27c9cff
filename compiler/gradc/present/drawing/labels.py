"""What stands in a node: ``×``, ``sin``, ``( )²``, ``Σ``. A constant operand is part of its operation: ``2 ×``, ``1 −``."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.scalar import Apply, Guard, Index, Load, Number, Scalar
from gradc.ir.tensor import Call, Extern, MultiNode
from gradc.present.notation import Literal
from gradc.present.plain import PlainWriter

_INFIX = {
    "add": "+",
    "sum": "+",
    "sub": "−",
    "mul": "×",
    "prod": "×",
    "div": "/",
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
    "equal": "=",
    "not_equal": "≠",
    "and": "and",
    "or": "or",
}
_NAMES = {"neg": "−( )", "reciprocal": "1/( )", "square": "( )²", "sqrt": "√", "abs": "| |", "where": "where"}
_REDUCERS = {"sum": "Σ", "prod": "∏"}
_RAISED = str.maketrans("0123456789-./", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻·ᐟ")


def operation_label(scalar: Scalar, operands: Sequence[Scalar]) -> str:
    """The operation, with its constant operands."""
    if isinstance(scalar, Guard):
        return "[ ]"
    assert isinstance(scalar, Apply)
    name = scalar.op.name
    constants = {k: _number(o) for k, o in enumerate(operands) if isinstance(o, Number)}
    if name in ("pow", "power") and 1 in constants:
        return f"( ){constants[1].translate(_RAISED)}"
    if name in ("pow", "power"):
        return f"{constants[0]}^( )" if 0 in constants else "^"
    if name == "prod" and len(operands) == 2 and constants.get(0) == "-1":
        return "−( )"
    if name in _INFIX:
        sign = _INFIX[name]
        if 0 in constants:
            return f"{constants[0]} {sign}"
        return f"{sign} {constants[1]}" if 1 in constants else sign
    shown = _NAMES.get(name, name)
    return f"{shown} {', '.join(constants.values())}" if constants else shown


def _number(scalar: Number) -> str:
    return PlainWriter().text(Literal(scalar.value))


def reduction_label(reducer: str | None) -> str:
    """The sign of a reduction."""
    return _REDUCERS.get(str(reducer), str(reducer))


def movement_label(scalar: Scalar, rank: int) -> str:
    """An array read at other places than its own: transposed, repeated along an axis, or picked from."""
    if not isinstance(scalar, Load):
        return _number(scalar) if isinstance(scalar, Number) else "indices"
    positions = [i.position for i in scalar.indices if isinstance(i, Index)]
    if len(positions) == len(scalar.indices) and len(set(positions)) == len(positions):
        if len(positions) < rank:
            return "repeat"
        return "⊤" if positions == [1, 0] else "transpose"
    return "[ ]"


def called_label(source: MultiNode) -> str:
    """The name of what has several results."""
    if isinstance(source, Extern):
        return source.name
    return source.policy.removeprefix("custom:") if isinstance(source, Call) else type(source).__name__.lower()
