"""What the user's operations are in mathematics: ``sub`` is a sum, ``sqrt`` a power, ``where`` a choice that is settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.ir import algebra
from gradc.ir.algebra import convert
from gradc.ir.conjugates import conjugated, imaginary_part, real_part
from gradc.ir.scalar import Apply, DType, Guard, Scalar, is_apply, number
from gradc.ir.walk import post_order
from gradc.simplify.display_algebra import DisplayAlgebra

#: In larger expressions, conditions that are known to hold are not looked for.
_LARGEST_SETTLED = 250

_Row = Callable[[DisplayAlgebra, Sequence[Scalar], DType], Scalar]


def under(predicate: Scalar, body: Scalar, sizes: DisplayAlgebra) -> Scalar:
    """``body`` where the predicate holds: conditions on it inside are settled."""
    if sizes.size(body) > _LARGEST_SETTLED:
        return body
    opposite = algebra.negation(predicate)
    settled: dict[Scalar, Scalar] = {}
    for node in post_order([body]):
        condition = node.children[0] if isinstance(node, Guard) or is_apply(node, "where") else None
        if condition is predicate:
            settled[node] = node.children[1]
        elif condition is opposite:
            settled[node] = node.children[2] if is_apply(node, "where") else number(0, node.dtype)
    return algebra.Substitution(settled, rebuilder(sizes))(body) if settled else body


def rebuilder(algebra_: DisplayAlgebra) -> Callable[[Scalar, Sequence[Scalar]], Scalar]:
    """How a node of the display form is made again from other operands."""

    def rebuilt(node: Scalar, children: Sequence[Scalar]) -> Scalar:
        if not isinstance(node, Apply) or node.dtype.kind not in "fc":
            return algebra.rebuild(node, children)
        row = _MATHEMATICAL.get(node.op.name)
        return row(algebra_, children, node.dtype) if row else algebra_.apply(node.op.name, children, node.dtype)

    return rebuilt


def _where(algebra_: DisplayAlgebra, args: Sequence[Scalar], dtype: DType) -> Scalar:
    predicate, chosen, other = args
    chosen = under(predicate, convert(chosen, dtype), algebra_)
    other = under(algebra.negation(predicate), convert(other, dtype), algebra_)
    return chosen if chosen is other else algebra_.apply("where", [predicate, chosen, other], dtype)


def _literal(value: int, dtype: DType) -> Scalar:
    return number(value, dtype)


def _root(algebra_: DisplayAlgebra, args: Sequence[Scalar], dtype: DType) -> Scalar:
    return algebra_.power(convert(args[0], dtype), number(0.5, dtype))


def _quotient(algebra_: DisplayAlgebra, args: Sequence[Scalar], dtype: DType) -> Scalar:
    left, right = (convert(a, dtype) for a in args)
    return algebra_.product([left, algebra_.power(right, number(-1, dtype))])


def _power(algebra_: DisplayAlgebra, args: Sequence[Scalar], dtype: DType) -> Scalar:
    base, exponent = (convert(a, dtype) for a in args)
    return algebra_.power(base, exponent)


#: What the user's operations are in mathematics.
_MATHEMATICAL: dict[str, _Row] = {
    "sum": lambda a, c, t: a.sum(c, t),
    "prod": lambda a, c, t: a.product([convert(s, t) for s in c]),
    "power": _power,
    "add": lambda a, c, t: a.sum(c, t),
    "sub": lambda a, c, t: a.sum([c[0], a.product([_literal(-1, t), convert(c[1], t)])], t),
    "mul": lambda a, c, t: a.product([convert(s, t) for s in c]),
    "neg": lambda a, c, t: a.product([_literal(-1, t), convert(c[0], t)]),
    "div": _quotient,
    "pow": _power,
    "sqrt": _root,
    "root": _root,
    "where": _where,
    "stop_gradient": lambda a, c, t: convert(c[0], t),
    "complex": lambda a, c, t: a.sum([convert(c[0], t), a.product([number(1j, t), convert(c[1], t)])], t),
    "conj": lambda a, c, t: conjugated(c[0]),
    "real": lambda a, c, t: real_part(c[0]),
    "imag": lambda a, c, t: imaginary_part(c[0]),
    "reciprocal": lambda a, c, t: a.power(convert(c[0], t), number(-1, t)),
    "square": lambda a, c, t: a.power(convert(c[0], t), number(2, t)),
}
