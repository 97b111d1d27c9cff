"""A Compute as a statement of the loop tree: which kind it is, and in which order its axes become loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from gradc.errors import CompileError
from gradc.ir.algebra import (
    Reindexing,
    Substitution,
    conjunction,
    difference,
    from_linear,
    is_index_predicate,
    less,
    less_equal,
    linear_terms,
)
from gradc.ir.scalar import GUARDS, TRUE, Guard, Index, Scalar, index, is_apply, number
from gradc.ir.tensor import Compute
from gradc.ir.walk import free_indices, has_loads, loads_of, post_order
from gradc.lower.batches import outermost_first
from gradc.lower.contractions import MatrixProduct, as_matrix_product
from gradc.lower.fuse import ANY_EXTENT, WORTH_CODE
from gradc.lower.orders import map_order, reduction_order
from gradc.lower.ranges import parts_of
from gradc.lower.text import is_lowerable
from gradc.lower.tree import Statement

#: Results of at most this many entries are accumulated in registers, entry by entry.
SMALL_RESULT = 16
#: ... more than a few only if there is enough to do to be worth their code,
FEW = 4
#: ... and unless their bodies together have more nodes than this.
LARGEST_EXPANSION = 1000
#: Maps of at most this many entries along axes that brackets depend on are written entry by entry.
MOST_EXPRESSIONS = 64
LARGEST_ROW = 32
_SCANNED = ("sum", "prod", "max", "min")


@dataclass(frozen=True)
class Form:
    """A comprehension with its guard as part of its domain: outside, a sum adds nothing."""

    tensor: Compute
    body: Scalar
    domain: Scalar

    @staticmethod
    def of(tensor: Compute) -> Form:
        """The form of a comprehension."""
        body, domain = tensor.body, tensor.domain
        while tensor.reducer == "sum" and isinstance(body, Guard):
            predicate, body = body.predicate, body.body
            domain = conjunction(domain, predicate)
        return Form(tensor, body, domain)


def statements_of(tensor: Compute, leads: Sequence[int] = (), product: MatrixProduct | None = None) -> list[Statement]:
    """How ``tensor`` is computed: one statement, or one per entry of a small result of a long reduction.

    The loops over the axes of ``leads`` are the outermost, where the order is free. ``product`` is a product that
    is computed as one though it might be a loop, or only in part.
    """
    for dtype in (tensor.dtype, tensor.body.dtype):
        if not is_lowerable(dtype):
            raise CompileError(f"arrays of {dtype} are not lowered to machine code yet; use float64 or float32")
    form = Form.of(tensor)
    if tensor.reducer is None:
        patterned = _patterned_axes(form)
        return (
            _entry_by_entry(form, patterned)
            if patterned
            else [_in_order(form, "map", outermost_first(map_order(tensor), leads))]
        )
    special = _running(form) or _scatter(form) or _matrix_product(tensor, product)
    if special is not None:
        return [special]
    few = _few_entries(form)
    if few:
        return _entry_by_entry(form, few)
    order, kind = reduction_order(tensor)
    return [_in_order(form, kind, outermost_first(order, leads) if kind == "reduce" else order)]


def _in_order(form: Form, kind: str, order: Sequence[int]) -> Statement:
    """The statement whose loop at depth d runs over axis ``order[d]``."""
    tensor = form.tensor
    depth_of = {axis: depth for depth, axis in enumerate(order)}
    renaming: dict[Scalar, Scalar] = {index(axis): index(depth) for axis, depth in depth_of.items() if axis != depth}
    rename = Substitution(renaming) if renaming else None
    reduces = [depth for axis, depth in depth_of.items() if axis >= tensor.rank]
    return Statement(
        tensor,
        kind,
        tuple(tensor.extents[axis] for axis in order),
        tuple(index(depth_of[axis]) for axis in range(tensor.rank)),
        rename(form.body) if rename else form.body,
        rename(form.domain) if rename else form.domain,
        min(reduces, default=len(order)),
    )


def _matrix_product(tensor: Compute, special: MatrixProduct | None) -> Statement | None:
    found = special or as_matrix_product(tensor)
    if found is None:
        return None
    if found.strip is not None:
        return _in_strips(tensor, found, found.strip)
    count = len(found.batch)
    order = [*found.batch, *(axis for axis in range(len(tensor.extents)) if axis not in found.batch)]
    rename = Substitution({index(axis): index(depth) for depth, axis in enumerate(order) if axis != depth})
    return Statement(
        tensor,
        "product",
        tuple(tensor.extents[axis] for axis in found.batch),
        tuple(index(found.batch.index(axis)) if axis in found.batch else number(0) for axis in range(tensor.rank)),
        rename(tensor.body),
        TRUE,
        count,
        product=found,
    )


def _in_strips(tensor: Compute, found: MatrixProduct, height: int) -> Statement:
    """A loop that cuts the rows up. It is over no axis: nothing is read or made entry by entry in it."""
    (row,) = found.rows
    rows = tensor.extents[row]
    assert isinstance(rows, int)
    inside = Substitution({index(axis): index(axis + 1) for axis in range(len(tensor.extents))})
    target = tuple(index(0) if axis == row else number(0) for axis in range(tensor.rank))
    body = inside(tensor.body)
    return Statement(tensor, "product", (-(-rows // height),), target, body, TRUE, 1, product=found)


# ---------------------------------------------------------------- small results


def _few_entries(form: Form) -> list[int]:
    """The output axes of few entries, to be accumulated in registers of their own beside a long reduction."""
    tensor = form.tensor
    if not any(not isinstance(e, int) or e > SMALL_RESULT for e in tensor.reduce_extents):
        return []
    few: list[int] = []
    entries = 1
    for axis in reversed(range(tensor.rank)):
        extent = tensor.shape[axis]
        if isinstance(extent, int) and extent > 0 and entries * extent <= SMALL_RESULT:
            few.append(axis)
            entries *= extent
    size = len(post_order([form.body, form.domain])) * entries
    work = size * prod(e if isinstance(e, int) else ANY_EXTENT for e in tensor.reduce_extents)
    return few if size <= LARGEST_EXPANSION and (entries <= FEW or work >= WORTH_CODE) else []


def _patterned_axes(form: Form) -> list[int]:
    """Small output axes that brackets of a map depend on: its entries are different expressions, each without a test."""
    nodes = post_order([form.body]) if form.body.holds & GUARDS else []
    brackets = {node.predicate for node in nodes if isinstance(node, Guard) and not has_loads(node.predicate)}
    depends = sorted(axis for axis in free_indices(*brackets) if axis < form.tensor.rank)
    extents = [form.tensor.shape[axis] for axis in depends]
    few = all(isinstance(e, int) and 0 < e <= LARGEST_ROW for e in extents)
    entries = prod(e for e in extents if isinstance(e, int))
    return depends if few and entries <= MOST_EXPRESSIONS else []


def _entry_by_entry(form: Form, few: Sequence[int]) -> list[Statement]:
    """A statement per entry along some axes; the loops run over the others."""
    tensor = form.tensor
    outer = [axis for axis in range(tensor.rank) if axis not in few]
    order = [*outer, *range(tensor.rank, len(tensor.extents))]
    places: dict[int, Scalar] = {axis: index(depth) for depth, axis in enumerate(order)}
    entries = _fixed(form.body, form.domain, few, tensor)
    return [
        Statement(
            tensor,
            "map" if tensor.reducer is None else "reduce",
            tuple(tensor.extents[axis] for axis in order),
            tuple(at.get(axis) or places[axis] for axis in range(tensor.rank)),
            moved(body),
            moved(domain),
            len(outer),
        )
        for moved in [Reindexing(places)]
        for at, body, domain in entries
    ]


def _fixed(
    body: Scalar, domain: Scalar, axes: Sequence[int], tensor: Compute
) -> list[tuple[dict[int, Scalar], Scalar, Scalar]]:
    """Body and domain at every entry along some axes, fixed one after the other."""
    found: list[tuple[dict[int, Scalar], Scalar, Scalar]] = [({}, body, domain)]
    for axis in axes:
        extent = tensor.shape[axis]
        assert isinstance(extent, int)
        fixes = [Reindexing({axis: number(position)}) for position in range(extent)]
        found = [
            ({**at, axis: number(position)}, fix(body), fix(domain))
            for at, body, domain in found
            for position, fix in enumerate(fixes)
        ]
    return found


# ---------------------------------------------------------------- scatter


def _scatter(form: Form) -> Statement | None:
    """``sum_i [a = idx[i]] v[i]``: an output axis that a bracket fixes by a gather becomes the place to add to.

    Likewise the product, the greatest or the least of those that go to the same place.
    """
    tensor = form.tensor
    if tensor.reducer not in ("sum", "prod", "max", "min"):
        return None
    solved, rest = _solved_axes(form)
    if not solved:
        return None
    outer = _rows_apart(solved, tensor.rank)
    inner = [axis for axis in range(outer, tensor.rank) if axis not in solved]
    order = [*range(outer), *range(tensor.rank, len(tensor.extents)), *inner]
    substitution: dict[Scalar, Scalar] = {index(a): e for a, e in solved.items()}
    fill = Substitution(substitution)
    rename = Substitution({index(a): index(d) for d, a in enumerate(order)})
    target = tuple(rename(solved.get(a, index(a))) for a in range(tensor.rank))
    return Statement(
        tensor,
        "accumulate",
        tuple(tensor.extents[a] for a in order),
        target,
        rename(fill(form.body)),
        rename(conjunction(*map(fill, rest))),
        outer,
        guarded=True,
    )


def _solved_axes(form: Form) -> tuple[dict[int, Scalar], list[Scalar]]:
    """The output axes that brackets fix, and the rest of the domain. An axis that others depend on stays a loop."""
    solved: dict[int, Scalar] = {}
    rest: list[Scalar] = []
    rank = form.tensor.rank
    candidates = [(part, _solved_axis(part, rank)) for part in parts_of(form.domain)]
    candidates.sort(key=lambda item: item[1] is not None and min(free_indices(item[1][1])) < rank)
    for part, solution in candidates:
        if solution is None or not _is_apart(*solution, solved):
            rest.append(part)
        else:
            solved[solution[0]] = solution[1]
    return solved, rest


def _is_apart(axis: int, place: Scalar, solved: dict[int, Scalar]) -> bool:
    """Whether neither a bracket's axis nor what fixes it has to do with the axes that are fixed already."""
    reads = any(axis in free_indices(other) for other in solved.values())
    return axis not in solved and not reads and not free_indices(place) & solved.keys()


