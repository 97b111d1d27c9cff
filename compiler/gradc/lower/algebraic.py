"""Mathematical sums, products and powers as machine code: in which order, what is shared, what is fused.

These come from differentiation and index algebra, which say what is to be computed but not how (see `gradc.ir.algebra`).
What a user wrote is computed as written; only in the bodies of loops, some of its products are multiplied and added in one
operation (see `gradc.lower.fused`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, TypeGuard

from gradc.ir.scalar import Apply, Scalar, is_apply
from gradc.lower.contraction import Fused
from gradc.lower.memory import MemoryEmitter
from gradc.lower.monomials import Factor, Monomials, Pair, Token, shared_monomials
from gradc.lower.partial_sums import PartialSums
from gradc.lower.powers import powers_of, signed, signed_terms, small_power
from gradc.lower.text import FunctionBuilder, Value, literal


class AlgebraicEmitter(MemoryEmitter):
    """Evaluates sums and products of scalars that have values."""

    def __init__(self, builder: FunctionBuilder, has_fma: bool = False) -> None:
        super().__init__(builder, has_fma)
        self._values: dict[Any, Value] = {}
        self._tokens: dict[Token, Value] = {}
        #: what was evaluated, where an unrolled loop will want to forget some of it
        self._log: list[Scalar | Token] | None = None
        self._monomials = Monomials()
        #: whether the code is in the body of a loop; and which additions, as written, take products with them
        self.is_in_loop = False
        self.fused: Mapping[Scalar, Fused] = {}

    def value(self, root: Scalar) -> Value:
        """The value of a scalar."""
        raise NotImplementedError

    def _as(self, arg: Scalar, node: Scalar) -> Value:
        return self.convert(self._values[arg], node.dtype)

    @contextmanager
    def sharing(self, monomials: Monomials) -> Iterator[None]:
        """Within, products are computed as planned."""
        outer, self._monomials = self._monomials, monomials
        try:
            yield
        finally:
            self._monomials = outer

    # ------------------------------------------------------------ sums

    def _sum_needs(self, node: Apply) -> list[Scalar]:
        """The terms; of those that are multiplied while they are added, the factors."""
        plain, fused = self._sum_parts(node)
        return [term for term, _ in plain] + [base for product, _ in fused for base, _ in powers_of(product)]

    def _sum_parts(self, node: Apply) -> tuple[list[tuple[Scalar, int]], list[tuple[Apply, int]]]:
        """The terms of a sum with their signs: those to be added, and the products for fused multiplication and addition.

        ``x x - y y`` stays 0 where x = y: of products only, with both signs, none is fused.
        """
        terms = signed_terms(node)
        if not self.has_fma or node.dtype.kind != "f":
            return terms, []
        fused = [(t, sign) for t, sign in terms if self._is_fusible(t, node)]
        plain = [entry for entry in terms if not self._is_fusible(entry[0], node)]
        if not plain:
            if len({sign for _, sign in fused}) > 1:
                return terms, []
            plain, fused = [*fused[:1]], fused[1:]
        return plain, fused

    def _is_fusible(self, term: Scalar, node: Apply) -> TypeGuard[Apply]:
        """A product without a division, not known yet, which is exact before it is added."""
        if term.dtype != node.dtype or term in self._values:
            return False
        if not is_apply(term, "prod") and (not is_apply(term, "power") or small_power(term) is None):
            return False
        monomial = self._monomials.of(term)
        return not monomial.below and (len(monomial.above) > 1 or isinstance(monomial.above[0], Pair))

    def _emit_sum(self, node: Apply) -> Value:
        plain, fused = self._sum_parts(node)
        partial = PartialSums(self, [(self._as(term, node), sign) for term, sign in plain])
        for time, product, sign in sorted(((self._ready(p), p, sign) for p, sign in fused), key=lambda entry: entry[0]):
            partial.settle(time, self.builder.depth)
            total, its_sign = partial.earliest()
            partial.put(self._multiply_add(product, total, sign * its_sign), its_sign)
        return partial.total()

    def _ready(self, product: Apply) -> int:
        """When the factors of a product are known, those but for one multiplied."""
        bases = [self.ready.of(self._values[base]) for base, _ in powers_of(product)]
        return max(bases) + (len(self._monomials.of(product).above) > 2)

    def _multiply_add(self, product: Apply, total: Value, sign: int = 1) -> Value:
        """``total + sign * product`` in one rounding; the factors' values are known."""
        above = self._monomials.of(product).above
        if len(above) == 1 and isinstance(above[0], Pair):
            above = (above[0].left, above[0].right)
        *rest, last = sorted(map(self._token, above), key=lambda value: (value.depth, self.ready.of(value)))
        scale = self._product(rest)
        return self.fused_multiply_add(self.negate(scale) if sign < 0 else scale, last, total)

    def added_product(self, body: Scalar, total: Value) -> Value | None:
        """``total + body`` in one rounding, where the body is a product."""
        if not self.has_fma or not isinstance(body, Apply) or body.dtype != total.dtype or body in self._values:
            return None
        if body.op.name == "mul":
            left, right = (self.convert(self.value(arg), body.dtype) for arg in body.args)
            return self.fused_multiply_add(left, right, total)
        product: Apply = body
        if not self._is_fusible(product, product) or self._is_shared(product):
            return None
        for base, _ in powers_of(product):
            self.value(base)
        return self._multiply_add(product, total)

    def _is_shared(self, product: Apply) -> bool:
        """Whether a product is part of others: it is multiplied anyway, and an addition alone costs less."""
        above = self._monomials.of(product).above
        return len(above) == 1 and isinstance(above[0], Pair)

    def _emit_fused(self, fused: Fused, node: Apply) -> Value:
        """An addition as written, with its products."""
        value = self._as(fused.start, node)
        if fused.sign < 0:
            value = self.negate(value)
        for step in fused.steps:
            factor = self._power_by_multiplication(self._as(step.factor, node), Fraction(step.exponent))
            addend = self._as(step.addend, node)
            value = self.fused_multiply_add(value, factor, addend if step.sign > 0 else self.negate(addend))
        return value

    # ------------------------------------------------------------ products and powers

    def _emit_prod(self, node: Apply) -> Value:
        term, sign = signed(node) if node.dtype.kind == "f" else (node, 1)
        whole = is_apply(term, "prod") or small_power(term) is not None
        result = self._emit_monomial(term) if whole else self._as(term, node)
        return self.negate(result) if sign < 0 else result

    def _emit_monomial(self, node: Scalar) -> Value:
        """One division at most, but for reciprocals that several products share."""
        monomial = self._monomials.of(node)
        above = [self._token(token) for token in monomial.above]
        top = self._product(above) if above else literal(1, node.dtype)
        return self.divide(top, self._product([self._token(t) for t in monomial.below])) if monomial.below else top

    def _product(self, values: list[Value]) -> Value:
        """In pairs, those first that belong in front of the loop."""
        values.sort(key=lambda value: (value.depth, self.ready.of(value)))
        while len(values) > 1:
            paired = [self.multiply(a, b) for a, b in zip(values[::2], values[1::2], strict=False)]
            values = paired + ([values[-1]] if len(values) % 2 else [])
        return values[0]

    def _token(self, token: Token) -> Value:
        """The value of a factor, or of factors that are multiplied once."""
        known = self._tokens.get(token)
        if known is None:
            if isinstance(token, Pair):
                known = self.multiply(self._token(token.left), self._token(token.right))
            else:
                known = self._factor(token)
            self.builder.remember(self._tokens, token, known, known.depth)
            if self._log is not None:
                self._log.append(token)
        return known

    def _factor(self, factor: Factor) -> Value:
        if factor.exponent < 0:
            inverse = Factor(factor.base, -factor.exponent, factor.dtype)
            return self.divide(literal(1, factor.dtype), self._token(inverse))
        base = self.convert(self._values[factor.base], factor.dtype)
        return self._power_by_multiplication(base, factor.exponent)

    def _emit_power(self, node: Apply) -> Value:
        exponent = small_power(node)
        if exponent is None:
            return self._row(node)
        if node in self._monomials.plan:
            return self._emit_monomial(node)
        value = self._power_by_multiplication(self._as(node.args[0], node), abs(exponent))
        return value if exponent > 0 else self.divide(literal(1, node.dtype), value)

    _emit_pow = _emit_power

    def _row(self, node: Apply) -> Value:
        """An op by its row of the table."""
        raise NotImplementedError

    def _power_by_multiplication(self, base: Value, exponent: Fraction) -> Value:
        whole, half = divmod(exponent, 1)
        result = self.call("llvm.sqrt", base) if half else None
        power, square = int(whole), base
        while power:
            if power & 1:
                result = square if result is None else self.multiply(result, square)
            power >>= 1
            if power:
                square = self.multiply(square, square)
        return result if result is not None else literal(1, base.dtype)


def bases_of(token: Token) -> Sequence[Scalar]:
    """The scalars that a factor is made of."""
    return (*bases_of(token.left), *bases_of(token.right)) if isinstance(token, Pair) else (token.base,)


def plan_of(nodes: Iterable[Scalar], is_invariant: Callable[[Scalar], bool]) -> Monomials:
    """How to share factors among the products of these nodes, which are added and subtracted without their sign."""
    return shared_monomials((signed(node)[0] if node.dtype.kind == "f" else node for node in nodes), is_invariant)
