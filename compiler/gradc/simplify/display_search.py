"""The shortest print of an expression: its parts in their shortest form, or all of it as one fraction."""

from __future__ import annotations

from collections.abc import Iterator

from gradc.ir import algebra
from gradc.ir.scalar import Apply, Guard, Load, Number, Scalar, is_apply
from gradc.ir.tensor import Input
from gradc.ir.walk import loads_of, post_order
from gradc.simplify.display_cost import Ink, is_fraction
from gradc.simplify.display_fractions import Fractions
from gradc.simplify.display_monomials import TooLargeError
from gradc.simplify.display_quotients import Policy

#: Larger expressions keep the form that the display algebra gave them.
LARGEST_POLISHED = 300
_POLICIES = (Policy(0), Policy(1), Policy(12))
_TANGENTS_APART = (Policy(1, tangents_apart=True), Policy(12, tangents_apart=True))
_LOGISTIC = (Policy(1, logistic=True), Policy(12, logistic=True))
#: Another form must be this much shorter than the one at hand.
_GAIN = 1.0


class Search:
    """Polishes bodies; what was polished once is remembered."""

    def __init__(self) -> None:
        self._ink = Ink()
        self._forms: dict[Scalar, Scalar] = {}
        self.fractions = Fractions(self.polished, self._ink)

    def body(self, scalar: Scalar) -> Scalar:
        """The body of an output in the shortest of its forms; one that adds up reductions is left to matrix notation."""
        reductions = any(not isinstance(item.tensor, Input) for item in loads_of(scalar))
        return scalar if reductions or scalar.dtype.kind != "f" else self.polished(scalar)

    def polished(self, scalar: Scalar) -> Scalar:
        """The expression in the shortest of its forms."""
        if scalar not in self._forms:
            small = self._ink(scalar) <= LARGEST_POLISHED and len(post_order([scalar])) <= LARGEST_POLISHED
            self._forms[scalar] = self._searched(scalar) if small else scalar
        return self._forms[scalar]

    def _searched(self, scalar: Scalar) -> Scalar:
        if isinstance(scalar, Load | Number) or scalar.dtype.kind != "f":
            return scalar
        if isinstance(scalar, Guard):
            return algebra.guarded(scalar.predicate, self.polished(scalar.body))
        if not isinstance(scalar, Apply) or scalar.op.name == "convert":
            return scalar
        best = self._by_parts(scalar)
        if scalar.op.name not in ("sum", "prod", "power"):
            return best
        cost = self._ink(best)
        names = {s.op.name for s in post_order([scalar]) if isinstance(s, Apply)}
        policies = _POLICIES + (_TANGENTS_APART if "tan" in names else ())
        for policy in policies + (_LOGISTIC if {"exp", "sigmoid"} <= names else ()):
            for form in self._fractions_of(scalar, policy):
                if form.dtype == scalar.dtype and self._ink(form) < cost - self._gain(policy, form, best):
                    best, cost = form, self._ink(form)
        return best

    def _fractions_of(self, scalar: Scalar, policy: Policy) -> Iterator[Scalar]:
        """The expression as one fraction, its factors as they are and, with the last policy, multiplied out."""
        try:
            term = self.fractions.term(scalar, policy)
            yield self.fractions.expression(term)
            if policy is _POLICIES[-1] and any(b in self.fractions.kernels and e > 0 for b, e in term.powers.items()):
                yield self.fractions.expression(self.fractions.multiplied_out(term, policy))
        except TooLargeError:
            return

    @staticmethod
    def _gain(policy: Policy, form: Scalar, best: Scalar) -> float:
        """How much shorter a form must be: common factors may come outside for nothing in a fraction."""
        if policy.largest_expanded:
            return _GAIN
        outside = is_fraction(form) and is_apply(form, "prod") and is_apply(best, "prod")
        return -0.25 if outside and len(form.children) > len(best.children) else 0.25

    def _by_parts(self, scalar: Apply) -> Scalar:
        parts = [self.polished(c) if c.dtype.kind == "f" else c for c in scalar.args]
        if scalar.op.name == "sum":
            return algebra.sum_of(*parts, flatten=False, dtype=scalar.dtype)
        if scalar.op.name == "prod":
            return algebra.product_of(*parts, flatten=True, dtype=scalar.dtype)
        if scalar.op.name == "power":
            return algebra.power_of(*parts)
        return algebra.rebuild(scalar, parts)
