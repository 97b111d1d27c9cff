"""Entries of arrays and matrices, the indices they are read at, and sums and products over indices."""

from __future__ import annotations

from typing import Any

from gradc.errors import ParseError
from gradc.ir.algebra import negated, product_of, sum_of
from gradc.ir.scalar import INT64, Scalar, index, load, number
from gradc.ir.tensor import Extent, compute, extent, extent_scalar
from gradc.trace.arrays.tracer import extent_of
from gradc.trace.sympy_graphs.functions import symbol_value
from gradc.trace.sympy_graphs.matrices import is_matrix_expression, matrix_value
from gradc.trace.sympy_graphs.nodes import described, distinct_nodes
from gradc.trace.sympy_graphs.scope import Scope, floating


def entry(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    """``x[i, j]`` or ``M[i, j]``: indices are sums of bound indices and integers."""
    if node in scope.values:
        return symbol_value(node, [], scope)
    is_matrix = type(node).__name__ == "MatrixElement"
    base = node.parent if is_matrix else node.base
    value = scope.arrays.get(base, scope.arrays.get(getattr(base, "label", base)))
    if value is None and is_matrix and is_matrix_expression(base):
        value = matrix_value(base, scope)
    if value is None:
        raise ParseError(f"{described(base)} is none of the arguments; list it among args")
    places = [_place(i, scope) for i in node.indices]
    tensor = value.tensor
    if is_matrix and tensor.rank == 1:  # a vector given for a column or a row
        places = places[:1] if base.shape[1] == 1 else places[1:]
    if len(places) != tensor.rank:
        raise ParseError(f"{described(node)} has {len(places)} indices, but the argument has {tensor.rank} axes")
    return floating(load(tensor, [_counted(p, length) for p, length in zip(places, tensor.shape, strict=True)]), scope)


def _counted(place: Scalar, length: Extent) -> Scalar:
    """A literal negative index counts from the end."""
    value = getattr(place, "value", 0)
    return sum_of(place, extent_scalar(length)) if isinstance(value, int) and value < 0 else place


def _place(expression: Any, scope: Scope) -> Scalar:
    """An index expression as an integer scalar."""
    if expression.is_Integer:
        return number(int(expression))
    bound = {symbol: position for symbol, position, _ in scope.indices}
    if expression in bound:
        return bound[expression]
    if expression.is_Add:
        return sum_of(*[_place(term, scope) for term in expression.args], dtype=INT64)
    if expression.is_Mul:
        return product_of(*[_place(factor, scope) for factor in expression.args])
    named = scope.named_extent(expression)
    if named is not None:
        return named
    value = scope.values.get(expression)
    if value is not None and not value.extents:
        given = load(value.tensor, ())
        return given if given.dtype.kind in "iu" else extent_scalar(extent_of(value))
    raise ParseError(f"{described(expression)} is no index: sums of integers and of indices that a sum runs over are")


def reduction(node: Any, _: list[Scalar], scope: Scope) -> Scalar:
    """``Sum`` or ``Product``, the innermost index first."""
    reducer = "sum" if type(node).__name__ == "Sum" else "prod"
    inner = scope
    for limit in reversed(node.limits):  # the first limit is the innermost
        if len(limit) != 3:
            raise ParseError(f"{described(node)} has no limits for {limit[0]}")
        low, count = _range(node, limit, inner)
        position = len(inner.extents)
        bound = sum_of(index(position), low)
        inner = inner.inside(limit[0], bound, count)
    body = floating(scope.convert(node.function, inner), scope)
    outer = scope.extents
    tensor = compute(outer, body, reduce_extents=inner.extents[len(outer) :], reducer=reducer)
    return load(tensor, [index(k) for k in range(len(outer))])


def _range(node: Any, limit: Any, scope: Scope) -> tuple[Scalar, Extent]:
    """The first value of an index, and how many it takes."""
    symbol, low, high = limit
    first = _bound(node, symbol, low, scope)
    last = _bound(node, symbol, high, scope)
    if first.free or last.free:
        raise ParseError(
            f"the limits of {symbol} depend on another index; write the condition as a Piecewise inside the sum"
        )
    count = extent(sum_of(last, 1, -1 * first.value if hasattr(first, "value") else negated(first)))
    return first, max(count, 0) if isinstance(count, int) else count


def _bound(node: Any, symbol: Any, limit: Any, scope: Scope) -> Scalar:
    if limit.is_Integer:
        return number(int(limit))
    parts = limit.args if limit.is_Add else (limit,)
    terms: list[Scalar] = []
    for part in parts:
        if part.is_Integer:
            terms.append(number(int(part)))
            continue
        coefficient, rest = part.as_coeff_Mul()
        known = scope.named_extent(rest)
        if known is None and rest in scope.values:
            known = extent_scalar(extent_of(scope.values[rest]))
        if known is None and coefficient == 1:
            known = _extent_behind(node, symbol, rest, scope)
        if known is None:
            raise ParseError(f"the limit {limit} of {symbol} is not known: {rest} is no argument and no extent of one")
        terms.append(product_of(int(coefficient), known))
    return sum_of(*terms, dtype=INT64)


def _extent_behind(node: Any, symbol: Any, name: Any, scope: Scope) -> Scalar | None:
    """What n is in ``Sum(x[i], (i, 0, n - 1))``: the extent of the axis that i runs over."""
    import sympy

    for item in sorted((n for n in distinct_nodes([node.function]) if isinstance(n, sympy.Indexed)), key=str):
        for axis, position in enumerate(item.indices):
            value = scope.arrays.get(item.base, scope.arrays.get(item.base.label))
            if position == symbol and value is not None:
                return extent_scalar(value.tensor.shape[axis])
    return None
