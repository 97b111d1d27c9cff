"""Matrices and arrays of SymPy: written-out ones entry by entry, matrix expressions as operations on whole arrays."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradc.errors import ParseError
from gradc.ir.algebra import conjunction, equal, guarded, sum_of
from gradc.ir.build import as_tensor
from gradc.ir.scalar import DType, Number, Scalar, index, load, number
from gradc.ir.tensor import Extent, Shape, Tensor, compute, extent
from gradc.trace.arrays.tracer import TracedArray, extent_value, wrap
from gradc.trace.context import shape_error
from gradc.trace.movement.creation import eye, ones, zeros
from gradc.trace.movement.shaping import matrix_transpose
from gradc.trace.products.contraction import matmul, trace
from gradc.trace.products.linear_algebra import det, inv, matrix_power
from gradc.trace.sympy_graphs.nodes import described, distinct_nodes
from gradc.trace.sympy_graphs.scope import Scope, floating

#: A matrix of more entries has no place in a graph of its entries.
_LARGEST_MATRIX = 100_000

# ---------------------------------------------------------------- written out


def entries(expression: Any) -> tuple[tuple[int, ...], list[Any]] | None:
    """Shape and entries of a matrix or array that is written out; None for all else."""
    if getattr(expression, "is_Matrix", False) and not _is_expression(expression):
        return (expression.rows, expression.cols), list(expression.flat())
    if type(expression).__name__.endswith("NDimArray"):
        positions = itertools.product(*[range(length) for length in expression.shape])
        return tuple(expression.shape), [expression[position] for position in positions]
    return None


def written_out(expression: Any, scope: Scope) -> tuple[Any, Scope]:
    """A matrix expression entry by entry, extents that MatrixSymbols name being those of the arrays given for them.

    The scope is the one in which its entries have values.
    """
    symbols = [symbol for symbol in scope.arrays if type(symbol).__name__ == "MatrixSymbol"]
    named = {name: scope.named_extent(name) for symbol in symbols for name in symbol.shape if not name.is_Integer}
    extents = {name: int(length.value) for name, length in named.items() if isinstance(length, Number)}  # type: ignore[arg-type]
    if extents:
        expression = expression.subs(extents)
        renamed = {symbol.subs(extents): scope.arrays[symbol] for symbol in symbols}
        scope = replace(scope, arrays={**scope.arrays, **renamed}, memo={})
    rows, columns = expression.shape
    if not (rows.is_Integer and columns.is_Integer):
        raise ParseError(
            f"{described(expression)} has no fixed size, and SymPy's {type(expression).__name__} needs one"
        )
    if rows * columns > _LARGEST_MATRIX:
        raise ParseError(f"a matrix of {rows} x {columns} entries is too large to be written out")
    return expression.as_explicit(), scope


def arranged(scalars: Sequence[Scalar], own: tuple[int, ...], shape: Shape, dtype: DType) -> Tensor:
    """Entries over a shape as one array, the axes of the matrix in front."""
    inner = [index(len(own) + k) for k in range(len(shape))]
    terms = []
    for place, scalar in zip(np.ndindex(*own), scalars, strict=True):
        here = conjunction(*[equal(index(k), position) for k, position in enumerate(place) if own[k] > 1])
        terms.append(guarded(here, load(as_tensor(shape, scalar), inner)))
    return compute((*own, *shape), sum_of(*terms, dtype=dtype) if terms else number(0, dtype))


def _is_expression(node: Any) -> bool:
    """Whether a matrix is an expression of matrices rather than rows of entries."""
    return hasattr(node, "as_explicit") and not hasattr(node, "_rep")


# ---------------------------------------------------------------- matrix expressions


def is_matrix_expression(node: Any) -> bool:
    """Whether it is made of matrices by operations that arrays have too."""
    if not getattr(node, "is_Matrix", False):
        return False
    matrices = [n for n in distinct_nodes([node]) if getattr(n, "is_Matrix", False)]
    return all(not _is_expression(n) or type(n).__name__ in _OPERATIONS for n in matrices)


def matrix_value(root: Any, scope: Scope) -> TracedArray:
    """A matrix expression as an array of two axes; every distinct node is computed once."""
    inner = scope.without_axes()
    done: dict[int, TracedArray] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        parts = [part for part in node.args if getattr(part, "is_Matrix", False)] if _is_expression(node) else []
        missing = [part for part in parts if id(part) not in done]
        if missing:
            stack += missing
            continue
        stack.pop()
        if id(node) not in done:
            operation = _OPERATIONS[type(node).__name__] if _is_expression(node) else _written
            done[id(node)] = operation(node, [done[id(part)] for part in parts], inner)
    return done[id(root)]


def number_of_matrix(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    """A trace or a determinant: that of written-out entries by SymPy, else by the operation on arrays."""
    if _is_expression(node.arg) and is_matrix_expression(node.arg):
        function = {"Trace": trace, "Determinant": det}[type(node).__name__]
        return floating(load(function(matrix_value(node.arg, scope)).tensor, ()), scope)
    return evaluated(node, [], scope)


def evaluated(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    """What SymPy carries out when it is asked to: a derivative, an integral."""
    done = node.doit()
    if done == node:
        raise ParseError(f"SymPy's {type(node).__name__} has no counterpart here: {described(node)} stays as it is")
    return scope.convert(done, scope)


def check_shapes(arrays: Mapping[Any, TracedArray]) -> None:
    """Raise where the array given for a MatrixSymbol hasn't its shape, or two of them disagree about an extent."""
    named: dict[Any, tuple[Extent, Any]] = {}
    for symbol, value in arrays.items():
        if type(symbol).__name__ != "MatrixSymbol":
            continue
        given = _two_axes(symbol, value.extents)
        for wanted, length in zip(symbol.shape, given, strict=True):
            known, source = (int(wanted), symbol) if wanted.is_Integer else named.setdefault(wanted, (length, symbol))
            if isinstance(known, int) and isinstance(length, int) and known != length:
                where = "" if source is symbol else f", but {wanted} is {known} in {source}"
                raise shape_error(f"{symbol} is a matrix of {' x '.join(map(str, symbol.shape))}{where}; got {given}")


