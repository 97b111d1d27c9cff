"""Where a loop runs: bounds that its domains allow, and pieces on which the guards inside are settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gradc.ir.algebra import (
    floor_divide,
    from_linear,
    is_index_predicate,
    linear_terms,
    negated,
    negation,
    sum_of,
)
from gradc.ir.scalar import TRUE, Guard, Index, Number, Scalar, apply, index, is_apply, number
from gradc.ir.tensor import Extent
from gradc.ir.walk import free_indices, has_loads
from gradc.lower.tree import Nest, Statement, statements

#: Guards beyond this many different edges are tested in every iteration.
LARGEST_EDGES = 4

Fact = tuple[Scalar, bool]


@dataclass(frozen=True)
class Piece:
    """``range(lower, upper)`` clipped to the loop, and what holds there. ``main`` pieces are worth vectors."""

    lower: Scalar | None
    upper: Scalar | None
    facts: tuple[Fact, ...]
    main: bool = True


#: The whole loop, of which nothing more is known.
WHOLE = Piece(None, None, ())


@dataclass(frozen=True)
class Edge:
    """A predicate that changes once along the loop: it holds below (or from) ``at``."""

    predicate: Scalar
    at: Scalar
    holds_below: bool


def parts_of(predicate: Scalar) -> tuple[Scalar, ...]:
    """The predicates that are joined by ``and``."""
    return predicate.children if is_apply(predicate, "and") else (predicate,)


def edge_of(predicate: Scalar, depth: int) -> Edge | None:
    """``c v + rest <= 0`` as an edge along the loop at ``depth``; rest may not depend on deeper loops or on loads."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "less_equal"):
        return None
    terms, shift = linear_terms(predicate.children[0])
    own = terms.get(index(depth), 0)
    others = {atom: c for atom, c in terms.items() if not (isinstance(atom, Index) and atom.position == depth)}
    if not own or any(p >= depth for p in free_indices(*others)):
        return None
    if has_loads(*others):
        return None
    rest = from_linear(others, shift)
    if own > 0:  # v <= floor(-rest / c)
        return Edge(predicate, sum_of(floor_divide(negated(rest), number(own)), 1), True)
    return Edge(predicate, negated(floor_divide(negated(rest), number(-own))), False)  # v >= ceil(rest / -c)


def domain_bounds(nest: Nest) -> list[Edge]:
    """Edges that every statement's domain demands: the loop need not run beyond them."""
    inside = list(statements(nest.items))
    shared = [p for p in parts_of(inside[0].domain) if all(p in parts_of(s.domain) for s in inside[1:])]
    if any(s.kind == "map" or s.kind == "scan" for s in inside) or not _all_reduce_here(nest, inside):
        return []
    return [edge for p in shared if (edge := edge_of(p, nest.depth)) is not None]


def _all_reduce_here(nest: Nest, inside: Sequence[Statement]) -> bool:
    """A register reduction is skipped outside its domain only from its own loops inwards."""
    return all(s.first_reduce <= nest.depth for s in inside)


def guard_edges(nest: Nest, is_safe: Callable[[Scalar, tuple[Extent, ...]], bool]) -> list[Edge]:
    """The edges, along this loop, of guards whose bodies may not be evaluated where the guard is false."""
    edges: dict[Scalar, Edge] = {}
    for statement in statements(nest.items):
        for predicate, body in _guards(statement):
            if is_safe(body, statement.extents):
                continue
            for part in parts_of(predicate):
                edge = edge_of(part, nest.depth)
                if edge is not None and negation(part) not in edges:
                    edges[part] = edge
    return list(edges.values()) if len(edges) <= LARGEST_EDGES else []


def _guards(statement: Statement) -> list[tuple[Scalar, Scalar]]:
    """Predicates with what is evaluated only where they hold."""
    found = [(node.predicate, node.body) for node in statement.nodes if isinstance(node, Guard)]
    return found if statement.domain is TRUE else [*found, (statement.domain, statement.body)]


def pieces(edges: Sequence[Edge], extent: Extent, shortest: int) -> list[Piece]:
    """The loop cut at the edges; pieces of fewer iterations than ``shortest`` are not worth code of their own."""
    if not edges:
        return [WHOLE]
    if all(isinstance(edge.at, Number) for edge in edges):
        return _exact_pieces(edges, extent, shortest)
    if len(edges) == 1:
        (edge,) = edges
        return [
            Piece(None, edge.at, ((edge.predicate, edge.holds_below),)),
            Piece(edge.at, None, ((edge.predicate, not edge.holds_below),)),
        ]
    return _interior(edges)


def room_of(piece: Piece, extent: Extent) -> int:
    """The iterations of a piece of which both ends are known; otherwise 0."""
    lower = 0 if piece.lower is None else piece.lower
    upper = extent if piece.upper is None else piece.upper
    ends = [int(end.value) if isinstance(end, Number) else end for end in (lower, upper)]  # type: ignore[arg-type]
    if not isinstance(extent, int) or not all(isinstance(end, int) for end in ends):
        return 0
    low, high = (min(max(int(end), 0), extent) for end in ends)  # type: ignore[arg-type]
    return max(high - low, 0)


def _exact_pieces(edges: Sequence[Edge], extent: Extent, shortest: int) -> list[Piece]:
    """Edges at known places: each long piece knows every predicate; neighbouring short ones are one that tests."""
    places = {edge: int(edge.at.value) for edge in edges if isinstance(edge.at, Number)}  # type: ignore[arg-type]
    last = extent if isinstance(extent, int) else max(places.values()) + 4 * shortest
    cuts = sorted({0, last, *(min(max(at, 0), last) for at in places.values())})
    result: list[Piece] = []
    for low, high in pairwise(cuts):
        lower = None if low == 0 else number(low)
        upper = None if high == last else number(high)
        if high - low >= shortest:
            facts = tuple((edge.predicate, (low < at) == edge.holds_below) for edge, at in places.items())
            result.append(Piece(lower, upper, facts))
        elif result and not result[-1].main:
            result[-1] = Piece(result[-1].lower, upper, (), main=False)
        else:
            result.append(Piece(lower, upper, (), main=False))
    return result or [WHOLE]


def _interior(edges: Sequence[Edge]) -> list[Piece]:
    """Where all predicates hold no test is needed; the ends test."""
    lowest: Scalar | None = None
    highest: Scalar | None = None
    for edge in edges:
        if edge.holds_below:
            highest = edge.at if highest is None else apply("minimum", highest, edge.at)
        else:
            lowest = edge.at if lowest is None else apply("maximum", lowest, edge.at)
    facts = tuple((edge.predicate, True) for edge in edges)
    result = []
    if lowest is not None:
        result.append(Piece(None, lowest, (), main=False))
    result.append(Piece(lowest, highest, facts))
    if highest is not None:
        after = highest if lowest is None else apply("maximum", lowest, highest)
        result.append(Piece(after, None, (), main=False))
    return result


__all__ = ["Edge", "Fact", "Piece", "domain_bounds", "edge_of", "guard_edges", "pieces"]
