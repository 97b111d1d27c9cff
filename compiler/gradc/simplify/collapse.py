"""Sums that collapse when they are multiplied out: mixed second derivatives that cancel, terms that differ in form only.

Products are not expanded over sums in general: expression swell comes from expanding. Here a derived sum is expanded on the
side, as a polynomial over whatever is not arithmetic, and replaced only where that leaves (much) less than there was, as in
``curl(grad f) = 0``. Producers over the same space are looked through, so that it does not matter what was inlined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from gradc.ir.algebra import power_of, product_of, reindexed, sum_of
from gradc.ir.scalar import Apply, Index, Load, NamedConstant, Number, Scalar, is_apply, number
from gradc.ir.tensor import Compute
from gradc.ir.walk import post_order

Coefficient = int | Fraction | float

_MOST_TERMS = 96
_MOST_NODES = 240
_LARGEST_POWER = 4

#: A monomial is one integer, in which each atom has so many bits for its exponent: that of a product is the sum.
_BITS = 48
#: Exponents are counted in fractions of this, and no more of them than there is room for.
_UNIT = 27720
_MOST_UNITS = 1 << (_BITS - 2)


class _TooLargeError(Exception):
    """Expanding does not pay."""


@dataclass(frozen=True)
class _Polynomial:
    """Coefficients by monomial, and a bound on the exponents."""

    terms: dict[int, Coefficient]
    units: int

    def __post_init__(self) -> None:
        if len(self.terms) > _MOST_TERMS or self.units > _MOST_UNITS:
            raise _TooLargeError


def collapsed(root: Scalar) -> Scalar:
    """The sum ``root`` multiplied out where little or nothing is left of it; else ``root`` itself."""
    if not is_apply(root, "sum") or root.dtype.kind != "f" or not _may_cancel(root):
        return root
    expansion = _Expansion()
    try:
        expanded = expansion.of(root)
    except _TooLargeError:
        return root
    most = _size(root) // 2
    if expanded.terms and (len(expanded.terms) > most + 1 or expansion.factor_count(expanded) > most):
        return root
    return _rebuilt([(expansion.factors(monomial), c) for monomial, c in expanded.terms.items()], root)


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


def _rebuilt(monomials: list[tuple[list[tuple[Scalar, Fraction]], Coefficient]], like: Scalar) -> Scalar:
    terms = []
    for factors, coefficient in monomials:
        powers = [power_of(atom, number(exponent, like.dtype)) for atom, exponent in factors]
        terms.append(product_of(number(coefficient, like.dtype), *powers, flatten=False, dtype=like.dtype))
    return sum_of(*terms, flatten=False, dtype=like.dtype)


class _Expansion:
    """Expands one root; each scalar once, and only so many."""

    def __init__(self) -> None:
        self._memo: dict[Scalar, _Polynomial] = {}
        self._inner: dict[Scalar, tuple[Scalar, ...]] = {}
        #: the lowest bit of each atom's exponent
        self._places: dict[Scalar, int] = {}
        self._left = _MOST_NODES

    def of(self, root: Scalar) -> _Polynomial:
        """The root as a polynomial over what is not arithmetic."""
        memo, stack = self._memo, [root]
        while stack:
            node = stack[-1]
            if node in memo:
                stack.pop()
                continue
            if node not in self._inner:
                self._inner[node] = self._operands(node)
            inner = self._inner[node]
            missing = [operand for operand in inner if operand not in memo]
            if missing:
                stack.extend(missing)
                continue
            self._left -= 1
            if self._left < 0:
                raise _TooLargeError
            memo[node] = self._expanded(node, [memo[operand] for operand in inner])
            stack.pop()
        return memo[root]

    def factors(self, monomial: int) -> list[tuple[Scalar, Fraction]]:
        """The atoms of a monomial and their exponents."""
        every = ((atom, self._units(monomial, place)) for atom, place in self._places.items())
        return [(atom, Fraction(units, _UNIT)) for atom, units in every if units]

    def factor_count(self, polynomial: _Polynomial) -> int:
        """How many factors the monomials have together."""
        return sum(1 for place in self._places.values() for m in polynomial.terms if self._units(m, place))

    @staticmethod
    def _units(monomial: int, place: int) -> int:
        lower = monomial & ((1 << place) - 1)
        above = (monomial >> place) + (
            lower >> (place - 1) if place else 0
        )  # a negative exponent borrows from the next
        return ((above + _MOST_UNITS) & ((1 << _BITS) - 1)) - _MOST_UNITS

    def _power(self, atom: Scalar, exponent: int | Fraction) -> _Polynomial:
        units = exponent * _UNIT
        if units.denominator != 1:
            raise _TooLargeError
        place = self._places.setdefault(atom, _BITS * len(self._places))
        return _Polynomial({int(units) << place: 1}, abs(int(units)))

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

    def _expanded(self, node: Scalar, operands: list[_Polynomial]) -> _Polynomial:
        if isinstance(node, Number) and not isinstance(node.value, NamedConstant | complex):
            return _Polynomial({0: _exact(node.value)} if node.value != 0 else {}, 0)
        if not operands:
            return self._power(node, 1)
        if isinstance(node, Load):
            return operands[0]
        assert isinstance(node, Apply)
        if node.op.name in ("power", "pow"):
            return self._powered(node, operands[0])
        return _ARITHMETIC[node.op.name](*operands)

    def _powered(self, node: Apply, base: _Polynomial) -> _Polynomial:
        value = node.args[1].value  # type: ignore[attr-defined]
        if not isinstance(value, int | Fraction):
            return self._power(node, 1)
        if isinstance(value, int) and len(base.terms) == 1:
            ((monomial, coefficient),) = base.terms.items()
            if coefficient == 1 or value > 0:
                return _Polynomial({monomial * value: coefficient**value}, base.units * abs(value))
        if isinstance(value, int) and 0 < value <= _LARGEST_POWER:
            return _multiplied(*[base] * value)
        return self._power(node.args[0], value)


def _exact(value: object) -> Coefficient:
    return value if isinstance(value, int | Fraction) else float(value)  # type: ignore[arg-type]


def _looked_through(item: Load) -> Scalar | None:
    """The body of a producer that is read at the consumer's own point, or along some of its axes."""
    producer = item.tensor
    plain = all(isinstance(i, Index) for i in item.indices) and len(set(item.indices)) == len(item.indices)
    if isinstance(producer, Compute) and producer.reducer is None and plain:
        return reindexed(producer.body, item.indices)
    return None


