"""Where operations are not differentiable, and what their derivative is taken to be there.

One row for each operation whose rule in the table of operations makes such a choice. The derivatives are those of the
operation itself in its argument ``u``; the chain rule multiplies them by the derivative of ``u``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from gradc.ir.scalar import Apply, Number, Scalar, apply, number

#: A derivative: a number (perhaps infinite), an expression, or None where there is none.
Slope = int | float | Fraction | Scalar | None
INFINITE = float("inf")


@dataclass(frozen=True)
class Site:
    """``left`` and ``right`` are one-sided derivatives where ``u = bound``, u coming from below and above; ``used`` is taken.

    ``u = bound`` is ``u in bound Z`` for ``every`` multiple of it.
    """

    u: Scalar
    bound: Scalar
    left: Slope
    right: Slope
    used: Slope
    convention: str
    every: bool = False


_CORNER = "the mean of the one-sided values"
_JUMP = "it jumps: the derivative is that of the pieces"
_STEEP = "the slope is infinite: nothing replaces it"


def sites_of(node: Apply) -> Iterator[Site]:
    """Where an operation is not differentiable.

    >>> from gradc.ir.scalar import apply, load, number
    >>> from gradc.ir.tensor import input_tensor
    >>> x = load(input_tensor("x", (), "f8"), ())
    >>> [(site.left, site.right, site.used) for site in sites_of(apply("abs", x))]
    [(-1, 1, 0)]
    """
    row = _ROWS.get(node.op.name)
    if row is not None and node.dtype.kind == "f":
        yield from row(node)


def _at_zero(left: Slope, right: Slope, used: Slope, convention: str) -> Callable[[Apply], Iterator[Site]]:
    def rule(node: Apply) -> Iterator[Site]:
        (u,) = node.args
        yield Site(u, number(0, u.dtype), left, right, used, convention)

    return rule


def _on_ties(grows: bool) -> Callable[[Apply], Iterator[Site]]:
    def rule(node: Apply) -> Iterator[Site]:
        u, other = node.args
        if isinstance(u, Number):
            u, other = other, u
        left, right = (0, 1) if grows else (1, 0)
        yield Site(u, other, left, right, Fraction(1, 2), "shared equally on ties")

    return rule


def _rounding(shift: Fraction) -> Callable[[Apply], Iterator[Site]]:
    def rule(node: Apply) -> Iterator[Site]:
        (u,) = node.args
        moved = apply("add", u, number(shift, u.dtype)) if shift else u
        yield Site(moved, number(1, u.dtype), 0, 0, 0, _JUMP, every=True)

    return rule


def _multiples(slope: int) -> Callable[[Apply], Iterator[Site]]:
    def rule(node: Apply) -> Iterator[Site]:
        u, divisor = node.args
        yield Site(u, divisor, slope, slope, slope, _JUMP, every=True)

    return rule


def _power(node: Apply) -> Iterator[Site]:
    base, exponent = node.args
    zero = number(0, base.dtype)
    if not isinstance(exponent, Number):
        yield Site(base, zero, None, None, 0, "the derivative in the exponent is 0 where the base is 0")
    elif isinstance(exponent.value, int | float | Fraction) and 0 < exponent.value < 1:
        yield Site(base, zero, None, INFINITE, INFINITE, _STEEP)


def _ends(left: Slope, right: Slope, *, lower: bool, upper: bool) -> Callable[[Apply], Iterator[Site]]:
    """An inverse function at the ends -1 and 1 of its domain."""

    def rule(node: Apply) -> Iterator[Site]:
        (u,) = node.args
        if lower:
            yield Site(u, number(-1, u.dtype), None, right, right, _STEEP)
        if upper:
            yield Site(u, number(1, u.dtype), left, None, left, _STEEP)

    return rule


def _step(node: Apply) -> Iterator[Site]:
    """A comparison used as a number."""
    (relation,) = node.args
    if isinstance(relation, Apply) and len(relation.args) == 2 and relation.args[0].dtype.kind == "f":
        u, bound = relation.args
        yield Site(u, bound, 0, 0, 0, _JUMP)


_ROWS: dict[str, Callable[[Apply], Iterator[Site]]] = {
    "abs": _at_zero(-1, 1, 0, _CORNER),
    "sign": _at_zero(0, 0, 0, _JUMP),
    "sqrt": _at_zero(None, INFINITE, INFINITE, _STEEP),
    "cbrt": _at_zero(INFINITE, INFINITE, INFINITE, _STEEP),
    "maximum": _on_ties(grows=True),
    "minimum": _on_ties(grows=False),
    "floor": _rounding(Fraction(0)),
    "ceil": _rounding(Fraction(0)),
    "trunc": _rounding(Fraction(0)),
    "rint": _rounding(Fraction(1, 2)),
    "mod": _multiples(1),
    "floordiv": _multiples(0),
    "pow": _power,
    "power": _power,
    "arcsin": _ends(INFINITE, INFINITE, lower=True, upper=True),
    "arccos": _ends(-INFINITE, -INFINITE, lower=True, upper=True),
    "arccosh": lambda node: iter([Site(node.args[0], number(1, node.dtype), None, INFINITE, INFINITE, _STEEP)]),
    "convert": _step,
}
