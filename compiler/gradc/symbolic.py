"""`from_sympy`: a SymPy expression as a Function, in the place of ``sympy.lambdify``."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Sequence
from typing import Any

from gradc.errors import ArgumentError, ParseError
from gradc.function import Function, Transform
from gradc.trace.context import active_trace
from gradc.trace.sympy_graphs.graph import sympy_graph
from gradc.trace.sympy_graphs.matrices import entries
from gradc.trace.sympy_graphs.nodes import described, free_names


class SympyFunction:
    """A SymPy expression as a function of its arguments; inside a trace it becomes a graph."""

    def __init__(self, expression: Any, args: Sequence[Any]) -> None:
        self.expression = expression
        self.args = tuple(args)
        names = _names(self.args)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])
        self.__name__ = "f"
        self.__qualname__ = "f"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self.__signature__.bind(*args, **kwargs).args
        if active_trace() is None:
            return Function(self, Transform())(*bound)
        values: dict[Any, Any] = {}
        arrays: dict[Any, Any] = {}
        for pattern, value in zip(self.args, bound, strict=True):
            _bind(pattern, value, values, arrays)
        return _result(self.expression, lambda e: sympy_graph(e, values, arrays))

    def __repr__(self) -> str:
        return f"<SymPy expression {described(self.expression)}>"

    def __gradc_stand_in__(self, path: Any, stand_in: Any) -> SympyFunction:
        """An expression captures nothing: the traced function is the expression itself."""
        return self


def from_sympy(expr: Any, args: Any = None) -> Function:
    r"""A compiled function of a SymPy expression: a faster ``lambdify``.

    The graph is built from the expression itself: nothing is printed, common subexpressions are shared, and every
    transform (`grad`, `hessian`, `vmap`, ...) applies to the result.

    Parameters
    ----------
    expr
        An expression, a relation, a Matrix or array, or a list, tuple or dict of them. Known are the elementary
        functions, ``Piecewise``, ``Max``/``Min``, ``Abs``, ``sign``, ``Heaviside``, ``floor``/``ceiling``, ``Mod``,
        ``erf`` and its relatives, ``gamma``, ``loggamma``, ``polygamma``, Bessel and Airy functions, exponential,
        trigonometric and Fresnel integrals, ``elliptic_k``, ``elliptic_f``, ``Sum``/``Product`` over an index with
        entries of an ``IndexedBase``, and of MatrixSymbols of any size sums, products, powers, transposes, inverses, traces and
        determinants.
    args
        The arguments in order, as for ``lambdify``: symbols, IndexedBases, MatrixSymbols, and lists, tuples or matrices of
        symbols, which take a container or array. By default the free symbols, sorted by name.

    Returns
    -------
    A `Function`. Arrays for symbols broadcast; a Matrix gives an array with two axes (before those of such arrays).

    Raises
    ------
    ArgumentError
        An argument is nothing that can stand for values.
    ParseError
        A symbol is no argument, or a function has no counterpart (at the first call).
    ShapeError
        An array hasn't the shape of its MatrixSymbol (at the call).

    >>> import gradc, sympy
    >>> x, y = sympy.symbols("x y")
    >>> f = gradc.from_sympy((1 - x) ** 2 + 100 * (y - x**2) ** 2, [x, y])
    >>> f(2.0, 3.0)
    101.0
    >>> gradc.grad(f)(2.0, 3.0)
    802.0

    """
    import sympy

    expression = _sympified(expr)
    if args is None:
        args = _own_symbols(expression)
    elif isinstance(args, set | frozenset):
        raise ArgumentError("args is a set, which has no order; give a list")
    elif not isinstance(args, list | tuple | sympy.MatrixBase | sympy.Tuple):
        args = [args]
    patterns = list(args)
    for pattern in patterns:
        _check(pattern)
    return Function(SympyFunction(expression, patterns), Transform())


def _sympified(expression: Any) -> Any:
    import sympy

    if isinstance(expression, dict):
        return {key: _sympified(value) for key, value in expression.items()}
    if isinstance(expression, list | tuple) and not isinstance(expression, sympy.Basic):
        return type(expression)(_sympified(item) for item in expression)
    if expression is None:
        raise ArgumentError("from_sympy takes a SymPy expression, a Matrix, a container of these or a text, not None")
    try:
        return sympy.sympify(expression)
    except (sympy.SympifyError, TypeError, SyntaxError) as problem:
        reason = str(problem).partition("\n")[0]
        raise ParseError(f"SymPy can't read {expression!r}: {reason}") from None


def _result(expression: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(expression, dict):
        return {key: _result(value, convert) for key, value in expression.items()}
    if isinstance(expression, list | tuple):
        return type(expression)(_result(item, convert) for item in expression)
    if type(expression).__name__ == "Tuple":
        return tuple(_result(item, convert) for item in expression)
    return convert(expression)


def _own_symbols(expression: Any) -> list[Any]:
    """The free symbols by name; an IndexedBase or MatrixSymbol stands for its entries, and its extents are read off it."""
    found = free_names(_leaves(expression))
    extents = {extent for name in found for extent in getattr(name, "shape", None) or ()}
    return sorted(found - extents, key=str)


def _leaves(expression: Any) -> list[Any]:
    """The expressions in a container, and the entries of arrays."""
    if isinstance(expression, dict):
        return _leaves(list(expression.values()))
    if isinstance(expression, list | tuple):
        return [leaf for item in expression for leaf in _leaves(item)]
    found = entries(expression)
    return [expression] if found is None else found[1]


def _check(pattern: Any) -> None:
    import sympy

    if isinstance(pattern, list | tuple) or getattr(pattern, "is_Matrix", False):
        if isinstance(pattern, list | tuple):
            for item in pattern:
                _check(item)
        return
    if not isinstance(
        pattern, sympy.Symbol | sympy.IndexedBase | sympy.MatrixSymbol | sympy.Indexed | sympy.MatrixBase
    ) and not (isinstance(pattern, sympy.Function) or type(pattern).__name__ == "Tuple"):
        raise ArgumentError(f"args takes symbols, IndexedBases, MatrixSymbols and lists of them, not {pattern!r:.60}")


def _names(patterns: Sequence[Any]) -> list[str]:
    names: list[str] = []
    for position, pattern in enumerate(patterns):
        name = str(getattr(pattern, "name", "") or getattr(pattern, "label", ""))
        if not name.isidentifier() or keyword.iskeyword(name) or name in names:
            name = f"x{position}"
        names.append(name)
    return names


def _bind(pattern: Any, value: Any, values: dict[Any, Any], arrays: dict[Any, Any]) -> None:
    """Match an argument with the value given for it."""
    import sympy

    if isinstance(pattern, sympy.MatrixSymbol | sympy.IndexedBase):
        arrays[pattern] = value
        if isinstance(pattern, sympy.IndexedBase):
            arrays[pattern.label] = value
        return
    if isinstance(pattern, sympy.MatrixBase):
        vector = 1 in pattern.shape and getattr(value, "ndim", 2) == 1
        for k, symbol in enumerate(pattern.flat()):
            row, column = divmod(k, pattern.cols)
            entry = (
                value[k] if vector else value[row][column] if isinstance(value, list | tuple) else value[row, column]
            )
            _bind(symbol, entry, values, arrays)
        return
    if isinstance(pattern, list | tuple | sympy.Tuple):
        if len(value) != len(pattern):
            raise ArgumentError(
                f"an argument stands for {len(pattern)} values, {', '.join(map(str, pattern))}; got {len(value)}"
            )
        for k, item in enumerate(pattern):
            _bind(item, value[k], values, arrays)
        return
    if type(pattern).__name__ == "DeferredVector":
        arrays[pattern] = value
        return
    if not getattr(pattern, "is_Number", False):
        values[pattern] = value
