"""Polynomials in one symbol, expanded where that prints shorter: ``(x + 1)(x - 1)`` is ``x**2 - 1``."""

from __future__ import annotations

from fractions import Fraction

from gradc.ir import algebra
from gradc.ir.algebra import split_coefficient
from gradc.ir.scalar import Load, Number, Scalar, is_apply, number
from gradc.simplify.display_cost import Ink

Coefficients = dict[int, int | Fraction]

_LARGEST_DEGREE = 12


def expanded_if_shorter(scalar: Scalar) -> Scalar:
    """The sum or product in normal form where it is a polynomial in one symbol and has fewer terms that way."""
    if not _has_inner_sum(scalar):
        return scalar
    symbol = _only_symbol(scalar)
    if symbol is None:
        return scalar
    coefficients = _coefficients(scalar, symbol)
    if coefficients is None or len(coefficients) >= _terms(scalar):
        return scalar
    terms = [
        algebra.product_of(number(c, scalar.dtype), algebra.power_of(symbol, number(e, scalar.dtype)))
        for e, c in coefficients.items()
    ]
    expanded = algebra.sum_of(*terms, flatten=False, dtype=scalar.dtype)
    ink = Ink()
    return expanded if ink(expanded) <= ink(scalar) else scalar


def _has_inner_sum(scalar: Scalar) -> bool:
    """Whether there is something to expand: a sum inside a product, beyond a coefficient of one sum."""
    if is_apply(scalar, "sum"):
        return any(is_apply(t, "prod") and any(_holds_sum(f) for f in t.children) for t in scalar.children)
    factors = split_coefficient(scalar)[1]
    return factors is not None and is_apply(factors, "prod") and any(_holds_sum(f) for f in factors.children)


def _holds_sum(factor: Scalar) -> bool:
    return is_apply(factor, "sum") or (is_apply(factor, "power") and is_apply(factor.children[0], "sum"))


def _only_symbol(scalar: Scalar) -> Load | None:
    symbol: Load | None = None
    pending = [scalar]
    while pending:
        node = pending.pop()
        if isinstance(node, Load):
            if symbol is not None and symbol is not node:
                return None
            symbol = node
        elif is_apply(node, "sum") or is_apply(node, "prod"):
            pending.extend(node.children)
        elif is_apply(node, "power") and isinstance(node.children[1], Number):
            pending.append(node.children[0])
        elif not isinstance(node, Number):
            return None
    return symbol


def _coefficients(scalar: Scalar, symbol: Scalar) -> Coefficients | None:
    """The polynomial as {exponent: coefficient}, or None where it is none (or of a high degree)."""
    if scalar is symbol:
        return {1: 1}
    if isinstance(scalar, Number):
        return {0: scalar.value} if isinstance(scalar.value, int | Fraction) else None
    parts = [_coefficients(c, symbol) for c in scalar.children]
    if is_apply(scalar, "power"):
        base, exponent = parts[0], scalar.children[1]
        assert isinstance(exponent, Number)
        count = exponent.value
        if base is None or not isinstance(count, int) or not 0 <= count <= _LARGEST_DEGREE:
            return None
        parts = [base] * count
    result: Coefficients = {} if is_apply(scalar, "sum") else {0: 1}
    for part in parts:
        if part is None:
            return None
        result = _plus(result, part) if is_apply(scalar, "sum") else _times(result, part)
        if max(result, default=0) > _LARGEST_DEGREE:
            return None
    return result


def _plus(left: Coefficients, right: Coefficients) -> Coefficients:
    total = {e: left.get(e, 0) + right.get(e, 0) for e in {**left, **right}}
    return {e: c for e, c in total.items() if c}


def _times(left: Coefficients, right: Coefficients) -> Coefficients:
    product: Coefficients = {}
    for e, c in left.items():
        for f, d in right.items():
            product[e + f] = product.get(e + f, 0) + c * d
    return {e: c for e, c in product.items() if c}


def _terms(scalar: Scalar) -> int:
    """How many terms are printed, those inside factors included."""
    if is_apply(scalar, "sum"):
        return sum(_terms(t) for t in scalar.children)
    if is_apply(scalar, "prod"):
        inner = [f for f in split_coefficient(scalar)[1:] if f is not None]
        factors = inner[0].children if is_apply(inner[0], "prod") else inner
        return max(1, sum(_terms(f) for f in factors if not isinstance(f, Number)))
    if is_apply(scalar, "power"):
        return _terms(scalar.children[0])
    return 1
