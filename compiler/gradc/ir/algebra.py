"""The mathematical constructors: sums, products, powers, guards and predicates in canonical form.

Everything here is free to reorder and collect, unlike the floating-point ops a user wrote (see `gradc.ir.scalar`). Integer
expressions (indices, extents) are polynomials in normal form: flattened, expanded, like terms collected, so that
``n - 1 + 1 is n``. Floating sums and products are collected but never expanded over each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, wraps
from typing import Any

import numpy as np

from gradc.ir.scalar import (
    FALSE,
    INT64,
    LOADS,
    TRUE,
    Apply,
    DType,
    Guard,
    Load,
    NamedConstant,
    Number,
    NumberValue,
    Scalar,
    apply,
    guard,
    index,
    is_apply,
    is_number,
    load,
    number,
)
from gradc.ir.walk import loads_of, post_order

Operand = Scalar | int | float | Fraction

#: Negations that are remembered: a connective asks for those of its parts, which are made of those of their parts.
_NEGATIONS_KEPT = 4096


def as_scalar(value: Operand, dtype: DType = INT64) -> Scalar:
    """A Python number as a literal of ``dtype``; a scalar as it is."""
    return value if isinstance(value, Scalar) else number(value, dtype)


def _wrapped(value: int, dtype: DType) -> int:
    """An integer as one of this dtype, which may wrap around."""
    count = 1 << (8 * dtype.itemsize)
    rest = value % count
    return rest - count if dtype.kind == "i" and rest >= count // 2 else rest


def convert(scalar: Scalar, dtype: DType) -> Scalar:
    """``scalar`` as ``dtype`` (NumPy's ``astype``)."""
    if scalar.dtype is dtype or scalar.dtype == dtype:
        return scalar
    if isinstance(scalar, Number) and (dtype.kind in "fc" or scalar.dtype.kind in "biu"):
        return number(scalar.value if dtype.kind not in "iu" else _wrapped(int(scalar.value), dtype), dtype)  # type: ignore[arg-type]
    if dtype.kind == "c" and scalar.dtype.kind == "f" and is_apply(scalar, "prod"):
        return product_of(*[convert(factor, dtype) for factor in scalar.children], flatten=False, dtype=dtype)
    return apply("convert", scalar, dtype=dtype)


# ---------------------------------------------------------------- sums, products, powers


def _common_dtype(scalars: Sequence[Scalar]) -> DType:
    """The promoted dtype; literals adapt to the others, as NumPy's weak Python scalars do."""
    strong = [s.dtype for s in scalars if not isinstance(s, Number)] or [s.dtype for s in scalars]
    dtype = strong[0]
    for other in strong:
        if other is not dtype and other != dtype:
            dtype = np.result_type(dtype, other)
    kind = dtype.kind
    if kind == "b":
        return INT64
    if kind in "iu" and any(isinstance(s, Number) and s.dtype.kind in "fc" for s in scalars):
        return np.result_type(dtype, *[s.dtype for s in scalars])
    return dtype


def split_coefficient(term: Scalar) -> tuple[NumberValue, Scalar | None]:
    """``3 x y`` as (3, x y); a plain literal as (value, None)."""
    if isinstance(term, Number):
        return (1, term) if isinstance(term.value, NamedConstant) else (term.value, None)
    if isinstance(term, Apply) and term.op.name == "prod":
        first = term.args[0]
        if isinstance(first, Number) and not isinstance(first.value, NamedConstant):
            rest = term.args[1:]
            return first.value, rest[0] if len(rest) == 1 else apply("prod", *rest)
    return 1, term


def with_coefficient(coefficient: NumberValue, rest: Scalar) -> Scalar:
    """The inverse of `split_coefficient`, for a ``rest`` that carries no coefficient of its own."""
    if coefficient == 1 and not isinstance(coefficient, complex):
        return rest
    literal = number(coefficient, rest.dtype)
    if isinstance(rest, Guard):
        return guard(rest.predicate, product_of(literal, rest.body))
    if is_apply(rest, "prod"):
        return apply("prod", literal, *rest.children)
    return apply("prod", literal, rest)


def _digest(scalar: Scalar) -> bytes:
    return scalar.digest


def sum_of(*terms: Operand, flatten: bool = True, dtype: DType | None = None) -> Scalar:
    """The canonical sum: like terms collected, operands in canonical order, zero dropped."""
    scalars = [t if isinstance(t, Scalar) else number(t, INT64) for t in terms]
    if not scalars:
        return number(0, dtype or INT64)
    result = dtype or _common_dtype(scalars)
    collected: dict[Scalar | None, NumberValue] = {}
    guarded_terms: dict[Scalar, list[Scalar]] = {}
    for term in _opened("sum", scalars, result, flatten or result.kind in "iu"):
        if isinstance(term, Guard):
            guarded_terms.setdefault(term.predicate, []).append(term.body)
        else:
            coefficient, rest = split_coefficient(term)
            known = collected.get(rest)
            collected[rest] = coefficient if known is None else known + coefficient  # type: ignore[operator]
    literal = collected.pop(None, 0)
    parts = [with_coefficient(c, r) for r, c in collected.items() if c == 1 or _nonzero(c)]  # type: ignore[arg-type]
    for predicate, bodies in guarded_terms.items():
        body = bodies[0] if len(bodies) == 1 else sum_of(*bodies, flatten=flatten, dtype=result)
        if not is_number(body, 0):
            parts.append(guard(predicate, body))
    if len(parts) > 1:
        parts.sort(key=_digest)
    if _nonzero(literal):
        parts.insert(0, number(literal, result))
    if not parts:
        return number(0, result)
    return parts[0] if len(parts) == 1 else apply("sum", *parts)


def _opened(kind: str, operands: Sequence[Scalar], dtype: DType, flatten: bool) -> list[Scalar]:
    """The operands as ``dtype``, those of the same kind opened one level: what is nested deeper is shared on purpose."""
    opened: list[Scalar] = []
    for operand in operands:
        converted = operand if operand.dtype is dtype else convert(operand, dtype)
        if flatten and isinstance(converted, Apply) and converted.op.name == kind:
            opened.extend(converted.args)
        else:
            opened.append(converted)
    return opened


def _nonzero(value: NumberValue) -> bool:
    return not (isinstance(value, int | Fraction | float | complex) and value == 0)


def product_of(*factors: Operand, flatten: bool = True, dtype: DType | None = None) -> Scalar:
    """The canonical product: exact coefficient first, like powers collected, guards outside, integers expanded."""
    scalars = [f if isinstance(f, Scalar) else number(f, INT64) for f in factors]
    if not scalars:
        return number(1, dtype or INT64)
    result = dtype or _common_dtype(scalars)
    flatten = flatten or result.kind in "iu"
    pending = _opened("prod", scalars, result, flatten)[::-1]
    coefficient: NumberValue = 1
    powers: dict[Scalar, NumberValue] = {}
    symbolic: list[Scalar] = []
    predicates: list[Scalar] = []
    while pending:
        factor = base = pending.pop()
        exponent: NumberValue = 1
        if isinstance(factor, Apply):
            name = factor.op.name
            if name == "prod":  # kept whole, but for its coefficient
                inner, rest = split_coefficient(factor)
                coefficient = coefficient * inner  # type: ignore[operator]
                assert rest is not None
                base = rest
            elif name == "power":
                if not _has_numeric_exponent(factor):
                    symbolic.append(factor)
                    continue
                base, exponent = factor.args[0], factor.args[1].value  # type: ignore[attr-defined]
        elif isinstance(factor, Number):
            if not isinstance(factor.value, NamedConstant):
                coefficient = coefficient * factor.value  # type: ignore[operator]
                continue
        elif isinstance(factor, Guard):
            predicates.append(factor.predicate)
            pending.extend(_opened("prod", [factor.body], result, flatten)[::-1])
            continue
        known = powers.get(base)
        powers[base] = exponent if known is None else known + exponent  # type: ignore[operator]
    if not _nonzero(coefficient):
        return number(0, result)
    parts = [b if e == 1 else power_of(b, number(e, result)) for b, e in powers.items() if e == 1 or _nonzero(e)]
    product = _assemble(coefficient, parts + symbolic, result)
    return guarded(conjunction(*predicates), product) if predicates else product


def _has_numeric_exponent(scalar: Scalar) -> bool:
    """Whether it is a power whose exponent can be added to another one."""
    if not is_apply(scalar, "power"):
        return False
    exponent = scalar.children[1]
    return isinstance(exponent, Number) and not isinstance(exponent.value, NamedConstant)


def _assemble(coefficient: NumberValue, parts: list[Scalar], dtype: DType) -> Scalar:
    if dtype.kind in "iu" and any(is_apply(part, "sum") for part in parts):
        return _expand(coefficient, parts)
    # a power of a literal may have folded to another literal
    literals = [p for p in parts if isinstance(p, Number) and not isinstance(p.value, NamedConstant)]
    if literals:
        for literal in literals:
            coefficient = coefficient * literal.value  # type: ignore[operator]
        parts = [p for p in parts if p not in literals]
    if not parts:
        return number(coefficient, dtype)
    if len(parts) > 1:
        parts.sort(key=_digest)
    rest = parts[0] if len(parts) == 1 else apply("prod", *parts)
    return with_coefficient(coefficient, rest)


def _expand(coefficient: NumberValue, parts: list[Scalar]) -> Scalar:
    """Integer products are multiplied out: indices are polynomials."""
    position = next(k for k, part in enumerate(parts) if is_apply(part, "sum"))
    others = parts[:position] + parts[position + 1 :]
    literal = number(coefficient, INT64)
    return sum_of(*[product_of(literal, term, *others) for term in parts[position].children])


def power_of(base: Scalar, exponent: Scalar | int | Fraction) -> Scalar:
    """``base ** exponent`` for mathematical powers; exact literals and nested integer exponents fold."""
    exponent = as_scalar(exponent, base.dtype)
    if is_number(exponent, 1):
        return base
    if is_number(exponent, 0):
        return number(1, base.dtype)
    if not isinstance(exponent, Number):
        return apply("power", base, exponent)
    if base.dtype.kind in "iu" and isinstance(exponent.value, int) and exponent.value > 1 and is_apply(base, "sum"):
        return product_of(*[base] * exponent.value)
    if isinstance(base, Number):
        folded = _fold_power(base, exponent)
        if folded is not None:
            return folded
    integral = isinstance(exponent.value, int)
    if integral and is_apply(base, "power") and isinstance(base.children[1], Number):
        inner = base.children[1].value
        if isinstance(inner, int | Fraction):
            return power_of(base.children[0], number(inner * exponent.value, base.dtype))  # type: ignore[operator]
    if integral and isinstance(base, Guard) and exponent.value > 0:  # type: ignore[operator]
        return guarded(base.predicate, power_of(base.body, exponent))
    return apply("power", base, exponent)


def _fold_power(base: Number, exponent: Number) -> Scalar | None:
    value, power = base.value, exponent.value
    if not isinstance(power, int) or not isinstance(value, int | Fraction):
        return None
    if abs(power) > 64 or (power < 0 and (value == 0 or base.dtype.kind in "iu")):
        return None
    return number(Fraction(value) ** power, base.dtype)


def negated(scalar: Scalar) -> Scalar:
    """``-scalar``."""
    return product_of(number(-1, scalar.dtype), scalar)


def difference(left: Operand, right: Operand) -> Scalar:
    """``left - right``."""
    right = as_scalar(right)
    return sum_of(left, negated(right))


def quotient(left: Operand, right: Scalar) -> Scalar:
    """``left / right`` for floating scalars."""
    return product_of(as_scalar(left, right.dtype), power_of(right, -1))


# ---------------------------------------------------------------- guards and predicates


def guarded(predicate: Scalar, body: Scalar) -> Scalar:
    """``[predicate] body``, with nested guards joined and constant ones resolved."""
    if isinstance(body, Guard):
        predicate, body = conjunction(predicate, body.predicate), body.body
    if predicate is TRUE:
        return body
    if predicate is FALSE:
        return number(0, body.dtype)
    return body if is_number(body, 0) else guard(predicate, body)


def conjunction(*predicates: Scalar) -> Scalar:
    """All of the predicates."""
    return _connective("and", predicates, neutral=TRUE, absorbing=FALSE)


def disjunction(*predicates: Scalar) -> Scalar:
    """Any of the predicates."""
    return _connective("or", predicates, neutral=FALSE, absorbing=TRUE)


def _connective(name: str, predicates: Iterable[Scalar], neutral: Scalar, absorbing: Scalar) -> Scalar:
    parts: dict[Scalar, None] = {}
    pending = list(predicates)[::-1]
    while pending:
        predicate = pending.pop()
        if is_apply(predicate, name):
            pending.extend(reversed(predicate.children))
        elif predicate is absorbing:
            return absorbing
        elif predicate is not neutral:
            parts[predicate] = None
    if not parts:
        return neutral
    if len(parts) > 1:
        if any(negation(p) in parts for p in parts):
            return absorbing
        parts = _without_implied(parts, strongest=name == "and")
    ordered = sorted(parts, key=_digest)
    return ordered[0] if len(ordered) == 1 else apply(name, *ordered)


def _without_implied(predicates: dict[Scalar, None], strongest: bool) -> dict[Scalar, None]:
    """Of ``i <= 2`` and ``i <= 11`` only the one that decides: the stronger in a conjunction, else the weaker."""
    deciding: dict[frozenset[tuple[Scalar, int]], tuple[int, Scalar]] = {}
    for predicate in predicates:
        if is_apply(predicate, "less_equal") and is_index_predicate(predicate):
            terms, literal = linear_terms(predicate.children[0])
            key = frozenset(terms.items())
            known = deciding.get(key)
            if known is None or (literal > known[0]) == strongest:
                deciding[key] = (literal, predicate)
    kept = {predicate for _, predicate in deciding.values()}
    bounds = [p for p in predicates if is_apply(p, "less_equal") and is_index_predicate(p)]
    return {p: None for p in predicates if p in kept or p not in bounds}


@lru_cache(maxsize=_NEGATIONS_KEPT)
def negation(predicate: Scalar) -> Scalar:
    """Not the predicate. A float comparison keeps its ``not``: ``not (x < y)`` holds for NaN, ``x >= y`` does not."""
    if isinstance(predicate, Number):
        return FALSE if predicate.value else TRUE
    if isinstance(predicate, Apply):
        name = predicate.op.name
        if name == "not":
            return predicate.args[0]
        if name in ("and", "or"):
            swapped = disjunction if name == "and" else conjunction
            return swapped(*[negation(arg) for arg in predicate.args])
        if is_index_predicate(predicate):
            left = predicate.args[0]
            if name == "equal":
                return apply("not_equal", *predicate.args)
            if name == "not_equal":
                return apply("equal", *predicate.args)
            return less_equal(difference(1, left), 0)
    return apply("not", predicate)


def remembered(function: Callable[[Any, Any], Scalar]) -> Callable[[Any, Any], Scalar]:
    """A function of an index expression, and something else, that remembers its results: the same few are asked for always.

    Not of expressions with loads, whose tensors would stay alive.
    """
    known = lru_cache(maxsize=4096)(function)

    @wraps(function)
    def result(first: Any, second: Any) -> Scalar:
        for operand in (first, second):
            if isinstance(operand, Scalar) and operand.holds & LOADS:
                return function(first, second)
        return known(first, second)

    return result


def is_index_predicate(predicate: Scalar) -> bool:
    """Whether it is one of this module's integer predicates: ``e == 0``, ``e != 0`` or ``e <= 0``."""
    return (
        isinstance(predicate, Apply)
        and predicate.op.name in ("equal", "not_equal", "less_equal")
        and predicate.args[0].dtype == INT64
        and is_number(predicate.args[1], 0)
    )


@remembered
def equal(left: Operand, right: Operand) -> Scalar:
    """``left == right`` for integers, in normal form."""
    return _integer_equation("equal", difference(left, right), FALSE)


def not_equal(left: Operand, right: Operand) -> Scalar:
    """``left != right`` for integers, in normal form."""
    return _integer_equation("not_equal", difference(left, right), TRUE)


def _integer_equation(name: str, expression: Scalar, if_never_zero: Scalar) -> Scalar:
    if isinstance(expression, Number):
        return TRUE if (expression.value == 0) == (name == "equal") else FALSE
    terms, literal = linear_terms(expression)
    divisor = math.gcd(*terms.values())
    if literal % divisor:
        return if_never_zero
    sign = 1 if next(iter(sorted(terms.items(), key=lambda item: item[0].digest)))[1] > 0 else -1
    if divisor * sign != 1:
        expression = from_linear({a: c // (divisor * sign) for a, c in terms.items()}, literal // (divisor * sign))
    return apply(name, expression, number(0, INT64))


@remembered
def less_equal(left: Operand, right: Operand) -> Scalar:
    """``left <= right`` for integers, in normal form."""
    expression = difference(left, right)
    if isinstance(expression, Number):
        return TRUE if expression.value <= 0 else FALSE  # type: ignore[operator]
    terms, literal = linear_terms(expression)
    divisor = math.gcd(*terms.values())
    if divisor != 1:  # g*a + b <= 0  <=>  a <= floor(-b / g)
        expression = from_linear({a: c // divisor for a, c in terms.items()}, -((-literal) // divisor))
    return apply("less_equal", expression, number(0, INT64))


@remembered
def less(left: Operand, right: Operand) -> Scalar:
    """``left < right`` for integers, in normal form."""
    return less_equal(sum_of(left, 1), right)


# ---------------------------------------------------------------- integer expressions


def linear_terms(expression: Scalar) -> tuple[dict[Scalar, int], int]:
    """``2 i + n j + 3`` as ({i: 2, n j: 1}, 3)."""
    terms: dict[Scalar, int] = {}
    literal = 0
    for term in expression.children if is_apply(expression, "sum") else (expression,):
        coefficient, rest = split_coefficient(term)
        if rest is None:
            literal += int(coefficient)  # type: ignore[arg-type]
        else:
            terms[rest] = terms.get(rest, 0) + int(coefficient)  # type: ignore[arg-type]
    return terms, literal


def from_linear(terms: dict[Scalar, int], literal: int) -> Scalar:
    """The inverse of `linear_terms`."""
    return sum_of(number(literal), *[product_of(number(c), a) for a, c in terms.items()])


def _divide_monomial(coefficient: int, atom: Scalar | None, divisor: Scalar) -> Scalar | None:
    """``coefficient * atom / divisor`` where that is exact, else None."""
    divisor_coefficient, divisor_atom = split_coefficient(divisor)
    if coefficient % int(divisor_coefficient):  # type: ignore[arg-type]
        return None
    quotient_coefficient = number(coefficient // int(divisor_coefficient))  # type: ignore[arg-type]
    if divisor_atom is None:
        return product_of(quotient_coefficient, *([atom] if atom is not None else []))
    if atom is None:
        return None
    have = _atom_powers(atom)
    for base, exponent in _atom_powers(divisor_atom).items():
        if have.get(base, 0) < exponent:
            return None
        have[base] -= exponent
    return product_of(quotient_coefficient, *[power_of(b, number(e)) for b, e in have.items() if e])


def _atom_powers(atom: Scalar) -> dict[Scalar, int]:
    powers: dict[Scalar, int] = {}
    for factor in atom.children if is_apply(atom, "prod") else (atom,):
        base, exponent = (
            (factor.children[0], int(factor.children[1].value))  # type: ignore[attr-defined]
            if _has_numeric_exponent(factor)
            else (factor, 1)
        )
        powers[base] = powers.get(base, 0) + exponent
    return powers


def _divide(expression: Scalar, divisor: Scalar) -> tuple[Scalar, Scalar]:
    """``expression = divisor * whole + rest`` with the terms that divide exactly in ``whole``; 0 <= literal rest."""
    terms, literal = linear_terms(expression)
    whole: list[Scalar] = []
    rest: list[Scalar] = []
    for atom, coefficient in terms.items():
        exact = _divide_monomial(coefficient, atom, divisor)
        if exact is not None:
            whole.append(exact)
        else:
            rest.append(product_of(number(coefficient), atom))
    if isinstance(divisor, Number):
        whole.append(number(literal // divisor.value))  # type: ignore[operator]
        rest.append(number(literal % divisor.value))  # type: ignore[operator]
    else:
        rest.append(number(literal))
    return sum_of(*whole), sum_of(*rest)


def floor_divide(expression: Operand, divisor: Operand) -> Scalar:
    """``expression // divisor`` for integers with a positive divisor."""
    expression, divisor = as_scalar(expression), as_scalar(divisor)
    whole, rest = _divide(expression, divisor)
    if (isinstance(rest, Number) and isinstance(divisor, Number)) or is_number(rest, 0):
        return whole
    if is_number(rest, -1):  # a divisor is at least 1
        return sum_of(whole, -1)
    return sum_of(whole, apply("floordiv", rest, divisor))


def modulo(expression: Operand, divisor: Operand) -> Scalar:
    """``expression % divisor`` for integers with a positive divisor."""
    expression, divisor = as_scalar(expression), as_scalar(divisor)
    _, rest = _divide(expression, divisor)
    if (isinstance(rest, Number) and isinstance(divisor, Number)) or is_number(rest, 0):
        return rest
    if is_apply(rest, "mod") and is_number(_divide(rest.children[1], divisor)[1], 0):
        return modulo(rest.children[0], divisor)  # (e % 12) % 4 is e % 4
    return apply("mod", rest, divisor)


# ---------------------------------------------------------------- rebuilding and substitution


def rebuild(node: Scalar, children: Sequence[Scalar]) -> Scalar:
    """``node`` with other children, in canonical form; shared products and sums stay whole (nothing is flattened)."""
    if isinstance(node, Load):
        return load(node.tensor, children)
    if isinstance(node, Guard):
        return guarded(children[0], children[1])
    assert isinstance(node, Apply)
    special = _REBUILD.get(node.op.name)
    if special is not None and (
        node.op.name in _ALWAYS_CANONICAL or is_index_predicate(node) or is_index_division(node, children)
    ):
        return special(children, node.dtype)
    return apply(node.op, *children, dtype=node.dtype if node.op.name == "convert" else None)


_REBUILD: dict[str, Callable[[Sequence[Scalar], DType], Scalar]] = {
    "sum": lambda c, dtype: sum_of(*c, flatten=False, dtype=dtype),
    "prod": lambda c, dtype: product_of(*c, flatten=False, dtype=dtype),
    "power": lambda c, dtype: power_of(c[0], c[1]),
    "floordiv": lambda c, dtype: floor_divide(c[0], c[1]),
    "mod": lambda c, dtype: modulo(c[0], c[1]),
    "and": lambda c, dtype: conjunction(*c),
    "or": lambda c, dtype: disjunction(*c),
    "not": lambda c, dtype: negation(c[0]),
    "convert": lambda c, dtype: convert(c[0], dtype),
    "equal": lambda c, dtype: equal(c[0], c[1]),
    "not_equal": lambda c, dtype: not_equal(c[0], c[1]),
    "less_equal": lambda c, dtype: less_equal(c[0], c[1]),
}
_ALWAYS_CANONICAL = frozenset(_REBUILD) - {"equal", "not_equal", "less_equal", "floordiv", "mod"}


def is_index_division(node: Scalar, children: Sequence[Scalar]) -> bool:
    """Whether a node with these children is a ``//`` or ``%`` of index algebra, whose divisor is at least 1.

    Floats, narrow integers, and divisors that are negative or not known are the user's own: NumPy has 0 for a division by 0.
    """
    if not (is_apply(node, "floordiv") or is_apply(node, "mod")) or any(c.dtype != INT64 for c in children):
        return False
    divisor = children[1]
    if isinstance(divisor, Number):
        return divisor.value > 0  # type: ignore[operator]
    return not divisor.free and not loads_of(divisor)


class Substitution:
    """Replace scalars by scalars, memoised: applying it to many roots visits each shared node once."""

    def __init__(
        self, mapping: dict[Scalar, Scalar], builder: Callable[[Scalar, Sequence[Scalar]], Scalar] = rebuild
    ) -> None:
        self._memo = dict(mapping)
        self._builder = builder

    def put(self, old: Scalar, new: Scalar) -> None:
        """Replace ``old`` by ``new`` from here on."""
        self._memo[old] = new

    def __call__(self, root: Scalar) -> Scalar:
        memo = self._memo
        if root in memo:
            return memo[root]
        for node in post_order([root], prune=memo.__contains__):
            if node not in memo:
                for child in node.children:
                    if memo[child] is not child:
                        memo[node] = self._builder(node, [memo[child] for child in node.children])
                        break
                else:
                    memo[node] = node
        return memo[root]


def substitute(root: Scalar, mapping: dict[Scalar, Scalar]) -> Scalar:
    """``root`` with the mapped scalars replaced."""
    return Substitution(mapping)(root)


class Reindexing:
    """Replace `Index` k by ``places[k]``, memoised: what depends on no index that changes is not entered."""

    def __init__(self, places: Mapping[int, Scalar]) -> None:
        moved = {k: place for k, place in places.items() if place is not index(k)}
        self._memo: dict[Scalar, Scalar] = {index(k): place for k, place in moved.items()}
        self._moved = frozenset(moved)

    def __call__(self, root: Scalar) -> Scalar:
        memo, moved = self._memo, self._moved
        stack = [root]
        while stack:
            node = stack[-1]
            if node in memo or moved.isdisjoint(node.free):
                stack.pop()
                continue
            waiting = [child for child in node.children if child not in memo and not moved.isdisjoint(child.free)]
            if waiting:
                stack += waiting
            else:
                memo[stack.pop()] = rebuild(node, [memo.get(child, child) for child in node.children])
        return memo.get(root, root)


def reindexed(root: Scalar, indices: Sequence[Scalar]) -> Scalar:
    """``root`` with `Index` k replaced by ``indices[k]``."""
    return Reindexing(dict(enumerate(indices)))(root)
