"""Whether an expression may be evaluated where its guard does not hold: nothing is read from outside its array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradc.ir.algebra import difference, negated, sum_of
from gradc.ir.bounds import never_positive
from gradc.ir.scalar import Guard, Index, Load, Scalar, is_apply
from gradc.ir.tensor import Extent, extent_scalar
from gradc.ir.walk import free_indices, has_loads

#: Predicates that hold where a read is made, each ``expression <= 0``.
Facts = tuple[Scalar, ...]


def is_harmless(scalar: Scalar, extents: Sequence[Extent]) -> bool:
    """Whether every read is in range anywhere in the box of the extents.

    A read inside a guard counts unless that guard itself keeps it in range: the guards further out may be the ones that do.
    """
    return all(_in_range(node, facts, extents) for node, facts in _reads(scalar))


def risky_loads(scalar: Scalar, extents: Sequence[Extent]) -> int:
    """How many loads of an expression may be out of range by themselves; a position tells of that as NumPy would."""
    return sum(isinstance(node, Load) and not _in_range(node, facts, extents) for node, facts in _reads(scalar))


def _reads(scalar: Scalar) -> Iterator[tuple[Scalar, Facts]]:
    """The loads and positions that an evaluation may make, each with what holds there by the guards inside ``scalar``."""
    seen: set[tuple[Scalar, Facts]] = set()
    pending: list[tuple[Scalar, Facts]] = [(scalar, ())]
    while pending:
        node, facts = pending.pop()
        if (node, facts) in seen:
            continue
        seen.add((node, facts))
        if isinstance(node, Load) or is_apply(node, "position"):
            yield node, facts
        if isinstance(node, Guard):
            pending += [(node.predicate, facts), (node.body, (*facts, *_facts_of(node.predicate)))]
        else:
            pending += [(child, facts) for child in node.children]


def _facts_of(predicate: Scalar) -> Facts:
    facts: list[Scalar] = []
    for part in predicate.children if is_apply(predicate, "and") else (predicate,):
        if is_apply(part, "less_equal"):
            facts.append(difference(*part.children))
        elif is_apply(part, "equal") and part.children[0].dtype.kind == "i":
            facts += [difference(*part.children), negated(difference(*part.children))]
    return tuple(facts)


def _in_range(node: Scalar, facts: Facts, extents: Sequence[Extent]) -> bool:
    if not isinstance(node, Load):
        return False  # a position that is read from an array
    if any(position >= len(extents) for position in free_indices(*node.indices)):
        return False  # a loop further in, which is not open yet
    for position, extent in zip(node.indices, node.tensor.shape, strict=True):
        if isinstance(position, Index) and extents[position.position] == extent:
            continue
        if has_loads(position):
            return False
        beyond = sum_of(difference(position, extent_scalar(extent)), 1)
        if not _holds(beyond, facts, extents) or not _holds(negated(position), facts, extents):
            return False
    return True


def _holds(expression: Scalar, facts: Facts, extents: Sequence[Extent]) -> bool:
    """Whether ``expression <= 0``, by itself or because of one of the facts."""
    if never_positive(expression, extents):
        return True
    return any(never_positive(difference(expression, fact), extents) for fact in facts)
