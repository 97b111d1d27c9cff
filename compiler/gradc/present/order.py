"""The order of print: terms by degree, constants last; symbols, then functions, then sums, then big operators."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from gradc.ir.scalar import NamedConstant
from gradc.present.notation import (
    Bracket,
    Cases,
    Ellipsis,
    Entry,
    EntrywisePower,
    Function,
    Hadamard,
    Literal,
    MatrixProduct,
    Name,
    Notation,
    Power,
    Product,
    Reduction,
    Root,
    Stepped,
    Sum,
    Transposed,
    product,
    split_sign,
)


def ordered_sum(terms: Iterable[Notation]) -> Notation:
    """The terms as a sum in the order of print: by degree, but a lone positive term first."""
    listed = _ordered(terms, _term_key)
    if len(listed) == 1:
        return listed[0]
    if isinstance(listed[-1], Ellipsis):
        return Sum(tuple(listed))
    if not any(_degree(t) for t in listed):  # 1 + sin(x): no powers to go by
        listed.sort(key=lambda t: not isinstance(t, Literal))
    positive = [t for t in listed if not split_sign(t)[0]]
    polynomial = all(_is_monomial(t) for t in listed)
    if split_sign(listed[0])[0] and (len(positive) == 1 or (positive and not polynomial)):
        listed.remove(positive[0])
        listed.insert(0, positive[0])
    return Sum(tuple(listed))


def _is_monomial(term: Notation) -> bool:
    factors = term.numerator + term.denominator if isinstance(term, Product) else (term,)
    bases = [f.base if isinstance(f, Power) else f for f in factors]
    return all(isinstance(b, Name | Entry | Literal) for b in bases)


def ordered_factors(factors: Iterable[Notation]) -> list[Notation]:
    """The factors in the order of print."""
    return _ordered(factors, _factor_key)


def _ordered(operands: Iterable[Notation], key: Callable[[Notation], Any]) -> list[Notation]:
    """By the key; those beside an ellipsis were chosen and come as they are."""
    listed = list(operands)
    if any(isinstance(o, Ellipsis) for o in listed):
        return sorted(listed, key=lambda o: isinstance(o, Ellipsis))
    return sorted(listed, key=key)


def ordered_product(coefficient: Any, numerator: Sequence[Notation], denominator: Sequence[Notation] = ()) -> Notation:
    """The factors as a product in the order of print."""
    return product(coefficient, tuple(ordered_factors(numerator)), tuple(ordered_factors(denominator)))


# ---------------------------------------------------------------- degrees


def _exponent(node: Notation) -> Fraction:
    if isinstance(node, Literal) and isinstance(node.value, int | Fraction):
        return Fraction(node.value)
    return Fraction(0)


def _degree(node: Notation) -> Fraction:
    """The polynomial degree in symbols and entries; functions and big operators count nothing."""
    if isinstance(node, Name | Entry):
        return Fraction(1)
    if isinstance(node, Power | EntrywisePower):
        return _degree(node.base) * _exponent(node.exponent)
    if isinstance(node, Root):
        return _degree(node.base) / node.degree
    if isinstance(node, Transposed):
        return _degree(node.base)
    if isinstance(node, MatrixProduct):
        return sum((_degree(f) for f in node.factors), Fraction(0))
    if isinstance(node, Product | Hadamard):
        over = sum((_degree(f) for f in node.numerator), Fraction(0))
        return over - sum((_degree(f) for f in node.denominator), Fraction(0))
    if isinstance(node, Sum):
        return max(_degree(t) for t in node.terms)
    return Fraction(0)


def _term_key(term: Notation) -> tuple[Any, ...]:
    _, positive = split_sign(term)
    return (
        isinstance(positive, Ellipsis),
        -_degree(positive),
        isinstance(positive, Literal),
        _monomial_key(positive),
        text_key(positive),
    )


def _monomial_key(term: Notation) -> tuple[Any, ...]:
    """Lexicographic order of monomials of one degree: x**2 before x y before y**2."""
    factors = term.numerator if isinstance(term, Product) else (term,)
    key: list[Any] = []
    for factor in factors:
        base, exponent = (
            (factor.base, _exponent(factor.exponent)) if isinstance(factor, Power) else (factor, Fraction(1))
        )
        if isinstance(base, Name | Entry):
            key.append((0, text_key(base), -exponent))
        else:
            key.append((1, text_key(base), -exponent))
    return tuple(key)


# ---------------------------------------------------------------- factors

_CLASSES: dict[type[Notation], int] = {
    Literal: 1,
    Name: 2,
    Stepped: 3,
    Entry: 4,
    Function: 6,
    Sum: 7,
    Cases: 9,
    Reduction: 10,
}
_POLYNOMIAL = 5  # before symbolic powers and functions: (a - 1) x^{a - 2}, (x^2 + 2) sin(x)
_SYMBOLIC_POWER = 5.5
_GREEK_LETTER = re.compile(r"\\[A-Za-z]+(?![A-Za-z{])")
#: Functions with another place than the alphabet's: sine before cosine.
_PLACES = {"cos": "sin~", "cosh": "sinh~"}
_EXPONENTIAL = 8
_INDEX_BRACKET = 0
_BRACKET = 9
_EXTREMUM = 9
_LAST = 11


def _factor_key(factor: Notation) -> tuple[Any, ...]:
    base = factor
    while isinstance(base, Power | Root | EntrywisePower | Transposed):
        if (
            isinstance(base, Power)
            and isinstance(base.base, Literal)
            and not isinstance(base.base.value, NamedConstant)
        ):
            return (_EXPONENTIAL, 0, text_key(factor))
        base = base.base
    place = _CLASSES.get(type(base), 7)
    if isinstance(base, Reduction) and base.kind not in ("sum", "prod"):
        place = _EXTREMUM
    if isinstance(base, Ellipsis):
        return (_LAST, 0, ("", ""))
    if isinstance(base, Bracket):
        place = _INDEX_BRACKET if _about_indices(base.condition) else _BRACKET
    if isinstance(factor, Power) and not isinstance(factor.exponent, Literal):
        return (_SYMBOLIC_POWER, 0, text_key(factor))
    if isinstance(base, Function) and base.name == "exp":
        place = _EXPONENTIAL
    if isinstance(base, Sum) and _is_polynomial(base):
        return (_POLYNOMIAL, 0, text_key(base))
    if isinstance(base, Name) and _GREEK_LETTER.match(base.latex):
        return (place, 0, text_key(base))  # Greek letters are mostly constants
    if isinstance(base, Entry):
        return (place, -len(base.indices), text_key(base))
    return (place, 1, text_key(base))


def _is_polynomial(total: Sum) -> bool:
    """Whether a sum holds no functions and no big operators."""
    pending: list[Notation] = list(total.terms)
    while pending:
        item = pending.pop()
        if isinstance(item, Power) and not isinstance(item.exponent, Literal):
            return False
        if not isinstance(item, Name | Entry | Literal | Product | Power | Sum):
            return False
        if not isinstance(item, Entry):
            pending.extend(item.parts)
    return True


def _about_indices(condition: Notation) -> bool:
    """Whether a condition compares indices: a Kronecker delta, a range."""
    pending = [condition]
    while pending:
        item = pending.pop()
        if isinstance(item, Name) and not item.integer:
            return False
        if isinstance(item, Entry | Function):
            return False
        pending.extend(item.parts)
    return True


def text_key(node: Notation) -> tuple[str, str]:
    """An alphabetical key; case counts only between names that are otherwise equal."""
    text = _text(node)
    return text.lower(), text


def _text(node: Notation) -> str:
    if isinstance(node, Stepped):
        return f"{node.plain}[{','.join(map(_text, node.steps))}]"
    if isinstance(node, Name):
        return node.plain
    if isinstance(node, Ellipsis):
        return node.words
    if isinstance(node, Literal):
        if isinstance(node.value, int):
            return f"{node.value:09d}"  # 2 before 10
        return node.value.name if isinstance(node.value, NamedConstant) else str(node.value)
    own = (
        _PLACES.get(node.name, node.name)
        if isinstance(node, Function)
        else type(node).__name__
        if not isinstance(node, Entry)
        else ""
    )
    inside = ",".join(_text(part) for part in node.parts)
    return f"{inside}" if isinstance(node, Entry) else f"~{own}({inside})"
