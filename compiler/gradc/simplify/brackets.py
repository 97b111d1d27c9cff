"""Bracket elimination: a summed axis that an Iverson bracket fixes is substituted away.

The one simplification that turns the general derivative rules into what a person writes (*Concrete Mathematics*, 2.4):
``sum_k [k = e] f(k)`` is ``[0 <= e < n] f(e)``. The system of brackets of a term is solved unit coefficients first, then as
mixed radix (``a = m k + l`` with 0 <= l < m gives ``k = a // m``, ``l = a % m``), then with a divisibility guard.

A term whose *output* axes stay tied by a bracket is a pattern times a coefficient: ``[b = i] cos(x[i])``. Coefficients are
stored in nodes of their own over the axes that are left, so that composing patterns merges terms instead of multiplying them.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradc.ir.algebra import (
    Reindexing,
    Substitution,
    conjunction,
    difference,
    guarded,
    is_index_predicate,
    linear_terms,
    product_of,
    sum_of,
)
from gradc.ir.bounds import decide, tidy_indices
from gradc.ir.scalar import (
    FALSE,
    TRUE,
    Guard,
    Index,
    Load,
    Number,
    Scalar,
    index,
    is_apply,
    is_number,
    load,
    number,
)
from gradc.ir.tensor import Compute, Extent, Shape, compute, extent_scalar
from gradc.ir.walk import free_indices, loads_of
from gradc.simplify.digit_chains import in_range
from gradc.simplify.digits import digits_of_axis
from gradc.simplify.patterns import conjuncts, expand, inline_patterns, is_bracket
from gradc.simplify.solve import System, solve

#: A coefficient of at most this many loads and no function is written inside its pattern.
_SIMPLE_LOADS = 3


def summed(shape: Shape, reduce_extents: Sequence[Extent], body: Scalar, domain: Scalar = TRUE) -> Scalar:
    """The scalar over the output axes that equals the sum over the reduce axes of ``[domain] body``.

    Brackets are eliminated, invariant factors pulled out, coefficients of patterns stored; what is left to sum is loaded
    from Compute nodes of its own.
    """
    rank = len(shape)
    extents = dict(enumerate((*shape, *reduce_extents)))
    box = list(extents.values())
    root = tidy_indices(inline_patterns(_pinned(guarded(domain, body))), box)
    patterns: dict[Scalar, list[Scalar]] = {}
    for term in expand(root):
        system = System(dict(extents), rank, term, alive=list(extents))
        solve(system, range(rank, len(extents)))
        tie, coefficient = _split_pattern(system)
        if not is_number(coefficient, 0):
            patterns.setdefault(tie, []).append(coefficient)
    return sum_of(
        *[guarded(tie, _stored(tie, sum_of(*parts), shape)) for tie, parts in patterns.items()], dtype=body.dtype
    )


def _pinned(root: Scalar) -> Scalar:
    """``[i = 3] f(i)`` as ``[i = 3] f(3)``: of a pattern that f reads, one term is left."""
    if not isinstance(root, Guard):
        return root
    places: dict[int, Scalar] = {}
    for part in conjuncts(root.predicate):
        if is_bracket(part):
            terms, literal = linear_terms(part.children[0])
            ((atom, coefficient), *others) = terms.items()
            if isinstance(atom, Index) and not others and literal % coefficient == 0:
                places[atom.position] = number(-literal // coefficient)
    return guarded(root.predicate, Reindexing(places)(root.body)) if places else root


def _split_pattern(system: System) -> tuple[Scalar, Scalar]:
    """The brackets left on output axes, and the coefficient over the output axes they leave free."""
    outputs = range(system.output_rank)
    system.outputs_only = True  # a bracket such as [a = k // 2] still selects what is summed
    ties = system.brackets()
    if not ties:
        return TRUE, _reduced(system, list(outputs))
    # a bracket that holds a load is only evaluated where the load is in range
    ranges = [p for p in conjuncts(system.term.predicate) if p not in ties] if loads_of(*ties) else []
    tie = conjunction(*ties, *[p for p in ranges if max(free_indices(p), default=0) < system.output_rank])
    solve(system, outputs)
    free_outputs = [k for k in system.alive if k < system.output_rank]
    # what could not be solved for an axis stays inside the coefficient as a guard
    return tie, _reduced(system, free_outputs)


def _reduced(system: System, outputs: list[int]) -> Scalar:
    """The sum of the system's term over its living reduce axes, as a scalar over output positions."""
    predicate, value = decide(system.term.predicate, system.box()), system.term.value
    while isinstance(value, Guard) and not loads_of(value.predicate):  # where it is summed, it is part of the domain
        predicate, value = conjunction(predicate, value.predicate), value.body
    reduce_axes = [k for k in system.alive if k >= system.output_rank]
    if predicate is FALSE or is_number(value, 0):
        return number(0, value.dtype)
    used = free_indices(predicate, value)
    idle = [extent_scalar(system.extents[k]) for k in reduce_axes if k not in used]
    summed_axes = [k for k in reduce_axes if k in used]
    scale = product_of(*idle) if idle else number(1)
    if not summed_axes:
        return product_of(scale, guarded(predicate, value), dtype=value.dtype)
    outer, inner = _split_factors(value, set(summed_axes))
    beside = [p for p in conjuncts(predicate) if not free_indices(p) & set(summed_axes)]
    if _relies_on(predicate, set(summed_axes), [outer, *beside], system.box()):
        outer, inner = number(1, value.dtype), value
    node, places, inside = _sum_node(system, outputs, summed_axes, predicate, inner)
    total = load(node, places)
    if is_number(outer, 1):
        return guarded(inside, product_of(scale, total, dtype=value.dtype))
    return guarded(conjunction(*beside), product_of(scale, outer, total, dtype=value.dtype))


