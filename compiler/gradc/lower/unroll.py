"""Small loops written out: their statements with the loop's index as a literal, so that what they share is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from gradc.ir.algebra import Reindexing, power_of, product_of, sum_of
from gradc.ir.scalar import TRUE, Apply, Number, Scalar, apply, is_apply, number
from gradc.lower.reducers import neutral_number
from gradc.lower.tree import Item, Nest, Statement

#: How the terms of a reduction become one expression; other reducers keep their loops.
_JOINED: dict[str, Callable[[Sequence[Scalar]], Scalar]] = {
    "sum": lambda terms: sum_of(*map(_mathematical, terms), dtype=terms[0].dtype),
    "max": lambda terms: _chained("maximum", terms),
    "min": lambda terms: _chained("minimum", terms),
}


def written_out(items: Sequence[Item]) -> list[Item]:
    """The items with unrolled loops as the statements of all their iterations, where these are expressions."""
    result: list[Item] = []
    for item in items:
        if isinstance(item, Statement):
            result.append(item)
            continue
        item.items = written_out(item.items)
        flat = [inner for inner in item.items if isinstance(inner, Statement)]
        if item.unrolled and len(flat) == len(item.items) and all(map(_is_expression, flat)):
            result += _iterations(item, flat)
        else:
            result.append(item)
    return result


def _is_expression(statement: Statement) -> bool:
    if statement.kind == "map":
        return True
    return statement.kind == "reduce" and statement.tensor.reducer in _JOINED and statement.domain is TRUE


@dataclass
class _Reduction:
    """A reduction over the loop at hand, and perhaps over loops around it."""

    statement: Statement
    terms: list[Scalar] = field(default_factory=list)

    def joined(self, depth: int) -> Statement:
        """What is left when the loop at ``depth`` is written out."""
        statement = self.statement
        reducer, dtype = statement.tensor.reducer, statement.body.dtype
        assert reducer is not None
        body = _JOINED[reducer](self.terms) if self.terms else number(neutral_number(reducer, dtype), dtype)
        outer = statement.first_reduce < depth
        return replace(statement, kind="reduce" if outer else "map", body=body, extents=statement.extents[:depth])


def _iterations(nest: Nest, inside: Sequence[Statement]) -> list[Statement]:
    """The statements of every iteration, in order; reductions over the loop come after them."""
    assert isinstance(nest.extent, int)
    reductions = {s: _Reduction(s) for s in inside if s.kind == "reduce" and s.first_reduce <= nest.depth}
    result: list[Statement] = []
    positions = range(nest.extent)
    for position in reversed(positions) if nest.descending else positions:
        fix = Reindexing({nest.depth: number(position)})
        for statement in inside:
            body = fix(statement.body)
            if statement in reductions:
                reductions[statement].terms.append(body)
                continue
            extents = statement.extents[: nest.depth]
            target = tuple(map(fix, statement.target))
            first = min(statement.first_reduce, len(extents))
            result.append(
                replace(
                    statement,
                    extents=extents,
                    target=target,
                    body=body,
                    domain=fix(statement.domain),
                    first_reduce=first,
                )
            )
    return [*result, *(reduction.joined(nest.depth) for reduction in reductions.values())]


def _mathematical(term: Scalar) -> Scalar:
    """A product as written, or a power, that is only a term of a sum: it may be multiplied while it is added."""
    if not isinstance(term, Apply) or term.dtype.kind != "f" or any(arg.dtype != term.dtype for arg in term.args):
        return term
    if is_apply(term, "mul"):
        return product_of(*term.args)
    if is_apply(term, "pow") and isinstance(term.args[1], Number):
        return power_of(*term.args)
    return term


def _chained(name: str, terms: Sequence[Scalar]) -> Scalar:
    result = terms[0]
    for term in terms[1:]:
        result = apply(name, result, term)
    return result
