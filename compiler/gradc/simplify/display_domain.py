"""Where a displayed formula asks for more than it shows: conditions of the original that its print has lost.

The original may divide by x, or take a logarithm, where the display form has cancelled it: ``x/x`` is shown as 1. Both
are read for what they demand of their operands (a denominator is not 0, a logarithm's argument is positive, ...); a
demand of the original that the display form does not make is a condition under which the two are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from gradc.ir.algebra import negated, power_of, sum_of
from gradc.ir.scalar import Apply, Guard, Load, NamedConstant, Number, Scalar, apply, is_apply, is_number, number
from gradc.ir.tensor import Compute, Tensor
from gradc.ir.walk import post_order
from gradc.simplify.display_fractions import Fractions
from gradc.simplify.display_monomials import TooLargeError, divided
from gradc.simplify.display_quotients import Policy, Term
from gradc.simplify.display_steps import comparison
from gradc.simplify.display_terms import is_count

#: Conditions on longer expressions are counted, not written.
LARGEST_CONDITION = 60
_MULTIPLIED_OUT = Policy(12, tangents_apart=True)


@dataclass(frozen=True)
class Demand:
    """``operand`` compared with a bound: ``not_equal`` 0, ``greater`` 0, ``less_equal`` 1, ..."""

    relation: str
    operand: Scalar
    bound: int = 0

    @property
    def predicate(self) -> Scalar:
        """The condition."""
        return comparison(self.relation, self.operand, number(self.bound, self.operand.dtype))

    @property
    def implied(self) -> tuple[Demand, ...]:
        """What it says besides: a positive number is not 0."""
        if self.bound:
            return ()
        weaker = {"greater": ("not_equal", "greater_equal"), "less": ("not_equal",)}
        return tuple(Demand(name, self.operand) for name in weaker.get(self.relation, ()))


def demands(output: Tensor, written: Callable[[Scalar], Scalar], fractions: Fractions) -> dict[Demand, None]:
    """What an output demands of the operands below it; ``written`` is the display form of an operand.

    What is guarded by a condition is only evaluated where that holds, and demands nothing.
    """
    found: dict[Demand, None] = {}
    pending, seen = [output], {output}
    while pending:
        tensor = pending.pop()
        if not isinstance(tensor, Compute):
            continue
        for node in post_order([tensor.body], prune=_is_conditional):
            if isinstance(node, Load) and node.tensor not in seen:
                seen.add(node.tensor)
                pending.append(node.tensor)
            if isinstance(node, Apply) and node.dtype.kind == "f":
                for demand in _own(node, written):
                    found |= dict.fromkeys(_parts(demand, fractions))
    return found


def _is_conditional(scalar: Scalar) -> bool:
    return isinstance(scalar, Guard) or is_apply(scalar, "where") or scalar.dtype.kind == "b"


def lost(original: Iterable[Demand], shown: Iterable[Demand], fractions: Fractions) -> list[Scalar]:
    """The conditions of the original that the display form does not make, the strongest of each."""
    made = {d: None for s in shown for d in (s, *s.implied)}
    not_zero = [
        fractions.kernels[d.operand] for d in made if d.relation == "not_equal" and d.operand in fractions.kernels
    ]

    def is_made(demand: Demand) -> bool:
        """Whether the print makes the demand, or demands it of a multiple: of ``1 - x**2`` for ``1 - x``."""
        kernel = fractions.kernels.get(demand.operand)
        if demand in made or kernel is None or demand.relation != "not_equal":
            return demand in made
        if any(divided(multiple, kernel) is not None for multiple in not_zero):
            return True
        rest = kernel
        for factor in not_zero:
            while len(rest) > 1 and (quotient := divided(rest, factor)) is not None:
                rest = quotient
        return len(rest) == 1

    missing = [d for d in original if not is_made(d)]
    weaker = {w for d in missing for w in d.implied}
    return [d.predicate for d in missing if d not in weaker]


def _own(node: Apply, written: Callable[[Scalar], Scalar]) -> Iterator[Demand]:
    name = node.op.name
    if name in ("div", "reciprocal"):
        yield Demand("not_equal", written(node.args[-1]))
    elif name in ("pow", "power") and isinstance(node.args[1], Number):
        exponent = node.args[1].value
        if isinstance(exponent, int | Fraction | float):
            yield from _of_power(written(node.args[0]), exponent)
    elif name in ("log", "log2", "log10"):
        operand = written(node.args[0])
        while is_apply(operand, "power") and _is_root(operand):
            operand = operand.children[0]
        yield Demand("greater", operand)
    elif name == "log1p":
        operand = written(node.args[0])
        yield Demand("greater", sum_of(number(1, operand.dtype), operand, dtype=operand.dtype))
    elif name in ("sqrt", "root"):
        yield Demand("greater_equal", written(node.args[0]))
    elif name == "tan":
        yield Demand("not_equal", apply("cos", written(node.args[0])))
    elif name in ("arcsin", "arccos", "arctanh"):
        operand = written(node.args[0])
        square = power_of(operand, 2)
        room = sum_of(number(1, operand.dtype), negated(square), dtype=operand.dtype)
        yield Demand("greater" if name == "arctanh" else "greater_equal", room)
    elif name == "arccosh":
        yield Demand("greater_equal", written(node.args[0]), 1)


def _is_root(power: Scalar) -> bool:
    exponent = power.children[1]
    return isinstance(exponent, Number) and isinstance(exponent.value, Fraction)


def _of_power(base: Scalar, exponent: int | Fraction | float) -> Iterator[Demand]:
    if exponent == int(exponent):
        if exponent < 0:
            yield Demand("not_equal", base)
    else:
        yield Demand("greater" if exponent < 0 else "greater_equal", base)


def _parts(demand: Demand, fractions: Fractions) -> Iterator[Demand]:
    """The demand in terms of factors: a product is not 0 where no factor is; what always holds is left out."""
    operand = demand.operand
    if demand.bound or operand.dtype.kind != "f" or fractions.ink(operand) > LARGEST_CONDITION:
        if not (demand.bound == 1 and isinstance(operand, Number)):
            yield demand
        return
    try:
        term = fractions.term(operand, _MULTIPLIED_OUT)
    except TooLargeError:
        term = Term(1, {operand: 1})
    relation = demand.relation
    if relation == "greater" and _not_negative(operand):
        relation = "not_equal"
    if relation != "not_equal":
        open_ones = [b for b in term.powers if not _positive(b)]
        if len(open_ones) == 1 and term.coefficient > 0 and term.powers[open_ones[0]] % 2 == 1:
            operand = open_ones[0]  # 2 pi x is positive where x is
        if not (_positive(operand) or (relation == "greater_equal" and _not_negative(operand))):
            yield Demand(relation, operand)
        return
    for base in term.powers:
        if not _positive(base):
            inner = base.children[0] if is_apply(base, "abs") else base
            yield Demand("not_equal", inner)


def visibly_positive(scalar: Scalar) -> bool:
    """Whether a real expression in display form is positive, as anyone sees at once."""
    return _positive(scalar)


def _positive(scalar: Scalar) -> bool:
    """Whether a real expression is visibly positive."""
    if isinstance(scalar, Number):
        value = scalar.value
        return isinstance(value, NamedConstant) or (isinstance(value, int | float | Fraction) and value > 0)
    if is_count(scalar):
        return True
    if is_apply(scalar, "sum"):
        if len(scalar.children) == 2 and is_number(scalar.children[0], 1):
            opposite = negated(scalar.children[1])
            if is_apply(opposite, "sigmoid") or (
                is_apply(opposite, "power") and is_apply(opposite.children[0], "tanh")
            ):
                return True  # 1 - sigmoid(x), 1 - tanh(x)**2
        return all(_not_negative(t) for t in scalar.children) and any(_positive(t) for t in scalar.children)
    if is_apply(scalar, "prod"):
        return all(_positive(f) for f in scalar.children)
    if is_apply(scalar, "power"):
        return _positive(scalar.children[0])
    return isinstance(scalar, Apply) and scalar.op.name in ("exp", "exp2", "cosh", "sigmoid", "softplus")


def _not_negative(scalar: Scalar) -> bool:
    if _positive(scalar) or is_apply(scalar, "abs"):
        return True
    if is_apply(scalar, "sum") or is_apply(scalar, "prod"):
        return all(_not_negative(t) for t in scalar.children)
    if is_apply(scalar, "power") and isinstance(scalar.children[1], Number):
        exponent = scalar.children[1].value
        even = isinstance(exponent, int) and exponent % 2 == 0
        return even or isinstance(exponent, Fraction) or _not_negative(scalar.children[0])
    return False