def _relies_on(predicate: Scalar, summed_axes: set[int], others: Sequence[Scalar], box: Sequence[Extent]) -> bool:
    """Whether scalars without summed axes read entries that are in range only where a predicate with such axes holds."""
    parts = conjuncts(predicate)
    if not any(free_indices(p) & summed_axes and free_indices(p) - summed_axes for p in parts):
        return False
    places = [
        (e, extent) for part in loads_of(*others) for e, extent in zip(part.indices, part.tensor.shape, strict=True)
    ]
    needed = [decide(p, box) for e, extent in places if not loads_of(e) for p in in_range(e, extent)]
    return any(p is not TRUE and p not in parts for p in needed)


def _split_factors(value: Scalar, summed_axes: set[int]) -> tuple[Scalar, Scalar]:
    """The value as (factors that no summed axis enters, the others)."""
    if not is_apply(value, "prod"):
        return number(1, value.dtype), value
    invariant = [f for f in value.children if not free_indices(f) & summed_axes]
    variant = [f for f in value.children if free_indices(f) & summed_axes]
    return product_of(*invariant, flatten=False, dtype=value.dtype), product_of(
        *variant, flatten=False, dtype=value.dtype
    )


def _sum_node(
    system: System, outputs: list[int], summed_axes: list[int], predicate: Scalar, value: Scalar
) -> tuple[Compute, list[Scalar], Scalar]:
    """The Compute that sums ``[predicate] value``, over just the output axes it depends on; where it is read, and when.

    It is there only where the predicate bounds an output axis by numbers, as the adjoint of a slice does.

    An axis of which only digits are used, as the adjoint of a reshape uses it, is replaced by an axis for each digit:
    so a matrix product stays one, and a running sum.
    """
    used = free_indices(predicate, value)
    places: list[Scalar] = []
    extents: list[Extent] = []
    moved: dict[Scalar, Scalar] = {}
    inside: list[Scalar] = []
    for k in outputs:
        if k in used:
            digits = digits_of_axis(k, system.extents[k], (predicate, value))
            for digit, radix in digits or [(index(k), system.extents[k])]:
                first, extent, bounds = _bounds(digit, radix, predicate)
                inside.extend(bounds)
                moved[digit] = sum_of(index(len(places)), first)
                places.append(difference(digit, first))
                extents.append(extent)
    moved |= {index(k): index(len(places) + position) for position, k in enumerate(summed_axes)}
    rewrite = Substitution(moved)
    node = compute(
        extents,
        rewrite(value),
        reduce_extents=[system.extents[k] for k in summed_axes],
        reducer="sum",
        domain=rewrite(conjunction(*[part for part in conjuncts(predicate) if part not in inside])),
    )
    return node, places, conjunction(*inside)


def _bounds(place: Scalar, extent: Extent, predicate: Scalar) -> tuple[int, Extent, list[Scalar]]:
    """Where an axis (or digit) of known extent is bounded by numbers: the first place, how many there are, and the bounds."""
    if not isinstance(extent, int):
        return 0, extent, []
    first, last, bounds = 0, extent - 1, []
    for part in conjuncts(predicate):
        if not is_index_predicate(part) or not is_apply(part, "less_equal"):
            continue
        terms, shift = linear_terms(part.children[0])
        coefficient = terms.get(place)
        if len(terms) != 1 or coefficient not in (1, -1) or not isinstance(shift, int):
            continue
        first, last = (first, min(last, -shift)) if coefficient == 1 else (max(first, shift), last)
        bounds.append(part)
    return (first, last - first + 1, bounds) if last >= first else (0, extent, [])


def _stored(tie: Scalar, coefficient: Scalar, shape: Shape) -> Scalar:
    """The coefficient itself where it is simple, else a load of the node that holds it."""
    if tie is TRUE or _is_simple(coefficient):
        return coefficient
    axes = sorted(free_indices(coefficient))
    rewrite = Reindexing({k: index(position) for position, k in enumerate(axes)})
    node = compute([shape[k] for k in axes], rewrite(coefficient))
    return load(node, [index(k) for k in axes])


def _is_simple(scalar: Scalar) -> bool:
    if isinstance(scalar, Number | Load):
        return True
    if not is_apply(scalar, "prod"):
        return False
    loads = [f for f in scalar.children if isinstance(f, Load)]
    return len(loads) <= _SIMPLE_LOADS and all(isinstance(f, Load | Number) for f in scalar.children)
