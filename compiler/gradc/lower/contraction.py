"""A product that a user wrote and what it is added to, in one operation that rounds once.

``a b + c`` is one operation if

- the product has no other use: what is made of a product and its sum, such as the rounding error of the sum, stays exact;
- c is not a product itself: ``a d - b c`` changes only its sign where a, d and b, c change places;
- the terms of the sum are not all products, or all have one sign: ``x x + y y - r r`` is 0 where y = 0 and x = r.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradc.ir.scalar import Apply, DType, Scalar, is_apply
from gradc.lower.powers import small_power


@dataclass(frozen=True)
class Step:
    """Multiply by ``factor ** exponent``, and add or subtract the addend."""

    factor: Scalar
    addend: Scalar
    sign: int = 1
    exponent: int = 1


@dataclass(frozen=True)
class Fused:
    """An addition by steps that round once each, from ``sign start`` on."""

    start: Scalar
    sign: int
    steps: tuple[Step, ...]

    @property
    def operands(self) -> list[Scalar]:
        """What it is made of."""
        return [self.start, *(scalar for step in self.steps for scalar in (step.factor, step.addend))]


#: Of sums of products only: the signs of the products.
Signs = dict[Scalar, frozenset[int]]


def contraction(node: Apply, uses: Mapping[Scalar, int], signs: Signs) -> Fused | None:
    """A float ``add`` or ``sub`` with the product that it takes, if there is one."""
    left, right = node.args
    sign = 1 if node.op.name == "add" else -1
    if _is_product(left) == _is_product(right):
        return None
    for product, addend, of_product, of_addend in ((right, left, sign, 1), (left, right, 1, sign)):
        fits = _is_multiplication(product, node.dtype) and uses[product] == 1
        if fits and signs.get(addend, {sign}) == {sign}:
            first, second = product.children
            factor = second if is_apply(product, "mul") else first
            return Fused(first, of_product, (Step(factor, addend, of_addend),))
    return None


def note_signs(node: Scalar, signs: Signs) -> None:
    """Enter a scalar into the table if it is a sum of products only; its terms have been entered."""
    if _is_product(node) and not is_apply(node, "neg"):
        signs[node] = frozenset({1})
    elif is_apply(node, "neg") and node.children[0] in signs:
        signs[node] = frozenset(-sign for sign in signs[node.children[0]])
    elif is_apply(node, "add") or is_apply(node, "sub"):
        left, right = node.children
        if left in signs and right in signs:
            turn = 1 if is_apply(node, "add") else -1
            signs[node] = signs[left] | {turn * sign for sign in signs[right]}


def _is_multiplication(term: Scalar, dtype: DType) -> bool:
    """A product of two factors, or a square, as written."""
    return term.dtype == dtype and (is_apply(term, "mul") or (is_apply(term, "pow") and small_power(term) == 2))


def _is_product(term: Scalar) -> bool:
    """A product or a power, perhaps negated."""
    while is_apply(term, "neg"):
        (term,) = term.children
    return is_apply(term, "mul") or is_apply(term, "prod") or small_power(term) is not None