def _added(*polynomials: _Polynomial) -> _Polynomial:
    total: dict[int, Coefficient] = {}
    for polynomial in polynomials:
        for monomial, coefficient in polynomial.terms.items():
            value = total.get(monomial, 0) + coefficient
            if value == 0:
                total.pop(monomial, None)
            else:
                total[monomial] = value
    return _Polynomial(total, max((p.units for p in polynomials), default=0))


def _scaled(polynomial: _Polynomial, factor: int) -> _Polynomial:
    return _Polynomial({monomial: factor * c for monomial, c in polynomial.terms.items()}, polynomial.units)


def _multiplied(*polynomials: _Polynomial) -> _Polynomial:
    product: dict[int, Coefficient] = {0: 1}
    for polynomial in polynomials:
        if len(product) * len(polynomial.terms) > _MOST_TERMS:
            raise _TooLargeError
        before, product = product, {}
        for a, c in before.items():
            for b, d in polynomial.terms.items():
                product[a + b] = product.get(a + b, 0) + c * d
        product = {monomial: c for monomial, c in product.items() if c != 0}
    return _Polynomial(product, sum(p.units for p in polynomials))


def _divided(left: _Polynomial, right: _Polynomial) -> _Polynomial:
    if len(right.terms) != 1:
        raise _TooLargeError
    ((monomial, coefficient),) = right.terms.items()
    one_over = Fraction(1) / coefficient if isinstance(coefficient, int | Fraction) else 1 / coefficient
    return _multiplied(left, _Polynomial({-monomial: one_over}, right.units))


_ARITHMETIC: dict[str, Callable[..., _Polynomial]] = {
    "sum": _added,
    "add": _added,
    "sub": lambda a, b: _added(a, _scaled(b, -1)),
    "neg": lambda a: _scaled(a, -1),
    "prod": _multiplied,
    "mul": _multiplied,
    "div": _divided,
}
