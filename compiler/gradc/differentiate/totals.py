"""Totals that go through the loops in a loop's body: an inner sweep adds to the total of the outer one.

The cotangent of a captured tensor is added up over the steps. Where a step has a sweep of its own that adds up such a
cotangent, from zero, the sum of both would touch the whole tensor at every step: the inner sweep begins with the outer total
instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from gradc.ir.algebra import sum_of
from gradc.ir.intern import Node
from gradc.ir.rewrite import replace_tensors, with_operands
from gradc.ir.scalar import Load, Number, Scalar, index, is_apply, load
from gradc.ir.tensor import Compute, Loop, Projection, Tensor, compute, projection
from gradc.ir.walk import graph_order, loads_of, operands_of


def added_up(
    contributions: Mapping[Tensor, Tensor], others: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Each total with its contribution added; and what else the step gives, with the same loops."""
    readers = _readers([*contributions.values(), *others])
    terms = {total: list(_terms(found, readers)) for total, found in contributions.items()}
    sweeps = {item: total for total, items in terms.items() for item in items if isinstance(item, Projection)}
    reached = {total: total for total in contributions}
    images: dict[Tensor, Tensor] = {}
    for node in graph_order([*contributions.values(), *others]):
        if not isinstance(node, Loop):
            continue
        own = {k: sweeps[t] for k in range(node.state_count) if (t := projection(node, k)) in sweeps}
        if own:
            operands = list(replace_tensors(node.operands, images))
            for k, total in own.items():
                operands[k] = reached[total]
            image = with_operands(node, operands)
            reached |= {total: projection(image, k) for k, total in own.items()}
            images |= {projection(node, k): projection(image, k) for k in range(len(node.results))}
    grown = [_sum(reached[total], [t for t in items if isinstance(t, Scalar)]) for total, items in terms.items()]
    kept: dict[Tensor, Tensor] = {t: t for t in reached.values()}
    return replace_tensors(grown, images | kept), replace_tensors(others, images)


def _readers(results: Sequence[Tensor]) -> Counter[Node]:
    """How many nodes or results read each node."""
    found = Counter[Node](results)
    for node in graph_order(results):
        found.update(set(operands_of(node)))
    return found


def _terms(found: Tensor, readers: Counter[Node]) -> Iterator[Tensor | Scalar]:
    """What is added: totals of sweeps that begin with zeros and that nobody else reads, and other terms."""
    every = [index(k) for k in range(found.rank)]
    if readers[found] == 1:
        if isinstance(found, Projection) and _begins_with_zero(found):
            yield found
            return
        if isinstance(found, Compute) and found.reducer is None and is_apply(found.body, "sum"):
            for term in found.body.children:
                if _is_whole(term) and _loads(found, term.tensor) == 1:  # type: ignore[attr-defined]
                    yield from _terms(term.tensor, readers)  # type: ignore[attr-defined]
                else:
                    yield term
            return
    yield load(found, every)


def _is_whole(term: Scalar) -> bool:
    """Whether a term is each entry of a tensor at its own place."""
    return isinstance(term, Load) and term.indices == tuple(index(k) for k in range(term.tensor.rank))


def _loads(node: Compute, tensor: Tensor) -> int:
    return sum(item.tensor is tensor for item in loads_of(node.body, node.domain))


def _sum(total: Tensor, terms: Sequence[Scalar]) -> Tensor:
    if not terms:
        return total
    whole = load(total, [index(k) for k in range(total.rank)])
    return compute(total.shape, sum_of(whole, *terms, dtype=total.dtype))


def _begins_with_zero(result: Projection) -> bool:
    """Whether it is a state of a loop that begins with zeros and to which the steps only add."""
    node = result.source
    if not isinstance(node, Loop) or result.position >= node.state_count:
        return False
    start = node.operands[result.position]
    is_zero = isinstance(start, Compute) and isinstance(start.body, Number) and start.body.value == 0
    return is_zero and start.reducer is None and _adds_up(node, result.position)  # type: ignore[attr-defined]


def _adds_up(node: Loop, k: int) -> bool:
    """Whether all that the steps do to a state, and all that is done with it, is that something is added."""
    state, readers = node.body.inputs[k + 1], _readers(node.body.outputs)
    if readers[state] != 1 or (node.condition is not None and _is_tested(node, k)):
        return False
    return _is_grown(node.body.outputs[k], state, readers)


def _is_tested(node: Loop, k: int) -> bool:
    """Whether the condition of a loop reads a state."""
    assert node.condition is not None
    return node.condition.inputs[k + 1] in set(graph_order(node.condition.outputs))


def _is_grown(made: Tensor, state: Tensor, readers: Counter[Node]) -> bool:
    """Whether a tensor is a state with something added."""
    while made is not state:
        if readers[made] != 1:
            return False
        if isinstance(made, Projection) and isinstance(made.source, Loop) and made.position < made.source.state_count:
            if not _adds_up(made.source, made.position):
                return False
            made = made.source.operands[made.position]
        elif isinstance(made, Compute) and made.reducer is None and is_apply(made.body, "sum"):
            whole = [term.tensor for term in made.body.children if _is_whole(term)]  # type: ignore[attr-defined]
            below = [t for t in whole if _loads(made, t) == 1 and state in set(graph_order([t]))]
            if len(below) != 1:
                return False
            (made,) = below
        else:
            return False
    return True
