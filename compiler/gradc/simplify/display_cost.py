"""What a formula costs its reader: the symbols, bars and parentheses of its print."""

from __future__ import annotations

from fractions import Fraction

from gradc.ir.algebra import split_coefficient
from gradc.ir.scalar import Apply, Guard, Load, NamedConstant, Number, NumberValue, Scalar, is_apply
from gradc.ir.tensor import Input
from gradc.ir.walk import post_order

#: A fraction inside another one, or inside a factor, reads badly.
_NESTED_FRACTION = 3.0
_LARGEST = 1e9


class Ink:
    """The cost of printing an expression, remembered for every part."""

    def __init__(self) -> None:
        self._costs: dict[Scalar, float] = {}

    def __call__(self, scalar: Scalar) -> float:
        """The cost of ``scalar``."""
        costs = self._costs
        for node in post_order([scalar], prune=costs.__contains__):
            if node not in costs:
                costs[node] = min(self._own(node), _LARGEST)
        return costs[scalar]

    def _own(self, node: Scalar) -> float:
        if isinstance(node, Number):
            return _literal(node.value)
        if isinstance(node, Load):
            return 1.0 if isinstance(node.tensor, Input) else 3.0
        if isinstance(node, Guard):
            return 2.0 + sum(self._costs[c] for c in node.children)
        if not isinstance(node, Apply):
            return 1.0
        if node.op.name == "sum":
            return self._sum(node)
        if node.op.name == "prod":
            return self._product(node)
        if node.op.name == "power":
            return self._power(node.args[0], node.args[1])
        if node.op.name == "convert":
            return self._costs[node.args[0]]
        if node.op.name == "exp" and is_fraction(node.args[0]):
            return 1.0 + self._costs[node.args[0]]
        return 1.0 + sum(self._costs[c] + (1.0 if is_fraction(c) else 0.0) for c in node.args)

    def _sum(self, node: Apply) -> float:
        total = float(len(node.args) - 1)
        negative = 0
        for term in node.args:
            minus = _is_negative(term)
            negative += minus
            total += self._costs[term] - (0.5 if minus and is_apply(term, "prod") else 0.0)
        return total + (4.0 if negative == len(node.args) else 0.0)

    def _product(self, node: Apply) -> float:
        coefficient, rest = split_coefficient(node)
        factors = rest.children if rest is not None and is_apply(rest, "prod") else (rest,) if rest is not None else ()
        over = [f for f in factors if not _is_reciprocal(f)]
        under = [f for f in factors if _is_reciprocal(f)]
        total = 0.0
        if isinstance(coefficient, Fraction):
            total += (abs(coefficient.numerator) != 1 or not over) + _literal(coefficient.denominator)
        elif abs(coefficient) != 1 if isinstance(coefficient, int | float) else True:
            total += _literal(coefficient)
        divided = bool(under) or isinstance(coefficient, Fraction)
        total += 1.0 if divided else 0.0
        total += 0.5 if _is_negative(node) else 0.0
        front = len(over) + (coefficient not in (1, -1))
        for factor in over:
            total += self._costs[factor] + self._enclosed(factor, front > 1)
        for factor in under:
            base, exponent = factor.children
            value = -exponent.value  # type: ignore[attr-defined]
            total += self._costs[base] + (1.0 if value != 1 else 0.0)
            total += self._enclosed(base, len(under) > 1 or value != 1 or isinstance(coefficient, Fraction))
            total += _NESTED_FRACTION if is_fraction(base) and value == 1 else 0.0
        return total

    def _enclosed(self, factor: Scalar, in_company: bool) -> float:
        """Parentheses around a sum, and what a fraction inside costs."""
        inner = factor.children[0] if is_apply(factor, "power") else factor
        if not is_apply(inner, "sum"):
            return 0.0
        parentheses = 1.0 if in_company and inner is factor else 0.0
        return parentheses + (_NESTED_FRACTION if any(is_fraction(t) for t in inner.children) else 0.0)

    def _power(self, base: Scalar, exponent: Scalar) -> float:
        total = self._costs[base] + (1.0 if is_apply(base, "sum") or is_apply(base, "prod") else 0.0)
        if isinstance(exponent, Number) and isinstance(exponent.value, int | Fraction):
            bar = 2.0 if exponent.value < 0 else 0.0
            whole = isinstance(exponent.value, int) or exponent.value < 0
            nested = _NESTED_FRACTION if is_fraction(base) and whole else 0.0
            return total + bar + nested + (1.0 if abs(exponent.value) != 1 else 0.0)
        return total + self._costs[exponent]


def _literal(value: NumberValue) -> float:
    if isinstance(value, NamedConstant):
        return 1.0
    if isinstance(value, Fraction):
        return 1.0 + _literal(value.numerator) + _literal(value.denominator)
    digits = len(repr(abs(value))) if isinstance(value, int | float) else 4
    return 1.0 + 0.25 * (digits - 1)


def _is_negative(term: Scalar) -> bool:
    if isinstance(term, Guard):
        return _is_negative(term.body)
    coefficient = term.value if isinstance(term, Number) else split_coefficient(term)[0]
    return isinstance(coefficient, int | float | Fraction) and coefficient < 0


def _is_reciprocal(factor: Scalar) -> bool:
    if not is_apply(factor, "power"):
        return False
    exponent = factor.children[1]
    return isinstance(exponent, Number) and isinstance(exponent.value, int | float | Fraction) and exponent.value < 0


def is_fraction(scalar: Scalar) -> bool:
    """Whether it is printed with a bar at its top, or is a sum with such a term."""
    if isinstance(scalar, Number):
        return isinstance(scalar.value, Fraction)
    if is_apply(scalar, "sum"):
        return any(is_fraction(t) for t in scalar.children if not is_apply(t, "sum"))
    if is_apply(scalar, "prod"):
        return any(
            _is_reciprocal(f) or (isinstance(f, Number) and isinstance(f.value, Fraction)) for f in scalar.children
        )
    return _is_reciprocal(scalar)