def _two_axes(symbol: Any, extents: Shape) -> Shape:
    """The extents of what was given for a MatrixSymbol: a vector is a column, or a row where the symbol is one."""
    if len(extents) == 1:
        return (*extents, 1) if symbol.shape[1] == 1 else (1, *extents)
    if len(extents) != 2:
        raise shape_error(f"{symbol} is a matrix; got an array with {len(extents)} axes")
    return extents


def _symbol(node: Any, _: list[TracedArray], scope: Scope) -> TracedArray:
    value = scope.arrays.get(node)
    if value is None:
        raise ParseError(f"{node} is none of the arguments; list it among args")
    if len(value.extents) == 2:
        return value
    tensor, axis = value.tensor, 0 if node.shape[1] == 1 else 1
    return wrap(compute(_two_axes(node, value.extents), load(tensor, [index(axis)])), weak=value.weak)


def _written(node: Any, _: list[TracedArray], scope: Scope) -> TracedArray:
    found = entries(node)
    assert found is not None
    own, items = found
    return wrap(arranged([floating(scope.convert(item, scope), scope) for item in items], own, (), scope.dtype))


def _length(symbol: Any, scope: Scope) -> Extent:
    if symbol.is_Integer:
        return int(symbol)
    named = scope.named_extent(symbol)
    if named is None:
        raise ParseError(f"the size {symbol} is that of no argument")
    return extent(named)


def _constant(node: Any, _: list[TracedArray], scope: Scope) -> TracedArray:
    rows, columns = (extent_value(_length(length, scope)) for length in node.shape)
    if type(node).__name__ == "Identity":
        return eye(rows, dtype=scope.dtype)
    return (ones if type(node).__name__ == "OneMatrix" else zeros)((rows, columns), dtype=scope.dtype)


def _product(node: Any, factors: list[TracedArray], scope: Scope) -> TracedArray:
    numbers = [part for part in node.args if not getattr(part, "is_Matrix", False)]
    result = functools.reduce(matmul, factors)
    for part in numbers:
        result = wrap(compute((), floating(scope.convert(part, scope), scope))) * result
    return result


def _power(node: Any, bases: list[TracedArray], scope: Scope) -> TracedArray:
    if not node.exp.is_Integer:
        raise ParseError(f"{described(node)}: the power of a matrix is a fixed integer here")
    return matrix_power(bases[0], int(node.exp))


_OPERATIONS: dict[str, Callable[[Any, list[TracedArray], Scope], TracedArray]] = {
    "MatrixSymbol": _symbol,
    **dict.fromkeys(("Identity", "ZeroMatrix", "OneMatrix"), _constant),
    "MatAdd": lambda node, parts, scope: functools.reduce(operator.add, parts),
    "MatMul": _product,
    "HadamardProduct": lambda node, parts, scope: functools.reduce(operator.mul, parts),
    "MatPow": _power,
    "Transpose": lambda node, parts, scope: matrix_transpose(parts[0]),
    "Inverse": lambda node, parts, scope: inv(parts[0]),
}
