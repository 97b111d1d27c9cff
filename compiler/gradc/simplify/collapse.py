"""Sums that collapse when they are multiplied out: mixed second derivatives that cancel, terms that differ in form only.

Products are not expanded over sums in general: expression swell comes from expanding. Here a derived sum is expanded on the
side, as a polynomial over whatever is not arithmetic, and replaced only where that leaves (much) less than there was, as in
``curl(grad f) = 0``. Producers over the same space are looked through, so that it does not matter what was inlined.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from gradc.ir.algebra import power_of, product_of, reindexed, sum_of
from gradc.ir.scalar import Apply, Index, Load, NamedConstant, Number, Scalar, is_apply, number
from gradc.ir.tensor import Compute
from gradc.ir.walk import post_order

Exponent = int | Fraction
Monomial = tuple[tuple[Scalar, Exponent], ...]
Polynomial = dict[Monomial, int | Fraction | float]

_MOST_TERMS = 96
_MOST_NODES = 240
_MOST_FACTORS = 20
_LARGEST_POWER = 4


class _TooLargeError(Exception):
    """Expanding does not pay."""


def collapsed(root: Scalar) -> Scalar:
    """The sum ``root`` multiplied out where little or nothing is left of it; else ``root`` itself."""
    if not is_apply(root, "sum") or root.dtype.kind != "f" or not _may_cancel(root):
        return root
    try:
        expanded = _Expansion().of(root)
    except _TooLargeError:
        return root
    left = sum(len(monomial) for monomial in expanded)
    if expanded and 2 * left > _size(root):
        return root
    return _rebuilt(expanded, root)


def _may_cancel(root: Scalar) -> bool:
    """Whether there are coefficients of both signs: what cancels has both."""
    signs = set()
    nodes = post_order([root])
    if len(nodes) > _MOST_NODES:
        return False
    for node in nodes:
        if isinstance(node, Number) and isinstance(node.value, int | Fraction | float):
            signs.add(node.value < 0)
        elif is_apply(node, "sub") or is_apply(node, "neg"):
            signs.add(True)
    return True in signs


def _size(root: Scalar) -> int:
    return sum(max(1, len(node.children) - 1) for node in post_order([root]) if isinstance(node, Apply))


def _rebuilt(polynomial: Polynomial, like: Scalar) -> Scalar:
    terms = []
    for monomial, coefficient in polynomial.items():
        factors = [power_of(atom, number(exponent, like.dtype)) for atom, exponent in monomial]
        terms.append(product_of(number(coefficient, like.dtype), *factors, flatten=False, dtype=like.dtype))
    return sum_of(*terms, flatten=False, dtype=like.dtype)


class _Expansion:
    """Expands one root; each scalar once, and only so many."""

    def __init__(self) -> None:
        self._memo: dict[Scalar, Polynomial] = {}
        self._left = _MOST_NODES

    def of(self, root: Scalar) -> Polynomial:
        stack = [root]
        while stack:
            node = stack[-1]
            if node in self._memo:
                stack.pop()
                continue
            inner = self._operands(node)
            missing = [operand for operand in inner if operand not in self._memo]
            if missing:
                stack.extend(missing)
                continue
            self._left -= 1
            if self._left < 0:
                raise _TooLargeError
            self._memo[node] = self._expanded(node)
            stack.pop()
        return self._memo[root]

    def _operands(self, node: Scalar) -> tuple[Scalar, ...]:
        if isinstance(node, Load):
            body = _looked_through(node)
            return () if body is None else (body,)
        if not isinstance(node, Apply) or node.dtype.kind != "f":
            return ()
        if node.op.name in _ARITHMETIC:
            return node.args
        if node.op.name in ("power", "pow") and isinstance(node.args[1], Number):
            return node.args[:1]
        return ()

    def _expanded(self, node: Scalar) -> Polynomial:
        if isinstance(node, Number) and not isinstance(node.value, NamedConstant | complex):
            return {(): _exact(node.value)} if node.value != 0 else {}
        operands = [self._memo[operand] for operand in self._operands(node)]
        if not operands:
            return {((node, 1),): 1}
        if isinstance(node, Load):
            return operands[0]
        assert isinstance(node, Apply)
        if node.op.name in ("power", "pow"):
            return _powered(node, operands[0])
        return _ARITHMETIC[node.op.name](*operands)


def _exact(value: object) -> int | Fraction | float:
    return value if isinstance(value, int | Fraction) else float(value)  # type: ignore[arg-type]


def _looked_through(item: Load) -> Scalar | None:
    """The body of a producer that is read at the consumer's own point, or along some of its axes."""
    producer = item.tensor
    plain = all(isinstance(i, Index) for i in item.indices) and len(set(item.indices)) == len(item.indices)
    if isinstance(producer, Compute) and producer.reducer is None and plain:
        return reindexed(producer.body, item.indices)
    return None


def _added(*polynomials: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for polynomial in polynomials:
        for monomial, coefficient in polynomial.items():
            value = total.get(monomial, 0) + coefficient
            if value == 0:
                total.pop(monomial, None)
            else:
                total[monomial] = value
    if len(total) > _MOST_TERMS:
        raise _TooLargeError
    return total


def _scaled(polynomial: Polynomial, factor: int) -> Polynomial:
    return {monomial: coefficient * factor for monomial, coefficient in polynomial.items()}


def _multiplied(*polynomials: Polynomial) -> Polynomial:
    product: Polynomial = {(): 1}
    for polynomial in polynomials:
        if len(product) * len(polynomial) > _MOST_TERMS:
            raise _TooLargeError
        parts = [{_joined(a, b): c * d} for a, c in product.items() for b, d in polynomial.items()]
        product = _added(*parts)
    return product


def _joined(left: Monomial, right: Monomial) -> Monomial:
    if len(left) + len(right) > _MOST_FACTORS:
        raise _TooLargeError
    exponents = dict(left)
    for atom, exponent in right:
        exponents[atom] = exponents.get(atom, 0) + exponent
    present = [(atom, exponent) for atom, exponent in exponents.items() if exponent]
    return tuple(sorted(present, key=lambda pair: pair[0].digest))


def _powered(node: Apply, base: Polynomial) -> Polynomial:
    value = node.args[1].value  # type: ignore[attr-defined]
    if not isinstance(value, int | Fraction):
        return {((node, 1),): 1}
    if isinstance(value, int) and len(base) == 1:
        ((monomial, coefficient),) = base.items()
        if coefficient == 1 or value > 0:
            return {tuple((atom, e * value) for atom, e in monomial): coefficient**value}
    if isinstance(value, int) and 0 < value <= _LARGEST_POWER:
        return _multiplied(*[base] * value)
    return {((node.args[0], value),): 1}


def _divided(left: Polynomial, right: Polynomial) -> Polynomial:
    if len(right) != 1:
        raise _TooLargeError
    ((monomial, coefficient),) = right.items()
    one_over = Fraction(1) / coefficient if isinstance(coefficient, int | Fraction) else 1 / coefficient
    inverse: Polynomial = {tuple((atom, -e) for atom, e in monomial): one_over}
    return _multiplied(left, inverse)


_ARITHMETIC: dict[str, Callable[..., Polynomial]] = {
    "sum": _added,
    "add": _added,
    "sub": lambda a, b: _added(a, _scaled(b, -1)),
    "neg": lambda a: _scaled(a, -1),
    "prod": _multiplied,
    "mul": _multiplied,
    "div": _divided,
}
