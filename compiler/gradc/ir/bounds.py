"""Bounds of integer expressions: deciding predicates and dropping ``//`` and ``%`` that the extents make trivial.

An axis of extent e has 0 <= i <= e - 1, and since a body is only evaluated when every axis is non-empty, each named size
that is the extent of an axis is at least 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.algebra import (
    Substitution,
    conjunction,
    disjunction,
    floor_divide,
    from_linear,
    is_index_division,
    is_index_predicate,
    linear_terms,
    modulo,
    product_of,
    rebuild,
    remembered,
    substitute,
    sum_of,
)
from gradc.ir.scalar import (
    COMPARISONS,
    DIVISIONS,
    FALSE,
    INT64,
    TRUE,
    Apply,
    Index,
    Load,
    Number,
    Scalar,
    Size,
    is_apply,
    number,
)
from gradc.ir.tensor import Extent, Projection, Shape, extent_scalar
from gradc.ir.walk import post_order


def never_positive(expression: Scalar, extents: Sequence[Extent]) -> bool:
    """Whether ``expression <= 0`` everywhere in the box of the extents (False when it can't be shown)."""
    highest = _highest(expression, extents)
    return highest is not None and _all_nonpositive(highest)


def _highest(expression: Scalar, extents: Sequence[Extent]) -> Scalar | None:
    """An upper bound over the box, as a polynomial in sizes; None where there is none."""
    terms, literal = linear_terms(expression)
    parts: list[Scalar] = [number(literal)]
    for atom, coefficient in terms.items():
        bound = _atom_bound(atom, coefficient > 0, extents)
        if bound is None:
            return None
        parts.append(product_of(number(coefficient), bound))
    return sum_of(*parts)


def _atom_bound(atom: Scalar, upper: bool, extents: Sequence[Extent]) -> Scalar | None:
    if isinstance(atom, Size):
        return atom
    if isinstance(atom, Index):
        return sum_of(extent_scalar(extents[atom.position]), -1) if upper else number(0)
    if isinstance(atom, Load):
        count = _positions_in(atom)
        return None if count is None else sum_of(extent_scalar(count), -1) if upper else number(0)
    if not is_apply(atom, "prod") and not is_index_division(atom, atom.children):
        return None
    if is_apply(atom, "mod"):
        return sum_of(atom.children[1], -1) if upper else number(0)
    if is_apply(atom, "floordiv"):
        return _floordiv_bound(atom, upper, extents)
    if is_apply(atom, "prod"):  # every factor of an index monomial is at least 0
        factors = [_atom_bound(factor, upper, extents) for factor in atom.children]
        low = [_atom_bound(factor, False, extents) for factor in atom.children]
        if any(f is None for f in factors) or any(f is None or not _all_nonnegative(f) for f in low):
            return None
        return product_of(*[f for f in factors if f is not None])
    return None


def _positions_in(atom: Load) -> Extent | None:
    """How many positions there are, where an entry is known to be one."""
    tensor = atom.tensor
    return tensor.source.results[tensor.position].below if isinstance(tensor, Projection) else None


def _floordiv_bound(atom: Scalar, upper: bool, extents: Sequence[Extent]) -> Scalar | None:
    inner, divisor = atom.children
    sign = 1 if upper else -1
    bound = _highest(product_of(number(sign), inner), extents)
    if bound is None:
        return None
    return floor_divide(product_of(number(sign), bound), divisor)


def _size_shifted(polynomial: Scalar) -> Scalar | None:
    """The polynomial with each size n written n + 1, or None where it holds something else than sizes."""
    sizes = [node for node in post_order([polynomial]) if isinstance(node, Size)]
    if any(is_apply(node, "floordiv") or is_apply(node, "mod") for node in post_order([polynomial])):
        return None
    return substitute(polynomial, {n: sum_of(n, 1) for n in sizes})


def _all_nonpositive(polynomial: Scalar) -> bool:
    shifted = _size_shifted(polynomial)
    if shifted is None:
        return False
    terms, literal = linear_terms(shifted)
    return literal <= 0 and all(c <= 0 for c in terms.values())


def _all_nonnegative(polynomial: Scalar) -> bool:
    return _all_nonpositive(product_of(number(-1), polynomial))


def decide(predicate: Scalar, extents: Sequence[Extent]) -> Scalar:
    """The predicate with every integer comparison that the extents settle replaced by true or false."""
    return predicate if predicate is TRUE else _decided(predicate, tuple(extents))


@remembered
def _decided(predicate: Scalar, extents: Shape) -> Scalar:
    if is_apply(predicate, "and"):
        return conjunction(*[decide(p, extents) for p in predicate.children])
    if is_apply(predicate, "or"):
        return disjunction(*[decide(p, extents) for p in predicate.children])
    if not is_index_predicate(predicate):
        return predicate
    assert isinstance(predicate, Apply)
    expression, name = predicate.args[0], predicate.op.name
    span = _span(expression, extents)
    if span is not None:
        if name == "less_equal":
            return TRUE if span[1] <= 0 else FALSE if span[0] > 0 else predicate
        if span[0] <= 0 <= span[1]:
            return predicate
        return FALSE if name == "equal" else TRUE
    minus = product_of(number(-1), expression)
    if name == "less_equal":
        if never_positive(expression, extents):
            return TRUE
        return FALSE if never_positive(sum_of(minus, 1), extents) else predicate
    apart = never_positive(sum_of(expression, 1), extents) or never_positive(sum_of(minus, 1), extents)
    if not apart:
        return predicate
    return FALSE if name == "equal" else TRUE


def _span(expression: Scalar, extents: Sequence[Extent]) -> tuple[int, int] | None:
    """The least and the greatest value over the box, where the expression is affine and the extents are plain numbers."""
    terms, literal = linear_terms(expression)
    lowest = highest = literal
    for atom, coefficient in terms.items():
        extent = extents[atom.position] if isinstance(atom, Index) else None
        if not isinstance(extent, int):
            return None
        reach = coefficient * (extent - 1)
        lowest, highest = (lowest, highest + reach) if coefficient > 0 else (lowest + reach, highest)
    return lowest, highest


def tidy_indices(root: Scalar, extents: Sequence[Extent]) -> Scalar:
    """``root`` with guards decided and with ``e // c`` and ``e % c`` dropped where 0 <= e < c."""
    if not root.holds & (DIVISIONS | COMPARISONS):
        return root

    def builder(node: Scalar, children: Sequence[Scalar]) -> Scalar:
        return tidy_node(rebuild(node, children), extents)

    order = post_order([root])
    digits = {node: joined for node in order if (joined := _with_joined_digits(node)) is not node}
    if digits:
        return tidy_indices(Substitution(digits)(root), extents)
    interesting = {
        node: tidy_node(node, extents)
        for node in order
        if (is_apply(node, "floordiv") or is_apply(node, "mod") or is_index_predicate(node))
        and not any(is_apply(c, "floordiv") or is_apply(c, "mod") for c in post_order(node.children))
    }
    return Substitution(interesting, builder)(root) if interesting else root


def tidy_node(node: Scalar, extents: Sequence[Extent]) -> Scalar:
    """One node, tidied: its operands are taken to be tidy already."""
    if not node.holds & (DIVISIONS | COMPARISONS):
        return node
    if is_index_predicate(node):
        return decide(node, extents)
    if is_apply(node, "floordiv") or is_apply(node, "mod"):
        if not is_index_division(node, node.children):
            return node
        inner, divisor = node.children
        below = never_positive(sum_of(inner, 1, product_of(number(-1), divisor)), extents)
        if below and never_positive(product_of(number(-1), inner), extents):
            return number(0) if is_apply(node, "floordiv") else inner
        return _split_digits(node, extents)
    return _with_joined_digits(node)


def _split_digits(node: Scalar, extents: Sequence[Extent]) -> Scalar:
    """``(g a + b) // (g c)`` as ``a // c``, and ``(g a + b) % (g c)`` as ``g (a % c) + b``, where 0 <= b < g.

    Quotients of quotients are one: ``a // g // c`` is ``a // (g c)``.
    """
    inner, divided_by = node.children
    if is_apply(node, "floordiv") and is_apply(inner, "floordiv") and is_index_division(inner, inner.children):
        product = product_of(inner.children[1], divided_by)
        if not isinstance(product, Number) or product.value < 2**63:  # type: ignore[operator]
            return tidy_node(floor_divide(inner.children[0], product), extents)
    if not isinstance(divided_by, Number) or not isinstance(divided_by.value, int):
        return node
    divisor, (terms, literal) = divided_by.value, linear_terms(inner)
    for step in sorted({abs(c) for c in terms.values() if 1 < abs(c) < divisor and divisor % c == 0}, reverse=True):
        low = from_linear({atom: c for atom, c in terms.items() if c % step}, literal % step)
        if not never_positive(sum_of(low, 1 - step), extents) or not never_positive(product_of(-1, low), extents):
            continue
        high = from_linear({atom: c // step for atom, c in terms.items() if c % step == 0}, literal // step)
        if is_apply(node, "floordiv"):
            return tidy_node(floor_divide(high, divisor // step), extents)
        return sum_of(low, product_of(step, tidy_node(modulo(high, divisor // step), extents)))
    return node


def _with_joined_digits(node: Scalar) -> Scalar:
    """An index ``c (e // c) + e % c``, as ``e``."""
    if not is_apply(node, "sum") or node.dtype != INT64 or not node.holds & DIVISIONS:
        return node
    terms, literal = linear_terms(node)
    for low, coefficient in terms.items():
        if not is_apply(low, "mod"):
            continue
        whole, divisor = low.children
        high, step = floor_divide(whole, divisor), product_of(number(coefficient), divisor)
        if high in terms and step is number(terms[high]):
            rest = {atom: c for atom, c in terms.items() if atom is not low and atom is not high}
            return sum_of(from_linear(rest, literal), product_of(number(coefficient), whole))
    return node
