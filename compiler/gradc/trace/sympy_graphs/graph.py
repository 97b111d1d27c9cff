"""A SymPy expression as a graph: one walk over its shared nodes, one comprehension for all of its entries.

No source text is printed and none is run. Equal subexpressions are one node, so common ones are computed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradc.errors import ParseError
from gradc.ir.build import as_tensor
from gradc.ir.scalar import FLOAT64, Scalar
from gradc.trace.arrays.tracer import TracedArray, lift, wrap
from gradc.trace.elements.elementwise import broadcast_shapes
from gradc.trace.sympy_graphs.functions import LEAVES, OPERATIONS, constant
from gradc.trace.sympy_graphs.indexing import entry, reduction
from gradc.trace.sympy_graphs.matrices import (
    arranged,
    check_shapes,
    entries,
    evaluated,
    is_matrix_expression,
    matrix_value,
    number_of_matrix,
    written_out,
)
from gradc.trace.sympy_graphs.nodes import described, free_names
from gradc.trace.sympy_graphs.scope import Handler, Scope, floating


def sympy_graph(expression: Any, values: Mapping[Any, Any], arrays: Mapping[Any, Any]) -> TracedArray:
    r"""A SymPy expression, matrix or array as a traced array.

    Parameters
    ----------
    expression
        What SymPy calls an expression, a relation, a matrix, or an array of them.
    values
        The numbers (or arrays of numbers, which broadcast) that symbols stand for.
    arrays
        What ``IndexedBase``\\ s and ``MatrixSymbol``\\ s stand for; a vector may stand for a column or a row.

    Returns
    -------
    A number for an expression (of the broadcast shape of the values); for a matrix its entries, rows first.

    Raises
    ------
    ParseError
        A symbol has no value, or a function has no counterpart.
    ShapeError
        An array hasn't the shape of its MatrixSymbol.

    """
    numbers = {symbol: lift(value) for symbol, value in values.items()}
    tensors = {symbol: lift(value) for symbol, value in arrays.items()}
    check_shapes(tensors)
    found = entries(expression)
    names = free_names([expression] if found is None else found[1])
    used = [x for symbol, x in numbers.items() if symbol in names or getattr(symbol, "base", None) in names]
    shape = broadcast_shapes(*[x.extents for x in used]) if used else ()
    given = (*numbers.values(), *tensors.values())
    dtypes = [x.dtype for x in given if x.dtype.kind in "fc" and not x.weak]
    dtype = np.result_type(*dtypes) if dtypes else FLOAT64
    scope = Scope(numbers, tensors, shape, dtype, _converted)
    if found is None and getattr(expression, "is_Matrix", False):
        if not shape and is_matrix_expression(expression):
            return matrix_value(expression, scope)
        expression, scope = written_out(expression, scope)
        found = entries(expression)
    if found is None:
        return wrap(as_tensor(shape, _converted(expression, scope)), weak=all(x.weak for x in given))
    return wrap(arranged([floating(_converted(item, scope), scope) for item in found[1]], found[0], shape, dtype))


# ---------------------------------------------------------------- the walk


def _converted(root: Any, scope: Scope) -> Scalar:
    """The scalar of an expression; every distinct node is converted once, parts before the whole, without recursion."""
    memo = scope.memo
    stack: list[tuple[Any, tuple[Any, ...] | None]] = [(root, None)]
    while stack:
        node, parts = stack.pop()
        if id(node) in memo:
            continue
        handler = _handler(node)
        if parts is None:
            parts = () if handler in _WHOLE else _parts(node)
            stack.append((node, parts))
            stack += [(part, None) for part in parts if id(part) not in memo]
            continue
        memo[id(node)] = (node, handler(node, [memo[id(part)][1] for part in parts], scope))
    return memo[id(root)][1]


def _parts(node: Any) -> tuple[Any, ...]:
    """What a handler is given: the arguments, of a Piecewise the value and the condition of each branch."""
    if type(node).__name__ == "Piecewise":
        return tuple(part for branch in node.args for part in branch.args)
    return tuple(node.args)


def _handler(node: Any) -> Handler:
    """The handler of the class or of one that it derives from; else it is a number, or unknown."""
    for kind in type(node).__mro__:
        if kind.__name__ in _HANDLERS:
            return _HANDLERS[kind.__name__]
    return constant if _is_number(node) else _unknown


def _is_number(node: Any) -> bool:
    names = free_names([node])
    return not names and bool(getattr(node, "is_number", False))


def _unknown(node: Any, arguments: list[Scalar], scope: Scope) -> Scalar:
    raise ParseError(
        f"SymPy's {type(node).__name__} has no counterpart here; rewrite {described(node)} in elementary functions"
    )


_HANDLERS: dict[str, Handler] = {
    **LEAVES,
    **OPERATIONS,
    **dict.fromkeys(("Sum", "Product"), reduction),
    **dict.fromkeys(("Indexed", "MatrixElement"), entry),
    **dict.fromkeys(("Trace", "Determinant"), number_of_matrix),
    **dict.fromkeys(("Derivative", "Integral", "Subs"), evaluated),
}

#: Handlers that see to what lies below by themselves (or have nothing below).
_WHOLE = frozenset((*LEAVES.values(), reduction, entry, number_of_matrix, evaluated, constant, _unknown))
