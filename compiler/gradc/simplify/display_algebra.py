"""Sums, products and powers of the display form: flattened, collected, exact, with textbook identities.

The constructors of `gradc.ir.algebra` give the canonical forms; this module decides what is handed to them. Everything
is bounded: operands beyond `WIDEST` stay nested and exponents beyond `LARGEST_EXPONENT` stay unfolded, so that a pass
over a graph is linear in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

from gradc.ir import algebra
from gradc.ir.algebra import convert, split_coefficient
from gradc.ir.scalar import (
    Apply,
    DType,
    E,
    Guard,
    Number,
    Scalar,
    apply,
    is_apply,
    is_number,
    number,
)
from gradc.ir.walk import free_indices
from gradc.simplify.display_measures import Measures
from gradc.simplify.display_numbers import recognised
from gradc.simplify.display_rules import (
    BASES,
    COMPOSITIONS_OF,
    EVEN,
    ODD,
    PRODUCTS,
    SUMS,
    Rule,
    build,
    match,
    variables,
)
from gradc.simplify.display_steps import power_of_step, without_needless_steps
from gradc.simplify.display_sums import shortened
from gradc.simplify.display_terms import (
    content,
    exact_decimal_power,
    exact_root,
    flips_well,
    has_negative_argument,
    integer_power,
    integer_powers,
    is_count,
    lowered,
    never_negative,
    scaled,
    term_count,
    tidy_term,
    without,
)

#: Sums and products of more operands are left nested.
WIDEST = 48
LARGEST_EXPONENT = 4096
#: Larger expressions are not searched for common factors and expansions.
_LARGEST_SEARCHED = 400


class DisplayAlgebra(Measures):
    """The constructors, with the sizes of what they made: ``size(s)`` counts the symbols printed for s."""

    # ------------------------------------------------------------ literals

    def literal(self, scalar: Number) -> Scalar:
        """A literal as a person writes it: 6.2831853... is 2 pi."""
        if isinstance(scalar.value, float):
            coefficient, factors = recognised(scalar.value)
            if factors or isinstance(coefficient, Fraction):
                powers = [self.power(number(b, scalar.dtype), number(e, scalar.dtype)) for b, e in factors]
                return algebra.product_of(number(coefficient, scalar.dtype), *powers)
        return scalar

    # ------------------------------------------------------------ sums

    def sum(self, terms: Sequence[Scalar], dtype: DType, factoring: bool = True) -> Scalar:
        """The sum, flattened and collected; identities of two terms and common factors applied."""
        flat = self._joined_guards(self._flat_terms([convert(t, dtype) for t in terms]), dtype)
        result = algebra.sum_of(*flat, flatten=False, dtype=dtype)
        if not is_apply(result, "sum"):
            return result
        parts = [tidy_term(t) for t in result.children]
        parts = self.with_identities(parts, dtype)
        result = algebra.sum_of(*parts, flatten=False, dtype=dtype)
        if not is_apply(result, "sum") or self.size(result) > _LARGEST_SEARCHED:
            return result
        return shortened(self, result, factoring)

    def _joined_guards(self, terms: list[Scalar], dtype: DType) -> list[Scalar]:
        """Terms under the same condition as one."""
        bodies: dict[Scalar, list[Scalar]] = {}
        for term in terms:
            if isinstance(term, Guard):
                bodies.setdefault(term.predicate, []).append(term.body)
        if all(len(parts) == 1 for parts in bodies.values()):
            return terms
        joined = [algebra.guarded(p, self.sum(parts, dtype)) for p, parts in bodies.items()]
        return [t for t in terms if not isinstance(t, Guard)] + joined

    def _flat_terms(self, terms: Sequence[Scalar]) -> list[Scalar]:
        flat: list[Scalar] = []
        room = WIDEST - len(terms)
        for term in terms:
            coefficient, rest = split_coefficient(term)
            fits = rest is not None and is_apply(rest, "sum") and len(rest.children) - 1 <= room
            if rest is not None and fits and (coefficient in (1, -1) or self._merges(rest, term, terms)):
                room -= len(rest.children) - 1
                flat.extend(scaled(coefficient, t) for t in rest.children)
            else:
                flat.append(term)
        return flat

    @staticmethod
    def _merges(inner: Scalar, term: Scalar, terms: Sequence[Scalar]) -> bool:
        """Whether distributing a coefficient over the inner sum collects all of it but its literal with other terms."""
        others = {split_coefficient(t)[1] for t in terms if t is not term}
        rests = [split_coefficient(t)[1] for t in inner.children]
        return any(r in others for r in rests if r is not None) and all(r is None or r in others for r in rests)

    def with_identities(self, parts: list[Scalar], dtype: DType) -> list[Scalar]:
        """The terms of a sum with the identities of two terms applied."""
        if len(parts) > WIDEST:
            return parts
        for rule in SUMS:
            while (rewritten := self._apply_sum_rule(rule, parts, dtype)) is not None:
                parts = rewritten
        return parts

    def _apply_sum_rule(self, rule: Rule, parts: list[Scalar], dtype: DType) -> list[Scalar] | None:
        first, second = rule.parts
        sign = -1 if rule.is_difference else 1
        anchor, partner = (first, second) if variables(first) else (second, first)
        collected = {rest: c for c, rest in map(split_coefficient, parts)}
        for rest, coefficient in collected.items():
            if rest is None:
                continue
            for factor in rest.children if is_apply(rest, "prod") else (rest,):
                bound = match(anchor, factor, {}, self)
                if bound is None:
                    continue
                others = without(rest, factor)
                wanted = build(partner, bound, rest, self)
                if others is not None:
                    wanted = self.product([others, wanted])
                wanted_coefficient, key = split_coefficient(wanted)
                have = collected.get(key)
                if have is None or wanted_coefficient == 0 or key is rest:
                    continue
                # the same multiple of both terms must be there
                if have != coefficient * sign * wanted_coefficient:  # type: ignore[operator]
                    continue
                scale = coefficient if anchor is first else coefficient * sign  # type: ignore[operator]
                result = build(rule.result, bound, rest, self)
                replaced = self.product([number(scale, dtype), *([others] if others else []), result])
                kept = [p for p in parts if split_coefficient(p)[1] not in (rest, key)]
                return [*kept, *(replaced.children if is_apply(replaced, "sum") else [replaced])]
        return None

    # ------------------------------------------------------------ products

    def product(self, factors: Sequence[Scalar]) -> Scalar:
        """The product, flattened and collected; exponentials joined, signs and contents of sums taken outside."""
        guards = [f for f in factors if isinstance(f, Guard)]
        if guards:
            cores = [f.body if isinstance(f, Guard) else f for f in factors]
            return algebra.guarded(algebra.conjunction(*[g.predicate for g in guards]), self.product(cores))
        flat: list[Scalar] = []
        room = WIDEST - len(factors)
        for factor in factors:
            if is_apply(factor, "prod") and len(factor.children) - 1 <= room:
                room -= len(factor.children) - 1
                flat.extend(factor.children)
            else:
                flat.append(factor)
        flat = self._joined_exponentials(without_needless_steps(flat))
        result = algebra.product_of(*self._joined_symbolic_powers(flat), flatten=False)
        if not is_apply(result, "prod"):
            return result
        result = tidy_term(self._apply_product_rules(result))
        result = self._cancelled_sums(result) if is_apply(result, "prod") else result
        return self._normal_signs(result) if is_apply(result, "prod") else result

    def _cancelled_sums(self, product: Scalar) -> Scalar:
        """``(1 + x/r) / (x + r)`` as ``1/r``: a sum over another that is a multiple of it."""
        sums = {b: e for b, e in integer_powers(product).items() if is_apply(b, "sum") and len(b.children) <= 4}
        for top, bottom in itertools.permutations(sums, 2):
            if sums[top] < 1 or sums[bottom] > -1 or len(top.children) != len(bottom.children):
                continue
            inverse = self.power(bottom.children[0], number(-1, product.dtype))
            for term in top.children:
                multiple = self.product([term, inverse])
                terms = [self.product([multiple, t]) for t in bottom.children]
                if algebra.sum_of(*terms, flatten=False, dtype=product.dtype) is top:
                    return self.product([*lowered(product, {top: 1, bottom: -1}), multiple])
        return product

    def _joined_symbolic_powers(self, factors: list[Scalar]) -> list[Scalar]:
        """``x x**(n - 1)`` as ``x**n``."""
        symbolic = [f for f in factors if is_apply(f, "power") and not isinstance(f.children[1], Number)]
        for factor in symbolic:
            base = factor.children[0]
            alike = [f for f in factors if f is base or (is_apply(f, "power") and f.children[0] is base)]
            if len(alike) > 1:
                one = number(1, base.dtype)
                total = self.sum([one if f is base else f.children[1] for f in alike], base.dtype)
                return [*[f for f in factors if f not in alike], self.power(base, total)]
        return factors

    def _joined_exponentials(self, factors: list[Scalar]) -> list[Scalar]:
        exponents: list[Scalar] = []
        others: list[Scalar] = []
        for factor in factors:
            coefficient, rest = split_coefficient(factor)
            if is_apply(factor, "exp"):
                exponents.append(factor.children[0])
            elif rest is not None and coefficient != 1 and is_apply(rest, "exp"):
                exponents.append(rest.children[0])
                others.append(number(coefficient, factor.dtype))
            else:
                others.append(factor)
        if len(exponents) < 2:
            return factors
        total = self.sum(exponents, exponents[0].dtype)
        if term_count(total) >= sum(map(term_count, exponents)):
            return factors
        parts = total.children if is_apply(total, "sum") else (total,)
        return [*others, *(self.apply("exp", [e], e.dtype) for e in self._by_axes(parts, total.dtype))]

    def _by_axes(self, terms: Sequence[Scalar], dtype: DType) -> list[Scalar]:
        """An exponent in parts over different axes: ``exp(x[i]) exp(x[j])`` stays a product of two."""
        groups: dict[frozenset[int], list[Scalar]] = {}
        for term in terms:
            groups.setdefault(free_indices(term), []).append(term)
        axes = [a for a in groups if a]
        if len(axes) < 2 or any(a & b for a, b in itertools.combinations(axes, 2)):
            return [algebra.sum_of(*terms, flatten=False, dtype=dtype)]
        groups[axes[0]] += groups.pop(frozenset(), [])
        return [algebra.sum_of(*groups[a], flatten=False, dtype=dtype) for a in axes]

    def _apply_product_rules(self, product: Scalar) -> Scalar:
        if len(product.children) > WIDEST:
            return product
        for rule in PRODUCTS:
            while is_apply(product, "prod"):
                bases = (f.children[0] if is_apply(f, "power") else f for f in product.children)
                if not rule.functions <= {b.op.name for b in bases if isinstance(b, Apply)}:
                    break
                rewritten = self._apply_product_rule(rule, product)
                if rewritten is None:
                    break
                product = rewritten
        return product

    def _apply_product_rule(self, rule: Rule, product: Scalar) -> Scalar | None:
        first, second = rule.parts
        powers = integer_powers(product)
        for base in sorted(powers, key=has_negative_argument):
            bound = match(first, base, {}, self)
            if bound is None:
                continue
            wanted = build(second, bound, product, self)
            partner, exponent = (wanted.children[0], -1) if is_apply(wanted, "power") else (wanted, 1)
            if partner is base or powers.get(partner, 0) * exponent < 1 or powers[base] < 1:
                continue
            count = min(powers[base], powers[partner] * exponent)
            result = build(rule.result, bound, product, self)
            rest = lowered(product, {base: count, partner: count * exponent})
            return self.product([*rest, self.power(result, number(count, product.dtype))])
        return None

    def _normal_signs(self, product: Scalar) -> Scalar:
        """``-2 (y - x)`` as ``2 (x - y)``, ``2 (3 x + 6)`` as ``6 (x + 2)``, and ``-(y - x)`` as ``x - y``."""
        coefficient, rest = split_coefficient(product)
        if rest is None or isinstance(coefficient, complex):
            return product
        factors = list(rest.children) if is_apply(rest, "prod") else [rest]
        for position, factor in enumerate(factors):
            base, exponent = integer_power(factor)
            if not is_apply(base, "sum") or exponent == 0 or len(base.children) > WIDEST:
                continue
            divisor = content(base)
            if (
                isinstance(coefficient, int | float | Fraction)
                and coefficient < 0
                and exponent % 2
                and flips_well(base)
            ):
                divisor = -divisor
            if divisor == 1 or abs(exponent) > 64:
                continue
            inner = algebra.sum_of(
                *[scaled(Fraction(1) / divisor, t) for t in base.children], flatten=False, dtype=base.dtype
            )
            factors[position] = algebra.power_of(inner, number(exponent, base.dtype))
            coefficient = coefficient * divisor**exponent  # type: ignore[operator]
        if len(factors) == 1 and is_apply(factors[0], "sum") and coefficient == -1:
            return algebra.sum_of(*[scaled(-1, t) for t in factors[0].children], flatten=False, dtype=product.dtype)
        return algebra.product_of(number(coefficient, product.dtype), *factors, flatten=False)

    # ------------------------------------------------------------ powers

    def power(self, base: Scalar, exponent: Scalar) -> Scalar:
        """``base ** exponent`` with nested powers joined; ``(x**2)**(1/2)`` is ``abs(x)``."""
        if not isinstance(exponent, Number) or not isinstance(exponent.value, int | Fraction):
            if is_number(base) and base.value is E:  # type: ignore[attr-defined]
                return self.apply("exp", [exponent], base.dtype)
            return algebra.power_of(base, exponent)
        value = exponent.value
        if value in (0, 1) or base.dtype.kind not in "fc":
            return algebra.power_of(base, exponent)
        if is_apply(base, "prod") and len(base.children) <= WIDEST:
            if isinstance(value, int):
                return self.product([self.power(f, exponent) for f in base.children])
            return self._root_of_product(base, value)
        if is_apply(base, "power") and isinstance(base.children[1], Number):
            joined = self._joined_power(base, value)
            if joined is not None:
                return joined
        if is_apply(base, "exp") and (base.dtype.kind == "f" or isinstance(value, int)):
            return self.apply("exp", [self.product([exponent, base.children[0]])], base.dtype)
        if is_apply(base, "abs") and value % 2 == 0 and base.children[0].dtype == base.dtype:
            return self.power(base.children[0], exponent)
        if is_apply(base, "sqrt"):
            return self.power(base.children[0], number(value * Fraction(1, 2), base.dtype))
        if isinstance(base, Number):
            exact = exact_root(base, value) or exact_decimal_power(base, value)
            if exact is not None:
                return exact
        if value < 0 and isinstance(value, int):
            for rule in BASES:
                bound = match(rule.pattern, base, {}, self)
                if bound is not None:
                    return self.power(build(rule.result, bound, base, self), number(-value, base.dtype))
        if isinstance(value, int) and is_apply(base, "sum") and abs(value) <= 64:
            step = power_of_step(base, value)
            if step is not None:
                return step
            return self._normal_signs(algebra.power_of(base, exponent))
        return algebra.power_of(base, exponent)

    def _root_of_product(self, base: Scalar, value: Fraction) -> Scalar:
        """``(4 x**2 y)**(1/2)`` as ``2 abs(x) y**(1/2)``: positive literals and even powers come out."""
        outside: list[Scalar] = []
        inside: list[Scalar] = []
        for factor in base.children:
            positive_literal = (
                isinstance(factor, Number)
                and isinstance(factor.value, int | Fraction)
                and factor.value > 0
                and exact_root(factor, value) is not None
            )
            _, exponent = integer_power(factor)
            exponential = is_apply(factor, "exp")
            real = base.dtype.kind == "f"
            if real and (
                positive_literal
                or exponential
                or is_count(integer_power(factor)[0])
                or (exponent and exponent % 2 == 0)
            ):
                outside.append(self.power(factor, number(value, base.dtype)))
            else:
                inside.append(factor)
        if not outside:
            return algebra.power_of(base, number(value, base.dtype))
        rest = algebra.product_of(*inside, flatten=False, dtype=base.dtype)
        return self.product([*outside, self.power(rest, number(value, base.dtype))])

    def _joined_power(self, base: Scalar, value: int | Fraction) -> Scalar | None:
        inner_base, inner = base.children
        assert isinstance(inner, Number)
        if not isinstance(inner.value, int | Fraction):
            return None
        joined = Fraction(inner.value) * value
        if abs(joined) > LARGEST_EXPONENT:
            return None
        if base.dtype.kind == "c" and not isinstance(value, int) and not -1 < inner.value <= 1:
            return None  # the inner power may have turned once around
        same_domain = inner.value == -1 or is_count(inner_base)
        if isinstance(value, int) or not isinstance(inner.value, int) or same_domain:
            return self.power(inner_base, number(joined, base.dtype))
        if base.dtype.kind != "f" or inner.value % 2:
            return None  # an odd power under a root: the root's domain would change
        if joined.denominator == 1 and joined.numerator % 2 == 0:
            return self.power(inner_base, number(joined, base.dtype))
        return self.power(self.apply("abs", [inner_base], base.dtype), number(joined, base.dtype))

    # ------------------------------------------------------------ everything else

    def apply(self, name: str, args: Sequence[Scalar], dtype: DType) -> Scalar:
        """The op applied, with compositions (``log(exp(x))``) and parities (``cos(-x)``) resolved."""
        if name == "convert":
            return convert(args[0], dtype)
        plain = apply(name, *args)
        if dtype.kind not in "fc":
            return plain
        if name in ODD or name in EVEN:
            coefficient, rest = split_coefficient(args[0])
            if rest is not None and isinstance(coefficient, int | float | Fraction) and coefficient < 0:
                positive = self.apply(name, [scaled(-1, args[0])], dtype)
                return self.product([number(-1, dtype), positive]) if name in ODD else positive
        if name == "exp" and is_number(args[0], 0):
            return number(1, dtype)
        if name == "log" and is_apply(args[0], "prod"):
            exponents = [f.children[0] for f in args[0].children if is_apply(f, "exp")]
            if exponents and dtype.kind == "f":
                others = [f for f in args[0].children if not is_apply(f, "exp")]
                return self.sum([*exponents, self.apply("log", [self.product(others)], dtype)], dtype)
        if name == "abs" and never_negative(args[0]):
            return args[0]
        for rule in COMPOSITIONS_OF.get(name, ()):
            bound = match(rule.pattern, plain, {}, self)
            if bound is not None:
                return build(rule.result, bound, plain, self)
        return plain