def _rows_apart(solved: dict[int, Scalar], rank: int) -> int:
    """How many leading axes have gathers of their own: ``out[i, idx[i, k]]`` is added to row by row."""
    if not any(axis < rank for place in solved.values() for axis in free_indices(place)):
        return 0
    return min(solved)


def _solved_axis(predicate: Scalar, rank: int) -> tuple[int, Scalar] | None:
    """``a = e`` from ``a - e = 0`` where e gathers by a summed axis."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "equal"):
        return None
    terms, shift = linear_terms(predicate.children[0])
    own = [atom for atom in terms if isinstance(atom, Index) and atom.position < rank]
    if len(own) != 1 or abs(terms[own[0]]) != 1:
        return None
    others = {atom: c for atom, c in terms.items() if atom is not own[0]}
    free = free_indices(*others)
    if max(free, default=-1) < rank or own[0].position in free or not loads_of(*others):
        return None
    sign = -terms[own[0]]
    return own[0].position, from_linear({atom: sign * c for atom, c in others.items()}, sign * shift)


# ---------------------------------------------------------------- running reductions


def _running(form: Form) -> Statement | None:
    """A reduction over ``k <= i``, ``k < i``, ``k >= i`` or ``k > i`` of a body without i: one running value."""
    tensor = form.tensor
    if tensor.reducer not in _SCANNED or len(tensor.reduce_extents) != 1:
        return None
    parts = parts_of(form.domain)
    found = [(part, step) for part in parts if (step := _step(part, tensor)) is not None]
    if len(found) != 1:
        return None
    ((edge, (axis, shift, descending)),) = found
    rest = [part for part in parts if part is not edge]
    if axis in free_indices(form.body, *rest):
        return None
    k = tensor.rank
    if shift and not _reads_in_place(form, k):  # the value at the far end is never asked for
        extent = tensor.reduce_extents[0]
        rest.append(less_equal(1, index(k)) if descending else less(index(k), difference(extent, 1)))
    outer = [a for a in range(tensor.rank) if a != axis]
    depth_of = {a: d for d, a in enumerate([*outer, axis])}
    renaming: dict[Scalar, Scalar] = {index(a): index(d) for a, d in depth_of.items()}
    rename = Substitution(renaming | {index(k): index(tensor.rank - 1)})
    return Statement(
        tensor,
        "scan",
        tuple(tensor.shape[a] for a in [*outer, axis]),
        tuple(index(depth_of[a]) for a in range(tensor.rank)),
        rename(form.body),
        rename(conjunction(*rest)),
        tensor.rank - 1,
        inclusive=shift == 0,
        descending=descending,
    )


def _reads_in_place(form: Form, axis: int) -> bool:
    """Whether the body reads at the axis itself, in axes of its extent: everywhere, then."""
    position, extent = index(axis), form.tensor.extents[axis]
    return all(
        (at is position and length == extent) or axis not in free_indices(at)
        for item in loads_of(form.body, form.domain)
        for at, length in zip(item.indices, item.tensor.shape, strict=True)
    )


def _step(predicate: Scalar, tensor: Compute) -> tuple[int, int, bool] | None:
    """``k - i + shift <= 0`` or ``i - k + shift <= 0`` as i's axis, the shift (0 or 1), and whether k runs down to i."""
    if not is_index_predicate(predicate) or not is_apply(predicate, "less_equal"):
        return None
    terms, shift = linear_terms(predicate.children[0])
    k = tensor.rank
    if len(terms) != 2 or shift not in (0, 1) or not all(isinstance(atom, Index) for atom in terms):
        return None
    coefficients = {atom.position: c for atom, c in terms.items() if isinstance(atom, Index)}
    axis = next((a for a in coefficients if a != k), None)
    if axis is None or k not in coefficients or axis >= k or tensor.shape[axis] != tensor.reduce_extents[0]:
        return None
    if coefficients[k] + coefficients[axis] != 0 or abs(coefficients[k]) != 1:
        return None
    return axis, shift, coefficients[k] < 0
