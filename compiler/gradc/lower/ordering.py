"""The order in which the factors of a contraction are multiplied and summed: whatever is the least work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from gradc.ir.algebra import Substitution, product_of
from gradc.ir.scalar import TRUE, Load, NamedConstant, Number, Scalar, index, load
from gradc.ir.tensor import Compute, Graph, Tensor, compute
from gradc.ir.walk import free_indices, operands_of
from gradc.lower.contractions import (
    Contraction,
    as_contraction,
    assumed_size,
    factors_of,
    is_matrix_product,
    is_plain,
)
from gradc.lower.rewrite import with_tensors

#: Of more factors than this, the order is looked for by opt_einsum.
SEARCHED = 5
#: How much less work another order must be.
WORTHWHILE = 0.7

Axes = frozenset[int]


def split(graph: Graph, tensors: Sequence[Tensor]) -> Graph:
    """The graph with sums of products of several factors taken pair by pair, where that is less work."""
    if not any(isinstance(t, Compute) and t.reducer == "sum" for t in tensors):
        return graph
    uses = _uses(graph, tensors)
    replaced: dict[Tensor, Tensor] = {}
    for tensor in tensors:
        if isinstance(tensor, Compute):
            new = with_tensors(tensor, replaced)
            replaced[tensor] = _in_order(new, tensor, uses) if new.reducer == "sum" else new
        else:
            replaced[tensor] = tensor
    outputs = tuple(replaced[t] for t in graph.outputs)
    return graph if outputs == graph.outputs else Graph(graph.inputs, outputs)


def _uses(graph: Graph, tensors: Sequence[Tensor]) -> dict[Tensor, int]:
    uses: dict[Tensor, int] = dict.fromkeys(graph.outputs, 1)
    for tensor in tensors:
        for operand in operands_of(tensor):
            if isinstance(operand, Tensor):
                uses[operand] = uses.get(operand, 0) + 1
    return uses


def _in_order(new: Compute, old: Compute, uses: dict[Tensor, int]) -> Compute:
    separate = _with_separate_factors(new)
    contraction = as_contraction(separate)
    if contraction is None:
        return new
    own = _Search(separate, contraction).cheapest()
    merged = _merged(separate, contraction, old, uses)
    if merged is not None:
        whole, before = merged
        terms = as_contraction(whole)
        if terms is not None:
            plan = _Search(whole, terms).cheapest()
            if plan.work < WORTHWHILE * (own.work + before):
                return _built(whole, terms, plan)
    at_once = assumed_size(separate, range(len(separate.extents))) * max(1, len(contraction.factors) - 1)
    if len(contraction.factors) > 2 and (own.work < WORTHWHILE * at_once or _ends_in_product(own)):
        return _built(separate, contraction, own)
    return separate if separate is not new and is_matrix_product(separate) else new


# ---------------------------------------------------------------- factors


def _with_separate_factors(tensor: Compute) -> Compute:
    """Factors that are more than loads as tensors of their own, if each is over some of the axes only.

    ``sum_k f(s[k]) X[k, i] X[k, j]`` is a matrix product then.
    """
    factors = factors_of(tensor.body)
    every = len(tensor.extents)
    if tensor.domain is not TRUE or len(factors) < 2 or every < 3 or tensor.dtype.kind != "f":
        return tensor
    if all(_is_part(factor, tensor) for factor in factors):
        return tensor
    loads: list[Scalar] = []
    others: dict[Axes, list[Scalar]] = {}
    for factor in factors:
        if _is_part(factor, tensor):
            loads.append(factor)
        else:
            others.setdefault(frozenset(free_indices(factor)), []).append(factor)
    if any(len(axes) >= every - (every > 3) for axes in others):
        return tensor
    for axes, scalars in others.items():
        loads.append(_tensor_over(tensor, sorted(axes), product_of(*scalars, dtype=tensor.dtype)))
    return compute(
        tensor.shape, product_of(*loads, dtype=tensor.dtype), reduce_extents=tensor.reduce_extents, reducer="sum"
    )


def _is_part(factor: Scalar, tensor: Compute) -> bool:
    """Whether the factor is one of a contraction as it is."""
    if isinstance(factor, Load):
        return is_plain(factor) and factor.dtype == tensor.dtype
    return isinstance(factor, Number) and not isinstance(factor.value, NamedConstant)


def _tensor_over(tensor: Compute, kept: Sequence[int], body: Scalar, summed: Sequence[int] = ()) -> Load:
    """The body, summed over some axes, as a tensor over the others, read at these."""
    renaming = Substitution({index(axis): index(place) for place, axis in enumerate([*kept, *summed])})
    result = compute(
        [tensor.extents[a] for a in kept],
        renaming(body),
        reduce_extents=[tensor.extents[a] for a in summed],
        reducer="sum" if summed else None,
    )
    return load(result, [index(axis) for axis in kept])


def _merged(
    tensor: Compute, contraction: Contraction, old: Compute, uses: dict[Tensor, int]
) -> tuple[Compute, float] | None:
    """The sum with the contractions in it that nothing else reads written out, and the work that they are."""
    extents = list(tensor.reduce_extents)
    body: list[Scalar] = list(contraction.scale)
    before = 0.0
    single = {id(t) for t, count in uses.items() if count == 1}
    for factor in contraction.factors:
        source = factor.tensor
        inner = as_contraction(source) if isinstance(source, Compute) and id(source) in single else None
        once = sum(f.tensor is source for f in contraction.factors) == 1
        if inner is None or len(inner.factors) < 2 or not once or not isinstance(source, Compute):
            body.append(factor)
            continue
        places = [*factor.indices]
        places += [index(tensor.rank + len(extents) + k) for k in range(len(source.reduce_extents))]
        extents += source.reduce_extents
        rename = Substitution({index(axis): place for axis, place in enumerate(places) if index(axis) is not place})
        body.append(rename(source.body))
        before += _Search(source, inner).cheapest().work
    if not before:
        return None
    whole = compute(tensor.shape, product_of(*body, dtype=tensor.dtype), reduce_extents=extents, reducer="sum")
    return whole, before


# ---------------------------------------------------------------- the search


@dataclass(frozen=True)
class _Plan:
    """Steps that each join some of the pending factors, the result coming last; and the multiplications in all."""

    work: float
    steps: tuple[tuple[int, ...], ...]


def _ends_in_product(plan: _Plan) -> bool:
    """Whether two factors are left for the last step: BLAS or tiles may do it."""
    return bool(plan.steps) and len(plan.steps[-1]) == 2


class _Search:
    """Looks for the cheapest order."""

    def __init__(self, tensor: Compute, contraction: Contraction) -> None:
        self._tensor = tensor
        self._kept = frozenset(range(tensor.rank))
        self._terms = [frozenset(contraction.axes(f)) for f in contraction.factors]

    def cheapest(self) -> _Plan:
        """The order with the fewest multiplications."""
        terms, first = self._presummed()
        if len(terms) > SEARCHED:
            steps = self._by_library(terms)
            return _Plan(first.work + self._work_of(terms, steps), first.steps + steps)
        best = self._best(terms)
        return _Plan(first.work + best.work, first.steps + best.steps)

    def _size(self, axes: Axes) -> float:
        return float(assumed_size(self._tensor, sorted(axes)))

    def _presummed(self) -> tuple[list[Axes], _Plan]:
        """Factors are first summed over the axes that no other has."""
        terms, steps, work = list(self._terms), [], 0.0
        position = 0
        for _ in self._terms:
            term = terms[position]
            others = self._kept.union(*terms[:position], *terms[position + 1 :])
            if len(terms) > 1 and not term <= others:
                del terms[position]
                terms.append(term & others)
                steps.append((position,))
                work += self._size(term)
            else:
                position += 1
        return terms, _Plan(work, tuple(steps))

    def _joined(self, terms: Sequence[Axes], step: tuple[int, ...]) -> tuple[list[Axes], float]:
        here = frozenset[int]().union(*(terms[k] for k in step))
        rest = [term for k, term in enumerate(terms) if k not in step]
        result = here & self._kept.union(*rest)
        return [*rest, result], self._size(here) + self._size(result)

    def _best(self, terms: Sequence[Axes]) -> _Plan:
        if len(terms) <= 1:
            return _Plan(self._size(terms[0]) if not self._kept >= terms[0] else 0.0, ())
        found: _Plan | None = None
        for step in combinations(range(len(terms)), 2):
            after, work = self._joined(terms, step)
            rest = self._best(after)
            if found is None or work + rest.work < found.work:
                found = _Plan(work + rest.work, (step, *rest.steps))
        assert found is not None
        return found

    def _by_library(self, terms: Sequence[Axes]) -> tuple[tuple[int, ...], ...]:
        import opt_einsum

        symbols = [opt_einsum.get_symbol(axis) for axis in range(len(self._tensor.extents))]
        text = ",".join("".join(symbols[a] for a in sorted(term)) for term in terms)
        text += "->" + "".join(symbols[axis] for axis in sorted(self._kept))
        shapes = [tuple(assumed_size(self._tensor, [a]) for a in sorted(term)) for term in terms]
        path, _ = opt_einsum.contract_path(text, *shapes, shapes=True, optimize="auto")
        return tuple(tuple(step) for step in path)

    def _work_of(self, terms: Sequence[Axes], steps: Sequence[tuple[int, ...]]) -> float:
        work = 0.0
        for step in steps:
            terms, more = self._joined(terms, step)
            work += more
        return work


def _built(tensor: Compute, contraction: Contraction, plan: _Plan) -> Compute:
    """The comprehensions of the steps; the last gives the tensor itself."""
    if not plan.steps:
        return tensor
    pending = list(contraction.factors)
    for number, step in enumerate(plan.steps):
        operands = [pending[k] for k in step]
        pending = [f for k, f in enumerate(pending) if k not in step]
        here = {axis for f in operands for axis in contraction.axes(f)}
        needed = {axis for f in pending for axis in contraction.axes(f)} | set(range(tensor.rank))
        last = number == len(plan.steps) - 1
        kept = list(range(tensor.rank)) if last else _arranged(tensor, contraction, operands, here & needed)
        scale = contraction.scale if last else ()
        body = product_of(*scale, *operands, dtype=tensor.dtype)
        pending.append(_tensor_over(tensor, kept, body, sorted(here - set(kept))))
    assert isinstance(pending[0].tensor, Compute)
    return pending[0].tensor


def _arranged(tensor: Compute, contraction: Contraction, operands: Sequence[Load], kept: set[int]) -> list[int]:
    """The order of an intermediate result's axes.

    A sum of one factor has that factor's, so that vectors run along its last. Otherwise those that are summed later come
    before the result's own, which are one group then.
    """
    if len(operands) == 1:
        return [axis for axis in contraction.axes(operands[0]) if axis in kept]
    return sorted(kept, key=lambda axis: (axis < tensor.rank, axis))
