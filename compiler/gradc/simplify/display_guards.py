"""Which conditions a reader does not miss: those that only keep derivatives of powers from their limits."""

from __future__ import annotations

from gradc.ir import algebra
from gradc.ir.scalar import Number, Scalar, is_apply, is_number
from gradc.ir.tensor import Compute, Graph
from gradc.ir.walk import graph_order, post_order


def compared_operands(graph: Graph) -> frozenset[Scalar]:
    """What the user compares: the operands of comparisons that choose between values, or that are 1 where equal."""
    found: set[Scalar] = set()
    for tensor in graph_order(graph.outputs):
        if not isinstance(tensor, Compute):
            continue
        for node in post_order([tensor.body, tensor.domain]):
            choosing = node.children[:1] if is_apply(node, "where") or is_apply(node, "not") else ()
            for item in post_order(choosing):
                if item.dtype.kind == "b" and item.children:
                    found.update(item.children)
            if is_apply(node, "equal"):
                found.update(node.children)
    return frozenset(found)


def is_connective(predicate: Scalar) -> bool:
    """Whether it joins conditions."""
    return is_apply(predicate, "and") or is_apply(predicate, "or")


def same_symbols(left: Scalar, right: Scalar) -> bool:
    """Whether two exponents have the same symbols but for coefficients and literals: n and n - 1, 2 n - 2 and n - 1."""
    return _symbolic_terms(left) == _symbolic_terms(right)


def _symbolic_terms(exponent: Scalar) -> set[Scalar | None]:
    rest = algebra.split_coefficient(exponent)[1]
    total = rest if rest is not None and is_apply(rest, "sum") else exponent
    terms = total.children if is_apply(total, "sum") else (total,)
    return {algebra.split_coefficient(t)[1] for t in terms if not isinstance(t, Number)}


def needless(predicate: Scalar, term: Scalar) -> bool:
    """Whether the predicate only keeps derivatives of powers from their limits: the term is 0 where it fails."""
    if is_apply(predicate, "and"):
        return all(needless(p, term) for p in predicate.children)
    if is_apply(predicate, "or"):
        return any(needless(p, term) for p in predicate.children)
    of_zero = is_apply(predicate, "not_equal") and is_number(predicate.children[1], 0)
    return of_zero and _saves_a_power(predicate.children[0], term)


def _saves_a_power(watched: Scalar, term: Scalar) -> bool:
    """Whether the term is the derivative of a power ``b**e`` that is only cautious where ``watched``, b or e, is 0."""
    factors = term.children if is_apply(term, "prod") else (term,)
    powers = [f for f in factors if is_apply(f, "power")]
    symbolic = any(p.children[0] is watched and not isinstance(p.children[1], Number) for p in powers)
    logarithm = any(is_apply(f, "log") and f.children[0] is watched for f in factors)
    return watched.dtype.kind == "f" and (symbolic or (bool(powers) and (logarithm or watched in factors)))
