"""A SymPy expression or matrix as a function of parameters that are found by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradc.errors import ParseError
from gradc.trace.sympy_graphs.graph import sympy_graph
from gradc.trace.sympy_graphs.matrices import entries
from gradc.trace.sympy_graphs.nodes import free_names

#: ``x0`` or ``x_0`` is entry 0 of a parameter x.
_ENTRY = re.compile(r"(.+?)_?(\d+)")


def sympy_function(expression: Any, parameters: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """What traces the expression from the parameters' values; a list or tuple of expressions gives a tuple."""
    import sympy

    several = isinstance(expression, list | tuple)
    items = [sympy.sympify(item) for item in (expression if several else [expression])]
    names = [_names(item, parameters) for item in items]

    def formula(values: Mapping[str, Any]) -> Any:
        results = tuple(_graph(item, known, values) for item, known in zip(items, names, strict=True))
        return results if several else results[0]

    return formula


def _names(expression: Any, parameters: Sequence[str]) -> set[Any]:
    """The names in an expression; raises where one is no parameter and no entry of one."""
    found = entries(expression)
    names = free_names([expression] if found is None else found[1])
    sizes = {extent for name in names for extent in getattr(name, "shape", None) or ()}
    for symbol in sorted(map(str, names - sizes)):
        match = _ENTRY.fullmatch(symbol)
        if symbol not in parameters and (match is None or match.group(1) not in parameters):
            raise ParseError(f"the symbol {symbol} is none of the parameters {', '.join(parameters)}")
    return names


def _graph(expression: Any, names: set[Any], given: Mapping[str, Any]) -> Any:
    """A matrix expression of one entry is a number, and a matrix of one column a vector, as NumPy writes them."""
    values: dict[Any, Any] = {}
    arrays: dict[Any, Any] = {}
    for name in names:
        text = str(name)
        if hasattr(name, "shape"):
            arrays[name] = given[text]
        elif text in given:
            values[name] = given[text]
        elif match := _ENTRY.fullmatch(text):
            values[name] = given[match.group(1)][int(match.group(2))]
    result = sympy_graph(expression, values, arrays)
    if not getattr(expression, "is_Matrix", False) or expression.shape[1] != 1:
        return result
    return result[0, 0] if expression.shape[0] == 1 and entries(expression) is None else result[:, 0]
