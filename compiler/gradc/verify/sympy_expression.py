"""A SymPy expression or matrix as a function of its symbols, by walking the expression: no source text, no `eval`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradc.errors import ParseError
from gradc.verify.vocabulary import FUNCTIONS, call

#: SymPy's class name -> the name in the vocabulary, where they differ.
_NAMES = {"Abs": "abs", "Max": "max", "Min": "min", "Heaviside": "heaviside", "conjugate": "conj"}
_RELATIONS: dict[str, str] = {
    "StrictLessThan": "less",
    "LessThan": "less_equal",
    "StrictGreaterThan": "greater",
    "GreaterThan": "greater_equal",
    "Equality": "equal",
    "Unequality": "not_equal",
}
_ENTRY = re.compile(r"(.+?)_?(\d+)")


def sympy_function(expression: Any, parameters: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """What computes the expression from the parameters' values; a list or tuple of expressions gives a tuple."""
    import sympy

    several = isinstance(expression, list | tuple)
    items = [sympy.sympify(item) for item in (expression if several else [expression])]
    for item in items:
        for symbol in sorted(item.free_symbols, key=str):
            _check_symbol(str(symbol), parameters)

    def formula(names: Mapping[str, Any]) -> Any:
        results = tuple(_evaluate(item, names) for item in items)
        return results if several else results[0]

    return formula


def _check_symbol(name: str, parameters: Sequence[str]) -> None:
    if name in parameters:
        return
    match = _ENTRY.fullmatch(name)
    if match is None or match.group(1) not in parameters:
        raise ParseError(f"the symbol {name} is none of the parameters {', '.join(parameters)}")


def _evaluate(expression: Any, names: Mapping[str, Any]) -> Any:
    import sympy

    values: dict[Any, Any] = {}
    for node in sympy.postorder_traversal(expression):
        if node not in values:
            values[node] = _value(node, values, names)
    return values[expression]


def _value(node: Any, values: dict[Any, Any], names: Mapping[str, Any]) -> Any:
    import sympy

    kind = type(node).__name__
    if isinstance(node, sympy.MatrixBase):
        return _matrix(node, names)
    if node.is_Symbol or isinstance(node, sympy.MatrixSymbol):
        return _symbol(str(node), names)
    if getattr(node, "is_number", False) and not node.args:
        return _number(node)
    operands = [values[argument] for argument in node.args if argument in values]
    if kind in ("Tuple", "ExprCondPair", "Str"):
        return operands
    if node.is_Add or kind == "MatAdd":
        return _fold(np.add, operands)
    if kind == "MatMul":  # a MatMul counts as a Mul, so this comes first
        return _fold(_matrix_product, operands)
    if node.is_Mul:
        return _product(node, values)
    if node.is_Pow:
        return _power(node, operands)
    if kind == "Transpose":
        return np.transpose(operands[0])
    if kind == "MatrixElement":
        row, column = (int(index) for index in node.indices)
        base = values[node.parent]
        return base[row] if np.ndim(base) == 1 else base[row, column]
    if kind == "Piecewise":
        return _piecewise(operands)
    if kind in _RELATIONS:
        return FUNCTIONS[_RELATIONS[kind]](*operands)
    if kind in ("BooleanTrue", "BooleanFalse"):
        return bool(node)
    if kind in ("And", "Or"):
        return _fold(np.logical_and if kind == "And" else np.logical_or, operands)
    return _function(kind, operands)


def _function(kind: str, operands: list[Any]) -> Any:
    name = _NAMES.get(kind, kind.lower())
    if name == "exp1":
        return np.e
    if name not in FUNCTIONS:
        raise ParseError(f"SymPy's {kind} has no counterpart here; rewrite it with elementary functions")
    return call(name, *operands)


def _symbol(name: str, names: Mapping[str, Any]) -> Any:
    if name in names:
        return names[name]
    match = _ENTRY.fullmatch(name)
    assert match is not None
    return names[match.group(1)][int(match.group(2))]


def _number(node: Any) -> int | float:
    if node.is_Integer:
        return int(node)
    if node.is_extended_real:
        return float(node)
    raise ParseError(f"{node} is not a real number")


def _fold(function: Callable[[Any, Any], Any], operands: list[Any]) -> Any:
    result = operands[0]
    for operand in operands[1:]:
        result = function(result, operand)
    return result


def _matrix_product(left: Any, right: Any) -> Any:
    return left * right if np.ndim(left) == 0 or np.ndim(right) == 0 else np.matmul(left, right)


def _product(node: Any, values: dict[Any, Any]) -> Any:
    """``a b^-1`` as a division, so that a quotient is one rounding and reads like one."""
    upper: list[Any] = []
    lower: list[Any] = []
    for factor in node.args:
        if factor.is_Rational and not factor.is_Integer:
            upper += [factor.p] if factor.p != 1 else []
            lower.append(factor.q)
        elif factor.is_Pow and factor.exp == -1:
            lower.append(values[factor.base])
        else:
            upper.append(values[factor])
    product = _fold(np.multiply, upper) if upper else 1
    return product / _fold(np.multiply, lower) if lower else product


def _power(node: Any, operands: list[Any]) -> Any:
    base, exponent = operands
    if node.exp == -1:
        return 1 / base
    if str(node.exp) == "1/2":
        return call("sqrt", base)
    return call("exp", exponent) if str(node.base) == "E" else base**exponent


def _piecewise(branches: list[Any]) -> Any:
    result: Any = np.nan
    for value, condition in reversed(branches):
        result = value if condition is True else np.where(condition, value, result)
    return result


def _matrix(matrix: Any, names: Mapping[str, Any]) -> Any:
    """A column is a vector, as NumPy writes one."""
    rows = [[_evaluate(matrix[i, j], names) for j in range(matrix.cols)] for i in range(matrix.rows)]
    if matrix.cols == 1:
        return np.stack([row[0] for row in rows])
    return np.stack([np.stack(row) for row in rows])
