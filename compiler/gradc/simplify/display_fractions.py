"""One fraction: an expression as a coefficient times powers of symbols, functions and *kernels*.

A kernel is a polynomial that has no common factor: the base of a power, a denominator, what is left of a sum when its
common factors are outside. Adding fractions multiplies out what a `Policy` says and keeps the other kernels whole; the
sum is then divided by the kernels that are known, so that ``2 x (x**2 + 1) - 2 x**3`` over ``(x**2 + 1)**2`` becomes
``2 x`` over ``(x**2 + 1)**2``. `gradc.simplify.display_search` tries the policies and keeps the shortest print.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction

from gradc.ir import algebra
from gradc.ir.algebra import split_coefficient
from gradc.ir.scalar import FLOAT64, Apply, Guard, NamedConstant, Number, Scalar, apply, is_apply, number
from gradc.simplify.display_cost import Ink
from gradc.simplify.display_factors import (
    exact_root,
    is_negative,
    mostly_negative,
    negative,
    with_identities,
    without_sign,
)
from gradc.simplify.display_monomials import (
    UNIT,
    Coefficient,
    Exponent,
    Polynomial,
    TooLargeError,
    bases_of,
    common_powers,
    content,
    divided,
    exact,
    multiplied,
    normal,
    plus,
    raised,
    times,
)
from gradc.simplify.display_quotients import Policy, Term, power_of_literal, to_power, written_product

_LARGEST_POWER = 12


class Fractions:
    """Turns expressions into fractions; ``polished`` is the form of an argument of a function."""

    def __init__(self, polished: Callable[[Scalar], Scalar], ink: Ink) -> None:
        self._polished = polished
        self.ink = ink
        self.kernels: dict[Scalar, Polynomial] = {}
        self._known: dict[tuple[Scalar, Policy], Term] = {}
        self._shortest_of: dict[Scalar, Scalar] = {}
        self._sigmoids: set[Scalar] = set()
        #: The sums that the user wrote: a kernel has the sign with which it was met.
        self.met: set[Scalar] = set()

    def meet(self, total: Scalar) -> None:
        """Notes a sum of the user's, unless its negative came before."""
        if len(total.children) <= 4 and negative(total) not in self.met:
            self.met.add(total)

    # ------------------------------------------------------------ expressions as fractions

    def term(self, scalar: Scalar, policy: Policy) -> Term:
        """The expression as one fraction."""
        key = (scalar, policy)
        if key not in self._known:
            self._known[key] = self._term(scalar, policy)
        return self._known[key]

    def _term(self, scalar: Scalar, policy: Policy) -> Term:
        if isinstance(scalar, Number) and isinstance(scalar.value, int | Fraction | float):
            if scalar.value != scalar.value or scalar.value in (float("inf"), float("-inf")):
                raise TooLargeError
            return Term(exact(scalar.value) if not isinstance(scalar.value, float) else scalar.value)
        if is_apply(scalar, "prod"):
            result = Term()
            for factor in scalar.children:
                result = result * self.term(factor, policy)
            return self._cancelled(result) if policy.largest_expanded else result
        if is_apply(scalar, "power"):
            return self._power(scalar.children[0], scalar.children[1], policy)
        if is_apply(scalar, "sum"):
            return self.added([self.term(t, policy) for t in scalar.children], policy)
        if is_apply(scalar, "exp"):
            coefficient, rest = split_coefficient(self._polished(scalar.children[0]))
            if rest is not None and isinstance(coefficient, int | Fraction):
                base, power = self._oriented(rest, coefficient)
                if policy.logistic and isinstance(power, int):
                    return self._odds(base, power, policy)
                return Term(1, {base: power})
        if is_apply(scalar, "tan") and policy.tangents_apart:
            argument = self._polished(scalar.children[0])
            return Term(1, {apply("sin", argument): 1, apply("cos", argument): -1})
        if is_apply(scalar, "sigmoid"):
            return self._sigmoid(scalar, policy)
        return Term(1, {self._atom(scalar): 1})

    @staticmethod
    def _oriented(rest: Scalar, coefficient: Exponent) -> tuple[Scalar, Exponent]:
        """``exp(c u)`` as a power of ``exp(u)``; of u and -u one stands for both."""
        if is_apply(rest, "sum"):
            signs = [split_coefficient(t)[0] if not isinstance(t, Number) else t.value for t in rest.children]
            minus = algebra.sum_of(*[algebra.negated(t) for t in rest.children], flatten=False, dtype=rest.dtype)
            negative = sum(1 for s in signs if isinstance(s, int | float | Fraction) and s < 0)
            if (2 * negative, minus.digest) > (len(signs), rest.digest) and 2 * negative >= len(signs):
                return apply("exp", minus), -coefficient
        return apply("exp", rest), coefficient

    def _odds(self, base: Scalar, power: int, policy: Policy) -> Term:
        """``exp(u)`` as ``sigmoid(u) / (1 - sigmoid(u))``."""
        argument = base.children[0]
        for candidate, exponent in ((argument, power), (negative(argument), -power)):
            atom = apply("sigmoid", candidate)
            if atom in self._sigmoids:
                one_minus = self._primitive({UNIT: 1, frozenset({(atom, 1)}): -1})
                return Term(1, {atom: exponent}) * to_power(one_minus, -exponent)
        return Term(1, {base: power})

    def _sigmoid(self, scalar: Scalar, policy: Policy) -> Term:
        """``sigmoid(-u)`` as ``1 - sigmoid(u)`` where the other one is at hand."""
        argument = self._polished(scalar.children[0])
        opposite = apply("sigmoid", negative(argument))
        if opposite in self._sigmoids:
            one_minus: Polynomial = {UNIT: 1, frozenset({(opposite, 1)}): -1}
            return self._primitive(one_minus)
        atom = apply("sigmoid", argument)
        self._sigmoids.add(atom)
        return Term(1, {atom: 1})

    def _atom(self, scalar: Scalar) -> Scalar:
        if isinstance(scalar, Apply) and scalar.dtype.kind == "f" and scalar.op.name != "convert":
            return algebra.rebuild(scalar, [self._polished(c) if c.dtype.kind == "f" else c for c in scalar.args])
        if isinstance(scalar, Guard):
            return algebra.guarded(scalar.predicate, self._polished(scalar.body))
        return scalar

    # ------------------------------------------------------------ powers

    def _power(self, base: Scalar, exponent: Scalar, policy: Policy) -> Term:
        if not isinstance(exponent, Number) or isinstance(exponent.value, NamedConstant):
            return self._symbolic_power(base, exponent, policy)
        value = exponent.value
        if isinstance(value, float):
            return Term(1, {algebra.power_of(self._polished(base), exponent): 1})
        if isinstance(value, complex):
            raise TooLargeError
        if isinstance(base, Number):
            return power_of_literal(base, exact(value))
        inner = self.term(base, policy)
        if isinstance(value, int):
            return to_power(inner, value)
        if inner.coefficient == 1 and len(inner.powers) == 1:
            (only, own), *_ = inner.powers.items()
            if own == 1:
                return Term(1, {only: value})
        return self._root(base, inner, value, policy)

    def _root(self, base: Scalar, inner: Term, value: Exponent, policy: Policy) -> Term:
        """A root of more than a symbol: of a polynomial with its content outside, else of the expression as it is."""
        kernels = [b for b in inner.powers if b in self.kernels]
        scale = exact_root(inner.coefficient, value)
        even = all(b in kernels or e % 2 == 0 for b, e in inner.powers.items())
        if (
            len(kernels) == 1
            and inner.powers[kernels[0]] == 1
            and scale is not None
            and even
            and len(inner.powers) == 1
        ):
            return Term(scale, {kernels[0]: value})
        polished = self._polished(base)
        whole = -(-value.numerator // value.denominator) if value < 0 else value.numerator // value.denominator
        reciprocal = any(e < 0 for e in inner.powers.values())
        if not reciprocal or not whole:
            return Term(1, {polished: value}) if not isinstance(polished, Number) else Term(1, {base: value})
        return Term(1, {polished: exact(value - whole)}) * to_power(inner, whole)

    def _symbolic_power(self, base: Scalar, exponent: Scalar, policy: Policy) -> Term:
        """``b**(2 n - 1)`` as ``(b**n)**2 / b``."""
        terms = list(exponent.children) if is_apply(exponent, "sum") else [exponent]
        whole = [t for t in terms if isinstance(t, Number) and isinstance(t.value, int)]
        symbolic = [t for t in terms if t not in whole]
        parts = [split_coefficient(t) for t in symbolic]
        scale: Coefficient = 1
        if all(isinstance(c, int | Fraction) for c, _ in parts):
            scale = content([c for c, _ in parts])  # type: ignore[misc]
            if len(parts) == 1 and parts[0][0] < 0:  # type: ignore[operator]
                scale = -scale
        if isinstance(scale, float):
            scale = 1
        inverse = number(exact(Fraction(1) / scale), exponent.dtype)
        primitive = algebra.sum_of(
            *[algebra.product_of(inverse, t) for t in symbolic], flatten=False, dtype=exponent.dtype
        )
        atom = apply("power", self._polished(base), primitive)
        result = Term(1, {atom: scale})
        if whole and isinstance(whole[0], Number):
            value = whole[0].value
            assert isinstance(value, int)
            result = result * to_power(self.term(base, policy), value)
        return result

    # ------------------------------------------------------------ sums

    def added(self, terms: Sequence[Term], policy: Policy) -> Term:
        """The sum over a common denominator, common factors outside."""
        common = common_powers([t.powers for t in terms])
        numerator: Polynomial = {}
        known = {b: None for t in terms for b in t.powers if b in self.kernels}
        for term in terms:
            rest = {b: exact(term.powers.get(b, 0) - common.get(b, 0)) for b in {**term.powers, **common}}
            numerator = plus(numerator, self._multiplied_out(term.coefficient, rest, policy))
        numerator = with_identities(numerator)
        if not numerator:
            return Term(0)
        result = Term(1, common)
        for kernel in known:
            if len(self.kernels[kernel]) > 1:
                while (quotient := divided(numerator, self.kernels[kernel])) is not None:
                    numerator = quotient
                    result = result * Term(1, {kernel: 1})
        return result * self._primitive(numerator)

    def multiplied_out(self, term: Term, policy: Policy) -> Term:
        """The fraction with the factors of its numerator multiplied."""
        over = {b: e for b, e in term.powers.items() if e > 0}
        under = {b: e for b, e in term.powers.items() if e < 0}
        return Term(1, under) * self._primitive(with_identities(self._multiplied_out(term.coefficient, over, policy)))

    def _multiplied_out(self, coefficient: Coefficient, powers: dict[Scalar, Exponent], policy: Policy) -> Polynomial:
        kept: dict[Scalar, Exponent] = {}
        expanded: Polynomial = {UNIT: coefficient}
        for base, exponent in powers.items():
            polynomial = self.kernels.get(base)
            limit = policy.largest_expanded
            if polynomial is not None and isinstance(exponent, int) and 0 < exponent <= min(limit, _LARGEST_POWER):
                expanded = times(expanded, raised(polynomial, exponent))
            elif exponent:
                kept[base] = exponent
        return times(expanded, {frozenset(kept.items()): 1}) if kept else expanded

    def _primitive(self, numerator: Polynomial) -> Term:
        """The polynomial as coefficient, common powers and a kernel."""
        common = common_powers([dict(m) for m in numerator])
        inverse = frozenset((b, -e) for b, e in common.items())
        scale = content(numerator.values())
        if mostly_negative(numerator):
            scale = -scale
        if isinstance(scale, float):
            kernel = {multiplied(m, inverse): normal(c / scale) for m, c in numerator.items()}
        else:
            kernel = {
                multiplied(m, inverse): c / scale if isinstance(c, float) else exact(Fraction(c) / scale)
                for m, c in numerator.items()
            }
        if len(kernel) == 1:
            ((monomial, coefficient),) = kernel.items()
            return Term(normal(scale * coefficient), dict(multiplied(monomial, frozenset(common.items()))))
        node = self.written(kernel)
        self.kernels[node] = kernel
        return Term(normal(scale), common) * Term(1, {node: 1})

    def _cancelled(self, term: Term) -> Term:
        """``(x**2 - 1) / (x - 1)`` as ``x + 1``: kernels above the bar divided by those below."""
        under = [b for b, e in term.powers.items() if b in self.kernels and e < 0]
        for top in [b for b, e in term.powers.items() if b in self.kernels and e == 1]:
            for bottom in under:
                quotient = divided(self.kernels[top], self.kernels[bottom])
                if quotient is not None:
                    ratio = self._primitive(quotient)
                    return self._cancelled(term * Term(1, {top: -1, bottom: 1}) * ratio)
        return term

    # ------------------------------------------------------------ fractions as expressions

    def written(self, polynomial: Polynomial) -> Scalar:
        """The polynomial as a plain sum of products."""
        terms = [written_product(c, dict(m)) for m, c in polynomial.items()]
        return algebra.sum_of(*terms, flatten=False, dtype=terms[0].dtype)

    def expression(self, term: Term) -> Scalar:
        """The fraction as an expression, its kernels in their shortest form."""
        coefficient, powers = term.coefficient, dict(term.powers)
        if not coefficient:
            return number(0, FLOAT64)
        pairs = self._conjugates_joined(powers)
        shown = self._with_kernels(coefficient, pairs)
        if not is_negative(shown):
            return shown
        single = [b for b, e in pairs.items() if e == 1 and b in self.kernels]
        for base in sorted(
            single, key=lambda b: self._shortest(b) in self.met or negative(self._shortest(b)) in self.met
        ):
            rest = self._with_kernels(coefficient, {b: e for b, e in pairs.items() if b is not base})
            own = self._shortest(base)
            if is_negative(rest):
                own = negative(own)  # else the sign comes from the orientation in which the kernel was met
            turned = algebra.product_of(without_sign(rest), own, flatten=True, dtype=own.dtype)
            if self.ink(turned) < self.ink(shown):
                return turned
        return shown

    def _conjugates_joined(self, powers: dict[Scalar, Exponent]) -> dict[Scalar, Exponent]:
        """``(1 - x) (1 + x)`` as ``1 - x**2``."""
        kernels = [b for b, e in powers.items() if isinstance(e, int) and len(self.kernels.get(b, ())) == 2]
        for first, second in itertools.combinations(kernels, 2):
            if powers[first] != powers[second] or powers[first] > 0:
                continue
            product = times(self.kernels[first], self.kernels[second])
            if len(product) == 2:
                node = self.written(product)
                self.kernels.setdefault(node, product)
                rest = {b: e for b, e in powers.items() if b not in (first, second)}
                return {**rest, node: exact(rest.get(node, 0) + powers[first])}
        return powers

    def _with_kernels(self, coefficient: Coefficient, powers: dict[Scalar, Exponent]) -> Scalar:
        """A product with its kernels in their shortest form, and with the sign that they had where they were met."""
        shown: dict[Scalar, Exponent] = {}
        for base, exponent in powers.items():
            form = self._shortest(base) if base in self.kernels else base
            opposite = negative(form) if base in self.kernels and isinstance(exponent, int) else form
            if opposite in self.met and form not in self.met:
                form = opposite
                coefficient = -coefficient if exponent % 2 else coefficient
            shown[form] = exact(shown.get(form, 0) + exponent)
        return written_product(coefficient, shown)

    def _shortest(self, kernel: Scalar) -> Scalar:
        """The kernel with its terms gathered by what they share, where that is shorter."""
        if kernel not in self._shortest_of:
            self._shortest_of[kernel] = self._gathered(self.kernels[kernel], 3)
        return self._shortest_of[kernel]

    def _gathered(self, polynomial: Polynomial, depth: int) -> Scalar:
        best = self._plain(polynomial)
        if len(polynomial) < 3 or depth == 0:
            return best
        cost = self.ink(best)
        for base in bases_of(polynomial):
            if is_apply(base, "sum"):
                continue
            atom = not isinstance(base, Apply)
            inside = {m: c for m, c in polynomial.items() if dict(m).get(base, 0) > 0}
            if len(inside) < 2 or (atom and len(polynomial) < 4) or len(inside) == len(polynomial):
                continue
            outside = {m: c for m, c in polynomial.items() if m not in inside}
            first = self._gathered_term(inside, depth - 1)
            second = self._gathered_term(outside, depth - 1)
            form = algebra.sum_of(first, second, flatten=True, dtype=best.dtype)
            expense = self.ink(form) + (1.5 if atom else 0.0)
            if expense < cost:
                best, cost = form, expense
        return best

    def _gathered_term(self, polynomial: Polynomial, depth: int) -> Scalar:
        if len(polynomial) == 1:
            return self._plain(polynomial)
        outer = self._primitive(polynomial)
        return self._with_kernels(outer.coefficient, outer.powers)

    def _plain(self, polynomial: Polynomial) -> Scalar:
        terms: list[Scalar] = []
        for monomial, coefficient in polynomial.items():
            term = self._with_kernels(coefficient, dict(monomial))
            inner = split_coefficient(term)[1]
            opened = coefficient in (1, -1) and inner is not None and is_apply(inner, "sum")
            terms.append(negative(inner) if opened and is_negative(term) else term)  # type: ignore[arg-type]
        return algebra.sum_of(*terms, flatten=True, dtype=terms[0].dtype)
